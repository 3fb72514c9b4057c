/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"
#include "ops/ops.h"

#include <string.h>

/* Bicubic as two passes with windows made once: down the columns into one row, then along that row. */

#define BANDS 16 /* of rows, each with a line of its own; threads share them out */

typedef struct {
    int taps;
    int *first;
    float *weights; /* [out][taps] */
} Windows;

typedef struct {
    Windows rows, columns;
    gsize line_size;
    float *lines; /* BANDS input rows, padded by the window's reach and for whole vectors */
} Resize;

static void windows_make(Windows *w, int in, int out)
{
    int all = yonos_bicubic_taps(in, out);
    double *weights = g_new(double, (gsize)out *all);

    w->first = g_new(int, out);
    w->taps = 1;
    for (int k = 0; k < out; k++) {
        w->first[k] = yonos_bicubic_window(in, out, k, weights + (gsize)k * all);
        for (int t = w->taps; t < all; t++)
            if (weights[(gsize)k * all + t] != 0)
                w->taps = t + 1;
    }
    w->weights = g_new(float, (gsize)out * w->taps);
    for (int k = 0; k < out; k++)
        for (int t = 0; t < w->taps; t++)
            w->weights[(gsize)k * w->taps + t] = (float)weights[(gsize)k * all + t];
    g_free(weights);
}

static gpointer resize_prepare(const YonosGraph *graph, const YonosNode *node,
                               G_GNUC_UNUSED const YonosCpuBf16 *bf16)
{
    YonosShape x = yonos_graph_shape(graph, node->in[0]), y = yonos_graph_shape(graph, node->out);
    Resize *r = g_new0(Resize, 1);

    windows_make(&r->rows, x.h, y.h);
    windows_make(&r->columns, x.w, y.w);
    r->line_size = (gsize)(x.w + r->columns.taps) * x.c + 4;
    r->lines = g_new0(float, BANDS * r->line_size);
    return r;
}

static void resize_free(gpointer state)
{
    Resize *r = state;

    g_free(r->rows.first);
    g_free(r->rows.weights);
    g_free(r->columns.first);
    g_free(r->columns.weights);
    g_free(r->lines);
    g_free(r);
}

static void mix_rows(const Resize *r, const float *picture, YonosShape s, int y, float *restrict line)
{
    gsize width = (gsize)s.w * s.c;
    int first = r->rows.first[y], taps = MIN(r->rows.taps, s.h - first);

    memset(line, 0, width * sizeof(float));
    for (int t = 0; t < taps; t++) {
        const float *row = picture + (gsize)(first + t) * width;
        float weight = r->rows.weights[(gsize)y * r->rows.taps + t];
        for (gsize k = 0; k < width; k++)
            line[k] += weight * row[k];
    }
}

static void mix_columns(const Windows *w, const float *line, int start, int end, int channels, float *out)
{
    for (int x = start; x < end; x++) {
        const float *in = line + (gsize)w->first[x] * channels, *weights = w->weights + (gsize)x * w->taps;
        for (int k = 0; k < channels; k++) {
            float sum = 0;
            for (int t = 0; t < w->taps; t++)
                sum += weights[t] * in[t * channels + k];
            out[(gsize)x * channels + k] = sum;
        }
    }
}

/* Pictures: a pixel is the lower three of four lanes; the fourth is overwritten by the pixel that follows, so the last
 * one goes the plain way. */
static void mix_pixels(const Windows *w, const float *line, int width, float *out)
{
    typedef float Four __attribute__((vector_size(16)));

    for (int x = 0; x < width - 1; x++) {
        const float *in = line + (gsize)w->first[x] * 3, *weights = w->weights + (gsize)x * w->taps;
        Four sum = {0, 0, 0, 0}, pixel;
        for (int t = 0; t < w->taps; t++) {
            memcpy(&pixel, in + t * 3, sizeof pixel);
            sum += weights[t] * pixel;
        }
        memcpy(out + (gsize)x * 3, &sum, sizeof sum);
    }
    mix_columns(w, line, width - 1, width, 3, out);
}

typedef struct {
    const Resize *r;
    const YonosCall *call;
} Job;

static void bands_range(gconstpointer data, gsize start, gsize end)
{
    const Resize *r = ((const Job *)data)->r;
    const YonosCall *c = ((const Job *)data)->call;
    YonosShape s = c->in_shape[0], o = c->out_shape;
    gsize rows = (gsize)o.n * o.h;

    for (gsize band = start; band < end; band++) {
        float *line = r->lines + band * r->line_size;
        for (gsize row = rows * band / BANDS; row < rows * (band + 1) / BANDS; row++) {
            float *out = c->out + row * o.w * o.c;
            mix_rows(r, c->in[0] + row / o.h * s.h * s.w * s.c, s, (int)(row % o.h), line);
            if (o.c == 3)
                mix_pixels(&r->columns, line, o.w, out);
            else
                mix_columns(&r->columns, line, 0, o.w, o.c, out);
        }
    }
}

static gboolean resize_run(gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    yonos_cpu_share(yonos_shape_elements(c->out_shape), BANDS, bands_range, &(Job){state, c});
    return TRUE;
}

const YonosCpuOverride yonos_cpu_resize = {.prepare = resize_prepare, .run = resize_run, .free = resize_free};
