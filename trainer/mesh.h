/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* Pictures y and x_h {n, h, w, 3}, sides multiples of 8, and ones {n, 1, 1, 1} -> what repeats from cell to cell of the
 * latent grid in y - x_h: the mean square, over all 8 x 8 phases, of the error's mean at a phase over some 4 x 4 cells
 * (reduced by bicubic). Errors of texture cancel in the mean, a mesh does not, nor does a wrong colour. */
YonosTensorId yonos_mesh(YonosGraph *g, YonosTensorId y, YonosTensorId x_h, YonosTensorId ones);
