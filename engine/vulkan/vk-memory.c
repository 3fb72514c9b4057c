/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-memory.h"
#include "base/error.h"

#include <string.h>

uint32_t yonos_vk_memory_type(const YonosVkDevice *d, uint32_t allowed, VkMemoryPropertyFlags wanted)
{
    for (uint32_t k = 0; k < d->memory.memoryTypeCount; k++)
        if (allowed >> k & 1 && (d->memory.memoryTypes[k].propertyFlags & wanted) == wanted)
            return k;
    return YONOS_VK_NO_TYPE;
}

/* Memory that is not cached makes reads on the host many times slower. What is coherent spares the driver the work of
 * yonos_vk_buffer_sent and _received. */
static uint32_t type_choose(const YonosVkDevice *d, uint32_t allowed, YonosVkMemoryKind kind)
{
    static const VkMemoryPropertyFlags mapped = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
    static const VkMemoryPropertyFlags wanted[][3] = {
        [YONOS_VK_STORAGE] = {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0, 0},
        [YONOS_VK_SHARED] = {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0, 0},
        [YONOS_VK_STAGING] = {mapped | VK_MEMORY_PROPERTY_HOST_CACHED_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                              mapped | VK_MEMORY_PROPERTY_HOST_CACHED_BIT, mapped}};
    uint32_t type = YONOS_VK_NO_TYPE;

    for (guint k = 0; type == YONOS_VK_NO_TYPE && k < G_N_ELEMENTS(*wanted); k++)
        type = yonos_vk_memory_type(d, allowed, wanted[kind][k]);
    return type;
}

gboolean yonos_vk_buffer_make(YonosVkDevice *d, YonosVkBuffer *b, VkDeviceSize size, YonosVkMemoryKind kind,
                              GError **error)
{
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .size = MAX(size, 256),
                               .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT |
                                        (kind == YONOS_VK_STAGING ? 0 : VK_BUFFER_USAGE_STORAGE_BUFFER_BIT)};
    VkMemoryAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    VkMemoryRequirements needs;
    uint32_t families[] = {d->family, d->transfer_family};

    if (kind != YONOS_VK_STORAGE && d->transfer_queues) {
        info.sharingMode = VK_SHARING_MODE_CONCURRENT;
        info.queueFamilyIndexCount = G_N_ELEMENTS(families);
        info.pQueueFamilyIndices = families;
    }
    b->size = info.size;
    VK(vkCreateBuffer(d->device, &info, NULL, &b->buffer));
    vkGetBufferMemoryRequirements(d->device, b->buffer, &needs);
    allocate.allocationSize = needs.size;
    allocate.memoryTypeIndex = type_choose(d, needs.memoryTypeBits, kind);
    if (allocate.memoryTypeIndex == YONOS_VK_NO_TYPE ||
        needs.size > d->memory.memoryHeaps[d->memory.memoryTypes[allocate.memoryTypeIndex].heapIndex].size) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY,
                    "The Vulkan device has no room for %" G_GUINT64_FORMAT " MiB; use smaller frames.",
                    (guint64)needs.size >> 20);
        goto fail;
    }
    VK(vkAllocateMemory(d->device, &allocate, NULL, &b->memory));
    VK(vkBindBufferMemory(d->device, b->buffer, b->memory, 0));
    if (kind == YONOS_VK_STAGING)
        VK(vkMapMemory(d->device, b->memory, 0, VK_WHOLE_SIZE, 0, &b->map));
    return TRUE;
fail:
    return FALSE;
}

static VkMappedMemoryRange whole(const YonosVkBuffer *b)
{
    return (VkMappedMemoryRange){
        .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE, .memory = b->memory, .size = VK_WHOLE_SIZE};
}

gboolean yonos_vk_buffer_sent(YonosVkDevice *d, const YonosVkBuffer *b, GError **error)
{
    VkMappedMemoryRange range = whole(b);

    VK(vkFlushMappedMemoryRanges(d->device, 1, &range));
    return TRUE;
fail:
    return FALSE;
}

gboolean yonos_vk_buffer_received(YonosVkDevice *d, const YonosVkBuffer *b, GError **error)
{
    VkMappedMemoryRange range = whole(b);

    VK(vkInvalidateMappedMemoryRanges(d->device, 1, &range));
    return TRUE;
fail:
    return FALSE;
}

void yonos_vk_buffer_clear(YonosVkDevice *d, YonosVkBuffer *b)
{
    vkDestroyBuffer(d->device, b->buffer, NULL);
    vkFreeMemory(d->device, b->memory, NULL);
    memset(b, 0, sizeof *b);
}

static gboolean tells_budget(const YonosVkDevice *d)
{
    VkExtensionProperties *extensions = NULL;
    uint32_t n = 0;
    gboolean tells = FALSE;

    if (vkEnumerateDeviceExtensionProperties(d->physical, NULL, &n, NULL) == VK_SUCCESS) {
        extensions = g_new0(VkExtensionProperties, n);
        vkEnumerateDeviceExtensionProperties(d->physical, NULL, &n, extensions);
        for (uint32_t k = 0; k < n; k++)
            tells = tells || !strcmp(extensions[k].extensionName, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    }
    g_free(extensions);
    return tells;
}

VkDeviceSize yonos_vk_memory_budget(const YonosVkDevice *d)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                                .pNext = &budget};
    gboolean tells = tells_budget(d);
    VkDeviceSize largest = 0, free_bytes = 0;

    if (tells)
        vkGetPhysicalDeviceMemoryProperties2(d->physical, &memory);
    for (uint32_t k = 0; k < d->memory.memoryHeapCount; k++) {
        VkMemoryHeap heap = d->memory.memoryHeaps[k];
        if (!(heap.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) || heap.size <= largest)
            continue;
        largest = heap.size;
        free_bytes = heap.size / 5 * 4;
        if (tells)
            free_bytes = budget.heapBudget[k] - MIN(budget.heapBudget[k], budget.heapUsage[k]);
    }
    return free_bytes;
}

gboolean yonos_vk_commands_new(YonosVkDevice *d, VkCommandPool pool, VkCommandBuffer *commands, GError **error)
{
    VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = pool,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};

    VK(vkAllocateCommandBuffers(d->device, &allocate, commands));
    return TRUE;
fail:
    return FALSE;
}

gboolean yonos_vk_commands_begin(VkCommandBuffer commands, gboolean once, GError **error)
{
    VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                     .flags = once ? VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT
                                                   : VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT};
    VkMemoryBarrier all = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                           .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                           .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT};

    VK(vkBeginCommandBuffer(commands, &info));
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 1, &all,
                         0, NULL, 0, NULL);
    return TRUE;
fail:
    return FALSE;
}

gboolean yonos_vk_commands_end(VkCommandBuffer commands, GError **error)
{
    VkMemoryBarrier host = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                            .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                            .dstAccessMask = VK_ACCESS_HOST_READ_BIT};

    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &host, 0, NULL,
                         0, NULL);
    VK(vkEndCommandBuffer(commands));
    return TRUE;
fail:
    return FALSE;
}
