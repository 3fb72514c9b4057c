/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames in libgstvulkan's images, in, out and both, on the pipeline's device and on our own, against the plain
 * reference and each other. */
#include "element-check.h"
#include "images-check.h"
#include "reference-frame.h"
#include "small-model.h"
#ifdef HAVE_VULKAN
#include "vulkan-spy.h"
#endif
#ifdef HAVE_GST_VULKAN
#include "planar-pool.h"
#endif

#define SEED 20261128
#define LITTLE "26" /* MiB; a whole frame of 400 x 120 takes 29, the smallest tiles 25 */

static char *model;

/* On the pipeline's device and on our own. */
static void check_ways(const ImagesCase *c, gboolean reference)
{
    GstVideoInfo info, other;
    GstBuffer *shared = images_run(c, "shared", reference, &info), *copied;

    g_setenv("YONOS_DISABLE_SHARING", "1", TRUE);
    copied = images_run(c, "copied", reference, &other);
    g_unsetenv("YONOS_DISABLE_SHARING");
    g_assert_true(gst_video_info_is_equal(&info, &other));
    images_check_near(&info, shared, copied);
    gst_buffer_unref(shared);
    gst_buffer_unref(copied);
}

static void test_images(gconstpointer data)
{
    /* vulkanupload and vulkandownload of 1.26 skew NV12 whose rows are padded */
    static const ImagesCase cases[] = {{"NV12", 32, 18, ",width=64", 0, 0, NULL, FALSE},
                                       {"NV12", 36, 17, ",width=108", 0, 0, NULL, FALSE},
                                       {"RGBA", 34, 18, ",width=51", 0, 0, NULL, FALSE},
                                       {"BGRA", 33, 17, ",width=132", 0, 0, NULL, FALSE},
                                       {"RGBA", 24, 18, ",format=NV12,width=48", 0, 0, NULL, FALSE}};
    int kind = GPOINTER_TO_INT(data);

    for (guint k = 0; !images_are_absent() && k < G_N_ELEMENTS(cases); k++) {
        ImagesCase c = cases[k];
        GstVideoInfo info;

        c.in = (kind & 1) != 0;
        c.out = (kind & 2) != 0;
        c.more = "enabled=false device=" DEVICE;
        check_ways(&c, TRUE);
        c.more = "enabled=false device=cpu";
        gst_buffer_unref(images_run(&c, "copied", TRUE, &info));
    }
}

static void test_network(gconstpointer data)
{
    int kind = GPOINTER_TO_INT(data);
    char *more = g_strdup_printf("model=%s device=" DEVICE, model);
    ImagesCase c = {"NV12", 36, 18, ",width=72", (kind & 1) != 0, (kind & 2) != 0, more, FALSE};

    if (!images_are_absent()) {
        check_ways(&c, FALSE);
        c.format = "BGRA";
        c.width = 41;
        c.height = 23;
        c.large = ",width=82";
        check_ways(&c, FALSE);
    }
    g_free(more);
}

/* In so little memory that a frame is made in tiles, it is what it is as a whole. Tiles that are reduced afterwards go
 * by the host. */
static void test_tiles(gconstpointer data)
{
    static const char *const sizes[][2] = {{",width=800", "shared"}, {",width=700", "copied"}};
    int kind = GPOINTER_TO_INT(data);
    char *whole = g_strdup_printf("model=%s device=" DEVICE, model);
    char *tiled = g_strdup_printf("%s max-memory=" LITTLE, whole);

    for (guint k = 0; !images_are_absent() && k < G_N_ELEMENTS(sizes); k++) {
        ImagesCase c = {"RGBA", 400, 120, sizes[k][0], (kind & 1) != 0, (kind & 2) != 0, whole, FALSE};
        GstVideoInfo info;
        GstBuffer *a = images_run(&c, "shared", FALSE, &info), *b;
        c.more = tiled;
        c.tiled = TRUE;
        b = images_run(&c, sizes[k][1], FALSE, &info);
        images_check_near(&info, a, b);
        gst_buffer_unref(a);
        gst_buffer_unref(b);
    }
    g_free(whole);
    g_free(tiled);
}

