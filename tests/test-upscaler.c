/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The upscaler as a whole: which device it takes, and what it says where a device is missing, fails or is lost; Vulkan
 * against the CPU over the whole network; the validation layers over the same; noise and fidelity. */
#include "base/error.h"
#include "base/random.h"
#include "small-model.h"
#include "upscaler.h"
#ifdef HAVE_VULKAN
#include "tested-device.h"
#include "vulkan-spy.h"
#include "vulkan/vulkan-executor.h"
#endif

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define SEED 20261123
#define SOFTWARE "llvmpipe"

static char *folder;

static char *model_path(int scale)
{
    char *name = g_strdup_printf("x%d.safetensors", scale), *path = g_build_filename(folder, name, NULL);

    g_free(name);
    return path;
}

static YonosFrameFormat rgb(int width, int height)
{
    return (YonosFrameFormat){.width = width, .height = height, .pixel_stride = 3, .g = 1, .b = 2, .a = -1};
}

static YonosUpscaler *open_upscaler(const char *device, int scale, int width, int height, GError **error)
{
    char *path = model_path(scale);
    YonosUpscalerParams p = {path, device, scale, SEED, rgb(width, height), rgb(width * scale, height * scale), 0, 0,
                             NULL};
    YonosUpscaler *up = yonos_upscaler_new(&p, error);

    g_free(path);
    return up;
}

/* Enlarges a frame of noise; the result is to be freed, NULL with *error set after a failure. */
static guint8 *enlarge(YonosUpscaler *up, int scale, int width, int height, GError **error)
{
    gsize n = (gsize)width * height * 3;
    guint8 *small = g_new(guint8, n), *large = g_new(guint8, n * scale * scale);
    YonosFrame in = {{small}, {width * 3}}, out = {{large}, {width * scale * 3}};

    for (gsize k = 0; k < n; k++)
        small[k] = (guint8)(64 + yonos_random_bits(SEED, k) % 128);
    if (!yonos_upscaler_run(up, &in, &out, error))
        g_clear_pointer(&large, g_free);
    g_free(small);
    return large;
}

/* Fails unless the device is refused with that code and text. */
static void check_refused(const char *device, int code, const char *text)
{
    GError *error = NULL;

    g_assert_null(open_upscaler(device, 2, 5, 7, &error));
    g_test_message("device '%s': %s", device, error->message);
    g_assert_error(error, YONOS_ERROR, code);
    g_assert_nonnull(strstr(error->message, text));
    g_error_free(error);
}

/* Fails unless `asked` gives this device, with a note or without. */
static void check_device(const char *asked, const char *expected, const char *note)
{
    GError *error = NULL;
    YonosUpscaler *up = open_upscaler(asked, 2, 5, 7, &error);
    guint8 *large;

    g_assert_no_error(error);
    g_test_message("device '%s': %s, %s", asked, yonos_upscaler_device(up), yonos_upscaler_note(up));
    g_assert_nonnull(strstr(yonos_upscaler_device(up), expected));
    if (note)
        g_assert_nonnull(strstr(yonos_upscaler_note(up), note));
    else
        g_assert_null(yonos_upscaler_note(up));
    large = enlarge(up, 2, 5, 7, &error);
    g_assert_no_error(error);
    g_free(large);
    yonos_upscaler_free(up);
}

static void test_devices(void)
{
    check_device("cpu", "CPU", NULL);
    check_device("CPU", "CPU", NULL);
    check_refused("99", YONOS_ERROR_NO_DEVICE, "auto or");
    check_refused("nonsense", YONOS_ERROR_NO_DEVICE, "'nonsense'");
    check_refused("", YONOS_ERROR_NO_DEVICE, "''");
    g_setenv("YONOS_PRECISION", "fp8", TRUE);
    check_refused("cpu", YONOS_ERROR_UNSUPPORTED, "YONOS_PRECISION");
    g_unsetenv("YONOS_PRECISION");
}

typedef struct {
    const char *name, *device;
} Device;

static const Device devices[] = {
    {"cpu", "cpu"},
#ifdef HAVE_VULKAN
    {"vulkan", SOFTWARE},
#endif
};

static gboolean absent(const char *device)
{
    gboolean is_there = !strcmp(device, "cpu");

#ifdef HAVE_VULKAN
    is_there = is_there || yonos_vulkan_has_device(device);
#endif
    if (!is_there)
        g_test_skip("no software Vulkan device");
    return !is_there;
}

#define WIDTH 17
#define HEIGHT 9
#define LARGE (WIDTH * HEIGHT * 12) /* bytes at x2 */

