/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Pictures out of image and video files, through whatever decoders this machine's GStreamer has. GStreamer is
 * initialised on the first call. Paths are in GLib's file name encoding. All functions may be called from several
 * threads at once. A GError ** that is not NULL is set exactly when the function returns FALSE. */

/* Receives one decoded picture of width x height pixels, 8-bit R G B; rgb is the top left pixel and stride the distance
 * between rows in bytes, at least 3 * width. The pixels are valid during the call only. Returns TRUE to go on, or FALSE
 * with *error set (any domain) to stop the decoding. */
typedef gboolean (*YonosPictureFunc)(const guint8 *rgb, guint width, guint height, gsize stride, gpointer user,
                                     GError **error);

/* Decodes the file at path and calls func, in the calling thread and with user, for its pictures: once for an image
 * file (type image/...; of an animated or multi-picture one the first), and for a video's first video stream with
 * frames 0, n, 2n, ... where n is every_nth_frame (0 counts as 1). Pictures are as stored: a rotation mark (EXIF) is
 * not applied, non-square pixels are not stretched. A fault that the decoder itself papers over goes unnoticed: a JPEG
 * file that was cut short gives a picture with a filled rest. Returns TRUE when the file was decoded to its end (an
 * image: to its first picture) and gave at least one picture; otherwise FALSE, possibly after func was called for
 * pictures before the fault, with
 * - YONOS_ERROR_FILE: the file is missing, no regular file, or cannot be read;
 * - YONOS_ERROR_FORMAT: it has no video, is damaged, or its decoder stood still for a minute;
 * - YONOS_ERROR_UNSUPPORTED: a GStreamer plugin for it is missing;
 * - func's own error, passed on as it is, when func returned FALSE. */
gboolean yonos_media_decode(const char *path, guint every_nth_frame, YonosPictureFunc func, gpointer user,
                            GError **error);

/* Makes the pack (pack.h) at pack_path from all images and videos in folder and its subfolders: in each folder the
 * entries in byte order of their names, a subfolder at its place among them. Symbolic links are followed, but each
 * folder is read once only, so that links in a circle end. Of videos every every_nth-th frame is taken. A file that
 * cannot be decoded is named on stderr and passed over (frames before the fault are kept); so is a subfolder that
 * cannot be read. *n_pictures (may be NULL) is the number of pictures in the pack, 0 on failure. Returns FALSE, with
 * what was at pack_path left as it was, by YONOS_ERROR_FILE (folder cannot be read, pack cannot be written),
 * YONOS_ERROR_FORMAT (no file could be decoded), or YONOS_ERROR_UNSUPPORTED (more pictures than a pack holds). */
gboolean yonos_media_pack_folder(const char *folder, guint every_nth, const char *pack_path, guint *n_pictures,
                                 GError **error);
