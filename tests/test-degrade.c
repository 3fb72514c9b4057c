/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The video set: each step against a plain version or a property, the whole for determinism and range. */
#include "base/random.h"
#include "degrade.h"
#include "frame.h"
#include "ops/ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEED 20261124
#define TAPS (2 * YONOS_BLUR_RADIUS + 1)

static float *random_picture(int width, int height, guint64 seed)
{
    float *rgb = g_new(float, 3 * width * height);

    for (int k = 0; k < 3 * width * height; k++)
        rgb[k] = (float)yonos_random_uniform(seed, k);
    return rgb;
}

static void test_kernel(void)
{
    static const YonosBlur blurs[] = {
        {{0.8, 0.8}, 0.3}, {{1.1, 0.7}, 0}, {{1.1, 0.7}, G_PI / 2}, {{1.2, 0.75}, 0.7}, {{0.3, 0.3}, 2}};

    for (guint b = 0; b < G_N_ELEMENTS(blurs); b++) {
        double sum = 0, xx = 0, xy = 0, yy = 0, u = blurs[b].sigma[0] * blurs[b].sigma[0],
               v = blurs[b].sigma[1] * blurs[b].sigma[1], c = cos(blurs[b].angle), s = sin(blurs[b].angle);
        float kernel[TAPS * TAPS];
        yonos_blur_kernel(&blurs[b], kernel);
        for (int k = 0; k < TAPS * TAPS; k++) {
            int x = k % TAPS - YONOS_BLUR_RADIUS, y = k / TAPS - YONOS_BLUR_RADIUS;
            sum += kernel[k];
            xx += kernel[k] * x * x;
            xy += kernel[k] * x * y;
            yy += kernel[k] * y * y;
        }
        g_test_message("kernel %u: sum %g, covariance %g %g %g", b, sum, xx, xy, yy);
        g_assert_cmpfloat_with_epsilon(sum, 1, 1e-6);
        if (MIN(u, v) < 0.4)
            continue; /* narrower than the pixel grid: sampling changes the variance */
        g_assert_cmpfloat_with_epsilon(xx, c * c * u + s * s * v, 0.02);
        g_assert_cmpfloat_with_epsilon(xy, c * s * (u - v), 0.02);
        g_assert_cmpfloat_with_epsilon(yy, s * s * u + c * c * v, 0.02);
    }
}

static void test_blur(void)
{
    static const int sizes[][2] = {{1, 1}, {2, 7}, {33, 5}, {17, 19}};
    float kernel[TAPS * TAPS];

    yonos_blur_kernel(&(YonosBlur){{1.5, 0.6}, 0.4}, kernel);
    for (guint k = 0; k < G_N_ELEMENTS(sizes); k++) {
        int w = sizes[k][0], h = sizes[k][1];
        float *in = random_picture(w, h, SEED + k), *out = g_new(float, 3 * w * h);
        float *padded = g_new(float, 3 * (w + TAPS - 1) * (h + TAPS - 1));
        yonos_blur(in, w, h, kernel, padded, out);
        for (int i = 0; i < 3 * w * h; i++) {
            int x = i / 3 % w, y = i / 3 / w;
            double sum = 0;
            for (int t = 0; t < TAPS * TAPS; t++) {
                int u = CLAMP(x + t % TAPS - YONOS_BLUR_RADIUS, 0, w - 1);
                int v = CLAMP(y + t / TAPS - YONOS_BLUR_RADIUS, 0, h - 1);
                sum += kernel[t] * in[3 * (v * w + u) + i % 3];
            }
            if (fabs(sum - out[i]) > 1e-5)
                g_error("%d x %d, seed %d, sample %d: %g instead of %g", w, h, SEED + k, i, out[i], sum);
        }
        g_free(in);
        g_free(out);
        g_free(padded);
    }
}

/* A weight of Pillow's kernels, not normalised. */
static double plain_kernel(YonosRescale kind, double x)
{
    x = fabs(x);
    if (kind == YONOS_RESCALE_AREA)
        return x < 0.5;
    if (kind == YONOS_RESCALE_BILINEAR)
        return MAX(1 - x, 0);
    return x < 1 ? 1.5 * x * x * x - 2.5 * x * x + 1 : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
}

