/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* One error domain for the whole engine. Messages are full sentences that say what to do; the element shows them as
 * they are. */
#define YONOS_ERROR (yonos_error_quark())
GQuark yonos_error_quark(void);

typedef enum {
    YONOS_ERROR_FILE,        /* a file cannot be read or written, or is no file */
    YONOS_ERROR_FORMAT,      /* a file's content is not what its format promises */
    YONOS_ERROR_MODEL,       /* a well-formed model that does not fit: wrong scale, version, architecture, shapes */
    YONOS_ERROR_DEVICE,      /* a device failed or was lost */
    YONOS_ERROR_MEMORY,      /* out of host or device memory */
    YONOS_ERROR_UNSUPPORTED, /* asked for something that this build or version cannot do */
    YONOS_ERROR_NO_DEVICE,   /* no such device */
    YONOS_ERROR_WRONG,       /* a device computes wrongly */
} YonosErrorCode;
