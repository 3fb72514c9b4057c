/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Memory of this process that a device may write to where it is. */
typedef struct {
    gpointer owner; /* all three stay the same as long as it is held */
    guint8 *start;
    gsize size;
    void (*hold)(gpointer owner, gboolean held); /* it stays as long as somebody holds it */
    gboolean (*is_left)(gpointer owner);         /* by all but those who hold it */
} YonosHostMemory;
