/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-features.h"

#include <string.h>
#include <unistd.h>

/* what memory of others takes */
static const char *const importers[] = {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
                                        VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
                                        VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME};

#define INTEL 0x8086

static gboolean hidden(const char *variable)
{
    return !g_strcmp0(g_getenv(variable), "1");
}

static gboolean has_extension(VkPhysicalDevice physical, const char *name)
{
    VkExtensionProperties *list;
    uint32_t n = 0;
    gboolean has = FALSE;

    if (vkEnumerateDeviceExtensionProperties(physical, NULL, &n, NULL) != VK_SUCCESS)
        return FALSE;
    list = g_new0(VkExtensionProperties, MAX(1, n));
    if (vkEnumerateDeviceExtensionProperties(physical, NULL, &n, list) >= 0)
        for (uint32_t k = 0; !has && k < n; k++)
            has = !strcmp(list[k].extensionName, name);
    g_free(list);
    return has;
}

/* The features as a chain: what the device offers, or what is asked of it. */
typedef struct {
    VkPhysicalDeviceFeatures2 root;
    VkPhysicalDevice16BitStorageFeatures storage;
    VkPhysicalDeviceVulkanMemoryModelFeatures memory;
    VkPhysicalDeviceShaderFloat16Int8Features half;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix;
    VkPhysicalDeviceSubgroupSizeControlFeatures size;
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV free;
    VkPhysicalDeviceMaintenance4Features maintenance; /* compilers give its LocalSizeId to SPIR-V that has `free` */
} Chain;

static void chain_make(Chain *c, gboolean matrices, gboolean sizes, gboolean free)
{
    memset(c, 0, sizeof *c);
    c->root.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    c->root.pNext = &c->storage;
    c->storage.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES;
    c->memory.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES;
    c->half.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES;
    c->matrix.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR;
    c->size.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES;
    if (!matrices)
        return;
    c->storage.pNext = &c->memory;
    c->memory.pNext = &c->half;
    c->half.pNext = &c->matrix;
    if (sizes)
        c->matrix.pNext = &c->size;
    c->free.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV;
    c->free.pNext = &c->maintenance;
    c->maintenance.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES;
    if (free)
        *(sizes ? &c->size.pNext : &c->matrix.pNext) = &c->free;
}

static void find_subgroups(VkPhysicalDevice physical, gboolean sizes, YonosVkFeatures *f)
{
    VkPhysicalDeviceSubgroupSizeControlProperties range = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceSubgroupProperties subgroup = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
                                                   .pNext = sizes ? &range : NULL};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                              .pNext = &subgroup};

    vkGetPhysicalDeviceProperties2(physical, &properties);
    f->subgroup = subgroup.subgroupSize;
    f->subgroups = !hidden("YONOS_DISABLE_SUBGROUPS") && subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT &&
                   subgroup.supportedOperations & VK_SUBGROUP_FEATURE_BASIC_BIT &&
                   subgroup.supportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT;
    f->full = sizes;
    if (!sizes || range.minSubgroupSize == range.maxSubgroupSize ||
        !(range.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT))
        return;
    f->sized = TRUE;
    if (properties.properties.vendorID == INTEL) /* whose matrix units work by the smallest */
        f->subgroup = range.minSubgroupSize;
}

static gboolean is_importable(VkPhysicalDevice physical, VkBufferUsageFlags usage,
                              VkExternalMemoryHandleTypeFlagBits handle)
{
    VkPhysicalDeviceExternalBufferInfo info = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
                                               .usage = usage,
                                               .handleType = handle};
    VkExternalBufferProperties properties = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};

    vkGetPhysicalDeviceExternalBufferProperties(physical, &info, &properties);
    return (properties.externalMemoryProperties.externalMemoryFeatures & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) !=
           0;
}

