/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers of any layout in and out, their pools and metas; states; several elements at once. */
#include "element-check.h"
#include "reference-frame.h"

#include <gst/allocators/gstfdmemory.h>
#include <gst/video/gstvideometa.h>
#include <gst/video/gstvideopool.h>
#include <gst/video/video-overlay-composition.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEED 20261125

static GstElement *plain_new(void)
{
    GstElement *el = element_new(NULL, "cpu");

    g_object_set(el, "enabled", FALSE, NULL);
    return el;
}

static char *caps_of(const char *format, int width, int height)
{
    return g_strdup_printf("video/x-raw,format=%s,width=%d,height=%d,framerate=25/1", format, width, height);
}

static GstVideoInfo info_of(GstPad *pad)
{
    GstCaps *caps = gst_pad_get_current_caps(pad);
    GstVideoInfo info;

    g_assert_true(gst_video_info_from_caps(&info, caps));
    gst_caps_unref(caps);
    return info;
}

static void copy_frame(const GstVideoInfo *info, GstBuffer *from, GstBuffer *to)
{
    GstVideoFrame a, b;

    g_assert_true(gst_video_frame_map(&a, info, from, GST_MAP_READ));
    g_assert_true(gst_video_frame_map(&b, info, to, GST_MAP_WRITE));
    g_assert_true(gst_video_frame_copy(&b, &a));
    gst_video_frame_unmap(&b);
    gst_video_frame_unmap(&a);
}

/* Memory that only its file descriptor gives, like that of a camera or a decoder. */
static GstMemory *memory_of_file(gsize size)
{
    GstAllocator *allocator = gst_fd_allocator_new();
    int fd = memfd_create("frame", 0);
    GstMemory *memory;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, (off_t)size), ==, 0);
    memory = gst_fd_allocator_alloc(allocator, fd, size, GST_FD_MEMORY_FLAG_NONE);
    gst_object_unref(allocator);
    return memory;
}

typedef enum { ONE_MEMORY, MANY_MEMORIES, FILE_MEMORY, KINDS } Kind;

/* The same frame with odd strides, and gaps before every plane or a memory for each. */
static GstBuffer *scattered(const GstVideoInfo *info, GstBuffer *buffer, Kind kind)
{
    gboolean memories = kind == MANY_MEMORIES;
    gsize offset[GST_VIDEO_MAX_PLANES], end = 0;
    gint stride[GST_VIDEO_MAX_PLANES];
    GstBuffer *out = gst_buffer_new();
    GstVideoFrame frame;
    guint n = GST_VIDEO_INFO_N_PLANES(info);

    for (guint i = 0; i < n; i++) {
        gsize size;
        stride[i] = GST_VIDEO_INFO_PLANE_STRIDE(info, i) + 7 + 4 * (gint)i;
        size =
            (gsize)stride[i] * GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT(info->finfo, i ? (n == 2 ? 1 : i) : 0, info->height);
        offset[i] = end + (memories ? 0 : 13);
        if (memories)
            gst_buffer_append_memory(out, gst_allocator_alloc(NULL, size, NULL));
        end = offset[i] + size;
    }
    if (!memories)
        gst_buffer_append_memory(out, kind == FILE_MEMORY ? memory_of_file(end) : gst_allocator_alloc(NULL, end, NULL));
    gst_buffer_add_video_meta_full(out, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(info), info->width,
                                   info->height, n, offset, stride);
    copy_frame(info, buffer, out);
    g_assert_true(gst_video_frame_map(&frame, info, out, GST_MAP_READ));
    g_assert_cmpint(GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0), ==, stride[0]);
    gst_video_frame_unmap(&frame);
    return out;
}

static void test_strides(void)
{
    static const char *const formats[] = {"I420", "NV12", "P010_10LE", "YV12", "Y444",
                                          "RGB",  "ARGB", "RGBA64_LE", "GRAY8"};
    GRand *rand = g_rand_new_with_seed(SEED);

    for (guint i = 0; i < KINDS * G_N_ELEMENTS(formats); i++) {
        char *caps = caps_of(formats[i / KINDS], 13, 7);
        GstElement *el = plain_new();
        GstHarness *h = element_start(el, NULL, caps, NULL);
        GstVideoInfo in = info_of(h->srcpad), out;
        GstBuffer *tight = reference_fill(&in, rand);
        GstBuffer *loose = scattered(&in, tight, i % KINDS);
        GstBuffer *large = gst_harness_push_and_pull(h, gst_buffer_ref(loose));

        g_assert_nonnull(large);
        out = info_of(h->sinkpad);
        reference_check(&in, tight, &out, large);
        gst_buffer_unref(tight);
        gst_buffer_unref(loose);
        gst_buffer_unref(large);
        element_stop(h, el);
        gst_object_unref(el);
        g_free(caps);
    }
    g_rand_free(rand);
}

