/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonosbuffers.h"
#include "gstyonosframes.h"
#include "gstyonosmodel.h"
#ifdef HAVE_GST_VULKAN
#include "gstyonosvulkan.h"
#endif

#include <gst/video/gstvideometa.h>
#include <gst/video/gstvideopool.h>
#include <gst/video/video-anc.h>
#include <gst/video/video-overlay-composition.h>

#define GST_CAT_DEFAULT gst_yonos_upscale_debug
#define FORMATS "{ I420, YV12, NV12, NV21, Y42B, Y444, YUY2, UYVY, YVYU, VYUY, " \
    "I420_10LE, P010_10LE, I422_10LE, Y210, Y444_10LE, I420_12LE, P012_LE, " \
    "I422_12LE, Y212_LE, Y444_12LE, " \
    "P016_LE, Y444_16LE, GRAY8, GRAY16_LE, RGB, BGR, RGBA, BGRA, ARGB, ABGR, " \
    "RGBx, BGRx, xRGB, xBGR, RGBA64_LE }"
#define WITH_OVERLAYS GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY ", " \
    GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION
#ifdef HAVE_GST_VULKAN
#define IMAGES "; " GST_VIDEO_CAPS_MAKE_WITH_FEATURES ("memory:VulkanImage", \
    "{ NV12, RGBA, BGRA }")
/* of decoders; libgstvulkan's own pool has none */
#define READ_ONLY_IMAGES "; " GST_VIDEO_CAPS_MAKE_WITH_FEATURES \
    ("memory:VulkanImage", "P010_10LE")
#else
#define IMAGES ""
#define READ_ONLY_IMAGES ""
#endif
#define SUPPORTED GST_VIDEO_CAPS_MAKE (FORMATS) "; " \
    GST_VIDEO_CAPS_MAKE_WITH_FEATURES (WITH_OVERLAYS, FORMATS) IMAGES
#if GST_CHECK_VERSION (1, 24, 0)
/* linear ones, of those formats that DRM has a name for */
#define READ_ONLY_DMABUFS "; " GST_VIDEO_DMA_DRM_CAPS_MAKE ", drm-format = (string) " \
    "{ NV12, P010, P012, YU12, YV12, NV21, YUYV, UYVY, YVYU, VYUY, Y210, " \
    "Y212, YU16, YU24, \"R8  \", \"R16 \", " \
    "BG24, RG24, AB24, AR24, BA24, RA24, XB24, XR24, BX24, RX24 }"
#else
#define READ_ONLY_DMABUFS ""
#endif
#define READ_ONLY READ_ONLY_IMAGES READ_ONLY_DMABUFS
/* All else is let in to be refused with a sentence. */
#define REFUSED "; video/x-raw(ANY)"

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink",
    GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS (SUPPORTED READ_ONLY REFUSED));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src",
    GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (SUPPORTED REFUSED));
static GstStaticCaps readable = GST_STATIC_CAPS (SUPPORTED READ_ONLY);
static GstStaticCaps makeable = GST_STATIC_CAPS (SUPPORTED);

void
gst_yonos_add_pad_templates (GstElementClass * klass)
{
  gst_element_class_add_static_pad_template (klass, &sink_template);
  gst_element_class_add_static_pad_template (klass, &src_template);
}

GstCaps *
gst_yonos_supported_caps (GstPadDirection direction)
{
  return gst_static_caps_get (direction == GST_PAD_SINK ? &readable :
      &makeable);
}

gboolean
gst_yonos_video_info (const GstCaps * caps, GstVideoInfo * info)
{
#if GST_CHECK_VERSION (1, 24, 0)
  GstVideoInfoDmaDrm drm;

  if (gst_video_is_dma_drm_caps (caps))
    return gst_video_info_dma_drm_from_caps (&drm, caps)
        && drm.drm_modifier == 0    /* linear */
        && gst_video_info_dma_drm_to_video_info (&drm, info);
#endif
  return gst_video_info_from_caps (info, caps);
}

