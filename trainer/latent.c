/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "latent.h"
#include "device.h"
#include "loader.h"
#include "models/compact.h"

#include <math.h>

#define BATCH 16
#define BATCHES 16
#define SEED 1
#define C YONOS_COMPACT_LATENT

typedef struct {
    double mean[C], deviation[C];
} Moments;

static gboolean copy_weights(YonosExecutor *ex, const YonosGraph *from, const float *weights, GError **error)
{
    for (guint i = 0; i < ex->graph->params->len; i++) {
        const YonosParam *param = &g_array_index(ex->graph->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(ex->graph, param->tensor);
        if (!yonos_executor_write(ex, t->buffer, t->offset, weights + yonos_graph_find_param(from, param->name)->offset,
                                  yonos_shape_elements(t->shape), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean measure(YonosExecutor *ex, YonosTensorId z, YonosLoader *loader, Moments *m, GError **error)
{
    const YonosTensor *t = yonos_graph_at(ex->graph, z);
    gsize n = yonos_shape_elements(t->shape), side = yonos_graph_shape(ex->graph, 0).h;
    float *values = g_new(float, n);
    gboolean ok = TRUE;

    for (int b = 0; ok && b < BATCHES; b++) {
        ok = yonos_executor_write(ex, yonos_graph_find_buffer(ex->graph, "x_h"), 0, yonos_loader_next(loader)->pictures,
                                  BATCH * side * side * 3, error) &&
             yonos_executor_run(ex, error) && yonos_executor_read(ex, t->buffer, 0, values, n, error);
        for (gsize k = 0; ok && k < n; k++) {
            m->mean[k % C] += values[k] / ((double)n / C * BATCHES);
            m->deviation[k % C] += (double)values[k] * values[k] / ((double)n / C * BATCHES);
        }
    }
    for (int c = 0; c < C; c++)
        m->deviation[c] = sqrt(MAX(m->deviation[c] - m->mean[c] * m->mean[c], 1e-8));
    g_free(values);
    return ok;
}

/* z' = (z - mean) / deviation out of the encoder; w z + b = (w deviation) z' + (b + sum w mean) into the decoder */
static void fold(const YonosGraph *g, float *weights, const Moments *m)
{
    const YonosTensor *out = yonos_graph_find_param(g, "hr_encoder.out.weight"),
                      *in = yonos_graph_find_param(g, "decoder.in.weight");
    float *out_bias = weights + yonos_graph_find_param(g, "hr_encoder.out.bias")->offset;
    float *in_bias = weights + yonos_graph_find_param(g, "decoder.in.bias")->offset;
    gsize n_out = yonos_shape_elements(out->shape), n_in = yonos_shape_elements(in->shape);

    for (gsize k = 0; k < n_out; k++)
        weights[out->offset + k] /= (float)m->deviation[k % C];
    for (int c = 0; c < C; c++)
        out_bias[c] = (float)((out_bias[c] - m->mean[c]) / m->deviation[c]);
    for (gsize k = 0; k < n_in; k++) {
        int c = k / in->shape.c % C;
        in_bias[k % in->shape.c] += (float)(weights[in->offset + k] * m->mean[c]);
        weights[in->offset + k] *= (float)m->deviation[c];
    }
}

gboolean yonos_latent_normalise(const YonosGraph *graph, float *weights, const YonosPack *pack, int crop,
                                const char *device, GError **error)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x_h", YONOS_F32, (YonosShape){BATCH, crop, crop, 3});
    YonosTensorId z = yonos_compact_hr_encoder(g, x);
    YonosLoader *loader = NULL;
    YonosExecutor *ex = NULL;
    Moments m = {{0}, {0}};
    gboolean ok;

    g_array_index(g->tensors, YonosTensor, z).buffer =
        yonos_graph_buffer(g, "z", YONOS_F32, yonos_shape_elements(yonos_graph_shape(g, z)));
    ok = yonos_graph_check(g, error) && (ex = yonos_executor_new(g, device, FALSE, error)) &&
         (loader = yonos_loader_new(&(YonosLoaderParams){.pack = pack, .batch = BATCH, .crop = crop, .seed = SEED},
                                    error)) &&
         copy_weights(ex, graph, weights, error) && measure(ex, z, loader, &m, error);
    if (ok)
        fold(graph, weights, &m);
    yonos_loader_free(loader);
    yonos_executor_free(ex);
    yonos_graph_free(g);
    return ok;
}
