/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "weights/safetensors.h"

/* What reading and writing share. */

#define YONOS_ST_MAX_HEADER (100u * 1024 * 1024)
#define YONOS_ST_METADATA "__metadata__"
#define YONOS_ST_SCALES ".scale" /* what the name of an I8 tensor's scales ends in */
#define YONOS_ST_DTYPES 3

/* By YonosStDtype, as the format spells them, and the bytes of a value. */
extern const char *const yonos_st_dtype_names[YONOS_ST_DTYPES];
gsize yonos_st_size(YonosStDtype dtype);

/* A name for a message, to be freed: names come from the file, and one with newlines or a megabyte long would wreck it.
 */
char *yonos_st_shown(const char *name);
