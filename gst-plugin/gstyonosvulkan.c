/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define GST_USE_UNSTABLE_API
#include "gstyonosvulkan.h"

#include <gst/vulkan/vulkan.h>

#include "base/error.h"

struct _GstYonosVulkan
{
  GstVulkanInstance *instance;
  GstVulkanDevice *device;
  GstVulkanQueue *queue;
  YonosSharedDevice shared;     /* the same; without a device: not for sharing */
  GstVulkanOperation *operation;
  GstBufferPool *in, *out;      /* of memory that the host sees */
};

GstYonosVulkan *
gst_yonos_vulkan_new (void)
{
  return g_new0 (GstYonosVulkan, 1);
}

static void
clear_pool (GstBufferPool ** pool)
{
  if (*pool)
    gst_buffer_pool_set_active (*pool, FALSE);
  gst_clear_object (pool);
}

void
gst_yonos_vulkan_close (GstYonosVulkan * v)
{
  clear_pool (&v->in);
  clear_pool (&v->out);
  if (v->operation)
    gst_vulkan_operation_wait (v->operation);
  gst_clear_object (&v->operation);
}

void
gst_yonos_vulkan_forget (GstYonosVulkan * v, GstElement * element)
{
  GstYonosVulkan had;

  gst_yonos_vulkan_close (v);
  GST_OBJECT_LOCK (element);
  had = *v;
  *v = (GstYonosVulkan) { NULL };
  GST_OBJECT_UNLOCK (element);
  gst_clear_object (&had.queue);
  gst_clear_object (&had.device);
  gst_clear_object (&had.instance);
}

void
gst_yonos_vulkan_free (GstYonosVulkan * v, GstElement * element)
{
  gst_yonos_vulkan_forget (v, element);
  g_free (v);
}

gboolean
gst_yonos_vulkan_has_images (GstCaps * caps)
{
  GstCapsFeatures *features = gst_caps_get_features (caps, 0);

  return features && gst_caps_features_contains (features,
      GST_CAPS_FEATURE_MEMORY_VULKAN_IMAGE);
}

/* --- the device --- */

void
gst_yonos_vulkan_set_context (GstYonosVulkan * v, GstElement * element,
    GstContext * context)
{
  gst_vulkan_handle_set_context (element, context, NULL, &v->instance);
}

gboolean
gst_yonos_vulkan_query (GstYonosVulkan * v, GstElement * element,
    GstQuery * query)
{
  GstYonosVulkan has;
  gboolean answered;

  GST_OBJECT_LOCK (element);
  has = *v;
  if (has.instance)
    gst_object_ref (has.instance);
  if (has.device)
    gst_object_ref (has.device);
  if (has.queue)
    gst_object_ref (has.queue);
  GST_OBJECT_UNLOCK (element);
  answered = gst_vulkan_handle_context_query (element, query, NULL,
      has.instance, has.device)
      || gst_vulkan_queue_handle_context_query (element, query, has.queue);
  gst_clear_object (&has.queue);
  gst_clear_object (&has.device);
  gst_clear_object (&has.instance);
  return answered;
}

static gboolean
fail (GError ** error, const gchar * what)
{
  if (error && !*error)
    g_set_error (error, YONOS_ERROR, YONOS_ERROR_DEVICE,
        "yonosupscale cannot use frames in Vulkan images: %s; put "
        "vulkandownload in front of it, or vulkanupload behind it.", what);
  return FALSE;
}

static VkQueueFlags
queue_flags (const GstVulkanQueue * queue)
{
  return queue->device->physical_device->queue_family_props[queue->family].
      queueFlags;
}

/* The neighbours', since all who use a queue share one lock. */
static gboolean
find_queue (GstYonosVulkan * v, GstElement * element)
{
  GstVulkanQueue *queue = NULL;

  if (v->queue)
    return TRUE;
  if (gst_vulkan_queue_run_context_query (element, &queue)
      && (queue->device != v->device
          || !(queue_flags (queue) & VK_QUEUE_GRAPHICS_BIT)))
    gst_clear_object (&queue);
  if (!queue)
    queue = gst_vulkan_device_select_queue (v->device, VK_QUEUE_GRAPHICS_BIT);
  v->queue = queue;
  return queue != NULL;
}

