/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "self-check.h"
#include "base/cache.h"
#include "base/error.h"
#include "base/random.h"

#include <math.h>

#define SEED 20261124
#define CHECKED "checked"

static gboolean fill(YonosExecutor *trusted, YonosExecutor *checked, YonosBufferId buffer, GError **error)
{
    gsize n = g_array_index(trusted->graph->buffers, YonosBuffer, buffer).size;
    float *values = g_new(float, n);
    gboolean done;

    for (gsize k = 0; k < n; k++)
        values[k] = (float)(yonos_random_bits(SEED + (guint64)buffer, k) % 256) / 255;
    done = yonos_executor_write(trusted, buffer, 0, values, n, error) &&
           yonos_executor_write(checked, buffer, 0, values, n, error);
    g_free(values);
    return done;
}

static gboolean compare(YonosExecutor *trusted, YonosExecutor *checked, YonosBufferId y, float tolerance, GError **error)
{
    gsize n = g_array_index(trusted->graph->buffers, YonosBuffer, y).size, k = 0;
    float *right = g_new(float, n), *made = g_new(float, n);
    gboolean same = yonos_executor_read(trusted, y, 0, right, n, error) &&
                    yonos_executor_read(checked, y, 0, made, n, error);

    if (same) {
        while (k < n && fabsf(made[k] - right[k]) <= tolerance) /* not of NaN */
            k++;
        same = k == n;
        if (!same)
            g_set_error(error, YONOS_ERROR, YONOS_ERROR_WRONG, "It computes %g where %g is right; update its driver.",
                        (double)made[k], (double)right[k]);
    }
    g_free(right);
    g_free(made);
    return same;
}

gboolean yonos_self_check(YonosExecutor *trusted, YonosExecutor *checked, YonosBufferId y, float tolerance,
                          GError **error)
{
    const YonosGraph *g = trusted->graph;

    for (guint k = 0; k < g->buffers->len; k++)
        if ((YonosBufferId)k != g->param_buffer && (YonosBufferId)k != y &&
            !fill(trusted, checked, (YonosBufferId)k, error))
            return FALSE;
    return yonos_executor_run(trusted, error) && yonos_executor_run(checked, error) &&
           compare(trusted, checked, y, tolerance, error);
}

gboolean yonos_self_check_passed(const char *identity)
{
    char *data = NULL;
    gsize size;
    gboolean passed = g_strcmp0(g_getenv("YONOS_SELF_CHECK"), "always") &&
                      yonos_cache_read(CHECKED, identity, &data, &size);

    g_free(data);
    return passed;
}

void yonos_self_check_remember(const char *identity)
{
    yonos_cache_write(CHECKED, identity, "", 0);
}
