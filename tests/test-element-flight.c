/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames in flight: none is lost, doubled or mixed up at any event, query, flush or change, and nothing hangs. */
#include "element-check.h"
#include "small-model.h"

#include <gst/video/gstvideopool.h>

#include <string.h>

#define SEED 20261124
#define CAPS "video/x-raw,format=RGB,framerate=25/1,width=16,height=8"
#define OTHER_CAPS "video/x-raw,format=RGB,framerate=25/1,width=24,height=12"
#define FRAME (40 * GST_MSECOND)

static char *model;

static GstBuffer *frame_new(guint k, gsize bytes)
{
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, bytes, NULL);

    gst_buffer_memset(buffer, 0, (guint8)(40 + 20 * (k % 8)), bytes);
    GST_BUFFER_PTS(buffer) = k * FRAME;
    GST_BUFFER_DURATION(buffer) = FRAME;
    GST_BUFFER_OFFSET(buffer) = k;
    gst_buffer_add_reference_timestamp_meta(buffer,
                                            gst_static_caps_get(&(GstStaticCaps)GST_STATIC_CAPS("timestamp/x-unix")),
                                            k * FRAME + 7, GST_CLOCK_TIME_NONE);
    return buffer;
}

static GstHarness *start(GstElement **el, guint depth)
{
    *el = element_new(model, element_device());
    g_object_set(*el, "frames-in-flight", depth, "noise", 1, NULL);
    return element_start(*el, NULL, CAPS, NULL);
}

static void stop(GstHarness *h, GstElement *el)
{
    element_stop(h, el);
    gst_object_unref(el);
}

static void push(GstHarness *h, guint k)
{
    g_assert_cmpint(gst_harness_push(h, frame_new(k, 16 * 8 * 3)), ==, GST_FLOW_OK);
}

/* Fails unless the next frame out is the k-th: its time, its meta, its picture (a flat one stays nearly flat). */
static void check_next(GstHarness *h, guint k, gsize bytes)
{
    GstBuffer *buffer = gst_harness_try_pull(h);
    GstReferenceTimestampMeta *meta;

    if (!buffer)
        g_error("frame %u did not come", k);
    g_assert_cmpuint(GST_BUFFER_PTS(buffer), ==, k * FRAME);
    g_assert_cmpuint(GST_BUFFER_DURATION(buffer), ==, FRAME);
    meta = gst_buffer_get_reference_timestamp_meta(buffer, NULL);
    g_assert_nonnull(meta);
    g_assert_cmpuint(meta->timestamp, ==, k * FRAME + 7);
    g_assert_cmpuint(gst_buffer_get_size(buffer), ==, bytes);
    gst_buffer_unref(buffer);
}

static void check_frames(GstHarness *h, guint first, guint n)
{
    g_assert_cmpuint(gst_harness_buffers_in_queue(h), ==, n);
    for (guint k = 0; k < n; k++)
        check_next(h, first + k, 32 * 16 * 3);
}

/* The frames of a stream, whatever the depth, are the same. */
static void test_same(void)
{
    GBytes *want[12] = {NULL};

    for (guint depth = 1; depth <= 4; depth++) {
        GstElement *el;
        GstHarness *h = start(&el, depth);
        for (guint k = 0; k < G_N_ELEMENTS(want); k++) {
            push(h, k);
            g_assert_cmpuint(gst_harness_buffers_in_queue(h), ==, k + 1 < depth ? 0 : k + 2 - depth);
        }
        g_assert_true(gst_harness_push_event(h, gst_event_new_eos()));
        g_assert_cmpuint(gst_harness_buffers_in_queue(h), ==, G_N_ELEMENTS(want));
        for (guint k = 0; k < G_N_ELEMENTS(want); k++) {
            GstBuffer *buffer = gst_harness_pull(h);
            GstMapInfo map;
            GBytes *got;
            g_assert_cmpuint(GST_BUFFER_PTS(buffer), ==, k * FRAME);
            g_assert_true(gst_buffer_map(buffer, &map, GST_MAP_READ));
            got = g_bytes_new(map.data, map.size);
            gst_buffer_unmap(buffer, &map);
            gst_buffer_unref(buffer);
            if (depth == 1)
                want[k] = g_bytes_ref(got);
            g_assert_true(g_bytes_equal(got, want[k]));
            g_assert_true(k == 0 || !g_bytes_equal(got, want[k - 1]));
            g_bytes_unref(got);
        }
        stop(h, el);
    }
    for (guint k = 0; k < G_N_ELEMENTS(want); k++)
        g_bytes_unref(want[k]);
}

