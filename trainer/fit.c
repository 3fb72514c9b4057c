/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fit.h"
#include "base/error.h"
#include "base/random.h"
#include "checkpoint.h"
#include "device.h"
#include "feature-distance.h"
#include "graph/gradient.h"
#include "latent.h"
#include "loader.h"
#include "models/model-file.h"
#include "noise.h"
#include "ops/ops.h"
#include "progress.h"
#include "rails.h"
#include "ranks.h"
#include "widen.h"

#include <math.h>
#include <string.h>

#define WARM_UP 200
#define LOWEST 0.01

typedef struct {
    const YonosFitParams *p;
    YonosStageParams share; /* p->params with this rank's part of the batch */
    YonosGraph *graph;
    YonosBufferId gradients;
    YonosExecutor *executor;
    YonosOptimizer *optimizer;
    YonosPack *pack;
    YonosLoader *loader;
    YonosProgress *progress;
    char *name, *run;
    float *levels[4];  /* by level_names, {batch, ...} */
    float *origins[5]; /* by origin_names, {batch, 2} */
    YonosRails rails;
} Fit;

static const char *const level_names[] = {"a", "s", "omega", "time"};
static const char *const origin_names[] = {"origin_a", "origin_b", "common_a", "common_b", "phase"};
static const int level_lengths[] = {1, 1, 1, YONOS_COMPACT_TIME};

static gboolean write_constant(YonosExecutor *ex, const char *name, float value, GError **error)
{
    YonosBufferId id = yonos_graph_find_buffer(ex->graph, name);
    gsize n = id < 0 ? 0 : g_array_index(ex->graph->buffers, YonosBuffer, id).size;

    for (gsize k = 0; k < n; k++)
        if (!yonos_executor_write(ex, id, k, &value, 1, error))
            return FALSE;
    return TRUE;
}

