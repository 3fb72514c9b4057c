/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <vulkan/vulkan.h>

#include "vulkan/vk-features.h"
#include "vulkan/vulkan-executor.h"

/* An instance, device and compute queue, our own or shared. One thread at a time. */
typedef struct {
    YonosSharedDevice shared; /* its device is NULL where ours is our own */
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger;
    VkPhysicalDevice physical;
    VkPhysicalDeviceProperties properties;
    guint8 uuid[VK_UUID_SIZE];
    VkPhysicalDeviceMemoryProperties memory;
    char *driver; /* its name and version */
    YonosVkFeatures features;
    gboolean half; /* F32 tensors are stored as fp16 */
    VkDevice device;
    uint32_t family;
    VkQueue queue;
    VkCommandPool pool;
    uint32_t transfer_family, transfer_queues; /* of copies only; 0 queues: it has none that is of use */
    VkQueue upload, download;                  /* of that family where there is one for them, else `queue` */
    VkCommandPool upload_pool, download_pool;  /* for their commands; not theirs alone */
    VkCommandPool transfer_pool;
    VkFence fence;
    guint64 clock; /* the bits of a time stamp that count; 0: no queue has a clock */
    VkPipelineCache cache;
    gsize cache_size; /* of what was loaded */
    GArray *tuned;    /* of vk-tuned.h */
} YonosVkDevice;

/* Calls Vulkan; on a failure sets the caller's `error` and goes to its label `fail`. */
#define VK(call)                                                                                                       \
    do {                                                                                                               \
        VkResult vk_result_ = (call);                                                                                  \
        if (vk_result_ != VK_SUCCESS) {                                                                                \
            yonos_vk_set_error(error, vk_result_, #call);                                                              \
            goto fail;                                                                                                 \
        }                                                                                                              \
    } while (0)

void yonos_vk_set_error(GError **error, VkResult result, const char *call);

/* Fills a zeroed *d. After a failure *d is closed again. */
gboolean yonos_vk_device_open(YonosVkDevice *d, const YonosVulkanOptions *options, GError **error);
/* Fine on a zeroed or half-opened device. Everything made from it must be gone. */
void yonos_vk_device_close(YonosVkDevice *d);
/* Only looks whether the device is there. */
gboolean yonos_vk_device_exists(const char *name);
/* Hexadecimal, without dashes, to be freed. */
char *yonos_vk_uuid_text(const guint8 uuid[VK_UUID_SIZE]);
/* As yonos_vulkan_devices. */
char *yonos_vk_device_list(void);

/* Between two time stamps of one queue, which may have begun again from 0 in between. */
double yonos_vk_device_seconds(const YonosVkDevice *d, guint64 from, guint64 to);

/* As vkQueueSubmit of one batch, to one of its queues. */
gboolean yonos_vk_device_queue(YonosVkDevice *d, VkQueue queue, const VkSubmitInfo *info, VkFence fence,
                               GError **error);
/* Waits until nothing that was submitted is under way; of a shared device, until nothing of its queue is. */
gboolean yonos_vk_device_wait(YonosVkDevice *d, GError **error);
/* Submits a recorded command buffer, or none, and waits for its end and that of all before it in the queue. */
gboolean yonos_vk_device_submit(YonosVkDevice *d, VkCommandBuffer commands, GError **error);
