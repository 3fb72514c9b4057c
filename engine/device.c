/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device.h"
#include "base/error.h"
#include "cpu/cpu-executor.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-executor.h"
#endif

#include <string.h>

YonosExecutor *yonos_executor_new(const YonosGraph *graph, const char *device, GError **error)
{
    if (!strcmp(device, "cpu"))
        return yonos_cpu_executor_new(graph, FALSE, error);
#ifdef HAVE_VULKAN
    return yonos_vulkan_executor_new(graph, &(YonosVulkanOptions){strcmp(device, "gpu") ? device : NULL, FALSE, 0}, error);
#else
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED, "This build runs on the CPU only; use --device cpu.");
    return NULL;
#endif
}