static gboolean build(Fit *f, GError **error)
{
    const YonosFitParams *p = f->p;
    YonosGraph *g = f->graph = yonos_graph_new();
    YonosTensorId loss = p->stage->build(g, &f->share);
    YonosTensorId one = yonos_graph_input(g, "dloss", YONOS_F32, (YonosShape){1, 1, 1, 1});

    if (yonos_graph_find_buffer(g, "loss") < 0)
        yonos_append(g, YONOS_OP_ACT, 1, &loss, yonos_graph_input(g, "loss", YONOS_F32, (YonosShape){1, 1, 1, 1}),
                     (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    f->gradients = yonos_graph_differentiate(g, loss, one);
    if (!yonos_graph_check(g, error))
        return FALSE;
    f->executor = yonos_executor_new(g, p->device, p->half, error);
    if (!f->executor || !write_constant(f->executor, "one", 1, error) ||
        !write_constant(f->executor, "perceptual", (float)p->perceptual, error) ||
        !write_constant(f->executor, "mesh", (float)p->mesh, error) ||
        !write_constant(f->executor, "crisp", (float)p->crisp, error) ||
        !write_constant(f->executor, "halo", (float)p->halo, error) ||
        !write_constant(f->executor, "luma", (float)p->luma, error) ||
        !write_constant(f->executor, "steady", (float)p->steady, error))
        return FALSE;
    f->optimizer = yonos_optimizer_new(g, f->gradients, p->seed);
    if (f->executor->element_size < sizeof(float)) /* fp16 */
        f->optimizer->loss_scale = YONOS_LOSS_SCALE_START;
    for (guint k = 0; k < G_N_ELEMENTS(level_names); k++)
        f->levels[k] = g_new(float, (gsize)f->share.batch *level_lengths[k]);
    for (guint k = 0; k < G_N_ELEMENTS(origin_names); k++)
        f->origins[k] = g_new(float, 2 * (gsize)f->share.batch);
    return TRUE;
}

static const char *predicts(const Fit *f)
{
    return f->p->params.predict_v ? "v" : "z";
}

static const char *input_path(const Fit *f)
{
    return f->p->params.faithful ? "faithful" : "compact";
}

static gboolean metadata_is(const YonosModelFile *file, const char *key, const char *missing, const char *ours)
{
    const char *theirs = yonos_safetensors_metadata(file->file, key);

    return !strcmp(theirs ? theirs : missing, ours);
}

/* What a student's weights are worth depends on what it was trained to predict, and from what. */
static gboolean check_denoiser(const Fit *f, const YonosModelFile *file, GError **error)
{
    if (metadata_is(file, YONOS_STAGE_PREDICT, "z", predicts(f)) &&
        metadata_is(file, YONOS_MODEL_INPUT, "compact", input_path(f)))
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL,
                "%s was made with another --predict or --faithful; give here what was given there.", file->path);
    return FALSE;
}

/* The parameters that a start names, from the file of its stage. */
static gboolean start_from(Fit *f, const YonosStageStart *start, GError **error)
{
    int scale = start->half_scale ? f->p->params.scale / 2 : f->p->params.scale;
    char *path = yonos_stage_file(yonos_stage(start->stage), scale, f->p->folder);
    char *prefix = g_strconcat(start->scope, start->prefix, NULL);
    YonosOptimizer *o = f->optimizer;
    YonosModelFile file = {0};
    gboolean needed = yonos_graph_has_params(f->graph, prefix);
    gboolean ok = !needed || (yonos_model_file_open_weights(&file, path, error) &&
                              (strcmp(start->stage, "teacher") || check_denoiser(f, &file, error)));

    for (guint i = 0; ok && needed && i < f->graph->params->len; i++) {
        const YonosParam *param = &g_array_index(f->graph->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(f->graph, param->tensor);
        const char *name = param->name + strlen(start->scope);
        if (!g_str_has_prefix(param->name, prefix))
            continue;
        ok = yonos_model_file_read(&file, name, t->shape, o->weights + t->offset, error);
        memcpy(o->average + t->offset, o->weights + t->offset, yonos_shape_elements(t->shape) * sizeof(float));
    }
    if (!ok)
        g_prefix_error(error, "Stage %s needs the result of stage %s: ", f->p->stage->name, start->stage);
    yonos_model_file_clear(&file);
    g_free(path);
    g_free(prefix);
    return ok;
}

static void start_at_zero(Fit *f)
{
    for (guint i = 0; f->p->stage->zero && i < f->graph->params->len; i++) {
        const YonosParam *param = &g_array_index(f->graph->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(f->graph, param->tensor);
        gsize size = yonos_shape_elements(t->shape) * sizeof(float);
        if (!g_str_has_prefix(param->name, f->p->stage->zero))
            continue;
        memset(f->optimizer->weights + t->offset, 0, size);
        memset(f->optimizer->average + t->offset, 0, size);
    }
}

/* The file's name for a parameter: a second decoder goes on from a model's second one. */
static char *name_at_start(const Fit *f, const YonosModelFile *file, const char *name)
{
    char *second = yonos_stage_is_adversarial(f->p->stage) ? yonos_model_file_second_name(name) : NULL;
    gint64 dims[YONOS_ST_MAX_DIMS];
    guint n;

    if (second && yonos_safetensors_shape(file->file, second, &n, dims))
        return second;
    g_free(second);
    return g_strdup(name);
}

/* The trained parameters that the file has, of the same shape or narrower; it must have some. */
static gboolean start_from_file(Fit *f, GError **error)
{
    YonosOptimizer *o = f->optimizer;
    YonosModelFile file;
    gboolean ok = yonos_model_file_open_weights(&file, f->p->start, error);
    guint trained = 0, taken = 0;

    for (guint i = 0; ok && i < f->graph->params->len; i++) {
        const YonosParam *param = &g_array_index(f->graph->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(f->graph, param->tensor);
        gboolean had;
        char *name;
        if (o->group[t->offset] != YONOS_GROUP_MODEL)
            continue;
        trained++;
        name = name_at_start(f, &file, param->name);
        ok = yonos_widen(&file, name, t->shape, o->weights + t->offset, &had, error);
        taken += had;
        memcpy(o->average + t->offset, o->weights + t->offset, yonos_shape_elements(t->shape) * sizeof(float));
        g_free(name);
    }
    if (ok && !taken) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL, "%s has nothing that stage %s trains.", f->p->start,
                    f->p->stage->name);
        ok = FALSE;
    } else if (ok && taken < trained && yonos_ranks_own() == 0) {
        g_printerr("%u of %u parameters start from %s.\n", taken, trained, f->p->start);
    }
    yonos_model_file_clear(&file);
    return ok;
}

/* Of x_l of the video set: of a pan's first or second frame; YONOS_NONE where the stage takes none. */
static YonosBufferId reduced_input(const Fit *f, guint frame, guint k)
{
    char name[] = {'x', '_', 'l', (char)('0' + (2 << k)), f->p->params.steady ? (char)('a' + frame) : 0, 0};

    return yonos_graph_find_buffer(f->graph, name);
}

static gboolean start(Fit *f, GError **error)
{
    const YonosFitParams *p = f->p;
    YonosLoaderParams loader;
    gboolean resumed;
    gsize frame = p->params.crop - (p->params.steady ? YONOS_STAGE_PAN : 0);
    gsize noise = p->stage->noise ? (gsize)f->share.batch * (frame / 8) * (frame / 8) * YONOS_COMPACT_LATENT : 0;

    if (!(f->pack = yonos_pack_open(p->pack, error)) || !build(f, error))
        return FALSE;
    start_at_zero(f);
    for (guint i = 0; i < G_N_ELEMENTS(p->stage->start) && p->stage->start[i].stage; i++)
        if (!start_from(f, &p->stage->start[i], error))
            return FALSE;
    if (p->start && !start_from_file(f, error))
        return FALSE;
    if (p->params.features && !yonos_features_read(f->graph, p->params.features, f->optimizer->weights, error))
        return FALSE;
    if (!yonos_checkpoint_read(p->folder, f->name, f->run, f->optimizer, &resumed, error))
        return FALSE;
    if (yonos_ranks_own() == 0 && !(f->progress = yonos_progress_new(p->folder, f->name, f->optimizer->step, p->steps,
                                                                     p->params.batch, p->quiet, error)))
        return FALSE;
    loader = (YonosLoaderParams){.pack = f->pack,
                                 .batch = f->share.batch,
                                 .all = p->params.batch,
                                 .at = yonos_ranks_own() * f->share.batch,
                                 .crop = p->params.crop,
                                 .noise = noise,
                                 .seed = p->seed,
                                 .first = f->optimizer->step};
    loader.pan = p->params.steady && p->params.video;
    for (guint k = 0; k < YONOS_DEGRADE_SCALES; k++)
        loader.reduced[k] = reduced_input(f, 0, k) != YONOS_NONE;
    f->loader = yonos_loader_new(&loader, error);
    return f->loader != NULL;
}

static gboolean write_input(Fit *f, const char *name, const float *data, GError **error)
{
    YonosBufferId id = yonos_graph_find_buffer(f->graph, name);

    return id < 0 || yonos_executor_write(f->executor, id, 0, data,
                                          g_array_index(f->graph->buffers, YonosBuffer, id).size, error);
}

static gboolean write_levels(Fit *f, GError **error)
{
    guint own = f->share.batch, at = yonos_ranks_own() * own;
    gboolean ok = TRUE;

    for (guint n = 0; n < own; n++) {
        YonosNoiseLevel level;
        yonos_noise_level(
            &level, f->p->stage->levels == YONOS_LEVELS_LAST
                        ? 1
                        : yonos_noise_draw(f->p->seed, f->optimizer->step, at + n, f->p->params.batch, f->p->last));
        f->levels[0][n] = level.a;
        f->levels[1][n] = level.s;
        f->levels[2][n] = yonos_noise_omega(&level, f->p->omega);
        memcpy(f->levels[3] + n * YONOS_COMPACT_TIME, level.embedding, sizeof level.embedding);
    }
    for (guint k = 0; ok && k < G_N_ELEMENTS(level_names); k++)
        ok = write_input(f, level_names[k], f->levels[k], error);
    return ok;
}

/* Any two frames of a pan, any phase. */
static gboolean write_origins(Fit *f, GError **error)
{
    guint own = f->share.batch, at = yonos_ranks_own() * own;
    gboolean ok = TRUE;

    for (guint n = 0; n < own; n++) {
        YonosPan pan;
        yonos_pan_draw(&pan, f->p->seed, f->optimizer->step * f->p->params.batch + at + n);
        for (guint axis = 0; axis < 2; axis++) {
            const int drawn[] = {pan.origin[0][axis], pan.origin[1][axis], YONOS_STAGE_PAN - pan.origin[0][axis],
                                 YONOS_STAGE_PAN - pan.origin[1][axis], pan.phase[axis]};
            for (guint k = 0; k < G_N_ELEMENTS(origin_names); k++)
                f->origins[k][2 * n + axis] = (float)drawn[k];
        }
    }
    for (guint k = 0; ok && k < G_N_ELEMENTS(origin_names); k++)
        ok = write_input(f, origin_names[k], f->origins[k], error);
    return ok;
}

static gboolean write_reduced(Fit *f, const YonosBatch *batch, GError **error)
{
    for (guint frame = 0; frame < 2; frame++)
        for (guint k = 0; k < YONOS_DEGRADE_SCALES; k++) {
            YonosBufferId id = reduced_input(f, frame, k);
            if (batch->reduced[frame][k] &&
                !yonos_executor_write(f->executor, id, 0, batch->reduced[frame][k],
                                      g_array_index(f->graph->buffers, YonosBuffer, id).size, error))
                return FALSE;
        }
    return TRUE;
}

/* Of the highest rate. */
static double rate_at(const YonosFitParams *p, guint64 step)
{
    double warm = MIN(1.0, (step + 1.0) / WARM_UP);

    return warm * (LOWEST + (1 - LOWEST) * 0.5 * (1 + cos(G_PI * step / p->steps)));
}

/* The discriminator learns first. */
static float adversarial_at(const YonosFitParams *p, guint64 step)
{
    return (float)(p->adversarial * CLAMP(10.0 * step / p->steps - 1, 0, 1));
}

static gboolean step(Fit *f, GError **error)
{
    const YonosBatch *batch = yonos_loader_next(f->loader);
    YonosOptimizerParams op = {.decay = f->p->decay, .clip = f->p->clip, .average = f->p->average};
    double norm, rate = rate_at(f->p, f->optimizer->step);
    float loss, adversarial = adversarial_at(f->p, f->optimizer->step), scale = f->optimizer->loss_scale;

    op.rate = f->p->rate * rate;
    op.discriminator_rate = f->p->discriminator_rate * rate;
    if (!write_reduced(f, batch, error) || !write_input(f, "x_h", batch->pictures, error) ||
        !write_input(f, "noise", batch->noise, error) || !write_input(f, "adversarial", &adversarial, error) ||
        !write_input(f, "dloss", &scale, error) ||
        (f->p->stage->levels != YONOS_LEVELS_NONE && !write_levels(f, error)) || !write_origins(f, error) ||
        !yonos_optimizer_upload(f->optimizer, f->executor, error) || !yonos_executor_run(f->executor, error) ||
        !yonos_executor_read(f->executor, yonos_graph_find_buffer(f->graph, "loss"), 0, &loss, 1, error) ||
        !yonos_optimizer_step(f->optimizer, f->executor, &op, &norm, error))
        return FALSE;
    yonos_ranks_mean(&loss, 1);
    if (yonos_rails_left(&f->rails, loss)) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL,
                    "%s left the rails before step %" G_GUINT64_FORMAT
                    ": its loss was %.4g and is %.4g now. Remove %s's checkpoints and begin anew with a rate below %g.",
                    f->name, f->optimizer->step, f->rails.lowest, f->rails.mean, f->name, f->p->rate);
        return FALSE;
    }
    return !f->progress || yonos_progress_step(f->progress, loss, norm, op.rate, error);
}

