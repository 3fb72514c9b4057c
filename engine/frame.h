/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Video frames as planes, and their conversion to and from the network's R'G'B' tensors. */

typedef enum {
    YONOS_FRAME_PACKED, /* one plane of 8-bit R'G'B' components; offsets below */
    YONOS_FRAME_I420,   /* three planes, chroma halved both ways (rounded up) */
    YONOS_FRAME_NV12,   /* two planes, chroma halved both ways, Cb Cr interleaved */
} YonosFrameLayout;

typedef struct {
    YonosFrameLayout layout;
    int width, height;      /* luma pixels, 1 to 16384 */
    int pixel_stride;       /* PACKED: bytes a pixel, 3 or 4 */
    int r, g, b, a;         /* PACKED: byte offsets in a pixel; a = -1: none (a fourth byte is then written as 255) */
    double kr, kb;          /* YUV: luma weights of the matrix (BT.601 0.299, 0.114; BT.709 0.2126, 0.0722 ...) */
    gboolean full_range;    /* YUV: 0..255 instead of 16..235 and 16..240 */
    gboolean chroma_left;   /* YUV: chroma sited at the left luma column (MPEG-2) instead of between (JPEG) */
} YonosFrameFormat;

typedef struct {
    guint8 *plane[3];
    int stride[3]; /* bytes; may exceed a row */
} YonosFrame;

/* Reads a frame into rgb[(y * stride_pixels + x) * 3 + c], nominally 0..1 but not clipped (super-white stays above 1).
 * Chroma is enlarged bilinearly by its siting. */
void yonos_frame_to_rgb(const YonosFrameFormat *format, const YonosFrame *frame, float *rgb, int stride_pixels);

/* Writes a frame from the same kind of tensor, rounded and clipped to the format's codes (YUV limited range keeps
 * super-white and sub-black). Chroma is reduced by a box ([1 2 1]/4 horizontally when sited left). Alpha is written as
 * 255. */
void yonos_frame_from_rgb(const YonosFrameFormat *format, const YonosFrame *frame, const float *rgb,
                          int stride_pixels);
