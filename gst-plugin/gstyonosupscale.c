/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-yonosupscale
 * @title: yonosupscale
 * @see_also: videoscale, deinterlace
 *
 * Enlarges video 2, 4 or 8 times with a small neural network. Caps with a
 * fixed size behind the element pick the scale themselves, where that size is
 * 2, 4 or 8 times the input's; otherwise the #GstYonosUpscale:scale property
 * decides. The output may have another format than the input.
 *
 * Only progressive video is taken. Alpha is not enlarged yet: output formats
 * with alpha are opaque (255 everywhere), whatever the input has.
 *
 * The first GPU with Vulkan runs it, or the CPU where there is none; the
 * #GstYonosUpscale:device property decides otherwise. A GPU stores tensors as
 * fp16 where it can; YONOS_PRECISION=fp32 in the environment turns that off.
 * On the CPU, OMP_NUM_THREADS limits its threads. Those that wait sleep, unless
 * OMP_WAIT_POLICY says otherwise.
 *
 * The network is the one of #GstYonosUpscale:model, or else the shipped one of
 * #GstYonosUpscale:tier, from the folder YONOS_MODEL_PATH where that is set.
 * It draws details from noise: #GstYonosUpscale:noise says whether that is the
 * same for all frames (by default, so that still pictures stay still), absent,
 * or another for every frame, and #GstYonosUpscale:seed which. A model may hold
 * two decoders, one closest to the truth and one with more, invented detail;
 * #GstYonosUpscale:fidelity goes from the second (0) to the first (1). Without
 * it, the model's default is used. These three may change while playing, from
 * the next frame on, and fidelity may be controlled by a #GstControlSource.
 * So may #GstYonosUpscale:enabled, which goes over to plain bicubic (no model
 * is read while that is all that was ever wanted), and #GstYonosUpscale:split,
 * which shows both side by side.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 filesrc location=small.webm ! decodebin ! yonosupscale ! videoconvert ! autovideosink
 * ]| Doubles a video and shows it.
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=1 ! video/x-raw,width=320,height=180 ! yonosupscale scale=4 tier=quality ! pngenc ! filesink location=big.png
 * ]| Enlarges one picture four times.
 * |[
 * gst-launch-1.0 filesrc location=small.webm ! decodebin ! yonosupscale fidelity=0.5 noise=fresh ! videoconvert ! autovideosink
 * ]| Half of the invented detail, and grain that moves.
 * |[
 * gst-launch-1.0 filesrc location=small.webm ! decodebin ! yonosupscale split=0.5 ! videoconvert ! autovideosink
 * ]| The network at the left, plain bicubic at the right.
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>

#include <gst/video/gstvideometa.h>
#include <gst/video/gstvideopool.h>
#include <gst/video/navigation.h>

#include "gstyonosupscale.h"
#include "gstyonosnegotiate.h"
#include "gstyonoslive.h"
#include "gstyonosmodel.h"
#include "gstyonossettings.h"

#define FORMATS "{ I420, NV12, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, " \
    "xRGB, xBGR }"

GST_DEBUG_CATEGORY (gst_yonos_upscale_debug);
#define GST_CAT_DEFAULT gst_yonos_upscale_debug
GST_DEBUG_CATEGORY_STATIC (CAT_PERFORMANCE);

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink",
    GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE
        (FORMATS)));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src",
    GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE
        (FORMATS)));

#define gst_yonos_upscale_parent_class parent_class
G_DEFINE_TYPE (GstYonosUpscale, gst_yonos_upscale, GST_TYPE_BASE_TRANSFORM);
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (yonosupscale, "yonosupscale",
    GST_RANK_NONE, GST_TYPE_YONOS_UPSCALE,
    GST_DEBUG_CATEGORY_INIT (gst_yonos_upscale_debug, "yonosupscale", 0,
        "neural video upscaler");
    GST_DEBUG_CATEGORY_GET (CAT_PERFORMANCE, "GST_PERFORMANCE"));

/* --- caps --- */

static gboolean
gst_yonos_upscale_get_unit_size (GstBaseTransform * trans, GstCaps * caps,
    gsize * size)
{
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, caps)) {
    GST_WARNING_OBJECT (trans, "no video caps: %" GST_PTR_FORMAT, caps);
    return FALSE;
  }
  *size = info.size;
  return TRUE;
}

