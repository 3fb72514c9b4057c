/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonoslive.h"
#include "gstyonosbuffers.h"
#include "gstyonosframes.h"
#include "gstyonosmodel.h"
#include "gstyonosnegotiate.h"
#include "gstyonosnetworks.h"
#include "gstyonosrefusal.h"
#include "gstyonossettings.h"

#define GST_CAT_DEFAULT gst_yonos_upscale_debug
/* A sink that is told of no frame for so long tells of none. */
#define QOS_EXPIRES (2 * G_USEC_PER_SEC)
#define WINDOW (10 * G_USEC_PER_SEC)

/* --- which networks --- */

/* Whether these settings need other networks than those. */
static gboolean
is_other (const GstYonosSettings * s, const GstYonosSettings * than)
{
  return s->scale != than->scale || g_strcmp0 (s->model, than->model) != 0
      || (!s->model && (s->tier != than->tier || s->content != than->content))
      || g_strcmp0 (s->device, than->device) != 0
      || s->max_memory != than->max_memory || s->in_flight != than->in_flight
      || (s->enabled && !than->enabled)
      || (s->qos_mode == GST_YONOS_QOS_LADDER
      && than->qos_mode != GST_YONOS_QOS_LADDER);
}

static GstYonosNetworks *
load (GstYonosUpscale * self, const GstVideoInfo * out, gint scale,
    gboolean warm)
{
  const GstYonosSettings *s = &self->live.asked;
  YonosUpscalerParams params = {.scale = scale,.device = s->device,
    .seed = s->seed,.in = gst_yonos_frame_format (&self->in_info),
    .out = gst_yonos_frame_format (out),
    .max_memory = s->max_memory,.in_flight = s->in_flight,
    .shared = gst_yonos_frames_device (self)
  };

  return gst_yonos_networks_load (s, &params,
      s->qos_mode == GST_YONOS_QOS_LADDER, warm);
}

/* Frees those whose thread is done, or waits for all. */
static void
reap (GstYonosLive * live, gboolean wait)
{
  GSList *left = NULL;

  for (GSList * l = live->retired; l; l = l->next) {
    if (wait || gst_yonos_networks_are_done (l->data))
      gst_yonos_networks_free (l->data);
    else
      left = g_slist_prepend (left, l->data);
  }
  g_slist_free (live->retired);
  live->retired = left;
}

static void
retire (GstYonosLive * live, GstYonosNetworks * networks)
{
  if (!networks)
    return;
  gst_yonos_networks_cancel (networks);
  live->retired = g_slist_prepend (live->retired, networks);
}

static void
report (GstYonosUpscale * self)
{
  const GstYonosNetwork *first = gst_yonos_networks_get (self->live.now, 0);
  const gchar *note = yonos_upscaler_note (first->upscaler);

  const YonosDeviceInfo *device = yonos_upscaler_device_info (first->upscaler);

  GST_INFO_OBJECT (self, "%s (%s, SHA-256 %s) runs on %s, driver %s, %s, "
      "kernels %s", first->tier, first->path ? first->path : "no model",
      first->hash ? first->hash : "none", device->name, device->driver,
      device->precision, device->kernels);
  if (first->path && !yonos_upscaler_has_perceptual (first->upscaler))
    GST_INFO_OBJECT (self, "%s has one decoder: fidelity has no effect",
        first->path);
  if (!note || self->warned)
    return;
  self->warned = TRUE;
  GST_ELEMENT_WARNING (self, RESOURCE, FAILED, ("%s", note), (NULL));
}

static void
take (GstYonosUpscale * self, GstYonosNetworks * networks)
{
  GstYonosLive *live = &self->live;

  retire (live, live->now);
  live->now = networks;
  live->network = NULL;
  gst_yonos_settings_copy (&live->taken, &live->asked);
  gst_yonos_ladder_init (&live->ladder, gst_yonos_networks_n_steps (networks));
  report (self);
}

static void
list_devices (GstYonosUpscale * self)
{
  static gsize listed = 0;
  gchar *list;

  /* Looking costs time, and few want to know. */
  if (gst_debug_category_get_threshold (GST_CAT_DEFAULT) < GST_LEVEL_INFO
      || !g_once_init_enter (&listed))
    return;
  list = yonos_upscaler_devices ();
  GST_INFO_OBJECT (self, "Vulkan devices: %s", *list ? list : "none");
  g_free (list);
  g_once_init_leave (&listed, 1);
}

static void
set_scale (GstYonosUpscale * self, gint scale)
{
  GST_OBJECT_LOCK (self);
  self->live.scale = scale;
  GST_OBJECT_UNLOCK (self);
}

