/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_LIVE_H__
#define __GST_YONOS_LIVE_H__

#include "gstyonosupscale.h"

G_BEGIN_DECLS

/* What changes while the element plays: which network makes the next frame, by
 * the settings, the ladder and what is loaded so far. From the streaming thread
 * unless it says otherwise. */

/* Loads for these caps what the settings ask for, or where that fails in
 * mid-stream, what was used until now; FALSE after an error message. */
gboolean gst_yonos_live_open (GstYonosUpscale * self);
/* Instead, takes what was loaded aside, if it is for these caps. */
gboolean gst_yonos_live_adopt (GstYonosUpscale * self, const GstVideoInfo * in,
    const GstVideoInfo * out);
void gst_yonos_live_close (GstYonosUpscale * self);
/* Closes, and knows of no stream any more. */
void gst_yonos_live_forget (GstYonosUpscale * self);

/* Between two frames: takes what was loaded aside, or has caps negotiated that
 * it is for. */
void gst_yonos_live_swap (GstYonosUpscale * self);

/* Sets self->upscaler up for this frame. */
void gst_yonos_live_before (GstYonosUpscale * self, GstBuffer * inbuf);
/* That has shrunk since memory was short: says so. */
void gst_yonos_live_shrunk (GstYonosUpscale * self);
/* It kept the streaming thread for so many microseconds, and its parts took
 * these times. */
void gst_yonos_live_after (GstYonosUpscale * self, GstBuffer * inbuf,
    gint64 spent, const YonosUpscalerTimes * times);

/* Looks at an event from downstream; FALSE: the base class must not see it, as
 * it would drop frames. Any thread. */
gboolean gst_yonos_live_src_event (GstYonosUpscale * self, GstEvent * event);

G_END_DECLS

#endif /* __GST_YONOS_LIVE_H__ */
