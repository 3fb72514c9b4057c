/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every format, in and out, with odd and even sizes, at several scales, as siting, range and matrix say: without the
 * network within one code of a plain reference. */
#include "element-check.h"
#include "plain.h"
#include "reference-frame.h"
#include "small-model.h"

#include <glib/gstdio.h>

#define SEED 20261124

static const char *const formats[] = {"I420",      "YV12",      "NV12",      "NV21",      "Y42B",      "Y444",
                                      "YUY2",      "UYVY",      "YVYU",      "VYUY",      "Y210",      "Y212_LE",
                                      "P010_10LE", "I420_10LE", "I422_10LE", "Y444_10LE", "I420_12LE", "P012_LE",
                                      "I422_12LE", "Y444_12LE", "P016_LE",   "Y444_16LE", "GRAY8",     "GRAY16_LE",
                                      "RGB",       "BGR",       "RGBA",      "BGRA",      "ARGB",      "ABGR",
                                      "RGBx",      "BGRx",      "xRGB",      "xBGR",      "RGBA64_LE"};
static const char *const sites[] = {"mpeg2", "jpeg", "cosited", "v-cosited"};
static const char *const yuv_colours[] = {"bt601", "bt709", "bt2020", "1:4:0:0", "1:3:5:1", "bt2100-pq", "bt2100-hlg"};
static const char *const rgb_colours[] = {"sRGB", "2:1:7:1"};

/* The k-th of the colours and sitings that a format may have. */
static char *caps_of(const char *format, int width, int height, guint k)
{
    const GstVideoFormatInfo *f = gst_video_format_get_info(gst_video_format_from_string(format));
    GString *caps = g_string_new(NULL);

    g_string_printf(caps, "video/x-raw,format=%s,width=%d,height=%d,framerate=25/1", format, width, height);
    if (GST_VIDEO_FORMAT_INFO_IS_RGB(f))
        g_string_append_printf(caps, ",colorimetry=(string)%s", rgb_colours[k % G_N_ELEMENTS(rgb_colours)]);
    if (GST_VIDEO_FORMAT_INFO_IS_YUV(f))
        g_string_append_printf(caps, ",colorimetry=(string)%s", yuv_colours[k % G_N_ELEMENTS(yuv_colours)]);
    if (GST_VIDEO_FORMAT_INFO_IS_YUV(f) && GST_VIDEO_FORMAT_INFO_W_SUB(f, 1))
        g_string_append_printf(caps, ",chroma-site=%s", sites[k % G_N_ELEMENTS(sites)]);
    return g_string_free(caps, FALSE);
}

static GstVideoInfo info_of(GstPad *pad)
{
    GstCaps *caps = gst_pad_get_current_caps(pad);
    GstVideoInfo info;

    g_assert_nonnull(caps);
    g_assert_true(gst_video_info_from_caps(&info, caps));
    gst_caps_unref(caps);
    return info;
}

/* One frame through an element without network. */
static void check(const char *in, const char *out, GRand *rand)
{
    GstElement *el = element_new(NULL, element_device());
    GstHarness *h;
    GstVideoInfo small_info, large_info;
    GstBuffer *small, *large;

    g_object_set(el, "enabled", FALSE, NULL);
    h = element_start(el, NULL, in, out);
    small_info = info_of(h->srcpad);
    small = reference_fill(&small_info, rand);
    large = gst_harness_push_and_pull(h, gst_buffer_ref(small));
    if (!large)
        g_error("%s to %s: no frame", in, out);
    large_info = info_of(h->sinkpad);
    reference_check(&small_info, small, &large_info, large);
    gst_buffer_unref(small);
    gst_buffer_unref(large);
    element_stop(h, el);
    gst_object_unref(el);
}

static const int scales[] = {2, 4, 8};

static void test_format(gconstpointer data)
{
    static const int sizes[][2] = {{8, 6}, {13, 7}, {1, 1}};
    guint index = GPOINTER_TO_UINT(data);
    GRand *rand = g_rand_new_with_seed(SEED + index);

    g_test_message("seed %u", SEED + index);
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++)
        for (guint k = 0; k < G_N_ELEMENTS(scales); k++) {
            guint kind = index * 5 + s * 3 + k, other = (index + 1 + kind * 7) % G_N_ELEMENTS(formats);
            int width = sizes[s][0], height = sizes[s][1];
            char *in = caps_of(formats[index], width, height, kind);
            char *same = g_strdup_printf("video/x-raw,format=%s,width=%d,height=%d", formats[index], width * scales[k],
                                         height * scales[k]);
            char *another = caps_of(formats[other], width * scales[k], height * scales[k], kind + 1);
            check(in, same, rand);
            check(in, another, rand);
            g_free(in);
            g_free(same);
            g_free(another);
        }
    g_rand_free(rand);
}

/* Other sizes than multiples, and none at all: from every format to the next. */
static void test_between(void)
{
    static const int sizes[][4] = {{16, 10, 24, 15}, {9, 11, 12, 40}, {7, 5, 7, 5}, {8, 8, 8, 8}, {10, 6, 79, 48}};
    GRand *rand = g_rand_new_with_seed(SEED);

    for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
        for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
            char *in = caps_of(formats[i], sizes[s][0], sizes[s][1], i + s);
            char *out = caps_of(formats[(i + 1) % G_N_ELEMENTS(formats)], sizes[s][2], sizes[s][3], i + s + 1);
            check(in, out, rand);
            g_free(in);
            g_free(out);
        }
    g_rand_free(rand);
}