/* A device of our own that would multiply by cooperative matrices, which a shared one does not, is not given up. */
static void test_matrices(void)
{
    char *more = g_strdup_printf("model=%s device=" DEVICE, model), *kernels;
    ImagesCase c = {"RGBA", 24, 16, ",width=48", TRUE, TRUE, more, FALSE};
    ImagesSeen small = {0}, large = {0};
    GstElement *pipeline;
    GstVideoInfo info;

    if (!images_are_absent()) {
        g_setenv("YONOS_PRECISION", "fp16", TRUE);
        pipeline = images_open(&c, &small, &large);
        images_play_well(pipeline);
        kernels = images_text(pipeline, "up", "kernels");
        g_test_message("%s", kernels);
        if (strstr(kernels, "matrices"))
            images_check_way(pipeline, "up", "copied");
        g_free(kernels);
        images_close(pipeline, &small, &large);
        g_setenv("YONOS_DISABLE_COOPMAT", "1", TRUE);
        gst_buffer_unref(images_run(&c, "shared", FALSE, &info));
        g_unsetenv("YONOS_DISABLE_COOPMAT");
        g_unsetenv("YONOS_PRECISION");
    }
    g_free(more);
}

static const ImagesCase plain = {"RGBA", 33, 17, ",width=66", TRUE, TRUE, "enabled=false device=" DEVICE, FALSE};

static void test_states(void)
{
    ImagesSeen small = {0}, large = {0};
    GstElement *pipeline;

    if (images_are_absent())
        return;
    pipeline = images_open(&plain, &small, &large);
    for (guint k = 1; k <= 3; k++) {
        images_play_well(pipeline);
        images_check_way(pipeline, "up", "shared");
        g_assert_cmpuint(large.n, ==, k * N_FRAMES);
        reference_check(&small.info, small.last, &large.info, large.last);
        gst_element_set_state(pipeline, k == 1 ? GST_STATE_READY : GST_STATE_NULL);
    }
    images_close(pipeline, &small, &large);
}

/* Every frame is of other caps than the one before. */
static GstPadProbeReturn change(GstPad *pad, G_GNUC_UNUSED GstPadProbeInfo *probe, gpointer data)
{
    static const char *const next[] = {"video/x-raw,format=NV12,width=20,height=14",
                                       "video/x-raw,format=BGRA,width=33,height=9",
                                       "video/x-raw,format=RGBA,width=18,height=33"};
    guint *n = data;
    GstElement *small = gst_pad_get_parent_element(pad);
    GstElement *size = gst_bin_get_by_name(GST_BIN(GST_OBJECT_PARENT(small)), "size");

    gst_util_set_object_arg(G_OBJECT(size), "caps", next[(*n)++ % G_N_ELEMENTS(next)]);
    gst_object_unref(size);
    gst_object_unref(small);
    return GST_PAD_PROBE_OK;
}

static void check_changes(const ImagesCase *c, ImagesSeen *small, ImagesSeen *large)
{
    GstElement *pipeline = images_open(c, small, large), *el = gst_bin_get_by_name(GST_BIN(pipeline), "small");
    GstPad *pad = gst_element_get_static_pad(el, "src");
    guint n = 0;

    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, change, &n, NULL);
    images_play_well(pipeline);
    g_assert_cmpuint(n, ==, N_FRAMES);
    g_assert_cmpuint(large->n, ==, N_FRAMES);
    images_check_way(pipeline, "up", "shared");
    gst_object_unref(pad);
    gst_object_unref(el);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
}

/* vulkandownload of 1.26 keeps its pool when caps change, so a second enlarger is in its place. */
static void test_caps(void)
{
    ImagesSeen small = {0}, large = {0};
    ImagesCase c = plain;

    if (images_are_absent())
        return;
    c.large = "";
    c.out = FALSE;
    check_changes(&c, &small, &large);
    g_assert_cmpint(large.info.width, ==, 36);
    reference_check(&small.info, small.last, &large.info, large.last);
    large.n = 0;
    c.more =
        "enabled=false device=" DEVICE " ! video/x-raw(memory:VulkanImage) ! yonosupscale enabled=false device=cpu";
    check_changes(&c, &small, &large);
    g_assert_cmpint(large.info.width, ==, 72);
    gst_clear_buffer(&small.last);
    gst_clear_buffer(&large.last);
}

