/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* The compact one-step latent-diffusion upscaler: one readable function a part. Pictures are R'G'B' in 0..1, NHWC.
 * H x W is the size of the large picture, N the scale, C the latent channels; the latent grid is H/8 x W/8. */

#define YONOS_COMPACT_LATENT 16
#define YONOS_COMPACT_TIME 64 /* length of the embedding of the noise level */
#define YONOS_COMPACT_GRID 16 /* H and W must be multiples: 8 for the latent grid, 2 for the student's lower level */

typedef struct {
    int encoder; /* channels of the LR encoder at the latent grid */
    int student; /* channels of the student, at both levels; 0: no latents, but a plain network of the same cost */
    int trunk, blocks;   /* channels of the decoder at H/4, and its residual blocks: x2, x4 */
    int trunk8, blocks8; /* the same at H/8, the LR size: x8 */
} YonosCompactTier;

/* The tier of that name ("fast", "balanced", "quality"), or NULL. "fast-plain" and "balanced-plain" are the controls
 * that a tier must be worth more than: a plain residual network at the LR size, of as many multiply-accumulates a
 * pixel. */
const YonosCompactTier *yonos_compact_tier(const char *name);

/* x_h {n, H, W, 3} -> the mean of z_h, {n, H/8, W/8, C}. Training only. The posterior's variance is a constant of the
 * trainer, so its KL divergence from the unit normal is half the mean's square, and a constant. */
YonosTensorId yonos_compact_hr_encoder(YonosGraph *g, YonosTensorId x_h);

/* What it sees at H/2, H/4 and H/8. */
#define YONOS_COMPACT_HR_FEATURES 3
void yonos_compact_hr_features(YonosGraph *g, YonosTensorId x_h, YonosTensorId *features);

/* x_l {n, H/N, W/N, 3} -> z_l {n, H/8, W/8, C}: pixel-unshuffle by 8/N, then convolutions at the latent grid. */
YonosTensorId yonos_compact_lr_encoder(YonosGraph *g, const YonosCompactTier *tier, YonosTensorId x_l, int scale);

/* z_t, z_l {n, H/8, W/8, C} -> z^, the prediction of z_h. `time` {n, 1, 1, 64} is the embedding of lambda_t in
 * training; YONOS_NONE at run time, where t = T is folded into the biases by the exporter. */
YonosTensorId yonos_compact_student(YonosGraph *g, const YonosCompactTier *tier, YonosTensorId z_t, YonosTensorId z_l,
                                    YonosTensorId time);

/* z^ and, unless YONOS_NONE, x_l -> the residual over the bicubic base, {n, H, W, 3}. The trunk is at H/4, at x8 at
 * H/8, where x_l is. Of a plain tier the whole network, and z is not used. */
YonosTensorId yonos_compact_decoder(YonosGraph *g, const YonosCompactTier *tier, YonosTensorId z, YonosTensorId x_l,
                                    int scale);

/* Where z_l comes from: E_N(x_l), or the paper's own input path E(bicubic(x_l)), which costs more than all the rest. */
typedef enum { YONOS_COMPACT_INPUT_LR, YONOS_COMPACT_INPUT_FAITHFUL } YonosCompactInput;

/* The whole at run time: x_l {1, h, w, 3} of any size and the noise field {1, H'/8, W'/8, C} of its padded size
 * (yonos_compact_padded) -> y {1, N h, N w, 3} = bicubic(x_l) + residual, not clipped. */
YonosTensorId yonos_compact_upscale(YonosGraph *g, const YonosCompactTier *tier, YonosTensorId x_l, YonosTensorId noise,
                                    int scale, YonosCompactInput input);

/* That function's graph for frames of one size, with the buffers "frame", "noise" and "upscaled"; to be freed, and to
 * be checked by yonos_graph_check. */
YonosGraph *yonos_compact_network(const YonosCompactTier *tier, int width, int height, int scale,
                                  YonosCompactInput input);

/* The next LR side whose large side is a multiple of YONOS_COMPACT_GRID. */
int yonos_compact_padded(int side, int scale);
