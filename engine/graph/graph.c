/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "graph/graph.h"
#include "graph/op.h"
#include "base/error.h"

#define MAX_SIDE (1 << 20)
#define MAX_ELEMENTS (G_GUINT64_CONSTANT(1) << 40)

static void buffer_clear(gpointer data)
{
    g_free(((YonosBuffer *)data)->name);
}

static void param_clear(gpointer data)
{
    g_free(((YonosParam *)data)->name);
}

YonosGraph *yonos_graph_new(void)
{
    YonosGraph *graph = g_new0(YonosGraph, 1);

    graph->tensors = g_array_new(FALSE, TRUE, sizeof(YonosTensor));
    graph->buffers = g_array_new(FALSE, TRUE, sizeof(YonosBuffer));
    graph->nodes = g_array_new(FALSE, TRUE, sizeof(YonosNode));
    graph->params = g_array_new(FALSE, TRUE, sizeof(YonosParam));
    g_array_set_clear_func(graph->buffers, buffer_clear);
    g_array_set_clear_func(graph->params, param_clear);
    graph->param_buffer = yonos_graph_buffer(graph, "parameters", YONOS_F32, 0);
    return graph;
}

void yonos_graph_free(YonosGraph *graph)
{
    if (!graph)
        return;
    g_array_unref(graph->tensors);
    g_array_unref(graph->buffers);
    g_array_unref(graph->nodes);
    g_array_unref(graph->params);
    g_clear_error(&graph->error);
    g_free(graph);
}

gboolean yonos_graph_check(YonosGraph *graph, GError **error)
{
    if (!graph->error)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&graph->error));
    return FALSE;
}

void yonos_graph_fail(YonosGraph *graph, const char *format, ...)
{
    va_list args;

    if (graph->error)
        return;
    va_start(args, format);
    graph->error = g_error_new_valist(YONOS_ERROR, YONOS_ERROR_MODEL, format, args);
    va_end(args);
}

YonosBufferId yonos_graph_find_buffer(const YonosGraph *graph, const char *name)
{
    for (guint i = 0; i < graph->buffers->len; i++)
        if (!strcmp(g_array_index(graph->buffers, YonosBuffer, i).name, name))
            return (YonosBufferId)i;
    return YONOS_NONE;
}

YonosBufferId yonos_graph_buffer(YonosGraph *graph, const char *name, YonosDtype dtype, gsize size)
{
    YonosBuffer buffer = {NULL, dtype, size};

    if (yonos_graph_find_buffer(graph, name) != YONOS_NONE) {
        yonos_graph_fail(graph, "The network has two buffers of the name '%s'.", name);
        return YONOS_NONE;
    }
    buffer.name = g_strdup(name);
    g_array_append_val(graph->buffers, buffer);
    return (YonosBufferId)graph->buffers->len - 1;
}

static gboolean shape_is_sane(YonosShape s)
{
    guint64 elements = 1;
    int sides[] = {s.n, s.h, s.w, s.c};

    for (guint i = 0; i < G_N_ELEMENTS(sides); i++) {
        if (sides[i] < 1 || sides[i] > (i == 3 ? G_MAXINT : MAX_SIDE))
            return FALSE;
        if (elements > MAX_ELEMENTS / sides[i])
            return FALSE;
        elements *= sides[i];
    }
    return TRUE;
}

static YonosTensorId tensor_add(YonosGraph *graph, YonosTensor tensor)
{
    YonosShape s = tensor.shape;

    if (graph->error)
        return YONOS_NONE;
    if (!shape_is_sane(s)) {
        yonos_graph_fail(graph, "A tensor of the size %d x %d x %d x %d is impossible.", s.n, s.h, s.w, s.c);
        return YONOS_NONE;
    }
    g_array_append_val(graph->tensors, tensor);
    return (YonosTensorId)graph->tensors->len - 1;
}

YonosTensorId yonos_graph_tensor(YonosGraph *graph, YonosDtype dtype, YonosShape shape)
{
    return tensor_add(graph, (YonosTensor){shape, dtype, YONOS_ARENA, 0});
}

