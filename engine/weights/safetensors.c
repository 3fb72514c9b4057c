/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/safetensors.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "base/half.h"

#define MAX_HEADER (100u * 1024 * 1024)
#define MAX_DIGITS 18
#define MAX_DIM G_GINT64_CONSTANT(999999999999999999)
#define MAX_DEPTH 3
#define METADATA "__metadata__"

typedef struct {
    char *name; /* owned by by_name */
    YonosStDtype dtype;
    guint n_dims;
    gint64 dims[YONOS_ST_MAX_DIMS];
    guint64 count;
    guint64 lo, hi;
} Entry;

struct YonosSafetensors {
    char *path; /* for messages */
    GMappedFile *file;
    const guint8 *blob;
    guint64 blob_size;
    GPtrArray *entries;
    GHashTable *by_name;
    GHashTable *metadata;
};

static const char BAD_JSON[] = "its header is not valid JSON";
static const char BAD_NUMBER[] = "its header holds a number that is not a whole number of at most 18 digits";

static gsize dtype_size(YonosStDtype dtype)
{
    return dtype == YONOS_ST_F16 ? 2 : 4;
}

static gboolean G_GNUC_PRINTF(4, 5)
    fail(GError **error, YonosErrorCode code, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *reason = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, YONOS_ERROR, (gint)code, "%s is not a usable model: %s.", path, reason);
    return FALSE;
}

/* Names come from the file, and one with newlines or a megabyte long would wreck the message. */
static char *shown(const char *name)
{
    g_autofree char *valid = g_utf8_make_valid(name, (gssize)MIN(strlen(name), 400));
    char *text = g_utf8_strlen(valid, -1) > 80 ? g_utf8_substring(valid, 0, 80) : g_strdup(valid);
    for (char *c = text; *c; c++) {
        if (g_ascii_iscntrl(*c))
            *c = '?';
    }
    return text;
}

/* The bytes that the escape at p takes, 0 if it is a bad one. A lone surrogate makes json-glib abort, and an escaped
 * NUL makes it cut the string short. */
static gsize escape_length(const char *p, const char *end)
{
    if (end - p < 6 || p[1] != 'u')
        return end - p >= 2 && p[1] && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
    guint unit = 0;
    for (int i = 2; i < 6; i++) {
        if (!g_ascii_isxdigit(p[i]))
            return 0;
        unit = unit * 16 + (guint)g_ascii_xdigit_value(p[i]);
    }
    return unit == 0 || (unit >= 0xd800 && unit <= 0xdfff) ? 0 : 6;
}

static const char *scan_string(const char **at, const char *end)
{
    const char *p = *at + 1;
    while (p < end && *p != '"') {
        gsize length = *p == '\\' ? escape_length(p, end) : (guchar)*p >= 0x20;
        if (length == 0)
            return BAD_JSON;
        p += length;
    }
    if (p >= end)
        return BAD_JSON;
    *at = p + 1;
    return NULL;
}

/* json-glib wraps numbers past 64 bits around and reads a leading 0 as octal. */
static const char *scan_number(const char **at, const char *end)
{
    const char *p = *at + (**at == '-');
    const char *start = p;
    while (p < end && g_ascii_isdigit(*p))
        p++;
    if (p == start || p - start > MAX_DIGITS || (*start == '0' && p - start > 1))
        return BAD_NUMBER;
    if (p < end && (*p == '.' || *p == 'e' || *p == 'E'))
        return BAD_NUMBER;
    *at = p;
    return NULL;
}

/* json-glib takes more than JSON (comments, assignments, several roots) and recurses without a limit, so it gets only
 * text that uses no more than a safetensors header can. Returns why not, or NULL. */
static const char *scan_header(const char *text, gsize length)
{
    const char *p = text, *end = text + length, *reason = NULL;
    int depth = 0;

    if (length == 0 || *p != '{')
        return "its header is not a JSON object";
    while (p < end && !reason) {
        if (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') {
            p++;
        } else if (p != text && depth == 0) {
            reason = BAD_JSON;
        } else if (*p == '"') {
            reason = scan_string(&p, end);
        } else if (*p == '-' || g_ascii_isdigit(*p)) {
            reason = scan_number(&p, end);
        } else if (*p == '{' || *p == '[') {
            reason = ++depth > MAX_DEPTH ? "its header is nested too deeply" : NULL;
            p++;
        } else if (*p == '}' || *p == ']') {
            depth--;
            p++;
        } else if (*p++ != ',' && p[-1] != ':') {
            reason = BAD_JSON;
        }
    }
    return reason || depth == 0 ? reason : BAD_JSON;
}

