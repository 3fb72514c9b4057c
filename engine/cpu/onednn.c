/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"

#include <dnnl.h>

/* The three convolutions by oneDNN 2.x. Activations stay NHWC, which its AVX2 and AVX-512 kernels take as they are;
 * weights are reordered to the layout that a kernel asks for, only after they were written. With bf16, the
 * upper half of an fp32, sums stay fp32; what a convolution reads is rounded on the way in, and what it writes is fp32,
 * but for tensors that are stored as bf16. */

typedef enum { FORWARD, DATA, WEIGHTS } Direction;

typedef struct {
    Direction direction;
    guint16 *scratch; /* for rounded sources; NULL: all is fp32 */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t conv, pack; /* pack: our [kh, kw, in, out] to the packed layout, or back for WEIGHTS */
    dnnl_memory_t x, y, packed, plain, bias, residual;
    dnnl_memory_t rounded_x, rounded_y; /* of the sources among x and y; NULL: none */
    dnnl_primitive_t round_x, round_y;
    float *sum; /* WEIGHTS: the plain gradient before it is added to the output */
    guint64 packed_version;
} Conv;

static void conv_free(gpointer state)
{
    Conv *c = state;
    dnnl_memory_t memories[] = {c->x, c->y, c->packed, c->plain, c->bias, c->residual, c->rounded_x, c->rounded_y};
    dnnl_primitive_t primitives[] = {c->conv, c->pack, c->round_x, c->round_y};

    for (guint i = 0; i < G_N_ELEMENTS(memories); i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    for (guint i = 0; i < G_N_ELEMENTS(primitives); i++)
        if (primitives[i])
            dnnl_primitive_destroy(primitives[i]);
    if (c->desc)
        dnnl_primitive_desc_destroy(c->desc);
    if (c->stream)
        dnnl_stream_destroy(c->stream);
    if (c->engine)
        dnnl_engine_destroy(c->engine);
    g_free(c->sum);
    g_free(c);
}

static void describe(YonosShape s, gboolean rounded, dnnl_memory_desc_t *md)
{
    dnnl_dims_t dims = {s.n, s.c, s.h, s.w};

    dnnl_memory_desc_init_by_tag(md, 4, dims, rounded ? dnnl_bf16 : dnnl_f32, dnnl_nhwc);
}

typedef struct {
    YonosShape x, w, y;
    gboolean bias, residual;
    gboolean narrow_x, narrow_y, narrow_residual; /* stored as bf16 */
} Shapes;

/* With a scratch, what the convolution reads is bf16 and what it writes fp32, if not stored so; `all`: both are bf16.
 */
static void describe_operands(const Conv *c, const Shapes *s, gboolean all, dnnl_memory_desc_t md[3])
{
    dnnl_dims_t wd = {s->w.c, s->w.w, s->w.n, s->w.h};
    gboolean rounded = c->scratch != NULL;

    describe(s->x, rounded && (all || c->direction != DATA), &md[0]);
    dnnl_memory_desc_init_by_tag(&md[1], 4, wd, rounded && (all || c->direction != WEIGHTS) ? dnnl_bf16 : dnnl_f32,
                                 dnnl_format_tag_any);
    describe(s->y, s->narrow_y || (rounded && (all || c->direction != FORWARD)), &md[2]);
}

/* y = act(conv + r): the residual is one more source, so that it may lie anywhere. */
static dnnl_primitive_attr_t epilogue(const YonosNode *node, const Shapes *s)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_memory_desc_t residual;

    dnnl_primitive_attr_create(&attr);
    dnnl_post_ops_create(&ops);
    describe(s->y, s->narrow_residual, &residual);
    if (s->residual)
        dnnl_post_ops_append_binary(ops, dnnl_binary_add, &residual);
    if (node->i[2] == YONOS_ACT_LEAKY)
        dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, node->f[0], 0);
    dnnl_primitive_attr_set_post_ops(attr, ops);
    dnnl_post_ops_destroy(ops);
    return attr;
}

