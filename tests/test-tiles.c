/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames in tiles: bit for bit the whole frame on the CPU, within a code on Vulkan; whatever memory is allowed, what is
 * held stays below it. And failures of a Vulkan device, at any of its calls. */
#include "base/error.h"
#include "base/random.h"
#include "small-model.h"
#include "tiles.h"
#include "upscaler.h"
#ifdef HAVE_VULKAN
#include "tested-device.h"
#include "vulkan-spy.h"
#include "vulkan/vulkan-executor.h"
#endif

#include <glib/gstdio.h>
#include <string.h>

#define SEED 20261124

static char *folder;

typedef struct {
    const char *device;
    int scale, width, height;
    int out_width, out_height; /* 0: scale times */
    guint max_memory;          /* MiB */
} Case;

static YonosFrameFormat rgb(int width, int height)
{
    return (YonosFrameFormat){.width = width, .height = height, .pixel_stride = 3, .g = 1, .b = 2, .a = -1};
}

static YonosUpscaler *open_case(const Case *c, guint max_memory, GError **error)
{
    char *path = g_build_filename(folder, "m.safetensors", NULL);
    int out_width = c->out_width ? c->out_width : c->width * c->scale;
    int out_height = c->out_height ? c->out_height : c->height * c->scale;
    YonosUpscalerParams p = {path, c->device,  c->scale, SEED, rgb(c->width, c->height), rgb(out_width, out_height),
                             max_memory, 0, NULL};
    YonosUpscaler *up;

    small_model_make(path, &(SmallModel){.scale = c->scale, .seed = SEED});
    up = yonos_upscaler_new(&p, error);
    g_remove(path);
    g_free(path);
    return up;
}

/* The large frame; NULL with *error set. */
static guint8 *try_enlarge(const Case *c, YonosUpscaler *up, GError **error)
{
    gsize n = (gsize)c->width * c->height * 3;
    int out_width = c->out_width ? c->out_width : c->width * c->scale;
    int out_height = c->out_height ? c->out_height : c->height * c->scale;
    guint8 *small = g_new(guint8, n), *large = g_new0(guint8, (gsize)out_width * out_height * 3);
    YonosFrame in = {{small}, {c->width * 3}}, out = {{large}, {out_width * 3}};

    for (gsize k = 0; k < n; k++)
        small[k] = (guint8)(64 + yonos_random_bits(SEED, k) % 128);
    if (!yonos_upscaler_run(up, &in, &out, error))
        g_clear_pointer(&large, g_free);
    g_free(small);
    return large;
}

static guint8 *enlarge(const Case *c, YonosUpscaler *up)
{
    GError *error = NULL;
    guint8 *large = try_enlarge(c, up, &error);

    g_assert_no_error(error);
    return large;
}

/* Fails where a tiled frame is off by more than that. */
static void check_case(const Case *c, int tolerance)
{
    gsize n = (gsize)(c->out_width ? c->out_width : c->width * c->scale) *
              (c->out_height ? c->out_height : c->height * c->scale) * 3;
    GError *error = NULL;
    YonosUpscaler *whole = open_case(c, 0, &error), *tiled;
    guint8 *want, *got;
    int worst = 0;

    g_assert_no_error(error);
    tiled = open_case(c, c->max_memory, &error);
    g_assert_no_error(error);
    want = enlarge(c, whole);
    for (int frame = 0; frame < 2; frame++) {
        got = enlarge(c, tiled);
        for (gsize k = 0; k < n; k++)
            worst = MAX(worst, ABS(want[k] - got[k]));
        g_free(got);
    }
    g_test_message("%s x%d %dx%d to %dx%d (0: times scale) in %u MiB, seed %d: %d tiles, %.1f of %.1f MiB, off by %d",
                   c->device, c->scale, c->width, c->height, c->out_width, c->out_height, c->max_memory, SEED,
                   yonos_upscaler_tiles(tiled), (double)yonos_upscaler_memory(tiled) / 1048576,
                   (double)yonos_upscaler_memory(whole) / 1048576, worst);
    g_assert_cmpint(yonos_upscaler_tiles(whole), ==, 1);
    g_assert_cmpint(yonos_upscaler_tiles(tiled), >, 1);
    g_assert_cmpuint(yonos_upscaler_memory(tiled), <=, (gsize)c->max_memory << 20);
    g_assert_cmpint(worst, <=, tolerance);
    /* a fresh field each frame goes through the same windows */
    yonos_upscaler_set_noise(whole, YONOS_NOISE_FRESH, SEED);
    yonos_upscaler_set_noise(tiled, YONOS_NOISE_FRESH, SEED);
    g_free(want);
    want = enlarge(c, whole);
    got = enlarge(c, tiled);
    worst = 0;
    for (gsize k = 0; k < n; k++)
        worst = MAX(worst, ABS(want[k] - got[k]));
    g_assert_cmpint(worst, <=, tolerance);
    g_free(got);
    g_free(want);
    yonos_upscaler_free(whole);
    yonos_upscaler_free(tiled);
}

