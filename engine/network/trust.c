/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/random.h"
#include "cpu/cpu-executor.h"
#include "network/parts.h"

#include <math.h>
#include <string.h>

#define SEED 20261128
#define WIDTH 80 /* of the large picture */
#define HEIGHT 48
#define NEAR 0.01 /* root of the mean square: 40 dB; rounding alone is at 53 */

static YonosBuffer *buffer_of(const YonosGraph *g, const char *name)
{
    return &g_array_index(g->buffers, YonosBuffer, yonos_graph_find_buffer(g, name));
}

static gboolean write_noise(YonosExecutor *ex, const char *name)
{
    gsize n = buffer_of(ex->graph, name)->size;
    float *values = g_new(float, n);
    gboolean done;

    for (gsize k = 0; k < n; k++)
        values[k] = (float)yonos_random_uniform(SEED, k);
    done = yonos_executor_write(ex, yonos_graph_find_buffer(ex->graph, name), 0, values, n, NULL);
    g_free(values);
    return done;
}

/* What the weights make of noise, to be freed; NULL after a failure. */
static float *enlarge(const YonosGraph *g, YonosCpuMath math, const float *weights)
{
    gsize n = buffer_of(g, "upscaled")->size;
    float *large = g_new(float, n);
    YonosExecutor *ex = yonos_cpu_executor_new(g, math, NULL);
    gsize n_weights = g_array_index(g->buffers, YonosBuffer, g->param_buffer).size;

    if (!ex || !yonos_executor_write(ex, g->param_buffer, 0, weights, n_weights, NULL) || !write_noise(ex, "frame") ||
        !write_noise(ex, "noise") || !yonos_executor_run(ex, NULL) ||
        !yonos_executor_read(ex, yonos_graph_find_buffer(g, "upscaled"), 0, large, n, NULL))
        g_clear_pointer(&large, g_free);
    yonos_executor_free(ex);
    return large;
}

static gboolean is_near(const float *a, const float *b, gsize n)
{
    double sum = 0;

    for (gsize k = 0; k < n; k++)
        sum += (double)(a[k] - b[k]) * (a[k] - b[k]);
    return sqrt(sum / (double)n) <= NEAR; /* not of NaN */
}

gboolean yonos_network_bf16_is_right(const YonosNetwork *net)
{
    int scale = net->params.scale;
    YonosGraph *g = yonos_compact_network(net->tier, WIDTH / scale, HEIGHT / scale, scale, net->model->faithful);
    gsize n = g_array_index(net->graph->buffers, YonosBuffer, net->graph->param_buffer).size;
    float *weights = g_new(float, n), *single = NULL, *rounded = NULL;
    gboolean right = FALSE;

    /* those of a second decoder follow the network's own */
    if (yonos_graph_check(g, NULL) &&
        yonos_executor_read(net->executor, net->graph->param_buffer, 0, weights, n, NULL)) {
        single = enlarge(g, YONOS_CPU_SINGLE, weights);
        rounded = enlarge(g, YONOS_CPU_BF16, weights);
        right = single && rounded && is_near(single, rounded, buffer_of(g, "upscaled")->size);
    }
    g_free(weights);
    g_free(single);
    g_free(rounded);
    yonos_graph_free(g);
    return right;
}
