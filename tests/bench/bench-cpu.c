/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time of the CPU executor by kind of operation, and of the conversions of frames. The median and the least of
 * 41 runs: the least is what an undisturbed machine takes.
 * bench-cpu [WIDTH HEIGHT SCALE]: one frame of tier fast; bench-cpu train: one step over 16 crops of 128 x 128. */
#include "cpu/cpu-executor.h"
#include "frame.h"
#include "graph/gradient.h"
#include "graph/op.h"
#include "models/compact.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

#define SEED 7
#define WARM 5
#define RUNS 41
#define BATCH 16
#define CROP 128

static int by_value(const void *a, const void *b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

    return x < y ? -1 : x > y;
}

static void report(const char *name, gint64 *microseconds)
{
    qsort(microseconds, RUNS, sizeof *microseconds, by_value);
    if (microseconds[RUNS - 1])
        g_print("%-14s median %8.3f ms, least %8.3f ms\n", name, (double)microseconds[RUNS / 2] / 1000,
                (double)microseconds[0] / 1000);
}

static void fill_buffers(YonosExecutor *ex)
{
    GRand *rand = g_rand_new_with_seed(SEED);

    for (guint i = 0; i < ex->graph->buffers->len; i++) {
        gsize n = g_array_index(ex->graph->buffers, YonosBuffer, i).size;
        float *v = g_new(float, MAX(1, n));
        for (gsize k = 0; k < n; k++)
            v[k] = 0.1f * (float)g_rand_double_range(rand, -1, 1);
        yonos_executor_write(ex, i, 0, v, n, NULL);
        g_free(v);
    }
    g_rand_free(rand);
}

static void bench_graph(const YonosGraph *g)
{
    static gint64 spent[YONOS_OP_COUNT][RUNS], whole[RUNS];
    gint64 by_op[YONOS_OP_COUNT];
    YonosExecutor *ex = yonos_cpu_executor_new(g, FALSE, NULL);

    if (!ex)
        g_error("no memory for this size");
    fill_buffers(ex);
    yonos_cpu_executor_profile(ex, by_op);
    for (int run = -WARM; run < RUNS; run++) {
        gint64 start = g_get_monotonic_time();
        memset(by_op, 0, sizeof by_op);
        yonos_executor_run(ex, NULL);
        for (int op = 0; run >= 0 && op < YONOS_OP_COUNT; op++)
            spent[op][run] = by_op[op];
        if (run >= 0)
            whole[run] = g_get_monotonic_time() - start;
    }
    for (int op = 0; op < YONOS_OP_COUNT; op++)
        report(yonos_op(op)->name, spent[op]);
    report("network", whole);
    yonos_executor_free(ex);
}

static void bench_conversion(const char *name, YonosFrameLayout layout, int width, int height, gboolean to_rgb)
{
    static gint64 spent[RUNS];
    YonosFrameFormat f = {layout,     width,       height,      4, 0, 1, 2, -1, .kr = 0.299,
                          .kb = 0.114, .chroma_left = TRUE};
    gsize pixels = (gsize)width * height;
    guint8 *bytes = g_malloc0(pixels * 4);
    float *rgb = g_new0(float, pixels * 3);
    int half = (width + 1) / 2;
    guint8 *chroma = bytes + pixels;
    YonosFrame frame = {
        {bytes, chroma, chroma + (gsize)half * ((height + 1) / 2)},
        {layout == YONOS_FRAME_PACKED ? 4 * width : width, layout == YONOS_FRAME_NV12 ? 2 * half : half, half}};

    for (int run = -WARM; run < RUNS; run++) {
        gint64 start = g_get_monotonic_time();
        if (to_rgb)
            yonos_frame_to_rgb(&f, &frame, rgb, width);
        else
            yonos_frame_from_rgb(&f, &frame, rgb, width);
        if (run >= 0)
            spent[run] = g_get_monotonic_time() - start;
    }
    report(name, spent);
    g_free(bytes);
    g_free(rgb);
}

static void bench_upscale(int width, int height, int scale)
{
    YonosGraph *g = yonos_graph_new();
    int h = yonos_compact_padded(height, scale) * scale / 8, w = yonos_compact_padded(width, scale) * scale / 8;
    YonosTensorId x = yonos_graph_input(g, "frame", YONOS_F32, (YonosShape){1, height, width, 3});
    YonosTensorId z = yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){1, h, w, YONOS_COMPACT_LATENT});
    GError *error = NULL;

    yonos_compact_upscale(g, yonos_compact_tier("fast"), x, z, scale);
    if (!yonos_graph_check(g, &error))
        g_error("%s", error->message);
    bench_graph(g);
    bench_conversion("I420 in", YONOS_FRAME_I420, width, height, TRUE);
    bench_conversion("NV12 in", YONOS_FRAME_NV12, width, height, TRUE);
    bench_conversion("RGBx in", YONOS_FRAME_PACKED, width, height, TRUE);
    bench_conversion("I420 out", YONOS_FRAME_I420, width * scale, height * scale, FALSE);
    bench_conversion("NV12 out", YONOS_FRAME_NV12, width * scale, height * scale, FALSE);
    bench_conversion("RGBx out", YONOS_FRAME_PACKED, width * scale, height * scale, FALSE);
    yonos_graph_free(g);
}

/* The student, the decoder and the encoder of large pictures under L1 and a latent loss: every op of training. */
static void bench_training(void)
{
    YonosGraph *g = yonos_graph_new();
    int grid = CROP / 8;
    YonosTensorId x_h = yonos_graph_input(g, "x_h", YONOS_F32, (YonosShape){BATCH, CROP, CROP, 3});
    YonosTensorId noise =
        yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){BATCH, grid, grid, YONOS_COMPACT_LATENT});
    YonosTensorId weights = yonos_graph_input(g, "weights", YONOS_F32, (YonosShape){BATCH, 1, 1, 1});
    YonosTensorId one = yonos_graph_input(g, "dloss", YONOS_F32, (YonosShape){1, 1, 1, 1});
    YonosTensorId y =
        yonos_compact_upscale(g, yonos_compact_tier("fast"), yonos_resize(g, x_h, CROP / 2, CROP / 2), noise, 2);
    YonosTensorId latent = yonos_mse(g, yonos_compact_hr_encoder(g, x_h), noise, weights);
    GError *error = NULL;

    yonos_graph_differentiate(g, yonos_add(g, yonos_l1(g, y, x_h), latent, 1), one);
    if (!yonos_graph_check(g, &error))
        g_error("%s", error->message);
    bench_graph(g);
    yonos_graph_free(g);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "train"))
        bench_training();
    else if (argc == 1)
        bench_upscale(320, 180, 2);
    else if (argc == 4 && atoi(argv[1]) > 0 && atoi(argv[2]) > 0 && (atoi(argv[3]) == 2 || atoi(argv[3]) == 4))
        bench_upscale(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]));
    else
        g_error("usage: bench-cpu [WIDTH HEIGHT 2|4] | bench-cpu train");
    return 0;
}
