/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "element-check.h"

#include <gst/video/video.h>

const char *element_device(void)
{
    const char *name = g_getenv("YONOS_TEST_ELEMENT_DEVICE");

    return name ? name : "cpu";
}

GstElement *element_new(const char *model, const char *device)
{
    GstElement *el = gst_element_factory_make("yonosupscale", NULL);

    g_assert_nonnull(el);
    gst_object_ref_sink(el);
    g_object_set(el, "model", model, "device", device, "frames-in-flight", 1, NULL);
    return el;
}

GstHarness *element_start(GstElement *el, GstBus *bus, const char *in, const char *out)
{
    GstHarness *h = gst_harness_new_with_element(el, "sink", "src");

    gst_element_set_bus(el, bus);
    if (out)
        gst_harness_set_sink_caps_str(h, out);
    gst_harness_set_src_caps_str(h, in);
    return h;
}

void element_stop(GstHarness *h, GstElement *el)
{
    gst_element_set_bus(el, NULL);
    gst_harness_teardown(h);
}

GstFlowReturn element_push(GstHarness *h)
{
    GstCaps *caps = gst_pad_get_current_caps(h->srcpad);
    GstVideoInfo info;
    GstBuffer *buffer;
    GstFlowReturn flow;

    g_assert_true(gst_video_info_from_caps(&info, caps));
    gst_caps_unref(caps);
    buffer = gst_buffer_new_allocate(NULL, info.size, NULL);
    gst_buffer_memset(buffer, 0, 128, info.size);
    GST_BUFFER_PTS(buffer) = 0;
    flow = gst_harness_push(h, buffer);
    buffer = gst_harness_try_pull(h);
    g_assert_true((buffer != NULL) == (flow == GST_FLOW_OK));
    if (buffer)
        gst_buffer_unref(buffer);
    return flow;
}

void element_check_message(GstBus *bus, GstMessageType type, const char *expected, const char *also)
{
    GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
    GError *error = NULL;

    if (!message)
        g_error("no message with '%s'", expected);
    g_assert_cmpint(GST_MESSAGE_TYPE(message), ==, type);
    if (type == GST_MESSAGE_ERROR)
        gst_message_parse_error(message, &error, NULL);
    else
        gst_message_parse_warning(message, &error, NULL);
    g_test_message("%s", error->message);
    if (!strstr(error->message, expected) || !strstr(error->message, also))
        g_error("'%s' lacks '%s' or '%s'", error->message, expected, also);
    g_error_free(error);
    gst_message_unref(message);
    element_check_silent(bus);
}

void element_check_silent(GstBus *bus)
{
    g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING));
}
