/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-memory.h"

/* Memory of others that the device reads where it is. */

/* The first `size` bytes, rounded up to words, of a DMABuf as a storage buffer for the compute queue; fills a zeroed
 * *b. Waits until whoever writes it has done so, a second at most. FALSE: the device or its driver cannot, or there is
 * less in it; then *b is zeroed. The descriptor stays the caller's, and the memory alive as long as *b. */
gboolean yonos_vk_import(YonosVkDevice *d, int fd, guint64 size, YonosVkBuffer *b);

/* To be recorded before the first read of such a buffer: it becomes this device's. */
void yonos_vk_import_acquire(const YonosVkDevice *d, const YonosVkBuffer *b, VkCommandBuffer commands);
