/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonosflight.h"
#include "gstyonosframes.h"
#include "gstyonoslive.h"
#include "gstyonosmodel.h"
#include "gstyonosnegotiate.h"

#define GST_CAT_DEFAULT gst_yonos_upscale_debug
GST_DEBUG_CATEGORY_STATIC (CAT_PERFORMANCE);

static GstBaseTransformClass *parent_class;

/* A frame in flight. */
typedef struct
{
  GstBuffer *inbuf;             /* without its memory, which goes back upstream,
                                 * unless the device may read that */
  GstBuffer *outbuf;            /* NULL: taken in the end */
  gboolean made_there;          /* by the device */
  gint64 spent;                 /* microseconds of the streaming thread */
} Frame;

static void
frame_clear (gpointer data)
{
  gst_buffer_unref (((Frame *) data)->inbuf);
  gst_clear_buffer (&((Frame *) data)->outbuf);
}

void
gst_yonos_flight_init (GstYonosFlight * flight)
{
  flight->frames = g_array_sized_new (FALSE, FALSE, sizeof (Frame),
      YONOS_MOST_IN_FLIGHT);
  g_array_set_clear_func (flight->frames, frame_clear);
}

void
gst_yonos_flight_clear (GstYonosUpscale * self)
{
  GstYonosFlight *flight = &self->flight;

  if (flight->upscaler)
    yonos_upscaler_drop (flight->upscaler);
  flight->upscaler = NULL;
  flight->is_prepared = FALSE;
  g_array_set_size (flight->frames, 0);
}

void
gst_yonos_flight_update_latency (GstYonosUpscale * self)
{
  guint waiting = self->upscaler ? yonos_upscaler_depth (self->upscaler) - 1 : 0;
  GstClockTime latency = 0;
  gboolean other;

  if (waiting > 0 && self->in_info.fps_n > 0)
    latency = gst_util_uint64_scale_int (waiting * GST_SECOND,
        self->in_info.fps_d, self->in_info.fps_n);
  GST_OBJECT_LOCK (self);
  other = self->flight.latency != latency;
  self->flight.latency = latency;
  GST_OBJECT_UNLOCK (self);
  if (other)
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_latency (GST_OBJECT (self)));
}

/* Memory goes back to its pool at once, or a source with few buffers would wait
 * for us, and we for it. */
static GstBuffer *
without_memory (GstBuffer * inbuf)
{
  GstBuffer *shell = gst_buffer_new ();

  gst_buffer_copy_into (shell, inbuf,
      GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS | GST_BUFFER_COPY_META,
      0, -1);
  return shell;
}

static GstFlowReturn
take_outbuf (GstYonosUpscale * self, GstBuffer * inbuf, GstBuffer ** outbuf)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);
  GstFlowReturn flow =
      GST_BASE_TRANSFORM_GET_CLASS (trans)->prepare_output_buffer (trans, inbuf,
      outbuf);

  if (flow != GST_FLOW_OK)
    *outbuf = NULL;
  return flow;
}

static gboolean
submit_mapped (GstYonosUpscale * self, GstYonosFrame * in, GstYonosFrame * out,
    GError ** error)
{
  YonosFrame planes = gst_yonos_frame_planes (in);

  if (in->shared.copy || out->shared.copy)
    return yonos_upscaler_submit_shared (self->upscaler, &planes,
        in->shared.copy ? &in->shared : NULL,
        out->shared.copy ? &out->shared : NULL, error);
  return yonos_upscaler_submit (self->upscaler, &planes, error);
}

/* The frame of inbuf, with the large one if it may be made where it will be. *error
 * says that there is too little memory for it. */
