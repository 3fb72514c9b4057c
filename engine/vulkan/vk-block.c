/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-block.h"
#include "vulkan/vk-tuned.h"

#define DOWN 2 /* of shaders/block-coopmat.glsl */
#define MOST_SUMS 16 /* cooperative matrices that a subgroup keeps in registers */

typedef struct {
    YonosVkTiling kind; /* YONOS_VK_DIRECT: two dispatches */
    guint32 width, height;
    guint32 parts; /* invocations, or subgroups */
} Tile;

/* A width of 16 or 32 less what the two convolutions look around makes whole rows of matrices. */
static const Tile tiles[] = {
    {YONOS_VK_DIRECT, 0, 0, 0},     {YONOS_VK_TILED, 6, 2, 64},    {YONOS_VK_TILED, 12, 2, 64},
    {YONOS_VK_TILED, 12, 6, 128},   {YONOS_VK_TILED, 28, 6, 128},  {YONOS_VK_COOPMAT, 12, 2, 2},
    {YONOS_VK_COOPMAT, 28, 2, 4},   {YONOS_VK_COOPMAT, 12, 6, 4},  {YONOS_VK_COOPMAT, 28, 4, 4},
    {YONOS_VK_COOPMAT, 12, 10, 4},
};

guint yonos_vk_block_count(void)
{
    return G_N_ELEMENTS(tiles);
}

static guint32 over(guint64 n, guint32 by)
{
    return (guint32)((n + by - 1) / by);
}

static guint32 invocations_of(const YonosVkDevice *d, const Tile *t)
{
    return t->kind == YONOS_VK_COOPMAT ? t->parts * d->features.subgroup : t->parts;
}

/* Shared memory of the shader, as it declares it. */
static guint64 shared_bytes(const YonosVkDevice *d, const Tile *t, const YonosVkProduct *product)
{
    guint64 fours = product->columns / 4, x_row = t->width + 4, m_row = t->width + 2;
    guint32 unit = DOWN * d->features.fixed.m, middles;
    guint64 x_rows = 4 * over(t->height + 2, 4) + 2, m_rows = 4 * over(t->height, 4) + 2;

    if (t->kind == YONOS_VK_TILED)
        return fours * (x_rows * x_row + m_rows * m_row) * (product->half ? 8 : 16);
    middles = over((t->height + 2) * x_row, unit) * unit;
    return (middles + 2 * x_row + 2 + middles + unit + 2) * (fours + 2) * 8 +
           (guint64)t->parts * d->features.fixed.m * d->features.fixed.n * sizeof(float);
}

gboolean yonos_vk_block_can_run(const YonosVkDevice *d, guint row, const YonosVkProduct *product)
{
    const VkPhysicalDeviceLimits *limits = &d->properties.limits;
    const YonosVkFeatures *f = &d->features;
    guint64 channels = product->columns;

    if (row == 0)
        return TRUE;
    if (row >= G_N_ELEMENTS(tiles) || product->kind != YONOS_VK_BLOCK || channels % 4)
        return FALSE;
    if (tiles[row].kind == YONOS_VK_COOPMAT &&
        (!f->coopmat || !product->half || channels % f->fixed.n || channels % f->fixed.k || channels % 8 ||
         DOWN * channels / f->fixed.n > MOST_SUMS))
        return FALSE;
    return invocations_of(d, &tiles[row]) <=
               MIN(limits->maxComputeWorkGroupInvocations, limits->maxComputeWorkGroupSize[0]) &&
           shared_bytes(d, &tiles[row], product) <= limits->maxComputeSharedMemorySize;
}

guint yonos_vk_block_choose(const YonosVkDevice *d, const YonosVkProduct *product, int wanted)
{
    const char *forced = g_getenv("YONOS_BLOCK");
    guint64 row = forced && g_ascii_isdigit(*forced) ? g_ascii_strtoull(forced, NULL, 10) : G_MAXUINT64;

    if (!g_strcmp0(g_getenv("YONOS_DISABLE_BLOCKS"), "1"))
        return 0;
    if (wanted >= 0 && yonos_vk_block_can_run(d, (guint)wanted, product))
        return (guint)wanted;
    if (row < G_N_ELEMENTS(tiles) && yonos_vk_block_can_run(d, (guint)row, product))
        return (guint)row;
    return (guint)MAX(0, yonos_vk_tuned_find(d, product));
}

gboolean yonos_vk_block_fits(const YonosGraph *graph, const YonosNode *block)
{
    gboolean fits = yonos_graph_shape(graph, block->out).c % 4 == 0;

    for (int k = 0; fits && k < block->n_inputs; k++) /* what the arena holds lies so anyway */
        fits = block->in[k] < 0 || yonos_graph_at(graph, block->in[k])->buffer == YONOS_ARENA ||
               yonos_graph_at(graph, block->in[k])->offset % 8 == 0;
    return fits;
}

void yonos_vk_plan_residual_block(const YonosVkDevice *d, gboolean half, YonosVkDispatch *dispatch)
{
    YonosVkPass *pass = &dispatch->pass[0];
    YonosShape y = pass->push.y;
    YonosVkProduct product = yonos_vk_block_product(y, half);
    guint row = yonos_vk_block_choose(d, &product, dispatch->wanted);
    const Tile *t;

    /* it is one block already, so what can run does */
    for (guint k = 1; row == 0 && k < G_N_ELEMENTS(tiles); k++)
        row = yonos_vk_block_can_run(d, k, &product) ? k : 0;
    if (row == 0) {
        dispatch->n_passes = 0;
        return;
    }
    t = &tiles[row];
    dispatch->tile = (int)row;
    pass->whole_subgroups = t->kind == YONOS_VK_COOPMAT;
    pass->shader = pass->whole_subgroups ? YONOS_VK_SHADER_residual_block_coopmat : YONOS_VK_SHADER_residual_block;
    pass->constants[1] = invocations_of(d, t);
    pass->constants[2] = t->width;
    pass->constants[3] = t->height;
    pass->constants[4] = (guint32)y.c;
    if (pass->whole_subgroups) {
        pass->constants[5] = t->parts;
        pass->constants[8] = d->features.fixed.m;
        pass->constants[9] = d->features.fixed.n;
        pass->constants[10] = d->features.fixed.k;
    }
    pass->groups[0] = (guint32)y.n * over((guint64)y.h, t->height) * over((guint64)y.w, t->width);
}
