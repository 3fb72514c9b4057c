/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-conv.h"

/* Residual blocks that stay on chip, shaders/residual-block.comp: a table of tiles of their own, of which row 0 is two
 * dispatches, one a convolution. A block's product is that of one of its convolutions. */

/* Whether two nodes of the graph may be joined to a block: channels and operands lie in fours, of halves in eights. */
gboolean yonos_vk_block_fits(const YonosGraph *graph, const YonosNode *block);

/* The row for a block: the first that can run of `wanted` (-1: none), what the environment variable YONOS_BLOCK names, and
 * what yonos-tune measured; else 0, as always with YONOS_DISABLE_BLOCKS=1. */
guint yonos_vk_block_choose(const YonosVkDevice *d, const YonosVkProduct *product, int wanted);
gboolean yonos_vk_block_can_run(const YonosVkDevice *d, guint row, const YonosVkProduct *product);
guint yonos_vk_block_count(void);

/* Leaves no pass where no row can run. */
YonosVkPlan yonos_vk_plan_residual_block;
