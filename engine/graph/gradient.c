/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "graph/gradient.h"
#include "graph/op.h"
#include "ops/ops.h"

typedef struct {
    guint n_tensors;        /* of the forward graph; later tensors belong to the gradient */
    YonosTensorId *of;      /* by forward tensor: its gradient so far, or YONOS_NONE */
    gboolean *wanted;       /* by forward tensor: on a path from a parameter (or the asked tensor) to the loss */
    YonosBufferId gradient_buffer;
} Gradients;

void yonos_gradient_add(YonosGraph *graph, void *gradients, YonosTensorId tensor, YonosTensorId value)
{
    Gradients *g = gradients;
    YonosTensorId param;

    if (graph->error || !yonos_gradient_wanted(g, tensor) || value < 0)
        return;
    param = yonos_gradient_of_param(graph, gradients, tensor);
    if (param >= 0) {
        yonos_append(graph, YONOS_OP_ADD, 2, (YonosTensorId[]){param, value}, param, NULL, 0, 1, 0);
        return;
    }
    g->of[tensor] = g->of[tensor] == YONOS_NONE ? value : yonos_add(graph, g->of[tensor], value, 1);
}

gboolean yonos_gradient_wanted(void *gradients, YonosTensorId tensor)
{
    Gradients *g = gradients;

    return tensor >= 0 && (guint)tensor < g->n_tensors && g->wanted[tensor];
}

YonosTensorId yonos_gradient_of_param(YonosGraph *graph, void *gradients, YonosTensorId tensor)
{
    Gradients *g = gradients;
    const YonosTensor *t;

    if (graph->error || tensor < 0)
        return YONOS_NONE;
    t = yonos_graph_at(graph, tensor);
    if (t->buffer != graph->param_buffer)
        return YONOS_NONE;
    return yonos_graph_view(graph, g->gradient_buffer, t->offset, t->shape);
}

static void mark_wanted(const YonosGraph *graph, Gradients *g, guint n_nodes, YonosTensorId by)
{
    for (guint t = 0; t < g->n_tensors; t++) {
        g->of[t] = YONOS_NONE;
        g->wanted[t] = (int)t == by;
    }
    for (guint i = 0; by < 0 && i < graph->params->len; i++) {
        const YonosParam *param = &g_array_index(graph->params, YonosParam, i);
        g->wanted[param->tensor] = !param->frozen;
    }
    for (guint i = 0; i < n_nodes; i++) {
        const YonosNode *node = &g_array_index(graph->nodes, YonosNode, i);
        for (int k = 0; k < node->n_inputs; k++)
            if (node->in[k] >= 0 && g->wanted[node->in[k]])
                g->wanted[node->out] = TRUE;
    }
}

static YonosTensorId differentiate(YonosGraph *graph, YonosTensorId loss, YonosTensorId dloss, YonosTensorId by,
                                   YonosBufferId *buffer)
{
    guint n_nodes = graph->nodes->len;
    Gradients g = {.n_tensors = graph->tensors->len};
    YonosTensorId result = YONOS_NONE;
    gsize size = g_array_index(graph->buffers, YonosBuffer, graph->param_buffer).size;

    if (graph->error)
        return YONOS_NONE;
    *buffer = g.gradient_buffer = yonos_graph_buffer(graph, "gradients", YONOS_F32, size);
    g.of = g_new(YonosTensorId, g.n_tensors);
    g.wanted = g_new0(gboolean, g.n_tensors);
    mark_wanted(graph, &g, n_nodes, by);
    g.of[loss] = dloss;
    for (guint i = n_nodes; i-- > 0 && !graph->error;) {
        /* a copy: appending nodes may move the array */
        YonosNode node = g_array_index(graph->nodes, YonosNode, i);
        const YonosOp *op = yonos_op(node.op);
        if (!g.wanted[node.out] || g.of[node.out] == YONOS_NONE)
            continue;
        if (op->gradient)
            op->gradient(graph, &node, g.of[node.out], &g);
        else
            yonos_graph_fail(graph, "Operation '%s' cannot be trained through.", op->name);
    }
    if (by >= 0 && !graph->error)
        result = g.of[by];
    g_free(g.of);
    g_free(g.wanted);
    return result;
}

YonosBufferId yonos_graph_differentiate(YonosGraph *graph, YonosTensorId loss, YonosTensorId dloss)
{
    YonosBufferId buffer = YONOS_NONE;

    differentiate(graph, loss, dloss, YONOS_NONE, &buffer);
    return graph->error ? YONOS_NONE : buffer;
}

YonosTensorId yonos_graph_differentiate_by(YonosGraph *graph, YonosTensorId loss, YonosTensorId dloss,
                                           YonosTensorId tensor)
{
    YonosBufferId buffer = YONOS_NONE;

    return differentiate(graph, loss, dloss, tensor, &buffer);
}
