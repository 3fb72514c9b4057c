/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* Pictures y and x_h {n, h, w, 3}, sides multiples of 4, and ones {n, 1, 1, 1} -> how far y is from being as crisp as
 * x_h: the mean square of the difference of both pictures' detail. Detail is |x - bicubic(x reduced by 4)|, averaged
 * over 4 x 4 pixels: where it lies does not count, nor its sign, only how strong it is. The square lets strong edges
 * count most and flat parts hardly at all. */
YonosTensorId yonos_crisp(YonosGraph *g, YonosTensorId y, YonosTensorId x_h, YonosTensorId ones);