/* The next frame with this noise, the picture always the same. */
static guint8 *with_noise(YonosUpscaler *up, YonosNoise noise, guint64 seed)
{
    GError *error = NULL;
    guint8 *large;

    yonos_upscaler_set_noise(up, noise, seed);
    large = enlarge(up, 2, WIDTH, HEIGHT, &error);
    g_assert_no_error(error);
    return large;
}

static void check_same(guint8 *a, const guint8 *b, gboolean same)
{
    g_assert_true((memcmp(a, b, LARGE) == 0) == same);
    g_free(a);
}

static void test_noise(gconstpointer data)
{
    const char *device = ((const Device *)data)->device;
    YonosUpscaler *up, *again;
    GError *error = NULL;
    guint8 *first, *fresh;

    if (absent(device))
        return;
    g_test_message("%s seed %d", device, SEED);
    up = open_upscaler(device, 2, WIDTH, HEIGHT, &error);
    g_assert_no_error(error);
    again = open_upscaler(device, 2, WIDTH, HEIGHT, &error);
    g_assert_no_error(error);
    first = enlarge(up, 2, WIDTH, HEIGHT, &error);
    for (int frame = 0; frame < 4; frame++)
        check_same(with_noise(up, YONOS_NOISE_FIXED, SEED), first, TRUE);
    check_same(with_noise(up, YONOS_NOISE_FIXED, SEED + 1), first, FALSE);
    fresh = with_noise(up, YONOS_NOISE_FRESH, SEED);
    check_same(with_noise(again, YONOS_NOISE_FRESH, SEED), fresh, TRUE);
    check_same(with_noise(up, YONOS_NOISE_FRESH, SEED), fresh, FALSE);
    check_same(with_noise(again, YONOS_NOISE_FRESH, SEED + 1), fresh, FALSE);
    check_same(with_noise(up, YONOS_NOISE_FIXED, SEED), first, TRUE);
    g_free(first);
    g_free(fresh);
    yonos_upscaler_free(up);
    yonos_upscaler_free(again);
}

static YonosUpscaler *open_model(const char *device, const SmallModel *model)
{
    char *path = g_build_filename(folder, "m.safetensors", NULL);
    YonosUpscalerParams p = {path, device, 2, SEED, rgb(WIDTH, HEIGHT), rgb(WIDTH * 2, HEIGHT * 2), 0, 0, NULL};
    GError *error = NULL;
    YonosUpscaler *up;

    small_model_make(path, model);
    up = yonos_upscaler_new(&p, &error);
    g_assert_no_error(error);
    g_remove(path);
    g_free(path);
    return up;
}

/* Zeros are what a network sees that does not listen to its noise. */
static void test_no_noise(gconstpointer data)
{
    const char *device = ((const Device *)data)->device;
    YonosUpscaler *deaf, *up;
    guint8 *none;

    if (absent(device))
        return;
    deaf = open_model(device, &(SmallModel){.scale = 2, .seed = SEED, .deaf = TRUE});
    up = open_model(device, &(SmallModel){.scale = 2, .seed = SEED});
    none = with_noise(up, YONOS_NOISE_NONE, SEED);
    check_same(with_noise(deaf, YONOS_NOISE_FIXED, SEED), none, TRUE);
    check_same(with_noise(deaf, YONOS_NOISE_FRESH, SEED), none, TRUE);
    check_same(with_noise(up, YONOS_NOISE_FIXED, SEED), none, FALSE);
    g_free(none);
    yonos_upscaler_free(up);
    yonos_upscaler_free(deaf);
}

static guint8 *with_fidelity(YonosUpscaler *up, float fidelity)
{
    yonos_upscaler_set_fidelity(up, fidelity);
    return with_noise(up, YONOS_NOISE_FIXED, SEED);
}

/* What a model makes whose one decoder has that share of the second. */
static guint8 *of_one_decoder(const char *device, float second)
{
    YonosUpscaler *up = open_model(device, &(SmallModel){.scale = 2, .seed = SEED, .second = second});
    guint8 *large = with_fidelity(up, 1);

    g_assert_false(yonos_upscaler_has_perceptual(up));
    check_same(with_fidelity(up, 0), large, TRUE);
    yonos_upscaler_free(up);
    return large;
}

/* Up to the rounding of the weights. */
static void check_near(guint8 *a, const guint8 *b)
{
    for (int k = 0; k < LARGE; k++)
        g_assert_cmpint(ABS(a[k] - b[k]), <=, 1);
    g_free(a);
}

