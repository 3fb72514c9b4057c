/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/op.h"
#include "vulkan/vk-device.h"
#include "vulkan/vk-shader.h"

/* The kernels: one row an op (vk-kernels.c), which becomes one or two passes of shaders. Bindings 0 to 5 are the
 * operands, 6 is the output, 7 is scratch memory between two passes; absent ones are bound to the output. */
#define YONOS_VK_OPERANDS 6
#define YONOS_VK_OUT YONOS_VK_OPERANDS
#define YONOS_VK_SCRATCH (YONOS_VK_OUT + 1)
#define YONOS_VK_BINDINGS (YONOS_VK_SCRATCH + 1)
#define YONOS_VK_CONSTANTS 11
#define YONOS_VK_PASSES 2

/* What every kernel is told; the block of shaders/common.glsl. */
typedef struct {
    YonosShape x, w, y; /* of operand 0, operand 1 and the output */
    gint32 i[6];
    guint32 base[YONOS_VK_OUT + 1]; /* elements from a binding's start to the tensor */
    guint32 present;                /* bit k: operand k is there */
    float f;
    guint32 work;
    guint32 shares, chunk;
} YonosVkPush;

/* One dispatch. */
typedef struct {
    YonosVkShader shader;
    guint32 constants[YONOS_VK_CONSTANTS]; /* specialisation, by id */
    gboolean whole_subgroups;              /* of the size of the device's features */
    YonosVkPush push;
    guint32 groups[3]; /* x may exceed the device's limit while it is planned, and is then folded over y */
    VkPipeline pipeline;
} YonosVkPass;

/* What is needed to record a node; the passes run one after the other. */
typedef struct {
    YonosVkPass pass[YONOS_VK_PASSES];
    int n_passes;
    gsize scratch; /* bytes */
    int wanted, tile; /* row of the table of tiles that is asked for, and that runs; -1: none */
} YonosVkDispatch;

typedef struct {
    gboolean half;
    gboolean matrices; /* one of the pipelines multiplies cooperative matrices */
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    GArray *pipelines; /* made when a node first needs it */
} YonosVkKernels;

/* Fills a zeroed *kernels. After a failure it still wants yonos_vk_kernels_clear. */
gboolean yonos_vk_kernels_make(YonosVkKernels *kernels, YonosVkDevice *d, gboolean half, GError **error);
void yonos_vk_kernels_clear(YonosVkKernels *kernels, YonosVkDevice *d);

/* Fills *dispatch and compiles the node's pipelines if need be; `base` as in YonosVkPush, `wanted` as in
 * YonosVkDispatch. YONOS_ERROR_UNSUPPORTED when the op has no kernel. */
gboolean yonos_vk_kernels_dispatch(YonosVkKernels *kernels, YonosVkDevice *d, const YonosGraph *graph,
                                   const YonosNode *node, const guint32 *base, int wanted, YonosVkDispatch *dispatch,
                                   GError **error);

/* The shaders of a dispatch with all their constants: equal texts are equal kernels. To be freed. */
char *yonos_vk_dispatch_text(const YonosVkDispatch *dispatch, gboolean half);

/* Fills the parts of a zeroed *push that come from the graph. */
void yonos_vk_push_fill(YonosVkPush *push, const YonosGraph *graph, const YonosNode *node, const guint32 *base);
