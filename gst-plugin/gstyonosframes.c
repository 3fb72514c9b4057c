/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonosframes.h"
#include "gstyonosmodel.h"
#ifdef HAVE_GST_VULKAN
#include "gstyonosvulkan.h"
#endif

#include <gst/allocators/gstdmabuf.h>

guint
gst_yonos_pool_max (GstBufferPool * pool)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);
  guint max = 0;

  gst_buffer_pool_config_get_params (config, NULL, NULL, NULL, &max);
  gst_structure_free (config);
  return max;
}

/* A source with few buffers may wait for this one before it gives the next. */
static gboolean
is_of_few (GstYonosUpscale * self, GstBuffer * buffer)
{
  guint max = buffer->pool ? gst_yonos_pool_max (buffer->pool) : 0;

  return max > 0 && max < yonos_upscaler_depth (self->upscaler) + 2;
}

static const GstVideoInfo *
info_of (const GstYonosFrame * f)
{
  return f->in ? &f->self->in_info : &f->self->out_info;
}

#ifdef HAVE_GST_VULKAN
static gboolean
report (GstYonosUpscale * self, GError * err)
{
  if (!err)
    return TRUE;
  gst_yonos_post (self, GST_MESSAGE_ERROR, err, NULL);
  g_error_free (err);
  return FALSE;
}

gboolean
gst_yonos_frames_open (GstYonosUpscale * self, GstCaps * in, GstCaps * out)
{
  GError *err = NULL;

  self->images_in = gst_yonos_vulkan_has_images (in);
  self->images_out = gst_yonos_vulkan_has_images (out);
  gst_yonos_vulkan_open (self->vulkan, GST_ELEMENT (self), in, out, &err);
  return report (self, err);
}

void
gst_yonos_frames_close (GstYonosUpscale * self)
{
  gst_yonos_vulkan_close (self->vulkan);
}

void
gst_yonos_frames_forget (GstYonosUpscale * self)
{
  gst_yonos_vulkan_forget (self->vulkan, GST_ELEMENT (self));
}

const YonosSharedDevice *
gst_yonos_frames_device (GstYonosUpscale * self)
{
  return self->images_in || self->images_out ?
      gst_yonos_vulkan_shared (self->vulkan) : NULL;
}

static gboolean
copy_shared (gpointer user, guint64 buffer, const guint32 offset[3],
    const guint32 stride[3], GError ** error)
{
  GstYonosFrame *f = user;

  return gst_yonos_vulkan_copy (f->self->vulkan, info_of (f), f->images, !f->in,
      buffer, offset, stride, error)
      && (!f->in || !is_of_few (f->self, f->images)
      || gst_yonos_vulkan_wait (f->self->vulkan, error));
}

/* In the place of images, a buffer that the host can use. */
static gboolean
take_images (GstYonosFrame * f, gboolean shared)
{
  GstYonosUpscale *self = f->self;
  GError *err = NULL;

  if (!(f->in ? self->images_in : self->images_out))
    return TRUE;
  f->images = f->buffer;
  f->buffer = NULL;
  if (shared)
    f->shared = (YonosSharedFrame) { copy_shared, f };
  else if (f->in)
    f->buffer = gst_yonos_vulkan_download (self->vulkan, &self->in_info,
        f->images, &err);
  else
    f->buffer = gst_yonos_vulkan_acquire (self->vulkan, &err);
  return report (self, err);
}

static gboolean
hand_over (GstYonosFrame * f)
{
  GError *err = NULL;

  gst_yonos_vulkan_upload (f->self->vulkan, info_of (f), f->buffer, f->images,
      &err);
  return report (f->self, err);
}
#else
gboolean
gst_yonos_frames_open (GstYonosUpscale * self, GstCaps * in, GstCaps * out)
{
  return TRUE;
}

void
gst_yonos_frames_close (GstYonosUpscale * self)
{
}

void
gst_yonos_frames_forget (GstYonosUpscale * self)
{
}

const YonosSharedDevice *
gst_yonos_frames_device (GstYonosUpscale * self)
{
  return NULL;
}

static gboolean
take_images (GstYonosFrame * f, gboolean shared)
{
  return TRUE;
}

static gboolean
hand_over (GstYonosFrame * f)
{
  return TRUE;
}
#endif

const gchar *
gst_yonos_frames_images (GstYonosUpscale * self, const YonosUpscaler * up)
{
  if (!self->images_in && !self->images_out)
    return NULL;
  return yonos_upscaler_is_shared (up) ? "shared" : "copied";
}

static void
drop_host_buffer (GstYonosFrame * f)
{
  if (f->images)
    gst_clear_buffer (&f->buffer);
}

/* In a DMABuf, which the device may be able to read. */
static gboolean
import (GstYonosFrame * f)
{
  const GstVideoInfo *info = info_of (f);
  GstVideoMeta *meta = gst_buffer_get_video_meta (f->buffer);
  GstMemory *memory = gst_buffer_n_memory (f->buffer) == 1
      ? gst_buffer_peek_memory (f->buffer, 0) : NULL;
  YonosDmaBuf planes = { 0 };

  if (!memory || !gst_is_dmabuf_memory (memory)
      || is_of_few (f->self, f->buffer))
    return FALSE;
  if (meta ? meta->format != GST_VIDEO_INFO_FORMAT (info) : memory->size <
      info->size)
    return FALSE;
  planes.fd = gst_dmabuf_memory_get_fd (memory);
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++) {
    planes.offset[i] = memory->offset + (meta ? meta->offset[i]
        : GST_VIDEO_INFO_PLANE_OFFSET (info, i));
    planes.stride[i] = meta ? meta->stride[i]
        : GST_VIDEO_INFO_PLANE_STRIDE (info, i);
  }
  return yonos_upscaler_import (f->self->upscaler, &planes);
}

