/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define GST_USE_UNSTABLE_API
#include "planar-pool.h"

#include <gst/video/video.h>
#include <gst/vulkan/vulkan.h>

#define PLANAR_TYPE_POOL (planar_pool_get_type())
G_DECLARE_FINAL_TYPE(PlanarPool, planar_pool, PLANAR, POOL, GstBufferPool)

struct _PlanarPool {
    GstBufferPool parent;
    GstVulkanDevice *device;
    GstVideoInfo info;
    guint *made;
};

G_DEFINE_TYPE(PlanarPool, planar_pool, GST_TYPE_BUFFER_POOL)

static VkFormat format_of(const GstVideoInfo *info)
{
    switch (GST_VIDEO_INFO_FORMAT(info)) {
    case GST_VIDEO_FORMAT_NV12:
        return VK_FORMAT_G8_B8R8_2PLANE_420_UNORM;
    case GST_VIDEO_FORMAT_P010_10LE:
        return VK_FORMAT_G10X6_B10X6R10X6_2PLANE_420_UNORM_3PACK16;
    default:
        return VK_FORMAT_UNDEFINED;
    }
}

static gboolean set_config(GstBufferPool *base, GstStructure *config)
{
    PlanarPool *pool = PLANAR_POOL(base);
    GstCaps *caps;

    return gst_buffer_pool_config_get_params(config, &caps, NULL, NULL, NULL) && caps &&
           gst_video_info_from_caps(&pool->info, caps) && format_of(&pool->info) != VK_FORMAT_UNDEFINED &&
           GST_BUFFER_POOL_CLASS(planar_pool_parent_class)->set_config(base, config);
}

static GstFlowReturn alloc_buffer(GstBufferPool *base, GstBuffer **buffer,
                                  G_GNUC_UNUSED GstBufferPoolAcquireParams *params)
{
    PlanarPool *pool = PLANAR_POOL(base);
    VkImageCreateInfo info = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                              .imageType = VK_IMAGE_TYPE_2D,
                              .format = format_of(&pool->info),
                              .extent = {(guint32)pool->info.width, (guint32)pool->info.height, 1},
                              .mipLevels = 1,
                              .arrayLayers = 1,
                              .samples = VK_SAMPLE_COUNT_1_BIT,
                              .tiling = VK_IMAGE_TILING_OPTIMAL,
                              .usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
                              .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
                              .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED};
    GstMemory *image =
        gst_vulkan_image_memory_alloc_with_image_info(pool->device, &info, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);

    if (!image)
        return GST_FLOW_ERROR;
    *buffer = gst_buffer_new();
    gst_buffer_append_memory(*buffer, image);
    ++*pool->made;
    return GST_FLOW_OK;
}

static void finalize(GObject *object)
{
    gst_object_unref(PLANAR_POOL(object)->device);
    G_OBJECT_CLASS(planar_pool_parent_class)->finalize(object);
}

static void planar_pool_class_init(PlanarPoolClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = finalize;
    GST_BUFFER_POOL_CLASS(klass)->set_config = set_config;
    GST_BUFFER_POOL_CLASS(klass)->alloc_buffer = alloc_buffer;
}

static void planar_pool_init(G_GNUC_UNUSED PlanarPool *pool)
{
}

static PlanarPool *pool_new(GstVulkanDevice *device, guint *made)
{
    PlanarPool *pool = g_object_new(PLANAR_TYPE_POOL, NULL);

    gst_object_ref_sink(pool);
    pool->device = gst_object_ref(device);
    pool->made = made;
    return pool;
}

GstBufferPool *planar_pool_new(GstBufferPool *like, guint *made)
{
    g_assert_true(GST_IS_VULKAN_IMAGE_BUFFER_POOL(like));
    return GST_BUFFER_POOL(pool_new(GST_VULKAN_IMAGE_BUFFER_POOL_CAST(like)->device, made));
}

static GstVulkanDevice *device_of(GstPad *pad)
{
    GstQuery *query = gst_query_new_context(GST_VULKAN_DEVICE_CONTEXT_TYPE_STR);
    GstVulkanDevice *device = NULL;
    GstContext *context;

    g_assert_true(gst_pad_query(pad, query));
    gst_query_parse_context(query, &context);
    g_assert_true(gst_context_get_vulkan_device(context, &device));
    gst_query_unref(query);
    return device;
}

