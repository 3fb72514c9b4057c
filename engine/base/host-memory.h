/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Memory of this process that a device may write to where it is, for as long as it is there. Safe from any thread. */
typedef struct {
    guint8 *start;
    gsize size;
    gint refs, ended;
} YonosHostMemory;

/* The memory stays its owner's, who has this reference. */
YonosHostMemory *yonos_host_memory_new(void *start, gsize size);
YonosHostMemory *yonos_host_memory_ref(YonosHostMemory *memory);
void yonos_host_memory_unref(YonosHostMemory *memory);

/* The owner's, instead of unref, before the memory goes: whoever else has a reference forgets it in his time. */
void yonos_host_memory_end(YonosHostMemory *memory);
gboolean yonos_host_memory_has_ended(YonosHostMemory *memory);
