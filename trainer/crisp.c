/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crisp.h"
#include "ops/ops.h"

#define CELL 4

static YonosTensorId detail(YonosGraph *g, YonosTensorId x)
{
    YonosShape s = yonos_graph_shape(g, x);
    YonosTensorId coarse = yonos_resize(g, yonos_resize(g, x, s.h / CELL, s.w / CELL), s.h, s.w);
    YonosTensorId fine = yonos_add(g, x, coarse, -1), positive = yonos_act(g, fine, YONOS_ACT_LEAKY, 0);
    YonosTensorId strength = yonos_add(g, positive, yonos_add(g, positive, fine, -1), 1); /* |x - coarse| */

    return yonos_resize(g, strength, s.h / CELL, s.w / CELL);
}

YonosTensorId yonos_crisp(YonosGraph *g, YonosTensorId y, YonosTensorId x_h, YonosTensorId ones)
{
    return yonos_mse(g, detail(g, y), detail(g, x_h), ones);
}