static gboolean describe_conv(Conv *c, const YonosNode *node, const Shapes *s)
{
    dnnl_memory_desc_t own[3], hinted[3], b; /* x, w, y */
    dnnl_dims_t bd = {s->w.c}, stride = {node->i[0], node->i[0]}, before = {node->i[1], node->i[1]};
    /* what the strided window leaves over at the right and bottom is negative padding to oneDNN */
    dnnl_dims_t after = {(s->y.h - 1) * node->i[0] + s->w.n - s->x.h - node->i[1],
                         (s->y.w - 1) * node->i[0] + s->w.h - s->x.w - node->i[1]};
    dnnl_convolution_desc_t forward, backward;
    dnnl_primitive_desc_t hint = NULL;
    dnnl_primitive_attr_t attr;
    gboolean inference = c->direction == FORWARD;
    int failed;

    describe_operands(c, s, FALSE, own);
    describe_operands(c, s, !inference, hinted);
    dnnl_memory_desc_init_by_tag(&b, 1, bd, dnnl_f32, dnnl_a);
    failed = dnnl_convolution_forward_desc_init(&forward, inference ? dnnl_forward_inference : dnnl_forward_training,
                                                dnnl_convolution_direct, &hinted[0], &hinted[1], s->bias ? &b : NULL,
                                                &hinted[2], stride, before, after);
    attr = inference ? epilogue(node, s) : NULL;
    if (!failed)
        failed = dnnl_primitive_desc_create(&hint, &forward, attr, c->engine, NULL);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    if (failed || inference) {
        c->desc = hint;
        return !failed;
    }
    if (c->direction == DATA)
        failed = dnnl_convolution_backward_data_desc_init(&backward, dnnl_convolution_direct, &own[0], &own[1], &own[2],
                                                          stride, before, after);
    else
        failed = dnnl_convolution_backward_weights_desc_init(&backward, dnnl_convolution_direct, &own[0], &own[1], NULL,
                                                             &own[2], stride, before, after);
    if (!failed)
        failed = dnnl_primitive_desc_create(&c->desc, &backward, NULL, c->engine, hint);
    dnnl_primitive_desc_destroy(hint);
    return !failed;
}

static gboolean make_packing(Conv *c, YonosShape w)
{
    dnnl_dims_t dims = {w.c, w.w, w.n, w.h};
    dnnl_query_t which = c->direction == WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md;
    const dnnl_memory_desc_t *packed = dnnl_primitive_desc_query_md(c->desc, which, 0);
    dnnl_memory_desc_t plain;
    dnnl_primitive_desc_t pd = NULL;
    int failed;

    dnnl_memory_desc_init_by_tag(&plain, 4, dims, dnnl_f32, dnnl_hwio);
    failed = dnnl_memory_create(&c->packed, packed, c->engine, DNNL_MEMORY_ALLOCATE) ||
             dnnl_memory_create(&c->plain, &plain, c->engine, DNNL_MEMORY_NONE);
    if (c->direction == WEIGHTS)
        failed = failed || dnnl_reorder_primitive_desc_create(&pd, packed, c->engine, &plain, c->engine, NULL);
    else
        failed = failed || dnnl_reorder_primitive_desc_create(&pd, &plain, c->engine, packed, c->engine, NULL);
    failed = failed || dnnl_primitive_create(&c->pack, pd);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    if (c->direction == WEIGHTS)
        c->sum = g_new(float, yonos_shape_elements(w));
    return !failed;
}

/* A source's copy at `at` elements of the scratch, and what makes it. */
static gboolean make_rounding(Conv *c, YonosShape s, gsize at, dnnl_memory_t *rounded, dnnl_primitive_t *round)
{
    dnnl_memory_desc_t from, to;
    dnnl_primitive_desc_t pd;
    int failed;

    describe(s, FALSE, &from);
    describe(s, TRUE, &to);
    if (dnnl_memory_create(rounded, &to, c->engine, c->scratch + at) ||
        dnnl_reorder_primitive_desc_create(&pd, &from, c->engine, &to, c->engine, NULL))
        return FALSE;
    failed = dnnl_primitive_create(round, pd);
    dnnl_primitive_desc_destroy(pd);
    return !failed;
}