/* What `asked` says; NULL with an error. */
static GstYonosNetworks *
load_and_wait (GstYonosUpscale * self, GError ** error)
{
  GstYonosNetworks *networks = load (self, &self->out_info, self->scale, FALSE);

  gst_yonos_networks_wait (networks);
  if (!gst_yonos_networks_error (networks))
    return networks;
  *error = g_error_copy (gst_yonos_networks_error (networks));
  gst_yonos_networks_free (networks);
  return NULL;
}

/* For new caps in mid-stream, what made the frames until now will do where the
 * settings fail; those are tried again, aside, with the next frame. */
static GstYonosNetworks *
load_first (GstYonosUpscale * self)
{
  GstYonosLive *live = &self->live;
  GError *error = NULL, *again = NULL;
  GstYonosNetworks *networks = load_and_wait (self, &error);

  if (!networks && live->taken.device && is_other (&live->asked, &live->taken)) {
    gst_yonos_settings_copy (&live->asked, &live->taken);
    networks = load_and_wait (self, &again);
    g_clear_error (&again);
  }
  if (!networks)
    gst_yonos_post (self, GST_MESSAGE_ERROR, error, NULL);
  g_clear_error (&error);
  return networks;
}

gboolean
gst_yonos_live_open (GstYonosUpscale * self)
{
  GstYonosLive *live = &self->live;
  GstYonosNetworks *networks;

  GST_OBJECT_LOCK (self);
  gst_yonos_settings_copy (&live->asked, &self->settings);
  if (live->scale > 0)
    live->asked.scale = live->scale;
  GST_OBJECT_UNLOCK (self);
  list_devices (self);
  live->reason = "start";
  live->live_known = FALSE;
  live->window = 0;
  live->last_pts = GST_CLOCK_TIME_NONE;
  networks = load_first (self);
  if (!networks)
    return FALSE;
  set_scale (self, live->asked.scale);
  take (self, networks);
  self->stats.measuring = live->asked.enabled && self->scale > 1
      && g_ascii_strcasecmp (live->asked.device, "auto") == 0
      && gst_yonos_on_cpu (gst_yonos_networks_get (networks, 0)->upscaler);
  self->upscaler = gst_yonos_networks_get (networks, 0)->upscaler;
  return TRUE;
}

gboolean
gst_yonos_live_adopt (GstYonosUpscale * self, const GstVideoInfo * in,
    const GstVideoInfo * out)
{
  GstYonosLive *live = &self->live;

  if (!live->next || !gst_yonos_networks_are_ready (live->next)
      || gst_yonos_networks_error (live->next)
      || !gst_video_info_is_equal (&self->in_info, in)
      || !gst_video_info_is_equal (&live->next_out, out))
    return FALSE;
  take (self, g_steal_pointer (&live->next));
  set_scale (self, live->asked.scale);
  live->reason = "property";
  self->upscaler = gst_yonos_networks_get (live->now, 0)->upscaler;
  return TRUE;
}

void
gst_yonos_live_close (GstYonosUpscale * self)
{
  GstYonosLive *live = &self->live;

  self->upscaler = NULL;
  retire (live, live->now);
  retire (live, live->next);
  reap (live, TRUE);
  gst_yonos_settings_clear (&live->asked);
  live->now = live->next = NULL;
  live->network = NULL;
}

void
gst_yonos_live_forget (GstYonosUpscale * self)
{
  gst_yonos_live_close (self);
  gst_yonos_settings_clear (&self->live.taken);
  set_scale (self, 0);
}

/* --- when --- */

static gboolean
is_live (GstYonosUpscale * self)
{
  GstYonosLive *live = &self->live;
  GstQuery *query;

  if (!live->live_known) {
    query = gst_query_new_latency ();
    live->live = FALSE;
    live->live_known = TRUE;
    if (gst_pad_peer_query (GST_BASE_TRANSFORM (self)->sinkpad, query))
      gst_query_parse_latency (query, &live->live, NULL, NULL);
    gst_query_unref (query);
  }
  return live->live;
}

/* How long after its own time a frame is here, FALSE where nothing tells. */
static gboolean
delay_now (GstYonosUpscale * self, GstBuffer * buf, gint64 * delay)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  GstClock *clock = gst_element_get_clock (GST_ELEMENT (self));
  GstClockTime running = GST_CLOCK_TIME_NONE;
  gboolean known;

  if (segment->format == GST_FORMAT_TIME)
    running = gst_segment_to_running_time (segment, GST_FORMAT_TIME,
        GST_BUFFER_PTS (buf));
  known = clock && GST_CLOCK_TIME_IS_VALID (running);
  if (known)
    *delay = GST_CLOCK_DIFF (gst_element_get_base_time (GST_ELEMENT (self))
        + running, gst_clock_get_time (clock));
  gst_clear_object (&clock);
  return known;
}

/* A live frame's usual delay is the least of the last ten to twenty seconds:
 * what capturing, networks and decoders take, which no tier can change. */