static GstPadQueryFunction harness_query;
static GstBufferPool *offered;

static gboolean offer(GstPad *pad, GstObject *parent, GstQuery *query)
{
    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION)
        return harness_query(pad, parent, query);
    gst_query_add_allocation_pool(query, offered, 4096, 2, 4);
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
    return TRUE;
}

/* A pool whose frames have space around them; active, so that nobody can change it, or not. */
static GstBufferPool *roomy_pool(const char *caps_string, gboolean active)
{
    GstBufferPool *pool = gst_video_buffer_pool_new();
    GstStructure *config = gst_buffer_pool_get_config(pool);
    GstCaps *caps = gst_caps_from_string(caps_string);
    GstVideoAlignment align;

    gst_video_alignment_reset(&align);
    align.padding_left = 32;
    align.padding_top = 4;
    gst_buffer_pool_config_set_params(config, caps, 4096, 2, 4);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
    gst_buffer_pool_config_set_video_alignment(config, &align);
    g_assert_true(gst_buffer_pool_set_config(pool, config));
    g_assert_true(!active || gst_buffer_pool_set_active(pool, TRUE));
    gst_caps_unref(caps);
    return pool;
}

/* Downstream's pool is used, with its strides; one that is of other caps and busy is not. */
static void test_pools(void)
{
    GRand *rand = g_rand_new_with_seed(SEED);

    for (int busy = 0; busy < 2; busy++) {
        GstElement *el = plain_new();
        GstHarness *h = gst_harness_new_with_element(el, "sink", "src");
        char *caps_in = caps_of("NV12", 13, 7), *caps_out = caps_of(busy ? "I420" : "NV12", 26, 14);
        GstVideoInfo in, out;
        GstBuffer *small, *large;

        offered = roomy_pool(caps_out, busy);
        harness_query = GST_PAD_QUERYFUNC(h->sinkpad);
        gst_pad_set_query_function(h->sinkpad, offer);
        gst_harness_set_src_caps_str(h, caps_in);
        in = info_of(h->srcpad);
        small = reference_fill(&in, rand);
        large = gst_harness_push_and_pull(h, gst_buffer_ref(small));
        g_assert_nonnull(large);
        g_assert_true((large->pool == offered) == !busy);
        out = info_of(h->sinkpad);
        g_assert_true((gst_buffer_get_video_meta(large)->offset[0] > 0) == !busy);
        reference_check(&in, small, &out, large);
        gst_buffer_unref(small);
        gst_buffer_unref(large);
        element_stop(h, el);
        gst_object_unref(el);
        gst_buffer_pool_set_active(offered, FALSE);
        gst_object_unref(offered);
        g_free(caps_in);
        g_free(caps_out);
    }
    g_rand_free(rand);
}

/* Upstream is offered a pool and GstVideoMeta; what downstream knows of overlays, but not that it can crop. */
static void test_propose(void)
{
    GstElement *el = plain_new();
    GstHarness *h = gst_harness_new_with_element(el, "sink", "src");
    GstQuery *query;
    GstCaps *caps = gst_caps_from_string("video/x-raw,format=I420,width=14,height=6,framerate=25/1");
    GstBufferPool *pool = NULL;
    GstBuffer *buffer = NULL;
    guint size, min, max;

    gst_harness_add_propose_allocation_meta(h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
    gst_harness_add_propose_allocation_meta(h, GST_VIDEO_CROP_META_API_TYPE, NULL);
    gst_harness_set_src_caps(h, gst_caps_ref(caps));
    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    query = gst_query_new_allocation(caps, TRUE);
    g_assert_true(gst_pad_peer_query(h->srcpad, query));
    g_assert_true(gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL));
    g_assert_true(gst_query_find_allocation_meta(query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL));
    g_assert_false(gst_query_find_allocation_meta(query, GST_VIDEO_CROP_META_API_TYPE, NULL));
    g_assert_cmpuint(gst_query_get_n_allocation_pools(query), ==, 1);
    gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, &min, &max);
    g_assert_nonnull(pool);
    g_assert_cmpuint(size, >=, 14 * 6 * 3 / 2);
    g_assert_true(gst_buffer_pool_set_active(pool, TRUE));
    g_assert_cmpint(gst_buffer_pool_acquire_buffer(pool, &buffer, NULL), ==, GST_FLOW_OK);
    g_assert_nonnull(gst_buffer_get_video_meta(buffer));
    gst_buffer_unref(buffer);
    gst_buffer_pool_set_active(pool, FALSE);
    gst_object_unref(pool);
    gst_query_unref(query);
    gst_caps_unref(caps);
    element_stop(h, el);
    gst_object_unref(el);
}

