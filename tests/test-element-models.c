/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Damaged and unfitting models through the element: one error message that names the file and says what is wrong, and
 * the same element then works with a good model. */
#include "element-check.h"
#include "small-model.h"

#include <glib/gstdio.h>
#include <string.h>

#define SEED 20261123
#define CAPS "video/x-raw,format=I420,framerate=25/1,width=10,height=6"

/* A model file taken apart. */
typedef struct {
    GString *header; /* JSON */
    GByteArray *data;
    guint64 header_length; /* as written */
} File;

static char *folder, *good;

static File file_read(void)
{
    char *bytes;
    gsize size;
    guint64 length;
    File f;

    g_assert_true(g_file_get_contents(good, &bytes, &size, NULL));
    memcpy(&length, bytes, 8);
    f.header_length = GUINT64_FROM_LE(length);
    f.header = g_string_new_len(bytes + 8, (gssize)f.header_length);
    f.data = g_byte_array_new();
    g_byte_array_append(f.data, (guint8 *)bytes + 8 + f.header_length, (guint)(size - 8 - f.header_length));
    g_free(bytes);
    return f;
}

static void file_write(const char *path, File *f)
{
    guint64 length = GUINT64_TO_LE(f->header_length);
    GString *bytes = g_string_new_len((char *)&length, 8);

    g_string_append_len(bytes, f->header->str, (gssize)f->header->len);
    g_string_append_len(bytes, (char *)f->data->data, f->data->len);
    g_assert_true(g_file_set_contents(path, bytes->str, (gssize)bytes->len, NULL));
    g_string_free(bytes, TRUE);
    g_string_free(f->header, TRUE);
    g_byte_array_unref(f->data);
}

static void header_replace(File *f, const char *old, const char *new)
{
    g_assert_cmpuint(g_string_replace(f->header, old, new, 1), ==, 1);
    f->header_length = f->header->len;
}

/* Moves the second tensor's data by so many bytes. */
static void header_shift(File *f, gint64 by)
{
    const char *key = "\"data_offsets\":[", *first = strstr(f->header->str, key), *second = strstr(first + 1, key);
    gint64 from, to;
    char *end, *old, *new;

    from = g_ascii_strtoll(second + strlen(key), &end, 10);
    to = g_ascii_strtoll(end + 1, NULL, 10);
    old = g_strdup_printf("[%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT "]", from, to);
    new = g_strdup_printf("[%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT "]", from + by, to + by);
    header_replace(f, old, new);
    g_free(old);
    g_free(new);
}

static void cut_header(File *f)
{
    g_string_truncate(f->header, f->header->len / 2);
    g_byte_array_set_size(f->data, 0);
}

static void huge_header(File *f)
{
    f->header_length = G_MAXUINT64 - 7;
}

static void cut_data(File *f)
{
    g_byte_array_set_size(f->data, f->data->len - 4);
}

static void overlap(File *f)
{
    header_shift(f, -4);
}

static void gap(File *f)
{
    header_shift(f, 4);
}

static void misalign(File *f)
{
    header_shift(f, 2);
}

static void wrong_dtype(File *f)
{
    header_replace(f, "\"F32\"", "\"I32\"");
}

static void missing(File *f)
{
    header_replace(f, "\"decoder.in.bias\"", "\"decoder.on.bias\"");
}

static void surplus(File *f)
{
    char *entry = g_strdup_printf("{\"surplus\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%u,%u]},",
                                  f->data->len, f->data->len + 4);

    header_replace(f, "{", entry);
    g_byte_array_append(f->data, (const guint8[4]){0}, 4);
    g_free(entry);
}

static void misshapen(File *f)
{
    header_replace(f, "\"shape\":[128]", "\"shape\":[64,2]");
}

static void nan_weight(File *f)
{
    memcpy(f->data->data + 8, (const guint8[]){0, 0, 0xc0, 0x7f}, 4);
}

static void huge_weights(File *f)
{
    for (guint k = 0; k + 4 <= f->data->len; k += 4)
        memcpy(f->data->data + k, (const guint8[]){0, 0, 0x80, 0x60}, 4); /* 7e19 */
}

