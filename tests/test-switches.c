/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each switch that hides a capability of the Vulkan device: that it takes effect, and that what is left computes a
 * small network, and reductions, as the plain C reference does. */
#include "base/error.h"
#include "compare.h"
#include "cpu/cpu-executor.h"
#include "models/compact.h"
#include "ops/ops.h"
#include "tested-device.h"
#include "vulkan/vk-device.h"
#include "vulkan/vulkan-executor.h"

#include <stdio.h>
#include <string.h>

#define SEED 20261125

typedef struct {
    const char *name;                                /* of the environment variable; NULL: none is set */
    gboolean half, wide, matrices, free, subgroups, fused; /* what it leaves, where it is there */
} Switch;

static const Switch switches[] = {
    {NULL, TRUE, TRUE, TRUE, TRUE, TRUE, TRUE},
    {"YONOS_DISABLE_F16", FALSE, FALSE, FALSE, FALSE, TRUE, TRUE},
    {"YONOS_DISABLE_WIDE", TRUE, FALSE, TRUE, TRUE, TRUE, TRUE},
    {"YONOS_DISABLE_COOPMAT", TRUE, TRUE, FALSE, FALSE, TRUE, TRUE},
    {"YONOS_DISABLE_COOPMAT2", TRUE, TRUE, TRUE, FALSE, TRUE, TRUE},
    {"YONOS_DISABLE_SUBGROUPS", TRUE, TRUE, FALSE, FALSE, FALSE, TRUE},
    {"YONOS_DISABLE_FUSION", TRUE, TRUE, TRUE, TRUE, TRUE, FALSE},
};

static YonosGraph *network(void)
{
    YonosGraph *g = yonos_compact_network(yonos_compact_tier("fast"), 8, 4, 4, YONOS_COMPACT_INPUT_LR);
    GError *error = NULL;

    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    return g;
}

/* Means and norms, whose kernels reduce. */
static YonosGraph *reductions(void)
{
    static const char *const names[] = {"l1", "mse", "hinge"};
    YonosGraph *g = yonos_graph_new();
    YonosShape s = {2, 7, 5, 12}, channels = {1, 1, 1, 12}, scalar = {1, 1, 1, 1};
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, s), y = yonos_graph_input(g, "y", YONOS_F32, s), means[3];
    YonosTensorId in[] = {x, yonos_graph_param(g, "scale", channels), yonos_graph_param(g, "offset", channels)};
    YonosTensorId gradient[] = {y, x, in[1]}, to;
    GError *error = NULL;

    for (guint k = 0; k < G_N_ELEMENTS(names); k++)
        means[k] = yonos_graph_input(g, names[k], YONOS_F32, scalar);
    yonos_append(g, YONOS_OP_L1, 2, (YonosTensorId[]){x, y}, means[0], NULL, 0, 0, 0);
    yonos_append(g, YONOS_OP_MSE, 3,
                 (YonosTensorId[]){x, y, yonos_graph_input(g, "of", YONOS_F32, (YonosShape){2, 1, 1, 1})}, means[1],
                 NULL, 0, 0, 0);
    yonos_append(g, YONOS_OP_HINGE, 1, &x, means[2], (int[]){1, 0}, 2, 0, 0);
    yonos_append(g, YONOS_OP_GROUP_NORM, 3, in, yonos_graph_input(g, "norm", YONOS_F32, s), (int[]){3}, 1, 1e-3f, 0);
    yonos_append(g, YONOS_OP_GROUP_NORM_DATA, 3, gradient, yonos_graph_input(g, "dx", YONOS_F32, s), (int[]){3}, 1,
                 1e-3f, 0);
    to = yonos_graph_input(g, "dscale", YONOS_F32, channels);
    yonos_append(g, YONOS_OP_GROUP_NORM_SCALE, 3, gradient, to, (int[]){3}, 1, 1e-3f, 0);
    yonos_append(g, YONOS_OP_UNIT_NORM, 1, &x, yonos_graph_input(g, "unit", YONOS_F32, s), NULL, 0, 0.5f, 0);
    yonos_append(g, YONOS_OP_UNIT_NORM_GRAD, 2, (YonosTensorId[]){y, x}, yonos_graph_input(g, "dunit", YONOS_F32, s),
                 NULL, 0, 0.5f, 0);
    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    return g;
}

/* A device has no more features than its precision needs. */
static YonosVkFeatures features(void)
{
    YonosVulkanOptions options = {.device = tested_device(), .half = YONOS_VULKAN_HALF};
    YonosVkDevice d = {0};
    YonosVkFeatures f;
    GError *error = NULL;

    if (!yonos_vk_device_open(&d, &options, NULL)) {
        options.half = YONOS_VULKAN_SINGLE;
        yonos_vk_device_open(&d, &options, &error);
        g_assert_no_error(error);
    }
    f = d.features;
    yonos_vk_device_close(&d);
    return f;
}