/* A frame smaller than its caps say, or of no memory at all, is an error and no crash. */
static void test_too_small(void)
{
    for (int empty = 0; empty < 2; empty++) {
        GstElement *el = plain_new();
        GstBus *bus = gst_bus_new();
        GstHarness *h = element_start(el, bus, "video/x-raw,format=I420,width=64,height=48,framerate=25/1", NULL);
        GstBuffer *buffer = empty ? gst_buffer_new() : gst_buffer_new_allocate(NULL, 100, NULL);

        g_assert_cmpint(gst_harness_push(h, buffer), ==, GST_FLOW_ERROR);
        element_check_message(bus, GST_MESSAGE_ERROR, empty ? "cannot read" : "smaller than its caps", "");
        element_stop(h, el);
        gst_object_unref(bus);
        gst_object_unref(el);
    }
}

/* Of a source that counts bytes instead of time, as appsrc does unless told otherwise. */
static void test_no_times(void)
{
    GstElement *el = plain_new();
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, "video/x-raw,format=I420,width=64,height=48,framerate=25/1", NULL);
    GstSegment segment;

    gst_segment_init(&segment, GST_FORMAT_BYTES);
    g_assert_true(gst_harness_push_event(h, gst_event_new_segment(&segment)));
    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(bus);
    gst_object_unref(el);
}

static void test_states(void)
{
    static const GstState way[] = {GST_STATE_READY,  GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED,
                                   GST_STATE_READY,  GST_STATE_NULL,   GST_STATE_PLAYING, GST_STATE_NULL,
                                   GST_STATE_PAUSED, GST_STATE_NULL};
    GstElement *el = element_new(NULL, "cpu");

    for (guint i = 0; i < G_N_ELEMENTS(way); i++)
        g_assert_cmpint(gst_element_set_state(el, way[i]), ==, GST_STATE_CHANGE_SUCCESS);
    gst_object_unref(el);
}

/* Fails unless the pipeline comes to its end. */
static void check_pipeline(const char *line)
{
    GError *error = NULL;
    GstElement *pipeline = gst_parse_launch(line, &error);
    GstBus *bus;
    GstMessage *message;

    g_assert_no_error(error);
    bus = gst_element_get_bus(pipeline);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered(bus, 300 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    if (!message || GST_MESSAGE_TYPE(message) != GST_MESSAGE_EOS)
        g_error("%s: %s", line, message ? "an error" : "no end");
    gst_message_unref(message);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(pipeline);
}

/* One behind the other, and side by side in threads of their own. */
static void test_two(void)
{
    check_pipeline(
        "videotestsrc num-buffers=5 ! video/x-raw,format=NV12,width=30,height=14 ! yonosupscale enabled=false "
        "! video/x-raw,width=45 ! yonosupscale enabled=false scale=4 ! video/x-raw,width=180,height=84,format=RGBA ! "
        "fakesink");
    check_pipeline("videotestsrc num-buffers=9 ! video/x-raw,format=I420,width=32,height=18 ! tee name=t "
                   "t. ! queue ! yonosupscale enabled=false ! fakesink "
                   "t. ! queue ! yonosupscale enabled=false scale=8 ! fakesink");
}

/* Two queues that hold frames when a seek or the end comes. */
static void test_flush(void)
{
    GstElement *pipeline = gst_parse_launch("videotestsrc num-buffers=40 ! video/x-raw,width=32,height=18 ! queue "
                                            "! yonosupscale enabled=false ! queue ! fakesink name=sink",
                                            NULL);
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *message;

    gst_element_set_state(pipeline, GST_STATE_PAUSED);
    g_assert_cmpint(gst_element_get_state(pipeline, NULL, NULL, 20 * GST_SECOND), ==, GST_STATE_CHANGE_SUCCESS);
    for (int k = 0; k < 4; k++) {
        g_assert_true(gst_element_seek_simple(pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, k * GST_SECOND / 5));
        if (k % 2)
            g_assert_cmpint(gst_element_get_state(pipeline, NULL, NULL, 20 * GST_SECOND), ==, GST_STATE_CHANGE_SUCCESS);
    }
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered(bus, 300 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_nonnull(message);
    g_assert_cmpint(GST_MESSAGE_TYPE(message), ==, GST_MESSAGE_EOS);
    gst_message_unref(message);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(pipeline);
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    g_test_add_func("/element/buffers/strides", test_strides);
    g_test_add_func("/element/buffers/pools", test_pools);
    g_test_add_func("/element/buffers/propose", test_propose);
    g_test_add_func("/element/buffers/too-small", test_too_small);
    g_test_add_func("/element/buffers/no-times", test_no_times);
    g_test_add_func("/element/buffers/states", test_states);
    g_test_add_func("/element/buffers/two", test_two);
    g_test_add_func("/element/buffers/flush", test_flush);
    return g_test_run();
}