static gboolean finish(Fit *f, const char *path, GError **error)
{
    GHashTable *metadata = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    gboolean ok = TRUE;

    if (!f->p->params.scale)
        ok = yonos_latent_normalise(f->graph, f->optimizer->average, f->pack, f->p->params.crop, f->p->device, error);
    g_hash_table_insert(metadata, "run", g_strdup(f->run));
    g_hash_table_insert(metadata, "tier", g_strdup(f->p->tier));
    g_hash_table_insert(metadata, YONOS_STAGE_PREDICT, g_strdup(predicts(f)));
    g_hash_table_insert(metadata, YONOS_MODEL_INPUT, g_strdup(input_path(f)));
    ok = ok && yonos_model_file_write(path, f->graph, f->optimizer->average, YONOS_ST_F32,
                                      yonos_stage_is_adversarial(f->p->stage) ? "decoder." : NULL, metadata, error);
    if (ok)
        yonos_checkpoint_remove(f->p->folder, f->name);
    g_hash_table_unref(metadata);
    return ok;
}

static gboolean loop(Fit *f, gboolean *finished, const char *path, GError **error)
{
    const YonosFitParams *p = f->p;
    gint64 written = g_get_monotonic_time();

    while (f->optimizer->step < p->steps) {
        gboolean stop = yonos_ranks_any(p->stopped && p->stopped());
        gboolean due = stop || g_get_monotonic_time() - written > p->checkpoint_every * G_USEC_PER_SEC;
        if (due && yonos_ranks_own() == 0) {
            if (!yonos_checkpoint_write(p->folder, f->name, f->run, f->optimizer, error))
                return FALSE;
            written = g_get_monotonic_time();
        }
        if (stop)
            return TRUE;
        if (!step(f, error))
            return FALSE;
    }
    *finished = yonos_ranks_own() > 0 || finish(f, path, error);
    return *finished;
}

