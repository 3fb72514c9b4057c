/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "models/compact.h"
#include "pan.h"

/* The training chain as a table: what each stage starts from, which graph it trains, what it leaves. One folder holds
 * the results, a weights file a stage and scale (yonos_stage_file). Symbols are those of docs/MODEL.md. */

typedef struct {
    const YonosCompactTier *tier;
    int scale;       /* N; 0 for the autoencoder, which has none */
    int batch, crop; /* pictures a step, and their side: a multiple of YONOS_COMPACT_GRID */
    gboolean video;  /* x_l is degraded by the loader: inputs "x_l2", "x_l4", "x_l8"; not the autoencoder's; of a pan's
                      * frames "x_l2a", "x_l2b" and so on */
    gboolean predict_v;   /* the student's output is v^, and z^ = a z_t - s v^; else it is z^ */
    gboolean faithful;    /* the denoiser's input path is the paper's, z_l = E(bicubic(x_l)), instead of E_N(x_l) */
    gboolean luma;        /* of decoders: luma's square error costs beside L1 */
    gboolean steady;      /* the decoder's crop is two frames of a pan, and what flickers between them costs */
    gboolean meshless;    /* of the perceptual stage: what repeats with the latent grid costs */
    gboolean crisp;       /* of the perceptual stage: edges must be as strong as the original's */
    gboolean haloless;    /* of the perceptual stage: what leaves the original's local range costs */
    char frame;           /* within a stage: of a pan's frame, 'a' or 'b' */
    const char *features; /* of the perceptual loss: weights file of SqueezeNet, NULL: our own E */
} YonosStageParams;

/* A pan's frames are crop - YONOS_STAGE_PAN wide; inputs "origin_a", "origin_b" {batch, 1, 1, 2}, 0 to YONOS_STAGE_PAN,
 * say where they begin, y first, and "common_a", "common_b", YONOS_STAGE_PAN less that, where in each begins what both
 * show. */
/* Where in the crop, 0 to YONOS_STAGE_PHASE, begins what the judges of the perceptual stage see: input "phase" {batch,
 * 1, 1, 2}. */

/* Metadata key of a denoiser's file: "v" or "z" (also where it is missing). The input path's key is a model file's. */
#define YONOS_STAGE_PREDICT "predict"

/* Which noise levels a stage sees: none; the whole schedule and t = T; t = T only. */
typedef enum { YONOS_LEVELS_NONE, YONOS_LEVELS_ALL, YONOS_LEVELS_LAST } YonosLevels;

/* Weights to begin with: those of an earlier stage whose names have this prefix, under `scope` in our graph. Where the
 * graph has none of that name, the file need not be there. */
typedef struct {
    const char *stage, *prefix, *scope;
    gboolean half_scale; /* from that stage's result for N/2 */
} YonosStageStart;

typedef struct {
    const char *name;
    const char *file; /* the result's name; teacher, student and direct (a student's start with a teacher's target,
                       * for comparison) share one: each is the x N denoiser of the chain */
    int first_scale;  /* 0: takes no scale */
    YonosLevels levels;
    gboolean noise; /* needs the input "noise" {batch, crop/8, crop/8, C} */
    YonosStageStart start[5];
    const char *zero; /* prefix of the parameters that start at zero; NULL: none */
    /* From input "x_h" {batch, crop, crop, 3} and, as it needs them, "noise", "time" {batch, 1, 1, embedding} and "a",
     * "s", "omega" {batch, 1, 1, 1}, to the scalar loss. Frozen parts are marked in the graph. A stage that is more to
     * minimise than to show puts what the log shows into the buffer "loss". */
    YonosTensorId (*build)(YonosGraph *g, const YonosStageParams *p);
} YonosStage;

/* Stage by name, NULL when there is none; stages in the chain's order, NULL past the last. */
const YonosStage *yonos_stage(const char *name);
const YonosStage *yonos_stage_at(guint i);

/* Whether a discriminator is trained beside the decoder: the stage takes the weights of its losses as inputs
 * "perceptual", "adversarial" and, where meshless, crisp or haloless, "mesh", "crisp", "halo" {1, 1, 1, 1}, and its
 * result is the decoder alone. */
gboolean yonos_stage_is_adversarial(const YonosStage *stage);

/* Path of the stage's result for a scale in `folder`; free with g_free. */
char *yonos_stage_file(const YonosStage *stage, int scale, const char *folder);
