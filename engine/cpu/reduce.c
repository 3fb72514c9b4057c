/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"

#include <math.h>
#include <string.h>

/* Sums are taken over PARTS pieces whose borders depend on the shape alone and then added up in order, so that every
 * run gives the same bits on any number of threads. */
#define PARTS 32

static gsize part_start(gsize n, gsize part)
{
    return n / PARTS * part + n % PARTS * part / PARTS;
}

typedef struct {
    const float *a, *b;
    gsize n;
    double part[PARTS];
} Difference;

static void absolute_range(gconstpointer data, gsize start, gsize end)
{
    Difference *d = (Difference *)data;

    for (gsize i = start; i < end; i++) {
        gsize last = part_start(d->n, i + 1);
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (gsize k = part_start(d->n, i); k < last; k++)
            sum += fabsf(d->a[k] - d->b[k]);
        d->part[i] = sum;
    }
}

static void square_range(gconstpointer data, gsize start, gsize end)
{
    Difference *d = (Difference *)data;

    for (gsize i = start; i < end; i++) {
        gsize last = part_start(d->n, i + 1);
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (gsize k = part_start(d->n, i); k < last; k++)
            sum += ((double)d->a[k] - d->b[k]) * ((double)d->a[k] - d->b[k]);
        d->part[i] = sum;
    }
}

static double sum_of(YonosCpuRange body, const float *a, const float *b, gsize n)
{
    Difference d = {.a = a, .b = b, .n = n};
    double sum = 0;

    yonos_cpu_share(n, PARTS, body, &d);
    for (int i = 0; i < PARTS; i++)
        sum += d.part[i];
    return sum;
}

static gboolean l1_run(G_GNUC_UNUSED gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    gsize n = yonos_shape_elements(c->in_shape[0]);

    c->out[0] = (float)(sum_of(absolute_range, c->in[0], c->in[1], n) / n);
    return TRUE;
}

static gboolean mse_run(G_GNUC_UNUSED gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    int pictures = c->in_shape[0].n;
    gsize n = yonos_shape_elements(c->in_shape[0]), picture = n / pictures;
    double sum = 0;

    for (int i = 0; i < pictures; i++)
        sum += c->in[2][i] * sum_of(square_range, c->in[0] + i * picture, c->in[1] + i * picture, picture);
    c->out[0] = (float)(sum / n);
    return TRUE;
}

static void l1_grad_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    const float *a = c->in[1], *b = c->in[2];
    gsize row = (gsize)c->out_shape.w * c->out_shape.c;
    float *out = c->out, scale = c->in[0][0] * c->node->f[0] / yonos_shape_elements(c->out_shape);

#pragma omp simd
    for (gsize k = start * row; k < end * row; k++) {
        float d = a[k] - b[k];
        out[k] = d > 0 ? scale : d < 0 ? -scale : 0;
    }
}

static void mse_grad_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    const float *a = c->in[1], *b = c->in[2];
    gsize row = (gsize)c->out_shape.w * c->out_shape.c;
    float *out = c->out, scale = 2 * c->in[0][0] * c->node->f[0] / yonos_shape_elements(c->out_shape);

    for (gsize y = start; y < end; y++) {
        float weighted = scale * c->in[3][y / c->out_shape.h];
#pragma omp simd
        for (gsize k = y * row; k < (y + 1) * row; k++)
            out[k] = weighted * (a[k] - b[k]);
    }
}

/* The state of sum-pixels: PARTS rows of sums. */
static gpointer sum_pixels_prepare(const YonosGraph *graph, const YonosNode *node,
                                   G_GNUC_UNUSED const YonosCpuBf16 *bf16)
{
    return g_new(double, PARTS *(gsize)yonos_graph_shape(graph, node->in[0]).c);
}

/* Adds the pixels in floats a few at a time, which is exact enough, and those sums in doubles. */
#define FEW 16

static void sum_few(const float *x, int pixels, int channels, double *sum)
{
    typedef float Four __attribute__((vector_size(16)));
    int k = 0;

    for (; k + 4 <= channels; k += 4) {
        Four few = {0, 0, 0, 0}, value;
        for (int p = 0; p < pixels; p++) {
            memcpy(&value, x + p * channels + k, sizeof value);
            few += value;
        }
        for (int lane = 0; lane < 4; lane++)
            sum[k + lane] += few[lane];
    }
    for (; k < channels; k++) {
        float few = 0;
        for (int p = 0; p < pixels; p++)
            few += x[p * channels + k];
        sum[k] += few;
    }
}

typedef struct {
    const float *x;
    gsize pixels;
    int channels;
    double *parts;
} Sums;

static void sum_range(gconstpointer data, gsize start, gsize end)
{
    const Sums *s = data;

    for (gsize i = start; i < end; i++) {
        gsize last = part_start(s->pixels, i + 1);
        double *sum = s->parts + i * s->channels;
        memset(sum, 0, s->channels * sizeof(double));
        for (gsize p = part_start(s->pixels, i); p < last; p += FEW)
            sum_few(s->x + p * s->channels, (int)MIN(FEW, last - p), s->channels, sum);
    }
}

static gboolean sum_pixels_run(gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    YonosShape s = c->in_shape[0];
    Sums sums = {c->in[0], (gsize)s.h * s.w * (c->node->i[0] ? 1 : s.n), s.c, state};

    for (int n = 0; n < c->out_shape.n; n++, sums.x += sums.pixels * s.c) {
        float *out = c->out + (gsize)n * s.c;
        yonos_cpu_share(sums.pixels * s.c, PARTS, sum_range, &sums);
        for (int k = 0; k < s.c; k++) {
            double sum = 0;
            for (gsize i = 0; i < PARTS; i++)
                sum += sums.parts[i * s.c + k];
            out[k] = (float)sum + (c->node->i[1] ? 0 : out[k]);
        }
    }
    return TRUE;
}

const YonosCpuOverride yonos_cpu_l1 = {.run = l1_run};
const YonosCpuOverride yonos_cpu_l1_grad = {.rows = l1_grad_rows};
const YonosCpuOverride yonos_cpu_mse = {.run = mse_run};
const YonosCpuOverride yonos_cpu_mse_grad = {.rows = mse_grad_rows};
const YonosCpuOverride yonos_cpu_sum_pixels = {.prepare = sum_pixels_prepare, .run = sum_pixels_run, .free = g_free};
