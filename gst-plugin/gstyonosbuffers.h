/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_BUFFERS_H__
#define __GST_YONOS_BUFFERS_H__

#include "gstyonosupscale.h"

G_BEGIN_DECLS

/* What buffers are like that go in and out: formats, pools, metas. */

void gst_yonos_add_pad_templates (GstElementClass * klass);

/* Sets get_unit_size, the two of allocation, and the two of metas. */
void gst_yonos_buffers_init_class (GstBaseTransformClass * klass);

/* The engine's description of frames with this info. */
YonosFrameFormat gst_yonos_frame_format (const GstVideoInfo * info);

/* The planes of a mapped frame, which must stay mapped as long as they are in
 * use. */
YonosFrame gst_yonos_frame_planes (GstVideoFrame * frame);

G_END_DECLS

#endif /* __GST_YONOS_BUFFERS_H__ */