static void wrong_scale(File *f)
{
    header_replace(f, "\"scale\":\"2\"", "\"scale\":\"4\"");
}

static void wrong_format(File *f)
{
    header_replace(f, "gst-yonos-1", "gst-yonos-9");
}

static void wrong_tier(File *f)
{
    header_replace(f, "\"fast\"", "\"huge\"");
}

static void half_perceptual(File *f)
{
    header_replace(f, "\"perceptual.in.bias\"", "\"perceptual.on.bias\"");
}

static void wrong_fidelity(File *f)
{
    header_replace(f, "\"fidelity\":\"0.5\"", "\"fidelity\":\"1.5\"");
}

static void no_fidelity(File *f)
{
    header_replace(f, "\"fidelity\":\"0.5\"", "\"fidelity\":\"\"");
}

typedef struct {
    const char *name, *expected;
    void (*damage)(File *f);
} Damage;

static const Damage damages[] = {
    {"cut-header", "its header is cut off", cut_header},
    {"huge-header", "over 100 MiB", huge_header},
    {"cut-data", "tensor", cut_data},
    {"overlap", "overlaps its neighbour", overlap},
    {"gap", "unused bytes before tensor", gap},
    {"misaligned", "is not aligned", misalign},
    {"wrong-dtype", "dtype", wrong_dtype},
    {"missing-tensor", "lacks the tensor 'decoder.in.bias'", missing},
    {"surplus-tensor", "a tensor 'surplus' that the network does not have", surplus},
    {"misshapen-tensor", "another shape", misshapen},
    {"nan", "NaN", nan_weight},
    {"huge-weights", "makes no picture, but infinite values", huge_weights},
    {"wrong-scale", "for x4, but x2 is wanted", wrong_scale},
    {"wrong-format", "no model of this version's format", wrong_format},
    {"wrong-tier", "of tier 'huge'", wrong_tier},
    {"half-a-perceptual", "lacks the tensor 'perceptual.in.bias'", half_perceptual},
    {"wrong-fidelity", "'1.5' instead of a number from 0 to 1", wrong_fidelity},
    {"no-fidelity", "'' instead of a number from 0 to 1", no_fidelity},
};

/* Fails unless the element refuses `path` once a start, and then works with the good model. */
static void check(const char *path, const char *expected)
{
    GstElement *el = element_new(path, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h;

    for (int start = 0; start < 2; start++) {
        h = element_start(el, bus, CAPS, NULL);
        element_check_message(bus, GST_MESSAGE_ERROR, path, expected);
        g_assert_cmpint(element_push(h), !=, GST_FLOW_OK);
        element_check_silent(bus);
        element_stop(h, el);
    }
    g_object_set(el, "model", good, NULL);
    h = element_start(el, bus, CAPS, NULL);
    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(bus);
    gst_object_unref(el);
}

static void test_damage(gconstpointer data)
{
    const Damage *damage = data;
    char *path = g_strdup_printf("%s/%s.safetensors", folder, damage->name);
    File f = file_read();

    damage->damage(&f);
    file_write(path, &f);
    check(path, damage->expected);
    g_remove(path);
    g_free(path);
}

static void test_folder(void)
{
    check(folder, "is a folder and no model");
}

static void test_empty(void)
{
    char *path = g_build_filename(folder, "empty.safetensors", NULL);

    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    check(path, "it is empty");
    g_remove(path);
    g_free(path);
}

int main(int argc, char **argv)
{
    int status;

    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("yonos-models-XXXXXX", NULL);
    good = g_build_filename(folder, "good.safetensors", NULL);
    small_model_make(good, &(SmallModel){.scale = 2, .seed = SEED, .perceptual = TRUE, .fidelity = "0.5"});
    for (guint k = 0; k < G_N_ELEMENTS(damages); k++) {
        char *path = g_strconcat("/element/model/", damages[k].name, NULL);
        g_test_add_data_func(path, &damages[k], test_damage);
        g_free(path);
    }
    g_test_add_func("/element/model/folder", test_folder);
    g_test_add_func("/element/model/empty", test_empty);
    status = g_test_run();
    g_remove(good);
    g_rmdir(folder);
    g_free(good);
    g_free(folder);
    return status;
}
