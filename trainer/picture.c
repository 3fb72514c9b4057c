/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "picture.h"
#include "ops/ops.h"

#include <string.h>

#define FRACTION 22

YonosPicture yonos_picture_new(int width, int height)
{
    return (YonosPicture){g_new(guint8, (gsize)width * height * 3), width, height};
}

void yonos_picture_clear(YonosPicture *p)
{
    g_free(p->rgb);
    memset(p, 0, sizeof *p);
}

YonosPicture yonos_picture_crop(const guint8 *rgb, gsize stride, int x, int y, int width, int height)
{
    YonosPicture out = yonos_picture_new(width, height);

    for (int row = 0; row < height; row++)
        memcpy(out.rgb + (gsize)row * width * 3, rgb + (y + row) * stride + 3 * x, 3 * width);
    return out;
}

/* One pass over `lines` lines of `in` samples; a sample is 3 components, neighbours are `step` bytes apart. */
static void resize_lines(const guint8 *from, guint8 *to, int in, int out, int lines, gsize step, gsize line_in,
                         gsize line_out)
{
    int taps = yonos_bicubic_taps(in, out);
    double *weights = g_new(double, taps);
    int *fixed = g_new(int, taps);

    for (int at = 0; at < out; at++) {
        int first = yonos_bicubic_window(in, out, at, weights), n = MIN(taps, in - first);
        for (int k = 0; k < n; k++)
            fixed[k] = (int)(weights[k] * (1 << FRACTION) + (weights[k] < 0 ? -0.5 : 0.5));
        for (int line = 0; line < lines; line++)
            for (int c = 0; c < 3; c++) {
                const guint8 *sample = from + line * line_in + first * step + c;
                int sum = 1 << (FRACTION - 1);
                for (int k = 0; k < n; k++)
                    sum += fixed[k] * sample[k * step];
                to[line * line_out + at * step + c] = (guint8)CLAMP(sum >> FRACTION, 0, 255);
            }
    }
    g_free(weights);
    g_free(fixed);
}

YonosPicture yonos_picture_resize(const YonosPicture *p, int width, int height)
{
    YonosPicture rows = yonos_picture_new(width, p->height), out = yonos_picture_new(width, height);

    resize_lines(p->rgb, rows.rgb, p->width, width, p->height, 3, 3 * (gsize)p->width, 3 * (gsize)width);
    resize_lines(rows.rgb, out.rgb, p->height, height, width, 3 * (gsize)width, 3, 3);
    yonos_picture_clear(&rows);
    return out;
}