static gboolean find_importers(VkPhysicalDevice physical)
{
    if (hidden("YONOS_DISABLE_IMPORT"))
        return FALSE;
    for (guint k = 0; k < G_N_ELEMENTS(importers); k++)
        if (!has_extension(physical, importers[k]))
            return FALSE;
    return is_importable(physical, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
}

/* What host memory that is imported begins and ends at: pages, which are mapped whole; 0: none is. */
static guint32 find_host_page(VkPhysicalDevice physical)
{
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &host};
    guint64 page = (guint64)sysconf(_SC_PAGESIZE);

    if (hidden("YONOS_DISABLE_DIRECT") || !has_extension(physical, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME) ||
        !is_importable(physical, VK_BUFFER_USAGE_TRANSFER_DST_BIT,
                       VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT))
        return 0;
    vkGetPhysicalDeviceProperties2(physical, &properties);
    return host.minImportedHostPointerAlignment <= page ? (guint32)page : 0;
}

void yonos_vk_features_find(VkInstance instance, VkPhysicalDevice physical, YonosVkFeatures *f)
{
    gboolean matrices, sizes, free;
    VkPhysicalDeviceProperties properties;
    Chain c;

    memset(f, 0, sizeof *f);
    vkGetPhysicalDeviceProperties(physical, &properties);
    matrices = properties.apiVersion >= VK_API_VERSION_1_2 &&
               has_extension(physical, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME);
    sizes = matrices && properties.apiVersion >= VK_API_VERSION_1_3;
    free = sizes && has_extension(physical, VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME);
    chain_make(&c, matrices, sizes, free);
    vkGetPhysicalDeviceFeatures2(physical, &c.root);
    find_subgroups(physical, sizes && c.size.subgroupSizeControl && c.size.computeFullSubgroups, f);
    f->half = c.storage.storageBuffer16BitAccess && !hidden("YONOS_DISABLE_F16");
    f->wide = f->half && !hidden("YONOS_DISABLE_WIDE");
    f->coopmat = f->half && f->subgroups && c.memory.vulkanMemoryModel && c.half.shaderFloat16 &&
                 c.matrix.cooperativeMatrix && !hidden("YONOS_DISABLE_COOPMAT") &&
                 yonos_vk_matrix_find(instance, physical, &f->fixed);
    f->coopmat2 = f->coopmat && c.free.cooperativeMatrixFlexibleDimensions &&
                  c.free.cooperativeMatrixPerElementOperations && c.maintenance.maintenance4 &&
                  !hidden("YONOS_DISABLE_COOPMAT2");
    if (f->coopmat2)
        yonos_vk_free_matrices_find(instance, physical, c.free.cooperativeMatrixWorkgroupScope, &f->free);
    f->dma_buf = find_importers(physical);
    f->host_page = find_host_page(physical);
}

VkResult yonos_vk_features_device(VkPhysicalDevice physical, const YonosVkFeatures *f, VkDeviceCreateInfo info,
                                  VkDevice *device)
{
    const char *extensions[G_N_ELEMENTS(importers) + 3];
    Chain c;

    chain_make(&c, f->coopmat, f->full, f->coopmat2);
    c.storage.storageBuffer16BitAccess = f->half;
    c.memory.vulkanMemoryModel = c.half.shaderFloat16 = c.matrix.cooperativeMatrix = f->coopmat;
    c.size.subgroupSizeControl = c.size.computeFullSubgroups = f->full;
    c.free.cooperativeMatrixFlexibleDimensions = c.free.cooperativeMatrixPerElementOperations = f->coopmat2;
    c.free.cooperativeMatrixWorkgroupScope = f->free.of_128.m || f->free.of_256.m;
    c.maintenance.maintenance4 = f->coopmat2;
    info.pNext = &c.root;
    info.ppEnabledExtensionNames = extensions;
    for (guint k = 0; f->dma_buf && k < G_N_ELEMENTS(importers); k++)
        extensions[info.enabledExtensionCount++] = importers[k];
    if (f->host_page)
        extensions[info.enabledExtensionCount++] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
    if (f->coopmat)
        extensions[info.enabledExtensionCount++] = VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME;
    if (f->coopmat2)
        extensions[info.enabledExtensionCount++] = VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME;
    return vkCreateDevice(physical, &info, NULL, device);
}