static void
lock_queue (gpointer user, gboolean locked)
{
  if (locked)
    gst_vulkan_queue_submit_lock (user);
  else
    gst_vulkan_queue_submit_unlock (user);
}

static void
hold_queue (gpointer user, gboolean held)
{
  if (held)
    gst_object_ref (user);
  else
    gst_object_unref (user);
}

static void
describe_device (GstYonosVulkan * v)
{
  GstVulkanPhysicalDevice *physical = v->device->physical_device;

  if (!(queue_flags (v->queue) & VK_QUEUE_COMPUTE_BIT)
      || !gst_vulkan_instance_check_api_version (v->device->instance, 1, 1, 0))
    return;
  v->shared = (YonosSharedDevice) {
  .instance = v->device->instance->instance,.physical = physical->device,
        .device = v->device->device,.queue = v->queue->queue,.family =
        v->queue->family,.lock = lock_queue,.hold = hold_queue,.user = v->queue};
  /* from there on the device is made with all features of Vulkan itself */
  v->shared.half =
      gst_vulkan_instance_check_api_version (v->device->instance, 1, 2, 0)
      && gst_vulkan_physical_device_check_api_version (physical, 1, 2, 0);
}

const YonosSharedDevice *
gst_yonos_vulkan_shared (GstYonosVulkan * v)
{
  return v->shared.device ? &v->shared : NULL;
}

static gboolean
open_device (GstYonosVulkan * v, GstElement * element, GError ** error)
{
  GstVulkanCommandPool *commands;

  if (!gst_vulkan_ensure_element_data (element, NULL, &v->instance))
    return fail (error, "there is no Vulkan");
  if (!gst_vulkan_ensure_element_device (element, v->instance, &v->device, 0))
    return fail (error, "there is no Vulkan device");
  if (!find_queue (v, element))
    return fail (error, "the device has no queue for copies");
  commands = gst_vulkan_queue_create_command_pool (v->queue, NULL);
  if (!commands)
    return fail (error, "the device has no memory for copies");
  v->operation = gst_vulkan_operation_new (commands);
  gst_object_unref (commands);
  describe_device (v);
  return TRUE;
}

/* A pool of memory that the host sees, for frames of such caps. */
static gboolean
open_pool (GstYonosVulkan * v, GstCaps * caps, GstBufferPool ** pool,
    GError ** error)
{
  GstStructure *config;

  *pool = gst_vulkan_buffer_pool_new (v->device);
  config = gst_buffer_pool_get_config (*pool);
  caps = gst_caps_copy (caps);
  gst_caps_set_features_simple (caps, NULL);
  gst_buffer_pool_config_set_params (config, caps, 1, 0, 0);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_caps_unref (caps);
  if (!gst_buffer_pool_set_config (*pool, config)
      || !gst_buffer_pool_set_active (*pool, TRUE))
    return fail (error, "there is no memory to copy them");
  return TRUE;
}

gboolean
gst_yonos_vulkan_open (GstYonosVulkan * v, GstElement * element, GstCaps * in,
    GstCaps * out, GError ** error)
{
  gst_yonos_vulkan_close (v);
  if (!gst_yonos_vulkan_has_images (in) && !gst_yonos_vulkan_has_images (out))
    return TRUE;
  return open_device (v, element, error)
      && (!gst_yonos_vulkan_has_images (in) || open_pool (v, in, &v->in, error))
      && (!gst_yonos_vulkan_has_images (out)
      || open_pool (v, out, &v->out, error));
}

GstBufferPool *
gst_yonos_vulkan_pool_new (GstYonosVulkan * v)
{
  return gst_vulkan_image_buffer_pool_new (v->device);
}

/* --- copies --- */

/* Waits for what the images are in use for and brings them into a layout; the
 * operation has begun. */