/* What makes a fit what it is; free with g_free. */
static char *describe(const YonosFitParams *p, const char *name)
{
    GString *run = g_string_new(NULL);

    g_string_printf(run,
                    "%s %s steps %" G_GUINT64_FORMAT " batch %d crop %d rate %g decay %g clip %g average %g "
                    "seed %" G_GUINT64_FORMAT "%s%s%s%s",
                    p->tier, name, p->steps, p->params.batch, p->params.crop, p->rate, p->decay, p->clip, p->average,
                    p->seed, p->params.video ? " set video" : "", p->params.predict_v ? " predict v" : "",
                    p->params.faithful ? " faithful" : "", p->half ? " half" : "");
    if (p->stage->levels == YONOS_LEVELS_ALL)
        g_string_append_printf(run, " last %g omega %g", p->last, p->omega);
    if (p->params.luma)
        g_string_append_printf(run, " luma %g", p->luma);
    if (p->params.steady)
        g_string_append_printf(run, " steady %g", p->steady);
    if (yonos_stage_is_adversarial(p->stage))
        g_string_append_printf(run, " features %s perceptual %g adversarial %g discriminator-rate %g",
                               p->params.features ? "squeezenet" : "encoder", p->perceptual, p->adversarial,
                               p->discriminator_rate);
    if (p->params.meshless)
        g_string_append_printf(run, " mesh %g", p->mesh);
    if (p->params.crisp)
        g_string_append_printf(run, " crisp %g", p->crisp);
    if (p->params.haloless)
        g_string_append_printf(run, " halo %g", p->halo);
    return g_string_free(run, FALSE);
}