static void test_cpu(void)
{
    static const Case cases[] = {
        {"cpu", 2, 333, 201, 0, 0, 6},     {"cpu", 2, 333, 201, 0, 0, 9},   {"cpu", 2, 40, 600, 0, 0, 3},
        {"cpu", 4, 167, 99, 0, 0, 7},      {"cpu", 4, 401, 5, 0, 0, 2},     {"cpu", 8, 91, 83, 0, 0, 8},
        {"cpu", 2, 333, 201, 501, 333, 7}, {"cpu", 4, 167, 99, 501, 197, 7}, {"cpu", 8, 64, 64, 450, 301, 8},
    };

    for (guint k = 0; k < G_N_ELEMENTS(cases); k++)
        check_case(&cases[k], 0);
}

#ifdef HAVE_VULKAN
static void test_vulkan(void)
{
    const char *device = tested_device();
    const Case cases[] = {{device, 2, 31, 501, 0, 0, 20}, {device, 4, 201, 21, 0, 0, 20}, {device, 8, 101, 9, 500, 60, 19}};

    if (!yonos_vulkan_has_device(device)) {
        g_test_skip("no software Vulkan device");
        return;
    }
    for (guint k = 0; k < G_N_ELEMENTS(cases); k++)
        check_case(&cases[k], 1);
}

/* A driver that refuses what it said it had leads to tiles, too. */
static void test_allocation_fails(void)
{
    const Case c = {"llvmpipe", 2, 640, 360, 0, 0, 0};
    GError *error = NULL;
    YonosUpscaler *up;

    if (!yonos_vulkan_has_device(c.device)) {
        g_test_skip("no software Vulkan device");
        return;
    }
    spy_most_memory = 17 << 20;
    up = open_case(&c, 0, &error);
    spy_most_memory = 0;
    g_assert_no_error(error);
    g_test_message("%d tiles", yonos_upscaler_tiles(up));
    g_assert_cmpint(yonos_upscaler_tiles(up), >, 1);
    yonos_upscaler_free(up);
}

/* From set-up or the first or second frame, as the n-th call of a name and all later ones fail: one error that names the
 * call, or no effect; TRUE for an error. */
static gboolean fails_from(const char *call, guint n, int result)
{
    const Case c = {"llvmpipe", 2, 5, 7, 0, 0, 0};
    GError *error = NULL;
    YonosUpscaler *up;
    guint8 *large = NULL;
    gboolean failed;

    spy_fails = call;
    spy_fails_at = n;
    spy_result = result;
    up = open_case(&c, 0, &error);
    for (int frame = 0; up && !error && frame < 2; frame++) {
        g_free(large);
        large = try_enlarge(&c, up, &error);
    }
    spy_fails = NULL;
    failed = error != NULL;
    g_assert_true(failed || large);
    if (failed)
        g_test_message("%s, call %u: %s", call, n, error->message);
    g_assert_true(!failed || (error->domain == YONOS_ERROR && strstr(error->message, call)));
    if (failed && up) { /* it was the device's failure, and goes on when that does */
        g_clear_error(&error);
        large = try_enlarge(&c, up, &error);
        g_assert_no_error(error);
    }
    g_clear_error(&error);
    g_free(large);
    yonos_upscaler_free(up);
    return failed;
}

