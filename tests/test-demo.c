/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sample program upscale-file, given as the only argument, with a model of random weights: what comes out is N
 * times as large and has the frames, times and audio of what went in. What cannot work ends with one sentence and no
 * file. */
#include "film.h"
#include "small-model.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/gst.h>

#define SEED 11
#define FRAMES 13
#define VIDEO "videotestsrc num-buffers=13 pattern=ball ! video/x-raw,width=70,height=34,framerate=30000/1001"
#define AUDIO "audiotestsrc num-buffers=20 ! audio/x-raw,rate=44100 ! vorbisenc"

static const char *program;
static char *folder;

static char *in_folder(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static void write_model(int scale)
{
    char *name = g_strdup_printf("fast-x%d.safetensors", scale), *path = in_folder(name);

    small_model_write(path, scale, SEED);
    g_free(path);
    g_free(name);
}

/* Its exit status is 0, and nothing is on stderr, or it is 1 and `sentence` is there. */
static void upscale(int scale, const char *in, const char *out, const char *sentence)
{
    char *option = g_strdup_printf("--scale=%d", scale), *said = NULL;
    GError *error = NULL;
    GSubprocess *p = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE, &error,
                                      program, option, "--device=cpu", in, out, NULL);

    g_assert_no_error(error);
    g_subprocess_communicate_utf8(p, NULL, NULL, NULL, &said, &error);
    g_assert_no_error(error);
    if (!g_subprocess_get_if_exited(p) || g_subprocess_get_exit_status(p) != (sentence ? 1 : 0) ||
        (sentence ? strstr(said, sentence) == NULL : said[0] != '\0'))
        g_error("%s %s %s should say \"%s\" and says \"%s\"", option, in, out, sentence ? sentence : "", said);
    g_object_unref(p);
    g_free(option);
    g_free(said);
}

static void test_film(int scale, gboolean audio, const char *ending)
{
    char *in = in_folder("small.mkv"), *name = g_strconcat("large", ending, NULL), *out = in_folder(name);
    Film small, large;

    film_play(audio ? film_parse(VIDEO " ! jpegenc ! matroskamux name=mux ! filesink location=%s " AUDIO " ! mux.", in)
               : film_parse(VIDEO " ! jpegenc ! matroskamux name=mux ! filesink location=%s", in));
    upscale(scale, in, out, NULL);
    small = film_read(in);
    large = film_read(out);
    g_assert_cmpint(small.times->len, ==, FRAMES);
    g_assert_cmpint(large.times->len, ==, FRAMES);
    g_assert_cmpint(large.width, ==, small.width * scale);
    g_assert_cmpint(large.height, ==, small.height * scale);
    g_assert_cmpint(large.audio > 0, ==, audio);
    for (guint i = 0; i < FRAMES; i++) /* Matroska counts in milliseconds */
        g_assert_cmpfloat_with_epsilon(g_array_index(small.times, GstClockTime, i) / 1e6,
                                       g_array_index(large.times, GstClockTime, i) / 1e6, 1);
    g_array_unref(small.times);
    g_array_unref(large.times);
    g_remove(in);
    g_remove(out);
    g_free(in);
    g_free(name);
    g_free(out);
}

static void test_x2_audio(void)
{
    test_film(2, TRUE, ".mp4");
}

static void test_x4_silent(void)
{
    test_film(4, FALSE, ".mkv");
}

static void test_picture(void)
{
    char *in = in_folder("small.png"), *out = in_folder("large.png"), *part = in_folder("large.png.part"), *again;
    guint8 *data;
    gsize size, size_again;

    film_play(film_parse("videotestsrc num-buffers=1 ! video/x-raw,width=71,height=35 ! pngenc ! filesink location=%s", in));
    upscale(2, in, out, NULL);
    g_assert_true(g_file_get_contents(out, (char **)&data, &size, NULL));
    g_assert_cmpuint(size, >, 24);
    g_assert_cmpuint(GST_READ_UINT32_BE(data + 16), ==, 142);
    g_assert_cmpuint(GST_READ_UINT32_BE(data + 20), ==, 70);
    upscale(2, in, in, "both input and output");
    upscale(8, in, out, "fast-x8.safetensors: set the model property"); /* what was there before stays */
    g_assert_true(g_file_get_contents(out, &again, &size_again, NULL));
    g_assert_cmpmem(data, size, again, size_again);
    g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
    g_free(data);
    g_free(again);
    g_remove(in);
    g_remove(out);
    g_free(in);
    g_free(out);
    g_free(part);
}

static void test_no_video(void)
{
    char *in = in_folder("noise"), *out = in_folder("out.mp4");

    upscale(2, in, out, "There is no file");
    g_assert_true(g_file_set_contents(in, "no film", -1, NULL));
    upscale(2, in, out, "holds no video or picture");
    upscale(3, in, out, "must be 2, 4 or 8");
    film_play(film_parse("videotestsrc num-buffers=1 ! video/x-raw,width=7,height=5 ! pngenc ! filesink location=%s", in));
    upscale(2, in, folder, "is a folder");
    g_assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
    g_remove(in);
    g_free(in);
    g_free(out);
}

static void remove_from_folder(const char *name)
{
    char *path = in_folder(name);
    g_remove(path);
    g_free(path);
}

int main(int argc, char **argv)
{
    int status;

    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    program = argv[1];
    folder = g_dir_make_tmp("yonos-demo-XXXXXX", NULL);
    g_assert_nonnull(folder);
    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    write_model(2);
    write_model(4);
    g_test_message("seed %d", SEED);
    g_test_add_func("/demo/x2-audio-mp4", test_x2_audio);
    g_test_add_func("/demo/x4-silent-mkv", test_x4_silent);
    g_test_add_func("/demo/picture", test_picture);
    g_test_add_func("/demo/no-video", test_no_video);
    status = g_test_run();
    remove_from_folder("fast-x2.safetensors");
    remove_from_folder("fast-x4.safetensors");
    g_rmdir(folder);
    g_free(folder);
    return status;
}
