/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Writes 8-bit R'G'B' pixels, rows without gaps, as a PNG file; the same bytes for the same pixels. FALSE with
 * YONOS_ERROR_FILE. */
gboolean yonos_png_write(const char *path, const guint8 *rgb, guint width, guint height, GError **error);
