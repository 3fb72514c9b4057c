/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"

/* Plain bicubic enlargement by the engine's resize op, which equals Pillow's; on the CPU, without any network.
 * One thread at a time. */
typedef struct YonosPlain YonosPlain;

/* For pictures {in_height, in_width, channels} -> {out_height, out_width, channels}. NULL with YONOS_ERROR_MEMORY, or
 * YONOS_ERROR_UNSUPPORTED where it would reduce by more than 16. */
YonosPlain *yonos_plain_new(int in_width, int in_height, int out_width, int out_height, int channels, GError **error);
void yonos_plain_free(YonosPlain *plain); /* NULL is fine */

/* Enlarges `small` and writes the columns of `large` from `first` on; the others stay as they are. */
gboolean yonos_plain_run(YonosPlain *plain, const float *small, float *large, int first, GError **error);
