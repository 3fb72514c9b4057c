/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"
#include "graph/gradient.h"

#include <math.h>
#include <string.h>

/* max-pool: i = {side of the window, stride}; windows that leave the input are left out. The gradient goes to the first
 * of a window's largest values, by rows. */

static void max_pool_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);
    int side = node->i[0], stride = node->i[1];

    if (side < 1 || stride < 1 || x.h < side || x.w < side) {
        yonos_graph_fail(g, "A %d x %d window does not fit a %d x %d input; take larger pictures.", side, side, x.h,
                         x.w);
        return;
    }
    *out = (YonosShape){x.n, (x.h - side) / stride + 1, (x.w - side) / stride + 1, x.c};
}

/* Where the largest value of the window with its first corner at `first` lies. */
static gsize largest(const float *x, YonosShape s, int side, gsize first)
{
    gsize best = first;

    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            gsize at = first + ((gsize)i * s.w + j) * s.c;
            if (x[at] > x[best])
                best = at;
        }
    return best;
}

/* Writes the windows' largest values or, with dy, adds it to where they lie. */
static void pool(const float *x, YonosShape s, YonosShape windows, const YonosNode *node, const float *dy, float *out)
{
    gsize k = 0;

    for (int n = 0; n < windows.n; n++)
        for (int y = 0; y < windows.h; y++)
            for (int column = 0; column < windows.w; column++)
                for (int c = 0; c < s.c; c++, k++) {
                    gsize row = (gsize)n * s.h + y * node->i[1];
                    gsize at = largest(x, s, node->i[0], (row * s.w + column * node->i[1]) * s.c + c);
                    if (dy)
                        out[at] += dy[k];
                    else
                        out[k] = x[at];
                }
}

static void max_pool_reference(const YonosCall *c)
{
    pool(c->in[0], c->in_shape[0], c->out_shape, c->node, NULL, c->out);
}

static void max_pool_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    yonos_gradient_add(
        g, gradients, node->in[0],
        yonos_append(g, YONOS_OP_MAX_POOL_GRAD, 2, (YonosTensorId[]){dy, node->in[0]}, YONOS_NONE, node->i, 2, 0, 0));
}

const YonosOp yonos_op_max_pool = {"max-pool", 1, 1, FALSE, max_pool_shape, max_pool_reference, max_pool_gradient};

static void as_second(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    *out = yonos_graph_shape(g, node->in[1]);
}

static void max_pool_grad_reference(const YonosCall *c)
{
    memset(c->out, 0, yonos_shape_elements(c->out_shape) * sizeof(float));
    pool(c->in[1], c->in_shape[1], c->in_shape[0], c->node, c->in[0], c->out);
}

const YonosOp yonos_op_max_pool_grad = {"max-pool-grad", 2, 2, FALSE, as_second, max_pool_grad_reference, NULL};

/* unit-norm: f = {epsilon}; y = x / (|x| + epsilon), |x| over a pixel's channels. With n = |x|:
 * dx = (dy - x (x . dy) / (n (n + epsilon))) / (n + epsilon), and 0 where n is 0. */

static double length(const float *x, int channels)
{
    double squares = 0;

    for (int k = 0; k < channels; k++)
        squares += (double)x[k] * x[k];
    return sqrt(squares);
}

static void as_first(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    *out = yonos_graph_shape(g, node->in[0]);
}

static void unit_norm_reference(const YonosCall *c)
{
    int channels = c->out_shape.c;

    for (gsize at = 0; at < yonos_shape_elements(c->out_shape); at += channels) {
        double all = length(c->in[0] + at, channels) + c->node->f[0];
        for (int k = 0; k < channels; k++)
            c->out[at + k] = (float)(c->in[0][at + k] / all);
    }
}

static void unit_norm_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    yonos_gradient_add(g, gradients, node->in[0],
                       yonos_append(g, YONOS_OP_UNIT_NORM_GRAD, 2, (YonosTensorId[]){dy, node->in[0]}, YONOS_NONE, NULL,
                                    0, node->f[0], 0));
}

const YonosOp yonos_op_unit_norm = {"unit-norm", 1, 1, FALSE, as_first, unit_norm_reference, unit_norm_gradient};

static void unit_norm_grad_reference(const YonosCall *c)
{
    int channels = c->out_shape.c;

    for (gsize at = 0; at < yonos_shape_elements(c->out_shape); at += channels) {
        const float *dy = c->in[0] + at, *x = c->in[1] + at;
        double n = length(x, channels), all = n + c->node->f[0], along = 0;
        for (int k = 0; k < channels; k++)
            along += (double)x[k] * dy[k];
        for (int k = 0; k < channels; k++)
            c->out[at + k] = n > 0 ? (float)((dy[k] - x[k] * along / (n * all)) / all) : 0;
    }
}

const YonosOp yonos_op_unit_norm_grad = {"unit-norm-grad", 2, 2, FALSE, as_second, unit_norm_grad_reference, NULL};

YonosTensorId yonos_max_pool(YonosGraph *g, YonosTensorId x, int side, int stride)
{
    return yonos_append(g, YONOS_OP_MAX_POOL, 1, &x, YONOS_NONE, (int[]){side, stride}, 2, 0, 0);
}

YonosTensorId yonos_unit_norm(YonosGraph *g, YonosTensorId x, float epsilon)
{
    return yonos_append(g, YONOS_OP_UNIT_NORM, 1, &x, YONOS_NONE, NULL, 0, epsilon, 0);
}
