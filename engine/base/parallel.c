/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parallel.h"

#include <omp.h>

/* Elements: about 0.1 ms of work. Less is not worth waking threads for, least of all on a busy machine, where the last
 * of them may wait milliseconds for its turn. */
#define ENOUGH (1 << 18)

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
