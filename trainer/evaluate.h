/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "enlarger.h"
#include "feature-meter.h"
#include "metrics.h"

/* Figures of a picture, in this order everywhere. Change is of a clip's picture and the one measured before it: how
 * much of its detail changes (yonos_metrics_change), over how much of the original's does: above 1 it flickers, below 1
 * it is calmer than what was filmed, or stands still where that moves. Motion is the temporal one: a pan over the large picture (its window moves by whole
 * pixels, so the small frames show it at changing phases) is enlarged frame by frame; the figure is the RMS difference,
 * in code values, of successive results after undoing the move. 0 is perfect: nothing flickers. */
typedef enum {
    YONOS_FIGURE_PSNR,
    YONOS_FIGURE_SSIM,
    YONOS_FIGURE_FD,
    YONOS_FIGURE_EDGE,
    YONOS_FIGURE_FLAT,
    YONOS_FIGURE_MOTION,
    YONOS_FIGURE_CHANGE,
    YONOS_FIGURE_TAEF2,
    YONOS_FIGURE_LATENT, /* enlarger.h's latent_error, of a chain only */
    YONOS_FIGURE_COUNT
} YonosFigure;

enum { YONOS_METHOD_MODEL, YONOS_METHOD_BICUBIC, YONOS_METHOD_COUNT };

typedef struct {
    char *name;
    double figure[YONOS_METHOD_COUNT][YONOS_FIGURE_COUNT]; /* NaN: not measured */
} YonosEvaluation;

typedef struct {
    YonosEnlarger *enlarger;
    YonosFeatureMeter *features, *taef2; /* NULL: no such figure */
    gboolean bicubic;                    /* measures Pillow's bicubic beside it; its motion is measured in any case */
    gboolean motion;                     /* in folders too; a clip's frames always have the figure */
    int border;                          /* pixels cut at each side before measuring, as papers do */
    guint every;                         /* of videos, each n-th frame is a picture */
    const char *write; /* folder, which is there: the model's enlarged pictures are written into it as PNG; not the
                        * source's own; NULL: not */
} YonosEvaluateParams;

/* Measures a folder's pictures (not its subfolders'), or a file's: each is cut to multiples of 8 pixels at its right
 * and bottom, reduced by Pillow's bicubic, enlarged, compared. Files that cannot be decoded and pictures that are too
 * small are named on stderr and passed over. Returns an array of YonosEvaluation, for g_array_unref, whose last element
 * is their mean (over what was measured), or NULL with a sentence. */
GArray *yonos_evaluate(const YonosEvaluateParams *params, const char *source, GError **error);
