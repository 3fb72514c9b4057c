/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of frame.c that reads and writes samples, included once for each of their sizes: SAMPLE is their type, LOAD
 * and STORE make codes of them and the other way round, NAME(x) is a name of this size. */

VECTORISED static void NAME(to_floats)(const SAMPLE *restrict codes, int n, int shift, float scale, float base,
                                       float *restrict out)
{
    for (int k = 0; k < n; k++)
        out[k] = LOAD(codes[k], shift) * scale + base;
}

VECTORISED static void NAME(to_codes)(const float *restrict values, int n, int shift, float range, float offset,
                                      float top, SAMPLE *restrict out)
{
    for (int k = 0; k < n; k++)
        out[k] = STORE(to_code(values[k] * range + offset, top), shift);
}

static void NAME(packed_to_rgb)(gconstpointer data, gsize start, gsize end)
{
    const Job *job = data;
    const YonosFrameFormat *f = job->format;
    const int n = f->pixel_stride / (int)sizeof(SAMPLE), r = f->r / (int)sizeof(SAMPLE);
    const int g = f->g / (int)sizeof(SAMPLE), b = f->b / (int)sizeof(SAMPLE);
    const float scale = 1 / job->m.y_range, base = -job->m.y_offset / job->m.y_range;
    SAMPLE rgb[3 * BLOCK];

    for (int y = (int)start; y < (int)end; y++)
        for (int x = 0; x < f->width; x += BLOCK) {
            const SAMPLE *src = (const SAMPLE *)row_of(job->frame, 0, y) + x * n;
            int columns = MIN(BLOCK, f->width - x);
            for (int k = 0; k < columns; k++, src += n) {
                rgb[3 * k] = src[r];
                rgb[3 * k + 1] = src[g];
                rgb[3 * k + 2] = src[b];
            }
            NAME(to_floats)(rgb, 3 * columns, f->shift, scale, base, job->rgb + ((gsize)y * job->stride + x) * 3);
        }
}

static void NAME(packed_from_rgb)(gconstpointer data, gsize start, gsize end)
{
    const Job *job = data;
    const YonosFrameFormat *f = job->format;
    const int n = f->pixel_stride / (int)sizeof(SAMPLE), r = f->r / (int)sizeof(SAMPLE);
    const int g = f->g / (int)sizeof(SAMPLE), b = f->b / (int)sizeof(SAMPLE);
    const int rest = n == 4 ? 6 - r - g - b : r; /* the four offsets are 0 to 3 in some order */
    const YonosFrameMatrix *m = &job->m;
    SAMPLE rgb[3 * BLOCK];

    for (int y = (int)start; y < (int)end; y++)
        for (int x = 0; x < f->width; x += BLOCK) {
            SAMPLE *dst = (SAMPLE *)row_of(job->frame, 0, y) + x * n;
            int columns = MIN(BLOCK, f->width - x);
            NAME(to_codes)(job->rgb + ((gsize)y * job->stride + x) * 3, 3 * columns, f->shift, m->y_range, m->y_offset,
                           m->top, rgb);
            for (int k = 0; k < columns; k++, dst += n) {
                dst[rest] = STORE((int)m->top, f->shift);
                dst[r] = rgb[3 * k];
                dst[g] = rgb[3 * k + 1];
                dst[b] = rgb[3 * k + 2];
            }
        }
}

static void NAME(alpha_to_floats)(gconstpointer data, gsize start, gsize end)
{
    const Job *job = data;
    const YonosFrameFormat *f = job->format;
    const int n = f->pixel_stride / (int)sizeof(SAMPLE);
    const float scale = 1 / job->m.top;

    for (int y = (int)start; y < (int)end; y++) {
        const SAMPLE *src = (const SAMPLE *)(row_of(job->frame, 0, y) + f->a);
        for (int x = 0; x < f->width; x++)
            job->rgb[(gsize)y * f->width + x] = LOAD(src[x * n], f->shift) * scale;
    }
}

static void NAME(alpha_from_floats)(gconstpointer data, gsize start, gsize end)
{
    const Job *job = data;
    const YonosFrameFormat *f = job->format;
    const int n = f->pixel_stride / (int)sizeof(SAMPLE);
    const float top = job->m.top;

    for (int y = (int)start; y < (int)end; y++) {
        SAMPLE *dst = (SAMPLE *)(row_of(job->frame, 0, y) + f->a);
        for (int x = 0; x < f->width; x++)
            dst[x * n] = STORE(to_code(job->rgb[(gsize)y * f->width + x] * top, top), f->shift);
    }
}

