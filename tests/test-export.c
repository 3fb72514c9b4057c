/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model file of a chain's results, with one decoder and with two, and the way back; sums of results. Untrained
 * weights do. */
#include "base/error.h"
#include "base/random.h"
#include "export.h"
#include "import.h"
#include "blend.h"
#include "models/model-file.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define SEED 20261123
#define SCALE 2

static char *folder, *model;

static char *in_folder(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

typedef enum { DENOISER, FAITHFUL_DENOISER, ENCODER, DECODER } Part;

/* Writes what a stage leaves. */
static void write_result(const char *name, Part part, guint64 seed)
{
    const YonosCompactTier *tier = yonos_compact_tier("fast");
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, 8, 8, 3});
    YonosTensorId z = yonos_graph_input(g, "z", YONOS_F32, (YonosShape){1, 2, 2, YONOS_COMPACT_LATENT});
    YonosTensorId time = yonos_graph_input(g, "time", YONOS_F32, (YonosShape){1, 1, 1, YONOS_COMPACT_TIME});
    char *path = in_folder(name);
    GHashTable *metadata = g_hash_table_new(g_str_hash, g_str_equal);
    GError *error = NULL;
    float *values;
    gsize n;

    if (part == DECODER)
        yonos_compact_decoder(g, tier, z, x, SCALE);
    else if (part == ENCODER)
        yonos_compact_hr_encoder(g, yonos_graph_input(g, "x_h", YONOS_F32, (YonosShape){1, 16, 16, 3}));
    else
        yonos_compact_student(g, tier, z, part == DENOISER ? yonos_compact_lr_encoder(g, tier, x, SCALE) : z, time);
    if (part == FAITHFUL_DENOISER)
        g_hash_table_insert(metadata, (gpointer) "input", (gpointer) "faithful");
    g_assert_true(yonos_graph_check(g, &error));
    n = g_array_index(g->buffers, YonosBuffer, g->param_buffer).size;
    values = g_new(float, n);
    for (gsize k = 0; k < n; k++)
        values[k] = 0.1f * yonos_random_normal(seed, k);
    yonos_model_file_write(path, g, values, YONOS_ST_F32, NULL, metadata, &error);
    g_assert_no_error(error);
    g_hash_table_unref(metadata);
    g_free(values);
    g_free(path);
    yonos_graph_free(g);
}

static void remove_result(const char *name)
{
    char *path = in_folder(name);

    g_remove(path);
    g_free(path);
}

/* Exports and opens the result. */
static YonosModelFile export(const char *const *facts, YonosStDtype dtype)
{
    YonosModelFile file;
    GError *error = NULL;

    yonos_export(folder, "fast", SCALE, facts, dtype, model, &error);
    g_assert_no_error(error);
    yonos_model_file_open(&file, model, SCALE, &error);
    g_assert_no_error(error);
    return file;
}

/* Fails unless the model's tensors `ours`* are the result's decoder.*, all of them, to half precision or within `most`.
 */
static void check_decoder(const YonosModelFile *file, const char *ours, const char *result, float most)
{
    char *path = in_folder(result);
    YonosSafetensors *st = yonos_safetensors_open(path, NULL);

    for (guint i = 0; i < yonos_safetensors_count(st); i++) {
        const char *name = yonos_safetensors_name(st, i);
        char *other = g_strconcat(ours, name + strlen("decoder."), NULL);
        gint64 dims[YONOS_ST_MAX_DIMS];
        gsize n = 1;
        guint n_dims;
        float *want, *got;
        g_assert_true(yonos_safetensors_shape(st, name, &n_dims, dims));
        for (guint k = 0; k < n_dims; k++)
            n *= (gsize)dims[k];
        want = g_new(float, n);
        got = g_new(float, n);
        g_assert_true(yonos_safetensors_read_f32(st, name, want, n, NULL));
        g_assert_true(yonos_safetensors_read_f32(file->file, other, got, n, NULL));
        for (gsize k = 0; k < n; k++)
            if (fabsf(got[k] - want[k]) > MAX(0x1p-11f * fabsf(want[k]) + 0x1p-25f, most))
                g_error("%s of %s, value %" G_GSIZE_FORMAT ": %g, not %g", other, result, k, got[k], want[k]);
        g_free(want);
        g_free(got);
        g_free(other);
    }
    yonos_safetensors_free(st);
    g_free(path);
}

