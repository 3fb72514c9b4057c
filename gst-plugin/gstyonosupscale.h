/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_UPSCALE_H__
#define __GST_YONOS_UPSCALE_H__

#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include "gstyonosladder.h"
#include "gstyonosstats.h"
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

typedef enum
{
  GST_YONOS_CONTENT_CLEAN,
  GST_YONOS_CONTENT_VIDEO,
} GstYonosContent;

typedef enum
{
  GST_YONOS_QOS_OFF,
  GST_YONOS_QOS_DROP,
  GST_YONOS_QOS_LADDER,
} GstYonosQosMode;

typedef struct
{
  gint scale;
  gchar *model;
  GstYonosTier tier;
  GstYonosContent content;
  gchar *device;
  guint64 seed;
  YonosNoise noise;
  gfloat fidelity;
  guint max_memory;             /* MiB */
  guint in_flight;
  gboolean enabled;
  gdouble split;
  GstYonosQosMode qos_mode;
  guint serial;                 /* counts the changes of all of them */
} GstYonosSettings;

typedef struct _GstYonosNetwork GstYonosNetwork;
typedef struct _GstYonosNetworks GstYonosNetworks;

/* Which network makes the frames; see gstyonoslive.h. */
typedef struct
{
  GstYonosNetworks *now, *next;
  GSList *retired;              /* GstYonosNetworks to be freed */
  GstYonosSettings asked;       /* that were loaded last, successfully or not */
  GstYonosSettings taken;       /* that `now` is of, or the one before these caps */
  GstVideoInfo next_out;        /* the large frames of `next` */
  const GstYonosNetwork *network;       /* of the last frame */
  const gchar *reason;          /* of the next change */
  GstYonosLadder ladder;
  gboolean live, live_known;    /* the source is, and that is known */
  gint64 window;                /* when the least delay's began; 0: not yet */
  gint64 delay_least, delay_before;     /* in it, and in the one before */
  GstClockTime last_pts;

  /* with the object lock */
  gint scale;                   /* that sizes are chosen by; 0: the settings' */
  gint64 qos_late, qos_at;      /* what the sink said, and when */
  gboolean may_step_down;       /* so nothing need be dropped */
} GstYonosLive;

/* See gstyonosflight.h. */
typedef struct
{
  GArray *frames;               /* oldest first */
  YonosUpscaler *upscaler;      /* that makes them, while there are any */
  gboolean is_prepared;         /* the upscaler is set up for the queued buffer */
  gboolean takes_early;         /* large buffers: their pool never runs out */
  GstClockTime latency;         /* with the object lock */
} GstYonosFlight;

struct _GstYonosUpscale
{
  GstBaseTransform parent;

  /* properties, with the object lock */
  GstYonosSettings settings;

  /* streaming state */
  GstVideoInfo in_info, out_info;
  gint scale;
  gboolean images_in, images_out; /* frames are Vulkan images */
  struct _GstYonosVulkan *vulkan; /* NULL in builds without it */
  YonosUpscaler *upscaler;      /* of the next frame; belongs to `live` */
  GstCaps *refused_in, *refused_out;    /* the last caps, with an error message; NULL: were not */
  guint refused_serial;         /* of the settings then */
  gboolean warned;              /* that the GPU is not used */
  GstYonosLive live;
  GstYonosFlight flight;
  GstYonosStats stats;
};

/* Remembers, after an error message, that these caps cannot be used with the
 * settings as they are; FALSE. The pads keep their old caps, and with those, or
 * with other settings, the stream may go on. */
gboolean gst_yonos_upscale_refuse (GstYonosUpscale * self, GstCaps * in,
    GstCaps * out);

GST_DEBUG_CATEGORY_EXTERN (gst_yonos_upscale_debug);
GST_ELEMENT_REGISTER_DECLARE (yonosupscale);

G_END_DECLS

#endif /* __GST_YONOS_UPSCALE_H__ */
