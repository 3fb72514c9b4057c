/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"
#include "graph/gradient.h"

/* i = {sign, linear}: mean of max(0, 1 - sign x) or, linear, of -sign x. */

static void hinge_shape(G_GNUC_UNUSED YonosGraph *g, G_GNUC_UNUSED const YonosNode *node, YonosShape *out)
{
    *out = (YonosShape){1, 1, 1, 1};
}

static void hinge_reference(const YonosCall *c)
{
    gsize n = yonos_shape_elements(c->in_shape[0]);
    int sign = c->node->i[0], linear = c->node->i[1];
    double sum = 0;

    for (gsize k = 0; k < n; k++) {
        double v = (linear ? 0 : 1) - (double)sign * c->in[0][k];
        sum += linear || v > 0 ? v : 0;
    }
    c->out[0] = (float)(sum / n);
}

static void hinge_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    yonos_gradient_add(
        g, gradients, node->in[0],
        yonos_append(g, YONOS_OP_HINGE_GRAD, 2, (YonosTensorId[]){dy, node->in[0]}, YONOS_NONE, node->i, 2, 0, 0));
}

const YonosOp yonos_op_hinge = {"hinge", 1, 1, FALSE, hinge_shape, hinge_reference, hinge_gradient};

static void hinge_grad_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    *out = yonos_graph_shape(g, node->in[1]);
}

static void hinge_grad_reference(const YonosCall *c)
{
    gsize n = yonos_shape_elements(c->out_shape);
    int sign = c->node->i[0], linear = c->node->i[1];

    for (gsize k = 0; k < n; k++)
        c->out[k] = linear || sign * c->in[1][k] < 1 ? -sign * c->in[0][0] / n : 0;
}

const YonosOp yonos_op_hinge_grad = {"hinge-grad", 2, 2, FALSE, hinge_grad_shape, hinge_grad_reference, NULL};

YonosTensorId yonos_hinge(YonosGraph *g, YonosTensorId x, int sign, gboolean linear)
{
    return yonos_append(g, YONOS_OP_HINGE, 1, &x, YONOS_NONE, (int[]){sign, linear}, 2, 0, 0);
}
