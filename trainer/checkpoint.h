/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "optimizer.h"

/* Checkpoints of a fit: the optimiser's whole state, bit for bit, as a safetensors file NAME-STEP.ckpt. The two newest
 * are kept, so that one cut short (a full disk, a killed machine) costs one interval and no more. `run` describes the
 * fit (stage, data, batch, rates ...): a checkpoint of another description or network is refused. Not thread-safe. */

/* Writes one and removes all but the newest two. */
gboolean yonos_checkpoint_write(const char *folder, const char *name, const char *run, const YonosOptimizer *o,
                                GError **error);
/* Takes the newest whole one; files that cannot be read are named on stderr and passed over. TRUE with *found FALSE
 * when there is none; FALSE with YONOS_ERROR_MODEL when the newest whole one is of another run. */
gboolean yonos_checkpoint_read(const char *folder, const char *name, const char *run, YonosOptimizer *o,
                               gboolean *found, GError **error);
/* Removes all of that name. */
void yonos_checkpoint_remove(const char *folder, const char *name);
