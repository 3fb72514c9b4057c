/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"

static const YonosCpuOverride *const table[YONOS_OP_COUNT] = {
    [YONOS_OP_CONV] = &yonos_onednn_conv,
    [YONOS_OP_CONV_DATA] = &yonos_onednn_conv_data,
    [YONOS_OP_CONV_WEIGHTS] = &yonos_onednn_conv_weights,
    [YONOS_OP_RESIZE] = &yonos_cpu_resize,
};

const YonosCpuOverride *yonos_cpu_override(int op)
{
    return table[op];
}
