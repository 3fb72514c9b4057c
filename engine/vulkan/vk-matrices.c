/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-matrices.h"

#include <string.h>

#ifndef VK_KHR_cooperative_matrix
#define VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR ((VkStructureType)1000506001)
#define VK_COMPONENT_TYPE_FLOAT16_KHR 0
#define VK_COMPONENT_TYPE_FLOAT32_KHR 1
#define VK_SCOPE_WORKGROUP_KHR 2
#define VK_SCOPE_SUBGROUP_KHR 3
typedef struct {
    VkStructureType sType;
    void *pNext;
    uint32_t MSize, NSize, KSize, AType, BType, CType, ResultType;
    VkBool32 saturatingAccumulation;
    uint32_t scope;
} VkCooperativeMatrixPropertiesKHR;
typedef VkResult(VKAPI_PTR *PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)(VkPhysicalDevice, uint32_t *,
                                                                                   VkCooperativeMatrixPropertiesKHR *);
#endif
#ifndef VK_NV_cooperative_matrix2
#define VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV ((VkStructureType)1000593001)
#define VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV ((VkStructureType)1000593002)
typedef struct {
    VkStructureType sType;
    void *pNext;
    uint32_t MGranularity, NGranularity, KGranularity, AType, BType, CType, ResultType;
    VkBool32 saturatingAccumulation;
    uint32_t scope, workgroupInvocations;
} VkCooperativeMatrixFlexibleDimensionsPropertiesNV;
typedef struct {
    VkStructureType sType;
    void *pNext;
    uint32_t cooperativeMatrixWorkgroupScopeMaxWorkgroupSize, cooperativeMatrixFlexibleDimensionsMaxDimension,
        cooperativeMatrixWorkgroupScopeReservedSharedMemory;
} VkPhysicalDeviceCooperativeMatrix2PropertiesNV;
typedef VkResult(VKAPI_PTR *PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV)(
    VkPhysicalDevice, uint32_t *, VkCooperativeMatrixFlexibleDimensionsPropertiesNV *);
#endif

#define MOST_MATRICES 64

/* Of either kind of properties: fp16 factors, fp32 sums. */
#define IS_OURS(p)                                                                                                     \
    ((int)(p)->AType == VK_COMPONENT_TYPE_FLOAT16_KHR && (int)(p)->BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&           \
     (int)(p)->CType == VK_COMPONENT_TYPE_FLOAT32_KHR && (int)(p)->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR)

gboolean yonos_vk_matrix_find(VkInstance instance, VkPhysicalDevice physical, YonosVkMatrix *fixed)
{
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)vkGetInstanceProcAddr(
            instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    VkCooperativeMatrixPropertiesKHR list[MOST_MATRICES] = {{0}};
    uint32_t n = MOST_MATRICES;
    gboolean found = FALSE;

    for (uint32_t k = 0; k < n; k++)
        list[k].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
    if (!get || get(physical, &n, list) < 0)
        return FALSE;
    for (uint32_t k = 0; k < n; k++) {
        const VkCooperativeMatrixPropertiesKHR *p = &list[k];
        if (!IS_OURS(p) || (int)p->scope != VK_SCOPE_SUBGROUP_KHR || p->MSize % 4 || p->NSize % 4 || p->KSize % 4)
            continue;
        if (p->MSize > 16 || p->NSize > 16 || p->KSize > 32)
            continue;
        if (found && p->MSize * p->NSize * p->KSize <= fixed->m * fixed->n * fixed->k)
            continue;
        *fixed = (YonosVkMatrix){p->MSize, p->NSize, p->KSize};
        found = TRUE;
    }
    return found;
}

static void limits_read(VkPhysicalDevice physical, YonosVkFreeMatrices *f)
{
    VkPhysicalDeviceCooperativeMatrix2PropertiesNV limits = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                              .pNext = &limits};

    vkGetPhysicalDeviceProperties2(physical, &properties);
    f->most = limits.cooperativeMatrixFlexibleDimensionsMaxDimension;
    f->reserved = limits.cooperativeMatrixWorkgroupScopeReservedSharedMemory;
}

void yonos_vk_free_matrices_find(VkInstance instance, VkPhysicalDevice physical, gboolean workgroups,
                                 YonosVkFreeMatrices *f)
{
    PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV)vkGetInstanceProcAddr(
            instance, "vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV");
    VkCooperativeMatrixFlexibleDimensionsPropertiesNV list[MOST_MATRICES] = {{0}};
    uint32_t n = MOST_MATRICES;

    memset(f, 0, sizeof *f);
    for (uint32_t k = 0; k < n; k++)
        list[k].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV;
    if (!get || get(physical, &n, list) < 0)
        return;
    limits_read(physical, f);
    for (uint32_t k = 0; k < n; k++) {
        const VkCooperativeMatrixFlexibleDimensionsPropertiesNV *p = &list[k];
        gboolean of_subgroup = (int)p->scope == VK_SCOPE_SUBGROUP_KHR;
        gboolean of_workgroup = (int)p->scope == VK_SCOPE_WORKGROUP_KHR && workgroups;
        YonosVkMatrix *to = of_subgroup                                      ? &f->part
                            : of_workgroup && p->workgroupInvocations == 128 ? &f->of_128
                            : of_workgroup && p->workgroupInvocations == 256 ? &f->of_256
                                                                             : NULL;
        guint64 size = (guint64)p->MGranularity * p->NGranularity * p->KGranularity;
        if (IS_OURS(p) && to && size && (!to->m || size < (guint64)to->m * to->n * to->k))
            *to = (YonosVkMatrix){p->MGranularity, p->NGranularity, p->KGranularity};
    }
}
