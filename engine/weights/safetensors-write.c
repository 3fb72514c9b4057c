/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/safetensors-private.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

#define MAX_DIM G_GINT64_CONSTANT(999999999999999999)
#define MOST_CODE 127

/* A tensor as it will lie in the file. */
typedef struct {
    char *name;
    YonosStDtype dtype;
    guint n_dims;
    const gint64 *dims;
    const float *data;
    float *scales; /* of an I8 tensor's rows */
} Stored;

static void stored_free(gpointer data)
{
    Stored *stored = data;
    g_free(stored->name);
    g_free(stored->scales);
    g_free(stored);
}

/* Larger values first, so that each lies on a multiple of its size. */
static int compare_stored(gconstpointer a, gconstpointer b)
{
    const Stored *x = *(Stored *const *)a, *y = *(Stored *const *)b;
    return x->dtype != y->dtype ? (int)x->dtype - (int)y->dtype : strcmp(x->name, y->name);
}

/* Returns what is wrong with the shape, or NULL. */
static const char *count_values(const YonosStTensor *tensor, guint64 *count)
{
    if (tensor->n_dims > YONOS_ST_MAX_DIMS)
        return "has more than 8 dimensions";
    *count = 1;
    for (guint i = 0; i < tensor->n_dims; i++) {
        gint64 dim = tensor->dims[i];
        if (dim < 0 || dim > MAX_DIM || !g_uint64_checked_mul(count, *count, (guint64)dim))
            return "has an impossible shape";
    }
    return *count > (G_MAXSSIZE - YONOS_ST_MAX_HEADER - 8) / sizeof(float) ? "has an impossible shape" : NULL;
}

static gboolean all_finite(const YonosStTensor *tensor, gsize count, YonosStDtype dtype)
{
    for (gsize i = 0; i < count; i++) {
        float value = tensor->data[i];
        if (!isfinite(dtype == YONOS_ST_F16 ? yonos_half_to_float(yonos_float_to_half(value)) : value))
            return FALSE;
    }
    return TRUE;
}

static Stored *store(GPtrArray *all, const char *name, YonosStDtype dtype, guint n_dims, const gint64 *dims,
                     const float *data)
{
    Stored *stored = g_new(Stored, 1);
    *stored = (Stored){g_strdup(name), dtype, n_dims, dims, data, NULL};
    g_ptr_array_add(all, stored);
    return stored;
}

/* The largest of a row becomes the largest code. */
static void store_scaled(GPtrArray *all, const YonosStTensor *tensor, gsize count)
{
    gsize rows = (gsize)tensor->dims[0], row = count / rows;
    g_autofree char *name = g_strconcat(tensor->name, YONOS_ST_SCALES, NULL);
    Stored *stored = store(all, tensor->name, YONOS_ST_I8, tensor->n_dims, tensor->dims, tensor->data);
    stored->scales = g_new0(float, rows);
    for (gsize i = 0; i < count; i++)
        stored->scales[i / row] = MAX(stored->scales[i / row], fabsf(tensor->data[i]) / MOST_CODE);
    store(all, name, YONOS_ST_F32, 1, tensor->dims, stored->scales);
}

/* Adds what the tensor becomes in the file; returns what is wrong with it, or NULL. */
static const char *add_tensor(GPtrArray *all, GHashTable *names, const YonosStTensor *tensor, YonosStDtype dtype)
{
    guint64 count = 0;
    const char *reason = count_values(tensor, &count);
    if (!g_utf8_validate(tensor->name, -1, NULL) || g_str_equal(tensor->name, YONOS_ST_METADATA))
        reason = "has a name that the format does not allow";
    if (!reason && !g_hash_table_add(names, (gpointer)tensor->name))
        reason = "is there twice";
    if (!reason && dtype == YONOS_ST_I8 && g_str_has_suffix(tensor->name, YONOS_ST_SCALES))
        reason = "has a name that is kept for scales";
    if (dtype == YONOS_ST_I8 && (tensor->n_dims < 2 || count == 0))
        dtype = YONOS_ST_F16;
    if (!reason && !all_finite(tensor, (gsize)count, dtype))
        reason = "holds a value that is NaN, infinite or too large for its dtype";
    if (reason)
        return reason;
    if (dtype == YONOS_ST_I8)
        store_scaled(all, tensor, (gsize)count);
    else
        store(all, tensor->name, dtype, tensor->n_dims, tensor->dims, tensor->data);
    return NULL;
}

static gsize stored_count(const Stored *stored)
{
    gsize count = 1;
    for (guint i = 0; i < stored->n_dims; i++)
        count *= (gsize)stored->dims[i];
    return count;
}

static void append_quoted(GString *json, const char *text)
{
    g_string_append_c(json, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || (guchar)*text < 0x20)
            g_string_append_printf(json, "\\u%04x", (guint)*text);
        else
            g_string_append_c(json, *text);
    }
    g_string_append_c(json, '"');
}

