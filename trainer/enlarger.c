/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "enlarger.h"
#include "models/model-file.h"
#include "upscaler.h"

#include <string.h>

typedef struct {
    YonosEnlarger base;
    char *path, *device;
    YonosUpscaler *upscaler; /* for pictures of width x height; NULL before the first */
    int width, height;
} Model;

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
        m->upscaler = yonos_upscaler_new(
            &(YonosUpscalerParams){m->path, m->device, e->scale, YONOS_ENLARGER_SEED, in, out, 0, 0}, error);
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
    *m = (Model){{file.scale, model_run, NULL, model_free},
                 g_strdup(path),
                 g_strdup(strcmp(device, "gpu") ? device : "auto"),
                 NULL,
                 0,
                 0};
    yonos_model_file_clear(&file);
    return &m->base;
}

void yonos_enlarger_free(YonosEnlarger *e)
{
    if (e)
        e->free(e);
}