static inline __attribute__((always_inline)) void NAME(mix)(const SAMPLE *near, const SAMPLE *far, int step,
                                                            int near_weight, int far_weight, const Mix *m, int columns,
                                                            float *restrict out)
{
    const int middle = 4 * m->middle;
    const float scale = m->scale;

    for (int k = 0; k < columns; k++)
        out[k] = (LOAD(near[k * step], m->shift) * near_weight + LOAD(far[k * step], m->shift) * far_weight - middle) *
                 scale;
}

/* Columns of chroma between two rows: 4 parts in all, `far_weight` of them of the far one. */
VECTORISED static void NAME(mix_rows)(const guint8 *near_row, const guint8 *far_row, const Mix *m, int first,
                                      int columns, float *restrict out)
{
    const int step = m->step;
    const SAMPLE *near = (const SAMPLE *)near_row + first * step, *far = (const SAMPLE *)far_row + first * step;

    if (m->far_weight == 1 && step == 1)
        NAME(mix)(near, far, 1, 3, 1, m, columns, out);
    else if (m->far_weight == 1)
        NAME(mix)(near, far, 2, 3, 1, m, columns, out);
    else
        NAME(mix)(near, far, step, 4 - m->far_weight, m->far_weight, m, columns, out);
}

/* The chroma of a block of luma columns; `start` and `columns` count chroma's, of a plane of `width`. */
static void NAME(chroma_block)(const Job *job, const guint8 *near, const guint8 *far, const Mix *m, int start,
                               int columns, int width, float *out)
{
    const gboolean left = job->format->chroma_left;
    const int first = MAX(start - 1, 0), end = MIN(start + columns + 1, width);
    float few[BLOCK / 2 + 2];

    if (!job->halved_x) {
        NAME(mix_rows)(near, far, m, start, columns, out);
        return;
    }
    /* from the column before the block to the one behind it, the edge repeated */
    NAME(mix_rows)(near, far, m, first, end - first, few + 1 + first - start);
    if (start == 0)
        few[0] = few[1];
    if (start + columns == width)
        few[columns + 1] = few[columns];
    widen(few, columns, left ? 1 : 0.75f, left ? 0.5f : 0.75f, out);
}

VECTORISED static void NAME(put_pixels)(const YonosFrameMatrix *m, const guint8 *row, int shift, const float *restrict cb,
                                        const float *restrict cr, int width, float *restrict dst)
{
    const SAMPLE *luma = (const SAMPLE *)row;
    const float y_scale = 1 / m->y_range, y_base = -m->y_offset / m->y_range;
    const float r_cr = m->r_cr, g_cb = m->g_cb, g_cr = m->g_cr, b_cb = m->b_cb;

    for (int x = 0; x < width; x++) {
        float y = LOAD(luma[x], shift) * y_scale + y_base;
        dst[3 * x] = y + r_cr * cr[x];
        dst[3 * x + 1] = y + g_cb * cb[x] + g_cr * cr[x];
        dst[3 * x + 2] = y + b_cb * cb[x];
    }
}

/* Where luma from column x on lies without gaps: in its row, or copied out of it to `few`. */
static const guint8 *NAME(luma_block)(const Job *job, int y, int x, int columns, SAMPLE *few)
{
    const SAMPLE *row = (const SAMPLE *)row_of(job->frame, 0, y);
    const int first = job->format->chroma_first != FALSE;

    if (job->step != 4)
        return (const guint8 *)(row + x);
    for (int k = 0; k < columns; k++)
        few[k] = row[2 * (x + k) + first];
    return (const guint8 *)few;
}

static void NAME(yuv_to_rgb)(gconstpointer data, gsize start, gsize end)
{
    const Job *job = data;
    const YonosFrameFormat *f = job->format;
    const int x_shift = job->halved_x, all = (f->width + x_shift) >> x_shift, most = BLOCK >> x_shift;
    float cb[BLOCK] = {0}, cr[BLOCK] = {0};
    SAMPLE few[BLOCK];

    for (int y = (int)start; y < (int)end; y++) {
        float *dst = job->rgb + (gsize)y * job->stride * 3;
        Rows rows = chroma_rows(job, y);
        for (int k = 0; k < all; k += most) {
            int columns = MIN(most, all - k), x = k << x_shift, width = MIN(BLOCK, f->width - x);
            if (job->step) {
                NAME(chroma_block)(job, rows.near[0], rows.far[0], &rows.mix, k, columns, all, cb);
                NAME(chroma_block)(job, rows.near[1], rows.far[1], &rows.mix, k, columns, all, cr);
            }
            NAME(put_pixels)(&job->m, NAME(luma_block)(job, y, x, width, few), f->shift, cb, cr, width, dst + 3 * x);
        }
    }
}

