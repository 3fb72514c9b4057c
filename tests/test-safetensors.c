/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "weights/safetensors.h"

static char *dir;

static void put_bytes(const char *path, gconstpointer bytes, gsize length)
{
    /* Not g_file_set_contents_full() with FLAGS_NONE: that leaves the end of a longer file in place (GLib 2.74). */
    FILE *file = g_fopen(path, "wb");
    g_assert_nonnull(file);
    g_assert_cmpuint(length ? fwrite(bytes, 1, length, file) : 0, ==, length);
    g_assert_cmpint(fclose(file), ==, 0);
}

/* Writes claimed as the length (the true one if negative), the header and blob bytes of 0. */
static char *put_file(const char *header, gssize length, gint64 claimed, gsize blob)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    gsize real = length < 0 ? strlen(header) : (gsize)length;
    guint64 le = GUINT64_TO_LE(claimed < 0 ? (guint64)real : (guint64)claimed);
    char *path = g_build_filename(dir, "case.safetensors", NULL);

    g_byte_array_append(bytes, (const guint8 *)&le, 8);
    g_byte_array_append(bytes, (const guint8 *)header, (guint)real);
    for (gsize i = 0; i < blob; i++)
        g_byte_array_append(bytes, (const guint8 *)"", 1);
    put_bytes(path, bytes->data, bytes->len);
    return path;
}

static void assert_refused(const char *path, YonosErrorCode code, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(YonosSafetensors) st = yonos_safetensors_open(path, &error);
    g_assert_null(st);
    g_assert_error(error, YONOS_ERROR, (gint)code);
    g_assert_true(g_str_has_prefix(error->message, path));
    g_assert_true(g_str_has_suffix(error->message, "."));
    g_test_message("%s", error->message);
    if (!strstr(error->message, part))
        g_error("'%s' is not in '%s'", part, error->message);
}

/* nextafterf() for positive numbers, without libm. */
static float nudge(float value, gint32 steps)
{
    gint32 bits;
    memcpy(&bits, &value, sizeof bits);
    bits += steps;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void test_half(void)
{
    for (guint32 h = 0; h < 0x10000; h++) {
        float value = yonos_half_to_float((guint16)h);
        guint exponent = (h >> 10) & 31, mantissa = h & 0x3ff;
        if (exponent == 31 && mantissa) {
            g_assert_true(isnan(value));
            g_assert_true(isnan(yonos_half_to_float(yonos_float_to_half(value))));
            continue;
        }
        g_assert_cmphex(yonos_float_to_half(value), ==, h);
        double want = exponent ? ldexp(1024 + mantissa, (int)exponent - 25) : ldexp(mantissa, -24);
        if (exponent == 31)
            want = INFINITY;
        g_assert_true((double)value == (h & 0x8000 ? -want : want));
        if (h >= 0x7bff)
            continue;
        /* The middle of two neighbours goes to the even one, a bit more or less to the nearer one. */
        float middle = (value + yonos_half_to_float((guint16)(h + 1))) / 2;
        g_assert_cmphex(yonos_float_to_half(middle), ==, h + (h & 1));
        g_assert_cmphex(yonos_float_to_half(nudge(middle, -1)), ==, h);
        g_assert_cmphex(yonos_float_to_half(nudge(middle, 1)), ==, h + 1);
    }
    g_assert_cmphex(yonos_float_to_half(65519.99f), ==, 0x7bff);
    g_assert_cmphex(yonos_float_to_half(65520.0f), ==, 0x7c00);
    g_assert_cmphex(yonos_float_to_half(-1e30f), ==, 0xfc00);
}

static const float VALUES[15] = {0.1f, -1.5f, 3.14159f, 1e-6f, -65504.0f, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* a row of zeros, and one whose scale is the smallest number */
static const float TINY[4] = {0, 0, 0x1p-149f * 190, -0x1p-149f * 190};

static const YonosStTensor TENSORS[] = {
    {"odd", 3, {1, 5, 3}, VALUES},
    {"scalar", 0, {0}, VALUES + 2},
    {"empty", 2, {999999999999999999, 0}, NULL},
    {"q\"uo\\te\n\xc3\xa9", 1, {7}, VALUES + 1},
    {"eight", 8, {1, 1, 1, 3, 1, 1, 1, 1}, VALUES},
    {"rows", 2, {7, 2}, VALUES + 1},
    {"tiny", 2, {2, 2}, TINY},
};

static void write_sample(const char *path, YonosStDtype dtype)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) metadata = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_insert(metadata, (gpointer) "scale", (gpointer) "2");
    g_hash_table_insert(metadata, (gpointer) "a\"b", (gpointer) "x\\\t\xf0\x9f\x98\x80");
    g_assert_true(yonos_safetensors_write(path, dtype, TENSORS, G_N_ELEMENTS(TENSORS), metadata, &error));
    g_assert_no_error(error);
}

