/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The figures of yonos-train evaluate, against numpy's and by enlargers whose figures are known beforehand. */
#include "base/error.h"
#include "evaluate.h"
#include "golden/metrics-golden.h"
#include "media.h"
#include "small-model.h"

#include <glib/gstdio.h>
#include <gst/gst.h>
#include <math.h>
#include <string.h>

#define SEED 20261124
#define WIDTH 136
#define HEIGHT 112

static char *folder;

/* As in make-metrics-golden.py. */
static YonosPicture picture(int width, int height, guint noise)
{
    YonosPicture p = yonos_picture_new(width, height);

    for (guint at = 0; at < (guint)(width * height * 3); at++) {
        guint c = at % 3, x = at / 3 % width, y = at / 3 / width;
        guint32 h = x * 73856093u ^ y * 19349663u ^ c * 83492791u ^ noise * 265443576u;
        h = (h ^ h >> 15) * 739982445u;
        h ^= h >> 12;
        p.rgb[at] = (guint8)((x + 2 * y) / 9 % 2 * 120 + (3 * x + 5 * y + 29 * c) % 60 / 4 + 40 + h % (noise + 1));
    }
    return p;
}

static void test_metrics(void)
{
    for (guint k = 0; k < G_N_ELEMENTS(golden_figures); k++) {
        int width = golden_figures[k].width, height = golden_figures[k].height;
        YonosPicture test = picture(width, height, golden_figures[k].noise), reference = picture(width, height, 6);
        const double *want = golden_figures[k].figure;
        YonosMetrics m;
        g_test_message("%d x %d, noise %d, border %d", width, height, golden_figures[k].noise,
                       golden_figures[k].border);
        yonos_metrics(&m, &test, &reference, golden_figures[k].border);
        g_assert_cmpfloat_with_epsilon(m.psnr, want[0], 1e-6);
        g_assert_cmpfloat_with_epsilon(m.ssim, want[1], 1e-8);
        g_assert_cmpfloat_with_epsilon(m.edge, want[2], 1e-6);
        g_assert_cmpfloat_with_epsilon(m.flat, want[3], 1e-6);
        yonos_metrics(&m, &reference, &reference, golden_figures[k].border);
        g_assert_cmpfloat(m.psnr, ==, 100);
        g_assert_cmpfloat_with_epsilon(m.ssim, 1, 1e-12);
        g_assert_cmpfloat_with_epsilon(m.edge, 1, 1e-12);
        yonos_picture_clear(&test);
        yonos_picture_clear(&reference);
    }
}

/* One bright pixel, which is half as bright, or gone, in the next frame. */
static void test_change(void)
{
    YonosPicture p[3];

    for (guint k = 0; k < G_N_ELEMENTS(p); k++) {
        p[k] = yonos_picture_new(7, 7);
        memset(p[k].rgb, 10, 7 * 7 * 3);
        memset(p[k].rgb + (7 * 3 + 3) * 3, (int)(10 + 100 * k), 3);
    }
    g_assert_cmpfloat(yonos_metrics_change(&p[2], &p[2], 0), ==, 0);
    g_assert_cmpfloat_with_epsilon(yonos_metrics_change(&p[2], &p[1], 1), 2.0 / 3, 1e-9);
    g_assert_cmpfloat_with_epsilon(yonos_metrics_change(&p[1], &p[2], 0), 2.0 / 3, 1e-9);
    g_assert_cmpfloat_with_epsilon(yonos_metrics_change(&p[0], &p[2], 0), 2, 1e-9);
    g_assert_true(isnan(yonos_metrics_change(&p[0], &p[0], 0)));
    for (guint k = 0; k < G_N_ELEMENTS(p); k++)
        yonos_picture_clear(&p[k]);
}

