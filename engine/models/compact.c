/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/compact.h"
#include "ops/ops.h"

#include <string.h>

#define C YONOS_COMPACT_LATENT
#define SLOPE 0.1f

const YonosCompactTier *yonos_compact_tier(const char *name)
{
    /* multiply-accumulates per output pixel, encoder + student + decoder:
     * x2 0.15k + 0.56k + 7.24k = 7.9k, x4 0.07k + 0.56k + 7.07k = 7.7k, x8 0.05k + 0.56k + 6.52k = 7.1k */
    static const YonosCompactTier fast = {
        .encoder = 16, .student = 32, .trunk = 32, .blocks = 5, .trunk8 = 64, .blocks8 = 4};
    /* x2 1.15k + 5.80k + 48.8k = 55.8k, x4 0.83k + 5.80k + 48.5k = 55.1k; 1.5M parameters; x8 53.5k, 3.7M */
    static const YonosCompactTier balanced = {
        .encoder = 64, .student = 112, .trunk = 64, .blocks = 10, .trunk8 = 96, .blocks8 = 17};
    /* x2 177k, x4 176k; 3.5M parameters; x8 121k, 8.0M */
    static const YonosCompactTier quality = {
        .encoder = 64, .student = 112, .trunk = 96, .blocks = 16, .trunk8 = 128, .blocks8 = 24};

    /* x4 7.2k, x8 7.1k */
    static const YonosCompactTier fast_plain = {.trunk = 42, .blocks = 3, .trunk8 = 42, .blocks8 = 12};
    /* x4 51.7k, x8 51.5k */
    static const YonosCompactTier balanced_plain = {.trunk = 104, .blocks = 4, .trunk8 = 104, .blocks8 = 16};
    static const struct {
        const char *name;
        const YonosCompactTier *tier;
    } tiers[] = {{"fast", &fast},
                 {"balanced", &balanced},
                 {"quality", &quality},
                 {"fast-plain", &fast_plain},
                 {"balanced-plain", &balanced_plain}};

    for (guint i = 0; i < G_N_ELEMENTS(tiers); i++)
        if (!strcmp(name, tiers[i].name))
            return tiers[i].tier;
    return NULL;
}

int yonos_compact_padded(int side, int scale)
{
    int grid = YONOS_COMPACT_GRID / scale;

    return (side + grid - 1) / grid * grid;
}

typedef struct {
    int kernel, stride;
    gboolean linear;        /* no activation */
    YonosTensorId residual; /* 0: none */
} Conv;

/* A 3x3 convolution with bias and leaky ReLU, unless `c` says otherwise; parameters `name`.weight and `name`.bias. */
static YonosTensorId conv(YonosGraph *g, const char *name, YonosTensorId x, int out, Conv c)
{
    int k = c.kernel ? c.kernel : 3, in = yonos_graph_shape(g, x).c;
    char *weight = g_strconcat(name, ".weight", NULL), *bias = g_strconcat(name, ".bias", NULL);
    YonosTensorId w = yonos_graph_param(g, weight, (YonosShape){k, k, in, out});
    YonosTensorId b = yonos_graph_param(g, bias, (YonosShape){1, 1, 1, out});
    YonosConvParams p = {.stride = c.stride, .pad = k / 2, .residual = c.residual};

    if (!c.linear) {
        p.act = YONOS_ACT_LEAKY;
        p.slope = SLOPE;
    }
    g_free(weight);
    g_free(bias);
    return yonos_conv(g, x, w, b, p);
}

/* x + conv(act(conv(x) + time)); same channels */
static YonosTensorId block(YonosGraph *g, const char *name, YonosTensorId x, YonosTensorId time)
{
    int c = yonos_graph_shape(g, x).c;
    char *first = g_strconcat(name, ".0", NULL), *second = g_strconcat(name, ".1", NULL);
    char *bias = g_strconcat(name, ".time", NULL);
    YonosTensorId h;

    if (time >= 0) {
        h = conv(g, first, x, c, (Conv){.linear = TRUE});
        h = yonos_add(g, h, conv(g, bias, time, c, (Conv){.kernel = 1, .linear = TRUE}), 1);
        h = yonos_act(g, h, YONOS_ACT_LEAKY, SLOPE);
    } else {
        h = conv(g, first, x, c, (Conv){0});
    }
    h = conv(g, second, h, c, (Conv){.linear = TRUE, .residual = x});
    g_free(first);
    g_free(second);
    g_free(bias);
    return h;
}

void yonos_compact_hr_features(YonosGraph *g, YonosTensorId x_h, YonosTensorId *features)
{
    YonosTensorId h = yonos_unshuffle(g, x_h, 2); /* {n, H/2, W/2, 12} */

    h = features[0] = conv(g, "hr_encoder.in", h, 32, (Conv){0}); /* {n, H/2, W/2, 32} */
    h = conv(g, "hr_encoder.down0", h, 64, (Conv){.stride = 2});  /* {n, H/4, W/4, 64} */
    h = features[1] = block(g, "hr_encoder.block0", h, YONOS_NONE);
    h = conv(g, "hr_encoder.down1", h, 64, (Conv){.stride = 2}); /* {n, H/8, W/8, 64} */
    features[2] = block(g, "hr_encoder.block1", h, YONOS_NONE);
}

YonosTensorId yonos_compact_hr_encoder(YonosGraph *g, YonosTensorId x_h)
{
    YonosTensorId features[YONOS_COMPACT_HR_FEATURES];

    yonos_compact_hr_features(g, x_h, features);
    return conv(g, "hr_encoder.out", features[2], C, (Conv){.linear = TRUE}); /* {n, H/8, W/8, C} */
}

