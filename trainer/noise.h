/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "models/compact.h"

/* The forward process z_t = a z_h + s eps. The schedule is the cosine one (Nichol and Dhariwal, 2021, eq. 17, without
 * its offset): a = cos(pi t / 2), s = sin(pi t / 2), t in 0..1, so that a is exactly 0 at t = T = 1 (Lin et al., 2024:
 * zero terminal signal), where the student works. */
typedef struct {
    float a, s;
    float embedding[YONOS_COMPACT_TIME]; /* sines and cosines of lambda = log(a^2 / s^2), clipped to +-12 */
} YonosNoiseLevel;

void yonos_noise_level(YonosNoiseLevel *level, double t);

/* Weight of the loss: min(a^2 / s^2, most) + 1, finite at both ends (Salimans and Ho, 2022, eq. 9). */
float yonos_noise_omega(const YonosNoiseLevel *level, double most);

/* The level of picture `index` of a batch of `count` in step `step`: a share of the pictures, rounded up, are at t = T,
 * the others uniform in t. */
double yonos_noise_draw(guint64 seed, guint64 step, guint index, guint count, double share);
