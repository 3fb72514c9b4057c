/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sampler.h"
#include "base/error.h"
#include "base/random.h"
#include "device.h"
#include "frame.h"
#include "models/model-file.h"
#include "ops/ops.h"
#include "stage.h"

#include <string.h>

#define C YONOS_COMPACT_LATENT

gboolean yonos_sample(YonosDenoise denoise, gpointer user, float *z, gsize n, int steps, GError **error)
{
    float *prediction = g_new(float, n);
    gboolean ok = TRUE;

    for (int k = 0; ok && k < steps; k++) {
        YonosNoiseLevel now, next;
        yonos_noise_level(&now, 1 - (double)k / steps);
        yonos_noise_level(&next, 1 - (k + 1.0) / steps);
        ok = denoise(user, z, &now, prediction, error);
        for (gsize i = 0; ok && i < n; i++)
            z[i] =
                next.s > 0 ? next.a * prediction[i] + next.s * (z[i] - now.a * prediction[i]) / now.s : prediction[i];
    }
    g_free(prediction);
    return ok;
}

typedef struct {
    YonosGraph *graph;
    YonosExecutor *executor;
} Network;

typedef struct {
    YonosEnlarger base;
    const YonosCompactTier *tier;
    char *device;
    int steps;
    gboolean predicts_v, faithful;
    YonosModelFile encoder_file, denoiser_file, decoder_file;
    Network encoder, denoiser, decoder; /* for pictures of width x height; the encoder is made when asked for */
    int width, height;
    float *z; /* of the last run */
} Chain;

static void network_clear(Network *n)
{
    yonos_executor_free(n->executor);
    yonos_graph_free(n->graph);
    memset(n, 0, sizeof *n);
}

static void networks_clear(Chain *c)
{
    network_clear(&c->encoder);
    network_clear(&c->denoiser);
    network_clear(&c->decoder);
    g_clear_pointer(&c->z, g_free);
}

static const YonosModelFile *file_of(const Chain *c, const char *param)
{
    if (g_str_has_prefix(param, "hr_encoder."))
        return &c->encoder_file;
    return g_str_has_prefix(param, "decoder.") ? &c->decoder_file : &c->denoiser_file;
}

/* Makes `out` the buffer of that name, and an executor with the chain's parameters. */
static gboolean network_finish(Network *n, YonosTensorId out, const char *name, const Chain *c, GError **error)
{
    YonosGraph *g = n->graph;
    gboolean ok = yonos_graph_check(g, error);

    if (ok) {
        YonosBufferId buffer = yonos_graph_buffer(g, name, YONOS_F32, yonos_shape_elements(yonos_graph_shape(g, out)));
        g_array_index(g->tensors, YonosTensor, out).buffer = buffer;
        ok = (n->executor = yonos_executor_new(g, c->device, FALSE, error)) != NULL;
    }
    for (guint i = 0; ok && i < g->params->len; i++) {
        const YonosParam *param = &g_array_index(g->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(g, param->tensor);
        float *values = g_new(float, yonos_shape_elements(t->shape));
        ok = yonos_model_file_read(file_of(c, param->name), param->name, t->shape, values, error) &&
             yonos_executor_write(n->executor, t->buffer, t->offset, values, yonos_shape_elements(t->shape), error);
        g_free(values);
    }
    return ok;
}

static gboolean build(Chain *c, int width, int height, GError **error)
{
    YonosGraph *g = c->denoiser.graph = yonos_graph_new();
    int scale = c->base.scale, w = yonos_compact_padded(width, scale), h = yonos_compact_padded(height, scale);
    YonosShape latent = {1, h * scale / 8, w * scale / 8, C};
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, height, width, 3}), y;
    YonosTensorId z = yonos_graph_input(g, "z_t", YONOS_F32, latent);
    YonosTensorId time = yonos_graph_input(g, "time", YONOS_F32, (YonosShape){1, 1, 1, YONOS_COMPACT_TIME});
    YonosTensorId padded = yonos_extent(g, x, h, w);
    YonosTensorId z_l = c->faithful ? yonos_compact_hr_encoder(g, yonos_resize(g, padded, h * scale, w * scale))
                                    : yonos_compact_lr_encoder(g, c->tier, padded, scale);

    y = yonos_compact_student(g, c->tier, z, z_l, time);
    if (!network_finish(&c->denoiser, y, "prediction", c, error))
        return FALSE;
    g = c->decoder.graph = yonos_graph_new();
    x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, height, width, 3});
    z = yonos_graph_input(g, "z", YONOS_F32, latent);
    y = yonos_compact_decoder(g, c->tier, z, yonos_extent(g, x, h, w), scale);
    y = yonos_extent(g, y, height * scale, width * scale);
    y = yonos_add(g, yonos_resize(g, x, height * scale, width * scale), y, 1);
    return network_finish(&c->decoder, y, "y", c, error);
}

