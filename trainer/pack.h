/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A pack: one file of 8-bit RGB pictures of any sizes, made once and then memory-mapped by the training, so that no
 * step waits for a picture decoder. All numbers are little-endian:
 *
 *   header   8 bytes   the magic "YONOSPK1"
 *   pixels             the pictures one after the other without gaps, each height rows of 3 * width bytes, R G B
 *   index    16 bytes  per picture: u64 offset from the file's start, u32 width, u32 height (pixels)
 *   footer   24 bytes  u64 offset of the index, u32 number of pictures, u32 zero, the magic "YONOSPKE"
 *
 * A pack holds at least one picture. Pictures lie in the index's order, which leaves no freedom to the offsets: the
 * reader computes each of them too, and refuses a pack where one differs. Pixels have no checksum.
 *
 * Paths are in GLib's file name encoding. Every function that takes a GError ** sets it, when not NULL, exactly when it
 * returns NULL or FALSE; the codes are YONOS_ERROR_*. */

typedef struct YonosPackWriter YonosPackWriter;
typedef struct YonosPack YonosPack;

/* Starts a pack that shall become the file at path. The pixels go to a temporary file beside it (path, a dot and six
 * random characters); what is at path stays untouched until yonos_pack_writer_finish(). Returns a writer for the caller
 * to free by yonos_pack_writer_free(), or NULL with YONOS_ERROR_FILE. A writer is for one thread at a time; separate
 * writers, also for one path, do not disturb each other. */
YonosPackWriter *yonos_pack_writer_new(const char *path, GError **error);

/* Appends a picture of width x height pixels (both at least 1). rgb is its top left pixel, borrowed for the call;
 * stride is the distance from one row to the next in bytes, at least 3 * width. Of the last row only 3 * width bytes
 * are read. Returns FALSE with
 * - YONOS_ERROR_FORMAT for a size or stride that cannot be: nothing was added and the writer remains usable;
 * - YONOS_ERROR_UNSUPPORTED when the pack holds as many pictures as it can (2^26): likewise;
 * - YONOS_ERROR_FILE when writing failed, or failed before, or the pack is finished: the writer is only to be freed. */
gboolean yonos_pack_writer_add(YonosPackWriter *w, const guint8 *rgb, guint width, guint height, gsize stride,
                               GError **error);

/* Completes the pack, flushes it to the disk and puts it at its path by a rename, so that path never shows half a pack.
 * To be called once; afterwards the writer is only to be freed. Returns FALSE, with what was at path left as it was, by
 * YONOS_ERROR_FORMAT when no picture was added, or YONOS_ERROR_FILE when writing fails now or did before. */
gboolean yonos_pack_writer_finish(YonosPackWriter *w, GError **error);

/* Frees the writer, and removes the temporary file unless the pack was finished. NULL is allowed. */
void yonos_pack_writer_free(YonosPackWriter *w);

/* Maps the pack at path and checks every number in it. Returns a pack for the caller to free by yonos_pack_free(), or
 * NULL with YONOS_ERROR_FILE (no such file, not a regular file, cannot be mapped), YONOS_ERROR_FORMAT (not a pack,
 * truncated or damaged) or YONOS_ERROR_MEMORY. An open pack never changes: any threads may read it at once. Replacing
 * the file at path by a rename does not disturb it, but truncating the file in place ends the process (SIGBUS). */
YonosPack *yonos_pack_open(const char *path, GError **error);

/* Unmaps and frees the pack; pointers from yonos_pack_picture() end here. NULL is allowed. */
void yonos_pack_free(YonosPack *p);

/* The number of pictures, at least 1. */
guint yonos_pack_count(const YonosPack *p);

/* Gives picture i, 0 <= i < yonos_pack_count() (anything else is a bug of the caller and aborts): *rgb its pixels,
 * owned by the pack and read-only, rows tightly packed at 3 * width bytes; *width and *height its size in pixels, both
 * at least 1. No pointer may be NULL. */
void yonos_pack_picture(const YonosPack *p, guint i, const guint8 **rgb, guint *width, guint *height);
