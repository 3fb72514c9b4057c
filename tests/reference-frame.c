/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-frame.h"

#include "ops/ops.h"

#include <math.h>

typedef struct {
    int width, height;
    double *rgba; /* [height][width][4] */
} Picture;

/* How codes are meant. */
typedef struct {
    double offset[4], range[4], kr, kg, kb;
    gboolean rgb, gray, halved_x, halved_y, left, top;
} Meaning;

/* Of formats that GStreamer describes otherwise than its own videoconvert writes them (1.22 to 1.26): their components'
 * first bytes. */
static const guint8 *offsets(const GstVideoFrame *frame)
{
    static const guint8 vyuy[] = {1, 2, 0}, y210[] = {0, 2, 6};

    switch (GST_VIDEO_FRAME_FORMAT(frame)) {
    case GST_VIDEO_FORMAT_VYUY:
        return vyuy;
    case GST_VIDEO_FORMAT_Y210:
    case GST_VIDEO_FORMAT_Y212_LE:
        return y210;
    default:
        return NULL;
    }
}

static int shift_of(const GstVideoFrame *frame, guint component)
{
    return GST_VIDEO_FRAME_FORMAT(frame) == GST_VIDEO_FORMAT_Y210
               ? 6
               : (int)GST_VIDEO_FORMAT_INFO_SHIFT(frame->info.finfo, component);
}

static guint8 *place(const GstVideoFrame *frame, guint component, int x, int y)
{
    guint8 *first = GST_VIDEO_FRAME_COMP_DATA(frame, component);

    /* GStreamer says of P010, P012 and P016 that it lies one byte behind Cb, which is two bytes long */
    if (GST_VIDEO_FRAME_N_PLANES(frame) == 2 && GST_VIDEO_FRAME_COMP_DEPTH(frame, 0) > 8 && component == 2)
        first = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA(frame, 1) + 2;
    if (offsets(frame))
        first = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA(frame, 0) + offsets(frame)[component];
    return first + (gssize)y * GST_VIDEO_FRAME_COMP_STRIDE(frame, component) +
           (gssize)x * GST_VIDEO_FRAME_COMP_PSTRIDE(frame, component);
}

int reference_get(const GstVideoFrame *frame, guint component, int x, int y)
{
    const guint8 *at = place(frame, component, x, y);

    if (GST_VIDEO_FRAME_COMP_DEPTH(frame, component) <= 8)
        return *at;
    return (at[0] | at[1] << 8) >> shift_of(frame, component);
}

void reference_put(const GstVideoFrame *frame, guint component, int x, int y, int code)
{
    guint8 *at = place(frame, component, x, y);
    int word = code << shift_of(frame, component);

    at[0] = (guint8)word;
    if (GST_VIDEO_FRAME_COMP_DEPTH(frame, component) > 8)
        at[1] = (guint8)(word >> 8);
}

static Meaning meaning_of(const GstVideoInfo *info)
{
    const GstVideoFormatInfo *f = info->finfo;
    GstVideoChromaSite site = info->chroma_site;
    gint offset[GST_VIDEO_MAX_COMPONENTS], scale[GST_VIDEO_MAX_COMPONENTS];
    Meaning m = {.rgb = GST_VIDEO_INFO_IS_RGB(info),
                 .gray = GST_VIDEO_INFO_IS_GRAY(info),
                 .left = site == GST_VIDEO_CHROMA_SITE_UNKNOWN || (site & GST_VIDEO_CHROMA_SITE_H_COSITED),
                 .top = (site & GST_VIDEO_CHROMA_SITE_V_COSITED) != 0};

    gst_video_color_range_offsets(info->colorimetry.range, f, offset, scale);
    for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS(info); c++) {
        m.offset[c] = c == 3 ? 0 : offset[c];
        m.range[c] = c == 3 ? (1 << GST_VIDEO_FORMAT_INFO_DEPTH(f, c)) - 1 : scale[c];
    }
    if (!m.rgb) {
        g_assert_true(gst_video_color_matrix_get_Kr_Kb(info->colorimetry.matrix, &m.kr, &m.kb));
        m.kg = 1 - m.kr - m.kb;
        m.halved_x = !m.gray && GST_VIDEO_FORMAT_INFO_W_SUB(f, 1);
        m.halved_y = !m.gray && GST_VIDEO_FORMAT_INFO_H_SUB(f, 1);
    }
    return m;
}

