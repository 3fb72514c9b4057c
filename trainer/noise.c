/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "noise.h"
#include "base/random.h"

#include <math.h>

#define LAMBDA_END 12.0

void yonos_noise_level(YonosNoiseLevel *level, double t)
{
    double a = t >= 1 ? 0 : cos(G_PI_2 * t), s = sin(G_PI_2 * t);
    double lambda = CLAMP(2 * log(MAX(a, 1e-30) / MAX(s, 1e-30)), -LAMBDA_END, LAMBDA_END);
    int half = YONOS_COMPACT_TIME / 2;

    level->a = (float)a;
    level->s = (float)s;
    /* periods from four times the range of lambda down to a 64th of that */
    for (int k = 0; k < half; k++) {
        double phase = lambda * 2 * G_PI / (8 * LAMBDA_END) * pow(64, k / (half - 1.0));
        level->embedding[k] = (float)sin(phase);
        level->embedding[half + k] = (float)cos(phase);
    }
}

float yonos_noise_omega(const YonosNoiseLevel *level, double most)
{
    double a = level->a, s = level->s;

    return (float)(MIN(a * a / MAX(s * s, 1e-30), most) + 1);
}

double yonos_noise_draw(guint64 seed, guint64 step, guint index, guint count, double share)
{
    return index < ceil(count * share - 1e-9) ? 1 : yonos_random_uniform(seed, step * count + index);
}
