/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"

#include <math.h>
#include <string.h>

static void max_pool_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    YonosShape s = c->in_shape[0], o = c->out_shape;
    int side = c->node->i[0], stride = c->node->i[1];

    for (gsize row = start; row < end; row++)
        for (int column = 0; column < o.w; column++) {
            gsize first = ((row / o.h * s.h + row % o.h * stride) * s.w + (gsize)column * stride) * s.c;
            float *out = c->out + (row * o.w + column) * o.c;
            memcpy(out, c->in[0] + first, s.c * sizeof(float));
            for (int t = 1; t < side * side; t++) {
                const float *x = c->in[0] + first + ((gsize)(t / side) * s.w + t % side) * s.c;
#pragma omp simd
                for (int k = 0; k < s.c; k++)
                    out[k] = x[k] > out[k] ? x[k] : out[k];
            }
        }
}

/* Windows overlap, so pictures are what threads share. */
static void max_pool_grad_pictures(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    YonosShape s = c->out_shape, o = c->in_shape[0];
    int side = c->node->i[0], stride = c->node->i[1];

    memset(c->out + start * s.h * s.w * s.c, 0, (end - start) * s.h * s.w * s.c * sizeof(float));
    for (gsize row = start * o.h; row < end * o.h; row++)
        for (int column = 0; column < o.w; column++) {
            gsize first = ((row / o.h * s.h + row % o.h * stride) * s.w + (gsize)column * stride) * s.c;
            const float *x = c->in[1] + first, *dy = c->in[0] + (row * o.w + column) * o.c;
            for (int k = 0; k < s.c; k++) {
                gsize best = k;
                for (int t = 1; t < side * side; t++) {
                    gsize at = ((gsize)(t / side) * s.w + t % side) * s.c + k;
                    best = x[at] > x[best] ? at : best;
                }
                c->out[first + best] += dy[k];
            }
        }
}

static gboolean max_pool_grad_run(G_GNUC_UNUSED gpointer state, const YonosCall *c,
                                  G_GNUC_UNUSED guint64 weights_version)
{
    yonos_cpu_share(yonos_shape_elements(c->out_shape), c->out_shape.n, max_pool_grad_pictures, c);
    return TRUE;
}

static float dot(const float *a, const float *b, int n)
{
    float sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int k = 0; k < n; k++)
        sum += a[k] * b[k];
    return sum;
}

static void unit_norm_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    int channels = c->out_shape.c, w = c->out_shape.w;

    for (gsize p = start * w; p < end * w; p++) {
        const float *x = c->in[0] + p * channels;
        float *out = c->out + p * channels, all = sqrtf(dot(x, x, channels)) + c->node->f[0];
#pragma omp simd
        for (int k = 0; k < channels; k++)
            out[k] = x[k] / all;
    }
}

static void unit_norm_grad_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    int channels = c->out_shape.c, w = c->out_shape.w;

    for (gsize p = start * w; p < end * w; p++) {
        const float *dy = c->in[0] + p * channels, *x = c->in[1] + p * channels;
        float *out = c->out + p * channels, n = sqrtf(dot(x, x, channels)), all = n + c->node->f[0];
        float scale = n > 0 ? 1 / all : 0, along = n > 0 ? dot(x, dy, channels) / n / all : 0;
#pragma omp simd
        for (int k = 0; k < channels; k++)
            out[k] = (dy[k] - x[k] * along) * scale;
    }
}

const YonosCpuOverride yonos_cpu_max_pool = {.rows = max_pool_rows};
const YonosCpuOverride yonos_cpu_max_pool_grad = {.run = max_pool_grad_run};
const YonosCpuOverride yonos_cpu_unit_norm = {.rows = unit_norm_rows};
const YonosCpuOverride yonos_cpu_unit_norm_grad = {.rows = unit_norm_grad_rows};
