/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trust at start: every kernel of every network can be run alone, and is then the same kernel; what passed is not run
 * again, what is new is; a kernel that does nothing is named, and what it belongs to is avoided. */
#include "base/cache.h"
#include "base/error.h"
#include "models/compact.h"
#include "network.h"
#include "self-check.h"
#include "small-model.h"
#include "tested-device.h"
#include "vulkan-spy.h"
#include "vulkan/vk-shader.h"

#include <string.h>

#define SEED 20261126

static gboolean skipped(void)
{
    if (yonos_vulkan_has_device(tested_device()))
        return FALSE;
    g_test_skip("no Vulkan device to test");
    return TRUE;
}

static YonosVulkanOptions options_of(gboolean half)
{
    return (YonosVulkanOptions){.device = tested_device(), .half = half ? YONOS_VULKAN_HALF : YONOS_VULKAN_SINGLE};
}

static YonosExecutor *executor(const YonosGraph *g, const YonosVulkanOptions *options)
{
    GError *error = NULL;
    YonosExecutor *ex = yonos_vulkan_executor_new(g, options, &error);

    g_assert_no_error(error);
    return ex;
}

static YonosGraph *network(const char *tier, int scale, int width, int height, YonosCompactInput input)
{
    YonosGraph *g = yonos_compact_network(yonos_compact_tier(tier), width, height, scale, input);
    GError *error = NULL;

    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    return g;
}

/* Each node alone runs by the kernel that it runs by in the network. */
static void check_alone(const YonosGraph *g, gboolean half, const char *what)
{
    YonosVulkanOptions options = options_of(half);
    YonosExecutor *whole = executor(g, &options), *alone;
    guint n = whole->graph->nodes->len;
    YonosGraph *checks = yonos_graph_new();
    int *tiles = g_new(int, n);

    for (guint k = 0; k < n; k++) {
        g_assert_true(yonos_self_check_add(checks, whole->graph, &g_array_index(whole->graph->nodes, YonosNode, k)));
        tiles[k] = yonos_vulkan_executor_tile(whole, k);
    }
    options.tiles = tiles;
    alone = executor(checks, &options);
    g_assert_cmpuint(alone->graph->nodes->len, ==, n);
    for (guint k = 0; k < n; k++)
        if (strcmp(yonos_vulkan_executor_kernel(whole, k), yonos_vulkan_executor_kernel(alone, k)))
            g_error("%s, node %u of %u: %s in the network, %s alone", what, k, n, yonos_vulkan_executor_kernel(whole, k),
                    yonos_vulkan_executor_kernel(alone, k));
    yonos_executor_free(alone);
    yonos_executor_free(whole);
    yonos_graph_free(checks);
    g_free(tiles);
}

static void test_alone(void)
{
    static const struct {
        const char *tier;
        int scale, width, height;
        YonosCompactInput input;
    } cases[] = {{"fast", 2, 17, 9, YONOS_COMPACT_INPUT_LR},     {"fast", 2, 16, 8, YONOS_COMPACT_INPUT_LR},
                 {"fast", 4, 1, 1, YONOS_COMPACT_INPUT_LR},      {"fast", 4, 24, 20, YONOS_COMPACT_INPUT_FAITHFUL},
                 {"fast", 8, 7, 5, YONOS_COMPACT_INPUT_LR},      {"fast", 8, 6, 4, YONOS_COMPACT_INPUT_FAITHFUL},
                 {"balanced", 4, 5, 9, YONOS_COMPACT_INPUT_LR}};

    for (guint k = 0; k < G_N_ELEMENTS(cases) && !skipped(); k++)
        for (int plain = 0; plain < (k < 2 ? 2 : 1); plain++) {
            YonosGraph *g = network(cases[k].tier, cases[k].scale, cases[k].width, cases[k].height, cases[k].input);
            char *what = g_strdup_printf("%s x%d %dx%d%s", cases[k].tier, cases[k].scale, cases[k].width,
                                         cases[k].height, plain ? ", nothing joined" : "");
            if (plain)
                g_setenv("YONOS_DISABLE_FUSION", "1", TRUE);
            check_alone(g, k % 2, what);
            g_unsetenv("YONOS_DISABLE_FUSION");
            g_free(what);
            yonos_graph_free(g);
        }
}

/* Checks a network by that tile; NULL, or the error, to be freed. *made: what was made of Vulkan meanwhile. */
static GError *check(gboolean half, const char *tile, YonosFault *fault, guint *made)
{
    YonosGraph *g = network("fast", 4, 9, 6, YONOS_COMPACT_INPUT_LR);
    YonosVulkanOptions options = options_of(half);
    YonosExecutor *ex;
    GError *error = NULL;
    guint before;
    gboolean right;

    g_setenv("YONOS_TILE", tile, TRUE);
    ex = executor(g, &options);
    before = spy_made;
    right = yonos_self_check(ex, &options, fault, &error);
    *made = spy_made - before;
    g_assert_true(right == !error);
    yonos_executor_free(ex);
    g_unsetenv("YONOS_TILE");
    yonos_graph_free(g);
    return error;
}