static void test_fidelity(gconstpointer data)
{
    const char *device = ((const Device *)data)->device;
    SmallModel model = {.scale = 2, .seed = SEED, .perceptual = TRUE};
    guint8 *first, *second, *mean;
    YonosUpscaler *up;

    if (absent(device))
        return;
    g_test_message("%s seed %d", device, SEED);
    first = of_one_decoder(device, 0);
    second = of_one_decoder(device, 1);
    mean = of_one_decoder(device, 0.5f);
    up = open_model(device, &model);
    g_assert_true(yonos_upscaler_has_perceptual(up));
    check_same(with_noise(up, YONOS_NOISE_FIXED, SEED), first, TRUE);
    check_same(with_fidelity(up, 0), second, TRUE);
    check_near(with_fidelity(up, 0.5f), mean);
    check_same(with_fidelity(up, 0.25f), mean, FALSE);
    check_same(with_fidelity(up, 1), first, TRUE);
    check_same(with_fidelity(up, 0), first, FALSE);
    check_same(with_fidelity(up, -1), first, TRUE);
    yonos_upscaler_free(up);
    model.fidelity = "0.5";
    up = open_model(device, &model);
    check_near(with_noise(up, YONOS_NOISE_FIXED, SEED), mean);
    check_same(with_fidelity(up, 1), first, TRUE);
    check_near(with_fidelity(up, -1), mean);
    yonos_upscaler_free(up);
    g_free(first);
    g_free(second);
    g_free(mean);
}

static void test_sizes(void)
{
    static const int sizes[][4] = {{0, 1, 0, 2}, {1, 0, 2, 0}, {1, -1, 2, -2}, {3, 3, 6, 7}, {16384, 1, 32768, 2}};
    char *path = model_path(2);

    for (guint k = 0; k < G_N_ELEMENTS(sizes); k++) {
        YonosUpscalerParams p = {path, "cpu", 2, SEED, rgb(sizes[k][0], sizes[k][1]), rgb(sizes[k][2], sizes[k][3]),
                                 0, 0, NULL};
        GError *error = NULL;
        g_assert_null(yonos_upscaler_new(&p, &error));
        g_assert_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED);
        g_clear_error(&error);
        p.scale = 0;
        g_assert_null(yonos_upscaler_new(&p, &error));
        g_assert_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED);
        g_error_free(error);
    }
    g_free(path);
}

#ifdef HAVE_VULKAN

static guint8 *enlarge_on(const char *device, int scale, int width, int height)
{
    GError *error = NULL;
    YonosUpscaler *up = open_upscaler(device, scale, width, height, &error);
    guint8 *large;

    g_assert_no_error(error);
    large = enlarge(up, scale, width, height, &error);
    g_assert_no_error(error);
    yonos_upscaler_free(up);
    return large;
}

static gboolean skipped(void)
{
    return absent(tested_device());
}

static void test_vulkan_devices(void)
{
    gboolean gpu = yonos_vulkan_has_device(NULL);

    if (absent(SOFTWARE))
        return;
    check_device("LLVMpipe", SOFTWARE, NULL);
    check_refused("nonsense", YONOS_ERROR_NO_DEVICE, SOFTWARE);
    check_refused("99", YONOS_ERROR_NO_DEVICE, SOFTWARE);
    if (gpu)
        return; /* which the rest would run on */
    check_device("auto", "CPU", NULL);
    check_device("0", SOFTWARE, NULL);
    spy_pretends_gpu = TRUE;
    check_device("auto", SOFTWARE, NULL);
    spy_pretends_gpu = FALSE;
}

static void test_precision(void)
{
    const int width = 9, height = 6;
    gsize n = (gsize)width * height * 12;
    guint8 *single, *half, *real;

    if (absent(SOFTWARE))
        return;
    g_setenv("YONOS_TILE", "1", TRUE); /* else a GPU's sums are in another order */
    single = enlarge_on(SOFTWARE, 2, width, height);
    spy_pretends_gpu = TRUE;
    real = enlarge_on(SOFTWARE, 2, width, height);
    g_setenv("YONOS_PRECISION", "fp32", TRUE);
    half = enlarge_on(SOFTWARE, 2, width, height);
    g_assert_cmpmem(half, n, single, n);
    g_free(half);
    spy_pretends_gpu = FALSE;
    g_setenv("YONOS_PRECISION", "fp16", TRUE);
    half = enlarge_on(SOFTWARE, 2, width, height);
    g_unsetenv("YONOS_PRECISION");
    g_unsetenv("YONOS_TILE");
    g_assert_cmpmem(half, n, real, n);
    g_assert_true(memcmp(half, single, n));
    g_free(single);
    g_free(half);
    g_free(real);
}

