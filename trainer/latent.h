/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"
#include "pack.h"

/* Makes the latents of an autoencoder zero in mean and one in variance, channel by channel, as measured over crops of
 * the pack, and changes its decoder to take them: both are folded into hr_encoder.out and decoder.in, so the network
 * stays what it was (at the picture's border, where the convolution pads with zeros, only nearly). `weights` is laid
 * out as graph->param_buffer and holds both. */
gboolean yonos_latent_normalise(const YonosGraph *graph, float *weights, const YonosPack *pack, int crop,
                                const char *device, GError **error);
