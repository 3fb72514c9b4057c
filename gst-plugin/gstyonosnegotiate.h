/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_NEGOTIATE_H__
#define __GST_YONOS_NEGOTIATE_H__

#include "gstyonosupscale.h"

G_BEGIN_DECLS

GstCaps *gst_yonos_upscale_transform_caps (GstBaseTransform * trans,
    GstPadDirection direction, GstCaps * caps, GstCaps * filter);
GstCaps *gst_yonos_upscale_fixate_caps (GstBaseTransform * trans,
    GstPadDirection direction, GstCaps * caps, GstCaps * othercaps);

gboolean gst_yonos_upscale_query (GstBaseTransform * trans,
    GstPadDirection direction, GstQuery * query);

/* The large frames that sizes chosen by this scale would be negotiated to, for
 * the caps that come in; FALSE: to none. */
gboolean gst_yonos_out_info (GstYonosUpscale * self, gint scale,
    GstVideoInfo * out);

/* Whether frames can go through as they are; pixels may differ in shape. */
gboolean gst_yonos_same_pixels (const GstVideoInfo * in,
    const GstVideoInfo * out);

G_END_DECLS

#endif /* __GST_YONOS_NEGOTIATE_H__ */
