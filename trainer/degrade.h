/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "degrade-steps.h"

/* The video set: what a picture goes through on its way to x_l. Half of them (after Real-ESRGAN, arXiv 2107.10833, section 3,
 * but milder): two rounds of {blur, resizing, noise, JPEG}, which end at half the picture's side; from there Pillow's
 * bicubic to each scale. The other half: that bicubic alone, from the whole. Then 4:2:0 chroma and H.264 at that scale's
 * own size. So x_l at N and N/2 differ by reduction and coding only. docs/MODEL.md has the ranges. */

typedef struct {
    gboolean blurred;
    YonosBlur blur;
    double size; /* side of the resized picture, of the round's base: the whole side, then half of it */
    YonosRescale rescale;
    YonosGrain grain;
    guint64 grain_seed;
    int jpeg; /* quality; 0: not coded */
} YonosRound;

typedef struct {
    YonosRound round[2];
    YonosRescale last; /* to half the side */
    gboolean sharp;    /* no rounds: bicubic only */
    gboolean bt709;    /* 601 otherwise */
    int qp;            /* of H.264; -1: not coded */
} YonosDegradation;

/* A pure function of the seed. */
void yonos_degradation_draw(YonosDegradation *degradation, guint64 seed);

/* Room for pictures of side x side pixels, side a multiple of 16; for one thread at a time. NULL with
 * YONOS_ERROR_UNSUPPORTED in a build without libjpeg. */
typedef struct YonosDegrader YonosDegrader;
YonosDegrader *yonos_degrader_new(int side, GError **error);
void yonos_degrader_free(YonosDegrader *degrader); /* NULL is fine */

/* x_l[k], NULL where not wanted, gets {side / 2^(k + 1), the same, 3} from x_h {side, side, 3} in 0..1: what the
 * element reads from such a frame, so neither rounded nor clipped to 0..1. A pure function of x_h and `degradation`;
 * x_l of one scale does not depend on which others are wanted. */
#define YONOS_DEGRADE_SCALES 3
void yonos_degrade(YonosDegrader *degrader, const float *x_h, const YonosDegradation *degradation,
                   float *const x_l[YONOS_DEGRADE_SCALES]);
