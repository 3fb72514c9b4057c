/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"

static const YonosCpuOverride *const table[YONOS_OP_COUNT] = {
#ifdef HAVE_ONEDNN
    [YONOS_OP_CONV] = &yonos_onednn_conv,
    [YONOS_OP_CONV_DATA] = &yonos_onednn_conv_data,
    [YONOS_OP_CONV_WEIGHTS] = &yonos_onednn_conv_weights,
#endif
    [YONOS_OP_SUM_PIXELS] = &yonos_cpu_sum_pixels,
    [YONOS_OP_ACT] = &yonos_cpu_act,
    [YONOS_OP_ACT_GRAD] = &yonos_cpu_act_grad,
    [YONOS_OP_ADD] = &yonos_cpu_add,
    [YONOS_OP_CONCAT] = &yonos_cpu_concat,
    [YONOS_OP_SLICE] = &yonos_cpu_slice,
    [YONOS_OP_EMBED] = &yonos_cpu_embed,
    [YONOS_OP_SHUFFLE] = &yonos_cpu_shuffle,
    [YONOS_OP_UNSHUFFLE] = &yonos_cpu_unshuffle,
    [YONOS_OP_NEAREST] = &yonos_cpu_nearest,
    [YONOS_OP_SUM_BLOCKS] = &yonos_cpu_sum_blocks,
    [YONOS_OP_RESIZE] = &yonos_cpu_resize,
    [YONOS_OP_EXTENT] = &yonos_cpu_extent,
    [YONOS_OP_L1] = &yonos_cpu_l1,
    [YONOS_OP_L1_GRAD] = &yonos_cpu_l1_grad,
    [YONOS_OP_MSE] = &yonos_cpu_mse,
    [YONOS_OP_MSE_GRAD] = &yonos_cpu_mse_grad,
    [YONOS_OP_MAX_POOL] = &yonos_cpu_max_pool,
    [YONOS_OP_MAX_POOL_GRAD] = &yonos_cpu_max_pool_grad,
    [YONOS_OP_UNIT_NORM] = &yonos_cpu_unit_norm,
    [YONOS_OP_UNIT_NORM_GRAD] = &yonos_cpu_unit_norm_grad,
};

const YonosCpuOverride *yonos_cpu_override(int op)
{
    return table[op];
}
