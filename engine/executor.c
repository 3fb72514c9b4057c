/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "executor.h"
#include "base/error.h"

static gboolean range_fits(const YonosExecutor *ex, YonosBufferId buffer, gsize offset, gsize n, GError **error)
{
    const YonosBuffer *b;

    if (buffer < 0 || (guint)buffer >= ex->graph->buffers->len) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED, "The network has no buffer %d.", buffer);
        return FALSE;
    }
    b = &g_array_index(ex->graph->buffers, YonosBuffer, buffer);
    if (offset <= b->size && n <= b->size - offset)
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED, "%" G_GSIZE_FORMAT " elements at %" G_GSIZE_FORMAT
                " leave buffer '%s' of %" G_GSIZE_FORMAT ".", n, offset, b->name, b->size);
    return FALSE;
}

gboolean yonos_executor_write(YonosExecutor *ex, YonosBufferId buffer, gsize offset, const void *data, gsize n,
                              GError **error)
{
    return range_fits(ex, buffer, offset, n, error) && ex->class->write(ex, buffer, offset, data, n, error);
}

gboolean yonos_executor_read(YonosExecutor *ex, YonosBufferId buffer, gsize offset, void *data, gsize n,
                             GError **error)
{
    return range_fits(ex, buffer, offset, n, error) && ex->class->read(ex, buffer, offset, data, n, error);
}

void *yonos_executor_map(YonosExecutor *ex, YonosBufferId buffer)
{
    return ex->class->map && buffer != ex->graph->param_buffer ? ex->class->map(ex, buffer) : NULL;
}

gboolean yonos_executor_run(YonosExecutor *ex, GError **error)
{
    return ex->class->run(ex, error);
}

gboolean yonos_executor_profile(YonosExecutor *ex, double *seconds, GError **error)
{
    return ex->class->profile(ex, seconds, error);
}

void yonos_executor_free(YonosExecutor *ex)
{
    if (ex)
        ex->class->free(ex);
}
