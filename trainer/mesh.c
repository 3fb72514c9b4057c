/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mesh.h"
#include "ops/ops.h"

#define PERIOD 8 /* pixels: the latent grid's, a multiple of the trunk's */
#define CELLS 4  /* along a side, over which a mean is taken */

YonosTensorId yonos_mesh(YonosGraph *g, YonosTensorId y, YonosTensorId x_h, YonosTensorId ones)
{
    YonosTensorId error = yonos_unshuffle(g, yonos_add(g, y, x_h, -1), PERIOD), mean;
    YonosShape s = yonos_graph_shape(g, error);

    mean = yonos_resize(g, error, MAX(1, s.h / CELLS), MAX(1, s.w / CELLS));
    return yonos_mse(g, mean, yonos_add(g, mean, mean, -1), ones);
}
