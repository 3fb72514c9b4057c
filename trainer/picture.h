/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* An 8-bit R'G'B' picture without gaps between rows: rgb[(y * width + x) * 3 + c]. */
typedef struct {
    guint8 *rgb; /* owned */
    int width, height;
} YonosPicture;

YonosPicture yonos_picture_new(int width, int height); /* content undefined */
void yonos_picture_clear(YonosPicture *p);

/* The part at (x, y), which lies inside; `stride` is the distance between rows of rgb in bytes. */
YonosPicture yonos_picture_crop(const guint8 *rgb, gsize stride, int x, int y, int width, int height);

/* Pillow's Image.resize(..., BICUBIC), bit for bit: weights in 22 bits of fraction, rows first, both passes rounded and
 * clipped to 8 bits. */
YonosPicture yonos_picture_resize(const YonosPicture *p, int width, int height);
