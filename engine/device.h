/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"

/* An executor by name: "cpu", "gpu" (the first real one), or a Vulkan device's index or part of its name. `half`: a
 * device stores tensors as fp16, and the CPU multiplies bf16 (YONOS_ERROR_UNSUPPORTED where it cannot); else all is fp32. */
YonosExecutor *yonos_executor_new(const YonosGraph *graph, const char *device, gboolean half, GError **error);
