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

static gboolean set_config(GstBufferPool *base, GstStructure *config)
{
    PlanarPool *pool = PLANAR_POOL(base);
    GstCaps *caps;

    return gst_buffer_pool_config_get_params(config, &caps, NULL, NULL, NULL) && caps &&
           gst_video_info_from_caps(&pool->info, caps) && GST_VIDEO_INFO_FORMAT(&pool->info) == GST_VIDEO_FORMAT_NV12 &&
           GST_BUFFER_POOL_CLASS(planar_pool_parent_class)->set_config(base, config);
}

static GstFlowReturn alloc_buffer(GstBufferPool *base, GstBuffer **buffer,
                                  G_GNUC_UNUSED GstBufferPoolAcquireParams *params)
{
    PlanarPool *pool = PLANAR_POOL(base);
    VkImageCreateInfo info = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                              .imageType = VK_IMAGE_TYPE_2D,
                              .format = VK_FORMAT_G8_B8R8_2PLANE_420_UNORM,
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

GstBufferPool *planar_pool_new(GstBufferPool *like, guint *made)
{
    PlanarPool *pool = g_object_new(PLANAR_TYPE_POOL, NULL);

    g_assert_true(GST_IS_VULKAN_IMAGE_BUFFER_POOL(like));
    gst_object_ref_sink(pool);
    pool->device = gst_object_ref(GST_VULKAN_IMAGE_BUFFER_POOL_CAST(like)->device);
    pool->made = made;
    return GST_BUFFER_POOL(pool);
}
