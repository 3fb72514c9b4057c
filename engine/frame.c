/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame.h"
#include "base/parallel.h"

/* R'G'B' = Y' + weights x (Cb, Cr), with the codes' offsets and ranges. */
typedef struct {
    float y_offset, y_range, c_range;
    float kr, kg, kb;
    float r_cr, g_cb, g_cr, b_cb;
} Matrix;

/* Compiled once for every kind of vector unit; the loader takes the best. */
#if defined(__x86_64__) && defined(__GLIBC__)
#define VECTORISED __attribute__((target_clones("arch=skylake-avx512", "avx2", "default")))
#else
#define VECTORISED
#endif

/* YUV rows go through small arrays in blocks of columns, so that the compiler can vectorise each step. */
#define BLOCK 128 /* luma columns, even */

/* A conversion; threads share its rows. */
typedef struct {
    const YonosFrameFormat *format;
    const YonosFrame *frame;
    float *rgb; /* only read on the way from it */
    int stride; /* pixels */
} Job;

/* Where the chroma samples are: first Cb, first Cr, bytes between neighbours in a row. */
typedef struct {
    guint8 *cb, *cr;
    int cb_stride, cr_stride, step;
} Chroma;

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

static void packed_to_rgb(gconstpointer data, gsize start, gsize end)
{
    const Job *job = data;
    const YonosFrameFormat *f = job->format;
    const int n = f->pixel_stride, r = f->r, g = f->g, b = f->b;
    for (int y = (int)start; y < (int)end; y++) {
        const guint8 *src = job->frame->plane[0] + (gssize)y * job->frame->stride[0];
        float *dst = job->rgb + (gsize)y * job->stride * 3;
        for (int x = 0; x < f->width; x++, src += n, dst += 3) {
            dst[0] = src[r] * (1 / 255.0f);
            dst[1] = src[g] * (1 / 255.0f);
            dst[2] = src[b] * (1 / 255.0f);
        }
    }
}

static void packed_from_rgb(gconstpointer data, gsize start, gsize end)
{
    const Job *job = data;
    const YonosFrameFormat *f = job->format;
    const int n = f->pixel_stride, r = f->r, g = f->g, b = f->b;
    const int rest = n == 4 ? 6 - r - g - b : -1; /* the four offsets are 0 to 3 in some order */
    for (int y = (int)start; y < (int)end; y++) {
        const float *src = job->rgb + (gsize)y * job->stride * 3;
        guint8 *dst = job->frame->plane[0] + (gssize)y * job->frame->stride[0];
        for (int x = 0; x < f->width; x++, src += 3, dst += n) {
            dst[r] = to_code(src[0] * 255);
            dst[g] = to_code(src[1] * 255);
            dst[b] = to_code(src[2] * 255);
            if (rest >= 0)
                dst[rest] = 255;
        }
    }
}

/* Chroma columns start - 1 to start + columns of a plane of `width`, the edge repeated, between two chroma rows: 3
 * parts of the near one and 1 part of the far one. */
VECTORISED static void mix_rows(const guint8 *near, const guint8 *far, int step, int start, int columns, int width,
                                float scale, float *restrict out)
{
    const int first = MAX(start, 1), end = MIN(start + columns + 1, width);

    near += (first - 1) * step;
    far += (first - 1) * step;
    out += first - start;
    for (int k = 0; k <= end - first; k++)
        out[k] = (near[k * step] * 3 + far[k * step] - 512) * scale;
    if (start == 0)
        out[-1] = out[0];
    if (start + columns == width)
        out[end - first + 1] = out[end - first];
}

/* The chroma of 2 x columns luma columns. A sample has the weight `even` in its even and `odd` in its odd luma column;
 * its left and its right neighbour have the rest. */
VECTORISED static void widen(const float *restrict chroma, int columns, float even, float odd, float *restrict out)
{
    for (int k = 0; k < columns; k++) {
        out[2 * k] = chroma[k + 1] * even + chroma[k] * (1 - even);
        out[2 * k + 1] = chroma[k + 1] * odd + chroma[k + 2] * (1 - odd);
    }
}

