/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stage.h"

typedef struct {
    const YonosStage *stage;
    YonosStageParams params;
    const char *tier;   /* name of params.tier */
    const char *pack;   /* path of the training pack */
    const char *folder; /* results of earlier stages and of this one; checkpoints, loss logs */
    const char *device; /* as in device.h */
    guint64 steps, seed;
    double rate;        /* at its highest: it rises over the first steps and falls as a half cosine to 1 % */
    double decay, clip; /* of AdamW; largest norm of the gradient */
    double average;     /* decay of the exponential moving average that becomes the result */
    /* Of an adversarial stage: the weights of the losses beside L1; the discriminator's highest rate. The adversarial
     * loss counts after a tenth of the steps, in full after two. */
    double perceptual, adversarial, discriminator_rate;
    double last, omega; /* of a denoiser: the share of a batch that is at t = T; the most of a^2 / s^2 that counts */
    double luma;        /* weight of luma's square error, where params.luma */
    double steady;      /* weight of what flickers, where params.steady */
    double mesh;        /* of what repeats with the latent grid, where params.meshless */
    double crisp;       /* of the strength of edges, where params.crisp */
    double halo;        /* of what leaves the original's local range, where params.haloless */
    const char *start;  /* weights file that trained parameters begin with: those it has of that name, of the same shape
                         * or narrower  (widen.h); NULL */
    gboolean half; /* on a GPU fp16 tensors and a scaled loss, on the CPU bf16 products; weights, optimiser in fp32 */
    guint checkpoint_every;    /* seconds */
    gboolean quiet;            /* no progress on stdout */
    gboolean (*stopped)(void); /* asked once a step; TRUE: write a checkpoint and end with *finished FALSE */
} YonosFitParams;

/* Runs a stage to its end, from its newest checkpoint if there is one, and writes its result. A result that is there
 * already is left alone. Progress goes to stdout, a line for a terminal and one every ten seconds elsewhere; the loss
 * log is FOLDER/NAME.csv with the columns step, loss, gradient_norm, rate, seconds (means over 50 steps; seconds of
 * training so far). A loss that rises to three times its lowest (rails.h) is an error; checkpoints stay. On the CPU the
 * result is a function of the parameters alone, however often it was interrupted. */
gboolean yonos_fit(const YonosFitParams *p, gboolean *finished, GError **error);
