/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-conv.h"

#define PIXELS 4 /* of shaders/conv.comp */
#define MOST_SCRATCH (64 << 20)
#define SCOPE_WORKGROUP 2
#define SCOPE_SUBGROUP 3 /* of SPIR-V */
#define WANTED_GROUPS 512 /* a few for each of the largest GPU's multiprocessors */

static guint32 over(guint64 n, guint64 by)
{
    return (guint32)((n + by - 1) / by);
}

static guint64 pixels_of(YonosShape s)
{
    return (guint64)s.n * s.h * s.w;
}

/* Of a convolution before it is shuffled. */
static YonosShape sums_of(const YonosVkPush *push)
{
    int stride = push->i[0], pad = push->i[1];

    return (YonosShape){push->x.n, (push->x.h + 2 * pad - push->w.n) / stride + 1,
                        (push->x.w + 2 * pad - push->w.h) / stride + 1, push->w.c};
}

/* FUSED of shaders/conv-finish.glsl */
static guint32 fused(const YonosVkPush *push)
{
    YonosShape sums = sums_of(push);
    gboolean second = push->present >> YONOS_CONV_SECOND & 1;
    gboolean moved = !yonos_shape_equal(sums, push->y) || push->present >> YONOS_CONV_BASE & 1;

    return (second ? 1 : 0) | (moved ? 2 : 0);
}

/* Whether all pixels of an operand begin at a multiple of `n` elements. */
static gboolean lies_in(guint32 n, const YonosVkPush *push, int binding, int channels)
{
    return (push->base[binding] | (guint32)channels) % n == 0;
}

/* Of a convolution's input, which may be two. */
static gboolean x_lies_in(guint32 n, const YonosVkPush *push)
{
    return lies_in(n, push, 0, push->x.c) && (!(fused(push) & 1) || lies_in(n, push, YONOS_CONV_SECOND, push->w.w));
}

/* Whether an invocation's share of a tile of `n` by `depth`, of which `across` lie side by side, comes out in eights. */
static gboolean shares_in_eights(guint32 n, guint32 depth, guint32 across, guint32 invocations)
{
    return across % 8 == 0 && n * depth / 8 % invocations == 0 && invocations % (across / 8) == 0;
}

YonosVkProduct yonos_vk_block_product(YonosShape y, gboolean half)
{
    return (YonosVkProduct){pixels_of(y), (guint64)y.c, 9 * (guint64)y.c, YONOS_VK_BLOCK, half};
}

/* FALSE for an op that is no convolution. The pixels of each phase of the stride are a product of their own in the
 * gradient by x: shaders/gather.glsl. */
static gboolean product_of(int op, const YonosVkPush *push, gboolean half, YonosVkProduct *product)
{
    guint32 stride = (guint32)push->i[0];
    YonosShape sums;

    switch (op) {
    case YONOS_OP_CONV:
        sums = sums_of(push);
        *product = (YonosVkProduct){pixels_of(sums), sums.c, pixels_of(push->w), YONOS_VK_FORWARD, half};
        return TRUE;
    case YONOS_OP_CONV_DATA:
        *product = (YonosVkProduct){(guint64)push->y.n * over(push->y.h, stride) * over(push->y.w, stride), push->y.c,
                                    (guint64)over(push->w.n, stride) * over(push->w.h, stride) * push->w.c,
                                    YONOS_VK_BY_DATA, half};
        return TRUE;
    case YONOS_OP_CONV_WEIGHTS:
        *product = (YonosVkProduct){pixels_of(push->y), push->y.c, pixels_of(push->w), YONOS_VK_BY_WEIGHTS, half};
        return TRUE;
    case YONOS_OP_RESIDUAL_BLOCK:
        *product = yonos_vk_block_product(push->y, half);
        return TRUE;
    default:
        return FALSE;
    }
}

gboolean yonos_vk_conv_product(const YonosGraph *graph, const YonosNode *node, gboolean half, YonosVkProduct *product)
{
    static const guint32 base[YONOS_VK_OUT + 1];
    YonosVkPush push = {.f = 0};

    yonos_vk_push_fill(&push, graph, node, base);
    return product_of(node->op, &push, half, product);
}

