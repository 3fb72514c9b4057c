/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"
#include "cpu/onednn-api.h"

/* The three convolutions by oneDNN, 2 or 3. Activations stay NHWC, which its AVX2 and AVX-512 kernels take as they are;
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

static OnednnLayout describe(YonosShape s, gboolean rounded)
{
    return onednn_layout(4, (dnnl_dims_t){s.n, s.c, s.h, s.w}, rounded ? dnnl_bf16 : dnnl_f32, dnnl_nhwc);
}

static OnednnLayout describe_bias(const YonosShape *w)
{
    return onednn_layout(1, (dnnl_dims_t){w->c}, dnnl_f32, dnnl_a);
}

typedef struct {
    YonosShape x, w, y;
    gboolean bias, residual;
    gboolean narrow_x, narrow_y, narrow_residual; /* stored as bf16 */
} Shapes;

/* With a scratch, what the convolution reads is bf16 and what it writes fp32, if not stored so; `all`: both are bf16.
 */
static OnednnConv describe_operands(const Conv *c, const YonosNode *node, const Shapes *s, gboolean all)
{
    gboolean rounded = c->scratch != NULL;
    dnnl_data_type_t w_type = rounded && (all || c->direction != WEIGHTS) ? dnnl_bf16 : dnnl_f32;

    return (OnednnConv){
        .x = describe(s->x, rounded && (all || c->direction != DATA)),
        .w = onednn_layout(4, (dnnl_dims_t){s->w.c, s->w.w, s->w.n, s->w.h}, w_type, dnnl_format_tag_any),
        .bias = s->bias ? describe_bias(&s->w) : NULL,
        .y = describe(s->y, s->narrow_y || (rounded && (all || c->direction != FORWARD))),
        .stride = {node->i[0], node->i[0]},
        .before = {node->i[1], node->i[1]},
        /* what the strided window leaves over at the right and bottom is negative padding to oneDNN */
        .after = {(s->y.h - 1) * node->i[0] + s->w.n - s->x.h - node->i[1],
                  (s->y.w - 1) * node->i[0] + s->w.h - s->x.w - node->i[1]},
    };
}

/* y = act(conv + r): the residual is one more source, so that it may lie anywhere. */
static dnnl_primitive_attr_t epilogue(const YonosNode *node, const Shapes *s)
{
    g_auto(OnednnLayout) residual = describe(s->y, s->narrow_residual);
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;

    dnnl_primitive_attr_create(&attr);
    dnnl_post_ops_create(&ops);
    if (s->residual)
        dnnl_post_ops_append_binary(ops, dnnl_binary_add, residual);
    if (node->i[2] == YONOS_ACT_LEAKY)
        onednn_append_leaky(ops, node->f[0]);
    dnnl_primitive_attr_set_post_ops(attr, ops);
    dnnl_post_ops_destroy(ops);
    return attr;
}

static gboolean describe_forward(Conv *c, const YonosNode *node, const Shapes *s)
{
    g_auto(OnednnConv) conv = describe_operands(c, node, s, FALSE);
    dnnl_primitive_attr_t attr = epilogue(node, s);
    int failed = onednn_forward(&c->desc, c->engine, dnnl_forward_inference, &conv, attr);

    dnnl_primitive_attr_destroy(attr);
    return !failed;
}

static gboolean describe_backward(Conv *c, const YonosNode *node, const Shapes *s)
{
    g_auto(OnednnConv) conv = describe_operands(c, node, s, FALSE), hinted = describe_operands(c, node, s, TRUE);
    dnnl_primitive_desc_t hint;
    int failed;

    if (onednn_forward(&hint, c->engine, dnnl_forward_training, &hinted, NULL))
        return FALSE;
    if (c->direction == DATA)
        failed = onednn_backward_data(&c->desc, c->engine, &conv, hint);
    else
        failed = onednn_backward_weights(&c->desc, c->engine, &conv, hint);
    dnnl_primitive_desc_destroy(hint);
    return !failed;
}

