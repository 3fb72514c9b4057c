/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_MODEL_H__
#define __GST_YONOS_MODEL_H__

#include "gstyonosupscale.h"

G_BEGIN_DECLS

GType gst_yonos_tier_get_type (void);

/* Posts the engine's sentence as the element's error or warning; `also`, unless
 * NULL, is a sentence that follows it. */
void gst_yonos_post (GstYonosUpscale * self, GstMessageType type,
    const GError * err, const gchar * also);

/* Appends the GstYonosNetworks that the settings ask for, at least one: the
 * first, and the cheaper shipped tiers that exist. */
void gst_yonos_model_list (const GstYonosSettings * s, gint scale,
    GArray * networks);

/* Whether the path can be a model's. */
gboolean gst_yonos_model_check (const gchar * path, GError ** error);

gboolean gst_yonos_on_cpu (const YonosUpscaler * up);

G_END_DECLS

#endif /* __GST_YONOS_MODEL_H__ */
