/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The element refuses what it cannot do with one sentence, enlarges every format, and leaves a gray ramp one. */
#include "element-check.h"
#include "small-model.h"

#include <glib/gstdio.h>
#include <gst/video/video.h>
#include <math.h>

#define SEED 20261123
#define CAPS "video/x-raw,format=I420,framerate=25/1,width=34,height=18"

typedef struct {
    const char *name, *in, *out, *model, *expected;
} Refusal;

/* "%s" stands for the temporary folder. */
static const Refusal refusals[] = {
    {"missing-model", CAPS, NULL, "%s/none.safetensors", "none.safetensors: set the model property"},
    {"folder-as-model", CAPS, NULL, "%s", "is a folder and no model"},
    {"unnamed-model", CAPS, NULL, "", "set the model property"},
    {"no-shipped-model", CAPS, NULL, NULL, "fast-x2.safetensors: set the model property"},
    {"interlaced", CAPS ",interlace-mode=interleaved", NULL, NULL, "put deinterlace in front"},
    {"interlaced-same-size", CAPS ",interlace-mode=mixed", "video/x-raw,width=34,height=18", NULL,
     "put deinterlace in front"},
    {"beyond-8", CAPS, "video/x-raw,width=273,height=144", NULL, "up to 8 times, and cannot make 273x144 from 34x18"},
    {"beyond-8-upwards", CAPS, "video/x-raw,width=272,height=145", NULL, "ask for 272x144 at most"},
    {"downscaling", CAPS, "video/x-raw,width=17,height=9", NULL, "only enlarges, and cannot make 17x9 from 34x18"},
    {"flatter", CAPS, "video/x-raw,width=68,height=17", NULL, "cannot make 68x17 from 34x18"},
    {"no-model-between", CAPS, "video/x-raw,width=102,height=54", NULL, "fast-x4.safetensors: set the model property"},
    {"too-large", "video/x-raw,format=I420,framerate=25/1,width=9000,height=16", NULL, NULL, "up to 16384x16384"},
    {"more-than-gstreamer", "video/x-raw,format=RGBA64_LE,framerate=25/1,width=16000,height=16000", NULL, NULL,
     "32000x32000 in RGBA64_LE are more than GStreamer can hold"},
};

static char *folder;

/* `name` with "%s" filled in, or NULL. */
static char *in_folder(const char *name)
{
    return name && g_str_has_prefix(name, "%s") ? g_strconcat(folder, name + 2, NULL) : g_strdup(name);
}

static void test_refusal(gconstpointer data)
{
    const Refusal *r = data;
    char *model = in_folder(r->model);
    GstElement *el = element_new(model, "cpu");
    GstBus *bus = gst_bus_new();
    for (int round = 0; round < 2; round++) {
        GstHarness *h = element_start(el, bus, r->in, r->out);
        element_check_message(bus, GST_MESSAGE_ERROR, r->expected, "");
        element_stop(h, el);
    }
    gst_object_unref(bus);
    gst_object_unref(el);
    g_free(model);
}

static void enlarge(GstElement *el, const char *in_format, const char *out_format, int width, int height)
{
    char *in = g_strdup_printf("video/x-raw,format=%s,framerate=25/1,width=%d,height=%d,pixel-aspect-ratio=16/15",
                               in_format, width, height);
    char *out = g_strdup_printf("video/x-raw,format=%s", out_format);
    GstHarness *h = element_start(el, NULL, in, out);
    GstVideoInfo info;
    GstCaps *caps;
    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    caps = gst_pad_get_current_caps(h->sinkpad);
    g_assert_true(gst_video_info_from_caps(&info, caps));
    g_assert_cmpint(info.width, ==, width * 2);
    g_assert_cmpint(info.height, ==, height * 2);
    g_assert_cmpint(info.par_n, ==, 16);
    g_assert_cmpint(info.fps_n, ==, 25);
    g_assert_cmpstr(GST_VIDEO_INFO_NAME(&info), ==, out_format);
    gst_caps_unref(caps);
    element_stop(h, el);
    g_free(in);
    g_free(out);
}

static void test_enlarge(void)
{
    static const char *formats[] = {"I420", "NV12", "RGB", "BGR", "RGBA", "BGRA", "ARGB", "ABGR", "RGBx", "xBGR"};
    char *model = in_folder("%s/good.safetensors");
    GstElement *el;
    small_model_write(model, 2, SEED);
    el = element_new(model, "cpu");
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        enlarge(el, formats[i], formats[i], 34, 18);
        enlarge(el, formats[i], formats[(i + 1) % G_N_ELEMENTS(formats)], 33, 17);
    }
    gst_object_unref(el);
    g_remove(model);
    g_free(model);
}