static gboolean make_packing(Conv *c, YonosShape w)
{
    dnnl_query_t which = c->direction == WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md;
    OnednnLayoutView packed = dnnl_primitive_desc_query_md(c->desc, which, 0);
    g_auto(OnednnLayout) plain = onednn_layout(4, (dnnl_dims_t){w.c, w.w, w.n, w.h}, dnnl_f32, dnnl_hwio);
    dnnl_primitive_desc_t pd = NULL;
    int failed = dnnl_memory_create(&c->packed, packed, c->engine, DNNL_MEMORY_ALLOCATE) ||
                 dnnl_memory_create(&c->plain, plain, c->engine, DNNL_MEMORY_NONE);

    if (c->direction == WEIGHTS)
        failed = failed || dnnl_reorder_primitive_desc_create(&pd, packed, c->engine, plain, c->engine, NULL);
    else
        failed = failed || dnnl_reorder_primitive_desc_create(&pd, plain, c->engine, packed, c->engine, NULL);
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
    g_auto(OnednnLayout) from = describe(s, FALSE), to = describe(s, TRUE);
    dnnl_primitive_desc_t pd;
    int failed;

    if (dnnl_memory_create(rounded, to, c->engine, c->scratch + at) ||
        dnnl_reorder_primitive_desc_create(&pd, from, c->engine, to, c->engine, NULL))
        return FALSE;
    failed = dnnl_primitive_create(round, pd);
    dnnl_primitive_desc_destroy(pd);
    return !failed;
}

static gboolean make_memories(Conv *c, const Shapes *s)
{
    g_auto(OnednnLayout) x = describe(s->x, s->narrow_x), y = describe(s->y, s->narrow_y);
    g_auto(OnednnLayout) residual = describe(s->y, s->narrow_residual), bias = describe_bias(&s->w);
    gsize first = c->direction == WEIGHTS ? yonos_shape_elements(s->x) : 0;

    if (c->scratch && c->direction != DATA && !s->narrow_x && !make_rounding(c, s->x, 0, &c->rounded_x, &c->round_x))
        return FALSE;
    if (c->scratch && c->direction != FORWARD && !make_rounding(c, s->y, first, &c->rounded_y, &c->round_y))
        return FALSE;
    if (s->bias && dnnl_memory_create(&c->bias, bias, c->engine, DNNL_MEMORY_NONE))
        return FALSE;
    if (s->residual && dnnl_memory_create(&c->residual, residual, c->engine, DNNL_MEMORY_NONE))
        return FALSE;
    return !dnnl_memory_create(&c->x, x, c->engine, DNNL_MEMORY_NONE) &&
           !dnnl_memory_create(&c->y, y, c->engine, DNNL_MEMORY_NONE);
}

static Conv *conv_new(const YonosNode *node, Direction direction, const Shapes *s, void *scratch)
{
    Conv *c = g_new0(Conv, 1);

    c->direction = direction;
    c->scratch = scratch;
    c->packed_version = G_MAXUINT64;
    if (!dnnl_engine_create(&c->engine, dnnl_cpu, 0) && !dnnl_stream_create(&c->stream, c->engine, 0) &&
        (direction == FORWARD ? describe_forward(c, node, s) : describe_backward(c, node, s)) &&
        !dnnl_primitive_create(&c->conv, c->desc) && make_packing(c, s->w) && make_memories(c, s))
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

/* oneDNN 3.7's bf16 kernels take an odd number of channels wrongly. */
static gboolean is_even(YonosShape read)
{
    return read.c % 2 == 0;
}

static gboolean stores_bf16(const YonosGraph *g, const YonosNode *node)
{
    return takes(node) && is_even(yonos_graph_shape(g, node->in[0]));
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
    if (!is_even(s.x))
        bf16 = NULL;
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

    if (!is_even(s.y))
        bf16 = NULL;
    return conv_prepare(node, DATA, &s, bf16 ? bf16->scratch : NULL);
}

static gpointer prepare_weights(const YonosGraph *g, const YonosNode *node, const YonosCpuBf16 *bf16)
{
    Shapes s = {.x = yonos_graph_shape(g, node->in[0]),
                .w = yonos_graph_shape(g, node->out),
                .y = yonos_graph_shape(g, node->in[1])};

    /* oneDNN 2.6's bf16 kernel reads what nobody wrote where a strided window is larger than the picture */
    if (s.x.h < s.w.n || s.x.w < s.w.h || !is_even(s.x) || !is_even(s.y))
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
    .prepare = prepare_forward, .run = run_forward, .free = conv_free, .stores_bf16 = stores_bf16};
const YonosCpuOverride yonos_onednn_conv_data = {.prepare = prepare_data, .run = run_data, .free = conv_free};
const YonosCpuOverride yonos_onednn_conv_weights = {.prepare = prepare_weights, .run = run_weights, .free = conv_free};

gboolean yonos_onednn_has_bf16(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}
