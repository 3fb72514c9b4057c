/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device's memory that becomes too short while frames are made: they are made in smaller tiles from then on, and none
 * is lost, doubled or another picture. */
#include "base/error.h"
#include "base/random.h"
#include "small-model.h"
#include "tested-device.h"
#include "upscaler.h"
#include "vulkan-spy.h"
#include "vulkan/vulkan-executor.h"

#include <string.h>

#define SEED 20261129
#define N_FRAMES 7
#define WIDTH 18
#define HEIGHT 500

typedef struct {
    const char *name;
    int out_width, out_height;
    guint depth;
    YonosNoise noise;
} Case;

static const Case cases[] = {
    {"three", WIDTH * 2, HEIGHT * 2, 3, YONOS_NOISE_FIXED},
    {"fresh", WIDTH * 2, HEIGHT * 2, 1, YONOS_NOISE_FRESH},
    {"reduced", 31, 901, 3, YONOS_NOISE_FIXED}, /* by the device's ring at first, then, in tiles, by pictures */
};

static char *model;

static YonosFrameFormat rgb(int width, int height)
{
    return (YonosFrameFormat){.width = width, .height = height, .pixel_stride = 3, .g = 1, .b = 2, .a = -1};
}

static YonosUpscaler *open_case(const Case *c)
{
    YonosUpscalerParams p = {model, tested_device(), 2,   SEED, rgb(WIDTH, HEIGHT), rgb(c->out_width, c->out_height),
                             0,     c->depth,        NULL};
    GError *error = NULL;
    YonosUpscaler *up = yonos_upscaler_new(&p, &error);

    g_assert_no_error(error);
    yonos_upscaler_set_noise(up, c->noise, SEED);
    return up;
}

static void draw(guint8 *small, guint frame)
{
    for (gsize k = 0; k < WIDTH * HEIGHT * 3; k++)
        small[k] = (guint8)(64 + yonos_random_bits(SEED + frame, k / 17) % 128);
}

static void collect(const Case *c, YonosUpscaler *up, guint8 *large)
{
    YonosFrame out = {{large}, {c->out_width * 3}};
    GError *error = NULL;

    yonos_upscaler_collect(up, &out, &error);
    g_assert_no_error(error);
}

/* All frames, one behind the other in `large`; as the second and the fifth are made, a submission to a queue fails, the
 * one after `at`; below 0 none does. Gives how often it shrank. */
static guint run(const Case *c, YonosUpscaler *up, int at, guint8 *large)
{
    gsize bytes = (gsize)c->out_width * c->out_height * 3;
    guint8 small[WIDTH * HEIGHT * 3];
    YonosFrame in = {{small}, {WIDTH * 3}};
    guint shrunk = 0, collected = 0;

    for (guint frame = 0; frame < N_FRAMES; frame++) {
        GError *error = NULL;
        draw(small, frame);
        if (at >= 0 && (frame == 1 || frame == 4)) {
            spy_fails_at = at;
            spy_fails_for = 1;
            spy_result = SPY_OUT_OF_DEVICE_MEMORY;
            spy_fails = "vkQueueSubmit";
        }
        while (!yonos_upscaler_submit(up, &in, &error)) {
            g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY);
            g_clear_error(&error);
            while (yonos_upscaler_in_flight(up) > 0)
                collect(c, up, large + bytes * collected++);
            g_assert_true(yonos_upscaler_shrink(up));
            shrunk++;
        }
        if (yonos_upscaler_in_flight(up) == c->depth)
            collect(c, up, large + bytes * collected++);
    }
    while (yonos_upscaler_in_flight(up) > 0)
        collect(c, up, large + bytes * collected++);
    g_assert_null(spy_fails);
    g_assert_cmpuint(collected, ==, N_FRAMES);
    return shrunk;
}

static gboolean skipped(void)
{
    if (yonos_vulkan_has_device(tested_device()))
        return FALSE;
    g_test_skip("no software Vulkan device");
    return TRUE;
}

