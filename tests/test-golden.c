/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every part of the compact network, and the gradients of a small stack, against PyTorch (golden/). Nothing is random:
 * weights and inputs are functions of the tensors' names. */
#include "cpu/cpu-executor.h"
#include "golden/golden.h"
#include "graph/gradient.h"
#include "models/compact.h"
#include "ops/ops.h"

typedef struct {
    const char *name; /* in network-golden.h */
    YonosTensorId (*build)(YonosGraph *g, int scale);
    int scale;
} Case;

static YonosTensorId input(YonosGraph *g, const char *name, int n, int h, int w, int c)
{
    return yonos_graph_input(g, name, YONOS_F32, (YonosShape){n, h, w, c});
}

static const YonosCompactTier *fast(void)
{
    return yonos_compact_tier("fast");
}

static YonosTensorId build_hr_encoder(YonosGraph *g, G_GNUC_UNUSED int scale)
{
    return yonos_compact_hr_encoder(g, input(g, "x_h", 1, 32, 48, 3));
}

static YonosTensorId build_lr_encoder(YonosGraph *g, int scale)
{
    return yonos_compact_lr_encoder(g, fast(), input(g, "x_l", 1, 32 / scale, 48 / scale, 3), scale);
}

static YonosTensorId build_student(YonosGraph *g, G_GNUC_UNUSED int scale)
{
    return yonos_compact_student(g, fast(), input(g, "z_t", 1, 4, 6, YONOS_COMPACT_LATENT),
                                 input(g, "z_l", 1, 4, 6, YONOS_COMPACT_LATENT), YONOS_NONE);
}

static YonosTensorId build_student_with_time(YonosGraph *g, G_GNUC_UNUSED int scale)
{
    return yonos_compact_student(g, fast(), input(g, "z_t", 2, 4, 6, YONOS_COMPACT_LATENT),
                                 input(g, "z_l", 2, 4, 6, YONOS_COMPACT_LATENT), input(g, "time", 2, 1, 1, 64));
}

static YonosTensorId build_decoder(YonosGraph *g, int scale)
{
    return yonos_compact_decoder(g, fast(), input(g, "z", 1, 4, 6, YONOS_COMPACT_LATENT),
                                 input(g, "x_l", 1, 32 / scale, 48 / scale, 3), scale);
}

static YonosTensorId build_decoder_without_x_l(YonosGraph *g, int scale)
{
    return yonos_compact_decoder(g, fast(), input(g, "z", 1, 4, 6, YONOS_COMPACT_LATENT), YONOS_NONE, scale);
}

static YonosTensorId build_upscale(YonosGraph *g, int scale)
{
    int h = yonos_compact_padded(5, scale) * scale / 8, w = yonos_compact_padded(7, scale) * scale / 8;

    return yonos_compact_upscale(g, fast(), input(g, "x_l", 1, 5, 7, 3),
                                 input(g, "noise", 1, h, w, YONOS_COMPACT_LATENT), scale, YONOS_COMPACT_INPUT_LR);
}

static const Case cases[] = {
    {"hr_encoder", build_hr_encoder, 0},
    {"lr_encoder x2", build_lr_encoder, 2},
    {"lr_encoder x4", build_lr_encoder, 4},
    {"lr_encoder x8", build_lr_encoder, 8},
    {"student", build_student, 0},
    {"student with time", build_student_with_time, 0},
    {"decoder x2", build_decoder, 2},
    {"decoder x4", build_decoder, 4},
    {"decoder x8", build_decoder, 8},
    {"decoder without x_l", build_decoder_without_x_l, 4},
    {"upscale x2", build_upscale, 2},
    {"upscale x4", build_upscale, 4},
    {"upscale x8", build_upscale, 8},
};

static void test_forward(gconstpointer data)
{
    const Case *c = data;
    YonosGraph *g = yonos_graph_new();

    golden_finish(g, c->build(g, c->scale));
    for (int reference = 0; reference < 2; reference++) {
        YonosExecutor *ex = yonos_cpu_executor_new(g, reference ? YONOS_CPU_REFERENCE : YONOS_CPU_SINGLE, NULL);
        float *y;
        golden_fill(ex);
        y = golden_run(ex, "y");
        golden_compare(c->name, y, g_array_index(g->buffers, YonosBuffer, yonos_graph_find_buffer(g, "y")).size, 1e-4,
                       reference ? "the C reference" : "the CPU executor");
        g_free(y);
        yonos_executor_free(ex);
    }
    yonos_graph_free(g);
}

static YonosTensorId stack_conv(YonosGraph *g, const char *name, YonosTensorId x, int out, YonosConvParams p)
{
    char *weight = g_strconcat("stack.", name, ".weight", NULL), *bias = g_strconcat("stack.", name, ".bias", NULL);
    YonosTensorId w = yonos_graph_param(g, weight, (YonosShape){3, 3, yonos_graph_shape(g, x).c, out});
    YonosTensorId b = yonos_graph_param(g, bias, (YonosShape){1, 1, 1, out});

    p.pad = 1;
    p.slope = 0.1f;
    g_free(weight);
    g_free(bias);
    return yonos_conv(g, x, w, b, p);
}

/* conv of stride 2, a residual block, group norm, conv, shuffle; L1 and weighted MSE */
static YonosTensorId build_stack(YonosGraph *g)
{
    YonosTensorId x = input(g, "x", 2, 7, 9, 3), target = input(g, "target", 2, 8, 10, 3);
    YonosTensorId h = stack_conv(g, "down", x, 8, (YonosConvParams){.stride = 2, .act = YONOS_ACT_LEAKY}), y;

    y = stack_conv(g, "block.0", h, 8, (YonosConvParams){.act = YONOS_ACT_LEAKY});
    y = stack_conv(g, "block.1", y, 8, (YonosConvParams){.residual = h});
    y = yonos_group_norm(g, y, yonos_graph_param(g, "stack.norm.weight", (YonosShape){1, 1, 1, 8}),
                         yonos_graph_param(g, "stack.norm.bias", (YonosShape){1, 1, 1, 8}), 2, 1e-5f);
    y = yonos_shuffle(g, stack_conv(g, "out", y, 12, (YonosConvParams){0}), 2);
    return yonos_add(g, yonos_l1(g, y, target), yonos_mse(g, y, target, input(g, "x_weights", 2, 1, 1, 1)), 1);
}

static void test_gradients(void)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId loss = build_stack(g);

    yonos_graph_differentiate(g, loss, input(g, "dloss", 1, 1, 1, 1));
    golden_finish(g, loss);
    for (int reference = 0; reference < 2; reference++) {
        const char *what = reference ? "the C reference" : "the CPU executor";
        YonosExecutor *ex = yonos_cpu_executor_new(g, reference ? YONOS_CPU_REFERENCE : YONOS_CPU_SINGLE, NULL);
        float *gradients, value;
        golden_fill(ex);
        gradients = golden_run(ex, "gradients");
        g_assert_true(yonos_executor_read(ex, yonos_graph_find_buffer(g, "y"), 0, &value, 1, NULL));
        golden_compare("loss", &value, 1, 1e-5, what);
        golden_compare_gradients(g, gradients, 1e-3, what);
        g_free(gradients);
        yonos_executor_free(ex);
    }
    yonos_graph_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint k = 0; k < G_N_ELEMENTS(cases); k++) {
        char *path = g_strconcat("/golden/", cases[k].name, NULL);
        g_test_add_data_func(path, &cases[k], test_forward);
        g_free(path);
    }
    g_test_add_func("/golden/gradients", test_gradients);
    return g_test_run();
}