static void test_one_decoder(void)
{
    const char *facts[] = {"fidelity=0.5", NULL};
    YonosModelFile file = export(NULL, YONOS_ST_F16);
    GError *error = NULL;

    g_assert_false(file.perceptual);
    check_decoder(&file, "decoder.", "decoder-x2.safetensors", 0);
    yonos_model_file_clear(&file);
    g_assert_false(yonos_export(folder, "fast", SCALE, facts, YONOS_ST_F16, model, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MODEL);
    g_assert_nonnull(strstr(error->message, "perceptual-x2.safetensors"));
    g_error_free(error);
}

static void test_two_decoders(void)
{
    const char *facts[] = {"fidelity=0.25", NULL};
    YonosModelFile file;

    write_result("perceptual-x2.safetensors", DECODER, SEED + 2);
    file = export(NULL, YONOS_ST_F16);
    g_assert_true(file.perceptual);
    g_assert_cmpfloat(file.fidelity, ==, 1);
    check_decoder(&file, "decoder.", "decoder-x2.safetensors", 0);
    check_decoder(&file, "perceptual.", "perceptual-x2.safetensors", 0);
    yonos_model_file_clear(&file);
    file = export(facts, YONOS_ST_F16);
    g_assert_cmpfloat(file.fidelity, ==, 0.25f);
    yonos_model_file_clear(&file);
    file = export(facts, YONOS_ST_I8); /* half a code, of weights whose deviation is 0.1 */
    check_decoder(&file, "decoder.", "decoder-x2.safetensors", 0.1f * 5 / 127 / 2);
    check_decoder(&file, "perceptual.", "perceptual-x2.safetensors", 0.1f * 5 / 127 / 2);
    yonos_model_file_clear(&file);
    remove_result("perceptual-x2.safetensors");
}

/* What is imported and exported again is the same file, byte for byte. */
static void check_way_back(const char *const *facts)
{
    static const char *const results[] = {"autoencoder.safetensors", "denoiser-x2.safetensors",
                                          "decoder-x2.safetensors", "perceptual-x2.safetensors"};
    char *other = in_folder("other"), *again = g_build_filename(other, "again.safetensors", NULL), *a, *b;
    YonosModelFile file = export(facts, YONOS_ST_F16);
    gsize n_a, n_b;
    GError *error = NULL;

    yonos_model_file_clear(&file);
    yonos_import(model, other, TRUE, &error);
    g_assert_no_error(error);
    yonos_export(other, "fast", SCALE, facts, YONOS_ST_F16, again, &error);
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(model, &a, &n_a, NULL) && g_file_get_contents(again, &b, &n_b, NULL));
    g_assert_cmpmem(a, n_a, b, n_b);
    g_free(a);
    g_free(b);
    g_remove(again);
    for (guint i = 0; i < G_N_ELEMENTS(results); i++) {
        char *path = g_build_filename(other, results[i], NULL);
        g_remove(path);
        g_free(path);
    }
    g_assert_cmpint(g_rmdir(other), ==, 0);
    g_free(other);
    g_free(again);
}

static void test_way_back(void)
{
    const char *facts[] = {"fidelity=0.25", NULL};

    check_way_back(NULL);
    write_result("perceptual-x2.safetensors", DECODER, SEED + 2);
    check_way_back(facts);
    write_result("denoiser-x2.safetensors", FAITHFUL_DENOISER, SEED + 3);
    write_result("autoencoder.safetensors", ENCODER, SEED + 4);
    check_way_back(facts);
    remove_result("perceptual-x2.safetensors");
    remove_result("autoencoder.safetensors");
    write_result("denoiser-x2.safetensors", DENOISER, SEED);
}

