/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames in DMABufs, by plain caps and, from GStreamer 1.24 on, by those of DRM: the same as from any memory, whether
 * the device reads them where they are or the host does. Anonymous memory stands in for a device's. */
#include "element-check.h"
#include "reference-frame.h"
#include "upscaler.h"

#include <gst/allocators/gstdmabuf.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEED 20261130
#define GAP 10

typedef struct {
    const char *format, *drm; /* NULL: DRM has no name for it */
} Format;

static const Format formats[] = {{"NV12", "NV12"},   {"I420", "YU12"}, {"P010_10LE", "P010"}, {"YV12", "YV12"},
                                 {"BGRA", "AR24"},   {"RGB", "BG24"},  {"GRAY8", "R8  "},     {"Y42B", "YU16"},
                                 {"YUY2", "YUYV"},   {"UYVY", "UYVY"}, {"Y210", "Y210"},      {"Y212_LE", "Y212"},
                                 {"RGBA64_LE", NULL}};

static const char *const devices[] = {"cpu", "llvmpipe"};

static guint n_devices(void)
{
    return yonos_upscaler_has_gpu(devices[1]) ? 2 : 1;
}

static char *caps_of(const Format *f, gboolean drm, int width, int height)
{
    char *fields = g_strdup_printf("width=%d,height=%d,framerate=25/1,colorimetry=%s", width, height,
                                   strchr("RB", f->format[0]) ? "sRGB" : "bt601");
    char *caps =
        drm ? g_strdup_printf("video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=(string)\"%s\",%s", f->drm, fields)
            : g_strdup_printf("video/x-raw,format=%s,%s", f->format, fields);

    g_free(fields);
    return caps;
}

static GstVideoInfo info_of_text(const char *text)
{
    GstCaps *caps = gst_caps_from_string(text);
    GstVideoInfo info;

    g_assert_true(gst_video_info_from_caps(&info, caps));
    gst_caps_unref(caps);
    return info;
}

/* The same frame in a DMABuf, the rows further apart, behind some bytes that are not the buffer's. */
static GstBuffer *in_dmabuf(const GstVideoInfo *info, GstBuffer *tight)
{
    GstAllocator *allocator = gst_dmabuf_allocator_new();
    gsize offset[GST_VIDEO_MAX_PLANES], end = 0;
    gint stride[GST_VIDEO_MAX_PLANES];
    GstBuffer *out = gst_buffer_new();
    GstVideoFrame from, to;
    GstMemory *memory;
    int fd = memfd_create("frame", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES(info); i++) {
        gint component[GST_VIDEO_MAX_COMPONENTS];
        gst_video_format_info_component(info->finfo, i, component);
        offset[i] = end;
        stride[i] = GST_VIDEO_INFO_PLANE_STRIDE(info, i) + GAP;
        end += (gsize)stride[i] * GST_VIDEO_INFO_COMP_HEIGHT(info, component[0]);
    }
    g_assert_cmpint(ftruncate(fd, (off_t)(GAP + end + 4096)), ==, 0);
    memory = gst_dmabuf_allocator_alloc(allocator, fd, GAP + end + 4096);
    gst_memory_resize(memory, GAP, end);
    gst_buffer_append_memory(out, memory);
    gst_buffer_add_video_meta_full(out, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(info), info->width,
                                   info->height, GST_VIDEO_INFO_N_PLANES(info), offset, stride);
    g_assert_true(gst_video_frame_map(&from, info, tight, GST_MAP_READ));
    g_assert_true(gst_video_frame_map(&to, info, out, GST_MAP_WRITE));
    for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES(info);
         i++) { /* gst_video_frame_copy forgets the last Cr of odd YUY2 */
        gint component[GST_VIDEO_MAX_COMPONENTS];
        gst_video_format_info_component(info->finfo, i, component);
        for (int y = 0; y < GST_VIDEO_INFO_COMP_HEIGHT(info, component[0]); y++)
            memcpy((guint8 *)to.data[i] + y * stride[i],
                   (guint8 *)from.data[i] + y * GST_VIDEO_INFO_PLANE_STRIDE(info, i),
                   (gsize)GST_VIDEO_INFO_PLANE_STRIDE(info, i));
    }
    gst_video_frame_unmap(&to);
    gst_video_frame_unmap(&from);
    gst_object_unref(allocator);
    return out;
}