static GstEvent *segment_event(void)
{
    GstSegment segment;

    gst_segment_init(&segment, GST_FORMAT_TIME);
    return gst_event_new_segment(&segment);
}

/* What comes behind frames comes out behind them. */
static void test_serialised(void)
{
    GstEvent *events[] = {segment_event(), gst_event_new_gap(5 * FRAME, FRAME), gst_event_new_eos(),
                          gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "a", NULL)),
                          gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty("a"))};

    for (guint k = 0; k < G_N_ELEMENTS(events); k++)
        for (guint depth = 1; depth <= 4; depth++) {
            GstElement *el;
            GstHarness *h = start(&el, depth);
            for (guint i = 0; i < depth; i++)
                push(h, i);
            g_assert_true(gst_harness_push_event(h, gst_event_ref(events[k])));
            check_frames(h, 0, depth);
            stop(h, el);
        }
    for (guint k = 0; k < G_N_ELEMENTS(events); k++)
        gst_event_unref(events[k]);
}

static void test_caps(void)
{
    GstElement *el;
    GstHarness *h = start(&el, 3);

    push(h, 0);
    push(h, 1);
    gst_harness_set_src_caps_str(h, OTHER_CAPS);
    check_frames(h, 0, 2);
    for (guint k = 2; k < 5; k++)
        g_assert_cmpint(gst_harness_push(h, frame_new(k, 24 * 12 * 3)), ==, GST_FLOW_OK);
    check_next(h, 2, 48 * 24 * 3);
    g_assert_true(gst_harness_push_event(h, gst_event_new_eos()));
    check_next(h, 3, 48 * 24 * 3);
    check_next(h, 4, 48 * 24 * 3);
    stop(h, el);
}

static void test_drain_query(void)
{
    GstElement *el;
    GstHarness *h = start(&el, 4);
    GstQuery *query = gst_query_new_drain();

    push(h, 0);
    push(h, 1);
    g_assert_cmpuint(gst_harness_buffers_in_queue(h), ==, 0);
    gst_pad_peer_query(h->srcpad, query);
    check_frames(h, 0, 2);
    gst_query_unref(query);
    stop(h, el);
}

static void test_flush(void)
{
    GstElement *el;
    GstHarness *h = start(&el, 4);

    push(h, 0);
    push(h, 1);
    g_assert_true(gst_harness_push_event(h, gst_event_new_flush_start()));
    g_assert_true(gst_harness_push_event(h, gst_event_new_flush_stop(TRUE)));
    g_assert_true(gst_harness_push_event(h, segment_event()));
    g_assert_cmpuint(gst_harness_buffers_in_queue(h), ==, 0);
    for (guint k = 5; k < 9; k++)
        push(h, k);
    check_frames(h, 5, 1);
    g_assert_true(gst_harness_push_event(h, gst_event_new_eos()));
    check_frames(h, 6, 3);
    stop(h, el);
}

/* Down to READY with frames in flight, and up again. */
static void test_states(void)
{
    GstElement *el;
    GstHarness *h = start(&el, 4);

    for (int round = 0; round < 5; round++) {
        push(h, 0);
        push(h, 1);
        g_assert_cmpint(gst_element_set_state(el, GST_STATE_READY), ==, GST_STATE_CHANGE_SUCCESS);
        g_assert_cmpuint(gst_harness_buffers_in_queue(h), ==, 0);
        g_assert_cmpint(gst_element_set_state(el, GST_STATE_PLAYING), !=, GST_STATE_CHANGE_FAILURE);
        gst_harness_set_src_caps_str(h, CAPS);
        g_assert_true(gst_harness_push_event(h, segment_event()));
    }
    push(h, 0);
    stop(h, el);
}