YonosTensorId yonos_compact_lr_encoder(YonosGraph *g, const YonosCompactTier *tier, YonosTensorId x_l, int scale)
{
    YonosTensorId h = yonos_unshuffle(g, x_l, 8 / scale); /* {n, H/8, W/8, 3 (8/N)^2} */

    h = conv(g, "lr_encoder.in", h, tier->encoder, (Conv){0}); /* {n, H/8, W/8, encoder} */
    h = conv(g, "lr_encoder.mid", h, tier->encoder, (Conv){0});
    return conv(g, "lr_encoder.out", h, C, (Conv){.linear = TRUE}); /* {n, H/8, W/8, C} */
}

YonosTensorId yonos_compact_student(YonosGraph *g, const YonosCompactTier *tier, YonosTensorId z_t, YonosTensorId z_l,
                                    YonosTensorId time)
{
    int s = tier->student;
    YonosTensorId x, h;

    if (time >= 0) /* {n, 1, 1, 64} */
        time = conv(g, "student.time", time, YONOS_COMPACT_TIME, (Conv){.kernel = 1});
    x = conv(g, "student.in", yonos_concat(g, z_t, z_l), s, (Conv){0}); /* {n, H/8, W/8, s} */
    x = block(g, "student.upper", x, time);
    h = conv(g, "student.down", x, s, (Conv){.stride = 2}); /* {n, H/16, W/16, s} */
    h = block(g, "student.lower", h, time);
    h = conv(g, "student.up", h, 4 * s, (Conv){.kernel = 1, .linear = TRUE}); /* {n, H/16, W/16, 4 s} */
    x = yonos_add(g, x, yonos_shuffle(g, h, 2), 1);                           /* {n, H/8, W/8, s} */
    return conv(g, "student.out", x, C, (Conv){.linear = TRUE});              /* {n, H/8, W/8, C} */
}

/* What of z^ reaches the trunk, at the trunk's size; linear. */
static YonosTensorId latent_branch(YonosGraph *g, YonosTensorId z, int trunk, gboolean eighth)
{
    if (eighth)
        return conv(g, "decoder.in", z, trunk, (Conv){.linear = TRUE});                      /* {n, H/8, W/8, t} */
    return yonos_shuffle(g, conv(g, "decoder.in", z, 4 * trunk, (Conv){.linear = TRUE}), 2); /* {n, H/4, W/4, t} */
}

YonosTensorId yonos_compact_decoder(YonosGraph *g, const YonosCompactTier *tier, YonosTensorId z, YonosTensorId x_l,
                                    int scale)
{
    gboolean eighth = scale == 8;
    int size = eighth ? 8 : 4, t = eighth ? tier->trunk8 : tier->trunk, blocks = eighth ? tier->blocks8 : tier->blocks;
    YonosTensorId h = YONOS_NONE, lr;

    if (tier->student)
        h = latent_branch(g, z, t, eighth);
    if (x_l >= 0) {
        lr = conv(g, "decoder.lr", scale == 2 ? yonos_unshuffle(g, x_l, 2) : x_l, t, (Conv){.linear = TRUE});
        h = h < 0 ? lr : yonos_add(g, h, lr, 1); /* {n, H/size, W/size, t} */
    }
    h = yonos_act(g, h, YONOS_ACT_LEAKY, SLOPE);
    for (int k = 0; k < blocks; k++) {
        char *name = g_strdup_printf("decoder.block%d", k);
        h = block(g, name, h, YONOS_NONE);
        g_free(name);
    }
    h = conv(g, "decoder.out", h, 3 * size * size, (Conv){.linear = TRUE});
    return yonos_shuffle(g, h, size); /* {n, H, W, 3} */
}

YonosTensorId yonos_compact_upscale(YonosGraph *g, const YonosCompactTier *tier, YonosTensorId x_l, YonosTensorId noise,
                                    int scale, YonosCompactInput input)
{
    YonosShape s = yonos_graph_shape(g, x_l);
    int h = yonos_compact_padded(s.h, scale), w = yonos_compact_padded(s.w, scale);
    YonosTensorId padded = h == s.h && w == s.w ? x_l : yonos_extent(g, x_l, h, w);
    YonosTensorId z = YONOS_NONE, y;

    if (tier->student) {
        YonosTensorId z_l = input == YONOS_COMPACT_INPUT_FAITHFUL
                                ? yonos_compact_hr_encoder(g, yonos_resize(g, padded, h * scale, w * scale))
                                : yonos_compact_lr_encoder(g, tier, padded, scale);
        z = yonos_compact_student(g, tier, noise, z_l, YONOS_NONE);
    }
    y = yonos_compact_decoder(g, tier, z, padded, scale);
    if (padded != x_l)
        y = yonos_extent(g, y, s.h * scale, s.w * scale);
    return yonos_add(g, yonos_resize(g, x_l, s.h * scale, s.w * scale), y, 1);
}

YonosGraph *yonos_compact_network(const YonosCompactTier *tier, int width, int height, int scale,
                                  YonosCompactInput input)
{
    YonosGraph *g = yonos_graph_new();
    int h = yonos_compact_padded(height, scale) * scale / 8, w = yonos_compact_padded(width, scale) * scale / 8;
    YonosTensorId x = yonos_graph_input(g, "frame", YONOS_F32, (YonosShape){1, height, width, 3});
    YonosTensorId z = yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){1, h, w, C});
    YonosTensorId y = yonos_compact_upscale(g, tier, x, z, scale, input);

    if (y >= 0) /* the last node writes the picture: let it write where it can be read */
        g_array_index(g->tensors, YonosTensor, y).buffer =
            yonos_graph_buffer(g, "upscaled", YONOS_F32, yonos_shape_elements(yonos_graph_shape(g, y)));
    return g;
}
