/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"
#include "graph/gradient.h"

#include <math.h>
#include <string.h>

/* Attributes: i = {stride, pad, act}, f = {slope}. The gradients carry the same stride and pad. */

static int out_side(int in, int kernel, const YonosNode *node)
{
    return (in + 2 * node->i[1] - kernel) / node->i[0] + 1;
}

static void conv_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]), w = yonos_graph_shape(g, node->in[1]);
    YonosShape b = yonos_graph_shape(g, node->n_inputs > 2 ? node->in[2] : YONOS_NONE);
    YonosShape r = yonos_graph_shape(g, node->n_inputs > 3 ? node->in[3] : YONOS_NONE);

    if (w.w != x.c || node->i[0] < 1 || node->i[1] < 0 || x.h + 2 * node->i[1] < w.n || x.w + 2 * node->i[1] < w.h) {
        yonos_graph_fail(g, "A %d x %d convolution of %d channels does not fit a %d x %d x %d input.", w.n, w.h, w.w,
                         x.h, x.w, x.c);
        return;
    }
    *out = (YonosShape){x.n, out_side(x.h, w.n, node), out_side(x.w, w.h, node), w.c};
    if (b.c && b.c != w.c)
        yonos_graph_fail(g, "A convolution of %d outputs has a bias of %d.", w.c, b.c);
    if (r.c && !yonos_shape_equal(r, *out))
        yonos_graph_fail(g, "A convolution's residual has another shape than its output.");
}

static float act_apply(const YonosNode *node, float v)
{
    return node->i[2] == YONOS_ACT_LEAKY && v < 0 ? v * node->f[0] : v;
}

static void conv_reference(const YonosCall *c)
{
    YonosShape xs = c->in_shape[0], ws = c->in_shape[1], ys = c->out_shape;
    int stride = c->node->i[0], pad = c->node->i[1];
    gsize p = 0;

    for (int n = 0; n < ys.n; n++)
        for (int oy = 0; oy < ys.h; oy++)
            for (int ox = 0; ox < ys.w; ox++)
                for (int o = 0; o < ys.c; o++, p++) {
                    double sum = (c->in[2] ? c->in[2][o] : 0) + (c->in[3] ? c->in[3][p] : 0);
                    for (int ky = 0; ky < ws.n; ky++)
                        for (int kx = 0; kx < ws.h; kx++) {
                            int y = oy * stride + ky - pad, x = ox * stride + kx - pad;
                            if (y < 0 || y >= xs.h || x < 0 || x >= xs.w)
                                continue;
                            const float *in = c->in[0] + (((gsize)n * xs.h + y) * xs.w + x) * xs.c;
                            const float *w = c->in[1] + ((gsize)(ky * ws.h + kx) * ws.w) * ws.c + o;
                            for (int i = 0; i < xs.c; i++)
                                sum += (double)in[i] * w[(gsize)i * ws.c];
                        }
                    c->out[p] = act_apply(c->node, (float)sum);
                }
}

static void conv_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    YonosTensorId x = node->in[0], w = node->in[1], b = node->n_inputs > 2 ? node->in[2] : YONOS_NONE;
    YonosTensorId r = node->n_inputs > 3 ? node->in[3] : YONOS_NONE, dw, db;

    if (node->i[2] == YONOS_ACT_LEAKY)
        dy = yonos_append(g, YONOS_OP_ACT_GRAD, 2, (YonosTensorId[]){dy, node->out}, YONOS_NONE, &node->i[2], 1,
                          node->f[0], 0);
    yonos_gradient_add(g, gradients, r, dy);
    if (yonos_gradient_wanted(gradients, x))
        yonos_gradient_add(g, gradients, x,
                           yonos_append(g, YONOS_OP_CONV_DATA, 3, (YonosTensorId[]){dy, w, x}, YONOS_NONE, node->i, 2,
                                        0, 0));
    if (yonos_gradient_wanted(gradients, w) && (dw = yonos_gradient_of_param(g, gradients, w)) >= 0)
        yonos_append(g, YONOS_OP_CONV_WEIGHTS, 3, (YonosTensorId[]){x, dy, w}, dw, node->i, 2, 0, 0);
    if (yonos_gradient_wanted(gradients, b) && (db = yonos_gradient_of_param(g, gradients, b)) >= 0)
        yonos_append(g, YONOS_OP_SUM_PIXELS, 1, &dy, db, (int[]){0}, 1, 0, 0);
}

const YonosOp yonos_op_conv = {"conv", 2, 4, FALSE, conv_shape, conv_reference, conv_gradient};

