/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/op.h"
#include "vulkan/vk-device.h"

/* The kernels: one row an op (vk-kernels.c), each a shader of shaders/. Bindings 0 to 3 are the operands, 4 is the
 * output; absent operands are bound to the output. */
#define YONOS_VK_OPERANDS 4
#define YONOS_VK_BINDINGS (YONOS_VK_OPERANDS + 1)
#define YONOS_VK_VARIANTS 2

/* What every kernel is told; the block of shaders/common.glsl. */
typedef struct {
    YonosShape x, w, y; /* of operand 0, operand 1 and the output */
    gint32 i[4];
    guint32 base[YONOS_VK_BINDINGS]; /* elements from a binding's start to the tensor */
    guint32 present;                 /* bit k: operand k is there */
    float f;
    guint32 work;
} YonosVkPush;

typedef struct {
    gboolean half;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipelines[YONOS_OP_COUNT][YONOS_VK_VARIANTS]; /* made when a node first needs it */
} YonosVkKernels;

/* What is needed to record a node. */
typedef struct {
    YonosVkPush push;
    VkPipeline pipeline;
    guint32 groups[3];
} YonosVkDispatch;

/* Fills a zeroed *kernels. After a failure it still wants yonos_vk_kernels_clear. */
gboolean yonos_vk_kernels_make(YonosVkKernels *kernels, YonosVkDevice *d, gboolean half, GError **error);
void yonos_vk_kernels_clear(YonosVkKernels *kernels, YonosVkDevice *d);

/* Fills *dispatch, whose push.base is already set, and compiles the node's pipeline if need be.
 * YONOS_ERROR_UNSUPPORTED when the op has no kernel. */
gboolean yonos_vk_kernels_dispatch(YonosVkKernels *kernels, YonosVkDevice *d, const YonosGraph *graph,
                                   const YonosNode *node, YonosVkDispatch *dispatch, GError **error);
