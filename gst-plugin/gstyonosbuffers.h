/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_BUFFERS_H__
#define __GST_YONOS_BUFFERS_H__

#include "gstyonosupscale.h"

G_BEGIN_DECLS

/* What buffers are like that go in and out: formats, pools, metas. */

void gst_yonos_add_pad_templates (GstElementClass * klass);

/* Frames that can be read, or made, which is less than the templates let in. */
GstCaps *gst_yonos_supported_caps (GstPadDirection direction);

/* As gst_video_info_from_caps, for linear DMABufs too. */
gboolean gst_yonos_video_info (const GstCaps * caps, GstVideoInfo * info);

/* Sets get_unit_size, the two of allocation, the two of metas, and
 * set_context. */
void gst_yonos_buffers_init_class (GstBaseTransformClass * klass);

/* The engine's description of frames with this info. */
YonosFrameFormat gst_yonos_frame_format (const GstVideoInfo * info);

G_END_DECLS

#endif /* __GST_YONOS_BUFFERS_H__ */
