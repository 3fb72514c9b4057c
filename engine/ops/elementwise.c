/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"
#include "graph/gradient.h"

#include <math.h>

static void same_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    *out = yonos_graph_shape(g, node->in[0]);
    for (int k = 1; k < node->n_inputs; k++)
        if (node->in[k] >= 0 && !yonos_shape_equal(*out, yonos_graph_shape(g, node->in[k])))
            yonos_graph_fail(g, "Operation '%s' has operands of different shapes.", yonos_op(node->op)->name);
}

/* act: i = {kind}, f = {slope, or scale of tanh} */

static float tanh_scale(const YonosNode *node)
{
    return node->f[0] == 0 ? 1 : node->f[0];
}

static void act_reference(const YonosCall *c)
{
    gsize n = yonos_shape_elements(c->out_shape);
    float p = c->node->f[0], s = tanh_scale(c->node);

    for (gsize k = 0; k < n; k++) {
        float x = c->in[0][k];
        if (c->node->i[0] == YONOS_ACT_TANH)
            c->out[k] = s * tanhf(x / s);
        else if (c->node->i[0] == YONOS_ACT_CODES)
            c->out[k] = floorf(CLAMP(x, 0.0f, 1.0f) * 255 + 0.5f) / 255;
        else
            c->out[k] = x < 0 ? x * p : x;
    }
}

static void act_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    if (node->i[0] == YONOS_ACT_CODES)
        yonos_graph_fail(g, "Operation 'act' cannot be trained through where it rounds to codes.");
    if (node->i[0] == YONOS_ACT_LEAKY && node->f[0] < 0)
        yonos_graph_fail(g, "Operation 'act' cannot be trained through with a slope below 0.");
    yonos_gradient_add(g, gradients, node->in[0],
                       yonos_append(g, YONOS_OP_ACT_GRAD, 2, (YonosTensorId[]){dy, node->out}, YONOS_NONE, node->i, 1,
                                    node->f[0], 0));
}

const YonosOp yonos_op_act = {"act", 1, 1, FALSE, same_shape, act_reference, act_gradient};

/* Both activations let the derivative be told from y alone: a leaky slope keeps the sign, and
 * d/dx s tanh(x / s) = 1 - (y / s)^2. */
static void act_grad_reference(const YonosCall *c)
{
    gsize n = yonos_shape_elements(c->out_shape);
    float p = c->node->f[0], s = tanh_scale(c->node);

    for (gsize k = 0; k < n; k++) {
        float dy = c->in[0][k], y = c->in[1][k];
        if (c->node->i[0] == YONOS_ACT_TANH)
            c->out[k] = dy * (1 - y / s * (y / s));
        else
            c->out[k] = y > 0 ? dy : dy * p;
    }
}

const YonosOp yonos_op_act_grad = {"act-grad", 2, 2, FALSE, same_shape, act_grad_reference, NULL};

/* add: f = {k} */

static void add_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape a = yonos_graph_shape(g, node->in[0]), b = yonos_graph_shape(g, node->in[1]);

    *out = a;
    if (!yonos_shape_equal(a, b) && !((b.n == a.n || b.n == 1) && b.h == 1 && b.w == 1 && b.c == a.c))
        yonos_graph_fail(g, "Operation 'add' cannot spread %d x %d x %d x %d over %d x %d x %d x %d.", b.n, b.h, b.w,
                         b.c, a.n, a.h, a.w, a.c);
}

static void add_reference(const YonosCall *c)
{
    YonosShape a = c->in_shape[0], b = c->in_shape[1];
    gsize picture = (gsize)a.h * a.w * a.c, n = picture * a.n;
    gboolean same = yonos_shape_equal(a, b);

    for (gsize k = 0; k < n; k++) {
        gsize at = same ? k : k % a.c + (b.n > 1 ? k / picture * a.c : 0);
        c->out[k] = c->in[0][k] + c->node->f[0] * c->in[1][at];
    }
}