static gboolean get_int(JsonNode *node, gint64 *value)
{
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64)
        return FALSE;
    *value = json_node_get_int(node);
    return *value >= 0;
}

static const char *get_string(JsonNode *node)
{
    if (!node || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
        return NULL;
    return json_node_get_string(node);
}

static JsonArray *get_array(JsonObject *object, const char *key)
{
    JsonNode *node = json_object_get_member(object, key);
    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

/* These three return what is wrong with the tensor, or NULL. */
static const char *read_dtype(JsonObject *object, Entry *entry)
{
    const char *dtype = get_string(json_object_get_member(object, "dtype"));
    if (!dtype || (!g_str_equal(dtype, "F32") && !g_str_equal(dtype, "F16")))
        return "has a dtype that is not F32 or F16";
    entry->dtype = g_str_equal(dtype, "F16") ? YONOS_ST_F16 : YONOS_ST_F32;
    return NULL;
}

static const char *read_shape(JsonObject *object, Entry *entry)
{
    JsonArray *shape = get_array(object, "shape");
    if (!shape || json_array_get_length(shape) > YONOS_ST_MAX_DIMS)
        return "has no shape of at most 8 dimensions";
    entry->n_dims = json_array_get_length(shape);
    entry->count = 1;
    for (guint i = 0; i < entry->n_dims; i++) {
        if (!get_int(json_array_get_element(shape, i), &entry->dims[i]))
            return "has a dimension that is not a whole number from 0 up";
        if (!g_uint64_checked_mul(&entry->count, entry->count, (guint64)entry->dims[i]))
            return "has an impossibly large shape";
    }
    return NULL;
}

static const char *read_offsets(JsonObject *object, Entry *entry, guint64 blob_size)
{
    JsonArray *offsets = get_array(object, "data_offsets");
    gsize size = dtype_size(entry->dtype);
    gint64 lo, hi;

    if (!offsets || json_array_get_length(offsets) != 2 || !get_int(json_array_get_element(offsets, 0), &lo) ||
        !get_int(json_array_get_element(offsets, 1), &hi))
        return "has no data_offsets of two whole numbers from 0 up";
    entry->lo = (guint64)lo;
    entry->hi = (guint64)hi;
    if (lo > hi)
        return "ends before it starts";
    if (entry->hi > blob_size)
        return "reaches past the end of the file";
    if (entry->lo % size != 0)
        return "is not aligned to its dtype";
    if ((entry->hi - entry->lo) % size != 0 || (entry->hi - entry->lo) / size != entry->count)
        return "has a shape that does not match its data";
    return NULL;
}

static gboolean read_metadata(YonosSafetensors *st, JsonNode *node, GError **error)
{
    JsonObjectIter iter;
    const char *key;
    JsonNode *value;

    if (!JSON_NODE_HOLDS_OBJECT(node))
        return fail(error, YONOS_ERROR_FORMAT, st->path, "its metadata is not a JSON object");
    json_object_iter_init(&iter, json_node_get_object(node));
    while (json_object_iter_next(&iter, &key, &value)) {
        if (!get_string(value))
            return fail(error, YONOS_ERROR_FORMAT, st->path, "its metadata holds something other than text");
        g_hash_table_insert(st->metadata, g_strdup(key), g_strdup(get_string(value)));
    }
    return TRUE;
}

static gboolean read_entry(YonosSafetensors *st, const char *name, JsonNode *node, GError **error)
{
    Entry *entry = g_new0(Entry, 1);
    entry->name = g_strdup(name);
    g_ptr_array_add(st->entries, entry);
    g_hash_table_insert(st->by_name, entry->name, entry);

    JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *reason = object ? read_dtype(object, entry) : "is not described by a JSON object";
    if (!reason)
        reason = read_shape(object, entry);
    if (!reason)
        reason = read_offsets(object, entry, st->blob_size);
    g_autofree char *text = shown(name);
    return !reason || fail(error, YONOS_ERROR_FORMAT, st->path, "tensor '%s' %s", text, reason);
}

static int compare_entries(gconstpointer a, gconstpointer b)
{
    const Entry *x = *(Entry *const *)a, *y = *(Entry *const *)b;
    if (x->lo != y->lo)
        return x->lo < y->lo ? -1 : 1;
    if (x->hi != y->hi)
        return x->hi < y->hi ? -1 : 1;
    return strcmp(x->name, y->name);
}

static gboolean check_cover(YonosSafetensors *st, GError **error)
{
    guint64 covered = 0;
    g_ptr_array_sort(st->entries, compare_entries);
    for (guint i = 0; i < st->entries->len; i++) {
        const Entry *entry = g_ptr_array_index(st->entries, i);
        if (entry->lo != covered) {
            g_autofree char *text = shown(entry->name);
            return fail(error, YONOS_ERROR_FORMAT, st->path,
                        entry->lo < covered ? "tensor '%s' overlaps its neighbour"
                                            : "there are unused bytes before tensor '%s'",
                        text);
        }
        covered = entry->hi;
    }
    if (covered != st->blob_size)
        return fail(error, YONOS_ERROR_FORMAT, st->path, "there are unused bytes after its last tensor");
    return TRUE;
}

static void count_member(JsonParser *parser, JsonObject *object, const char *name, gpointer balance)
{
    (void)parser, (void)object, (void)name;
    ++*(gint64 *)balance;
}

static void count_object(JsonParser *parser, JsonObject *object, gpointer balance)
{
    (void)parser;
    *(gint64 *)balance -= json_object_get_size(object);
}

/* Members seen minus members kept is not 0 if json-glib dropped a name that came twice. */
static gboolean parse_json(const YonosSafetensors *st, JsonParser *parser, const char *text, gsize length,
                           GError **error)
{
    gint64 balance = 0;
    const char *reason = scan_header(text, length);
    if (reason)
        return fail(error, YONOS_ERROR_FORMAT, st->path, "%s", reason);
    g_signal_connect(parser, "object-member", G_CALLBACK(count_member), &balance);
    g_signal_connect(parser, "object-end", G_CALLBACK(count_object), &balance);
    gboolean parsed = json_parser_load_from_data(parser, text, (gssize)length, NULL);
    g_signal_handlers_disconnect_by_data(parser, &balance);
    if (!parsed)
        return fail(error, YONOS_ERROR_FORMAT, st->path, "%s", BAD_JSON);
    JsonNode *root = json_parser_get_root(parser);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root))
        return fail(error, YONOS_ERROR_FORMAT, st->path, "its header is not a JSON object");
    if (balance != 0)
        return fail(error, YONOS_ERROR_FORMAT, st->path, "its header has the same name twice");
    return TRUE;
}

