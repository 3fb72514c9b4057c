/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "images-check.h"
#include "element-check.h"
#include "reference-frame.h"

gboolean images_are_absent(void)
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

static GstPadProbeReturn see(GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
    ImagesSeen *seen = data;
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

static void watch(GstElement *pipeline, const char *name, const char *pad_name, ImagesSeen *seen)
{
    GstElement *el = gst_bin_get_by_name(GST_BIN(pipeline), name);
    GstPad *pad = gst_element_get_static_pad(el, pad_name);

    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, see, seen, NULL);
    gst_object_unref(pad);
    gst_object_unref(el);
}

/* Between upload and enlarger is a thread, as between most elements of a real pipeline. */
GstElement *images_open(const ImagesCase *c, ImagesSeen *small, ImagesSeen *large)
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
GError *images_play(GstElement *pipeline)
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

void images_play_well(GstElement *pipeline)
{
    GError *error = images_play(pipeline);

    g_assert_no_error(error);
}

/* The statistics of an element, to be freed. */
GstStructure *images_stats(GstElement *pipeline, const char *name)
{
    GstElement *el = gst_bin_get_by_name(GST_BIN(pipeline), name);
    GstStructure *stats;

    g_object_get(el, "stats", &stats, NULL);
    gst_object_unref(el);
    return stats;
}

int images_tiles(GstElement *pipeline)
{
    GstStructure *stats = images_stats(pipeline, "up");
    int tiles = 0;

    g_assert_true(gst_structure_get_int(stats, "tiles", &tiles));
    gst_structure_free(stats);
    return tiles;
}

/* A text of the statistics, to be freed. */
char *images_text(GstElement *pipeline, const char *name, const char *field)
{
    GstStructure *stats = images_stats(pipeline, name);
    char *text = g_strdup(gst_structure_get_string(stats, field));

    gst_structure_free(stats);
    return text;
}

/* Fails unless its images travel so. */
void images_check_way(GstElement *pipeline, const char *name, const char *way)
{
    char *found = images_text(pipeline, name, "images");

    g_assert_cmpstr(found, ==, way);
    g_free(found);
}

void images_close(GstElement *pipeline, ImagesSeen *small, ImagesSeen *large)
{
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
    gst_clear_buffer(&small->last);
    gst_clear_buffer(&large->last);
}

/* Its last frame; `reference`: which must be what plain bicubic makes. */
GstBuffer *images_run(const ImagesCase *c, const char *way, gboolean reference, GstVideoInfo *info)
{
    ImagesSeen small = {0}, large = {0};
    GstElement *pipeline = images_open(c, &small, &large);
    GstBuffer *last;

    images_play_well(pipeline);
    images_check_way(pipeline, "up", way);
    g_assert_cmpint(images_tiles(pipeline) > 1, ==, c->tiled);
    g_assert_cmpuint(small.n, ==, N_FRAMES);
    g_assert_cmpuint(large.n, ==, N_FRAMES);
    if (reference)
        reference_check(&small.info, small.last, &large.info, large.last);
    *info = large.info;
    last = g_steal_pointer(&large.last);
    images_close(pipeline, &small, &large);
    return last;
}

void images_check_near(const GstVideoInfo *info, GstBuffer *a, GstBuffer *b)
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
