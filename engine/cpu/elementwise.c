/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"

/* Same expressions as the references, so the same bits. Operands may be the output itself (sums in place), which
 * `omp simd` allows where restrict would not. */

static gpointer act_prepare(G_GNUC_UNUSED const YonosGraph *graph, const YonosNode *node)
{
    return node->i[0] == YONOS_ACT_LEAKY ? (gpointer)node : NULL;
}

static gboolean act_run(G_GNUC_UNUSED gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    gsize n = yonos_shape_elements(c->out_shape);
    const float *x = c->in[0];
    float *y = c->out, slope = c->node->f[0];

#pragma omp parallel for simd schedule(static) if (n >= YONOS_CPU_PARALLEL)
    for (gsize k = 0; k < n; k++)
        y[k] = x[k] < 0 ? x[k] * slope : x[k];
    return TRUE;
}

static gboolean act_grad_run(G_GNUC_UNUSED gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    gsize n = yonos_shape_elements(c->out_shape);
    const float *dy = c->in[0], *y = c->in[1];
    float *dx = c->out, slope = c->node->f[0];

#pragma omp parallel for simd schedule(static) if (n >= YONOS_CPU_PARALLEL)
    for (gsize k = 0; k < n; k++)
        dx[k] = y[k] > 0 ? dy[k] : dy[k] * slope;
    return TRUE;
}

static void add_same(const YonosCall *c)
{
    gsize n = yonos_shape_elements(c->out_shape);
    const float *a = c->in[0], *b = c->in[1];
    float *out = c->out, factor = c->node->f[0];

#pragma omp parallel for simd schedule(static) if (n >= YONOS_CPU_PARALLEL)
    for (gsize k = 0; k < n; k++)
        out[k] = a[k] + factor * b[k];
}

/* b is one vector of channels, or one a picture. */
static void add_channels(const YonosCall *c)
{
    YonosShape s = c->out_shape;
    gsize rows = (gsize)s.n * s.h;
    float factor = c->node->f[0];

#pragma omp parallel for schedule(static) if (yonos_shape_elements(s) >= YONOS_CPU_PARALLEL)
    for (gsize row = 0; row < rows; row++) {
        const float *a = c->in[0] + row * s.w * s.c, *b = c->in[1] + (c->in_shape[1].n > 1 ? row / s.h * s.c : 0);
        float *out = c->out + row * s.w * s.c;
        for (int x = 0; x < s.w; x++, a += s.c, out += s.c)
#pragma omp simd
            for (int k = 0; k < s.c; k++)
                out[k] = a[k] + factor * b[k];
    }
}

static gboolean add_run(G_GNUC_UNUSED gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    if (yonos_shape_equal(c->in_shape[0], c->in_shape[1]))
        add_same(c);
    else
        add_channels(c);
    return TRUE;
}

const YonosCpuOverride yonos_cpu_act = {act_prepare, act_run, NULL};
const YonosCpuOverride yonos_cpu_act_grad = {act_prepare, act_grad_run, NULL};
const YonosCpuOverride yonos_cpu_add = {NULL, add_run, NULL};
