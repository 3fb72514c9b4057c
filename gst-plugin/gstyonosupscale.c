/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-yonosupscale
 * @title: yonosupscale
 * @see_also: videoscale, deinterlace
 *
 * Enlarges video up to 8 times with a small neural network. A size that the
 * caps behind the element fix may be any from the input's to 8 times that: the
 * network makes the next of 2, 4 and 8 times, and bicubic reduces that to the
 * wanted size. Where only one side is fixed, or the shape of the pixels, the
 * picture's shape is kept; where both sides are, the pixels' shape follows. Else
 * the #GstYonosUpscale:scale property decides. At the same size frames go
 * through as they are, or change their format only.
 *
 * The output may have another format than the input, with 8, 10 or 16 bits; as
 * long as nothing fixes it, it stays the same, as do colorimetry, siting of
 * chroma and the metadata of HDR. PQ and HLG are enlarged as coded. Alpha is
 * enlarged by bicubic. Only progressive video is taken. Builds against
 * libgstvulkan 1.26 take and give Vulkan images too; where the network can run
 * on the device that they are on, they do not leave it. Linear DMABufs are read
 * by the GPU where they are, if its driver can.
 *
 * The first GPU with Vulkan runs it, or the CPU where there is none; the
 * #GstYonosUpscale:device property decides otherwise. A GPU stores tensors as
 * fp16 where it can; YONOS_PRECISION=fp32 in the environment turns that off.
 * On the CPU, OMP_NUM_THREADS limits its threads. Those that wait sleep, unless
 * OMP_WAIT_POLICY says otherwise.
 *
 * #GstYonosUpscale:frames-in-flight frames are in the making at once: by
 * default two on a GPU, so that the pipeline's work on frames overlaps with the
 * GPU's, and one on the CPU, where that hardly gains. All but one of them come
 * on top of the latency.
 *
 * Frames that do not fit into #GstYonosUpscale:max-memory are made in tiles,
 * which gives the same pixels and takes longer.
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
 * which shows both side by side. Another #GstYonosUpscale:tier,
 * #GstYonosUpscale:model, #GstYonosUpscale:scale or #GstYonosUpscale:device is
 * loaded aside and taken between two frames, with new caps where the size
 * changes; one that fails leaves a warning, and the stream goes on as it was.
 *
 * #GstYonosUpscale:qos-mode says what becomes of frames that come too late: they
 * are dropped, or cheaper tiers make them, down to plain bicubic, until there is
 * time again. Each change is posted as an element message yonos-tier, what the
 * frames cost once a second as yonos-stats.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 filesrc location=small.webm ! decodebin ! yonosupscale ! videoconvert ! autovideosink
 * ]| Doubles a video and shows it.
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=1 ! video/x-raw,width=320,height=180 ! yonosupscale scale=4 ! pngenc ! filesink location=big.png
 * ]| Enlarges one picture four times.
 * |[
 * gst-launch-1.0 filesrc location=small.webm ! decodebin ! yonosupscale fidelity=0.5 noise=fresh ! videoconvert ! autovideosink
 * ]| Half of the invented detail, and grain that moves.
 * |[
 * gst-launch-1.0 filesrc location=small.webm ! decodebin ! yonosupscale split=0.5 ! videoconvert ! autovideosink
 * ]| The network at the left, plain bicubic at the right.
 * |[
 * gst-launch-1.0 -m v4l2src ! videoconvert ! yonosupscale qos-mode=ladder ! videoconvert ! autovideosink
 * ]| A camera, with the best tier that keeps up.
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <gst/video/navigation.h>

#include "gstyonosupscale.h"
#include "gstyonosbuffers.h"
#include "gstyonosflight.h"
#include "gstyonosframes.h"
#include "gstyonosnegotiate.h"
#include "gstyonoslive.h"
#include "gstyonosmodel.h"
#include "gstyonosrefusal.h"
#include "gstyonossettings.h"
#ifdef HAVE_GST_VULKAN
#include "gstyonosvulkan.h"
#endif

GST_DEBUG_CATEGORY (gst_yonos_upscale_debug);
#define GST_CAT_DEFAULT gst_yonos_upscale_debug

#define gst_yonos_upscale_parent_class parent_class
G_DEFINE_TYPE (GstYonosUpscale, gst_yonos_upscale, GST_TYPE_BASE_TRANSFORM);
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (yonosupscale, "yonosupscale",
    GST_RANK_NONE, GST_TYPE_YONOS_UPSCALE,
    GST_DEBUG_CATEGORY_INIT (gst_yonos_upscale_debug, "yonosupscale", 0,
        "neural video upscaler"));

/* --- caps --- */

static void
forget (GstYonosUpscale * self)
{
  gst_yonos_flight_clear (self);
  gst_yonos_live_close (self);
  gst_yonos_frames_close (self);
  gst_video_info_init (&self->in_info);
  gst_video_info_init (&self->out_info);
  gst_yonos_upscale_refuse (self, NULL, NULL);
}

static gboolean
is_of (const GstVideoInfo * in, const GstVideoInfo * out,
    const GstVideoInfo * other_in, const GstVideoInfo * other_out)
{
  return gst_video_info_is_equal (in, other_in)
      && gst_video_info_is_equal (out, other_out);
}

static guint
settings_serial (GstYonosUpscale * self)
{
  guint serial;

  GST_OBJECT_LOCK (self);
  serial = self->settings.serial;
  GST_OBJECT_UNLOCK (self);
  return serial;
}

gboolean
gst_yonos_upscale_refuse (GstYonosUpscale * self, GstCaps * in, GstCaps * out)
{
  gst_caps_replace (&self->refused_in, in);
  gst_caps_replace (&self->refused_out, out);
  self->refused_serial = settings_serial (self);
  return FALSE;
}

