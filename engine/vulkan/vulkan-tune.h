/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vulkan-executor.h"

/* Gets a line for people. */
typedef void (*YonosVulkanTuneReport)(const char *line, gpointer user);

/* Times every way to cut the convolutions of `graph` on a device, by its clock, and leaves the fastest of each shape in
 * the cache, where executors made afterwards find them. A time is the least of `runs`, at least 1, after one that warms
 * up. `options` as for an executor, without tiles. Errors as of yonos_vulkan_executor_new and yonos_executor_profile,
 * and YONOS_ERROR_UNSUPPORTED where the cache cannot be written. One thread at a time. */
gboolean yonos_vulkan_tune(const YonosGraph *graph, const YonosVulkanOptions *options, int runs,
                           YonosVulkanTuneReport report, gpointer user, GError **error);
