/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A frame in a DMABuf of Linux, linear: memory of one device, or of a camera, that others may read where it is. */
typedef struct {
    int fd;                       /* stays the caller's, who may close it once it is taken over */
    guint64 offset[3], stride[3]; /* bytes: where each plane begins, and from one of its rows to the next */
} YonosDmaBuf;
