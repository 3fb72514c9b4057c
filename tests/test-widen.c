/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A larger network that begins with a smaller one's weights makes the same pictures, whatever its other weights are. */
#include "base/random.h"
#include "cpu/cpu-executor.h"
#include "models/compact.h"
#include "small-model.h"
#include "widen.h"

#include <math.h>

#define SEED 20261129
#define W 11
#define H 7

static float *upscaled(YonosGraph *g, const float *weights, int scale)
{
    YonosBufferId in[] = {yonos_graph_find_buffer(g, "frame"), yonos_graph_find_buffer(g, "noise")};
    gsize n = (gsize)3 * W * H * scale * scale;
    GError *error = NULL;
    YonosExecutor *ex;
    float *y = g_new(float, n);

    g_assert_true(yonos_graph_check(g, &error));
    ex = yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, &error);
    g_assert_no_error(error);
    yonos_executor_write(ex, g->param_buffer, 0, weights, g_array_index(g->buffers, YonosBuffer, g->param_buffer).size,
                         &error);
    for (guint k = 0; k < G_N_ELEMENTS(in); k++) {
        gsize size = g_array_index(g->buffers, YonosBuffer, in[k]).size;
        float *x = g_new(float, size);
        for (gsize i = 0; i < size; i++)
            x[i] = k ? yonos_random_normal(SEED, i) : yonos_random_uniform(SEED, i);
        yonos_executor_write(ex, in[k], 0, x, size, &error);
        g_free(x);
    }
    yonos_executor_run(ex, &error);
    g_assert_no_error(error);
    yonos_executor_read(ex, yonos_graph_find_buffer(g, "upscaled"), 0, y, n, &error);
    g_assert_no_error(error);
    yonos_executor_free(ex);
    return y;
}

/* The weights that the tier starts with from the file, and how many parameters the file had. */
static float *started(const YonosGraph *g, const YonosModelFile *file, guint *had)
{
    gsize n = g_array_index(g->buffers, YonosBuffer, g->param_buffer).size;
    float *weights = g_new(float, n);
    GError *error = NULL;

    for (gsize k = 0; k < n; k++)
        weights[k] = 0.1f * yonos_random_normal(SEED + 1, k);
    *had = 0;
    for (guint k = 0; k < g->params->len; k++) {
        const YonosParam *param = &g_array_index(g->params, YonosParam, k);
        const YonosTensor *t = yonos_graph_at(g, param->tensor);
        gboolean taken;
        yonos_widen(file, param->name, t->shape, weights + t->offset, &taken, &error);
        g_assert_no_error(error);
        *had += taken;
    }
    return weights;
}

static void test_widen(gconstpointer data)
{
    int scale = GPOINTER_TO_INT(data);
    char *path = small_model_new(scale, SEED);
    guint had[2];
    float *y[2];
    YonosModelFile file;
    GError *error = NULL;

    yonos_model_file_open(&file, path, scale, &error);
    g_assert_no_error(error);
    for (guint k = 0; k < 2; k++) {
        YonosGraph *g =
            yonos_compact_network(yonos_compact_tier(k ? "balanced" : "fast"), W, H, scale, YONOS_COMPACT_INPUT_LR);
        float *weights = started(g, &file, &had[k]);
        y[k] = upscaled(g, weights, scale);
        g_free(weights);
        yonos_graph_free(g);
    }
    g_assert_cmpuint(had[1], ==, had[0]);
    for (gsize i = 0; i < (gsize)3 * W * H * scale * scale; i++)
        if (!(fabsf(y[0][i] - y[1][i]) < 1e-4f))
            g_error("seed %d, x%d, %dx%d, value %" G_GSIZE_FORMAT ": %g, and %g of the larger network", SEED, scale, W,
                    H, i, y[0][i], y[1][i]);
    yonos_model_file_clear(&file);
    g_free(y[0]);
    g_free(y[1]);
    small_model_remove(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/widen/x2", GINT_TO_POINTER(2), test_widen);
    g_test_add_data_func("/widen/x4", GINT_TO_POINTER(4), test_widen);
    g_test_add_data_func("/widen/x8", GINT_TO_POINTER(8), test_widen);
    return g_test_run();
}