static void
forget (GstYonosUpscale * self)
{
  gst_yonos_live_close (self);
  gst_video_info_init (&self->in_info);
  gst_video_info_init (&self->out_info);
  self->refused = FALSE;
}

static gboolean
gst_yonos_upscale_set_caps (GstBaseTransform * trans, GstCaps * incaps,
    GstCaps * outcaps)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);
  GstVideoInfo in, out;

  if (!gst_video_info_from_caps (&in, incaps)
      || !gst_video_info_from_caps (&out, outcaps)) {
    GST_ERROR_OBJECT (self, "invalid caps");
    return FALSE;
  }
  /* GstBaseTransform may ask again after a refusal: one message is enough. */
  if ((self->upscaler || self->refused)
      && gst_video_info_is_equal (&in, &self->in_info)
      && gst_video_info_is_equal (&out, &self->out_info))
    return !self->refused;

  forget (self);
  self->in_info = in;
  self->out_info = out;
  self->refused = TRUE;
  self->scale = gst_yonos_check_request (self, &in, &out);
  self->refused = self->scale == 0 || !gst_yonos_live_open (self);
  return !self->refused;
}

/* --- buffers --- */

static gboolean
gst_yonos_upscale_propose_allocation (GstBaseTransform * trans,
    GstQuery * decide_query, GstQuery * query)
{
  if (!GST_BASE_TRANSFORM_CLASS (parent_class)->propose_allocation (trans,
          decide_query, query))
    return FALSE;
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  return TRUE;
}

static gboolean
gst_yonos_upscale_decide_allocation (GstBaseTransform * trans, GstQuery * query)
{
  GstBufferPool *pool = NULL;
  GstStructure *config;
  GstCaps *caps;
  GstVideoInfo info;
  guint size = 0, min = 0, max = 0;
  gboolean update = gst_query_get_n_allocation_pools (query) > 0;

  gst_query_parse_allocation (query, &caps, NULL);
  if (!caps || !gst_video_info_from_caps (&info, caps))
    return FALSE;
  if (update)
    gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, &min, &max);
  size = MAX (size, info.size);
  if (!pool)
    pool = gst_video_buffer_pool_new ();

  config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_set_params (config, caps, size, min, max);
  if (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL))
    gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (!gst_buffer_pool_set_config (pool, config))
    GST_DEBUG_OBJECT (trans, "the pool changed its configuration");

  if (update)
    gst_query_set_nth_allocation_pool (query, 0, pool, size, min, max);
  else
    gst_query_add_allocation_pool (query, pool, size, min, max);
  gst_object_unref (pool);
  return GST_BASE_TRANSFORM_CLASS (parent_class)->decide_allocation (trans,
      query);
}

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
  if (!gst_meta_api_type_get_tags (info->api))
    return TRUE;
  if (!has_only_tags (info->api, valid_tags))
    return GST_BASE_TRANSFORM_CLASS (parent_class)->transform_meta (trans,
        outbuf, meta, inbuf);
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

static YonosFrame
frame_planes (GstVideoFrame * frame)
{
  YonosFrame f = { {NULL,}, {0,} };

  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (frame); i++) {
    f.plane[i] = GST_VIDEO_FRAME_PLANE_DATA (frame, i);
    f.stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE (frame, i);
  }
  return f;
}

static void
gst_yonos_upscale_before_transform (GstBaseTransform * trans, GstBuffer * buf)
{
  GstClockTime time = gst_segment_to_stream_time (&trans->segment,
      GST_FORMAT_TIME, GST_BUFFER_PTS (buf));

  if (GST_CLOCK_TIME_IS_VALID (time))
    gst_object_sync_values (GST_OBJECT (trans), time);
}

