/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstyonossettings.h"
#include "gstyonosmodel.h"

#define DEFAULT_SCALE 2
#define DEFAULT_TIER GST_YONOS_TIER_AUTO
#define DEFAULT_CONTENT GST_YONOS_CONTENT_CLEAN
#define DEFAULT_DEVICE "auto"
#define DEFAULT_SEED 0
#define DEFAULT_NOISE YONOS_NOISE_FIXED
#define DEFAULT_FIDELITY -1.0f
#define DEFAULT_MAX_MEMORY 0
#define DEFAULT_IN_FLIGHT 0
#define DEFAULT_ENABLED TRUE
#define DEFAULT_SPLIT 1.0
#define DEFAULT_QOS_MODE GST_YONOS_QOS_DROP

enum
{
  PROP_0,
  PROP_SCALE,
  PROP_MODEL,
  PROP_TIER,
  PROP_CONTENT,
  PROP_DEVICE,
  PROP_SEED,
  PROP_NOISE,
  PROP_FIDELITY,
  PROP_MAX_MEMORY,
  PROP_IN_FLIGHT,
  PROP_ENABLED,
  PROP_SPLIT,
  PROP_QOS_MODE,
  PROP_STATS,
};

static GType
scale_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {2, "Twice the width and height", "2"},
    {4, "Four times the width and height", "4"},
    {8, "Eight times the width and height", "8"},
    {0, NULL, NULL},
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstYonosScale", values));
  return type;
}

static GType
content_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_YONOS_CONTENT_CLEAN, "Pictures, and video without visible artefacts",
        "clean"},
    {GST_YONOS_CONTENT_VIDEO, "Noisy or strongly compressed video", "video"},
    {0, NULL, NULL},
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstYonosContent",
            values));
  return type;
}

static GType
noise_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {YONOS_NOISE_FIXED, "The same for all frames: still pictures stay still",
        "fixed"},
    {YONOS_NOISE_NONE, "None", "none"},
    {YONOS_NOISE_FRESH, "Another for every frame", "fresh"},
    {0, NULL, NULL},
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstYonosNoise", values));
  return type;
}

static GType
qos_mode_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_YONOS_QOS_OFF, "Make every frame, however late", "off"},
    {GST_YONOS_QOS_DROP, "Drop frames that would come too late", "drop"},
    {GST_YONOS_QOS_LADDER,
          "Go down tier by tier to plain bicubic while frames come too late, "
          "and up again; drop only there", "ladder"},
    {0, NULL, NULL},
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstYonosQosMode",
            values));
  return type;
}