/* The whole frame in memory that the device copies from. */
static GstMemory *staging_new(GstVulkanDevice *device, GstBuffer *frame)
{
    GstMemory *memory =
        gst_vulkan_buffer_memory_alloc(device, gst_buffer_get_size(frame), VK_BUFFER_USAGE_TRANSFER_SRC_BIT,
                                       VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    GstMapInfo map;

    g_assert_true(gst_memory_map(memory, &map, GST_MAP_WRITE));
    g_assert_cmpuint(gst_buffer_extract(frame, 0, map.data, gst_buffer_get_size(frame)), ==,
                     gst_buffer_get_size(frame));
    gst_memory_unmap(memory, &map);
    return memory;
}

static void record_upload(VkCommandBuffer commands, GstVulkanImageMemory *image, VkBuffer from,
                          const GstVideoInfo *info)
{
    static const VkImageAspectFlags planes[] = {VK_IMAGE_ASPECT_PLANE_0_BIT, VK_IMAGE_ASPECT_PLANE_1_BIT};
    VkImageMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                    .dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                    .newLayout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                                    .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .image = image->image,
                                    .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};

    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0,
                         NULL, 1, &barrier);
    for (guint k = 0; k < G_N_ELEMENTS(planes); k++) {
        guint32 pixel = (guint32)GST_VIDEO_INFO_COMP_PSTRIDE(info, k);
        VkBufferImageCopy region = {.bufferOffset = GST_VIDEO_INFO_PLANE_OFFSET(info, k),
                                    .bufferRowLength = (guint32)GST_VIDEO_INFO_PLANE_STRIDE(info, k) / pixel,
                                    .imageSubresource = {planes[k], 0, 0, 1},
                                    .imageExtent = {(guint32)GST_VIDEO_INFO_COMP_WIDTH(info, k),
                                                    (guint32)GST_VIDEO_INFO_COMP_HEIGHT(info, k), 1}};
        vkCmdCopyBufferToImage(commands, from, image->image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
    }
    image->barrier.image_layout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL;
    image->barrier.parent.pipeline_stages = VK_PIPELINE_STAGE_TRANSFER_BIT;
    image->barrier.parent.access_flags = VK_ACCESS_TRANSFER_WRITE_BIT;
}

GstBuffer *planar_frame_new(GstPad *pad, GstCaps *caps, GstBuffer *frame)
{
    GstVulkanDevice *device = device_of(pad);
    guint made = 0;
    PlanarPool *pool = pool_new(device, &made);
    GstStructure *config = gst_buffer_pool_get_config(GST_BUFFER_POOL(pool));
    GstVulkanQueue *queue = gst_vulkan_device_select_queue(device, VK_QUEUE_GRAPHICS_BIT);
    GstVulkanCommandPool *commands = gst_vulkan_queue_create_command_pool(queue, NULL);
    GstVulkanOperation *operation = gst_vulkan_operation_new(commands);
    GstMemory *staging = staging_new(device, frame);
    GstBuffer *image;

    gst_buffer_pool_config_set_params(config, caps, 1, 0, 0);
    g_assert_true(gst_buffer_pool_set_config(GST_BUFFER_POOL(pool), config));
    g_assert_cmpint(alloc_buffer(GST_BUFFER_POOL(pool), &image, NULL), ==, GST_FLOW_OK);
    g_assert_true(gst_vulkan_operation_begin(operation, NULL));
    record_upload(operation->cmd_buf->cmd, (GstVulkanImageMemory *)gst_buffer_peek_memory(image, 0),
                  ((GstVulkanBufferMemory *)staging)->buffer, &pool->info);
    g_assert_true(gst_vulkan_operation_end(operation, NULL));
    g_assert_true(gst_vulkan_operation_wait(operation));
    gst_memory_unref(staging);
    gst_object_unref(operation);
    gst_object_unref(commands);
    gst_object_unref(queue);
    gst_object_unref(pool);
    gst_object_unref(device);
    return image;
}
