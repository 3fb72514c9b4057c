/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"
#include "ops/ops.h"

#include <string.h>

/* Bicubic as two passes with windows made once: down the columns into one row, then along that row. */

typedef struct {
    int taps;
    int *first;
    float *weights; /* [out][taps] */
} Windows;

typedef struct {
    Windows rows, columns;
    float *line; /* one input row, padded by the window's reach */
} Resize;

static void windows_make(Windows *w, int in, int out)
{
    double *weights;

    w->taps = yonos_bicubic_taps(in, out);
    w->first = g_new(int, out);
    w->weights = g_new(float, (gsize)out * w->taps);
    weights = g_new(double, w->taps);
    for (int k = 0; k < out; k++) {
        w->first[k] = yonos_bicubic_window(in, out, k, weights);
        for (int t = 0; t < w->taps; t++)
            w->weights[(gsize)k * w->taps + t] = (float)weights[t];
    }
    g_free(weights);
}

static gpointer resize_prepare(const YonosGraph *graph, const YonosNode *node)
{
    YonosShape x = yonos_graph_shape(graph, node->in[0]), y = yonos_graph_shape(graph, node->out);
    Resize *r = g_new0(Resize, 1);

    windows_make(&r->rows, x.h, y.h);
    windows_make(&r->columns, x.w, y.w);
    r->line = g_new0(float, (gsize)(x.w + r->columns.taps) * x.c);
    return r;
}

static void resize_free(gpointer state)
{
    Resize *r = state;

    g_free(r->rows.first);
    g_free(r->rows.weights);
    g_free(r->columns.first);
    g_free(r->columns.weights);
    g_free(r->line);
    g_free(r);
}

static void mix_rows(const Resize *r, const float *picture, YonosShape s, int y)
{
    gsize width = (gsize)s.w * s.c;
    int first = r->rows.first[y], taps = MIN(r->rows.taps, s.h - first);

    memset(r->line, 0, width * sizeof(float));
    for (int t = 0; t < taps; t++) {
        const float *row = picture + (gsize)(first + t) * width;
        float weight = r->rows.weights[(gsize)y * r->rows.taps + t];
        for (gsize k = 0; k < width; k++)
            r->line[k] += weight * row[k];
    }
}

static gboolean resize_run(gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    const Resize *r = state;
    YonosShape s = c->in_shape[0], o = c->out_shape;
    float *out = c->out;

    for (int n = 0; n < o.n; n++)
        for (int y = 0; y < o.h; y++) {
            mix_rows(r, c->in[0] + (gsize)n * s.h * s.w * s.c, s, y);
            for (int x = 0; x < o.w; x++) {
                const float *in = r->line + (gsize)r->columns.first[x] * s.c;
                const float *weights = r->columns.weights + (gsize)x * r->columns.taps;
                for (int k = 0; k < s.c; k++) {
                    float sum = 0;
                    for (int t = 0; t < r->columns.taps; t++)
                        sum += weights[t] * in[t * s.c + k];
                    *out++ = sum;
                }
            }
        }
    return TRUE;
}

const YonosCpuOverride yonos_cpu_resize = {resize_prepare, resize_run, resize_free};
