/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_LADDER_H__
#define __GST_YONOS_LADDER_H__

#include <glib.h>

G_BEGIN_DECLS

/* Which network a live stream can afford. Step 0 is the wanted one, every
 * further step is cheaper. It steps down when frames take longer than they last
 * or stay late (to the last step when they take far longer), and up again after a time without either; that time doubles, up
 * to half a minute, when the step up has to be taken back soon.
 *
 * A plain state machine: it reads no clock, its times are what it is told, in
 * nanoseconds. One thread at a time. */
typedef struct
{
  guint n_steps, step;

  /* at this step */
  guint n_frames;
  gdouble spent;                /* running mean */
  gint64 since;
  gint64 calm_since;            /* nothing was late */
  gint64 timely_since;          /* no frame was late by its own length */

  gint64 hold;                  /* how long it must be calm to go up */
  gboolean climbed;             /* came here from below */
} GstYonosLadder;

/* n_steps at least 1. Starts at step 0. */
void gst_yonos_ladder_init (GstYonosLadder * l, guint n_steps);

/* Tells of a frame that was made at l->step and ended at `now`, which took
 * `spent`, is shown for `duration` (above 0), and was `late` (negative: early)
 * by the time it was done. TRUE: l->step has changed, for the next frame. */
gboolean gst_yonos_ladder_frame (GstYonosLadder * l, gint64 now, gint64 spent,
    gint64 duration, gint64 late);

G_END_DECLS

#endif /* __GST_YONOS_LADDER_H__ */