static gboolean make_memories(Conv *c, const Shapes *s)
{
    dnnl_memory_desc_t x, y, residual, b;
    dnnl_dims_t bd = {s->w.c};
    gsize first = c->direction == WEIGHTS ? yonos_shape_elements(s->x) : 0;

    if (c->scratch && c->direction != DATA && !s->narrow_x && !make_rounding(c, s->x, 0, &c->rounded_x, &c->round_x))
        return FALSE;
    if (c->scratch && c->direction != FORWARD && !make_rounding(c, s->y, first, &c->rounded_y, &c->round_y))
        return FALSE;
    describe(s->x, s->narrow_x, &x);
    describe(s->y, s->narrow_y, &y);
    describe(s->y, s->narrow_residual, &residual);
    dnnl_memory_desc_init_by_tag(&b, 1, bd, dnnl_f32, dnnl_a);
    if (s->bias && dnnl_memory_create(&c->bias, &b, c->engine, DNNL_MEMORY_NONE))
        return FALSE;
    if (s->residual && dnnl_memory_create(&c->residual, &residual, c->engine, DNNL_MEMORY_NONE))
        return FALSE;
    return !dnnl_memory_create(&c->x, &x, c->engine, DNNL_MEMORY_NONE) &&
           !dnnl_memory_create(&c->y, &y, c->engine, DNNL_MEMORY_NONE);
}

static Conv *conv_new(const YonosNode *node, Direction direction, const Shapes *s, void *scratch)
{
    Conv *c = g_new0(Conv, 1);

    c->direction = direction;
    c->scratch = scratch;
    c->packed_version = G_MAXUINT64;
    if (!dnnl_engine_create(&c->engine, dnnl_cpu, 0) && !dnnl_stream_create(&c->stream, c->engine, 0) &&
        describe_conv(c, node, s) && !dnnl_primitive_create(&c->conv, c->desc) && make_packing(c, s->w) &&
        make_memories(c, s))
        return c;
    conv_free(c);
    return NULL;
}

/* Where oneDNN has no bf16 kernel, one of fp32. */
static gpointer conv_prepare(const YonosNode *node, Direction direction, const Shapes *s, void *scratch)
{
    Conv *c = conv_new(node, direction, s, scratch);
    gboolean narrow = s->narrow_x || s->narrow_y || s->narrow_residual;

    return c || narrow || !scratch ? c : conv_new(node, direction, s, NULL);
}

/* What graph/fuse.h joins for kernels that can: left to the reference. */
static gboolean does_more(const YonosNode *node)
{
    for (int k = YONOS_CONV_SECOND; k < node->n_inputs; k++)
        if (node->in[k] >= 0)
            return TRUE;
    return node->i[3] > 1 || node->i[5] || node->i[6];
}

static gboolean takes(const YonosNode *node)
{
    return (node->i[2] == YONOS_ACT_NONE || node->i[2] == YONOS_ACT_LEAKY) && !does_more(node);
}

static gpointer prepare_forward(const YonosGraph *g, const YonosNode *node, const YonosCpuBf16 *bf16)
{
    Shapes s = {.x = yonos_graph_shape(g, node->in[0]),
                .w = yonos_graph_shape(g, node->in[1]),
                .y = yonos_graph_shape(g, node->out),
                .bias = node->n_inputs > 2 && node->in[2] >= 0,
                .residual = node->n_inputs > 3 && node->in[3] >= 0};

    if (!takes(node))
        return NULL;
    if (bf16) {
        s.narrow_x = bf16->stored[node->in[0]];
        s.narrow_y = bf16->stored[node->out];
        s.narrow_residual = s.residual && bf16->stored[node->in[3]];
    }
    return conv_prepare(node, FORWARD, &s, bf16 ? bf16->scratch : NULL);
}

static gpointer prepare_data(const YonosGraph *g, const YonosNode *node, const YonosCpuBf16 *bf16)
{
    Shapes s = {.x = yonos_graph_shape(g, node->out),
                .w = yonos_graph_shape(g, node->in[1]),
                .y = yonos_graph_shape(g, node->in[0])};

    return conv_prepare(node, DATA, &s, bf16 ? bf16->scratch : NULL);
}

static gpointer prepare_weights(const YonosGraph *g, const YonosNode *node, const YonosCpuBf16 *bf16)
{
    Shapes s = {.x = yonos_graph_shape(g, node->in[0]),
                .w = yonos_graph_shape(g, node->out),
                .y = yonos_graph_shape(g, node->in[1])};

    /* oneDNN 2.6's bf16 kernel reads what nobody wrote where a strided window is larger than the picture */
    if (s.x.h < s.w.n || s.x.w < s.w.h)
        bf16 = NULL;
    return conv_prepare(node, WEIGHTS, &s, bf16 ? bf16->scratch : NULL);
}

