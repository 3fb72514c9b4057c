/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ranks.h"

#ifdef HAVE_MPI
#include <mpi.h>

#define MOST (1 << 24) /* values a call: MPI counts by int */

static int count = 1, own;

void yonos_ranks_start(int *argc, char ***argv)
{
    int threads;

    /* outside mpirun, MPI_Init would start helpers for nothing */
    if (!g_getenv("OMPI_COMM_WORLD_SIZE") && !g_getenv("PMI_SIZE"))
        return;
    MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &threads);
    MPI_Comm_size(MPI_COMM_WORLD, &count);
    MPI_Comm_rank(MPI_COMM_WORLD, &own);
}

void yonos_ranks_stop(void)
{
    int started;

    MPI_Initialized(&started);
    if (started)
        MPI_Finalize();
}

void yonos_ranks_abort(void)
{
    if (count > 1)
        MPI_Abort(MPI_COMM_WORLD, 1);
}

int yonos_ranks_count(void)
{
    return count;
}

int yonos_ranks_own(void)
{
    return own;
}

void yonos_ranks_mean(float *values, gsize n)
{
    if (count == 1)
        return;
    for (gsize at = 0; at < n; at += MOST)
        MPI_Allreduce(MPI_IN_PLACE, values + at, (int)MIN(n - at, MOST), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    for (gsize k = 0; k < n; k++)
        values[k] /= count;
}

gboolean yonos_ranks_any(gboolean flag)
{
    int any = flag;

    if (count > 1)
        MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    return any;
}
#else
void yonos_ranks_start(G_GNUC_UNUSED int *argc, G_GNUC_UNUSED char ***argv)
{
}

void yonos_ranks_stop(void)
{
}

void yonos_ranks_abort(void)
{
}

int yonos_ranks_count(void)
{
    return 1;
}

int yonos_ranks_own(void)
{
    return 0;
}

void yonos_ranks_mean(G_GNUC_UNUSED float *values, G_GNUC_UNUSED gsize n)
{
}

gboolean yonos_ranks_any(gboolean flag)
{
    return flag;
}
#endif