static void
set_property (GObject * object, guint id, const GValue * value,
    GParamSpec * pspec)
{
  GstYonosSettings *s = &GST_YONOS_UPSCALE (object)->settings;

  GST_OBJECT_LOCK (object);
  switch (id) {
    case PROP_SCALE:
      s->scale = g_value_get_enum (value);
      break;
    case PROP_MODEL:
      g_free (s->model);
      s->model = g_value_dup_string (value);
      break;
    case PROP_TIER:
      s->tier = g_value_get_enum (value);
      break;
    case PROP_CONTENT:
      s->content = g_value_get_enum (value);
      break;
    case PROP_DEVICE:
      g_free (s->device);
      s->device = g_value_dup_string (value);
      if (!s->device)
        s->device = g_strdup (DEFAULT_DEVICE);
      break;
    case PROP_SEED:
      s->seed = g_value_get_uint64 (value);
      break;
    case PROP_NOISE:
      s->noise = g_value_get_enum (value);
      break;
    case PROP_FIDELITY:
      s->fidelity = g_value_get_float (value);
      break;
    case PROP_MAX_MEMORY:
      s->max_memory = g_value_get_uint (value);
      break;
    case PROP_IN_FLIGHT:
      s->in_flight = g_value_get_uint (value);
      break;
    case PROP_ENABLED:
      s->enabled = g_value_get_boolean (value);
      break;
    case PROP_SPLIT:
      s->split = g_value_get_double (value);
      break;
    case PROP_QOS_MODE:
      s->qos_mode = g_value_get_enum (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  s->serial++;
  GST_OBJECT_UNLOCK (object);
}

static void
get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstYonosSettings *s = &GST_YONOS_UPSCALE (object)->settings;

  if (id == PROP_STATS) {
    g_value_take_boxed (value, gst_yonos_stats_get (GST_ELEMENT (object),
            &GST_YONOS_UPSCALE (object)->stats));
    return;
  }
  GST_OBJECT_LOCK (object);
  switch (id) {
    case PROP_SCALE:
      g_value_set_enum (value, s->scale);
      break;
    case PROP_MODEL:
      g_value_set_string (value, s->model);
      break;
    case PROP_TIER:
      g_value_set_enum (value, s->tier);
      break;
    case PROP_CONTENT:
      g_value_set_enum (value, s->content);
      break;
    case PROP_DEVICE:
      g_value_set_string (value, s->device);
      break;
    case PROP_SEED:
      g_value_set_uint64 (value, s->seed);
      break;
    case PROP_NOISE:
      g_value_set_enum (value, s->noise);
      break;
    case PROP_FIDELITY:
      g_value_set_float (value, s->fidelity);
      break;
    case PROP_MAX_MEMORY:
      g_value_set_uint (value, s->max_memory);
      break;
    case PROP_IN_FLIGHT:
      g_value_set_uint (value, s->in_flight);
      break;
    case PROP_ENABLED:
      g_value_set_boolean (value, s->enabled);
      break;
    case PROP_SPLIT:
      g_value_set_double (value, s->split);
      break;
    case PROP_QOS_MODE:
      g_value_set_enum (value, s->qos_mode);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (object);
}

void
gst_yonos_settings_init (GstYonosSettings * s)
{
  s->scale = DEFAULT_SCALE;
  s->tier = DEFAULT_TIER;
  s->content = DEFAULT_CONTENT;
  s->device = g_strdup (DEFAULT_DEVICE);
  s->seed = DEFAULT_SEED;
  s->noise = DEFAULT_NOISE;
  s->fidelity = DEFAULT_FIDELITY;
  s->max_memory = DEFAULT_MAX_MEMORY;
  s->in_flight = DEFAULT_IN_FLIGHT;
  s->enabled = DEFAULT_ENABLED;
  s->split = DEFAULT_SPLIT;
  s->qos_mode = DEFAULT_QOS_MODE;
}

void
gst_yonos_settings_clear (GstYonosSettings * s)
{
  g_free (s->model);
  g_free (s->device);
  *s = (GstYonosSettings) { 0 };
}

void
gst_yonos_settings_copy (GstYonosSettings * to, const GstYonosSettings * from)
{
  GstYonosSettings copy = *from;

  copy.model = g_strdup (from->model);
  copy.device = g_strdup (from->device);
  gst_yonos_settings_clear (to);
  *to = copy;
}

void
gst_yonos_settings_install (GObjectClass * klass)
{
  const GParamFlags both = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;
  const GParamFlags playing = both | GST_PARAM_MUTABLE_PLAYING;

  klass->set_property = set_property;
  klass->get_property = get_property;
  g_object_class_install_property (klass, PROP_SCALE,
      g_param_spec_enum ("scale", "Scale",
          "Enlargement of width and height, where caps behind the element fix no "
          "size; while playing, its model is loaded aside before caps change",
          scale_get_type (), DEFAULT_SCALE, playing));
  g_object_class_install_property (klass, PROP_MODEL,
      g_param_spec_string ("model", "Model",
          "Path of a .safetensors model of the wanted scale (NULL = the "
          "shipped one of the tier); while playing, it is loaded aside and "
          "taken between two frames", NULL, playing));
  g_object_class_install_property (klass, PROP_TIER,
      g_param_spec_enum ("tier", "Tier",
          "Which of the models in the installed folder, or in "
          "$YONOS_MODEL_PATH, to use where the model property is not set",
          gst_yonos_tier_get_type (), DEFAULT_TIER, playing));
  g_object_class_install_property (klass, PROP_CONTENT,
      g_param_spec_enum ("content", "Content",
          "What the input is like: which of a tier's models to use, where it has "
          "one for each", content_get_type (), DEFAULT_CONTENT, playing));
  g_object_class_install_property (klass, PROP_DEVICE,
      g_param_spec_string ("device", "Device",
          "auto (the first GPU, else the CPU), cpu, or a Vulkan device's "
          "index, UUID or part of its name", DEFAULT_DEVICE, playing));
  g_object_class_install_property (klass, PROP_SEED,
      g_param_spec_uint64 ("seed", "Seed",
          "Seed of the noise; the same seed gives the same frames", 0,
          G_MAXUINT64, DEFAULT_SEED, playing));
  g_object_class_install_property (klass, PROP_NOISE,
      g_param_spec_enum ("noise", "Noise",
          "The noise that details are drawn from, in the frames from now on",
          noise_get_type (), DEFAULT_NOISE, playing));
  g_object_class_install_property (klass, PROP_FIDELITY,
      g_param_spec_float ("fidelity", "Fidelity",
          "From 0, more invented detail, to 1, closest to the truth; below 0 = "
          "the model's default; no effect on models with one decoder", -1, 1,
          DEFAULT_FIDELITY, playing | GST_PARAM_CONTROLLABLE));
  g_object_class_install_property (klass, PROP_MAX_MEMORY,
      g_param_spec_uint ("max-memory", "Maximum memory",
          "MiB that the network may take; frames that do not fit are made in "
          "tiles, with the same result (0 = what the GPU's driver says is "
          "free, half of the memory on the CPU)", 0, G_MAXINT,
          DEFAULT_MAX_MEMORY, playing));
  g_object_class_install_property (klass, PROP_IN_FLIGHT,
      g_param_spec_uint ("frames-in-flight", "Frames in flight",
          "Frames that are in the making at once; each above one adds a frame "
          "to the latency (0 = one on the CPU, two on a GPU)", 0,
          YONOS_MOST_IN_FLIGHT, DEFAULT_IN_FLIGHT, playing));
  g_object_class_install_property (klass, PROP_ENABLED,
      g_param_spec_boolean ("enabled", "Enabled",
          "Whether the network runs; FALSE = plain bicubic of the same size",
          DEFAULT_ENABLED, playing | GST_PARAM_CONTROLLABLE));
  g_object_class_install_property (klass, PROP_SPLIT,
      g_param_spec_double ("split", "Split",
          "The share of the width, from the left, that the network makes; the "
          "rest is plain bicubic, behind a thin line; 1 = all", 0, 1,
          DEFAULT_SPLIT, playing | GST_PARAM_CONTROLLABLE));
  g_object_class_install_property (klass, PROP_QOS_MODE,
      g_param_spec_enum ("qos-mode", "QoS mode",
          "What to do when frames come too late for a live source or a sink; "
          "steps of the ladder are posted as messages yonos-tier",
          qos_mode_get_type (), DEFAULT_QOS_MODE, playing));
  g_object_class_install_property (klass, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "What makes the frames (device, driver, precision, kernels, tier, "
          "model, model-hash) and how long the last one took (ms-...); posted "
          "once a second as message yonos-stats", GST_TYPE_STRUCTURE,
          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  gst_type_mark_as_plugin_api (qos_mode_get_type (), 0);
  gst_type_mark_as_plugin_api (scale_get_type (), 0);
  gst_type_mark_as_plugin_api (noise_get_type (), 0);
  gst_type_mark_as_plugin_api (gst_yonos_tier_get_type (), 0);
  gst_type_mark_as_plugin_api (content_get_type (), 0);
}
