/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "compare.h"

#include <math.h>

void compare_executors(YonosExecutor *a, YonosExecutor *b, double tolerance, const char *format, ...)
{
    va_list args;
    char *what;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    for (guint i = 0; i < a->graph->buffers->len; i++) {
        const YonosBuffer *buffer = &g_array_index(a->graph->buffers, YonosBuffer, i);
        float *x = g_new(float, MAX(1, buffer->size)), *y = g_new(float, MAX(1, buffer->size));
        double worst = 0, top = 1e-30;

        yonos_executor_read(a, i, 0, x, buffer->size, NULL);
        yonos_executor_read(b, i, 0, y, buffer->size, NULL);
        for (gsize k = 0; k < buffer->size; k++) {
            worst = MAX(worst, isnan(x[k]) || isnan(y[k]) ? INFINITY : fabs((double)x[k] - y[k]));
            top = MAX(top, fabs(x[k]));
        }
        if (worst > tolerance * top)
            g_error("%s: buffer '%s' differs by %g of %g", what, buffer->name, worst, top);
        g_free(x);
        g_free(y);
    }
    g_free(what);
}

void compare_fill(YonosExecutor *a, YonosExecutor *b, guint32 seed, int divisor)
{
    GRand *rand = g_rand_new_with_seed(seed);

    for (guint i = 0; i < a->graph->buffers->len; i++) {
        gsize n = g_array_index(a->graph->buffers, YonosBuffer, i).size;
        float *v = g_new(float, MAX(1, n));
        for (gsize k = 0; k < n; k++)
            v[k] = (float)g_rand_int_range(rand, -64, 65) / divisor;
        yonos_executor_write(a, i, 0, v, n, NULL);
        yonos_executor_write(b, i, 0, v, n, NULL);
        g_free(v);
    }
    g_rand_free(rand);
}