static void conv_data_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    *out = yonos_graph_shape(g, node->in[2]);
}

static void conv_data_reference(const YonosCall *c)
{
    YonosShape ds = c->in_shape[0], ws = c->in_shape[1], xs = c->out_shape;
    int stride = c->node->i[0], pad = c->node->i[1];
    gsize p = 0;

    for (int n = 0; n < xs.n; n++)
        for (int y = 0; y < xs.h; y++)
            for (int x = 0; x < xs.w; x++)
                for (int i = 0; i < xs.c; i++, p++) {
                    double sum = 0;
                    for (int ky = 0; ky < ws.n; ky++)
                        for (int kx = 0; kx < ws.h; kx++) {
                            int ty = y + pad - ky, tx = x + pad - kx;
                            if (ty < 0 || tx < 0 || ty % stride || tx % stride)
                                continue;
                            if (ty / stride >= ds.h || tx / stride >= ds.w)
                                continue;
                            const float *d =
                                c->in[0] + (((gsize)n * ds.h + ty / stride) * ds.w + tx / stride) * ds.c;
                            const float *w = c->in[1] + ((gsize)(ky * ws.h + kx) * ws.w + i) * ws.c;
                            for (int o = 0; o < ws.c; o++)
                                sum += (double)d[o] * w[o];
                        }
                    c->out[p] = (float)sum;
                }
}

const YonosOp yonos_op_conv_data = {"conv-data", 3, 3, FALSE, conv_data_shape, conv_data_reference, NULL};

/* The third operand is w, for its shape only. */
static void conv_weights_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    *out = yonos_graph_shape(g, node->in[2]);
}

static void conv_weights_reference(const YonosCall *c)
{
    YonosShape xs = c->in_shape[0], ds = c->in_shape[1], ws = c->out_shape;
    int stride = c->node->i[0], pad = c->node->i[1];
    gsize p = 0;

    for (int ky = 0; ky < ws.n; ky++)
        for (int kx = 0; kx < ws.h; kx++)
            for (int i = 0; i < ws.w; i++)
                for (int o = 0; o < ws.c; o++, p++) {
                    double sum = 0;
                    for (int n = 0; n < ds.n; n++)
                        for (int oy = 0; oy < ds.h; oy++)
                            for (int ox = 0; ox < ds.w; ox++) {
                                int y = oy * stride + ky - pad, x = ox * stride + kx - pad;
                                if (y < 0 || y >= xs.h || x < 0 || x >= xs.w)
                                    continue;
                                sum += (double)c->in[0][(((gsize)n * xs.h + y) * xs.w + x) * xs.c + i] *
                                       c->in[1][(((gsize)n * ds.h + oy) * ds.w + ox) * ds.c + o];
                            }
                    c->out[p] += (float)sum;
                }
}

const YonosOp yonos_op_conv_weights = {"conv-weights", 3, 3, TRUE, conv_weights_shape, conv_weights_reference, NULL};

/* i = {one sum a picture instead of one for the batch, overwrite instead of add}. */
static void sum_pixels_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);

    *out = (YonosShape){node->i[0] ? x.n : 1, 1, 1, x.c};
    if (node->out < 0 && !node->i[1])
        yonos_graph_fail(g, "Operation 'sum-pixels' adds to an output that it was not given.");
}

static void sum_pixels_reference(const YonosCall *c)
{
    YonosShape s = c->in_shape[0];
    gsize pixels = (gsize)s.h * s.w * (c->node->i[0] ? 1 : s.n);

    for (int n = 0; n < c->out_shape.n; n++)
        for (int k = 0; k < s.c; k++) {
            double sum = 0;
            for (gsize p = 0; p < pixels; p++)
                sum += c->in[0][((gsize)n * pixels + p) * s.c + k];
            c->out[(gsize)n * s.c + k] = (float)sum + (c->node->i[1] ? 0 : c->out[(gsize)n * s.c + k]);
        }
}

const YonosOp yonos_op_sum_pixels = {"sum-pixels", 1, 1, TRUE, sum_pixels_shape, sum_pixels_reference, NULL};

YonosTensorId yonos_conv(YonosGraph *g, YonosTensorId x, YonosTensorId w, YonosTensorId b, YonosConvParams p)
{
    YonosTensorId in[] = {x, w, b, p.residual ? p.residual : YONOS_NONE};
    int attributes[] = {p.stride ? p.stride : 1, p.pad, p.act};

    return yonos_append(g, YONOS_OP_CONV, 4, in, YONOS_NONE, attributes, 3, p.slope, 0);
}
