/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-tile.h"
#include "vulkan/vk-block.h"
#include "vulkan/vk-tuned.h"

/* No tiled row needs more than the 128 invocations and 16 KiB of shared memory that every device has; row 1 is what can
 * always run. Tests run each row. */
static const YonosVkTile tiles[] = {
    {YONOS_VK_DIRECT, 0, 0, 0, 0, 0},
    {YONOS_VK_TILED, 32, 32, 16, 4, 4},
    {YONOS_VK_TILED, 64, 32, 16, 8, 4},
    {YONOS_VK_TILED, 128, 16, 16, 8, 4},
    {YONOS_VK_TILED, 64, 64, 16, 8, 4},
    {YONOS_VK_TILED, 128, 32, 16, 8, 4},
    {YONOS_VK_TILED, 128, 64, 16, 8, 8},
    {YONOS_VK_COOPMAT, 64, 32, 32, 32, 16},
    {YONOS_VK_COOPMAT, 64, 64, 32, 32, 32},
    {YONOS_VK_COOPMAT, 128, 16, 32, 32, 16},
    {YONOS_VK_COOPMAT, 128, 64, 32, 32, 32},
    {YONOS_VK_COOPMAT, 128, 64, 32, 64, 32},
    {YONOS_VK_COOPMAT, 128, 128, 32, 64, 32},
    {YONOS_VK_COOPMAT2, 64, 32, 32, 16, 16},
    {YONOS_VK_COOPMAT2, 128, 32, 32, 32, 32},
    {YONOS_VK_COOPMAT2, 128, 64, 32, 64, 32},
    {YONOS_VK_COOPMAT2_128, 128, 32, 32, 128, 32},
    {YONOS_VK_COOPMAT2_128, 128, 64, 32, 128, 64},
    {YONOS_VK_COOPMAT2_256, 128, 128, 32, 128, 128},
    {YONOS_VK_COOPMAT2_256, 128, 128, 64, 128, 128},
};

guint yonos_vk_tile_count(void)
{
    return G_N_ELEMENTS(tiles);
}

const YonosVkTile *yonos_vk_tile_row(guint row)
{
    return &tiles[row];
}

guint32 yonos_vk_tile_invocations(const YonosVkDevice *d, const YonosVkTile *tile)
{
    guint32 parts;

    if (tile->kind == YONOS_VK_DIRECT)
        return 64;
    if (yonos_vk_tile_is_workgroups(tile))
        return tile->kind == YONOS_VK_COOPMAT2_128 ? 128 : 256;
    parts = tile->rows / tile->own_rows * (tile->columns / tile->own_columns);
    return tile->kind == YONOS_VK_TILED ? parts : parts * d->features.subgroup;
}

/* Shared memory of shaders/coopmat-tiles.glsl, the worse of the ways in which tiles can lie, and of its includers. */
static guint32 coopmat_bytes(const YonosVkDevice *d, const YonosVkTile *tile)
{
    guint32 a = MAX(tile->rows * (tile->depth + 8), tile->depth * (tile->rows + 8));
    guint32 b = MAX(tile->columns * (tile->depth + 8), tile->depth * (tile->columns + 8));
    guint32 parts = tile->rows / tile->own_rows * (tile->columns / tile->own_columns);

    guint32 finished = parts * d->features.fixed.m * d->features.fixed.n * (guint32)sizeof(float);

    return 2 * (a + b) + (tile->kind == YONOS_VK_COOPMAT          ? finished
                          : yonos_vk_tile_is_workgroups(tile) ? d->features.free.reserved
                                                                  : 0);
}

/* Whether the fours of a tile of `n` by the tile's depth come out even, whichever way they lie. */
static gboolean shares_evenly(guint32 n, guint32 depth, guint32 invocations)
{
    return n * depth / 4 % invocations == 0 && invocations % (n / 4) == 0 && invocations % (depth / 4) == 0;
}

YonosVkMatrix yonos_vk_tile_matrix(const YonosVkFeatures *f, const YonosVkTile *tile)
{
    static const YonosVkMatrix none;
    const YonosVkMatrix by_kind[] = {[YONOS_VK_COOPMAT] = f->fixed,
                                     [YONOS_VK_COOPMAT2] = f->free.part,
                                     [YONOS_VK_COOPMAT2_128] = f->free.of_128,
                                     [YONOS_VK_COOPMAT2_256] = f->free.of_256};

    return (tile->kind == YONOS_VK_COOPMAT ? f->coopmat : f->coopmat2) ? by_kind[tile->kind] : none;
}

