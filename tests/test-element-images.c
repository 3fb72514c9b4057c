/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames in libgstvulkan's images, in, out and both, against the plain reference. */
#include "element-check.h"
#include "reference-frame.h"

static gboolean is_without_images(void)
{
    static const char *const wanted[] = {"vulkanupload", "vulkandownload"};
    GstElement *el = element_new(NULL, "cpu");
    GstPad *pad = gst_element_get_static_pad(el, "sink");
    GstCaps *all = gst_pad_get_pad_template_caps(pad);
    gboolean without = TRUE;

    for (guint i = 0; i < gst_caps_get_size(all); i++) { /* the last takes any memory, to be refused by name */
        GstCapsFeatures *f = gst_caps_get_features(all, i);
        without = without && (gst_caps_features_is_any(f) || !gst_caps_features_contains(f, "memory:VulkanImage"));
    }
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        GstElementFactory *factory = gst_element_factory_find(wanted[i]);
        without = without || !factory;
        gst_clear_object(&factory);
    }
    gst_caps_unref(all);
    gst_object_unref(pad);
    gst_object_unref(el);
    if (without)
        g_test_skip("this build or this GStreamer is without Vulkan images");
    return without;
}

typedef struct {
    GstBuffer *last;
    guint n;
    GstVideoInfo info;
} Seen;

static GstPadProbeReturn see(GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
    Seen *seen = data;
    GstCaps *caps = gst_pad_get_current_caps(pad);
    GstVideoFrame from, to;

    g_assert_true(gst_video_info_from_caps(&seen->info, caps));
    gst_caps_unref(caps);
    seen->n++;
    gst_clear_buffer(&seen->last);
    /* memory of libgstvulkan cannot be copied */
    seen->last = gst_buffer_new_allocate(NULL, seen->info.size, NULL);
    g_assert_true(gst_video_frame_map(&from, &seen->info, GST_PAD_PROBE_INFO_BUFFER(probe), GST_MAP_READ));
    g_assert_true(gst_video_frame_map(&to, &seen->info, seen->last, GST_MAP_WRITE));
    g_assert_true(gst_video_frame_copy(&to, &from));
    gst_video_frame_unmap(&to);
    gst_video_frame_unmap(&from);
    return GST_PAD_PROBE_OK;
}

static void watch(GstElement *pipeline, const char *name, const char *pad_name, Seen *seen)
{
    GstElement *el = gst_bin_get_by_name(GST_BIN(pipeline), name);
    GstPad *pad = gst_element_get_static_pad(el, pad_name);

    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, see, seen, NULL);
    gst_object_unref(pad);
    gst_object_unref(el);
}

static void check(const char *format, int width, int height, int large_width, gboolean in, gboolean out)
{
    char *line = g_strdup_printf(
        "videotestsrc num-buffers=3 pattern=ball ! video/x-raw,format=%s,width=%d,height=%d ! identity "
        "name=small %s ! yonosupscale enabled=false ! video/x-raw(%s),format=%s,width=%d %s "
        "! fakesink name=large",
        format, width, height, in ? "! vulkanupload" : "", out ? "memory:VulkanImage" : "memory:SystemMemory", format,
        large_width, out ? "! vulkandownload" : "");
    GError *error = NULL;
    GstElement *pipeline = gst_parse_launch(line, &error);
    GstBus *bus;
    GstMessage *message;
    Seen small = {0}, large = {0};

    g_test_message("%s", line);
    g_assert_no_error(error);
    watch(pipeline, "small", "src", &small);
    watch(pipeline, "large", "sink", &large);
    bus = gst_element_get_bus(pipeline);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_nonnull(message);
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(message, &error, NULL);
        g_error("%s", error->message);
    }
    g_assert_cmpuint(small.n, ==, 3);
    g_assert_cmpuint(large.n, ==, 3);
    reference_check(&small.info, small.last, &large.info, large.last);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_clear_buffer(&small.last);
    gst_clear_buffer(&large.last);
    gst_message_unref(message);
    gst_object_unref(bus);
    gst_object_unref(pipeline);
    g_free(line);
}

static void test_images(gconstpointer data)
{
    int kind = GPOINTER_TO_INT(data);

    if (is_without_images())
        return;
    check("NV12", 32, 18, 64, kind & 1, kind & 2);
    check("RGBA", 34, 18, 51, kind & 1, kind & 2);
    check("BGRA", 33, 17, 132, kind & 1, kind & 2);
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/element/images/in", GINT_TO_POINTER(1), test_images);
    g_test_add_data_func("/element/images/out", GINT_TO_POINTER(2), test_images);
    g_test_add_data_func("/element/images/both", GINT_TO_POINTER(3), test_images);
    return g_test_run();
}