static double plain_rescale(YonosRescale kind, const float *in, int w, int h, int out_w, int out_h, int x, int y, int c)
{
    double fx = (double)w / out_w, fy = (double)h / out_h, sum = 0, total = 0;

    for (int k = 0; k < w * h; k++) {
        double weight = plain_kernel(kind, (k % w + 0.5 - (x + 0.5) * fx) / MAX(fx, 1)) *
                        plain_kernel(kind, (k / w + 0.5 - (y + 0.5) * fy) / MAX(fy, 1));
        sum += weight * in[3 * k + c];
        total += weight;
    }
    return sum / total;
}

static void test_rescale(void)
{
    /* no sample lies on the rim of the area kernel, where either side is right */
    static const int sizes[][4] = {{17, 9, 11, 5}, {5, 7, 8, 11}, {16, 16, 8, 8}, {1, 1, 4, 3}, {13, 6, 13, 6}};

    for (guint k = 0; k < G_N_ELEMENTS(sizes); k++)
        for (int kind = YONOS_RESCALE_AREA; kind <= YONOS_RESCALE_BICUBIC; kind++) {
            int w = sizes[k][0], h = sizes[k][1], out_w = sizes[k][2], out_h = sizes[k][3];
            float *in = random_picture(w, h, SEED + k), *out = g_new(float, 3 * out_w * out_h);
            float *rows = g_new(float, 3 * w * out_h);
            yonos_rescale(kind, in, w, h, rows, out, out_w, out_h);
            for (int i = 0; i < 3 * out_w * out_h; i++) {
                double want = plain_rescale(kind, in, w, h, out_w, out_h, i / 3 % out_w, i / 3 / out_w, i % 3);
                if (fabs(want - out[i]) > 1e-5)
                    g_error("kind %d, %d x %d to %d x %d, seed %d, sample %d: %g instead of %g", kind, w, h, out_w,
                            out_h, SEED + k, i, out[i], want);
            }
            g_free(in);
            g_free(out);
            g_free(rows);
        }
}

static void test_grain(void)
{
    enum { N = 20000 };
    float *rgb = g_new(float, 3 * N);

    for (int form = 0; form < 4; form++) {
        YonosGrain grain = {0.04, form & 1, form >> 1};
        double mean = 0, square = 0, across = 0, want = 0.04 * 0.04 * (form & 1 ? 0.4 : 1);
        for (int k = 0; k < 3 * N; k++)
            rgb[k] = 0.4f;
        yonos_grain(rgb, N, &grain, SEED);
        for (int k = 0; k < 3 * N; k++) {
            mean += (rgb[k] - 0.4) / (3 * N);
            square += (rgb[k] - 0.4) * (rgb[k] - 0.4) / (3 * N);
            across += (rgb[k] - 0.4) * (rgb[k - k % 3] - 0.4) / (3 * N);
        }
        g_test_message("form %d: mean %g, variance %g, wanted %g, with the first component %g", form, mean, square,
                       want, across);
        g_assert_cmpfloat_with_epsilon(mean, 0, 1e-3);
        g_assert_cmpfloat_with_epsilon(square / want, 1, 0.03);
        g_assert_cmpfloat_with_epsilon(across / want, form & 2 ? 1 : 1 / 3.0, 0.03);
    }
    for (int k = 0; k < 3 * N; k++)
        rgb[k] = k & 1;
    yonos_grain(rgb, N, &(YonosGrain){0.04, FALSE, FALSE}, SEED);
    for (int k = 0; k < 3 * N; k++)
        g_assert_true(rgb[k] >= 0 && rgb[k] <= 1);
    g_free(rgb);
}

/* Of noise H.264 leaves what a uniform quantiser would whose step doubles every 6 qp; of an even plane everything. */
static void test_h264_error(void)
{
    guint8 plane[37 * 21], coded[37 * 21];
    double before = 0;

    for (int k = 0; k < 37 * 21; k++)
        plane[k] = yonos_random_bits(SEED, k) & 0xff;
    for (int qp = 0; qp <= 51; qp++) {
        double step = 0.625 * pow(2, qp / 6.0), square = 0;
        memcpy(coded, plane, sizeof plane);
        yonos_h264_plane(coded, 37, 21, qp, FALSE);
        for (int k = 0; k < 37 * 21; k++)
            square += (double)(coded[k] - plane[k]) * (coded[k] - plane[k]) / (37 * 21);
        g_test_message("qp %d: step %g, error %g", qp, step, sqrt(square));
        /* uniform within a step and rounded to whole codes; of noise the dead zone costs little */
        if (qp < 16)
            g_assert_cmpfloat(sqrt(square), <, step / sqrt(12) * 1.2 + 0.3);
        if (qp % 6 == 5) {
            g_assert_cmpfloat(square, >, before);
            before = square;
        }
    }
    for (int qp = 0; qp <= 51; qp++) { /* no residual, nothing to smooth */
        memset(coded, 128, sizeof coded);
        yonos_h264_plane(coded, 37, 21, qp, qp & 1);
        for (int k = 0; k < 37 * 21; k++)
            g_assert_cmpint(coded[k], ==, 128);
    }
}

