/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import.h"
#include "base/error.h"
#include "models/compact.h"
#include "models/model-file.h"
#include "stage.h"

#include <string.h>

#define SIDE YONOS_COMPACT_GRID

static const YonosShape latent = {1, SIDE / 8, SIDE / 8, YONOS_COMPACT_LATENT};

/* What embeds the noise level. What that of t = T adds is in the model's biases, so this is zero in its results. */
static gboolean embeds(const char *name)
{
    return strstr(name, ".time.") != NULL;
}

/* Writes the graph's parameters, the model's of the same names, as the result of a stage; a decoder's are the model's
 * `decoder`*. */
static gboolean leave(const YonosModelFile *model, YonosGraph *g, const char *stage, const char *decoder,
                      const char *folder, GError **error)
{
    GHashTable *metadata = g_hash_table_new(g_str_hash, g_str_equal);
    char *path = yonos_stage_file(yonos_stage(stage), model->scale, folder);
    float *values = g_new0(float, g_array_index(g->buffers, YonosBuffer, g->param_buffer).size);
    gboolean ok = yonos_graph_check(g, error);

    for (guint i = 0; ok && i < g->params->len; i++) {
        const YonosParam *param = &g_array_index(g->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(g, param->tensor);
        char *name = decoder ? g_strconcat(decoder, param->name + strlen("decoder."), NULL) : g_strdup(param->name);
        if (!embeds(name))
            ok = yonos_model_file_read(model, name, t->shape, values + t->offset, error);
        g_free(name);
    }
    g_hash_table_insert(metadata, (gpointer) "tier", (gpointer)model->tier);
    g_hash_table_insert(metadata, (gpointer)YONOS_STAGE_PREDICT, (gpointer) "z");
    g_hash_table_insert(metadata, (gpointer)YONOS_MODEL_INPUT, (gpointer)(model->faithful ? "faithful" : "compact"));
    ok = ok && yonos_model_file_write(path, g, values, YONOS_ST_F32, NULL, metadata, error);
    g_free(values);
    g_free(path);
    g_hash_table_unref(metadata);
    return ok;
}

static gboolean leave_encoder(const YonosModelFile *model, const char *folder, GError **error)
{
    YonosGraph *g = yonos_graph_new();
    gboolean ok;

    yonos_compact_hr_encoder(g, yonos_graph_input(g, "x_h", YONOS_F32, (YonosShape){1, SIDE, SIDE, 3}));
    ok = leave(model, g, "autoencoder", NULL, folder, error);
    yonos_graph_free(g);
    return ok;
}

static gboolean leave_denoiser(const YonosModelFile *model, const YonosCompactTier *tier, const char *folder,
                               GError **error)
{
    YonosGraph *g = yonos_graph_new();
    int small = SIDE / model->scale;
    YonosTensorId x_l = yonos_graph_input(g, "x_l", YONOS_F32, (YonosShape){1, small, small, 3});
    YonosTensorId z_l = model->faithful ? yonos_graph_input(g, "z_l", YONOS_F32, latent)
                                        : yonos_compact_lr_encoder(g, tier, x_l, model->scale);
    gboolean ok;

    yonos_compact_student(g, tier, yonos_graph_input(g, "z_t", YONOS_F32, latent), z_l,
                          yonos_graph_input(g, "time", YONOS_F32, (YonosShape){1, 1, 1, YONOS_COMPACT_TIME}));
    ok = leave(model, g, "teacher", NULL, folder, error);
    yonos_graph_free(g);
    return ok;
}

static gboolean leave_decoder(const YonosModelFile *model, const YonosCompactTier *tier, const char *stage,
                              const char *from, const char *folder, GError **error)
{
    YonosGraph *g = yonos_graph_new();
    int small = SIDE / model->scale;
    YonosTensorId x_l = yonos_graph_input(g, "x_l", YONOS_F32, (YonosShape){1, small, small, 3});
    YonosTensorId z = tier->student ? yonos_graph_input(g, "z", YONOS_F32, latent) : YONOS_NONE;
    gboolean ok;

    yonos_compact_decoder(g, tier, z, x_l, model->scale);
    ok = leave(model, g, stage, from, folder, error);
    yonos_graph_free(g);
    return ok;
}

gboolean yonos_import(const char *path, const char *folder, gboolean decoders, GError **error)
{
    const YonosCompactTier *tier;
    YonosModelFile model;
    gboolean ok;

    if (!yonos_model_file_open(&model, path, 0, error))
        return FALSE;
    tier = yonos_compact_tier(model.tier);
    if (tier)
        g_mkdir_with_parents(folder, 0777);
    else
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL, "%s is of a tier '%s' that this version does not have.",
                    path, model.tier);
    ok = tier && (!model.faithful || leave_encoder(&model, folder, error)) &&
         (!tier->student || leave_denoiser(&model, tier, folder, error)) &&
         (!decoders || leave_decoder(&model, tier, "decoder", "decoder.", folder, error)) &&
         (!decoders || !model.perceptual || leave_decoder(&model, tier, "perceptual", "perceptual.", folder, error));
    yonos_model_file_clear(&model);
    return ok;
}
