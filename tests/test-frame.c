/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "frame.h"

#define PAD 5     /* bytes or pixels beyond a row, which must stay as they were */
#define GUARD 0xA5

static const int sizes[][2] = {{1, 1}, {3, 5}, {33, 17}, {32, 16}};

typedef struct {
    YonosFrame frame;
    gsize size[3];
} Picture;

static YonosFrameFormat yuv(YonosFrameLayout layout, int width, int height, gboolean hd, gboolean full, gboolean left)
{
    return (YonosFrameFormat){.layout = layout,
                              .width = width,
                              .height = height,
                              .kr = hd ? 0.2126 : 0.299,
                              .kb = hd ? 0.0722 : 0.114,
                              .full_range = full,
                              .chroma_left = left};
}

static gboolean is_halved_x(const YonosFrameFormat *f)
{
    return f->layout == YONOS_FRAME_I420 || f->layout == YONOS_FRAME_NV12 || f->layout == YONOS_FRAME_Y42B ||
           f->layout == YONOS_FRAME_YUY2;
}

static gboolean is_halved_y(const YonosFrameFormat *f)
{
    return f->layout == YONOS_FRAME_I420 || f->layout == YONOS_FRAME_NV12;
}

static int planes(const YonosFrameFormat *f)
{
    gboolean one =
        f->layout == YONOS_FRAME_PACKED || f->layout == YONOS_FRAME_GRAY || f->layout == YONOS_FRAME_YUY2;

    return one ? 1 : f->layout == YONOS_FRAME_NV12 ? 2 : 3;
}

static int sample_bytes(const YonosFrameFormat *f)
{
    return f->depth > 8 ? 2 : 1;
}

static int row_samples(const YonosFrameFormat *f, int plane)
{
    if (f->layout == YONOS_FRAME_PACKED)
        return f->width * f->pixel_stride / sample_bytes(f);
    if (f->layout == YONOS_FRAME_YUY2)
        return (f->width + 1) / 2 * 4;
    if (plane == 0)
        return f->width;
    return (is_halved_x(f) ? (f->width + 1) / 2 : f->width) * (f->layout == YONOS_FRAME_NV12 ? 2 : 1);
}

static int row_bytes(const YonosFrameFormat *f, int plane)
{
    return row_samples(f, plane) * sample_bytes(f);
}

static int rows(const YonosFrameFormat *f, int plane)
{
    return plane && is_halved_y(f) ? (f->height + 1) / 2 : f->height;
}

static int top_code(const YonosFrameFormat *f)
{
    return (1 << MAX(f->depth, 8)) - 1;
}

/* Where in its row the luma of a column is. */
static int luma_at(const YonosFrameFormat *f, int x)
{
    return f->layout == YONOS_FRAME_YUY2 ? 2 * x + (f->chroma_first != FALSE) : x;
}

/* The code of a sample, little-endian in its word. */
static int get(const YonosFrameFormat *f, const YonosFrame *frame, int plane, int sample, int y)
{
    const guint8 *at = frame->plane[plane] + y * frame->stride[plane] + sample * sample_bytes(f);

    return f->depth > 8 ? (at[0] | at[1] << 8) >> f->shift : at[0];
}

static void put(const YonosFrameFormat *f, const YonosFrame *frame, int plane, int sample, int y, int code)
{
    guint8 *at = frame->plane[plane] + y * frame->stride[plane] + sample * sample_bytes(f);

    at[0] = (guint8)(code << f->shift);
    if (f->depth > 8)
        at[1] = (guint8)(code << f->shift >> 8);
}

static Picture new_picture(const YonosFrameFormat *f)
{
    Picture p = {0};
    for (int i = 0; i < planes(f); i++) {
        p.frame.stride[i] = row_bytes(f, i) + PAD;
        /* The last row has no padding, so that a sanitizer sees an access beyond it. */
        p.size[i] = (gsize)p.frame.stride[i] * rows(f, i) - PAD;
        p.frame.plane[i] = g_malloc(p.size[i]);
        memset(p.frame.plane[i], GUARD, p.size[i]);
    }
    return p;
}