#ifdef HAVE_JPEG
#include <stdio.h>

#include <jpeglib.h>

/* The picture through libjpeg with fresh state; free with g_free. */
static guint8 *plain_jpeg(const guint8 *codes, int width, int height, int quality)
{
    struct jpeg_error_mgr errors;
    struct jpeg_compress_struct e = {.err = jpeg_std_error(&errors)};
    struct jpeg_decompress_struct d = {.err = &errors};
    guint8 *out = g_malloc(3 * width * height);
    unsigned char *file = NULL;
    unsigned long size = 0;

    jpeg_create_compress(&e);
    jpeg_mem_dest(&e, &file, &size);
    e.image_width = width;
    e.image_height = height;
    e.input_components = 3;
    e.in_color_space = JCS_RGB;
    jpeg_set_defaults(&e);
    jpeg_set_quality(&e, quality, TRUE);
    jpeg_start_compress(&e, TRUE);
    for (int y = 0; y < height; y++)
        jpeg_write_scanlines(&e, (JSAMPROW[]){(guint8 *)codes + 3 * y * width}, 1);
    jpeg_finish_compress(&e);
    jpeg_destroy_compress(&e);
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, file, size);
    jpeg_read_header(&d, TRUE);
    jpeg_start_decompress(&d);
    for (int y = 0; y < height; y++)
        jpeg_read_scanlines(&d, (JSAMPROW[]){out + 3 * y * width}, 1);
    jpeg_finish_decompress(&d);
    jpeg_destroy_decompress(&d);
    free(file);
    return out;
}

/* One workspace for files that grow and shrink. */
static void test_jpeg(void)
{
    static const int cases[][3] = {{1, 1, 75}, {33, 17, 95}, {120, 130, 95}, {7, 40, 60}, {130, 128, 90}, {16, 16, 1}};
    YonosJpeg *jpeg = yonos_jpeg_new(NULL);

    for (guint k = 0; k < G_N_ELEMENTS(cases); k++) {
        int w = cases[k][0], h = cases[k][1], quality = cases[k][2];
        float *rgb = random_picture(w, h, SEED + k);
        guint8 *codes = g_malloc(3 * w * h), *want;
        for (int i = 0; i < 3 * w * h; i++)
            codes[i] = (guint8)lrintf(rgb[i] * 255);
        want = plain_jpeg(codes, w, h, quality);
        yonos_jpeg(jpeg, rgb, w, h, quality);
        for (int i = 0; i < 3 * w * h; i++)
            if (rgb[i] != want[i] * (1 / 255.0f))
                g_error("%d x %d, quality %d, seed %d, sample %d: %g instead of %g", w, h, quality, SEED + k, i, rgb[i],
                        want[i] / 255.0);
        g_free(rgb);
        g_free(codes);
        g_free(want);
    }
    yonos_jpeg_free(jpeg);
}
#endif

/* A block of one value has one coefficient, in steps of a quarter of the quantiser's for the value: nothing is left of
 * less than two thirds of a step, and nothing is further off than that. */
static void test_h264_even(void)
{
    for (int qp = 0; qp <= 51; qp++)
        for (int value = 0; value < 256; value++) {
            double step = 0.625 * pow(2, qp / 6.0) / 4, error;
            guint8 plane[16];
            memset(plane, value, sizeof plane);
            yonos_h264_plane(plane, 4, 4, qp, FALSE);
            error = abs(plane[0] - value);
            if (error > 2 * step / 3 + 0.6 || (abs(value - 128) < 2 * step / 3 - 0.1 && plane[0] != 128 && step > 1.5))
                g_error("qp %d: %d became %d", qp, value, plane[0]);
            for (int k = 1; k < 16; k++)
                g_assert_cmpint(plane[k], ==, plane[0]);
        }
}