/* FALSE without a message where the host cannot map it. */
static gboolean
map (GstYonosFrame * f, GstMapFlags flags)
{
  if (f->shared.copy || gst_video_frame_map (&f->frame, info_of (f), f->buffer,
          flags | GST_VIDEO_FRAME_MAP_FLAG_NO_REF))
    return TRUE;
  drop_host_buffer (f);
  return FALSE;
}

gboolean
gst_yonos_map_in (GstYonosUpscale * self, GstBuffer * buffer, GstYonosFrame * f)
{
  *f = (GstYonosFrame) {.self = self,.in = TRUE,.buffer = buffer };
  if (!take_images (f, yonos_upscaler_is_shared (self->upscaler)))
    return FALSE;
  f->imported = !f->images && import (f);
  if (f->imported || map (f, GST_MAP_READ))
    return TRUE;
  GST_ELEMENT_ERROR (self, RESOURCE, READ,
      ("yonosupscale cannot read its input frame; it may be smaller than its "
          "caps say."), (NULL));
  return FALSE;
}

gboolean
gst_yonos_map_out (GstYonosUpscale * self, GstBuffer * buffer,
    gboolean shared, GstYonosFrame * f)
{
  *f = (GstYonosFrame) {.self = self,.buffer = buffer };
  if (!take_images (f, shared))
    return FALSE;
  if (map (f, GST_MAP_WRITE))
    return TRUE;
  GST_ELEMENT_ERROR (self, RESOURCE, WRITE,
      ("yonosupscale cannot write to its output frame."), (NULL));
  return FALSE;
}

/* How many upscalers hold a memory. */
static gint *
holders_of (GstMemory * memory)
{
  GQuark quark = g_quark_from_static_string ("yonos-holders");
  gint *n = gst_mini_object_get_qdata (GST_MINI_OBJECT_CAST (memory), quark);

  if (!n) {
    n = g_new0 (gint, 1);
    gst_mini_object_set_qdata (GST_MINI_OBJECT_CAST (memory), quark, n, g_free);
  }
  return n;
}

static void
hold_memory (gpointer memory, gboolean held)
{
  g_atomic_int_add (holders_of (memory), held ? 1 : -1);
  if (held)
    gst_memory_ref (memory);
  else
    gst_memory_unref (memory);
}

static gboolean
memory_is_left (gpointer memory)
{
  return GST_MINI_OBJECT_REFCOUNT_VALUE (memory) ==
      g_atomic_int_get (holders_of (memory));
}

/* Of plain memory in one piece: all of it, whatever part is the buffer's now. */
static gboolean
host_memory (GstBuffer * buffer, YonosHostMemory * host)
{
  GstMemory *memory = buffer && gst_buffer_n_memory (buffer) == 1 ?
      gst_buffer_peek_memory (buffer, 0) : NULL;
  GstMapInfo map;

  if (!memory || !gst_memory_is_type (memory, GST_ALLOCATOR_SYSMEM)
      || memory->parent || !gst_memory_map (memory, &map, GST_MAP_WRITE))
    return FALSE;
  *host = (YonosHostMemory) { memory, map.data - memory->offset,
    memory->maxsize, hold_memory, memory_is_left
  };
  gst_memory_unmap (memory, &map);
  return TRUE;
}

gboolean
gst_yonos_frames_direct (GstYonosUpscale * self, GstBuffer * outbuf)
{
  GstYonosFrame f = {.self = self,.buffer = outbuf };
  YonosHostMemory host;
  YonosFrame planes;

  if (!host_memory (outbuf, &host) || !map (&f, GST_MAP_WRITE))
    return yonos_upscaler_direct (self->upscaler, NULL, NULL);
  planes = gst_yonos_frame_planes (&f);
  gst_video_frame_unmap (&f.frame);
  return yonos_upscaler_direct (self->upscaler, &host, &planes);
}

gboolean
gst_yonos_unmap_in (GstYonosFrame * f)
{
  if (f->shared.copy)
    return !is_of_few (f->self, f->images);
  if (f->imported)
    return TRUE;
  gst_video_frame_unmap (&f->frame);
  drop_host_buffer (f);
  return FALSE;
}

gboolean
gst_yonos_unmap_out (GstYonosFrame * f)
{
  gboolean done;

  if (f->shared.copy)
    return TRUE;
  gst_video_frame_unmap (&f->frame);
  done = !f->images || hand_over (f);
  drop_host_buffer (f);
  return done;
}

YonosFrame
gst_yonos_frame_planes (GstYonosFrame * f)
{
  YonosFrame planes = { {NULL,}, {0,} };
  guint n = f->shared.copy || f->imported ? 0 : GST_VIDEO_FRAME_N_PLANES (&f->frame);

  for (guint i = 0; i < n; i++) {
    planes.plane[i] = GST_VIDEO_FRAME_PLANE_DATA (&f->frame, i);
    planes.stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE (&f->frame, i);
  }
  return planes;
}