/* k x = x + (k - 1) x */
static YonosTensorId scaled(YonosGraph *g, YonosTensorId x, float k)
{
    return k == 1 ? x : yonos_add(g, x, x, k - 1);
}

static void add_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    YonosShape a = yonos_graph_shape(g, node->in[0]), b = yonos_graph_shape(g, node->in[1]);
    YonosTensorId db = dy, target;

    yonos_gradient_add(g, gradients, node->in[0], dy);
    if (!yonos_gradient_wanted(gradients, node->in[1]))
        return;
    if (yonos_shape_equal(a, b)) {
        yonos_gradient_add(g, gradients, node->in[1], scaled(g, dy, node->f[0]));
        return;
    }
    target = yonos_gradient_of_param(g, gradients, node->in[1]);
    db = scaled(g, dy, node->f[0]);
    if (target >= 0)
        yonos_append(g, YONOS_OP_SUM_PIXELS, 1, &db, target, (int[]){b.n > 1, 0}, 2, 0, 0);
    else
        yonos_gradient_add(g, gradients, node->in[1],
                           yonos_append(g, YONOS_OP_SUM_PIXELS, 1, &db, YONOS_NONE, (int[]){b.n > 1, 1}, 2, 0, 0));
}

const YonosOp yonos_op_add = {"add", 2, 2, FALSE, add_shape, add_reference, add_gradient};

/* mix */

static void mix_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape a = yonos_graph_shape(g, node->in[0]), factor = {a.n, 1, 1, 1};
    gboolean alone = node->n_inputs == 2;

    *out = a;
    if (!yonos_shape_equal(factor, yonos_graph_shape(g, node->in[1])) ||
        (!alone && (node->n_inputs != 4 || !yonos_shape_equal(a, yonos_graph_shape(g, node->in[2])) ||
                    !yonos_shape_equal(factor, yonos_graph_shape(g, node->in[3])))))
        yonos_graph_fail(g, "Operation 'mix' needs tensors of one shape and a factor a picture.");
}

static void mix_reference(const YonosCall *c)
{
    gsize n = yonos_shape_elements(c->out_shape), picture = n / c->out_shape.n;

    for (gsize k = 0; k < n; k++)
        c->out[k] = c->in[1][k / picture] * c->in[0][k] + (c->in[2] ? c->in[3][k / picture] * c->in[2][k] : 0);
}

static void mix_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    for (int k = 0; k < node->n_inputs; k += 2) {
        if (yonos_gradient_wanted(gradients, node->in[k]))
            yonos_gradient_add(g, gradients, node->in[k], yonos_mix(g, dy, node->in[k + 1], YONOS_NONE, YONOS_NONE));
        if (yonos_gradient_wanted(gradients, node->in[k + 1]))
            yonos_graph_fail(g, "Operation 'mix' cannot train its factors.");
    }
}

const YonosOp yonos_op_mix = {"mix", 2, 4, FALSE, mix_shape, mix_reference, mix_gradient};

YonosTensorId yonos_mix(YonosGraph *g, YonosTensorId a, YonosTensorId u, YonosTensorId b, YonosTensorId v)
{
    return yonos_append(g, YONOS_OP_MIX, b < 0 ? 2 : 4, (YonosTensorId[]){a, u, b, v}, YONOS_NONE, NULL, 0, 0, 0);
}

YonosTensorId yonos_act(YonosGraph *g, YonosTensorId x, YonosAct act, float parameter)
{
    return yonos_append(g, YONOS_OP_ACT, 1, &x, YONOS_NONE, (int[]){act}, 1, parameter, 0);
}

YonosTensorId yonos_add(YonosGraph *g, YonosTensorId a, YonosTensorId b, float k)
{
    return yonos_append(g, YONOS_OP_ADD, 2, (YonosTensorId[]){a, b}, YONOS_NONE, NULL, 0, k, 0);
}
