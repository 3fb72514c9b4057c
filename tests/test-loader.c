/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What training sees: noise levels of the schedule, batches that are the same whenever they are drawn. */
#include "base/error.h"
#include "base/random.h"
#include "loader.h"
#include "models/compact.h"
#include "noise.h"
#include "small-pack.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define SEED 20261123

static void test_noise(void)
{
    YonosNoiseLevel level;
    guint last = 0;

    yonos_noise_level(&level, 1);
    g_assert_cmpfloat(level.a, ==, 0);
    g_assert_cmpfloat(level.s, ==, 1);
    g_assert_cmpfloat(yonos_noise_omega(&level, 5), ==, 1);
    yonos_noise_level(&level, 0);
    g_assert_cmpfloat(level.a, ==, 1);
    g_assert_cmpfloat(yonos_noise_omega(&level, 5), ==, 6);
    g_assert_cmpfloat(yonos_noise_omega(&level, 0), ==, 1);
    for (double t = 0; t <= 1; t += 1 / 64.0) {
        yonos_noise_level(&level, t);
        g_assert_cmpfloat_with_epsilon(level.a * level.a + level.s * level.s, 1, 1e-6);
        for (int k = 0; k < YONOS_COMPACT_TIME; k++)
            g_assert_cmpfloat(fabsf(level.embedding[k]), <=, 1);
    }
    for (guint n = 0; n < 16; n++)
        last += yonos_noise_draw(SEED, 3, n, 16, 1 / 3.0) == 1;
    g_assert_cmpint(last, >=, 6);
    g_assert_cmpint(last, <, 16);
    for (guint n = 0; n < 16; n++)
        g_assert_true((yonos_noise_draw(SEED, 3, n, 16, 1) == 1) && (yonos_noise_draw(SEED, 3, n, 16, 0) < 1));
}

static YonosPack *small_pack(void)
{
    char *folder = g_dir_make_tmp("yonos-loader-XXXXXX", NULL), *path = g_build_filename(folder, "pack", NULL);
    GError *error = NULL;
    YonosPack *pack;

    small_pack_write(path);
    pack = yonos_pack_open(path, &error);
    g_assert_no_error(error);
    g_remove(path);
    g_rmdir(folder);
    g_free(path);
    g_free(folder);
    return pack;
}

static void test_loader(void)
{
    YonosPack *pack = small_pack();
    YonosDegrader *degrader = yonos_degrader_new(32, NULL);
    YonosLoaderParams params = {
        .pack = pack, .batch = 3, .crop = 32, .noise = 10, .seed = SEED, .reduced = {FALSE, degrader != NULL}};
    YonosLoader *whole = yonos_loader_new(&params, NULL), *later;
    const YonosBatch *a, *b;
    GError *error = NULL;

    params.first = 5;
    later = yonos_loader_new(&params, NULL);
    for (int k = 0; k < 5; k++)
        a = yonos_loader_next(whole);
    for (int k = 0; k < 3; k++) {
        a = yonos_loader_next(whole);
        b = yonos_loader_next(later);
        g_assert_cmpmem(a->pictures, 3 * 32 * 32 * 3 * sizeof(float), b->pictures, 3 * 32 * 32 * 3 * sizeof(float));
        g_assert_cmpmem(a->noise, 10 * sizeof(float), b->noise, 10 * sizeof(float));
        g_assert_null(a->reduced[0][0]);
        g_assert_null(a->reduced[1][1]);
        if (degrader)
            g_assert_cmpmem(a->reduced[0][1], 3 * 8 * 8 * 3 * sizeof(float), b->reduced[0][1],
                            3 * 8 * 8 * 3 * sizeof(float));
    }
    g_assert_true(memcmp(a->pictures, a->pictures + 32 * 32 * 3, 32 * 32 * 3 * sizeof(float)));
    yonos_loader_free(whole);
    yonos_loader_free(later);
    yonos_degrader_free(degrader);
    params.crop = 64;
    g_assert_null(yonos_loader_new(&params, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT);
    g_error_free(error);
    yonos_pack_free(pack);
}

/* A pan's frames: each from its own place in the crop, by one camera and codec, with grain of its own. */
static void test_pan(void)
{
    enum { CROP = 48, SIDE = CROP - YONOS_STAGE_PAN, BATCH = 3, FIRST = 4, X4 = SIDE / 4 };
    YonosPack *pack = small_pack();
    YonosDegrader *degrader = yonos_degrader_new(SIDE, NULL);
    YonosLoaderParams params = {.pack = pack, .batch = BATCH, .crop = CROP, .seed = SEED, .first = FIRST};
    YonosLoader *loader;
    const YonosBatch *batch;

    if (!degrader) {
        g_test_skip("no libjpeg");
        yonos_pack_free(pack);
        return;
    }
    params.reduced[1] = params.pan = TRUE;
    loader = yonos_loader_new(&params, NULL);
    batch = yonos_loader_next(loader);
    for (guint64 i = 0; i < BATCH; i++) {
        guint64 number = FIRST * BATCH + i, seed = yonos_random_bits(SEED, 2 * number);
        YonosDegradation d;
        YonosPan pan;
        yonos_degradation_draw(&d, yonos_random_bits(seed, 4));
        yonos_pan_draw(&pan, SEED, number);
        for (int frame = 0; frame < 2; frame++) {
            float window[SIDE][SIDE][3], want[X4 * X4 * 3], *x_l[YONOS_DEGRADE_SCALES] = {NULL, want, NULL};
            int top = pan.origin[frame][0], left = pan.origin[frame][1];
            for (int y = 0; y < SIDE; y++)
                memcpy(window[y], batch->pictures + ((i * CROP + top + y) * CROP + left) * 3, sizeof window[y]);
            d.round[0].grain_seed += frame;
            d.round[1].grain_seed += frame;
            yonos_degrade(degrader, window[0][0], &d, x_l);
            g_assert_cmpmem(batch->reduced[frame][1] + i * X4 * X4 * 3, sizeof want, want, sizeof want);
        }
    }
    yonos_loader_free(loader);
    yonos_degrader_free(degrader);
    yonos_pack_free(pack);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    g_test_add_func("/loader/noise", test_noise);
    g_test_add_func("/loader/batches", test_loader);
    g_test_add_func("/loader/pan", test_pan);
    return g_test_run();
}