/* What a memory holds from an offset on, in a DMABuf of its own. */
static GstMemory *dmabuf_copy(GstMemory *memory, gsize offset)
{
    GstAllocator *allocator = gst_dmabuf_allocator_new();
    int fd = memfd_create("plane", MFD_CLOEXEC);
    gsize size = memory->size - offset;
    GstMemory *copy;
    GstMapInfo map;

    g_assert_cmpint(fd, >=, 0);
    g_assert_true(gst_memory_map(memory, &map, GST_MAP_READ));
    g_assert_cmpint(write(fd, map.data + offset, size), ==, (gssize)size);
    gst_memory_unmap(memory, &map);
    copy = gst_dmabuf_allocator_alloc(allocator, fd, size);
    gst_object_unref(allocator);
    return copy;
}

static guint64 imported(GstElement *el)
{
    GstStructure *stats;
    guint64 n = G_MAXUINT64;

    g_object_get(el, "stats", &stats, NULL);
    g_assert_true(gst_structure_get_uint64(stats, "imported", &n));
    gst_structure_free(stats);
    return n;
}

/* Of `frames` that a device could have read where they are. tests/trixie.sh, whose driver can, says that it must. */
static void check_imported(GstElement *el, guint device, guint64 frames)
{
    guint64 n = imported(el);

    if (device == 0 || n > 0 || g_getenv("YONOS_TEST_IMPORT"))
        g_assert_cmpuint(n, ==, device ? frames : 0);
}

static GstElement *plain_new(guint device)
{
    GstElement *el = element_new(NULL, devices[device]);

    g_object_set(el, "enabled", FALSE, NULL);
    return el;
}

static void check_format(const Format *f, gboolean drm, guint device, GRand *rand)
{
    char *plain = caps_of(f, FALSE, 13, 7), *caps = caps_of(f, drm, 13, 7);
    char *wanted = g_strdup_printf("video/x-raw,format=%s,width=26,height=14", f->format);
    GstVideoInfo in = info_of_text(plain), out;
    GstBuffer *tight = reference_fill(&in, rand), *large;
    GstElement *el = plain_new(device);
    GstHarness *h = element_start(el, NULL, caps, wanted);
    GstCaps *made;

    g_test_message("%s, on %s", caps, devices[device]);
    for (guint n = 1; n <= 2; n++) {
        large = gst_harness_push_and_pull(h, in_dmabuf(&in, tight));
        g_assert_nonnull(large);
        made = gst_pad_get_current_caps(h->sinkpad);
        g_assert_true(gst_video_info_from_caps(&out, made));
        gst_caps_unref(made);
        reference_check(&in, tight, &out, large);
        gst_buffer_unref(large);
    }
    check_imported(el, device, 2);
    element_stop(h, el);
    gst_object_unref(el);
    gst_buffer_unref(tight);
    g_free(plain);
    g_free(caps);
    g_free(wanted);
}

static void test_formats(gconstpointer data)
{
    gboolean drm = GPOINTER_TO_INT(data);
    GRand *rand = g_rand_new_with_seed(SEED);

#if !GST_CHECK_VERSION(1, 24, 0)
    if (drm) {
        g_test_skip("GStreamer older than 1.24 has no drm-format");
        return;
    }
#endif
    g_test_message("seed %d", SEED);
    for (guint device = 0; device < n_devices(); device++)
        for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
            if (!drm || formats[i].drm)
                check_format(&formats[i], drm, device, rand);
    g_rand_free(rand);
}

static void note_gone(gpointer data, G_GNUC_UNUSED GstMiniObject *where)
{
    *(gboolean *)data = TRUE;
}

/* Memory stays until its frame is made, and no longer. */
static void test_lives(void)
{
    GstVideoInfo in = info_of_text("video/x-raw,format=NV12,width=20,height=12");
    GRand *rand = g_rand_new_with_seed(SEED);

    for (guint device = 0; device < n_devices(); device++) {
        GstBuffer *tight = reference_fill(&in, rand), *buffer;
        GstElement *el = plain_new(device);
        gboolean gone[3] = {FALSE};
        GstHarness *h;

        g_object_set(el, "frames-in-flight", 2, NULL);
        h = element_start(el, NULL, "video/x-raw,format=NV12,width=20,height=12,framerate=25/1", NULL);
        for (guint n = 0; n < 3; n++) {
            buffer = in_dmabuf(&in, tight);
            gst_mini_object_weak_ref(GST_MINI_OBJECT(gst_buffer_peek_memory(buffer, 0)), note_gone, &gone[n]);
            g_assert_cmpint(gst_harness_push(h, buffer), ==, GST_FLOW_OK);
            g_assert_cmpint(gst_harness_buffers_in_queue(h), ==, n);
            g_assert_true(n == 0 || gone[n - 1]);
            g_assert_cmpint(gone[n], ==, imported(el) == 0); /* by the host: at once */
        }
        g_assert_true(gst_harness_push_event(h, gst_event_new_eos()));
        g_assert_cmpint(gst_harness_buffers_in_queue(h), ==, 3);
        g_assert_true(gone[2]);
        check_imported(el, device, 3);
        element_stop(h, el);
        gst_object_unref(el);
        gst_buffer_unref(tight);
    }
    g_rand_free(rand);
}