/* Whether matrices of this device make up the tile. */
static gboolean is_made_of_matrices(const YonosVkFeatures *f, const YonosVkTile *tile)
{
    YonosVkMatrix unit = yonos_vk_tile_matrix(f, tile);

    return unit.m && tile->own_rows % unit.m == 0 && tile->own_columns % unit.n == 0 && tile->depth % unit.k == 0 &&
           (tile->kind == YONOS_VK_COOPMAT || MAX(tile->own_rows, MAX(tile->own_columns, tile->depth)) <= f->free.most);
}

gboolean yonos_vk_tile_can_run(const YonosVkDevice *d, guint row, const YonosVkProduct *product)
{
    const YonosVkTile *tile = &tiles[row];
    const VkPhysicalDeviceLimits *limits = &d->properties.limits;
    guint32 invocations = yonos_vk_tile_invocations(d, tile);

    if (product->kind == YONOS_VK_BLOCK)
        return yonos_vk_block_can_run(d, row, product);
    if (!yonos_vk_tile_has_matrices(tile))
        return tile->kind != YONOS_VK_DIRECT || product->kind == YONOS_VK_FORWARD;
    if (product->kind == YONOS_VK_BY_WEIGHTS && tile->kind != YONOS_VK_COOPMAT)
        return FALSE; /* it adds to what is there, and nothing says that a sum is handed over only once */
    return product->half && is_made_of_matrices(&d->features, tile) &&
           invocations <= limits->maxComputeWorkGroupInvocations && invocations <= limits->maxComputeWorkGroupSize[0] &&
           coopmat_bytes(d, tile) <= limits->maxComputeSharedMemorySize &&
           shares_evenly(tile->rows, tile->depth, invocations) &&
           shares_evenly(tile->columns, tile->depth, invocations);
}

/* Invocations that a large GPU wants in flight. */
#define BUSY 65536

/* Work of a tile, in units of a multiplication: also what is computed for nothing, reads, and idle hardware. */
static double cost(const YonosVkDevice *d, const YonosVkTile *tile, const YonosVkProduct *product)
{
    double groups = (double)((product->rows + tile->rows - 1) / tile->rows) *
                    ((product->columns + tile->columns - 1) / tile->columns);
    double padded = groups * tile->rows * tile->columns;
    double reads = 1.0 / tile->own_rows + 1.0 / tile->own_columns; /* of shared memory, a multiplication */
    double fetches = 1.0 / tile->rows + 1.0 / tile->columns;       /* of memory */
    double busy = MIN(1, groups * yonos_vk_tile_invocations(d, tile) / BUSY);

    return padded * (1 + 2 * reads + 8 * fetches) / (busy * (tile->kind == YONOS_VK_COOPMAT ? 8 : 1));
}

/* Free matrices are for those who have measured them: no GPU has shown what the driver makes of them. */
static guint estimate(const YonosVkDevice *d, const YonosVkProduct *product)
{
    guint best = 1;

    /* on processors shared memory is memory like any other */
    if (d->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU)
        return product->kind == YONOS_VK_FORWARD ? 0 : 1;
    for (guint k = 2; k < G_N_ELEMENTS(tiles); k++)
        if (tiles[k].kind <= YONOS_VK_COOPMAT && yonos_vk_tile_can_run(d, k, product) &&
            cost(d, &tiles[k], product) < cost(d, &tiles[best], product))
            best = k;
    return best;
}

guint yonos_vk_tile_choose(const YonosVkDevice *d, const YonosVkProduct *product, int wanted)
{
    const char *forced = g_getenv("YONOS_TILE");
    guint64 rows[] = {wanted < 0 ? G_MAXUINT64 : (guint64)wanted,
                      forced && g_ascii_isdigit(*forced) ? g_ascii_strtoull(forced, NULL, 10) : G_MAXUINT64};
    int tuned;

    for (guint k = 0; k < G_N_ELEMENTS(rows); k++)
        if (rows[k] < G_N_ELEMENTS(tiles) && yonos_vk_tile_can_run(d, (guint)rows[k], product))
            return (guint)rows[k];
    tuned = yonos_vk_tuned_find(d, product);
    return tuned >= 0 ? (guint)tuned : estimate(d, product);
}
