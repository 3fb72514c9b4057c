/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "graph/fuse.h"
#include "graph/op.h"

#define REMOVED (-1)

typedef struct {
    YonosGraph *graph;
    YonosFuse what;
    guint *uses, *writers; /* by tensor: nodes that read it, that write it */
    int *producer;         /* by tensor: the last node that writes it, or YONOS_NONE */
    YonosBlockWanted *wanted; /* NULL: blocks are not looked for, else nothing else is */
    gpointer user;
} Fuser;

static YonosNode *node_at(const Fuser *f, int k)
{
    return &g_array_index(f->graph->nodes, YonosNode, k);
}

static void count(Fuser *f)
{
    for (guint k = 0; k < f->graph->tensors->len; k++) {
        f->uses[k] = f->writers[k] = 0;
        f->producer[k] = YONOS_NONE;
    }
    for (guint k = 0; k < f->graph->nodes->len; k++) {
        const YonosNode *node = node_at(f, (int)k);
        if (node->op == REMOVED)
            continue;
        for (int i = 0; i < node->n_inputs; i++)
            if (node->in[i] >= 0)
                f->uses[node->in[i]]++;
        f->writers[node->out]++;
        f->producer[node->out] = (int)k;
    }
}

/* Whether some node between the two writes to memory that `early` reads, so that it cannot run as late as `late`. */
static gboolean overtaken(const Fuser *f, int early, int late)
{
    const YonosNode *node = node_at(f, early);

    for (int k = early + 1; k < late; k++) {
        const YonosNode *other = node_at(f, k);
        const YonosTensor *out = other->op == REMOVED ? NULL : yonos_graph_at(f->graph, other->out);
        for (int i = 0; out && out->buffer != YONOS_ARENA && i < node->n_inputs; i++)
            if (node->in[i] >= 0 && yonos_graph_at(f->graph, node->in[i])->buffer == out->buffer)
                return TRUE;
    }
    return FALSE;
}

/* The node of kind `op` that makes `tensor` for nobody but node `reader`, or YONOS_NONE. */
static int sole(const Fuser *f, YonosTensorId tensor, int op, int reader)
{
    int k = tensor < 0 ? YONOS_NONE : f->producer[tensor];

    if (k < 0 || node_at(f, k)->op != op || f->uses[tensor] != 1 || f->writers[tensor] != 1 ||
        yonos_graph_at(f->graph, tensor)->buffer != YONOS_ARENA || overtaken(f, k, reader))
        return YONOS_NONE;
    return k;
}

static YonosTensorId operand(const YonosNode *node, int k)
{
    return k < node->n_inputs ? node->in[k] : YONOS_NONE;
}

/* Lets the convolution `conv` run in the place of `late` and write its output. */
static YonosNode *take_over(Fuser *f, int conv, int late)
{
    YonosNode joined = *node_at(f, conv);

    for (; joined.n_inputs < YONOS_CONV_OPERANDS; joined.n_inputs++)
        joined.in[joined.n_inputs] = YONOS_NONE;
    joined.out = node_at(f, late)->out;
    node_at(f, conv)->op = REMOVED;
    *node_at(f, late) = joined;
    return node_at(f, late);
}

static gboolean fuse_shuffle(Fuser *f, int at)
{
    const YonosNode *node = node_at(f, at);
    int factor = node->i[0], conv = sole(f, node->in[0], YONOS_OP_CONV, at);

    if (conv < 0 || factor > YONOS_CONV_MOST_SHUFFLE || node_at(f, conv)->i[3] > 1 ||
        operand(node_at(f, conv), YONOS_CONV_RESIDUAL) >= 0)
        return FALSE;
    take_over(f, conv, at)->i[3] = factor;
    return TRUE;
}

/* A crop of what was shuffled: the convolution writes no further than its output's size. */
static gboolean fuse_extent(Fuser *f, int at)
{
    const YonosNode *node = node_at(f, at);
    YonosShape from = yonos_graph_shape(f->graph, node->in[0]), to = yonos_graph_shape(f->graph, node->out);
    int conv = sole(f, node->in[0], YONOS_OP_CONV, at);
    YonosNode *joined;

    if (conv < 0 || to.h > from.h || to.w > from.w || node_at(f, conv)->i[3] < 2 ||
        operand(node_at(f, conv), YONOS_CONV_RESIDUAL) >= 0)
        return FALSE;
    joined = take_over(f, conv, at);
    joined->i[5] = to.h;
    joined->i[6] = to.w;
    return TRUE;
}

