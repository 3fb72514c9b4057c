/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* Where every arena tensor lies. Tensors whose lifetimes do not overlap share memory. */
typedef struct {
    gsize arena_size; /* elements */
    gsize *offset;    /* by tensor id; elements; only arena tensors have one */
    gsize unshared;   /* what the arena would be without sharing, for reports */
} YonosPlan;

/* `align` in elements, a power of two: 64 suits vector units, Vulkan wants its minStorageBufferOffsetAlignment.
 * Never fails for a checked graph. Free with yonos_plan_clear. */
void yonos_plan_make(YonosPlan *plan, const YonosGraph *graph, gsize align);
/* Bytes of the arena and of all buffers, elements of F32 being of that size. */
gsize yonos_plan_bytes(const YonosPlan *plan, const YonosGraph *graph, gsize element_size);
void yonos_plan_clear(YonosPlan *plan);
