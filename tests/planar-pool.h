/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/* A pool whose buffers hold NV12 or P010 as Vulkan's decoders give it: one image of two planes, not an image for each; of
 * the same device as a pool of libgstvulkan's images. Counts the images made. */
GstBufferPool *planar_pool_new(GstBufferPool *like, guint *made);

/* A frame of the host in such an image, on the device that an element with a pad uses. */
GstBuffer *planar_frame_new(GstPad *pad, GstCaps *caps, GstBuffer *frame);
