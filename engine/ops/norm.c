/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"

#include <math.h>

/* y = (x - mean) / sqrt(var + epsilon) scale + offset, mean and biased variance over a picture's group of channels
 * (Wu and He, Group Normalization, 2018, eq. 1 and 7). No gradient rule yet: nothing that we train uses it. */

static void group_norm_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);

    *out = x;
    if (node->i[0] < 1 || x.c % node->i[0])
        yonos_graph_fail(g, "%d channels cannot be normed in %d groups.", x.c, node->i[0]);
    for (int k = 1; k < 3; k++)
        if (yonos_shape_elements(yonos_graph_shape(g, node->in[k])) != (gsize)x.c)
            yonos_graph_fail(g, "A group norm of %d channels has a scale or an offset of another length.", x.c);
}

static void norm_group(const YonosCall *c, int n, int first, int channels)
{
    YonosShape s = c->out_shape;
    gsize pixels = (gsize)s.h * s.w, base = (gsize)n * pixels * s.c + first;
    double sum = 0, squares = 0, count = (double)pixels * channels, mean, scale;

    for (gsize p = 0; p < pixels; p++)
        for (int k = 0; k < channels; k++)
            sum += c->in[0][base + p * s.c + k];
    mean = sum / count;
    for (gsize p = 0; p < pixels; p++)
        for (int k = 0; k < channels; k++) {
            double d = c->in[0][base + p * s.c + k] - mean;
            squares += d * d;
        }
    scale = 1 / sqrt(squares / count + c->node->f[0]);
    for (gsize p = 0; p < pixels; p++)
        for (int k = 0; k < channels; k++) {
            gsize at = base + p * s.c + k;
            c->out[at] = (float)((c->in[0][at] - mean) * scale) * c->in[1][first + k] + c->in[2][first + k];
        }
}

static void group_norm_reference(const YonosCall *c)
{
    int channels = c->out_shape.c / c->node->i[0];

    for (int n = 0; n < c->out_shape.n; n++)
        for (int group = 0; group < c->node->i[0]; group++)
            norm_group(c, n, group * channels, channels);
}

const YonosOp yonos_op_group_norm = {"group-norm", 3, 3, FALSE, group_norm_shape, group_norm_reference, NULL};

YonosTensorId yonos_group_norm(YonosGraph *g, YonosTensorId x, YonosTensorId scale, YonosTensorId offset, int groups,
                               float epsilon)
{
    return yonos_append(g, YONOS_OP_GROUP_NORM, 3, (YonosTensorId[]){x, scale, offset}, YONOS_NONE, &groups, 1, epsilon,
                        0);
}
