/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame.h"
#include "base/parallel.h"

/* Compiled once for every kind of vector unit; the loader takes the best. */
#if defined(__x86_64__) && defined(__GLIBC__)
#define VECTORISED __attribute__((target_clones("arch=skylake-avx512", "avx2", "default")))
#else
#define VECTORISED
#endif

/* YUV rows go through small arrays in blocks of columns, so that the compiler can vectorise each step. */
#define BLOCK 256 /* luma columns, even */

/* A conversion; threads share its rows. */
typedef struct {
    const YonosFrameFormat *format;
    const YonosFrame *frame;
    float *rgb; /* only read on the way from it; of alpha, its floats */
    int stride; /* pixels */
    YonosFrameMatrix m;
    int step;               /* samples from one of chroma to the next in its row; 0: no chroma, 4: luma lies between */
    int halved_x, halved_y; /* 1: chroma has half as many columns, rows */
} Job;

/* How chroma between two rows is made. */
typedef struct {
    int step, shift, middle;
    int far_weight; /* of 4 */
    float scale;    /* of the sum */
} Mix;

/* Cb and Cr of two rows. */
typedef struct {
    guint8 *near[2], *far[2];
    Mix mix;
} Rows;

YonosFrameMatrix yonos_frame_matrix(const YonosFrameFormat *f)
{
    double kg = 1 - f->kr - f->kb;
    int more = yonos_frame_depth(f) - 8, top = (256 << more) - 1;
    gboolean full = f->layout == YONOS_FRAME_PACKED ? !f->limited_rgb : f->full_range;

    return (YonosFrameMatrix){
        .y_offset = (float)(full ? 0 : 16 << more),
        .y_range = (float)(full ? top : 219 << more),
        .c_range = (float)(full ? top : 224 << more),
        .middle = (float)(128 << more),
        .top = (float)top,
        .kr = (float)f->kr,
        .kg = (float)kg,
        .kb = (float)f->kb,
        .r_cr = (float)(2 * (1 - f->kr)),
        .g_cb = (float)(-2 * f->kb * (1 - f->kb) / kg),
        .g_cr = (float)(-2 * f->kr * (1 - f->kr) / kg),
        .b_cb = (float)(2 * (1 - f->kb)),
    };
}

YonosFrameChroma yonos_frame_chroma(YonosFrameLayout layout)
{
    static const YonosFrameChroma chroma[] = {
        [YONOS_FRAME_PACKED] = {0, 0, 0}, [YONOS_FRAME_I420] = {1, 1, 1}, [YONOS_FRAME_NV12] = {2, 1, 1},
        [YONOS_FRAME_Y42B] = {1, 1, 0},   [YONOS_FRAME_Y444] = {1, 0, 0}, [YONOS_FRAME_YUY2] = {4, 1, 0},
        [YONOS_FRAME_GRAY] = {0, 0, 0},
    };

    return chroma[layout];
}

static Job make_job(const YonosFrameFormat *f, const YonosFrame *frame, float *rgb, int stride)
{
    YonosFrameChroma chroma = yonos_frame_chroma(f->layout);

    return (Job){f, frame, rgb, stride, yonos_frame_matrix(f), chroma.step, chroma.halved_x, chroma.halved_y};
}

static inline guint8 *row_of(const YonosFrame *frame, int plane, int y)
{
    return frame->plane[plane] + (gssize)y * frame->stride[plane];
}

/* Where Cb and Cr of a row of chroma begin. */
static void chroma_row(const Job *job, int row, guint8 **at)
{
    int cb = job->format->chroma_swapped != FALSE;
    int sample = yonos_frame_depth(job->format) > 8 ? 2 : 1;

    for (int i = 0; i < 2; i++)
        if (job->step == 4)
            at[cb ^ i] = row_of(job->frame, 0, row) + (2 * i + !job->format->chroma_first) * sample;
        else if (job->step == 2)
            at[cb ^ i] = row_of(job->frame, 1, row) + i * sample;
        else
            at[cb ^ i] = row_of(job->frame, 1 + i, row);
}

/* The chroma of luma row y comes from the row that it lies in and, where they are halved, from one beside it. */
static Rows chroma_rows(const Job *job, int y)
{
    const YonosFrameFormat *f = job->format;
    int near = y >> job->halved_y, last = ((f->height + job->halved_y) >> job->halved_y) - 1, far = near;
    Rows rows = {.mix = {job->step, f->shift, (int)job->m.middle, 0, 0.25f / job->m.c_range}};

    if (!job->step)
        return rows;
    if (job->halved_y && !f->chroma_top) {
        far = y % 2 ? near + 1 : near - 1;
        rows.mix.far_weight = 1;
    } else if (job->halved_y && y % 2) {
        far = near + 1;
        rows.mix.far_weight = 2;
    }
    chroma_row(job, near, rows.near);
    chroma_row(job, CLAMP(far, 0, last), rows.far);
    return rows;
}

