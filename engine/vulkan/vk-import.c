/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-import.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define WORD 4
#define MOST_WAIT 1000 /* ms */

/* Its fence of writers, which Vulkan knows nothing of, shows as readiness to be read. */
static gboolean is_written(int fd)
{
    GPollFD writers = {.fd = fd, .events = G_IO_IN};

    return g_poll(&writers, 1, MOST_WAIT) == 1 && writers.revents & G_IO_IN;
}

/* The buffer's own memory, which takes over a duplicate of the descriptor. */
static gboolean memory_import(YonosVkDevice *d, int fd, guint64 there, YonosVkBuffer *b, GError **error)
{
    PFN_vkGetMemoryFdPropertiesKHR get =
        (PFN_vkGetMemoryFdPropertiesKHR)vkGetDeviceProcAddr(d->device, "vkGetMemoryFdPropertiesKHR");
    VkMemoryDedicatedAllocateInfo dedicated = {.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                               .buffer = b->buffer};
    VkImportMemoryFdInfoKHR import = {.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
                                      .pNext = &dedicated,
                                      .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
                                      .fd = -1};
    VkMemoryAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .pNext = &import};
    VkMemoryFdPropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    VkMemoryRequirements needs;

    if (!get)
        return FALSE;
    VK(get(d->device, import.handleType, fd, &properties));
    vkGetBufferMemoryRequirements(d->device, b->buffer, &needs);
    needs.memoryTypeBits &= properties.memoryTypeBits;
    if (!needs.memoryTypeBits || needs.size > there)
        return FALSE;
    allocate.allocationSize = needs.size;
    allocate.memoryTypeIndex = (uint32_t)g_bit_nth_lsf(needs.memoryTypeBits, -1);
    import.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (import.fd < 0)
        return FALSE;
    VK(vkAllocateMemory(d->device, &allocate, NULL, &b->memory));
    import.fd = -1;
    VK(vkBindBufferMemory(d->device, b->buffer, b->memory, 0));
    return TRUE;
fail:
    if (import.fd >= 0)
        close(import.fd);
    return FALSE;
}

gboolean yonos_vk_import(YonosVkDevice *d, int fd, guint64 size, YonosVkBuffer *b)
{
    VkExternalMemoryBufferCreateInfo external = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
                                                 .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT};
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .pNext = &external,
                               .size = (size + WORD - 1) / WORD * WORD,
                               .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT};
    off_t there = d->features.dma_buf && fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    GError *failure = NULL, **error = &failure;

    if (there < 0 || info.size > (guint64)there || info.size > d->properties.limits.maxStorageBufferRange ||
        !is_written(fd))
        return FALSE;
    b->size = info.size;
    VK(vkCreateBuffer(d->device, &info, NULL, &b->buffer));
    if (memory_import(d, fd, (guint64)there, b, error))
        return TRUE;
fail:
    g_clear_error(&failure);
    yonos_vk_buffer_clear(d, b);
    return FALSE;
}

void yonos_vk_import_acquire(const YonosVkDevice *d, const YonosVkBuffer *b, VkCommandBuffer commands)
{
    VkBufferMemoryBarrier ours = {.sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
                                  .dstAccessMask = VK_ACCESS_SHADER_READ_BIT,
                                  .srcQueueFamilyIndex = VK_QUEUE_FAMILY_FOREIGN_EXT,
                                  .dstQueueFamilyIndex = d->family,
                                  .buffer = b->buffer,
                                  .size = VK_WHOLE_SIZE};

    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 0, NULL,
                         1, &ours, 0, NULL);
}
