/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Video frames as planes, and their conversion to and from the network's R'G'B' tensors. */

typedef enum {
    YONOS_FRAME_PACKED, /* one plane of R'G'B' components; offsets below */
    YONOS_FRAME_I420,   /* three planes, chroma halved both ways (rounded up) */
    YONOS_FRAME_NV12,   /* two planes, chroma halved both ways, Cb Cr interleaved */
    YONOS_FRAME_Y42B,   /* three planes, chroma halved horizontally (rounded up) */
    YONOS_FRAME_Y444,   /* three planes */
    YONOS_FRAME_YUY2,   /* one plane, chroma halved horizontally (rounded up): Y Cb Y Cr */
    YONOS_FRAME_GRAY,   /* one plane of Y' */
} YonosFrameLayout;

typedef struct {
    YonosFrameLayout layout;
    int width, height;      /* luma pixels, 1 to 16384 */
    int pixel_stride;       /* PACKED: bytes a pixel, three or four samples */
    int r, g, b, a;         /* PACKED: byte offsets in a pixel; a = -1: none */
    double kr, kb;          /* else: luma weights of the matrix (BT.601 0.299, 0.114; BT.709 0.2126, 0.0722 ...) */
    gboolean full_range;    /* else: 0..255 instead of 16..235 and 16..240, in 8 bits */
    gboolean chroma_left;   /* YUV: chroma sited at the left luma column (MPEG-2) instead of between (JPEG) */
    gboolean chroma_top;    /* YUV: chroma sited at the upper luma row instead of between */
    gboolean chroma_swapped; /* YUV: Cr comes before Cb (YV12, NV21, YVYU) */
    gboolean chroma_first;   /* YUY2: Cb Y Cr Y (UYVY) */
    gboolean limited_rgb;   /* PACKED: 16..235 instead of 0..255, in 8 bits; alpha is always 0..255 */
    int depth;              /* bits of a sample: 8 (also as 0), or 9 to 16 in little-endian words of 16 */
    int shift;              /* unused bits below a sample in its word: 6 in P010 */
} YonosFrameFormat;

typedef struct {
    guint8 *plane[3];
    int stride[3]; /* bytes; may exceed a row, need not be even */
} YonosFrame;

/* R'G'B' = Y' + weights x (Cb, Cr), with the codes' offsets and ranges. */
typedef struct {
    float y_offset, y_range, c_range, middle, top;
    float kr, kg, kb;
    float r_cr, g_cb, g_cr, b_cb;
} YonosFrameMatrix;

YonosFrameMatrix yonos_frame_matrix(const YonosFrameFormat *format);

typedef struct {
    int step;               /* samples from one of chroma to the next in its row; 0: no chroma, 4: luma lies between */
    int halved_x, halved_y; /* 1: chroma has half as many columns, rows */
} YonosFrameChroma;

YonosFrameChroma yonos_frame_chroma(YonosFrameLayout layout);

/* Bits of a sample, 8 at least. */
static inline int yonos_frame_depth(const YonosFrameFormat *format)
{
    return MAX(format->depth, 8);
}

/* Reads a frame into rgb[(y * stride_pixels + x) * 3 + c], nominally 0..1 but not clipped (super-white stays above 1).
 * Chroma is enlarged bilinearly by its siting. */
void yonos_frame_to_rgb(const YonosFrameFormat *format, const YonosFrame *frame, float *rgb, int stride_pixels);

/* Writes a frame from the same kind of tensor, rounded and clipped to the format's codes (limited range keeps
 * super-white and sub-black). Chroma is reduced by a box, [1 2 1]/4 where it is sited at a column or row. Alpha, or a
 * fourth sample in its place, is written opaque. */
void yonos_frame_from_rgb(const YonosFrameFormat *format, const YonosFrame *frame, const float *rgb,
                          int stride_pixels);

/* n pixels of R'G'B' to gray ones of the same luma, by the format's matrix. */
void yonos_frame_make_gray(const YonosFrameFormat *format, float *rgb, gsize n);

/* A frame's alpha, 0..1, from and to alpha[y * width + x]; the format has one (a >= 0). */
void yonos_frame_to_alpha(const YonosFrameFormat *format, const YonosFrame *frame, float *alpha);
void yonos_frame_from_alpha(const YonosFrameFormat *format, const YonosFrame *frame, const float *alpha);