static gboolean pack_weights(Conv *c, const float *w, guint64 version)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, c->plain}, {DNNL_ARG_TO, c->packed}};

    if (c->packed_version == version)
        return TRUE;
    c->packed_version = version;
    dnnl_memory_set_data_handle(c->plain, (void *)w);
    return !dnnl_primitive_execute(c->pack, c->stream, 2, args);
}

/* x and y to where the arena has them, and their copies rounded. */
static gboolean take(Conv *c, const float *x, const float *y)
{
    dnnl_exec_arg_t xs[] = {{DNNL_ARG_FROM, c->x}, {DNNL_ARG_TO, c->rounded_x}};
    dnnl_exec_arg_t ys[] = {{DNNL_ARG_FROM, c->y}, {DNNL_ARG_TO, c->rounded_y}};

    dnnl_memory_set_data_handle(c->x, (void *)x);
    dnnl_memory_set_data_handle(c->y, (void *)y);
    return (!c->round_x || !dnnl_primitive_execute(c->round_x, c->stream, 2, xs)) &&
           (!c->round_y || !dnnl_primitive_execute(c->round_y, c->stream, 2, ys));
}

static dnnl_memory_t read_x(const Conv *c)
{
    return c->rounded_x ? c->rounded_x : c->x;
}

static dnnl_memory_t read_y(const Conv *c)
{
    return c->rounded_y ? c->rounded_y : c->y;
}

static gboolean run_forward(gpointer state, const YonosCall *call, guint64 version)
{
    Conv *c = state;
    dnnl_exec_arg_t args[5] = {{DNNL_ARG_SRC, read_x(c)}, {DNNL_ARG_WEIGHTS, c->packed}, {DNNL_ARG_DST, c->y}};
    int n = 3;

    if (c->bias) {
        dnnl_memory_set_data_handle(c->bias, (void *)call->in[2]);
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, c->bias};
    }
    if (c->residual) {
        dnnl_memory_set_data_handle(c->residual, (void *)call->in[3]);
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, c->residual};
    }
    return take(c, call->in[0], call->out) && pack_weights(c, call->in[1], version) &&
           !dnnl_primitive_execute(c->conv, c->stream, n, args) && !dnnl_stream_wait(c->stream);
}

static gboolean run_data(gpointer state, const YonosCall *call, guint64 version)
{
    Conv *c = state;
    dnnl_exec_arg_t args[] = {{DNNL_ARG_DIFF_SRC, c->x}, {DNNL_ARG_WEIGHTS, c->packed}, {DNNL_ARG_DIFF_DST, read_y(c)}};

    return take(c, call->out, call->in[0]) && pack_weights(c, call->in[1], version) &&
           !dnnl_primitive_execute(c->conv, c->stream, 3, args) && !dnnl_stream_wait(c->stream);
}

static gboolean run_weights(gpointer state, const YonosCall *call, G_GNUC_UNUSED guint64 version)
{
    Conv *c = state;
    dnnl_exec_arg_t args[] = {
        {DNNL_ARG_SRC, read_x(c)}, {DNNL_ARG_DIFF_WEIGHTS, c->packed}, {DNNL_ARG_DIFF_DST, read_y(c)}};
    dnnl_exec_arg_t unpack[] = {{DNNL_ARG_FROM, c->packed}, {DNNL_ARG_TO, c->plain}};
    gsize n = yonos_shape_elements(call->out_shape);

    dnnl_memory_set_data_handle(c->plain, c->sum);
    if (!take(c, call->in[0], call->in[1]) || dnnl_primitive_execute(c->conv, c->stream, 3, args) ||
        dnnl_primitive_execute(c->pack, c->stream, 2, unpack) || dnnl_stream_wait(c->stream))
        return FALSE;
    for (gsize k = 0; k < n; k++)
        call->out[k] += c->sum[k];
    return TRUE;
}

const YonosCpuOverride yonos_onednn_conv = {
    .prepare = prepare_forward, .run = run_forward, .free = conv_free, .stores_bf16 = takes};
const YonosCpuOverride yonos_onednn_conv_data = {.prepare = prepare_data, .run = run_data, .free = conv_free};
const YonosCpuOverride yonos_onednn_conv_weights = {.prepare = prepare_weights, .run = run_weights, .free = conv_free};

gboolean yonos_onednn_has_bf16(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}
