/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Colour bars of every matrix, range and depth, with super-white and sub-black: without the network each within one
 * code value, with it the mean of each within 2/255. */
#include "element-check.h"
#include "reference-frame.h"

#include <math.h>

#define BAR 32 /* pixels, of both sides */
#define N_BARS 10

typedef struct {
    const char *name, *colorimetry;
    double kr, kb;
    gboolean full;
} Colours;

static const Colours all_colours[] = {
    {"bt601", "2:4:16:4", 0.299, 0.114, FALSE},  {"bt601-full", "1:4:0:0", 0.299, 0.114, TRUE},
    {"bt709", "bt709", 0.2126, 0.0722, FALSE},   {"bt709-full", "1:3:5:1", 0.2126, 0.0722, TRUE},
    {"bt2020", "bt2020", 0.2627, 0.0593, FALSE}, {"bt2020-full", "1:6:13:7", 0.2627, 0.0593, TRUE},
};

static const char *const formats[] = {"I420", "NV12", "Y444", "I420_10LE", "P010_10LE"};

/* R'G'B'; the last two are beyond white and black, where the codes have room. */
static const double bars[N_BARS][3] = {{1, 1, 1},          {.75, .75, 0},     {0, .75, .75}, {0, .75, 0},
                                       {.75, 0, .75},      {.75, 0, 0},       {0, 0, .75},   {0, 0, 0},
                                       {1.06, 1.06, 1.06}, {-.06, -.06, -.06}};

/* A bar's code in the component of a format of `depth` bits. */
static int code_of(const Colours *m, int depth, int bar, guint component)
{
    const double *v = bars[bar];
    double luma = m->kr * v[0] + (1 - m->kr - m->kb) * v[1] + m->kb * v[2], unit = 1 << (depth - 8);
    double top = (1 << depth) - 1, part = component == 0   ? luma
                                          : component == 1 ? (v[2] - luma) / (2 * (1 - m->kb))
                                                           : (v[0] - luma) / (2 * (1 - m->kr));
    double range = m->full ? top : unit * (component ? 224 : 219), zero = component ? 128 * unit
                                                                          : m->full ? 0
                                                                                    : 16 * unit;

    return (int)(CLAMP(zero + range * part, 0, top) + 0.5);
}

/* What a bar's codes, rounded as they are, mean as R'G'B'. */
static double rgb_of(const Colours *m, int depth, int bar, guint component)
{
    double unit = 1 << (depth - 8), top = (1 << depth) - 1, v[3];

    for (guint c = 0; c < 3; c++)
        v[c] = (code_of(m, depth, bar, c) - (c         ? 128 * unit
                                             : m->full ? 0
                                                       : 16 * unit)) /
               (m->full ? top : unit * (c ? 224 : 219));
    if (component == 0)
        return v[0] + 2 * (1 - m->kr) * v[2];
    if (component == 2)
        return v[0] + 2 * (1 - m->kb) * v[1];
    return v[0] - (2 * m->kb * (1 - m->kb) * v[1] + 2 * m->kr * (1 - m->kr) * v[2]) / (1 - m->kr - m->kb);
}

static GstBuffer *bars_new(const GstVideoInfo *info, const Colours *m)
{
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, info->size, NULL);
    GstVideoFrame frame;

    g_assert_true(gst_video_frame_map(&frame, info, buffer, GST_MAP_WRITE));
    for (guint c = 0; c < 3; c++)
        for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c); y++)
            for (int x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, c); x++) {
                int bar = x * N_BARS / GST_VIDEO_FRAME_COMP_WIDTH(&frame, c);
                reference_put(&frame, c, x, y, code_of(m, GST_VIDEO_INFO_COMP_DEPTH(info, 0), bar, c));
            }
    gst_video_frame_unmap(&frame);
    return buffer;
}

typedef struct {
    double mean, worst; /* distance from what is wanted, in codes */
} Distance;

