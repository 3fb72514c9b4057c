/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plain.h"
#include "cpu/cpu-executor.h"
#include "ops/ops.h"

struct YonosPlain {
    YonosGraph *graph;
    YonosExecutor *executor;
    YonosBufferId x, y;
    YonosShape in, out;
};

void yonos_plain_free(YonosPlain *plain)
{
    if (!plain)
        return;
    yonos_executor_free(plain->executor);
    yonos_graph_free(plain->graph);
    g_free(plain);
}

YonosPlain *yonos_plain_new(int in_width, int in_height, int out_width, int out_height, int channels, GError **error)
{
    YonosPlain *plain = g_new0(YonosPlain, 1);
    YonosGraph *g = plain->graph = yonos_graph_new();
    YonosTensorId x, y;

    plain->in = (YonosShape){1, in_height, in_width, channels};
    plain->out = (YonosShape){1, out_height, out_width, channels};
    x = yonos_graph_input(g, "frame", YONOS_F32, plain->in);
    y = yonos_resize(g, x, out_height, out_width);
    if (yonos_graph_check(g, error)) {
        plain->x = yonos_graph_at(g, x)->buffer;
        plain->y = yonos_graph_buffer(g, "enlarged", YONOS_F32, yonos_shape_elements(plain->out));
        g_array_index(g->tensors, YonosTensor, y).buffer = plain->y;
        plain->executor = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, error);
    }
    if (!plain->executor)
        g_clear_pointer(&plain, yonos_plain_free);
    return plain;
}

gboolean yonos_plain_run(YonosPlain *plain, const float *small, float *large, int first, GError **error)
{
    gsize row = (gsize)plain->out.w * plain->out.c, skipped = (gsize)first * plain->out.c;

    if (!yonos_executor_write(plain->executor, plain->x, 0, small, yonos_shape_elements(plain->in), error) ||
        !yonos_executor_run(plain->executor, error))
        return FALSE;
    for (gsize at = skipped; at < row * plain->out.h; at += row)
        if (!yonos_executor_read(plain->executor, plain->y, at, large + at, row - skipped, error))
            return FALSE;
    return TRUE;
}
