/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What is drawn for a picture of a decoder's batch: two frames of a pan over the crop, each smaller than it by
 * YONOS_STAGE_PAN, and where in a frame begins what the judges of the perceptual stage see. */
#define YONOS_STAGE_PAN 16
#define YONOS_STAGE_PHASE 8

typedef struct {
    int origin[2][2]; /* by frame, of y and x: 0 to YONOS_STAGE_PAN */
    int phase[2];     /* of y and x: 0 to YONOS_STAGE_PHASE */
} YonosPan;

/* A pure function of its arguments; `picture` counts over all batches. */
void yonos_pan_draw(YonosPan *pan, guint64 seed, guint64 picture);
