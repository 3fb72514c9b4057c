/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_VULKAN_H__
#define __GST_YONOS_VULKAN_H__

#include <gst/video/video.h>

#include "base/shared-device.h"

G_BEGIN_DECLS

/* Frames in Vulkan images of libgstvulkan, copied to and from buffers on the
 * pipeline's device, the engine's or those that the host sees. One memory for
 * all planes, or one for each. */
typedef struct _GstYonosVulkan GstYonosVulkan;

GstYonosVulkan *gst_yonos_vulkan_new (void);
void gst_yonos_vulkan_free (GstYonosVulkan * v, GstElement * element);

gboolean gst_yonos_vulkan_has_images (GstCaps * caps);

/* The halves of GStreamer's sharing of contexts; the query is answered or not. */
void gst_yonos_vulkan_set_context (GstYonosVulkan * v, GstElement * element,
    GstContext * context);
gboolean gst_yonos_vulkan_query (GstYonosVulkan * v, GstElement * element,
    GstQuery * query);

/* Finds the device, unless it is known, and makes ready for frames of these caps. */
gboolean gst_yonos_vulkan_open (GstYonosVulkan * v, GstElement * element,
    GstCaps * in, GstCaps * out, GError ** error);
void gst_yonos_vulkan_close (GstYonosVulkan * v);
/* Closes, and knows of no device any more. */
void gst_yonos_vulkan_forget (GstYonosVulkan * v, GstElement * element);

/* The device for the engine, after open; NULL: it cannot run there. */
const YonosSharedDevice *gst_yonos_vulkan_shared (GstYonosVulkan * v);

/* A new pool of images, not configured; after open. */
GstBufferPool *gst_yonos_vulkan_pool_new (GstYonosVulkan * v);

/* What is in the images, as a new buffer to be mapped. */
GstBuffer *gst_yonos_vulkan_download (GstYonosVulkan * v,
    const GstVideoInfo * info, GstBuffer * images, GError ** error);
/* A new buffer to be mapped and written, and then uploaded to images. */
GstBuffer *gst_yonos_vulkan_acquire (GstYonosVulkan * v, GError ** error);
gboolean gst_yonos_vulkan_upload (GstYonosVulkan * v, const GstVideoInfo * info,
    GstBuffer * from, GstBuffer * images, GError ** error);
/* Copies as YonosSharedFrame wants it; and waits for what was copied. */
gboolean gst_yonos_vulkan_copy (GstYonosVulkan * v, const GstVideoInfo * info,
    GstBuffer * images, gboolean to_images, guint64 buffer,
    const guint32 offset[3], const guint32 stride[3], GError ** error);
gboolean gst_yonos_vulkan_wait (GstYonosVulkan * v, GError ** error);

G_END_DECLS

#endif /* __GST_YONOS_VULKAN_H__ */
