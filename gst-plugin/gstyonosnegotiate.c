/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonosnegotiate.h"
#include "gstyonosbuffers.h"
#include "gstyonosrefusal.h"
#ifdef HAVE_GST_VULKAN
#include "gstyonosvulkan.h"
#endif

#include <gst/allocators/gstdmabuf.h>
#include <math.h>

#define GST_CAT_DEFAULT gst_yonos_upscale_debug

static gint
preferred_scale (GstYonosUpscale * self)
{
  gint scale;

  GST_OBJECT_LOCK (self);
  scale = self->live.scale > 0 ? self->live.scale : self->settings.scale;
  GST_OBJECT_UNLOCK (self);
  return scale;
}

/* A source that can make several sizes shall choose the one that the wanted
 * size is a multiple of: it is asked for first. */
static void
append_preferred (GstCaps * all, const GstStructure * s,
    const GstCapsFeatures * features, gint scale)
{
  GstStructure *preferred;
  gint width, height;

  if (!gst_structure_get_int (s, "width", &width)
      || !gst_structure_get_int (s, "height", &height)
      || width % scale || height % scale || width == 0 || height == 0)
    return;
  preferred = gst_structure_copy (s);
  gst_structure_set (preferred, "width", G_TYPE_INT, width / scale,
      "height", G_TYPE_INT, height / scale, NULL);
  gst_structure_remove_fields (preferred, "format", "colorimetry",
      "chroma-site", NULL);
  gst_caps_append_structure_full (all, preferred,
      gst_caps_features_copy (features));
}

static void
append_of_memory (GstCaps * all, const GstStructure * s,
    GstCapsFeatures * features)
{
  gst_caps_append_structure_full (all, gst_structure_copy (s), features);
}

/* Frames in DMABufs become frames in memory. */
static void
append_for_dmabufs (GstCaps * caps, GstPadDirection direction)
{
  for (guint i = 0, n = gst_caps_get_size (caps); i < n; i++) {
    GstStructure *s = gst_caps_get_structure (caps, i);
    GstCapsFeatures *features = gst_caps_get_features (caps, i);

    if (direction == GST_PAD_SINK && gst_caps_features_contains (features,
            GST_CAPS_FEATURE_MEMORY_DMABUF))
      append_of_memory (caps, s,
          gst_caps_features_new_single (GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY));
    else if (direction == GST_PAD_SRC && gst_caps_features_is_equal (features,
            GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY))
      append_of_memory (caps, s,
          gst_caps_features_new_single (GST_CAPS_FEATURE_MEMORY_DMABUF));
  }
}

/* Frames in Vulkan images may become frames in memory and the other way round,
 * where the same is not possible. The last is for what set_caps refuses. */
static void
append_other_memory (GstCaps * caps, GstPadDirection direction)
{
  guint n = gst_caps_get_size (caps);

#ifdef HAVE_GST_VULKAN
  for (guint i = 0; i < n; i++) {
    GstCapsFeatures *features = gst_caps_get_features (caps, i);
    gboolean images = gst_caps_features_contains (features,
        "memory:VulkanImage");

    if (images || gst_caps_features_is_equal (features,
            GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY))
      append_of_memory (caps, gst_caps_get_structure (caps, i),
          gst_caps_features_new_single (images ?
              GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY : "memory:VulkanImage"));
  }
#endif
  append_for_dmabufs (caps, direction);
  for (guint i = 0; i < n; i++)
    append_of_memory (caps, gst_caps_get_structure (caps, i),
        gst_caps_features_new_any ());
}

/* What of a pad's caps is supported, or all where nothing is: they are for
 * set_caps to refuse. Takes them over. */
static GstCaps *
leave_supported (GstCaps * caps, GstPadDirection direction)
{
  GstCaps *supported = gst_yonos_supported_caps (direction);
  GstCaps *both = gst_caps_intersect_full (caps, supported,
      GST_CAPS_INTERSECT_FIRST);

  gst_caps_unref (supported);
  if (gst_caps_is_empty (both)) {
    gst_caps_unref (both);
    return caps;
  }
  gst_caps_unref (caps);
  return gst_caps_merge (gst_caps_new_empty (), both);
}

