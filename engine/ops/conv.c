/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"
#include "graph/gradient.h"

#include <math.h>
#include <string.h>

/* Attributes: i = {stride, pad, act, shuffle, base, height, width}, f = {slope}. The gradients carry the same stride and
 * pad. The last four are for convolutions that other nodes were joined to (graph/fuse.h) and have no gradient: the
 * output is shuffled to space by `shuffle` (0 or 1: not) and cropped to `height` x `width` (0: not); then residual and
 * bicubic base, enlarged by `base`, are added, and the activation comes last. */

static int out_side(int in, int kernel, const YonosNode *node)
{
    return (in + 2 * node->i[1] - kernel) / node->i[0] + 1;
}

/* Of the output before it is shuffled. */
static YonosShape sums_shape(YonosShape x, YonosShape w, const YonosNode *node)
{
    return (YonosShape){x.n, out_side(x.h, w.n, node), out_side(x.w, w.h, node), w.c};
}

static YonosShape conv_operand(YonosGraph *g, const YonosNode *node, int k)
{
    return yonos_graph_shape(g, node->n_inputs > k ? node->in[k] : YONOS_NONE);
}

static void joined_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape base = conv_operand(g, node, YONOS_CONV_BASE);
    int r = MAX(1, node->i[3]), height = node->i[5], width = node->i[6];

    if (r > YONOS_CONV_MOST_SHUFFLE || out->c % (r * r)) {
        yonos_graph_fail(g, "%d channels cannot be shuffled to space by %d.", out->c, r);
        return;
    }
    *out = (YonosShape){out->n, out->h * r, out->w * r, out->c / (r * r)};
    if (height < 0 || width < 0 || height > out->h || width > out->w)
        yonos_graph_fail(g, "%d x %d is no part of %d x %d.", width, height, out->w, out->h);
    out->h = height ? height : out->h;
    out->w = width ? width : out->w;
    if (base.c && !yonos_shape_equal(*out, (YonosShape){base.n, base.h * node->i[4], base.w * node->i[4], base.c}))
        yonos_graph_fail(g, "A convolution's base does not fit its output.");
}

static void conv_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]), w = yonos_graph_shape(g, node->in[1]);
    YonosShape b = conv_operand(g, node, YONOS_CONV_BIAS), r = conv_operand(g, node, YONOS_CONV_RESIDUAL);
    YonosShape second = conv_operand(g, node, YONOS_CONV_SECOND);

    if (w.w != x.c + second.c || node->i[0] < 1 || node->i[1] < 0 || x.h + 2 * node->i[1] < w.n ||
        x.w + 2 * node->i[1] < w.h || (second.c && (second.n != x.n || second.h != x.h || second.w != x.w))) {
        yonos_graph_fail(g, "A %d x %d convolution of %d channels does not fit a %d x %d x %d input.", w.n, w.h, w.w,
                         x.h, x.w, x.c + second.c);
        return;
    }
    *out = sums_shape(x, w, node);
    if (b.c && b.c != w.c)
        yonos_graph_fail(g, "A convolution of %d outputs has a bias of %d.", w.c, b.c);
    joined_shape(g, node, out);
    if (r.c && !yonos_shape_equal(r, *out))
        yonos_graph_fail(g, "A convolution's residual has another shape than its output.");
}

static float act_apply(const YonosNode *node, float v)
{
    return node->i[2] == YONOS_ACT_LEAKY && v < 0 ? v * node->f[0] : v;
}

static double base_at(const YonosCall *c, int n, int y, int x, int channel)
{
    YonosShape s = c->in_shape[YONOS_CONV_BASE];
    double rows[8], columns[8], sum = 0; /* enlarging has four taps */
    int first_row = yonos_bicubic_window(s.h, c->out_shape.h, y, rows);
    int first_column = yonos_bicubic_window(s.w, c->out_shape.w, x, columns);

    for (int i = 0; i < yonos_bicubic_taps(s.h, c->out_shape.h); i++)
        for (int j = 0; j < yonos_bicubic_taps(s.w, c->out_shape.w); j++)
            if (rows[i] != 0 && columns[j] != 0)
                sum += rows[i] * columns[j] *
                       c->in[YONOS_CONV_BASE]
                            [(((gsize)n * s.h + first_row + i) * s.w + first_column + j) * s.c + channel];
    return sum;
}

/* Where sum `o` of a pixel goes, and all that is done to it there. */
static void conv_store(const YonosCall *c, int n, int oy, int ox, int o, double sum)
{
    YonosShape s = c->out_shape;
    int r = MAX(1, c->node->i[3]), y = oy * r + o / r % r, x = ox * r + o % r, channel = o / (r * r);
    gsize at = (((gsize)n * s.h + y) * s.w + x) * s.c + channel;

    if (y >= s.h || x >= s.w)
        return;
    sum += (c->in[YONOS_CONV_BIAS] ? c->in[YONOS_CONV_BIAS][o] : 0) +
           (c->in[YONOS_CONV_RESIDUAL] ? c->in[YONOS_CONV_RESIDUAL][at] : 0) +
           (c->in[YONOS_CONV_BASE] ? base_at(c, n, y, x, channel) : 0);
    c->out[at] = act_apply(c->node, (float)sum);
}

static void conv_reference(const YonosCall *c)
{
    YonosShape xs = c->in_shape[0], ws = c->in_shape[1], ys = sums_shape(xs, ws, c->node);
    int stride = c->node->i[0], pad = c->node->i[1], second = ws.w - xs.c;

    for (int n = 0; n < ys.n; n++)
        for (int oy = 0; oy < ys.h; oy++)
            for (int ox = 0; ox < ys.w; ox++)
                for (int o = 0; o < ys.c; o++) {
                    double sum = 0;
                    for (int ky = 0; ky < ws.n; ky++)
                        for (int kx = 0; kx < ws.h; kx++) {
                            int y = oy * stride + ky - pad, x = ox * stride + kx - pad;
                            if (y < 0 || y >= xs.h || x < 0 || x >= xs.w)
                                continue;
                            gsize pixel = ((gsize)n * xs.h + y) * xs.w + x;
                            const float *w = c->in[1] + ((gsize)(ky * ws.h + kx) * ws.w) * ws.c + o;
                            for (int i = 0; i < xs.c; i++)
                                sum += (double)c->in[0][pixel * xs.c + i] * w[(gsize)i * ws.c];
                            for (int i = 0; i < second; i++)
                                sum += (double)c->in[YONOS_CONV_SECOND][pixel * second + i] *
                                       w[(gsize)(xs.c + i) * ws.c];
                        }
                    conv_store(c, n, oy, ox, o, sum);
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

const YonosOp yonos_op_conv = {"conv", 2, YONOS_CONV_OPERANDS, FALSE, conv_shape, conv_reference, conv_gradient};

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
