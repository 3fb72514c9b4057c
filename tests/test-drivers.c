/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What drivers of real devices do and the software one does not: clocks of few bits that begin again, mapped memory
 * that is not coherent, storage buffers of a limited range, few buffers for a shader, limited time for a submission. */
#include "base/error.h"
#include "base/random.h"
#include "small-model.h"
#include "tested-device.h"
#include "upscaler.h"
#include "vulkan-spy.h"
#include "vulkan/vulkan-executor.h"

#define SEED 20261130
#define WIDTH 21
#define HEIGHT 13
#define SCALE 2

static char *model;

static YonosFrameFormat rgb(int width, int height)
{
    return (YonosFrameFormat){.width = width, .height = height, .pixel_stride = 3, .g = 1, .b = 2, .a = -1};
}

static YonosUpscaler *opened(int width, int height, GError **error)
{
    YonosUpscalerParams p = {.model = model,
                             .device = "llvmpipe",
                             .scale = SCALE,
                             .seed = SEED,
                             .in = rgb(width, height),
                             .out = rgb(width * SCALE, height * SCALE)};

    return yonos_upscaler_new(&p, error);
}

static gsize large_size(void)
{
    return (gsize)3 * WIDTH * HEIGHT * SCALE * SCALE;
}

static guint8 *enlarge(YonosUpscaler *up)
{
    guint8 small[3 * WIDTH * HEIGHT], *large = g_new0(guint8, large_size());
    YonosFrame in = {{small}, {3 * WIDTH}}, out = {{large}, {3 * WIDTH * SCALE}};
    GError *error = NULL;

    for (gsize k = 0; k < sizeof small; k++)
        small[k] = (guint8)yonos_random_bits(SEED, k);
    yonos_upscaler_run(up, &in, &out, &error);
    g_assert_no_error(error);
    return large;
}

/* The same two frames as without the driver's ways, which `check` looks at once they are made. */
static void check_frames(void (*check)(const YonosUpscaler *up))
{
    static guint8 *want;
    GError *error = NULL;
    YonosUpscaler *up;

    spy_sent = 0;
    up = opened(WIDTH, HEIGHT, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(spy_sent, >, 0); /* weights */
    spy_sent = spy_received = spy_submitted = 0;
    for (int frame = 0; frame < 2; frame++) {
        guint8 *got = enlarge(up);
        if (want)
            g_assert_cmpmem(got, large_size(), want, large_size());
        if (want)
            g_free(got);
        else
            want = got;
    }
    if (check)
        check(up);
    yonos_upscaler_free(up);
}

static void test_plain(void)
{
    check_frames(NULL);
}

static void check_times(const YonosUpscaler *up)
{
    const YonosUpscalerTimes *times = yonos_upscaler_times(up);
    double most = (1 << spy_clock_bits) * 1e-9; /* the driver's ticks are nanoseconds */

    g_test_message("upload %g, device %g, download %g s", times->upload, times->device, times->download);
    g_assert_true(times->device > 0 && times->device < most);
    g_assert_true(times->upload < most && times->download < most);
}

static void test_clock(void)
{
    spy_clock_bits = 12; /* a network takes longer, so it begins again */
    check_frames(check_times);
    spy_clock_bits = 0;
}

static void check_handed_over(G_GNUC_UNUSED const YonosUpscaler *up)
{
    g_assert_cmpuint(spy_sent, >=, 2);
    g_assert_cmpuint(spy_received, >=, 2);
}

static void test_not_coherent(void)
{
    spy_hides_coherent = TRUE;
    check_frames(check_handed_over);
    spy_hides_coherent = FALSE;
}

static void check_submissions(const YonosUpscaler *up)
{
    g_test_message("%u submissions of two frames on %s", spy_submitted, yonos_upscaler_device(up));
    g_assert_cmpuint(spy_submitted, >, 2 * 20); /* convolutions */
}

static void test_submissions(void)
{
    for (spy_transfer_queues = 0; spy_transfer_queues <= 2; spy_transfer_queues++) {
        g_setenv("YONOS_SUBMISSION", "0", TRUE);
        check_frames(check_submissions);
        g_unsetenv("YONOS_SUBMISSION");
    }
    spy_transfer_queues = 0;
}

/* What is too large for one piece is told before anything is recorded, and leads to tiles. */
static void test_range(void)
{
    GError *error = NULL;
    YonosUpscaler *up;

    spy_most_range = 5 << 20;
    up = opened(640, 360, &error);
    g_assert_no_error(error);
    g_test_message("%d tiles", yonos_upscaler_tiles(up));
    g_assert_cmpint(yonos_upscaler_tiles(up), >, 1);
    yonos_upscaler_free(up);
    spy_most_range = 0;
}

static void test_few_buffers(void)
{
    GError *error = NULL;

    spy_most_buffers = 4;
    g_assert_false(yonos_vulkan_has_device("llvmpipe"));
    g_assert_null(opened(WIDTH, HEIGHT, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_NO_DEVICE);
    g_error_free(error);
    spy_most_buffers = 0;
}

int main(int argc, char **argv)
{
    char *cache = tested_cache_new();
    int status;

    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    if (!yonos_vulkan_has_device("llvmpipe"))
        return 77;
    model = small_model_new(SCALE, SEED);
    g_test_add_func("/drivers/plain", test_plain);
    g_test_add_func("/drivers/clock", test_clock);
    g_test_add_func("/drivers/not-coherent", test_not_coherent);
    g_test_add_func("/drivers/submissions", test_submissions);
    g_test_add_func("/drivers/range", test_range);
    g_test_add_func("/drivers/few-buffers", test_few_buffers);
    status = g_test_run();
    small_model_remove(model);
    tested_cache_free(cache);
    return status;
}