static void check_right(gboolean half, const char *tile, gboolean anew)
{
    YonosFault fault;
    guint made;
    GError *error = check(half, tile, &fault, &made);

    g_assert_no_error(error);
    g_assert_cmpint(fault, ==, YONOS_FAULT_NONE);
    g_assert_true((made > 0) == anew);
}

static void test_remembered(void)
{
    if (skipped())
        return;
    check_right(FALSE, "0", TRUE);
    check_right(FALSE, "0", FALSE);
    check_right(FALSE, "4", TRUE); /* other tiles, other kernels */
    check_right(FALSE, "4", FALSE);
    check_right(FALSE, "0", FALSE);
    check_right(TRUE, "0", TRUE);
    check_right(TRUE, "0", FALSE);
    g_setenv("YONOS_SELF_CHECK", "always", TRUE);
    check_right(TRUE, "0", TRUE);
    g_unsetenv("YONOS_SELF_CHECK");
    check_right(TRUE, "0", FALSE);
}

/* Fails unless that shader is blamed, and goes on being so. */
static void check_blamed(YonosVkShader shader, gboolean half, const char *tile, YonosFault expected)
{
    char *name = g_strdup_printf("by %s ", yonos_vk_shader_name(shader)), *row = g_strconcat("tile ", tile, NULL);
    gsize size;

    spy_skips_code = yonos_vk_shader_code(shader, half, &size);
    g_setenv("YONOS_SELF_CHECK", "always", TRUE);
    for (int start = 0; start < 2; start++) {
        YonosFault fault;
        guint made;
        GError *error = check(half, tile, &fault, &made);
        g_assert_error(error, YONOS_ERROR, YONOS_ERROR_WRONG);
        g_test_message("%s", error->message);
        g_assert_cmpuint(spy_skipped, >, 0);
        g_assert_nonnull(strstr(error->message, name));
        if (strstr(name, "conv"))
            g_assert_nonnull(strstr(error->message, row));
        g_assert_nonnull(strstr(error->message, half ? "fp16" : "fp32"));
        g_assert_cmpint(fault, ==, expected);
        g_error_free(error);
    }
    g_unsetenv("YONOS_SELF_CHECK");
    spy_skips_code = NULL;
    g_free(name);
    g_free(row);
}

static void test_blamed(void)
{
    if (skipped())
        return;
    check_blamed(YONOS_VK_SHADER_unshuffle, FALSE, "0", YONOS_FAULT_KERNEL);
    check_blamed(YONOS_VK_SHADER_conv, FALSE, "0", YONOS_FAULT_KERNEL);
    check_blamed(YONOS_VK_SHADER_conv_tiled, FALSE, "4", YONOS_FAULT_KERNEL);
    check_blamed(YONOS_VK_SHADER_conv_tiled, TRUE, "4", YONOS_FAULT_HALF);
}

static void check_network(YonosVkShader shader, gboolean half, const char *kernels, const char *precision,
                          const char *note)
{
    YonosNetworkParams p = {g_getenv("YONOS_TEST_MODEL"), tested_device(), 4, SEED, 9, 6, 36, 24, 0, NULL, NULL, 1, NULL};
    GError *error = NULL;
    YonosNetwork *net;
    gsize size;

    spy_skips_code = yonos_vk_shader_code(shader, half, &size);
    net = yonos_network_new(&p, &error);
    spy_skips_code = NULL;
    g_assert_no_error(error);
    g_test_message("%s", yonos_network_note(net));
    if (kernels) /* else an estimate chooses them */
        g_assert_cmpstr(yonos_network_device(net)->kernels, ==, kernels);
    g_assert_cmpstr(yonos_network_device(net)->precision, ==, precision);
    g_assert_nonnull(strstr(yonos_network_note(net), note));
    g_assert_nonnull(strstr(yonos_network_note(net), yonos_vk_shader_name(shader)));
    yonos_network_free(net);
}

/* Whether some convolution runs on such a shader. */
static gboolean runs(const char *shader)
{
    YonosGraph *g = network("fast", 4, 9, 6, YONOS_COMPACT_INPUT_LR);
    YonosVulkanOptions options = options_of(TRUE);
    YonosExecutor *ex = executor(g, &options);
    gboolean does = FALSE;

    for (guint k = 0; k < ex->graph->nodes->len; k++)
        does = does || g_str_has_prefix(yonos_vulkan_executor_kernel(ex, k), shader);
    yonos_executor_free(ex);
    yonos_graph_free(g);
    return does;
}