GstCaps *
gst_yonos_upscale_transform_caps (GstBaseTransform * trans,
    GstPadDirection direction, GstCaps * caps, GstCaps * filter)
{
  GstCaps *ret = gst_caps_new_empty ();
  gint scale = preferred_scale (GST_YONOS_UPSCALE (trans));

  /* Any size is let through here, so that an impossible one gets to set_caps,
   * which says what is wrong with it. */
  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    GstStructure *s = gst_structure_copy (gst_caps_get_structure (caps, i));
    GstCapsFeatures *features = gst_caps_get_features (caps, i);

    if (direction == GST_PAD_SRC)
      append_preferred (ret, s, features, scale);
    gst_structure_set (s, "width", GST_TYPE_INT_RANGE, 1, G_MAXINT,
        "height", GST_TYPE_INT_RANGE, 1, G_MAXINT, NULL);
    if (gst_structure_has_field (s, "pixel-aspect-ratio"))
      gst_structure_set (s, "pixel-aspect-ratio", GST_TYPE_FRACTION_RANGE, 1,
          G_MAXINT, G_MAXINT, 1, NULL);
    gst_structure_remove_fields (s, "format", "drm-format", "colorimetry",
        "chroma-site", NULL);
    gst_caps_append_structure_full (ret, s, gst_caps_features_copy (features));
  }
  append_other_memory (ret, direction);

  if (filter) {
    GstCaps *all = ret;
    ret = gst_caps_intersect_full (filter, all, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (all);
  }
  GST_DEBUG_OBJECT (trans, "%s caps %" GST_PTR_FORMAT " give %" GST_PTR_FORMAT,
      direction == GST_PAD_SINK ? "sink" : "src", caps, ret);
  return ret;
}

static gboolean
has_size (const GstCaps * caps, gint width, gint height)
{
  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    const GstStructure *s = gst_caps_get_structure (caps, i);
    gint w, h;

    if (gst_structure_get_int (s, "width", &w)
        && gst_structure_get_int (s, "height", &h) && w == width && h == height)
      return TRUE;
  }
  return FALSE;
}

/* In our order: a source that can make anything would else begin with 16 bits
 * and alpha. */
static void
sort_formats (GstStructure * s)
{
  GstCaps *supported = gst_yonos_supported_caps (GST_PAD_SINK);
  const GValue *theirs = gst_structure_get_value (s, "format");
  const GValue *ours =
      gst_structure_get_value (gst_caps_get_structure (supported, 0), "format");
  GValue both = G_VALUE_INIT;

  if (theirs && gst_value_intersect (&both, ours, theirs))
    gst_structure_take_value (s, "format", &both);
  gst_caps_unref (supported);
}

/* For a source that chooses. The base class puts what downstream wants first as
 * it is, and a source that can make it would leave nothing to enlarge. Takes the
 * caps over. */
static GstCaps *
sort_for_source (GstCaps * caps, gint scale)
{
  GstCaps *sorted = gst_caps_new_empty (), *rest = gst_caps_new_empty ();
  gint width, height;

  caps = gst_caps_make_writable (caps);
  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    GstStructure *s = gst_caps_get_structure (caps, i);
    gboolean first = gst_structure_get_int (s, "width", &width)
        && gst_structure_get_int (s, "height", &height)
        && width <= GST_YONOS_MAX_SIZE && height <= GST_YONOS_MAX_SIZE
        && has_size (caps, width * scale, height * scale);

    sort_formats (s);
    gst_caps_append_structure_full (first ? sorted : rest,
        gst_structure_copy (s),
        gst_caps_features_copy (gst_caps_get_features (caps, i)));
  }
  gst_caps_unref (caps);
  gst_caps_append (sorted, rest);
  return sorted;
}

/* Whoever chooses among what it can do says so by a filter, and is told what is
 * supported of that; whoever has no choice is let through to be refused. */
