/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What a fit tells: a progress line on stdout and a loss log for plots (format: fit.h). */
typedef struct YonosProgress YonosProgress;

/* Goes on with the log at `step`: later lines, of steps that will be done again, are dropped. `quiet`: the log only. */
YonosProgress *yonos_progress_new(const char *folder, const char *name, guint64 step, guint64 steps, int batch,
                                  gboolean quiet, GError **error);
/* One step was done. FALSE when the log cannot be written. */
gboolean yonos_progress_step(YonosProgress *progress, double loss, double norm, double rate, GError **error);
void yonos_progress_free(YonosProgress *progress); /* NULL is fine */
