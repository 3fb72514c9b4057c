/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that the element cannot take or make: who has a choice is led to another format, who has none gets a sentence.
 */
#include "element-check.h"

#include <gst/video/video.h>
#include <string.h>

#define SIZE "framerate=25/1,width=32,height=18"
#define SMALL "video/x-raw,format=I420," SIZE

static GstElement *plain_new(void)
{
    GstElement *el = element_new(NULL, "cpu");

    g_object_set(el, "enabled", FALSE, NULL);
    return el;
}

typedef struct {
    const char *name, *in, *out, *expected, *also;
} Case;

static const Case cases[] = {
    {"format-in", "video/x-raw,format=AYUV64," SIZE, NULL, "does not take frames of format AYUV64",
     "videoconvert in front of"},
    {"format-out", SMALL, "video/x-raw,format=v210", "does not make frames of format v210", "videoconvert behind"},
    {"both-formats", "video/x-raw,format=Y444_16BE," SIZE, "video/x-raw,format=Y444_16BE",
     "does not take frames of format Y444_16BE", "videoconvert"},
    {"unknown-format", "video/x-raw,format=NEVER_HEARD_OF," SIZE, NULL, "does not take frames of format NEVER_HEARD_OF",
     "videoconvert"},
    {"unknown-format-out", SMALL, "video/x-raw,format=NEVER_HEARD_OF", "does not make frames of format NEVER_HEARD_OF",
     "videoconvert"},
    {"no-size", "video/x-raw,format=I420,framerate=25/1", NULL, "cannot tell what frames", "width and height"},
    {"gl-in", "video/x-raw(memory:GLMemory),format=RGBA," SIZE, NULL, "does not take frames in memory:GLMemory",
     "put gldownload in front"},
    {"gl-out", SMALL, "video/x-raw(memory:GLMemory),format=RGBA", "does not make frames in memory:GLMemory",
     "put glupload behind"},
    {"gl-overlays-in", "video/x-raw(memory:GLMemory, meta:GstVideoOverlayComposition),format=RGBA," SIZE, NULL,
     "does not take frames in memory:GLMemory", "put gldownload in front"},
#if GST_CHECK_VERSION(1, 24, 0)
    {"dmabuf-in", "video/x-raw(memory:DMABuf),format=NV12," SIZE, NULL, "not of NV12", "linear"},
    {"dmabuf-tiled-in", "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12:0x0100000000000002," SIZE, NULL,
     "not of NV12:0x0100000000000002", "linear"},
    {"dmabuf-format-in", "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=AYUV," SIZE, NULL,
     "not of AYUV", "gldownload"},
    {"dmabuf-out", SMALL, "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12", "does not make frames in memory:DMABuf",
     "an element that exports it behind"},
#else
    {"dmabuf-in", "video/x-raw(memory:DMABuf),format=NV12," SIZE, NULL, "does not take frames in memory:DMABuf",
     "gldownload"},
    {"dmabuf-drm-in", "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12," SIZE, NULL,
     "does not take frames in memory:DMABuf", "gldownload"},
#endif
    {"unheard-memory", "video/x-raw(memory:Elsewhere),format=NV12," SIZE, NULL,
     "does not take frames in memory:Elsewhere", "an element that copies them in front"},
    {"fields", "video/x-raw(format:Interlaced),format=I420,interlace-mode=alternate," SIZE, NULL, "interlaced",
     "deinterlace"},

};

/* One message and no frame; then the element takes what it can. */
static void test_case(gconstpointer data)
{
    const Case *c = data;
    GstElement *el = plain_new();
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, c->in, c->out);

    element_check_message(bus, GST_MESSAGE_ERROR, c->expected, c->also);
    gst_harness_set_sink_caps_str(h, "video/x-raw,width=64,height=36");
    gst_harness_set_src_caps_str(h, SMALL);
    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(bus);
    gst_object_unref(el);
}

/* In the middle of a stream, which goes on with the caps that it had. */
static void test_mid_stream(void)
{
    GstElement *el = plain_new();
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, SMALL, NULL);

    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    gst_harness_set_src_caps_str(h, "video/x-raw,format=AYUV64," SIZE);
    element_check_message(bus, GST_MESSAGE_ERROR, "AYUV64", "videoconvert");
    gst_harness_set_src_caps_str(h, SMALL);
    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(bus);
    gst_object_unref(el);
}

/* At the same size nothing is read or made, so anything may go through. */
static void test_passthrough(void)
{
    static const char *const caps[] = {"video/x-raw,format=AYUV64," SIZE, "video/x-raw,format=Y444," SIZE,
                                       "video/x-raw(memory:GLMemory),format=RGBA," SIZE,
                                       "video/x-raw,format=I420,framerate=25/1,width=20000,height=2"};

    for (guint i = 0; i < G_N_ELEMENTS(caps); i++) {
        GstElement *el = plain_new();
        GstBus *bus = gst_bus_new();
        GstHarness *h = element_start(el, bus, caps[i], caps[i]);
        GstBuffer *buffer = gst_buffer_new_allocate(NULL, 32 * 18 * 8, NULL), *out;

        out = gst_harness_push_and_pull(h, gst_buffer_ref(buffer));
        g_assert_true(out == buffer);
        gst_buffer_unref(out);
        gst_buffer_unref(buffer);
        element_check_silent(bus);
        element_stop(h, el);
        gst_object_unref(bus);
        gst_object_unref(el);
    }
}