#define WIDTH 64
#define HEIGHT 36

/* The ramp at a place of the small picture: 0 to 1 from the upper left to the lower right corner. */
static double ramp(double x, double y)
{
    return (CLAMP(x, 0, WIDTH - 1) + CLAMP(y, 0, HEIGHT - 1)) / (WIDTH + HEIGHT - 2);
}

/* What component c should hold at (x, y) of its plane; chroma is always in the middle. */
static double wanted(const GstVideoInfo *info, guint c, int x, int y)
{
    double scale = (double)info->width / WIDTH, value = ramp((x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5);

    if (!GST_VIDEO_INFO_IS_YUV(info))
        return value * 255;
    return c == 0 ? 16 + value * 219 : 128;
}

/* The mean of |component - wanted| in codes, by component; with `write` they become what is wanted. */
static void visit_ramp(const GstVideoInfo *info, GstBuffer *buffer, gboolean write, double error[3])
{
    GstVideoFrame frame;

    g_assert_true(gst_video_frame_map(&frame, info, buffer, GST_MAP_READWRITE));
    for (guint c = 0; c < 3; c++) {
        int width = GST_VIDEO_FRAME_COMP_WIDTH(&frame, c), height = GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c);
        error[c] = 0;
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                guint8 *at = (guint8 *)GST_VIDEO_FRAME_COMP_DATA(&frame, c) +
                             y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, c) + x * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, c);
                if (write)
                    *at = (guint8)(wanted(info, c, x, y) + 0.5);
                error[c] += fabs(*at - wanted(info, c, x, y)) / (width * height);
            }
    }
    gst_video_frame_unmap(&frame);
}

static void check_gray(const char *model, int scale, const char *format)
{
    GstElement *el = element_new(model, "cpu");
    char *caps = g_strdup_printf("video/x-raw,format=%s,framerate=25/1,width=%d,height=%d", format, WIDTH, HEIGHT);
    char *out = g_strdup_printf("video/x-raw,width=%d", WIDTH * scale);
    GstHarness *h = element_start(el, NULL, caps, out);
    GstVideoInfo info;
    GstBuffer *buffer;
    double error[3];

    gst_video_info_set_format(&info, gst_video_format_from_string(format), WIDTH, HEIGHT);
    buffer = gst_buffer_new_allocate(NULL, info.size, NULL);
    visit_ramp(&info, buffer, TRUE, error);
    buffer = gst_harness_push_and_pull(h, buffer);
    gst_video_info_set_format(&info, gst_video_format_from_string(format), WIDTH * scale, HEIGHT * scale);
    visit_ramp(&info, buffer, FALSE, error);
    g_test_message("%s %s: mean error %.3f %.3f %.3f of 255", model, format, error[0], error[1], error[2]);
    for (int c = 0; c < 3; c++)
        g_assert_cmpfloat(error[c], <=, 1);
    gst_buffer_unref(buffer);
    element_stop(h, el);
    gst_object_unref(el);
    g_free(caps);
    g_free(out);
}

static void test_gray_plain(void)
{
    char *model = in_folder("%s/plain.safetensors");

    small_model_make(model, &(SmallModel){.scale = 2, .seed = SEED, .plain = TRUE});
    check_gray(model, 2, "RGB");
    check_gray(model, 2, "I420");
    g_remove(model);
    g_free(model);
}

static void test_gray_shipped(gconstpointer data)
{
    int scale = GPOINTER_TO_INT(data);
    char *model = g_strdup_printf("%s/fast-x%d.safetensors", g_getenv("YONOS_SHIPPED_MODELS"), scale);

    if (g_file_test(model, G_FILE_TEST_EXISTS)) {
        check_gray(model, scale, "RGB");
        check_gray(model, scale, "I420");
    } else {
        g_test_skip("no such model is shipped");
    }
    g_free(model);
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("yonos-element-XXXXXX", NULL);
    g_assert_nonnull(folder);
    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
        char *path = g_strconcat("/element/refuses/", refusals[i].name, NULL);
        g_test_add_data_func(path, &refusals[i], test_refusal);
        g_free(path);
    }
    g_test_add_func("/element/enlarges", test_enlarge);
    g_test_add_func("/element/gray/plain", test_gray_plain);
    g_test_add_data_func("/element/gray/fast-x2", GINT_TO_POINTER(2), test_gray_shipped);
    g_test_add_data_func("/element/gray/fast-x4", GINT_TO_POINTER(4), test_gray_shipped);
    int status = g_test_run();
    g_rmdir(folder);
    g_free(folder);
    return status;
}