static gboolean
use_images (GstYonosVulkan * v, GstBuffer * images, VkImageLayout layout,
    VkAccessFlags access)
{
  GArray *barriers;
  gboolean known;

  if (!gst_vulkan_operation_add_dependency_frame (v->operation, images,
          VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT)
      || !gst_vulkan_operation_add_frame_barrier (v->operation, images,
          VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT,
          access, layout, NULL))
    return FALSE;
  barriers = gst_vulkan_operation_retrieve_image_barriers (v->operation);
  known = barriers->len > 0;
#if defined(VK_KHR_synchronization2)
  if (known && gst_vulkan_operation_use_sync2 (v->operation)) {
    VkDependencyInfoKHR all = {
      .sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO_KHR,
      .pImageMemoryBarriers = (gpointer) barriers->data,
      .imageMemoryBarrierCount = barriers->len,
    };

    known = gst_vulkan_operation_pipeline_barrier2 (v->operation, &all);
  } else
#endif
  if (known) {
    GstVulkanCommandBuffer *commands = v->operation->cmd_buf;

    gst_vulkan_command_buffer_lock (commands);
    vkCmdPipelineBarrier (commands->cmd, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
        VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0, NULL, barriers->len,
        (gpointer) barriers->data);
    gst_vulkan_command_buffer_unlock (commands);
  }
  g_array_unref (barriers);
  return known;
}

/* Where planes are copied from or to. */
typedef struct
{
  VkBuffer buffer;
  VkDeviceSize offset;
  guint stride;
} Plane;

/* One plane between an image, or its part, and a buffer. */
static gboolean
copy_plane (GstYonosVulkan * v, const GstVideoInfo * info, guint plane,
    GstBuffer * images, const Plane * at, gboolean to_images)
{
  static const VkImageAspectFlags parts[] = { VK_IMAGE_ASPECT_PLANE_0_BIT,
    VK_IMAGE_ASPECT_PLANE_1_BIT, VK_IMAGE_ASPECT_PLANE_2_BIT
  };
  gboolean split = gst_buffer_n_memory (images) > 1
      || GST_VIDEO_INFO_N_PLANES (info) == 1;
  GstMemory *image = gst_buffer_peek_memory (images, split ? plane : 0);
  gint component[GST_VIDEO_MAX_COMPONENTS];
  VkBufferImageCopy region = {.imageSubresource.layerCount = 1,
    .imageSubresource.aspectMask =
        split ? VK_IMAGE_ASPECT_COLOR_BIT : parts[plane]
  };
  VkImage vk_image;
  VkCommandBuffer commands;

  if (!image || !gst_is_vulkan_image_memory (image))
    return FALSE;
  gst_video_format_info_component (info->finfo, plane, component);
  region.bufferOffset = at->offset;
  region.bufferRowLength =
      at->stride / GST_VIDEO_INFO_COMP_PSTRIDE (info, component[0]);
  region.imageExtent.width = GST_VIDEO_INFO_COMP_WIDTH (info, component[0]);
  region.imageExtent.height = GST_VIDEO_INFO_COMP_HEIGHT (info, component[0]);
  region.imageExtent.depth = 1;
  vk_image = ((GstVulkanImageMemory *) image)->image;

  gst_vulkan_command_buffer_lock (v->operation->cmd_buf);
  commands = v->operation->cmd_buf->cmd;
  if (to_images)
    vkCmdCopyBufferToImage (commands, at->buffer, vk_image,
        VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
  else
    vkCmdCopyImageToBuffer (commands, vk_image,
        VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, at->buffer, 1, &region);
  gst_vulkan_command_buffer_unlock (v->operation->cmd_buf);
  return TRUE;
}

static void
add_barrier (GstYonosVulkan * v, VkPipelineStageFlags before,
    VkAccessFlags written, VkPipelineStageFlags after, VkAccessFlags used)
{
  VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
    .srcAccessMask = written,.dstAccessMask = used
  };

  gst_vulkan_command_buffer_lock (v->operation->cmd_buf);
  vkCmdPipelineBarrier (v->operation->cmd_buf->cmd, before, after, 0, 1,
      &barrier, 0, NULL, 0, NULL);
  gst_vulkan_command_buffer_unlock (v->operation->cmd_buf);
}