static void test_short(gconstpointer data)
{
    const Case *c = data;
    gsize n = (gsize)c->out_width * c->out_height * 3 * N_FRAMES;
    guint8 *want = g_new(guint8, n), *got = g_new(guint8, n);

    for (int at = -1; at < 3 && !(at < 0 && skipped()); at++) {
        YonosUpscaler *up = open_case(c);
        guint shrunk = run(c, up, at, at < 0 ? want : got);
        int worst = 0, tiles = yonos_upscaler_tiles(up);
        for (gsize k = 0; k < n && at >= 0; k++)
            worst = MAX(worst, ABS(want[k] - got[k]));
        g_test_message("%s to %dx%d, %u in flight, seed %d, submission %d fails twice: %u times shrunk by its user, %d "
                       "tiles, off by %d",
                       c->name, c->out_width, c->out_height, c->depth, SEED, at, shrunk, tiles, worst);
        if (at < 0)
            g_assert_cmpint(tiles, ==, 1);
        else
            g_assert_cmpint(tiles, >=, 4);
        g_assert_cmpint(worst, <=, 1);
        yonos_upscaler_free(up);
    }
    g_free(want);
    g_free(got);
}

/* As long as there is none it says so, and it goes on when there is some again. */
static void test_none(void)
{
    guint8 small[WIDTH * HEIGHT * 3], large[WIDTH * HEIGHT * 12];
    YonosFrame in = {{small}, {WIDTH * 3}}, out = {{large}, {WIDTH * 6}};
    GError *error = NULL;
    YonosUpscaler *up;

    if (skipped())
        return;
    up = open_case(&cases[0]);
    draw(small, 0);
    spy_result = SPY_OUT_OF_DEVICE_MEMORY;
    spy_fails = "vkQueueSubmit";
    for (int frame = 0; frame < 2; frame++) {
        g_assert_false(yonos_upscaler_run(up, &in, &out, &error));
        g_test_message("%s", error->message);
        g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY);
        g_clear_error(&error);
    }
    spy_fails = NULL;
    yonos_upscaler_run(up, &in, &out, &error);
    g_assert_no_error(error);
    yonos_upscaler_free(up);
}

/* Where the device was left to us, the CPU is there too. */
static void test_cpu(void)
{
    const Case c = {"auto", WIDTH * 2, HEIGHT * 2, 2, YONOS_NOISE_FIXED};
    YonosUpscalerParams p = {model, "auto",  2,   SEED, rgb(WIDTH, HEIGHT), rgb(c.out_width, c.out_height),
                             0,     c.depth, NULL};
    guint8 small[WIDTH * HEIGHT * 3], large[WIDTH * HEIGHT * 12];
    YonosFrame in = {{small}, {WIDTH * 3}};
    GError *error = NULL;
    YonosUpscaler *up;

    if (skipped())
        return;
    spy_pretends_gpu = TRUE;
    up = yonos_upscaler_new(&p, &error);
    g_assert_no_error(error);
    g_assert_null(strstr(yonos_upscaler_device(up), "CPU"));
    draw(small, 0);
    g_assert_true(yonos_upscaler_submit(up, &in, &error));
    spy_result = SPY_OUT_OF_DEVICE_MEMORY;
    spy_fails = "vkQueueSubmit";
    g_assert_false(yonos_upscaler_submit(up, &in, &error));
    g_clear_error(&error);
    spy_fails = "vkAllocateMemory";
    collect(&c, up, large);
    g_assert_true(yonos_upscaler_shrink(up));
    spy_fails = NULL;
    spy_pretends_gpu = FALSE;
    g_test_message("%s: %s", yonos_upscaler_device(up), yonos_upscaler_note(up));
    g_assert_cmpstr(yonos_upscaler_device(up), ==, "CPU");
    g_assert_nonnull(strstr(yonos_upscaler_note(up), "so the CPU is"));
    for (int frame = 0; frame < 2; frame++)
        g_assert_true(yonos_upscaler_submit(up, &in, &error));
    for (int frame = 0; frame < 2; frame++)
        collect(&c, up, large);
    yonos_upscaler_free(up);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    model = small_model_new(2, SEED);
    for (guint k = 0; k < G_N_ELEMENTS(cases); k++) {
        char *path = g_strconcat("/memory/short/", cases[k].name, NULL);
        g_test_add_data_func(path, &cases[k], test_short);
        g_free(path);
    }
    g_test_add_func("/memory/none", test_none);
    g_test_add_func("/memory/cpu", test_cpu);
    status = g_test_run();
    small_model_remove(model);
    return status;
}
