/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonosnegotiate.h"

#define GST_CAT_DEFAULT gst_yonos_upscale_debug
#define MAX_SIZE 16384

GstCaps *
gst_yonos_upscale_transform_caps (GstBaseTransform * trans,
    GstPadDirection direction, GstCaps * caps, GstCaps * filter)
{
  GstCaps *ret = gst_caps_new_empty ();

  /* Any size is let through here, so that an impossible one gets to set_caps,
   * which says what is wrong with it. */
  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    GstStructure *s = gst_structure_copy (gst_caps_get_structure (caps, i));

    gst_structure_set (s, "width", GST_TYPE_INT_RANGE, 1, G_MAXINT,
        "height", GST_TYPE_INT_RANGE, 1, G_MAXINT, NULL);
    gst_structure_remove_fields (s, "format", "colorimetry", "chroma-site",
        NULL);
    gst_caps_append_structure_full (ret, s,
        gst_caps_features_copy (gst_caps_get_features (caps, i)));
  }

  if (filter) {
    GstCaps *all = ret;
    ret = gst_caps_intersect_full (filter, all, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (all);
  }
  GST_DEBUG_OBJECT (trans, "%s caps %" GST_PTR_FORMAT " give %" GST_PTR_FORMAT,
      direction == GST_PAD_SINK ? "sink" : "src", caps, ret);
  return ret;
}

/* The other side's format: the same, else one of the same family. */
static void
fixate_format (GstStructure * outs, const GstVideoFormatInfo * in)
{
  static const gchar *yuv[] = { "I420", "NV12" };
  static const gchar *rgb[] = { "RGBA", "BGRA", "ARGB", "ABGR", "RGBx", "BGRx",
    "xRGB", "xBGR", "RGB", "BGR"
  };
  gboolean is_yuv = GST_VIDEO_FORMAT_INFO_IS_YUV (in);
  const gchar **family = is_yuv ? yuv : rgb;
  guint n = is_yuv ? G_N_ELEMENTS (yuv) : G_N_ELEMENTS (rgb);

  gst_structure_fixate_field_string (outs, "format",
      GST_VIDEO_FORMAT_INFO_NAME (in));
  /* Without alpha first, where the other side has none */
  for (guint i = 0; i < n; i++) {
    guint at = GST_VIDEO_FORMAT_INFO_HAS_ALPHA (in) ? i : n - 1 - i;
    gst_structure_fixate_field_string (outs, "format", family[at]);
  }
}

static gint
scale_size (gint size, gint scale, GstPadDirection direction)
{
  if (direction == GST_PAD_SRC)
    return MAX (1, size / scale);
  return size > G_MAXINT / scale ? G_MAXINT : size * scale;
}

static void
fixate_size (GstStructure * outs, gint in_width, gint in_height, gint scale,
    GstPadDirection direction)
{
  gint width, height;

  /* A fixed width or height decides about the other one. */
  if (direction == GST_PAD_SINK) {
    if (gst_structure_get_int (outs, "width", &width)) {
      if (width % in_width == 0)
        scale = width / in_width;
    } else if (gst_structure_get_int (outs, "height", &height)) {
      if (height % in_height == 0)
        scale = height / in_height;
    }
  }
  gst_structure_fixate_field_nearest_int (outs, "width",
      scale_size (in_width, scale, direction));
  gst_structure_fixate_field_nearest_int (outs, "height",
      scale_size (in_height, scale, direction));
}

static void
fixate_string (GstStructure * outs, const gchar * field, const gchar * value)
{
  if (gst_structure_has_field (outs, field))
    gst_structure_fixate_field_string (outs, field, value);
  else
    gst_structure_set (outs, field, G_TYPE_STRING, value, NULL);
}

/* Keeps the colours' meaning; a change between YUV and RGB keeps GStreamer's
 * default for the size, which the other side assumes as well. */
static void
fixate_colour (GstStructure * outs, const GstVideoInfo * in)
{
  GstVideoFormat format =
      gst_video_format_from_string (gst_structure_get_string (outs, "format"));
  const GstVideoFormatInfo *finfo = gst_video_format_get_info (format);
  gboolean to_yuv = GST_VIDEO_FORMAT_INFO_IS_YUV (finfo);
  gchar *colorimetry;

  if (!to_yuv != !GST_VIDEO_INFO_IS_YUV (in))
    return;
  colorimetry = gst_video_colorimetry_to_string (&in->colorimetry);
  if (colorimetry)
    fixate_string (outs, "colorimetry", colorimetry);
  g_free (colorimetry);
  if (to_yuv && in->chroma_site != GST_VIDEO_CHROMA_SITE_UNKNOWN)
    fixate_string (outs, "chroma-site",
        gst_video_chroma_to_string (in->chroma_site));
}