static gboolean
is_of_device (GstYonosVulkan * v, GstBuffer * images)
{
  for (guint i = 0; i < gst_buffer_n_memory (images); i++) {
    GstMemory *memory = gst_buffer_peek_memory (images, i);

    if (!gst_is_vulkan_image_memory (memory)
        || ((GstVulkanImageMemory *) memory)->device != v->device)
      return FALSE;
  }
  return TRUE;
}

/* Submits, and does not wait. */
static gboolean
copy (GstYonosVulkan * v, const GstVideoInfo * info, GstBuffer * images,
    const Plane planes[3], gboolean to_images, GError ** error)
{
  gboolean done;

  if (!is_of_device (v, images))
    return fail (error, "they are of another device");
  if (!gst_vulkan_operation_begin (v->operation, NULL))
    return fail (error, "a copy did not begin");
  done = use_images (v, images, to_images ? VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL
      : VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, to_images
      ? VK_ACCESS_TRANSFER_WRITE_BIT : VK_ACCESS_TRANSFER_READ_BIT);
  /* others of the queue have written, or read, what is copied from, or to */
  add_barrier (v, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_ACCESS_MEMORY_WRITE_BIT,
      VK_PIPELINE_STAGE_TRANSFER_BIT,
      VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT);
  for (guint i = 0; done && i < GST_VIDEO_INFO_N_PLANES (info); i++)
    done = copy_plane (v, info, i, images, &planes[i], to_images);
  if (!done) {
    gst_vulkan_operation_reset (v->operation);
    return fail (error, "they cannot be copied");
  }
  add_barrier (v, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
      VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
  return gst_vulkan_operation_end (v->operation, NULL)
      || fail (error, "a copy did not begin");
}

gboolean
gst_yonos_vulkan_wait (GstYonosVulkan * v, GError ** error)
{
  return gst_vulkan_operation_wait (v->operation)
      || fail (error, "a copy did not end");
}

gboolean
gst_yonos_vulkan_copy (GstYonosVulkan * v, const GstVideoInfo * info,
    GstBuffer * images, gboolean to_images, guint64 buffer,
    const guint32 offset[3], const guint32 stride[3], GError ** error)
{
  Plane planes[3];

  for (guint i = 0; i < 3; i++)
    planes[i] = (Plane) {
    (VkBuffer) buffer, offset[i], stride[i]};
  return copy (v, info, images, planes, to_images, error);
}

static gboolean
copy_host (GstYonosVulkan * v, const GstVideoInfo * info, GstBuffer * images,
    GstBuffer * host, gboolean to_images, GError ** error)
{
  GstVideoMeta *meta = gst_buffer_get_video_meta (host);
  Plane planes[3];

  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++) {
    GstMemory *memory = gst_buffer_peek_memory (host, i);

    if (!memory || !gst_is_vulkan_buffer_memory (memory))
      return fail (error, "there is no memory to copy them");
    planes[i] = (Plane) {
    ((GstVulkanBufferMemory *) memory)->buffer, 0, meta ? meta->stride[i] :
          GST_VIDEO_INFO_PLANE_STRIDE (info, i)};
  }
  return copy (v, info, images, planes, to_images, error)
      && gst_yonos_vulkan_wait (v, error);
}

static GstBuffer *
acquire (GstBufferPool * pool, GError ** error)
{
  GstBuffer *buffer = NULL;

  if (gst_buffer_pool_acquire_buffer (pool, &buffer, NULL) != GST_FLOW_OK)
    fail (error, "there is no memory to copy them");
  return buffer;
}

GstBuffer *
gst_yonos_vulkan_download (GstYonosVulkan * v, const GstVideoInfo * info,
    GstBuffer * images, GError ** error)
{
  GstBuffer *host = acquire (v->in, error);

  if (host && !copy_host (v, info, images, host, FALSE, error))
    gst_clear_buffer (&host);
  return host;
}

GstBuffer *
gst_yonos_vulkan_acquire (GstYonosVulkan * v, GError ** error)
{
  return acquire (v->out, error);
}

gboolean
gst_yonos_vulkan_upload (GstYonosVulkan * v, const GstVideoInfo * info,
    GstBuffer * from, GstBuffer * images, GError ** error)
{
  return copy_host (v, info, images, from, TRUE, error);
}