static void test_resize(void)
{
    for (guint k = 0; k < G_N_ELEMENTS(golden_resized); k++) {
        YonosPicture p = picture(golden_resized[k].width, golden_resized[k].height, 90);
        YonosPicture out = yonos_picture_resize(&p, golden_resized[k].out_width, golden_resized[k].out_height);
        gsize size = (gsize)out.width * out.height * 3;
        g_test_message("%d x %d to %d x %d", p.width, p.height, out.width, out.height);
        g_assert_cmpmem(out.rgb, size, golden_resized[k].rgb, size);
        yonos_picture_clear(&p);
        yonos_picture_clear(&out);
    }
}

/* Knows the large picture: finds the window that gives `small`, and returns it with a pattern that stands still on the
 * screen, +-`flicker` in columns. */
typedef struct {
    YonosEnlarger base;
    YonosPicture truth;
    int flicker;
} Oracle;

static gboolean oracle_run(YonosEnlarger *e, const YonosPicture *small, const YonosPicture *large,
                           G_GNUC_UNUSED GError **error)
{
    Oracle *o = (Oracle *)e;

    for (int y = 0; y <= o->truth.height - large->height; y++)
        for (int x = 0; x <= o->truth.width - large->width; x++) {
            YonosPicture window =
                yonos_picture_crop(o->truth.rgb, 3 * (gsize)o->truth.width, x, y, large->width, large->height);
            YonosPicture reduced = yonos_picture_resize(&window, small->width, small->height);
            gboolean found = !memcmp(reduced.rgb, small->rgb, (gsize)small->width * small->height * 3);
            for (gsize k = 0; found && k < (gsize)window.width * window.height * 3; k++)
                large->rgb[k] = (guint8)(window.rgb[k] + (k / 3 % window.width % 2 ? o->flicker : -o->flicker));
            yonos_picture_clear(&window);
            yonos_picture_clear(&reduced);
            if (found)
                return TRUE;
        }
    g_assert_not_reached();
}

