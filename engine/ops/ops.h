/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/op.h"

/* Builders, one an op: what a network function calls. All return the output tensor, YONOS_NONE after a failure. */

typedef struct {
    int stride;              /* 0 means 1 */
    int pad;                 /* zeros on every side */
    YonosAct act;            /* applied last */
    float slope;             /* of YONOS_ACT_LEAKY */
    YonosTensorId residual;  /* added before the activation; 0 means none, since tensor 0 is always an input's */
} YonosConvParams;

/* y[n, oy, ox, o] = act(b[o] + r[n, oy, ox, o] + sum w[ky, kx, i, o] x[n, oy stride + ky - pad, ox stride + kx - pad, i])
 * x {n, h, w, i}, w {kh, kw, i, o}, b {1, 1, 1, o} or none. */
YonosTensorId yonos_conv(YonosGraph *g, YonosTensorId x, YonosTensorId w, YonosTensorId b, YonosConvParams params);
YonosTensorId yonos_act(YonosGraph *g, YonosTensorId x, YonosAct act, float parameter);
/* a + k b */
YonosTensorId yonos_add(YonosGraph *g, YonosTensorId a, YonosTensorId b, float k);
/* u[n] a + v[n] b, factors {n, 1, 1, 1}; b and v may both be YONOS_NONE */
YonosTensorId yonos_mix(YonosGraph *g, YonosTensorId a, YonosTensorId u, YonosTensorId b, YonosTensorId v);
YonosTensorId yonos_concat(YonosGraph *g, YonosTensorId a, YonosTensorId b);
YonosTensorId yonos_slice(YonosGraph *g, YonosTensorId x, int first, int count);
YonosTensorId yonos_shuffle(YonosGraph *g, YonosTensorId x, int factor);
YonosTensorId yonos_unshuffle(YonosGraph *g, YonosTensorId x, int factor);
YonosTensorId yonos_nearest(YonosGraph *g, YonosTensorId x, int factor);
YonosTensorId yonos_group_norm(YonosGraph *g, YonosTensorId x, YonosTensorId scale, YonosTensorId offset, int groups,
                               float epsilon);
YonosTensorId yonos_resize(YonosGraph *g, YonosTensorId x, int height, int width);
YonosTensorId yonos_extent(YonosGraph *g, YonosTensorId x, int height, int width);
/* y[n, i, j, c] = x[n, i + origin[n, 0], j + origin[n, 1], c], origin {n, 1, 1, 2} rounded and kept so that the window
 * lies inside x; no gradient by the origin. */
YonosTensorId yonos_window(YonosGraph *g, YonosTensorId x, YonosTensorId origin, int height, int width);
YonosTensorId yonos_l1(YonosGraph *g, YonosTensorId a, YonosTensorId b);
YonosTensorId yonos_mse(YonosGraph *g, YonosTensorId a, YonosTensorId b, YonosTensorId weights);
/* The largest value of each `side` x `side` window that lies inside x, windows `stride` apart. */
YonosTensorId yonos_max_pool(YonosGraph *g, YonosTensorId x, int side, int stride);
/* x / (|x| + epsilon), |x| the Euclidean length over a pixel's channels; no gradient where it is 0. */
YonosTensorId yonos_unit_norm(YonosGraph *g, YonosTensorId x, float epsilon);
/* Mean of max(0, 1 - sign x) or, linear, of -sign x; sign is 1 or -1. */
YonosTensorId yonos_hinge(YonosGraph *g, YonosTensorId x, int sign, gboolean linear);

/* One append with the usual operands; -1 marks an absent one. */
YonosTensorId yonos_append(YonosGraph *g, YonosOpId op, int n, const YonosTensorId *in, YonosTensorId out,
                           const int *attributes, int n_attributes, float f0, float f1);

/* The bicubic window of output sample `at` when `in` samples become `out`: fills yonos_bicubic_taps(in, out) weights,
 * zeros after the last, and returns the first input sample. Weights add up to 1. */
int yonos_bicubic_window(int in, int out, int at, double *weights);
int yonos_bicubic_taps(int in, int out);
