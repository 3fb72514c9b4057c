/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "feature-meter.h"
#include "device.h"
#include "feature-distance.h"

struct YonosFeatureMeter {
    char *path, *device;
    YonosGraph *graph; /* for pictures of width x height; NULL before the first */
    YonosExecutor *executor;
    int width, height;
};

YonosFeatureMeter *yonos_feature_meter_new(const char *path, const char *device)
{
    YonosFeatureMeter *m = g_new0(YonosFeatureMeter, 1);

    m->path = g_strdup(path);
    m->device = g_strdup(device);
    return m;
}

static void network_clear(YonosFeatureMeter *m)
{
    yonos_executor_free(m->executor);
    yonos_graph_free(m->graph);
    m->executor = NULL;
    m->graph = NULL;
}

void yonos_feature_meter_free(YonosFeatureMeter *m)
{
    if (!m)
        return;
    network_clear(m);
    g_free(m->path);
    g_free(m->device);
    g_free(m);
}

static gboolean build(YonosFeatureMeter *m, GError **error)
{
    YonosGraph *g = m->graph = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, m->height, m->width, 3});
    YonosTensorId y = yonos_graph_input(g, "y", YONOS_F32, (YonosShape){1, m->height, m->width, 3});
    YonosTensorId one = yonos_graph_input(g, "one", YONOS_F32, (YonosShape){1, 1, 1, 1});
    YonosTensorId distance = yonos_feature_distance(g, YONOS_FEATURES_SQUEEZENET, x, y, one);
    const float value = 1;
    float *weights;
    gsize n;
    gboolean ok;

    if (!yonos_graph_check(g, error))
        return FALSE;
    g_array_index(g->tensors, YonosTensor, distance).buffer = yonos_graph_buffer(g, "distance", YONOS_F32, 1);
    n = g_array_index(g->buffers, YonosBuffer, g->param_buffer).size;
    weights = g_new0(float, n);
    ok = yonos_features_read(g, m->path, weights, error) &&
         (m->executor = yonos_executor_new(g, m->device, FALSE, error)) &&
         yonos_executor_write(m->executor, g->param_buffer, 0, weights, n, error) &&
         yonos_executor_write(m->executor, yonos_graph_find_buffer(g, "one"), 0, &value, 1, error);
    g_free(weights);
    return ok;
}

static gboolean write_picture(YonosFeatureMeter *m, const char *name, const YonosPicture *p, GError **error)
{
    gsize n = (gsize)p->width * p->height * 3;
    float *values = g_new(float, n);
    gboolean ok;

    for (gsize k = 0; k < n; k++)
        values[k] = p->rgb[k] * (1 / 255.0f);
    ok = yonos_executor_write(m->executor, yonos_graph_find_buffer(m->graph, name), 0, values, n, error);
    g_free(values);
    return ok;
}

gboolean yonos_feature_meter_run(YonosFeatureMeter *m, const YonosPicture *a, const YonosPicture *b, double *distance,
                                 GError **error)
{
    float value;

    if (!m->executor || m->width != a->width || m->height != a->height) {
        network_clear(m);
        m->width = a->width;
        m->height = a->height;
        if (!build(m, error))
            return FALSE;
    }
    if (!write_picture(m, "x", a, error) || !write_picture(m, "y", b, error) ||
        !yonos_executor_run(m->executor, error) ||
        !yonos_executor_read(m->executor, yonos_graph_find_buffer(m->graph, "distance"), 0, &value, 1, error))
        return FALSE;
    *distance = 100 * (double)value;
    return TRUE;
}