YonosTensorId yonos_graph_view(YonosGraph *graph, YonosBufferId buffer, gsize offset, YonosShape shape)
{
    YonosBuffer *b = &g_array_index(graph->buffers, YonosBuffer, buffer);

    if (!graph->error && shape_is_sane(shape) && (offset > b->size || b->size - offset < yonos_shape_elements(shape)))
        yonos_graph_fail(graph, "A view of %" G_GSIZE_FORMAT " elements at %" G_GSIZE_FORMAT " leaves buffer '%s'.",
                         yonos_shape_elements(shape), offset, b->name);
    return tensor_add(graph, (YonosTensor){shape, b->dtype, buffer, offset});
}

YonosTensorId yonos_graph_input(YonosGraph *graph, const char *name, YonosDtype dtype, YonosShape shape)
{
    YonosBufferId buffer = YONOS_NONE;

    if (!graph->error && shape_is_sane(shape))
        buffer = yonos_graph_buffer(graph, name, dtype, yonos_shape_elements(shape));
    return tensor_add(graph, (YonosTensor){shape, dtype, buffer, 0});
}

static YonosTensorId param_add(YonosGraph *graph, const char *name, YonosShape shape)
{
    YonosBuffer *buffer = &g_array_index(graph->buffers, YonosBuffer, graph->param_buffer);
    YonosParam param;
    gsize offset = buffer->size;

    for (guint i = 0; i < graph->params->len; i++) {
        YonosParam *old = &g_array_index(graph->params, YonosParam, i);
        if (strcmp(old->name, name))
            continue;
        if (!yonos_shape_equal(yonos_graph_shape(graph, old->tensor), shape))
            yonos_graph_fail(graph, "Parameter '%s' is used in two shapes.", name);
        return graph->error ? YONOS_NONE : old->tensor;
    }
    if (graph->error || !shape_is_sane(shape))
        return tensor_add(graph, (YonosTensor){shape, YONOS_F32, graph->param_buffer, 0});
    buffer->size += (yonos_shape_elements(shape) + YONOS_PARAM_ALIGN - 1) / YONOS_PARAM_ALIGN * YONOS_PARAM_ALIGN;
    param.tensor = yonos_graph_view(graph, graph->param_buffer, offset, shape);
    param.name = g_strdup(name);
    param.frozen = graph->freeze;
    g_array_append_val(graph->params, param);
    return param.tensor;
}

YonosTensorId yonos_graph_param(YonosGraph *graph, const char *name, YonosShape shape)
{
    char *full = g_strconcat(graph->scope ? graph->scope : "", name, NULL);
    YonosTensorId tensor = param_add(graph, full, shape);

    g_free(full);
    return tensor;
}

gboolean yonos_graph_has_params(const YonosGraph *graph, const char *prefix)
{
    for (guint i = 0; i < graph->params->len; i++)
        if (g_str_has_prefix(g_array_index(graph->params, YonosParam, i).name, prefix))
            return TRUE;
    return FALSE;
}

const YonosTensor *yonos_graph_find_param(const YonosGraph *graph, const char *name)
{
    for (guint i = 0; i < graph->params->len; i++)
        if (!strcmp(g_array_index(graph->params, YonosParam, i).name, name))
            return yonos_graph_at(graph, g_array_index(graph->params, YonosParam, i).tensor);
    return NULL;
}

YonosTensorId yonos_graph_append(YonosGraph *graph, YonosNode node)
{
    const YonosOp *op = yonos_op(node.op);
    YonosShape out = {0, 0, 0, 0};

    if (graph->error)
        return YONOS_NONE;
    for (int i = 0; i < node.n_inputs; i++)
        if ((i < op->min_inputs && node.in[i] < 0) || node.in[i] >= (int)graph->tensors->len) {
            yonos_graph_fail(graph, "Operation '%s' lacks its operand %d.", op->name, i);
            return YONOS_NONE;
        }
    if (node.n_inputs < op->min_inputs || node.n_inputs > op->max_inputs)
        yonos_graph_fail(graph, "Operation '%s' takes %d to %d operands, not %d.", op->name, op->min_inputs,
                         op->max_inputs, node.n_inputs);
    if (!graph->error)
        op->shape(graph, &node, &out);
    if (graph->error)
        return YONOS_NONE;
    if (node.out < 0)
        node.out = yonos_graph_tensor(graph, YONOS_F32, out);
    else if (!yonos_shape_equal(yonos_graph_shape(graph, node.out), out))
        yonos_graph_fail(graph, "Operation '%s' was given an output of another shape.", op->name);
    if (graph->error)
        return YONOS_NONE;
    g_array_append_val(graph->nodes, node);
    return node.out;
}