static double value(const GstVideoFrame *frame, const Meaning *m, guint c, int x, int y)
{
    x = CLAMP(x, 0, GST_VIDEO_FRAME_COMP_WIDTH(frame, c) - 1);
    y = CLAMP(y, 0, GST_VIDEO_FRAME_COMP_HEIGHT(frame, c) - 1);
    return (reference_get(frame, c, x, y) - m->offset[c]) / m->range[c];
}

/* Between the four samples around a place in units of luma pixels. */
static double chroma(const GstVideoFrame *frame, const Meaning *m, guint c, int x, int y)
{
    double at_x = m->halved_x ? (x - (m->left ? 0 : 0.5)) / 2 : x,
           at_y = m->halved_y ? (y - (m->top ? 0 : 0.5)) / 2 : y;
    double part_x = at_x - floor(at_x), part_y = at_y - floor(at_y);
    int x0 = (int)floor(at_x), y0 = (int)floor(at_y);

    return (value(frame, m, c, x0, y0) * (1 - part_x) + value(frame, m, c, x0 + 1, y0) * part_x) * (1 - part_y) +
           (value(frame, m, c, x0, y0 + 1) * (1 - part_x) + value(frame, m, c, x0 + 1, y0 + 1) * part_x) * part_y;
}

static Picture picture_of(const GstVideoInfo *info, GstBuffer *buffer)
{
    Picture p = {info->width, info->height, g_new(double, (gsize)info->width * info->height * 4)};
    Meaning m = meaning_of(info);
    GstVideoFrame frame;

    g_assert_true(gst_video_frame_map(&frame, info, buffer, GST_MAP_READ));
    for (int y = 0; y < p.height; y++)
        for (int x = 0; x < p.width; x++) {
            double *to = p.rgba + ((gsize)y * p.width + x) * 4, luma = value(&frame, &m, 0, x, y), cb = 0, cr = 0;
            to[3] = GST_VIDEO_INFO_HAS_ALPHA(info) ? value(&frame, &m, 3, x, y) : 1;
            if (m.rgb) {
                for (guint c = 0; c < 3; c++)
                    to[c] = value(&frame, &m, c, x, y);
                continue;
            }
            if (!m.gray) {
                cb = chroma(&frame, &m, 1, x, y);
                cr = chroma(&frame, &m, 2, x, y);
            }
            to[0] = luma + 2 * (1 - m.kr) * cr;
            to[2] = luma + 2 * (1 - m.kb) * cb;
            to[1] = (luma - m.kr * to[0] - m.kb * to[2]) / m.kg;
        }
    gst_video_frame_unmap(&frame);
    return p;
}

/* One direction: samples `step` apart, `lines` of them `line` apart. */
static void resize_lines(const double *in, int size, double *out, int wanted, int step, int lines, int in_line,
                         int out_line)
{
    double weights[70];
    int taps = yonos_bicubic_taps(size, wanted);

    g_assert_cmpint(taps, <=, 70);
    for (int at = 0; at < wanted; at++) {
        int first = yonos_bicubic_window(size, wanted, at, weights);
        for (int line = 0; line < lines; line++)
            for (int c = 0; c < 4; c++) {
                double sum = 0;
                for (int k = 0; k < MIN(taps, size - first); k++)
                    sum += weights[k] * in[(gsize)line * in_line + (gsize)(first + k) * step + c];
                out[(gsize)line * out_line + (gsize)at * step + c] = sum;
            }
    }
}

static Picture resize(const Picture *p, int width, int height)
{
    Picture wide = {width, p->height, g_new(double, (gsize)width * p->height * 4)};
    Picture out = {width, height, g_new(double, (gsize)width *height * 4)};

    resize_lines(p->rgba, p->width, wide.rgba, width, 4, p->height, p->width * 4, width * 4);
    resize_lines(wide.rgba, p->height, out.rgba, height, width * 4, width, 4, 4);
    g_free(wide.rgba);
    return out;
}

