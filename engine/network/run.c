/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/parts.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

/* Adds the seconds since *last, which becomes now. */
static void lap(gint64 *last, double *seconds)
{
    gint64 now = g_get_monotonic_time();

    *seconds += 1e-6 * (double)(now - *last);
    *last = now;
}

float *yonos_network_small(const YonosNetwork *net)
{
    return yonos_network_tiles(net) == 1 ? yonos_executor_map(net->executor, net->x) : NULL;
}

float *yonos_network_large(const YonosNetwork *net)
{
    return yonos_network_tiles(net) == 1 ? yonos_executor_map(net->executor, net->y) : NULL;
}

static gboolean run_once(YonosNetwork *net, const float *x, float *y, YonosUpscalerTimes *times, GError **error)
{
    GArray *buffers = net->graph->buffers;
    gint64 last = g_get_monotonic_time();

    if (x != yonos_network_small(net) &&
        !yonos_executor_write(net->executor, net->x, 0, x, g_array_index(buffers, YonosBuffer, net->x).size, error))
        return FALSE;
    lap(&last, &times->upload);
    if (!yonos_executor_run(net->executor, error))
        return FALSE;
    lap(&last, &times->compute);
    times->device += net->executor->device_seconds;
    if (y != yonos_network_large(net) &&
        !yonos_executor_read(net->executor, net->y, 0, y, g_array_index(buffers, YonosBuffer, net->y).size, error))
        return FALSE;
    lap(&last, &times->download);
    return TRUE;
}

typedef struct {
    const float *data;
    gsize row; /* elements from row to row */
} Rows;

static void copy_rows(Rows from, float *to, gsize to_row, gsize n_rows, gsize n)
{
    for (gsize y = 0; y < n_rows; y++)
        memcpy(to + y * to_row, from.data + y * from.row, n * sizeof *to);
}

static gboolean write_noise_window(YonosNetwork *net, const YonosTile *row, const YonosTile *column, GError **error)
{
    const YonosNetworkParams *p = &net->params;
    const YonosTensor *z = yonos_graph_at(net->graph, net->z);
    gsize width = (gsize)z->shape.w * z->shape.c;
    gsize whole = (gsize)yonos_compact_padded(p->in_width, p->scale) * p->scale / 8 * z->shape.c;
    gsize y = (gsize)row->origin * p->scale / 8, x = (gsize)column->origin * p->scale / 8;

    copy_rows((Rows){net->field + y * whole + x * z->shape.c, whole}, net->z_window, width, z->shape.h, width);
    return yonos_executor_write(net->executor, z->buffer, 0, net->z_window, yonos_shape_elements(z->shape), error);
}

/* `large` is scale times the small picture. */
static gboolean run_tile(YonosNetwork *net, const YonosTile *row, const YonosTile *column, const float *small,
                         float *large, YonosUpscalerTimes *times, GError **error)
{
    gsize scale = net->params.scale, in = (gsize)net->params.in_width * 3, out = in * scale;
    gsize x_row = (gsize)net->columns.window * 3, y_row = x_row * scale;
    gsize skipped_rows = (gsize)(row->start - row->origin) * scale;
    gsize skipped = (gsize)(column->start - column->origin) * scale * 3;

    copy_rows((Rows){small + row->origin * in + (gsize)column->origin * 3, in}, net->x_window, x_row, net->rows.window,
              x_row);
    if (!write_noise_window(net, row, column, error) || !run_once(net, net->x_window, net->y_window, times, error))
        return FALSE;
    copy_rows((Rows){net->y_window + skipped_rows * y_row + skipped, y_row},
              large + row->start * scale * out + column->start * scale * 3, out, (row->end - row->start) * scale,
              (column->end - column->start) * scale * 3);
    return TRUE;
}

gboolean yonos_network_run(YonosNetwork *net, const float *small, float *large, YonosUpscalerTimes *times,
                           GError **error)
{
    if (!yonos_network_write_fidelity(net, error) || !yonos_network_write_noise(net, error))
        return FALSE;
    if (yonos_network_tiles(net) == 1)
        return run_once(net, small, large, times, error);
    for (int k = 0; k < net->rows.n; k++)
        for (int i = 0; i < net->columns.n; i++) {
            YonosTile row = yonos_tiling_at(&net->rows, k), column = yonos_tiling_at(&net->columns, i);
            if (!run_tile(net, &row, &column, small, net->made ? net->made : large, times, error))
                return FALSE;
        }
    return !net->made || yonos_plain_run(net->reduce, net->made, large, 0, error);
}

struct YonosVulkanFrames *yonos_network_frames(const YonosNetwork *net)
{
    return net->frames;
}

#ifdef HAVE_VULKAN
static gboolean run_frame_tile(YonosNetwork *net, int row_at, int column_at, int ours, GError **error)
{
    const YonosNetworkParams *p = &net->params;
    YonosTile row = yonos_tiling_at(&net->rows, row_at), column = yonos_tiling_at(&net->columns, column_at);
    gboolean whole = yonos_network_tiles(net) == 1;
    YonosVulkanTile tile = {
        .x = column.origin,
        .y = row.origin,
        .width = net->columns.window,
        .height = net->rows.window,
        .large_x = column.origin * p->scale,
        .large_y = row.origin * p->scale,
        .large_width = whole ? p->out_width : net->columns.window * p->scale,
        .large_height = whole ? p->out_height : net->rows.window * p->scale,
        .start_x = column.start * p->scale,
        .start_y = row.start * p->scale,
        .end_x = MIN(column.end * p->scale, p->out_width),
        .end_y = MIN(row.end * p->scale, p->out_height),
        .first = row_at + column_at == 0,
        .last = row_at + 1 == net->rows.n && column_at + 1 == net->columns.n,
    };

    return (whole || write_noise_window(net, &row, &column, error)) &&
           yonos_vulkan_frames_run(net->frames, &tile, ours, error);
}

gboolean yonos_network_run_frame(YonosNetwork *net, int ours, GError **error)
{
    if (!yonos_network_write_fidelity(net, error) || !yonos_network_write_noise(net, error))
        return FALSE;
    for (int k = 0; k < net->rows.n; k++)
        for (int i = 0; i < net->columns.n; i++)
            if (!run_frame_tile(net, k, i, ours, error))
                return FALSE;
    return TRUE;
}
#endif

gboolean yonos_network_is_finite(YonosNetwork *net, gboolean *finite, GError **error)
{
    gsize n = g_array_index(net->graph->buffers, YonosBuffer, net->y).size;
    float some[4096];

    *finite = TRUE;
    for (gsize at = 0, part; at < n; at += part) {
        part = MIN(n - at, G_N_ELEMENTS(some));
        if (!yonos_executor_read(net->executor, net->y, at, some, part, error))
            return FALSE;
        for (gsize k = 0; k < part; k++)
            *finite = *finite && isfinite(some[k]);
    }
    return TRUE;
}
