/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonosladder.h"

#define SECOND G_GINT64_CONSTANT (1000000000)
#define MIN_HOLD (2 * SECOND)
#define MAX_HOLD (32 * SECOND)
/* A step that is late for so long does not catch up, or too slowly. */
#define PATIENCE SECOND
/* Frames of so many lengths: the last step catches up soonest. */
#define FAR_TOO_SLOW 8
/* A mean of fewer frames may be a hiccup. */
#define ENOUGH_FRAMES 3
#define WEIGHT 0.25             /* of the last frame in the mean */
#define FULL 0.95               /* of a frame's length */

void
gst_yonos_ladder_init (GstYonosLadder * l, guint n_steps)
{
  *l = (GstYonosLadder) {.n_steps = n_steps,.hold = MIN_HOLD };
}

static void
go (GstYonosLadder * l, gint64 now, guint step)
{
  l->climbed = step < l->step;
  l->step = step;
  l->n_frames = 0;
  l->since = l->calm_since = l->timely_since = now;
}

static gboolean
is_overloaded (const GstYonosLadder * l, gint64 now, gint64 spent,
    gint64 duration, gint64 late)
{
  if (l->n_frames >= ENOUGH_FRAMES && l->spent > FULL * duration)
    return TRUE;
  /* So slow that a mean would be waited for too long */
  if (spent > 2 * duration && late > 2 * duration)
    return TRUE;
  return now - l->timely_since > PATIENCE;
}

gboolean
gst_yonos_ladder_frame (GstYonosLadder * l, gint64 now, gint64 spent,
    gint64 duration, gint64 late)
{
  if (l->n_frames == 0)
    l->spent = spent;
  l->spent += WEIGHT * (spent - l->spent);
  if (l->n_frames++ == 0 && l->since == 0)
    l->since = l->calm_since = l->timely_since = now;
  if (late <= duration)
    l->timely_since = now;
  if (late > duration / 2 || l->spent > FULL * duration)
    l->calm_since = now;

  /* A step up that lasts was right. */
  if (l->climbed && now - l->since > l->hold) {
    l->climbed = FALSE;
    l->hold = MIN_HOLD;
  }
  if (l->step + 1 < l->n_steps && is_overloaded (l, now, spent, duration, late)) {
    if (l->climbed)
      l->hold = MIN (2 * l->hold, MAX_HOLD);
    go (l, now, spent > FAR_TOO_SLOW * duration ? l->n_steps - 1 : l->step + 1);
    return TRUE;
  }
  if (l->step > 0 && now - l->calm_since > l->hold) {
    go (l, now, l->step - 1);
    return TRUE;
  }
  return FALSE;
}
