/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "degrade.h"
#include "pack.h"
#include "pan.h"

/* Batches of random crops, made ahead by a thread of its own. Batch k is a function of the pack, the parameters and k
 * alone, so a training that is resumed at step k sees what it would have seen. */
typedef struct YonosLoader YonosLoader;

typedef struct {
    const YonosPack *pack; /* must outlive the loader */
    int batch, crop;       /* pictures a batch; their side in pixels */
    gsize noise;           /* standard normal values wanted with each batch; 0: none */
    guint64 seed, first;   /* `first`: the batch to begin with */
    /* x_l of the video set is wanted, by scale: 2, 4, 8 */
    gboolean reduced[YONOS_DEGRADE_SCALES];
    gboolean pan; /* of both frames of a pan, drawn with `seed` and the picture's number, instead of the crop */
    int all, at; /* the batch is pictures `at` and on of a batch of `all`, the rest being other ranks'; all 0: whole */
} YonosLoaderParams;

typedef struct {
    float *pictures; /* {batch, crop, crop, 3}, 0..1; flipped and turned at random */
    float *noise;
    /* {batch, side / 2, side / 2, 3} and so on, of the crop, or of the first and second frame; NULL: not wanted */
    float *reduced[2][YONOS_DEGRADE_SCALES];
} YonosBatch;

/* NULL with YONOS_ERROR_FORMAT when no picture of the pack is as large as the crop, or YONOS_ERROR_UNSUPPORTED when the
 * video set is wanted of a build without JPEG. */
YonosLoader *yonos_loader_new(const YonosLoaderParams *params, GError **error);
/* The next batch, valid until the next call; waits for it. */
const YonosBatch *yonos_loader_next(YonosLoader *loader);
void yonos_loader_free(YonosLoader *loader); /* NULL is fine */
