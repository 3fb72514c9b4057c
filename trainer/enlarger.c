/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "enlarger.h"
#include "base/error.h"
#include "models/model-file.h"
#include "upscaler.h"

#include <string.h>

typedef struct {
    YonosEnlarger base;
    char *path, *device;
    YonosUpscaler *upscaler; /* for pictures of width x height; NULL before the first */
    int width, height;
} Model;

/* Figures of another device than the one that was asked for would pass for its own. */
static YonosUpscaler *open_for(const Model *m, YonosFrameFormat in, YonosFrameFormat out, GError **error)
{
    gboolean gpu = !strcmp(m->device, "gpu");
    YonosUpscalerParams p = {m->path, gpu ? "auto" : m->device, m->base.scale, YONOS_ENLARGER_SEED, in, out, 0, 0,
                             NULL};
    YonosUpscaler *up = yonos_upscaler_new(&p, error);
    const char *note = up ? yonos_upscaler_note(up) : NULL;

    if (up && (gpu || note) && strcmp(m->device, "auto") && !strcmp(yonos_upscaler_device(up), "CPU")) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_NO_DEVICE, "Nothing was measured, since '%s' was asked for. %s",
                    m->device,
                    note ? note : "There is no GPU with Vulkan 1.1; install its driver, or leave --device out.");
        g_clear_pointer(&up, yonos_upscaler_free);
    }
    return up;
}

static gboolean model_run(YonosEnlarger *e, const YonosPicture *small, const YonosPicture *large, GError **error)
{
    Model *m = (Model *)e;
    YonosFrameFormat in = {.layout = YONOS_FRAME_PACKED, .pixel_stride = 3, .r = 0, .g = 1, .b = 2, .a = -1};
    YonosFrameFormat out = in;

    in.width = small->width;
    in.height = small->height;
    out.width = large->width;
    out.height = large->height;
    if (!m->upscaler || m->width != small->width || m->height != small->height) {
        g_clear_pointer(&m->upscaler, yonos_upscaler_free);
        m->width = small->width;
        m->height = small->height;
        m->upscaler = open_for(m, in, out, error);
    }
    return m->upscaler && yonos_upscaler_run(m->upscaler, &(YonosFrame){{small->rgb}, {3 * small->width}},
                                             &(YonosFrame){{large->rgb}, {3 * large->width}}, error);
}

static void model_free(YonosEnlarger *e)
{
    Model *m = (Model *)e;

    yonos_upscaler_free(m->upscaler);
    g_free(m->path);
    g_free(m->device);
    g_free(m);
}

YonosEnlarger *yonos_enlarger_model(const char *path, const char *device, GError **error)
{
    YonosModelFile file;
    Model *m;

    if (!yonos_model_file_open(&file, path, 0, error))
        return NULL;
    m = g_new0(Model, 1);
    *m = (Model){{file.scale, model_run, NULL, model_free}, g_strdup(path), g_strdup(device), NULL, 0, 0};
    yonos_model_file_clear(&file);
    return &m->base;
}

void yonos_enlarger_free(YonosEnlarger *e)
{
    if (e)
        e->free(e);
}