VECTORISED static void put_pixels(const Matrix *m, const guint8 *restrict luma, const float *restrict cb,
                                  const float *restrict cr, int width, float *restrict dst)
{
    const float y_scale = 1 / m->y_range, y_base = -m->y_offset / m->y_range;
    const float r_cr = m->r_cr, g_cb = m->g_cb, g_cr = m->g_cr, b_cb = m->b_cb;

    for (int x = 0; x < width; x++) {
        float y = luma[x] * y_scale + y_base;
        dst[3 * x] = y + r_cr * cr[x];
        dst[3 * x + 1] = y + g_cb * cb[x] + g_cr * cr[x];
        dst[3 * x + 2] = y + b_cb * cb[x];
    }
}

static void yuv_row_to_rgb(const YonosFrameFormat *f, const Matrix *m, const guint8 *luma, const Chroma *near,
                           const Chroma *far, float *dst)
{
    const int all = (f->width + 1) / 2;
    const float scale = 0.25f / m->c_range, even = f->chroma_left ? 1 : 0.75f, odd = f->chroma_left ? 0.5f : 0.75f;
    float narrow[BLOCK / 2 + 2], cb[BLOCK], cr[BLOCK];

    for (int k = 0; k < all; k += BLOCK / 2) {
        int columns = MIN(BLOCK / 2, all - k);
        mix_rows(near->cb, far->cb, near->step, k, columns, all, scale, narrow);
        widen(narrow, columns, even, odd, cb);
        mix_rows(near->cr, far->cr, near->step, k, columns, all, scale, narrow);
        widen(narrow, columns, even, odd, cr);
        put_pixels(m, luma + 2 * k, cb, cr, MIN(BLOCK, f->width - 2 * k), dst + 6 * k);
    }
}

static Chroma chroma_row(const Chroma *c, int row)
{
    Chroma at = *c;
    at.cb += (gssize)row * c->cb_stride;
    at.cr += (gssize)row * c->cr_stride;
    return at;
}

static void yuv_to_rgb(gconstpointer data, gsize start, gsize end)
{
    const Job *job = data;
    const YonosFrameFormat *f = job->format;
    const Matrix m = make_matrix(f);
    const Chroma chroma = locate_chroma(f, job->frame);
    const int rows = (f->height + 1) / 2;
    for (int y = (int)start; y < (int)end; y++) {
        Chroma near = chroma_row(&chroma, y / 2);
        Chroma far = chroma_row(&chroma, CLAMP(y / 2 + (y % 2 ? 1 : -1), 0, rows - 1));
        const guint8 *luma = job->frame->plane[0] + (gssize)y * job->frame->stride[0];
        yuv_row_to_rgb(f, &m, luma, &near, &far, job->rgb + (gsize)y * job->stride * 3);
    }
}

VECTORISED static void rgb_row_to_luma(const Matrix *m, const float *restrict src, int width, guint8 *restrict dst)
{
    const float r = m->kr * m->y_range, g = m->kg * m->y_range, b = m->kb * m->y_range, offset = m->y_offset;
    for (int x = 0; x < width; x++)
        dst[x] = to_code(src[3 * x] * r + src[3 * x + 1] * g + src[3 * x + 2] * b + offset);
}

/* The chroma of columns, in codes around 0, averaged over two rows. */
VECTORISED static void column_chroma(const Matrix *m, const float *restrict p, const float *restrict q, int width,
                                     float *restrict cb, float *restrict cr)
{
    const float half = 0.5f * m->c_range, to_cb = half / m->b_cb, to_cr = half / m->r_cr;
    const float kr = m->kr, kg = m->kg, kb = m->kb;

    for (int x = 0; x < width; x++) {
        float r = p[3 * x] + q[3 * x], g = p[3 * x + 1] + q[3 * x + 1], b = p[3 * x + 2] + q[3 * x + 2];
        float luma = kr * r + kg * g + kb * b;
        cb[x] = (b - luma) * to_cb;
        cr[x] = (r - luma) * to_cr;
    }
}

