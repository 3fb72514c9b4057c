/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An H.265 file of 10 bits in PQ, from encoder to decoder through the element: depth, coded values and colorimetry come
 * through. */
#include "element-check.h"
#include "reference-frame.h"

#include <glib/gstdio.h>
#include <math.h>

#define COLORIMETRY "bt2100-pq"

static char *file;

static gboolean lacks_elements(void)
{
    static const char *const wanted[] = {"x265enc", "h265parse", "matroskamux", "avdec_h265"};

    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        GstElementFactory *factory = gst_element_factory_find(wanted[i]);
        if (!factory) {
            g_test_skip(wanted[i]);
            return TRUE;
        }
        gst_object_unref(factory);
    }
    return FALSE;
}

static void run(GstElement *pipeline)
{
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *message;
    GError *error = NULL;

    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered(bus, 300 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_nonnull(message);
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(message, &error, NULL);
        g_error("%s", error->message);
    }
    gst_message_unref(message);
    gst_object_unref(bus);
}

static void stop(GstElement *pipeline)
{
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
}

/* What went over a pad. */
typedef struct {
    GstBuffer *first;
    guint n;
    GstVideoInfo info;
    char *colorimetry;
} Seen;

static GstPadProbeReturn see(GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
    Seen *seen = data;
    GstCaps *caps;

    if (seen->n++ == 0) {
        caps = gst_pad_get_current_caps(pad);
        g_assert_true(gst_video_info_from_caps(&seen->info, caps));
        seen->colorimetry = g_strdup(gst_structure_get_string(gst_caps_get_structure(caps, 0), "colorimetry"));
        seen->first = gst_buffer_copy_deep(GST_PAD_PROBE_INFO_BUFFER(probe));
        gst_caps_unref(caps);
    }
    return GST_PAD_PROBE_OK;
}

static void watch(GstElement *el, const char *name, Seen *seen)
{
    GstPad *pad = gst_element_get_static_pad(el, name);

    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, see, seen, NULL);
    gst_object_unref(pad);
}

static double mean(const Seen *seen, guint c)
{
    GstVideoFrame frame;
    double sum = 0;
    int width, height;

    g_assert_true(gst_video_frame_map(&frame, &seen->info, seen->first, GST_MAP_READ));
    width = GST_VIDEO_FRAME_COMP_WIDTH(&frame, c);
    height = GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            sum += reference_get(&frame, c, x, y);
    gst_video_frame_unmap(&frame);
    return sum / (width * height);
}

static void clear(Seen *seen)
{
    gst_buffer_unref(seen->first);
    g_free(seen->colorimetry);
}

static void check_file(const char *format, gboolean network)
{
    char *line = g_strdup_printf("filesrc location=%s ! matroskademux ! h265parse ! avdec_h265 ! yonosupscale name=up "
                                 "device=%s enabled=%s ! video/x-raw,format=%s ! fakesink",
                                 file, element_device(), network ? "true" : "false", format);
    GstElement *pipeline = gst_parse_launch(line, NULL), *el = gst_bin_get_by_name(GST_BIN(pipeline), "up");
    Seen in = {0}, out = {0};

    watch(el, "sink", &in);
    watch(el, "src", &out);
    run(pipeline);
    g_assert_cmpuint(in.n, ==, 5);
    g_assert_cmpuint(out.n, ==, 5);
    g_assert_cmpstr(GST_VIDEO_INFO_NAME(&in.info), ==, "I420_10LE");
    g_assert_cmpstr(GST_VIDEO_INFO_NAME(&out.info), ==, format);
    g_assert_cmpstr(in.colorimetry, ==, COLORIMETRY);
    g_assert_cmpstr(out.colorimetry, ==, COLORIMETRY);
    g_assert_cmpint(out.info.width, ==, 2 * in.info.width);
    if (!network)
        reference_check(&in.info, in.first, &out.info, out.first);
    for (guint c = 0; c < 3; c++)
        g_assert_cmpfloat(fabs(mean(&in, c) - mean(&out, c)), <=, 2.0 * 1023 / 255);
    clear(&in);
    clear(&out);
    gst_object_unref(el);
    stop(pipeline);
    g_free(line);
}

static void test_file(void)
{
    char *line;
    GstElement *pipeline;

    if (lacks_elements())
        return;
    line =
        g_strdup_printf("videotestsrc num-buffers=5 ! video/x-raw,format=I420_10LE,width=162,height=98,framerate=25/1,"
                        "colorimetry=" COLORIMETRY " ! x265enc speed-preset=ultrafast ! h265parse ! matroskamux "
                        "! filesink location=%s",
                        file);
    pipeline = gst_parse_launch(line, NULL);
    run(pipeline);
    stop(pipeline);
    g_free(line);
    check_file("I420_10LE", FALSE);
    check_file("P010_10LE", FALSE);
    check_file("I420_10LE", TRUE);
    check_file("P010_10LE", TRUE);
}

int main(int argc, char **argv)
{
    char *folder;
    int status;

    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    g_setenv("YONOS_MODEL_PATH", g_getenv("YONOS_SHIPPED_MODELS"), TRUE);
    folder = g_dir_make_tmp("yonos-hdr-XXXXXX", NULL);
    file = g_build_filename(folder, "pq.mkv", NULL);
    g_test_add_func("/element/hdr/h265", test_file);
    status = g_test_run();
    g_remove(file);
    g_rmdir(folder);
    g_free(file);
    g_free(folder);
    return status;
}
