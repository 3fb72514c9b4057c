/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"

/* An executor by name: "cpu", "gpu" (the first real one), or a Vulkan device's index or part of its name. `half`: tensors
 * are stored as fp16, which the CPU cannot (YONOS_ERROR_UNSUPPORTED); else as fp32. */
YonosExecutor *yonos_executor_new(const YonosGraph *graph, const char *device, gboolean half, GError **error);
