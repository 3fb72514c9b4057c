/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"

/* An executor of fp32 by name: "cpu", "gpu" (the first real one), or a Vulkan device's index or part of its name. */
YonosExecutor *yonos_executor_new(const YonosGraph *graph, const char *device, GError **error);
