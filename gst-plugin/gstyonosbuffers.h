/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_BUFFERS_H__
#define __GST_YONOS_BUFFERS_H__

#include "gstyonosupscale.h"

G_BEGIN_DECLS

/* What buffers are like that go in and out: formats, pools, metas. */

void gst_yonos_add_pad_templates (GstElementClass * klass);

/* Frames that can be read and made, which is less than the templates let in. */
GstCaps *gst_yonos_supported_caps (void);

/* Sets get_unit_size, the two of allocation, the two of metas, and
 * set_context. */
void gst_yonos_buffers_init_class (GstBaseTransformClass * klass);

/* The engine's description of frames with this info. */
YonosFrameFormat gst_yonos_frame_format (const GstVideoInfo * info);

/* A frame of the element's caps that the host can read or write. */
typedef struct
{
  GstVideoFrame frame;
  GstBuffer *buffer, *images;   /* a copy of these, or of nothing */
} GstYonosFrame;

/* FALSE after an error message. The buffer must live until it is unmapped. */
gboolean gst_yonos_map_in (GstYonosUpscale * self, GstBuffer * buffer,
    GstYonosFrame * f);
gboolean gst_yonos_map_out (GstYonosUpscale * self, GstBuffer * buffer,
    GstYonosFrame * f);
void gst_yonos_unmap_in (GstYonosUpscale * self, GstYonosFrame * f);
/* FALSE after an error message: what was written could not be handed over. */
gboolean gst_yonos_unmap_out (GstYonosUpscale * self, GstYonosFrame * f);
YonosFrame gst_yonos_frame_planes (GstYonosFrame * f);

/* Makes ready for frames of these caps; FALSE after an error message. */
gboolean gst_yonos_buffers_open (GstYonosUpscale * self, GstCaps * in,
    GstCaps * out);
void gst_yonos_buffers_close (GstYonosUpscale * self);

G_END_DECLS

#endif /* __GST_YONOS_BUFFERS_H__ */