static void
note_arrival (GstYonosUpscale * self, GstBuffer * buf)
{
  GstYonosLive *live = &self->live;
  gint64 delay, now = g_get_monotonic_time ();

  if (!is_live (self) || !delay_now (self, buf, &delay))
    return;
  if (live->window == 0 || now - live->window > WINDOW) {
    live->delay_before = live->window == 0 ? delay : live->delay_least;
    live->delay_least = delay;
    live->window = now;
  }
  live->delay_least = MIN (live->delay_least, delay);
}

/* The time from this frame to the next, 0 where nothing tells. */
static gint64
length (GstYonosUpscale * self, GstBuffer * buf)
{
  GstYonosLive *live = &self->live;
  GstClockTime last = live->last_pts;

  live->last_pts = GST_BUFFER_PTS (buf);
  if (GST_BUFFER_DURATION_IS_VALID (buf) && GST_BUFFER_DURATION (buf) > 0)
    return GST_BUFFER_DURATION (buf);
  if (self->in_info.fps_n > 0)
    return gst_util_uint64_scale_int (GST_SECOND, self->in_info.fps_d,
        self->in_info.fps_n);
  if (GST_CLOCK_TIME_IS_VALID (last) && GST_BUFFER_PTS_IS_VALID (buf)
      && GST_BUFFER_PTS (buf) > last
      && GST_BUFFER_PTS (buf) - last < GST_SECOND)
    return GST_BUFFER_PTS (buf) - last;
  return 0;
}

/* By how much more than its length a live frame is behind, or how late a sink
 * found one lately; FALSE: nothing waits for it. */
static gboolean
lateness (GstYonosUpscale * self, GstBuffer * buf, gint64 length,
    gint64 * late)
{
  GstYonosLive *live = &self->live;
  gboolean known;

  if (is_live (self) && live->window > 0 && delay_now (self, buf, late)) {
    *late -= MIN (live->delay_least, live->delay_before) + length;
    return TRUE;
  }
  GST_OBJECT_LOCK (self);
  known = live->qos_at > 0
      && g_get_monotonic_time () - live->qos_at < QOS_EXPIRES;
  *late = live->qos_late;
  GST_OBJECT_UNLOCK (self);
  return known;
}

/* --- the next frame --- */

static void
warn (GstYonosUpscale * self, const GError * error)
{
  gst_yonos_post (self, GST_MESSAGE_WARNING, error,
      "The stream goes on with what it had.");
}

/* Begins to load what `asked` says, for the caps that its scale leads to. */
static void
load_aside (GstYonosUpscale * self)
{
  GstYonosLive *live = &self->live;
  GError *error = NULL;
  gint scale = self->scale;

  retire (live, g_steal_pointer (&live->next));
  live->next_out = self->out_info;
  if (live->asked.scale != live->taken.scale
      && gst_yonos_out_info (self, live->asked.scale, &live->next_out))
    scale = gst_yonos_check_request (&self->in_info, &live->next_out, &error);
  if (error) {
    warn (self, error);
    g_error_free (error);
    return;
  }
  if (gst_video_info_is_equal (&live->next_out, &self->out_info)) {
    set_scale (self, live->asked.scale);
    live->taken.scale = live->asked.scale;
  }
  if (is_other (&live->asked, &live->taken))
    live->next = load (self, &live->next_out, scale, TRUE);
}

void
gst_yonos_live_swap (GstYonosUpscale * self)
{
  GstYonosLive *live = &self->live;

  reap (live, FALSE);
  if (!live->next || !gst_yonos_networks_are_ready (live->next))
    return;
  if (gst_yonos_networks_error (live->next)) {
    warn (self, gst_yonos_networks_error (live->next));
    retire (live, g_steal_pointer (&live->next));
    return;
  }
  if (gst_yonos_live_adopt (self, &self->in_info, &self->out_info))
    return;
  if (live->scale != live->asked.scale) {
    set_scale (self, live->asked.scale);
    gst_base_transform_reconfigure_src (GST_BASE_TRANSFORM (self));
  } else {
    /* It was negotiated, but whoever is behind wants something else by now. */
    live->taken.scale = live->asked.scale;
    load_aside (self);
  }
}

static void
note_network (GstYonosUpscale * self)
{
  const GstYonosNetwork *network = self->live.network;

  gst_yonos_stats_set_network (GST_ELEMENT (self), &self->stats,
      network->upscaler, gst_yonos_frames_images (self, network->upscaler),
      network->tier, network->path, network->hash);
}