GstCaps *
gst_yonos_upscale_fixate_caps (GstBaseTransform * trans,
    GstPadDirection direction, GstCaps * caps, GstCaps * othercaps)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);
  GstVideoInfo in;
  GstStructure *outs;
  gint scale;

  othercaps = gst_caps_make_writable (gst_caps_truncate (othercaps));
  if (!gst_caps_is_empty (othercaps) && gst_video_info_from_caps (&in, caps)) {
    GST_OBJECT_LOCK (self);
    scale = self->settings.scale;
    GST_OBJECT_UNLOCK (self);
    outs = gst_caps_get_structure (othercaps, 0);
    fixate_size (outs, in.width, in.height, scale, direction);
    fixate_format (outs, in.finfo);
    if (gst_structure_has_field_typed (outs, "format", G_TYPE_STRING))
      fixate_colour (outs, &in);
  }
  othercaps = gst_caps_fixate (othercaps);
  GST_DEBUG_OBJECT (self, "fixated to %" GST_PTR_FORMAT, othercaps);
  return othercaps;
}

YonosFrameFormat
gst_yonos_frame_format (const GstVideoInfo * info)
{
  const GstVideoFormatInfo *finfo = info->finfo;
  YonosFrameFormat f = {.width = info->width,.height = info->height,.a = -1 };

  if (GST_VIDEO_INFO_IS_YUV (info)) {
    gboolean planar = GST_VIDEO_INFO_FORMAT (info) == GST_VIDEO_FORMAT_I420;

    f.layout = planar ? YONOS_FRAME_I420 : YONOS_FRAME_NV12;
    if (!gst_video_color_matrix_get_Kr_Kb (info->colorimetry.matrix, &f.kr,
            &f.kb)) {
      f.kr = 0.299;
      f.kb = 0.114;
    }
    f.full_range = info->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255;
    f.chroma_left = info->chroma_site == GST_VIDEO_CHROMA_SITE_UNKNOWN ||
        (info->chroma_site & GST_VIDEO_CHROMA_SITE_H_COSITED) != 0;
    return f;
  }

  f.layout = YONOS_FRAME_PACKED;
  f.pixel_stride = GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, 0);
  f.r = GST_VIDEO_FORMAT_INFO_POFFSET (finfo, GST_VIDEO_COMP_R);
  f.g = GST_VIDEO_FORMAT_INFO_POFFSET (finfo, GST_VIDEO_COMP_G);
  f.b = GST_VIDEO_FORMAT_INFO_POFFSET (finfo, GST_VIDEO_COMP_B);
  if (GST_VIDEO_FORMAT_INFO_HAS_ALPHA (finfo))
    f.a = GST_VIDEO_FORMAT_INFO_POFFSET (finfo, GST_VIDEO_COMP_A);
  return f;
}

gint
gst_yonos_check_request (GstYonosUpscale * self, const GstVideoInfo * in,
    const GstVideoInfo * out)
{
  gint scale = out->width / in->width;

  if (GST_VIDEO_INFO_IS_INTERLACED (in)) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT,
        ("yonosupscale takes progressive video only, and this one is "
            "interlaced: put deinterlace in front of yonosupscale."), (NULL));
    return 0;
  }
  if ((scale != 2 && scale != 4 && scale != 8)
      || (gint64) in->width * scale != out->width
      || (gint64) in->height * scale != out->height) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT,
        ("yonosupscale enlarges 2, 4 or 8 times, by the same factor both "
            "ways, and cannot make %dx%d from %dx%d: ask for such a size, or "
            "put videoscale behind yonosupscale and the size behind that.",
            out->width, out->height, in->width, in->height), (NULL));
    return 0;
  }
  if (out->width > MAX_SIZE || out->height > MAX_SIZE) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT,
        ("yonosupscale makes frames up to %dx%d, and %dx%d is asked for: use a "
            "smaller scale or put videoscale in front of yonosupscale.",
            MAX_SIZE, MAX_SIZE, out->width, out->height), (NULL));
    return 0;
  }
  return scale;
}