/* A smooth slope, coarsely coded: the deblocking filter leaves smaller jumps at the edges of blocks than there were. */
static void test_h264_edges(void)
{
    guint8 plane[64 * 64];
    int edge = 0, inside = 0;

    for (int k = 0; k < 64 * 64; k++)
        plane[k] = (guint8)(40 + k % 64 * 2 + (k / 64) / 2);
    yonos_h264_plane(plane, 64, 64, 34, FALSE);
    for (int k = 0; k < 64 * 64; k++)
        if (k % 64 && k % 4 == 0)
            edge = MAX(edge, abs(plane[k] - plane[k - 1]));
        else if (k % 64)
            inside = MAX(inside, abs(plane[k] - plane[k - 1]));
    g_test_message("largest jump %d at edges, %d inside", edge, inside);
    g_assert_cmpint(edge, <=, 4); /* 8 without the filter */
}

/* 2000 draws stay within docs/MODEL.md's table and are as frequent as it says. */
static void test_draws(void)
{
    enum { N = 2000 };
    static const double sigma[] = {0.8, 0.5}, size[][2] = {{0.6, 1}, {0.8, 1.5}}, noise[] = {8 / 255.0, 4 / 255.0};
    static const double blurred[] = {0.5, 0.2}, noisy[] = {0.8, 0.5};
    double n_blurred[2] = {0}, n_noisy[2] = {0}, n_jpeg[2] = {0}, n_h264 = 0, n_sharp = 0;

    for (guint64 seed = 0; seed < N; seed++) {
        YonosDegradation d;
        yonos_degradation_draw(&d, seed);
        for (int k = 0; k < 2; k++) {
            const YonosRound *r = &d.round[k];
            if (MIN(r->blur.sigma[0], r->blur.sigma[1]) < 0.2 || MAX(r->blur.sigma[0], r->blur.sigma[1]) > sigma[k] ||
                r->size < size[k][0] || r->size > size[k][1] || r->grain.sigma < 0 || r->grain.sigma > noise[k] ||
                (r->jpeg && (r->jpeg < 60 || r->jpeg > 95)) || (d.qp >= 0 && (d.qp < 16 || d.qp > 34)))
                g_error("seed %d, round %d: sigma %g %g, size %g, noise %g, jpeg %d, qp %d", (int)seed, k,
                        r->blur.sigma[0], r->blur.sigma[1], r->size, r->grain.sigma, r->jpeg, d.qp);
            n_blurred[k] += r->blurred;
            n_noisy[k] += r->grain.sigma > 0;
            n_jpeg[k] += r->jpeg > 0;
        }
        n_h264 += d.qp >= 0;
        n_sharp += d.sharp;
    }
    for (int k = 0; k < 2; k++) {
        g_assert_cmpfloat_with_epsilon(n_blurred[k] / N, blurred[k], 0.05);
        g_assert_cmpfloat_with_epsilon(n_noisy[k] / N, noisy[k], 0.05);
        g_assert_cmpfloat_with_epsilon(n_jpeg[k] / N, 0.4, 0.05);
    }
    g_assert_cmpfloat_with_epsilon(n_h264 / N, 0.8, 0.05);
    g_assert_cmpfloat_with_epsilon(n_sharp / N, 0.5, 0.05);
}

static void degrade(YonosDegrader *w, const float *x_h, guint64 seed, int side, float *out[YONOS_DEGRADE_SCALES])
{
    YonosDegradation d;

    yonos_degradation_draw(&d, seed);
    for (int k = 0; k < YONOS_DEGRADE_SCALES; k++)
        out[k] = g_new(float, 3 * (side >> (k + 1)) * (side >> (k + 1)));
    yonos_degrade(w, x_h, &d, out);
}

static void free_all(float *out[YONOS_DEGRADE_SCALES])
{
    for (int k = 0; k < YONOS_DEGRADE_SCALES; k++)
        g_free(out[k]);
}

static YonosDegrader *new_degrader(int side)
{
    GError *error = NULL;
    YonosDegrader *w = yonos_degrader_new(side, &error);

    if (!w) {
        g_test_skip(error->message);
        g_error_free(error);
    }
    return w;
}

/* With the rounds doing next to nothing, or left out, x4 is the bicubic reduction as 4:2:0 through H.264, luma as luma
 * and chroma as chroma. */
