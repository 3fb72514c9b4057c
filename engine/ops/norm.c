/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"
#include "graph/gradient.h"

#include <math.h>

/* y = (x - mean) / sqrt(var + epsilon) scale + offset, mean and biased variance over a picture's group of channels
 * (Wu and He, Group Normalization, 2018, eq. 1 and 7). With x^ the normed x before scale and offset:
 * d scale = sum dy x^, and dx = (dy scale - mean(dy scale) - x^ mean(dy scale x^)) / sqrt(var + epsilon). */

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

/* One group of one picture, channels `first` to `first` + `channels`. */
typedef struct {
    gsize base, pixels; /* `base`: of the group's first value */
    int first, channels, stride;
    double count, mean, scale; /* scale: 1 / sqrt(var + epsilon) */
} Group;

static Group group_of(const YonosCall *c, const float *x, YonosShape s, int n, int group)
{
    int channels = s.c / c->node->i[0], first = group * channels;
    gsize pixels = (gsize)s.h * s.w;
    Group g = {n * pixels * s.c + first, pixels, first, channels, s.c, (double)pixels * channels, 0, 0};
    double sum = 0, squares = 0;

    for (gsize p = 0; p < pixels; p++)
        for (int k = 0; k < channels; k++)
            sum += x[g.base + p * s.c + k];
    g.mean = sum / g.count;
    for (gsize p = 0; p < pixels; p++)
        for (int k = 0; k < channels; k++) {
            double d = x[g.base + p * s.c + k] - g.mean;
            squares += d * d;
        }
    g.scale = 1 / sqrt(squares / g.count + c->node->f[0]);
    return g;
}

static void norm_group(const YonosCall *c, const Group *g)
{
    for (gsize p = 0; p < g->pixels; p++)
        for (int k = 0; k < g->channels; k++) {
            gsize at = g->base + p * g->stride + k;
            float normed = (float)((c->in[0][at] - g->mean) * g->scale);
            c->out[at] = normed * c->in[1][g->first + k] + c->in[2][g->first + k];
        }
}

static void group_norm_reference(const YonosCall *c)
{
    for (int n = 0; n < c->out_shape.n; n++)
        for (int k = 0; k < c->node->i[0]; k++) {
            Group g = group_of(c, c->in[0], c->out_shape, n, k);
            norm_group(c, &g);
        }
}

static void group_norm_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    YonosTensorId x = node->in[0], scale = node->in[1], offset = node->in[2], target;

    if (yonos_gradient_wanted(gradients, x))
        yonos_gradient_add(g, gradients, x,
                           yonos_append(g, YONOS_OP_GROUP_NORM_DATA, 3, (YonosTensorId[]){dy, x, scale}, YONOS_NONE,
                                        node->i, 1, node->f[0], 0));
    if (yonos_gradient_wanted(gradients, scale) && (target = yonos_gradient_of_param(g, gradients, scale)) >= 0)
        yonos_append(g, YONOS_OP_GROUP_NORM_SCALE, 3, (YonosTensorId[]){dy, x, scale}, target, node->i, 1, node->f[0],
                     0);
    if (yonos_gradient_wanted(gradients, offset) && (target = yonos_gradient_of_param(g, gradients, offset)) >= 0)
        yonos_append(g, YONOS_OP_SUM_PIXELS, 1, &dy, target, (int[]){0}, 1, 0, 0);
}

const YonosOp yonos_op_group_norm = {"group-norm", 3, 3, FALSE, group_norm_shape, group_norm_reference,
                                     group_norm_gradient};

static void data_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    *out = yonos_graph_shape(g, node->in[1]);
}

static void data_group(const YonosCall *c, const Group *g)
{
    double sum = 0, along = 0;

    for (gsize p = 0; p < g->pixels; p++)
        for (int k = 0; k < g->channels; k++) {
            gsize at = g->base + p * g->stride + k;
            double d = (double)c->in[0][at] * c->in[2][g->first + k];
            sum += d;
            along += d * (c->in[1][at] - g->mean) * g->scale;
        }
    for (gsize p = 0; p < g->pixels; p++)
        for (int k = 0; k < g->channels; k++) {
            gsize at = g->base + p * g->stride + k;
            double d = (double)c->in[0][at] * c->in[2][g->first + k], normed = (c->in[1][at] - g->mean) * g->scale;
            c->out[at] = (float)((d - sum / g->count - normed * along / g->count) * g->scale);
        }
}

static void data_reference(const YonosCall *c)
{
    for (int n = 0; n < c->out_shape.n; n++)
        for (int k = 0; k < c->node->i[0]; k++) {
            Group g = group_of(c, c->in[1], c->out_shape, n, k);
            data_group(c, &g);
        }
}

const YonosOp yonos_op_group_norm_data = {"group-norm-data", 3, 3, FALSE, data_shape, data_reference, NULL};

/* The third operand is the scale, for its shape only. */
static void scale_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    *out = yonos_graph_shape(g, node->in[2]);
}

static void scale_reference(const YonosCall *c)
{
    for (int n = 0; n < c->in_shape[1].n; n++)
        for (int group = 0; group < c->node->i[0]; group++) {
            Group g = group_of(c, c->in[1], c->in_shape[1], n, group);
            for (int k = 0; k < g.channels; k++) {
                double sum = 0;
                for (gsize p = 0; p < g.pixels; p++) {
                    gsize at = g.base + p * g.stride + k;
                    sum += c->in[0][at] * (c->in[1][at] - g.mean) * g.scale;
                }
                c->out[g.first + k] += (float)sum;
            }
        }
}

const YonosOp yonos_op_group_norm_scale = {"group-norm-scale", 3, 3, TRUE, scale_shape, scale_reference, NULL};

YonosTensorId yonos_group_norm(YonosGraph *g, YonosTensorId x, YonosTensorId scale, YonosTensorId offset, int groups,
                               float epsilon)
{
    return yonos_append(g, YONOS_OP_GROUP_NORM, 3, (YonosTensorId[]){x, scale, offset}, YONOS_NONE, &groups, 1, epsilon,
                        0);
}
