/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-kernels.h"
#include "vulkan/vk-tile.h"

/* Plans of the ops that are more than one invocation an element: convolutions and sums over pixels. They get a
 * dispatch of one pass whose push is filled, and set its shader, constants and groups; sums that are shared out among
 * workgroups get a second pass. */
typedef void YonosVkPlan(const YonosVkDevice *d, gboolean half, YonosVkDispatch *dispatch);

YonosVkPlan yonos_vk_plan_conv, yonos_vk_plan_conv_data, yonos_vk_plan_conv_weights, yonos_vk_plan_sum_pixels;
/* For shaders whose workgroups leave their share of a mean: l1, mse, hinge. */
YonosVkPlan yonos_vk_plan_mean;

/* The matrix product that a node is, of a residual block each of its two; FALSE for one that is no convolution. */
gboolean yonos_vk_conv_product(const YonosGraph *graph, const YonosNode *node, gboolean half, YonosVkProduct *product);
/* Of a residual block whose output has that shape. */
YonosVkProduct yonos_vk_block_product(YonosShape y, gboolean half);
