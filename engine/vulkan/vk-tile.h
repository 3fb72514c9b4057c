/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-device.h"

/* The ways to cut a convolution's matrix product into workgroups: a table, and the choice from it. */
typedef enum {
    YONOS_VK_DIRECT, /* no shared memory: four pixels by four channels an invocation; forward only */
    YONOS_VK_TILED,  /* tiles in shared memory */
    YONOS_VK_COOPMAT, /* and cooperative matrices, whose size own_rows, own_columns and depth are multiples of; fp16 */
    YONOS_VK_COOPMAT2,     /* those are the matrices of each subgroup, or the workgroup's, */
    YONOS_VK_COOPMAT2_128, /* of 128 */
    YONOS_VK_COOPMAT2_256, /* or 256 invocations */
} YonosVkTiling;

typedef struct {
    YonosVkTiling kind;
    guint32 rows, columns, depth;  /* a workgroup's, of shaders/gemm.glsl: BM, BN, BK */
    guint32 own_rows, own_columns; /* an invocation's, or a subgroup's: TM, TN */
} YonosVkTile;

static inline gboolean yonos_vk_tile_has_matrices(const YonosVkTile *tile)
{
    return tile->kind >= YONOS_VK_COOPMAT;
}

static inline gboolean yonos_vk_tile_is_workgroups(const YonosVkTile *tile)
{
    return tile->kind >= YONOS_VK_COOPMAT2_128;
}

/* What the matrices of such a tile are made of on this device; zeroed: there are none. */
YonosVkMatrix yonos_vk_tile_matrix(const YonosVkFeatures *f, const YonosVkTile *tile);

/* The product that is to be cut: rows by columns, summed over depth. A convolution's, of its gradients, or of a residual
 * block, which has a table of its own (vk-block.h). */
typedef enum { YONOS_VK_FORWARD, YONOS_VK_BY_DATA, YONOS_VK_BY_WEIGHTS, YONOS_VK_BLOCK, YONOS_VK_PRODUCTS } YonosVkProductKind;
typedef struct {
    guint64 rows, columns, depth;
    YonosVkProductKind kind;
    gboolean half;
} YonosVkProduct;

static inline gboolean yonos_vk_product_equal(const YonosVkProduct *a, const YonosVkProduct *b)
{
    return a->rows == b->rows && a->columns == b->columns && a->depth == b->depth && a->kind == b->kind &&
           a->half == b->half;
}
/* To be freed. */
char *yonos_vk_product_text(const YonosVkProduct *product);

guint32 yonos_vk_tile_invocations(const YonosVkDevice *d, const YonosVkTile *tile);

/* The row of the table for a product on this device: the first that can run of `wanted` (-1: none), what the environment
 * variable YONOS_TILE names, what yonos-tune measured, and what an estimate says. */
guint yonos_vk_tile_choose(const YonosVkDevice *d, const YonosVkProduct *product, int wanted);
gboolean yonos_vk_tile_can_run(const YonosVkDevice *d, guint row, const YonosVkProduct *product);
guint yonos_vk_tile_count(void);
const YonosVkTile *yonos_vk_tile_row(guint row);
