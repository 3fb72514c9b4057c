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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/packed", test_packed);
    g_test_add_func("/frame/yuv", test_yuv);
    g_test_add_func("/frame/colours", test_colours);
    g_test_add_func("/frame/excursions", test_excursions);
    g_test_add_func("/frame/siting", test_siting);
    return g_test_run();
}
