/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "small-model.h"

#include "base/random.h"
#include "models/compact.h"
#include "models/model-file.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* He's variance; less in the second convolution of a block, so that blocks do not blow their input up. */
static float deviation(const char *name, YonosShape s)
{
    float he = sqrtf(2.0f / (float)(s.n * s.h * s.w));

    if (!g_str_has_suffix(name, ".weight"))
        return 0.05f;
    if (g_str_has_prefix(name, "decoder.out"))
        return 0.04f * he;
    return g_str_has_suffix(name, ".1.weight") ? 0.3f * he : he;
}

/* The channels of the noise are the first. */
static gboolean is_zero(const SmallModel *model, const char *name, YonosShape s, gsize n)
{
    return (model->plain && g_str_has_prefix(name, "decoder.out")) ||
           (model->deaf && !strcmp(name, "student.in.weight") && n / s.c % s.w < YONOS_COMPACT_LATENT);
}

static void fill(const SmallModel *model, const char *name, const YonosTensor *t, float second, float *values)
{
    for (gsize n = 0; n < yonos_shape_elements(t->shape); n++) {
        float first = yonos_random_normal(model->seed, t->offset + n);
        float other = yonos_random_normal(model->seed + 1, t->offset + n);
        float value = deviation(name, t->shape) * ((1 - second) * first + second * other);
        values[n] = is_zero(model, name, t->shape, n) ? 0 : value;
    }
}

static float *weights(const YonosGraph *g, const SmallModel *model)
{
    float *values = g_new0(float, g_array_index(g->buffers, YonosBuffer, g->param_buffer).size);

    for (guint k = 0; k < g->params->len; k++) {
        const YonosParam *param = &g_array_index(g->params, YonosParam, k);
        const YonosTensor *t = yonos_graph_at(g, param->tensor);
        if (g_str_has_prefix(param->name, "perceptual.")) {
            char *name = g_strconcat("decoder.", param->name + strlen("perceptual."), NULL);
            fill(model, name, yonos_graph_find_param(g, name), 1, values + t->offset);
            g_free(name);
        } else {
            float second = g_str_has_prefix(param->name, "decoder.") ? model->second : 0;
            fill(model, param->name, t, second, values + t->offset);
        }
    }
    return values;
}

void small_model_make(const char *path, const SmallModel *model)
{
    int scale = model->scale;
    const char *tier = model->tier ? model->tier : "fast";
    YonosGraph *g = yonos_graph_new();
    int side = yonos_compact_padded(1, scale), grid = side * scale / 8;
    YonosTensorId x = yonos_graph_input(g, "frame", YONOS_F32, (YonosShape){1, side, side, 3});
    YonosTensorId z = yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){1, grid, grid, YONOS_COMPACT_LATENT});
    GHashTable *metadata = g_hash_table_new(g_str_hash, g_str_equal);
    char *text = g_strdup_printf("%d", scale);
    GError *error = NULL;
    float *values;

    yonos_compact_upscale(g, yonos_compact_tier(tier), x, z, scale, YONOS_COMPACT_INPUT_LR);
    if (model->perceptual)
        yonos_model_file_add_perceptual(g);
    g_assert_true(yonos_graph_check(g, &error));
    values = weights(g, model);
    g_hash_table_insert(metadata, "format", YONOS_MODEL_FORMAT);
    g_hash_table_insert(metadata, "architecture", "compact");
    g_hash_table_insert(metadata, "tier", (char *)tier);
    g_hash_table_insert(metadata, "scale", text);
    if (model->fidelity)
        g_hash_table_insert(metadata, "fidelity", (char *)model->fidelity);
    yonos_model_file_write(path, g, values, YONOS_ST_F32, NULL, metadata, &error);
    g_assert_no_error(error);
    g_hash_table_unref(metadata);
    g_free(text);
    g_free(values);
    yonos_graph_free(g);
}

void small_model_write(const char *path, int scale, guint64 seed)
{
    small_model_make(path, &(SmallModel){.scale = scale, .seed = seed});
}

char *small_model_new(int scale, guint64 seed)
{
    char *folder = g_dir_make_tmp("yonos-model-XXXXXX", NULL), *path = g_build_filename(folder, "m.safetensors", NULL);

    small_model_write(path, scale, seed);
    g_free(folder);
    return path;
}

void small_model_remove(char *path)
{
    char *folder = g_path_get_dirname(path);

    g_remove(path);
    g_rmdir(folder);
    g_free(folder);
    g_free(path);
}
