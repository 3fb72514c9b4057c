/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-samples SOURCE-FOLDER BUILD-FOLDER: every sample runs without a screen, with a model of random weights; what it
 * writes is what its page promises. */
#include "film.h"
#include "small-model.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

#define SEED 12
#define BALL(n) "videotestsrc num-buffers=" #n " pattern=ball ! video/x-raw,width=48,height=32,framerate=25/1"
#define BEEP "audiotestsrc num-buffers=44 ! audio/x-raw,rate=22050 ! vorbisenc ! mux."
#define MKV "jpegenc ! matroskamux name=mux ! filesink location=%s "

static const char *source, *built;
static char *folder;

/* Runs a line of shell in the folder, for two and a half minutes at most; what it said on stdout is to be freed. */
static char *shell(const char *format, ...) G_GNUC_PRINTF(1, 2);

static char *shell(const char *format, ...)
{
    char *line, *said, *complained;
    const char *argv[] = {"timeout", "150", "sh", "-c", NULL, NULL};
    GError *error = NULL;
    va_list args;
    int status;

    va_start(args, format);
    argv[4] = line = g_strdup_vprintf(format, args);
    va_end(args);
    g_spawn_sync(folder, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &said, &complained, &status, &error);
    g_assert_no_error(error);
    g_test_message("%s\n%s%s", line, said, complained);
    g_spawn_check_wait_status(status, &error);
    g_assert_no_error(error);
    g_free(complained);
    g_free(line);
    return said;
}

static char *in_folder(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

/* Fails unless the film of the folder has that many frames, at least as many where `most` is more, and this size. */
static void check_film(const char *name, guint least, guint most, int width, int height, gboolean audio)
{
    char *path = in_folder(name);
    Film film = film_read(path);

    g_test_message("%s: %u frames of %dx%d, %d audio buffers", name, film.times->len, film.width, film.height,
                   film.audio);
    g_assert_cmpuint(film.times->len, >=, least);
    g_assert_cmpuint(film.times->len, <=, most);
    g_assert_cmpint(film.width, ==, width);
    g_assert_cmpint(film.height, ==, height);
    g_assert_true((film.audio > 0) == audio);
    for (guint n = 1; n < film.times->len && least == most; n++) /* Matroska counts in milliseconds */
        g_assert_cmpfloat_with_epsilon(
            (double)(g_array_index(film.times, GstClockTime, n) - g_array_index(film.times, GstClockTime, n - 1)) / 1e6,
            40, 2.1);
    g_array_unref(film.times);
    g_remove(path);
    g_free(path);
}

static gboolean lacks(const char *program)
{
    char *path = g_find_program_in_path(program);
    gboolean lacking = path == NULL;

    g_free(path);
    if (lacking)
        g_test_skip(program);
    return lacking;
}

/* A film that is interrupted is a whole file of what was done so far. */
static void test_interrupted(void)
{
    char *in = in_folder("long.mkv"), *out = in_folder("part.mp4"), *program, *line = NULL;
    GDataInputStream *lines;
    GError *error = NULL;
    GSubprocess *p;

    film_play(film_parse("videotestsrc num-buffers=1500 ! video/x-raw,width=256,height=144,framerate=25/1 ! " MKV
                         "audiotestsrc num-buffers=1300 ! audio/x-raw,rate=22050 ! vorbisenc ! mux.",
                         in));
    program = g_build_filename(built, "upscale-file", NULL);
    p = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, program, "--device=cpu", in, out, NULL);
    g_assert_no_error(error);
    lines = g_data_input_stream_new(g_subprocess_get_stdout_pipe(p));
    do { /* its progress, every five seconds */
        g_free(line);
        line = g_data_input_stream_read_line(lines, NULL, NULL, NULL);
        g_assert_nonnull(line);
    } while (atoi(line) < 2);
    g_subprocess_send_signal(p, SIGINT);
    do {
        g_test_message("%s", line);
        g_free(line);
        line = g_data_input_stream_read_line(lines, NULL, NULL, NULL);
        g_assert_nonnull(line);
    } while (!strstr(line, "interrupted"));
    g_subprocess_wait(p, NULL, NULL);
    check_film("part.mp4", 2, 1499, 512, 288, TRUE);
    g_object_unref(lines);
    g_object_unref(p);
    g_remove(in);
    g_free(line);
    g_free(program);
    g_free(in);
    g_free(out);
}

