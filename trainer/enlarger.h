/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "picture.h"

/* Anything that makes a picture `scale` times as large, for evaluation. Thread-safety: one thread. */
typedef struct YonosEnlarger YonosEnlarger;
struct YonosEnlarger {
    int scale;
    /* `large` is allocated, scale times `small` each way. */
    gboolean (*run)(YonosEnlarger *e, const YonosPicture *small, const YonosPicture *large, GError **error);
    /* Mean squared error of the last run's z^ against E(x_h) of its original, in the latents' unit variance. NULL: what
     * enlarges has no latents to show. */
    gboolean (*latent_error)(YonosEnlarger *e, const YonosPicture *original, double *mse, GError **error);
    void (*free)(YonosEnlarger *e);
};

#define YONOS_ENLARGER_SEED 0 /* of the noise field: the default of the element */

/* A model file by the engine's front door; `device` as in upscaler.h, or "gpu" for the first real one. NULL with a
 * sentence for the user. A run fails with YONOS_ERROR_NO_DEVICE where the model would run on the CPU though a device was
 * asked for, "auto" aside. */
YonosEnlarger *yonos_enlarger_model(const char *path, const char *device, GError **error);

void yonos_enlarger_free(YonosEnlarger *e); /* NULL is fine */
