/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The way back from yonos_export(): writes a model file's parts into `folder`, which is made where it is missing, as the
 * results of its scale, so that decoders are tuned on the model's own denoiser: denoiser-xN (an E in E_N's place as
 * autoencoder); with `decoders` also decoder-xN and perceptual-xN, where the model has two. The denoiser is good at t = T
 * alone, since its embedding of other levels is not in a model file. The export of what was imported has the same
 * weights. Replaces results that are there. */
gboolean yonos_import(const char *path, const char *folder, gboolean decoders, GError **error);
