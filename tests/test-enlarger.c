/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who asks `yonos-train evaluate` for a device gets figures of that device, or a sentence and none. */
#include "base/error.h"
#include "base/random.h"
#include "enlarger.h"
#include "small-model.h"
#ifdef HAVE_VULKAN
#include "vulkan-spy.h"
#include "vulkan/vulkan-executor.h"
#endif

#include <glib/gstdio.h>
#include <string.h>

#define SEED 20261128
#define WIDTH 9
#define HEIGHT 7
#define SOFTWARE "llvmpipe"

static char *model;

/* The large picture; one of no data with *error set. */
static YonosPicture enlarge(const char *device, GError **error)
{
    YonosEnlarger *e = yonos_enlarger_model(model, device, error);
    YonosPicture small = yonos_picture_new(WIDTH, HEIGHT), large = yonos_picture_new(2 * WIDTH, 2 * HEIGHT);

    for (gsize k = 0; k < WIDTH * HEIGHT * 3; k++)
        small.rgb[k] = (guint8)(64 + yonos_random_bits(SEED, k) % 128);
    if (!e || !e->run(e, &small, &large, error))
        yonos_picture_clear(&large);
    yonos_enlarger_free(e);
    yonos_picture_clear(&small);
    return large;
}

static void check_runs(const char *device)
{
    GError *error = NULL;
    YonosPicture want = enlarge("cpu", NULL), got = enlarge(device, &error);

    g_test_message("device '%s' seed %d", device, SEED);
    g_assert_no_error(error);
    for (gsize k = 0; k < WIDTH * HEIGHT * 12; k++)
        g_assert_cmpint(ABS(want.rgb[k] - got.rgb[k]), <=, 1);
    yonos_picture_clear(&want);
    yonos_picture_clear(&got);
}

static void check_fails(const char *device, const char *expected)
{
    GError *error = NULL;
    YonosPicture large = enlarge(device, &error);

    g_assert_null(large.rgb);
    g_test_message("device '%s': %s", device, error->message);
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_NO_DEVICE);
    g_assert_nonnull(strstr(error->message, expected));
    g_error_free(error);
}

static void test_cpu(void)
{
    check_runs("cpu");
    check_runs("CPU");
    check_runs("auto");
}

static void test_absent(void)
{
    check_fails("nonsense", "'nonsense'");
#ifdef HAVE_VULKAN
    if (yonos_vulkan_has_device(NULL)) {
        g_test_skip("there is a GPU");
        return;
    }
#endif
    check_fails("gpu", "There is no GPU");
}

#ifdef HAVE_VULKAN
static void test_gpu(void)
{
    if (yonos_vulkan_has_device(NULL) || !yonos_vulkan_has_device(SOFTWARE)) {
        g_test_skip("no software Vulkan device, or a GPU too");
        return;
    }
    spy_pretends_gpu = TRUE;
    check_runs("gpu");
    spy_fails = "vkAllocateMemory";
    spy_result = SPY_OUT_OF_DEVICE_MEMORY;
    check_fails("gpu", "too little memory");
    spy_fails = NULL;
    g_setenv("YONOS_SELF_CHECK", "always", TRUE);
    spy_skips_all = TRUE;
    check_fails("gpu", "where");
    check_fails(SOFTWARE, "where");
    spy_skips_all = spy_pretends_gpu = FALSE;
    check_runs(SOFTWARE);
}
#endif

int main(int argc, char **argv)
{
    char *folder = g_dir_make_tmp("yonos-enlarger-XXXXXX", NULL);
    int status;

    g_test_init(&argc, &argv, NULL);
    model = g_build_filename(folder, "m.safetensors", NULL);
    small_model_write(model, 2, SEED);
    g_test_add_func("/enlarger/cpu", test_cpu);
    g_test_add_func("/enlarger/absent", test_absent);
#ifdef HAVE_VULKAN
    g_test_add_func("/enlarger/gpu", test_gpu);
#endif
    status = g_test_run();
    g_remove(model);
    g_rmdir(folder);
    g_free(model);
    g_free(folder);
    return status;
}
