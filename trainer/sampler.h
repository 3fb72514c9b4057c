/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "enlarger.h"
#include "noise.h"

/* Predicts z_h from z_t at a noise level. */
typedef gboolean (*YonosDenoise)(gpointer user, const float *z_t, const YonosNoiseLevel *level, float *prediction,
                                 GError **error);

/* DDIM without noise of its own (Song et al., 2021, eq. 12, eta 0): t goes from T to 0 in `steps` equal steps, and
 *   z_t' = a' z^ + s' (z_t - a z^) / s.
 * z holds z_T, n values, and receives z_0, which is the last prediction. */
gboolean yonos_sample(YonosDenoise denoise, gpointer user, float *z, gsize n, int steps, GError **error);

/* The chain's denoiser of a scale in `folder`, sampled in so many steps, and its decoder; `device` as in device.h. With
 * one step it is what yonos_export makes of them, but for fp16. NULL with a sentence. */
YonosEnlarger *yonos_enlarger_chain(const char *folder, int scale, int steps, const char *device, GError **error);
