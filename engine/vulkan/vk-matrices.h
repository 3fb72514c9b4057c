/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <vulkan/vulkan.h>

/* Debian 12's headers are older than these extensions. */
#ifndef VK_KHR_cooperative_matrix
#define VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME "VK_KHR_cooperative_matrix"
#define VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR ((VkStructureType)1000506000)
typedef struct {
    VkStructureType sType;
    void *pNext;
    VkBool32 cooperativeMatrix, cooperativeMatrixRobustBufferAccess;
} VkPhysicalDeviceCooperativeMatrixFeaturesKHR;
#endif
#ifndef VK_NV_cooperative_matrix2
#define VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME "VK_NV_cooperative_matrix2"
#define VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV ((VkStructureType)1000593000)
typedef struct {
    VkStructureType sType;
    void *pNext;
    VkBool32 cooperativeMatrixWorkgroupScope, cooperativeMatrixFlexibleDimensions, cooperativeMatrixReductions,
        cooperativeMatrixConversions, cooperativeMatrixPerElementOperations, cooperativeMatrixTensorAddressing,
        cooperativeMatrixBlockLoads;
} VkPhysicalDeviceCooperativeMatrix2FeaturesNV;
#endif

/* Cooperative matrices of fp16 factors, m x k times k x n, and fp32 sums. */
typedef struct {
    guint32 m, n, k;
} YonosVkMatrix;

/* Those of a subgroup whose size is fixed: the largest that every tile of vk-tile.c can be made of. FALSE: there is
 * none. */
gboolean yonos_vk_matrix_find(VkInstance instance, VkPhysicalDevice physical, YonosVkMatrix *fixed);

/* Those whose size is any multiple of what is here; zeroed: there is none. */
typedef struct {
    YonosVkMatrix part;           /* a subgroup's */
    YonosVkMatrix of_128, of_256; /* a workgroup's of so many invocations */
    guint32 reserved;             /* bytes of shared memory that those take */
    guint32 most;                 /* m, n and k */
} YonosVkFreeMatrices;

/* `workgroups`: the device has any of theirs. */
void yonos_vk_free_matrices_find(VkInstance instance, VkPhysicalDevice physical, gboolean workgroups,
                                 YonosVkFreeMatrices *f);
