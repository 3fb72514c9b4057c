/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"
#include "graph/gradient.h"

#include <math.h>
#include <string.h>

/* window: in: x, origin {n, 1, 1, 2}; i = {height, width} of the output */

static void check_origin(YonosGraph *g, const YonosNode *node, YonosShape large, YonosShape small)
{
    YonosShape origin = yonos_graph_shape(g, node->in[1]);

    if (small.h < 1 || small.w < 1 || small.h > large.h || small.w > large.w)
        yonos_graph_fail(g, "A map of %d x %d has no window of %d x %d.", large.h, large.w, small.h, small.w);
    else if (!yonos_shape_equal(origin, (YonosShape){large.n, 1, 1, 2}))
        yonos_graph_fail(g, "A window's origin needs two values for each of %d pictures.", large.n);
}

static void window_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);

    *out = (YonosShape){x.n, node->i[0], node->i[1], x.c};
    check_origin(g, node, x, *out);
}

static int origin(float value, int room)
{
    return (int)fminf(fmaxf(floorf(value + 0.5f), 0), (float)room);
}

/* Row `row` of the window's, all pictures counted on, within the large map. */
static gsize row_at(const float *origins, YonosShape large, YonosShape small, gsize row)
{
    gsize n = row / small.h, y = row % small.h + origin(origins[2 * n], large.h - small.h);

    return ((n * large.h + y) * large.w + origin(origins[2 * n + 1], large.w - small.w)) * large.c;
}

static void window_reference(const YonosCall *c)
{
    YonosShape s = c->out_shape;

    for (gsize row = 0; row < (gsize)s.n * s.h; row++)
        memcpy(c->out + row * s.w * s.c, c->in[0] + row_at(c->in[1], c->in_shape[0], s, row),
               (gsize)s.w * s.c * sizeof(float));
}

static void window_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);

    yonos_gradient_add(g, gradients, node->in[0],
                       yonos_append(g, YONOS_OP_WINDOW_GRAD, 2, (YonosTensorId[]){dy, node->in[1]}, YONOS_NONE,
                                    (int[]){x.h, x.w}, 2, 0, 0));
}

const YonosOp yonos_op_window = {"window", 2, 2, FALSE, window_shape, window_reference, window_gradient};

static void window_grad_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape dy = yonos_graph_shape(g, node->in[0]);

    *out = (YonosShape){dy.n, node->i[0], node->i[1], dy.c};
    check_origin(g, node, *out, dy);
}

static void window_grad_reference(const YonosCall *c)
{
    YonosShape s = c->in_shape[0];

    memset(c->out, 0, yonos_shape_elements(c->out_shape) * sizeof(float));
    for (gsize row = 0; row < (gsize)s.n * s.h; row++)
        memcpy(c->out + row_at(c->in[1], c->out_shape, s, row), c->in[0] + row * s.w * s.c,
               (gsize)s.w * s.c * sizeof(float));
}

const YonosOp yonos_op_window_grad = {"window-grad", 2, 2, FALSE, window_grad_shape, window_grad_reference, NULL};

YonosTensorId yonos_window(YonosGraph *g, YonosTensorId x, YonosTensorId origin, int height, int width)
{
    return yonos_append(g, YONOS_OP_WINDOW, 2, (YonosTensorId[]){x, origin}, YONOS_NONE, (int[]){height, width}, 2, 0,
                        0);
}
