/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Residual blocks that stay on chip: joined where they may be and only there, the same as the plan without by every row of
 * their table that the device can run, and used only where that was measured to be faster. */
#include "base/cache.h"
#include "compare.h"
#include "cpu/cpu-executor.h"
#include "graph/fuse.h"
#include "graph/op.h"
#include "models/compact.h"
#include "ops/ops.h"
#include "tested-device.h"
#include "vulkan/vk-block.h"
#include "vulkan/vk-cache.h"
#include "vulkan/vulkan-tune.h"

#include <string.h>

#define SEED 20261127

static YonosTensorId conv(YonosGraph *g, const char *name, YonosTensorId x, YonosConvParams p, int k)
{
    int c = yonos_graph_shape(g, x).c;
    char *bias = g_strconcat(name, " bias", NULL);
    YonosTensorId w = yonos_graph_param(g, name, (YonosShape){k, k, c, c});
    YonosTensorId b = yonos_graph_param(g, bias, (YonosShape){1, 1, 1, c});

    g_free(bias);
    p.pad = k / 2;
    return yonos_conv(g, x, w, b, p);
}

#define ACTIVATED ((YonosConvParams){.act = YONOS_ACT_LEAKY, .slope = 0.1f})

static YonosTensorId block(YonosGraph *g, YonosTensorId x)
{
    return conv(g, "second", conv(g, "first", x, ACTIVATED, 3), (YonosConvParams){.residual = x}, 3);
}

static YonosGraph *finished(YonosGraph *g, YonosTensorId y)
{
    GError *error = NULL;

    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    g_array_index(g->tensors, YonosTensor, y).buffer =
        yonos_graph_buffer(g, "y", YONOS_F32, yonos_shape_elements(yonos_graph_shape(g, y)));
    return g;
}

/* Behind another tensor, since the first one is no residual (ops/ops.h). */
static YonosTensorId input(YonosGraph *g, YonosShape s)
{
    yonos_graph_input(g, "unused", YONOS_F32, (YonosShape){1, 1, 1, 1});
    return yonos_graph_input(g, "x", YONOS_F32, s);
}

static YonosGraph *graph_of(YonosShape s)
{
    YonosGraph *g = yonos_graph_new();

    return finished(g, block(g, input(g, s)));
}

static gboolean always(G_GNUC_UNUSED const YonosGraph *g, G_GNUC_UNUSED const YonosNode *b, gpointer user)
{
    ++*(guint *)user;
    return TRUE;
}

static gboolean never(G_GNUC_UNUSED const YonosGraph *g, G_GNUC_UNUSED const YonosNode *b, gpointer user)
{
    ++*(guint *)user;
    return FALSE;
}

static void run(YonosExecutor *ex)
{
    GError *error = NULL;

    yonos_executor_run(ex, &error);
    g_assert_no_error(error);
}

/* Both are freed. */
static void check(YonosExecutor *truth, YonosExecutor *other, double tolerance, const char *what, YonosShape s)
{
    compare_fill(truth, other, SEED, 256);
    run(truth);
    run(other);
    compare_executors(truth, other, tolerance, "%s at %d x %d x %d x %d seed %d", what, s.n, s.h, s.w, s.c, SEED);
    yonos_executor_free(truth);
    yonos_executor_free(other);
}

static void test_reference(void)
{
    static const YonosShape shapes[] = {{1, 1, 1, 8}, {2, 5, 7, 3}, {1, 9, 4, 12}};

    for (guint k = 0; k < G_N_ELEMENTS(shapes); k++) {
        YonosGraph *g = graph_of(shapes[k]), *joined, *plain;
        guint asked = 0;
        joined = yonos_graph_fuse_blocks(g, always, &asked);
        plain = yonos_graph_fuse_blocks(g, never, &asked);
        g_assert_cmpuint(asked, ==, 2);
        g_assert_cmpuint(joined->nodes->len, ==, 1);
        g_assert_cmpuint(plain->nodes->len, ==, g->nodes->len);
        check(yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL), yonos_cpu_executor_new(joined, YONOS_CPU_REFERENCE, NULL), 2e-6, "reference", shapes[k]);
        yonos_graph_free(joined);
        yonos_graph_free(plain);
        yonos_graph_free(g);
    }
}

/* The second convolution adds something else, the middle is read twice, a kernel of 1, a stride, no activation, two. */
static YonosTensorId refused(YonosGraph *g, YonosTensorId x, int which)
{
    YonosTensorId h;

    switch (which) {
    case 0:
        return conv(g, "b", conv(g, "a", x, ACTIVATED, 3), (YonosConvParams){.residual = conv(g, "c", x, ACTIVATED, 3)}, 3);
    case 1:
        h = conv(g, "a", x, ACTIVATED, 3);
        return yonos_concat(g, conv(g, "b", h, (YonosConvParams){.residual = x}, 3), h);
    case 2:
        return conv(g, "b", conv(g, "a", x, ACTIVATED, 3), (YonosConvParams){.residual = x}, 1);
    case 3:
        return conv(g, "b", conv(g, "a", x, ACTIVATED, 1), (YonosConvParams){.residual = x}, 3);
    case 4:
        return conv(g, "b", conv(g, "a", x, (YonosConvParams){0}, 3), (YonosConvParams){.residual = x}, 3);
    default:
        return conv(g, "b", conv(g, "a", x, ACTIVATED, 3),
                    (YonosConvParams){.residual = x, .act = YONOS_ACT_LEAKY, .slope = 0.1f}, 3);
    }
}

