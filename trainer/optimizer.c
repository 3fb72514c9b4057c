/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "optimizer.h"
#include "base/error.h"
#include "base/random.h"
#include "discriminator.h"
#include "ranks.h"

#include <math.h>
#include <string.h>

static void start(YonosOptimizer *o, const YonosParam *param, guint64 seed)
{
    const YonosTensor *t = yonos_graph_at(o->graph, param->tensor);
    gsize n = yonos_shape_elements(t->shape);
    guint64 own = seed ^ g_str_hash(param->name);
    YonosOptimizerGroup group = YONOS_GROUP_MODEL;
    float scale = sqrtf(2.0f / ((float)t->shape.n * t->shape.h * t->shape.w));

    if (param->frozen)
        group = YONOS_GROUP_FROZEN;
    else if (g_str_has_prefix(param->name, YONOS_DISCRIMINATOR_SCOPE))
        group = YONOS_GROUP_DISCRIMINATOR;
    if (g_str_has_suffix(param->name, ".1.weight") || g_str_has_suffix(param->name, ".out.weight"))
        scale *= 0.1f;
    for (gsize k = 0; k < n; k++) {
        o->group[t->offset + k] = group;
        if (g_str_has_suffix(param->name, ".weight"))
            o->weights[t->offset + k] = scale * yonos_random_normal(own, k);
    }
}

YonosOptimizer *yonos_optimizer_new(const YonosGraph *graph, YonosBufferId gradients, guint64 seed)
{
    YonosOptimizer *o = g_new0(YonosOptimizer, 1);
    float **arrays[] = {&o->weights, &o->gradient, &o->first, &o->second, &o->average, &o->zero};

    o->graph = graph;
    o->loss_scale = 1;
    o->gradients = gradients;
    o->n = g_array_index(graph->buffers, YonosBuffer, graph->param_buffer).size;
    for (guint i = 0; i < G_N_ELEMENTS(arrays); i++)
        *arrays[i] = g_new0(float, o->n);
    o->group = g_new0(guint8, o->n);
    for (guint i = 0; i < graph->params->len; i++)
        start(o, &g_array_index(graph->params, YonosParam, i), seed);
    memcpy(o->average, o->weights, o->n * sizeof(float));
    return o;
}

void yonos_optimizer_free(YonosOptimizer *o)
{
    if (!o)
        return;
    g_free(o->weights);
    g_free(o->gradient);
    g_free(o->first);
    g_free(o->second);
    g_free(o->average);
    g_free(o->zero);
    g_free(o->group);
    g_free(o);
}

gboolean yonos_optimizer_upload(YonosOptimizer *o, YonosExecutor *ex, GError **error)
{
    return yonos_executor_write(ex, o->graph->param_buffer, 0, o->weights, o->n, error) &&
           yonos_executor_write(ex, o->gradients, 0, o->zero, o->n, error);
}

static void passed_over(YonosOptimizer *o)
{
    o->loss_scale /= 2;
    o->good_steps = 0;
    o->step++;
}

static void went_well(YonosOptimizer *o)
{
    if (o->loss_scale > 1 && ++o->good_steps == YONOS_LOSS_SCALE_PATIENCE) {
        o->loss_scale = MIN(2 * o->loss_scale, YONOS_LOSS_SCALE_MOST);
        o->good_steps = 0;
    }
}

gboolean yonos_optimizer_step(YonosOptimizer *o, YonosExecutor *ex, const YonosOptimizerParams *p, double *norm,
                              GError **error)
{
    const double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8;
    double squares[YONOS_GROUP_COUNT] = {0}, scale[YONOS_GROUP_COUNT], bias1, bias2, average;
    double rate[] = {0, p->rate, p->discriminator_rate};

    if (!yonos_executor_read(ex, o->gradients, 0, o->gradient, o->n, error))
        return FALSE;
    yonos_ranks_mean(o->gradient, o->n);
    for (gsize k = 0; o->loss_scale != 1 && k < o->n; k++)
        o->gradient[k] /= o->loss_scale;
    for (gsize k = 0; k < o->n; k++)
        squares[o->group[k]] += (double)o->gradient[k] * o->gradient[k];
    *norm = sqrt(squares[YONOS_GROUP_MODEL]);
    if (!isfinite(*norm + squares[YONOS_GROUP_DISCRIMINATOR])) {
        *norm = 0;
        if (o->loss_scale > 1) {
            passed_over(o);
            return TRUE;
        }
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_DEVICE,
                    "The gradient of step %" G_GUINT64_FORMAT " is not finite; lower the learning rate.", o->step + 1);
        return FALSE;
    }
    o->step++;
    went_well(o);
    for (int group = 0; group < YONOS_GROUP_COUNT; group++)
        scale[group] = p->clip > 0 && squares[group] > p->clip * p->clip ? p->clip / sqrt(squares[group]) : 1;
    bias1 = 1 - pow(beta1, o->step);
    bias2 = 1 - pow(beta2, o->step);
    average = MIN(p->average, (1.0 + o->step) / (10.0 + o->step));
    for (gsize k = 0; k < o->n; k++) {
        int group = o->group[k];
        double g = o->gradient[k] * scale[group];
        if (group == YONOS_GROUP_FROZEN)
            continue;
        o->first[k] = (float)(beta1 * o->first[k] + (1 - beta1) * g);
        o->second[k] = (float)(beta2 * o->second[k] + (1 - beta2) * g * g);
        o->weights[k] -= (float)(rate[group] * (o->first[k] / bias1 / (sqrt(o->second[k] / bias2) + epsilon) +
                                                p->decay * o->weights[k]));
        o->average[k] = (float)(average * o->average[k] + (1 - average) * o->weights[k]);
    }
    return TRUE;
}