/* Of the inner half of a bar. */
static Distance distance(const GstVideoFrame *frame, guint c, int bar, double wanted)
{
    int width = GST_VIDEO_FRAME_COMP_WIDTH(frame, c) / N_BARS, height = GST_VIDEO_FRAME_COMP_HEIGHT(frame, c), n = 0;
    Distance d = {0, 0};

    for (int y = height / 4; y < height - height / 4; y++)
        for (int x = bar * width + width / 4; x < (bar + 1) * width - width / 4; x++, n++) {
            double off = reference_get(frame, c, x, y) - wanted;
            d.mean += off;
            d.worst = MAX(d.worst, fabs(off));
        }
    d.mean = fabs(d.mean / n);
    return d;
}

/* Fails unless every bar is near what is wanted. Returns the largest distance of a mean, in 1/255. */
static double check_bars(GstElement *el, const Colours *m, const char *in, const char *out, int scale, gboolean network)
{
    char *caps = g_strdup_printf("video/x-raw,format=%s,width=%d,height=%d,framerate=25/1,colorimetry=(string)%s", in,
                                 BAR * N_BARS, BAR, m->colorimetry);
    char *large_caps = g_strdup_printf("video/x-raw,format=%s,width=%d", out, BAR * N_BARS * scale);
    GstHarness *h = element_start(el, NULL, caps, large_caps);
    GstCaps *small = gst_pad_get_current_caps(h->srcpad), *large;
    GstVideoInfo info;
    GstVideoFrame frame;
    GstBuffer *buffer;
    double most = 0;
    int depth;

    g_assert_true(gst_video_info_from_caps(&info, small));
    depth = GST_VIDEO_INFO_COMP_DEPTH(&info, 0);
    buffer = gst_harness_push_and_pull(h, bars_new(&info, m));
    g_assert_nonnull(buffer);
    large = gst_pad_get_current_caps(h->sinkpad);
    g_assert_true(gst_video_info_from_caps(&info, large));
    g_assert_true(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
    for (int bar = 0; bar < N_BARS; bar++)
        for (guint c = 0; c < 3; c++) {
            int top = (1 << GST_VIDEO_INFO_COMP_DEPTH(&info, c)) - 1;
            double wanted = GST_VIDEO_INFO_IS_RGB(&info) ? CLAMP(rgb_of(m, depth, bar, c) * top, 0, top)
                                                         : code_of(m, depth, bar, c);
            Distance d = distance(&frame, c, bar, wanted);
            most = MAX(most, d.mean * 255 / top);
            if (network ? d.mean * 255 / top > 2 : d.worst > 1)
                g_error("%s, %s to %s x%d, bar %d, component %u: %.2f wanted, mean off by %.3f codes, worst by %.3f",
                        m->name, in, out, scale, bar, c, wanted, d.mean, d.worst);
        }
    gst_video_frame_unmap(&frame);
    gst_buffer_unref(buffer);
    gst_caps_unref(small);
    gst_caps_unref(large);
    element_stop(h, el);
    g_free(caps);
    g_free(large_caps);
    return most;
}

static void test_plain(gconstpointer data)
{
    GstElement *el = element_new(NULL, element_device());

    g_object_set(el, "enabled", FALSE, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        check_bars(el, data, formats[i], formats[i], 2, FALSE);
        check_bars(el, data, formats[i], "RGB", 3, FALSE);
        check_bars(el, data, formats[i], "RGBA64_LE", 2, FALSE);
    }
    gst_object_unref(el);
}

static void test_network(gconstpointer data)
{
    const Colours *m = data;

    for (int scale = 2; scale <= 4; scale *= 2) {
        char *model = g_strdup_printf("%s/fast-x%d.safetensors", g_getenv("YONOS_SHIPPED_MODELS"), scale);
        GstElement *el = element_new(model, element_device());
        double most = MAX(check_bars(el, m, "I420", "I420", scale, TRUE),
                          check_bars(el, m, "I420_10LE", "P010_10LE", scale, TRUE));

        g_test_message("%s x%d: means within %.2f/255", m->name, scale, most);
        gst_object_unref(el);
        g_free(model);
    }
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(all_colours); i++) {
        char *path = g_strconcat("/element/colours/plain/", all_colours[i].name, NULL);
        g_test_add_data_func(path, &all_colours[i], test_plain);
        g_free(path);
        path = g_strconcat("/element/colours/network/", all_colours[i].name, NULL);
        g_test_add_data_func(path, &all_colours[i], test_network);
        g_free(path);
    }
    return g_test_run();
}
