/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"
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

static gboolean write_noise(YonosExecutor *ex, const char *name, GError **error)
{
    gsize n = buffer_of(ex->graph, name)->size;
    float *values = g_new(float, n);
    gboolean done;

    for (gsize k = 0; k < n; k++)
        values[k] = (float)yonos_random_uniform(SEED, k);
    done = yonos_executor_write(ex, yonos_graph_find_buffer(ex->graph, name), 0, values, n, error);
    g_free(values);
    return done;
}

/* What the weights make of noise, to be freed. */
static float *enlarge(const YonosGraph *g, YonosCpuMath math, const float *weights, GError **error)
{
    gsize n = buffer_of(g, "upscaled")->size;
    float *large = g_new(float, n);
    YonosExecutor *ex = yonos_cpu_executor_new(g, math, error);
    gsize n_weights = g_array_index(g->buffers, YonosBuffer, g->param_buffer).size;

    if (!ex || !yonos_executor_write(ex, g->param_buffer, 0, weights, n_weights, error) ||
        !write_noise(ex, "frame", error) || !write_noise(ex, "noise", error) || !yonos_executor_run(ex, error) ||
        !yonos_executor_read(ex, yonos_graph_find_buffer(g, "upscaled"), 0, large, n, error))
        g_clear_pointer(&large, g_free);
    yonos_executor_free(ex);
    return large;
}

/* The root of the mean square of a, less b where there is one; NaN or infinite where a value is. */
static double rms(const float *a, const float *b, gsize n)
{
    double sum = 0;

    for (gsize k = 0; k < n; k++)
        sum += pow((double)a[k] - (b ? b[k] : 0), 2);
    return sqrt(sum / (double)n);
}

gboolean yonos_network_is_trusted(const YonosNetwork *net, gboolean *bf16, GError **error)
{
    int scale = net->params.scale;
    YonosGraph *g = yonos_compact_network(net->tier, WIDTH / scale, HEIGHT / scale, scale, net->model->faithful);
    gsize n = g_array_index(net->graph->buffers, YonosBuffer, net->graph->param_buffer).size;
    float *weights = g_new(float, n), *single = NULL, *rounded = NULL;

    /* those of a second decoder follow the network's own */
    if (yonos_graph_check(g, error) &&
        yonos_executor_read(net->executor, net->graph->param_buffer, 0, weights, n, error))
        single = enlarge(g, YONOS_CPU_SINGLE, weights, error);
    n = buffer_of(g, "upscaled")->size;
    if (single && !isfinite(rms(single, NULL, n))) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL,
                    "%s makes no picture, but infinite values; take another model.", net->params.model);
        g_clear_pointer(&single, g_free);
    }
    if (single && *bf16) {
        rounded = enlarge(g, YONOS_CPU_BF16, weights, NULL);
        *bf16 = rounded && rms(single, rounded, n) <= NEAR; /* not of NaN */
    }
    g_free(weights);
    g_free(rounded);
    yonos_graph_free(g);
    g_free(single);
    return single != NULL;
}
