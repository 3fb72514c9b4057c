/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/host-memory.h"
#include "frame/packing.h"
#include "vulkan/vk-memory.h"

/* Memory of others that the device reads or writes where it is. */

/* The first `size` bytes, rounded up to words, of a DMABuf as a storage buffer for the compute queue; fills a zeroed
 * *b. Waits until whoever writes it has done so, a second at most. FALSE: the device or its driver cannot, or there is
 * less in it; then *b is zeroed. The descriptor stays the caller's, and the memory alive as long as *b. */
gboolean yonos_vk_import(YonosVkDevice *d, int fd, guint64 size, YonosVkBuffer *b);

/* To be recorded before the first read of such a buffer: it becomes this device's. */
void yonos_vk_import_acquire(const YonosVkDevice *d, const YonosVkBuffer *b, VkCommandBuffer commands);

/* Host memory that copies write to. Each piece is imported once and held until nobody else wants it, or all are freed.
 */
typedef struct {
    YonosHostMemory memory;
    YonosVkBuffer buffer; /* of the pages that it lies in; zeroed: it could not be imported, and is not tried again */
    gsize offset;         /* of its first byte in them */
} YonosVkHost;

/* The array of them, which is empty at first. */
void yonos_vk_hosts_free(GPtrArray *hosts, YonosVkDevice *d);

/* The one of `memory`, and the copies, one a plane, by which packed planes become `to`'s there. NULL: the device
 * cannot, not this memory, there are too many, rows are apart there or packed, or planes are not in it; or there is no
 * memory. What is found stays while somebody wants its memory. */
const YonosVkHost *yonos_vk_hosts_find(GPtrArray *hosts, YonosVkDevice *d, const YonosHostMemory *memory,
                                       const YonosFramePacking *packing, const YonosFrame *to, VkBufferCopy copies[3]);
