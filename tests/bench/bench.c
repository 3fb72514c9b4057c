/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* yonos-bench: what every operation and every frame costs, on any device. Weights are random. */
#include "bench.h"

#include "cpu/cpu-executor.h"
#include "models/compact.h"
#include "ops/ops.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-executor.h"
#endif

#include <stdio.h>
#include <string.h>

static void fill_buffers(YonosExecutor *ex)
{
    GRand *rand = g_rand_new_with_seed(BENCH_SEED);
    gsize most = 1 << 20;
    float *v = g_new(float, most);

    for (gsize k = 0; k < most; k++)
        v[k] = 0.1f * (float)g_rand_double_range(rand, -1, 1);
    for (guint i = 0; i < ex->graph->buffers->len; i++) {
        gsize n = g_array_index(ex->graph->buffers, YonosBuffer, i).size;
        for (gsize at = 0; at < n; at += most)
            yonos_executor_write(ex, (YonosBufferId)i, at, v, MIN(most, n - at), NULL);
    }
    g_free(v);
    g_rand_free(rand);
}

YonosExecutor *bench_executor(const Bench *b, const YonosGraph *graph)
{
    GError *error = NULL;
    YonosExecutor *ex = NULL;

    if (!strcmp(b->device, "cpu")) {
        ex = yonos_cpu_executor_new(graph, yonos_cpu_wanted(), &error);
    } else {
#ifdef HAVE_VULKAN
        const char *precision = g_getenv("YONOS_PRECISION");
        YonosVulkanOptions options = {.device = strcmp(b->device, "gpu") ? b->device : NULL,
                                      .half = YONOS_VULKAN_HALF_ON_GPU};
        if (precision && *precision)
            options.half = strcmp(precision, "fp16") ? YONOS_VULKAN_SINGLE : YONOS_VULKAN_HALF;
        ex = yonos_vulkan_executor_new(graph, &options, &error);
#endif
    }
    if (!ex)
        g_error("no executor on '%s': %s", b->device, error ? error->message : "this build runs on the CPU only");
    fill_buffers(ex);
    return ex;
}

YonosGraph *bench_network(const Bench *b, int width, int height)
{
    const YonosCompactTier *tier = yonos_compact_tier(b->tier);
    GError *error = NULL;
    YonosGraph *g;

    if (!tier)
        g_error("there is no tier '%s'", b->tier);
    g = yonos_compact_network(tier, width, height, b->scale, YONOS_COMPACT_INPUT_LR);
    if (!yonos_graph_check(g, &error))
        g_error("%s", error->message);
    return g;
}

double bench_node_flops(const YonosGraph *g, const YonosNode *node)
{
    YonosShape a = yonos_graph_shape(g, node->in[0]), b, out = yonos_graph_shape(g, node->out);

    if (node->op != YONOS_OP_CONV && node->op != YONOS_OP_CONV_DATA && node->op != YONOS_OP_CONV_WEIGHTS)
        return 0;
    b = yonos_graph_shape(g, node->in[1]);
    if (node->op == YONOS_OP_CONV)
        return 2.0 * (double)yonos_shape_elements(out) * b.n * b.h * b.w;
    if (node->op == YONOS_OP_CONV_DATA)
        return 2.0 * (double)yonos_shape_elements(a) * b.n * b.h * b.w;
    return 2.0 * (double)yonos_shape_elements(b) * out.n * out.h * out.w;
}

double bench_flops(const YonosGraph *g)
{
    double sum = 0;

    for (guint k = 0; k < g->nodes->len; k++)
        sum += bench_node_flops(g, &g_array_index(g->nodes, YonosNode, k));
    return sum;
}

double bench_node_bytes(const YonosGraph *g, const YonosNode *node, gsize element_size)
{
    gsize elements = yonos_shape_elements(yonos_graph_shape(g, node->out));

    for (int k = 0; k < node->n_inputs; k++)
        if (node->in[k] >= 0)
            elements += yonos_shape_elements(yonos_graph_shape(g, node->in[k]));
    return (double)(elements * element_size);
}

static gboolean section_is_wanted(char **sections, const char *name)
{
    return !sections || g_strv_contains((const char *const *)sections, name);
}

static void check_sections(char **sections)
{
    static const char *const known[] = {"ops", "frames", "conversions", "linear", "onednn", "training", NULL};

    for (; sections && *sections; sections++)
        if (!g_strv_contains(known, *sections))
            g_error("there is no section '%s', only ops, frames, conversions, linear, onednn and training", *sections);
}

static void run(const Bench *b, char **sections)
{
    Peak peak = {0, 0};

    if (section_is_wanted(sections, "ops") || section_is_wanted(sections, "training"))
        peak = bench_peak(b);
    if (section_is_wanted(sections, "ops"))
        bench_ops(b, &peak);
    if (section_is_wanted(sections, "frames"))
        bench_frames(b);
    if (section_is_wanted(sections, "conversions"))
        bench_conversions(b);
    if (section_is_wanted(sections, "linear"))
        bench_linear(b);
    if (section_is_wanted(sections, "onednn") && !strcmp(b->device, "cpu"))
        bench_onednn(b);
    if (sections && section_is_wanted(sections, "training"))
        bench_training(b, &peak);
}

int main(int argc, char **argv)
{
    Bench b = {"cpu", "fast", 2, 320, 180, 41, NULL};
    char *device = NULL, *tier = NULL, *size = NULL, *json = NULL, **sections = NULL;
    GOptionEntry options[] = {
        {"device", 'd', 0, G_OPTION_ARG_STRING, &device, "cpu, gpu, a Vulkan device's index or part of its name", "cpu"},
        {"tier", 't', 0, G_OPTION_ARG_STRING, &tier, "The network's size", "fast"},
        {"scale", 's', 0, G_OPTION_ARG_INT, &b.scale, "2, 4 or 8", "2"},
        {"size", 'i', 0, G_OPTION_ARG_STRING, &size, "Of the small frame", "320x180"},
        {"runs", 'n', 0, G_OPTION_ARG_INT, &b.runs, "Frames or trials", "41"},
        {"json", 'j', 0, G_OPTION_ARG_FILENAME, &json, "Writes the results there, too", "FILE"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &sections, NULL,
         "[ops] [frames] [conversions] [linear] [onednn] [training]"},
        G_OPTION_ENTRY_NULL};
    GOptionContext *context = g_option_context_new(NULL);
    GError *error = NULL;

    g_option_context_add_main_entries(context, options, NULL);
    g_option_context_set_summary(context, "Without a section: all but training.");
    if (!g_option_context_parse(context, &argc, &argv, &error))
        g_error("%s", error->message);
    b.device = device ? device : b.device;
    b.tier = tier ? tier : b.tier;
    if ((size && sscanf(size, "%dx%d", &b.width, &b.height) != 2) || b.width < 1 || b.height < 1 || b.runs < 1 ||
        (b.scale != 2 && b.scale != 4 && b.scale != 8))
        g_error("a size is like 320x180, a scale 2, 4 or 8, and there is one run at least");
    check_sections(sections);
    b.report = report_new();
    run(&b, sections);
    if (!report_finish(b.report, json, &error))
        g_error("%s", error->message);
    g_option_context_free(context);
    g_strfreev(sections);
    g_free(device);
    g_free(tier);
    g_free(size);
    g_free(json);
    return 0;
}