static GstFlowReturn
submit_frame (GstYonosUpscale * self, GstBuffer * inbuf, Frame * frame,
    GError ** error)
{
  GstYonosFrame in, out = { NULL };
  gboolean shared = self->images_out
      && yonos_upscaler_is_shared (self->upscaler);
  gboolean submitted, kept;

  if (shared || (!self->images_out && self->flight.takes_early
          && yonos_upscaler_may_be_direct (self->upscaler))) {
    GstFlowReturn flow = take_outbuf (self, inbuf, &frame->outbuf);
    if (flow != GST_FLOW_OK)
      return flow;
  }
  if (shared && !gst_yonos_map_out (self, frame->outbuf, TRUE, &out))
    return GST_FLOW_ERROR;
  if (!gst_yonos_map_in (self, inbuf, &in))
    return GST_FLOW_ERROR;
  frame->made_there = shared
      || gst_yonos_frames_direct (self, frame->outbuf);
  submitted = submit_mapped (self, &in, &out, error);
  kept = gst_yonos_unmap_in (&in);
  if (!submitted)
    return GST_FLOW_ERROR;
  if (in.imported)
    gst_yonos_stats_imported (GST_ELEMENT (self), &self->stats);
  frame->inbuf = kept ? gst_buffer_ref (inbuf) : without_memory (inbuf);
  return GST_FLOW_OK;
}

/* Until other caps or settings, so that one message is all there is. */
static GstFlowReturn
give_up (GstYonosUpscale * self, GError * error)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);
  GstCaps *in = gst_pad_get_current_caps (trans->sinkpad);
  GstCaps *out = gst_pad_get_current_caps (trans->srcpad);

  gst_yonos_post (self, GST_MESSAGE_ERROR, error, NULL);
  g_error_free (error);
  gst_yonos_flight_clear (self);
  gst_yonos_live_close (self);
  gst_yonos_upscale_refuse (self, in, out);
  gst_clear_caps (&in);
  gst_clear_caps (&out);
  return GST_FLOW_ERROR;
}

/* Waits for the oldest frame and hands it over; *error says what the upscaler
 * failed with, any other failure is posted. */
static gboolean
collect_frame (GstYonosUpscale * self, GstBuffer * outbuf,
    gboolean made_there, GError ** error)
{
  YonosUpscaler *up = self->flight.upscaler;
  GstYonosFrame mapped;
  YonosFrame planes;
  gboolean collected;

  if (made_there)
    return yonos_upscaler_collect (up, NULL, error);
  if (!gst_yonos_map_out (self, outbuf, FALSE, &mapped))
    return FALSE;
  planes = gst_yonos_frame_planes (&mapped);
  collected = yonos_upscaler_collect (up, &planes, error);
  return gst_yonos_unmap_out (&mapped) && collected;
}

/* Whether downstream has decided on another pool since the buffer was taken,
 * and so perhaps on another layout. */
static gboolean
is_outdated (GstYonosUpscale * self, GstBuffer * outbuf)
{
  GstBufferPool *pool =
      gst_base_transform_get_buffer_pool (GST_BASE_TRANSFORM (self));
  gboolean outdated = !self->images_out && outbuf->pool != pool;

  gst_clear_object (&pool);
  return outdated;
}

/* The frame in a buffer of the pool of now, in the place of *outbuf. */
static GstFlowReturn
renew (GstYonosUpscale * self, GstBuffer * inbuf, GstBuffer ** outbuf)
{
  GstBuffer *old = g_steal_pointer (outbuf);
  GstFlowReturn flow = take_outbuf (self, inbuf, outbuf);
  GstYonosFrame to;
  GstVideoFrame from;

  if (flow == GST_FLOW_OK && !gst_yonos_map_out (self, *outbuf, FALSE, &to))
    flow = GST_FLOW_ERROR;
  if (flow == GST_FLOW_OK) {
    if (gst_video_frame_map (&from, &self->out_info, old, GST_MAP_READ)) {
      gst_video_frame_copy (&to.frame, &from);
      gst_video_frame_unmap (&from);
    }
    gst_yonos_unmap_out (&to);
  }
  gst_buffer_unref (old);
  return flow;
}

