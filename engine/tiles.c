/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tiles.h"

static int floor_to(int n, int grid)
{
    return n / grid * grid;
}

static int ceil_to(int n, int grid)
{
    return floor_to(n + grid - 1, grid);
}

YonosTile yonos_tiling_at(const YonosTiling *t, int k)
{
    int made = t->window < t->frame ? floor_to(t->window - t->after, t->grid) : t->frame;
    int before = ceil_to(t->before, t->grid), last = t->frame - t->window;
    YonosTile tile = {0, k == 0 ? 0 : made + (k - 1) * (made - before), 0};

    tile.origin = k == 0 ? 0 : MIN(tile.start - before, last);
    tile.end = tile.origin == last ? t->frame : tile.origin + made;
    return tile;
}

/* G_MAXINT: the window has no room for a tile beside what the tile depends on. */
static int count(const YonosTiling *t)
{
    int made = floor_to(t->window - t->after, t->grid), step = made - ceil_to(t->before, t->grid), n = 1;

    if (t->window < t->frame && (t->window <= t->after || step < t->grid))
        return G_MAXINT;
    while (yonos_tiling_at(t, n - 1).end < t->frame)
        n++;
    return n;
}

gboolean yonos_tiling_make(YonosTiling *t, int most)
{
    int rest = t->frame % t->grid;

    for (t->window = rest ? rest : t->grid; t->window < t->frame; t->window += t->grid) {
        t->n = count(t);
        if (t->n <= most)
            return TRUE;
    }
    t->window = t->frame;
    t->n = 1;
    return FALSE;
}
