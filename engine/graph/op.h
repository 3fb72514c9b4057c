/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* The heart of the house: one op, one row. A row holds the shape rule, the plain C reference that every faster version
 * is checked against, and the gradient rule. Executors add their own column by op id (cpu/cpu-overrides.h). */

typedef enum {
    YONOS_OP_CONV,         /* y = act(conv(x, w) + b + r); in: x, w, b or none, r or none; see ops/ops.h */
    YONOS_OP_CONV_DATA,    /* gradient of conv by x;  in: dy, w, x (for its shape) */
    YONOS_OP_CONV_WEIGHTS, /* gradient of conv by w, added to out; in: x, dy */
    YONOS_OP_SUM_PIXELS,   /* out[c] += sum over n, h, w; or, per picture, out[n, c]; in: x */
    YONOS_OP_ACT,          /* y = act(x) */
    YONOS_OP_ACT_GRAD,     /* dx = dy * act'(.) expressed by y (act(x)) and x; in: dy, y, x or none */
    YONOS_OP_ADD,          /* y = a + k b; b of a's shape or {n or 1, 1, 1, c} */
    YONOS_OP_CONCAT,       /* along channels; in: a, b */
    YONOS_OP_SLICE,        /* channels i[0] .. i[0] + i[1] */
    YONOS_OP_EMBED,        /* gradient of slice: x placed at channel i[0] of i[1], zero elsewhere */
    YONOS_OP_SHUFFLE,      /* depth to space by i[0]; channel order of PyTorch's PixelShuffle */
    YONOS_OP_UNSHUFFLE,    /* its inverse and gradient */
    YONOS_OP_NEAREST,      /* nearest enlargement by i[0] */
    YONOS_OP_SUM_BLOCKS,   /* its gradient: sums of i[0] x i[0] blocks */
    YONOS_OP_GROUP_NORM,   /* i[0] groups, f[0] epsilon; in: x, scale, offset */
    YONOS_OP_RESIZE,       /* Pillow's bicubic to i[0] x i[1] (height, width) */
    YONOS_OP_EXTENT,       /* crop or repeat the edge to i[0] x i[1] */
    YONOS_OP_L1,           /* loss: mean |a - b| to a scalar; in: a, b */
    YONOS_OP_L1_GRAD,      /* in: dloss, a, b */
    YONOS_OP_MSE,          /* loss: mean of w[n] (a - b)^2; in: a, b, w {n, 1, 1, 1} */
    YONOS_OP_MSE_GRAD,     /* in: dloss, a, b, w */
    YONOS_OP_MIX,          /* u[n] a + v[n] b, a factor a picture {n, 1, 1, 1}; in: a, u, and b, v or none */
    YONOS_OP_GROUP_NORM_DATA,  /* gradient of group norm by x; in: dy, x, scale; attributes as of the op */
    YONOS_OP_GROUP_NORM_SCALE, /* gradient of group norm by scale, added to out; in: dy, x, scale (for its shape) */
    YONOS_OP_RESIZE_GRAD,      /* in: dy; i[0] x i[1] is the size of x */
    YONOS_OP_EXTENT_GRAD,      /* in: dy; likewise */
    YONOS_OP_MAX_POOL,         /* largest of windows of side i[0] at stride i[1], inside the input only */
    YONOS_OP_MAX_POOL_GRAD,    /* in: dy, x; likewise */
    YONOS_OP_UNIT_NORM,        /* x / (|x| + f[0]), |x| over a pixel's channels */
    YONOS_OP_UNIT_NORM_GRAD,   /* in: dy, x; likewise */
    YONOS_OP_HINGE,            /* loss: mean max(0, 1 - i[0] x) or, with i[1], mean -i[0] x; i[0] is 1 or -1 */
    YONOS_OP_HINGE_GRAD,       /* in: dloss, x; likewise */
    YONOS_OP_WINDOW,           /* i[0] x i[1] pixels of x from an origin a picture; in: x, origin {n, 1, 1, 2} */
    YONOS_OP_WINDOW_GRAD,      /* in: dy, origin; i[0] x i[1] is the size of x */
    YONOS_OP_RESIDUAL_BLOCK,   /* y = x + conv(act(conv(x, w) + b), v) + c, of graph/fuse.h; in: x, w, b, v, c */
    YONOS_OP_COUNT
} YonosOpId;

typedef enum {
    YONOS_ACT_NONE,
    YONOS_ACT_LEAKY, /* max(x, slope x), slope 0 is ReLU */
    YONOS_ACT_TANH,  /* scale tanh(x / scale), scale 0 means 1 */
    YONOS_ACT_CODES, /* clipped to 0..1 and rounded to 8-bit codes, k / 255; no gradient: pictures are data */
} YonosAct;

/* A convolution may do more in passing, where graph/fuse.h lets it; ops/conv.c has the attributes. Its operands: */
enum {
    YONOS_CONV_BIAS = 2,
    YONOS_CONV_RESIDUAL, /* of the output's shape */
    YONOS_CONV_SECOND,   /* channels that follow those of x */
    YONOS_CONV_BASE,     /* a picture whose bicubic enlargement is added */
    YONOS_CONV_OPERANDS,
};
#define YONOS_CONV_MOST_SHUFFLE 16

/* What a reference or an override gets: operands resolved to memory, NULL for absent ones. */
typedef struct {
    const YonosNode *node;
    YonosShape in_shape[YONOS_MAX_OPERANDS], out_shape;
    const float *in[YONOS_MAX_OPERANDS];
    float *out;
} YonosCall;

typedef struct {
    const char *name;
    int min_inputs, max_inputs;
    gboolean accumulates; /* reads its output too */
    /* Sets *out from the operands' shapes; on a misuse calls yonos_graph_fail. */
    void (*shape)(YonosGraph *graph, const YonosNode *node, YonosShape *out);
    void (*reference)(const YonosCall *call);
    /* Appends the nodes that turn dy, the gradient by the output, into gradients by the inputs, and hands those to
     * yonos_gradient_add. NULL: not differentiable; asking for it is a build error that names the op. */
    void (*gradient)(YonosGraph *graph, const YonosNode *node, YonosTensorId dy, void *gradients);
} YonosOp;

/* The row of an op; id below YONOS_OP_COUNT. */
const YonosOp *yonos_op(int id);

/* Rows, by file of engine/ops. */
extern const YonosOp yonos_op_conv, yonos_op_conv_data, yonos_op_conv_weights, yonos_op_sum_pixels;
extern const YonosOp yonos_op_act, yonos_op_act_grad, yonos_op_add, yonos_op_mix;
extern const YonosOp yonos_op_concat, yonos_op_slice, yonos_op_embed, yonos_op_shuffle, yonos_op_unshuffle;
extern const YonosOp yonos_op_nearest, yonos_op_sum_blocks, yonos_op_group_norm;
extern const YonosOp yonos_op_resize, yonos_op_extent;
extern const YonosOp yonos_op_l1, yonos_op_l1_grad, yonos_op_mse, yonos_op_mse_grad;
extern const YonosOp yonos_op_group_norm_data, yonos_op_group_norm_scale;
extern const YonosOp yonos_op_resize_grad, yonos_op_extent_grad;
extern const YonosOp yonos_op_max_pool, yonos_op_max_pool_grad, yonos_op_unit_norm, yonos_op_unit_norm_grad;
extern const YonosOp yonos_op_hinge, yonos_op_hinge_grad, yonos_op_window, yonos_op_window_grad, yonos_op_residual_block;
