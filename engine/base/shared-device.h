/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A Vulkan device of somebody else that we may run on, so that frames need not leave it. Without Vulkan's own types,
 * since few know those. */

typedef struct {
    gpointer instance, physical, device,
        queue;      /* VkInstance and so on, of Vulkan 1.1 at least; the queue can compute */
    guint32 family; /* of the queue */
    gboolean half;  /* the feature storageBuffer16BitAccess is enabled */
    void (*lock)(gpointer user, gboolean locked); /* around all use of the queue; any thread */
    void (*hold)(gpointer user, gboolean held);   /* keeps the handles alive; as often released as held; any thread */
    gpointer user;
} YonosSharedDevice;

/* A frame there: copies its planes to, or from, a buffer of that device (a VkBuffer), rows and planes lying there as
 * told, in bytes. The copy is submitted to the queue, behind and before all that else is, and need not have ended when
 * it returns; by barriers of its own it sees what was written before. */
typedef struct {
    gboolean (*copy)(gpointer user, guint64 buffer, const guint32 offset[3], const guint32 stride[3], GError **error);
    gpointer user;
} YonosSharedFrame;
