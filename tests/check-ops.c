/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every op: the CPU executor against the reference, and the gradient rule against finite differences of the reference.
 * Seeds are fixed and printed; fills are uniform, near zero and huge. */
#include "compare.h"
#include "cpu/cpu-executor.h"
#include "graph/gradient.h"
#include "graph/op.h"
#include "ops/ops.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-executor.h"
#endif
#include "golden/pillow-bicubic.h"
#include "tested-device.h"

#include <math.h>
#include <string.h>

#define SEED 20261123

typedef YonosTensorId (*Build)(YonosGraph *g, YonosTensorId x, int variant);

static YonosTensorId param(YonosGraph *g, const char *name, int n, int h, int w, int c)
{
    return yonos_graph_param(g, name, (YonosShape){n, h, w, c});
}

/* variant: bit 0 kernel 1 or 3, bit 1 stride 2, bit 2 activation, bit 3 residual, bit 4 no bias, bit 5 16 outputs */
static YonosTensorId build_conv(YonosGraph *g, YonosTensorId x, int variant)
{
    int k = variant & 1 ? 1 : 3, out = variant & 32 ? 16 : 5, in = yonos_graph_shape(g, x).c;
    YonosConvParams p = {.stride = variant & 2 ? 2 : 1, .pad = k / 2};
    YonosTensorId w = param(g, "w", k, k, in, out), b = variant & 16 ? YONOS_NONE : param(g, "b", 1, 1, 1, out);

    if (variant & 8)
        p.residual = yonos_conv(g, x, param(g, "r", k, k, in, out), YONOS_NONE, p);
    if (variant & 4) {
        p.act = YONOS_ACT_LEAKY;
        p.slope = 0.1f;
    }
    return yonos_conv(g, x, w, b, p);
}

static YonosTensorId build_act(YonosGraph *g, YonosTensorId x, int variant)
{
    return yonos_act(g, x, variant ? YONOS_ACT_TANH : YONOS_ACT_LEAKY, variant ? 3.0f : 0.2f);
}

static YonosTensorId build_add(YonosGraph *g, YonosTensorId x, int variant)
{
    YonosShape s = yonos_graph_shape(g, x);

    if (variant == 0)
        return yonos_add(g, x, x, -0.25f);
    if (variant == 1)
        return yonos_add(g, x, param(g, "b", 1, 1, 1, s.c), 0.5f);
    return yonos_add(g, x, param(g, "b", s.n, 1, 1, s.c), 2);
}

static YonosTensorId build_mix(YonosGraph *g, YonosTensorId x, int variant)
{
    YonosShape s = yonos_graph_shape(g, x), factor = {s.n, 1, 1, 1};
    YonosTensorId u = yonos_graph_input(g, "u", YONOS_F32, factor), v = yonos_graph_input(g, "v", YONOS_F32, factor);

    if (variant)
        return yonos_mix(g, x, u, YONOS_NONE, YONOS_NONE);
    return yonos_mix(g, x, u, yonos_act(g, x, YONOS_ACT_LEAKY, 0.3f), v);
}

/* Codes of a ramp: half the fills lie outside 0..1. */
static YonosTensorId build_codes(YonosGraph *g, YonosTensorId x, G_GNUC_UNUSED int variant)
{
    return yonos_act(g, x, YONOS_ACT_CODES, 0);
}

static YonosTensorId build_layout(YonosGraph *g, YonosTensorId x, int variant)
{
    int c = yonos_graph_shape(g, x).c;

    switch (variant) {
    case 0:
        return yonos_concat(g, x, yonos_slice(g, x, 1, c - 2));
    case 1:
        return yonos_slice(g, x, 2, c - 3);
    case 2:
        return yonos_append(g, YONOS_OP_EMBED, 1, &x, YONOS_NONE, (int[]){3, c + 7}, 2, 0, 0);
    case 3:
        return yonos_nearest(g, x, 3);
    case 4:
        return yonos_append(g, YONOS_OP_SUM_BLOCKS, 1, (YonosTensorId[]){yonos_nearest(g, x, 2)}, YONOS_NONE,
                            (int[]){2}, 1, 0, 0);
    case 5:
        return yonos_shuffle(g, build_conv(g, x, 32), 2);
    default:
        return yonos_unshuffle(g, yonos_nearest(g, x, 2), 2);
    }
}

