/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/parallel.h"

#include <omp.h>

#define ENOUGH 32768 /* elements; some microseconds of work */

void yonos_cpu_share(gsize elements, gsize n, YonosCpuRange body, gconstpointer data)
{
    /* not OpenMP's `if`: libgomp then makes a new team of one, and later a new one of all */
    if (elements < ENOUGH) {
        body(data, 0, n);
        return;
    }
#pragma omp parallel
    {
        gsize thread = (gsize)omp_get_thread_num(), threads = (gsize)omp_get_num_threads();
        body(data, n * thread / threads, n * (thread + 1) / threads);
    }
}
