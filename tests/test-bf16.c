/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole networks on a CPU that multiplies bf16: near the same in fp32, at odd sizes and in tiles, and said so. */
#include "base/random.h"
#include "cpu/cpu-executor.h"
#include "small-model.h"
#include "upscaler.h"

#include <dlfcn.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#ifdef HAVE_ONEDNN
#include <dnnl.h>
#endif

#define SEED 20261128

static char *path;
static gboolean spy_skips_bf16;

#ifdef HAVE_ONEDNN
/* In the library's place: convolutions in bf16 may do nothing. */
dnnl_status_t dnnl_primitive_execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int n,
                                     const dnnl_exec_arg_t *args)
{
    dnnl_status_t (*real)(const_dnnl_primitive_t, dnnl_stream_t, int, const dnnl_exec_arg_t *);
    const_dnnl_primitive_desc_t desc;
    const char *name = "";

    *(void **)&real = dlsym(RTLD_NEXT, "dnnl_primitive_execute");
    dnnl_primitive_get_primitive_desc(primitive, &desc);
    dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name);
    return spy_skips_bf16 && strstr(name, "bf16") ? dnnl_success : real(primitive, stream, n, args);
}
#endif

typedef struct {
    guint8 *pixels;
    int tiles;
} Large;

/* A frame of noise on the CPU; `precision`: NULL, what it does by itself. */
static Large enlarge(const char *precision, int scale, int width, int height, guint max_memory)
{
    int row = width * 3, large_row = row * scale;
    YonosFrameFormat rgb = {.width = width, .height = height, .pixel_stride = 3, .g = 1, .b = 2, .a = -1};
    YonosUpscalerParams p = {path, "cpu", scale, SEED, rgb, rgb, max_memory, 0, NULL};
    guint8 *small = g_new(guint8, (gsize)row * height);
    Large large = {g_new(guint8, (gsize)large_row * height * scale), 0};
    YonosFrame in = {{small}, {row}}, out = {{large.pixels}, {large_row}};
    YonosUpscaler *up;
    GError *error = NULL;

    for (int k = 0; k < row * height; k++)
        small[k] = (guint8)(64 + yonos_random_bits(SEED, k) % 128);
    p.out.width *= scale;
    p.out.height *= scale;
    if (precision)
        g_setenv("YONOS_PRECISION", precision, TRUE);
    up = yonos_upscaler_new(&p, &error);
    g_unsetenv("YONOS_PRECISION");
    g_assert_no_error(error);
    g_assert_cmpstr(yonos_upscaler_device_info(up)->precision, ==, precision ? precision : "bf16");
    yonos_upscaler_run(up, &in, &out, &error);
    g_assert_no_error(error);
    large.tiles = yonos_upscaler_tiles(up);
    yonos_upscaler_free(up);
    g_free(small);
    return large;
}

/* How far b is from a. */
static double psnr(const guint8 *a, const guint8 *b, gsize n)
{
    double sum = 0;

    for (gsize k = 0; k < n; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sum > 0 ? 10 * log10(255.0 * 255.0 * (double)n / sum) : INFINITY;
}

static void check(int scale, int width, int height)
{
    Large single = enlarge("fp32", scale, width, height, 0), own = enlarge(NULL, scale, width, height, 0);
    gsize n = (gsize)width * height * 3 * scale * scale;
    double near = psnr(single.pixels, own.pixels, n);

    g_test_message("x%d %dx%d seed %d: %.1f dB from fp32", scale, width, height, SEED, near);
    g_assert_cmpfloat(near, >=, 45);
    g_assert_false(width > 1 && isinf(near)); /* then it was no bf16 */
    g_free(single.pixels);
    g_free(own.pixels);
}

static gboolean skipped(void)
{
    if (yonos_cpu_fastest() == YONOS_CPU_BF16)
        return FALSE;
    g_test_skip("no bf16 on this CPU");
    return TRUE;
}

static void test_near_single(void)
{
    for (int scale = 2; scale <= 8 && !skipped(); scale *= 2) {
        small_model_write(path, scale, SEED);
        check(scale, 1, 1);
        check(scale, 5, 7);
        check(scale, 33, 17);
        check(scale, 64, 36);
    }
}

static void test_tiles(void)
{
    Large whole, tiled;

    if (skipped())
        return;
    small_model_write(path, 2, SEED);
    whole = enlarge(NULL, 2, 330, 214, 0);
    tiled = enlarge(NULL, 2, 330, 214, 12);
    g_assert_cmpint(whole.tiles, ==, 1);
    g_assert_cmpint(tiled.tiles, >, 1);
    g_assert_cmpmem(tiled.pixels, 330 * 214 * 12, whole.pixels, 330 * 214 * 12);
    g_free(whole.pixels);
    g_free(tiled.pixels);
}

/* bf16 kernels that are wrong are found before the first frame. */
static void test_trust(void)
{
    YonosFrameFormat rgb = {.width = 5, .height = 7, .pixel_stride = 3, .g = 1, .b = 2, .a = -1};
    YonosUpscalerParams p = {path, "cpu", 2, SEED, rgb, rgb, 0, 0, NULL};
    GError *error = NULL;
    YonosUpscaler *up;

    if (skipped())
        return;
    small_model_write(path, 2, SEED);
    p.out.width = 10;
    p.out.height = 14;
    spy_skips_bf16 = TRUE;
    up = yonos_upscaler_new(&p, &error);
    spy_skips_bf16 = FALSE;
    g_assert_no_error(error);
    g_assert_cmpstr(yonos_upscaler_device_info(up)->precision, ==, "fp32");
    g_assert_nonnull(strstr(yonos_upscaler_note(up), "bf16, so fp32 is used"));
    yonos_upscaler_free(up);
    up = yonos_upscaler_new(&p, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(yonos_upscaler_device_info(up)->precision, ==, "bf16");
    g_assert_null(yonos_upscaler_note(up));
    yonos_upscaler_free(up);
}

int main(int argc, char **argv)
{
    char *folder;
    int status;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("yonos-bf16-XXXXXX", NULL);
    path = g_build_filename(folder, "model.safetensors", NULL);
    g_test_add_func("/bf16/near-single", test_near_single);
    g_test_add_func("/bf16/tiles", test_tiles);
    g_test_add_func("/bf16/trust", test_trust);
    status = g_test_run();
    g_remove(path);
    g_rmdir(folder);
    g_free(path);
    g_free(folder);
    return status;
}