static void
answer_caps (GstYonosUpscale * self, GstPadDirection direction,
    GstQuery * query)
{
  GstCaps *filter, *all, *answer;

  gst_query_parse_caps (query, &filter);
  gst_query_parse_caps_result (query, &all);
  if (!all || gst_caps_is_any (all) || gst_caps_is_empty (all))
    return;
  answer = leave_supported (gst_caps_ref (all), direction);
  if (direction == GST_PAD_SINK)
    answer = sort_for_source (answer, preferred_scale (self));
  if (!filter)
    answer = gst_caps_merge (answer, gst_caps_ref (all));
  gst_query_set_caps_result (query, answer);
  gst_caps_unref (answer);
}

gboolean
gst_yonos_upscale_query (GstBaseTransform * trans, GstPadDirection direction,
    GstQuery * query)
{
  GstBaseTransformClass *parent =
      g_type_class_peek_parent (GST_BASE_TRANSFORM_GET_CLASS (trans));

#ifdef HAVE_GST_VULKAN
  if (GST_QUERY_TYPE (query) == GST_QUERY_CONTEXT
      && gst_yonos_vulkan_query (GST_YONOS_UPSCALE (trans)->vulkan,
          GST_ELEMENT (trans), query))
    return TRUE;
#endif
  if (!parent->query (trans, direction, query))
    return FALSE;
  if (GST_QUERY_TYPE (query) == GST_QUERY_CAPS)
    answer_caps (GST_YONOS_UPSCALE (trans), direction, query);
  return TRUE;
}

/* --- format --- */

#define LOST_COLOUR (1 << 7)
#define LOST_ALPHA (1 << 6)
#define LOST_DEPTH (1 << 5)

/* What is lost from one format to another, the worst first; of equal ones the
 * first in the list is taken. */
static guint
format_loss (const GstVideoFormatInfo * in, const GstVideoFormatInfo * out)
{
  guint depth = GST_VIDEO_FORMAT_INFO_DEPTH (in, 0);
  guint out_depth = GST_VIDEO_FORMAT_INFO_DEPTH (out, 0);
  gboolean coarser = FALSE, finer = FALSE;
  guint loss = 0;

  for (guint c = 1; c < 3 && !GST_VIDEO_FORMAT_INFO_IS_GRAY (in); c++) {
    gint x = GST_VIDEO_FORMAT_INFO_W_SUB (in, c);
    gint y = GST_VIDEO_FORMAT_INFO_H_SUB (in, c);
    gint out_x = GST_VIDEO_FORMAT_INFO_W_SUB (out, c);
    gint out_y = GST_VIDEO_FORMAT_INFO_H_SUB (out, c);

    coarser |= out_x > x || out_y > y;
    finer |= out_x < x || out_y < y;
  }
  if (GST_VIDEO_FORMAT_INFO_IS_GRAY (out) && !GST_VIDEO_FORMAT_INFO_IS_GRAY (in))
    loss |= LOST_COLOUR;
  if (GST_VIDEO_FORMAT_INFO_HAS_ALPHA (in)
      && !GST_VIDEO_FORMAT_INFO_HAS_ALPHA (out))
    loss |= LOST_ALPHA;
  if (out_depth < depth)
    loss |= LOST_DEPTH;
  if (coarser)
    loss |= 1 << 4;
  if (!GST_VIDEO_FORMAT_INFO_IS_RGB (in) != !GST_VIDEO_FORMAT_INFO_IS_RGB (out))
    loss |= 1 << 3;
  if (out_depth > depth || finer)
    loss |= 1 << 2;
  if (GST_VIDEO_FORMAT_INFO_HAS_ALPHA (out)
      && !GST_VIDEO_FORMAT_INFO_HAS_ALPHA (in))
    loss |= 1 << 1;
  if (GST_VIDEO_FORMAT_INFO_FORMAT (in) != GST_VIDEO_FORMAT_INFO_FORMAT (out))
    loss |= 1 << 0;
  return loss;
}