static void free_picture(Picture *p)
{
    for (int i = 0; i < 3; i++)
        g_free(p->frame.plane[i]);
}

/* Any codes in packed frames and in luma, slopes in chroma: reducing what was enlarged smooths anything else. */
static void fill(const YonosFrameFormat *f, Picture *p, GRand *rand)
{
    int middle = (top_code(f) + 1) / 2;
    gboolean mixed = f->layout == YONOS_FRAME_YUY2;

    for (int i = 0; i < planes(f); i++) {
        int slope_x = g_rand_int_range(rand, -2, 3), slope_y = g_rand_int_range(rand, -1, 2);
        for (int y = 0; y < rows(f, i); y++)
            for (int x = 0; x < row_samples(f, i); x++) {
                int column = mixed ? x / 4 : f->layout == YONOS_FRAME_NV12 ? x / 2 : x;
                int flip = (f->layout == YONOS_FRAME_NV12 && x % 2) || (mixed && x % 4 / 2) ? -1 : 1;
                gboolean is_chroma = i > 0 || (mixed && x % 2 != luma_at(f, 0));
                put(f, &p->frame, i, x, y,
                    is_chroma ? middle + flip * (slope_x * column + slope_y * y)
                              : g_rand_int_range(rand, 0, top_code(f) + 1));
            }
    }
    for (int y = 0; mixed && f->width % 2 && y < f->height; y++) /* whose luma is there twice */
        put(f, &p->frame, 0, luma_at(f, f->width), y, get(f, &p->frame, 0, luma_at(f, f->width - 1), y));
}

/* With `alpha`, that is taken along. */
static void check_round_trip(const YonosFrameFormat *f, gboolean alpha, GRand *rand)
{
    Picture in = new_picture(f), out = new_picture(f);
    int stride = f->width + PAD, n = f->pixel_stride / sample_bytes(f), bytes = sample_bytes(f);
    float *rgb = g_new(float, ((gsize)stride * f->height - PAD) * 3), *a = g_new(float, f->width * f->height);
    int rest = n == 4 && !alpha ? 6 - (f->r + f->g + f->b) / bytes : -1;
    fill(f, &in, rand);
    yonos_frame_to_rgb(f, &in.frame, rgb, stride);
    yonos_frame_from_rgb(f, &out.frame, rgb, stride);
    if (alpha) {
        yonos_frame_to_alpha(f, &in.frame, a);
        yonos_frame_from_alpha(f, &out.frame, a);
    }
    for (int i = 0; i < planes(f); i++)
        for (int y = 0; y < rows(f, i); y++) {
            for (int x = 0; x < row_samples(f, i); x++) {
                int code = get(f, &out.frame, i, x, y), expected = get(f, &in.frame, i, x, y);
                if (f->layout == YONOS_FRAME_PACKED)
                    g_assert_cmpint(code, ==, x % n == rest ? top_code(f) : expected);
                else
                    g_assert_cmpint(ABS(code - expected), <=, 1);
            }
            for (int k = row_bytes(f, i); y < rows(f, i) - 1 && k < out.frame.stride[i]; k++)
                g_assert_cmpint(out.frame.plane[i][y * out.frame.stride[i] + k], ==, GUARD);
        }
    g_free(a);
    g_free(rgb);
    free_picture(&in);
    free_picture(&out);
}

static GRand *new_rand(void)
{
    guint32 seed = (guint32)g_test_rand_int();
    g_test_message("seed %u", seed);
    return g_rand_new_with_seed(seed);
}

static void test_packed(void)
{
    static const int orders[][5] = {{3, 0, 1, 2, -1}, {3, 2, 1, 0, -1}, {4, 0, 1, 2, 3},
                                    {4, 2, 1, 0, 3},  {4, 1, 2, 3, 0},
                                    {4, 3, 2, 1, 0},  {4, 0, 1, 2, -1}, {4, 2, 1, 0, -1}, {4, 1, 2, 3, -1}};
    GRand *rand = new_rand();
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++)
        for (guint i = 0; i < 4 * G_N_ELEMENTS(orders); i++) {
            const int *o = orders[i / 4], bytes = i & 1 ? 2 : 1;
            YonosFrameFormat f = {YONOS_FRAME_PACKED, sizes[s][0], sizes[s][1], o[0] * bytes, o[1] * bytes,
                                  o[2] * bytes, o[3] * bytes, o[4] * bytes, .limited_rgb = i & 2,
                                  .depth = i & 1 ? 16 : 0};
            check_round_trip(&f, FALSE, rand);
            if (o[4] >= 0)
                check_round_trip(&f, TRUE, rand);
        }
    g_rand_free(rand);
}