static void test_set_up_fails(void)
{
    if (absent(SOFTWARE))
        return;
    spy_fails = "vkAllocateMemory";
    spy_result = SPY_OUT_OF_DEVICE_MEMORY;
    check_refused(SOFTWARE, YONOS_ERROR_MEMORY, "use smaller frames");
    spy_pretends_gpu = TRUE;
    check_device("auto", "CPU", "use smaller frames");
    spy_fails = "vkCreateDevice";
    spy_result = SPY_OUT_OF_HOST_MEMORY;
    check_refused(SOFTWARE, YONOS_ERROR_MEMORY, "use smaller frames");
    spy_fails = "vkQueueSubmit";
    spy_result = SPY_DEVICE_LOST;
    check_refused(SOFTWARE, YONOS_ERROR_DEVICE, "was lost");
    check_device("auto", "CPU", "was lost");
    spy_fails = "vkCreateInstance";
    spy_result = SPY_INCOMPATIBLE_DRIVER;
    check_refused(SOFTWARE, YONOS_ERROR_NO_DEVICE, "only the CPU");
    check_device("auto", "CPU", NULL);
    spy_pretends_gpu = FALSE;
    spy_fails = NULL;
    check_device(SOFTWARE, SOFTWARE, NULL);
}

static void test_run_fails(void)
{
    static const struct {
        const char *call;
        int result, code;
    } faults[] = {{"vkQueueSubmit", SPY_DEVICE_LOST, YONOS_ERROR_DEVICE},
                  {"vkWaitForFences", SPY_DEVICE_LOST, YONOS_ERROR_DEVICE},
                  {"vkQueueSubmit", SPY_OUT_OF_DEVICE_MEMORY, YONOS_ERROR_MEMORY},
                  {"vkQueueSubmit", SPY_OUT_OF_HOST_MEMORY, YONOS_ERROR_MEMORY}};

    for (guint k = 0; k < G_N_ELEMENTS(faults); k++) {
        GError *error = NULL;
        YonosUpscaler *up;
        if (absent(SOFTWARE))
            return;
        up = open_upscaler(SOFTWARE, 2, 5, 7, &error);
        g_assert_no_error(error);
        spy_fails = faults[k].call;
        spy_result = faults[k].result;
        g_assert_null(enlarge(up, 2, 5, 7, &error));
        g_test_message("%s", error->message);
        g_assert_error(error, YONOS_ERROR, faults[k].code);
        g_assert_nonnull(strstr(error->message, faults[k].call));
        g_assert_nonnull(strstr(error->message, faults[k].code == YONOS_ERROR_DEVICE ? "start again" : "smaller"));
        spy_fails = NULL;
        g_error_free(error);
        yonos_upscaler_free(up);
    }
}

typedef struct {
    int scale;
    const char *precision;
} Run;

static const Run runs[] = {{2, "fp32"}, {4, "fp32"}, {8, "fp32"}, {2, "fp16"}, {4, "fp16"}, {8, "fp16"}};

/* fp32 may round to the neighbouring code; fp16 must reach 45 dB. */
static void check_like_cpu(const Run *run, int width, int height)
{
    gsize n = (gsize)width * height * run->scale * run->scale * 3, clipped = 0;
    guint8 *want, *got;
    int worst = 0;
    double sum = 0, psnr;

    g_setenv("YONOS_PRECISION", "fp32", TRUE);
    want = enlarge_on("cpu", run->scale, width, height);
    g_setenv("YONOS_PRECISION", run->precision, TRUE);
    got = enlarge_on(tested_device(), run->scale, width, height);
    g_unsetenv("YONOS_PRECISION");
    for (gsize k = 0; k < n; k++) {
        worst = MAX(worst, ABS(want[k] - got[k]));
        sum += (want[k] - got[k]) * (want[k] - got[k]);
        clipped += want[k] == 0 || want[k] == 255;
    }
    psnr = sum > 0 ? 10 * log10(255.0 * 255.0 * (double)n / sum) : INFINITY;
    g_test_message("x%d %dx%d %s seed %d: off by at most %d, %.1f dB; %.1f%% clipped", run->scale, width, height,
                   run->precision, SEED, worst, psnr, 100.0 * (double)clipped / (double)n);
    g_assert_cmpint((int)(clipped * 10 / n), ==, 0);
    if (!strcmp(run->precision, "fp32"))
        g_assert_cmpint(worst, <=, 1);
    else
        g_assert_cmpfloat(psnr, >=, 45);
    g_free(want);
    g_free(got);
}

