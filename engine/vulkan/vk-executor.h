/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-record.h"

/* What a Vulkan executor is made of, for those who submit its run among commands of their own. */
typedef struct {
    YonosExecutor base;
    YonosGraph *fused; /* what runs */
    YonosVkDevice device;
    YonosVkKernels kernels;
    YonosVkBuffer arena, staging, scratch;
    YonosVkBuffer *buffers; /* by buffer id */
    YonosVkUse *uses;       /* by node */
    VkDescriptorPool pool;
    GArray *run; /* VkCommandBuffer, a submission each; may be pending more than once */
    VkCommandBuffer copy;
    VkQueryPool stamps; /* around a run; none where the queue has no clock */
} YonosVkExecutor;