/* x_h, padded as its x_l is -> z_h */
static gboolean build_encoder(Chain *c, GError **error)
{
    YonosGraph *g = c->encoder.graph = yonos_graph_new();
    int scale = c->base.scale;
    YonosTensorId x = yonos_graph_input(g, "x_h", YONOS_F32, (YonosShape){1, c->height * scale, c->width * scale, 3});

    x = yonos_extent(g, x, yonos_compact_padded(c->height, scale) * scale,
                     yonos_compact_padded(c->width, scale) * scale);
    return network_finish(&c->encoder, yonos_compact_hr_encoder(g, x), "z_h", c, error);
}

/* Brings the networks to the picture's size. */
static gboolean fit_size(Chain *c, int width, int height, GError **error)
{
    if (c->decoder.executor && c->width == width && c->height == height)
        return TRUE;
    networks_clear(c);
    c->width = width;
    c->height = height;
    return build(c, width, height, error);
}

static gsize size_of(const Network *n, const char *name)
{
    return g_array_index(n->graph->buffers, YonosBuffer, yonos_graph_find_buffer(n->graph, name)).size;
}

static gboolean put(const Network *n, const char *name, const float *values, GError **error)
{
    return yonos_executor_write(n->executor, yonos_graph_find_buffer(n->graph, name), 0, values, size_of(n, name),
                                error);
}

static gboolean get(const Network *n, const char *name, float *values, GError **error)
{
    return yonos_executor_read(n->executor, yonos_graph_find_buffer(n->graph, name), 0, values, size_of(n, name),
                               error);
}

static gboolean denoise(gpointer user, const float *z_t, const YonosNoiseLevel *level, float *prediction,
                        GError **error)
{
    const Chain *c = user;
    const Network *n = &c->denoiser;
    gboolean ok = put(n, "z_t", z_t, error) && put(n, "time", level->embedding, error) &&
                  yonos_executor_run(n->executor, error) && get(n, "prediction", prediction, error);

    for (gsize k = 0; ok && c->predicts_v && k < size_of(n, "z_t"); k++)
        prediction[k] = level->a * z_t[k] - level->s * prediction[k];
    return ok;
}

static gboolean chain_run(YonosEnlarger *e, const YonosPicture *small, const YonosPicture *large, GError **error)
{
    Chain *c = (Chain *)e;
    YonosFrameFormat format = {
        .pixel_stride = 3, .r = 0, .g = 1, .b = 2, .a = -1, .width = small->width, .height = small->height};
    float *x, *y, *z;
    gsize n;
    gboolean ok;

    if (!fit_size(c, small->width, small->height, error))
        return FALSE;
    n = size_of(&c->decoder, "z");
    x = g_new(float, size_of(&c->decoder, "x"));
    y = g_new(float, size_of(&c->decoder, "y"));
    g_free(c->z);
    z = c->z = g_new(float, n);
    yonos_frame_to_rgb(&format, &(YonosFrame){{small->rgb}, {3 * small->width}}, x, small->width);
    yonos_random_field(z, YONOS_ENLARGER_SEED, yonos_compact_padded(small->height, e->scale) * e->scale / 8,
                       yonos_compact_padded(small->width, e->scale) * e->scale / 8, C);
    ok = put(&c->denoiser, "x", x, error) && yonos_sample(denoise, c, z, n, c->steps, error) &&
         put(&c->decoder, "x", x, error) && put(&c->decoder, "z", z, error) &&
         yonos_executor_run(c->decoder.executor, error) && get(&c->decoder, "y", y, error);
    format.width = large->width;
    format.height = large->height;
    if (ok)
        yonos_frame_from_rgb(&format, &(YonosFrame){{large->rgb}, {3 * large->width}}, y, large->width);
    g_free(x);
    g_free(y);
    return ok;
}

