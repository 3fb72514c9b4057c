/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upscaler.h"
#include "base/error.h"
#include "base/random.h"
#include "cpu/cpu-executor.h"
#include "models/compact.h"
#include "models/model-file.h"

struct YonosUpscaler {
    YonosFrameFormat in, out;
    YonosGraph *graph;
    YonosExecutor *executor;
    YonosBufferId x, y;
    float *small, *large; /* {h, w, 3} */
};

void yonos_upscaler_free(YonosUpscaler *up)
{
    if (!up)
        return;
    yonos_executor_free(up->executor);
    yonos_graph_free(up->graph);
    g_free(up->small);
    g_free(up->large);
    g_free(up);
}

const char *yonos_upscaler_device(G_GNUC_UNUSED const YonosUpscaler *up)
{
    return "CPU";
}

static gboolean check_params(const YonosUpscalerParams *p, GError **error)
{
    if (p->in.width < 1 || p->in.height < 1 || p->in.width > 16384 / p->scale || p->in.height > 16384 / p->scale ||
        p->out.width != p->in.width * p->scale || p->out.height != p->in.height * p->scale) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED, "A frame of %d x %d cannot be made %d x %d.",
                    p->in.width, p->in.height, p->out.width, p->out.height);
        return FALSE;
    }
    if (g_strcmp0(p->device, "auto") && g_strcmp0(p->device, "cpu")) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_DEVICE, "There is no device '%s'; use auto or cpu.", p->device);
        return FALSE;
    }
    return TRUE;
}

static gboolean build(YonosUpscaler *up, const YonosCompactTier *tier, int scale, YonosBufferId *noise, GError **error)
{
    YonosGraph *g = up->graph = yonos_graph_new();
    int h = yonos_compact_padded(up->in.height, scale) * scale / 8;
    int w = yonos_compact_padded(up->in.width, scale) * scale / 8;
    YonosTensorId x = yonos_graph_input(g, "frame", YONOS_F32, (YonosShape){1, up->in.height, up->in.width, 3});
    YonosTensorId z = yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){1, h, w, YONOS_COMPACT_LATENT});
    YonosTensorId y = yonos_compact_upscale(g, tier, x, z, scale);

    if (!yonos_graph_check(g, error))
        return FALSE;
    up->x = yonos_graph_at(g, x)->buffer;
    *noise = yonos_graph_at(g, z)->buffer;
    /* the last node writes the picture: let it write where it can be read */
    up->y = yonos_graph_buffer(g, "upscaled", YONOS_F32, yonos_shape_elements(yonos_graph_shape(g, y)));
    g_array_index(g->tensors, YonosTensor, y).buffer = up->y;
    up->executor = yonos_cpu_executor_new(g, FALSE, error);
    return up->executor != NULL;
}

YonosUpscaler *yonos_upscaler_new(const YonosUpscalerParams *p, GError **error)
{
    YonosUpscaler *up = NULL;
    YonosModelFile model = {0};
    const YonosCompactTier *tier;
    YonosBufferId noise;
    float *field = NULL;
    gsize n;

    if (!check_params(p, error) || !yonos_model_file_open(&model, p->model, p->scale, error))
        return NULL;
    up = g_new0(YonosUpscaler, 1);
    up->in = p->in;
    up->out = p->out;
    tier = yonos_compact_tier(model.tier);
    if (!tier) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL, "%s is of tier '%s', which this version does not know.",
                    p->model, model.tier);
        goto fail;
    }
    if (!build(up, tier, p->scale, &noise, error) || !yonos_model_file_load(&model, up->executor, error))
        goto fail;
    n = g_array_index(up->graph->buffers, YonosBuffer, noise).size;
    field = g_new(float, n);
    yonos_random_field(field, p->seed, yonos_compact_padded(p->in.height, p->scale) * p->scale / 8,
                       yonos_compact_padded(p->in.width, p->scale) * p->scale / 8, YONOS_COMPACT_LATENT);
    if (!yonos_executor_write(up->executor, noise, 0, field, n, error))
        goto fail;
    up->small = g_new(float, (gsize)p->in.width * p->in.height * 3);
    up->large = g_new(float, (gsize)p->out.width * p->out.height * 3);
    g_free(field);
    yonos_model_file_clear(&model);
    return up;

fail:
    g_free(field);
    yonos_model_file_clear(&model);
    yonos_upscaler_free(up);
    return NULL;
}

gboolean yonos_upscaler_run(YonosUpscaler *up, const YonosFrame *in, const YonosFrame *out, GError **error)
{
    gsize n_in = (gsize)up->in.width * up->in.height * 3, n_out = (gsize)up->out.width * up->out.height * 3;

    yonos_frame_to_rgb(&up->in, in, up->small, up->in.width);
    if (!yonos_executor_write(up->executor, up->x, 0, up->small, n_in, error) ||
        !yonos_executor_run(up->executor, error) ||
        !yonos_executor_read(up->executor, up->y, 0, up->large, n_out, error))
        return FALSE;
    yonos_frame_from_rgb(&up->out, out, up->large, up->out.width);
    return TRUE;
}
