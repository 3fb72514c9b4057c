/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "blend.h"
#include "base/error.h"
#include "models/model-file.h"
#include "stage.h"
#include "weights/safetensors.h"

#include <math.h>
#include <string.h>

static const char *const kept[] = {"tier", YONOS_STAGE_PREDICT, YONOS_MODEL_INPUT};

static gboolean differs(const char *path, const char *first, const char *what, GError **error)
{
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL, "%s and %s differ in %s; blend results of one stage.", path,
                first, what);
    return FALSE;
}

static gboolean check_alike(const YonosSafetensors *st, const char *path, const YonosSafetensors *first,
                            const char *first_path, GError **error)
{
    for (guint k = 0; k < G_N_ELEMENTS(kept); k++)
        if (g_strcmp0(yonos_safetensors_metadata(st, kept[k]), yonos_safetensors_metadata(first, kept[k])))
            return differs(path, first_path, kept[k], error);
    if (yonos_safetensors_count(st) != yonos_safetensors_count(first))
        return differs(path, first_path, "how many tensors they have", error);
    return TRUE;
}

/* Adds the part's tensors to the sums, one after the other, which have the first part's names and shapes. */
static gboolean add(const YonosBlendPart *part, const YonosSafetensors *st, YonosStTensor *sums, guint n_sums,
                    GError **error)
{
    for (guint i = 0; i < n_sums; i++) {
        gint64 dims[YONOS_ST_MAX_DIMS];
        guint n_dims;
        gsize n = 1;
        float *sum = (float *)sums[i].data, *values;
        gboolean ok;

        if (!yonos_safetensors_shape(st, sums[i].name, &n_dims, dims) || n_dims != sums[i].n_dims ||
            memcmp(dims, sums[i].dims, sizeof dims))
            return differs(part->path, "the first", sums[i].name, error);
        for (guint k = 0; k < n_dims; k++)
            n *= (gsize)dims[k];
        values = g_new(float, n);
        ok = yonos_safetensors_read_f32(st, sums[i].name, values, n, error);
        for (gsize k = 0; ok && k < n; k++)
            sum[k] += (float)part->weight * values[k];
        g_free(values);
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

/* The first part's tensors, of zeros. */
static YonosStTensor *zeros(const YonosSafetensors *first, guint n)
{
    YonosStTensor *sums = g_new0(YonosStTensor, n);

    for (guint i = 0; i < n; i++) {
        gsize size = 1;
        sums[i].name = yonos_safetensors_name(first, i);
        yonos_safetensors_shape(first, sums[i].name, &sums[i].n_dims, sums[i].dims);
        for (guint k = 0; k < sums[i].n_dims; k++)
            size *= (gsize)sums[i].dims[k];
        sums[i].data = g_new0(float, size);
    }
    return sums;
}

gboolean yonos_blend(const char *path, const YonosBlendPart *parts, guint n, GError **error)
{
    YonosSafetensors *first = yonos_safetensors_open(parts[0].path, error);
    guint n_sums = first ? yonos_safetensors_count(first) : 0;
    YonosStTensor *sums = first ? zeros(first, n_sums) : NULL;
    GHashTable *metadata = g_hash_table_new(g_str_hash, g_str_equal);
    gboolean ok = first != NULL;
    double all = 0;

    for (guint i = 0; i < n; i++)
        all += parts[i].weight;
    if (ok && !(fabs(all - 1) < 1e-6)) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED, "The weights add up to %g instead of 1.", all);
        ok = FALSE;
    }
    for (guint i = 0; ok && i < n; i++) {
        YonosSafetensors *st = yonos_safetensors_open(parts[i].path, error);
        ok = st && check_alike(st, parts[i].path, first, parts[0].path, error) &&
             add(&parts[i], st, sums, n_sums, error);
        yonos_safetensors_free(st);
    }
    for (guint k = 0; ok && k < G_N_ELEMENTS(kept); k++) {
        const char *value = yonos_safetensors_metadata(first, kept[k]);
        if (value)
            g_hash_table_insert(metadata, (gpointer)kept[k], (gpointer)value);
    }
    ok = ok && yonos_safetensors_write(path, YONOS_ST_F32, sums, n_sums, metadata, error);
    for (guint i = 0; i < n_sums; i++)
        g_free((gpointer)sums[i].data);
    g_free(sums);
    g_hash_table_unref(metadata);
    yonos_safetensors_free(first);
    return ok;
}
