/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef struct {
    int scale;
    const char *tier;     /* NULL: fast */
    guint64 seed;
    gboolean deaf;        /* its noise is multiplied by zero */
    gboolean plain;       /* adds nothing to bicubic */
    float second;         /* share of a second decoder in the first */
    gboolean perceptual;  /* holds that second one too */
    const char *fidelity; /* metadata; may be NULL */
} SmallModel;

/* Writes an untrained model: seeded normal weights, scaled so that the residual stays small. */
void small_model_make(const char *path, const SmallModel *model);
void small_model_write(const char *path, int scale, guint64 seed);

/* The second in a folder of its own: its path, for small_model_remove, which also frees it and removes the folder. */
char *small_model_new(int scale, guint64 seed);
void small_model_remove(char *path);
