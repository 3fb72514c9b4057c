/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "graph/op.h"

static const YonosOp *const table[YONOS_OP_COUNT] = {
    [YONOS_OP_CONV] = &yonos_op_conv,
    [YONOS_OP_CONV_DATA] = &yonos_op_conv_data,
    [YONOS_OP_CONV_WEIGHTS] = &yonos_op_conv_weights,
    [YONOS_OP_SUM_PIXELS] = &yonos_op_sum_pixels,
    [YONOS_OP_ACT] = &yonos_op_act,
    [YONOS_OP_ACT_GRAD] = &yonos_op_act_grad,
    [YONOS_OP_ADD] = &yonos_op_add,
    [YONOS_OP_CONCAT] = &yonos_op_concat,
    [YONOS_OP_SLICE] = &yonos_op_slice,
    [YONOS_OP_EMBED] = &yonos_op_embed,
    [YONOS_OP_SHUFFLE] = &yonos_op_shuffle,
    [YONOS_OP_UNSHUFFLE] = &yonos_op_unshuffle,
    [YONOS_OP_NEAREST] = &yonos_op_nearest,
    [YONOS_OP_SUM_BLOCKS] = &yonos_op_sum_blocks,
    [YONOS_OP_GROUP_NORM] = &yonos_op_group_norm,
    [YONOS_OP_RESIZE] = &yonos_op_resize,
    [YONOS_OP_EXTENT] = &yonos_op_extent,
    [YONOS_OP_L1] = &yonos_op_l1,
    [YONOS_OP_L1_GRAD] = &yonos_op_l1_grad,
    [YONOS_OP_MSE] = &yonos_op_mse,
    [YONOS_OP_MSE_GRAD] = &yonos_op_mse_grad,
    [YONOS_OP_MIX] = &yonos_op_mix,
    [YONOS_OP_GROUP_NORM_DATA] = &yonos_op_group_norm_data,
    [YONOS_OP_GROUP_NORM_SCALE] = &yonos_op_group_norm_scale,
    [YONOS_OP_RESIZE_GRAD] = &yonos_op_resize_grad,
    [YONOS_OP_EXTENT_GRAD] = &yonos_op_extent_grad,
    [YONOS_OP_MAX_POOL] = &yonos_op_max_pool,
    [YONOS_OP_MAX_POOL_GRAD] = &yonos_op_max_pool_grad,
    [YONOS_OP_UNIT_NORM] = &yonos_op_unit_norm,
    [YONOS_OP_UNIT_NORM_GRAD] = &yonos_op_unit_norm_grad,
    [YONOS_OP_HINGE] = &yonos_op_hinge,
    [YONOS_OP_HINGE_GRAD] = &yonos_op_hinge_grad,
    [YONOS_OP_WINDOW] = &yonos_op_window,
    [YONOS_OP_WINDOW_GRAD] = &yonos_op_window_grad,
    [YONOS_OP_RESIDUAL_BLOCK] = &yonos_op_residual_block,
};

const YonosOp *yonos_op(int id)
{
    g_assert(id >= 0 && id < YONOS_OP_COUNT && table[id]);
    return table[id];
}
