/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Writes an untrained model of the tier fast: seeded normal weights, scaled so that the residual stays small. */
void small_model_write(const char *path, int scale, guint64 seed);