static void test_no_model(void)
{
    char *path = in_folder("decoder-x2.safetensors"), *other = in_folder("other");
    GError *error = NULL;

    g_assert_false(yonos_import(path, other, TRUE, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MODEL);
    g_assert_false(g_file_test(other, G_FILE_TEST_EXISTS));
    g_error_free(error);
    g_free(path);
    g_free(other);
}

/* A tensor of a result, and how many values it has. */
static float *values_of(const char *result, const char *name, gsize *n)
{
    char *path = in_folder(result);
    YonosSafetensors *st = yonos_safetensors_open(path, NULL);
    gint64 dims[YONOS_ST_MAX_DIMS];
    guint n_dims;
    float *values;

    g_assert_true(yonos_safetensors_shape(st, name, &n_dims, dims));
    *n = 1;
    for (guint k = 0; k < n_dims; k++)
        *n *= (gsize)dims[k];
    values = g_new(float, *n);
    g_assert_true(yonos_safetensors_read_f32(st, name, values, *n, NULL));
    yonos_safetensors_free(st);
    g_free(path);
    return values;
}

static void refuse_blend(const YonosBlendPart *parts, guint n, int code, const char *says)
{
    char *path = in_folder("none.safetensors");
    GError *error = NULL;

    g_assert_false(yonos_blend(path, parts, n, &error));
    g_assert_error(error, YONOS_ERROR, code);
    g_assert_nonnull(strstr(error->message, says));
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    g_error_free(error);
    g_free(path);
}

static void test_blend(void)
{
    static const char *const names[] = {"decoder.in.weight", "decoder.in.bias", "decoder.out.weight"};
    char *a = in_folder("decoder-x2.safetensors"), *b = in_folder("perceptual-x2.safetensors"),
         *denoiser = in_folder("denoiser-x2.safetensors");
    float *old[2], *blended;
    gsize n;
    GError *error = NULL;

    write_result("perceptual-x2.safetensors", DECODER, SEED + 2);
    refuse_blend((YonosBlendPart[]){{a, 0.5}, {b, 0.4}}, 2, YONOS_ERROR_UNSUPPORTED, "add up to 0.9");
    refuse_blend((YonosBlendPart[]){{a, 0.5}, {denoiser, 0.5}}, 2, YONOS_ERROR_MODEL, "differ in");
    refuse_blend((YonosBlendPart[]){{a, 0.5}, {folder, 0.5}}, 2, YONOS_ERROR_FILE, folder);
    for (guint k = 0; k < G_N_ELEMENTS(names); k++) {
        old[0] = values_of("decoder-x2.safetensors", names[k], &n);
        old[1] = values_of("perceptual-x2.safetensors", names[k], &n);
        write_result("perceptual-x2.safetensors", DECODER, SEED + 2);
        yonos_blend(b, (YonosBlendPart[]){{a, -0.25}, {b, 1.25}}, 2, &error);
        g_assert_no_error(error);
        blended = values_of("perceptual-x2.safetensors", names[k], &n);
        for (gsize i = 0; i < n; i++) {
            float want = -0.25f * old[0][i] + 1.25f * old[1][i];
            if (fabsf(blended[i] - want) > 1e-6f)
                g_error("%s, value %" G_GSIZE_FORMAT ": %g, not %g", names[k], i, blended[i], want);
        }
        g_free(old[0]);
        g_free(old[1]);
        g_free(blended);
        write_result("perceptual-x2.safetensors", DECODER, SEED + 2);
    }
    remove_result("perceptual-x2.safetensors");
    g_free(a);
    g_free(b);
    g_free(denoiser);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    folder = g_dir_make_tmp("yonos-export-XXXXXX", NULL);
    model = in_folder("model.safetensors");
    write_result("denoiser-x2.safetensors", DENOISER, SEED);
    write_result("decoder-x2.safetensors", DECODER, SEED + 1);
    g_test_add_func("/export/one-decoder", test_one_decoder);
    g_test_add_func("/export/two-decoders", test_two_decoders);
    g_test_add_func("/export/way-back", test_way_back);
    g_test_add_func("/export/way-back/no-model", test_no_model);
    g_test_add_func("/export/blend", test_blend);
    status = g_test_run();
    g_remove(model);
    remove_result("denoiser-x2.safetensors");
    remove_result("decoder-x2.safetensors");
    g_rmdir(folder);
    g_free(model);
    g_free(folder);
    return status;
}
