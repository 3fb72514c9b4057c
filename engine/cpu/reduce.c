/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"

#include <math.h>
#include <string.h>

/* Sums are taken over PARTS pieces whose borders depend on the shape alone and then added up in order, so that every
 * run gives the same bits on any number of threads. */
#define PARTS 32

static gsize part_start(gsize n, int part)
{
    return n / PARTS * part + n % PARTS * part / PARTS;
}

static double add_up(const double *part)
{
    double sum = 0;

    for (int i = 0; i < PARTS; i++)
        sum += part[i];
    return sum;
}

static gboolean l1_run(G_GNUC_UNUSED gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    gsize n = yonos_shape_elements(c->in_shape[0]);
    double part[PARTS];

#pragma omp parallel for schedule(static) if (n >= YONOS_CPU_PARALLEL)
    for (int i = 0; i < PARTS; i++) {
        const float *a = c->in[0], *b = c->in[1];
        gsize end = part_start(n, i + 1);
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (gsize k = part_start(n, i); k < end; k++)
            sum += fabsf(a[k] - b[k]);
        part[i] = sum;
    }
    c->out[0] = (float)(add_up(part) / n);
    return TRUE;
}

static double picture_square(const float *a, const float *b, gsize n)
{
    double part[PARTS];

#pragma omp parallel for schedule(static) if (n >= YONOS_CPU_PARALLEL)
    for (int i = 0; i < PARTS; i++) {
        gsize end = part_start(n, i + 1);
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (gsize k = part_start(n, i); k < end; k++)
            sum += ((double)a[k] - b[k]) * ((double)a[k] - b[k]);
        part[i] = sum;
    }
    return add_up(part);
}

static gboolean mse_run(G_GNUC_UNUSED gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    int pictures = c->in_shape[0].n;
    gsize n = yonos_shape_elements(c->in_shape[0]), picture = n / pictures;
    double sum = 0;

    for (int i = 0; i < pictures; i++)
        sum += c->in[2][i] * picture_square(c->in[0] + i * picture, c->in[1] + i * picture, picture);
    c->out[0] = (float)(sum / n);
    return TRUE;
}

static gboolean l1_grad_run(G_GNUC_UNUSED gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    gsize n = yonos_shape_elements(c->out_shape);
    const float *a = c->in[1], *b = c->in[2];
    float *out = c->out, scale = c->in[0][0] * c->node->f[0] / n;

#pragma omp parallel for simd schedule(static) if (n >= YONOS_CPU_PARALLEL)
    for (gsize k = 0; k < n; k++) {
        float d = a[k] - b[k];
        out[k] = d > 0 ? scale : d < 0 ? -scale : 0;
    }
    return TRUE;
}

static gboolean mse_grad_run(G_GNUC_UNUSED gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    gsize n = yonos_shape_elements(c->out_shape), picture = n / c->out_shape.n;

#pragma omp parallel for schedule(static) if (n >= YONOS_CPU_PARALLEL)
    for (int i = 0; i < c->out_shape.n; i++) {
        float scale = 2 * c->in[0][0] * c->node->f[0] / n * c->in[3][i];
        const float *a = c->in[1] + i * picture, *b = c->in[2] + i * picture;
        float *out = c->out + i * picture;
#pragma omp simd
        for (gsize k = 0; k < picture; k++)
            out[k] = scale * (a[k] - b[k]);
    }
    return TRUE;
}

/* The state of sum-pixels: PARTS rows of sums. */
static gpointer sum_pixels_prepare(const YonosGraph *graph, const YonosNode *node)
{
    return g_new(double, PARTS * (gsize)yonos_graph_shape(graph, node->in[0]).c);
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

static void sum_some(const float *x, gsize pixels, int channels, double *sum)
{
    memset(sum, 0, channels * sizeof(double));
    for (gsize p = 0; p < pixels; p += FEW)
        sum_few(x + p * channels, (int)MIN(FEW, pixels - p), channels, sum);
}

static gboolean sum_pixels_run(gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    YonosShape s = c->in_shape[0];
    gsize pixels = (gsize)s.h * s.w * (c->node->i[0] ? 1 : s.n);
    double *parts = state;

    for (int n = 0; n < c->out_shape.n; n++) {
        const float *x = c->in[0] + n * pixels * s.c;
        float *out = c->out + (gsize)n * s.c;
#pragma omp parallel for schedule(static) if (pixels * s.c >= YONOS_CPU_PARALLEL)
        for (int i = 0; i < PARTS; i++) {
            gsize start = part_start(pixels, i);
            sum_some(x + start * s.c, part_start(pixels, i + 1) - start, s.c, parts + (gsize)i * s.c);
        }
        for (int k = 0; k < s.c; k++) {
            double sum = 0;
            for (int i = 0; i < PARTS; i++)
                sum += parts[(gsize)i * s.c + k];
            out[k] = (float)sum + (c->node->i[1] ? 0 : out[k]);
        }
    }
    return TRUE;
}

const YonosCpuOverride yonos_cpu_l1 = {NULL, l1_run, NULL};
const YonosCpuOverride yonos_cpu_l1_grad = {NULL, l1_grad_run, NULL};
const YonosCpuOverride yonos_cpu_mse = {NULL, mse_run, NULL};
const YonosCpuOverride yonos_cpu_mse_grad = {NULL, mse_grad_run, NULL};
const YonosCpuOverride yonos_cpu_sum_pixels = {sum_pixels_prepare, sum_pixels_run, g_free};
