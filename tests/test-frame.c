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

static int planes(const YonosFrameFormat *f)
{
    return f->layout == YONOS_FRAME_PACKED ? 1 : f->layout == YONOS_FRAME_I420 ? 3 : 2;
}

static int row_bytes(const YonosFrameFormat *f, int plane)
{
    if (f->layout == YONOS_FRAME_PACKED)
        return f->width * f->pixel_stride;
    return plane == 0 ? f->width : (f->width + 1) / 2 * (f->layout == YONOS_FRAME_NV12 ? 2 : 1);
}

static int rows(const YonosFrameFormat *f, int plane)
{
    return plane == 0 ? f->height : (f->height + 1) / 2;
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

/* Any bytes in packed frames and in luma, slopes in chroma: reducing what was enlarged smooths anything else. */
static void fill(const YonosFrameFormat *f, Picture *p, GRand *rand)
{
    for (int i = 0; i < planes(f); i++) {
        int slope_x = g_rand_int_range(rand, -2, 3), slope_y = g_rand_int_range(rand, -1, 2);
        for (int y = 0; y < rows(f, i); y++)
            for (int x = 0; x < row_bytes(f, i); x++) {
                int column = f->layout == YONOS_FRAME_NV12 ? x / 2 : x;
                int flip = f->layout == YONOS_FRAME_NV12 && x % 2 ? -1 : 1;
                p->frame.plane[i][y * p->frame.stride[i] + x] =
                    i == 0 ? (guint8)g_rand_int(rand) : (guint8)(128 + flip * (slope_x * column + slope_y * y));
            }
    }
}

static void check_round_trip(const YonosFrameFormat *f, GRand *rand)
{
    Picture in = new_picture(f), out = new_picture(f);
    int stride = f->width + PAD;
    float *rgb = g_new(float, ((gsize)stride * f->height - PAD) * 3);
    int rest = f->pixel_stride == 4 ? 6 - f->r - f->g - f->b : -1;
    fill(f, &in, rand);
    yonos_frame_to_rgb(f, &in.frame, rgb, stride);
    yonos_frame_from_rgb(f, &out.frame, rgb, stride);
    for (int i = 0; i < planes(f); i++)
        for (gsize at = 0; at < out.size[i]; at++) {
            int x = (int)(at % (gsize)out.frame.stride[i]);
            int code = out.frame.plane[i][at], expected = in.frame.plane[i][at];
            if (x >= row_bytes(f, i))
                g_assert_cmpint(code, ==, GUARD);
            else if (f->layout == YONOS_FRAME_PACKED)
                g_assert_cmpint(code, ==, x % f->pixel_stride == rest ? 255 : expected);
            else
                g_assert_cmpint(ABS(code - expected), <=, 1);
        }
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
        for (guint i = 0; i < G_N_ELEMENTS(orders); i++) {
            const int *o = orders[i];
            YonosFrameFormat f = {YONOS_FRAME_PACKED, sizes[s][0], sizes[s][1], o[0], o[1], o[2], o[3], o[4],
                                  0, 0, 0, 0};
            check_round_trip(&f, rand);
        }
    g_rand_free(rand);
}

static void test_yuv(void)
{
    GRand *rand = new_rand();
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++)
        for (int kind = 0; kind < 16; kind++) {
            YonosFrameFormat f = yuv(kind & 1 ? YONOS_FRAME_I420 : YONOS_FRAME_NV12, sizes[s][0], sizes[s][1], kind & 2,
                                     kind & 4, kind & 8);
            check_round_trip(&f, rand);
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
    }
}

/* The conversions once more, one pixel at a time by their definition and in the same order of roundings: the fast ones
 * must give the same bits. */
typedef struct {
    const YonosFrameFormat *f;
    const YonosFrame *frame;
    float y_offset, y_range, c_range, kr, kg, kb, r_cr, g_cb, g_cr, b_cb;
} Plain;

static Plain plain(const YonosFrameFormat *f, const YonosFrame *frame)
{
    double kg = 1 - f->kr - f->kb;
    return (Plain){f, frame, f->full_range ? 0 : 16, f->full_range ? 255 : 219, f->full_range ? 255 : 224,
                   (float)f->kr, (float)kg, (float)f->kb, (float)(2 * (1 - f->kr)),
                   (float)(-2 * f->kb * (1 - f->kb) / kg), (float)(-2 * f->kr * (1 - f->kr) / kg),
                   (float)(2 * (1 - f->kb))};
}

/* Component 0 (Cb) or 1 (Cr) of the chroma sample at a column and a row of the chroma planes. */
static guint8 *plain_chroma(const Plain *p, int component, int column, int row)
{
    if (p->f->layout == YONOS_FRAME_NV12)
        return p->frame->plane[1] + row * p->frame->stride[1] + 2 * column + component;
    return p->frame->plane[1 + component] + row * p->frame->stride[1 + component] + column;
}