static char *in_folder(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

/* Writes a picture, or several one behind the other, through a pipeline of encoders. */
static void write_film(const char *name, const YonosPicture *p, guint pictures, const char *encoders)
{
    char *raw = in_folder("raw"), *path = in_folder(name), *text;
    GError *error = NULL;
    GstElement *pipeline;
    GstBus *bus;
    GstMessage *message;

    g_assert_true(g_file_set_contents(raw, (const char *)p->rgb, (gssize)p->width * p->height * 3 * pictures, &error));
    text =
        g_strdup_printf("filesrc location=%s blocksize=%d ! rawvideoparse format=rgb width=%d height=%d framerate=5/1 "
                        "plane-strides=\"<%d>\" ! videoconvert ! %s ! filesink location=%s",
                        raw, p->width * p->height * 3, p->width, p->height, 3 * p->width, encoders, path);
    pipeline = gst_parse_launch(text, &error);
    g_assert_no_error(error);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    bus = gst_element_get_bus(pipeline);
    message = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_true(message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS);
    gst_message_unref(message);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(pipeline);
    g_remove(raw);
    g_free(raw);
    g_free(path);
    g_free(text);
}

static void write_media(const char *name, const YonosPicture *p, const char *encoders)
{
    write_film(name, p, 1, encoders);
}

static void test_motion(void)
{
    Oracle o = {{.scale = 4, .run = oracle_run}, picture(WIDTH, HEIGHT, 20), 0};
    YonosEvaluateParams params = {.enlarger = &o.base, .bicubic = TRUE, .motion = TRUE, .border = 4, .every = 1};

    for (o.flicker = 0; o.flicker <= 6; o.flicker += 3) {
        GError *error = NULL;
        GArray *rows = yonos_evaluate(&params, folder, &error);
        const double *model, *bicubic;
        g_assert_no_error(error);
        g_assert_cmpuint(rows->len, ==, 2);
        g_assert_cmpstr(g_array_index(rows, YonosEvaluation, 0).name, ==, "a.png");
        model = g_array_index(rows, YonosEvaluation, 1).figure[YONOS_METHOD_MODEL];
        bicubic = g_array_index(rows, YonosEvaluation, 1).figure[YONOS_METHOD_BICUBIC];
        g_test_message("flicker %d: PSNR-Y %g, motion %g; bicubic %g, %g", o.flicker, model[YONOS_FIGURE_PSNR],
                       model[YONOS_FIGURE_MOTION], bicubic[YONOS_FIGURE_PSNR], bicubic[YONOS_FIGURE_MOTION]);
        /* the pan moves by an odd number of columns: the pattern turns its sign */
        g_assert_cmpfloat_with_epsilon(model[YONOS_FIGURE_MOTION], 2 * o.flicker, 1e-9);
        /* of R'G'B' differences of `flicker`, luma keeps 219 / 255 */
        g_assert_cmpfloat_with_epsilon(model[YONOS_FIGURE_PSNR],
                                       o.flicker ? 20 * log10(255 / (219 / 255.0 * o.flicker)) : 100, 1e-6);
        g_assert_cmpfloat(bicubic[YONOS_FIGURE_MOTION], >, 1);
        g_assert_cmpfloat(bicubic[YONOS_FIGURE_PSNR], <, 30);
        g_array_unref(rows);
    }
    yonos_picture_clear(&o.truth);
}

static gboolean take(const guint8 *rgb, guint width, guint height, gsize stride, gpointer user,
                     G_GNUC_UNUSED GError **error)
{
    YonosPicture *p = user;

    yonos_picture_clear(p);
    *p = yonos_picture_crop(rgb, stride, 0, 0, width, height);
    return TRUE;
}

/* Every second frame of a still clip, by an enlarger that makes no mistake. */
static void test_clip(void)
{
    Oracle o = {.base = {.scale = 8, .run = oracle_run}};
    YonosEvaluateParams params = {.enlarger = &o.base, .border = 4, .every = 2};
    YonosPicture p = picture(WIDTH, HEIGHT, 20);
    char *path = in_folder("still.avi");
    GError *error = NULL;
    GArray *rows;

    write_media("still.avi", &p, "imagefreeze num-buffers=5 ! jpegenc ! avimux");
    g_assert_true(yonos_media_decode(path, 1, take, &o.truth, &error));
    rows = yonos_evaluate(&params, path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(rows->len, ==, 4);
    g_assert_cmpstr(g_array_index(rows, YonosEvaluation, 1).name, ==, "still.avi#2");
    for (guint i = 0; i < rows->len; i++) {
        const double *model = g_array_index(rows, YonosEvaluation, i).figure[YONOS_METHOD_MODEL];
        g_assert_cmpfloat(model[YONOS_FIGURE_PSNR], ==, 100);
        g_assert_cmpfloat(model[YONOS_FIGURE_MOTION], ==, 0);
        g_assert_true(isnan(model[YONOS_FIGURE_CHANGE]));
    }
    g_array_unref(rows);
    g_remove(path);
    g_free(path);
    yonos_picture_clear(&p);
    yonos_picture_clear(&o.truth);
}

#define FILM 3

/* Bicubic, with a pattern that changes its sign from one whole frame to the next. */
static gboolean restless_run(YonosEnlarger *e, const YonosPicture *small, const YonosPicture *large,
                             G_GNUC_UNUSED GError **error)
{
    Oracle *o = (Oracle *)e;
    YonosPicture plain = yonos_picture_resize(small, large->width, large->height);

    if (large->width == WIDTH)
        o->flicker = -o->flicker;
    for (int k = 0; k < large->width * large->height * 3; k++)
        large->rgb[k] = (guint8)CLAMP(plain.rgb[k] + (k / 3 % large->width % 2 ? o->flicker : -o->flicker), 0, 255);
    yonos_picture_clear(&plain);
    return TRUE;
}

static gboolean keep(const guint8 *rgb, guint width, guint height, gsize stride, gpointer user,
                     G_GNUC_UNUSED GError **error)
{
    YonosPicture p = yonos_picture_crop(rgb, stride, 0, 0, width, height);

    g_array_append_val((GArray *)user, p);
    return TRUE;
}

/* Of a film whose noise is another in each frame: bicubic's change is what its pictures say, the restless one's more.
 */
static void test_film(void)
{
    Oracle o = {.base = {.scale = 4, .run = restless_run}, .flicker = 5};
    YonosEvaluateParams params = {.enlarger = &o.base, .bicubic = TRUE, .border = 4, .every = 1};
    YonosPicture all = {g_new(guint8, WIDTH * HEIGHT * 3 * FILM), WIDTH, HEIGHT};
    GArray *frames = g_array_new(FALSE, FALSE, sizeof(YonosPicture)), *rows;
    char *path = in_folder("film.avi");
    GError *error = NULL;

    for (guint k = 0; k < FILM; k++) {
        YonosPicture one = picture(WIDTH, HEIGHT, 20 + 7 * k);
        memcpy(all.rgb + k * WIDTH * HEIGHT * 3, one.rgb, WIDTH * HEIGHT * 3);
        yonos_picture_clear(&one);
    }
    write_film("film.avi", &all, FILM, "jpegenc quality=95 ! avimux");
    g_assert_true(yonos_media_decode(path, 1, keep, frames, &error));
    g_assert_cmpuint(frames->len, ==, FILM);
    rows = yonos_evaluate(&params, path, &error);
    g_assert_no_error(error);
    for (guint k = 0; k < FILM; k++) {
        const YonosEvaluation *row = &g_array_index(rows, YonosEvaluation, k);
        double model = row->figure[YONOS_METHOD_MODEL][YONOS_FIGURE_CHANGE];
        double bicubic = row->figure[YONOS_METHOD_BICUBIC][YONOS_FIGURE_CHANGE], wanted;
        YonosPicture *p = &g_array_index(frames, YonosPicture, k), large[2];
        g_test_message("frame %u: change %g, bicubic %g", k, model, bicubic);
        g_assert_cmpint(isnan(model), ==, k == 0);
        g_assert_cmpint(isnan(bicubic), ==, k == 0);
        if (k == 0)
            continue;
        for (int i = 0; i < 2; i++) {
            YonosPicture small = yonos_picture_resize(p - i, WIDTH / 4, HEIGHT / 4);
            large[i] = yonos_picture_resize(&small, WIDTH, HEIGHT);
            yonos_picture_clear(&small);
        }
        wanted = yonos_metrics_change(&large[1], &large[0], 4) / yonos_metrics_change(p - 1, p, 4);
        g_assert_cmpfloat_with_epsilon(bicubic, wanted, 1e-12);
        g_assert_cmpfloat(model, >, 1.2);
        g_assert_cmpfloat(model, >, bicubic);
        yonos_picture_clear(&large[0]);
        yonos_picture_clear(&large[1]);
    }
    for (guint k = 0; k < frames->len; k++)
        yonos_picture_clear(&g_array_index(frames, YonosPicture, k));
    g_array_unref(frames);
    g_array_unref(rows);
    yonos_picture_clear(&all);
    g_remove(path);
    g_free(path);
}

/* A model by the engine's front door; a picture that is too small and a file that is none are passed over. */
static void test_model(void)
{
    char *path = in_folder("model.safetensors"), *file = in_folder("a.png"), *small = in_folder("small.png");
    char *written = in_folder("written"), *a_written = in_folder("written/a.png");
    YonosPicture a = {0}, b = {0};
    YonosMetrics metrics;
    YonosPicture tiny = picture(16, 40, 0);
    GError *error = NULL;
    YonosEnlarger *e;
    YonosEvaluateParams params = {.border = 4, .every = 1, .write = written};
    GArray *folder_rows, *file_rows;

    small_model_write(path, 2, SEED);
    g_mkdir(written, 0700);
    write_media("small.png", &tiny, "pngenc");
    e = params.enlarger = yonos_enlarger_model(path, "cpu", &error);
    g_assert_no_error(error);
    g_assert_cmpint(e->scale, ==, 2);
    folder_rows = yonos_evaluate(&params, folder, &error);
    g_assert_no_error(error);
    file_rows = yonos_evaluate(&params, file, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(folder_rows->len, ==, 2);
    for (int f = 0; f < YONOS_FIGURE_COUNT; f++) {
        double a = g_array_index(folder_rows, YonosEvaluation, 1).figure[YONOS_METHOD_MODEL][f];
        double b = g_array_index(file_rows, YonosEvaluation, 1).figure[YONOS_METHOD_MODEL][f];
        g_test_message("figure %d: %g in the folder, %g alone", f, a, b);
        g_assert_true(a == b || (f == YONOS_FIGURE_MOTION && isnan(a) && b > 0) ||
                      ((f == YONOS_FIGURE_CHANGE || f == YONOS_FIGURE_FD || f == YONOS_FIGURE_TAEF2 ||
                        f == YONOS_FIGURE_LATENT) &&
                       isnan(b)));
        g_assert_true(isnan(g_array_index(folder_rows, YonosEvaluation, 1).figure[YONOS_METHOD_BICUBIC][f]));
    }
    g_assert_true(yonos_media_decode(file, 1, take, &a, &error) && yonos_media_decode(a_written, 1, take, &b, &error));
    g_assert_cmpint(b.width, ==, WIDTH);
    yonos_picture_clear(&tiny);
    tiny = yonos_picture_crop(a.rgb, 3 * (gsize)a.width, 0, 0, WIDTH, HEIGHT);
    yonos_metrics(&metrics, &b, &tiny, 4);
    g_assert_cmpfloat(metrics.psnr, ==,
                      g_array_index(folder_rows, YonosEvaluation, 0).figure[YONOS_METHOD_MODEL][YONOS_FIGURE_PSNR]);
    g_array_unref(folder_rows);
    g_array_unref(file_rows);
    params.write = folder;
    g_assert_null(yonos_evaluate(&params, file, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_clear_error(&error);
    params.write = NULL;
    yonos_picture_clear(&a);
    yonos_picture_clear(&b);
    g_remove(a_written);
    g_rmdir(written);
    g_free(a_written);
    g_free(written);
    g_assert_null(yonos_evaluate(&params, small, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    yonos_enlarger_free(e);
    g_assert_null(yonos_enlarger_model(file, "cpu", &error));
    g_assert_nonnull(error);
    g_error_free(error);
    yonos_picture_clear(&tiny);
    g_remove(path);
    g_remove(small);
    g_free(path);
    g_free(file);
    g_free(small);
}

int main(int argc, char **argv)
{
    YonosPicture p = picture(WIDTH + 3, HEIGHT + 5, 20); /* cut to WIDTH x HEIGHT */
    char *path;
    int status;

    g_test_init(&argc, &argv, NULL);
    gst_init(&argc, &argv);
    g_test_message("seed %d", SEED);
    folder = g_dir_make_tmp("yonos-evaluate-XXXXXX", NULL);
    path = in_folder("a.png");
    write_media("a.png", &p, "pngenc");
    g_test_add_func("/evaluate/metrics", test_metrics);
    g_test_add_func("/evaluate/change", test_change);
    g_test_add_func("/evaluate/resize", test_resize);
    g_test_add_func("/evaluate/motion", test_motion);
    g_test_add_func("/evaluate/clip", test_clip);
    g_test_add_func("/evaluate/film", test_film);
    g_test_add_func("/evaluate/model", test_model);
    status = g_test_run();
    yonos_picture_clear(&p);
    g_remove(path);
    g_rmdir(folder);
    g_free(path);
    g_free(folder);
    return status;
}