static gboolean
is_refused (GstYonosUpscale * self, GstCaps * in, GstCaps * out)
{
  return self->refused_in && self->refused_serial == settings_serial (self)
      && gst_caps_is_equal (self->refused_in, in)
      && gst_caps_is_equal (self->refused_out, out);
}

/* Whether it can be done at all, and the network's scale. Posts why not. */
static gboolean
check (GstYonosUpscale * self, GstCaps * incaps, GstCaps * outcaps,
    GstVideoInfo * in, GstVideoInfo * out, gint * scale, gboolean * passthrough)
{
  GError *error = NULL;

  *scale = 0;
  if (gst_yonos_parse_caps (incaps, outcaps, in, out, &error))
    *scale = gst_yonos_check_request (in, out, &error);
  if (!error) {
    *passthrough = *scale == 1 && gst_yonos_same_pixels (in, out)
        && gst_caps_features_is_equal (gst_caps_get_features (incaps, 0),
        gst_caps_get_features (outcaps, 0));
    if (*passthrough || gst_yonos_check_frames (incaps, outcaps, &error))
      return TRUE;
  }
  gst_yonos_post (self, GST_MESSAGE_ERROR, error, NULL);
  g_error_free (error);
  return FALSE;
}

static gboolean
gst_yonos_upscale_set_caps (GstBaseTransform * trans, GstCaps * incaps,
    GstCaps * outcaps)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);
  GstVideoInfo in, out;
  gboolean passthrough, adopted, had_images;
  gint scale;

  /* GstBaseTransform may ask again: one message is enough. */
  if (is_refused (self, incaps, outcaps))
    return FALSE;
  if (!check (self, incaps, outcaps, &in, &out, &scale, &passthrough))
    return gst_yonos_upscale_refuse (self, incaps, outcaps);
  gst_yonos_flight_drain (self);
  if (self->upscaler && is_of (&self->in_info, &self->out_info, &in, &out)) {
    had_images = self->images_in || self->images_out;
    if (!gst_yonos_frames_open (self, incaps, outcaps))
      return gst_yonos_upscale_refuse (self, incaps, outcaps);
    /* what was loaded for frames of the host does not share their device */
    if (had_images || !(self->images_in || self->images_out))
      return TRUE;
  }

  gst_yonos_flight_clear (self);
  adopted = gst_yonos_live_adopt (self, &in, &out);
  if (!adopted)
    forget (self);
  self->in_info = in;
  self->out_info = out;
  self->scale = scale;
  gst_base_transform_set_passthrough (trans, passthrough);
  if (passthrough)
    gst_yonos_live_forget (self);
  else if (!gst_yonos_frames_open (self, incaps, outcaps)
      || (!adopted && !gst_yonos_live_open (self))) {
    gst_yonos_live_close (self);
    return gst_yonos_upscale_refuse (self, incaps, outcaps);
  }
  gst_yonos_flight_update_latency (self);
  return TRUE;
}

/* --- buffers --- */

static void
gst_yonos_upscale_before_transform (GstBaseTransform * trans, GstBuffer * buf)
{
  GstClockTime time = GST_CLOCK_TIME_NONE;

  if (trans->segment.format == GST_FORMAT_TIME)
    time = gst_segment_to_stream_time (&trans->segment, GST_FORMAT_TIME,
        GST_BUFFER_PTS (buf));
  if (GST_CLOCK_TIME_IS_VALID (time))
    gst_object_sync_values (GST_OBJECT (trans), time);
}

/* Comes here only where there is no upscaler; gstyonosflight.c does the rest.
 * The base class takes a class without it for one that changes nothing. */
static GstFlowReturn
gst_yonos_upscale_transform (GstBaseTransform * trans, GstBuffer * inbuf,
    GstBuffer * outbuf)
{
  return GST_YONOS_UPSCALE (trans)->refused_in ? GST_FLOW_ERROR :
      GST_FLOW_NOT_NEGOTIATED;
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
  gst_yonos_live_forget (self);
  gst_yonos_frames_forget (self);
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
  gst_yonos_live_forget (self);
  gst_yonos_stats_clear (&self->stats);
#ifdef HAVE_GST_VULKAN
  gst_yonos_vulkan_free (self->vulkan, GST_ELEMENT (self));
#endif
  gst_yonos_settings_clear (&self->settings);
  g_array_unref (self->flight.frames);
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

  gst_yonos_add_pad_templates (element_class);
  gst_element_class_set_static_metadata (element_class, "Neural upscaler",
      "Filter/Effect/Converter/Scaler/Video",
      "Enlarges video up to 8 times with a neural network", "gst-yonos");

  trans_class->transform_caps = gst_yonos_upscale_transform_caps;
  trans_class->fixate_caps = gst_yonos_upscale_fixate_caps;
  trans_class->set_caps = gst_yonos_upscale_set_caps;
  gst_yonos_buffers_init_class (trans_class);
  gst_yonos_flight_init_class (trans_class);
  trans_class->before_transform = gst_yonos_upscale_before_transform;
  trans_class->transform = gst_yonos_upscale_transform;
  trans_class->src_event = gst_yonos_upscale_src_event;
  trans_class->stop = gst_yonos_upscale_stop;
}

static void
gst_yonos_upscale_init (GstYonosUpscale * self)
{
#ifdef HAVE_GST_VULKAN
  self->vulkan = gst_yonos_vulkan_new ();
#endif
  gst_yonos_settings_init (&self->settings);
  gst_yonos_flight_init (&self->flight);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), TRUE);
  forget (self);
}
