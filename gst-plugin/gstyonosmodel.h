/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_MODEL_H__
#define __GST_YONOS_MODEL_H__

#include "gstyonosupscale.h"

G_BEGIN_DECLS

GType gst_yonos_tier_get_type (void);

/* Posts the engine's sentence as the element's error message. */
void gst_yonos_post_error (GstYonosUpscale * self, const GError * err);

/* Chooses a model and loads it (params->model is set here, for this call
 * only), warns where the CPU stands in for a GPU; NULL after an error message. */
YonosUpscaler *gst_yonos_open_upscaler (GstYonosUpscale * self,
    const GstYonosSettings * s, YonosUpscalerParams * params);

gboolean gst_yonos_on_cpu (const YonosUpscaler * up);

G_END_DECLS

#endif /* __GST_YONOS_MODEL_H__ */
