/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A training pack of waves and bars: three pictures of SMALL_PACK_SIDE x SMALL_PACK_SIDE + 5 and one too small for a
 * crop. */
#define SMALL_PACK_SIDE 48
void small_pack_write(const char *path);
