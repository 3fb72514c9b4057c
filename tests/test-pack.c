/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/gst.h>

#include "base/error.h"
#include "media.h"
#include "pack.h"

#define N_PICTURES 3
#define META_SIZE (N_PICTURES * 16 + 24)

static const guint sizes[N_PICTURES][2] = {{7, 5}, {1, 1}, {4, 9}};

typedef struct {
    char *folder;
    char *path;
    guint8 *bytes;
    gsize size;
} Fixture;

static guint8 pixel(guint picture, guint x, guint y)
{
    return (guint8)(picture * 89 + x * 7 + y * 31 + 1);
}

static void remove_tree(const char *path)
{
    if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK)) {
        GDir *dir = g_dir_open(path, 0, NULL);
        for (const char *name; (name = g_dir_read_name(dir));) {
            char *child = g_build_filename(path, name, NULL);
            remove_tree(child);
            g_free(child);
        }
        g_dir_close(dir);
    }
    g_assert_cmpint(g_remove(path), ==, 0);
}

static guint count_entries(const char *folder)
{
    guint n = 0;
    GDir *dir = g_dir_open(folder, 0, NULL);
    while (g_dir_read_name(dir))
        n++;
    g_dir_close(dir);
    return n;
}

static void add_picture(YonosPackWriter *w, guint picture, gsize padding)
{
    GError *error = NULL;
    guint width = sizes[picture][0], height = sizes[picture][1];
    gsize stride = 3 * width + padding;
    /* Exactly what the contract allows to be read, so that a sanitizer sees a read beyond the last row. */
    guint8 *rgb = g_malloc0(stride * (height - 1) + 3 * width);
    for (guint y = 0; y < height; y++)
        for (guint x = 0; x < 3 * width; x++)
            rgb[y * stride + x] = pixel(picture, x, y);
    g_assert_true(yonos_pack_writer_add(w, rgb, width, height, stride, &error));
    g_assert_no_error(error);
    g_free(rgb);
}

static void set_up(Fixture *f, gconstpointer data)
{
    (void)data;
    GError *error = NULL;
    f->folder = g_dir_make_tmp("yonos-pack-XXXXXX", &error);
    g_assert_no_error(error);
    f->path = g_build_filename(f->folder, "test.pack", NULL);
    YonosPackWriter *w = yonos_pack_writer_new(f->path, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < N_PICTURES; i++)
        add_picture(w, i, i);
    g_assert_false(g_file_test(f->path, G_FILE_TEST_EXISTS));
    g_assert_true(yonos_pack_writer_finish(w, &error));
    g_assert_no_error(error);
    yonos_pack_writer_free(w);
    g_assert_true(g_file_get_contents(f->path, (char **)&f->bytes, &f->size, NULL));
}

static void tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    remove_tree(f->folder);
    g_free(f->folder);
    g_free(f->path);
    g_free(f->bytes);
}

/* Opens the pack made of these bytes; on a refusal checks that it is a FORMAT one which names the file. */
static YonosPack *open_bytes(const Fixture *f, const guint8 *bytes, gsize size)
{
    GError *error = NULL;
    /* Renamed into place, so that packs still mapped keep their bytes. */
    g_assert_true(g_file_set_contents(f->path, (const char *)bytes, (gssize)size, NULL));
    YonosPack *p = yonos_pack_open(f->path, &error);
    if (!p) {
        g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT);
        g_assert_nonnull(strstr(error->message, f->path));
        g_error_free(error);
    }
    return p;
}

static guint sum_pack(const YonosPack *p)
{
    guint sum = 0;
    for (guint i = 0; i < yonos_pack_count(p); i++) {
        const guint8 *rgb;
        guint width, height;
        yonos_pack_picture(p, i, &rgb, &width, &height);
        for (gsize k = 0; k < (gsize)3 * width * height; k++)
            sum += rgb[k];
    }
    return sum;
}

