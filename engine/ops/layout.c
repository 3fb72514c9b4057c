/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"
#include "graph/gradient.h"

#include <string.h>

static gsize pixels(YonosShape s)
{
    return (gsize)s.n * s.h * s.w;
}

static void concat_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape a = yonos_graph_shape(g, node->in[0]), b = yonos_graph_shape(g, node->in[1]);

    *out = (YonosShape){a.n, a.h, a.w, a.c + b.c};
    if (a.n != b.n || a.h != b.h || a.w != b.w)
        yonos_graph_fail(g, "Operation 'concat' has a %d x %d and a %d x %d operand.", a.h, a.w, b.h, b.w);
}

static void concat_reference(const YonosCall *c)
{
    int a = c->in_shape[0].c, b = c->in_shape[1].c;

    for (gsize p = 0; p < pixels(c->out_shape); p++) {
        memcpy(c->out + p * (a + b), c->in[0] + p * a, a * sizeof(float));
        memcpy(c->out + p * (a + b) + a, c->in[1] + p * b, b * sizeof(float));
    }
}

static void concat_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    int a = yonos_graph_shape(g, node->in[0]).c, b = yonos_graph_shape(g, node->in[1]).c;

    if (yonos_gradient_wanted(gradients, node->in[0]))
        yonos_gradient_add(g, gradients, node->in[0], yonos_slice(g, dy, 0, a));
    if (yonos_gradient_wanted(gradients, node->in[1]))
        yonos_gradient_add(g, gradients, node->in[1], yonos_slice(g, dy, a, b));
}

const YonosOp yonos_op_concat = {"concat", 2, 2, FALSE, concat_shape, concat_reference, concat_gradient};

static void slice_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);

    *out = (YonosShape){x.n, x.h, x.w, node->i[1]};
    if (node->i[0] < 0 || node->i[1] < 1 || node->i[0] > x.c - node->i[1])
        yonos_graph_fail(g, "Channels %d to %d of %d do not exist.", node->i[0], node->i[0] + node->i[1], x.c);
}

static void slice_reference(const YonosCall *c)
{
    int n = c->out_shape.c;

    for (gsize p = 0; p < pixels(c->out_shape); p++)
        memcpy(c->out + p * n, c->in[0] + p * c->in_shape[0].c + c->node->i[0], n * sizeof(float));
}

static void slice_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    int total = yonos_graph_shape(g, node->in[0]).c;

    yonos_gradient_add(
        g, gradients, node->in[0],
        yonos_append(g, YONOS_OP_EMBED, 1, &dy, YONOS_NONE, (int[]){node->i[0], total}, 2, 0, 0));
}

const YonosOp yonos_op_slice = {"slice", 1, 1, FALSE, slice_shape, slice_reference, slice_gradient};

static void embed_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);

    *out = (YonosShape){x.n, x.h, x.w, node->i[1]};
    if (node->i[0] < 0 || node->i[0] > node->i[1] - x.c)
        yonos_graph_fail(g, "%d channels at %d leave a tensor of %d.", x.c, node->i[0], node->i[1]);
}

static void embed_reference(const YonosCall *c)
{
    int n = c->in_shape[0].c;

    memset(c->out, 0, yonos_shape_elements(c->out_shape) * sizeof(float));
    for (gsize p = 0; p < pixels(c->out_shape); p++)
        memcpy(c->out + p * c->out_shape.c + c->node->i[0], c->in[0] + p * n, n * sizeof(float));
}

static void embed_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    int n = yonos_graph_shape(g, node->in[0]).c;

    yonos_gradient_add(g, gradients, node->in[0], yonos_slice(g, dy, node->i[0], n));
}

const YonosOp yonos_op_embed = {"embed", 1, 1, FALSE, embed_shape, embed_reference, embed_gradient};

/* Depth to space: y[n, y r + dy, x r + dx, c] = x[n, y, x, (c r + dy) r + dx]. `deep` is the small side's shape. */
static void shuffle_copy(const float *from, float *to, YonosShape deep, int r, gboolean to_space)
{
    int channels = deep.c / (r * r);

    for (int n = 0; n < deep.n; n++)
        for (int y = 0; y < deep.h * r; y++)
            for (int x = 0; x < deep.w * r; x++)
                for (int c = 0; c < channels; c++) {
                    gsize wide = (((gsize)n * deep.h * r + y) * deep.w * r + x) * channels + c;
                    gsize tall = (((gsize)n * deep.h + y / r) * deep.w + x / r) * deep.c;
                    tall += (c * r + y % r) * r + x % r;
                    to[to_space ? wide : tall] = from[to_space ? tall : wide];
                }
}

static void shuffle_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);
    int r = node->i[0];

    if (r < 1 || r > 64 || x.c % (r * r))
        yonos_graph_fail(g, "%d channels cannot be shuffled to space by %d.", x.c, r);
    else
        *out = (YonosShape){x.n, x.h * r, x.w * r, x.c / (r * r)};
}

