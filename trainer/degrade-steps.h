/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The steps of degrade.h. Pictures are {height, width, 3} floats, nominally 0..1, of any size from 1 x 1; edges are
 * repeated. Every step is a pure function of its arguments; those without a workspace may be called by any threads. */

#define YONOS_BLUR_RADIUS 4

typedef struct {
    double sigma[2], angle; /* pixels along two axes; of the first, radians from x (right) towards y (down) */
} YonosBlur;

typedef enum { YONOS_RESCALE_AREA, YONOS_RESCALE_BILINEAR, YONOS_RESCALE_BICUBIC } YonosRescale;

typedef struct {
    double sigma;     /* standard deviation, of the range 0..1; 0: no noise */
    gboolean poisson; /* photon noise: the variance is sigma^2 times the value */
    gboolean gray;    /* one value for a pixel's three components */
} YonosGrain;

/* The Gaussian sampled at pixels, {2 R + 1, 2 R + 1} with R = YONOS_BLUR_RADIUS; its sum is 1. */
void yonos_blur_kernel(const YonosBlur *blur, float *kernel);
/* `out` differs from `in`; `padded` has room for (width + 2 R) (height + 2 R) pixels. */
void yonos_blur(const float *in, int width, int height, const float *kernel, float *padded, float *out);
/* As Pillow resizes: kernels of 1, 2 or 4 pixels, widened by the factor when reducing. `rows` has room for width x
 * out_height pixels; the three differ. */
void yonos_rescale(YonosRescale kind, const float *in, int width, int height, float *rows, float *out, int out_width,
                   int out_height);
/* Adds noise that is a function of the seed and the sample's index, then clips to 0..1. A sample is the sum of four
 * uniform numbers: normal but for its tails, which end at 3.5 sigma. */
void yonos_grain(float *rgb, gsize pixels, const YonosGrain *grain, guint64 seed);

/* What an encoder and decoder for JPEG make of pictures: rounds to codes, encodes with 4:2:0 chroma, decodes. NULL with
 * YONOS_ERROR_UNSUPPORTED in a build without libjpeg. One thread at a time. */
typedef struct YonosJpeg YonosJpeg;
YonosJpeg *yonos_jpeg_new(GError **error);
void yonos_jpeg(YonosJpeg *jpeg, float *rgb, int width, int height, int quality);
void yonos_jpeg_free(YonosJpeg *jpeg); /* NULL is fine */

/* What H.264 leaves of one 8-bit plane coded as an I picture of 4x4 blocks at a quantiser qp 0..51 (luma's; a chroma
 * plane's follows from it): prediction from decoded neighbours, transform and quantiser (ITU-T H.264, clauses 8.3 and
 * 8.5) and the deblocking filter (8.7). docs/MODEL.md tells what is left out. */
void yonos_h264_plane(guint8 *plane, int width, int height, int qp, gboolean chroma);
