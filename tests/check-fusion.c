/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Joined nodes against the plan without joining: that nodes are joined where they may be and only there, that the
 * reference of a joined convolution computes the same, and that the Vulkan kernels do, by every kind of tile. */
#include "compare.h"
#include "cpu/cpu-executor.h"
#include "graph/fuse.h"
#include "graph/op.h"
#include "models/compact.h"
#include "ops/ops.h"
#ifdef HAVE_VULKAN
#include "tested-device.h"
#include "vulkan/vk-tile.h"
#include "vulkan/vulkan-executor.h"
#endif

#define SEED 20261124

typedef YonosTensorId (*Build)(YonosGraph *g, YonosShape s);

typedef struct {
    const char *name;
    Build build;
    guint nodes; /* that are left */
} Case;

static YonosTensorId conv(YonosGraph *g, const char *name, YonosTensorId x, int out, int k)
{
    int in = yonos_graph_shape(g, x).c;
    char *bias = g_strconcat(name, " bias", NULL);
    YonosTensorId w = yonos_graph_param(g, name, (YonosShape){k, k, in, out});
    YonosTensorId b = yonos_graph_param(g, bias, (YonosShape){1, 1, 1, out});

    g_free(bias);
    return yonos_conv(g, x, w, b, (YonosConvParams){.pad = k / 2});
}

static YonosTensorId input(YonosGraph *g, const char *name, YonosShape s, int c)
{
    return yonos_graph_input(g, name, YONOS_F32, (YonosShape){s.n, s.h, s.w, c});
}

static YonosTensorId build_residual(YonosGraph *g, YonosShape s)
{
    YonosTensorId x = input(g, "x", s, 12), y = yonos_add(g, conv(g, "w", x, 12, 3), x, 1);

    return yonos_act(g, y, YONOS_ACT_LEAKY, 0.1f);
}

static YonosTensorId build_shuffle(YonosGraph *g, YonosShape s)
{
    YonosTensorId x = input(g, "x", s, 6), side = input(g, "side", (YonosShape){s.n, 2 * s.h, 2 * s.w, 5}, 5);
    YonosTensorId y = yonos_shuffle(g, conv(g, "w", x, 20, 3), 2);

    return yonos_act(g, yonos_add(g, side, y, 1), YONOS_ACT_LEAKY, 0.2f);
}

static YonosTensorId build_concat(YonosGraph *g, YonosShape s)
{
    return conv(g, "w", yonos_concat(g, input(g, "x", s, 16), input(g, "z", s, 12)), 20, 3);
}

static YonosTensorId build_concat_odd(YonosGraph *g, YonosShape s)
{
    return conv(g, "w", yonos_concat(g, input(g, "x", s, 7), input(g, "z", s, 2)), 9, 1);
}

/* The end of our networks: more pixels than are wanted, shuffled, cropped, and added to the bicubic picture. */
static YonosTensorId end_of(YonosGraph *g, YonosShape s, int factor, int crop)
{
    YonosTensorId picture = input(g, "picture", (YonosShape){s.n, factor * s.h - crop, factor * s.w - crop, 3}, 3);
    YonosTensorId y = yonos_shuffle(g, conv(g, "w", input(g, "x", s, 8), 3 * 4 * factor * factor, 3), 2 * factor);
    YonosShape large = {s.n, 2 * (factor * s.h - crop), 2 * (factor * s.w - crop), 3};

    if (crop)
        y = yonos_extent(g, y, large.h, large.w);
    return yonos_add(g, yonos_resize(g, picture, large.h, large.w), y, 1);
}

static YonosTensorId build_end(YonosGraph *g, YonosShape s)
{
    return end_of(g, s, 1, 0);
}

static YonosTensorId build_cropped_end(YonosGraph *g, YonosShape s)
{
    return end_of(g, s, 2, 1);
}

