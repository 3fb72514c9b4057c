/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/model-file.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define FIRST "decoder."
#define SECOND "perceptual."

void yonos_model_file_clear(YonosModelFile *model)
{
    yonos_safetensors_free(model->file);
    g_free(model->path);
    memset(model, 0, sizeof *model);
}

static gboolean metadata_is(const YonosModelFile *model, const char *key, const char *value)
{
    return g_strcmp0(yonos_safetensors_metadata(model->file, key), value) == 0;
}

gboolean yonos_model_file_open_weights(YonosModelFile *model, const char *path, GError **error)
{
    *model = (YonosModelFile){.file = yonos_safetensors_open(path, error)};
    model->path = g_strdup(path);
    return model->file != NULL;
}

static gboolean read_fidelity(YonosModelFile *model, GError **error)
{
    const char *text = yonos_safetensors_metadata(model->file, "fidelity");
    char *end = NULL;

    model->fidelity = 1;
    for (guint i = 0; !model->perceptual && i < yonos_safetensors_count(model->file); i++)
        model->perceptual = g_str_has_prefix(yonos_safetensors_name(model->file, i), SECOND);
    if (!model->perceptual || !text)
        return TRUE;
    model->fidelity = (float)g_ascii_strtod(text, &end);
    if (end != text && !*end && model->fidelity >= 0 && model->fidelity <= 1)
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL, "%s has the fidelity '%s' instead of a number from 0 to 1.",
                model->path, text);
    return FALSE;
}

gboolean yonos_model_file_open(YonosModelFile *model, const char *path, int scale, GError **error)
{
    const char *text;

    if (!yonos_model_file_open_weights(model, path, error)) {
        yonos_model_file_clear(model);
        return FALSE;
    }
    text = yonos_safetensors_metadata(model->file, "scale");
    model->scale = text ? atoi(text) : 0;
    model->tier = yonos_safetensors_metadata(model->file, "tier");
    model->faithful = metadata_is(model, YONOS_MODEL_INPUT, "faithful");
    if (!metadata_is(model, "format", YONOS_MODEL_FORMAT) || !metadata_is(model, "architecture", "compact"))
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL,
                    "%s is no model of this version's format (%s, architecture compact); take one made by this "
                    "version's yonos-train.",
                    path, YONOS_MODEL_FORMAT);
    else if (!model->tier || (model->scale != 2 && model->scale != 4 && model->scale != 8))
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL, "%s does not say its tier and a scale of 2, 4 or 8.",
                    path);
    else if (scale && scale != model->scale)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL,
                    "%s is a model for x%d, but x%d is wanted; set another model or another size.", path, model->scale,
                    scale);
    else if (read_fidelity(model, error))
        return TRUE;
    yonos_model_file_clear(model);
    return FALSE;
}

/* File order is [out, in, kh, kw], ours [kh, kw, in, out]. */
static void transpose(float *ours, float *file, YonosShape s, gboolean to_file)
{
    gsize k = 0;

    for (int o = 0; o < s.c; o++)
        for (int i = 0; i < s.w; i++)
            for (int y = 0; y < s.n; y++)
                for (int x = 0; x < s.h; x++, k++) {
                    gsize at = (((gsize)y * s.h + x) * s.w + i) * s.c + o;
                    if (to_file)
                        file[k] = ours[at];
                    else
                        ours[at] = file[k];
                }
}

static guint file_shape(YonosShape s, gint64 dims[YONOS_ST_MAX_DIMS])
{
    if (s.n == 1 && s.h == 1 && s.w == 1) {
        dims[0] = s.c;
        return 1;
    }
    dims[0] = s.c;
    dims[1] = s.w;
    dims[2] = s.n;
    dims[3] = s.h;
    return 4;
}

gboolean yonos_model_file_has(const YonosModelFile *model, const char *name, YonosShape shape)
{
    gint64 want[YONOS_ST_MAX_DIMS], have[YONOS_ST_MAX_DIMS];
    guint n_want = file_shape(shape, want), n_have;

    return yonos_safetensors_shape(model->file, name, &n_have, have) && n_want == n_have &&
           !memcmp(want, have, n_want * sizeof *want);
}

gboolean yonos_model_file_read(const YonosModelFile *model, const char *name, YonosShape shape, float *values,
                               GError **error)
{
    gint64 dims[YONOS_ST_MAX_DIMS];
    guint n_dims;
    gsize n = yonos_shape_elements(shape);
    float *file;
    gboolean ok;

    if (!yonos_model_file_has(model, name, shape)) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL,
                    yonos_safetensors_shape(model->file, name, &n_dims, dims)
                        ? "%s: tensor '%s' has another shape than the network's."
                        : "%s lacks the tensor '%s'.",
                    model->path, name);
        return FALSE;
    }
    if (file_shape(shape, dims) == 1)
        return yonos_safetensors_read_f32(model->file, name, values, n, error);
    file = g_new(float, n);
    ok = yonos_safetensors_read_f32(model->file, name, file, n, error);
    if (ok)
        transpose(values, file, shape, FALSE);
    g_free(file);
    return ok;
}

