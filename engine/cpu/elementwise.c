/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"

/* Same expressions as the references, so the same bits. Operands may be the output itself (sums in place), which
 * `omp simd` allows where restrict would not. */

static gsize row_elements(const YonosCall *c)
{
    return (gsize)c->out_shape.w * c->out_shape.c;
}

static gpointer act_prepare(G_GNUC_UNUSED const YonosGraph *graph, const YonosNode *node,
                            G_GNUC_UNUSED const YonosCpuBf16 *bf16)
{
    return node->i[0] == YONOS_ACT_LEAKY ? (gpointer)node : NULL;
}

static void act_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    const float *x = c->in[0];
    float *y = c->out, slope = c->node->f[0];
    gsize row = row_elements(c);

#pragma omp simd
    for (gsize k = start * row; k < end * row; k++)
        y[k] = x[k] < 0 ? x[k] * slope : x[k];
}

static void act_grad_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    const float *dy = c->in[0], *y = c->in[1];
    float *dx = c->out, slope = c->node->f[0];
    gsize row = row_elements(c);

#pragma omp simd
    for (gsize k = start * row; k < end * row; k++)
        dx[k] = y[k] > 0 ? dy[k] : dy[k] * slope;
}

static void add_scaled(const float *a, const float *b, float factor, gsize n, float *out)
{
#pragma omp simd
    for (gsize k = 0; k < n; k++)
        out[k] = a[k] + factor * b[k];
}

static void add_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    YonosShape s = c->out_shape;
    float factor = c->node->f[0];
    gsize row = row_elements(c), picture = (gsize)s.h * s.w;

    if (yonos_shape_equal(c->in_shape[0], c->in_shape[1])) {
        add_scaled(c->in[0] + start * row, c->in[1] + start * row, factor, (end - start) * row, c->out + start * row);
        return;
    }
    for (gsize p = start * s.w; p < end * s.w; p++) {
        const float *b = c->in[1] + (c->in_shape[1].n > 1 ? p / picture * s.c : 0);
        add_scaled(c->in[0] + p * s.c, b, factor, s.c, c->out + p * s.c);
    }
}

const YonosCpuOverride yonos_cpu_act = {.prepare = act_prepare, .rows = act_rows};
const YonosCpuOverride yonos_cpu_act_grad = {.prepare = act_prepare, .rows = act_grad_rows};
const YonosCpuOverride yonos_cpu_add = {.rows = add_rows};
