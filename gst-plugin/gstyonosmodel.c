/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonosmodel.h"

#include "base/error.h"

#define GST_CAT_DEFAULT gst_yonos_upscale_debug

static const GEnumValue tiers[] = {
  {GST_YONOS_TIER_AUTO, "Fast on the CPU, the largest there is on a GPU",
      "auto"},
  {GST_YONOS_TIER_FAST, "Smallest network", "fast"},
  {GST_YONOS_TIER_BALANCED, "Medium network", "balanced"},
  {GST_YONOS_TIER_QUALITY, "Largest network", "quality"},
  {0, NULL, NULL},
};

GType
gst_yonos_tier_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstYonosTier", tiers));
  return type;
}

void
gst_yonos_post_error (GstYonosUpscale * self, const GError * err)
{
  int code = err->domain == YONOS_ERROR ? err->code : -1;

  switch (code) {
    case YONOS_ERROR_FILE:
      GST_ELEMENT_ERROR (self, RESOURCE, OPEN_READ, ("%s", err->message),
          (NULL));
      break;
    case YONOS_ERROR_FORMAT:
      GST_ELEMENT_ERROR (self, RESOURCE, READ, ("%s", err->message), (NULL));
      break;
    case YONOS_ERROR_MODEL:
    case YONOS_ERROR_UNSUPPORTED:
      GST_ELEMENT_ERROR (self, LIBRARY, SETTINGS, ("%s", err->message), (NULL));
      break;
    case YONOS_ERROR_DEVICE:
      GST_ELEMENT_ERROR (self, RESOURCE, FAILED, ("%s", err->message), (NULL));
      break;
    case YONOS_ERROR_NO_DEVICE:
      GST_ELEMENT_ERROR (self, RESOURCE, NOT_FOUND, ("%s", err->message),
          (NULL));
      break;
    case YONOS_ERROR_MEMORY:
      GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("%s", err->message),
          (NULL));
      break;
    default:
      GST_ELEMENT_ERROR (self, STREAM, FAILED, ("%s", err->message), (NULL));
      break;
  }
}

static gchar *
shipped_model (GstYonosTier tier, gint scale)
{
  const gchar *dir = g_getenv ("YONOS_MODEL_PATH");
  gchar *name = g_strdup_printf ("%s-x%d.safetensors", tiers[tier].value_nick,
      scale);
  gchar *path = g_build_filename (dir && *dir ? dir : YONOS_MODEL_DIR, name,
      NULL);

  g_free (name);
  return path;
}

/* The first existing file from one tier to another; NULL if there is none. */
static gchar *
find_model (GstYonosTier from, GstYonosTier to, gint scale)
{
  gint step = from < to ? 1 : -1;

  for (gint tier = from; tier != (gint) to + step; tier += step) {
    gchar *path = shipped_model (tier, scale);
    if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
      return path;
    g_free (path);
  }
  return NULL;
}

static gchar *
choose_model (const GstYonosSettings * s, gint scale)
{
  gchar *path = NULL;

  if (s->model)
    return g_strdup (s->model);
  if (s->tier != GST_YONOS_TIER_AUTO)
    return shipped_model (s->tier, scale);
  path = find_model (GST_YONOS_TIER_FAST, GST_YONOS_TIER_QUALITY, scale);
  return path ? path : shipped_model (GST_YONOS_TIER_FAST, scale);
}

static gboolean
check_model (GstYonosUpscale * self, const gchar * path)
{
  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    GST_ELEMENT_ERROR (self, RESOURCE, NOT_FOUND,
        ("There is no model file %s: set the model property of yonosupscale to "
            "a .safetensors model of this scale, or YONOS_MODEL_PATH to the "
            "folder that holds the models.", path), (NULL));
    return FALSE;
  }
  if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
    GST_ELEMENT_ERROR (self, RESOURCE, OPEN_READ,
        ("%s is a folder and no model: set the model property of yonosupscale "
            "to a .safetensors file.", path), (NULL));
    return FALSE;
  }
  return TRUE;
}

gboolean
gst_yonos_on_cpu (const YonosUpscaler * up)
{
  return g_strcmp0 (yonos_upscaler_device (up), "CPU") == 0;
}

static void
report_device (GstYonosUpscale * self, const gchar * model,
    const YonosUpscaler * up)
{
  const gchar *note = yonos_upscaler_note (up);

  GST_INFO_OBJECT (self, "%s runs on %s", model, yonos_upscaler_device (up));
  if (!yonos_upscaler_has_perceptual (up))
    GST_INFO_OBJECT (self, "%s has one decoder: fidelity has no effect", model);
  if (!note || self->warned)
    return;
  self->warned = TRUE;
  GST_ELEMENT_WARNING (self, RESOURCE, FAILED, ("%s", note), (NULL));
}

YonosUpscaler *
gst_yonos_open_upscaler (GstYonosUpscale * self, const GstYonosSettings * s,
    YonosUpscalerParams * params)
{
  gchar *path = s->enabled ? choose_model (s, params->scale) : NULL;
  gchar *larger = NULL;
  GError *err = NULL;
  YonosUpscaler *up = NULL;

  if (!path || check_model (self, path)) {
    params->model = path;
    up = yonos_upscaler_new (params, &err);
    /* Which device it is shows now only. */
    if (up && path && !s->model && s->tier == GST_YONOS_TIER_AUTO && !gst_yonos_on_cpu (up))
      larger = find_model (GST_YONOS_TIER_QUALITY, GST_YONOS_TIER_FAST,
          params->scale);
    if (larger && !g_str_equal (larger, path)) {
      yonos_upscaler_free (up);
      params->model = larger;
      up = yonos_upscaler_new (params, &err);
    }
    if (up && path)
      report_device (self, params->model, up);
    else if (!up)
      gst_yonos_post_error (self, err);
  }
  g_clear_error (&err);
  g_free (larger);
  g_free (path);
  return up;
}
