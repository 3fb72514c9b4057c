/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef struct {
    const char *path;
    double weight;
} YonosBlendPart;

/* Writes the weighted sum of n results of one stage, tensor by tensor in F32, to `path`. Means of decoders that went on
 * from one another are better than each (averages of weights, arXiv 1803.05407); a negative weight takes away, as in
 * second + newer first - older first. The weights must add up to 1, n be at least 1; `path` may be one of the parts.
 *
 * FALSE, with a file that was there left as it was, where a part cannot be read, or differs from the first in tensors,
 * shapes, tier, prediction or input path (YONOS_ERROR_MODEL). Any thread. */
gboolean yonos_blend(const char *path, const YonosBlendPart *parts, guint n, GError **error);