static gboolean read_header(YonosSafetensors *st, const char *bytes, gsize length, GError **error)
{
    /* A copy, so that nobody can change the file between a check and its use. */
    g_autofree char *text = g_strndup(bytes, length);
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    if (!g_utf8_validate(text, (gssize)length, NULL))
        return fail(error, YONOS_ERROR_FORMAT, st->path, "its header is not UTF-8 text");
    if (!parse_json(st, parser, text, length, error))
        return FALSE;
    json_object_iter_init(&iter, json_node_get_object(json_parser_get_root(parser)));
    while (json_object_iter_next(&iter, &name, &node)) {
        gboolean ok = g_str_equal(name, METADATA) ? read_metadata(st, node, error) : read_entry(st, name, node, error);
        if (!ok)
            return FALSE;
    }
    return check_cover(st, error);
}

static GMappedFile *map_file(const char *path, const char *shown_path, GError **error)
{
    g_autoptr(GError) local = NULL;
    /* Opening a pipe would wait for a writer. */
    if (g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        fail(error, YONOS_ERROR_FILE, shown_path,
             g_file_test(path, G_FILE_TEST_IS_DIR) ? "it is a directory" : "it is not a regular file");
        return NULL;
    }
    GMappedFile *file = g_mapped_file_new(path, FALSE, &local);
    if (!file)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "%s cannot be read: %s.", shown_path, local->message);
    return file;
}