static GstClockTime latency_of(GstHarness *h)
{
    GstQuery *query = gst_query_new_latency();
    GstClockTime min = GST_CLOCK_TIME_NONE;

    gst_harness_set_upstream_latency(h, 3 * GST_MSECOND);
    g_assert_true(gst_pad_peer_query(h->sinkpad, query));
    gst_query_parse_latency(query, NULL, &min, NULL);
    gst_query_unref(query);
    return min;
}

static void test_latency(void)
{
    for (guint depth = 0; depth <= 4; depth++) {
        GstElement *el;
        GstHarness *h = start(&el, depth);
        guint own = strcmp(element_device(), "cpu") ? 2 : 1; /* what depth 0 is */
        guint waiting = (depth ? depth : own) - 1;
        push(h, 0);
        g_assert_cmpuint(latency_of(h), ==, 3 * GST_MSECOND + waiting * FRAME);
        stop(h, el);
    }
}

/* Settings belong to the frames that came after them, and a discontinuity stays with its frame. */
static void test_settings(void)
{
    GstElement *el;
    GstHarness *h = start(&el, 2);
    GstBuffer *buffer, *first;

    push(h, 0);
    g_object_set(el, "enabled", FALSE, NULL);
    buffer = frame_new(0, 16 * 8 * 3);
    GST_BUFFER_PTS(buffer) = FRAME;
    GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    g_assert_cmpint(gst_harness_push(h, buffer), ==, GST_FLOW_OK);
    g_assert_true(gst_harness_push_event(h, gst_event_new_eos()));
    first = gst_harness_pull(h);
    buffer = gst_harness_pull(h);
    g_assert_true(GST_BUFFER_IS_DISCONT(buffer));
    for (gsize k = 0; k < gst_buffer_get_size(buffer); k++) {
        guint8 code;
        gst_buffer_extract(buffer, k, &code, 1);
        g_assert_cmpint(code, ==, 40); /* bicubic of a flat picture */
    }
    {
        GstMapInfo map;
        g_assert_true(gst_buffer_map(buffer, &map, GST_MAP_READ));
        g_assert_cmpint(gst_buffer_memcmp(first, 0, map.data, map.size), !=, 0);
        gst_buffer_unmap(buffer, &map);
    }
    gst_buffer_unref(first);
    gst_buffer_unref(buffer);
    stop(h, el);
}

static guint64 n_direct(GstElement *el)
{
    GstStructure *stats;
    guint64 n = G_MAXUINT64;

    g_object_get(el, "stats", &stats, NULL);
    g_assert_true(gst_structure_get_uint64(stats, "direct", &n));
    gst_structure_free(stats);
    return n;
}

/* What a device writes to the buffers themselves is what the host copies to them, whether they go back to their pool at
 * once, or more than it keeps in mind are held. */