static YonosFrameLayout
frame_layout (const GstVideoInfo * info)
{
  switch (GST_VIDEO_INFO_FORMAT (info)) {
    case GST_VIDEO_FORMAT_I420:
    case GST_VIDEO_FORMAT_YV12:
    case GST_VIDEO_FORMAT_I420_10LE:
    case GST_VIDEO_FORMAT_I420_12LE:
      return YONOS_FRAME_I420;
    case GST_VIDEO_FORMAT_NV12:
    case GST_VIDEO_FORMAT_NV21:
    case GST_VIDEO_FORMAT_P010_10LE:
    case GST_VIDEO_FORMAT_P012_LE:
    case GST_VIDEO_FORMAT_P016_LE:
      return YONOS_FRAME_NV12;
    case GST_VIDEO_FORMAT_Y42B:
    case GST_VIDEO_FORMAT_I422_10LE:
    case GST_VIDEO_FORMAT_I422_12LE:
      return YONOS_FRAME_Y42B;
    case GST_VIDEO_FORMAT_Y444:
    case GST_VIDEO_FORMAT_Y444_10LE:
    case GST_VIDEO_FORMAT_Y444_12LE:
    case GST_VIDEO_FORMAT_Y444_16LE:
      return YONOS_FRAME_Y444;
    case GST_VIDEO_FORMAT_YUY2:
    case GST_VIDEO_FORMAT_UYVY:
    case GST_VIDEO_FORMAT_YVYU:
    case GST_VIDEO_FORMAT_VYUY:
    case GST_VIDEO_FORMAT_Y210:
    case GST_VIDEO_FORMAT_Y212_LE:
      return YONOS_FRAME_YUY2;
    case GST_VIDEO_FORMAT_GRAY8:
    case GST_VIDEO_FORMAT_GRAY16_LE:
      return YONOS_FRAME_GRAY;
    default:
      return YONOS_FRAME_PACKED;
  }
}

static void
describe_pixels (YonosFrameFormat * f, const GstVideoInfo * info)
{
  const GstVideoFormatInfo *finfo = info->finfo;

  f->pixel_stride = GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, 0);
  f->r = GST_VIDEO_FORMAT_INFO_POFFSET (finfo, GST_VIDEO_COMP_R);
  f->g = GST_VIDEO_FORMAT_INFO_POFFSET (finfo, GST_VIDEO_COMP_G);
  f->b = GST_VIDEO_FORMAT_INFO_POFFSET (finfo, GST_VIDEO_COMP_B);
  if (GST_VIDEO_FORMAT_INFO_HAS_ALPHA (finfo))
    f->a = GST_VIDEO_FORMAT_INFO_POFFSET (finfo, GST_VIDEO_COMP_A);
  f->limited_rgb = info->colorimetry.range == GST_VIDEO_COLOR_RANGE_16_235;
}

static void
describe_yuv (YonosFrameFormat * f, const GstVideoInfo * info)
{
  GstVideoFormat format = GST_VIDEO_INFO_FORMAT (info);
  GstVideoChromaSite site = info->chroma_site;

  if (!gst_video_color_matrix_get_Kr_Kb (info->colorimetry.matrix, &f->kr,
          &f->kb)) {
    f->kr = 0.299;
    f->kb = 0.114;
  }
  f->full_range = info->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255;
  f->chroma_left = site == GST_VIDEO_CHROMA_SITE_UNKNOWN
      || (site & GST_VIDEO_CHROMA_SITE_H_COSITED) != 0;
  f->chroma_top = (site & GST_VIDEO_CHROMA_SITE_V_COSITED) != 0;
  f->chroma_swapped = format == GST_VIDEO_FORMAT_YV12
      || format == GST_VIDEO_FORMAT_NV21 || format == GST_VIDEO_FORMAT_YVYU
      || format == GST_VIDEO_FORMAT_VYUY;
  f->chroma_first = format == GST_VIDEO_FORMAT_UYVY
      || format == GST_VIDEO_FORMAT_VYUY;
}

YonosFrameFormat
gst_yonos_frame_format (const GstVideoInfo * info)
{
  const GstVideoFormatInfo *finfo = info->finfo;
  YonosFrameFormat f = {.layout = frame_layout (info),.width = info->width,
    .height = info->height,.a = -1
  };

  f.depth = GST_VIDEO_FORMAT_INFO_DEPTH (finfo, 0);
  /* of Y210 it says 0, and writes otherwise */
  f.shift = f.layout == YONOS_FRAME_YUY2 && f.depth > 8 ? 16 - f.depth
      : (gint) GST_VIDEO_FORMAT_INFO_SHIFT (finfo, 0);
  if (f.layout == YONOS_FRAME_PACKED)
    describe_pixels (&f, info);
  else
    describe_yuv (&f, info);
  return f;
}

static gboolean
gst_yonos_upscale_get_unit_size (GstBaseTransform * trans, GstCaps * caps,
    gsize * size)
{
  GstVideoInfo info;

  if (!gst_yonos_video_info (caps, &info)) {
    GST_WARNING_OBJECT (trans, "no video caps: %" GST_PTR_FORMAT, caps);
    return FALSE;
  }
  *size = info.size;
  return TRUE;
}

/* --- allocation --- */

static GstBufferPool *
new_pool (GstYonosUpscale * self, GstCaps * caps)
{
#ifdef HAVE_GST_VULKAN
  if (gst_yonos_vulkan_has_images (caps))
    return gst_yonos_vulkan_pool_new (self->vulkan);
#endif
  return gst_video_buffer_pool_new ();
}

