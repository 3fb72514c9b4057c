/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_NETWORKS_H__
#define __GST_YONOS_NETWORKS_H__

#include "gstyonosupscale.h"

G_BEGIN_DECLS

/* The networks that a stream may use: the one that the settings ask for, and
 * behind it, for the ladder, the cheaper shipped tiers that exist; the last
 * step is plain bicubic. A thread of their own loads them in this order and
 * runs each once, so that a change to one waits for nothing. GstYonosNetworks
 * may be used by one other thread. */
struct _GstYonosNetwork
{
  gchar *path;                  /* NULL: plain bicubic */
  const gchar *tier;            /* static; "model" for the user's, "bicubic" */
  gchar *hash;                  /* SHA-256 of the file, hexadecimal; NULL until it is loaded */
  YonosUpscaler *upscaler;      /* NULL until it is loaded */
};

/* Begins to load for the settings, which are copied as the params are; the
 * params' model is not read. Without s->enabled, and at scale 1, there is plain bicubic
 * only.
 * `cheaper`: the other tiers too. `warm`: the first is also run once. */
GstYonosNetworks *gst_yonos_networks_load (const GstYonosSettings * s,
    const YonosUpscalerParams * params, gboolean cheaper, gboolean warm);

/* Whether the first one is loaded or has failed; the following need that. */
gboolean gst_yonos_networks_are_ready (GstYonosNetworks * n);
void gst_yonos_networks_wait (GstYonosNetworks * n);
/* Why the first one failed; NULL: it did not. */
const GError *gst_yonos_networks_error (const GstYonosNetworks * n);

/* Networks and plain bicubic, at least 1. */
guint gst_yonos_networks_n_steps (const GstYonosNetworks * n);
/* That of a step, or the next cheaper one that is loaded. Plain bicubic's has
 * an upscaler too. Stays as it is until they are freed. */
const GstYonosNetwork *gst_yonos_networks_get (GstYonosNetworks * n,
    guint step);

/* Lets the thread end after the network that it is at. */
void gst_yonos_networks_cancel (GstYonosNetworks * n);
/* Whether the thread is done, so that freeing waits for nothing. */
gboolean gst_yonos_networks_are_done (GstYonosNetworks * n);
/* Cancels and waits; NULL is fine. */
void gst_yonos_networks_free (GstYonosNetworks * n);

G_END_DECLS

#endif /* __GST_YONOS_NETWORKS_H__ */
