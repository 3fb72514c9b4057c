/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>

/* The element refuses what it cannot do with one sentence; it works where YONOS_TEST_MODEL names a model of scale 2. */

#define CAPS "video/x-raw,format=I420,framerate=25/1,width=34,height=18"

typedef struct {
    const char *name, *in, *out, *model, *expected;
} Refusal;

/* "%s" stands for the temporary folder. */
static const Refusal refusals[] = {
    {"missing-model", CAPS, NULL, "%s/none.safetensors", "none.safetensors: set the model property"},
    {"folder-as-model", CAPS, NULL, "%s", "is a folder and no model"},
    {"empty-model", CAPS, NULL, "%s/empty.safetensors", "empty.safetensors"},
    {"no-shipped-model", CAPS, NULL, NULL, "fast-x2.safetensors: set the model property"},
    {"interlaced", CAPS ",interlace-mode=interleaved", NULL, NULL, "put deinterlace in front"},
    {"odd-ratio", CAPS, "video/x-raw,width=102,height=54", NULL, "cannot make 102x54 from 34x18"},
    {"two-ratios", CAPS, "video/x-raw,width=68,height=72", NULL, "cannot make 68x72 from 34x18"},
    {"downscaling", CAPS, "video/x-raw,width=17,height=9", NULL, "cannot make 17x9 from 34x18"},
    {"same-size", CAPS, "video/x-raw,width=34,height=18", NULL, "cannot make 34x18 from 34x18"},
    {"too-large", "video/x-raw,format=I420,framerate=25/1,width=9000,height=16", NULL, NULL, "up to 16384x16384"},
};

static char *folder;

static GstElement *new_element(const char *model)
{
    GstElement *el = gst_element_factory_make("yonosupscale", NULL);
    g_assert_nonnull(el);
    gst_object_ref_sink(el);
    char *path = model && g_str_has_prefix(model, "%s") ? g_strconcat(folder, model + 2, NULL) : g_strdup(model);
    g_object_set(el, "model", path, "device", "cpu", NULL);
    g_free(path);
    return el;
}

/* Fails unless there is exactly one error, with this text in it. */
static void check_error(GstBus *bus, const char *expected)
{
    GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    GError *error = NULL;
    g_assert_nonnull(message);
    gst_message_parse_error(message, &error, NULL);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, expected));
    g_error_free(error);
    gst_message_unref(message);
    g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR));
}

static void test_refusal(gconstpointer data)
{
    const Refusal *r = data;
    GstElement *el = new_element(r->model);
    GstBus *bus = gst_bus_new();
    for (int round = 0; round < 2; round++) {
        GstHarness *h = gst_harness_new_with_element(el, "sink", "src");
        gst_element_set_bus(el, bus);
        if (r->out)
            gst_harness_set_sink_caps_str(h, r->out);
        gst_harness_set_src_caps_str(h, r->in);
        check_error(bus, r->expected);
        gst_element_set_bus(el, NULL);
        gst_harness_teardown(h); /* to NULL */
    }
    gst_object_unref(bus);
    gst_object_unref(el);
}

static void enlarge(GstElement *el, const char *in_format, const char *out_format, int width, int height)
{
    GstHarness *h = gst_harness_new_with_element(el, "sink", "src");
    char *in = g_strdup_printf("video/x-raw,format=%s,framerate=25/1,width=%d,height=%d,pixel-aspect-ratio=16/15",
                               in_format, width, height);
    char *out = g_strdup_printf("video/x-raw,format=%s", out_format);
    GstCaps *caps = gst_caps_from_string(in);
    GstVideoInfo info;
    gst_harness_set_sink_caps_str(h, out);
    gst_harness_set_src_caps_str(h, in);
    g_assert_true(gst_video_info_from_caps(&info, caps));
    gst_caps_unref(caps);
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, info.size, NULL);
    gst_buffer_memset(buffer, 0, 128, info.size);
    GST_BUFFER_PTS(buffer) = 0;
    buffer = gst_harness_push_and_pull(h, buffer);
    g_assert_nonnull(buffer);
    gst_buffer_unref(buffer);
    caps = gst_pad_get_current_caps(h->sinkpad);
    g_assert_true(gst_video_info_from_caps(&info, caps));
    g_assert_cmpint(info.width, ==, width * 2);
    g_assert_cmpint(info.height, ==, height * 2);
    g_assert_cmpint(info.par_n, ==, 16);
    g_assert_cmpint(info.fps_n, ==, 25);
    g_assert_cmpstr(GST_VIDEO_INFO_NAME(&info), ==, out_format);
    gst_caps_unref(caps);
    gst_harness_teardown(h);
    g_free(in);
    g_free(out);
}

static void test_enlarge(void)
{
    static const char *formats[] = {"I420", "NV12", "RGB", "BGR", "RGBA", "BGRA", "ARGB", "ABGR", "RGBx", "xBGR"};
    const char *model = g_getenv("YONOS_TEST_MODEL");
    if (!model) {
        g_test_skip("YONOS_TEST_MODEL names no model");
        return;
    }
    GstElement *el = new_element(model);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        enlarge(el, formats[i], formats[i], 34, 18);
        enlarge(el, formats[i], formats[(i + 1) % G_N_ELEMENTS(formats)], 33, 17);
    }
    gst_object_unref(el);
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("yonos-element-XXXXXX", NULL);
    g_assert_nonnull(folder);
    char *empty = g_build_filename(folder, "empty.safetensors", NULL);
    g_assert_true(g_file_set_contents(empty, "", 0, NULL));
    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
        char *path = g_strconcat("/element/refuses/", refusals[i].name, NULL);
        g_test_add_data_func(path, &refusals[i], test_refusal);
        g_free(path);
    }
    g_test_add_func("/element/enlarges", test_enlarge);
    int status = g_test_run();
    g_remove(empty);
    g_rmdir(folder);
    g_free(empty);
    g_free(folder);
    return status;
}
