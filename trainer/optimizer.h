/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"
#include "weights/safetensors.h"

/* The discriminator has a learning rate of its own and is clipped by its own norm. */
typedef enum {
    YONOS_GROUP_FROZEN, /* and gaps */
    YONOS_GROUP_MODEL,
    YONOS_GROUP_DISCRIMINATOR,
    YONOS_GROUP_COUNT
} YonosOptimizerGroup;

/* AdamW (Loshchilov and Hutter, 2019, algorithm 2) over the trainable parameters of a graph, with clipping by the
 * gradient's norm over a group and an exponential moving average of the weights. State is four flat arrays laid out as
 * the graph's parameter buffer. Thread-safety: one thread. */
typedef struct {
    const YonosGraph *graph;
    YonosBufferId gradients;
    gsize n;
    float *weights, *gradient, *first, *second, *average, *zero;
    guint8 *group;     /* by element of the parameter buffer: YonosOptimizerGroup */
    guint64 step;      /* steps done */
    /* The run's gradients are of the loss times this: 1 at first. Above 1, where they may not fit into fp16, a gradient
     * that is not finite halves it and is passed over, and YONOS_LOSS_SCALE_PATIENCE good steps double it (Micikevicius
     * et al., 2018, section 3.2). */
    float loss_scale;
    guint good_steps; /* since it last changed */
} YonosOptimizer;

#define YONOS_LOSS_SCALE_START 4096.0f
#define YONOS_LOSS_SCALE_MOST 32768.0f /* itself an fp16 number */
#define YONOS_LOSS_SCALE_PATIENCE 1000

typedef struct {
    double rate, decay, clip, average; /* average: decay of the moving average, towards which it warms up */
    double discriminator_rate;
} YonosOptimizerParams;

/* Weights start at He's normal (2015, eq. 14) from `seed`, biases at zero; what ends a residual branch or a network
 * (names ending in .1.weight and .out.weight) at a tenth of it, so that a block begins as the identity. */
YonosOptimizer *yonos_optimizer_new(const YonosGraph *graph, YonosBufferId gradients, guint64 seed);
void yonos_optimizer_free(YonosOptimizer *o);

/* Hands the weights to the executor and sets its gradients to zero: before each run. */
gboolean yonos_optimizer_upload(YonosOptimizer *o, YonosExecutor *ex, GError **error);
/* Takes the gradients of the run, their mean over the ranks (ranks.h), and makes one step. With a loss scale of 1 a
 * non-finite gradient is an error and changes nothing; above, see there. *norm receives the model's norm before
 * clipping, 0 for a step passed over. */
gboolean yonos_optimizer_step(YonosOptimizer *o, YonosExecutor *ex, const YonosOptimizerParams *p, double *norm,
                              GError **error);