/* What a pad says to somebody who could do `filter`: at first `first`, and whether AYUV64 may be among it. */
static void check_answer(const char *pad_name, const char *filter, const char *first, gboolean refusable)
{
    GstElement *el = plain_new();
    GstPad *pad = gst_element_get_static_pad(el, pad_name);
    GstCaps *can = filter ? gst_caps_from_string(filter) : NULL, *wanted = gst_caps_from_string(first);
    GstCaps *refused = gst_caps_from_string("video/x-raw,format=AYUV64"), *answer = gst_pad_query_caps(pad, can), *one;

    g_assert_cmpuint(gst_caps_get_size(answer), >, 0);
    one = gst_caps_copy_nth(answer, 0);
    if (!gst_caps_can_intersect(one, wanted) || gst_caps_can_intersect(one, refused) != (refusable && filter) ||
        gst_caps_can_intersect(answer, refused) != refusable)
        g_error("%s, %s: %s", pad_name, filter, gst_caps_to_string(answer));
    gst_caps_unref(one);
    gst_caps_unref(answer);
    gst_caps_unref(refused);
    gst_caps_unref(wanted);
    gst_clear_caps(&can);
    gst_object_unref(pad);
    gst_object_unref(el);
}

static void test_answers(void)
{
    static const char *const pads[] = {"sink", "src"};

    for (guint i = 0; i < G_N_ELEMENTS(pads); i++) {
        check_answer(pads[i], NULL, "video/x-raw,format=I420", TRUE);
        check_answer(pads[i], "video/x-raw,format={AYUV64,I420}", "video/x-raw,format=I420", FALSE);
        check_answer(pads[i], "video/x-raw(memory:GLMemory); video/x-raw,format={AYUV64,RGB}", "video/x-raw,format=RGB",
                     FALSE);
        check_answer(pads[i], "video/x-raw(ANY)", "video/x-raw,format=I420", FALSE);
        check_answer(pads[i], "video/x-raw,format=AYUV64", "video/x-raw,format=AYUV64", TRUE);
        check_answer(pads[i], "video/x-raw(memory:GLMemory)", "video/x-raw(memory:GLMemory)", FALSE);
    }
}

/* Whoever can convert does, wherever it stands: no error, and supported formats at both pads. */
static void test_led(void)
{
    static const char *const lines[] = {
        "videotestsrc num-buffers=2 ! video/x-raw,format=AYUV64 ! videoconvert ! %s ! fakesink",
        "videotestsrc num-buffers=2 ! video/x-raw,format=AYUV64 ! videoconvert ! queue ! tee ! queue ! %s ! fakesink",
        "videotestsrc num-buffers=2 ! video/x-raw,format=v210 ! videoconvert ! video/x-raw,width=64 ! identity ! %s ! "
        "fakesink",
        "videotestsrc num-buffers=2 ! video/x-raw,format=AYUV64 ! videoconvert ! input-selector ! %s ! fakesink",
        "videotestsrc num-buffers=2 ! %s ! videoconvert ! video/x-raw,format=v210 ! fakesink",
        "videotestsrc num-buffers=2 ! video/x-raw,format=AYUV64 ! videoconvert ! %s ! videoconvert ! "
        "video/x-raw,format=AYUV64 ! fakesink",
        "videotestsrc num-buffers=2 ! video/x-raw,format=I422_10LE ! videoconvert ! %s ! x264enc ! fakesink",
        "compositor name=c ! %s ! fakesink videotestsrc num-buffers=2 ! video/x-raw,format=AYUV64 ! c.",
    };

    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        char *line = g_strdup_printf(lines[i], "yonosupscale name=up enabled=false");
        GError *error = NULL;
        GstElement *pipeline = gst_parse_launch(line, &error), *el;
        GstBus *bus;
        GstMessage *message;

        g_assert_no_error(error);
        el = gst_bin_get_by_name(GST_BIN(pipeline), "up");
        bus = gst_element_get_bus(pipeline);
        gst_element_set_state(pipeline, GST_STATE_PLAYING);
        message = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
        if (!message || GST_MESSAGE_TYPE(message) != GST_MESSAGE_EOS)
            g_error("%s", line);
        gst_element_set_state(pipeline, GST_STATE_NULL);
        gst_message_unref(message);
        gst_object_unref(bus);
        gst_object_unref(el);
        gst_object_unref(pipeline);
        g_free(line);
    }
}

/* A source that could make anything makes the first of our list, not of its own. */
static void test_free_source(void)
{
    GstElement *pipeline =
        gst_parse_launch("videotestsrc num-buffers=1 ! yonosupscale name=up enabled=false ! fakesink name=end", NULL);
    GstElement *el = gst_bin_get_by_name(GST_BIN(pipeline), "up");
    GstPad *pad = gst_element_get_static_pad(el, "sink");
    GstCaps *caps;

    gst_element_set_state(pipeline, GST_STATE_PAUSED);
    g_assert_cmpint(gst_element_get_state(pipeline, NULL, NULL, 20 * GST_SECOND), ==, GST_STATE_CHANGE_SUCCESS);
    caps = gst_pad_get_current_caps(pad);
    g_assert_cmpstr(gst_structure_get_string(gst_caps_get_structure(caps, 0), "format"), ==, "I420");
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_caps_unref(caps);
    gst_object_unref(pad);
    gst_object_unref(el);
    gst_object_unref(pipeline);
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *path = g_strconcat("/element/refused/", cases[i].name, NULL);
        g_test_add_data_func(path, &cases[i], test_case);
        g_free(path);
    }
    g_test_add_func("/element/refused/mid-stream", test_mid_stream);
    g_test_add_func("/element/refused/passthrough", test_passthrough);
    g_test_add_func("/element/refused/answers", test_answers);
    g_test_add_func("/element/refused/led", test_led);
    g_test_add_func("/element/refused/free-source", test_free_source);
    return g_test_run();
}
