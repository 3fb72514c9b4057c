/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pack.h"

/* Synthetic motion: a camera that pans, zooms and turns over a large picture. */

typedef struct {
    const guint8 *rgb; /* rows without gaps; must outlive the clip */
    int width, height;
    double centre[2][2]; /* of the first and the last frame: x, y in pixels of the picture */
    double zoom[2];      /* pixels of the picture to one of the frame, 1 or more */
    double angle[2];     /* radians */
    int frames, side;
} YonosClip;

/* Draws a path from the seed that stays inside the picture: all it shows is there. FALSE when the picture is too small,
 * which it is not when its sides are at least 1.3 times the frame's and 4 pixels. */
gboolean yonos_clip_draw(YonosClip *clip, const guint8 *rgb, int width, int height, int frames, int side, guint64 seed);
/* Frame `index` into {side, side, 3} codes: bicubic (Keys, a = -0.5), widened by the zoom. Pure. */
void yonos_clip_frame(const YonosClip *clip, int index, guint8 *rgb);

/* Writes `count` clips of `frames` frames from pictures of the pack that are large enough, drawn by the seed, as
 * FOLDER/clip-000/frame-0000.png and so on. FALSE with YONOS_ERROR_FORMAT when no picture is large enough, or
 * YONOS_ERROR_FILE. */
gboolean yonos_clips_write(const YonosPack *pack, const char *folder, int count, int frames, int side, guint64 seed,
                           GError **error);