static void check_direct(GstPadQueryFunction offer)
{
    enum { RECYCLED = 12, HELD = 40, FRAMES = RECYCLED + HELD };
    GstBuffer *held[2][HELD];
    GBytes *first[FRAMES];

    for (guint k = 0; k < 2; k++) {
        GHashTable *memories = g_hash_table_new(NULL, NULL);
        GstElement *el;
        GstHarness *h;
        if (k)
            g_setenv("YONOS_DISABLE_DIRECT", "1", TRUE);
        el = element_new(model, element_device());
        g_object_set(el, "frames-in-flight", 3, "noise", 1, NULL);
        h = gst_harness_new_with_element(el, "sink", "src");
        if (offer)
            gst_pad_set_query_function(h->sinkpad, offer);
        gst_harness_set_src_caps_str(h, CAPS);
        for (guint i = 0; i < FRAMES + 2; i++) {
            GstBuffer *buffer;
            gpointer data;
            gsize size;
            push(h, i);
            if (i < 2)
                continue;
            buffer = gst_harness_pull(h);
            gst_buffer_extract_dup(buffer, 0, (gsize)-1, &data, &size);
            if (k) {
                g_assert_cmpmem(data, size, g_bytes_get_data(first[i - 2], NULL), g_bytes_get_size(first[i - 2]));
                g_free(data);
            } else {
                first[i - 2] = g_bytes_new_take(data, size);
            }
            if (i < RECYCLED + 2) {
                g_hash_table_add(memories, gst_buffer_peek_memory(buffer, 0));
                gst_buffer_unref(buffer);
            } else {
                held[k][i - 2 - RECYCLED] = buffer;
            }
            if (i == RECYCLED + 1 && !strcmp(element_device(), "llvmpipe"))
                g_assert_cmpuint(n_direct(el), ==, k ? 0 : RECYCLED);
        }
        g_assert_cmpuint(n_direct(el), <, FRAMES);            /* a few have to be copied, or all */
        g_assert_cmpuint(g_hash_table_size(memories), <=, 4); /* although they are held, they go back to their pool */
        g_hash_table_unref(memories);
        gst_harness_teardown(h);
        gst_object_unref(el);
    }
    g_unsetenv("YONOS_DISABLE_DIRECT");
    for (guint i = 0; i < 2 * HELD; i++) { /* also behind the element's end */
        GBytes *want = first[RECYCLED + i / 2];
        GstBuffer *buffer = held[i % 2][i / 2];
        g_assert_cmpint(gst_buffer_memcmp(buffer, 0, g_bytes_get_data(want, NULL), g_bytes_get_size(want)), ==, 0);
        gst_buffer_unref(buffer);
    }
    for (guint i = 0; i < FRAMES; i++)
        g_bytes_unref(first[i]);
}

static void test_direct(void)
{
    check_direct(NULL);
}

/* Buffers that begin somewhere in their memory, and elsewhere when they come back from their pool. */
static gboolean offer_prefix(GstPad *pad, GstObject *parent, GstQuery *query)
{
    GstAllocationParams params;

    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION)
        return gst_pad_query_default(pad, parent, query);
    gst_allocation_params_init(&params);
    params.prefix = 100;
    params.padding = 77;
    params.align = 255;
    gst_query_add_allocation_param(query, NULL, &params);
    return TRUE;
}

static void test_direct_prefix(void)
{
    check_direct(offer_prefix);
}

static gboolean offers_padded;

/* Rows further apart, or an answer of one who knows of neither pools nor GstVideoMeta. */
static gboolean offer_changing(GstPad *pad, GstObject *parent, GstQuery *query)
{
    GstVideoAlignment align;
    GstBufferPool *pool;
    GstStructure *config;
    GstCaps *caps;

    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION)
        return gst_pad_query_default(pad, parent, query);
    if (!offers_padded)
        return FALSE;
    gst_query_parse_allocation(query, &caps, NULL);
    gst_video_alignment_reset(&align);
    align.padding_right = 32;
    pool = gst_video_buffer_pool_new();
    config = gst_buffer_pool_get_config(pool);
    gst_buffer_pool_config_set_params(config, caps, 32 * 16 * 3, 0, 0);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
    gst_buffer_pool_config_set_video_alignment(config, &align);
    g_assert_true(gst_buffer_pool_set_config(pool, config));
    gst_query_add_allocation_pool(query, pool, 32 * 16 * 3, 0, 0);
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
    gst_object_unref(pool);
    return TRUE;
}

/* Frames that were under way when downstream decided on another layout come in that, and are what they would have been.
 */
static void test_other_pool(void)
{
    GstElement *el = element_new(model, element_device());
    GstHarness *h = gst_harness_new_with_element(el, "sink", "src");

    g_object_set(el, "frames-in-flight", 3, "enabled", FALSE, NULL);
    gst_pad_set_query_function(h->sinkpad, offer_changing);
    gst_harness_set_src_caps_str(h, CAPS);
    for (guint k = 0; k < 24; k++) {
        GstBuffer *buffer;
        if (k % 6 == 5) {
            offers_padded = !offers_padded;
            gst_pad_push_event(h->sinkpad, gst_event_new_reconfigure());
        }
        push(h, k);
        while ((buffer = gst_harness_try_pull(h))) {
            GstVideoInfo info;
            GstVideoFrame frame;
            guint first = (guint)(GST_BUFFER_PTS(buffer) / FRAME);
            gst_video_info_set_format(&info, GST_VIDEO_FORMAT_RGB, 32, 16);
            g_assert_cmpint(gst_buffer_get_size(buffer) > info.size, ==, offers_padded);
            g_assert_true(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
            for (int y = 0; y < 16; y++)
                for (int x = 0; x < 96; x++)
                    g_assert_cmpint(((guint8 *)frame.data[0])[y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0) + x], ==,
                                    40 + 20 * (first % 8));
            gst_video_frame_unmap(&frame);
            gst_buffer_unref(buffer);
        }
    }
    gst_harness_teardown(h);
    gst_object_unref(el);
}

