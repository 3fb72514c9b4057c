/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device.h"
#include "base/error.h"
#include "cpu/cpu-executor.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-executor.h"
#endif

#include <string.h>

YonosExecutor *yonos_executor_new(const YonosGraph *graph, const char *device, gboolean half, GError **error)
{
    if (!strcmp(device, "cpu") && half && yonos_cpu_fastest() != YONOS_CPU_BF16) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                    "This CPU has no instructions for bf16; leave --half out, or name a GPU.");
        return NULL;
    }
    if (!strcmp(device, "cpu"))
        return yonos_cpu_executor_new(graph, half ? YONOS_CPU_BF16 : YONOS_CPU_SINGLE, error);
#ifdef HAVE_VULKAN
    return yonos_vulkan_executor_new(graph,
                                     &(YonosVulkanOptions){.device = strcmp(device, "gpu") ? device : NULL,
                                                           .half = half ? YONOS_VULKAN_HALF : YONOS_VULKAN_SINGLE},
                                     error);
#else
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED, "This build runs on the CPU only; use --device cpu.");
    return NULL;
#endif
}
