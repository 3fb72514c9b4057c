/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Training works: the compact network at x4 overfits one crop far past bicubic, within seconds. */
#include "base/random.h"
#include "cpu/cpu-executor.h"
#include "graph/gradient.h"
#include "models/compact.h"
#include "ops/ops.h"
#include "optimizer.h"
#include "rails.h"

#include <math.h>

#define SIDE 64
#define SEED 11

/* Strokes and edges that bicubic loses. */
static void draw(float *rgb)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++)
                rgb[(y * SIDE + x) * 3 + c] =
                    0.5f + 0.25f * sinf(x * 0.9f + c) * cosf(y * 0.4f) + ((x + 2 * y) % 23 < 3 ? 0.2f : 0);
}

static void test_overfits_one_crop(void)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x_h = yonos_graph_input(g, "x_h", YONOS_F32, (YonosShape){1, SIDE, SIDE, 3});
    YonosTensorId noise = yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){1, SIDE / 8, SIDE / 8, 16});
    YonosTensorId one = yonos_graph_input(g, "dloss", YONOS_F32, (YonosShape){1, 1, 1, 1});
    YonosTensorId out = yonos_graph_input(g, "loss", YONOS_F32, (YonosShape){1, 1, 1, 1});
    YonosTensorId x_l = yonos_resize(g, x_h, SIDE / 4, SIDE / 4);
    YonosTensorId y = yonos_compact_upscale(g, yonos_compact_tier("fast"), x_l, noise, 4, YONOS_COMPACT_INPUT_LR);
    YonosTensorId loss = yonos_l1(g, y, x_h), base = yonos_l1(g, yonos_resize(g, x_l, SIDE, SIDE), x_h);
    YonosTensorId base_out = yonos_graph_input(g, "base_loss", YONOS_F32, (YonosShape){1, 1, 1, 1});
    YonosBufferId gradients;
    YonosExecutor *ex;
    YonosOptimizer *o;
    YonosOptimizerParams p = {.rate = 2e-3, .decay = 0, .clip = 1, .average = 0.99};
    float picture[SIDE * SIDE * 3], field[SIDE / 8 * SIDE / 8 * 16], value = 1, bicubic;
    double norm;
    GError *error = NULL;

    yonos_append(g, YONOS_OP_ACT, 1, &loss, out, (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    yonos_append(g, YONOS_OP_ACT, 1, &base, base_out, (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    gradients = yonos_graph_differentiate(g, loss, one);
    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    ex = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL);
    o = yonos_optimizer_new(g, gradients, SEED);
    draw(picture);
    yonos_random_field(field, SEED, SIDE / 8, SIDE / 8, 16);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "x_h"), 0, picture, G_N_ELEMENTS(picture), NULL);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "noise"), 0, field, G_N_ELEMENTS(field), NULL);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "dloss"), 0, &value, 1, NULL);
    for (int step = 0; step < 300; step++) {
        g_assert_true(yonos_optimizer_upload(o, ex, &error));
        g_assert_true(yonos_executor_run(ex, &error));
        yonos_executor_read(ex, yonos_graph_find_buffer(g, "loss"), 0, &value, 1, NULL);
        g_assert_true(yonos_optimizer_step(o, ex, &p, &norm, &error));
    }
    yonos_executor_read(ex, yonos_graph_find_buffer(g, "base_loss"), 0, &bicubic, 1, NULL);
    g_test_message("L1 of bicubic %g, after 300 steps %g", bicubic, value);
    g_assert_cmpfloat(bicubic, >, 0.02);
    g_assert_cmpfloat(value, <, 0.3 * bicubic);
    yonos_optimizer_free(o);
    yonos_executor_free(ex);
    yonos_graph_free(g);
}

/* y = w x: a graph with one parameter, whose gradient is written instead of run. */
static YonosOptimizer *one_weight(YonosGraph *g, YonosExecutor **ex)
{
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, 1, 1, 1});
    YonosTensorId one = yonos_graph_input(g, "dloss", YONOS_F32, (YonosShape){1, 1, 1, 1});
    YonosTensorId w = yonos_graph_param(g, "w.weight", (YonosShape){1, 1, 1, 1});
    YonosBufferId gradients =
        yonos_graph_differentiate(g, yonos_l1(g, yonos_conv(g, x, w, YONOS_NONE, (YonosConvParams){0}), x), one);

    g_assert_true(yonos_graph_check(g, NULL));
    *ex = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL);
    return yonos_optimizer_new(g, gradients, SEED);
}

