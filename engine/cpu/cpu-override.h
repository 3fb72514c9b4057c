/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/op.h"

/* A faster implementation of an op for one node with fixed shapes, equal to the reference within rounding. */
typedef struct {
    /* Builds all that a run needs. NULL: this node has no fast version, the reference runs. */
    gpointer (*prepare)(const YonosGraph *graph, const YonosNode *node);
    /* `weights_version` changes whenever a parameter buffer was written, so that packed weights can be kept. */
    gboolean (*run)(gpointer state, const YonosCall *call, guint64 weights_version);
    void (*free)(gpointer state);
} YonosCpuOverride;

/* The override of an op, or NULL. */
const YonosCpuOverride *yonos_cpu_override(int op);

/* The rows, by file. */
extern const YonosCpuOverride yonos_onednn_conv, yonos_onednn_conv_data, yonos_onednn_conv_weights;
extern const YonosCpuOverride yonos_cpu_resize;
