/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Model files and the compact network: what is written is what is loaded, what does not fit is refused with a sentence,
 * and a decoder whose last layer is zero gives the bicubic picture at any size. */
#include "base/error.h"
#include "base/random.h"
#include "cpu/cpu-executor.h"
#include "models/compact.h"
#include "models/model-file.h"
#include "ops/ops.h"

#include <glib/gstdio.h>
#include <string.h>

#define SEED 7

static YonosGraph *network(int scale, int h, int w, YonosTensorId *y)
{
    YonosGraph *g = yonos_graph_new();
    int gh = yonos_compact_padded(h, scale) * scale / 8, gw = yonos_compact_padded(w, scale) * scale / 8;
    YonosTensorId x = yonos_graph_input(g, "frame", YONOS_F32, (YonosShape){1, h, w, 3});
    YonosTensorId z = yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){1, gh, gw, YONOS_COMPACT_LATENT});
    YonosTensorId last = yonos_compact_upscale(g, yonos_compact_tier("fast"), x, z, scale, YONOS_COMPACT_INPUT_LR);
    GError *error = NULL;

    *y = yonos_graph_input(g, "y", YONOS_F32, (YonosShape){1, h * scale, w * scale, 3});
    yonos_append(g, YONOS_OP_ACT, 1, &last, *y, (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    return g;
}

static gsize size_of(const YonosGraph *g, YonosBufferId id)
{
    return g_array_index(g->buffers, YonosBuffer, id).size;
}

static float *random_values(gsize n, guint64 seed, float scale)
{
    float *v = g_new(float, n);

    for (gsize k = 0; k < n; k++)
        v[k] = scale * yonos_random_normal(seed, k);
    return v;
}

static GHashTable *metadata(const char *scale, const char *format)
{
    GHashTable *t = g_hash_table_new(g_str_hash, g_str_equal);

    g_hash_table_insert(t, "format", (char *)format);
    g_hash_table_insert(t, "architecture", "compact");
    g_hash_table_insert(t, "tier", "fast");
    g_hash_table_insert(t, "scale", (char *)scale);
    return t;
}

static void test_round_trip(gconstpointer data)
{
    int scale = GPOINTER_TO_INT(data);
    YonosTensorId y;
    YonosGraph *g = network(scale, 9, 13, &y);
    YonosExecutor *a = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL), *b = yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL);
    gsize n = size_of(g, g->param_buffer), pixels = (gsize)9 * 13 * scale * scale * 3;
    float *values = random_values(n, SEED, 0.05f), *field = random_values(n, SEED + 1, 1);
    float *got = g_new(float, pixels), *want = g_new(float, pixels);
    char *text = g_strdup_printf("%d", scale), *dir = g_dir_make_tmp("yonos-XXXXXX", NULL);
    char *path = g_build_filename(dir, "m.safetensors", NULL);
    GHashTable *meta = metadata(text, YONOS_MODEL_FORMAT);
    YonosModelFile model;
    GError *error = NULL;

    g_assert_true(yonos_model_file_write(path, g, values, YONOS_ST_F32, NULL, meta, &error));
    g_assert_true(yonos_model_file_open(&model, path, scale, &error));
    g_assert_true(yonos_model_file_load(&model, a, &error));
    /* what was loaded, written straight into the other executor: alignment gaps hold no parameter */
    yonos_executor_read(a, g->param_buffer, 0, values, n, NULL);
    yonos_executor_write(b, g->param_buffer, 0, values, n, NULL);
    for (int k = 0; k < 2; k++) {
        YonosExecutor *ex = k ? b : a;
        yonos_executor_write(ex, yonos_graph_find_buffer(g, "frame"), 0, field, 9 * 13 * 3, NULL);
        yonos_executor_write(ex, yonos_graph_find_buffer(g, "noise"), 0, field,
                             size_of(g, yonos_graph_find_buffer(g, "noise")), NULL);
        g_assert_true(yonos_executor_run(ex, &error));
        yonos_executor_read(ex, yonos_graph_find_buffer(g, "y"), 0, k ? want : got, pixels, NULL);
    }
    for (gsize k = 0; k < pixels; k++)
        g_assert_cmpfloat_with_epsilon(got[k], want[k], 1e-4);
    yonos_model_file_clear(&model);
    g_assert_false(yonos_model_file_open(&model, path, scale == 2 ? 4 : 2, &error));
    g_assert_nonnull(strstr(error->message, "is wanted"));
    g_clear_error(&error);

    g_assert_true(yonos_model_file_write(path, g, values, YONOS_ST_F16, "decoder.", meta, &error));
    g_assert_true(yonos_model_file_open(&model, path, scale, &error));
    g_assert_false(yonos_model_file_load(&model, a, &error));
    g_assert_nonnull(strstr(error->message, "lacks the tensor"));
    g_clear_error(&error);
    yonos_model_file_clear(&model);

    g_hash_table_insert(meta, "format", "other");
    g_assert_true(yonos_model_file_write(path, g, values, YONOS_ST_F16, NULL, meta, &error));
    g_assert_false(yonos_model_file_open(&model, path, scale, &error));
    g_clear_error(&error);

    g_hash_table_unref(meta);
    g_remove(path);
    g_rmdir(dir);
    g_free(path);
    g_free(dir);
    g_free(text);
    g_free(values);
    g_free(field);
    g_free(got);
    g_free(want);
    yonos_executor_free(a);
    yonos_executor_free(b);
    yonos_graph_free(g);
}