/* From a pool with so few buffers that its source may wait for one, the host reads them. */
static void test_few(void)
{
    GstVideoInfo in = info_of_text("video/x-raw,format=NV12,width=20,height=12");
    GRand *rand = g_rand_new_with_seed(SEED);
    GstBuffer *tight = reference_fill(&in, rand);

    for (guint k = 0; k < 2 * n_devices(); k++) {
        GstBufferPool *pool = gst_buffer_pool_new();
        GstStructure *config = gst_buffer_pool_get_config(pool);
        GstBuffer *buffer = in_dmabuf(&in, tight);
        GstElement *el = plain_new(k / 2);
        GstHarness *h;

        gst_buffer_pool_config_set_params(config, NULL, (guint)in.size, 0, k % 2 ? 4 : 3);
        g_assert_true(gst_buffer_pool_set_config(pool, config));
        buffer->pool = gst_object_ref(pool);
        g_object_set(el, "frames-in-flight", 2, NULL);
        h = element_start(el, NULL, "video/x-raw,format=NV12,width=20,height=12,framerate=25/1", NULL);
        g_assert_cmpint(gst_harness_push(h, buffer), ==, GST_FLOW_OK);
        check_imported(el, k % 2 ? k / 2 : 0, 1);
        element_stop(h, el);
        gst_object_unref(el);
        gst_object_unref(pool);
    }
    gst_buffer_unref(tight);
    g_rand_free(rand);
}

/* What the device cannot read, the host does: planes in two DMABufs, odd offsets of 16 bits; or nobody can, since there
 * is less than a frame. */
static void test_by_host(void)
{
    static const char *const caps[] = {"video/x-raw,format=NV12,width=16,height=12,framerate=25/1",
                                       "video/x-raw,format=P010_10LE,width=16,height=12,framerate=25/1"};
    GRand *rand = g_rand_new_with_seed(SEED);

    for (guint k = 0; k < 2 * n_devices(); k++) {
        GstVideoInfo in = info_of_text(caps[k % 2]), out;
        GstBuffer *tight = reference_fill(&in, rand), *buffer = in_dmabuf(&in, tight), *large;
        GstMemory *memory = gst_buffer_peek_memory(buffer, 0);
        GstVideoMeta *meta = gst_buffer_get_video_meta(buffer);
        GstElement *el = plain_new(k / 2);
        GstBus *bus = gst_bus_new();
        GstHarness *h = element_start(el, bus, caps[k % 2], NULL);
        GstMapInfo map;

        if (k % 2 == 0) {
            GstMemory *luma = gst_memory_share(memory, 0, (gssize)meta->offset[1]);
            GstMemory *chroma = dmabuf_copy(memory, meta->offset[1]);
            gst_buffer_replace_all_memory(buffer, luma);
            gst_buffer_append_memory(buffer, chroma);
        } else {
            gsize size = memory->size;
            g_assert_true(gst_memory_map(memory, &map, GST_MAP_READWRITE));
            memmove(map.data + 1, map.data, size);
            gst_memory_unmap(memory, &map);
            gst_buffer_replace_all_memory(buffer, gst_memory_share(memory, 1, (gssize)size));
        }
        large = gst_harness_push_and_pull(h, buffer);
        g_assert_nonnull(large);
        out = in;
        g_assert_true(gst_video_info_set_format(&out, GST_VIDEO_INFO_FORMAT(&in), 32, 24));
        out.colorimetry = in.colorimetry;
        out.chroma_site = in.chroma_site;
        reference_check(&in, tight, &out, large);
        gst_buffer_unref(large);
        g_assert_cmpuint(imported(el), ==, 0);
        buffer = in_dmabuf(&in, tight);
        gst_buffer_remove_meta(buffer, (GstMeta *)gst_buffer_get_video_meta(buffer));
        gst_buffer_replace_all_memory(buffer,
                                      gst_memory_share(gst_buffer_peek_memory(buffer, 0), 0, (gssize)in.size - 1));
        g_assert_cmpint(gst_harness_push(h, buffer), ==, GST_FLOW_ERROR);
        element_check_message(bus, GST_MESSAGE_ERROR, "smaller than its caps say", "");
        g_assert_cmpuint(imported(el), ==, 0);
        element_stop(h, el);
        gst_object_unref(bus);
        gst_object_unref(el);
        gst_buffer_unref(tight);
    }
    g_rand_free(rand);
}

