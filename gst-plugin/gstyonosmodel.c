/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonosmodel.h"
#include "gstyonosnetworks.h"

#include "base/error.h"

#define GST_CAT_DEFAULT gst_yonos_upscale_debug

static const GEnumValue tiers[] = {
  {GST_YONOS_TIER_AUTO, "Fast on the CPU, balanced on a GPU",
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

/* Where an error of the engine belongs in GStreamer's order. */
static GQuark
classify (const GError * err, gint * code)
{
  *code = err->code;
  if (err->domain != YONOS_ERROR)
    return err->domain;
  switch (err->code) {
    case YONOS_ERROR_FILE:
      *code = GST_RESOURCE_ERROR_OPEN_READ;
      return GST_RESOURCE_ERROR;
    case YONOS_ERROR_FORMAT:
      *code = GST_RESOURCE_ERROR_READ;
      return GST_RESOURCE_ERROR;
    case YONOS_ERROR_DEVICE:
      *code = GST_RESOURCE_ERROR_FAILED;
      return GST_RESOURCE_ERROR;
    case YONOS_ERROR_NO_DEVICE:
      *code = GST_RESOURCE_ERROR_NOT_FOUND;
      return GST_RESOURCE_ERROR;
    case YONOS_ERROR_MEMORY:
      *code = GST_RESOURCE_ERROR_NO_SPACE_LEFT;
      return GST_RESOURCE_ERROR;
    default:
      *code = GST_LIBRARY_ERROR_SETTINGS;
      return GST_LIBRARY_ERROR;
  }
}

void
gst_yonos_post (GstYonosUpscale * self, GstMessageType type,
    const GError * err, const gchar * also)
{
  gchar *text = also ? g_strconcat (err->message, " ", also, NULL)
      : g_strdup (err->message);
  gint code;
  GQuark domain = classify (err, &code);

  gst_element_message_full (GST_ELEMENT (self), type, domain, code, text, NULL,
      __FILE__, GST_FUNCTION, __LINE__);
}

static gchar *
shipped_model (GstYonosTier tier, const gchar * set, gint scale)
{
  const gchar *dir = g_getenv ("YONOS_MODEL_PATH");
  gchar *name = g_strdup_printf ("%s%s-x%d.safetensors", tiers[tier].value_nick,
      set, scale);
  gchar *path = g_build_filename (dir && *dir ? dir : YONOS_MODEL_DIR, name,
      NULL);

  g_free (name);
  return path;
}

/* Of the content's set or, where the tier has none, of the clean one. */
static gchar *
model_of_tier (const GstYonosSettings * s, GstYonosTier tier, gint scale,
    gboolean * of_video)
{
  gchar *path = shipped_model (tier, "-video", scale);

  *of_video = s->content == GST_YONOS_CONTENT_VIDEO
      && g_file_test (path, G_FILE_TEST_IS_REGULAR);
  if (*of_video)
    return path;
  g_free (path);
  return shipped_model (tier, "", scale);
}

static void
append (GArray * networks, gchar * path, const gchar * tier)
{
  GstYonosNetwork network = {.path = path,.tier = tier };

  g_array_append_val (networks, network);
}

void
gst_yonos_model_list (const GstYonosSettings * s, gint scale,
    GArray * networks)
{
  gboolean automatic = s->tier == GST_YONOS_TIER_AUTO;
  gboolean of_video, had_video = FALSE;

  if (s->model) {
    append (networks, g_strdup (s->model), "model");
    return;
  }
  /* Quality is three times as dear as balanced, so it is for those who name it. */
  for (gint tier = automatic ? GST_YONOS_TIER_BALANCED : GST_YONOS_TIER_QUALITY;
      tier >= GST_YONOS_TIER_FAST; tier--) {
    gchar *path = model_of_tier (s, tier, scale, &of_video);
    gboolean there = g_file_test (path, G_FILE_TEST_IS_REGULAR);

    /* A larger one that does not know such content is no better. */
    if (automatic && of_video && !had_video)
      g_array_set_size (networks, 0);
    had_video |= of_video;

    /* What is asked for by name is named where it is missing. */
    if (tier == (gint) s->tier || (there && (automatic || tier < (gint) s->tier)))
      append (networks, path, tiers[tier].value_nick);
    else
      g_free (path);
  }
  if (networks->len == 0)
    append (networks, model_of_tier (s, GST_YONOS_TIER_FAST, scale, &of_video),
        "fast");
  else if (automatic && !yonos_upscaler_has_gpu (s->device))
    g_array_remove_range (networks, 0, networks->len - 1);
}

gboolean
gst_yonos_model_check (const gchar * path, GError ** error)
{
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
        "There is no model file %s: set the model property of yonosupscale to "
        "a .safetensors model of this scale, or YONOS_MODEL_PATH to the "
        "folder that holds the models.", path);
  else if (g_file_test (path, G_FILE_TEST_IS_DIR))
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ,
        "%s is a folder and no model: set the model property of yonosupscale "
        "to a .safetensors file.", path);
  else
    return TRUE;
  return FALSE;
}

gboolean
gst_yonos_on_cpu (const YonosUpscaler * up)
{
  return g_strcmp0 (yonos_upscaler_device (up), "CPU") == 0;
}