static GstBaseTransformClass *
parent_class (GstBaseTransform * trans)
{
  return g_type_class_peek_parent (GST_BASE_TRANSFORM_GET_CLASS (trans));
}

/* FALSE if the pool does not want such buffers. */
static gboolean
configure_pool (GstBufferPool * pool, GstCaps * caps, guint size, guint min,
    guint max, gboolean with_meta)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);

  gst_buffer_pool_config_set_params (config, caps, size, min, max);
  if (with_meta)
    gst_buffer_pool_config_add_option (config,
        GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (gst_buffer_pool_set_config (pool, config))
    return TRUE;
  /* It may have changed details and be content with those. */
  config = gst_buffer_pool_get_config (pool);
  if (!gst_buffer_pool_config_validate_params (config, caps, size, min, max)) {
    gst_structure_free (config);
    return FALSE;
  }
  return gst_buffer_pool_set_config (pool, config);
}

static gboolean
gst_yonos_upscale_propose_allocation (GstBaseTransform * trans,
    GstQuery * decide_query, GstQuery * query)
{
  GstBufferPool *pool = NULL;
  GstVideoInfo info;
  gboolean need_pool;
  GstCaps *caps;

  if (!parent_class (trans)->propose_allocation (trans, decide_query, query))
    return FALSE;
  /* in passthrough the answer is downstream's */
  if (!decide_query)
    return TRUE;
  gst_query_parse_allocation (query, &caps, &need_pool);
  if (!caps || !gst_yonos_video_info (caps, &info))
    return FALSE;
  if (need_pool) {
    pool = new_pool (GST_YONOS_UPSCALE (trans), caps);
    if (!configure_pool (pool, caps, info.size, 0, 0, TRUE))
      gst_clear_object (&pool);
  }
  gst_query_add_allocation_pool (query, pool, info.size, 0, 0);
  gst_clear_object (&pool);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  return TRUE;
}

/* Whether the pool that was decided on always gives another buffer. */
static gboolean
is_unlimited (GstQuery * query)
{
  GstBufferPool *pool;
  gboolean unlimited;

  gst_query_parse_nth_allocation_pool (query, 0, &pool, NULL, NULL, NULL);
  unlimited = pool && gst_yonos_pool_max (pool) == 0;
  gst_clear_object (&pool);
  return unlimited;
}

static gboolean
gst_yonos_upscale_decide_allocation (GstBaseTransform * trans, GstQuery * query)
{
  GstBufferPool *pool = NULL;
  GstCaps *caps;
  GstVideoInfo info;
  guint size = 0, min = 0, max = 0;
  gboolean update = gst_query_get_n_allocation_pools (query) > 0;
  gboolean with_meta = gst_query_find_allocation_meta (query,
      GST_VIDEO_META_API_TYPE, NULL);

  gst_query_parse_allocation (query, &caps, NULL);
  if (!caps || !gst_yonos_video_info (caps, &info))
    return FALSE;
  if (update)
    gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, &min, &max);
  size = MAX (size, info.size);
  if (pool && !configure_pool (pool, caps, size, min, max, with_meta)) {
    GST_DEBUG_OBJECT (trans, "downstream's pool does not take %"
        GST_PTR_FORMAT ", so it is not used", caps);
    gst_clear_object (&pool);
  }
  if (!pool) {
    pool = new_pool (GST_YONOS_UPSCALE (trans), caps);
    if (!configure_pool (pool, caps, size, min, max, with_meta)) {
      gst_object_unref (pool);
      return FALSE;
    }
  }

  if (update)
    gst_query_set_nth_allocation_pool (query, 0, pool, size, min, max);
  else
    gst_query_add_allocation_pool (query, pool, size, min, max);
  gst_object_unref (pool);
  if (!parent_class (trans)->decide_allocation (trans, query))
    return FALSE;
  GST_YONOS_UPSCALE (trans)->flight.takes_early = is_unlimited (query);
  return TRUE;
}

/* --- metas --- */

static gboolean
gst_yonos_upscale_filter_meta (GstBaseTransform * trans, GstQuery * query,
    GType api, const GstStructure * params)
{
  /* Whoever is upstream shall crop itself: whole frames are enlarged. */
  return api != GST_VIDEO_CROP_META_API_TYPE;
}

static gboolean
has_only_tags (GType api, const gchar * const *valid)
{
  for (const gchar * const *tag = gst_meta_api_type_get_tags (api); *tag; tag++)
    if (!g_strv_contains (valid, *tag))
      return FALSE;
  return TRUE;
}

