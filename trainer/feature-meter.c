/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "feature-meter.h"
#include "device.h"
#include "feature-distance.h"
#include "models/model-file.h"
#include "models/taef2.h"
#include "ops/ops.h"

struct YonosFeatureMeter {
    YonosMeterKind kind;
    char *path, *device;
    YonosGraph *graph; /* for pictures of width x height; NULL before the first */
    YonosExecutor *executor;
    int width, height;
};

YonosFeatureMeter *yonos_feature_meter_new(YonosMeterKind kind, const char *path, const char *device)
{
    YonosFeatureMeter *m = g_new0(YonosFeatureMeter, 1);

    m->kind = kind;
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

static YonosTensorId distance_of(YonosFeatureMeter *m, YonosTensorId x, YonosTensorId y, YonosTensorId one)
{
    if (m->kind == YONOS_METER_FD)
        return yonos_feature_distance(m->graph, YONOS_FEATURES_SQUEEZENET, x, y, one);
    return yonos_mse(m->graph, yonos_taef2_encoder(m->graph, x), yonos_taef2_encoder(m->graph, y), one);
}

static gboolean load_features(YonosFeatureMeter *m, GError **error)
{
    YonosGraph *g = m->graph;
    gsize n = g_array_index(g->buffers, YonosBuffer, g->param_buffer).size;
    float *weights = g_new0(float, n);
    gboolean ok = yonos_features_read(g, m->path, weights, error) &&
                  yonos_executor_write(m->executor, g->param_buffer, 0, weights, n, error);

    g_free(weights);
    return ok;
}

static gboolean load_taef2(YonosFeatureMeter *m, GError **error)
{
    YonosModelFile file = {0};
    gboolean ok =
        yonos_model_file_open_weights(&file, m->path, error) && yonos_model_file_load(&file, m->executor, error);

    yonos_model_file_clear(&file);
    return ok;
}

static gboolean build(YonosFeatureMeter *m, GError **error)
{
    YonosGraph *g = m->graph = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, m->height, m->width, 3});
    YonosTensorId y = yonos_graph_input(g, "y", YONOS_F32, (YonosShape){1, m->height, m->width, 3});
    YonosTensorId one = yonos_graph_input(g, "one", YONOS_F32, (YonosShape){1, 1, 1, 1});
    YonosTensorId distance = distance_of(m, x, y, one);
    const float value = 1;

    if (!yonos_graph_check(g, error))
        return FALSE;
    g_array_index(g->tensors, YonosTensor, distance).buffer = yonos_graph_buffer(g, "distance", YONOS_F32, 1);
    m->executor = yonos_executor_new(g, m->device, FALSE, error);
    return m->executor && (m->kind == YONOS_METER_FD ? load_features : load_taef2)(m, error) &&
           yonos_executor_write(m->executor, yonos_graph_find_buffer(g, "one"), 0, &value, 1, error);
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
    *distance = (m->kind == YONOS_METER_FD ? 100 : 1) * (double)value;
    return TRUE;
}