/* variant: bit 0 a group a channel instead of one, bit 1 after a convolution, for the gradient by x */
static YonosTensorId build_norm(YonosGraph *g, YonosTensorId x, int variant)
{
    int c = yonos_graph_shape(g, x).c;

    if (variant & 2)
        x = yonos_conv(g, x, param(g, "w", 1, 1, c, c), YONOS_NONE, (YonosConvParams){0});
    return yonos_group_norm(g, x, param(g, "s", 1, 1, 1, c), param(g, "o", 1, 1, 1, c), variant & 1 ? c : 1, 1e-5f);
}

static YonosTensorId build_pool(YonosGraph *g, YonosTensorId x, int variant)
{
    YonosShape s = yonos_graph_shape(g, x);

    return yonos_max_pool(g, x, MIN(MIN(s.h, s.w), 3), 1 + variant);
}

/* The activation turns dy away from x, along which nothing passes. */
static YonosTensorId build_unit(YonosGraph *g, YonosTensorId x, int variant)
{
    return yonos_act(g, yonos_unit_norm(g, x, variant ? 0.5f : 1e-10f), YONOS_ACT_LEAKY, 0.3f);
}

/* variant: bit 0 the other sign, bit 1 linear; twice x, so that the margin is passed */
static YonosTensorId build_hinge(YonosGraph *g, YonosTensorId x, int variant)
{
    return yonos_hinge(g, yonos_add(g, x, x, 1), variant & 1 ? -1 : 1, variant & 2);
}

static YonosTensorId build_window(YonosGraph *g, YonosTensorId x, int variant)
{
    YonosShape s = yonos_graph_shape(g, x);
    YonosTensorId origin = yonos_graph_input(g, "origin", YONOS_F32, (YonosShape){s.n, 1, 1, 2});

    return yonos_window(g, x, origin, MAX(1, s.h - variant), MAX(1, s.w - 2 * variant));
}

typedef struct {
    const char *name;
    Build build;
    int variants;
    gboolean trained;
} Case;

static YonosTensorId build_resize(YonosGraph *g, YonosTensorId x, int variant)
{
    static const int factors[][2] = {{2, 1}, {4, 1}, {1, 2}, {1, 4}, {7, 3}};
    YonosShape s = yonos_graph_shape(g, x);
    int up = factors[variant % 5][0], down = factors[variant % 5][1];

    if (variant >= 5)
        return yonos_extent(g, x, MAX(1, s.h + up - down), MAX(1, s.w + down - up));
    return yonos_resize(g, x, MAX(1, s.h * up / down), MAX(1, s.w * up / down));
}

static const Case cases[] = {
    {"conv", build_conv, 64, TRUE},     {"act", build_act, 2, TRUE},          {"add", build_add, 3, TRUE},
    {"layout", build_layout, 7, TRUE},  {"group-norm", build_norm, 4, TRUE}, {"resize", build_resize, 10, TRUE},
    {"mix", build_mix, 2, TRUE},        {"codes", build_codes, 1, FALSE},
    {"max-pool", build_pool, 3, TRUE},  {"unit-norm", build_unit, 2, TRUE},   {"hinge", build_hinge, 4, TRUE},
    {"window", build_window, 3, TRUE},
};

static const YonosShape shapes[] = {{1, 7, 5, 6}, {2, 9, 12, 17}, {1, 3, 3, 4}, {1, 1, 1, 8}};

typedef enum { FILL_UNIFORM, FILL_TINY, FILL_HUGE, FILL_COUNT } Fill;

/* Steps that fp16 holds exactly: where an op chooses the largest value, every executor chooses the same. */
static float *filled(GRand *rand, gsize n, Fill fill)
{
    float *v = g_new(float, MAX(n, 1));
    float scale = fill == FILL_TINY ? 1e-6f : fill == FILL_HUGE ? 1e6f : 1;

    for (gsize k = 0; k < n; k++)
        v[k] = scale * rintf(1024 * (float)g_rand_double_range(rand, -1, 1)) / 1024;
    return v;
}

static gsize buffer_size(const YonosGraph *g, YonosBufferId id)
{
    return g_array_index(g->buffers, YonosBuffer, id).size;
}

static float *read_tensor(YonosExecutor *ex, YonosTensorId id)
{
    const YonosTensor *t = yonos_graph_at(ex->graph, id);
    gsize n = yonos_shape_elements(t->shape);
    float *v = g_new(float, n);
    GError *error = NULL;

    yonos_executor_read(ex, t->buffer, t->offset, v, n, &error);
    g_assert_no_error(error);
    return v;
}

