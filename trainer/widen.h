/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "models/model-file.h"

/* Gives a parameter its start from a file's tensor `name`, of the same shape or, of a smaller network, a narrower one.
 * `values` holds the parameter's random start, in our memory order, and is changed so that the larger network computes
 * what the smaller one does (Net2Net, arXiv 1511.05641, with zeros in place of copies): what the file has becomes the
 * first channels, which do not see the others; the others keep their random weights. Where the file has no such tensor
 * and the parameter ends a residual block, the block adds nothing.
 *
 * *taken: whether the file had it. FALSE where it cannot be read. Any thread. */
gboolean yonos_widen(const YonosModelFile *file, const char *name, YonosShape shape, float *values, gboolean *taken,
                     GError **error);