static void shuffle_reference(const YonosCall *c)
{
    shuffle_copy(c->in[0], c->out, c->in_shape[0], c->node->i[0], TRUE);
}

static void shuffle_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    yonos_gradient_add(g, gradients, node->in[0], yonos_unshuffle(g, dy, node->i[0]));
}

const YonosOp yonos_op_shuffle = {"shuffle", 1, 1, FALSE, shuffle_shape, shuffle_reference, shuffle_gradient};

static void unshuffle_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);
    int r = node->i[0];

    if (r < 1 || r > 64 || x.h % r || x.w % r)
        yonos_graph_fail(g, "A %d x %d map cannot be folded by %d.", x.h, x.w, r);
    else
        *out = (YonosShape){x.n, x.h / r, x.w / r, x.c * r * r};
}

static void unshuffle_reference(const YonosCall *c)
{
    shuffle_copy(c->in[0], c->out, c->out_shape, c->node->i[0], FALSE);
}

static void unshuffle_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    yonos_gradient_add(g, gradients, node->in[0], yonos_shuffle(g, dy, node->i[0]));
}

const YonosOp yonos_op_unshuffle = {"unshuffle", 1, 1, FALSE, unshuffle_shape, unshuffle_reference, unshuffle_gradient};

static void nearest_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);
    int r = node->i[0];

    if (r < 1 || r > 64)
        yonos_graph_fail(g, "A map cannot be enlarged by %d.", r);
    else
        *out = (YonosShape){x.n, x.h * r, x.w * r, x.c};
}

static void nearest_reference(const YonosCall *c)
{
    YonosShape s = c->out_shape, x = c->in_shape[0];
    int r = c->node->i[0];

    for (gsize p = 0; p < pixels(s); p++) {
        gsize n = p / ((gsize)s.h * s.w), row = p / s.w % s.h, column = p % s.w;
        memcpy(c->out + p * s.c, c->in[0] + ((n * x.h + row / r) * x.w + column / r) * s.c, s.c * sizeof(float));
    }
}

static void nearest_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    yonos_gradient_add(g, gradients, node->in[0],
                       yonos_append(g, YONOS_OP_SUM_BLOCKS, 1, &dy, YONOS_NONE, node->i, 1, 0, 0));
}

const YonosOp yonos_op_nearest = {"nearest", 1, 1, FALSE, nearest_shape, nearest_reference, nearest_gradient};

static void sum_blocks_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);
    int r = node->i[0];

    if (r < 1 || x.h % r || x.w % r)
        yonos_graph_fail(g, "A %d x %d map has no whole blocks of %d.", x.h, x.w, r);
    else
        *out = (YonosShape){x.n, x.h / r, x.w / r, x.c};
}

static void sum_blocks_reference(const YonosCall *c)
{
    YonosShape s = c->in_shape[0], o = c->out_shape;
    int r = c->node->i[0];

    memset(c->out, 0, yonos_shape_elements(o) * sizeof(float));
    for (gsize p = 0; p < pixels(s); p++) {
        gsize n = p / ((gsize)s.h * s.w), row = p / s.w % s.h, column = p % s.w;
        float *out = c->out + ((n * o.h + row / r) * o.w + column / r) * o.c;
        for (int k = 0; k < s.c; k++)
            out[k] += c->in[0][p * s.c + k];
    }
}

static void sum_blocks_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    yonos_gradient_add(g, gradients, node->in[0], yonos_nearest(g, dy, node->i[0]));
}

const YonosOp yonos_op_sum_blocks = {"sum-blocks", 1, 1, FALSE, sum_blocks_shape, sum_blocks_reference,
                                     sum_blocks_gradient};

YonosTensorId yonos_concat(YonosGraph *g, YonosTensorId a, YonosTensorId b)
{
    return yonos_append(g, YONOS_OP_CONCAT, 2, (YonosTensorId[]){a, b}, YONOS_NONE, NULL, 0, 0, 0);
}

YonosTensorId yonos_slice(YonosGraph *g, YonosTensorId x, int first, int count)
{
    return yonos_append(g, YONOS_OP_SLICE, 1, &x, YONOS_NONE, (int[]){first, count}, 2, 0, 0);
}

YonosTensorId yonos_shuffle(YonosGraph *g, YonosTensorId x, int factor)
{
    return yonos_append(g, YONOS_OP_SHUFFLE, 1, &x, YONOS_NONE, &factor, 1, 0, 0);
}

YonosTensorId yonos_unshuffle(YonosGraph *g, YonosTensorId x, int factor)
{
    return yonos_append(g, YONOS_OP_UNSHUFFLE, 1, &x, YONOS_NONE, &factor, 1, 0, 0);
}

YonosTensorId yonos_nearest(YonosGraph *g, YonosTensorId x, int factor)
{
    return yonos_append(g, YONOS_OP_NEAREST, 1, &x, YONOS_NONE, &factor, 1, 0, 0);
}