static const char *append_metadata(GString *json, GHashTable *metadata)
{
    g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(metadata), (GCompareFunc)strcmp);
    append_quoted(json, YONOS_ST_METADATA);
    for (GList *key = keys; key; key = key->next) {
        const char *value = g_hash_table_lookup(metadata, key->data);
        if (!g_utf8_validate(key->data, -1, NULL) || !value || !g_utf8_validate(value, -1, NULL))
            return "has a value or key that is not UTF-8 text";
        g_string_append(json, key == keys ? ":{" : ",");
        append_quoted(json, key->data);
        g_string_append_c(json, ':');
        append_quoted(json, value);
    }
    g_string_append_c(json, '}');
    return NULL;
}

/* Moves offset past the tensor's data; FALSE where the file would be too large. */
static gboolean append_stored(GString *json, const Stored *stored, guint64 *offset)
{
    guint64 end = *offset + stored_count(stored) * yonos_st_size(stored->dtype);
    if (json->len > 1)
        g_string_append_c(json, ',');
    append_quoted(json, stored->name);
    g_string_append_printf(json, ":{\"dtype\":\"%s\",\"shape\":[", yonos_st_dtype_names[stored->dtype]);
    for (guint i = 0; i < stored->n_dims; i++)
        g_string_append_printf(json, "%s%" G_GINT64_FORMAT, i ? "," : "", stored->dims[i]);
    g_string_append_printf(json, "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}", *offset, end);
    *offset = end;
    return end <= G_MAXSSIZE - YONOS_ST_MAX_HEADER - 8;
}

static int code(float value, float scale)
{
    return scale > 0 ? CLAMP((int)lrintf(value / scale), -MOST_CODE, MOST_CODE) : 0;
}

static guint8 *put_values(guint8 *p, const Stored *stored)
{
    gsize count = stored_count(stored), row = stored->scales ? count / (gsize)stored->dims[0] : 0;
    for (gsize i = 0; i < count; i++, p += yonos_st_size(stored->dtype)) {
        float value = stored->data[i];
        guint32 bits = yonos_float_to_half(value);
        if (stored->dtype == YONOS_ST_F32)
            memcpy(&bits, &value, sizeof bits);
        else if (stored->dtype == YONOS_ST_I8)
            bits = (guint32)code(value, stored->scales[i / row]);
        bits = GUINT32_TO_LE(bits);
        memcpy(p, &bits, yonos_st_size(stored->dtype));
    }
    return p;
}

static gboolean write_file(const char *path, const GString *json, GPtrArray *sorted, guint64 blob_size, GError **error)
{
    g_autofree char *shown_path = g_filename_display_name(path);
    g_autoptr(GError) local = NULL;
    guint64 header = GUINT64_TO_LE((guint64)json->len);
    gsize size = 8 + json->len + (gsize)blob_size;
    g_autofree guint8 *bytes = g_try_malloc(size);

    if (!bytes) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY, "%s cannot be written: out of memory.", shown_path);
        return FALSE;
    }
    memcpy(bytes, &header, 8);
    memcpy(bytes + 8, json->str, json->len);
    guint8 *p = bytes + 8 + json->len;
    for (guint i = 0; i < sorted->len; i++)
        p = put_values(p, g_ptr_array_index(sorted, i));
    if (g_file_set_contents_full(path, (char *)bytes, (gssize)size, G_FILE_SET_CONTENTS_CONSISTENT, 0666, &local))
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "%s cannot be written: %s.", shown_path, local->message);
    return FALSE;
}

gboolean yonos_safetensors_write(const char *path, YonosStDtype dtype, const YonosStTensor *tensors, guint n,
                                 GHashTable *metadata, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(stored_free);
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GString) json = g_string_new("{");
    const char *name = YONOS_ST_METADATA, *reason = NULL;
    guint64 offset = 0;

    if (metadata && g_hash_table_size(metadata) > 0)
        reason = append_metadata(json, metadata);
    for (guint i = 0; i < n && !reason; i++) {
        name = tensors[i].name;
        reason = add_tensor(all, names, &tensors[i], dtype);
    }
    g_ptr_array_sort(all, compare_stored);
    for (guint i = 0; i < all->len && !reason; i++)
        reason = append_stored(json, g_ptr_array_index(all, i), &offset) ? NULL : "makes the file too large";
    g_string_append_c(json, '}');
    while (json->len % 8 != 0)
        g_string_append_c(json, ' ');
    if (!reason && json->len <= YONOS_ST_MAX_HEADER)
        return write_file(path, json, all, offset, error);
    g_autofree char *shown_path = g_filename_display_name(path);
    g_autofree char *text = yonos_st_shown(name);
    g_set_error(error, YONOS_ERROR, reason ? YONOS_ERROR_MODEL : YONOS_ERROR_UNSUPPORTED,
                "%s cannot be written: '%s' %s.", shown_path, text, reason ? reason : "takes the header over 100 MiB");
    return FALSE;
}
