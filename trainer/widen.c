/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "widen.h"

#include <string.h>

/* The shape that the file's tensor has in our memory order. */
static gboolean shape_in_file(const YonosModelFile *file, const char *name, YonosShape *shape)
{
    gint64 dims[YONOS_ST_MAX_DIMS];
    guint n;

    if (!yonos_safetensors_shape(file->file, name, &n, dims) || (n != 1 && n != 4))
        return FALSE;
    for (guint i = 0; i < n; i++)
        if (dims[i] < 1 || dims[i] > G_MAXINT)
            return FALSE;
    *shape = n == 1 ? (YonosShape){1, 1, 1, (int)dims[0]}
                    : (YonosShape){(int)dims[2], (int)dims[3], (int)dims[1], (int)dims[0]};
    return TRUE;
}

/* Of a convolution's weights [kh, kw, in, out]; of a bias, which has one `in`, too. */
static void put_first(const float *small, YonosShape s, float *values, YonosShape shape)
{
    for (int k = 0; k < s.n * s.h; k++)
        for (int i = 0; i < shape.w; i++) {
            float *row = values + ((gsize)k * shape.w + i) * shape.c;
            if (i < s.w)
                memcpy(row, small + ((gsize)k * s.w + i) * s.c, s.c * sizeof *row);
            else
                memset(row, 0, s.c * sizeof *row);
        }
}

gboolean yonos_widen(const YonosModelFile *file, const char *name, YonosShape shape, float *values, gboolean *taken,
                     GError **error)
{
    YonosShape s;
    float *small;
    gboolean ok;

    *taken = shape_in_file(file, name, &s) && s.n == shape.n && s.h == shape.h && s.w <= shape.w && s.c <= shape.c;
    if (!*taken) {
        if (strstr(name, ".block") && (g_str_has_suffix(name, ".1.weight") || g_str_has_suffix(name, ".1.bias")))
            memset(values, 0, yonos_shape_elements(shape) * sizeof *values);
        return TRUE;
    }
    small = g_new(float, yonos_shape_elements(s));
    ok = yonos_model_file_read(file, name, s, small, error);
    if (ok)
        put_first(small, s, values, shape);
    g_free(small);
    return ok;
}
