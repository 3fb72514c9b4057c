/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The element refuses what it cannot do with one sentence, and enlarges every format. */
#include "element-check.h"
#include "small-model.h"

#include <glib/gstdio.h>
#include <gst/video/video.h>

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
    {"odd-ratio", CAPS, "video/x-raw,width=102,height=54", NULL, "cannot make 102x54 from 34x18"},
    {"two-ratios", CAPS, "video/x-raw,width=68,height=72", NULL, "cannot make 68x72 from 34x18"},
    {"downscaling", CAPS, "video/x-raw,width=17,height=9", NULL, "cannot make 17x9 from 34x18"},
    {"same-size", CAPS, "video/x-raw,width=34,height=18", NULL, "cannot make 34x18 from 34x18"},
    {"too-large", "video/x-raw,format=I420,framerate=25/1,width=9000,height=16", NULL, NULL, "up to 16384x16384"},
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
    int status = g_test_run();
    g_rmdir(folder);
    g_free(folder);
    return status;
}
