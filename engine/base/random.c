/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/random.h"
#include "base/parallel.h"

#include <math.h>

guint64 yonos_random_bits(guint64 seed, guint64 counter)
{
    guint64 x = seed * G_GUINT64_CONSTANT(0xd1342543de82ef95) + (counter + 1) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

double yonos_random_uniform(guint64 seed, guint64 counter)
{
    return ((yonos_random_bits(seed, counter) >> 11) + 1) * 0x1p-53;
}

float yonos_random_normal(guint64 seed, guint64 counter)
{
    double radius = sqrt(-2 * log(yonos_random_uniform(seed, 2 * counter)));

    return (float)(radius * cos(2 * G_PI * yonos_random_uniform(seed, 2 * counter + 1)));
}

typedef struct {
    float *field;
    guint64 seed;
    int width, channels;
} Field;

static void field_rows(gconstpointer data, gsize start, gsize end)
{
    const Field *f = data;
    float *to = f->field + start * f->width * f->channels;

    for (gsize y = start; y < end; y++)
        for (int x = 0; x < f->width; x++)
            for (int c = 0; c < f->channels; c++) {
                guint64 position = ((guint64)y << 32) | (guint64)x << 8 | (guint64)c;
                *to++ = yonos_random_normal(f->seed, position);
            }
}

void yonos_random_field(float *field, guint64 seed, int height, int width, int channels)
{
    Field f = {field, seed, width, channels};
    gsize work = 32; /* of one value, in elements of a simple operation */

    yonos_cpu_share(work * height * width * channels, height, field_rows, &f);
}