static void test_refused(void)
{
    for (int k = 0; k < 6; k++) {
        YonosGraph *g = yonos_graph_new(), *joined;
        guint asked = 0;
        finished(g, refused(g, input(g, (YonosShape){1, 5, 4, 8}), k));
        joined = yonos_graph_fuse_blocks(g, always, &asked);
        g_assert_cmpuint(joined->nodes->len, ==, g->nodes->len);
        g_assert_cmpuint(asked, ==, 0);
        yonos_graph_free(joined);
        yonos_graph_free(g);
    }
}

static gboolean skipped(void)
{
    if (yonos_vulkan_has_device(tested_device()))
        return FALSE;
    g_test_skip("no Vulkan device to test");
    return TRUE;
}

static YonosExecutor *vulkan(const YonosGraph *g, gboolean half)
{
    YonosVulkanOptions options = {.device = tested_device(), .half = half ? YONOS_VULKAN_HALF : YONOS_VULKAN_SINGLE};
    GError *error = NULL;
    YonosExecutor *ex = yonos_vulkan_executor_new(g, &options, &error);

    g_assert_no_error(error);
    return ex;
}

/* The row by which the only block runs, 0: by two dispatches. */
static int row_of(const YonosExecutor *ex)
{
    return ex->graph->nodes->len == 1 ? yonos_vulkan_executor_tile(ex, 0) : 0;
}

/* Of fp16 the middle is rounded too; its terms are small beside what is allowed. */
static void check_row(guint row, gboolean half, YonosShape s)
{
    YonosGraph *g = graph_of(s);
    char *what = g_strdup_printf("row %u, %s", row, half ? "fp16" : "fp32"), *text = g_strdup_printf("%u", row);
    YonosExecutor *ex;

    g_setenv("YONOS_BLOCK", text, TRUE);
    ex = vulkan(g, half);
    g_assert_cmpint(row_of(ex), ==, (int)row);
    g_assert_nonnull(strstr(yonos_vulkan_executor_kernel(ex, 0), "residual_block"));
    check(yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL), ex, half ? 2e-3 : 2e-6, what, s);
    ex = vulkan(g, half);
    g_unsetenv("YONOS_BLOCK");
    check(vulkan(g, half), ex, half ? 2e-3 : 2e-6, what, s); /* the plan without */
    yonos_graph_free(g);
    g_free(what);
    g_free(text);
}

/* Tiles are 6, 12 or 28 wide and 2, 4, 6 or 10 high. */
static const YonosShape shapes[] = {{1, 1, 1, 32}, {1, 6, 12, 32}, {1, 7, 13, 32}, {2, 11, 29, 32},
                                    {1, 3, 57, 48}, {2, 5, 4, 12},  {1, 1, 9, 64}};

static void test_rows(gconstpointer data)
{
    gboolean half = GPOINTER_TO_INT(data);
    YonosVulkanOptions options = {.device = tested_device(), .half = half ? YONOS_VULKAN_HALF : YONOS_VULKAN_SINGLE};
    YonosVkDevice d = {0};
    guint ran = 0, matrices = 0;
    GError *error = NULL;

    if (skipped())
        return;
    yonos_vk_device_open(&d, &options, &error);
    g_assert_no_error(error);
    for (guint k = 0; k < G_N_ELEMENTS(shapes); k++)
        for (guint row = 1; row < yonos_vk_block_count(); row++) {
            YonosVkProduct product = yonos_vk_block_product(shapes[k], half);
            if (!yonos_vk_block_can_run(&d, row, &product)) {
                g_test_message("row %u cannot run %d channels", row, shapes[k].c);
                continue;
            }
            check_row(row, half, shapes[k]);
            matrices += row >= 5;
            ran++;
        }
    g_test_message("%u ran, %u by cooperative matrices", ran, matrices);
    g_assert_cmpuint(ran, >, G_N_ELEMENTS(shapes)); /* not only the smallest */
    g_assert_true(!half || !d.features.coopmat || matrices);
    if (half && g_getenv("YONOS_TEST_COOPMAT"))
        g_assert_cmpuint(matrices, >, 0);
    yonos_vk_device_close(&d);
}

