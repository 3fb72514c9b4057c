/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame.h"

/* R'G'B' = Y' + weights x (Cb, Cr), with the codes' offsets and ranges. */
typedef struct {
    float y_offset, y_range, c_range;
    float kr, kg, kb;
    float r_cr, g_cb, g_cr, b_cb;
} Matrix;

/* Where the chroma samples are: first Cb, first Cr, bytes between neighbours in a row. */
typedef struct {
    guint8 *cb, *cr;
    int cb_stride, cr_stride, step;
} Chroma;

typedef struct {
    float cb, cr;
} ChromaPair;

static Matrix make_matrix(const YonosFrameFormat *f)
{
    double kg = 1 - f->kr - f->kb;
    return (Matrix){
        .y_offset = f->full_range ? 0 : 16,
        .y_range = f->full_range ? 255 : 219,
        .c_range = f->full_range ? 255 : 224,
        .kr = (float)f->kr,
        .kg = (float)kg,
        .kb = (float)f->kb,
        .r_cr = (float)(2 * (1 - f->kr)),
        .g_cb = (float)(-2 * f->kb * (1 - f->kb) / kg),
        .g_cr = (float)(-2 * f->kr * (1 - f->kr) / kg),
        .b_cb = (float)(2 * (1 - f->kb)),
    };
}

static Chroma locate_chroma(const YonosFrameFormat *f, const YonosFrame *frame)
{
    if (f->layout == YONOS_FRAME_NV12)
        return (Chroma){frame->plane[1], frame->plane[1] + 1, frame->stride[1], frame->stride[1], 2};
    return (Chroma){frame->plane[1], frame->plane[2], frame->stride[1], frame->stride[2], 1};
}

/* Rounds and clips; NaN becomes 0. */
static inline guint8 to_code(float v)
{
    v = v > 0 ? v : 0;
    v = v < 255 ? v : 255;
    return (guint8)(int)(v + 0.5f);
}

static void packed_to_rgb(const YonosFrameFormat *f, const YonosFrame *frame, float *rgb, int stride)
{
    const int n = f->pixel_stride, r = f->r, g = f->g, b = f->b;
    for (int y = 0; y < f->height; y++) {
        const guint8 *src = frame->plane[0] + (gssize)y * frame->stride[0];
        float *dst = rgb + (gsize)y * stride * 3;
        for (int x = 0; x < f->width; x++, src += n, dst += 3) {
            dst[0] = src[r] * (1 / 255.0f);
            dst[1] = src[g] * (1 / 255.0f);
            dst[2] = src[b] * (1 / 255.0f);
        }
    }
}

static void packed_from_rgb(const YonosFrameFormat *f, const YonosFrame *frame, const float *rgb, int stride)
{
    const int n = f->pixel_stride, r = f->r, g = f->g, b = f->b;
    const int rest = n == 4 ? 6 - r - g - b : -1; /* the four offsets are 0 to 3 in some order */
    for (int y = 0; y < f->height; y++) {
        const float *src = rgb + (gsize)y * stride * 3;
        guint8 *dst = frame->plane[0] + (gssize)y * frame->stride[0];
        for (int x = 0; x < f->width; x++, src += 3, dst += n) {
            dst[r] = to_code(src[0] * 255);
            dst[g] = to_code(src[1] * 255);
            dst[b] = to_code(src[2] * 255);
            if (rest >= 0)
                dst[rest] = 255;
        }
    }
}

/* Column k of the chroma between two chroma rows, 3 parts of the near one and 1 part of the far one. */
static inline ChromaPair mix_rows(const Chroma *near, const Chroma *far, int k, float scale)
{
    int i = k * near->step;
    return (ChromaPair){(near->cb[i] * 3 + far->cb[i] - 512) * scale, (near->cr[i] * 3 + far->cr[i] - 512) * scale};
}

static inline ChromaPair mix(ChromaPair a, float wa, ChromaPair b, float wb)
{
    return (ChromaPair){a.cb * wa + b.cb * wb, a.cr * wa + b.cr * wb};
}

static inline void put_pixel(const Matrix *m, float luma, ChromaPair c, float *dst)
{
    dst[0] = luma + m->r_cr * c.cr;
    dst[1] = luma + m->g_cb * c.cb + m->g_cr * c.cr;
    dst[2] = luma + m->b_cb * c.cb;
}

static void yuv_row_to_rgb(const YonosFrameFormat *f, const Matrix *m, const guint8 *luma, const Chroma *near,
                           const Chroma *far, float *dst)
{
    const int columns = (f->width + 1) / 2;
    const float scale = 0.25f / m->c_range, y_scale = 1 / m->y_range, y_base = -m->y_offset / m->y_range;
    /* The sample's weight in its even and its odd luma column; its left and its right neighbour have the rest. */
    const float even = f->chroma_left ? 1 : 0.75f, odd = f->chroma_left ? 0.5f : 0.75f;
    ChromaPair here = mix_rows(near, far, 0, scale), left = here;
    for (int k = 0; k < columns; k++) {
        ChromaPair right = k + 1 < columns ? mix_rows(near, far, k + 1, scale) : here;
        put_pixel(m, luma[2 * k] * y_scale + y_base, mix(here, even, left, 1 - even), dst + 6 * k);
        if (2 * k + 1 < f->width)
            put_pixel(m, luma[2 * k + 1] * y_scale + y_base, mix(here, odd, right, 1 - odd), dst + 6 * k + 3);
        left = here;
        here = right;
    }
}

