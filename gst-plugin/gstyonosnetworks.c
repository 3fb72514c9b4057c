/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonosnetworks.h"
#include "gstyonosmodel.h"

#define GST_CAT_DEFAULT gst_yonos_upscale_debug

struct _GstYonosNetworks
{
  GThread *thread;
  GMutex lock;                  /* of what follows, while the thread runs */
  GCond changed;
  gboolean ready, done, cancelled;
  GArray *networks;             /* GstYonosNetwork; its length is fixed when ready */
  GError *error;

  GstYonosNetwork plain;        /* its upscaler is the first one's, if there is one */
  YonosUpscalerParams params;
  YonosSharedDevice shared;     /* of the params, held */
  gchar *device;
  gboolean automatic;           /* the tier was left to us */
  gboolean cheaper, warm;
};

static void
clear_network (GstYonosNetwork * network)
{
  yonos_upscaler_free (network->upscaler);
  g_free (network->path);
  g_free (network->hash);
}

static gchar *
file_hash (const gchar * path)
{
  gchar *data, *hash = NULL;
  gsize size;

  if (g_file_get_contents (path, &data, &size, NULL)) {
    hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (guchar *) data,
        size);
    g_free (data);
  }
  return hash;
}

static YonosUpscaler *
open_network (GstYonosNetworks * n, const gchar * path, gboolean warm,
    GError ** error)
{
  YonosUpscalerParams params = n->params;
  YonosUpscaler *up;

  if (path && !gst_yonos_model_check (path, error))
    return NULL;
  params.model = path;
  up = yonos_upscaler_new (&params, error);
  if (up && warm && !yonos_upscaler_warm_up (up, error))
    g_clear_pointer (&up, yonos_upscaler_free);
  return up;
}

static gboolean
load_network (GstYonosNetworks * n, guint k, gboolean warm, GError ** error)
{
  GstYonosNetwork *network = &g_array_index (n->networks, GstYonosNetwork, k);
  gint64 start = g_get_monotonic_time ();
  YonosUpscaler *up = open_network (n, network->path, warm, error);
  gchar *hash = up ? file_hash (network->path) : NULL;

  g_mutex_lock (&n->lock);
  network->upscaler = up;
  network->hash = hash;
  g_mutex_unlock (&n->lock);
  GST_DEBUG ("%s %s after %" G_GINT64_FORMAT " ms", network->path,
      up ? "is loaded" : "failed", (g_get_monotonic_time () - start) / 1000);
  return up != NULL;
}

/* A GPU that fails leaves the CPU, where the cheapest tier was wanted. */
static void
leave_cheapest_for_cpu (GstYonosNetworks * n)
{
  const GstYonosNetwork *first = &g_array_index (n->networks, GstYonosNetwork,
      0);

  if (!n->automatic || n->networks->len < 2 || !first->upscaler
      || !gst_yonos_on_cpu (first->upscaler))
    return;
  g_array_remove_range (n->networks, 0, n->networks->len - 1);
  load_network (n, 0, n->warm, &n->error);
}

static gpointer
load_all (gpointer data)
{
  GstYonosNetworks *n = data;
  gboolean cancelled = FALSE;

  if (n->networks->len == 0)
    n->plain.upscaler = open_network (n, NULL, n->warm, &n->error);
  else if (load_network (n, 0, n->warm, &n->error))
    leave_cheapest_for_cpu (n);
  /* Any network's upscaler makes plain bicubic too. */
  if (n->networks->len > 0)
    n->plain.upscaler =
        g_array_index (n->networks, GstYonosNetwork, 0).upscaler;
  if (!n->cheaper && n->networks->len > 1)
    g_array_set_size (n->networks, 1);
  g_mutex_lock (&n->lock);
  n->ready = TRUE;
  g_cond_signal (&n->changed);
  g_mutex_unlock (&n->lock);

  for (guint k = 1; !n->error && !cancelled && k < n->networks->len; k++) {
    GError *error = NULL;

    if (!load_network (n, k, TRUE, &error)) {
      GST_WARNING ("the ladder goes without this step: %s", error->message);
      g_error_free (error);
    }
    g_mutex_lock (&n->lock);
    cancelled = n->cancelled;
    g_mutex_unlock (&n->lock);
  }
  g_mutex_lock (&n->lock);
  n->done = TRUE;
  g_mutex_unlock (&n->lock);
  return NULL;
}