/* The format of the structure that loses least, NULL where it has none, and
 * what is lost. */
static const gchar *
best_format (const GstStructure * outs, const GstVideoFormatInfo * in,
    guint * least)
{
  const GValue *value = gst_structure_get_value (outs, "format");
  gboolean is_list = value && GST_VALUE_HOLDS_LIST (value);
  guint n = is_list ? gst_value_list_get_size (value) : value != NULL;
  const gchar *best = NULL;

  *least = G_MAXUINT;
  for (guint i = 0; i < n; i++) {
    const GValue *one = is_list ? gst_value_list_get_value (value, i) : value;
    const gchar *name =
        G_VALUE_HOLDS_STRING (one) ? g_value_get_string (one) : NULL;
    GstVideoFormat format =
        name ? gst_video_format_from_string (name) : GST_VIDEO_FORMAT_UNKNOWN;
    guint loss;

    if (format == GST_VIDEO_FORMAT_UNKNOWN)
      continue;
    loss = format_loss (in, gst_video_format_get_info (format));
    if (loss < *least) {
      *least = loss;
      best = name;
    }
  }
  return best;
}

/* The first structure is what the other side would rather have, and of a
 * converter what it would pass on as it is; but where that takes colour, alpha
 * or depth away, a later one may leave it to the converter, which knows formats
 * that we do not. `in` may be NULL. Takes the caps over. */
static GstCaps *
leave_best (GstCaps * caps, const GstVideoFormatInfo * in)
{
  guint best = 0, least = G_MAXUINT;
  GstCaps *left;

  for (guint i = 0; in && i < gst_caps_get_size (caps); i++) {
    guint loss;
    if (!best_format (gst_caps_get_structure (caps, i), in, &loss))
      continue;
    loss &= LOST_COLOUR | LOST_ALPHA | LOST_DEPTH;
    if (loss < least) {
      least = loss;
      best = i;
    }
  }
  left = gst_caps_copy_nth (caps, best);
  gst_caps_unref (caps);
  return left;
}

/* --- size --- */

/* A picture's size and the shape of its pixels, width by height. */
typedef struct
{
  gint width, height;
  gdouble pixel;
} Shape;

static Shape
shape_of (const GstVideoInfo * info)
{
  Shape shape = { info->width, info->height, 1 };

  if (info->par_n > 0 && info->par_d > 0)
    shape.pixel = (gdouble) info->par_n / info->par_d;
  return shape;
}

static gint
to_side (gdouble side)
{
  return (gint) CLAMP (floor (side + 0.5), 1, G_MAXINT);
}

/* The pixels' shape that the other side insists on; else the same. */
static gdouble
wanted_pixel (GstStructure * outs, gdouble pixel)
{
  const GValue *par = gst_structure_get_value (outs, "pixel-aspect-ratio");

  if (par && GST_VALUE_HOLDS_FRACTION (par)
      && gst_value_get_fraction_numerator (par) > 0
      && gst_value_get_fraction_denominator (par) > 0)
    return (gdouble) gst_value_get_fraction_numerator (par) /
        gst_value_get_fraction_denominator (par);
  return pixel;
}

/* What the sides are multiplied by to show the same with pixels of that shape:
 * one by the scale, the other by less, but not below 1. */
static void
scale_sides (gdouble scale, gdouble pixel, gdouble wanted, gdouble * by_x,
    gdouble * by_y)
{
  gdouble wider = pixel / wanted;

  *by_x = wider < 1 ? MAX (scale * wider, 1) : scale;
  *by_y = wider > 1 ? MAX (scale / wider, 1) : scale;
}

/* The pixels' shape under which the fixed size shows what the other one does,
 * or the nearest that is allowed. */