/* The whole factor by which a resize enlarges, or 0. */
static int enlargement(const Fuser *f, const YonosNode *resize)
{
    YonosShape from = yonos_graph_shape(f->graph, resize->in[0]), to = yonos_graph_shape(f->graph, resize->out);
    int factor = to.h / from.h;

    return factor >= 2 && to.h == from.h * factor && to.w == from.w * factor ? factor : 0;
}

static gboolean fuse_base(Fuser *f, int at, int side)
{
    const YonosNode *node = node_at(f, at);
    int conv = sole(f, node->in[side], YONOS_OP_CONV, at), base = sole(f, node->in[!side], YONOS_OP_RESIZE, at);
    int factor = base >= 0 ? enlargement(f, node_at(f, base)) : 0;
    YonosNode *joined;

    if (conv < 0 || !factor || node_at(f, conv)->i[2] || operand(node_at(f, conv), YONOS_CONV_BASE) >= 0)
        return FALSE;
    joined = take_over(f, conv, at);
    joined->in[YONOS_CONV_BASE] = node_at(f, base)->in[0];
    joined->i[4] = factor;
    node_at(f, base)->op = REMOVED;
    return TRUE;
}

static gboolean fuse_residual(Fuser *f, int at, int side)
{
    const YonosNode *node = node_at(f, at);
    int conv = sole(f, node->in[side], YONOS_OP_CONV, at);
    YonosTensorId other = node->in[!side];

    if (conv < 0 || node_at(f, conv)->i[2] || operand(node_at(f, conv), YONOS_CONV_RESIDUAL) >= 0)
        return FALSE;
    take_over(f, conv, at)->in[YONOS_CONV_RESIDUAL] = other;
    return TRUE;
}

static gboolean fuse_add(Fuser *f, int at)
{
    const YonosNode *node = node_at(f, at);

    if (node->f[0] != 1 || node->in[0] == node->in[1] ||
        !yonos_shape_equal(yonos_graph_shape(f->graph, node->in[0]), yonos_graph_shape(f->graph, node->in[1])))
        return FALSE;
    if (f->what & YONOS_FUSE_BASE && (fuse_base(f, at, 0) || fuse_base(f, at, 1)))
        return TRUE;
    return f->what & YONOS_FUSE_RESIDUAL && (fuse_residual(f, at, 0) || fuse_residual(f, at, 1));
}

static gboolean fuse_act(Fuser *f, int at)
{
    const YonosNode *node = node_at(f, at);
    int conv = node->i[0] == YONOS_ACT_LEAKY ? sole(f, node->in[0], YONOS_OP_CONV, at) : YONOS_NONE;
    float slope = node->f[0];
    YonosNode *joined;

    if (conv < 0 || node_at(f, conv)->i[2])
        return FALSE;
    joined = take_over(f, conv, at);
    joined->i[2] = YONOS_ACT_LEAKY;
    joined->f[0] = slope;
    return TRUE;
}

static gboolean fuse_concat(Fuser *f, int at)
{
    int concat = sole(f, node_at(f, at)->in[0], YONOS_OP_CONCAT, at);
    YonosNode *joined;

    if (concat < 0 || operand(node_at(f, at), YONOS_CONV_SECOND) >= 0)
        return FALSE;
    joined = take_over(f, at, at);
    joined->in[0] = node_at(f, concat)->in[0];
    joined->in[YONOS_CONV_SECOND] = node_at(f, concat)->in[1];
    node_at(f, concat)->op = REMOVED;
    return TRUE;
}