static void write_buffer(YonosExecutor *ex, YonosBufferId id, const float *data)
{
    GError *error = NULL;

    yonos_executor_write(ex, id, 0, data, buffer_size(ex->graph, id), &error);
    g_assert_no_error(error);
}

static void run(YonosExecutor *ex)
{
    GError *error = NULL;

    yonos_executor_run(ex, &error);
    g_assert_no_error(error);
}

/* x -> op -> "y", an output buffer; and, where trained, mean squared y as "loss" with its gradients. */
static YonosGraph *graph_of(const Case *c, int variant, YonosShape shape)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, shape), y, out, zero, loss, one, weights, dx;
    YonosTensorId z;
    GError *error = NULL;

    y = c->build(g, x, variant);
    out = yonos_graph_input(g, "y", YONOS_F32, yonos_graph_shape(g, y));
    yonos_append(g, YONOS_OP_ACT, 1, &y, out, (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    if (c->trained) {
        zero = yonos_graph_input(g, "target", YONOS_F32, yonos_graph_shape(g, y));
        weights = yonos_graph_input(g, "weights", YONOS_F32, (YonosShape){yonos_graph_shape(g, y).n, 1, 1, 1});
        one = yonos_graph_input(g, "dloss", YONOS_F32, (YonosShape){1, 1, 1, 1});
        loss = yonos_mse(g, y, zero, weights);
        z = yonos_graph_input(g, "loss", YONOS_F32, (YonosShape){1, 1, 1, 1});
        yonos_append(g, YONOS_OP_ACT, 1, &loss, z, (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
        if (buffer_size(g, g->param_buffer)) {
            yonos_graph_differentiate(g, loss, one);
        } else {
            dx = yonos_graph_differentiate_by(g, loss, one, x);
            out = yonos_graph_input(g, "dx", YONOS_F32, shape);
            yonos_append(g, YONOS_OP_ACT, 1, &dx, out, (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
        }
    }
    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    return g;
}

static void fill_buffers(YonosExecutor *a, YonosExecutor *b, GRand *rand, Fill fill)
{
    for (guint i = 0; i < a->graph->buffers->len; i++) {
        float *v = filled(rand, buffer_size(a->graph, i), fill);
        /* of the loss, which is a single number: terms of both signs would leave only the roundings of their sum */
        if (!strcmp(g_array_index(a->graph->buffers, YonosBuffer, i).name, "weights"))
            for (gsize k = 0; k < buffer_size(a->graph, i); k++)
                v[k] = fabsf(v[k]);
        write_buffer(a, i, v);
        if (b)
            write_buffer(b, i, v);
        g_free(v);
    }
}

typedef YonosExecutor *(*Make)(const YonosGraph *g);

static YonosExecutor *make_fast(const YonosGraph *g)
{
    return yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL);
}

static void against_reference(const Case *c, Make make, Fill fills, double tolerance)
{
    GRand *rand = g_rand_new_with_seed(SEED);

    for (int variant = 0; variant < c->variants; variant++)
        for (guint s = 0; s < G_N_ELEMENTS(shapes); s++) {
            YonosGraph *g = graph_of(c, variant, shapes[s]);
            YonosExecutor *truth = yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL), *other = make(g);
            g_assert_nonnull(other);
            for (Fill fill = 0; fill < fills; fill++) {
                fill_buffers(truth, other, rand, fill);
                run(truth);
                run(other);
                compare_executors(truth, other, tolerance, "%s variant %d shape %d fill %d seed %d", c->name, variant,
                                  s, fill, SEED);
            }
            yonos_executor_free(truth);
            yonos_executor_free(other);
            yonos_graph_free(g);
        }
    g_rand_free(rand);
}

/* 2e-5 of the largest value: rounding of sums of up to some hundred products in another order */
static void test_against_reference(gconstpointer data)
{
    against_reference(data, make_fast, FILL_COUNT, 2e-5);
}

static YonosExecutor *make_bf16(const YonosGraph *g)
{
    return yonos_cpu_executor_new(g, YONOS_CPU_BF16, NULL);
}

/* Two factors of 8 bits, and sums in which their products cancel: 3e-2. */
static void test_bf16(gconstpointer data)
{
    if (yonos_cpu_fastest() == YONOS_CPU_BF16)
        against_reference(data, make_bf16, FILL_COUNT, 3e-2);
    else
        g_test_skip("no bf16 on this CPU");
}

/* What bf16 holds exactly is multiplied exactly; a residual that only convolutions write and read is rounded. */
static void test_bf16_exact(gconstpointer data)
{
    Case c = *(const Case *)data;

    if (yonos_cpu_fastest() != YONOS_CPU_BF16) {
        g_test_skip("no bf16 on this CPU");
        return;
    }
    c.trained = FALSE;
    for (int variant = 0; variant < c.variants; variant++)
        for (guint s = 0; s < G_N_ELEMENTS(shapes); s++) {
            YonosGraph *g = graph_of(&c, variant, shapes[s]);
            YonosExecutor *truth = yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL), *other = make_bf16(g);
            compare_fill(truth, other, SEED, 64);
            run(truth);
            run(other);
            compare_executors(truth, other, variant & 8 ? 4e-3 : 2e-5, "%s variant %d shape %d seed %d", c.name, variant,
                              s, SEED);
            yonos_executor_free(truth);
            yonos_executor_free(other);
            yonos_graph_free(g);
        }
}

#ifdef HAVE_VULKAN

static YonosExecutor *make_vulkan(const YonosGraph *g)
{
    YonosVulkanOptions options = {.device = tested_device(), .half = YONOS_VULKAN_SINGLE};
    GError *error = NULL;
    YonosExecutor *ex = yonos_vulkan_executor_new(g, &options, &error);

    g_assert_no_error(error);
    return ex;
}

static YonosExecutor *make_half(const YonosGraph *g)
{
    YonosVulkanOptions options = {.device = tested_device(), .half = YONOS_VULKAN_HALF};
    GError *error = NULL;
    YonosExecutor *ex = yonos_vulkan_executor_new(g, &options, &error);

    g_assert_no_error(error);
    return ex;
}

static void test_vulkan(gconstpointer data)
{
    if (yonos_vulkan_has_device(tested_device()))
        against_reference(data, make_vulkan, FILL_COUNT, 2e-5);
    else
        g_test_skip("no Vulkan device to test");
}

/* uniform values only: the others leave fp16's range. 11 bits of storage before and after each op: 2e-2. */
static void test_half(gconstpointer data)
{
    if (yonos_vulkan_has_device(tested_device()))
        against_reference(data, make_half, FILL_UNIFORM + 1, 2e-2);
    else
        g_test_skip("no Vulkan device to test");
}
#endif

/* Perturbs one element of `buffer` and returns the loss. */
static double loss_at(YonosExecutor *ex, YonosBufferId buffer, gsize k, float value)
{
    float loss;

    yonos_executor_write(ex, buffer, k, &value, 1, NULL);
    run(ex);
    yonos_executor_read(ex, yonos_graph_find_buffer(ex->graph, "loss"), 0, &loss, 1, NULL);
    return loss;
}

static void check_gradient(const Case *c, int variant, int s, YonosExecutor *ex, GRand *rand)
{
    const YonosGraph *g = ex->graph;
    gboolean params = buffer_size(g, g->param_buffer) > 0;
    YonosBufferId by = params ? g->param_buffer : yonos_graph_find_buffer(g, "x");
    gsize n = params ? buffer_size(g, by) : yonos_shape_elements(shapes[s]);
    float *gradient = g_new0(float, n), one = 1;
    YonosBufferId from = yonos_graph_find_buffer(g, params ? "gradients" : "dx");
    double top = 0;
    int checked = 0;

    yonos_executor_write(ex, yonos_graph_find_buffer(g, "dloss"), 0, &one, 1, NULL);
    if (params)
        write_buffer(ex, from, gradient);
    run(ex);
    yonos_executor_read(ex, from, 0, gradient, n, NULL);
    for (gsize k = 0; k < n; k++)
        top = MAX(top, fabs(gradient[k]));
    for (int t = 0; t < 24; t++) {
        gsize k = g_rand_int_range(rand, 0, n);
        float old, h = 4e-3f;
        double up, down, here, numeric;
        yonos_executor_read(ex, by, k, &old, 1, NULL);
        up = loss_at(ex, by, k, old + h);
        down = loss_at(ex, by, k, old - h);
        here = loss_at(ex, by, k, old);
        numeric = (up - down) / (2 * (double)h);
        /* an activation's kink within h: the two sides disagree, and the difference says nothing */
        if (fabs(up - 2 * here + down) / h > 5e-4 + 0.1 * top)
            continue;
        checked++;
        /* the loss is a float: 1e-7 relative of about 1, divided by h; smaller kinks and curvature add O(h) */
        if (fabs(numeric - gradient[k]) > 1e-3 + 0.06 * top)
            g_error("%s variant %d shape %d seed %d: gradient %g at %" G_GSIZE_FORMAT ", finite difference %g", c->name,
                    variant, s, SEED, gradient[k], k, numeric);
    }
    g_assert_cmpint(checked, >=, 8);
    g_assert_cmpfloat(top, >, 0);
    g_free(gradient);
}

static void test_gradient(gconstpointer data)
{
    const Case *c = data;
    GRand *rand = g_rand_new_with_seed(SEED);

    for (int variant = 0; variant < c->variants; variant++)
        for (guint s = 0; s < G_N_ELEMENTS(shapes); s++) {
            YonosGraph *g = graph_of(c, variant, shapes[s]);
            YonosExecutor *ex = yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL);
            fill_buffers(ex, NULL, rand, FILL_UNIFORM);
            check_gradient(c, variant, s, ex, rand);
            yonos_executor_free(ex);
            yonos_graph_free(g);
        }
    g_rand_free(rand);
}

static void test_misuse(void)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, 4, 4, 3});
    GError *error = NULL;

    g_assert_cmpint(yonos_shuffle(g, x, 2), ==, YONOS_NONE);
    g_assert_cmpint(yonos_nearest(g, x, 2), ==, YONOS_NONE);
    g_assert_false(yonos_graph_check(g, &error));
    g_assert_cmpstr(error->message, ==, "3 channels cannot be shuffled to space by 2.");
    g_error_free(error);
    yonos_graph_free(g);
}