/* Rounds and clips; NaN becomes 0. */
static inline int to_code(float v, float top)
{
    v = v > 0 ? v : 0;
    v = v < top ? v : top;
    return (int)(v + 0.5f);
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

/* The chroma of columns, in codes around 0, averaged over two rows. */
VECTORISED static void column_chroma(const YonosFrameMatrix *m, const float *restrict p, const float *restrict q, int width,
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

VECTORISED static void average(float *restrict a, const float *restrict b, int n)
{
    for (int k = 0; k < n; k++)
        a[k] = a[k] * 0.5f + b[k] * 0.5f;
}

/* The chroma, in codes around 0, that columns have in the chroma row of luma row y. */
static void chroma_columns(const Job *job, int y, int x, int width, float *cb, float *cr)
{
    const gboolean top = job->halved_y && job->format->chroma_top, between = job->halved_y && !top;
    const int above = MAX(y - 1, 0), below = MIN(y + 1, job->format->height - 1);
    const float *rgb = job->rgb + 3 * (gsize)x;
    const gsize row = (gsize)job->stride * 3;
    float side_cb[BLOCK], side_cr[BLOCK];

    column_chroma(&job->m, rgb + y * row, rgb + (between ? below : y) * row, width, cb, cr);
    if (!top)
        return;
    column_chroma(&job->m, rgb + above * row, rgb + below * row, width, side_cb, side_cr);
    average(cb, side_cb, width);
    average(cr, side_cr, width);
}

#define SAMPLE guint8
#define LOAD(sample, shift) ((void)(shift), (int)(sample)) /* bytes have no unused bits */
#define STORE(code, shift) ((void)(shift), (guint8)(code))
#define NAME(x) x##_8
#include "frame/samples.h"

/* rows may begin at odd addresses */
typedef guint16 Sample16 __attribute__((aligned(1), may_alias));
#define SAMPLE Sample16
#define LOAD(sample, shift) ((int)GUINT16_FROM_LE(sample) >> (shift))
#define STORE(code, shift) GUINT16_TO_LE((guint16)((code) << (shift)))
#define NAME(x) x##_16
#include "frame/samples.h"

static void share(const Job *job, int rows, YonosCpuRange of_8, YonosCpuRange of_16)
{
    gsize elements = (gsize)job->format->width * (gsize)job->format->height * 3;

    yonos_cpu_share(elements, (gsize)rows, yonos_frame_depth(job->format) > 8 ? of_16 : of_8, job);
}

void yonos_frame_to_rgb(const YonosFrameFormat *f, const YonosFrame *frame, float *rgb, int stride_pixels)
{
    const Job job = make_job(f, frame, rgb, stride_pixels);

    if (f->layout == YONOS_FRAME_PACKED)
        share(&job, f->height, packed_to_rgb_8, packed_to_rgb_16);
    else
        share(&job, f->height, yuv_to_rgb_8, yuv_to_rgb_16);
}

void yonos_frame_from_rgb(const YonosFrameFormat *f, const YonosFrame *frame, const float *rgb, int stride_pixels)
{
    const Job job = make_job(f, frame, (float *)rgb, stride_pixels);

    if (f->layout == YONOS_FRAME_PACKED)
        share(&job, f->height, packed_from_rgb_8, packed_from_rgb_16);
    else
        share(&job, (f->height + job.halved_y) >> job.halved_y, yuv_from_rgb_8, yuv_from_rgb_16);
}

void yonos_frame_to_alpha(const YonosFrameFormat *f, const YonosFrame *frame, float *alpha)
{
    const Job job = make_job(f, frame, alpha, f->width);

    share(&job, f->height, alpha_to_floats_8, alpha_to_floats_16);
}

void yonos_frame_from_alpha(const YonosFrameFormat *f, const YonosFrame *frame, const float *alpha)
{
    const Job job = make_job(f, frame, (float *)alpha, f->width);

    share(&job, f->height, alpha_from_floats_8, alpha_from_floats_16);
}

void yonos_frame_make_gray(const YonosFrameFormat *format, float *rgb, gsize n)
{
    const float r = (float)format->kr, b = (float)format->kb, g = 1 - r - b;

    for (float *p = rgb; p < rgb + 3 * n; p += 3)
        p[0] = p[1] = p[2] = r * p[0] + g * p[1] + b * p[2];
}
