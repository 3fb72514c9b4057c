/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"
#include "weights/safetensors.h"

/* AdamW (Loshchilov and Hutter, 2019, algorithm 2) over the trainable parameters of a graph, with clipping by the
 * gradient's global norm and an exponential moving average of the weights. State is four flat arrays laid out as the
 * graph's parameter buffer. Thread-safety: one thread. */
typedef struct {
    const YonosGraph *graph;
    YonosBufferId gradients;
    gsize n;
    float *weights, *gradient, *first, *second, *average, *zero;
    gboolean *trained; /* by element of the parameter buffer; FALSE in frozen parameters and gaps */
    guint64 step;      /* steps done */
} YonosOptimizer;

typedef struct {
    double rate, decay, clip, average; /* average: decay of the moving average, towards which it warms up */
} YonosOptimizerParams;

/* Weights start at He's normal (2015, eq. 14) from `seed`, biases at zero; what ends a residual branch or a network
 * (names ending in .1.weight and .out.weight) at a tenth of it, so that a block begins as the identity. */
YonosOptimizer *yonos_optimizer_new(const YonosGraph *graph, YonosBufferId gradients, guint64 seed);
void yonos_optimizer_free(YonosOptimizer *o);

/* Hands the weights to the executor and sets its gradients to zero: before each run. */
gboolean yonos_optimizer_upload(YonosOptimizer *o, YonosExecutor *ex, GError **error);
/* Takes the gradients of the run and makes one step. A non-finite gradient is an error and changes nothing.
 * *norm receives the norm before clipping. */
gboolean yonos_optimizer_step(YonosOptimizer *o, YonosExecutor *ex, const YonosOptimizerParams *p, double *norm,
                              GError **error);