GstYonosNetworks *
gst_yonos_networks_load (const GstYonosSettings * s,
    const YonosUpscalerParams * params, gboolean cheaper, gboolean warm)
{
  GstYonosNetworks *n = g_new0 (GstYonosNetworks, 1);

  g_mutex_init (&n->lock);
  g_cond_init (&n->changed);
  n->networks = g_array_new (FALSE, TRUE, sizeof (GstYonosNetwork));
  g_array_set_clear_func (n->networks, (GDestroyNotify) clear_network);
  n->plain.tier = "bicubic";
  n->params = *params;
  n->params.device = n->device = g_strdup (params->device);
  if (params->shared) {
    n->shared = *params->shared;
    n->shared.hold (n->shared.user, TRUE);
    n->params.shared = &n->shared;
  }
  n->automatic = !s->model && s->tier == GST_YONOS_TIER_AUTO;
  n->cheaper = cheaper;
  n->warm = warm;
  if (s->enabled && params->scale > 1)
    gst_yonos_model_list (s, params->scale, n->networks);
  n->thread = g_thread_new ("yonos-load", load_all, n);
  return n;
}

gboolean
gst_yonos_networks_are_ready (GstYonosNetworks * n)
{
  gboolean ready;

  g_mutex_lock (&n->lock);
  ready = n->ready;
  g_mutex_unlock (&n->lock);
  return ready;
}

void
gst_yonos_networks_wait (GstYonosNetworks * n)
{
  g_mutex_lock (&n->lock);
  while (!n->ready)
    g_cond_wait (&n->changed, &n->lock);
  g_mutex_unlock (&n->lock);
}

const GError *
gst_yonos_networks_error (const GstYonosNetworks * n)
{
  return n->error;
}

guint
gst_yonos_networks_n_steps (const GstYonosNetworks * n)
{
  return n->networks->len + 1;
}

const GstYonosNetwork *
gst_yonos_networks_get (GstYonosNetworks * n, guint step)
{
  GstYonosNetwork *found = NULL;

  g_mutex_lock (&n->lock);
  for (guint k = step; !found && k < n->networks->len; k++) {
    GstYonosNetwork *network = &g_array_index (n->networks, GstYonosNetwork, k);
    if (network->upscaler)
      found = network;
  }
  g_mutex_unlock (&n->lock);
  return found ? found : &n->plain;
}

void
gst_yonos_networks_cancel (GstYonosNetworks * n)
{
  g_mutex_lock (&n->lock);
  n->cancelled = TRUE;
  g_mutex_unlock (&n->lock);
}

gboolean
gst_yonos_networks_are_done (GstYonosNetworks * n)
{
  gboolean done;

  g_mutex_lock (&n->lock);
  done = n->done;
  g_mutex_unlock (&n->lock);
  return done;
}

void
gst_yonos_networks_free (GstYonosNetworks * n)
{
  if (!n)
    return;
  gst_yonos_networks_cancel (n);
  g_thread_join (n->thread);
  if (n->networks->len == 0)
    yonos_upscaler_free (n->plain.upscaler);
  g_array_unref (n->networks);
  if (n->params.shared)
    n->shared.hold (n->shared.user, FALSE);
  g_clear_error (&n->error);
  g_cond_clear (&n->changed);
  g_mutex_clear (&n->lock);
  g_free (n->device);
  g_free (n);
}
