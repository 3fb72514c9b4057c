/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"

/* f = {slope of the activation}; no gradient: only graphs for inference have blocks joined (graph/fuse.h). */

static void block_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);

    *out = x;
    for (int k = 1; k < 5; k += 2) {
        YonosShape w = yonos_graph_shape(g, node->in[k]), b = yonos_graph_shape(g, node->in[k + 1]);
        if (w.n != 3 || w.h != 3 || w.w != x.c || w.c != x.c || (b.c && b.c != x.c))
            yonos_graph_fail(g, "A residual block of %d channels has weights for others.", x.c);
    }
}

static void block_reference(const YonosCall *c)
{
    YonosNode first = {.n_inputs = 3, .i = {1, 1, YONOS_ACT_LEAKY}, .f = {c->node->f[0]}};
    YonosNode second = {.n_inputs = 4, .i = {1, 1}};
    YonosShape s = c->out_shape, w = c->in_shape[1];
    float *between = g_new(float, yonos_shape_elements(s));

    yonos_op_conv.reference(&(YonosCall){&first, {s, w}, s, {c->in[0], c->in[1], c->in[2]}, between});
    yonos_op_conv.reference(&(YonosCall){&second, {s, w}, s, {between, c->in[3], c->in[4], c->in[0]}, c->out});
    g_free(between);
}

const YonosOp yonos_op_residual_block = {"residual-block", 5, 5, FALSE, block_shape, block_reference, NULL};
