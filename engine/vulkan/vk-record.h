/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-kernels.h"
#include "vulkan/vk-memory.h"

/* Turns the nodes of a graph into command buffers, to be submitted one by one: kernels of operating systems take a
 * device for hung whose single submission runs for seconds (amdgpu: ten), and a whole network over a large frame may,
 * where the device is slow. Each is of so many GFLOP at most, or one node. */
#define YONOS_VK_SUBMISSION 200 /* or what the environment variable YONOS_SUBMISSION says */

/* Where a tensor lies, in bytes. */
typedef struct {
    VkBuffer buffer;
    VkDeviceSize offset, size;
} YonosVkSpan;

/* What runs a node. */
typedef struct {
    int tile;   /* as YonosVkDispatch.wanted, then what runs */
    char *text; /* of yonos_vk_dispatch_text; owned. NULL before */
} YonosVkUse;

typedef struct {
    YonosVkDevice *device;
    YonosVkKernels *kernels;
    const YonosGraph *graph;
    const YonosVkSpan *spans; /* by tensor id */
    gsize element_size;
    YonosVkUse *uses;   /* by node */
    VkQueryPool stamps; /* written at the start and after the last node, or after every one; may be none */
    gboolean stamp_nodes;
    VkDescriptorPool pool;  /* made by yonos_vk_record, owned by the caller; so is */
    YonosVkBuffer scratch;  /* what nodes of two passes leave in between; made here unless it is there already */
    GArray *reads, *writes; /* YonosVkSpan since the last barrier */
    GArray *commands;       /* of yonos_vk_record's caller */
} YonosVkRecord;

/* Records every node with the barriers that they need; adds at least one VkCommandBuffer of the device's pool to
 * `commands`, which the caller frees, after a failure too. `r` has the fields up to stamp_nodes set, the rest zero;
 * after it, also after a failure, only pool and scratch are left to free. */
gboolean yonos_vk_record(YonosVkRecord *r, GArray *commands, GError **error);
