/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/compact.h"
#include "ops/ops.h"

#include <string.h>

#define C YONOS_COMPACT_LATENT
#define SLOPE 0.1f

const YonosCompactTier *yonos_compact_tier(const char *name)
{
    /* multiply-accumulates per output pixel, encoder + student + decoder:
     * x2 0.76k + 2.08k + 4.82k = 7.7k, x4 0.51k + 2.08k + 4.66k = 7.3k */
    static const YonosCompactTier fast = {.encoder = 48, .student = 64, .trunk = 32, .blocks = 3};
    /* x2 1.15k + 5.80k + 45.6k = 52.5k, x4 0.83k + 5.80k + 45.1k = 51.7k, x8 51.6k; 1.5M parameters */
    static const YonosCompactTier balanced = {.encoder = 64, .student = 112, .trunk = 96, .blocks = 4};

    /* x4 7.2k, x8 7.1k */
    static const YonosCompactTier fast_plain = {.trunk = 42, .blocks = 3};
    /* x4 51.7k, x8 51.5k */
    static const YonosCompactTier balanced_plain = {.trunk = 104, .blocks = 4};
    static const struct {
        const char *name;
        const YonosCompactTier *tier;
    } tiers[] = {
        {"fast", &fast}, {"balanced", &balanced}, {"fast-plain", &fast_plain}, {"balanced-plain", &balanced_plain}};

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

/* residual blocks at one size */
static YonosTensorId trunk(YonosGraph *g, YonosTensorId h, int blocks)
{
    for (int k = 0; k < blocks; k++) {
        char *name = g_strdup_printf("decoder.block%d", k);
        h = block(g, name, h, YONOS_NONE);
        g_free(name);
    }
    return h;
}

/* The plain network: a trunk at the LR size and nothing else. At x8 that is a quarter of the pixels of H/4, so it has
 * four times the blocks for about the same cost. */
static YonosTensorId plain(YonosGraph *g, const YonosCompactTier *tier, YonosTensorId x_l, int scale)
{
    gboolean eighth = scale == 8;
    YonosTensorId h = conv(g, "decoder.in", scale == 2 ? yonos_unshuffle(g, x_l, 2) : x_l, tier->trunk, (Conv){0});

    h = trunk(g, h, eighth ? 4 * tier->blocks : tier->blocks);
    h = conv(g, "decoder.out", h, eighth ? 192 : 48, (Conv){.linear = TRUE});
    return eighth ? yonos_shuffle(g, h, 2) : h; /* {n, H/4, W/4, 48} */
}

YonosTensorId yonos_compact_decoder(YonosGraph *g, const YonosCompactTier *tier, YonosTensorId z, YonosTensorId x_l,
                                    int scale)
{
    int t = tier->trunk;
    YonosTensorId h, lr;

    if (!tier->student)
        return plain(g, tier, x_l, scale);
    h = conv(g, "decoder.in", z, 4 * t, (Conv){.linear = TRUE}); /* {n, H/8, W/8, 4 t} */
    h = yonos_shuffle(g, h, 2);                                  /* {n, H/4, W/4, t} */
    if (x_l >= 0) {
        if (scale == 8) /* {n, H/8, W/8, 3} -> {n, H/4, W/4, t} */
            lr = yonos_shuffle(g, conv(g, "decoder.lr", x_l, 4 * t, (Conv){.linear = TRUE}), 2);
        else /* x2: {n, H/4, W/4, 12}, x4: {n, H/4, W/4, 3} */
            lr = conv(g, "decoder.lr", scale == 2 ? yonos_unshuffle(g, x_l, 2) : x_l, t, (Conv){.linear = TRUE});
        h = yonos_add(g, h, lr, 1);
    }
    h = yonos_act(g, h, YONOS_ACT_LEAKY, SLOPE);
    h = trunk(g, h, tier->blocks);
    return conv(g, "decoder.out", h, 48, (Conv){.linear = TRUE}); /* {n, H/4, W/4, 48} */
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
    y = yonos_shuffle(g, yonos_compact_decoder(g, tier, z, padded, scale), 4);
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
