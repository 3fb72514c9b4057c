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
    if (!strcmp(device, "cpu") && !half)
        return yonos_cpu_executor_new(graph, FALSE, error);
    if (!strcmp(device, "cpu")) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                    "The CPU stores tensors as fp32 only; leave --half out, or name a GPU.");
        return NULL;
    }
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