static Chroma chroma_row(const Chroma *c, int row)
{
    Chroma at = *c;
    at.cb += (gssize)row * c->cb_stride;
    at.cr += (gssize)row * c->cr_stride;
    return at;
}

static void yuv_to_rgb(const YonosFrameFormat *f, const YonosFrame *frame, float *rgb, int stride)
{
    const Matrix m = make_matrix(f);
    const Chroma chroma = locate_chroma(f, frame);
    const int rows = (f->height + 1) / 2;
    for (int y = 0; y < f->height; y++) {
        Chroma near = chroma_row(&chroma, y / 2);
        Chroma far = chroma_row(&chroma, CLAMP(y / 2 + (y % 2 ? 1 : -1), 0, rows - 1));
        const guint8 *luma = frame->plane[0] + (gssize)y * frame->stride[0];
        yuv_row_to_rgb(f, &m, luma, &near, &far, rgb + (gsize)y * stride * 3);
    }
}

static void rgb_row_to_luma(const Matrix *m, const float *src, int width, guint8 *dst)
{
    const float r = m->kr * m->y_range, g = m->kg * m->y_range, b = m->kb * m->y_range, offset = m->y_offset;
    for (int x = 0; x < width; x++)
        dst[x] = to_code(src[3 * x] * r + src[3 * x + 1] * g + src[3 * x + 2] * b + offset);
}

/* The chroma of a column, in codes around 0, averaged over two rows. */
static inline ChromaPair column_chroma(const Matrix *m, const float *row0, const float *row1, int x)
{
    const float *p = row0 + 3 * x, *q = row1 + 3 * x;
    float r = p[0] + q[0], g = p[1] + q[1], b = p[2] + q[2];
    float luma = m->kr * r + m->kg * g + m->kb * b, half = 0.5f * m->c_range;
    return (ChromaPair){(b - luma) * (half / m->b_cb), (r - luma) * (half / m->r_cr)};
}

static void rgb_rows_to_chroma(const YonosFrameFormat *f, const Matrix *m, const float *row0, const float *row1,
                               const Chroma *dst)
{
    const int columns = (f->width + 1) / 2, last = f->width - 1;
    ChromaPair before = column_chroma(m, row0, row1, 0);
    for (int k = 0; k < columns; k++) {
        ChromaPair even = column_chroma(m, row0, row1, 2 * k);
        ChromaPair odd = 2 * k < last ? column_chroma(m, row0, row1, 2 * k + 1) : even;
        ChromaPair side = f->chroma_left ? mix(before, 0.5f, odd, 0.5f) : odd, c = mix(even, 0.5f, side, 0.5f);
        dst->cb[k * dst->step] = to_code(c.cb + 128);
        dst->cr[k * dst->step] = to_code(c.cr + 128);
        before = odd;
    }
}

static void yuv_from_rgb(const YonosFrameFormat *f, const YonosFrame *frame, const float *rgb, int stride)
{
    const Matrix m = make_matrix(f);
    const Chroma chroma = locate_chroma(f, frame);
    for (int y = 0; y < f->height; y += 2) {
        int below = MIN(y + 1, f->height - 1);
        const float *row0 = rgb + (gsize)y * stride * 3, *row1 = rgb + (gsize)below * stride * 3;
        Chroma dst = chroma_row(&chroma, y / 2);
        rgb_row_to_luma(&m, row0, f->width, frame->plane[0] + (gssize)y * frame->stride[0]);
        if (below != y)
            rgb_row_to_luma(&m, row1, f->width, frame->plane[0] + (gssize)below * frame->stride[0]);
        rgb_rows_to_chroma(f, &m, row0, row1, &dst);
    }
}

void yonos_frame_to_rgb(const YonosFrameFormat *format, const YonosFrame *frame, float *rgb, int stride_pixels)
{
    if (format->layout == YONOS_FRAME_PACKED)
        packed_to_rgb(format, frame, rgb, stride_pixels);
    else
        yuv_to_rgb(format, frame, rgb, stride_pixels);
}

void yonos_frame_from_rgb(const YonosFrameFormat *format, const YonosFrame *frame, const float *rgb, int stride_pixels)
{
    if (format->layout == YONOS_FRAME_PACKED)
        packed_from_rgb(format, frame, rgb, stride_pixels);
    else
        yuv_from_rgb(format, frame, rgb, stride_pixels);
}