static GstFlowReturn
gst_yonos_upscale_transform (GstBaseTransform * trans, GstBuffer * inbuf,
    GstBuffer * outbuf)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);
  GstVideoFrame in, out;
  YonosFrame from, to;
  GError *err = NULL;
  gint64 start, spent;
  gboolean done;

  if (!self->upscaler)
    return self->refused ? GST_FLOW_ERROR : GST_FLOW_NOT_NEGOTIATED;
  gst_yonos_live_before (self);
  start = g_get_monotonic_time ();
  if (!gst_video_frame_map (&in, &self->in_info, inbuf,
          GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    GST_ELEMENT_ERROR (self, RESOURCE, READ,
        ("yonosupscale cannot read its input frame; it may be smaller than its "
            "caps say."), (NULL));
    return GST_FLOW_ERROR;
  }
  if (!gst_video_frame_map (&out, &self->out_info, outbuf,
          GST_MAP_WRITE | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    gst_video_frame_unmap (&in);
    GST_ELEMENT_ERROR (self, RESOURCE, WRITE,
        ("yonosupscale cannot write to its output frame."), (NULL));
    return GST_FLOW_ERROR;
  }

  from = frame_planes (&in);
  to = frame_planes (&out);
  done = yonos_upscaler_run (self->upscaler, &from, &to, &err);
  gst_video_frame_unmap (&out);
  gst_video_frame_unmap (&in);
  if (!done) {
    gst_yonos_post (self, GST_MESSAGE_ERROR, err, NULL);
    g_clear_error (&err);
    /* Until the next start, so that one message is all there is. */
    gst_yonos_live_close (self);
    self->refused = TRUE;
    return GST_FLOW_ERROR;
  }
  spent = g_get_monotonic_time () - start;
  GST_CAT_LOG_OBJECT (CAT_PERFORMANCE, self, "frame took %" G_GINT64_FORMAT
      " us", spent);
  gst_yonos_live_after (self, inbuf, spent);
  return GST_FLOW_OK;
}

static gboolean
gst_yonos_upscale_src_event (GstBaseTransform * trans, GstEvent * event)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);
  gint in_width = self->in_info.width, in_height = self->in_info.height;
  gint out_width = self->out_info.width, out_height = self->out_info.height;
  gdouble x, y;

  if (!gst_yonos_live_src_event (self, event))
    return gst_pad_push_event (trans->sinkpad, event);
  if (GST_EVENT_TYPE (event) == GST_EVENT_NAVIGATION && out_width > 0
      && out_height > 0) {
    event = gst_event_make_writable (event);
    if (gst_navigation_event_get_coordinates (event, &x, &y))
      gst_navigation_event_set_coordinates (event, x * in_width / out_width,
          y * in_height / out_height);
  }
  return GST_BASE_TRANSFORM_CLASS (parent_class)->src_event (trans, event);
}

/* --- object --- */

static gboolean
gst_yonos_upscale_stop (GstBaseTransform * trans)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);

  forget (self);
  self->warned = FALSE;
  GST_OBJECT_LOCK (self);
  gst_yonos_stats_clear (&self->stats);
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

static void
gst_yonos_upscale_finalize (GObject * object)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (object);

  forget (self);
  gst_yonos_stats_clear (&self->stats);
  gst_yonos_settings_clear (&self->settings);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_yonos_upscale_class_init (GstYonosUpscaleClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (klass);

  object_class->finalize = gst_yonos_upscale_finalize;
  gst_yonos_settings_install (object_class);

  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "Neural upscaler",
      "Filter/Effect/Converter/Scaler/Video",
      "Enlarges video 2, 4 or 8 times with a neural network", "gst-yonos");

  trans_class->transform_caps = gst_yonos_upscale_transform_caps;
  trans_class->fixate_caps = gst_yonos_upscale_fixate_caps;
  trans_class->set_caps = gst_yonos_upscale_set_caps;
  trans_class->get_unit_size = gst_yonos_upscale_get_unit_size;
  trans_class->propose_allocation = gst_yonos_upscale_propose_allocation;
  trans_class->decide_allocation = gst_yonos_upscale_decide_allocation;
  trans_class->filter_meta = gst_yonos_upscale_filter_meta;
  trans_class->transform_meta = gst_yonos_upscale_transform_meta;
  trans_class->before_transform = gst_yonos_upscale_before_transform;
  trans_class->transform = gst_yonos_upscale_transform;
  trans_class->src_event = gst_yonos_upscale_src_event;
  trans_class->stop = gst_yonos_upscale_stop;
}

static void
gst_yonos_upscale_init (GstYonosUpscale * self)
{
  gst_yonos_settings_init (&self->settings);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), TRUE);
  forget (self);
}