/* The device goes after the element, or the element holds the last reference to it; and the pipeline before either. */
static void test_teardown(void)
{
    ImagesSeen small = {0}, large = {0};
    GstElement *pipeline, *el, *upload;
    GstQuery *query;
    GstPad *pad;

    if (images_are_absent())
        return;
    for (int element_first = 0; element_first < 2; element_first++) {
        query = gst_query_new_context("gst.vulkan.device");
        pipeline = images_open(&plain, &small, &large);
        images_play_well(pipeline);
        el = gst_bin_get_by_name(GST_BIN(pipeline), "up");
        upload = gst_bin_get_by_name(GST_BIN(pipeline), "upload");
        pad = gst_element_get_static_pad(upload, "sink");
        g_assert_true(gst_pad_query(pad, query));
        gst_object_unref(pad);
        gst_object_unref(upload);
        if (!element_first) {
            gst_clear_query(&query);
            gst_element_set_locked_state(el, TRUE);
        }
        images_close(pipeline, &small, &large);
        gst_element_set_state(el, GST_STATE_NULL);
        gst_object_unref(el);
        gst_clear_query(&query);
    }
}

static GstPadProbeReturn leave_one(G_GNUC_UNUSED GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
    GstQuery *query = GST_PAD_PROBE_INFO_QUERY(probe);
    GstBufferPool *pool;
    guint size;

    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION || !(GST_PAD_PROBE_INFO_TYPE(probe) & GST_PAD_PROBE_TYPE_PULL))
        return GST_PAD_PROBE_OK;
    gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, NULL, NULL);
    gst_query_set_nth_allocation_pool(query, 0, pool, size, 1, 1);
    gst_clear_object(&pool);
    ++*(guint *)data;
    return GST_PAD_PROBE_OK;
}

static void probe_sink(GstElement *pipeline, const char *name, GstPadProbeType type, GstPadProbeCallback probe,
                       guint *n)
{
    GstElement *el = gst_bin_get_by_name(GST_BIN(pipeline), name);
    GstPad *pad = gst_element_get_static_pad(el, "sink");

    gst_pad_add_probe(pad, type, probe, n, NULL);
    gst_object_unref(pad);
    gst_object_unref(el);
}

/* A source with one image waits for it, while two frames are in flight. */
static void test_one_buffer(void)
{
    ImagesSeen small = {0}, large = {0};
    GstElement *pipeline;
    guint n = 0;

    if (images_are_absent())
        return;
    pipeline = images_open(&plain, &small, &large);
    probe_sink(pipeline, "up", GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, leave_one, &n);
    images_play_well(pipeline);
    g_assert_cmpuint(n, >, 0);
    images_check_way(pipeline, "up", "shared");
    reference_check(&small.info, small.last, &large.info, large.last);
    images_close(pipeline, &small, &large);
}

static void test_two(void)
{
    ImagesCase c = plain;
    ImagesSeen small = {0}, large = {0};
    GstElement *pipeline;

    if (images_are_absent())
        return;
    c.more = "enabled=false device=" DEVICE " ! queue ! yonosupscale name=second enabled=false device=" DEVICE;
    c.large = "";
    pipeline = images_open(&c, &small, &large);
    images_play_well(pipeline);
    images_check_way(pipeline, "up", "shared");
    images_check_way(pipeline, "second", "shared");
    g_assert_cmpuint(large.n, ==, N_FRAMES);
    g_assert_cmpint(large.info.width, ==, 33 * 4);
    images_close(pipeline, &small, &large);
}

#ifdef HAVE_GST_VULKAN
static GstPadProbeReturn make_planar(G_GNUC_UNUSED GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
    GstQuery *query = GST_PAD_PROBE_INFO_QUERY(probe);
    GstBufferPool *pool, *planar;
    guint size;

    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION || !(GST_PAD_PROBE_INFO_TYPE(probe) & GST_PAD_PROBE_TYPE_PULL))
        return GST_PAD_PROBE_OK;
    gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, NULL, NULL);
    planar = planar_pool_new(pool, data);
    gst_query_set_nth_allocation_pool(query, 0, planar, size, 0, 0);
    gst_object_unref(planar);
    gst_object_unref(pool);
    return GST_PAD_PROBE_OK;
}

