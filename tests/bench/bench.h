/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"
#include "report.h"

#define BENCH_SEED 7
#define BENCH_WARM 3

/* What yonos-bench was asked for. */
typedef struct {
    const char *device, *tier;
    int scale, width, height; /* of the small frame */
    int runs;
    Report *report;
} Bench;

/* As yonos_executor_new, with YONOS_PRECISION as the upscaler takes it; ends the program after a failure. All buffers
 * hold small noise. */
YonosExecutor *bench_executor(const Bench *b, const YonosGraph *graph);
/* The network of a frame; the caller's to free. Ends the program where there is no such tier. */
YonosGraph *bench_network(const Bench *b, int width, int height);
/* Floating-point operations of a graph's or a node's products, two a multiplication with its addition. */
double bench_flops(const YonosGraph *graph);
double bench_node_flops(const YonosGraph *graph, const YonosNode *node);
/* Bytes of its operands and its output. */
double bench_node_bytes(const YonosGraph *graph, const YonosNode *node, gsize element_size);

/* What the device reaches by our own code: operations a second in a product of large matrices (a 1x1 convolution), bytes a
 * second in a sum of large tensors. */
typedef struct {
    double flops, bytes;
} Peak;
Peak bench_peak(const Bench *b);

/* The sections. */
void bench_ops(const Bench *b, const Peak *peak);       /* by operation, over one frame */
void bench_training(const Bench *b, const Peak *peak);  /* the same over a training step */
void bench_frames(const Bench *b);                      /* whole frames, I420 to I420 */
void bench_conversions(const Bench *b);                 /* frames to and from tensors */
void bench_linear(const Bench *b);                      /* 1080p against 360p, both of large pixels */
void bench_onednn(const Bench *b);                      /* the network against a convolution of oneDNN's own */