/* Component c of Y'CbCr or R'G'B' at a pixel, the border repeated. */
static double component(const Picture *p, const Meaning *m, guint c, int x, int y)
{
    const double *rgba = p->rgba + ((gsize)CLAMP(y, 0, p->height - 1) * p->width + CLAMP(x, 0, p->width - 1)) * 4;
    double luma = m->kr * rgba[0] + m->kg * rgba[1] + m->kb * rgba[2];

    if (m->rgb || c == 3)
        return rgba[c];
    return c == 0 ? luma : c == 1 ? (rgba[2] - luma) / (2 * (1 - m->kb)) : (rgba[0] - luma) / (2 * (1 - m->kr));
}

static double reduced(const Picture *p, const Meaning *m, guint c, int x, int y)
{
    static const double box[3] = {0, 0.5, 0.5}, sited[3] = {0.25, 0.5, 0.25}, whole[3] = {0, 1, 0};
    const double *by_x = !m->halved_x ? whole
                         : m->left    ? sited
                                      : box,
                 *by_y = !m->halved_y ? whole
                         : m->top     ? sited
                                      : box;
    double sum = 0;

    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++)
            sum += by_x[i] * by_y[j] *
                   component(p, m, c, (m->halved_x ? 2 * x : x) + i - 1, (m->halved_y ? 2 * y : y) + j - 1);
    return sum;
}

void reference_check(const GstVideoInfo *in, GstBuffer *small, const GstVideoInfo *out, GstBuffer *large)
{
    Picture from = picture_of(in, small), p = resize(&from, out->width, out->height);
    Meaning m = meaning_of(out);
    GstVideoFrame frame;

    g_assert_true(gst_video_frame_map(&frame, out, large, GST_MAP_READ));
    for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS(out); c++) {
        int top = (1 << GST_VIDEO_FRAME_COMP_DEPTH(&frame, c)) - 1;
        gboolean is_chroma = !m.rgb && (c == 1 || c == 2);
        for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c); y++)
            for (int x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, c); x++) {
                double v = is_chroma ? reduced(&p, &m, c, x, y) : component(&p, &m, c, x, y);
                double wanted = CLAMP(v * m.range[c] + m.offset[c], 0, top);
                int got = reference_get(&frame, c, x, y);
                if (!(fabs(got - wanted) <= 1))
                    g_error("%s %dx%d %s to %s %dx%d: component %u at %d, %d is %d instead of %.2f",
                            GST_VIDEO_INFO_NAME(in), in->width, in->height,
                            gst_video_colorimetry_to_string(&in->colorimetry), GST_VIDEO_INFO_NAME(out), out->width,
                            out->height, c, x, y, got, wanted);
            }
    }
    gst_video_frame_unmap(&frame);
    g_free(from.rgba);
    g_free(p.rgba);
}

void reference_check_same(const GstVideoInfo *info, GstBuffer *a, GstBuffer *b, guint c)
{
    GstVideoFrame frames[2];

    g_assert_true(gst_video_frame_map(&frames[0], info, a, GST_MAP_READ));
    g_assert_true(gst_video_frame_map(&frames[1], info, b, GST_MAP_READ));
    for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frames[0], c); y++)
        for (int x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frames[0], c); x++)
            g_assert_cmpint(reference_get(&frames[0], c, x, y), ==, reference_get(&frames[1], c, x, y));
    gst_video_frame_unmap(&frames[1]);
    gst_video_frame_unmap(&frames[0]);
}

GstBuffer *reference_fill(const GstVideoInfo *info, GRand *rand)
{
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, info->size, NULL);
    GstVideoFrame frame;

    gst_buffer_memset(buffer, 0, 0, info->size);
    g_assert_true(gst_video_frame_map(&frame, info, buffer, GST_MAP_WRITE));
    for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS(info); c++)
        for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c); y++)
            for (int x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, c); x++)
                reference_put(&frame, c, x, y, g_rand_int_range(rand, 0, 1 << GST_VIDEO_FRAME_COMP_DEPTH(&frame, c)));
    gst_video_frame_unmap(&frame);
    return buffer;
}