static void test_plan_shares_memory(void)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, 16, 16, 8});
    YonosExecutor *ex;
    float *y, first = 1;

    for (int k = 0; k < 20; k++)
        x = yonos_add(g, x, x, 0);
    yonos_append(g, YONOS_OP_ACT, 1, &x, yonos_graph_input(g, "y", YONOS_F32, yonos_graph_shape(g, x)),
                 (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    ex = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "x"), 5, &first, 1, NULL);
    run(ex);
    y = read_tensor(ex, g_array_index(g->nodes, YonosNode, g->nodes->len - 1).out);
    g_assert_cmpfloat(y[5], ==, 1);
    g_assert_cmpfloat(y[4], ==, 0);
    g_assert_false(yonos_executor_write(ex, 0, G_MAXSIZE, &first, 1, NULL));
    g_free(y);
    yonos_executor_free(ex);
    yonos_graph_free(g);
}

static void check_pillow(int height, int width, const float *expected)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, 16, 24, 1});
    YonosTensorId y = yonos_graph_input(g, "y", YONOS_F32, (YonosShape){1, height, width, 1});
    YonosExecutor *ex;
    float picture[16 * 24], *got;
    int step = MAX(1, height * width / 60);

    yonos_append(g, YONOS_OP_RESIZE, 1, &x, y, (int[]){height, width}, 2, 0, 0);
    ex = yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, NULL);
    for (int k = 0; k < 16 * 24; k++)
        picture[k] = (float)(k * 37 % 101) / 100;
    write_buffer(ex, yonos_graph_find_buffer(g, "x"), picture);
    run(ex);
    got = read_tensor(ex, y);
    for (int k = 0; k * step < height * width; k++)
        g_assert_cmpfloat_with_epsilon(got[k * step], expected[k], 1e-6);
    g_free(got);
    yonos_executor_free(ex);
    yonos_graph_free(g);
}

static void test_pillow(void)
{
    check_pillow(8, 12, pillow_12x8);
    check_pillow(4, 6, pillow_6x4);
    check_pillow(2, 3, pillow_3x2);
    check_pillow(32, 48, pillow_48x32);
    check_pillow(5, 31, pillow_31x5);
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
    g_test_message("seed %d", SEED);
    for (guint k = 0; k < G_N_ELEMENTS(cases); k++) {
        add("/ops/reference/", &cases[k], test_against_reference);
        add("/ops/bf16/", &cases[k], test_bf16);
        if (cases[k].trained)
            add("/ops/gradient/", &cases[k], test_gradient);
#ifdef HAVE_VULKAN
        add("/ops/vulkan/", &cases[k], test_vulkan);
        add("/ops/half/", &cases[k], test_half);
#endif
    }
    g_assert_cmpstr(cases[0].name, ==, "conv");
    add("/ops/bf16-exact/", &cases[0], test_bf16_exact);
    g_test_add_func("/ops/pillow-bicubic", test_pillow);
    g_test_add_func("/graph/misuse", test_misuse);
    g_test_add_func("/graph/plan", test_plan_shares_memory);
    return g_test_run();
}