#define KINDS (64 * 8)

/* One of all that Y'CbCr frames may be. */
static YonosFrameFormat yuv_of_kind(int kind, int width, int height)
{
    static const struct {
        YonosFrameLayout layout;
        int depth, shift;
    } layouts[] = {{YONOS_FRAME_I420, 0, 0},  {YONOS_FRAME_NV12, 8, 0},   {YONOS_FRAME_I420, 10, 0},
                   {YONOS_FRAME_NV12, 10, 6}, {YONOS_FRAME_Y42B, 8, 0},   {YONOS_FRAME_Y444, 8, 0},
                   {YONOS_FRAME_GRAY, 8, 0},  {YONOS_FRAME_Y42B, 12, 2},  {YONOS_FRAME_Y444, 16, 0},
                   {YONOS_FRAME_GRAY, 16, 0}, {YONOS_FRAME_I420, 16, 0},  {YONOS_FRAME_NV12, 9, 7},
                   {YONOS_FRAME_YUY2, 8, 0},  {YONOS_FRAME_YUY2, 8, 0},   {YONOS_FRAME_YUY2, 10, 6},
                   {YONOS_FRAME_YUY2, 16, 0}};
    guint i = (guint)kind / 32;
    YonosFrameFormat f = yuv(layouts[i].layout, width, height, kind & 1, kind & 2, kind & 4);

    f.chroma_top = kind & 8;
    f.chroma_swapped = kind & 16;
    f.depth = layouts[i].depth;
    f.shift = layouts[i].shift;
    f.chroma_first = f.layout == YONOS_FRAME_YUY2 && i % 2;
    return f;
}

static void test_yuv(void)
{
    GRand *rand = new_rand();
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++)
        for (int kind = 0; kind < KINDS; kind++) {
            YonosFrameFormat f = yuv_of_kind(kind, sizes[s][0], sizes[s][1]);
            check_round_trip(&f, FALSE, rand);
        }
    g_rand_free(rand);
}

static void test_colours(void)
{
    static const struct {
        gboolean hd, full;
        float rgb[3];
        guint8 code[3];
    } known[] = {
        {FALSE, FALSE, {1, 1, 1}, {235, 128, 128}},  {FALSE, FALSE, {0, 0, 0}, {16, 128, 128}},
        {FALSE, FALSE, {1, 0, 0}, {81, 90, 240}},    {FALSE, FALSE, {0, 1, 0}, {145, 54, 34}},
        {FALSE, FALSE, {0, 0, 1}, {41, 240, 110}},   {TRUE, FALSE, {1, 0, 0}, {63, 102, 240}},
        {TRUE, FALSE, {0, 1, 0}, {173, 42, 26}},     {TRUE, FALSE, {0, 0, 1}, {32, 240, 118}},
        {FALSE, TRUE, {1, 0, 0}, {76, 85, 255}},     {FALSE, TRUE, {0, 1, 0}, {150, 44, 21}},
        {FALSE, TRUE, {1, 1, 1}, {255, 128, 128}},   {TRUE, TRUE, {0, 0, 1}, {18, 255, 116}},
    };
    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        YonosFrameFormat f = yuv(YONOS_FRAME_I420, 2, 2, known[i].hd, known[i].full, FALSE);
        Picture p = new_picture(&f);
        float rgb[12], back[12];
        for (int j = 0; j < 12; j++)
            rgb[j] = known[i].rgb[j % 3];
        yonos_frame_from_rgb(&f, &p.frame, rgb, 2);
        for (int c = 0; c < 3; c++)
            g_assert_cmpint(p.frame.plane[c][0], ==, known[i].code[c]);
        yonos_frame_to_rgb(&f, &p.frame, back, 2);
        for (int j = 0; j < 12; j++)
            g_assert_cmpfloat_with_epsilon(back[j], rgb[j], 0.01);
        free_picture(&p);
    }
}

