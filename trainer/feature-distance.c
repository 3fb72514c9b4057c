/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "feature-distance.h"
#include "models/compact.h"
#include "models/model-file.h"
#include "ops/ops.h"

#include <string.h>

#define EPSILON 1e-10f
#define MAX_TAPS 9

/* A convolution with ReLU; parameters `name`_w_0 and `name`_b_0. */
static YonosTensorId conv(YonosGraph *g, const char *name, YonosTensorId x, int kernel, int out, YonosConvParams p)
{
    char *weight = g_strconcat(name, "_w_0", NULL), *bias = g_strconcat(name, "_b_0", NULL);
    YonosTensorId w = yonos_graph_param(g, weight, (YonosShape){kernel, kernel, yonos_graph_shape(g, x).c, out});
    YonosTensorId b = yonos_graph_param(g, bias, (YonosShape){1, 1, 1, out});

    p.act = YONOS_ACT_LEAKY;
    g_free(weight);
    g_free(bias);
    return yonos_conv(g, x, w, b, p);
}

/* concat(1x1, 3x3) of a squeezed x */
static YonosTensorId fire(YonosGraph *g, int number, YonosTensorId x, int squeezed)
{
    char *squeeze = g_strdup_printf("fire%d/squeeze1x1", number);
    char *one = g_strdup_printf("fire%d/expand1x1", number), *three = g_strdup_printf("fire%d/expand3x3", number);

    x = conv(g, squeeze, x, 1, squeezed, (YonosConvParams){0});
    x = yonos_concat(g, conv(g, one, x, 1, 4 * squeezed, (YonosConvParams){0}),
                     conv(g, three, x, 3, 4 * squeezed, (YonosConvParams){.pad = 1}));
    g_free(squeeze);
    g_free(one);
    g_free(three);
    return x;
}

static int squeezenet(YonosGraph *g, YonosTensorId x, YonosTensorId *taps)
{
    static const int squeezed[] = {16, 16, 32, 32, 48, 48, 64, 64}; /* of fire 2 to 9 */
    const char *scope = g->scope;
    int n = 0;

    g->scope = YONOS_FEATURES_SCOPE;
    taps[n++] = x = conv(g, "conv1", x, 3, 64, (YonosConvParams){.stride = 2});
    for (int k = 2; k <= 9; k++) {
        if (k == 2 || k == 4 || k == 6)
            x = yonos_max_pool(g, x, 3, 2);
        taps[n++] = x = fire(g, k, x, squeezed[k - 2]);
    }
    g->scope = scope;
    return n;
}

static int features(YonosGraph *g, YonosFeatures kind, YonosTensorId x, YonosTensorId *taps)
{
    gboolean freeze = g->freeze;
    int n = YONOS_COMPACT_HR_FEATURES;

    g->freeze = TRUE;
    if (kind == YONOS_FEATURES_SQUEEZENET)
        n = squeezenet(g, x, taps);
    else
        yonos_compact_hr_features(g, x, taps);
    g->freeze = freeze;
    for (int k = 0; k < n; k++)
        taps[k] = yonos_unit_norm(g, taps[k], EPSILON);
    return n;
}

YonosTensorId yonos_feature_distance(YonosGraph *g, YonosFeatures kind, YonosTensorId x, YonosTensorId y,
                                     YonosTensorId one)
{
    YonosTensorId of_x[MAX_TAPS], of_y[MAX_TAPS], sum = YONOS_NONE;
    int n = features(g, kind, x, of_x);

    features(g, kind, y, of_y);
    for (int k = 0; k < n; k++) {
        float weight = (float)yonos_graph_shape(g, of_x[k]).c / n; /* MSE is a mean over channels too */
        YonosTensorId mse = yonos_mse(g, of_x[k], of_y[k], one);
        sum = k ? yonos_add(g, sum, mse, weight) : yonos_add(g, mse, mse, weight - 1);
    }
    return sum;
}

/* From BGR in 0..255 minus a mean to R'G'B' in 0..1; conv1 does not pad, so this is exact. */
static void fold_input(const YonosGraph *g, float *values)
{
    static const float mean[] = {104, 117, 123};
    const YonosTensor *w = yonos_graph_find_param(g, YONOS_FEATURES_SCOPE "conv1_w_0");
    float *bias = values + yonos_graph_find_param(g, YONOS_FEATURES_SCOPE "conv1_b_0")->offset;
    int out = w->shape.c;

    for (int tap = 0; tap < w->shape.n * w->shape.h; tap++)
        for (int o = 0; o < out; o++) {
            float *bgr = values + w->offset + (gsize)tap * 3 * out + o, blue = bgr[0];
            for (int c = 0; c < 3; c++)
                bias[o] -= bgr[c * out] * mean[c];
            bgr[0] = 255 * bgr[2 * out];
            bgr[out] *= 255;
            bgr[2 * out] = 255 * blue;
        }
}

gboolean yonos_features_read(const YonosGraph *graph, const char *path, float *values, GError **error)
{
    YonosModelFile file;
    gboolean ok = yonos_model_file_open_weights(&file, path, error);

    for (guint i = 0; ok && i < graph->params->len; i++) {
        const YonosParam *param = &g_array_index(graph->params, YonosParam, i);
        const YonosTensor *t = yonos_graph_at(graph, param->tensor);
        if (g_str_has_prefix(param->name, YONOS_FEATURES_SCOPE))
            ok = yonos_model_file_read(&file, param->name + strlen(YONOS_FEATURES_SCOPE), t->shape, values + t->offset,
                                       error);
    }
    if (ok)
        fold_input(graph, values);
    yonos_model_file_clear(&file);
    return ok;
}