/* A JPEG whose EXIF says that its left side is up. */
static void write_turned_jpeg(const char *path)
{
    const guint8 exif[] = {0xff, 0xe1, 0,    34, 'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0,
                           1,    0,    0x12, 1,  3,   0,   1,   0,   0, 0, 6,   0,   0,  0, 0, 0, 0, 0};
    char *jpeg;
    gsize size;
    GString *turned = g_string_new(NULL);

    film_play(film_parse("videotestsrc num-buffers=1 ! video/x-raw,width=70,height=34 ! jpegenc ! filesink location=%s",
                         path));
    g_assert_true(g_file_get_contents(path, &jpeg, &size, NULL));
    g_string_append_len(turned, jpeg, 2);
    g_string_append_len(turned, (const char *)exif, sizeof exif);
    g_string_append_len(turned, jpeg + 2, (gssize)size - 2);
    g_assert_true(g_file_set_contents(path, turned->str, (gssize)turned->len, NULL));
    g_string_free(turned, TRUE);
    g_free(jpeg);
}

static void check_png(const char *name, guint width, guint height)
{
    char *path = in_folder(name), *data;
    gsize size;

    g_assert_true(g_file_get_contents(path, &data, &size, NULL));
    g_assert_cmpuint(size, >, 24);
    g_assert_cmpuint(GST_READ_UINT32_BE(data + 16), ==, width);
    g_assert_cmpuint(GST_READ_UINT32_BE(data + 20), ==, height);
    g_remove(path);
    g_free(data);
    g_free(path);
}

static void test_orientation(void)
{
    char *in = in_folder("turned.jpg");

    write_turned_jpeg(in);
    g_free(shell("%s/upscale-file --device=cpu turned.jpg turned.png", built));
    check_png("turned.png", 68, 140);
    g_remove(in);
    g_free(in);
}

static void test_live(void)
{
    char *said;

    if (lacks("gst-launch-1.0"))
        return;
    said = shell("CODEC=vp8 PORT=%d OPTIONS=device=cpu OUT='matroskamux ! filesink location=live.mkv' "
                 "SOURCE='videotestsrc is-live=true ! video/x-raw,width=96,height=54,framerate=15/1' %s/live.sh 5",
                 20000 + getpid() % 20000, source);
    g_assert_nonnull(strstr(said, "yonos-tier"));
    check_film("live.mkv", 5, 100, 192, 108, FALSE);
    g_free(said);
}

static void test_play(void)
{
    char *in = in_folder("a film.mkv");

    if (lacks("gst-launch-1.0"))
        return;
    film_play(film_parse(BALL(20) " ! jpegenc ! matroskamux ! filesink location=\"%s\"", in));
    g_free(shell("PLAYBIN=video-sink=fakesink %s/play.sh 'a film.mkv' scale=4 split=0.5 device=cpu", source));
    g_remove(in);
    g_free(in);
}

/* Types `keys` and waits for a line with that text. */
static void type(GSubprocess *p, GDataInputStream *lines, const char *keys, const char *expected)
{
    GOutputStream *in = g_subprocess_get_stdin_pipe(p);
    char *line = NULL;

    g_assert_true(g_output_stream_write_all(in, keys, strlen(keys), NULL, NULL, NULL));
    do {
        g_free(line);
        line = g_data_input_stream_read_line(lines, NULL, NULL, NULL);
        g_test_message("%s", line ? line : "(end)");
        g_assert_nonnull(line);
    } while (!strstr(line, expected));
    g_free(line);
}

