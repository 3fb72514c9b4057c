/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/random.h"
#include "degrade-steps.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

#define R YONOS_BLUR_RADIUS
#define TAPS (2 * R + 1)

/* Compiled once for every kind of vector unit; the loader takes the best. */
#if defined(__x86_64__) && defined(__GLIBC__)
#define VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define VECTORISED
#endif

void yonos_blur_kernel(const YonosBlur *blur, float *kernel)
{
    double c = cos(blur->angle), s = sin(blur->angle), sum = 0, weights[TAPS * TAPS];

    for (int k = 0; k < TAPS * TAPS; k++) {
        int x = k % TAPS - R, y = k / TAPS - R;
        double u = (c * x + s * y) / blur->sigma[0], v = (c * y - s * x) / blur->sigma[1];
        sum += weights[k] = exp(-0.5 * (u * u + v * v));
    }
    for (int k = 0; k < TAPS * TAPS; k++)
        kernel[k] = (float)(weights[k] / sum);
}

/* out[i] = sum of kernel[y][x] in[y * stride + 3 x + i] */
VECTORISED static void blur_row(const float *restrict in, gsize stride, const float *restrict kernel, gsize n,
                                float *restrict out)
{
    memset(out, 0, n * sizeof *out);
    for (int y = 0; y < TAPS; y++, in += stride, kernel += TAPS)
        for (gsize i = 0; i < n; i++) {
            float sum = out[i];
            for (int x = 0; x < TAPS; x++)
                sum += kernel[x] * in[i + 3 * x];
            out[i] = sum;
        }
}

void yonos_blur(const float *in, int width, int height, const float *kernel, float *padded, float *out)
{
    gsize stride = 3 * ((gsize)width + 2 * R), row = 3 * (gsize)width;

    for (int y = 0; y < height + 2 * R; y++) {
        const float *from = in + CLAMP(y - R, 0, height - 1) * row;
        float *to = padded + y * stride;
        memcpy(to + 3 * R, from, row * sizeof *to);
        for (int x = 0; x < R; x++) {
            memcpy(to + 3 * x, from, 3 * sizeof *to);
            memcpy(to + 3 * (R + width + x), from + row - 3, 3 * sizeof *to);
        }
    }
    for (int y = 0; y < height; y++)
        blur_row(padded + y * stride, stride, kernel, row, out + y * row);
}

/* As yonos_bicubic_window, for all kinds; returns the first input sample and sets *taps. */
static int window(YonosRescale kind, int in, int out, int at, double *weights, int *taps)
{
    double factor = (double)in / out, widened = MAX(factor, 1), centre = (at + 0.5) * factor, sum = 0;
    double support = (kind == YONOS_RESCALE_AREA ? 0.5 : 1) * widened;
    int first = MAX(0, (int)(centre - support + 0.5)), end = MIN(in, (int)(centre + support + 0.5));

    if (kind == YONOS_RESCALE_BICUBIC) {
        first = yonos_bicubic_window(in, out, at, weights);
        *taps = MIN(in - first, yonos_bicubic_taps(in, out));
        return first;
    }
    *taps = end - first;
    for (int k = 0; k < *taps; k++)
        sum += weights[k] = kind == YONOS_RESCALE_AREA ? 1 : MAX(0, 1 - fabs(first + k + 0.5 - centre) / widened);
    for (int k = 0; k < *taps; k++)
        weights[k] /= sum;
    return first;
}

VECTORISED static void add_row(const float *restrict in, float weight, gsize n, float *restrict out)
{
    for (gsize i = 0; i < n; i++)
        out[i] += weight * in[i];
}

void yonos_rescale(YonosRescale kind, const float *in, int width, int height, float *rows, float *out, int out_width,
                   int out_height)
{
    gsize row = 3 * (gsize)width;
    double *weights = g_new(double, 4 * (gsize)MAX(width, height) + 8);
    int taps;

    memset(rows, 0, out_height * row * sizeof *rows);
    for (int y = 0; y < out_height; y++) {
        int first = window(kind, height, out_height, y, weights, &taps);
        for (int k = 0; k < taps; k++)
            add_row(in + (first + k) * row, (float)weights[k], row, rows + y * row);
    }
    for (int x = 0; x < out_width; x++) {
        int first = window(kind, width, out_width, x, weights, &taps);
        for (int y = 0; y < out_height; y++) {
            const float *from = rows + y * row + 3 * first;
            float sum[3] = {0};
            for (int k = 0; k < taps; k++, from += 3)
                for (int c = 0; c < 3; c++)
                    sum[c] += (float)weights[k] * from[c];
            memcpy(out + 3 * ((gsize)y * out_width + x), sum, sizeof sum);
        }
    }
    g_free(weights);
}

/* Mean 0, variance 1. */
static float nearly_normal(guint64 seed, guint64 index)
{
    guint64 bits = yonos_random_bits(seed, index);
    int sum = (int)(bits & 0xffff) + (int)(bits >> 16 & 0xffff) + (int)(bits >> 32 & 0xffff) + (int)(bits >> 48);

    return (sum - 131070) * (1.7320508f / 65536);
}

void yonos_grain(float *rgb, gsize pixels, const YonosGrain *grain, guint64 seed)
{
    float sigma = (float)grain->sigma;

    for (gsize i = 0; i < pixels; i++, rgb += 3) {
        float gray_value = (rgb[0] + rgb[1] + rgb[2]) / 3, gray_noise = grain->gray ? nearly_normal(seed, i) : 0;
        for (int c = 0; c < 3; c++) {
            float noise = grain->gray ? gray_noise : nearly_normal(seed, 3 * i + c);
            float value = MAX(grain->gray ? gray_value : rgb[c], 0);
            rgb[c] = CLAMP(rgb[c] + sigma * (grain->poisson ? sqrtf(value) : 1) * noise, 0, 1);
        }
    }
}
