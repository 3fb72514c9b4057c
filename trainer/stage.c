/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stage.h"
#include "crisp.h"
#include "halo.h"
#include "discriminator.h"
#include "feature-distance.h"
#include "mesh.h"
#include "ops/ops.h"

/* The autoencoder codes what bicubic enlargement by BASE lacks: what an LR picture holds anyway would fill a latent of
 * 16 channels for 64 pixels, and nothing would be left for the student to predict. */
#define BASE 4
#define POSTERIOR 0.1f /* standard deviation of the posterior, a constant */
#define KL_WEIGHT 1e-4f

/* The input of that name, made on first use. */
static YonosTensorId input(YonosGraph *g, const YonosStageParams *p, const char *name, int side, int channels)
{
    YonosBufferId buffer = yonos_graph_find_buffer(g, name);

    for (guint t = 0; buffer != YONOS_NONE && t < g->tensors->len; t++)
        if (yonos_graph_at(g, t)->buffer == buffer)
            return t;
    return yonos_graph_input(g, name, YONOS_F32, (YonosShape){p->batch, side, side, channels});
}

static YonosTensorId picture(YonosGraph *g, const YonosStageParams *p)
{
    return input(g, p, "x_h", p->crop, 3);
}

static YonosTensorId noise(YonosGraph *g, const YonosStageParams *p)
{
    return input(g, p, "noise", p->crop / 8, YONOS_COMPACT_LATENT);
}

/* x_l: x_h reduced by Pillow's bicubic to 8-bit codes or, of the video set, the loader's input of that scale */
static YonosTensorId reduced(YonosGraph *g, const YonosStageParams *p, YonosTensorId x_h, int scale)
{
    if (p->video && p->scale) {
        char name[] = {'x', '_', 'l', (char)('0' + scale), p->frame, 0};
        return input(g, p, name, p->crop / scale, 3);
    }
    return yonos_act(g, yonos_resize(g, x_h, p->crop / scale, p->crop / scale), YONOS_ACT_CODES, 0);
}

static YonosTensorId enlarged(YonosGraph *g, const YonosStageParams *p, YonosTensorId x_l)
{
    return yonos_resize(g, x_l, p->crop, p->crop);
}

static YonosTensorId frozen_latent(YonosGraph *g, YonosTensorId x)
{
    const char *scope = g->scope;
    gboolean freeze = g->freeze;
    YonosTensorId z;

    g->scope = NULL;
    g->freeze = TRUE;
    z = yonos_compact_hr_encoder(g, x);
    g->scope = scope;
    g->freeze = freeze;
    return z;
}

/* || D0(m + sigma eps) + bicubic(x_l) - x_h ||_1 + k KL, m = E(x_h) */
static YonosTensorId build_autoencoder(YonosGraph *g, const YonosStageParams *p)
{
    YonosTensorId x_h = picture(g, p), base = enlarged(g, p, reduced(g, p, x_h, BASE));
    YonosTensorId mean = yonos_compact_hr_encoder(g, x_h);
    YonosTensorId z = yonos_add(g, mean, noise(g, p), POSTERIOR);
    YonosTensorId y = yonos_compact_decoder(g, p->tier, z, YONOS_NONE, 0);
    YonosTensorId zero = input(g, p, "zero", p->crop / 8, YONOS_COMPACT_LATENT), one = input(g, p, "one", 1, 1);

    return yonos_add(g, yonos_l1(g, yonos_add(g, base, y, 1), x_h), yonos_mse(g, mean, zero, one), KL_WEIGHT);
}

/* || E_N(x_l) - E(bicubic(x_l)) ||^2 */
static YonosTensorId build_lr_encoder(YonosGraph *g, const YonosStageParams *p)
{
    YonosTensorId x_l = reduced(g, p, picture(g, p), p->scale);
    YonosTensorId target = frozen_latent(g, enlarged(g, p, x_l));

    return yonos_mse(g, yonos_compact_lr_encoder(g, p->tier, x_l, p->scale), target, input(g, p, "one", 1, 1));
}

typedef struct {
    YonosTensorId a, s, time; /* a and s: YONOS_NONE where nothing needs them */
} Level;