VECTORISED static void NAME(to_luma)(const Job *job, const float *restrict src, int width, SAMPLE *restrict dst)
{
    const YonosFrameMatrix *m = &job->m;
    const float r = m->kr * m->y_range, g = m->kg * m->y_range, b = m->kb * m->y_range, offset = m->y_offset;
    const float top = m->top;
    const int shift = job->format->shift;

    for (int x = 0; x < width; x++)
        dst[x] = STORE(to_code(src[3 * x] * r + src[3 * x + 1] * g + src[3 * x + 2] * b + offset, top), shift);
}

/* Between chroma comes luma in pairs, so the last of an odd row is there twice. */
static void NAME(put_luma_row)(const Job *job, int y)
{
    const int width = job->format->width, first = job->format->chroma_first != FALSE;
    const float *src = job->rgb + (gsize)y * job->stride * 3;
    SAMPLE *row = (SAMPLE *)row_of(job->frame, 0, y), few[BLOCK];

    if (job->step != 4) {
        NAME(to_luma)(job, src, width, row);
        return;
    }
    for (int x = 0; x < width; x += BLOCK) {
        int columns = MIN(BLOCK, width - x);
        NAME(to_luma)(job, src + 3 * (gsize)x, columns, few);
        for (int k = 0; k < columns; k++)
            row[2 * (x + k) + first] = few[k];
    }
    if (width % 2)
        row[2 * width + first] = row[2 * width - 2 + first];
}

/* Chroma of columns, after that of the column before them, to codes. Leaves the last column in front. */
VECTORISED static void NAME(put_chroma)(const Job *job, float *restrict chroma, int columns, guint8 *row, int start)
{
    const float middle = job->m.middle, top = job->m.top;
    const int shift = job->format->shift, step = job->step;
    const gboolean left = job->format->chroma_left;
    SAMPLE *dst = (SAMPLE *)row + start * step;
    SAMPLE codes[BLOCK];

    if (!job->halved_x) {
        for (int k = 0; k < columns; k++)
            codes[k] = STORE(to_code(chroma[k + 1] + middle, top), shift);
    } else {
        for (int k = 0; k < columns; k++) {
            float before = chroma[2 * k], even = chroma[2 * k + 1], odd = chroma[2 * k + 2];
            float side = left ? before * 0.5f + odd * 0.5f : odd;
            codes[k] = STORE(to_code(even * 0.5f + side * 0.5f + middle, top), shift);
        }
        chroma[0] = chroma[2 * columns];
    }
    for (int k = 0; k < columns; k++)
        dst[k * step] = codes[k];
}

/* The chroma row of luma row y. */
static void NAME(put_chroma_row)(const Job *job, int y)
{
    const YonosFrameFormat *f = job->format;
    const int x_shift = job->halved_x, all = (f->width + x_shift) >> x_shift, most = BLOCK >> x_shift;
    guint8 *to[2];
    float cb[BLOCK + 2], cr[BLOCK + 2];

    chroma_row(job, y >> job->halved_y, to);
    chroma_columns(job, y, 0, 1, cb, cr);
    for (int k = 0; k < all; k += most) {
        int columns = MIN(most, all - k), x = k << x_shift, width = MIN(BLOCK, f->width - x);
        chroma_columns(job, y, x, width, cb + 1, cr + 1);
        cb[width + 1] = cb[width];
        cr[width + 1] = cr[width];
        NAME(put_chroma)(job, cb, columns, to[0], k);
        NAME(put_chroma)(job, cr, columns, to[1], k);
    }
}

/* Items are luma rows, or pairs of them where chroma is halved. */
static void NAME(yuv_from_rgb)(gconstpointer data, gsize start, gsize end)
{
    const Job *job = data;
    const int height = job->format->height, y_shift = job->halved_y;

    for (int y = (int)start << y_shift; y < MIN((int)end << y_shift, height); y++) {
        NAME(put_luma_row)(job, y);
        if (job->step && !(y & y_shift))
            NAME(put_chroma_row)(job, y);
    }
}

#undef SAMPLE
#undef LOAD
#undef STORE
#undef NAME
