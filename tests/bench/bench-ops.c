/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include "graph/gradient.h"
#include "models/compact.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

#define LEAST_SECONDS 0.05 /* of a peak's measurement */
#define BATCH 16
#define CROP 128

/* The least seconds of a few runs, by the device's clock where it has one. */
static double least_time(const Bench *b, YonosGraph *g, gsize *element_size)
{
    GError *error = NULL;
    YonosExecutor *ex;
    double least = INFINITY;

    if (!yonos_graph_check(g, &error))
        g_error("%s", error->message);
    ex = bench_executor(b, g);
    for (int run = 0; run < 1 + BENCH_WARM; run++) {
        double start = now();
        if (!yonos_executor_run(ex, &error))
            g_error("%s", error->message);
        least = MIN(least, ex->device_seconds > 0 ? ex->device_seconds : now() - start);
    }
    *element_size = ex->element_size;
    yonos_executor_free(ex);
    return least;
}

/* side^3 multiplications. */
static double product_time(const Bench *b, int side)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, side / 64, 64, side});
    YonosTensorId w = yonos_graph_param(g, "w", (YonosShape){1, 1, side, side});
    double seconds;
    gsize element_size;

    yonos_conv(g, x, w, YONOS_NONE, (YonosConvParams){0});
    seconds = least_time(b, g, &element_size);
    yonos_graph_free(g);
    return seconds;
}

/* Bytes a second. */
static double sum_speed(const Bench *b, int side)
{
    YonosGraph *g = yonos_graph_new();
    YonosShape s = {1, side, side, 16};
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, s), y = yonos_graph_input(g, "y", YONOS_F32, s);
    double seconds;
    gsize element_size;

    yonos_add(g, x, y, 1);
    seconds = least_time(b, g, &element_size);
    yonos_graph_free(g);
    return 3 * (double)(yonos_shape_elements(s) * element_size) / seconds;
}

Peak bench_peak(const Bench *b)
{
    int side = 512;
    double seconds = product_time(b, side);
    Peak peak = {2.0 * pow(side, 3) / seconds, 0};
    char *name;

    while (seconds < LEAST_SECONDS && side < 8192) {
        side *= 2;
        seconds = product_time(b, side);
        peak.flops = MAX(peak.flops, 2.0 * pow(side, 3) / seconds);
    }
    peak.bytes = sum_speed(b, 1024);
    name = g_strdup_printf("product of %d^3, sum of 2^24", side);
    report_row(b->report, "peak", name,
               (Cell[]){{"GFLOP/s", 1e-9 * peak.flops}, {"GB/s", 1e-9 * peak.bytes}, {NULL, 0}});
    g_free(name);
    return peak;
}

/* "conv 3x3 64->64 /2", else the operation's name; to be freed. */
static char *node_name(const YonosGraph *g, const YonosNode *node)
{
    YonosShape w;
    const char *op = yonos_op(node->op)->name;

    if (node->op != YONOS_OP_CONV && node->op != YONOS_OP_CONV_DATA)
        return g_strdup(op);
    w = yonos_graph_shape(g, node->in[1]);
    return g_strdup_printf("%s %dx%d %d->%d%s", op, w.n, w.h, w.w, w.c, node->i[0] > 1 ? " strided" : "");
}

typedef struct {
    char *name;
    double *seconds; /* by run */
    double flops, bytes;
    int calls;
} Kind;

static void kind_report(const Bench *b, const Peak *peak, const char *section, Kind *kind, gboolean detail)
{
    double seconds = quantile(kind->seconds, (guint)b->runs, 0.5), least = kind->seconds[0];
    double flops = kind->flops / seconds, bytes = kind->bytes / seconds;
    char *name = kind->calls > 1 ? g_strdup_printf("%s, %d times", kind->name, kind->calls) : g_strdup(kind->name);

    report_row(b->report, section, name,
               (Cell[]){{"median ms", 1e3 * seconds},
                        {"least ms", 1e3 * least},
                        {"GFLOP/s", kind->flops > 0 ? 1e-9 * flops : NAN},
                        {"% of peak", kind->flops > 0 ? 100 * flops / peak->flops : NAN},
                        {"GB/s", detail ? 1e-9 * bytes : NAN},
                        {"% of memory", detail ? 100 * bytes / peak->bytes : NAN},
                        {NULL, 0}});
    g_free(name);
}