/* z^ = S(z_t, z_l, lambda_t), z_l = E_N(x_l) or E(bicubic(x_l)); or a z_t - s S where S predicts v = a eps - s z_h */
static YonosTensorId denoised(YonosGraph *g, const YonosStageParams *p, YonosTensorId x_h, YonosTensorId z_t,
                              Level level, int scale)
{
    YonosTensorId x_l = reduced(g, p, x_h, scale);
    YonosTensorId z_l =
        p->faithful ? frozen_latent(g, enlarged(g, p, x_l)) : yonos_compact_lr_encoder(g, p->tier, x_l, scale);
    YonosTensorId out = yonos_compact_student(g, p->tier, z_t, z_l, level.time);

    if (!p->predict_v)
        return out;
    return yonos_add(g, yonos_mix(g, z_t, level.a, YONOS_NONE, YONOS_NONE),
                     yonos_mix(g, out, level.s, YONOS_NONE, YONOS_NONE), -1);
}

/* omega || S(z_t, z_l, lambda_t) - target ||^2, z_t = a z_h + s eps; the target is z_h or, distilled from N/2, what the
 * frozen teacher makes of the same z_t and the picture of N/2 (paper, eq. 4). */
static YonosTensorId denoiser_loss(YonosGraph *g, const YonosStageParams *p, gboolean distilled)
{
    YonosTensorId x_h = picture(g, p), z_h = frozen_latent(g, x_h), eps = noise(g, p);
    YonosTensorId omega = input(g, p, "omega", 1, 1);
    Level level = {input(g, p, "a", 1, 1), input(g, p, "s", 1, 1), input(g, p, "time", 1, YONOS_COMPACT_TIME)};
    YonosTensorId z_t = yonos_mix(g, z_h, level.a, eps, level.s), target = z_h;

    if (distilled) {
        g->scope = "teacher.";
        g->freeze = TRUE;
        target = denoised(g, p, x_h, z_t, level, p->scale / 2);
        g->scope = NULL;
        g->freeze = FALSE;
    }
    return yonos_mse(g, denoised(g, p, x_h, z_t, level, p->scale), target, omega);
}

static YonosTensorId build_teacher(YonosGraph *g, const YonosStageParams *p)
{
    return denoiser_loss(g, p, FALSE);
}

static YonosTensorId build_student(YonosGraph *g, const YonosStageParams *p)
{
    return denoiser_loss(g, p, TRUE);
}

/* S(z_T, z_l), z_T pure noise, S and E_N frozen */
static YonosTensorId one_step(YonosGraph *g, const YonosStageParams *p, YonosTensorId x_h)
{
    Level last = {YONOS_NONE, YONOS_NONE, input(g, p, "time", 1, YONOS_COMPACT_TIME)};
    YonosTensorId z;

    if (p->predict_v) {
        last.a = input(g, p, "a", 1, 1);
        last.s = input(g, p, "s", 1, 1);
    }
    g->freeze = TRUE;
    z = denoised(g, p, x_h, noise(g, p), last, p->scale);
    g->freeze = FALSE;
    return z;
}

/* y = D(S(z_T, z_l), x_l) + bicubic(x_l), or the plain network's */
static YonosTensorId decoded(YonosGraph *g, const YonosStageParams *p, YonosTensorId x_h, YonosTensorId *base)
{
    YonosTensorId z = p->tier->student ? one_step(g, p, x_h) : YONOS_NONE, x_l = reduced(g, p, x_h, p->scale);

    *base = enlarged(g, p, x_l);
    return yonos_add(g, *base, yonos_compact_decoder(g, p->tier, z, x_l, p->scale), 1);
}

/* `sum` and a loss times the input `weight` */
static YonosTensorId and_weighted(YonosGraph *g, YonosTensorId sum, YonosTensorId loss, const char *weight)
{
    YonosStageParams once = {.batch = 1};
    YonosTensorId factor = input(g, &once, weight, 1, 1);

    return yonos_add(g, sum, yonos_mix(g, loss, factor, YONOS_NONE, YONOS_NONE), 1);
}

