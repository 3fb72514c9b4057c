/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-device.h"

typedef struct {
    VkBuffer buffer;
    VkDeviceMemory memory;
    VkDeviceSize size;
    void *map; /* of staging memory, mapped for good */
} YonosVkBuffer;

typedef enum {
    YONOS_VK_STORAGE, /* on the device: storage, source and target of copies */
    YONOS_VK_SHARED,  /* the same for all queues, not only that which computes */
    YONOS_VK_STAGING, /* mapped: source and target of copies on all queues */
} YonosVkMemoryKind;

/* The first type of memory among the allowed ones that has what is wanted; YONOS_VK_NO_TYPE: none. */
#define YONOS_VK_NO_TYPE UINT32_MAX
uint32_t yonos_vk_memory_type(const YonosVkDevice *d, uint32_t allowed, VkMemoryPropertyFlags wanted);

/* Fills a zeroed *b; its content is undefined. After a failure *b still wants yonos_vk_buffer_clear. */
gboolean yonos_vk_buffer_make(YonosVkDevice *d, YonosVkBuffer *b, VkDeviceSize size, YonosVkMemoryKind kind,
                              GError **error);
void yonos_vk_buffer_clear(YonosVkDevice *d, YonosVkBuffer *b); /* fine on a zeroed one */

/* Of staging memory: the device will see what the host has written, before it is submitted; the host sees what the
 * device has written, once that is done. */
gboolean yonos_vk_buffer_sent(YonosVkDevice *d, const YonosVkBuffer *b, GError **error);
gboolean yonos_vk_buffer_received(YonosVkDevice *d, const YonosVkBuffer *b, GError **error);

/* What the driver says is free in the largest heap on the device (VK_EXT_memory_budget), or else four fifths of it. */
VkDeviceSize yonos_vk_memory_budget(const YonosVkDevice *d);

gboolean yonos_vk_commands_new(YonosVkDevice *d, VkCommandPool pool, VkCommandBuffer *commands, GError **error);
/* Begins or ends a command buffer between whose runs all memory is seen, whoever wrote it. */
gboolean yonos_vk_commands_begin(VkCommandBuffer commands, gboolean once, GError **error);
gboolean yonos_vk_commands_end(VkCommandBuffer commands, GError **error);
