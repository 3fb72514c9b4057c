/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "golden.h"
#include "network-golden.h"
#include "base/random.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

void golden_finish(YonosGraph *graph, YonosTensorId y)
{
    GError *error = NULL;

    yonos_append(graph, YONOS_OP_ACT, 1, &y, yonos_graph_input(graph, "y", YONOS_F32, yonos_graph_shape(graph, y)),
                 (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    yonos_graph_check(graph, &error);
    g_assert_no_error(error);
}

gsize golden_place(YonosShape s, gsize k)
{
    gsize x = k % s.h, y = k / s.h % s.n, i = k / s.h / s.n % s.w, o = k / s.h / s.n / s.w;

    return ((y * s.h + x) * s.w + i) * s.c + o;
}

static float uniform(const char *name, gsize k, double low, double high)
{
    return (float)(low + (high - low) * yonos_random_uniform(g_str_hash(name), k));
}

static void fill_param(YonosExecutor *ex, const YonosParam *param)
{
    const YonosTensor *t = yonos_graph_at(ex->graph, param->tensor);
    gsize n = yonos_shape_elements(t->shape), inputs = n / t->shape.c;
    float *v = g_new(float, n);
    double low = -0.1, high = 0.1;

    if (inputs > 1) {
        high = sqrt(6.0 / inputs);
        low = -high;
    } else if (g_str_has_suffix(param->name, ".weight")) {
        low = 0.75;
        high = 1.25;
    }
    for (gsize k = 0; k < n; k++)
        v[golden_place(t->shape, k)] = uniform(param->name, k, low, high);
    g_assert_true(yonos_executor_write(ex, t->buffer, t->offset, v, n, NULL));
    g_free(v);
}

void golden_fill(YonosExecutor *ex)
{
    const YonosGraph *g = ex->graph;

    for (guint i = 0; i < g->params->len; i++)
        fill_param(ex, &g_array_index(g->params, YonosParam, i));
    for (guint i = 0; i < g->buffers->len; i++) {
        const YonosBuffer *buffer = &g_array_index(g->buffers, YonosBuffer, i);
        double high = buffer->name[0] == 'x' ? 1 : sqrt(3), low = buffer->name[0] == 'x' ? 0 : -high;
        float *v = g_new(float, buffer->size);
        for (gsize k = 0; k < buffer->size; k++)
            v[k] = strcmp(buffer->name, "dloss") ? uniform(buffer->name, k, low, high) : 1;
        if ((int)i != g->param_buffer && strcmp(buffer->name, "gradients"))
            g_assert_true(yonos_executor_write(ex, i, 0, v, buffer->size, NULL));
        g_free(v);
    }
}

float *golden_run(YonosExecutor *ex, const char *buffer)
{
    YonosBufferId id = yonos_graph_find_buffer(ex->graph, buffer);
    gsize n = g_array_index(ex->graph->buffers, YonosBuffer, id).size;
    float *v = g_new(float, n);
    GError *error = NULL;

    yonos_executor_run(ex, &error);
    g_assert_no_error(error);
    g_assert_true(yonos_executor_read(ex, id, 0, v, n, NULL));
    return v;
}

void golden_compare(const char *name, const float *got, gsize size, double tolerance, const char *what)
{
    const Golden *golden = NULL;
    double top = 0, sum = 0;

    for (guint i = 0; i < G_N_ELEMENTS(goldens) && !golden; i++)
        golden = strcmp(goldens[i].name, name) ? NULL : &goldens[i];
    if (!golden || golden->size != size)
        g_error("%s: PyTorch's result is missing or has another size than %" G_GSIZE_FORMAT, name, size);
    for (gsize k = 0; k < size; k++) {
        top = MAX(top, fabsf(got[k]));
        sum += fabsf(got[k]);
    }
    for (gsize k = 0; k * golden->step < size; k++)
        if (!(fabs((double)got[k * golden->step] - golden->values[k]) <= tolerance * top))
            g_error("%s by %s: %g at %" G_GSIZE_FORMAT ", PyTorch %g, largest %g", name, what, got[k * golden->step],
                    k * golden->step, golden->values[k], top);
    if (!(fabs(sum - golden->sum) <= tolerance * golden->sum))
        g_error("%s by %s: absolute values sum up to %g, PyTorch %g", name, what, sum, golden->sum);
}

void golden_compare_gradients(const YonosGraph *g, const float *gradients, double tolerance, const char *what)
{
    for (guint i = 0; i < g->params->len; i++) {
        const YonosParam *param = &g_array_index(g->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(g, param->tensor);
        gsize n = yonos_shape_elements(t->shape);
        float *v = g_new(float, n);
        for (gsize k = 0; k < n; k++)
            v[k] = gradients[t->offset + golden_place(t->shape, k)];
        golden_compare(param->name, v, n, tolerance, what);
        g_free(v);
    }
}
