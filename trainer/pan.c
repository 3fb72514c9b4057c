/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pan.h"
#include "base/random.h"

void yonos_pan_draw(YonosPan *pan, guint64 seed, guint64 picture)
{
    guint64 draw = yonos_random_bits(seed, ~picture);

    for (int axis = 0; axis < 2; axis++, draw >>= 24) {
        pan->origin[0][axis] = (int)((draw & 255) % (YONOS_STAGE_PAN + 1));
        pan->origin[1][axis] = (int)((draw >> 8 & 255) % (YONOS_STAGE_PAN + 1));
        pan->phase[axis] = (int)((draw >> 16 & 255) % (YONOS_STAGE_PHASE + 1));
    }
}
