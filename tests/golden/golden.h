/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"

/* Comparison with what PyTorch computed (make-network-golden.py, network-golden.h). Weights and inputs are not stored:
 * both sides make them by a counter hash seeded with the tensor's name. Every function aborts the test on failure. */

typedef struct {
    const char *name;
    gsize size; /* elements of the whole result */
    double sum; /* of their absolute values */
    int step;   /* every step-th is stored */
    const float *values;
} Golden;

/* Makes `y` the buffer "y" and checks the build. */
void golden_finish(YonosGraph *graph, YonosTensorId y);

/* Fills parameters, and every other buffer: those named x... with 0..1, "dloss" with 1, the rest with variance 1. */
void golden_fill(YonosExecutor *ex);

/* Runs and returns the buffer of that name, to be freed. */
float *golden_run(YonosExecutor *ex, const char *buffer);

/* Where element k of a tensor in PyTorch's order lies in ours: weights [out, in, kh, kw] are held as [kh, kw, in, out],
 * vectors as they are. */
gsize golden_place(YonosShape shape, gsize k);

/* Result `got` of `name` against PyTorch: every stored value within `tolerance` of the largest one, the sum of
 * absolute values within `tolerance`. `what` is for the message. */
void golden_compare(const char *name, const float *got, gsize size, double tolerance, const char *what);

/* The same of every parameter's gradient, each under its parameter's name; `gradients` is laid out as the parameters.
 */
void golden_compare_gradients(const YonosGraph *graph, const float *gradients, double tolerance, const char *what);
