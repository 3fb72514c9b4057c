/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_STATS_H__
#define __GST_YONOS_STATS_H__

#include <gst/gst.h>

#include "upscaler.h"

G_BEGIN_DECLS

/* What a stream's frames cost: the property stats, the message yonos-stats once
 * a second, and one information where the CPU stands in for a GPU. */
typedef struct
{
  /* with the object lock */
  GstStructure *network;        /* what makes the frames; NULL: nothing yet */
  guint64 frames, late;
  guint64 imported;             /* frames that the device read in a DMABuf */
  guint64 direct;               /* that it wrote to the buffer's memory */
  gint64 spent;                 /* on the last frame, microseconds */
  YonosUpscalerTimes times;     /* of the last frame */

  /* of this second */
  gint64 since;
  guint n, n_late;
  gint64 sum, most;

  gboolean measuring;           /* on the CPU because nothing better was found */
  guint n_measured;
  gint64 time_measured;
} GstYonosStats;

void gst_yonos_stats_clear (GstYonosStats * stats);

/* The frames from now on are made by this upscaler, and images travel so:
 * images, model and hash may be NULL.
 * Takes the element's object lock, as the others do. */
void gst_yonos_stats_set_network (GstElement * el, GstYonosStats * stats,
    const YonosUpscaler * up, const gchar * images, const gchar * tier,
    const gchar * model, const gchar * hash);

/* A frame took that many microseconds, and its parts these times. Posts what
 * is due. */
void gst_yonos_stats_frame (GstElement * el, GstYonosStats * stats,
    gint64 spent, const YonosUpscalerTimes * times, gboolean late);

/* The device reads a frame where it is, or has written one there. */
void gst_yonos_stats_imported (GstElement * el, GstYonosStats * stats);
void gst_yonos_stats_direct (GstElement * el, GstYonosStats * stats);

/* The value of the property; the caller's. */
GstStructure *gst_yonos_stats_get (GstElement * el,
    const GstYonosStats * stats);

G_END_DECLS

#endif /* __GST_YONOS_STATS_H__ */