static void test_starts_at_bicubic(void)
{
    YonosTensorId y, x;
    YonosGraph *g = network(4, 7, 10, &y), *plain = yonos_graph_new();
    YonosExecutor *ex = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL), *truth;
    gsize n = size_of(g, g->param_buffer), pixels = 7 * 10 * 16 * 3;
    float *values = random_values(n, SEED, 0.05f), *frame = random_values(7 * 10 * 3, SEED, 1);
    float *got = g_new(float, pixels), *want = g_new(float, pixels);

    for (guint i = 0; i < g->params->len; i++) {
        const YonosParam *p = &g_array_index(g->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(g, p->tensor);
        if (g_str_has_prefix(p->name, "decoder.out"))
            memset(values + t->offset, 0, yonos_shape_elements(t->shape) * sizeof(float));
    }
    x = yonos_graph_input(plain, "x", YONOS_F32, (YonosShape){1, 7, 10, 3});
    yonos_append(plain, YONOS_OP_RESIZE, 1, &x,
                 yonos_graph_input(plain, "y", YONOS_F32, (YonosShape){1, 28, 40, 3}), (int[]){28, 40}, 2, 0, 0);
    truth = yonos_cpu_executor_new(plain, YONOS_CPU_REFERENCE, NULL);
    yonos_executor_write(truth, yonos_graph_find_buffer(plain, "x"), 0, frame, 210, NULL);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "frame"), 0, frame, 210, NULL);
    yonos_executor_write(ex, g->param_buffer, 0, values, n, NULL);
    g_assert_true(yonos_executor_run(ex, NULL) && yonos_executor_run(truth, NULL));
    yonos_executor_read(ex, yonos_graph_find_buffer(g, "y"), 0, got, pixels, NULL);
    yonos_executor_read(truth, yonos_graph_find_buffer(plain, "y"), 0, want, pixels, NULL);
    for (gsize k = 0; k < pixels; k++)
        g_assert_cmpfloat_with_epsilon(got[k], want[k], 1e-5);
    g_free(values);
    g_free(frame);
    g_free(got);
    g_free(want);
    yonos_executor_free(ex);
    yonos_executor_free(truth);
    yonos_graph_free(g);
    yonos_graph_free(plain);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/model/x2", GINT_TO_POINTER(2), test_round_trip);
    g_test_add_data_func("/model/x4", GINT_TO_POINTER(4), test_round_trip);
    g_test_add_data_func("/model/x8", GINT_TO_POINTER(8), test_round_trip);
    g_test_add_func("/model/starts-at-bicubic", test_starts_at_bicubic);
    return g_test_run();
}
