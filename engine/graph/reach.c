/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "graph/reach.h"
#include "graph/op.h"

#include <math.h>

static int floor_div(int a, int b)
{
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

static int side_of(YonosShape s, gboolean columns)
{
    return columns ? s.w : s.h;
}

/* The window of ops/resize.c, without its cut at the border. */
static YonosReach resize_reach(YonosReach out, int in_side, int out_side)
{
    double factor = (double)in_side / out_side, support = 2 * MAX(factor, 1);

    return (YonosReach){(int)floor((out.first + 0.5) * factor - support + 0.5),
                        (int)floor((out.last + 0.5) * factor + support + 0.5) - 1};
}

/* What `out` of a node's output needs of its first operand. */
static gboolean node_reach(const YonosGraph *g, const YonosNode *node, gboolean columns, YonosReach out, YonosReach *in)
{
    int i = node->i[0];

    *in = out;
    switch (node->op) {
    case YONOS_OP_CONV: {
        YonosShape w = yonos_graph_shape(g, node->in[1]);
        *in = (YonosReach){out.first * i - node->i[1], out.last * i - node->i[1] + (columns ? w.h : w.n) - 1};
        return TRUE;
    }
    case YONOS_OP_SHUFFLE:
    case YONOS_OP_NEAREST:
        *in = (YonosReach){floor_div(out.first, i), floor_div(out.last, i)};
        return TRUE;
    case YONOS_OP_UNSHUFFLE:
    case YONOS_OP_SUM_BLOCKS:
        *in = (YonosReach){out.first * i, out.last * i + i - 1};
        return TRUE;
    case YONOS_OP_MAX_POOL:
        *in = (YonosReach){out.first * node->i[1], out.last * node->i[1] + i - 1};
        return TRUE;
    case YONOS_OP_RESIZE:
        *in = resize_reach(out, side_of(yonos_graph_shape(g, node->in[0]), columns),
                           side_of(yonos_graph_shape(g, node->out), columns));
        return TRUE;
    case YONOS_OP_ACT:
    case YONOS_OP_ADD:
    case YONOS_OP_MIX:
    case YONOS_OP_CONCAT:
    case YONOS_OP_SLICE:
    case YONOS_OP_EMBED:
    case YONOS_OP_EXTENT: /* what it repeats or crops lies behind the picture's end */
    case YONOS_OP_UNIT_NORM:
        return TRUE;
    default:
        return FALSE;
    }
}

static void widen(YonosReach *needs, const YonosReach *by)
{
    needs->first = MIN(needs->first, by->first);
    needs->last = MAX(needs->last, by->last);
}

/* Weights and vectors are no pictures. */
static gboolean is_picture(const YonosGraph *g, const YonosNode *node, int operand)
{
    YonosShape s = yonos_graph_shape(g, node->in[operand]);

    if (node->in[operand] < 0 || (node->op == YONOS_OP_CONV && (operand == 1 || operand == 2)))
        return FALSE;
    return operand == 0 || s.h > 1 || s.w > 1;
}

gboolean yonos_graph_reach(const YonosGraph *g, YonosTensorId input, YonosTensorId output, gboolean columns, int size,
                           YonosReach *reach)
{
    YonosReach *needs = g_new(YonosReach, g->tensors->len);
    gboolean local = TRUE;

    for (guint k = 0; k < g->tensors->len; k++)
        needs[k] = (YonosReach){G_MAXINT, G_MININT};
    needs[output] = (YonosReach){0, size - 1};
    for (guint k = g->nodes->len; local && k-- > 0;) {
        const YonosNode *node = &g_array_index(g->nodes, YonosNode, k);
        YonosReach out = needs[node->out], in;
        if (out.first > out.last)
            continue;
        local = node_reach(g, node, columns, out, &in);
        for (int operand = 0; local && operand < node->n_inputs; operand++)
            if (is_picture(g, node, operand))
                widen(&needs[node->in[operand]], operand == 0 ? &in : &out);
    }
    *reach = needs[input];
    g_free(needs);
    return local;
}
