/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "halo.h"
#include "ops/ops.h"

#define RADIUS 2

static YonosTensorId positive(YonosGraph *g, YonosTensorId x)
{
    return yonos_act(g, x, YONOS_ACT_LEAKY, 0);
}

YonosTensorId yonos_halo(YonosGraph *g, YonosTensorId y, YonosTensorId x_h, YonosTensorId ones)
{
    YonosShape s = yonos_graph_shape(g, x_h);
    YonosTensorId pair = yonos_concat(g, ones, ones), inset = yonos_add(g, pair, pair, RADIUS - 1);
    YonosTensorId inner = yonos_window(g, y, inset, s.h - 2 * RADIUS, s.w - 2 * RADIUS);
    YonosTensorId most = yonos_max_pool(g, x_h, 2 * RADIUS + 1, 1);
    YonosTensorId least = yonos_max_pool(g, yonos_add(g, x_h, x_h, -2), 2 * RADIUS + 1, 1);    /* negative */
    YonosTensorId over = yonos_add(g, inner, most, -1), under = yonos_add(g, inner, least, 1); /* the latter negative */
    YonosTensorId beyond = yonos_add(g, yonos_add(g, positive(g, over), positive(g, under), 1), under, -1);

    return yonos_mse(g, beyond, yonos_add(g, beyond, beyond, -1), ones);
}