YonosSafetensors *yonos_safetensors_open(const char *path, GError **error)
{
    g_autoptr(YonosSafetensors) st = g_new0(YonosSafetensors, 1);
    guint64 header;

    st->path = g_filename_display_name(path);
    st->entries = g_ptr_array_new_with_free_func(g_free);
    st->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    st->metadata = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    st->file = map_file(path, st->path, error);
    if (!st->file)
        return NULL;

    gsize size = g_mapped_file_get_length(st->file);
    const char *bytes = g_mapped_file_get_contents(st->file);
    if (size < 8) {
        fail(error, YONOS_ERROR_FORMAT, st->path, size == 0 ? "it is empty" : "it is too short");
        return NULL;
    }
    memcpy(&header, bytes, 8);
    header = GUINT64_FROM_LE(header);
    if (header > MAX_HEADER || header > size - 8) {
        fail(error, YONOS_ERROR_FORMAT, st->path,
             header > MAX_HEADER ? "its header claims to be over 100 MiB long" : "its header is cut off");
        return NULL;
    }
    st->blob = (const guint8 *)bytes + 8 + header;
    st->blob_size = size - 8 - header;
    return read_header(st, bytes + 8, (gsize)header, error) ? g_steal_pointer(&st) : NULL;
}

void yonos_safetensors_free(YonosSafetensors *st)
{
    if (!st)
        return;
    g_clear_pointer(&st->by_name, g_hash_table_unref);
    g_clear_pointer(&st->metadata, g_hash_table_unref);
    g_clear_pointer(&st->entries, g_ptr_array_unref);
    g_clear_pointer(&st->file, g_mapped_file_unref);
    g_free(st->path);
    g_free(st);
}

const char *yonos_safetensors_metadata(const YonosSafetensors *st, const char *key)
{
    return g_hash_table_lookup(st->metadata, key);
}

guint yonos_safetensors_count(const YonosSafetensors *st)
{
    return st->entries->len;
}

const char *yonos_safetensors_name(const YonosSafetensors *st, guint i)
{
    return i < st->entries->len ? ((const Entry *)g_ptr_array_index(st->entries, i))->name : NULL;
}

gboolean yonos_safetensors_shape(const YonosSafetensors *st, const char *name, guint *n_dims,
                                 gint64 dims[YONOS_ST_MAX_DIMS])
{
    const Entry *entry = g_hash_table_lookup(st->by_name, name);
    if (!entry)
        return FALSE;
    *n_dims = entry->n_dims;
    memcpy(dims, entry->dims, sizeof entry->dims);
    return TRUE;
}

static float load_value(const guint8 *p, YonosStDtype dtype)
{
    if (dtype == YONOS_ST_F16)
        return yonos_half_to_float((guint16)(p[0] | p[1] << 8));
    guint32 bits = p[0] | (guint32)p[1] << 8 | (guint32)p[2] << 16 | (guint32)p[3] << 24;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

gboolean yonos_safetensors_read_f32(const YonosSafetensors *st, const char *name, float *out, gsize n, GError **error)
{
    const Entry *entry = g_hash_table_lookup(st->by_name, name);
    g_autofree char *text = shown(name);

    if (!entry)
        return fail(error, YONOS_ERROR_MODEL, st->path, "it has no tensor '%s'", text);
    if (entry->count != n)
        return fail(error, YONOS_ERROR_MODEL, st->path,
                    "tensor '%s' has %" G_GUINT64_FORMAT " values where %" G_GSIZE_FORMAT " are needed", text,
                    entry->count, n);
    const guint8 *p = st->blob + entry->lo;
    for (gsize i = 0; i < n; i++, p += dtype_size(entry->dtype)) {
        out[i] = load_value(p, entry->dtype);
        if (!isfinite(out[i]))
            return fail(error, YONOS_ERROR_FORMAT, st->path, "tensor '%s' holds a value that is NaN or infinite", text);
    }
    return TRUE;
}

static int compare_tensors(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const YonosStTensor *const *)a)->name, (*(const YonosStTensor *const *)b)->name);
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
    append_quoted(json, METADATA);
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

