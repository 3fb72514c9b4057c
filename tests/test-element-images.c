/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames in libgstvulkan's images, in, out and both, on the pipeline's device and on our own, against the plain
 * reference and each other. */
#include "element-check.h"
#include "reference-frame.h"
#include "small-model.h"
#ifdef HAVE_VULKAN
#include "vulkan-spy.h"
#endif

#include <glib/gstdio.h>

#define N_FRAMES 4
#define DEVICE "llvmpipe"
#define SEED 20261128
#define LITTLE "26" /* MiB; a whole frame of 400 x 120 takes 29, the smallest tiles 25 */

static char *model;

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
    gst_buffer_memset(seen->last, 0, 0, seen->info.size); /* between the rows */
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

typedef struct {
    const char *format;
    int width, height;
    const char *large; /* caps; the rest follows */
    gboolean in, out;
    const char *more; /* properties */
    gboolean tiled;   /* expected */
} Case;

/* Between upload and enlarger is a thread, as between most elements of a real pipeline. */
static GstElement *open_pipeline(const Case *c, Seen *small, Seen *large)
{
    char *line = g_strdup_printf(
        "videotestsrc num-buffers=%d pattern=zone-plate kx2=20 ky2=20 kt=9 ! capsfilter name=size "
        "caps=video/x-raw,format=%s,width=%d,height=%d ! identity name=small %s ! yonosupscale name=up %s "
        "! video/x-raw(%s)%s %s ! fakesink name=large",
        N_FRAMES, c->format, c->width, c->height, c->in ? "! vulkanupload name=upload ! queue" : "", c->more,
        c->out ? "memory:VulkanImage" : "memory:SystemMemory", c->large, c->out ? "! vulkandownload" : "");
    GError *error = NULL;
    GstElement *pipeline = gst_parse_launch(line, &error);

    g_test_message("%s", line);
    g_assert_no_error(error);
    watch(pipeline, "small", "src", small);
    watch(pipeline, "large", "sink", large);
    g_free(line);
    return pipeline;
}

