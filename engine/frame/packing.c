/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame/packing.h"
#include "base/parallel.h"

#include <string.h>

YonosFramePacking yonos_frame_packing(const YonosFrameFormat *f)
{
    YonosFrameChroma chroma = yonos_frame_chroma(f->layout);
    guint32 sample = yonos_frame_depth(f) > 8 ? 2 : 1;
    YonosFramePacking p = {.planes = chroma.step == 1 ? 3 : chroma.step == 2 ? 2 : 1};

    for (guint k = 0; k < p.planes; k++) {
        guint32 width = (guint32)(k ? (f->width + chroma.halved_x) >> chroma.halved_x : f->width);
        guint32 pixel = f->layout == YONOS_FRAME_PACKED ? (guint32)f->pixel_stride
                        : f->layout == YONOS_FRAME_YUY2 ? 2 * sample
                        : k                             ? sample * (guint32)chroma.step
                                                        : sample;
        if (f->layout == YONOS_FRAME_YUY2) /* pixels come in pairs */
            width = (width + 1) / 2 * 2;
        p.rows[k] = (guint32)(k ? (f->height + chroma.halved_y) >> chroma.halved_y : f->height);
        p.row[k] = width * pixel;
        p.stride[k] = (p.row[k] + YONOS_PACKING_ALIGN - 1) / YONOS_PACKING_ALIGN * YONOS_PACKING_ALIGN;
        p.offset[k] = (guint32)p.size;
        p.size += (gsize)p.stride[k] * p.rows[k];
    }
    return p;
}

typedef struct {
    guint8 *to;
    const guint8 *from;
    gsize to_stride, from_stride, row;
} Copy;

static void copy_rows(gconstpointer data, gsize start, gsize end)
{
    const Copy *c = data;

    for (gsize y = start; y < end; y++)
        memcpy(c->to + y * c->to_stride, c->from + y * c->from_stride, c->row);
}

void yonos_frame_pack(const YonosFramePacking *p, const YonosFrame *frame, void *packed)
{
    for (guint k = 0; k < p->planes; k++) {
        Copy c = {(guint8 *)packed + p->offset[k], frame->plane[k], p->stride[k], (gsize)frame->stride[k], p->row[k]};
        yonos_cpu_share((gsize)p->row[k] * p->rows[k], p->rows[k], copy_rows, &c);
    }
}

void yonos_frame_unpack(const YonosFramePacking *p, const void *packed, const YonosFrame *frame)
{
    for (guint k = 0; k < p->planes; k++) {
        Copy c = {frame->plane[k], (const guint8 *)packed + p->offset[k], (gsize)frame->stride[k], p->stride[k],
                  p->row[k]};
        yonos_cpu_share((gsize)p->row[k] * p->rows[k], p->rows[k], copy_rows, &c);
    }
}

guint64 yonos_frame_packing_reach(const YonosFramePacking *packing, const YonosFrameFormat *format,
                                  const YonosDmaBuf *at)
{
    guint64 sample = yonos_frame_depth(format) > 8 ? 2 : 1, end = 0;

    for (guint k = 0; k < packing->planes; k++) {
        guint64 offset = at->offset[k], stride = at->stride[k];
        if (offset > G_MAXUINT32 || stride > G_MAXUINT32 || stride < packing->row[k] || (offset | stride) % sample)
            return 0;
        end = MAX(end, offset + stride * (packing->rows[k] - 1) + packing->row[k]);
    }
    return end;
}