/* What may not be joined: a convolution that two read, another factor, an activation before the sum. */
static YonosTensorId build_refused(YonosGraph *g, YonosShape s)
{
    YonosTensorId x = input(g, "x", s, 8), h = conv(g, "w", x, 8, 3), k = conv(g, "v", x, 8, 3);

    h = yonos_add(g, h, yonos_act(g, h, YONOS_ACT_LEAKY, 0.5f), 1);
    k = yonos_act(g, k, YONOS_ACT_TANH, 3);
    return yonos_add(g, h, yonos_add(g, conv(g, "u", x, 8, 1), k, -0.5f), 1);
}

static const Case cases[] = {
    {"residual", build_residual, 1},     {"shuffle", build_shuffle, 1}, {"concat", build_concat, 1},
    {"concat-odd", build_concat_odd, 1}, {"end", build_end, 1},         {"cropped-end", build_cropped_end, 1},
    {"refused", build_refused, 8},
};

static const YonosShape shapes[] = {{1, 1, 1, 0}, {2, 5, 7, 0}, {1, 11, 13, 0}};

static YonosGraph *graph_of(Build build, YonosShape s)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId y = build(g, s);
    GError *error = NULL;

    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    g_array_index(g->tensors, YonosTensor, y).buffer =
        yonos_graph_buffer(g, "y", YONOS_F32, yonos_shape_elements(yonos_graph_shape(g, y)));
    return g;
}

static void check(YonosExecutor *truth, YonosExecutor *other, double tolerance, const char *what, YonosShape s)
{
    GError *error = NULL;

    compare_fill(truth, other, SEED, 128);
    yonos_executor_run(truth, &error);
    g_assert_no_error(error);
    yonos_executor_run(other, &error);
    g_assert_no_error(error);
    compare_executors(truth, other, tolerance, "%s at %d x %d x %d seed %d", what, s.n, s.h, s.w, SEED);
    yonos_executor_free(truth);
    yonos_executor_free(other);
}

static void test_reference(gconstpointer data)
{
    const Case *c = data;

    for (guint k = 0; k < G_N_ELEMENTS(shapes); k++) {
        YonosGraph *g = graph_of(c->build, shapes[k]), *fused = yonos_graph_fuse(g, YONOS_FUSE_ALL);
        YonosGraph *same = yonos_graph_fuse(g, 0);
        g_assert_cmpuint(fused->nodes->len, ==, c->nodes);
        g_assert_cmpuint(same->nodes->len, ==, g->nodes->len);
        for (int reference = 0; reference < 2; reference++)
            check(yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL), yonos_cpu_executor_new(fused, reference ? YONOS_CPU_REFERENCE : YONOS_CPU_SINGLE, NULL), 2e-6, c->name,
                  shapes[k]);
        yonos_graph_free(same);
        yonos_graph_free(fused);
        yonos_graph_free(g);
    }
}

/* Joining only one kind leaves the others. */
static void test_kinds(void)
{
    YonosGraph *g = graph_of(build_cropped_end, shapes[1]);
    static const struct {
        YonosFuse what;
        guint nodes;
    } kinds[] = {{0, 5},
                 {YONOS_FUSE_RESIDUAL | YONOS_FUSE_ACT, 5},
                 {YONOS_FUSE_BASE, 5},
                 {YONOS_FUSE_SHUFFLE, 3},
                 {YONOS_FUSE_SHUFFLE | YONOS_FUSE_RESIDUAL, 2},
                 {YONOS_FUSE_SHUFFLE | YONOS_FUSE_BASE, 1}};

    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
        YonosGraph *fused = yonos_graph_fuse(g, kinds[k].what);
        g_assert_cmpuint(fused->nodes->len, ==, kinds[k].nodes);
        check(yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL), yonos_cpu_executor_new(fused, YONOS_CPU_REFERENCE, NULL), 2e-6, "kinds",
              shapes[1]);
        yonos_graph_free(fused);
    }
    yonos_graph_free(g);
}

#ifdef HAVE_VULKAN
static YonosExecutor *vulkan(const YonosGraph *g, gboolean half)
{
    YonosVulkanOptions options = {.device = tested_device(), .half = half ? YONOS_VULKAN_HALF : YONOS_VULKAN_SINGLE};
    GError *error = NULL;
    YonosExecutor *ex = yonos_vulkan_executor_new(g, &options, &error);

    g_assert_no_error(error);
    return ex;
}