static void check_sample(const YonosSafetensors *st, const YonosStTensor *tensor, YonosStDtype dtype)
{
    g_autoptr(GError) error = NULL;
    gint64 dims[8];
    guint n_dims;
    gsize count = 1;
    float out[15];

    g_assert_true(yonos_safetensors_shape(st, tensor->name, &n_dims, dims));
    g_assert_cmpuint(n_dims, ==, tensor->n_dims);
    g_assert_cmpmem(dims, sizeof dims, tensor->dims, sizeof tensor->dims);
    for (guint i = 0; i < n_dims; i++)
        count *= (gsize)dims[i];
    g_assert_true(yonos_safetensors_read_f32(st, tensor->name, out, count, &error));
    g_assert_no_error(error);
    for (gsize i = 0; i < count; i++) {
        float want = tensor->data[i], most = 0;
        gsize row = n_dims ? count / (gsize)dims[0] : 1;
        if (dtype == YONOS_ST_F16 || (dtype == YONOS_ST_I8 && n_dims < 2))
            want = yonos_half_to_float(yonos_float_to_half(want));
        for (gsize k = i / row * row; dtype == YONOS_ST_I8 && n_dims > 1 && k < (i / row + 1) * row; k++)
            most = MAX(most, fabsf(tensor->data[k]));
        g_assert_true(fabsf(out[i] - want) <= (most > 0 ? most / 127 * 0.5001f + 0x1p-143f : 0));
    }
    g_assert_false(yonos_safetensors_read_f32(st, tensor->name, out, count + 1, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MODEL);
}

static void test_round_trip(gconstpointer data)
{
    YonosStDtype dtype = GPOINTER_TO_INT(data);
    g_autofree char *path = g_build_filename(dir, "sample.safetensors", NULL);
    g_autoptr(GError) error = NULL;
    guint64 header;
    guint n_dims;
    gint64 dims[8];

    write_sample(path, dtype);
    g_autoptr(YonosSafetensors) st = yonos_safetensors_open(path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(yonos_safetensors_count(st), ==, G_N_ELEMENTS(TENSORS));
    for (guint i = 0; i < G_N_ELEMENTS(TENSORS); i++)
        check_sample(st, &TENSORS[i], dtype);
    g_assert_cmpstr(yonos_safetensors_name(st, 0), ==, dtype == YONOS_ST_I8 ? "empty" : "eight");
    g_assert_null(yonos_safetensors_name(st, G_N_ELEMENTS(TENSORS)));
    g_assert_cmpstr(yonos_safetensors_metadata(st, "scale"), ==, "2");
    g_assert_cmpstr(yonos_safetensors_metadata(st, "a\"b"), ==, "x\\\t\xf0\x9f\x98\x80");
    g_assert_null(yonos_safetensors_metadata(st, "none"));
    g_assert_false(yonos_safetensors_shape(st, "none", &n_dims, dims));
    g_assert_false(yonos_safetensors_read_f32(st, "none", NULL, 0, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MODEL);

    g_autofree char *first = NULL, *second = NULL;
    gsize first_size, second_size;
    g_assert_true(g_file_get_contents(path, &first, &first_size, NULL));
    write_sample(path, dtype);
    g_assert_true(g_file_get_contents(path, &second, &second_size, NULL));
    g_assert_cmpmem(first, first_size, second, second_size);
    memcpy(&header, first, 8);
    g_assert_cmpuint(GUINT64_FROM_LE(header) % 8, ==, 0);
    yonos_safetensors_free(NULL);
}

static void test_write_refuses(void)
{
    static const float bad[] = {NAN, INFINITY, 65520.0f};
    const YonosStTensor cases[][2] = {
        {{"a", 1, {1}, &bad[0]}, {"b", 0, {0}, VALUES}},
        {{"a", 1, {1}, &bad[1]}, {"b", 0, {0}, VALUES}},
        {{"a", 1, {1}, &bad[2]}, {"b", 0, {0}, VALUES}},
        {{"a", 1, {1}, VALUES}, {"a", 0, {0}, VALUES}},
        {{"a", 1, {-1}, VALUES}, {"b", 0, {0}, VALUES}},
        {{"a", 9, {1}, VALUES}, {"b", 0, {0}, VALUES}},
        {{"a\xff", 1, {1}, VALUES}, {"b", 0, {0}, VALUES}},
        {{"__metadata__", 1, {1}, VALUES}, {"b", 0, {0}, VALUES}},
        {{"a", 2, {G_MAXINT32, G_MAXINT64}, VALUES}, {"b", 0, {0}, VALUES}},
    };
    g_autofree char *path = g_build_filename(dir, "never.safetensors", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(yonos_safetensors_write(path, YONOS_ST_F16, cases[i], 2, NULL, &error));
        g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MODEL);
        g_assert_true(g_str_has_prefix(error->message, path));
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    }
    g_autoptr(GError) error = NULL;
    g_assert_false(
        yonos_safetensors_write(path, YONOS_ST_I8, &(YonosStTensor){"a.scale", 1, {1}, VALUES}, 1, NULL, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MODEL);
    g_clear_error(&error);
    g_assert_false(yonos_safetensors_write(dir, YONOS_ST_F16, NULL, 0, NULL, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
}

#define T(dtype, shape, offsets) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct {
    const char *header;
    gint64 claimed;
    gsize blob;
    const char *part;
} HOSTILE[] = {
    {"{", 1000, 0, "cut off"},
    {"{}", G_MAXINT64, 0, "100 MiB"},
    {"{}", 100 * 1024 * 1024 + 1, 0, "100 MiB"},
    {"{}", 3, 0, "cut off"},
    {"", -1, 0, "not a JSON object"},
    {"{\"x\":", -1, 0, "not valid JSON"},
    {"{\"x\" 1}", -1, 0, "not valid JSON"},
    {"{]", -1, 0, "not valid JSON"},
    {"{}{}", -1, 0, "not valid JSON"},
    {"{/* */}", -1, 0, "not valid JSON"},
    {"{\"x\":null}", -1, 0, "not valid JSON"},
    {"{\"x", -1, 0, "not valid JSON"},
    {"{\"\\ud800\":{}}", -1, 0, "not valid JSON"},
    {"{\"\\ud800\\ud800\":{}}", -1, 0, "not valid JSON"},
    {"{\"\\u0000\":{}}", -1, 0, "not valid JSON"},
    {"{\"\\q\":{}}", -1, 0, "not valid JSON"},
    {"{\"\xff\":{}}", -1, 0, "UTF-8"},
    {"[1,2]", -1, 0, "not a JSON object"},
    {"3", -1, 0, "not a JSON object"},
    {"{\"x\":[[[[1]]]]}", -1, 0, "too deeply"},
    {"{\"x\":7}", -1, 0, "JSON object"},
    {"{\"x\":{}}", -1, 0, "dtype"},
    {"{\"x\":{\"dtype\":\"F32\"}}", -1, 0, "shape"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1]}}", -1, 4, "data_offsets"},
    {"{\"__metadata__\":{\"a\":1}}", -1, 0, "metadata"},
    {"{\"__metadata__\":[]}", -1, 0, "metadata"},
    {"{\"x\":" T("F32", "[2]", "[0,8]") ",\"y\":" T("F32", "[2]", "[4,12]") "}", -1, 12, "tensor 'y' overlaps"},
    {"{\"x\":" T("F32", "[1]", "[0,4]") ",\"x\":" T("F32", "[1]", "[0,4]") "}", -1, 4, "twice"},
    {"{\"x\":" T("F32", "[1]", "[0,4]") ",\"y\":" T("F32", "[1]", "[8,12]") "}", -1, 12, "unused bytes before"},
    {"{\"h\":" T("F16", "[1]", "[0,2]") ",\"x\":" T("F32", "[1]", "[2,6]") "}", -1, 6, "aligned"},
    {"{\"x\":" T("I8", "[2]", "[0,2]") "}", -1, 2, "scales"},
    {"{\"x\":" T("I8", "[]", "[4,5]") ",\"x.scale\":" T("F32", "[1]", "[0,4]") "}", -1, 5, "scales"},
    {"{\"x\":" T("I8", "[2,1]", "[4,6]") ",\"x.scale\":" T("F32", "[1]", "[0,4]") "}", -1, 6, "scales"},
    {"{\"x\":" T("I8", "[1,2]", "[4,6]") ",\"x.scale\":" T("F32", "[]", "[0,4]") "}", -1, 6, "scales"},
    {"{\"x\":" T("I8", "[1]", "[2,3]") ",\"x.scale\":" T("F16", "[1]", "[0,2]") "}", -1, 3, "scales"},
    {"{\"x\":" T("I8", "[1]", "[0,1]") ",\"x.scale\":" T("I8", "[1]", "[1,2]") "}", -1, 2, "scales"},
    {"{\"x\":" T("I64", "[1]", "[0,8]") "}", -1, 8, "dtype"},
    {"{\"x\":" T("BF16", "[1]", "[0,2]") "}", -1, 2, "dtype"},
    {"{\"x\":" T("F32", "[3]", "[0,8]") "}", -1, 8, "does not match"},
    {"{\"x\":" T("F32", "[1]", "[0,5]") "}", -1, 5, "does not match"},
    {"{\"x\":" T("F32", "[-1]", "[0,4]") "}", -1, 4, "dimension"},
    {"{\"x\":" T("F32", "[-1,-1]", "[0,4]") "}", -1, 4, "dimension"},
    {"{\"x\":" T("F32", "[\"1\"]", "[0,4]") "}", -1, 4, "dimension"},
    {"{\"x\":" T("F32", "[4294967296,4294967296]", "[0,0]") "}", -1, 0, "large"},
    {"{\"x\":" T("F32", "[2305843009213693952,4]", "[0,0]") "}", -1, 0, "18 digits"},
    {"{\"x\":" T("F32", "[-18446744073709551615]", "[0,4]") "}", -1, 4, "18 digits"},
    {"{\"x\":" T("F32", "[1.0]", "[0,4]") "}", -1, 4, "whole number"},
    {"{\"x\":" T("F32", "[1e0]", "[0,4]") "}", -1, 4, "whole number"},
    {"{\"x\":" T("F32", "[01]", "[0,4]") "}", -1, 4, "whole number"},
    {"{\"x\":" T("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", -1, 4, "8 dimensions"},
    {"{\"x\":" T("F32", "[1]", "[4,0]") "}", -1, 4, "ends before"},
    {"{\"x\":" T("F32", "[1]", "[-4,0]") "}", -1, 4, "data_offsets"},
    {"{\"x\":" T("F32", "[1]", "[0,4,8]") "}", -1, 4, "data_offsets"},
    {"{\"x\":" T("F32", "[2]", "[0,8]") "}", -1, 4, "past the end"},
    {"{\"x\":" T("F32", "[1]", "[0,4]") "}", -1, 5, "after its last"},
    {"{}", -1, 1, "after its last"},
};

static void test_hostile(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(HOSTILE); i++) {
        g_autofree char *path = put_file(HOSTILE[i].header, -1, HOSTILE[i].claimed, HOSTILE[i].blob);
        assert_refused(path, YONOS_ERROR_FORMAT, HOSTILE[i].part);
    }
    g_autofree char *nul = put_file("{\0}", 3, -1, 0);
    assert_refused(nul, YONOS_ERROR_FORMAT, "UTF-8");
    g_autofree char *deep = g_strnfill(1000000, '[');
    memcpy(deep, "{\"x\":", 5);
    g_autofree char *nested = put_file(deep, -1, -1, 0);
    assert_refused(nested, YONOS_ERROR_FORMAT, "too deeply");
    g_autofree char *none = put_file("{}", -1, -1, 0);
    g_autoptr(YonosSafetensors) st = yonos_safetensors_open(none, NULL);
    g_assert_nonnull(st);
    g_assert_cmpuint(yonos_safetensors_count(st), ==, 0);
}

static void test_paths(void)
{
    g_autofree char *path = g_build_filename(dir, "path.safetensors", NULL);
    assert_refused(dir, YONOS_ERROR_FILE, "directory");
    assert_refused(path, YONOS_ERROR_FILE, "cannot be read");
    put_bytes(path, "", 0);
    assert_refused(path, YONOS_ERROR_FORMAT, "empty");
    put_bytes(path, "1234567", 7);
    assert_refused(path, YONOS_ERROR_FORMAT, "too short");
}

/* Fails to read the tensor "bad one" of a file that opens; `bytes` are put over its data. */
static void check_not_finite(const char *header, gsize blob, const void *put, gsize n)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = put_file(header, -1, -1, blob), *bytes = NULL;
    gsize length;
    float out[3];

    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    memcpy(bytes + length - n, put, n);
    put_bytes(path, bytes, length);
    g_autoptr(YonosSafetensors) st = yonos_safetensors_open(path, &error);
    g_assert_no_error(error);
    g_assert_false(yonos_safetensors_read_f32(st, "bad one", out, 3, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT);
    g_assert_nonnull(strstr(error->message, "'bad one'"));
}

static void test_not_finite(void)
{
    static const guint8 halves[][2] = {{0x00, 0x7e}, {0x01, 0x7c}, {0x00, 0x7c}, {0x00, 0xfc}};
    static const guint8 scale[] = {0, 0, 0x80, 0x7f, 0, 0, 1}; /* infinity and the codes */
    for (gsize i = 0; i < G_N_ELEMENTS(halves); i++)
        check_not_finite("{\"bad one\":" T("F16", "[3]", "[0,6]") "}", 6, halves[i], sizeof halves[i]);
    check_not_finite("{\"bad one\":" T("I8", "[1,3]", "[4,7]") ",\"bad one.scale\":" T("F32", "[1]", "[0,4]") "}", 7,
                     scale, sizeof scale);
}

static void open_and_read(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(YonosSafetensors) st = yonos_safetensors_open(path, &error);
    if (!st) {
        g_assert_nonnull(error);
        g_assert_cmpstr(error->message, !=, "");
        return;
    }
    for (guint i = 0; i < yonos_safetensors_count(st); i++) {
        const char *name = yonos_safetensors_name(st, i);
        gint64 dims[8];
        guint n_dims;
        gsize count = 1;
        g_assert_true(yonos_safetensors_shape(st, name, &n_dims, dims));
        for (guint d = 0; d < n_dims; d++)
            count *= (gsize)dims[d];
        g_autofree float *out = g_new(float, count);
        g_clear_error(&error);
        if (!yonos_safetensors_read_f32(st, name, out, count, &error))
            g_assert_cmpstr(error->message, !=, "");
    }
}

static void test_random(gconstpointer dtype)
{
    guint32 seed = (guint32)g_test_rand_int();
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autofree char *path = g_build_filename(dir, "random.safetensors", NULL), *good = NULL;
    gsize size;

    g_printerr("# seed %u\n", seed);
    write_sample(path, GPOINTER_TO_INT(dtype));
    g_assert_true(g_file_get_contents(path, &good, &size, NULL));
    for (int round = 0; round < 500; round++) {
        g_autofree char *bytes = g_memdup2(good, size);
        gsize length = size;
        if (g_rand_int_range(rand, 0, 4) == 0)
            length = (gsize)g_rand_int_range(rand, 0, (gint32)size);
        for (int flips = g_rand_int_range(rand, length == size ? 1 : 0, 4); flips > 0; flips--)
            bytes[g_rand_int_range(rand, 0, (gint32)size)] ^= (char)(1 << g_rand_int_range(rand, 0, 8));
        put_bytes(path, bytes, length);
        open_and_read(path);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("yonos-st-XXXXXX", NULL);
    g_assert_nonnull(dir);
    g_test_add_func("/safetensors/half", test_half);
    g_test_add_data_func("/safetensors/round-trip/f32", GINT_TO_POINTER(YONOS_ST_F32), test_round_trip);
    g_test_add_data_func("/safetensors/round-trip/f16", GINT_TO_POINTER(YONOS_ST_F16), test_round_trip);
    g_test_add_data_func("/safetensors/round-trip/i8", GINT_TO_POINTER(YONOS_ST_I8), test_round_trip);
    g_test_add_func("/safetensors/write-refuses", test_write_refuses);
    g_test_add_func("/safetensors/hostile", test_hostile);
    g_test_add_func("/safetensors/paths", test_paths);
    g_test_add_func("/safetensors/not-finite", test_not_finite);
    g_test_add_data_func("/safetensors/random/f16", GINT_TO_POINTER(YONOS_ST_F16), test_random);
    g_test_add_data_func("/safetensors/random/i8", GINT_TO_POINTER(YONOS_ST_I8), test_random);
    int result = g_test_run();

    GDir *listing = g_dir_open(dir, 0, NULL);
    for (const char *name; listing && (name = g_dir_read_name(listing));) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        g_unlink(path);
    }
    g_clear_pointer(&listing, g_dir_close);
    g_rmdir(dir);
    g_free(dir);
    return result;
}