/* A 3x3 convolution that keeps size and channels, with a bias, and does nothing in passing but to activate. */
static gboolean is_plain(const Fuser *f, const YonosNode *node, int act)
{
    YonosShape x = yonos_graph_shape(f->graph, node->in[0]), w = yonos_graph_shape(f->graph, node->in[1]);

    return w.n == 3 && w.h == 3 && w.w == x.c && w.c == x.c && node->i[0] == 1 && node->i[1] == 1 &&
           node->i[2] == act && node->i[3] <= 1 && !node->i[5] && !node->i[6] && operand(node, YONOS_CONV_BIAS) >= 0 &&
           operand(node, YONOS_CONV_SECOND) < 0 && operand(node, YONOS_CONV_BASE) < 0;
}

static gboolean fuse_block(Fuser *f, int at)
{
    YonosNode *last = node_at(f, at), *conv, block;
    YonosTensorId x = last->op == YONOS_OP_CONV ? operand(last, YONOS_CONV_RESIDUAL) : YONOS_NONE;
    int first = x >= 0 ? sole(f, last->in[0], YONOS_OP_CONV, at) : YONOS_NONE;

    if (first < 0)
        return FALSE;
    conv = node_at(f, first);
    if (conv->in[0] != x || operand(conv, YONOS_CONV_RESIDUAL) >= 0 || !is_plain(f, conv, YONOS_ACT_LEAKY) ||
        !is_plain(f, last, YONOS_ACT_NONE))
        return FALSE;
    block = (YonosNode){.op = YONOS_OP_RESIDUAL_BLOCK,
                        .n_inputs = 5,
                        .in = {x, conv->in[1], conv->in[YONOS_CONV_BIAS], last->in[1], last->in[YONOS_CONV_BIAS]},
                        .out = last->out,
                        .f = {conv->f[0]}};
    if (!f->wanted(f->graph, &block, f->user))
        return FALSE;
    conv->op = REMOVED;
    *last = block;
    return TRUE;
}

static gboolean fuse_node(Fuser *f, int at)
{
    if (f->wanted)
        return fuse_block(f, at);
    switch (node_at(f, at)->op) {
    case YONOS_OP_SHUFFLE:
        return f->what & YONOS_FUSE_SHUFFLE && fuse_shuffle(f, at);
    case YONOS_OP_EXTENT:
        return f->what & YONOS_FUSE_SHUFFLE && fuse_extent(f, at);
    case YONOS_OP_ADD:
        return fuse_add(f, at);
    case YONOS_OP_ACT:
        return f->what & YONOS_FUSE_ACT && fuse_act(f, at);
    case YONOS_OP_CONV:
        return f->what & YONOS_FUSE_CONCAT && fuse_concat(f, at);
    default:
        return FALSE;
    }
}

static YonosGraph *copy(const YonosGraph *graph)
{
    YonosGraph *g = g_new0(YonosGraph, 1);

    *g = *graph;
    g->tensors = g_array_ref(graph->tensors);
    g->buffers = g_array_ref(graph->buffers);
    g->params = g_array_ref(graph->params);
    g->nodes = g_array_copy(graph->nodes);
    g->error = NULL;
    return g;
}

static YonosGraph *fuse(const YonosGraph *graph, YonosFuse what, YonosBlockWanted *wanted, gpointer user)
{
    guint n = MAX(1, graph->tensors->len);
    Fuser f = {copy(graph), what, g_new(guint, n), g_new(guint, n), g_new(int, n), wanted, user};

    count(&f);
    /* in the order of running, so a node's operands are joined before it is looked at */
    for (guint k = 0; k < f.graph->nodes->len; k++)
        while (fuse_node(&f, (int)k))
            count(&f);
    for (guint k = f.graph->nodes->len; k > 0; k--)
        if (node_at(&f, (int)k - 1)->op == REMOVED)
            g_array_remove_index(f.graph->nodes, k - 1);
    g_free(f.uses);
    g_free(f.writers);
    g_free(f.producer);
    return f.graph;
}

YonosGraph *yonos_graph_fuse(const YonosGraph *graph, YonosFuse what)
{
    return fuse(graph, what, NULL, NULL);
}

YonosGraph *yonos_graph_fuse_blocks(const YonosGraph *graph, YonosBlockWanted *wanted, gpointer user)
{
    return fuse(graph, 0, wanted, user);
}