gboolean yonos_fit(const YonosFitParams *p, gboolean *finished, GError **error)
{
    Fit f = {.p = p, .share = p->params};
    char *path = yonos_stage_file(p->stage, p->params.scale, p->folder);
    gboolean ok = TRUE;

    *finished = yonos_ranks_any(g_file_test(path, G_FILE_TEST_EXISTS));
    f.share.batch /= yonos_ranks_count();
    if (p->params.batch % yonos_ranks_count()) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED, "A batch of %d cannot be shared among %d ranks.",
                    p->params.batch, yonos_ranks_count());
        ok = FALSE;
    } else if (*finished) {
        if (!p->quiet && yonos_ranks_own() == 0)
            g_print("%s is there already.\n", path);
    } else {
        f.name =
            p->params.scale ? g_strdup_printf("%s-x%d", p->stage->name, p->params.scale) : g_strdup(p->stage->name);
        f.run = describe(p, f.name);
        ok = start(&f, error) && loop(&f, finished, path, error);
        yonos_loader_free(f.loader);
        yonos_progress_free(f.progress);
        yonos_optimizer_free(f.optimizer);
        yonos_executor_free(f.executor);
        yonos_graph_free(f.graph);
        yonos_pack_free(f.pack);
        for (guint k = 0; k < G_N_ELEMENTS(f.levels); k++)
            g_free(f.levels[k]);
        for (guint k = 0; k < G_N_ELEMENTS(f.origins); k++)
            g_free(f.origins[k]);
        g_free(f.name);
        g_free(f.run);
    }
    g_free(path);
    return ok;
}