static float plain_chroma_at(const Plain *p, int component, int x, int y)
{
    int columns = (p->f->width + 1) / 2, rows = (p->f->height + 1) / 2, far = CLAMP(y / 2 + y % 2 * 2 - 1, 0, rows - 1);
    int at[2] = {x / 2, CLAMP(x / 2 + x % 2 * 2 - 1, 0, columns - 1)};
    float weight = !p->f->chroma_left ? 0.75f : x % 2 ? 0.5f : 1, value[2];
    for (int i = 0; i < 2; i++)
        value[i] = (*plain_chroma(p, component, at[i], y / 2) * 3 + *plain_chroma(p, component, at[i], far) - 512) *
                   (0.25f / p->c_range);
    return value[0] * weight + value[1] * (1 - weight);
}

static guint8 plain_code(float v)
{
    v = v > 0 ? v : 0;
    return (guint8)((v < 255 ? v : 255) + 0.5f);
}

/* A component of the chroma, in codes around 0, of a luma column averaged over two rows. */
static float plain_column(const Plain *p, const float *rgb, int stride, int component, int x, int y)
{
    const float *top = rgb + (y * stride + x) * 3, *bottom = rgb + (MIN(y + 1, p->f->height - 1) * stride + x) * 3;
    float r = top[0] + bottom[0], g = top[1] + bottom[1], b = top[2] + bottom[2];
    float luma = p->kr * r + p->kg * g + p->kb * b, half = 0.5f * p->c_range;
    return component ? (r - luma) * (half / p->r_cr) : (b - luma) * (half / p->b_cb);
}

static guint8 plain_chroma_code(const Plain *p, const float *rgb, int stride, int component, int column, int row)
{
    int x = 2 * column;
    float even = plain_column(p, rgb, stride, component, x, 2 * row);
    float odd = plain_column(p, rgb, stride, component, MIN(x + 1, p->f->width - 1), 2 * row);
    float before = plain_column(p, rgb, stride, component, MAX(x - 1, 0), 2 * row);
    float side = p->f->chroma_left ? before * 0.5f + odd * 0.5f : odd;
    return plain_code(even * 0.5f + side * 0.5f + 128);
}

static void check_to_rgb(const Plain *p, const float *rgb, int stride)
{
    for (int y = 0; y < p->f->height; y++)
        for (int x = 0; x < p->f->width; x++) {
            guint8 code = p->frame->plane[0][y * p->frame->stride[0] + x];
            float luma = code * (1 / p->y_range) + -p->y_offset / p->y_range;
            float cb = plain_chroma_at(p, 0, x, y), cr = plain_chroma_at(p, 1, x, y);
            const float *got = rgb + (y * stride + x) * 3;
            float expected[3] = {luma + p->r_cr * cr, luma + p->g_cb * cb + p->g_cr * cr, luma + p->b_cb * cb};
            if (memcmp(got, expected, sizeof expected))
                g_error("%d x %d layout %d left %d, pixel %d, %d: %a %a %a instead of %a %a %a", p->f->width,
                        p->f->height, p->f->layout, p->f->chroma_left, x, y, got[0], got[1], got[2], expected[0],
                        expected[1], expected[2]);
        }
}

static void check_from_rgb(const Plain *p, const float *rgb, int stride)
{
    float r = p->kr * p->y_range, g = p->kg * p->y_range, b = p->kb * p->y_range;
    for (int y = 0; y < p->f->height; y++)
        for (int x = 0; x < p->f->width; x++) {
            const float *in = rgb + (y * stride + x) * 3;
            guint8 luma = plain_code(in[0] * r + in[1] * g + in[2] * b + p->y_offset);
            g_assert_cmpint(p->frame->plane[0][y * p->frame->stride[0] + x], ==, luma);
            for (int component = 0; component < 2; component++)
                g_assert_cmpint(*plain_chroma(p, component, x / 2, y / 2), ==,
                                plain_chroma_code(p, rgb, stride, component, x / 2, y / 2));
        }
}

/* Widths around the blocks of the fast versions, and frames that threads share. */
static void test_bits(void)
{
    static const int wide[][2] = {{1, 3}, {2, 2}, {127, 3}, {128, 2}, {129, 5}, {255, 4}, {256, 3}, {515, 259}};
    GRand *rand = new_rand();
    for (guint s = 0; s < G_N_ELEMENTS(wide); s++)
        for (int kind = 0; kind < 16; kind++) {
            YonosFrameFormat f = yuv(kind & 1 ? YONOS_FRAME_I420 : YONOS_FRAME_NV12, wide[s][0], wide[s][1], kind & 2,
                                     kind & 4, kind & 8);
            Picture picture = new_picture(&f);
            Plain p = plain(&f, &picture.frame);
            int stride = f.width + PAD;
            gsize n = ((gsize)stride * f.height - PAD) * 3;
            float *rgb = g_new(float, n);
            for (int i = 0; i < planes(&f); i++)
                for (gsize at = 0; at < picture.size[i]; at++)
                    picture.frame.plane[i][at] = (guint8)g_rand_int(rand);
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
