/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "small-pack.h"
#include "pack.h"

#include <math.h>

#define SIDE SMALL_PACK_SIDE

void small_pack_write(const char *path)
{
    YonosPackWriter *w = yonos_pack_writer_new(path, NULL);
    guint8 *rgb = g_new(guint8, 3 * SIDE * (SIDE + 5));
    GError *error = NULL;

    for (int k = 0; k < 4; k++) {
        for (int at = 0; at < SIDE * (SIDE + 5) * 3; at++) {
            int c = at % 3, x = at / 3 % SIDE, y = at / 3 / SIDE;
            rgb[at] =
                (guint8)(128 + 60 * sin(x * (0.5 + 0.2 * k) + c) * cos(y * 0.3) + ((x + 2 * y) % 17 < 3 ? 50 : 0));
        }
        yonos_pack_writer_add(w, rgb, SIDE, k == 3 ? 8 : SIDE + 5, SIDE * 3, &error);
        g_assert_no_error(error);
    }
    g_assert_true(yonos_pack_writer_finish(w, &error));
    yonos_pack_writer_free(w);
    g_free(rgb);
}
