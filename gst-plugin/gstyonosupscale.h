/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_UPSCALE_H__
#define __GST_YONOS_UPSCALE_H__

#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include "upscaler.h"

G_BEGIN_DECLS

#define GST_TYPE_YONOS_UPSCALE (gst_yonos_upscale_get_type ())
G_DECLARE_FINAL_TYPE (GstYonosUpscale, gst_yonos_upscale, GST, YONOS_UPSCALE,
    GstBaseTransform)

typedef enum
{
  GST_YONOS_TIER_AUTO,
  GST_YONOS_TIER_FAST,
  GST_YONOS_TIER_BALANCED,
  GST_YONOS_TIER_QUALITY,
} GstYonosTier;

typedef struct
{
  gint scale;
  gchar *model;
  GstYonosTier tier;
  gchar *device;
  guint64 seed;
  YonosNoise noise;
  gfloat fidelity;
  gboolean enabled;
  gdouble split;
} GstYonosSettings;

struct _GstYonosUpscale
{
  GstBaseTransform parent;

  /* properties, with the object lock */
  GstYonosSettings settings;

  /* streaming state */
  GstVideoInfo in_info, out_info;
  gint scale;
  YonosUpscaler *upscaler;
  gboolean refused;             /* these infos, with an error message */
  gboolean warned;              /* that the GPU is not used */
  gboolean measuring;           /* on the CPU because nothing better was found */
  guint n_measured;
  gint64 time_spent;            /* microseconds */
};

GST_DEBUG_CATEGORY_EXTERN (gst_yonos_upscale_debug);
GST_ELEMENT_REGISTER_DECLARE (yonosupscale);

G_END_DECLS

#endif /* __GST_YONOS_UPSCALE_H__ */
