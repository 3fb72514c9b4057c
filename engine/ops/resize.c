/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"
#include "graph/gradient.h"

#include <math.h>
#include <string.h>

/* resize: i = {height, width}. The bicubic of Pillow: Keys' kernel with a = -0.5, widened by the factor when reducing,
 * windows cut at the border and renormalised. Separable, so a pixel is the product of a row and a column window. */

static double keys(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

int yonos_bicubic_window(int in, int out, int at, double *weights)
{
    double factor = (double)in / out, support = 2 * MAX(factor, 1), centre = (at + 0.5) * factor, sum = 0;
    int first = MAX(0, (int)(centre - support + 0.5)), end = MIN(in, (int)(centre + support + 0.5));

    for (int k = first; k < end; k++)
        sum += weights[k - first] = keys((k - centre + 0.5) / MAX(factor, 1));
    for (int k = first; k < end; k++)
        weights[k - first] /= sum;
    for (int k = end - first; k < yonos_bicubic_taps(in, out); k++)
        weights[k] = 0;
    return first;
}

int yonos_bicubic_taps(int in, int out)
{
    return (int)ceil(2 * MAX((double)in / out, 1)) * 2 + 1;
}

static void resize_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);

    *out = (YonosShape){x.n, node->i[0], node->i[1], x.c};
    if (node->i[0] < 1 || node->i[1] < 1 || x.h / node->i[0] > 16 || x.w / node->i[1] > 16)
        yonos_graph_fail(g, "A %d x %d picture cannot be resized to %d x %d.", x.w, x.h, node->i[1], node->i[0]);
}

#define MAX_TAPS 70 /* reduction by 17 at most */

static void resize_reference(const YonosCall *c)
{
    YonosShape s = c->in_shape[0], o = c->out_shape;
    double row[MAX_TAPS], column[MAX_TAPS];
    float *out = c->out;

    for (int n = 0; n < o.n; n++)
        for (int y = 0; y < o.h; y++) {
            int top = yonos_bicubic_window(s.h, o.h, y, row), rows = MIN(s.h - top, yonos_bicubic_taps(s.h, o.h));
            for (int x = 0; x < o.w; x++) {
                int left = yonos_bicubic_window(s.w, o.w, x, column);
                int columns = MIN(s.w - left, yonos_bicubic_taps(s.w, o.w));
                for (int k = 0; k < o.c; k++) {
                    double sum = 0;
                    for (int i = 0; i < rows; i++)
                        for (int j = 0; j < columns; j++)
                            sum += row[i] * column[j] *
                                   c->in[0][(((gsize)n * s.h + top + i) * s.w + left + j) * s.c + k];
                    *out++ = (float)sum;
                }
            }
        }
}

/* The gradients of resize and extent: in: dy; i = {height, width} of x. */
static void picture_gradient(YonosGraph *g, const YonosNode *node, YonosTensorId dy, void *gradients)
{
    YonosOpId op = node->op == YONOS_OP_RESIZE ? YONOS_OP_RESIZE_GRAD : YONOS_OP_EXTENT_GRAD;
    YonosShape x = yonos_graph_shape(g, node->in[0]);

    yonos_gradient_add(g, gradients, node->in[0],
                       yonos_append(g, op, 1, &dy, YONOS_NONE, (int[]){x.h, x.w}, 2, 0, 0));
}

static void grad_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape dy = yonos_graph_shape(g, node->in[0]);

    *out = (YonosShape){dy.n, node->i[0], node->i[1], dy.c};
}

const YonosOp yonos_op_resize = {"resize", 1, 1, FALSE, resize_shape, resize_reference, picture_gradient};

static void resize_grad_reference(const YonosCall *c)
{
    YonosShape s = c->out_shape, o = c->in_shape[0];
    double row[MAX_TAPS], column[MAX_TAPS];
    const float *dy = c->in[0];

    memset(c->out, 0, yonos_shape_elements(s) * sizeof *c->out);
    for (int n = 0; n < o.n; n++)
        for (int y = 0; y < o.h; y++) {
            int top = yonos_bicubic_window(s.h, o.h, y, row), rows = MIN(s.h - top, yonos_bicubic_taps(s.h, o.h));
            for (int x = 0; x < o.w; x++, dy += o.c) {
                int left = yonos_bicubic_window(s.w, o.w, x, column);
                int columns = MIN(s.w - left, yonos_bicubic_taps(s.w, o.w));
                for (int i = 0; i < rows; i++)
                    for (int j = 0; j < columns; j++) {
                        float *dx = c->out + (((gsize)n * s.h + top + i) * s.w + left + j) * s.c;
                        for (int k = 0; k < o.c; k++)
                            dx[k] += (float)(row[i] * column[j] * dy[k]);
                    }
            }
        }
}

const YonosOp yonos_op_resize_grad = {"resize-grad", 1, 1, FALSE, grad_shape, resize_grad_reference, NULL};

/* extent: i = {height, width}. Crops, or repeats the last row and column, at the right and bottom. */

static void extent_shape(YonosGraph *g, const YonosNode *node, YonosShape *out)
{
    YonosShape x = yonos_graph_shape(g, node->in[0]);

    *out = (YonosShape){x.n, node->i[0], node->i[1], x.c};
}

static void extent_reference(const YonosCall *c)
{
    YonosShape s = c->in_shape[0], o = c->out_shape;
    float *out = c->out;

    for (int n = 0; n < o.n; n++)
        for (int y = 0; y < o.h; y++)
            for (int x = 0; x < o.w; x++) {
                const float *in = c->in[0] + (((gsize)n * s.h + MIN(y, s.h - 1)) * s.w + MIN(x, s.w - 1)) * s.c;
                for (int k = 0; k < s.c; k++)
                    *out++ = in[k];
            }
}

const YonosOp yonos_op_extent = {"extent", 1, 1, FALSE, extent_shape, extent_reference, picture_gradient};

/* The first sample that no longer comes from `at`: the last of `in` is repeated, what was cropped went nowhere. */
static int extent_end(int at, int in, int out)
{
    return at == in - 1 ? out : MIN(at + 1, out);
}

static void extent_grad_reference(const YonosCall *c)
{
    YonosShape s = c->out_shape, o = c->in_shape[0];
    gsize p = 0;

    for (int n = 0; n < s.n; n++)
        for (int y = 0; y < s.h; y++)
            for (int x = 0; x < s.w; x++)
                for (int k = 0; k < s.c; k++, p++) {
                    double sum = 0;
                    for (int i = y; i < extent_end(y, s.h, o.h); i++)
                        for (int j = x; j < extent_end(x, s.w, o.w); j++)
                            sum += c->in[0][(((gsize)n * o.h + i) * o.w + j) * o.c + k];
                    c->out[p] = (float)sum;
                }
}

const YonosOp yonos_op_extent_grad = {"extent-grad", 1, 1, FALSE, grad_shape, extent_grad_reference, NULL};

YonosTensorId yonos_resize(YonosGraph *g, YonosTensorId x, int height, int width)
{
    return yonos_append(g, YONOS_OP_RESIZE, 1, &x, YONOS_NONE, (int[]){height, width}, 2, 0, 0);
}

YonosTensorId yonos_extent(YonosGraph *g, YonosTensorId x, int height, int width)
{
    return yonos_append(g, YONOS_OP_EXTENT, 1, &x, YONOS_NONE, (int[]){height, width}, 2, 0, 0);
}