#if GST_CHECK_VERSION(1, 24, 0)
/* Caps of DRM and of memory by turns, in mid-stream, at 1x too: without a loss, and never DMABufs as output. */
static void test_caps(void)
{
    const Format *f = &formats[0];
    GRand *rand = g_rand_new_with_seed(SEED);

    for (guint device = 0; device < n_devices(); device++) {
        GstElement *el = plain_new(device);
        GstBus *bus = gst_bus_new();
        char *first = caps_of(f, TRUE, 16, 12);
        GstHarness *h = element_start(el, bus, first, NULL);

        g_free(first);
        for (guint k = 0; k < 6; k++) {
            gboolean drm = k % 2 == 0;
            char *plain = caps_of(f, FALSE, 16, 12), *caps = caps_of(f, drm, 16, 12);
            GstVideoInfo in = info_of_text(plain), out;
            GstBuffer *tight = reference_fill(&in, rand), *large;
            GstCaps *made;

            gst_harness_set_sink_caps_str(h,
                                          k < 4 ? "video/x-raw,width=32,height=24" : "video/x-raw,width=16,height=12");
            gst_harness_set_src_caps_str(h, caps);
            large = gst_harness_push_and_pull(h, in_dmabuf(&in, tight));
            g_assert_nonnull(large);
            made = gst_pad_get_current_caps(h->sinkpad);
            g_assert_true(
                gst_caps_features_is_equal(gst_caps_get_features(made, 0), GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY));
            g_assert_true(gst_video_info_from_caps(&out, made));
            g_assert_cmpint(out.width, ==, k < 4 ? 32 : 16);
            reference_check(&in, tight, &out, large);
            gst_caps_unref(made);
            gst_buffer_unref(large);
            gst_buffer_unref(tight);
            g_free(caps);
            g_free(plain);
        }
        element_check_silent(bus);
        element_stop(h, el);
        gst_object_unref(bus);
        gst_object_unref(el);
    }
    g_rand_free(rand);
}

/* At the same size DMABufs go through to whoever takes nothing else. */
static void test_passthrough(void)
{
    char *caps = caps_of(&formats[0], TRUE, 16, 12), *plain = caps_of(&formats[0], FALSE, 16, 12);
    GstVideoInfo in = info_of_text(plain);
    GRand *rand = g_rand_new_with_seed(SEED);
    GstBuffer *tight = reference_fill(&in, rand), *buffer = in_dmabuf(&in, tight), *through;
    GstElement *el = plain_new(0);
    GstHarness *h = element_start(el, NULL, caps, caps);

    through = gst_harness_push_and_pull(h, gst_buffer_ref(buffer));
    g_assert_true(through == buffer);
    gst_buffer_unref(through);
    gst_buffer_unref(buffer);
    gst_buffer_unref(tight);
    element_stop(h, el);
    gst_object_unref(el);
    g_rand_free(rand);
    g_free(caps);
    g_free(plain);
}
#endif

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/element/dmabuf/formats/plain", GINT_TO_POINTER(FALSE), test_formats);
    g_test_add_data_func("/element/dmabuf/formats/drm", GINT_TO_POINTER(TRUE), test_formats);
    g_test_add_func("/element/dmabuf/lives", test_lives);
    g_test_add_func("/element/dmabuf/few", test_few);
    g_test_add_func("/element/dmabuf/by-host", test_by_host);
#if GST_CHECK_VERSION(1, 24, 0)
    g_test_add_func("/element/dmabuf/caps", test_caps);
    g_test_add_func("/element/dmabuf/passthrough", test_passthrough);
#endif
    return g_test_run();
}