/* What one enlarger writes to and the next one reads, on the pipeline's device or by the host. */
static GstBuffer *run_two(const char *device, const char *way, gboolean planar, GstVideoInfo *info)
{
    ImagesCase c = {"NV12", 19, 15, "", FALSE, FALSE, NULL, FALSE};
    char *more = g_strdup_printf("enabled=false device=%s ! video/x-raw(memory:VulkanImage),format=NV12 ! yonosupscale "
                                 "name=second enabled=false device=%s",
                                 device, device);
    ImagesSeen small = {0}, large = {0};
    GstElement *pipeline;
    GstBuffer *last;
    guint made = 0;

    c.more = more;
    pipeline = images_open(&c, &small, &large);
    if (planar)
        probe_sink(pipeline, "second", GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, make_planar, &made);
    images_play_well(pipeline);
    images_check_way(pipeline, "up", way);
    images_check_way(pipeline, "second", way);
    g_assert_cmpuint(large.n, ==, N_FRAMES);
    g_assert_cmpint(made > 0, ==, planar);
    *info = large.info;
    last = g_steal_pointer(&large.last);
    images_close(pipeline, &small, &large);
    g_free(more);
    return last;
}

/* NV12 in one image, as decoders give it, is the same as in two. */
static void test_planar(void)
{
    static const char *const ways[][2] = {{DEVICE, "shared"}, {"cpu", "copied"}};

    for (guint k = 0; !images_are_absent() && k < G_N_ELEMENTS(ways); k++) {
        GstVideoInfo info, other;
        GstBuffer *two = run_two(ways[k][0], ways[k][1], FALSE, &info);
        GstBuffer *one = run_two(ways[k][0], ways[k][1], TRUE, &other);
        GstMapInfo map;

        g_assert_true(gst_video_info_is_equal(&info, &other));
        g_assert_true(gst_buffer_map(two, &map, GST_MAP_READ));
        g_assert_cmpint(gst_buffer_memcmp(one, 0, map.data, map.size), ==, 0);
        gst_buffer_unmap(two, &map);
        gst_buffer_unref(one);
        gst_buffer_unref(two);
    }
}

/* P010 in one image, which only decoders give. */
static void test_p010(void)
{
    static const char *const devices[] = {DEVICE, "cpu"}, *const outs[] = {"P010_10LE", "NV12"};
    GRand *rand = g_rand_new_with_seed(SEED);

    for (guint k = 0; !images_are_absent() && k < 4; k++) {
        GstCaps *plain = gst_caps_from_string("video/x-raw,format=P010_10LE,width=22,height=14,framerate=25/1,"
                                              "colorimetry=bt2100-pq,chroma-site=mpeg2"),
                *made;
        GstCaps *caps = gst_caps_copy(plain);
        char *out = g_strdup_printf("video/x-raw,format=%s,width=44,height=28", outs[k / 2]), *in;
        GstElement *el = element_new(NULL, devices[k % 2]);
        GstVideoInfo small, large;
        GstBuffer *frame, *got;
        GstStructure *stats;
        GstHarness *h;
        GstPad *pad;

        gst_caps_set_features_simple(caps, gst_caps_features_new_single("memory:VulkanImage"));
        in = gst_caps_to_string(caps);
        g_assert_true(gst_video_info_from_caps(&small, plain));
        frame = reference_fill(&small, rand);
        g_object_set(el, "enabled", FALSE, NULL);
        h = element_start(el, NULL, in, out);
        pad = gst_element_get_static_pad(el, "sink");
        for (guint n = 0; n < 2; n++) {
            got = gst_harness_push_and_pull(h, planar_frame_new(pad, caps, frame));
            g_assert_nonnull(got);
            made = gst_pad_get_current_caps(h->sinkpad);
            g_assert_true(gst_video_info_from_caps(&large, made));
            gst_caps_unref(made);
            reference_check(&small, frame, &large, got);
            gst_buffer_unref(got);
        }
        g_object_get(el, "stats", &stats, NULL);
        g_assert_cmpstr(gst_structure_get_string(stats, "images"), ==, k % 2 ? "copied" : "shared");
        gst_structure_free(stats);
        gst_object_unref(pad);
        element_stop(h, el);
        gst_object_unref(el);
        gst_buffer_unref(frame);
        gst_caps_unref(plain);
        gst_caps_unref(caps);
        g_free(in);
        g_free(out);
    }
    g_rand_free(rand);
}
#endif

#ifdef HAVE_VULKAN
static GstPadProbeReturn lose(G_GNUC_UNUSED GstPad *pad, G_GNUC_UNUSED GstPadProbeInfo *probe, gpointer data)
{
    if (++*(guint *)data == 2)
        spy_fails = "vkQueueSubmit";
    return GST_PAD_PROBE_OK;
}

