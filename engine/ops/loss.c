/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"
#include "graph/gradient.h"

#include <math.h>

/* Losses are scalars {1, 1, 1, 1}. Their gradient ops give the gradient by a; by b it is the same with the sign
 * turned. f = {sign}. */

static void loss_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape a = yonos_graph_shape(g, node->in[0]);

    *out = (YonosShape){1, 1, 1, 1};
    if (!yonos_shape_equal(a, yonos_graph_shape(g, node->in[1])))
        yonos_graph_fail(g, "Operation '%s' compares tensors of different shapes.", yonos_op(node->op)->name);
    if (node->n_inputs > 2 && yonos_graph_shape(g, node->in[2]).n != a.n)
        yonos_graph_fail(g, "Operation '%s' needs one weight a picture.", yonos_op(node->op)->name);
}

static void loss_grad_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    *out = yonos_graph_shape(g, node->in[1]);
}

static void loss_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    YonosOpId op = node->op == YONOS_OP_L1 ? YONOS_OP_L1_GRAD : YONOS_OP_MSE_GRAD;
    YonosTensorId in[] = {dy, node->in[0], node->in[1], node->n_inputs > 2 ? node->in[2] : YONOS_NONE};

    for (int k = 0; k < 2; k++)
        if (yonos_gradient_wanted(gradients, node->in[k]))
            yonos_gradient_add(g, gradients, node->in[k],
                               yonos_append(g, op, node->n_inputs + 1, in, YONOS_NONE, NULL, 0, k ? -1 : 1, 0));
}

static void l1_reference(const YonosCall *c)
{
    gsize n = yonos_shape_elements(c->in_shape[0]);
    double sum = 0;

    for (gsize k = 0; k < n; k++)
        sum += fabsf(c->in[0][k] - c->in[1][k]);
    c->out[0] = (float)(sum / n);
}

static void l1_grad_reference(const YonosCall *c)
{
    gsize n = yonos_shape_elements(c->out_shape);
    float scale = c->in[0][0] * c->node->f[0] / n;

    for (gsize k = 0; k < n; k++) {
        float d = c->in[1][k] - c->in[2][k];
        c->out[k] = d > 0 ? scale : d < 0 ? -scale : 0;
    }
}

static void mse_reference(const YonosCall *c)
{
    gsize n = yonos_shape_elements(c->in_shape[0]), picture = n / c->in_shape[0].n;
    double sum = 0;

    for (gsize k = 0; k < n; k++) {
        double d = c->in[0][k] - c->in[1][k];
        sum += d * d * c->in[2][k / picture];
    }
    c->out[0] = (float)(sum / n);
}

static void mse_grad_reference(const YonosCall *c)
{
    gsize n = yonos_shape_elements(c->out_shape), picture = n / c->out_shape.n;
    float scale = 2 * c->in[0][0] * c->node->f[0] / n;

    for (gsize k = 0; k < n; k++)
        c->out[k] = scale * c->in[3][k / picture] * (c->in[1][k] - c->in[2][k]);
}

const YonosOp yonos_op_l1 = {"l1", 2, 2, FALSE, loss_shape, l1_reference, loss_gradient};
const YonosOp yonos_op_l1_grad = {"l1-grad", 3, 3, FALSE, loss_grad_shape, l1_grad_reference, NULL};
const YonosOp yonos_op_mse = {"mse", 3, 3, FALSE, loss_shape, mse_reference, loss_gradient};
const YonosOp yonos_op_mse_grad = {"mse-grad", 4, 4, FALSE, loss_grad_shape, mse_grad_reference, NULL};

YonosTensorId yonos_l1(YonosGraph *g, YonosTensorId a, YonosTensorId b)
{
    return yonos_append(g, YONOS_OP_L1, 2, (YonosTensorId[]){a, b}, YONOS_NONE, NULL, 0, 0, 0);
}

YonosTensorId yonos_mse(YonosGraph *g, YonosTensorId a, YonosTensorId b, YonosTensorId weights)
{
    return yonos_append(g, YONOS_OP_MSE, 3, (YonosTensorId[]){a, b, weights}, YONOS_NONE, NULL, 0, 0, 0);
}
