/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times every way to cut a network's convolutions on a Vulkan device and leaves the fastest in the user's cache folder,
 * where the element finds them. */
#include "models/compact.h"
#include "models/model-file.h"
#include "vulkan/vulkan-tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 16384

static char *device, *model, *tier, *size, *precision;
static int scale, runs = 20;

static const GOptionEntry entries[] = {
    {"device", 'd', 0, G_OPTION_ARG_STRING, &device, "Index, UUID or part of the name; auto, the first GPU", "DEVICE"},
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, &model, "Whose network it is, in the place of a tier and scale", "FILE"},
    {"tier", 't', 0, G_OPTION_ARG_STRING, &tier, "Of the network; fast", "TIER"},
    {"scale", 's', 0, G_OPTION_ARG_INT, &scale, "2, 4 or 8; 2", "N"},
    {"size", 'i', 0, G_OPTION_ARG_STRING, &size, "Of the small frames; 480x270", "WxH"},
    {"runs", 'n', 0, G_OPTION_ARG_INT, &runs, "Timed runs of each tile, of which the least counts; 20", "N"},
    {"precision", 'p', 0, G_OPTION_ARG_STRING, &precision, "fp32 or fp16; what the element would take", "TYPE"},
    G_OPTION_ENTRY_NULL};

static void tell(const char *line, G_GNUC_UNUSED gpointer user)
{
    g_print("%s\n", line);
}

static gboolean refuse(GError **error, const char *what)
{
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s; see --help.", what);
    return FALSE;
}

static gboolean tune_network(const YonosModelFile *file, int width, int height, GError **error)
{
    YonosVulkanOptions options = {.device = g_strcmp0(device, "auto") ? device : NULL,
                                  .half = YONOS_VULKAN_HALF_ON_GPU};
    const YonosCompactTier *shape = yonos_compact_tier(file->file ? file->tier : tier ? tier : "fast");
    YonosGraph *g;
    gboolean done;

    if (!shape)
        return refuse(error, "There is no such tier");
    if (precision)
        options.half = strcmp(precision, "fp16") ? YONOS_VULKAN_SINGLE : YONOS_VULKAN_HALF;
    g = yonos_compact_network(shape, width, height, file->file ? file->scale : scale,
                              file->faithful ? YONOS_COMPACT_INPUT_FAITHFUL : YONOS_COMPACT_INPUT_LR);
    done = yonos_graph_check(g, error) && yonos_vulkan_tune(g, &options, runs, tell, NULL, error);
    yonos_graph_free(g);
    return done;
}

static gboolean tune(GError **error)
{
    YonosModelFile file = {0};
    int width = 480, height = 270;
    gboolean done;

    if (size && (sscanf(size, "%dx%d", &width, &height) != 2 || width < 1 || height < 1))
        return refuse(error, "A size is like 480x270");
    if (precision && strcmp(precision, "fp32") && strcmp(precision, "fp16"))
        return refuse(error, "A precision is fp32 or fp16");
    if (runs < 1)
        return refuse(error, "There is one run at least");
    if (model && (tier || scale))
        return refuse(error, "A model has its own tier and scale");
    scale = scale ? scale : 2;
    if (scale != 2 && scale != 4 && scale != 8)
        return refuse(error, "A scale is 2, 4 or 8");
    if (model && !yonos_model_file_open(&file, model, 0, error))
        return FALSE;
    done = width > MAX_SIDE / 8 || height > MAX_SIDE / 8 ? refuse(error, "Frames of that size are too large")
                                                         : tune_network(&file, width, height, error);
    yonos_model_file_clear(&file);
    return done;
}

int main(int argc, char **argv)
{
    GOptionContext *context = g_option_context_new("- find the fastest tiles of a Vulkan device");
    GError *error = NULL;
    gboolean done;

    g_option_context_add_main_entries(context, entries, NULL);
    done = g_option_context_parse(context, &argc, &argv, &error);
    if (done && argc > 1)
        done = refuse(&error, "There are options only");
    done = done && tune(&error);
    g_option_context_free(context);
    if (done)
        return EXIT_SUCCESS;
    g_printerr("yonos-tune: %s\n", error->message);
    g_error_free(error);
    return EXIT_FAILURE;
}
