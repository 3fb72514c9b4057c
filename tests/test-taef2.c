/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TAEF2 without its weights: against PyTorch, and the executors against each other, with weights that are functions of
 * their names; and a file of its layout, written and loaded. */
#include "cpu/cpu-executor.h"
#include "golden/golden.h"
#include "models/model-file.h"
#include "models/taef2.h"
#include "ops/ops.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-executor.h"
#endif
#include "tested-device.h"

#include <glib/gstdio.h>
#include <math.h>

#define H 16
#define W 24
#define N 2

typedef struct {
    const char *name, *input;
    YonosTensorId (*build)(YonosGraph *g, YonosTensorId x);
    YonosShape shape;
} Part;

static const Part encoder = {"taef2 encoder", "x", yonos_taef2_encoder, {N, H, W, 3}};
static const Part decoder = {"taef2 decoder", "z", yonos_taef2_decoder, {N, H / 8, W / 8, YONOS_TAEF2_LATENT}};

static YonosGraph *graph_of(const Part *part)
{
    YonosGraph *g = yonos_graph_new();

    golden_finish(g, part->build(g, yonos_graph_input(g, part->input, YONOS_F32, part->shape)));
    return g;
}

static gsize size_of(const YonosGraph *g, const char *buffer)
{
    return g_array_index(g->buffers, YonosBuffer, yonos_graph_find_buffer(g, buffer)).size;
}

static float *result(YonosExecutor *ex)
{
    float *y;

    golden_fill(ex);
    y = golden_run(ex, "y");
    yonos_executor_free(ex);
    return y;
}

static void compare(const Part *part, const float *got, const float *want, gsize size, double tolerance,
                    const char *what)
{
    double top = 0, worst = 0;

    for (gsize k = 0; k < size; k++) {
        top = MAX(top, fabsf(want[k]));
        worst = MAX(worst, isnan(got[k]) ? INFINITY : fabs((double)got[k] - want[k]));
    }
    if (worst > tolerance * top)
        g_error("%s by %s differs by %g of %g from the reference", part->name, what, worst, top);
}

static void test_pytorch(gconstpointer data)
{
    const Part *part = data;
    YonosGraph *g = graph_of(part);
    float *truth = result(yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL));
    float *fast = result(yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL));

    golden_compare(part->name, truth, size_of(g, "y"), 1e-4, "the C reference");
    compare(part, fast, truth, size_of(g, "y"), 1e-4, "the CPU executor");
    g_free(truth);
    g_free(fast);
    yonos_graph_free(g);
}

#ifdef HAVE_VULKAN

static void test_vulkan(gconstpointer data)
{
    const Part *part = data;
    YonosGraph *g = graph_of(part);
    float *truth, *got;
    GError *error = NULL;

    if (yonos_vulkan_has_device(tested_device())) {
        truth = result(yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL));
        for (int half = 0; half < 2; half++) {
            YonosExecutor *ex = yonos_vulkan_executor_new(g, &(YonosVulkanOptions){.device = tested_device(), .half = half}, &error);
            g_assert_no_error(error);
            got = result(ex);
            /* fp16 keeps 11 bits of weights and of every layer's result */
            compare(part, got, truth, size_of(g, "y"), half ? 1e-2 : 1e-4, half ? "Vulkan fp16" : "Vulkan fp32");
            g_free(got);
        }
        g_free(truth);
    } else {
        g_test_skip("no Vulkan device to test");
    }
    yonos_graph_free(g);
}
#endif

/* A file of somebody else's, without metadata: group norm's "weight" is a vector, a convolution's is not. */
static void test_file(void)
{
    YonosGraph *g = graph_of(&encoder);
    YonosExecutor *ex = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL), *loaded = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL);
    gsize n = g_array_index(g->buffers, YonosBuffer, g->param_buffer).size;
    float *want = g_new(float, n), *got = g_new(float, n);
    char *dir = g_dir_make_tmp("yonos-XXXXXX", NULL), *path = g_build_filename(dir, "encoder.safetensors", NULL);
    YonosModelFile file;
    gint64 dims[YONOS_ST_MAX_DIMS];
    guint n_dims;
    GError *error = NULL;

    golden_fill(ex);
    yonos_executor_read(ex, g->param_buffer, 0, want, n, NULL);
    yonos_model_file_write(path, g, want, YONOS_ST_F32, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(yonos_model_file_open_weights(&file, path, &error));
    g_assert_true(yonos_safetensors_shape(file.file, "11.pool.1.weight", &n_dims, dims));
    g_assert_cmpuint(n_dims, ==, 1);
    g_assert_true(yonos_safetensors_shape(file.file, "11.pool.0.weight", &n_dims, dims));
    g_assert_cmpuint(n_dims, ==, 4);
    yonos_model_file_load(&file, loaded, &error);
    g_assert_no_error(error);
    yonos_executor_read(loaded, g->param_buffer, 0, got, n, NULL);
    g_assert_cmpmem(got, n * sizeof *got, want, n * sizeof *want);
    yonos_model_file_clear(&file);
    g_remove(path);
    g_rmdir(dir);
    g_free(path);
    g_free(dir);
    g_free(want);
    g_free(got);
    yonos_executor_free(ex);
    yonos_executor_free(loaded);
    yonos_graph_free(g);
}

static void test_odd_size(void)
{
    YonosGraph *g = yonos_graph_new();
    GError *error = NULL;

    yonos_taef2_encoder(g, yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, 16, 21, 3}));
    g_assert_false(yonos_graph_check(g, &error));
    g_assert_cmpstr(error->message, ==, "TAEF2 takes pictures whose sides are multiples of 8, not 21 x 16; crop them.");
    g_error_free(error);
    yonos_graph_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/taef2/pytorch/encoder", &encoder, test_pytorch);
    g_test_add_data_func("/taef2/pytorch/decoder", &decoder, test_pytorch);
#ifdef HAVE_VULKAN
    g_test_add_data_func("/taef2/vulkan/encoder", &encoder, test_vulkan);
    g_test_add_data_func("/taef2/vulkan/decoder", &decoder, test_vulkan);
#endif
    g_test_add_func("/taef2/file", test_file);
    g_test_add_func("/taef2/odd-size", test_odd_size);
    return g_test_run();
}