/* The product of a dispatch and its tile. */
static const YonosVkTile *tile_choose(const YonosVkDevice *d, int op, gboolean half, YonosVkDispatch *dispatch,
                                      YonosVkProduct *product)
{
    product_of(op, &dispatch->pass[0].push, half, product);
    dispatch->tile = (int)yonos_vk_tile_choose(d, product, dispatch->wanted);
    return yonos_vk_tile_row((guint)dispatch->tile);
}

/* QUADS of shaders/gemm.glsl. The operands and the output lie along their channels. The gradient by x walks along the
 * channels of both operands at once, so both are read in eights or none. */
static guint32 quads_of(const YonosVkDevice *d, YonosVkProductKind kind, const YonosVkPush *push, const YonosVkTile *tile,
                        gboolean half)
{
    guint32 invocations = yonos_vk_tile_invocations(d, tile);
    guint32 a_across = kind == YONOS_VK_BY_WEIGHTS ? tile->rows : tile->depth;
    guint32 b_across = kind == YONOS_VK_BY_DATA ? tile->depth : tile->columns;
    gboolean a = half && d->features.wide && x_lies_in(8, push) &&
                 shares_in_eights(tile->rows, tile->depth, a_across, invocations);
    gboolean b = half && d->features.wide && lies_in(8, push, 1, push->w.c) &&
                 shares_in_eights(tile->columns, tile->depth, b_across, invocations);

    if (kind == YONOS_VK_BY_DATA)
        a = b = a && b;
    return x_lies_in(4, push) | lies_in(4, push, 1, push->w.c) << 1 | lies_in(4, push, YONOS_VK_OUT, push->y.c) << 2 |
           a << 3 | b << 4;
}

/* A shader and its twins with cooperative matrices. */
typedef struct {
    YonosVkShader tiled, coopmat, coopmat2;
} Shaders;

static const Shaders conv = {YONOS_VK_SHADER_conv_tiled, YONOS_VK_SHADER_conv_coopmat, YONOS_VK_SHADER_conv_coopmat2};
static const Shaders by_data = {YONOS_VK_SHADER_conv_data, YONOS_VK_SHADER_conv_data_coopmat,
                                YONOS_VK_SHADER_conv_data_coopmat2};
static const Shaders by_weights = {YONOS_VK_SHADER_conv_weights, YONOS_VK_SHADER_conv_weights_coopmat,
                                   YONOS_VK_SHADER_COUNT};

/* The one for a tile, and the constants of shaders/gemm.glsl. */
static void tile_set(const YonosVkDevice *d, YonosVkPass *pass, const YonosVkProduct *product, const YonosVkTile *tile,
                     const Shaders *shaders)
{
    guint32 *c = pass->constants;

    pass->whole_subgroups = yonos_vk_tile_has_matrices(tile);
    pass->shader = shaders->tiled;
    c[1] = yonos_vk_tile_invocations(d, tile);
    c[2] = tile->rows;
    c[3] = tile->columns;
    c[4] = tile->depth;
    c[5] = tile->own_rows;
    c[6] = tile->own_columns;
    c[7] = quads_of(d, product->kind, &pass->push, tile, product->half);
    if (tile->kind == YONOS_VK_COOPMAT) {
        pass->shader = shaders->coopmat;
        c[8] = d->features.fixed.m;
        c[9] = d->features.fixed.n;
        c[10] = d->features.fixed.k;
    } else if (pass->whole_subgroups) {
        pass->shader = shaders->coopmat2;
        c[8] = yonos_vk_tile_is_workgroups(tile) ? SCOPE_WORKGROUP : SCOPE_SUBGROUP;
    }
}

static void plan_direct(YonosVkPass *pass)
{
    YonosVkPush *push = &pass->push;
    YonosShape sums = sums_of(push);

    pass->shader = YONOS_VK_SHADER_conv;
    pass->constants[0] = (x_lies_in(4, push) && lies_in(4, push, 1, push->w.c) ? 1 : 0) | fused(push) << 1;
    push->work = (guint32)sums.n * sums.h * over(sums.w, PIXELS);
    pass->groups[0] = over(push->work, 64);
    pass->groups[2] = over(sums.c, 4);
}

