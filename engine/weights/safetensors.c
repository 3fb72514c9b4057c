/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/safetensors-private.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "base/half.h"

#define MAX_DIGITS 18
#define MAX_DEPTH 3

typedef struct {
    char *name; /* owned by by_name */
    YonosStDtype dtype;
    guint n_dims;
    gint64 dims[YONOS_ST_MAX_DIMS];
    guint64 count;
    guint64 lo, hi;
    guint64 scales; /* of an I8 tensor: where its scales begin */
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

const char *const yonos_st_dtype_names[YONOS_ST_DTYPES] = {"F32", "F16", "I8"};

gsize yonos_st_size(YonosStDtype dtype)
{
    static const gsize sizes[YONOS_ST_DTYPES] = {4, 2, 1};
    return sizes[dtype];
}

static const char BAD_JSON[] = "its header is not valid JSON";
static const char BAD_NUMBER[] = "its header holds a number that is not a whole number of at most 18 digits";

static gboolean G_GNUC_PRINTF(4, 5) fail(GError **error, YonosErrorCode code, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *reason = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, YONOS_ERROR, (gint)code, "%s is not a usable model: %s.", path, reason);
    return FALSE;
}

char *yonos_st_shown(const char *name)
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
    for (guint i = 0; dtype && i < YONOS_ST_DTYPES; i++)
        if (g_str_equal(dtype, yonos_st_dtype_names[i])) {
            entry->dtype = (YonosStDtype)i;
            return NULL;
        }
    return "has a dtype that is not F32, F16 or I8";
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
    gsize size = yonos_st_size(entry->dtype);
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
    g_autofree char *text = yonos_st_shown(name);
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
            g_autofree char *text = yonos_st_shown(entry->name);
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

static Entry *find_scales(const YonosSafetensors *st, const Entry *entry)
{
    g_autofree char *name = g_strconcat(entry->name, YONOS_ST_SCALES, NULL);
    Entry *scales = g_hash_table_lookup(st->by_name, name);
    gboolean fit = scales && entry->n_dims > 0 && scales->dtype == YONOS_ST_F32 && scales->n_dims == 1 &&
                   scales->dims[0] == entry->dims[0];
    return fit ? scales : NULL;
}

/* Tensors of scales belong to their I8 tensors and are not seen by themselves. */
static gboolean take_scales(YonosSafetensors *st, GError **error)
{
    g_autoptr(GHashTable) taken = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < st->entries->len; i++) {
        Entry *entry = g_ptr_array_index(st->entries, i), *scales = NULL;
        if (entry->dtype != YONOS_ST_I8)
            continue;
        scales = find_scales(st, entry);
        if (!scales) {
            g_autofree char *text = yonos_st_shown(entry->name);
            return fail(error, YONOS_ERROR_FORMAT, st->path,
                        "tensor '%s' is I8 and has no tensor of as many F32 scales as its first dimension", text);
        }
        entry->scales = scales->lo;
        g_hash_table_add(taken, scales);
    }
    for (guint i = st->entries->len; i-- > 0;) {
        Entry *entry = g_ptr_array_index(st->entries, i);
        if (!g_hash_table_contains(taken, entry))
            continue;
        g_hash_table_remove(st->by_name, entry->name);
        g_ptr_array_remove_index(st->entries, i);
    }
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
        gboolean ok =
            g_str_equal(name, YONOS_ST_METADATA) ? read_metadata(st, node, error) : read_entry(st, name, node, error);
        if (!ok)
            return FALSE;
    }
    return check_cover(st, error) && take_scales(st, error);
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
    if (header > YONOS_ST_MAX_HEADER || header > size - 8) {
        fail(error, YONOS_ERROR_FORMAT, st->path,
             header > YONOS_ST_MAX_HEADER ? "its header claims to be over 100 MiB long" : "its header is cut off");
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

static float load_f32(const guint8 *p)
{
    guint32 bits = p[0] | (guint32)p[1] << 8 | (guint32)p[2] << 16 | (guint32)p[3] << 24;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float load_value(const guint8 *p, YonosStDtype dtype)
{
    if (dtype == YONOS_ST_I8)
        return (float)(gint8)*p;
    return dtype == YONOS_ST_F16 ? yonos_half_to_float((guint16)(p[0] | p[1] << 8)) : load_f32(p);
}

gboolean yonos_safetensors_read_f32(const YonosSafetensors *st, const char *name, float *out, gsize n, GError **error)
{
    const Entry *entry = g_hash_table_lookup(st->by_name, name);
    g_autofree char *text = yonos_st_shown(name);

    if (!entry)
        return fail(error, YONOS_ERROR_MODEL, st->path, "it has no tensor '%s'", text);
    if (entry->count != n)
        return fail(error, YONOS_ERROR_MODEL, st->path,
                    "tensor '%s' has %" G_GUINT64_FORMAT " values where %" G_GSIZE_FORMAT " are needed", text,
                    entry->count, n);
    gboolean scaled = entry->dtype == YONOS_ST_I8 && n > 0;
    gsize row = scaled ? n / (gsize)entry->dims[0] : n;
    const guint8 *p = st->blob + entry->lo, *scales = st->blob + entry->scales;
    for (gsize i = 0; i < n; scales += sizeof(float)) {
        float scale = scaled ? load_f32(scales) : 1;
        for (gsize end = i + row; i < end; i++, p += yonos_st_size(entry->dtype)) {
            out[i] = load_value(p, entry->dtype) * scale;
            if (!isfinite(out[i]))
                return fail(error, YONOS_ERROR_FORMAT, st->path, "tensor '%s' holds a value that is NaN or infinite",
                            text);
        }
    }
    return TRUE;
}