static void test_like_cpu(gconstpointer data)
{
    if (skipped())
        return;
    check_like_cpu(data, 1, 1);
    check_like_cpu(data, 5, 7);
    check_like_cpu(data, 33, 17);
    check_like_cpu(data, 64, 36);
}

static void test_makes_nothing(void)
{
    GError *error = NULL;
    YonosUpscaler *up;
    guint before;

    if (skipped())
        return;
    before = spy_made;
    up = open_upscaler(tested_device(), 4, 17, 9, &error);
    g_assert_no_error(error);
    g_test_message("%u Vulkan objects for set-up", spy_made - before);
    g_assert_cmpuint(spy_made - before, >, 10);
    before = spy_made;
    for (int k = 0; k < 3; k++)
        g_free(enlarge(up, 4, 17, 9, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(spy_made, ==, before);
    yonos_upscaler_free(up);
}

static GString *printed;

static void keep(const char *text)
{
    g_string_append(printed, text);
}

/* What the validation layers print over the whole life of an upscaler. */
static GString *validate(const Run *run)
{
    GPrintFunc old = g_set_printerr_handler(keep);

    printed = g_string_new(NULL);
    g_setenv("YONOS_VULKAN_VALIDATE", "1", TRUE);
    /* newer layers look at storage buffers only when told to */
    g_setenv("VK_KHRONOS_VALIDATION_SYNCVAL_SHADER_ACCESSES_HEURISTIC", "true", TRUE);
    g_setenv("YONOS_PRECISION", run->precision, TRUE);
    g_free(enlarge_on(tested_device(), run->scale, 17, 9));
    g_unsetenv("YONOS_PRECISION");
    g_unsetenv("YONOS_VULKAN_VALIDATE");
    g_set_printerr_handler(old);
    return printed;
}

static gboolean no_layer(void)
{
    if (spy_has_validation_layer())
        return FALSE;
    g_test_skip("the Vulkan validation layers are not installed");
    return TRUE;
}

static void test_valid(gconstpointer data)
{
    if (skipped() || no_layer())
        return;
    g_assert_cmpstr(validate(data)->str, ==, "");
    g_string_free(printed, TRUE);
}

static void test_validation_sees(void)
{
    if (skipped() || no_layer())
        return;
    spy_drops_barriers = TRUE;
    g_assert_nonnull(strstr(validate(&runs[0])->str, "SYNC-HAZARD"));
    spy_drops_barriers = FALSE;
    g_string_free(printed, TRUE);
}

static void add_vulkan_tests(void)
{
    g_test_add_func("/upscaler/vulkan-devices", test_vulkan_devices);
    g_test_add_func("/upscaler/precision", test_precision);
    g_test_add_func("/upscaler/set-up-fails", test_set_up_fails);
    g_test_add_func("/upscaler/run-fails", test_run_fails);
    g_test_add_func("/upscaler/makes-nothing", test_makes_nothing);
    g_test_add_func("/upscaler/validation/sees", test_validation_sees);
    for (guint k = 0; k < G_N_ELEMENTS(runs); k++) {
        char *like = g_strdup_printf("/upscaler/like-cpu/x%d-%s", runs[k].scale, runs[k].precision);
        char *valid = g_strdup_printf("/upscaler/validation/x%d-%s", runs[k].scale, runs[k].precision);
        g_test_add_data_func(like, &runs[k], test_like_cpu);
        if (runs[k].scale < 8)
            g_test_add_data_func(valid, &runs[k], test_valid);
        g_free(like);
        g_free(valid);
    }
}
#endif

static void add_test(const char *name, const Device *device, GTestDataFunc test)
{
    char *path = g_strdup_printf("/upscaler/%s/%s", name, device->name);

    g_test_add_data_func(path, device, test);
    g_free(path);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("yonos-upscaler-XXXXXX", NULL);
    for (int scale = 2; scale <= 8; scale *= 2) {
        char *path = model_path(scale);
        small_model_write(path, scale, SEED);
        g_free(path);
    }
    g_test_add_func("/upscaler/devices", test_devices);
    g_test_add_func("/upscaler/sizes", test_sizes);
    for (guint k = 0; k < G_N_ELEMENTS(devices); k++) {
        add_test("noise", &devices[k], test_noise);
        add_test("no-noise", &devices[k], test_no_noise);
        add_test("fidelity", &devices[k], test_fidelity);
    }
#ifdef HAVE_VULKAN
    add_vulkan_tests();
#endif
    status = g_test_run();
    for (int scale = 2; scale <= 8; scale *= 2) {
        char *path = model_path(scale);
        g_remove(path);
        g_free(path);
    }
    g_rmdir(folder);
    g_free(folder);
    return status;
}