/* What the weight becomes after a gradient, and the loss scale; NaN: the step failed. */
static float stepped(YonosOptimizer *o, YonosExecutor *ex, float gradient, float scale)
{
    YonosOptimizerParams p = {.rate = 1e-2, .clip = 1, .average = 0.99};
    double norm;

    yonos_executor_write(ex, o->gradients, 0, &(float){gradient * scale}, 1, NULL);
    return yonos_optimizer_step(o, ex, &p, &norm, NULL) ? o->weights[0] : NAN;
}

static void test_loss_scale(void)
{
    YonosGraph *plain_graph = yonos_graph_new(), *scaled_graph = yonos_graph_new();
    YonosExecutor *plain_ex, *scaled_ex;
    YonosOptimizer *plain = one_weight(plain_graph, &plain_ex), *scaled = one_weight(scaled_graph, &scaled_ex);
    float before = plain->weights[0];
    guint64 step;

    scaled->loss_scale = 8;
    g_assert_cmpfloat(stepped(plain, plain_ex, 0.5f, 1), ==, stepped(scaled, scaled_ex, 0.5f, 8));
    g_assert_cmpfloat(plain->weights[0], !=, before);
    before = scaled->weights[0];
    step = scaled->step;
    g_assert_cmpfloat(stepped(scaled, scaled_ex, INFINITY, 8), ==, before);
    g_assert_cmpfloat(stepped(scaled, scaled_ex, NAN, 4), ==, before);
    g_assert_cmpfloat(scaled->loss_scale, ==, 2);
    g_assert_cmpuint(scaled->step, ==, step + 2); /* the next batch, not the same again */
    for (int k = 0; k < YONOS_LOSS_SCALE_PATIENCE; k++)
        stepped(scaled, scaled_ex, 0.1f, 2);
    g_assert_cmpfloat(scaled->loss_scale, ==, 4);
    scaled->loss_scale = YONOS_LOSS_SCALE_MOST;
    for (int k = 0; k < YONOS_LOSS_SCALE_PATIENCE; k++)
        stepped(scaled, scaled_ex, 0.1f, YONOS_LOSS_SCALE_MOST);
    g_assert_cmpfloat(scaled->loss_scale, ==, YONOS_LOSS_SCALE_MOST);
    g_assert_true(isnan(stepped(plain, plain_ex, INFINITY, 1)));
    g_assert_cmpfloat(plain->loss_scale, ==, 1);
    yonos_optimizer_free(plain);
    yonos_optimizer_free(scaled);
    yonos_executor_free(plain_ex);
    yonos_executor_free(scaled_ex);
    yonos_graph_free(plain_graph);
    yonos_graph_free(scaled_graph);
}

/* The gradient of an activation goes by the sign of its output. */
static void test_slope(void)
{
    YonosGraph *g = yonos_graph_new();
    YonosShape one = {1, 1, 1, 1};
    YonosTensorId x = yonos_graph_param(g, "x", one), dloss = yonos_graph_input(g, "dloss", YONOS_F32, one);
    GError *error = NULL;

    yonos_graph_differentiate(g, yonos_act(g, x, YONOS_ACT_LEAKY, -1), dloss);
    g_assert_false(yonos_graph_check(g, &error));
    g_assert_nonnull(strstr(error->message, "slope below 0"));
    g_error_free(error);
    yonos_graph_free(g);
}

/* Losses of much spread, around a level that falls, are no divergence; a level that rises to four times is, soon. */
static void test_rails(void)
{
    YonosRails rails = {0};
    guint step = 0;

    for (; step < 5000; step++)
        g_assert_false(yonos_rails_left(&rails, (1 + exp(-0.01 * step)) * exp(0.5 * yonos_random_normal(SEED, step))));
    g_assert_false(yonos_rails_left(&rails, INFINITY));
    while (!yonos_rails_left(&rails, 8))
        g_assert_cmpuint(++step, <, 5100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/training/overfits-one-crop", test_overfits_one_crop);
    g_test_add_func("/training/loss-scale", test_loss_scale);
    g_test_add_func("/training/slope", test_slope);
    g_test_add_func("/training/rails", test_rails);
    return g_test_run();
}