static void test_fails_anywhere(void)
{
    static const char *const calls[] = {
        "vkCreateInstance",         "vkCreateDevice",         "vkCreateBuffer",           "vkAllocateMemory",
        "vkCreateShaderModule",     "vkCreateComputePipelines", "vkCreateDescriptorPool", "vkAllocateDescriptorSets",
        "vkAllocateCommandBuffers", "vkQueueSubmit",          "vkWaitForFences",
        "vkFlushMappedMemoryRanges", "vkInvalidateMappedMemoryRanges"};

    if (!yonos_vulkan_has_device("llvmpipe")) {
        g_test_skip("no software Vulkan device");
        return;
    }
    for (guint k = 0; k < G_N_ELEMENTS(calls); k++) {
        guint n = 0, failures = 0;
        spy_transfer_queues = (k + 2) % 3;
        /* the first few, then every fifth */
        for (; fails_from(calls[k], n, k % 2 ? SPY_DEVICE_LOST : SPY_OUT_OF_HOST_MEMORY); n += n < 3 ? 1 : 5)
            failures++;
        g_test_message("%s: %u failures, up to the call %u", calls[k], failures, n);
        g_assert_cmpuint(failures, >, 0);
    }
    spy_transfer_queues = 0;
}
#endif

/* Every pixel of a side in one tile, every tile inside its window, with what it depends on or the frame's border. */
static void test_cuts(void)
{
    for (int frame = 1; frame < 140; frame++)
        for (int k = 0; k < 40; k++) {
            guint64 bits = yonos_random_bits(SEED, (guint64)frame * 64 + k);
            YonosTiling t = {frame, 1 << bits % 4, (int)(bits >> 8 & 15), (int)(bits >> 16 & 15), 0, 0};
            int most = 1 + (int)(bits >> 24 & 7), at = 0;
            if (!yonos_tiling_make(&t, most))
                g_assert_cmpint(t.window, ==, frame);
            g_assert_cmpint(t.n, <=, most);
            for (int i = 0; i < t.n; i++) {
                YonosTile tile = yonos_tiling_at(&t, i);
                gboolean whole = tile.start == at && tile.origin % t.grid == 0 && tile.end > tile.start &&
                                 tile.origin >= 0 && tile.origin + t.window <= frame &&
                                 (tile.origin == 0 || tile.start - t.before >= tile.origin) &&
                                 (tile.origin + t.window == frame || tile.end + t.after <= tile.origin + t.window);
                if (!whole)
                    g_error("frame %d grid %d before %d after %d window %d: tile %d of %d is %d to %d at %d", frame,
                            t.grid, t.before, t.after, t.window, i, t.n, tile.start, tile.end, tile.origin);
                at = tile.end;
            }
            g_assert_cmpint(at, ==, frame);
        }
}

/* Frames of 4K and 8K fit where only their smallest tiles would, and what cannot fit is refused. */
static void test_large(void)
{
    static const Case large[] = {{"cpu", 2, 1920, 1080, 0, 0, 64}, {"cpu", 4, 1920, 1080, 0, 0, 64},
                                 {"cpu", 8, 2048, 2048, 0, 0, 64}, {"cpu", 2, 8192, 16, 0, 0, 8}};
    GError *error = NULL;

    for (guint k = 0; k < G_N_ELEMENTS(large); k++) {
        YonosUpscaler *up = open_case(&large[k], large[k].max_memory, &error);
        g_assert_no_error(error);
        g_test_message("x%d %dx%d: %d tiles, %.1f MiB", large[k].scale, large[k].width, large[k].height,
                       yonos_upscaler_tiles(up), (double)yonos_upscaler_memory(up) / 1048576);
        g_assert_cmpuint(yonos_upscaler_memory(up), <=, (gsize)large[k].max_memory << 20);
        yonos_upscaler_free(up);
    }
    g_assert_null(open_case(&(Case){"cpu", 2, 1920, 1080, 0, 0, 1}, 1, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY);
    g_assert_nonnull(strstr(error->message, "max-memory"));
    g_error_free(error);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("yonos-tiles-XXXXXX", NULL);
    g_test_add_func("/tiles/cuts", test_cuts);
    g_test_add_func("/tiles/large", test_large);
    g_test_add_func("/tiles/cpu", test_cpu);
#ifdef HAVE_VULKAN
    g_test_add_func("/tiles/vulkan", test_vulkan);
    g_test_add_func("/tiles/allocation-fails", test_allocation_fails);
    g_test_add_func("/tiles/fails-anywhere", test_fails_anywhere);
#endif
    status = g_test_run();
    g_rmdir(folder);
    g_free(folder);
    return status;
}