/* With the network: alpha as without it, gray stays gray. */
static void test_network(void)
{
    char *model = small_model_new(4, SEED);
    static const char *const pairs[][2] = {
        {"RGBA", "RGBA64_LE"}, {"ABGR", "BGRA"}, {"GRAY8", "RGB"}, {"GRAY8", "I420"}};
    GRand *rand = g_rand_new_with_seed(SEED);

    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
        GstElement *el = element_new(model, element_device());
        char *in = caps_of(pairs[i][0], 13, 7, 0), *out = caps_of(pairs[i][1], 39, 21, 0);
        GstHarness *h = element_start(el, NULL, in, out);
        GstVideoInfo small_info = info_of(h->srcpad), large_info;
        GstBuffer *small = reference_fill(&small_info, rand);
        GstBuffer *large = gst_harness_push_and_pull(h, gst_buffer_ref(small));
        GstVideoFrame frame;

        g_assert_nonnull(large);
        large_info = info_of(h->sinkpad);
        g_assert_true(gst_video_frame_map(&frame, &large_info, large, GST_MAP_READ));
        if (i >= 2)
            for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, 1); y++)
                for (int x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, 1); x++) {
                    int wanted = i == 2 ? reference_get(&frame, 0, x, y) : 128;
                    g_assert_cmpint(reference_get(&frame, 1, x, y), ==, wanted);
                    g_assert_cmpint(reference_get(&frame, 2, x, y), ==, wanted);
                }
        gst_video_frame_unmap(&frame);
        if (i < 2) {
            GstBuffer *plain;
            g_object_set(el, "enabled", FALSE, NULL);
            plain = gst_harness_push_and_pull(h, gst_buffer_ref(small));
            reference_check(&small_info, small, &large_info, plain);
            reference_check_same(&large_info, large, plain, 3);
            gst_buffer_unref(plain);
        }
        gst_buffer_unref(small);
        gst_buffer_unref(large);
        element_stop(h, el);
        gst_object_unref(el);
        g_free(in);
        g_free(out);
    }
    g_rand_free(rand);
    small_model_remove(model);
}

/* The way of a size between the scales with a network that adds nothing: bicubic to the scale, then reduced. */
static void test_network_between(void)
{
    enum { W = 16, H = 10, OUT_W = 24, OUT_H = 13 };
    char *folder = g_dir_make_tmp("yonos-formats-XXXXXX", NULL);
    char *model = g_build_filename(folder, "m.safetensors", NULL);
    GRand *rand = g_rand_new_with_seed(SEED);
    YonosPlain *up = yonos_plain_new(W, H, 2 * W, 2 * H, 3, NULL),
               *down = yonos_plain_new(2 * W, 2 * H, OUT_W, OUT_H, 3, NULL);
    float small[W * H * 3], doubled[4 * W * H * 3], wanted[OUT_W * OUT_H * 3];
    GstElement *el;
    GstHarness *h;
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, sizeof small / sizeof *small, NULL);
    GstMapInfo map;

    small_model_make(model, &(SmallModel){.scale = 2, .seed = SEED, .plain = TRUE});
    g_assert_true(gst_buffer_map(buffer, &map, GST_MAP_WRITE));
    for (gsize k = 0; k < map.size; k++)
        small[k] = (float)(map.data[k] = (guint8)g_rand_int_range(rand, 0, 256)) / 255;
    gst_buffer_unmap(buffer, &map);
    g_assert_true(yonos_plain_run(up, small, doubled, 0, NULL) && yonos_plain_run(down, doubled, wanted, 0, NULL));
    el = element_new(model, element_device());
    h = element_start(el, NULL, "video/x-raw,format=RGB,width=16,height=10,framerate=25/1",
                      "video/x-raw,format=RGB,width=24,height=13");
    buffer = gst_harness_push_and_pull(h, buffer);
    g_assert_true(gst_buffer_map(buffer, &map, GST_MAP_READ));
    g_assert_cmpuint(map.size, ==, G_N_ELEMENTS(wanted));
    for (gsize k = 0; k < map.size; k++)
        g_assert_cmpfloat_with_epsilon(map.data[k], CLAMP(wanted[k] * 255, 0, 255), 1);
    gst_buffer_unmap(buffer, &map);
    gst_buffer_unref(buffer);
    element_stop(h, el);
    gst_object_unref(el);
    yonos_plain_free(up);
    yonos_plain_free(down);
    g_rand_free(rand);
    g_remove(model);
    g_rmdir(folder);
    g_free(model);
    g_free(folder);
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        char *path = g_strconcat("/element/formats/", formats[i], NULL);
        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_format);
        g_free(path);
    }
    g_test_add_func("/element/formats/between", test_between);
    g_test_add_func("/element/formats/network", test_network);
    g_test_add_func("/element/formats/network-between", test_network_between);
    return g_test_run();
}
