/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Data-parallel training: `mpirun -n R yonos-train fit ...` shares every batch among R processes (ranks), on one machine
 * or several that see the same folder. Without MPI in the build, or outside mpirun, there is one rank and all of this
 * is nothing. For the main thread only. */

/* At the program's start and end. */
void yonos_ranks_start(int *argc, char ***argv);
void yonos_ranks_stop(void);
/* Ends all ranks with a failure: the others would wait for this one. */
void yonos_ranks_abort(void);

int yonos_ranks_count(void);
int yonos_ranks_own(void); /* 0 is the one that writes files and tells of progress */

/* Each value becomes its mean over the ranks, the same bits on all of them. */
void yonos_ranks_mean(float *values, gsize n);
/* Whether any rank says so; all wait for each other here. */
gboolean yonos_ranks_any(gboolean flag);
