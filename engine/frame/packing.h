/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/dma-buf.h"
#include "frame.h"

/* A frame's planes one after the other in one piece of memory, rows and planes beginning at multiples of
 * YONOS_PACKING_ALIGN bytes: how a frame goes to a device and back. */
#define YONOS_PACKING_ALIGN 16

typedef struct {
    guint planes;
    guint32 offset[3], stride[3]; /* bytes */
    guint32 row[3], rows[3];      /* bytes of a row that are used; how many rows */
    gsize size;                   /* bytes of the whole */
} YonosFramePacking;

YonosFramePacking yonos_frame_packing(const YonosFrameFormat *format);

/* Copies a frame into packed memory or back, by all threads. Bytes between the rows are not read, and those of `frame`
 * not written. */
void yonos_frame_pack(const YonosFramePacking *packing, const YonosFrame *frame, void *packed);
void yonos_frame_unpack(const YonosFramePacking *packing, const void *packed, const YonosFrame *frame);

/* Bytes up to the end of the last of the frame's planes where they lie as `at` says; 0: rows overlap, samples of two
 * bytes begin at odd ones, or a place is past 4 GiB. */
guint64 yonos_frame_packing_reach(const YonosFramePacking *packing, const YonosFrameFormat *format,
                                  const YonosDmaBuf *at);