static Kind *kind_of(GArray *kinds, char *name, int runs)
{
    Kind kind = {name, NULL, 0, 0, 0};

    for (guint k = 0; k < kinds->len; k++)
        if (!strcmp(g_array_index(kinds, Kind, k).name, name)) {
            g_free(name);
            return &g_array_index(kinds, Kind, k);
        }
    kind.seconds = g_new0(double, runs);
    g_array_append_val(kinds, kind);
    return &g_array_index(kinds, Kind, kinds->len - 1);
}

static void bench_graph(const Bench *b, const Peak *peak, const char *section, const YonosGraph *g)
{
    YonosExecutor *ex = bench_executor(b, g);
    GArray *kinds = g_array_new(FALSE, FALSE, sizeof(Kind));
    double *seconds = g_new0(double, g->nodes->len);
    Kind whole = {"network, without stops", g_new0(double, b->runs), bench_flops(g), 0, 1};
    GError *error = NULL;

    for (int run = -BENCH_WARM; run < b->runs; run++) {
        double start = now();
        if (!yonos_executor_run(ex, &error))
            g_error("%s", error->message);
        whole.seconds[MAX(run, 0)] = ex->device_seconds > 0 ? ex->device_seconds : now() - start;
        if (!yonos_executor_profile(ex, seconds, &error))
            g_error("%s", error->message);
        for (guint k = 0; run >= 0 && k < ex->graph->nodes->len; k++) {
            const YonosNode *node = &g_array_index(ex->graph->nodes, YonosNode, k);
            Kind *kind = kind_of(kinds, node_name(g, node), b->runs);
            kind->seconds[run] += seconds[k];
            kind->flops += run ? 0 : bench_node_flops(g, node);
            kind->bytes += run ? 0 : bench_node_bytes(g, node, ex->element_size);
            kind->calls += run ? 0 : 1;
        }
    }
    for (guint k = 0; k < kinds->len; k++) {
        Kind *kind = &g_array_index(kinds, Kind, k);
        kind_report(b, peak, section, kind, TRUE);
        g_free(kind->name);
        g_free(kind->seconds);
    }
    kind_report(b, peak, section, &whole, FALSE);
    g_array_unref(kinds);
    g_free(whole.seconds);
    g_free(seconds);
    yonos_executor_free(ex);
}

void bench_ops(const Bench *b, const Peak *peak)
{
    YonosGraph *g = bench_network(b, b->width, b->height);
    char *section = g_strdup_printf("ops of %s x%d, %dx%d", b->tier, b->scale, b->width, b->height);

    bench_graph(b, peak, section, g);
    g_free(section);
    yonos_graph_free(g);
}

/* The student, the decoder and the encoder of large pictures under L1 and a latent loss: every op of training. */
void bench_training(const Bench *b, const Peak *peak)
{
    YonosGraph *g = yonos_graph_new();
    int grid = CROP / 8;
    YonosTensorId x_h = yonos_graph_input(g, "x_h", YONOS_F32, (YonosShape){BATCH, CROP, CROP, 3});
    YonosTensorId noise =
        yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){BATCH, grid, grid, YONOS_COMPACT_LATENT});
    YonosTensorId weights = yonos_graph_input(g, "weights", YONOS_F32, (YonosShape){BATCH, 1, 1, 1});
    YonosTensorId one = yonos_graph_input(g, "dloss", YONOS_F32, (YonosShape){1, 1, 1, 1});
    YonosTensorId y = yonos_compact_upscale(g, yonos_compact_tier(b->tier), yonos_resize(g, x_h, CROP / 2, CROP / 2),
                                            noise, 2, YONOS_COMPACT_INPUT_LR);
    YonosTensorId latent = yonos_mse(g, yonos_compact_hr_encoder(g, x_h), noise, weights);
    GError *error = NULL;
    char *section = g_strdup_printf("training step of %s x2, %d crops of %dx%d", b->tier, BATCH, CROP, CROP);

    yonos_graph_differentiate(g, yonos_add(g, yonos_l1(g, y, x_h), latent, 1), one);
    if (!yonos_graph_check(g, &error))
        g_error("%s", error->message);
    bench_graph(b, peak, section, g);
    g_free(section);
    yonos_graph_free(g);
}