/* A pool that has no more than so many buffers, whatever is asked of it, as of a driver. */
#define FEW 3

typedef struct {
    GstVideoBufferPool base;
} FewPool;
typedef struct {
    GstVideoBufferPoolClass base;
} FewPoolClass;
GType few_pool_get_type(void);
G_DEFINE_TYPE(FewPool, few_pool, GST_TYPE_VIDEO_BUFFER_POOL)

static gboolean few_pool_set_config(GstBufferPool *pool, GstStructure *config)
{
    GstCaps *caps;
    guint size, min, max;

    gst_buffer_pool_config_get_params(config, &caps, &size, &min, &max);
    gst_buffer_pool_config_set_params(config, caps, size, MIN(min, FEW), FEW);
    return GST_BUFFER_POOL_CLASS(few_pool_parent_class)->set_config(pool, config) && max == FEW;
}

static void few_pool_class_init(FewPoolClass *class)
{
    GST_BUFFER_POOL_CLASS(class)->set_config = few_pool_set_config;
}

static void few_pool_init(G_GNUC_UNUSED FewPool *pool)
{
}

static GstBufferPool *few;

static gboolean offer(GstPad *pad, GstObject *parent, GstQuery *query)
{
    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION)
        return gst_pad_query_default(pad, parent, query);
    gst_query_add_allocation_pool(query, few, 32 * 16 * 3, 2, 0);
    return TRUE;
}

/* More in flight than the pool has buffers, of which two are held downstream. */
static void test_few_buffers(void)
{
    GQueue held = G_QUEUE_INIT;
    GstElement *el = element_new(model, element_device());
    GstHarness *h = gst_harness_new_with_element(el, "sink", "src");

    few = g_object_ref_sink(g_object_new(few_pool_get_type(), NULL));
    g_object_set(el, "frames-in-flight", 4, NULL);
    gst_pad_set_query_function(h->sinkpad, offer);
    gst_harness_set_src_caps_str(h, CAPS);
    for (guint k = 0; k < 12; k++) {
        GstBuffer *buffer;
        push(h, k);
        while ((buffer = gst_harness_try_pull(h))) {
            g_assert_true(buffer->pool == few);
            g_queue_push_tail(&held, buffer);
            if (held.length > 2)
                gst_buffer_unref(g_queue_pop_head(&held));
        }
    }
    g_queue_clear_full(&held, (GDestroyNotify)gst_buffer_unref);
    g_assert_cmpuint(n_direct(el), ==, 0);
    gst_harness_teardown(h);
    gst_object_unref(el);
    gst_object_unref(few);
}

int main(int argc, char **argv)
{
    int status;

    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    model = small_model_new(2, SEED);
    g_test_add_func("/element/flight/same", test_same);
    g_test_add_func("/element/flight/serialised", test_serialised);
    g_test_add_func("/element/flight/caps", test_caps);
    g_test_add_func("/element/flight/drain-query", test_drain_query);
    g_test_add_func("/element/flight/flush", test_flush);
    g_test_add_func("/element/flight/states", test_states);
    g_test_add_func("/element/flight/latency", test_latency);
    g_test_add_func("/element/flight/settings", test_settings);
    g_test_add_func("/element/flight/direct", test_direct);
    g_test_add_func("/element/flight/direct-prefix", test_direct_prefix);
    g_test_add_func("/element/flight/other-pool", test_other_pool);
    g_test_add_func("/element/flight/few-buffers", test_few_buffers);
    status = g_test_run();
    small_model_remove(model);
    return status;
}
