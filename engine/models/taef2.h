/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* TAEF2, the public tiny autoencoder for FLUX.2 latents (github.com/madebyollin/taesd, MIT). Parameters have the names
 * of its files taef2_encoder and taef2_decoder, which name alike: give each its graph, or its scope. */

#define YONOS_TAEF2_LATENT 32
#define YONOS_TAEF2_GRID 8 /* H and W must be multiples */

/* x {n, H, W, 3}, R'G'B' in 0..1 -> z {n, H/8, W/8, 32} */
YonosTensorId yonos_taef2_encoder(YonosGraph *g, YonosTensorId x);

/* z {n, H/8, W/8, 32} -> x {n, H, W, 3}, not clipped to 0..1 */
YonosTensorId yonos_taef2_decoder(YonosGraph *g, YonosTensorId z);
