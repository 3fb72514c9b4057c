/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "picture.h"

/* What super-resolution papers measure, on the BT.601 luma (16 + 219 range, unrounded) of 8-bit pictures. */
typedef struct {
    double psnr; /* dB, peak 255; 100 for equal pictures */
    double ssim; /* Wang et al. 2004: 11 x 11 Gaussian window, sigma 1.5, where it fits wholly */
    /* Ratios to the reference, both best at 1. edge: the gradient where the reference's is strongest (its top 5 %),
     * below 1 is blur. flat: the Laplacian where the reference is smoothest (its lower half by gradient), above 1 is
     * noise, ringing or a grid that was not there. */
    double edge, flat;
} YonosMetrics;

#define YONOS_METRICS_SIDE 11 /* the least side after cropping */

/* Of `test` against `reference`, which has its size, after cutting `border` pixels on every side; at least
 * YONOS_METRICS_SIDE pixels are left each way. */
void yonos_metrics(YonosMetrics *m, const YonosPicture *test, const YonosPicture *reference, int border);

/* How much detail changes from one frame of a clip to another of its size, of what there is of it: the mean absolute
 * difference of luma's Laplacians over their mean absolute size, 0 to 2, after cutting `border` pixels on every side;
 * at least 3 are left each way. NaN where there is no detail. */
double yonos_metrics_change(const YonosPicture *before, const YonosPicture *after, int border);

/* Sum of squared differences, in code values, between a frame and the next of a pan, whose window has moved by (dx, dy)
 * pixels, both at least 0: over what both show, all components, without `border` pixels at each frame's sides. *n is
 * the number of differences. */
double yonos_metrics_motion(const YonosPicture *frame, const YonosPicture *next, int dx, int dy, int border, gsize *n);
