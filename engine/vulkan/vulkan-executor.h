/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/shared-device.h"
#include "executor.h"

/* Runs graphs on a Vulkan device; nothing of Vulkan shows through this header. */
typedef enum {
    YONOS_VULKAN_SINGLE,
    YONOS_VULKAN_HALF,        /* all F32 memory is stored as fp16, sums are fp32; write and read convert on the host */
    YONOS_VULKAN_HALF_ON_GPU, /* half on a real GPU that can store it, else single */
} YonosVulkanPrecision;

/* Which kernels with cooperative matrices may run. */
typedef enum { YONOS_VULKAN_MATRICES, YONOS_VULKAN_FIXED_MATRICES, YONOS_VULKAN_NO_MATRICES } YonosVulkanMatrices;

typedef struct {
    const char *device; /* index, UUID, or part of a device name; NULL: the first real GPU, never a software device */
    const YonosSharedDevice *shared; /* used if it is such a device, for NULL any real GPU, and lacks nothing that one of
                                        our own would have: cooperative matrices, fp16. NULL: none */
    YonosVulkanPrecision half;
    gsize max_memory; /* bytes that it may take; 0: what the driver says is free */
    gsize beside;     /* of them, bytes that others of its device will take */
    YonosVulkanMatrices matrices;
    int blocks; /* residual blocks are joined (vk-block.h) by that row where it can run; 0: as measured, -1: not */
    const int *tiles; /* rows of the table of tiles (vk-tile.h), by node of the executor's graph, each where it can run;
                         -1: no matter. NULL: all are */
} YonosVulkanOptions;

/* Plans, allocates, compiles and records all that a run needs; options may be NULL. NULL with
 * YONOS_ERROR_NO_DEVICE and a list of the devices when there is no such one, YONOS_ERROR_DEVICE when it fails,
 * YONOS_ERROR_MEMORY when it is too small, or a tensor larger than it can address, YONOS_ERROR_UNSUPPORTED when an op has no
 * kernel, or it cannot store fp16. The environment variable YONOS_VULKAN_VALIDATE=1 turns validation
 * layers on; they report to stderr. */
YonosExecutor *yonos_vulkan_executor_new(const YonosGraph *graph, const YonosVulkanOptions *options, GError **error);

/* Name of the device of an executor made above; lives as long as it. */
const char *yonos_vulkan_executor_device(const YonosExecutor *ex);

/* Whether its device imports host memory, to write to. */
gboolean yonos_vulkan_executor_writes_to_host(const YonosExecutor *ex);

/* What there is to say of it. */
YonosDeviceInfo yonos_vulkan_executor_info(const YonosExecutor *ex);

/* What runs node k of the executor's graph: its shaders with their constants, in words, so equal texts are equal kernels;
 * and its row of the table of tiles, -1 where it is no convolution. */
const char *yonos_vulkan_executor_kernel(const YonosExecutor *ex, guint k);
int yonos_vulkan_executor_tile(const YonosExecutor *ex, guint k);

/* All that decides what a kernel of its computes: the device, its driver, and a digest of the shaders; to be freed. */
char *yonos_vulkan_executor_identity(const YonosExecutor *ex);

/* Whether such a device (as in YonosVulkanOptions) is there. Safe from any thread. */
gboolean yonos_vulkan_has_device(const char *device);

/* All Vulkan devices in one line for people, with index, name, kind and UUID; to be freed. Safe from any thread. */
char *yonos_vulkan_devices(void);