/* No more shared memory than the device has: all rows are too large for some. */
static void test_bounds(void)
{
    YonosVkProduct product = yonos_vk_block_product(shapes[1], TRUE);
    YonosVkDevice d = {.features = {.coopmat = TRUE, .fixed = {16, 16, 16}, .subgroup = 32}};
    static const struct {
        guint32 bytes;
        guint rows;
    } cases[] = {{1 << 10, 1}, {16 << 10, 3}, {48 << 10, 10}};

    d.properties.limits.maxComputeWorkGroupInvocations = d.properties.limits.maxComputeWorkGroupSize[0] = 1024;
    for (guint k = 0; k < G_N_ELEMENTS(cases); k++) {
        guint n = 0;
        d.properties.limits.maxComputeSharedMemorySize = cases[k].bytes;
        for (guint row = 0; row < yonos_vk_block_count(); row++)
            n += yonos_vk_block_can_run(&d, row, &product) ? 1 : 0;
        g_assert_cmpuint(n, ==, cases[k].rows);
    }
    g_assert_false(yonos_vk_block_can_run(&d, yonos_vk_block_count(), &product));
    product.columns = 42;
    g_assert_false(yonos_vk_block_can_run(&d, 1, &product)); /* not in fours */
    product.columns = 40;
    g_assert_false(yonos_vk_block_can_run(&d, 5, &product)); /* not a multiple of the matrices */
}

static int row_now(const YonosGraph *g)
{
    YonosExecutor *ex = vulkan(g, FALSE);
    int row = row_of(ex);

    yonos_executor_free(ex);
    return row;
}

static void expect(const YonosGraph *g, const char *variable, const char *value, int row)
{
    g_setenv(variable, value, TRUE);
    g_assert_cmpint(row_now(g), ==, row);
    g_unsetenv(variable);
}

static void note_line(const char *line, gpointer user)
{
    g_test_message("%s", line);
    *(gboolean *)user = *(gboolean *)user || g_str_has_prefix(line, "block fp32 ");
}

static void test_choice(void)
{
    static const char on[] = "block fp32 63 x 8 over 72: 1\n", off[] = "block fp32 63 x 8 over 72: 0\n";
    YonosGraph *g = graph_of((YonosShape){1, 9, 7, 8});
    YonosVulkanOptions options = {.device = tested_device()};
    YonosVkDevice d = {0};
    gboolean told = FALSE;
    GError *error = NULL;
    char *key;

    if (skipped())
        return;
    yonos_vk_device_open(&d, &options, &error);
    g_assert_no_error(error);
    key = yonos_vk_cache_key(&d);
    yonos_vk_device_close(&d);
    g_assert_cmpint(row_now(g), ==, 0); /* nobody has measured */
    expect(g, "YONOS_BLOCK", "2", 2);
    expect(g, "YONOS_BLOCK", "99", 0);
    expect(g, "YONOS_BLOCK", "nonsense", 0);
    g_assert_true(yonos_cache_write("tiles", key, on, strlen(on)));
    g_assert_cmpint(row_now(g), ==, 1);
    expect(g, "YONOS_BLOCK", "2", 2);
    expect(g, "YONOS_DISABLE_BLOCKS", "1", 0);
    expect(g, "YONOS_DISABLE_FUSION", "1", 0);
    g_assert_true(yonos_cache_write("tiles", key, off, strlen(off)));
    g_assert_cmpint(row_now(g), ==, 0);
    yonos_vulkan_tune(g, &options, 1, note_line, &told, &error);
    g_assert_no_error(error);
    g_assert_true(told);
    g_free(key);
    yonos_graph_free(g);
}

/* All blocks of a network, among other nodes. */
static void test_network(void)
{
    YonosGraph *g = yonos_compact_network(yonos_compact_tier("fast"), 9, 13, 4, YONOS_COMPACT_INPUT_LR);
    guint blocks = 0;
    GError *error = NULL;
    YonosExecutor *ex;

    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    if (skipped())
        return;
    g_setenv("YONOS_BLOCK", "1", TRUE);
    ex = vulkan(g, FALSE);
    g_unsetenv("YONOS_BLOCK");
    for (guint k = 0; k < ex->graph->nodes->len; k++)
        blocks += g_array_index(ex->graph->nodes, YonosNode, k).op == YONOS_OP_RESIDUAL_BLOCK;
    g_assert_cmpuint(blocks, ==, 7); /* two of the student, five of the decoder */
    check(yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL), ex, 2e-5, "network", (YonosShape){1, 13, 9, 3});
    yonos_graph_free(g);
}

int main(int argc, char **argv)
{
    char *cache = tested_cache_new();
    int status;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/blocks/reference", test_reference);
    g_test_add_func("/blocks/refused", test_refused);
    g_test_add_func("/blocks/bounds", test_bounds);
    g_test_add_data_func("/blocks/fp32", GINT_TO_POINTER(FALSE), test_rows);
    g_test_add_data_func("/blocks/fp16", GINT_TO_POINTER(TRUE), test_rows);
    g_test_add_func("/blocks/choice", test_choice);
    g_test_add_func("/blocks/network", test_network);
    status = g_test_run();
    tested_cache_free(cache);
    return status;
}