static void test_excursions(void)
{
    YonosFrameFormat f = yuv(YONOS_FRAME_I420, 2, 1, TRUE, FALSE, TRUE);
    guint8 luma[2] = {250, 3}, cb = 128, cr = 128;
    YonosFrame frame = {{luma, &cb, &cr}, {2, 1, 1}};
    float rgb[6];
    yonos_frame_to_rgb(&f, &frame, rgb, 2);
    g_assert_cmpfloat_with_epsilon(rgb[0], (250 - 16) / 219.0, 1e-5);
    g_assert_cmpfloat_with_epsilon(rgb[3], (3 - 16) / 219.0, 1e-5);
    luma[0] = luma[1] = 0;
    yonos_frame_from_rgb(&f, &frame, rgb, 2);
    g_assert_cmpint(luma[0], ==, 250);
    g_assert_cmpint(luma[1], ==, 3);
    for (int i = 0; i < 6; i++)
        rgb[i] = i < 3 ? 9 : -9;
    yonos_frame_from_rgb(&f, &frame, rgb, 2);
    g_assert_cmpint(luma[0], ==, 255);
    g_assert_cmpint(luma[1], ==, 0);
}

/* A chroma step lands where the siting says. */
static void test_siting(void)
{
    guint8 luma[4] = {0}, cb[2] = {128, 228}, cr[2] = {128, 128};
    YonosFrame frame = {{luma, cb, cr}, {4, 2, 2}};
    static const double expected[2][4] = {{0, 0.25, 0.75, 1}, {0, 0.5, 1, 1}};
    for (int left = 0; left < 2; left++) {
        YonosFrameFormat f = yuv(YONOS_FRAME_I420, 4, 1, FALSE, TRUE, left);
        float rgb[12];
        yonos_frame_to_rgb(&f, &frame, rgb, 4);
        for (int x = 0; x < 4; x++)
            g_assert_cmpfloat_with_epsilon(rgb[3 * x + 2], 1.772 * 100 / 255 * expected[left][x], 1e-5);
        f = yuv(YONOS_FRAME_I420, 1, 4, FALSE, TRUE, FALSE);
        f.chroma_top = left;
        frame.stride[0] = frame.stride[1] = frame.stride[2] = 1;
        yonos_frame_to_rgb(&f, &frame, rgb, 1);
        for (int y = 0; y < 4; y++)
            g_assert_cmpfloat_with_epsilon(rgb[3 * y + 2], 1.772 * 100 / 255 * expected[left][y], 1e-5);
    }
}

/* The conversions once more, one pixel at a time by their definition and in the same order of roundings: the fast ones
 * must give the same bits. */
typedef struct {
    const YonosFrameFormat *f;
    const YonosFrame *frame;
    float y_offset, y_range, c_range, middle, top, kr, kg, kb, r_cr, g_cb, g_cr, b_cb;
} Plain;

static Plain plain(const YonosFrameFormat *f, const YonosFrame *frame)
{
    double kg = 1 - f->kr - f->kb;
    int unit = (top_code(f) + 1) / 256;
    return (Plain){f, frame, (float)(f->full_range ? 0 : 16 * unit), (float)(f->full_range ? top_code(f) : 219 * unit),
                   (float)(f->full_range ? top_code(f) : 224 * unit), (float)(128 * unit), (float)top_code(f),
                   (float)f->kr, (float)kg, (float)f->kb, (float)(2 * (1 - f->kr)),
                   (float)(-2 * f->kb * (1 - f->kb) / kg), (float)(-2 * f->kr * (1 - f->kr) / kg),
                   (float)(2 * (1 - f->kb))};
}

