/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_REFUSAL_H__
#define __GST_YONOS_REFUSAL_H__

#include <gst/video/video.h>

G_BEGIN_DECLS

/* What the element does not do, as errors of GST_STREAM_ERROR whose message is a
 * sentence that says what to do. Any thread. */

/* The largest width and height. */
#define GST_YONOS_MAX_SIZE 16384

/* Reads both caps; FALSE with an error where they are of no raw video. */
gboolean gst_yonos_parse_caps (GstCaps * incaps, GstCaps * outcaps,
    GstVideoInfo * in, GstVideoInfo * out, GError ** error);

/* The network's scale from one frame to the other: 2, 4 or 8, the next where
 * the size lies between; 1 where it is the same; 0 with an error. */
gint gst_yonos_check_request (const GstVideoInfo * in, const GstVideoInfo * out,
    GError ** error);

/* Whether frames of such caps can be read and made. */
gboolean gst_yonos_check_frames (GstCaps * incaps, GstCaps * outcaps,
    GError ** error);

G_END_DECLS

#endif /* __GST_YONOS_REFUSAL_H__ */