static void test_lost(void)
{
    ImagesSeen small = {0}, large = {0};
    GstElement *pipeline;
    guint n = 0;
    GError *error;

    if (images_are_absent())
        return;
    pipeline = images_open(&plain, &small, &large);
    probe_sink(pipeline, "up", GST_PAD_PROBE_TYPE_BUFFER, lose, &n);
    spy_result = SPY_DEVICE_LOST;
    error = images_play(pipeline);
    spy_fails = NULL;
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "was lost"));
    g_error_free(error);
    images_close(pipeline, &small, &large);
}

static GstPadProbeReturn shorten(G_GNUC_UNUSED GstPad *pad, G_GNUC_UNUSED GstPadProbeInfo *probe, gpointer data)
{
    guint *at = data;

    if (*at < G_MAXUINT) {
        spy_fails_at = *at;
        spy_fails_for = 1;
        spy_fails = "vkQueueSubmit";
        *at = G_MAXUINT;
    }
    return GST_PAD_PROBE_OK;
}

/* Frames that are images on the shared device go on in smaller tiles, whichever submission fails. */
static void test_memory_gets_short(void)
{
    char *more = g_strdup_printf("model=%s noise=none device=" DEVICE, model);
    const ImagesCase c = {"RGBA", 20, 500, "", TRUE, TRUE, more, FALSE};
    GstVideoInfo info;
    GstBuffer *want = images_are_absent() ? NULL : images_run(&c, "shared", FALSE, &info);

    spy_result = SPY_OUT_OF_DEVICE_MEMORY;
    for (guint n = 0; want && n < 4; n++) {
        ImagesSeen small = {0}, large = {0};
        GstElement *pipeline = images_open(&c, &small, &large);
        guint at = n;
        probe_sink(pipeline, "up", GST_PAD_PROBE_TYPE_BUFFER, shorten, &at);
        images_play_well(pipeline);
        g_test_message("submission %u: %u frames, %d tiles", n, large.n, images_tiles(pipeline));
        g_assert_null(spy_fails);
        g_assert_cmpint(images_tiles(pipeline), ==, 2);
        images_check_way(pipeline, "up", "shared");
        g_assert_cmpuint(large.n, ==, N_FRAMES);
        images_check_near(&info, want, large.last);
        images_close(pipeline, &small, &large);
    }
    gst_clear_buffer(&want);
    g_free(more);
}

/* The executor's own memory, but none for images, is more than there is. */
static void test_no_memory(void)
{
    GstVideoInfo info;

    if (images_are_absent())
        return;
    spy_most_memory = 8 << 20;
    gst_buffer_unref(images_run(&plain, "copied", TRUE, &info));
    spy_most_memory = 0;
}
#endif

int main(int argc, char **argv)
{
    int status;

    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    model = small_model_new(2, SEED);
    for (gsize kind = 1; kind <= 3; kind++) { /* images in, out, both */
        char *path = g_strdup_printf("/element/images/plain/%d", (int)kind);
        char *network = g_strdup_printf("/element/images/network/%d", (int)kind);
        char *tiles = g_strdup_printf("/element/images/tiles/%d", (int)kind);
        g_test_add_data_func(path, GSIZE_TO_POINTER(kind), test_images);
        g_test_add_data_func(network, GSIZE_TO_POINTER(kind), test_network);
        g_test_add_data_func(tiles, GSIZE_TO_POINTER(kind), test_tiles);
        g_free(tiles);
        g_free(network);
        g_free(path);
    }
    g_test_add_func("/element/images/matrices", test_matrices);
    g_test_add_func("/element/images/states", test_states);
    g_test_add_func("/element/images/caps", test_caps);
    g_test_add_func("/element/images/teardown", test_teardown);
    g_test_add_func("/element/images/one-buffer", test_one_buffer);
    g_test_add_func("/element/images/two", test_two);
#ifdef HAVE_GST_VULKAN
    g_test_add_func("/element/images/planar", test_planar);
    g_test_add_func("/element/images/p010", test_p010);
#endif
#ifdef HAVE_VULKAN
    g_test_add_func("/element/images/lost", test_lost);
    g_test_add_func("/element/images/memory-gets-short", test_memory_gets_short);
    g_test_add_func("/element/images/no-memory", test_no_memory);
#endif
    status = g_test_run();
    small_model_remove(model);
    return status;
}