/* Component 0 (Cb) or 1 (Cr) of the chroma sample at a column and a row of the chroma planes. */
static int plain_chroma(const Plain *p, int component, int column, int row)
{
    int place = p->f->chroma_swapped ? !component : component;
    if (p->f->layout == YONOS_FRAME_YUY2)
        return get(p->f, p->frame, 0, 4 * column + 2 * place + !p->f->chroma_first, row);
    if (p->f->layout == YONOS_FRAME_NV12)
        return get(p->f, p->frame, 1, 2 * column + place, row);
    return get(p->f, p->frame, 1 + place, column, row);
}

/* Which two samples of a plane make a luma column or row, and the weight of the first. */
typedef struct {
    int at[2];
    float weight;
} Pair;

static Pair pair(int at, int size, gboolean halved, gboolean sited)
{
    int last = (size + 1) / 2 - 1, half = at / 2;
    if (!halved)
        return (Pair){{at, at}, 1};
    if (sited && at % 2 == 0)
        return (Pair){{half, MAX(half - 1, 0)}, 1};
    return (Pair){{half, CLAMP(half + at % 2 * 2 - 1, 0, last)}, sited ? 0.5f : 0.75f};
}

static float plain_chroma_at(const Plain *p, int component, int x, int y)
{
    Pair column = pair(x, p->f->width, is_halved_x(p->f), p->f->chroma_left);
    Pair row = pair(y, p->f->height, is_halved_y(p->f), p->f->chroma_top);
    float value[2];
    for (int i = 0; i < 2; i++)
        value[i] = ((float)plain_chroma(p, component, column.at[i], row.at[0]) * (row.weight * 4) +
                    (float)plain_chroma(p, component, column.at[i], row.at[1]) * (4 - row.weight * 4) - 4 * p->middle) *
                   (0.25f / p->c_range);
    return is_halved_x(p->f) ? value[0] * column.weight + value[1] * (1 - column.weight) : value[0];
}

static int plain_code(const Plain *p, float v)
{
    v = v > 0 ? v : 0;
    return (int)((v < p->top ? v : p->top) + 0.5f);
}

/* A component of the chroma, in codes around 0, of a luma column averaged over two rows. */
static float plain_column(const Plain *p, const float *rgb, int stride, int component, int x, int y, int other)
{
    const float *top = rgb + (y * stride + x) * 3, *bottom = rgb + (other * stride + x) * 3;
    float r = top[0] + bottom[0], g = top[1] + bottom[1], b = top[2] + bottom[2];
    float luma = p->kr * r + p->kg * g + p->kb * b, half = 0.5f * p->c_range;
    return component ? (r - luma) * (half / p->r_cr) : (b - luma) * (half / p->b_cb);
}

static float plain_rows(const Plain *p, const float *rgb, int stride, int component, int x, int row)
{
    int y = is_halved_y(p->f) ? 2 * row : row, above = MAX(y - 1, 0), below = MIN(y + 1, p->f->height - 1);
    if (!is_halved_y(p->f))
        return plain_column(p, rgb, stride, component, x, y, y);
    if (!p->f->chroma_top)
        return plain_column(p, rgb, stride, component, x, y, below);
    return plain_column(p, rgb, stride, component, x, y, y) * 0.5f +
           plain_column(p, rgb, stride, component, x, above, below) * 0.5f;
}

static int plain_chroma_code(const Plain *p, const float *rgb, int stride, int component, int column, int row)
{
    int x = is_halved_x(p->f) ? 2 * column : column;
    float even = plain_rows(p, rgb, stride, component, x, row);
    float odd = plain_rows(p, rgb, stride, component, MIN(x + 1, p->f->width - 1), row);
    float before = plain_rows(p, rgb, stride, component, MAX(x - 1, 0), row);
    float side = p->f->chroma_left ? before * 0.5f + odd * 0.5f : odd;
    return plain_code(p, is_halved_x(p->f) ? even * 0.5f + side * 0.5f + p->middle : even + p->middle);
}

