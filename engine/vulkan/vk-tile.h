/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-device.h"

/* The ways to cut a convolution's matrix product into workgroups: a table, and the choice from it. */
typedef enum {
    YONOS_VK_DIRECT, /* no shared memory: four pixels by four channels an invocation; forward only */
    YONOS_VK_TILED,  /* tiles in shared memory */
    YONOS_VK_COOPMAT, /* and cooperative matrices, whose size own_rows, own_columns and depth are multiples of; fp16 */
} YonosVkTiling;

typedef struct {
    YonosVkTiling kind;
    guint32 rows, columns, depth;  /* a workgroup's, of shaders/gemm.glsl: BM, BN, BK */
    guint32 own_rows, own_columns; /* an invocation's, or a subgroup's: TM, TN */
} YonosVkTile;

/* The product that is to be cut: rows by columns, summed over depth. */
typedef struct {
    guint64 rows, columns, depth;
    gboolean forward; /* or a gradient */
    gboolean half;
} YonosVkProduct;

guint32 yonos_vk_tile_invocations(const YonosVkDevice *d, const YonosVkTile *tile);

/* The tile of a product on this device, never NULL. The environment variable YONOS_TILE, a row of the table, forces one
 * where it can run. */
const YonosVkTile *yonos_vk_tile_choose(const YonosVkDevice *d, const YonosVkProduct *product);
guint yonos_vk_tile_count(void);
const YonosVkTile *yonos_vk_tile_row(guint row);