static void
fixate_pixel (GstStructure * outs, const GstVideoInfo * in)
{
  gint width, height, n, d;

  if (!gst_structure_get_int (outs, "width", &width)
      || !gst_structure_get_int (outs, "height", &height))
    return;
  /* a side of an odd multiple is a rounding, not another shape */
  if (ABS ((gint64) width * in->height - (gint64) height * in->width)
      < MAX (in->width, in->height)) {
    n = in->par_n;
    d = in->par_d;
  } else if (!gst_util_fraction_multiply (in->width, in->height, height, width,
          &n, &d) || !gst_util_fraction_multiply (n, d, in->par_n, in->par_d,
          &n, &d)) {
    n = d = 1;
  }
  if (gst_structure_has_field (outs, "pixel-aspect-ratio"))
    gst_structure_fixate_field_nearest_fraction (outs, "pixel-aspect-ratio", n,
        d);
  else if (n != d)
    gst_structure_set (outs, "pixel-aspect-ratio", GST_TYPE_FRACTION, n, d,
        NULL);
}

/* The large size from the small one: what is not fixed follows from what is, and
 * else from the scale. */
static void
fixate_large (GstStructure * outs, const GstVideoInfo * in, gint scale)
{
  Shape small = shape_of (in);
  gdouble wanted = wanted_pixel (outs, small.pixel);
  gdouble wider = small.pixel / wanted, by_x, by_y;
  gint width, height;

  scale_sides (scale, small.pixel, wanted, &by_x, &by_y);
  if (gst_structure_get_int (outs, "width", &width))
    by_y = width / (small.width * wider);
  else if (gst_structure_get_int (outs, "height", &height))
    by_x = (gdouble) height / small.height * wider;
  gst_structure_fixate_field_nearest_int (outs, "width",
      to_side (small.width * by_x));
  /* a range may have been too narrow for it */
  if (!gst_structure_has_field_typed (outs, "height", G_TYPE_INT)
      && gst_structure_get_int (outs, "width", &width)
      && width != to_side (small.width * by_x))
    by_y = width / (small.width * wider);
  gst_structure_fixate_field_nearest_int (outs, "height",
      to_side (small.height * by_y));
  fixate_pixel (outs, in);
}

/* The small size from the large one. */
static void
fixate_small (GstStructure * outs, const GstVideoInfo * large, gint scale)
{
  gst_structure_fixate_field_nearest_int (outs, "width",
      MAX (1, large->width / scale));
  gst_structure_fixate_field_nearest_int (outs, "height",
      MAX (1, large->height / scale));
  fixate_pixel (outs, large);
}

/* --- colour --- */

static void
fixate_string (GstStructure * outs, const gchar * field, const gchar * value)
{
  if (gst_structure_has_field (outs, field))
    gst_structure_fixate_field_string (outs, field, value);
  else
    gst_structure_set (outs, field, G_TYPE_STRING, value, NULL);
}

static gboolean
is_hdr (const GstVideoColorimetry * colour)
{
  return colour->transfer == GST_VIDEO_TRANSFER_SMPTE2084
      || colour->transfer == GST_VIDEO_TRANSFER_ARIB_STD_B67;
}

/* Keeps the colours' meaning. A change among YUV, RGB and gray keeps GStreamer's
 * default for the size, which the other side assumes as well; but not of HDR,
 * whose coded values mean nothing else. */
static void
fixate_colour (GstStructure * outs, const GstVideoInfo * in)
{
  GstVideoFormat format =
      gst_video_format_from_string (gst_structure_get_string (outs, "format"));
  const GstVideoFormatInfo *finfo = gst_video_format_get_info (format);
  gboolean to_yuv = GST_VIDEO_FORMAT_INFO_IS_YUV (finfo);
  gboolean to_rgb = GST_VIDEO_FORMAT_INFO_IS_RGB (finfo);
  GstVideoColorimetry colour = in->colorimetry;
  gchar *colorimetry;

  if (!to_yuv != !GST_VIDEO_INFO_IS_YUV (in)
      || !to_rgb != !GST_VIDEO_INFO_IS_RGB (in)) {
    if (!is_hdr (&colour))
      return;
    colour.range =
        to_yuv ? GST_VIDEO_COLOR_RANGE_16_235 : GST_VIDEO_COLOR_RANGE_0_255;
    colour.matrix =
        to_rgb ? GST_VIDEO_COLOR_MATRIX_RGB : GST_VIDEO_COLOR_MATRIX_BT2020;
  }
  colorimetry = gst_video_colorimetry_to_string (&colour);
  if (colorimetry)
    fixate_string (outs, "colorimetry", colorimetry);
  g_free (colorimetry);
  if (to_yuv && GST_VIDEO_FORMAT_INFO_W_SUB (finfo, 1) > 0
      && in->chroma_site != GST_VIDEO_CHROMA_SITE_UNKNOWN)
    fixate_string (outs, "chroma-site",
        gst_video_chroma_to_string (in->chroma_site));
}