static void check_delivery(gboolean sharp)
{
    enum { SIDE = 32, X4 = SIDE / 4, HALF = X4 / 2 };
    YonosDegrader *w = new_degrader(SIDE);
    YonosDegradation d = {.round = {{.size = 1, .rescale = YONOS_RESCALE_AREA}, {.size = 1}}, .qp = 28, .sharp = sharp};
    YonosFrameFormat format = {YONOS_FRAME_I420, X4, X4, .kr = 0.299, .kb = 0.114, .chroma_left = TRUE};
    guint8 luma[X4 * X4], chroma[2][HALF * HALF];
    YonosFrame frame = {{luma, chroma[0], chroma[1]}, {X4, HALF, HALF}};
    float *x_h = random_picture(SIDE, SIDE, SEED), rows[3 * SIDE * SIDE], half[3 * SIDE * SIDE / 4];
    float want[3 * X4 * X4], got[3 * X4 * X4], *x_l[YONOS_DEGRADE_SCALES] = {NULL, got, NULL};

    if (w) {
        yonos_rescale(YONOS_RESCALE_AREA, x_h, SIDE, SIDE, rows, half, SIDE / 2, SIDE / 2);
        yonos_rescale(YONOS_RESCALE_BICUBIC, half, SIDE / 2, SIDE / 2, rows, want, X4, X4);
        if (sharp)
            yonos_rescale(YONOS_RESCALE_BICUBIC, x_h, SIDE, SIDE, rows, want, X4, X4);
        yonos_frame_from_rgb(&format, &frame, want, X4);
        yonos_h264_plane(luma, X4, X4, 28, FALSE);
        yonos_h264_plane(chroma[0], HALF, HALF, 28, TRUE);
        yonos_h264_plane(chroma[1], HALF, HALF, 28, TRUE);
        yonos_frame_to_rgb(&format, &frame, want, X4);
        yonos_degrade(w, x_h, &d, x_l);
        g_assert_cmpmem(got, sizeof got, want, sizeof want);
    }
    g_free(x_h);
    yonos_degrader_free(w);
}

static void test_delivery(void)
{
    check_delivery(FALSE);
    check_delivery(TRUE);
}

/* The same from the same seed, whatever was done before, and whichever scales are wanted. */
static void test_determinism(void)
{
    enum { SIDE = 48 };
    YonosDegrader *w = new_degrader(SIDE), *other = new_degrader(SIDE);
    float *x_h = random_picture(SIDE, SIDE, SEED), *first[8][YONOS_DEGRADE_SCALES], *again[YONOS_DEGRADE_SCALES];

    for (int k = 0; w && k < 8; k++)
        degrade(w, x_h, k, SIDE, first[k]);
    for (int k = 7; w && k >= 0; k--) {
        YonosDegradation d;
        float only[3 * SIDE * SIDE / 16], *wanted[YONOS_DEGRADE_SCALES] = {NULL, only, NULL};
        degrade(other, x_h, k, SIDE, again);
        for (int s = 0; s < YONOS_DEGRADE_SCALES; s++) {
            gsize size = 3 * (SIDE >> (s + 1)) * (SIDE >> (s + 1)) * sizeof(float);
            g_assert_cmpmem(first[k][s], size, again[s], size);
        }
        yonos_degradation_draw(&d, k);
        yonos_degrade(w, x_h, &d, wanted);
        g_assert_cmpmem(only, sizeof only, first[k][1], sizeof only);
        g_assert_true(!k || memcmp(first[k][0], first[k - 1][0], sizeof only));
        free_all(again);
    }
    for (int k = 0; w && k < 8; k++)
        free_all(first[k]);
    g_free(x_h);
    yonos_degrader_free(w);
    yonos_degrader_free(other);
}

/* Pictures at the limits and of the smallest crop: finite, and no further out than limited range allows. */
static void test_limits(void)
{
    static const int sides[] = {16, 32, 80};

    for (guint s = 0; s < G_N_ELEMENTS(sides); s++) {
        int side = sides[s];
        YonosDegrader *w = new_degrader(side);
        float *x_h = g_new(float, 3 * side * side), *out[YONOS_DEGRADE_SCALES];
        for (int kind = 0; w && kind < 60; kind++) {
            for (int k = 0; k < 3 * side * side; k++)
                x_h[k] = kind % 3 == 2 ? (k / 3 + k / 3 / side) & 1 : kind % 3;
            degrade(w, x_h, SEED + kind, side, out);
            for (int k = 0; k < YONOS_DEGRADE_SCALES; k++)
                for (int i = 0; i < 3 * (side >> (k + 1)) * (side >> (k + 1)); i++)
                    if (!(out[k][i] > -0.5f && out[k][i] < 1.5f))
                        g_error("side %d, picture %d, seed %d, scale %d, sample %d: %g", side, kind % 3, SEED + kind,
                                2 << k, i, out[k][i]);
            free_all(out);
        }
        g_free(x_h);
        yonos_degrader_free(w);
    }
}

