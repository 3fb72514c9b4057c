/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parallel.h"

#include <omp.h>

/* Elements: about 0.1 ms of work. Less is not worth waking threads for, least of all on a busy machine, where the last
 * of them may wait milliseconds for its turn. */
#define ENOUGH (1 << 18)

static GMutex lock;
static GCond asleep_changed;
static gboolean asleep;

static gpointer sleep_in_company(G_GNUC_UNUSED gpointer data)
{
#pragma omp parallel num_threads(omp_get_num_procs() + 1)
    {
        /* an empty team would be compiled away */
#pragma omp barrier
    }
    g_mutex_lock(&lock);
    asleep = TRUE;
    g_cond_signal(&asleep_changed);
    while (asleep)
        g_cond_wait(&asleep_changed, &lock);
    return NULL;
}

/* libgomp's threads spin for milliseconds before they sleep, and it reads OMP_WAIT_POLICY before any of our code runs.
 * But they spin for 100 turns only while there are more of them than processors (libgomp's manual, GOMP_SPINCOUNT). */
void yonos_cpu_wait_asleep(void)
{
    static gsize done;
    GThread *thread = NULL;

    if (!g_once_init_enter(&done))
        return;
    if (omp_get_max_threads() > 1 && !g_getenv("OMP_WAIT_POLICY"))
        thread = g_thread_try_new("yonos-sleeper", sleep_in_company, NULL, NULL);
    if (thread) {
        g_mutex_lock(&lock);
        while (!asleep)
            g_cond_wait(&asleep_changed, &lock);
        g_mutex_unlock(&lock);
        g_thread_unref(thread);
    }
    g_once_init_leave(&done, TRUE);
}

void yonos_cpu_share(gsize elements, gsize n, YonosCpuRange body, gconstpointer data)
{
    /* not OpenMP's `if`: libgomp then makes a new team of one, and later a new one of all */
    if (elements < ENOUGH) {
        body(data, 0, n);
        return;
    }
    yonos_cpu_wait_asleep();
#pragma omp parallel
    {
        gsize thread = (gsize)omp_get_thread_num(), threads = (gsize)omp_get_num_threads();
        body(data, n * thread / threads, n * (thread + 1) / threads);
    }
}
