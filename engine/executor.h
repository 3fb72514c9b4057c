/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* Runs a planned graph. Created when shapes are known; run() then allocates and compiles nothing.
 * Thread-safety: one thread at a time; the graph must outlive the executor. */
typedef struct YonosExecutor YonosExecutor;

/* What runs a graph, in words; the texts live as long as the executor. */
typedef struct {
    const char *name;      /* "CPU", or the Vulkan device's */
    const char *driver;    /* of a Vulkan device, with its version; "none" on the CPU */
    const char *precision; /* in which tensors are stored: "fp32" or "fp16"; "bf16": fp32, but multiplied in bf16 */
    const char *kernels;   /* their family: "oneDNN", "C", "Vulkan", "Vulkan, cooperative matrices" */
} YonosDeviceInfo;

/* What an executor implements; called through the functions below, which check bounds. */
typedef struct {
    const char *name;
    gboolean (*write)(YonosExecutor *ex, YonosBufferId buffer, gsize offset, const void *data, gsize n, GError **error);
    gboolean (*read)(YonosExecutor *ex, YonosBufferId buffer, gsize offset, void *data, gsize n, GError **error);
    void *(*map)(YonosExecutor *ex, YonosBufferId buffer); /* NULL: never */
    gboolean (*run)(YonosExecutor *ex, GError **error);
    gboolean (*profile)(YonosExecutor *ex, double *seconds, GError **error);
    void (*free)(YonosExecutor *ex);
} YonosExecutorClass;

struct YonosExecutor {
    const YonosExecutorClass *class;
    const YonosGraph *graph; /* that runs: some nodes of the one it was made of may be joined */
    gsize element_size;    /* bytes of an F32 element in the arena */
    gsize memory;          /* bytes that it holds on its device */
    double device_seconds; /* of the last run by the device's own clock; 0: it tells none */
};

/* Copies n elements (floats, or bytes of a U8 buffer) in or out. A range outside the buffer is an error. Buffers are
 * zero until written. */
gboolean yonos_executor_write(YonosExecutor *ex, YonosBufferId buffer, gsize offset, const void *data, gsize n,
                              GError **error);
gboolean yonos_executor_read(YonosExecutor *ex, YonosBufferId buffer, gsize offset, void *data, gsize n,
                             GError **error);

/* The host memory that a buffer lies in, for as long as the executor lives: between runs it may be written and read there.
 * NULL where it lies elsewhere, or is of parameters. */
void *yonos_executor_map(YonosExecutor *ex, YonosBufferId buffer);
gboolean yonos_executor_run(YonosExecutor *ex, GError **error);

/* A run that also tells how long every node took: `seconds` has an entry for each of ex->graph's nodes. For benchmarks:
 * it may allocate and be slower. YONOS_ERROR_UNSUPPORTED where the device has no clock. */
gboolean yonos_executor_profile(YonosExecutor *ex, double *seconds, GError **error);
void yonos_executor_free(YonosExecutor *ex); /* NULL is fine */
