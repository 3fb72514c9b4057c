/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which caps come out: sizes, shapes of pixels, formats and colours; from either side, and in the middle of a stream.
 */
#include "element-check.h"

#include <gst/video/video.h>
#include <string.h>

#define SMALL "video/x-raw,format=I420,framerate=25/1,width=32,height=18"

/* An element without network. */
static GstElement *plain_new(void)
{
    GstElement *el = element_new(NULL, "cpu");

    g_object_set(el, "enabled", FALSE, NULL);
    return el;
}

/* Fails unless a frame goes through and the large caps have all of `expected`. */
static void check_out(GstHarness *h, const char *expected)
{
    GstCaps *caps, *wanted = gst_caps_from_string(expected);

    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    caps = gst_pad_get_current_caps(h->sinkpad);
    /* one pixel's shape is left out where it is 1/1 */
    if (!gst_structure_has_field(gst_caps_get_structure(caps, 0), "pixel-aspect-ratio")) {
        caps = gst_caps_make_writable(caps);
        gst_caps_set_simple(caps, "pixel-aspect-ratio", GST_TYPE_FRACTION, 1, 1, NULL);
    }
    if (!gst_caps_is_subset(caps, wanted))
        g_error("%s is not in %s", gst_caps_to_string(caps), expected);
    gst_caps_unref(wanted);
    gst_caps_unref(caps);
}

typedef struct {
    const char *name, *in, *out, *expected;
} Case;

static const Case cases[] = {
    {"scale", SMALL, NULL, "video/x-raw,width=64,height=36,pixel-aspect-ratio=1/1,framerate=25/1"},
    {"width-fixed", SMALL, "video/x-raw,width=48", "video/x-raw,width=48,height=27,pixel-aspect-ratio=1/1"},
    {"height-fixed", SMALL, "video/x-raw,height=144", "video/x-raw,width=256,height=144"},
    {"width-of-odd-multiple", "video/x-raw,format=I420,framerate=25/1,width=33,height=17", "video/x-raw,width=50",
     "video/x-raw,width=50,height=26,pixel-aspect-ratio=1/1"},
    {"width-range", SMALL, "video/x-raw,width=[1,40],height=[1,1000]", "video/x-raw,width=40,height=23"},
    {"height-list", SMALL, "video/x-raw,height={20,27,100}", "video/x-raw,height=27"},
    {"sizes-differ-in-shape", SMALL, "video/x-raw,width=64,height=48",
     "video/x-raw,width=64,height=48,pixel-aspect-ratio=4/3"},
    {"size-and-pixels-fixed", SMALL, "video/x-raw,width=64,height=48,pixel-aspect-ratio=1/1",
     "video/x-raw,width=64,height=48,pixel-aspect-ratio=1/1"},
    {"pixels-kept", SMALL ",pixel-aspect-ratio=16/15", NULL, "video/x-raw,width=64,height=36,pixel-aspect-ratio=16/15"},
    {"pixels-to-square", "video/x-raw,format=I420,framerate=25/1,width=720,height=10,pixel-aspect-ratio=16/15",
     "video/x-raw,pixel-aspect-ratio=1/1", "video/x-raw,width=1440,height=19"},
    {"pixels-to-square-narrower", "video/x-raw,format=I420,framerate=25/1,width=72,height=48,pixel-aspect-ratio=8/9",
     "video/x-raw,pixel-aspect-ratio=1/1", "video/x-raw,width=128,height=96"},
    {"pixels-only", SMALL ",pixel-aspect-ratio=4/3", "video/x-raw,width=32,height=18,pixel-aspect-ratio=1/1",
     "video/x-raw,width=32,height=18,pixel-aspect-ratio=1/1"},
    {"pixels-and-width", SMALL ",pixel-aspect-ratio=4/3", "video/x-raw,width=64,pixel-aspect-ratio=1/1",
     "video/x-raw,width=64,height=27"},
    {"framerates-kept", "video/x-raw,format=I420,framerate=0/1,max-framerate=30/1,width=32,height=18", NULL,
     "video/x-raw,width=64,framerate=0/1,max-framerate=30/1"},
    {"same-format", SMALL, "video/x-raw,format={RGB,NV12,I420}", "video/x-raw,format=I420"},
    {"near-format", SMALL, "video/x-raw,format={RGB,GRAY8,P010_10LE,NV12}", "video/x-raw,format=NV12"},
    {"none-that-cannot-be-made", "video/x-raw,format=P010_10LE,framerate=25/1,width=32,height=18",
     "video/x-raw,format={v210,RGB}", "video/x-raw,format=RGB"},
    {"depth-before-family", "video/x-raw,format=P010_10LE,framerate=25/1,width=32,height=18",
     "video/x-raw,format={I420,RGB,RGBA64_LE}", "video/x-raw,format=RGBA64_LE"},
    {"alpha-kept", "video/x-raw,format=BGRA,framerate=25/1,width=32,height=18", "video/x-raw,format={BGRx,RGB,ARGB}",
     "video/x-raw,format=ARGB"},
    {"no-alpha-made", "video/x-raw,format=RGB,framerate=25/1,width=32,height=18", "video/x-raw,format={BGRA,BGRx}",
     "video/x-raw,format=BGRx"},
    {"depth-left-to-a-converter", "video/x-raw,format=I422_10LE,framerate=25/1,width=32,height=18",
     "video/x-raw,format={UYVY,BGRA};video/x-raw,format={UYVY,I422_10LE}", "video/x-raw,format=I422_10LE"},
    {"alpha-left-to-a-converter", "video/x-raw,format=RGBA,framerate=25/1,width=32,height=18",
     "video/x-raw,format=I420;video/x-raw,format={I420,RGBA}", "video/x-raw,format=RGBA"},
    {"nothing-left-to-a-converter", SMALL, "video/x-raw,format=NV12;video/x-raw,format={I420,NV12}",
     "video/x-raw,format=NV12"},
    {"gray-kept", "video/x-raw,format=GRAY8,framerate=25/1,width=32,height=18", NULL, "video/x-raw,format=GRAY8"},
    {"gray-to-yuv", "video/x-raw,format=GRAY8,framerate=25/1,width=32,height=18", "video/x-raw,format={RGB,I420}",
     "video/x-raw,format=I420"},
    {"colours-kept", SMALL ",colorimetry=bt601,chroma-site=jpeg", "video/x-raw,format=NV12,width=256,height=144",
     "video/x-raw,format=NV12,colorimetry=bt601,chroma-site=jpeg"},
    {"hdr-kept",
     "video/x-raw,format=I420_10LE,framerate=25/1,width=32,height=18,colorimetry=bt2100-pq,"
     "mastering-display-info=(string)34000:16000:13250:34500:7500:3000:15635:16450:10000000:1,"
     "content-light-level=(string)1000:400",
     "video/x-raw,format=P010_10LE",
     "video/x-raw,format=P010_10LE,colorimetry=bt2100-pq,"
     "mastering-display-info=(string)34000:16000:13250:34500:7500:3000:15635:16450:10000000:1,"
     "content-light-level=(string)1000:400"},
    {"hlg-kept", "video/x-raw,format=P010_10LE,framerate=25/1,width=32,height=18,colorimetry=bt2100-hlg", NULL,
     "video/x-raw,format=P010_10LE,colorimetry=bt2100-hlg"},
    {"hdr-as-rgb", "video/x-raw,format=P010_10LE,framerate=25/1,width=32,height=18,colorimetry=bt2100-pq",
     "video/x-raw,format=RGBA64_LE", "video/x-raw,colorimetry=(string)1:1:14:7"},
};

