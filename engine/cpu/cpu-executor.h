/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"

typedef enum {
    YONOS_CPU_REFERENCE, /* the plain C reference of every op: slow, and the truth */
    YONOS_CPU_SINGLE,    /* equal to it within rounding */
    YONOS_CPU_BF16,      /* convolutions multiply bf16, 8 bits of mantissa, and add in fp32; all else as in single */
} YonosCpuMath;

/* The fastest that this machine has: bf16 where it has instructions for it (AVX-512 BF16, AMX). */
YonosCpuMath yonos_cpu_fastest(void);
/* The same, or single where the environment variable YONOS_PRECISION is set. */
YonosCpuMath yonos_cpu_wanted(void);

/* Plans `graph` for the CPU. YONOS_CPU_BF16 only where yonos_cpu_fastest says so.
 * NULL with YONOS_ERROR_MEMORY when the arena or a buffer cannot be had. */
YonosExecutor *yonos_cpu_executor_new(const YonosGraph *graph, YonosCpuMath math, GError **error);

/* Bytes of memory that such an executor allocates for tensors. */
gsize yonos_cpu_executor_bytes(const YonosGraph *graph, YonosCpuMath math);

/* What there is to say of it. */
YonosDeviceInfo yonos_cpu_info(YonosCpuMath math);