static void test_round_trip(Fixture *f, gconstpointer data)
{
    (void)data;
    GError *error = NULL;
    YonosPack *p = yonos_pack_open(f->path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(yonos_pack_count(p), ==, N_PICTURES);
    for (guint i = 0; i < N_PICTURES; i++) {
        const guint8 *rgb;
        guint width, height;
        yonos_pack_picture(p, i, &rgb, &width, &height);
        g_assert_cmpuint(width, ==, sizes[i][0]);
        g_assert_cmpuint(height, ==, sizes[i][1]);
        for (guint y = 0; y < height; y++)
            for (guint x = 0; x < 3 * width; x++)
                g_assert_cmpuint(rgb[y * 3 * width + x], ==, pixel(i, x, y));
    }
    yonos_pack_free(p);
    g_assert_cmpuint(count_entries(f->folder), ==, 1);
}

static void test_writer_refusals(Fixture *f, gconstpointer data)
{
    (void)data;
    GError *error = NULL;
    guint8 rgb[3] = {1, 2, 3};
    YonosPackWriter *w = yonos_pack_writer_new(f->path, &error);
    g_assert_no_error(error);
    const gsize bad[][3] = {{0, 1, 3}, {1, 0, 3}, {1, 1, 2}, {G_MAXUINT, G_MAXUINT, G_MAXSIZE}};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(yonos_pack_writer_add(w, rgb, (guint)bad[i][0], (guint)bad[i][1], bad[i][2], &error));
        g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT);
        g_clear_error(&error);
    }
    g_assert_false(yonos_pack_writer_finish(w, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT);
    g_clear_error(&error);
    g_assert_false(yonos_pack_writer_add(w, rgb, 1, 1, 3, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_clear_error(&error);
    yonos_pack_writer_free(w);

    w = yonos_pack_writer_new(f->path, NULL);
    add_picture(w, 0, 0);
    g_assert_cmpuint(count_entries(f->folder), ==, 2);
    yonos_pack_writer_free(w);
    g_assert_cmpuint(count_entries(f->folder), ==, 1);

    char *nowhere = g_build_filename(f->folder, "no", "such.pack", NULL);
    g_assert_null(yonos_pack_writer_new(nowhere, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_clear_error(&error);
    g_assert_null(yonos_pack_open(nowhere, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_clear_error(&error);
    g_assert_null(yonos_pack_open(f->folder, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_clear_error(&error);
    g_free(nowhere);

    /* The unfinished writers left the finished pack as it was. */
    YonosPack *p = yonos_pack_open(f->path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(yonos_pack_count(p), ==, N_PICTURES);
    yonos_pack_free(p);
}

static void test_writer_rename_fails(Fixture *f, gconstpointer data)
{
    (void)data;
    GError *error = NULL;
    char *occupied = g_build_filename(f->folder, "occupied", NULL);
    YonosPackWriter *w = yonos_pack_writer_new(occupied, &error);
    g_assert_no_error(error);
    add_picture(w, 0, 0);
    g_assert_cmpint(g_mkdir(occupied, 0700), ==, 0);
    g_assert_false(yonos_pack_writer_finish(w, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_clear_error(&error);
    yonos_pack_writer_free(w);
    g_assert_cmpuint(count_entries(f->folder), ==, 2);
    g_free(occupied);
}

static void test_truncated(Fixture *f, gconstpointer data)
{
    (void)data;
    for (gsize size = 0; size < f->size; size++)
        g_assert_null(open_bytes(f, f->bytes, size));
    guint8 *longer = g_malloc0(f->size + 1);
    memcpy(longer, f->bytes, f->size);
    g_assert_null(open_bytes(f, longer, f->size + 1));
    g_free(longer);
}

static void test_flipped(Fixture *f, gconstpointer data)
{
    (void)data;
    GRand *rand = g_rand_new_with_seed(1);
    guint8 *bytes = g_malloc(f->size);
    YonosPack *whole = yonos_pack_open(f->path, NULL);
    g_assert_nonnull(whole);
    for (gsize at = 0; at < f->size; at++) {
        memcpy(bytes, f->bytes, f->size);
        bytes[at] ^= (guint8)g_rand_int_range(rand, 1, 256);
        YonosPack *p = open_bytes(f, bytes, f->size);
        gboolean in_pixels = at >= 8 && at < f->size - META_SIZE;
        g_assert_true((p != NULL) == in_pixels);
        if (p)
            g_assert_cmpuint(sum_pack(p) - sum_pack(whole), ==, (guint)bytes[at] - f->bytes[at]);
        yonos_pack_free(p);
    }
    /* Several wrong bytes in the index and footer at once: refused, or every byte that it promises can be read. */
    for (guint round = 0; round < 500; round++) {
        memcpy(bytes, f->bytes, f->size);
        for (guint n = (guint)g_rand_int_range(rand, 1, 9); n > 0; n--)
            bytes[f->size - META_SIZE + (gsize)g_rand_int_range(rand, 0, META_SIZE)] = (guint8)g_rand_int(rand);
        YonosPack *p = open_bytes(f, bytes, f->size);
        if (p)
            sum_pack(p);
        yonos_pack_free(p);
    }
    yonos_pack_free(whole);
    g_free(bytes);
    g_rand_free(rand);
}

static void test_forged(Fixture *f, gconstpointer data)
{
    (void)data;
    const gsize index = f->size - META_SIZE, footer = f->size - 24;
    const struct {
        gsize at;
        gsize n;
        guint8 value[16];
    } forgeries[] = {
        {index + 8, 4, {0}},                                                /* zero width */
        {index + 12, 4, {0}},                                               /* zero height */
        {index + 8, 8, {255, 255, 255, 255, 255, 255, 255, 255}},           /* size overflows 64 bits */
        {index + 16, 8, {8}},                                               /* second picture over the first */
        {index + 16, 8, {255, 255, 255, 255, 255, 255, 255, 255}},          /* offset at the end of the numbers */
        {index + 32 + 12, 4, {10}},                                         /* last picture runs into the index */
        {index + 32 + 12, 4, {8}},                                          /* gap before the index */
        {footer, 8, {255, 255, 255, 255, 255, 255, 255, 255}},              /* index beyond the file */
        {footer, 12, {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}},
        {footer + 8, 4, {0}},                                               /* no pictures */
        {footer + 8, 4, {255, 255, 255, 255}},                              /* more than the file can hold */
        {footer + 12, 4, {1}},                                              /* reserved number */
    };
    for (guint i = 0; i < G_N_ELEMENTS(forgeries); i++) {
        guint8 *bytes = g_malloc(f->size);
        memcpy(bytes, f->bytes, f->size);
        memcpy(bytes + forgeries[i].at, forgeries[i].value, forgeries[i].n);
        g_assert_null(open_bytes(f, bytes, f->size));
        g_free(bytes);
    }
}

/* Runs a pipeline that writes the file folder/name; FALSE, with the test skipped, where GStreamer lacks a plugin. */
static gboolean make_media(const char *folder, const char *name, const char *pipeline_start)
{
    GError *error = NULL;
    char *path = g_build_filename(folder, name, NULL);
    char *text = g_strdup_printf("%s ! filesink name=sink", pipeline_start);
    GstElement *pipeline = gst_parse_launch_full(text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
    if (pipeline) {
        GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
        g_object_set(sink, "location", path, NULL);
        gst_object_unref(sink);
        gst_element_set_state(pipeline, GST_STATE_PLAYING);
        GstBus *bus = gst_element_get_bus(pipeline);
        GstMessage *message = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
        g_assert_nonnull(message);
        g_assert_cmpint(GST_MESSAGE_TYPE(message), ==, GST_MESSAGE_EOS);
        gst_message_unref(message);
        gst_object_unref(bus);
        gst_element_set_state(pipeline, GST_STATE_NULL);
        gst_object_unref(pipeline);
    } else {
        g_test_skip(error->message);
        g_error_free(error);
    }
    g_free(text);
    g_free(path);
    return pipeline != NULL;
}

static gboolean make_png(const char *folder, const char *name, guint width, guint height)
{
    char *start = g_strdup_printf("videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=%u,height=%u ! pngenc",
                                  width, height);
    gboolean made = make_media(folder, name, start);
    g_free(start);
    return made;
}

typedef struct {
    guint calls;
    guint stop_at;
} Seen;

static gboolean see_picture(const guint8 *rgb, guint width, guint height, gsize stride, gpointer user, GError **error)
{
    Seen *seen = user;
    g_assert_cmpuint(width, ==, 33);
    g_assert_cmpuint(height, ==, 21);
    g_assert_cmpuint(stride, >=, 99);
    /* The colour bars begin with white. */
    g_assert_cmpuint(rgb[0], >, 180);
    g_assert_cmpuint(rgb[(height / 4) * stride + 2], >, 180);
    if (++seen->calls == seen->stop_at) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY, "Stop.");
        return FALSE;
    }
    return TRUE;
}

static void expect_decode_error(const char *folder, const char *name, int code)
{
    GError *error = NULL;
    Seen seen = {0};
    char *path = g_build_filename(folder, name, NULL);
    g_assert_false(yonos_media_decode(path, 1, see_picture, &seen, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_cmpuint(error->domain, ==, YONOS_ERROR);
    if (code >= 0)
        g_assert_cmpint(error->code, ==, code);
    g_assert_nonnull(strstr(error->message, path));
    g_assert_cmpuint(seen.calls, ==, 0);
    g_error_free(error);
    g_free(path);
}

static void write_text(const char *folder, const char *name, const char *text)
{
    char *path = g_build_filename(folder, name, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_free(path);
}

static void test_decode_image(Fixture *f, gconstpointer data)
{
    (void)data;
    if (!make_png(f->folder, "a b%.png", 33, 21))
        return;
    GError *error = NULL;
    Seen seen = {0};
    char *path = g_build_filename(f->folder, "a b%.png", NULL);
    g_assert_true(yonos_media_decode(path, 10, see_picture, &seen, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(seen.calls, ==, 1);
    seen = (Seen){0, 1};
    g_assert_false(yonos_media_decode(path, 1, see_picture, &seen, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY);
    g_clear_error(&error);
    g_free(path);

    write_text(f->folder, "text.txt", "This is only a text, and not a picture at all.\n");
    write_text(f->folder, "empty.png", "");
    write_text(f->folder, "broken.png", "\x89PNG\r\n\x1a\n and nothing that belongs into a PNG file");
    expect_decode_error(f->folder, "missing.png", YONOS_ERROR_FILE);
    expect_decode_error(f->folder, "text.txt", -1);
    expect_decode_error(f->folder, "empty.png", -1);
    expect_decode_error(f->folder, "broken.png", -1);
}

static void test_decode_video(Fixture *f, gconstpointer data)
{
    (void)data;
    if (!make_media(f->folder, "v.avi",
                    "videotestsrc num-buffers=10 ! video/x-raw,width=33,height=21 ! jpegenc ! avimux name=mux "
                    "audiotestsrc num-buffers=10 ! mux. mux."))
        return;
    char *path = g_build_filename(f->folder, "v.avi", NULL);
    const guint expected[][2] = {{0, 10}, {1, 10}, {3, 4}, {100, 1}};
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        GError *error = NULL;
        Seen seen = {0};
        g_assert_true(yonos_media_decode(path, expected[i][0], see_picture, &seen, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(seen.calls, ==, expected[i][1]);
    }
    /* Stopping while the decoder waits with a full queue must not hang. */
    GError *error = NULL;
    Seen seen = {0, 2};
    g_assert_false(yonos_media_decode(path, 1, see_picture, &seen, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY);
    g_assert_cmpuint(seen.calls, ==, 2);
    g_clear_error(&error);
    g_free(path);
    if (make_media(f->folder, "sound.wav", "audiotestsrc num-buffers=10 ! wavenc"))
        expect_decode_error(f->folder, "sound.wav", YONOS_ERROR_FORMAT);
}

static void test_pack_folder(Fixture *f, gconstpointer data)
{
    (void)data;
    GError *error = NULL;
    guint n = 77;
    char *source = g_build_filename(f->folder, "source", NULL);
    char *sub = g_build_filename(source, "b", NULL);
    char *loop = g_build_filename(sub, "loop", NULL);
    g_assert_cmpint(g_mkdir_with_parents(sub, 0700), ==, 0);
    GFile *link = g_file_new_for_path(loop);
    g_assert_true(g_file_make_symbolic_link(link, "..", NULL, NULL));
    g_object_unref(link);
    write_text(source, "a.txt", "Only a text.\n");
    g_assert_false(yonos_media_pack_folder(source, 1, f->path, &n, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT);
    g_clear_error(&error);
    g_assert_cmpuint(n, ==, 0);
    if (make_png(source, "c.png", 33, 21) && make_png(sub, "x.png", 8, 6) && make_png(source, "a.png", 16, 2)) {
        g_assert_true(yonos_media_pack_folder(source, 1, f->path, &n, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(n, ==, 3);
        YonosPack *p = yonos_pack_open(f->path, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(yonos_pack_count(p), ==, 3);
        const guint widths[] = {16, 8, 33};
        for (guint i = 0; i < 3; i++) {
            const guint8 *rgb;
            guint width, height;
            yonos_pack_picture(p, i, &rgb, &width, &height);
            g_assert_cmpuint(width, ==, widths[i]);
            g_assert_cmpuint(rgb[0], >, 180);
        }
        yonos_pack_free(p);
    }
    g_assert_cmpuint(count_entries(f->folder), ==, 2);
    char *missing = g_build_filename(f->folder, "missing", NULL);
    g_assert_false(yonos_media_pack_folder(missing, 1, f->path, NULL, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_clear_error(&error);
    g_free(missing);
    g_free(loop);
    g_free(sub);
    g_free(source);
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add("/pack/round-trip", Fixture, NULL, set_up, test_round_trip, tear_down);
    g_test_add("/pack/writer-refusals", Fixture, NULL, set_up, test_writer_refusals, tear_down);
    g_test_add("/pack/writer-rename-fails", Fixture, NULL, set_up, test_writer_rename_fails, tear_down);
    g_test_add("/pack/truncated", Fixture, NULL, set_up, test_truncated, tear_down);
    g_test_add("/pack/flipped", Fixture, NULL, set_up, test_flipped, tear_down);
    g_test_add("/pack/forged", Fixture, NULL, set_up, test_forged, tear_down);
    g_test_add("/media/image", Fixture, NULL, set_up, test_decode_image, tear_down);
    g_test_add("/media/video", Fixture, NULL, set_up, test_decode_video, tear_down);
    g_test_add("/media/pack-folder", Fixture, NULL, set_up, test_pack_folder, tear_down);
    return g_test_run();
}