/* Finishes the oldest frame. */
static GstFlowReturn
collect (GstYonosUpscale * self, GstBuffer ** outbuf)
{
  GstYonosFlight *flight = &self->flight;
  Frame *frame = &g_array_index (flight->frames, Frame, 0);
  gboolean made_there = frame->made_there;
  GstFlowReturn flow = GST_FLOW_OK;
  gsize memory = yonos_upscaler_memory (flight->upscaler);
  gint64 start, spent;
  GError *error = NULL;

  *outbuf = g_steal_pointer (&frame->outbuf);
  if (*outbuf && !made_there && is_outdated (self, *outbuf))
    gst_clear_buffer (outbuf);
  if (!*outbuf)
    flow = take_outbuf (self, frame->inbuf, outbuf);
  if (flow != GST_FLOW_OK) {
    gst_yonos_flight_clear (self);
    return flow;
  }
  start = g_get_monotonic_time ();
  if (!collect_frame (self, *outbuf, made_there, &error)) {
    gst_clear_buffer (outbuf);
    if (error)
      return give_up (self, error);
    gst_yonos_flight_clear (self);
    return GST_FLOW_ERROR;
  }
  if (yonos_upscaler_memory (flight->upscaler) != memory
      && flight->upscaler == self->upscaler)
    gst_yonos_live_shrunk (self);
  if (made_there && !self->images_out)
    gst_yonos_stats_direct (GST_ELEMENT (self), &self->stats);
  if (made_there && is_outdated (self, *outbuf))
    flow = renew (self, frame->inbuf, outbuf);
  if (flow != GST_FLOW_OK) {
    gst_clear_buffer (outbuf);
    gst_yonos_flight_clear (self);
    return flow;
  }
  spent = frame->spent + g_get_monotonic_time () - start;
  GST_CAT_LOG_OBJECT (CAT_PERFORMANCE, self, "frame took %" G_GINT64_FORMAT
      " us", spent);
  gst_yonos_live_after (self, frame->inbuf, spent,
      yonos_upscaler_times (flight->upscaler));
  g_array_remove_index (flight->frames, 0);
  return GST_FLOW_OK;
}

void
gst_yonos_flight_drain (GstYonosUpscale * self)
{
  GstFlowReturn flow = GST_FLOW_OK;

  while (flow == GST_FLOW_OK && self->flight.frames->len > 0) {
    GstBuffer *outbuf = NULL;
    flow = collect (self, &outbuf);
    if (flow == GST_FLOW_OK)
      flow = gst_pad_push (GST_BASE_TRANSFORM_SRC_PAD (self), outbuf);
  }
  if (self->flight.frames->len > 0)
    gst_yonos_flight_clear (self);
}

/* When a frame is too large for the memory that is left: those before it are
 * finished, and it is made in smaller tiles. */
static gboolean
make_room (GstYonosUpscale * self, Frame * frame, GError ** error)
{
  gst_clear_buffer (&frame->outbuf);
  gst_yonos_flight_drain (self);
  if (!self->upscaler || !yonos_upscaler_shrink (self->upscaler))
    return FALSE;
  g_clear_error (error);
  gst_yonos_live_shrunk (self);
  return TRUE;
}

/* Takes over inbuf. */
static GstFlowReturn
submit (GstYonosUpscale * self, GstBuffer * inbuf)
{
  GstYonosFlight *flight = &self->flight;
  gint64 start = g_get_monotonic_time ();
  Frame frame = { NULL };
  GError *error = NULL;
  GstFlowReturn flow;

  do
    flow = submit_frame (self, inbuf, &frame, &error);
  while (error && make_room (self, &frame, &error));
  gst_buffer_unref (inbuf);
  if (error)
    return give_up (self, error);
  if (flow != GST_FLOW_OK) {
    gst_clear_buffer (&frame.outbuf);
    return flow;
  }
  frame.spent = g_get_monotonic_time () - start;
  g_array_append_val (flight->frames, frame);
  if (flight->upscaler != self->upscaler) {
    flight->upscaler = self->upscaler;
    gst_yonos_flight_update_latency (self);
  }
  return GST_FLOW_OK;
}

/* --- virtual functions --- */