static void test_case(gconstpointer data)
{
    const Case *c = data;
    GstElement *el = plain_new();
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, c->in, c->out);

    check_out(h, c->expected);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(bus);
    gst_object_unref(el);
}

/* A source that can make any size makes the one that the wanted is a multiple of. */
static void test_reverse(void)
{
    static const char *const wanted[][3] = {{"width=64,height=36", "2", "width=32,height=18"},
                                            {"width=64,height=36", "4", "width=16,height=9"},
                                            {"width=640,height=368", "8", "width=80,height=46"}};

    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        char *line = g_strdup_printf("videotestsrc num-buffers=1 ! yonosupscale name=up enabled=false scale=%s "
                                     "! video/x-raw,%s ! fakesink",
                                     wanted[i][1], wanted[i][0]);
        char *expected = g_strdup_printf("video/x-raw,%s", wanted[i][2]);
        GstElement *pipeline = gst_parse_launch(line, NULL), *el = gst_bin_get_by_name(GST_BIN(pipeline), "up");
        GstPad *pad = gst_element_get_static_pad(el, "sink");
        GstBus *bus = gst_element_get_bus(pipeline);
        GstCaps *caps, *subset = gst_caps_from_string(expected);
        GstMessage *message;

        gst_element_set_state(pipeline, GST_STATE_PLAYING);
        message = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
        g_assert_nonnull(message);
        g_assert_cmpint(GST_MESSAGE_TYPE(message), ==, GST_MESSAGE_EOS);
        caps = gst_pad_get_current_caps(pad);
        if (!gst_caps_is_subset(caps, subset))
            g_error("%s: the source makes %s", line, gst_caps_to_string(caps));
        gst_element_set_state(pipeline, GST_STATE_NULL);
        gst_message_unref(message);
        gst_caps_unref(caps);
        gst_caps_unref(subset);
        gst_object_unref(bus);
        gst_object_unref(pad);
        gst_object_unref(el);
        gst_object_unref(pipeline);
        g_free(line);
        g_free(expected);
    }
}

