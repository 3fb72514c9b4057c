/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonosrefusal.h"
#include "gstyonosbuffers.h"
#include "gstyonosnegotiate.h"

#include <gst/allocators/gstdmabuf.h>
#include <string.h>

#define INTERLACED "yonosupscale takes progressive video only, and this one " \
    "is interlaced: put deinterlace in front of yonosupscale."

static gint
next_scale (const GstVideoInfo * in, const GstVideoInfo * out)
{
  if (in->width == out->width && in->height == out->height)
    return 1;
  for (gint scale = 2; scale <= 8; scale *= 2)
    if (out->width <= (gint64) in->width * scale
        && out->height <= (gint64) in->height * scale)
      return scale;
  return 0;
}

gint
gst_yonos_check_request (const GstVideoInfo * in, const GstVideoInfo * out,
    GError ** error)
{
  gint scale = next_scale (in, out);
  GstStreamError code = GST_STREAM_ERROR_FORMAT;

  if (GST_VIDEO_INFO_IS_INTERLACED (in) || GST_VIDEO_INFO_IS_INTERLACED (out))
    g_set_error (error, GST_STREAM_ERROR, code, INTERLACED);
  else if (out->width < in->width || out->height < in->height)
    g_set_error (error, GST_STREAM_ERROR, code,
        "yonosupscale only enlarges, and cannot make %dx%d from %dx%d: ask "
        "for a size that is not smaller, or put videoscale behind "
        "yonosupscale and the size behind that.", out->width, out->height,
        in->width, in->height);
  else if (scale == 0)
    g_set_error (error, GST_STREAM_ERROR, code,
        "yonosupscale enlarges up to 8 times, and cannot make %dx%d from "
        "%dx%d: ask for %dx%d at most, or put a second yonosupscale behind "
        "it.", out->width, out->height, in->width, in->height,
        MIN (in->width, GST_YONOS_MAX_SIZE / 8) * 8, MIN (in->height, GST_YONOS_MAX_SIZE / 8) * 8);
  else if ((out->width > GST_YONOS_MAX_SIZE
          || out->height > GST_YONOS_MAX_SIZE) && !gst_yonos_same_pixels (in,
          out))
    g_set_error (error, GST_STREAM_ERROR, code,
        "yonosupscale makes frames up to %dx%d, and %dx%d is asked for: use a "
        "smaller scale or put videoscale in front of yonosupscale.",
        GST_YONOS_MAX_SIZE, GST_YONOS_MAX_SIZE, out->width, out->height);
  else
    return scale;
  return 0;
}

/* Who takes frames out of a memory, and who puts them there. */
static const struct
{
  const gchar *feature, *from, *to;
} memories[] = {
  {"memory:CUDAMemory", "cudadownload", "cudaupload"},
  {"memory:D3D11Memory", "d3d11download", "d3d11upload"},
  {"memory:D3D12Memory", "d3d12download", "d3d12upload"},
  {"memory:DMABuf", "glupload ! gldownload", "an element that exports it"},
  {"memory:GLMemory", "gldownload", "glupload"},
  {"memory:NVMM", "nvvideoconvert", "nvvideoconvert"},
  {"memory:VAMemory", "vapostproc", "vapostproc"},
  {"memory:VulkanImage", "vulkandownload", "vulkanupload"},
};

static const gchar *
copier (const gchar * feature, gboolean in)
{
  for (guint i = 0; i < G_N_ELEMENTS (memories); i++)
    if (!strcmp (feature, memories[i].feature))
      return in ? memories[i].from : memories[i].to;
  return "an element that copies them";
}

static void
set_memory_error (GError ** error, const GstCapsFeatures * features,
    gboolean in)
{
  const gchar *other = "?";

  for (guint i = 0; i < gst_caps_features_get_size (features); i++)
    if (strcmp (gst_caps_features_get_nth (features, i),
            GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY)
        && strcmp (gst_caps_features_get_nth (features, i),
            GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION))
      other = gst_caps_features_get_nth (features, i);
  if (!strcmp (other, GST_CAPS_FEATURE_FORMAT_INTERLACED))
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, INTERLACED);
  else
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "yonosupscale does not %s frames in %s: put %s %s yonosupscale.",
        in ? "take" : "make", other, copier (other, in),
        in ? "in front of" : "behind");
}

/* Whether any frames of this memory are supported. */
static gboolean
is_memory (const GstCapsFeatures * features, const GstCaps * supported)
{
  for (guint i = 0; i < gst_caps_get_size (supported); i++)
    if (gst_caps_features_is_equal (features, gst_caps_get_features (supported,
                i)))
      return TRUE;
  return FALSE;
}

static void
set_frames_error (GError ** error, GstCaps * caps, const GstCaps * supported,
    gboolean in)
{
  const GstCapsFeatures *features = gst_caps_get_features (caps, 0);
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  const gchar *format = gst_structure_get_string (s, "format");
  const gchar *drm_format = gst_structure_get_string (s, "drm-format");

  if (is_memory (features, supported)
      && gst_caps_features_contains (features, GST_CAPS_FEATURE_MEMORY_DMABUF))
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "yonosupscale takes DMABufs of format DMA_DRM, linear and of a "
        "drm-format that gst-inspect-1.0 lists, not of %s: put glupload ! "
        "gldownload in front of yonosupscale.", drm_format ? drm_format :
        format ? format : "?");
  else if (is_memory (features, supported))
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "yonosupscale does not %s frames of format %s: put videoconvert %s "
        "yonosupscale.", in ? "take" : "make", format ? format : "?",
        in ? "in front of" : "behind");
  else
    set_memory_error (error, features, in);
}

gboolean
gst_yonos_check_frames (GstCaps * incaps, GstCaps * outcaps, GError ** error)
{
  GstCaps *readable = gst_yonos_supported_caps (GST_PAD_SINK);
  GstCaps *makeable = gst_yonos_supported_caps (GST_PAD_SRC);
  gboolean can_read = gst_caps_can_intersect (incaps, readable);
  gboolean can_make = gst_caps_can_intersect (outcaps, makeable);

  if (!can_read)
    set_frames_error (error, incaps, readable, TRUE);
  else if (!can_make)
    set_frames_error (error, outcaps, makeable, FALSE);
  gst_caps_unref (readable);
  gst_caps_unref (makeable);
  return can_read && can_make;
}

gboolean
gst_yonos_parse_caps (GstCaps * incaps, GstCaps * outcaps, GstVideoInfo * in,
    GstVideoInfo * out, GError ** error)
{
  gboolean can_tell_in = gst_yonos_video_info (incaps, in);
  GstCaps *caps = can_tell_in ? outcaps : incaps;
  const GstStructure *s;
  gint width, height;
  gchar *text;

  if (can_tell_in && gst_yonos_video_info (outcaps, out))
    return TRUE;
  /* a format that GStreamer itself does not know, or in memory that hides it */
  if (!gst_yonos_check_frames (incaps, outcaps, error))
    return FALSE;
  s = gst_caps_get_structure (caps, 0);
  text = gst_caps_to_string (caps);
  if (gst_structure_get_int (s, "width", &width)
      && gst_structure_get_int (s, "height", &height)
      && gst_structure_get_string (s, "format"))
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "Frames of %dx%d in %s are more than GStreamer can hold: use smaller "
        "ones, or a format of fewer bytes a pixel.", width, height,
        gst_structure_get_string (s, "format"));
  else
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "yonosupscale cannot tell what frames these are: %s; give their "
        "format, width and height.", text);
  g_free (text);
  return FALSE;
}
