/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/host-memory.h"

YonosHostMemory *yonos_host_memory_new(void *start, gsize size)
{
    YonosHostMemory *m = g_new(YonosHostMemory, 1);

    *m = (YonosHostMemory){start, size, 1, FALSE};
    return m;
}

YonosHostMemory *yonos_host_memory_ref(YonosHostMemory *m)
{
    g_atomic_int_inc(&m->refs);
    return m;
}

void yonos_host_memory_unref(YonosHostMemory *m)
{
    if (g_atomic_int_dec_and_test(&m->refs))
        g_free(m);
}

void yonos_host_memory_end(YonosHostMemory *m)
{
    g_atomic_int_set(&m->ended, TRUE);
    yonos_host_memory_unref(m);
}

gboolean yonos_host_memory_has_ended(YonosHostMemory *m)
{
    return g_atomic_int_get(&m->ended);
}
