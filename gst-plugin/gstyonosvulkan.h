/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_VULKAN_H__
#define __GST_YONOS_VULKAN_H__

#include <gst/video/video.h>

G_BEGIN_DECLS

/* Frames in Vulkan images of libgstvulkan, copied to and from memory that the
 * host sees, on the pipeline's device. One memory for all planes, or one for
 * each. */
typedef struct _GstYonosVulkan GstYonosVulkan;

GstYonosVulkan *gst_yonos_vulkan_new (void);
void gst_yonos_vulkan_free (GstYonosVulkan * v);

gboolean gst_yonos_vulkan_has_images (GstCaps * caps);

/* The halves of GStreamer's sharing of contexts; the query is answered or not. */
void gst_yonos_vulkan_set_context (GstYonosVulkan * v, GstElement * element,
    GstContext * context);
gboolean gst_yonos_vulkan_query (GstYonosVulkan * v, GstElement * element,
    GstQuery * query);

/* Finds the device, and makes ready for frames of these caps. */
gboolean gst_yonos_vulkan_open (GstYonosVulkan * v, GstElement * element,
    GstCaps * in, GstCaps * out, GError ** error);
void gst_yonos_vulkan_close (GstYonosVulkan * v);

/* A new pool of images, not configured; after open. */
GstBufferPool *gst_yonos_vulkan_pool_new (GstYonosVulkan * v);

/* What is in the images, as a new buffer to be mapped. */
GstBuffer *gst_yonos_vulkan_download (GstYonosVulkan * v,
    const GstVideoInfo * info, GstBuffer * images, GError ** error);
/* A new buffer to be mapped and written, and then uploaded to images. */
GstBuffer *gst_yonos_vulkan_acquire (GstYonosVulkan * v, GError ** error);
gboolean gst_yonos_vulkan_upload (GstYonosVulkan * v, const GstVideoInfo * info,
    GstBuffer * from, GstBuffer * images, GError ** error);

G_END_DECLS

#endif /* __GST_YONOS_VULKAN_H__ */