/* Half precision is refused where it is not left. */
static YonosExecutor *vulkan(const YonosGraph *g, gboolean half)
{
    YonosVulkanOptions options = {.device = tested_device(), .half = YONOS_VULKAN_HALF};
    GError *error = NULL;
    YonosExecutor *ex = yonos_vulkan_executor_new(g, &options, &error);

    if (!half) {
        g_assert_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED);
        g_clear_error(&error);
        options.half = YONOS_VULKAN_SINGLE;
        ex = yonos_vulkan_executor_new(g, &options, &error);
    }
    g_assert_no_error(error);
    return ex;
}

/* Whether some convolution reads in eights, by the constant QUADS in its kernel's name. */
static gboolean reads_wide(const YonosExecutor *ex)
{
    gboolean wide = FALSE;

    for (guint k = 0; k < ex->graph->nodes->len; k++) {
        guint quads;
        if (sscanf(yonos_vulkan_executor_kernel(ex, k), "conv%*s %*u.%*u.%*u.%*u.%*u.%*u.%*u.%u", &quads) == 1)
            wide = wide || quads & 24;
    }
    return wide;
}

static gboolean all_kernels_have(const YonosExecutor *ex, const char *word)
{
    gboolean have = TRUE;

    for (guint k = 0; k < ex->graph->nodes->len; k++)
        have = have && strstr(yonos_vulkan_executor_kernel(ex, k), word);
    return have;
}

/* What runs is what `f` says, and right. */
static void check(const YonosGraph *g, gboolean reduces, const Switch *s, const YonosVkFeatures *f)
{
    YonosExecutor *truth = yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL), *ex = vulkan(g, f->half);
    YonosDeviceInfo info = yonos_vulkan_executor_info(ex);
    GError *error = NULL;

    g_assert_cmpstr(info.precision, ==, f->half ? "fp16" : "fp32");
    if (reduces) {
        g_assert_cmpint(all_kernels_have(ex, "_subgroup"), ==, f->subgroups);
    } else {
        g_assert_cmpstr(info.kernels, ==, f->coopmat ? "Vulkan, cooperative matrices" : "Vulkan");
        g_assert_cmpint(ex->graph->nodes->len < g->nodes->len, ==, s->fused);
        g_assert_cmpint(reads_wide(ex), ==, f->wide);
    }
    compare_fill(truth, ex, SEED, 512);
    yonos_executor_run(truth, &error);
    g_assert_no_error(error);
    yonos_executor_run(ex, &error);
    g_assert_no_error(error);
    compare_executors(truth, ex, f->half ? 1e-2 : 2e-5, "%s, %s, seed %d", s->name ? s->name : "no switch",
                      info.precision, SEED);
    yonos_executor_free(truth);
    yonos_executor_free(ex);
}

static void test_switch(gconstpointer data)
{
    const Switch *s = data;
    YonosVkFeatures all, left;
    YonosGraph *g;

    if (!yonos_vulkan_has_device(tested_device())) {
        g_test_skip("no Vulkan device to test");
        return;
    }
    all = features();
    if (s->name)
        g_setenv(s->name, "1", TRUE);
    left = features();
    g_assert_cmpint(left.half, ==, all.half && s->half);
    g_assert_cmpint(left.wide, ==, all.wide && s->wide);
    g_assert_cmpint(left.coopmat, ==, all.coopmat && s->matrices);
    g_assert_cmpint(left.coopmat2, ==, all.coopmat2 && s->free);
    g_assert_cmpint(left.subgroups, ==, all.subgroups && s->subgroups);
    g_test_message("left: fp16 %d of %d, cooperative matrices %d of %d, of free size %d of %d, subgroups %d of %d",
                   left.half, all.half, left.coopmat, all.coopmat, left.coopmat2, all.coopmat2, left.subgroups,
                   all.subgroups);
    /* which software drivers do not choose: with cooperative matrices, or without, both in eights */
    g_setenv("YONOS_TILE", left.coopmat2 ? "13" : left.coopmat ? "7" : "4", TRUE);
    g = network();
    check(g, FALSE, s, &left);
    yonos_graph_free(g);
    g = reductions();
    check(g, TRUE, s, &left);
    yonos_graph_free(g);
    if (s->name)
        g_unsetenv(s->name);
    g_unsetenv("YONOS_TILE");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint k = 0; k < G_N_ELEMENTS(switches); k++) {
        char *path = g_strconcat("/switches/", switches[k].name ? switches[k].name : "none", NULL);
        g_test_add_data_func(path, &switches[k], test_switch);
        g_free(path);
    }
    return g_test_run();
}