/* Returns what is wrong with the tensor, or NULL; moves offset past its data. */
static const char *append_tensor(GString *json, const YonosStTensor *tensor, YonosStDtype dtype, guint64 *offset)
{
    guint64 count = 1, end;
    if (!g_utf8_validate(tensor->name, -1, NULL) || g_str_equal(tensor->name, METADATA))
        return "has a name that the format does not allow";
    if (tensor->n_dims > YONOS_ST_MAX_DIMS)
        return "has more than 8 dimensions";
    if (json->len > 1)
        g_string_append_c(json, ',');
    append_quoted(json, tensor->name);
    g_string_append_printf(json, ":{\"dtype\":\"%s\",\"shape\":[", dtype == YONOS_ST_F16 ? "F16" : "F32");
    for (guint i = 0; i < tensor->n_dims; i++) {
        gint64 dim = tensor->dims[i];
        if (dim < 0 || dim > MAX_DIM || !g_uint64_checked_mul(&count, count, (guint64)dim))
            return "has an impossible shape";
        g_string_append_printf(json, "%s%" G_GINT64_FORMAT, i ? "," : "", dim);
    }
    if (!g_uint64_checked_mul(&end, count, dtype_size(dtype)) || !g_uint64_checked_add(&end, end, *offset) ||
        end > G_MAXSSIZE - MAX_HEADER - 8)
        return "has an impossible shape";
    for (gsize i = 0; i < count; i++) {
        if (!isfinite(dtype == YONOS_ST_F16 ? yonos_half_to_float(yonos_float_to_half(tensor->data[i]))
                                            : tensor->data[i]))
            return "holds a value that is NaN, infinite or too large for its dtype";
    }
    g_string_append_printf(json, "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}", *offset, end);
    *offset = end;
    return NULL;
}

static guint8 *store_values(guint8 *p, const float *values, gsize count, YonosStDtype dtype)
{
    for (gsize i = 0; i < count; i++, p += dtype_size(dtype)) {
        guint32 bits = yonos_float_to_half(values[i]);
        if (dtype == YONOS_ST_F32)
            memcpy(&bits, &values[i], sizeof bits);
        bits = GUINT32_TO_LE(bits);
        memcpy(p, &bits, dtype_size(dtype));
    }
    return p;
}

static gboolean write_file(const char *path, const GString *json, GPtrArray *sorted, guint64 blob_size,
                           YonosStDtype dtype, GError **error)
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
    for (guint i = 0; i < sorted->len; i++) {
        const YonosStTensor *tensor = g_ptr_array_index(sorted, i);
        gsize count = 1;
        for (guint d = 0; d < tensor->n_dims; d++)
            count *= (gsize)tensor->dims[d];
        p = store_values(p, tensor->data, count, dtype);
    }
    if (g_file_set_contents_full(path, (char *)bytes, (gssize)size, G_FILE_SET_CONTENTS_CONSISTENT, 0666, &local))
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "%s cannot be written: %s.", shown_path, local->message);
    return FALSE;
}

gboolean yonos_safetensors_write(const char *path, YonosStDtype dtype, const YonosStTensor *tensors, guint n,
                                 GHashTable *metadata, GError **error)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    g_autoptr(GString) json = g_string_new("{");
    const char *name = METADATA, *reason = NULL;
    guint64 offset = 0;

    for (guint i = 0; i < n; i++)
        g_ptr_array_add(sorted, (gpointer)&tensors[i]);
    g_ptr_array_sort(sorted, compare_tensors);
    if (metadata && g_hash_table_size(metadata) > 0)
        reason = append_metadata(json, metadata);
    for (guint i = 0; i < n && !reason; i++) {
        const YonosStTensor *tensor = g_ptr_array_index(sorted, i);
        gboolean twice = i > 0 && g_str_equal(name, tensor->name);
        name = tensor->name;
        reason = twice ? "is there twice" : append_tensor(json, tensor, dtype, &offset);
    }
    g_string_append_c(json, '}');
    while (json->len % 8 != 0)
        g_string_append_c(json, ' ');
    if (!reason && json->len <= MAX_HEADER)
        return write_file(path, json, sorted, offset, dtype, error);
    g_autofree char *shown_path = g_filename_display_name(path);
    g_autofree char *text = shown(name);
    g_set_error(error, YONOS_ERROR, reason ? YONOS_ERROR_MODEL : YONOS_ERROR_UNSUPPORTED,
                "%s cannot be written: '%s' %s.", shown_path, text, reason ? reason : "takes the header over 100 MiB");
    return FALSE;
}
