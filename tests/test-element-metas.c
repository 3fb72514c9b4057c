/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes with the frames, and events from behind: kept, or scaled as the picture is. */
#include "element-check.h"

#include <gst/video/navigation.h>
#include <gst/video/video-anc.h>
#include <gst/video/video.h>

#define CAPS "video/x-raw,format=I420,width=16,height=12,framerate=25/1"
#define LARGE "video/x-raw,width=48,height=24"
#define FRAME (16 * 12 * 3 / 2)

static GstElement *plain_new(void)
{
    GstElement *el = element_new(NULL, "cpu");

    g_object_set(el, "enabled", FALSE, NULL);
    return el;
}

static GstVideoOverlayComposition *overlay_new(gint x, gint y, guint width, guint height)
{
    GstBuffer *pixels = gst_buffer_new_allocate(NULL, 4 * 4 * 4, NULL);
    GstVideoOverlayRectangle *rectangle;
    GstVideoOverlayComposition *all;

    gst_buffer_memset(pixels, 0, 255, 4 * 4 * 4);
    gst_buffer_add_video_meta(pixels, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, 4, 4);
    rectangle = gst_video_overlay_rectangle_new_raw(pixels, x, y, width, height, GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);
    all = gst_video_overlay_composition_new(rectangle);
    gst_video_overlay_rectangle_unref(rectangle);
    gst_buffer_unref(pixels);
    return all;
}

/* What lies on the picture is scaled, and whatever has no place in it kept. */
static void test_scaled(void)
{
    GstElement *el = plain_new();
    GstHarness *h =
        element_start(el, NULL,
                      "video/x-raw(memory:SystemMemory,meta:GstVideoOverlayComposition),format=I420,width=16,"
                      "height=12,framerate=25/1",
                      "video/x-raw(ANY),width=48,height=24");
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, FRAME, NULL), *large;
    GstVideoOverlayComposition *overlay = overlay_new(-3, 5, 4, 1);
    GstVideoRegionOfInterestMeta *region;
    GstVideoOverlayCompositionMeta *composition;
    GstVideoCropMeta *crop;
    GstCaps *stamp = gst_caps_new_empty_simple("timestamp/x-unix");
    gint x, y;
    guint width, height;

    gst_buffer_memset(buffer, 0, 128, FRAME);
    gst_buffer_add_video_region_of_interest_meta(buffer, "face", 2, 3, 5, 4);
    crop = gst_buffer_add_video_crop_meta(buffer);
    crop->x = crop->y = 1;
    crop->width = crop->height = 4;
    gst_buffer_add_video_overlay_composition_meta(buffer, overlay);
    gst_buffer_add_reference_timestamp_meta(buffer, stamp, 77, GST_CLOCK_TIME_NONE);
    GST_BUFFER_PTS(buffer) = 11;
    GST_BUFFER_DURATION(buffer) = 13;
    large = gst_harness_push_and_pull(h, gst_buffer_ref(buffer));
    g_assert_nonnull(large);
    g_assert_cmpuint(GST_BUFFER_PTS(large), ==, 11);
    g_assert_cmpuint(GST_BUFFER_DURATION(large), ==, 13);
    region = gst_buffer_get_video_region_of_interest_meta_id(large, 0);
    g_assert_nonnull(region);
    g_assert_cmpuint(region->x, ==, 6);
    g_assert_cmpuint(region->y, ==, 6);
    g_assert_cmpuint(region->w, ==, 15);
    g_assert_cmpuint(region->h, ==, 8);
    g_assert_cmpstr(g_quark_to_string(region->roi_type), ==, "face");
    g_assert_null(gst_buffer_get_video_crop_meta(large));
    composition = gst_buffer_get_video_overlay_composition_meta(large);
    g_assert_nonnull(composition);
    g_assert_true(gst_video_overlay_rectangle_get_render_rectangle(
        gst_video_overlay_composition_get_rectangle(composition->overlay, 0), &x, &y, &width, &height));
    g_assert_cmpint(x, ==, -9);
    g_assert_cmpint(y, ==, 10);
    g_assert_cmpuint(width, ==, 12);
    g_assert_cmpuint(height, ==, 2);
    g_assert_true(gst_video_overlay_rectangle_get_render_rectangle(
        gst_video_overlay_composition_get_rectangle(overlay, 0), &x, &y, &width, &height));
    g_assert_cmpint(x, ==, -3);
    g_assert_nonnull(gst_buffer_get_reference_timestamp_meta(large, stamp));
    gst_caps_unref(stamp);
    gst_video_overlay_composition_unref(overlay);
    gst_buffer_unref(buffer);
    gst_buffer_unref(large);
    element_stop(h, el);
    gst_object_unref(el);
}