static void
choose (GstYonosUpscale * self, gboolean enabled)
{
  GstYonosLive *live = &self->live;
  guint steps = gst_yonos_networks_n_steps (live->now);
  guint step = enabled ? live->ladder.step : steps - 1;
  const GstYonosNetwork *network = gst_yonos_networks_get (live->now, step);

  if (network == live->network)
    return;
  live->network = network;
  self->upscaler = network->upscaler;
  note_network (self);
  GST_INFO_OBJECT (self, "tier %s, step %u of %u: %s", network->tier, step,
      steps, live->reason);
  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_element (GST_OBJECT (self),
          gst_structure_new ("yonos-tier", "tier", G_TYPE_STRING, network->tier,
              "step", G_TYPE_UINT, step, "steps", G_TYPE_UINT, steps, "reason",
              G_TYPE_STRING, live->reason, NULL)));
  live->reason = "property";
}

void
gst_yonos_live_before (GstYonosUpscale * self, GstBuffer * inbuf)
{
  GstYonosLive *live = &self->live;
  GstYonosSettings s;
  gboolean other;

  GST_OBJECT_LOCK (self);
  s = self->settings;
  /* To set what failed again is to try again. */
  other = is_other (&s, &live->asked) || (s.serial != live->asked.serial
      && !live->next && is_other (&s, &live->taken));
  if (other) {
    gst_yonos_settings_copy (&live->asked, &s);
    /* What was loaded stays. */
    live->asked.enabled |= live->taken.enabled;
  }
  GST_OBJECT_UNLOCK (self);
  if (other)
    load_aside (self);
  note_arrival (self, inbuf);
  if (s.qos_mode != GST_YONOS_QOS_LADDER && live->ladder.step > 0)
    gst_yonos_ladder_init (&live->ladder, live->ladder.n_steps);
  choose (self, s.enabled);
  yonos_upscaler_set_noise (self->upscaler, s.noise, s.seed);
  yonos_upscaler_set_fidelity (self->upscaler, s.fidelity);
  yonos_upscaler_set_split (self->upscaler,
      live->network->path ? (gfloat) s.split : 0);
}

void
gst_yonos_live_shrunk (GstYonosUpscale * self)
{
  const gchar *note = yonos_upscaler_note (self->upscaler);

  note_network (self);
  if (gst_yonos_on_cpu (self->upscaler))
    GST_ELEMENT_WARNING (self, RESOURCE, FAILED, ("%s", note), (NULL));
  else
    GST_ELEMENT_WARNING (self, RESOURCE, NO_SPACE_LEFT,
        ("The GPU's memory has become short, so each frame is made in %d tiles "
            "from now on, which takes longer.",
            yonos_upscaler_tiles (self->upscaler)), (NULL));
}

/* --- the last frame --- */

void
gst_yonos_live_after (GstYonosUpscale * self, GstBuffer * inbuf, gint64 spent,
    const YonosUpscalerTimes * times)
{
  GstYonosLive *live = &self->live;
  /* What a frame in flight takes does not show in this thread. */
  gint64 made = (gint64) (1e6 * (times->upload + MAX (times->compute,
              times->device) + times->download));
  gint64 late = 0, duration = length (self, inbuf);
  gboolean known = lateness (self, inbuf, duration, &late), ladder;

  gst_yonos_stats_frame (GST_ELEMENT (self), &self->stats, spent, times,
      known && late > 0);
  GST_OBJECT_LOCK (self);
  ladder = self->settings.qos_mode == GST_YONOS_QOS_LADDER
      && self->settings.enabled;
  GST_OBJECT_UNLOCK (self);
  GST_LOG_OBJECT (self, "frame took %" G_GINT64_FORMAT " us, late by %"
      GST_STIME_FORMAT, spent,
      GST_STIME_ARGS (known ? late : GST_CLOCK_STIME_NONE));
  if (ladder && known && duration > 0) {
    guint before = live->ladder.step;
    if (gst_yonos_ladder_frame (&live->ladder, g_get_monotonic_time () * 1000,
            MAX (spent, made) * 1000, duration, late))
      live->reason = live->ladder.step > before ? "late" : "calm";
  }
  GST_OBJECT_LOCK (self);
  live->may_step_down = ladder && live->ladder.step + 1 < live->ladder.n_steps;
  GST_OBJECT_UNLOCK (self);
}

gboolean
gst_yonos_live_src_event (GstYonosUpscale * self, GstEvent * event)
{
  GstYonosLive *live = &self->live;
  GstClockTimeDiff late;
  gboolean pass = TRUE;

  if (GST_EVENT_TYPE (event) == GST_EVENT_QOS) {
    gst_event_parse_qos (event, NULL, NULL, &late, NULL);
    GST_OBJECT_LOCK (self);
    live->qos_late = late;
    live->qos_at = g_get_monotonic_time ();
    pass = self->settings.qos_mode != GST_YONOS_QOS_OFF
        && !live->may_step_down;
    GST_OBJECT_UNLOCK (self);
  }
  return pass;
}
