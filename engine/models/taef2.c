/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/taef2.h"
#include "ops/ops.h"

#define WIDTH 64
#define POOL_WIDTH 256
#define POOL_GROUPS 4
#define EPSILON 1e-5f

typedef struct {
    int kernel, stride; /* 0: 3 and 1 */
    gboolean no_bias, relu;
    YonosTensorId residual; /* 0: none */
} Conv;

static YonosTensorId param(YonosGraph *g, int module, const char *part, YonosShape shape)
{
    char *name = g_strdup_printf("%d.%s", module, part);
    YonosTensorId tensor = yonos_graph_param(g, name, shape);

    g_free(name);
    return tensor;
}

/* 3x3 with bias, unless `c` says otherwise; parameters `module`.`prefix`weight and `module`.`prefix`bias. */
static YonosTensorId conv(YonosGraph *g, int module, const char *prefix, YonosTensorId x, int out, Conv c)
{
    int k = c.kernel ? c.kernel : 3, in = yonos_graph_shape(g, x).c;
    char *weight = g_strconcat(prefix, "weight", NULL), *bias = g_strconcat(prefix, "bias", NULL);
    YonosTensorId w = param(g, module, weight, (YonosShape){k, k, in, out});
    YonosTensorId b = c.no_bias ? YONOS_NONE : param(g, module, bias, (YonosShape){1, 1, 1, out});

    g_free(weight);
    g_free(bias);
    return yonos_conv(g, x, w, b,
                      (YonosConvParams){.stride = c.stride,
                                        .pad = k / 2,
                                        .act = c.relu ? YONOS_ACT_LEAKY : YONOS_ACT_NONE,
                                        .residual = c.residual});
}

/* x + conv1x1(relu(norm(conv1x1(x)))): lets a pixel know the whole picture */
static YonosTensorId pool(YonosGraph *g, int module, YonosTensorId x)
{
    YonosShape vector = {1, 1, 1, POOL_WIDTH};
    YonosTensorId h = conv(g, module, "pool.0.", x, POOL_WIDTH, (Conv){.kernel = 1, .no_bias = TRUE});

    h = yonos_group_norm(g, h, param(g, module, "pool.1.weight", vector), param(g, module, "pool.1.bias", vector),
                         POOL_GROUPS, EPSILON);
    h = yonos_act(g, h, YONOS_ACT_LEAKY, 0);
    return conv(g, module, "pool.3.", h, WIDTH, (Conv){.kernel = 1, .no_bias = TRUE, .residual = x});
}

/* relu(x + conv(relu(conv(relu(conv(x)))))) */
static YonosTensorId block(YonosGraph *g, int module, YonosTensorId x)
{
    YonosTensorId h = conv(g, module, "conv.0.", x, WIDTH, (Conv){.relu = TRUE});

    h = conv(g, module, "conv.2.", h, WIDTH, (Conv){.relu = TRUE});
    return conv(g, module, "conv.4.", h, WIDTH, (Conv){.relu = TRUE, .residual = x});
}

/* Three blocks, modules `first` to `first` + 2. */
static YonosTensorId blocks(YonosGraph *g, int first, YonosTensorId x, gboolean pooled)
{
    for (int module = first; module < first + 3; module++)
        x = block(g, module, pooled ? pool(g, module, x) : x);
    return x;
}

YonosTensorId yonos_taef2_encoder(YonosGraph *g, YonosTensorId x)
{
    Conv down = {.stride = 2, .no_bias = TRUE};
    YonosShape s = yonos_graph_shape(g, x);
    YonosTensorId h;

    if (s.h % YONOS_TAEF2_GRID || s.w % YONOS_TAEF2_GRID)
        yonos_graph_fail(g, "TAEF2 takes pictures whose sides are multiples of %d, not %d x %d; crop them.",
                         YONOS_TAEF2_GRID, s.w, s.h);
    h = block(g, 1, conv(g, 0, "", x, WIDTH, (Conv){0}));               /* {n, H, W, 64} */
    h = blocks(g, 3, conv(g, 2, "", h, WIDTH, down), FALSE);            /* {n, H/2, W/2, 64} */
    h = blocks(g, 7, conv(g, 6, "", h, WIDTH, down), FALSE);            /* {n, H/4, W/4, 64} */
    h = blocks(g, 11, conv(g, 10, "", h, WIDTH, down), TRUE);           /* {n, H/8, W/8, 64} */
    return conv(g, 14, "", h, YONOS_TAEF2_LATENT, (Conv){0});           /* {n, H/8, W/8, 32} */
}

YonosTensorId yonos_taef2_decoder(YonosGraph *g, YonosTensorId z)
{
    Conv after = {.no_bias = TRUE};
    YonosTensorId h = conv(g, 1, "", yonos_act(g, z, YONOS_ACT_TANH, 3), WIDTH, (Conv){.relu = TRUE});

    h = blocks(g, 3, h, TRUE);                                          /* {n, H/8, W/8, 64} */
    h = conv(g, 7, "", yonos_nearest(g, h, 2), WIDTH, after);           /* {n, H/4, W/4, 64} */
    h = conv(g, 12, "", yonos_nearest(g, blocks(g, 8, h, FALSE), 2), WIDTH, after);  /* {n, H/2, W/2, 64} */
    h = conv(g, 17, "", yonos_nearest(g, blocks(g, 13, h, FALSE), 2), WIDTH, after); /* {n, H, W, 64} */
    return conv(g, 19, "", block(g, 18, h), 3, (Conv){0});              /* {n, H, W, 3} */
}