/* Overlays lie on the same part of the large picture. */
static void
scale_overlays (GstYonosUpscale * self, GstBuffer * outbuf, GstMeta * meta)
{
  GstVideoOverlayComposition *all =
      gst_video_overlay_composition_copy (((GstVideoOverlayCompositionMeta *)
          meta)->overlay);
  gdouble by_x = (gdouble) self->out_info.width / self->in_info.width;
  gdouble by_y = (gdouble) self->out_info.height / self->in_info.height;

  for (guint i = 0; i < gst_video_overlay_composition_n_rectangles (all); i++) {
    GstVideoOverlayRectangle *one =
        gst_video_overlay_composition_get_rectangle (all, i);
    gint x, y;
    guint width, height;

    if (!gst_video_overlay_rectangle_get_render_rectangle (one, &x, &y, &width,
            &height))
      continue;
    gst_video_overlay_rectangle_set_render_rectangle (one,
        (gint) (x * by_x + (x < 0 ? -0.5 : 0.5)),
        (gint) (y * by_y + (y < 0 ? -0.5 : 0.5)),
        MAX (1, (guint) (width * by_x + 0.5)),
        MAX (1, (guint) (height * by_y + 0.5)));
  }
  gst_buffer_add_video_overlay_composition_meta (outbuf, all);
  gst_video_overlay_composition_unref (all);
}

/* Bars end and begin at other lines or columns, which are counted from 1. */
static void
scale_bars (GstYonosUpscale * self, GstBuffer * outbuf, const GstMeta * meta)
{
  const GstVideoBarMeta *bars = (const GstVideoBarMeta *) meta;
  gint from = bars->is_letterbox ? self->in_info.height : self->in_info.width;
  gint to = bars->is_letterbox ? self->out_info.height : self->out_info.width;

  gst_buffer_add_video_bar_meta (outbuf, bars->field, bars->is_letterbox,
      gst_util_uint64_scale_int_round (bars->bar_data1, to, from),
      bars->bar_data2 == 0 ? 0 : 1 +
      gst_util_uint64_scale_int_round (bars->bar_data2 - 1, to, from));
}

/* Those of ancillary data, which their own functions do not scale. */
static gboolean
transform_ancillary (GstYonosUpscale * self, GstBuffer * outbuf,
    const GstMeta * meta)
{
  const GstVideoAFDMeta *afd = (const GstVideoAFDMeta *) meta;

  if (meta->info->api == GST_VIDEO_BAR_META_API_TYPE)
    scale_bars (self, outbuf, meta);
  else if (meta->info->api == GST_VIDEO_AFD_META_API_TYPE)
    gst_buffer_add_video_afd_meta (outbuf, afd->field, afd->spec, afd->afd);
  else
    return FALSE;
  return TRUE;
}

static gboolean
gst_yonos_upscale_transform_meta (GstBaseTransform * trans, GstBuffer * outbuf,
    GstMeta * meta, GstBuffer * inbuf)
{
  static const gchar *const valid_tags[] = { GST_META_TAG_VIDEO_STR,
    GST_META_TAG_VIDEO_ORIENTATION_STR, GST_META_TAG_VIDEO_SIZE_STR, NULL
  };
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);
  const GstMetaInfo *info = meta->info;

  if (info->api == GST_VIDEO_CROP_META_API_TYPE)
    return FALSE;
  if (info->api == GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE) {
    scale_overlays (self, outbuf, meta);
    return FALSE;
  }
  if (transform_ancillary (self, outbuf, meta))
    return FALSE;
  if (!gst_meta_api_type_get_tags (info->api))
    return TRUE;
  if (!has_only_tags (info->api, valid_tags))
    return parent_class (trans)->transform_meta (trans, outbuf, meta, inbuf);
  if (gst_meta_api_type_has_tag (info->api,
          g_quark_from_static_string (GST_META_TAG_VIDEO_SIZE_STR))) {
    GstVideoMetaTransform scale = { &self->in_info, &self->out_info };

    if (info->transform_func)
      info->transform_func (outbuf, meta, inbuf,
          gst_video_meta_transform_scale_get_quark (), &scale);
    return FALSE;
  }
  return TRUE;
}

#ifdef HAVE_GST_VULKAN
static void
gst_yonos_upscale_set_context (GstElement * element, GstContext * context)
{
  GstElementClass *parent =
      g_type_class_peek_parent (GST_ELEMENT_GET_CLASS (element));

  gst_yonos_vulkan_set_context (GST_YONOS_UPSCALE (element)->vulkan, element,
      context);
  parent->set_context (element, context);
}
#endif

void
gst_yonos_buffers_init_class (GstBaseTransformClass * klass)
{
#ifdef HAVE_GST_VULKAN
  GST_ELEMENT_CLASS (klass)->set_context = gst_yonos_upscale_set_context;
#endif
  klass->get_unit_size = gst_yonos_upscale_get_unit_size;
  klass->propose_allocation = gst_yonos_upscale_propose_allocation;
  klass->decide_allocation = gst_yonos_upscale_decide_allocation;
  klass->filter_meta = gst_yonos_upscale_filter_meta;
  klass->transform_meta = gst_yonos_upscale_transform_meta;
}