static GstFlowReturn
submit_input_buffer (GstBaseTransform * trans, gboolean is_discont,
    GstBuffer * inbuf)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);

  /* The base class marks the next frame that goes out, which shall be this. */
  if (is_discont)
    gst_yonos_flight_drain (self);
  self->flight.is_prepared = FALSE;
  if (self->upscaler)
    gst_yonos_live_swap (self);
  return parent_class->submit_input_buffer (trans, is_discont, inbuf);
}

/* After a refusal, frames of the caps before it, or with new settings. */
static void
try_again (GstYonosUpscale * self)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);
  GstCaps *in = gst_pad_get_current_caps (trans->sinkpad);
  GstCaps *out = gst_pad_get_current_caps (trans->srcpad);

  if (in && out)
    GST_BASE_TRANSFORM_GET_CLASS (trans)->set_caps (trans, in, out);
  gst_clear_caps (&in);
  gst_clear_caps (&out);
}

/* Called until it gives no frame. */
static GstFlowReturn
generate_output (GstBaseTransform * trans, GstBuffer ** outbuf)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);
  GstYonosFlight *flight = &self->flight;
  gboolean passthrough = gst_base_transform_is_passthrough (trans);
  GstFlowReturn flow;

  if (!passthrough && !self->upscaler && self->refused_in)
    try_again (self);
  if (self->refused_in && (passthrough || self->upscaler))
    gst_yonos_upscale_refuse (self, NULL, NULL);
  if (passthrough || !self->upscaler)
    return parent_class->generate_output (trans, outbuf);
  /* its upscaler may be freed as soon as nothing of it is in flight */
  if (flight->frames->len == 0)
    flight->upscaler = NULL;
  if (trans->queued_buf && !flight->is_prepared) {
    gst_yonos_live_before (self, trans->queued_buf);
    flight->is_prepared = TRUE;
  }
  /* Another upscaler has to wait until the frames of the one before are out. */
  if (trans->queued_buf && (flight->frames->len == 0
          || flight->upscaler == self->upscaler)) {
    flow = submit (self, g_steal_pointer (&trans->queued_buf));
    if (flow != GST_FLOW_OK)
      return flow;
  }
  if (flight->frames->len > 0 && (trans->queued_buf
          || flight->frames->len == yonos_upscaler_depth (flight->upscaler)))
    return collect (self, outbuf);
  return GST_FLOW_OK;
}

static gboolean
sink_event (GstBaseTransform * trans, GstEvent * event)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);

  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    gst_yonos_flight_clear (self);
  else if (GST_EVENT_IS_SERIALIZED (event))
    gst_yonos_flight_drain (self);
  return parent_class->sink_event (trans, event);
}

static gboolean
query (GstBaseTransform * trans, GstPadDirection direction, GstQuery * query)
{
  GstYonosUpscale *self = GST_YONOS_UPSCALE (trans);
  GstClockTime min, max, ours;
  gboolean live;

  if (GST_QUERY_TYPE (query) == GST_QUERY_DRAIN && direction == GST_PAD_SINK)
    gst_yonos_flight_drain (self);
  if (!gst_yonos_upscale_query (trans, direction, query))
    return FALSE;
  if (GST_QUERY_TYPE (query) == GST_QUERY_LATENCY && direction == GST_PAD_SRC) {
    GST_OBJECT_LOCK (self);
    ours = self->flight.latency;
    GST_OBJECT_UNLOCK (self);
    gst_query_parse_latency (query, &live, &min, &max);
    gst_query_set_latency (query, live, min + ours,
        GST_CLOCK_TIME_IS_VALID (max) ? max + ours : max);
  }
  return TRUE;
}

void
gst_yonos_flight_init_class (GstBaseTransformClass * klass)
{
  GST_DEBUG_CATEGORY_GET (CAT_PERFORMANCE, "GST_PERFORMANCE");
  parent_class = g_type_class_peek_parent (klass);
  klass->submit_input_buffer = submit_input_buffer;
  klass->generate_output = generate_output;
  klass->sink_event = sink_event;
  klass->query = query;
}