/* Chroma of BLOCK luma columns, after that of the column before them, to codes. Leaves the last column in front. */
VECTORISED static void narrow(float *restrict chroma, int columns, gboolean left, guint8 *restrict out)
{
    for (int k = 0; k < columns; k++) {
        float before = chroma[2 * k], even = chroma[2 * k + 1], odd = chroma[2 * k + 2];
        float side = left ? before * 0.5f + odd * 0.5f : odd;
        out[k] = to_code(even * 0.5f + side * 0.5f + 128);
    }
    chroma[0] = chroma[2 * columns];
}

static void rgb_rows_to_chroma(const YonosFrameFormat *f, const Matrix *m, const float *row0, const float *row1,
                               const Chroma *dst)
{
    const int all = (f->width + 1) / 2;
    float cb[BLOCK + 1], cr[BLOCK + 1];
    guint8 codes[2][BLOCK / 2];

    column_chroma(m, row0, row1, 1, cb, cr);
    for (int k = 0; k < all; k += BLOCK / 2) {
        int columns = MIN(BLOCK / 2, all - k), width = MIN(BLOCK, f->width - 2 * k);
        column_chroma(m, row0 + 6 * k, row1 + 6 * k, width, cb + 1, cr + 1);
        if (width % 2) {
            cb[width + 1] = cb[width];
            cr[width + 1] = cr[width];
        }
        narrow(cb, columns, f->chroma_left, codes[0]);
        narrow(cr, columns, f->chroma_left, codes[1]);
        for (int i = 0; i < columns; i++) {
            dst->cb[(k + i) * dst->step] = codes[0][i];
            dst->cr[(k + i) * dst->step] = codes[1][i];
        }
    }
}

/* Items are pairs of rows. */
static void yuv_from_rgb(gconstpointer data, gsize start, gsize end)
{
    const Job *job = data;
    const YonosFrameFormat *f = job->format;
    const Matrix m = make_matrix(f);
    const Chroma chroma = locate_chroma(f, job->frame);
    for (int y = 2 * (int)start; y < 2 * (int)end; y += 2) {
        int below = MIN(y + 1, f->height - 1);
        const float *row0 = job->rgb + (gsize)y * job->stride * 3, *row1 = job->rgb + (gsize)below * job->stride * 3;
        Chroma dst = chroma_row(&chroma, y / 2);
        rgb_row_to_luma(&m, row0, f->width, job->frame->plane[0] + (gssize)y * job->frame->stride[0]);
        if (below != y)
            rgb_row_to_luma(&m, row1, f->width, job->frame->plane[0] + (gssize)below * job->frame->stride[0]);
        rgb_rows_to_chroma(f, &m, row0, row1, &dst);
    }
}

void yonos_frame_to_rgb(const YonosFrameFormat *f, const YonosFrame *frame, float *rgb, int stride_pixels)
{
    const Job job = {f, frame, rgb, stride_pixels};
    gsize rows = (gsize)f->height;

    yonos_cpu_share(rows * f->width * 3, rows, f->layout == YONOS_FRAME_PACKED ? packed_to_rgb : yuv_to_rgb, &job);
}

void yonos_frame_from_rgb(const YonosFrameFormat *f, const YonosFrame *frame, const float *rgb, int stride_pixels)
{
    const Job job = {f, frame, (float *)rgb, stride_pixels};
    gsize rows = (gsize)f->height;

    if (f->layout == YONOS_FRAME_PACKED)
        yonos_cpu_share(rows * f->width * 3, rows, packed_from_rgb, &job);
    else
        yonos_cpu_share(rows * f->width * 3, (rows + 1) / 2, yuv_from_rgb, &job);
}
