/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "models/compact.h"
#include "weights/safetensors.h"

/* Makes the model file of a scale from the results of its denoiser and decoder stages in `folder`: F16 or I8, with the
 * embedding of t = T folded into the student's biases and the sign of v-prediction into its last convolution.
 * perceptual-xN.safetensors, where it is there, holds a decoder.* that becomes the model's second one; the fact
 * "fidelity" is then 1, if not among `facts`, and otherwise an error. `facts` are further "key=value" strings for its
 * metadata, NULL at the end; may be NULL. */
gboolean yonos_export(const char *folder, const char *tier, int scale, const char *const *facts, YonosStDtype dtype,
                      const char *path, GError **error);