/* First without matrices of free size, then without any, then without half precision, then without the GPU. */
static void test_avoided(void)
{
    char *model;

    if (skipped())
        return;
    model = g_build_filename(g_getenv("XDG_CACHE_HOME"), "m.safetensors", NULL);
    small_model_write(model, 4, SEED);
    g_setenv("YONOS_TEST_MODEL", model, TRUE);
    g_setenv("YONOS_PRECISION", "fp16", TRUE);
    g_setenv("YONOS_SELF_CHECK", "always", TRUE);
    g_setenv("YONOS_TILE", "13", TRUE);
    if (runs("conv_coopmat2 "))
        check_network(YONOS_VK_SHADER_conv_coopmat2, TRUE, NULL, "fp16", "others are used");
    else if (!g_strcmp0(g_getenv("YONOS_TEST_COOPMAT"), "2"))
        g_error("the device has no cooperative matrices of free size");
    g_setenv("YONOS_TILE", "7", TRUE);
    if (runs("conv_coopmat "))
        check_network(YONOS_VK_SHADER_conv_coopmat, TRUE, "Vulkan", "fp16", "it goes without");
    else if (g_getenv("YONOS_TEST_COOPMAT"))
        g_error("the device has no cooperative matrices");
    g_setenv("YONOS_TILE", "1", TRUE);
    check_network(YONOS_VK_SHADER_conv_tiled, TRUE, "Vulkan", "fp32", "single is used");
    g_setenv("YONOS_PRECISION", "fp32", TRUE);
#ifdef HAVE_ONEDNN
    check_network(YONOS_VK_SHADER_conv_tiled, FALSE, "oneDNN", "fp32", "so the CPU is");
#else
    check_network(YONOS_VK_SHADER_conv_tiled, FALSE, "C", "fp32", "so the CPU is");
#endif
    g_unsetenv("YONOS_TILE");
    g_unsetenv("YONOS_SELF_CHECK");
    g_unsetenv("YONOS_PRECISION");
    g_remove(model);
    g_free(model);
}

/* Frames of two formats, one with alpha in 16 bits; *note: what is said of the device, to be freed. */
static gboolean has_frames(YonosVkShader skipped_shader, char **note)
{
    static const YonosFrameFormat in = {.layout = YONOS_FRAME_I420, .width = 9, .height = 6, .kr = 0.2126, .kb = 0.0722, .a = -1};
    static const YonosFrameFormat out = {.width = 36, .height = 24, .pixel_stride = 8, .g = 2, .b = 4, .a = 6, .depth = 16};
    YonosNetworkParams p = {g_getenv("YONOS_TEST_MODEL"), tested_device(), 4, SEED, 9, 6, 36, 24, 0, &in, &out, 1, NULL};
    GError *error = NULL;
    YonosNetwork *net;
    gboolean has;
    gsize size;

    spy_skips_code = skipped_shader ? yonos_vk_shader_code(skipped_shader, FALSE, &size) : NULL;
    net = yonos_network_new(&p, &error);
    spy_skips_code = NULL;
    g_assert_no_error(error);
    has = yonos_network_frames(net) != NULL;
    *note = g_strdup(yonos_network_note(net));
    yonos_network_free(net);
    return has;
}

/* A shader of frames that does nothing: they are converted here, and the network still runs there. */
static void test_frames(void)
{
    static const YonosVkShader both[] = {YONOS_VK_SHADER_planes_in, YONOS_VK_SHADER_planes_out};
    char *model, *note;
    guint before, first;

    if (skipped())
        return;
    model = g_build_filename(g_getenv("XDG_CACHE_HOME"), "f.safetensors", NULL);
    small_model_write(model, 4, SEED);
    g_setenv("YONOS_TEST_MODEL", model, TRUE);
    before = spy_made;
    g_assert_true(has_frames(0, &note));
    g_assert_null(note);
    first = spy_made - before;
    before = spy_made;
    g_assert_true(has_frames(0, &note));
    g_assert_cmpuint(spy_made - before, <, first); /* remembered */
    g_setenv("YONOS_SELF_CHECK", "always", TRUE);
    for (guint k = 0; k < G_N_ELEMENTS(both); k++) {
        g_assert_false(has_frames(both[k], &note));
        g_assert_nonnull(strstr(note, "planes_out"));
        g_assert_nonnull(strstr(note, "converted on the CPU"));
        g_free(note);
    }
    g_unsetenv("YONOS_SELF_CHECK");
    g_remove(model);
    g_free(model);
}

int main(int argc, char **argv)
{
    char *cache = tested_cache_new();
    int status;

    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    g_test_add_func("/self-check/alone", test_alone);
    g_test_add_func("/self-check/remembered", test_remembered);
    g_test_add_func("/self-check/blamed", test_blamed);
    g_test_add_func("/self-check/avoided", test_avoided);
    g_test_add_func("/self-check/frames", test_frames);
    status = g_test_run();
    tested_cache_free(cache);
    return status;
}