static gboolean load_one(const YonosModelFile *model, YonosExecutor *ex, const YonosParam *param, GError **error)
{
    const YonosTensor *t = yonos_graph_at(ex->graph, param->tensor);
    gsize n = yonos_shape_elements(t->shape);
    float *values = g_new(float, n);
    gboolean ok = yonos_model_file_read(model, param->name, t->shape, values, error) &&
                  yonos_executor_write(ex, t->buffer, t->offset, values, n, error);

    g_free(values);
    return ok;
}

gboolean yonos_model_file_load(const YonosModelFile *model, YonosExecutor *ex, GError **error)
{
    GHashTable *known = g_hash_table_new(g_str_hash, g_str_equal);
    gboolean ok = TRUE;

    for (guint i = 0; ok && i < ex->graph->params->len; i++) {
        const YonosParam *param = &g_array_index(ex->graph->params, YonosParam, i);
        g_hash_table_add(known, param->name);
        ok = load_one(model, ex, param, error);
    }
    for (guint i = 0; ok && i < yonos_safetensors_count(model->file); i++)
        if (!g_hash_table_contains(known, yonos_safetensors_name(model->file, i))) {
            g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL, "%s holds a tensor '%s' that the network does not have.",
                        model->path, yonos_safetensors_name(model->file, i));
            ok = FALSE;
        }
    g_hash_table_unref(known);
    return ok;
}

char *yonos_model_file_second_name(const char *name)
{
    return g_str_has_prefix(name, FIRST) ? g_strconcat(SECOND, name + strlen(FIRST), NULL) : NULL;
}

void yonos_model_file_add_perceptual(YonosGraph *graph)
{
    guint n = graph->params->len;

    for (guint i = 0; i < n; i++) {
        const YonosParam *param = &g_array_index(graph->params, YonosParam, i);
        char *name = yonos_model_file_second_name(param->name);
        if (name)
            yonos_graph_param(graph, name, yonos_graph_shape(graph, param->tensor));
        g_free(name);
    }
}

gboolean yonos_model_file_mix_decoders(YonosExecutor *ex, const float *weights, float fidelity, GError **error)
{
    gboolean ok = TRUE;

    for (guint i = 0; ok && i < ex->graph->params->len; i++) {
        const YonosParam *param = &g_array_index(ex->graph->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(ex->graph, param->tensor), *second;
        gsize n = yonos_shape_elements(t->shape);
        char *name = yonos_model_file_second_name(param->name);
        float *mixed;
        if (!name)
            continue;
        second = yonos_graph_find_param(ex->graph, name);
        mixed = g_new(float, n);
        for (gsize k = 0; k < n; k++)
            mixed[k] = fidelity * weights[t->offset + k] + (1 - fidelity) * weights[second->offset + k];
        ok = yonos_executor_write(ex, t->buffer, t->offset, mixed, n, error);
        g_free(mixed);
        g_free(name);
    }
    return ok;
}

gboolean yonos_model_file_write(const char *path, const YonosGraph *graph, const float *values, YonosStDtype dtype,
                                const char *only, GHashTable *metadata, GError **error)
{
    GArray *tensors = g_array_new(FALSE, TRUE, sizeof(YonosStTensor));
    GPtrArray *data = g_ptr_array_new_with_free_func(g_free);
    gboolean ok;

    for (guint i = 0; i < graph->params->len; i++) {
        const YonosParam *param = &g_array_index(graph->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(graph, param->tensor);
        YonosStTensor st = {.name = param->name};
        float *file;
        if (param->frozen || (only && !g_str_has_prefix(param->name, only)))
            continue;
        file = g_new(float, yonos_shape_elements(t->shape));
        st.n_dims = file_shape(t->shape, st.dims);
        if (st.n_dims == 4)
            transpose((float *)values + t->offset, file, t->shape, TRUE);
        else
            memcpy(file, values + t->offset, yonos_shape_elements(t->shape) * sizeof *file);
        st.data = file;
        g_ptr_array_add(data, file);
        g_array_append_val(tensors, st);
    }
    ok = yonos_safetensors_write(path, dtype, (const YonosStTensor *)tensors->data, tensors->len, metadata, error);
    g_array_unref(tensors);
    g_ptr_array_unref(data);
    return ok;
}