/* What one frame of a pan shows of the crop, decoded: its own phase of the reduction, its own place in the latent grid,
 * the same noise. *truth receives what y should be. */
static YonosTensorId panned(YonosGraph *g, const YonosStageParams *p, char name, YonosTensorId *truth,
                            YonosTensorId *base)
{
    YonosStageParams frame = *p;
    const char *origin = name == 'a' ? "origin_a" : "origin_b";

    frame.crop -= YONOS_STAGE_PAN;
    frame.frame = name;
    *truth = yonos_window(g, picture(g, p), input(g, p, origin, 1, 2), frame.crop, frame.crop);
    return decoded(g, &frame, *truth, base);
}

/* Mean square of what two frames of a pan make of what both show. */
static YonosTensorId unsteadiness(YonosGraph *g, const YonosStageParams *p, YonosTensorId first, YonosTensorId second)
{
    int side = p->crop - 2 * YONOS_STAGE_PAN;

    return yonos_mse(g, yonos_window(g, first, input(g, p, "common_a", 1, 2), side, side),
                     yonos_window(g, second, input(g, p, "common_b", 1, 2), side, side), input(g, p, "one", 1, 1));
}

/* BT.601's luma, {n, h, w, 1}, of RGB */
static YonosTensorId luma(YonosGraph *g, YonosTensorId x)
{
    YonosTensorId y = yonos_slice(g, x, 1, 1);

    y = yonos_add(g, y, yonos_slice(g, x, 0, 1), 0.299f / 0.587f);
    y = yonos_add(g, y, yonos_slice(g, x, 2, 1), 0.114f / 0.587f);
    return yonos_add(g, y, y, 0.587f - 1);
}

/* || y - x_h ||_1 + w_y || luma(y) - luma(x_h) ||^2 */
static YonosTensorId picture_loss(YonosGraph *g, const YonosStageParams *p, YonosTensorId y, YonosTensorId truth)
{
    YonosTensorId loss = yonos_l1(g, y, truth);

    if (!p->luma)
        return loss;
    return and_weighted(g, loss, yonos_mse(g, luma(g, y), luma(g, truth), input(g, p, "one", 1, 1)), "luma");
}

typedef struct {
    YonosTensorId y, truth, base;
} Decoded;

/* The pictures' loss; of a pan's two frames the mean, and w_s || y - y' ||^2. *d receives what was decoded, of a pan
 * its first frame. */
static YonosTensorId fidelity_loss(YonosGraph *g, const YonosStageParams *p, Decoded *d)
{
    YonosTensorId second, truth, base, loss;

    if (!p->steady) {
        d->truth = picture(g, p);
        d->y = decoded(g, p, d->truth, &d->base);
        return picture_loss(g, p, d->y, d->truth);
    }
    d->y = panned(g, p, 'a', &d->truth, &d->base);
    second = panned(g, p, 'b', &truth, &base);
    loss = picture_loss(g, p, d->y, d->truth);
    loss = yonos_add(g, loss, yonos_add(g, picture_loss(g, p, second, truth), loss, -1), 0.5f);
    return and_weighted(g, loss, unsteadiness(g, p, d->y, second), "steady");
}

static YonosTensorId build_decoder(YonosGraph *g, const YonosStageParams *p)
{
    Decoded d;

    return fidelity_loss(g, p, &d);
}

/* The fidelity loss + w_p FD(y, x_h) - w_a mean A(y) + w_m mesh(y, x_h) + w_c crisp(y, x_h) + w_h halo(y, x_h), and the
 * loss of A. Both judges have strides of their own: they see a part of the pictures that begins at any phase, or a mesh
 * in step with them would go unseen. */