static gboolean chain_latent_error(YonosEnlarger *e, const YonosPicture *original, double *mse, GError **error)
{
    Chain *c = (Chain *)e;
    YonosFrameFormat format = {
        .pixel_stride = 3, .r = 0, .g = 1, .b = 2, .a = -1, .width = original->width, .height = original->height};
    gsize n = size_of(&c->decoder, "z");
    float *x = g_new(float, 3 * (gsize)original->width * original->height), *z = g_new(float, n);
    gboolean ok = c->encoder.executor || build_encoder(c, error);

    yonos_frame_to_rgb(&format, &(YonosFrame){{original->rgb}, {3 * original->width}}, x, original->width);
    ok = ok && put(&c->encoder, "x_h", x, error) && yonos_executor_run(c->encoder.executor, error) &&
         get(&c->encoder, "z_h", z, error);
    *mse = 0;
    for (gsize k = 0; ok && k < n; k++)
        *mse += ((double)z[k] - c->z[k]) * ((double)z[k] - c->z[k]) / n;
    g_free(x);
    g_free(z);
    return ok;
}

static void chain_free(YonosEnlarger *e)
{
    Chain *c = (Chain *)e;

    networks_clear(c);
    yonos_model_file_clear(&c->encoder_file);
    yonos_model_file_clear(&c->denoiser_file);
    yonos_model_file_clear(&c->decoder_file);
    g_free(c->device);
    g_free(c);
}

static gboolean open_result(YonosModelFile *file, const char *stage, int scale, const char *folder, GError **error)
{
    char *path = yonos_stage_file(yonos_stage(stage), scale, folder);
    gboolean ok = yonos_model_file_open_weights(file, path, error);

    g_free(path);
    return ok;
}

static gboolean open_files(Chain *c, const char *folder, GError **error)
{
    const YonosModelFile *f = &c->denoiser_file;
    const char *tier;

    if (!open_result(&c->denoiser_file, "teacher", c->base.scale, folder, error) ||
        !open_result(&c->decoder_file, "decoder", c->base.scale, folder, error))
        return FALSE;
    c->predicts_v = !g_strcmp0(yonos_safetensors_metadata(f->file, YONOS_STAGE_PREDICT), "v");
    c->faithful = !g_strcmp0(yonos_safetensors_metadata(f->file, YONOS_MODEL_INPUT), "faithful");
    tier = yonos_safetensors_metadata(f->file, "tier");
    c->tier = tier ? yonos_compact_tier(tier) : NULL;
    if (!c->tier) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL, "%s is of tier '%s', which this version does not know.",
                    f->path, tier ? tier : "?");
        return FALSE;
    }
    if (open_result(&c->encoder_file, "autoencoder", 0, folder, c->faithful ? error : NULL))
        c->base.latent_error = chain_latent_error;
    return !c->faithful || c->base.latent_error;
}

YonosEnlarger *yonos_enlarger_chain(const char *folder, int scale, int steps, const char *device, GError **error)
{
    Chain *c = g_new0(Chain, 1);

    c->base = (YonosEnlarger){scale, chain_run, NULL, chain_free};
    c->steps = steps;
    c->device = g_strdup(device);
    if (open_files(c, folder, error))
        return &c->base;
    chain_free(&c->base);
    return NULL;
}
