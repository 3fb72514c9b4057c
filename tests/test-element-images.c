/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames in libgstvulkan's images, in, out and both, on the pipeline's device and on our own, against the plain
 * reference and each other. */
#include "element-check.h"
#include "reference-frame.h"

#define N_FRAMES 3
#define DEVICE "llvmpipe"

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
    int width, height, large_width; /* the height follows */
    gboolean in, out;
    const char *more; /* properties */
} Case;

static GstElement *open_pipeline(const Case *c, int n_frames, Seen *small, Seen *large)
{
    char *line = g_strdup_printf(
        "videotestsrc num-buffers=%d pattern=ball ! capsfilter name=size caps=video/x-raw,format=%s,width=%d,height=%d "
        "! identity name=small %s ! yonosupscale name=up %s ! video/x-raw(%s),format=%s,width=%d %s "
        "! fakesink name=large",
        n_frames, c->format, c->width, c->height, c->in ? "! vulkanupload name=upload" : "", c->more,
        c->out ? "memory:VulkanImage" : "memory:SystemMemory", c->format, c->large_width,
        c->out ? "! vulkandownload" : "");
    GError *error = NULL;
    GstElement *pipeline = gst_parse_launch(line, &error);

    g_test_message("%s", line);
    g_assert_no_error(error);
    watch(pipeline, "small", "src", small);
    watch(pipeline, "large", "sink", large);
    g_free(line);
    return pipeline;
}

static void play(GstElement *pipeline)
{
    GstBus *bus = gst_element_get_bus(pipeline);
    GError *error = NULL;
    GstMessage *message;

    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_nonnull(message);
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(message, &error, NULL);
        g_error("%s", error->message);
    }
    gst_message_unref(message);
    gst_object_unref(bus);
}

/* Fails unless its images travel so. */
static void check_way(GstElement *pipeline, const char *name, const char *way)
{
    GstElement *el = gst_bin_get_by_name(GST_BIN(pipeline), name);
    GstStructure *stats;

    g_object_get(el, "stats", &stats, NULL);
    g_assert_cmpstr(gst_structure_get_string(stats, "images"), ==, way);
    gst_structure_free(stats);
    gst_object_unref(el);
}

/* Its last frame; `reference`: which must be what plain bicubic makes. */
static GstBuffer *run(const Case *c, const char *way, gboolean reference, GstVideoInfo *info)
{
    Seen small = {0}, large = {0};
    GstElement *pipeline = open_pipeline(c, N_FRAMES, &small, &large);

    play(pipeline);
    check_way(pipeline, "up", way);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
    g_assert_cmpuint(small.n, ==, N_FRAMES);
    g_assert_cmpuint(large.n, ==, N_FRAMES);
    if (reference)
        reference_check(&small.info, small.last, &large.info, large.last);
    gst_clear_buffer(&small.last);
    *info = large.info;
    return large.last;
}

static void check_near(const GstVideoInfo *info, GstBuffer *a, GstBuffer *b)
{
    GstMapInfo of_a, of_b;
    guint differ = 0;

    g_assert_true(gst_buffer_map(a, &of_a, GST_MAP_READ) && gst_buffer_map(b, &of_b, GST_MAP_READ));
    g_assert_cmpuint(of_a.size, ==, info->size);
    g_assert_cmpuint(of_b.size, ==, info->size);
    for (gsize k = 0; k < info->size; k++) {
        differ += of_a.data[k] != of_b.data[k];
        g_assert_cmpint(ABS((int)of_a.data[k] - (int)of_b.data[k]), <=, 1);
    }
    g_test_message("%u of %" G_GSIZE_FORMAT " bytes differ by one", differ, info->size);
    gst_buffer_unmap(a, &of_a);
    gst_buffer_unmap(b, &of_b);
}

/* On the pipeline's device, on our own, and on none. */
static void check(const char *format, int width, int height, int large_width, int kind)
{
    Case c = {format, width, height, large_width, kind & 1, (kind & 2) != 0, "enabled=false device=" DEVICE};
    GstVideoInfo info, other;
    GstBuffer *shared = run(&c, "shared", TRUE, &info), *copied;

    g_setenv("YONOS_DISABLE_SHARING", "1", TRUE);
    copied = run(&c, "copied", TRUE, &other);
    g_unsetenv("YONOS_DISABLE_SHARING");
    g_assert_true(gst_video_info_is_equal(&info, &other));
    check_near(&info, shared, copied);
    gst_buffer_unref(shared);
    gst_buffer_unref(copied);
    c.more = "enabled=false device=cpu";
    gst_buffer_unref(run(&c, "copied", TRUE, &other));
}

static void test_images(gconstpointer data)
{
    int kind = GPOINTER_TO_INT(data);

    if (is_without_images())
        return;
    check("NV12", 32, 18, 64, kind);
    check("RGBA", 34, 18, 51, kind);
    check("BGRA", 33, 17, 132, kind);
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