static YonosTensorId build_perceptual(YonosGraph *g, const YonosStageParams *p)
{
    Decoded d;
    YonosTensorId loss = fidelity_loss(g, p, &d), phase = input(g, p, "phase", 1, 2);
    int side = yonos_graph_shape(g, d.y).h - YONOS_STAGE_PHASE;
    YonosTensorId y = yonos_window(g, d.y, phase, side, side), x_h = yonos_window(g, d.truth, phase, side, side);
    YonosTensorId base = yonos_window(g, d.base, phase, side, side), one = input(g, p, "one", 1, 1);
    YonosFeatures kind = p->features ? YONOS_FEATURES_SQUEEZENET : YONOS_FEATURES_ENCODER;
    YonosTensorId shown = yonos_graph_input(g, "loss", YONOS_F32, (YonosShape){1, 1, 1, 1});

    loss = and_weighted(g, loss, yonos_feature_distance(g, kind, y, x_h, one), "perceptual");
    if (p->meshless)
        loss = and_weighted(g, loss, yonos_mesh(g, y, x_h, one), "mesh");
    if (p->crisp)
        loss = and_weighted(g, loss, yonos_crisp(g, y, x_h, one), "crisp");
    if (p->haloless)
        loss = and_weighted(g, loss, yonos_halo(g, y, x_h, one), "halo");
    yonos_append(g, YONOS_OP_ACT, 1, &loss, shown, (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    loss = and_weighted(g, loss, yonos_adversarial_loss(g, y, base), "adversarial");
    return yonos_add(g, loss, yonos_discriminator_loss(g, y, x_h, base), 1);
}

#define FROM_ENCODER                                                                                                   \
    {                                                                                                                  \
        "autoencoder", "hr_encoder.", "", FALSE                                                                        \
    }
#define FROM_DENOISER                                                                                                  \
    {"teacher", "lr_encoder.", "", FALSE},                                                                             \
    {                                                                                                                  \
        "teacher", "student.", "", FALSE                                                                               \
    }

static const YonosStage stages[] = {
    {"autoencoder", "autoencoder", 0, YONOS_LEVELS_NONE, TRUE, {{0}}, NULL, build_autoencoder},
    {"lr-encoder", "lr-encoder", 2, YONOS_LEVELS_NONE, FALSE, {FROM_ENCODER}, NULL, build_lr_encoder},
    {"teacher",
     "denoiser",
     2,
     YONOS_LEVELS_ALL,
     TRUE,
     {FROM_ENCODER, {"lr-encoder", "lr_encoder.", "", FALSE}},
     NULL,
     build_teacher},
    {"student",
     "denoiser",
     4,
     YONOS_LEVELS_ALL,
     TRUE,
     {FROM_ENCODER,
      {"lr-encoder", "lr_encoder.", "", FALSE},
      {"teacher", "student.", "", TRUE},
      {"teacher", "lr_encoder.", "teacher.", TRUE},
      {"teacher", "student.", "teacher.", TRUE}},
     NULL,
     build_student},
    {"direct",
     "denoiser",
     4,
     YONOS_LEVELS_ALL,
     TRUE,
     {FROM_ENCODER, {"lr-encoder", "lr_encoder.", "", FALSE}, {"teacher", "student.", "", TRUE}},
     NULL,
     build_teacher},
    /* Noise in z^ would spoil what the trunk learns of x_l first. */
    {"decoder", "decoder", 2, YONOS_LEVELS_LAST, TRUE, {FROM_ENCODER, FROM_DENOISER}, "decoder.in.", build_decoder},
    {"perceptual",
     "perceptual",
     2,
     YONOS_LEVELS_LAST,
     TRUE,
     {FROM_ENCODER, FROM_DENOISER, {"decoder", "decoder.", "", FALSE}},
     NULL,
     build_perceptual},
};

const YonosStage *yonos_stage_at(guint i)
{
    return i < G_N_ELEMENTS(stages) ? &stages[i] : NULL;
}

const YonosStage *yonos_stage(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(stages); i++)
        if (!g_strcmp0(stages[i].name, name))
            return &stages[i];
    return NULL;
}

gboolean yonos_stage_is_adversarial(const YonosStage *stage)
{
    return stage->build == build_perceptual;
}

char *yonos_stage_file(const YonosStage *stage, int scale, const char *folder)
{
    char *name = stage->first_scale ? g_strdup_printf("%s-x%d.safetensors", stage->file, scale)
                                    : g_strdup_printf("%s.safetensors", stage->file);
    char *path = g_build_filename(folder, name, NULL);

    g_free(name);
    return path;
}