static void test_player(void)
{
    char *in = in_folder("film.mkv"), *program = g_build_filename(built, "player", NULL);
    GSubprocessLauncher *launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
    GDataInputStream *lines;
    GError *error = NULL;
    GSubprocess *p;

    film_play(film_parse(BALL(1500) " ! " MKV, in));
    g_subprocess_launcher_set_cwd(launcher, folder);
    p = g_subprocess_launcher_spawn(launcher, &error, "timeout", "90", program, "--device=cpu",
                                    "--video-sink=fakesink sync=true", in, NULL);
    g_assert_no_error(error);
    lines = g_data_input_stream_new(g_subprocess_get_stdout_pipe(p));
    type(p, lines, "", "fast  split 1.00");
    type(p, lines, "\033[D", "split 0.95");
    type(p, lines, "\033[D\033[D\033[C", "split 0.90");
    type(p, lines, "-", "fidelity 0.5");
    type(p, lines, "+", "fidelity 0.6");
    type(p, lines, "s", "split 1.00");
    type(p, lines, "e", "bicubic");
    type(p, lines, "e", "fast");
    type(p, lines, "tp", "player.png");
    g_assert_true(g_output_stream_write_all(g_subprocess_get_stdin_pipe(p), "q", 1, NULL, NULL, NULL));
    g_assert_true(g_subprocess_wait_check(p, NULL, &error));
    check_png("player.png", 96, 64);
    g_object_unref(lines);
    g_object_unref(p);
    g_object_unref(launcher);
    g_remove(in);
    g_free(program);
    g_free(in);
}

static void test_folder(void)
{
    static const char *const encoders[] = {"pngenc", "jpegenc", "webpenc", "avenc_tiff"};
    static const char *const endings[] = {"png", "JPEG", "webp", "tiff"};
    char *films = in_folder("films"), *one = in_folder("films/one.mkv"), *two = in_folder("films/number two.mkv"), *said;

    if (lacks("parallel"))
        return;
    g_assert_cmpint(g_mkdir(films, 0700), ==, 0);
    film_play(film_parse(BALL(53) " ! " MKV BEEP, one));
    film_play(film_parse(BALL(30) " ! jpegenc ! matroskamux ! filesink location=\"%s\"", two));
    for (guint k = 0; k < G_N_ELEMENTS(encoders); k++) {
        char *name = g_strdup_printf("films/picture %u.%s", k, endings[k]), *path = in_folder(name);
        film_play(film_parse("videotestsrc num-buffers=1 ! video/x-raw,format={RGB,I420},width=24,height=18 ! %s "
                             "! filesink location=\"%s\"",
                             encoders[k], path));
        g_free(path);
        g_free(name);
    }
    /* two files would become one; one is nothing that can be enlarged, which is told */
    g_free(shell("cp 'films/picture 0.png' 'films/picture 1.png' && mkdir films/deeper && echo text >films/text.mp4"));
    said = shell("SECONDS_EACH=1 JOBS=2 TOOLS=%s %s/upscale-folder.sh films large 2>&1 || [ $? = 1 ] && echo status 1",
                 built, source);
    g_assert_nonnull(strstr(said, "films/text.mp4 is left out"));
    g_assert_nonnull(strstr(said, "films/deeper is left out"));
    g_assert_nonnull(strstr(said, "status 1"));
    g_free(said);
    check_film("large/one-x2.mkv", 53, 53, 96, 64, TRUE);
    g_free(shell("mv 'large/number two-x2.mkv' two.mkv"));
    check_film("two.mkv", 30, 30, 96, 64, FALSE);
    for (guint k = 0; k < G_N_ELEMENTS(encoders); k++) {
        char *name = g_strdup_printf("large/picture %u%s-x2.png", k, k == 1 ? ".JPEG" : "");
        check_png(name, 48, 36);
        g_free(name);
    }
    check_png("large/picture 1.png-x2.png", 48, 36);
    g_free(shell("rm -r films && rmdir large"));
    g_free(films);
    g_free(one);
    g_free(two);
}

int main(int argc, char **argv)
{
    static const int scales[] = {2, 4};
    char *model[2];
    int status;

    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    source = argv[1];
    built = argv[2];
    folder = g_dir_make_tmp("yonos-samples-XXXXXX", NULL);
    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    for (int k = 0; k < 2; k++) {
        model[k] = g_strdup_printf("%s/fast-x%d.safetensors", folder, scales[k]);
        small_model_write(model[k], scales[k], SEED);
    }
    g_test_message("seed %d", SEED);
    g_test_add_func("/samples/interrupted", test_interrupted);
    g_test_add_func("/samples/orientation", test_orientation);
    g_test_add_func("/samples/live", test_live);
    g_test_add_func("/samples/play", test_play);
    g_test_add_func("/samples/player", test_player);
    g_test_add_func("/samples/folder", test_folder);
    status = g_test_run();
    for (int k = 0; k < 2; k++) {
        g_remove(model[k]);
        g_free(model[k]);
    }
    g_rmdir(folder);
    g_free(folder);
    return status;
}
