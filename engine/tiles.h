/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A frame's side cut into tiles that are made by a network of limited reach, one after the other, and together equal the
 * whole. Every tile is made from a window of the same size, which lies inside the frame and starts at a multiple of the
 * grid, as the network's strides and folds want it; a window's end is the frame's end, or lies as far behind a grid line
 * as the frame's end does. So one network, made for one size, serves all tiles, and does at the frame's borders what it
 * does there with the whole frame; what it does at a window's other borders, where it should have seen more of the frame,
 * is left out. */
typedef struct {
    int frame, grid;
    int before, after; /* pixels around a grid cell that it depends on */
    int window, n;     /* pixels of a window; tiles */
} YonosTiling;

/* Pixels of the frame: where the window starts, and what of it is the tile. */
typedef struct {
    int origin, start, end;
} YonosTile;

/* Sets the smallest window that makes do with `most` tiles, and the number of tiles, from the other fields. FALSE where
 * it takes the whole frame in one. */
gboolean yonos_tiling_make(YonosTiling *t, int most);
/* The k-th of n tiles; a tile starts where the one before it ends. */
YonosTile yonos_tiling_at(const YonosTiling *t, int k);
