/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export.h"
#include "base/error.h"
#include "models/model-file.h"
#include "noise.h"
#include "stage.h"

#include <string.h>

#define SLOPE 0.1f
#define T YONOS_COMPACT_TIME

/* Fills our parameters `prefix`* from the file's tensors `from`*. */
static gboolean read_into(const YonosGraph *g, const YonosModelFile *file, const char *prefix, const char *from,
                          float *values, GError **error)
{
    gboolean ok = TRUE;

    for (guint i = 0; ok && i < g->params->len; i++) {
        const YonosParam *param = &g_array_index(g->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(g, param->tensor);
        char *name;
        if (!g_str_has_prefix(param->name, prefix))
            continue;
        name = g_strconcat(from, param->name + strlen(prefix), NULL);
        ok = yonos_model_file_read(file, name, t->shape, values + t->offset, error);
        g_free(name);
    }
    return ok;
}

/* y = W x + b of a 1x1 convolution in the file; `name` without its suffix. */
static gboolean dense(const YonosModelFile *file, const char *name, const float *x, float *y, int out, GError **error)
{
    char *weight = g_strconcat(name, ".weight", NULL), *bias = g_strconcat(name, ".bias", NULL);
    float *w = g_new(float, T *out);
    gboolean ok = yonos_model_file_read(file, weight, (YonosShape){1, 1, T, out}, w, error) &&
                  yonos_model_file_read(file, bias, (YonosShape){1, 1, 1, out}, y, error);

    for (int i = 0; ok && i < T; i++)
        for (int o = 0; o < out; o++)
            y[o] += w[i * out + o] * x[i];
    g_free(w);
    g_free(bias);
    g_free(weight);
    return ok;
}

/* The student at t = T: what the time embedding adds after the first convolution of a block goes into its bias. */
static gboolean fold_time(const YonosGraph *g, const YonosModelFile *file, float *values, GError **error)
{
    static const char *const blocks[] = {"student.upper", "student.lower"};
    YonosNoiseLevel level;
    float hidden[T];

    yonos_noise_level(&level, 1);
    if (!dense(file, "student.time", level.embedding, hidden, T, error))
        return FALSE;
    for (int k = 0; k < T; k++)
        hidden[k] = hidden[k] < 0 ? hidden[k] * SLOPE : hidden[k];
    for (guint i = 0; i < G_N_ELEMENTS(blocks); i++) {
        char *time = g_strconcat(blocks[i], ".time", NULL), *bias = g_strconcat(blocks[i], ".0.bias", NULL);
        const YonosTensor *t = yonos_graph_find_param(g, bias);
        float *added = g_new(float, t->shape.c);
        gboolean ok = dense(file, time, hidden, added, t->shape.c, error);
        for (int c = 0; ok && c < t->shape.c; c++)
            values[t->offset + c] += added[c];
        g_free(added);
        g_free(bias);
        g_free(time);
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

/* At t = T, z^ = a z_t - s v^ is -v^: the sign goes into the last convolution. */
static void fold_prediction(const YonosGraph *g, const YonosModelFile *file, float *values, GHashTable *metadata)
{
    static const char *const names[] = {"student.out.weight", "student.out.bias"};
    const char *predict = yonos_safetensors_metadata(file->file, YONOS_STAGE_PREDICT);

    g_hash_table_insert(metadata, g_strdup(YONOS_STAGE_PREDICT), g_strdup(predict ? predict : "z"));
    for (guint i = 0; !g_strcmp0(predict, "v") && i < G_N_ELEMENTS(names); i++) {
        const YonosTensor *t = yonos_graph_find_param(g, names[i]);
        for (gsize k = 0; k < yonos_shape_elements(t->shape); k++)
            values[t->offset + k] = -values[t->offset + k];
    }
}

/* Where the denoiser's z_l comes from; TRUE for E. */
static gboolean read_input(const char *folder, int scale, gboolean *faithful, GError **error)
{
    char *path = yonos_stage_file(yonos_stage("teacher"), scale, folder);
    YonosModelFile file;
    gboolean ok = yonos_model_file_open_weights(&file, path, error);

    *faithful = ok && !g_strcmp0(yonos_safetensors_metadata(file.file, YONOS_MODEL_INPUT), "faithful");
    yonos_model_file_clear(&file);
    g_free(path);
    return ok;
}

static gboolean gather(const YonosGraph *g, const char *folder, int scale, gboolean perceptual, float *values,
                       GHashTable *metadata, GError **error)
{
    /* stage, its prefix, ours */
    static const char *const from[][3] = {{"autoencoder", "hr_encoder.", "hr_encoder."},
                                          {"teacher", "lr_encoder.", "lr_encoder."},
                                          {"teacher", "student.", "student."},
                                          {"decoder", "decoder.", "decoder."},
                                          {"perceptual", "decoder.", "perceptual."}};
    gboolean ok = TRUE;

    for (guint i = 0; ok && i < G_N_ELEMENTS(from) - !perceptual; i++) {
        char *path = yonos_stage_file(yonos_stage(from[i][0]), scale, folder);
        YonosModelFile file = {0};
        ok = !yonos_graph_has_params(g, from[i][2]) ||
             (yonos_model_file_open_weights(&file, path, error) &&
              read_into(g, &file, from[i][2], from[i][1], values, error) &&
              (strcmp(from[i][1], "student.") || fold_time(g, &file, values, error)));
        if (ok && file.file && !strcmp(from[i][1], "student."))
            fold_prediction(g, &file, values, metadata);
        yonos_model_file_clear(&file);
        g_free(path);
    }
    return ok;
}

static void write_metadata(GHashTable *metadata, const char *tier, int scale, gboolean faithful, gboolean perceptual,
                           const char *const *facts)
{
    g_hash_table_insert(metadata, g_strdup("format"), g_strdup(YONOS_MODEL_FORMAT));
    g_hash_table_insert(metadata, g_strdup("architecture"), g_strdup("compact"));
    g_hash_table_insert(metadata, g_strdup("tier"), g_strdup(tier));
    g_hash_table_insert(metadata, g_strdup("scale"), g_strdup_printf("%d", scale));
    if (faithful)
        g_hash_table_insert(metadata, g_strdup(YONOS_MODEL_INPUT), g_strdup("faithful"));
    if (perceptual)
        g_hash_table_insert(metadata, g_strdup("fidelity"), g_strdup("1"));
    for (; facts && *facts; facts++) {
        const char *equals = strchr(*facts, '=');
        if (equals)
            g_hash_table_insert(metadata, g_strndup(*facts, equals - *facts), g_strdup(equals + 1));
    }
}

gboolean yonos_export(const char *folder, const char *tier, int scale, const char *const *facts, YonosStDtype dtype,
                      const char *path, GError **error)
{
    YonosGraph *g = yonos_graph_new();
    GHashTable *metadata = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, 16, 16, 3});
    YonosTensorId noise =
        yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){1, 2 * scale, 2 * scale, YONOS_COMPACT_LATENT});
    char *second = yonos_stage_file(yonos_stage("perceptual"), scale, folder);
    gboolean perceptual = g_file_test(second, G_FILE_TEST_EXISTS), faithful = FALSE;
    gboolean ok = !yonos_compact_tier(tier)->student || read_input(folder, scale, &faithful, error);
    float *values;

    yonos_compact_upscale(g, yonos_compact_tier(tier), x, noise, scale, faithful);
    if (perceptual)
        yonos_model_file_add_perceptual(g);
    write_metadata(metadata, tier, scale, faithful, perceptual, facts);
    if (!perceptual && g_hash_table_contains(metadata, "fidelity"))
        yonos_graph_fail(g, "A fidelity needs two decoders, and there is no %s; leave it out.", second);
    values = g_new0(float, g_array_index(g->buffers, YonosBuffer, g->param_buffer).size);
    ok = ok && yonos_graph_check(g, error) && gather(g, folder, scale, perceptual, values, metadata, error) &&
         yonos_model_file_write(path, g, values, dtype, NULL, metadata, error);
    g_free(values);
    g_free(second);
    g_hash_table_unref(metadata);
    yonos_graph_free(g);
    return ok;
}
