/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

/* The way of a frame through the element without its network, once more: in double precision, one sample at a time, from
 * GStreamer's own description of formats, by the definition of matrix, range and siting, and Pillow's bicubic. */

/* A frame of random codes, over the whole of every component. */
GstBuffer *reference_fill(const GstVideoInfo *info, GRand *rand);

/* Fails unless every component of `large` is within one code of what `small` becomes by definition. */
void reference_check(const GstVideoInfo *in, GstBuffer *small, const GstVideoInfo *out, GstBuffer *large);

/* Fails unless two frames have the same codes of this component. */
void reference_check_same(const GstVideoInfo *info, GstBuffer *a, GstBuffer *b, guint component);

/* A component's code at a place of its plane. */
int reference_get(const GstVideoFrame *frame, guint component, int x, int y);
void reference_put(const GstVideoFrame *frame, guint component, int x, int y, int code);
