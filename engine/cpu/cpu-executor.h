/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"

/* Plans `graph` for the CPU. `reference_only` runs the plain C reference of every op: slow, and the truth.
 * NULL with YONOS_ERROR_MEMORY when the arena or a buffer cannot be had. */
YonosExecutor *yonos_cpu_executor_new(const YonosGraph *graph, gboolean reference_only, GError **error);

/* What there is to say of it. */
extern const YonosDeviceInfo yonos_cpu_info;