/* What either side may be told: any size, and everything else as it is. */
static void test_caps_query(void)
{
    GstElement *el = plain_new();
    GstHarness *h = gst_harness_new_with_element(el, "sink", "src");
    GstPad *pad = gst_element_get_static_pad(el, "sink");
    GstCaps *caps, *some;

    gst_harness_set_sink_caps_str(
        h, "video/x-raw,format={RGB,I420},width=[16,100],height={20,30},framerate=[10/1,30/1],multiview-mode=mono");
    caps = gst_pad_query_caps(pad, NULL);
    some = gst_caps_from_string("video/x-raw,format=GRAY8,width=5000,height=1,framerate=[10/1,30/1]");
    g_assert_true(gst_caps_can_intersect(caps, some));
    gst_caps_unref(some);
    some = gst_caps_from_string("video/x-raw,framerate=31/1");
    g_assert_false(gst_caps_can_intersect(caps, some));
    gst_caps_unref(some);
    some = gst_caps_from_string("video/x-raw,multiview-mode=side-by-side");
    g_assert_false(gst_caps_can_intersect(caps, some));
    gst_caps_unref(some);
    gst_caps_unref(caps);
    gst_object_unref(pad);
    gst_harness_teardown(h);
    gst_object_unref(el);
}

/* The source changes its size and its format, then the sink what it wants, then both. */
static void test_mid_stream(void)
{
    GstElement *el = plain_new();
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, SMALL, NULL);

    check_out(h, "video/x-raw,format=I420,width=64,height=36");
    gst_harness_set_src_caps_str(h, "video/x-raw,format=RGB,framerate=25/1,width=11,height=7");
    check_out(h, "video/x-raw,format=RGB,width=22,height=14");
    gst_harness_set_sink_caps_str(h, "video/x-raw,width=33,height=21");
    gst_harness_push_upstream_event(h, gst_event_new_reconfigure());
    check_out(h, "video/x-raw,format=RGB,width=33,height=21");
    gst_harness_set_sink_caps_str(h, "video/x-raw,width=11,format=NV12");
    gst_harness_push_upstream_event(h, gst_event_new_reconfigure());
    check_out(h, "video/x-raw,format=NV12,width=11,height=7");
    gst_harness_set_sink_caps_str(h, "video/x-raw,width=64,format=RGB");
    gst_harness_set_src_caps_str(h, SMALL);
    check_out(h, "video/x-raw,format=RGB,width=64,height=36");
    element_check_silent(bus);
    /* what cannot be is refused in the middle as well, and forgotten */
    gst_harness_set_src_caps_str(h, "video/x-raw,format=I420,framerate=25/1,width=65,height=36");
    element_check_message(bus, GST_MESSAGE_ERROR, "only enlarges, and cannot make 64x35", "");
    gst_harness_set_src_caps_str(h, SMALL);
    check_out(h, "video/x-raw,format=RGB,width=64,height=36");
    element_stop(h, el);
    gst_object_unref(bus);
    gst_object_unref(el);
}

static GstBuffer *frame_of(GstHarness *h)
{
    GstCaps *caps = gst_pad_get_current_caps(h->srcpad);
    GstVideoInfo info;
    GstBuffer *buffer;

    g_assert_true(gst_video_info_from_caps(&info, caps));
    gst_caps_unref(caps);
    buffer = gst_buffer_new_allocate(NULL, info.size, NULL);
    gst_buffer_memset(buffer, 0, 99, info.size);
    return buffer;
}

/* At the same size the very same buffer goes through, and no model is asked for; with another format a new one. */
static void test_passthrough(void)
{
    GstElement *el = element_new(NULL, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, SMALL, "video/x-raw,width=32,height=18");
    GstBuffer *buffer = frame_of(h), *out = gst_harness_push_and_pull(h, gst_buffer_ref(buffer));

    g_assert_true(out == buffer);
    gst_buffer_unref(out);
    gst_harness_set_sink_caps_str(h, "video/x-raw,width=32,height=18,format=NV12");
    gst_harness_push_upstream_event(h, gst_event_new_reconfigure());
    out = gst_harness_push_and_pull(h, gst_buffer_ref(buffer));
    g_assert_true(out && out != buffer);
    gst_buffer_unref(out);
    g_object_set(el, "enabled", FALSE, NULL);
    gst_harness_set_sink_caps_str(h, "video/x-raw,width=64,height=36");
    gst_harness_push_upstream_event(h, gst_event_new_reconfigure());
    check_out(h, "video/x-raw,format=I420,width=64,height=36");
    gst_harness_set_sink_caps_str(h, "video/x-raw,width=32,height=18");
    gst_harness_push_upstream_event(h, gst_event_new_reconfigure());
    out = gst_harness_push_and_pull(h, gst_buffer_ref(buffer));
    g_assert_true(out == buffer);
    gst_buffer_unref(out);
    gst_buffer_unref(buffer);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(bus);
    gst_object_unref(el);
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *path = g_strconcat("/element/negotiate/", cases[i].name, NULL);
        g_test_add_data_func(path, &cases[i], test_case);
        g_free(path);
    }
    g_test_add_func("/element/negotiate/reverse", test_reverse);
    g_test_add_func("/element/negotiate/caps-query", test_caps_query);
    g_test_add_func("/element/negotiate/mid-stream", test_mid_stream);
    g_test_add_func("/element/negotiate/passthrough", test_passthrough);
    return g_test_run();
}