/* Of broadcasts: captions and the time code stay, the active format too, and bars lie at other lines. */
static void test_broadcast(void)
{
    static const guint8 captions[] = {0x96, 0x69, 1, 2, 3};
    GstElement *el = plain_new();
    GstHarness *h = element_start(el, NULL, CAPS, LARGE);
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, FRAME, NULL), *large;
    GstVideoTimeCode *code = gst_video_time_code_new(25, 1, NULL, GST_VIDEO_TIME_CODE_FLAGS_NONE, 10, 11, 12, 13, 0);
    GstVideoCaptionMeta *caption;
    GstVideoTimeCodeMeta *time;
    GstVideoAFDMeta *afd;
    GstVideoBarMeta *bars;
    gpointer state = NULL;

    gst_buffer_memset(buffer, 0, 128, FRAME);
    gst_buffer_add_video_caption_meta(buffer, GST_VIDEO_CAPTION_TYPE_CEA708_CDP, captions, sizeof captions);
    gst_buffer_add_video_time_code_meta(buffer, code);
    gst_buffer_add_video_afd_meta(buffer, 0, GST_VIDEO_AFD_SPEC_ATSC_A53, GST_VIDEO_AFD_16_9_LETTER_14_9_CENTER);
    gst_buffer_add_video_bar_meta(buffer, 0, TRUE, 2, 11);
    gst_buffer_add_video_bar_meta(buffer, 0, FALSE, 1, 16);
    large = gst_harness_push_and_pull(h, buffer);
    g_assert_nonnull(large);
    caption = gst_buffer_get_video_caption_meta(large);
    g_assert_nonnull(caption);
    g_assert_cmpint(caption->caption_type, ==, GST_VIDEO_CAPTION_TYPE_CEA708_CDP);
    g_assert_cmpmem(caption->data, caption->size, captions, sizeof captions);
    time = gst_buffer_get_video_time_code_meta(large);
    g_assert_nonnull(time);
    g_assert_cmpint(gst_video_time_code_compare(&time->tc, code), ==, 0);
    afd = (GstVideoAFDMeta *)gst_buffer_get_meta(large, GST_VIDEO_AFD_META_API_TYPE);
    g_assert_nonnull(afd);
    g_assert_cmpint(afd->afd, ==, GST_VIDEO_AFD_16_9_LETTER_14_9_CENTER);
    bars = (GstVideoBarMeta *)gst_buffer_iterate_meta_filtered(large, &state, GST_VIDEO_BAR_META_API_TYPE);
    g_assert_true(bars && bars->is_letterbox);
    g_assert_cmpuint(bars->bar_data1, ==, 4);
    g_assert_cmpuint(bars->bar_data2, ==, 21);
    bars = (GstVideoBarMeta *)gst_buffer_iterate_meta_filtered(large, &state, GST_VIDEO_BAR_META_API_TYPE);
    g_assert_true(bars && !bars->is_letterbox);
    g_assert_cmpuint(bars->bar_data1, ==, 3);
    g_assert_cmpuint(bars->bar_data2, ==, 46);
    gst_video_time_code_free(code);
    gst_buffer_unref(large);
    element_stop(h, el);
    gst_object_unref(el);
}

static void check_navigation(GstHarness *h, GstEvent *event, double x, double y)
{
    double at_x, at_y;

    g_assert_true(gst_harness_push_upstream_event(h, event));
    while ((event = gst_harness_pull_upstream_event(h)) && GST_EVENT_TYPE(event) != GST_EVENT_NAVIGATION)
        gst_event_unref(event);
    g_assert_nonnull(event);
    g_assert_true(gst_navigation_event_get_coordinates(event, &at_x, &at_y));
    g_assert_cmpfloat_with_epsilon(at_x, x, 1e-9);
    g_assert_cmpfloat_with_epsilon(at_y, y, 1e-9);
    gst_event_unref(event);
}

/* A pointer over the large picture is at the same place of the small one. */
static void test_navigation(void)
{
    GstElement *el = plain_new();
    GstHarness *h = element_start(el, NULL, CAPS, LARGE);

    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    check_navigation(h, gst_navigation_event_new_mouse_move(24, 6, 0), 8, 3);
    check_navigation(h, gst_navigation_event_new_mouse_button_press(1, 47, 23, 0), 47.0 / 3, 11.5);
    check_navigation(h, gst_navigation_event_new_touch_down(3, 3, 2, 1, 0), 1, 1);
    gst_harness_set_sink_caps_str(h, "video/x-raw,width=16,height=12");
    gst_harness_push_upstream_event(h, gst_event_new_reconfigure());
    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    check_navigation(h, gst_navigation_event_new_mouse_move(5, 7, 0), 5, 7);
    element_stop(h, el);
    gst_object_unref(el);
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/element/metas/scaled", test_scaled);
    g_test_add_func("/element/metas/broadcast", test_broadcast);
    g_test_add_func("/element/metas/navigation", test_navigation);
    return g_test_run();
}
