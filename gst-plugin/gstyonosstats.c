/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonosstats.h"

#define FRAMES_TO_MEASURE 30
#define NAME "yonos-stats"

void
gst_yonos_stats_clear (GstYonosStats * stats)
{
  g_clear_pointer (&stats->network, gst_structure_free);
  *stats = (GstYonosStats) { NULL };
}

void
gst_yonos_stats_set_network (GstElement * el, GstYonosStats * stats,
    const YonosUpscaler * up, const gchar * images, const gchar * tier,
    const gchar * model, const gchar * hash)
{
  const YonosDeviceInfo *info = yonos_upscaler_device_info (up);
  GstStructure *network = gst_structure_new (NAME,
      "device", G_TYPE_STRING, info->name, "driver", G_TYPE_STRING,
      info->driver, "precision", G_TYPE_STRING, info->precision, "kernels",
      G_TYPE_STRING, info->kernels, "images", G_TYPE_STRING, images, "tier",
      G_TYPE_STRING, tier, "model", G_TYPE_STRING, model, "model-hash",
      G_TYPE_STRING, hash, "tiles", G_TYPE_INT, yonos_upscaler_tiles (up),
      "memory", G_TYPE_UINT64, (guint64) yonos_upscaler_memory (up), NULL);

  GST_OBJECT_LOCK (el);
  if (stats->network)
    gst_structure_free (stats->network);
  stats->network = network;
  GST_OBJECT_UNLOCK (el);
}

/* Once a stream; the first frame warms up. */
static void
measure (GstElement * el, GstYonosStats * stats, gint64 spent)
{
  gchar *text;

  if (!stats->measuring || stats->n_measured++ == 0)
    return;
  stats->time_measured += spent;
  if (stats->n_measured <= FRAMES_TO_MEASURE)
    return;
  stats->measuring = FALSE;
  text = g_strdup_printf ("yonosupscale runs on the CPU, not on a GPU, at "
      "%.1f frames a second.",
      FRAMES_TO_MEASURE * 1e6 / MAX (stats->time_measured, 1));
  /* gst-launch-1.0 shows an information's debug string only. */
  GST_ELEMENT_INFO (el, RESOURCE, SETTINGS, ("%s", text), ("%s", text));
  g_free (text);
}

static void
post_second (GstElement * el, GstYonosStats * stats, gint64 now)
{
  GstStructure *s;

  GST_OBJECT_LOCK (el);
  s = stats->network ? gst_structure_copy (stats->network)
      : gst_structure_new_empty (NAME);
  GST_OBJECT_UNLOCK (el);
  gst_structure_set (s, "frames", G_TYPE_UINT, stats->n,
      "late", G_TYPE_UINT, stats->n_late,
      "seconds", G_TYPE_DOUBLE, (now - stats->since) / 1e6,
      "ms-mean", G_TYPE_DOUBLE, stats->sum / 1e3 / stats->n,
      "ms-max", G_TYPE_DOUBLE, stats->most / 1e3, NULL);
  gst_element_post_message (el, gst_message_new_element (GST_OBJECT (el), s));
}

void
gst_yonos_stats_frame (GstElement * el, GstYonosStats * stats, gint64 spent,
    const YonosUpscalerTimes * times, gboolean late)
{
  gint64 now = g_get_monotonic_time ();

  GST_OBJECT_LOCK (el);
  stats->frames++;
  stats->late += late != FALSE;
  stats->spent = spent;
  stats->times = *times;
  GST_OBJECT_UNLOCK (el);
  measure (el, stats, spent);

  if (stats->since == 0)
    stats->since = now - spent;
  stats->n++;
  stats->n_late += late != FALSE;
  stats->sum += spent;
  stats->most = MAX (stats->most, spent);
  if (now - stats->since < G_USEC_PER_SEC)
    return;
  post_second (el, stats, now);
  stats->since = now;
  stats->n = stats->n_late = 0;
  stats->sum = stats->most = 0;
}

void
gst_yonos_stats_imported (GstElement * el, GstYonosStats * stats)
{
  GST_OBJECT_LOCK (el);
  stats->imported++;
  GST_OBJECT_UNLOCK (el);
}

void
gst_yonos_stats_direct (GstElement * el, GstYonosStats * stats)
{
  GST_OBJECT_LOCK (el);
  stats->direct++;
  GST_OBJECT_UNLOCK (el);
}

GstStructure *
gst_yonos_stats_get (GstElement * el, const GstYonosStats * stats)
{
  GstStructure *s;

  GST_OBJECT_LOCK (el);
  s = stats->network ? gst_structure_copy (stats->network)
      : gst_structure_new_empty (NAME);
  gst_structure_set (s, "frames", G_TYPE_UINT64, stats->frames,
      "late", G_TYPE_UINT64, stats->late,
      "imported", G_TYPE_UINT64, stats->imported,
      "direct", G_TYPE_UINT64, stats->direct,
      "ms-frame", G_TYPE_DOUBLE, stats->spent / 1e3,
      "ms-read", G_TYPE_DOUBLE, stats->times.to_rgb * 1e3,
      "ms-upload", G_TYPE_DOUBLE, stats->times.upload * 1e3,
      "ms-network", G_TYPE_DOUBLE, stats->times.compute * 1e3,
      "ms-device", G_TYPE_DOUBLE, stats->times.device * 1e3,
      "ms-download", G_TYPE_DOUBLE, stats->times.download * 1e3,
      "ms-write", G_TYPE_DOUBLE, stats->times.from_rgb * 1e3, NULL);
  GST_OBJECT_UNLOCK (el);
  return s;
}
