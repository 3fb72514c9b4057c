/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Files of the user's cache folder, `gst-yonos` in XDG_CACHE_HOME: what can be made again, at a cost. Each belongs to a
 * key, any text that holds all that its data depends on. Safe from any thread and process. */

/* FALSE without a whole file of that key: a missing, damaged, cut, huge or foreign one, renamed ones too, is none. `kind`
 * begins its name. *data is to be freed; behind it comes a 0 that does not count. */
gboolean yonos_cache_read(const char *kind, const char *key, char **data, gsize *size);
/* Atomically: who reads meanwhile finds the old one or the new one. FALSE where the folder cannot be written, which is no
 * error for who can do without. */
gboolean yonos_cache_write(const char *kind, const char *key, const char *data, gsize size);