static void check_to_rgb(const Plain *p, const float *rgb, int stride)
{
    gboolean gray = p->f->layout == YONOS_FRAME_GRAY;
    for (int y = 0; y < p->f->height; y++)
        for (int x = 0; x < p->f->width; x++) {
            float luma = (float)get(p->f, p->frame, 0, luma_at(p->f, x), y) * (1 / p->y_range) + -p->y_offset / p->y_range;
            float cb = gray ? 0 : plain_chroma_at(p, 0, x, y), cr = gray ? 0 : plain_chroma_at(p, 1, x, y);
            const float *got = rgb + (y * stride + x) * 3;
            float expected[3] = {luma + p->r_cr * cr, luma + p->g_cb * cb + p->g_cr * cr, luma + p->b_cb * cb};
            if (memcmp(got, expected, sizeof expected))
                g_error("%d x %d layout %d depth %d left %d top %d, pixel %d, %d: %a %a %a instead of %a %a %a",
                        p->f->width, p->f->height, p->f->layout, p->f->depth, p->f->chroma_left, p->f->chroma_top, x, y,
                        got[0], got[1], got[2], expected[0], expected[1], expected[2]);
        }
}

static void check_from_rgb(const Plain *p, const float *rgb, int stride)
{
    float r = p->kr * p->y_range, g = p->kg * p->y_range, b = p->kb * p->y_range;
    for (int y = 0; y < p->f->height; y++)
        for (int x = 0; x < p->f->width; x++) {
            const float *in = rgb + (y * stride + x) * 3;
            int column = is_halved_x(p->f) ? x / 2 : x, row = is_halved_y(p->f) ? y / 2 : y;
            g_assert_cmpint(get(p->f, p->frame, 0, luma_at(p->f, x), y), ==,
                            plain_code(p, in[0] * r + in[1] * g + in[2] * b + p->y_offset));
            for (int component = 0; component < 2 && p->f->layout != YONOS_FRAME_GRAY; component++)
                g_assert_cmpint(plain_chroma(p, component, column, row), ==,
                                plain_chroma_code(p, rgb, stride, component, column, row));
        }
}

/* Widths around the blocks of the fast versions, and frames that threads share. */
static void test_bits(void)
{
    static const int wide[][2] = {{1, 3}, {2, 2}, {127, 3}, {128, 2}, {129, 5}, {255, 4}, {256, 3}, {257, 2}, {515, 259}};
    GRand *rand = new_rand();
    for (guint s = 0; s < G_N_ELEMENTS(wide); s++)
        for (int kind = 0; kind < KINDS; kind += wide[s][0] > 256 ? 7 : 1) {
            YonosFrameFormat f = yuv_of_kind(kind, wide[s][0], wide[s][1]);
            Picture picture = new_picture(&f);
            Plain p = plain(&f, &picture.frame);
            int stride = f.width + PAD;
            gsize n = ((gsize)stride * f.height - PAD) * 3;
            float *rgb = g_new(float, n);
            for (int i = 0; i < planes(&f); i++)
                for (gsize at = 0; at < picture.size[i]; at++)
                    picture.frame.plane[i][at] = (guint8)g_rand_int(rand);
            if (f.depth + f.shift < 16 && f.depth > 8) /* words have no code above the highest */
                for (int i = 0; i < planes(&f); i++)
                    for (gsize at = 0; at < (gsize)rows(&f, i) * row_samples(&f, i); at++)
                        put(&f, &picture.frame, i, (int)at % row_samples(&f, i), (int)at / row_samples(&f, i),
                            g_rand_int_range(rand, 0, top_code(&f) + 1));
            yonos_frame_to_rgb(&f, &picture.frame, rgb, stride);
            check_to_rgb(&p, rgb, stride);
            for (gsize k = 0; k < n; k++)
                rgb[k] = (float)g_rand_double_range(rand, -0.5, 1.5);
            yonos_frame_from_rgb(&f, &picture.frame, rgb, stride);
            check_from_rgb(&p, rgb, stride);
            g_free(rgb);
            free_picture(&picture);
        }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/packed", test_packed);
    g_test_add_func("/frame/yuv", test_yuv);
    g_test_add_func("/frame/colours", test_colours);
    g_test_add_func("/frame/excursions", test_excursions);
    g_test_add_func("/frame/siting", test_siting);
    g_test_add_func("/frame/bits", test_bits);
    return g_test_run();
}
