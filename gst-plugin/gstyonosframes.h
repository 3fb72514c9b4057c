/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_FRAMES_H__
#define __GST_YONOS_FRAMES_H__

#include "gstyonosupscale.h"

G_BEGIN_DECLS

/* The way of frames between GStreamer's buffers and the upscaler: mapped, read
 * where they are in a DMABuf, or Vulkan images that stay on the device or are
 * copied to the host and back. */

/* The most buffers that a pool has, whatever it was asked for; 0: no limit. */
guint gst_yonos_pool_max (GstBufferPool * pool);

/* Makes ready for frames of these caps; FALSE after an error message. */
gboolean gst_yonos_frames_open (GstYonosUpscale * self, GstCaps * in,
    GstCaps * out);
void gst_yonos_frames_close (GstYonosUpscale * self);
/* Closes, and knows of no device any more. */
void gst_yonos_frames_forget (GstYonosUpscale * self);

/* The device that the images are on, for upscalers; NULL where there are none.
 * Valid until it is forgotten. */
const YonosSharedDevice *gst_yonos_frames_device (GstYonosUpscale * self);
/* How images travel to this upscaler and back: "shared" or "copied"; NULL:
 * there are none. */
const gchar *gst_yonos_frames_images (GstYonosUpscale * self,
    const YonosUpscaler * up);

/* A frame of the element's caps, for its upscaler. */
typedef struct
{
  GstYonosUpscale *self;
  gboolean in;
  GstBuffer *buffer;            /* that the host can read or write */
  GstVideoFrame frame;          /* of it */
  GstBuffer *images;            /* that the buffer is a copy of; NULL: of none */
  YonosSharedFrame shared;      /* instead of all that, of images that stay where
                                 * they are; else its function is NULL */
  gboolean imported;            /* instead of all that, of a DMABuf that the
                                 * device reads */
} GstYonosFrame;

/* FALSE after an error message. The buffer and *f must live until it is
 * unmapped. A large frame that is shared is mapped when the small one is
 * submitted, else when it is collected. */
gboolean gst_yonos_map_in (GstYonosUpscale * self, GstBuffer * buffer,
    GstYonosFrame * f);
gboolean gst_yonos_map_out (GstYonosUpscale * self, GstBuffer * buffer,
    gboolean shared, GstYonosFrame * f);
/* Whether the device will write the frame that is submitted next straight to
 * outbuf, which may be NULL; then nobody else may touch that until it is
 * collected. */
gboolean gst_yonos_frames_direct (GstYonosUpscale * self, GstBuffer * outbuf);
/* TRUE: the device may read the buffer until the frame is collected. */
gboolean gst_yonos_unmap_in (GstYonosFrame * f);
/* FALSE after an error message: what was written could not be handed over. */
gboolean gst_yonos_unmap_out (GstYonosFrame * f);
/* Where the host finds it; nowhere if it is shared or imported. */
YonosFrame gst_yonos_frame_planes (GstYonosFrame * f);

G_END_DECLS

#endif /* __GST_YONOS_FRAMES_H__ */