/* To its end; NULL or the error. */
static GError *play(GstElement *pipeline)
{
    GstBus *bus = gst_element_get_bus(pipeline);
    GError *error = NULL;
    GstMessage *message;

    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered(bus, 200 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_nonnull(message);
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
        gst_message_parse_error(message, &error, NULL);
    gst_message_unref(message);
    gst_object_unref(bus);
    return error;
}

static void play_well(GstElement *pipeline)
{
    GError *error = play(pipeline);

    g_assert_no_error(error);
}

/* The statistics of an element, to be freed. */
static GstStructure *stats_of(GstElement *pipeline, const char *name)
{
    GstElement *el = gst_bin_get_by_name(GST_BIN(pipeline), name);
    GstStructure *stats;

    g_object_get(el, "stats", &stats, NULL);
    gst_object_unref(el);
    return stats;
}

static int tiles_of(GstElement *pipeline)
{
    GstStructure *stats = stats_of(pipeline, "up");
    int tiles = 0;

    g_assert_true(gst_structure_get_int(stats, "tiles", &tiles));
    gst_structure_free(stats);
    return tiles;
}

/* A text of the statistics, to be freed. */
static char *text_of(GstElement *pipeline, const char *name, const char *field)
{
    GstStructure *stats = stats_of(pipeline, name);
    char *text = g_strdup(gst_structure_get_string(stats, field));

    gst_structure_free(stats);
    return text;
}

/* Fails unless its images travel so. */
static void check_way(GstElement *pipeline, const char *name, const char *way)
{
    char *found = text_of(pipeline, name, "images");

    g_assert_cmpstr(found, ==, way);
    g_free(found);
}

static void close_pipeline(GstElement *pipeline, Seen *small, Seen *large)
{
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
    gst_clear_buffer(&small->last);
    gst_clear_buffer(&large->last);
}

/* Its last frame; `reference`: which must be what plain bicubic makes. */
static GstBuffer *run(const Case *c, const char *way, gboolean reference, GstVideoInfo *info)
{
    Seen small = {0}, large = {0};
    GstElement *pipeline = open_pipeline(c, &small, &large);
    GstBuffer *last;

    play_well(pipeline);
    check_way(pipeline, "up", way);
    g_assert_cmpint(tiles_of(pipeline) > 1, ==, c->tiled);
    g_assert_cmpuint(small.n, ==, N_FRAMES);
    g_assert_cmpuint(large.n, ==, N_FRAMES);
    if (reference)
        reference_check(&small.info, small.last, &large.info, large.last);
    *info = large.info;
    last = g_steal_pointer(&large.last);
    close_pipeline(pipeline, &small, &large);
    return last;
}

static void check_near(const GstVideoInfo *info, GstBuffer *a, GstBuffer *b)
{
    GstMapInfo of_a, of_b;
    guint differ = 0, far = 0;

    g_assert_true(gst_buffer_map(a, &of_a, GST_MAP_READ) && gst_buffer_map(b, &of_b, GST_MAP_READ));
    g_assert_cmpuint(of_a.size, ==, info->size);
    g_assert_cmpuint(of_b.size, ==, info->size);
    for (gsize k = 0; k < info->size; k++) {
        differ += of_a.data[k] != of_b.data[k];
        far += ABS((int)of_a.data[k] - (int)of_b.data[k]) > 1;
    }
    g_test_message("of %" G_GSIZE_FORMAT " bytes %u differ, %u by more than one", info->size, differ, far);
    g_assert_cmpuint(far, ==, 0);
    gst_buffer_unmap(a, &of_a);
    gst_buffer_unmap(b, &of_b);
}

/* On the pipeline's device and on our own. */
static void check_ways(const Case *c, gboolean reference)
{
    GstVideoInfo info, other;
    GstBuffer *shared = run(c, "shared", reference, &info), *copied;

    g_setenv("YONOS_DISABLE_SHARING", "1", TRUE);
    copied = run(c, "copied", reference, &other);
    g_unsetenv("YONOS_DISABLE_SHARING");
    g_assert_true(gst_video_info_is_equal(&info, &other));
    check_near(&info, shared, copied);
    gst_buffer_unref(shared);
    gst_buffer_unref(copied);
}

static void test_images(gconstpointer data)
{
    /* vulkanupload and vulkandownload of 1.26 skew NV12 whose rows are padded */
    static const Case cases[] = {{"NV12", 32, 18, ",width=64", 0, 0, NULL, FALSE},
                                 {"NV12", 36, 17, ",width=108", 0, 0, NULL, FALSE},
                                 {"RGBA", 34, 18, ",width=51", 0, 0, NULL, FALSE},
                                 {"BGRA", 33, 17, ",width=132", 0, 0, NULL, FALSE},
                                 {"RGBA", 24, 18, ",format=NV12,width=48", 0, 0, NULL, FALSE}};
    int kind = GPOINTER_TO_INT(data);

    for (guint k = 0; !is_without_images() && k < G_N_ELEMENTS(cases); k++) {
        Case c = cases[k];
        GstVideoInfo info;

        c.in = (kind & 1) != 0;
        c.out = (kind & 2) != 0;
        c.more = "enabled=false device=" DEVICE;
        check_ways(&c, TRUE);
        c.more = "enabled=false device=cpu";
        gst_buffer_unref(run(&c, "copied", TRUE, &info));
    }
}

static void test_network(gconstpointer data)
{
    int kind = GPOINTER_TO_INT(data);
    char *more = g_strdup_printf("model=%s device=" DEVICE, model);
    Case c = {"NV12", 36, 18, ",width=72", (kind & 1) != 0, (kind & 2) != 0, more, FALSE};

    if (!is_without_images()) {
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

    for (guint k = 0; !is_without_images() && k < G_N_ELEMENTS(sizes); k++) {
        Case c = {"RGBA", 400, 120, sizes[k][0], (kind & 1) != 0, (kind & 2) != 0, whole, FALSE};
        GstVideoInfo info;
        GstBuffer *a = run(&c, "shared", FALSE, &info), *b;
        c.more = tiled;
        c.tiled = TRUE;
        b = run(&c, sizes[k][1], FALSE, &info);
        check_near(&info, a, b);
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
    Case c = {"RGBA", 24, 16, ",width=48", TRUE, TRUE, more, FALSE};
    Seen small = {0}, large = {0};
    GstElement *pipeline;
    GstVideoInfo info;

    if (!is_without_images()) {
        g_setenv("YONOS_PRECISION", "fp16", TRUE);
        pipeline = open_pipeline(&c, &small, &large);
        play_well(pipeline);
        kernels = text_of(pipeline, "up", "kernels");
        g_test_message("%s", kernels);
        if (strstr(kernels, "matrices"))
            check_way(pipeline, "up", "copied");
        g_free(kernels);
        close_pipeline(pipeline, &small, &large);
        g_setenv("YONOS_DISABLE_COOPMAT", "1", TRUE);
        gst_buffer_unref(run(&c, "shared", FALSE, &info));
        g_unsetenv("YONOS_DISABLE_COOPMAT");
        g_unsetenv("YONOS_PRECISION");
    }
    g_free(more);
}

static const Case plain = {"RGBA", 33, 17, ",width=66", TRUE, TRUE, "enabled=false device=" DEVICE, FALSE};

static void test_states(void)
{
    Seen small = {0}, large = {0};
    GstElement *pipeline;

    if (is_without_images())
        return;
    pipeline = open_pipeline(&plain, &small, &large);
    for (guint k = 1; k <= 3; k++) {
        play_well(pipeline);
        check_way(pipeline, "up", "shared");
        g_assert_cmpuint(large.n, ==, k * N_FRAMES);
        reference_check(&small.info, small.last, &large.info, large.last);
        gst_element_set_state(pipeline, k == 1 ? GST_STATE_READY : GST_STATE_NULL);
    }
    close_pipeline(pipeline, &small, &large);
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

static void check_changes(const Case *c, Seen *small, Seen *large)
{
    GstElement *pipeline = open_pipeline(c, small, large), *el = gst_bin_get_by_name(GST_BIN(pipeline), "small");
    GstPad *pad = gst_element_get_static_pad(el, "src");
    guint n = 0;

    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, change, &n, NULL);
    play_well(pipeline);
    g_assert_cmpuint(n, ==, N_FRAMES);
    g_assert_cmpuint(large->n, ==, N_FRAMES);
    check_way(pipeline, "up", "shared");
    gst_object_unref(pad);
    gst_object_unref(el);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
}

/* vulkandownload of 1.26 keeps its pool when caps change, so a second enlarger is in its place. */
static void test_caps(void)
{
    Seen small = {0}, large = {0};
    Case c = plain;

    if (is_without_images())
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
    Seen small = {0}, large = {0};
    GstElement *pipeline, *el, *upload;
    GstQuery *query;
    GstPad *pad;

    if (is_without_images())
        return;
    for (int element_first = 0; element_first < 2; element_first++) {
        query = gst_query_new_context("gst.vulkan.device");
        pipeline = open_pipeline(&plain, &small, &large);
        play_well(pipeline);
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
        close_pipeline(pipeline, &small, &large);
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

static void probe_sink(GstElement *pipeline, GstPadProbeType type, GstPadProbeCallback probe, guint *n)
{
    GstElement *el = gst_bin_get_by_name(GST_BIN(pipeline), "up");
    GstPad *pad = gst_element_get_static_pad(el, "sink");

    gst_pad_add_probe(pad, type, probe, n, NULL);
    gst_object_unref(pad);
    gst_object_unref(el);
}

/* A source with one image waits for it, while two frames are in flight. */
static void test_one_buffer(void)
{
    Seen small = {0}, large = {0};
    GstElement *pipeline;
    guint n = 0;

    if (is_without_images())
        return;
    pipeline = open_pipeline(&plain, &small, &large);
    probe_sink(pipeline, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, leave_one, &n);
    play_well(pipeline);
    g_assert_cmpuint(n, >, 0);
    check_way(pipeline, "up", "shared");
    reference_check(&small.info, small.last, &large.info, large.last);
    close_pipeline(pipeline, &small, &large);
}

static void test_two(void)
{
    Case c = plain;
    Seen small = {0}, large = {0};
    GstElement *pipeline;

    if (is_without_images())
        return;
    c.more = "enabled=false device=" DEVICE " ! queue ! yonosupscale name=second enabled=false device=" DEVICE;
    c.large = "";
    pipeline = open_pipeline(&c, &small, &large);
    play_well(pipeline);
    check_way(pipeline, "up", "shared");
    check_way(pipeline, "second", "shared");
    g_assert_cmpuint(large.n, ==, N_FRAMES);
    g_assert_cmpint(large.info.width, ==, 33 * 4);
    close_pipeline(pipeline, &small, &large);
}

#ifdef HAVE_VULKAN
static GstPadProbeReturn lose(G_GNUC_UNUSED GstPad *pad, G_GNUC_UNUSED GstPadProbeInfo *probe, gpointer data)
{
    if (++*(guint *)data == 2)
        spy_fails = "vkQueueSubmit";
    return GST_PAD_PROBE_OK;
}

static void test_lost(void)
{
    Seen small = {0}, large = {0};
    GstElement *pipeline;
    guint n = 0;
    GError *error;

    if (is_without_images())
        return;
    pipeline = open_pipeline(&plain, &small, &large);
    probe_sink(pipeline, GST_PAD_PROBE_TYPE_BUFFER, lose, &n);
    spy_result = SPY_DEVICE_LOST;
    error = play(pipeline);
    spy_fails = NULL;
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "was lost"));
    g_error_free(error);
    close_pipeline(pipeline, &small, &large);
}

/* The executor's own memory, but none for images, is more than there is. */
static void test_no_memory(void)
{
    GstVideoInfo info;

    if (is_without_images())
        return;
    spy_most_memory = 8 << 20;
    gst_buffer_unref(run(&plain, "copied", TRUE, &info));
    spy_most_memory = 0;
}
#endif

int main(int argc, char **argv)
{
    char *folder;
    int status;

    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("yonos-images-XXXXXX", NULL);
    model = g_build_filename(folder, "m.safetensors", NULL);
    g_test_message("seed %d", SEED);
    small_model_write(model, 2, SEED);
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
#ifdef HAVE_VULKAN
    g_test_add_func("/element/images/lost", test_lost);
    g_test_add_func("/element/images/no-memory", test_no_memory);
#endif
    status = g_test_run();
    g_remove(model);
    g_rmdir(folder);
    g_free(model);
    g_free(folder);
    return status;
}