/* A gray ramp without noise stays gray; its mean stays within a code, or within part of a codec's quantiser step. */
static void test_gray(void)
{
    enum { SIDE = 64 };
    YonosDegrader *w = new_degrader(SIDE);
    float x_h[3 * SIDE * SIDE], x_l[3 * SIDE * SIDE / 4], *out[YONOS_DEGRADE_SCALES] = {x_l, NULL, NULL};

    for (int k = 0; k < 3 * SIDE * SIDE; k++)
        x_h[k] = (float)(k / 3 % SIDE) / (SIDE - 1);
    for (guint64 seed = 0; w && seed < 60; seed++) {
        YonosDegradation d;
        double mean = 0, apart = 0, most = 1;
        yonos_degradation_draw(&d, seed);
        d.round[0].grain.sigma = d.round[1].grain.sigma = 0;
        yonos_degrade(w, x_h, &d, out);
        for (int k = 0; k < SIDE * SIDE / 4; k++)
            for (int c = 0; c < 3; c++) {
                mean += x_l[3 * k + c] / (3 * SIDE * SIDE / 4);
                apart = MAX(apart, fabs(x_l[3 * k + c] - x_l[3 * k + 1]));
            }
        most += d.round[0].jpeg || d.round[1].jpeg ? 1 : 0;
        most += d.qp < 0 ? 0 : 0.625 * pow(2, d.qp / 6.0) / 5;
        if (apart > 1e-6 || fabs(mean - 0.5) > most / 255)
            g_error("seed %d, jpeg %d %d, qp %d: mean %g, components %g apart", (int)seed, d.round[0].jpeg,
                    d.round[1].jpeg, d.qp, mean, apart);
    }
    yonos_degrader_free(w);
}

/* Without noise, JPEG and H.264 x4 is nearly the bicubic reduction of x2. */
static void test_scales_agree(void)
{
    enum { SIDE = 64, HALF = SIDE / 2, QUARTER = SIDE / 4 };
    YonosDegrader *w = new_degrader(SIDE);
    float *x_h = random_picture(SIDE, SIDE, SEED), *out[YONOS_DEGRADE_SCALES];
    float rows[3 * HALF * QUARTER], want[3 * QUARTER * QUARTER];

    for (guint64 seed = 0; w && seed < 20; seed++) {
        YonosDegradation d;
        double worst = 0;
        degrade(w, x_h, seed, SIDE, out);
        yonos_degradation_draw(&d, seed);
        d.qp = -1;
        d.sharp = FALSE;
        yonos_degrade(w, x_h, &d, out);
        yonos_rescale(YONOS_RESCALE_BICUBIC, out[0], HALF, HALF, rows, want, QUARTER, QUARTER);
        for (int k = 0; k < QUARTER * QUARTER; k++) { /* luma: chroma is halved at each size */
            const float *a = want + 3 * k, *b = out[1] + 3 * k;
            double kr = d.bt709 ? 0.2126 : 0.299, kb = d.bt709 ? 0.0722 : 0.114;
            worst = MAX(worst, fabs(kr * (a[0] - b[0]) + (1 - kr - kb) * (a[1] - b[1]) + kb * (a[2] - b[2])));
        }
        g_test_message("seed %d: luma %g apart", (int)seed, worst);
        g_assert_cmpfloat(worst, <, 1.5 / 219); /* roundings to codes of limited range */
        free_all(out);
    }
    g_free(x_h);
    yonos_degrader_free(w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    g_test_add_func("/degrade/kernel", test_kernel);
    g_test_add_func("/degrade/blur", test_blur);
    g_test_add_func("/degrade/rescale", test_rescale);
    g_test_add_func("/degrade/grain", test_grain);
#ifdef HAVE_JPEG
    g_test_add_func("/degrade/jpeg", test_jpeg);
#endif
    g_test_add_func("/degrade/h264-error", test_h264_error);
    g_test_add_func("/degrade/h264-even", test_h264_even);
    g_test_add_func("/degrade/h264-edges", test_h264_edges);
    g_test_add_func("/degrade/draws", test_draws);
    g_test_add_func("/degrade/delivery", test_delivery);
    g_test_add_func("/degrade/determinism", test_determinism);
    g_test_add_func("/degrade/limits", test_limits);
    g_test_add_func("/degrade/gray", test_gray);
    g_test_add_func("/degrade/scales-agree", test_scales_agree);
    return g_test_run();
}