/* fp16: operands are exact, so one rounding at the end, or one a node of the plan without joining */
static void check_vulkan(const Case *c, const char *what)
{
    for (guint k = 0; k < G_N_ELEMENTS(shapes); k++) {
        YonosGraph *g = graph_of(c->build, shapes[k]);
        for (int half = 0; half < 2; half++)
            check(yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL), vulkan(g, half), half ? 2e-3 : 2e-6, what, shapes[k]);
        yonos_graph_free(g);
    }
}

static void test_vulkan(gconstpointer data)
{
    static const char *const tiles[] = {"0", "1", "7"}; /* of each kind */
    const Case *c = data;

    if (!yonos_vulkan_has_device(tested_device())) {
        g_test_skip("no Vulkan device to test");
        return;
    }
    for (guint k = 0; k < G_N_ELEMENTS(tiles); k++) {
        char *what = g_strdup_printf("%s, tile %s", c->name, tiles[k]);
        g_setenv("YONOS_TILE", tiles[k], TRUE);
        check_vulkan(c, what);
        g_free(what);
    }
    g_setenv("YONOS_DISABLE_FUSION", "1", TRUE);
    check_vulkan(c, "not joined");
    g_unsetenv("YONOS_DISABLE_FUSION");
    g_unsetenv("YONOS_TILE");
}
#endif

/* A whole network: the passes that its shuffles, sums and concatenations cost are gone. */
static void check_network(int scale, int height, int width, guint nodes)
{
    YonosGraph *g = yonos_graph_new(), *fused;
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, height, width, 3});
    int h = yonos_compact_padded(height, scale) * scale / 8, w = yonos_compact_padded(width, scale) * scale / 8;
    YonosTensorId z = yonos_graph_input(g, "z", YONOS_F32, (YonosShape){1, h, w, YONOS_COMPACT_LATENT});
    YonosTensorId y = yonos_compact_upscale(g, yonos_compact_tier("fast"), x, z, scale, YONOS_COMPACT_INPUT_LR);
    GString *rest = g_string_new(NULL);
    guint convolutions = 0;

    g_array_index(g->tensors, YonosTensor, y).buffer =
        yonos_graph_buffer(g, "y", YONOS_F32, yonos_shape_elements(yonos_graph_shape(g, y)));
    fused = yonos_graph_fuse(g, YONOS_FUSE_ALL);
    for (guint k = 0; k < fused->nodes->len; k++) {
        int op = g_array_index(fused->nodes, YonosNode, k).op;
        convolutions += op == YONOS_OP_CONV;
        if (op != YONOS_OP_CONV)
            g_string_append_printf(rest, " %s", yonos_op(op)->name);
    }
    g_test_message("x%d: %u nodes, %u after joining, %u convolutions and%s", scale, g->nodes->len, fused->nodes->len,
                   convolutions, rest->str);
    g_string_free(rest, TRUE);
    g_assert_cmpuint(fused->nodes->len - convolutions, ==, nodes);
    check(yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL), yonos_cpu_executor_new(fused, YONOS_CPU_REFERENCE, NULL), 2e-5, "network",
          (YonosShape){scale, height, width, 3});
    yonos_graph_free(fused);
    yonos_graph_free(g);
}

static void test_networks(void)
{
    check_network(4, 4, 8, 1);  /* unshuffle */
    check_network(2, 13, 9, 3); /* extent, two unshuffles */
    check_network(8, 4, 6, 1);  /* unshuffle by 1 */
}

static void add(const char *folder, const Case *c, GTestDataFunc test)
{
    char *path = g_strconcat(folder, c->name, NULL);

    g_test_add_data_func(path, c, test);
    g_free(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint k = 0; k < G_N_ELEMENTS(cases); k++) {
        add("/fusion/reference/", &cases[k], test_reference);
#ifdef HAVE_VULKAN
        add("/fusion/vulkan/", &cases[k], test_vulkan);
#endif
    }
    g_test_add_func("/fusion/kinds", test_kinds);
    g_test_add_func("/fusion/networks", test_networks);
    return g_test_run();
}