/* Takes over othercaps. */
static GstCaps *
fixate (GstPadDirection direction, GstCaps * caps, GstCaps * othercaps,
    gint scale)
{
  GstVideoInfo in;
  GstStructure *outs;
  const gchar *format;
  gboolean known = gst_yonos_video_info (caps, &in);
  guint loss;

  othercaps = leave_supported (othercaps,
      direction == GST_PAD_SINK ? GST_PAD_SRC : GST_PAD_SINK);
  if (gst_caps_is_empty (othercaps))
    return othercaps;
  othercaps = leave_best (othercaps, known ? in.finfo : NULL);
  if (known) {
    outs = gst_caps_get_structure (othercaps, 0);
    (direction == GST_PAD_SINK ? fixate_large : fixate_small) (outs, &in, scale);
    format = best_format (outs, in.finfo, &loss);
    if (format)
      gst_structure_fixate_field_string (outs, "format", format);
    if (gst_structure_has_field_typed (outs, "format", G_TYPE_STRING))
      fixate_colour (outs, &in);
  }
  return gst_caps_fixate (othercaps);
}

GstCaps *
gst_yonos_upscale_fixate_caps (GstBaseTransform * trans,
    GstPadDirection direction, GstCaps * caps, GstCaps * othercaps)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);

  othercaps = fixate (direction, caps, othercaps, preferred_scale (self));
  GST_DEBUG_OBJECT (self, "fixated to %" GST_PTR_FORMAT, othercaps);
  return othercaps;
}

/* As the base class does it. */
gboolean
gst_yonos_out_info (GstYonosUpscale * self, gint scale, GstVideoInfo * out)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);
  GstCaps *in = gst_pad_get_current_caps (trans->sinkpad);
  GstCaps *all, *peer, *templ, *possible, *caps;
  gboolean found = FALSE;

  if (!in)
    return FALSE;
  all = gst_yonos_upscale_transform_caps (trans, GST_PAD_SINK, in, NULL);
  peer = gst_pad_peer_query_caps (trans->srcpad, all);
  templ = gst_pad_get_pad_template_caps (trans->srcpad);
  possible = gst_caps_intersect_full (peer, templ, GST_CAPS_INTERSECT_FIRST);
  caps = gst_caps_intersect_full (possible, all, GST_CAPS_INTERSECT_FIRST);
  if (!gst_caps_is_empty (caps)) {
    caps = fixate (GST_PAD_SINK, in, caps, scale);
    found = gst_yonos_video_info (caps, out);
  }
  GST_DEBUG_OBJECT (self, "scale %d gives %" GST_PTR_FORMAT, scale, caps);
  gst_caps_unref (caps);
  gst_caps_unref (possible);
  gst_caps_unref (templ);
  gst_caps_unref (peer);
  gst_caps_unref (all);
  gst_caps_unref (in);
  return found;
}

gboolean
gst_yonos_same_pixels (const GstVideoInfo * in, const GstVideoInfo * out)
{
  return in->width == out->width && in->height == out->height
      && GST_VIDEO_INFO_FORMAT (in) == GST_VIDEO_INFO_FORMAT (out)
      && (GST_VIDEO_FORMAT_INFO_W_SUB (in->finfo, 1) == 0
      || in->chroma_site == out->chroma_site)
      && gst_video_colorimetry_is_equal (&in->colorimetry, &out->colorimetry);
}
