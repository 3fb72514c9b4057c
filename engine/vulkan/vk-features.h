/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-matrices.h"

/* What a device can do beyond Vulkan 1.1 that we profit from. Every capability has a switch: set to 1, the environment
 * variables YONOS_DISABLE_F16, YONOS_DISABLE_WIDE, YONOS_DISABLE_COOPMAT, YONOS_DISABLE_COOPMAT2,
 * YONOS_DISABLE_SUBGROUPS, YONOS_DISABLE_IMPORT and YONOS_DISABLE_DIRECT hide it. */
typedef struct {
    gboolean half;      /* fp16 in storage buffers */
    gboolean wide;      /* loads of 16 bytes of it, where channels are in eights */
    gboolean subgroups; /* arithmetic among the invocations of a subgroup */
    guint32 subgroup;   /* invocations in one, of the kernels with cooperative matrices */
    gboolean full;      /* subgroups of those kernels can be asked to be full, as the matrices want */
    gboolean sized;     /* that size is asked for, as the device has several */
    gboolean coopmat;   /* matrices of `fixed` size */
    YonosVkMatrix fixed;
    gboolean coopmat2; /* and of free ones */
    YonosVkFreeMatrices free;
    guint32 host_page; /* writes to host memory where it is, by pages of so many bytes; 0: not */
    gboolean dma_buf;  /* reads DMABufs of others where they are (vk-import.h) */
} YonosVkFeatures;

void yonos_vk_features_find(VkInstance instance, VkPhysicalDevice physical, YonosVkFeatures *f);

/* Makes the device with the features that are set in *f, and their extensions; `info` has the queues. */
VkResult yonos_vk_features_device(VkPhysicalDevice physical, const YonosVkFeatures *f, VkDeviceCreateInfo info,
                                  VkDevice *device);
