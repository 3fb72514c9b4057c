/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "discriminator.h"
#include "ops/ops.h"

#define SLOPE 0.2f
#define RESIDUAL 8 /* brings x - bicubic(x_l) to about the size of the base */

/* The same memory as another tensor, through which no gradient passes. */
static YonosTensorId detached(YonosGraph *g, YonosTensorId x)
{
    const YonosTensor *t;

    if (g->error)
        return YONOS_NONE;
    t = yonos_graph_at(g, x);
    return yonos_graph_view(g, t->buffer, t->offset, t->shape);
}

typedef struct {
    const char *name;
    int out, stride;
} Layer;

static YonosTensorId discriminator(YonosGraph *g, YonosTensorId x, YonosTensorId base, gboolean trained)
{
    static const Layer layers[] = {{"in", 32, 2}, {"down0", 64, 2}, {"down1", 96, 2}, {"mid", 96, 1}, {"out", 1, 1}};
    YonosTensorId residual = yonos_add(g, x, base, -1);
    YonosTensorId h = yonos_concat(g, yonos_add(g, residual, residual, RESIDUAL - 1), base);

    for (guint k = 0; k < G_N_ELEMENTS(layers); k++) {
        char *weight = g_strconcat(YONOS_DISCRIMINATOR_SCOPE, layers[k].name, ".weight", NULL);
        char *bias = g_strconcat(YONOS_DISCRIMINATOR_SCOPE, layers[k].name, ".bias", NULL);
        YonosTensorId w = yonos_graph_param(g, weight, (YonosShape){3, 3, yonos_graph_shape(g, h).c, layers[k].out});
        YonosTensorId b = yonos_graph_param(g, bias, (YonosShape){1, 1, 1, layers[k].out});
        YonosConvParams p = {.stride = layers[k].stride, .pad = 1, .slope = SLOPE};
        p.act = k + 1 < G_N_ELEMENTS(layers) ? YONOS_ACT_LEAKY : YONOS_ACT_NONE;
        h = yonos_conv(g, h, trained ? w : detached(g, w), trained ? b : detached(g, b), p);
        g_free(weight);
        g_free(bias);
    }
    return h;
}

YonosTensorId yonos_adversarial_loss(YonosGraph *g, YonosTensorId y, YonosTensorId base)
{
    return yonos_hinge(g, discriminator(g, y, base, FALSE), 1, TRUE);
}

YonosTensorId yonos_discriminator_loss(YonosGraph *g, YonosTensorId y, YonosTensorId x, YonosTensorId base)
{
    YonosTensorId copy = yonos_graph_input(g, "fake", YONOS_F32, yonos_graph_shape(g, y));
    YonosTensorId on_x = yonos_hinge(g, discriminator(g, x, base, TRUE), 1, FALSE);

    yonos_append(g, YONOS_OP_ACT, 1, &y, copy, (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    return yonos_add(g, on_x, yonos_hinge(g, discriminator(g, detached(g, copy), base, TRUE), -1, FALSE), 1);
}
