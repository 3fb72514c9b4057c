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

#define MOST_HOSTS 32

static void host_free(YonosVkHost *host, YonosVkDevice *d)
{
    yonos_vk_buffer_clear(d, &host->buffer);
    host->memory.hold(host->memory.owner, FALSE);
    g_free(host);
}

void yonos_vk_hosts_free(GPtrArray *hosts, YonosVkDevice *d)
{
    for (guint k = 0; k < hosts->len; k++)
        host_free(hosts->pdata[k], d);
    g_ptr_array_unref(hosts);
}

/* Pages are mapped whole, so what lies around the memory in its first and last is there too; no copy touches that. */
static gboolean pages_import(YonosVkDevice *d, guint8 *start, YonosVkBuffer *b, GError **error)
{
    PFN_vkGetMemoryHostPointerPropertiesEXT get =
        (PFN_vkGetMemoryHostPointerPropertiesEXT)vkGetDeviceProcAddr(d->device, "vkGetMemoryHostPointerPropertiesEXT");
    VkImportMemoryHostPointerInfoEXT import = {.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
                                               .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
                                               .pHostPointer = start};
    VkMemoryAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .pNext = &import, .allocationSize = b->size};
    VkMemoryHostPointerPropertiesEXT properties = {.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT};
    VkMemoryRequirements needs;

    if (!get)
        return FALSE;
    VK(get(d->device, import.handleType, start, &properties));
    vkGetBufferMemoryRequirements(d->device, b->buffer, &needs);
    allocate.memoryTypeIndex =
        yonos_vk_memory_type(d, needs.memoryTypeBits & properties.memoryTypeBits, VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    if (allocate.memoryTypeIndex == YONOS_VK_NO_TYPE || needs.size > b->size)
        return FALSE;
    VK(vkAllocateMemory(d->device, &allocate, NULL, &b->memory));
    VK(vkBindBufferMemory(d->device, b->buffer, b->memory, 0));
    return TRUE;
fail:
    return FALSE;
}

static YonosVkHost *host_new(YonosVkDevice *d, const YonosHostMemory *memory)
{
    VkExternalMemoryBufferCreateInfo external = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
                                                 .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT};
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .pNext = &external, .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    YonosVkHost *host = g_new0(YonosVkHost, 1);
    GError *failure = NULL, **error = &failure;
    gsize page = d->features.host_page;

    memory->hold(memory->owner, TRUE);
    host->memory = *memory;
    host->offset = (gsize)memory->start % page;
    host->buffer.size = info.size = (host->offset + memory->size + page - 1) / page * page;
    VK(vkCreateBuffer(d->device, &info, NULL, &host->buffer.buffer));
    if (pages_import(d, memory->start - host->offset, &host->buffer, error))
        return host;
fail:
    g_clear_error(&failure);
    yonos_vk_buffer_clear(d, &host->buffer);
    return host;
}

/* Where planes lie in memory, or FALSE. What may lie between rows is not the frame's. */
static gboolean place(const YonosHostMemory *memory, const YonosFramePacking *packing, const YonosFrame *to,
                      VkBufferCopy copies[3])
{
    for (guint k = 0; k < packing->planes; k++) {
        gsize at = (gsize)to->plane[k] - (gsize)memory->start;
        gsize size = (gsize)packing->row[k] * packing->rows[k];
        if (packing->stride[k] != packing->row[k] || to->stride[k] != (int)packing->row[k] || at > memory->size ||
            size > memory->size - at)
            return FALSE;
        copies[k] = (VkBufferCopy){packing->offset[k], at, size};
    }
    return TRUE;
}

static void forget_left(GPtrArray *hosts, YonosVkDevice *d)
{
    for (guint k = hosts->len; k-- > 0;) {
        YonosVkHost *host = hosts->pdata[k];
        if (host->memory.is_left(host->memory.owner)) {
            host_free(host, d);
            g_ptr_array_remove_index_fast(hosts, k);
        }
    }
}

const YonosVkHost *yonos_vk_hosts_find(GPtrArray *hosts, YonosVkDevice *d, const YonosHostMemory *memory,
                                       const YonosFramePacking *packing, const YonosFrame *to, VkBufferCopy copies[3])
{
    YonosVkHost *host = NULL;

    forget_left(hosts, d);
    if (!d->features.host_page || !memory || !place(memory, packing, to, copies))
        return NULL;
    for (guint k = 0; !host && k < hosts->len; k++)
        if (((YonosVkHost *)hosts->pdata[k])->memory.owner == memory->owner)
            host = hosts->pdata[k];
    if (!host && hosts->len == MOST_HOSTS)
        return NULL;
    if (!host) {
        host = host_new(d, memory);
        g_ptr_array_add(hosts, host);
    }
    for (guint k = 0; k < packing->planes; k++)
        copies[k].dstOffset += host->offset;
    return host->buffer.buffer && host->memory.start == memory->start && host->memory.size == memory->size ? host
                                                                                                           : NULL;
}
