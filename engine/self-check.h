/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "frame.h"
#include "vulkan/vulkan-executor.h"

/* Trust at start: does a Vulkan device compute as the C references do? Safe from any thread. */

/* What was found wrong. */
typedef enum {
    YONOS_FAULT_NONE, /* the check itself failed */
    YONOS_FAULT_KERNEL,
    YONOS_FAULT_HALF,          /* a kernel of half precision */
    YONOS_FAULT_MATRICES,      /* one with cooperative matrices */
    YONOS_FAULT_FREE_MATRICES, /* of free size */
    YONOS_FAULT_PLANES,        /* a shader that converts frames */
} YonosFault;

/* Runs each different kernel of an executor (shader, constants with its tile, precision, operands) once, on small tensors
 * of noise, on the device of `options`, with which it was made, and compares with the reference. FALSE with
 * YONOS_ERROR_WRONG and *fault, whose message names the kernel, where they differ, or with what failed.
 * Kernels that passed before on that device, driver and build are not run again: the user's cache folder has a list.
 * With the environment variable YONOS_SELF_CHECK=always it is not looked at. */
gboolean yonos_self_check(const YonosExecutor *ex, const YonosVulkanOptions *options, YonosFault *fault,
                          GError **error);

/* The same for the shaders that convert frames of these formats: a small one of noise, enlarged plainly, must be as
 * frame.h and the resize op make it. `ex` tells which device that is. */
gboolean yonos_self_check_planes(const YonosExecutor *ex, const YonosVulkanOptions *options, const YonosFrameFormat *in,
                                 const YonosFrameFormat *out, YonosFault *fault, GError **error);

/* A node alone, of `graph`, on small tensors of buffers of their own: the last ones of `checks`. FALSE where the op
 * cannot be made small. */
gboolean yonos_self_check_add(YonosGraph *checks, const YonosGraph *graph, const YonosNode *node);
