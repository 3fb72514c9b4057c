/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/parallel.h"
#include "graph/op.h"

/* For executors that multiply bf16. Both live as long as what is prepared. */
typedef struct {
    void *scratch; /* shared by all nodes: 2 bytes for each element that one of them reads */
    /* By tensor: it lies in memory as bf16, since only nodes that can (YonosCpuOverride.stores_bf16) write and read it. */
    const gboolean *stored;
} YonosCpuBf16;

/* A faster implementation of an op for one node with fixed shapes, equal to the reference within rounding. Results
 * do not depend on the number of threads, but for oneDNN's. */
typedef struct {
    /* Builds all that a run needs. Returns NULL where this node has no fast version: the reference runs. The function
     * itself may be NULL: a run needs nothing and takes every node. `bf16`: NULL, or products of bf16 will do. */
    gpointer (*prepare)(const YonosGraph *graph, const YonosNode *node, const YonosCpuBf16 *bf16);
    /* `weights_version` changes whenever a parameter buffer was written, so that packed weights can be kept. */
    gboolean (*run)(gpointer state, const YonosCall *call, guint64 weights_version);
    void (*free)(gpointer state); /* NULL: nothing to free */
    /* Instead of run: some of the n h rows of the output; `data` is the call. The executor shares them out. */
    YonosCpuRange rows;
    /* Whether its output, and its operands other than parameters, may be stored as bf16; NULL: never. */
    gboolean (*stores_bf16)(const YonosGraph *graph, const YonosNode *node);
} YonosCpuOverride;

gboolean yonos_onednn_has_bf16(void); /* whether this machine multiplies bf16 faster than fp32 */

/* The override of an op, or NULL. */
const YonosCpuOverride *yonos_cpu_override(int op);

/* The rows, by file. */
extern const YonosCpuOverride yonos_onednn_conv, yonos_onednn_conv_data, yonos_onednn_conv_weights;
extern const YonosCpuOverride yonos_cpu_act, yonos_cpu_act_grad, yonos_cpu_add;
extern const YonosCpuOverride yonos_cpu_concat, yonos_cpu_slice, yonos_cpu_embed;
extern const YonosCpuOverride yonos_cpu_shuffle, yonos_cpu_unshuffle, yonos_cpu_nearest, yonos_cpu_sum_blocks,
    yonos_cpu_extent;
extern const YonosCpuOverride yonos_cpu_l1, yonos_cpu_l1_grad, yonos_cpu_mse, yonos_cpu_mse_grad, yonos_cpu_sum_pixels;
extern const YonosCpuOverride yonos_cpu_resize;
extern const YonosCpuOverride yonos_cpu_max_pool, yonos_cpu_max_pool_grad, yonos_cpu_unit_norm,
    yonos_cpu_unit_norm_grad;
