/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* Feature networks: how far apart two pictures are to a network that looks at them. Pictures are R'G'B' in 0..1. */

typedef enum {
    YONOS_FEATURES_ENCODER,    /* our own E: after its first convolution and both of its levels */
    YONOS_FEATURES_SQUEEZENET, /* SqueezeNet 1.1 (Iandola et al., 2016): after conv1 and fire 2 to 9 */
} YonosFeatures;

/* Where the parameters of SqueezeNet are in the graph; those of E have their usual names. Both are frozen. */
#define YONOS_FEATURES_SCOPE "features."

/* The feature distance of x and y, {n, h, w, 3}: features unit-normalised over channels, squared difference summed over
 * channels, mean over space, pictures and layers; a scalar that is 0 for x = y and below 4. FD as it is printed is 100
 * times this with SqueezeNet. `one` {n, 1, 1, 1} is an input that holds 1. SqueezeNet needs 31 pixels a side, E a
 * multiple of 8. */
YonosTensorId yonos_feature_distance(YonosGraph *g, YonosFeatures kind, YonosTensorId x, YonosTensorId y,
                                     YonosTensorId one);

/* Fills the parameters of SqueezeNet, which the graph must have, in `values` laid out as graph->param_buffer, from a
 * weights file with the tensors conv1_w_0, conv1_b_0, fire2/squeeze1x1_w_0 ... fire9/expand3x3_b_0, others ignored, for
 * inputs BGR in 0..255 minus (104, 117, 123), which is folded into the first convolution here. */
gboolean yonos_features_read(const YonosGraph *graph, const char *path, float *values, GError **error);