void yonos_vk_plan_conv(const YonosVkDevice *d, gboolean half, YonosVkDispatch *dispatch)
{
    YonosVkPass *pass = &dispatch->pass[0];
    const YonosVkPush *push = &pass->push;
    YonosVkProduct product;
    const YonosVkTile *tile = tile_choose(d, YONOS_OP_CONV, half, dispatch, &product);

    if (tile->kind == YONOS_VK_DIRECT) {
        plan_direct(pass);
        return;
    }
    tile_set(d, pass, &product, tile, &conv);
    pass->constants[0] = fused(push);
    pass->groups[0] = over(product.rows, tile->rows);
    pass->groups[2] = over(product.columns, tile->columns);
}

void yonos_vk_plan_conv_data(const YonosVkDevice *d, gboolean half, YonosVkDispatch *dispatch)
{
    YonosVkPass *pass = &dispatch->pass[0];
    guint32 stride = (guint32)pass->push.i[0];
    YonosVkProduct product;
    const YonosVkTile *tile = tile_choose(d, YONOS_OP_CONV_DATA, half, dispatch, &product);

    tile_set(d, pass, &product, tile, &by_data);
    pass->groups[0] = over(product.rows, tile->rows);
    pass->groups[2] = over(product.columns, tile->columns) * stride * stride;
}

/* Shares `n` items out among workgroups of at least `least` items, so that with `groups` of them for each share the
 * device is busy; `sums` is what a share leaves in scratch memory. */
static void share_out(YonosVkPush *push, guint64 n, guint64 least, guint64 groups, guint64 sums)
{
    guint64 most = MAX(1, MIN(n / least, MOST_SCRATCH / sizeof(float) / sums));

    push->shares = (guint32)MIN(most, over(WANTED_GROUPS, groups));
    push->chunk = over(n, push->shares);
    push->shares = over(n, push->chunk);
}

/* The pass that adds up the shares of the first one. */
static void add_shares(YonosVkDispatch *dispatch, gboolean overwrite, float factor)
{
    YonosVkPass *pass = &dispatch->pass[1];
    guint64 sums = yonos_shape_elements(dispatch->pass[0].push.y);

    if (dispatch->pass[0].push.shares == 1)
        return;
    dispatch->n_passes = 2;
    dispatch->scratch = dispatch->pass[0].push.shares * sums * sizeof(float);
    *pass = (YonosVkPass){.shader = YONOS_VK_SHADER_sum_shares, .push = dispatch->pass[0].push, .groups = {1, 1, 1}};
    pass->constants[0] = overwrite;
    pass->push.f = factor;
    pass->groups[0] = over(sums, 8);
}

void yonos_vk_plan_conv_weights(const YonosVkDevice *d, gboolean half, YonosVkDispatch *dispatch)
{
    YonosVkPass *pass = &dispatch->pass[0];
    YonosVkPush *push = &pass->push;
    YonosVkProduct product;
    const YonosVkTile *tile = tile_choose(d, YONOS_OP_CONV_WEIGHTS, half, dispatch, &product);
    guint32 row_tiles = over(product.rows, tile->rows), column_tiles = over(product.columns, tile->columns);

    tile_set(d, pass, &product, tile, &by_weights);
    share_out(push, product.depth, 4 * tile->depth, (guint64)row_tiles * column_tiles, yonos_shape_elements(push->y));
    pass->groups[0] = row_tiles;
    pass->groups[2] = column_tiles * push->shares;
    add_shares(dispatch, FALSE, 1);
}

void yonos_vk_plan_sum_pixels(G_GNUC_UNUSED const YonosVkDevice *d, G_GNUC_UNUSED gboolean half,
                              YonosVkDispatch *dispatch)
{
    YonosVkPass *pass = &dispatch->pass[0];
    YonosVkPush *push = &pass->push;
    guint32 blocks = over(push->y.c, 32) * push->y.n;

    pass->shader = YONOS_VK_SHADER_sum_pixels;
    share_out(push, pixels_of(push->x) / push->y.n, 64, blocks, yonos_shape_elements(push->y));
    push->work = pass->groups[0] = blocks * push->shares;
    add_shares(dispatch, push->i[1] != 0, 1);
}

void yonos_vk_plan_mean(G_GNUC_UNUSED const YonosVkDevice *d, G_GNUC_UNUSED gboolean half, YonosVkDispatch *dispatch)
{
    YonosVkPass *pass = &dispatch->pass[0];
    guint64 n = yonos_shape_elements(pass->push.x);

    share_out(&pass->push, n, 1024, 1, 1);
    pass->groups[0] = pass->push.shares;
    add_shares(dispatch, TRUE, 1 / (float)n);
}
