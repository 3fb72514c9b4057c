/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Notices a training that diverges. All zero at the start. */
typedef struct {
    guint64 steps;
    double mean, lowest; /* running mean of the losses, and its lowest so far */
} YonosRails;

/* Takes a step's loss (one that is not finite is passed over: fp16 gradients are too, and their scale mends it). TRUE once
 * the mean is three times what it was at its lowest. */
gboolean yonos_rails_left(YonosRails *rails, double loss);
