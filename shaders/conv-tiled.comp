#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL_BY_CONSTANT
#ifdef DATA
#define B_DEEP
#endif
#include "common.glsl"
#define FUSED VARIANT
#include "gather.glsl"
#include "gemm.glsl"
#include "conv.glsl"

/* Convolution, or with DATA its gradient by x, as a product of tiles: rows are pixels, columns output channels. */
Row rows[LOADS_A];
int first_row, first_column;

FOUR quad_at(uint pixel, uint channel)
{
    uint first = uint(p.x.c);

    if ((FUSED & 1u) == 0u || channel < first)
        return quad0(pixel * first + channel);
    return quad4(pixel * (uint(source.channels) - first) + channel - first);
}

uvec4 eight_at(uint pixel, uint channel)
{
    uint first = uint(p.x.c);

    if ((FUSED & 1u) == 0u || channel < first)
        return eight0(pixel * first + channel);
    return eight4(pixel * (uint(source.channels) - first) + channel - first);
}

ONE one_at(uint pixel, uint channel)
{
    uint first = uint(p.x.c);

    if ((FUSED & 1u) == 0u || channel < first)
        return ONE(in0[p.base[0] + pixel * first + channel]);
    return ONE(in4[p.base[4] + pixel * (uint(source.channels) - first) + channel - first]);
}

FOUR fetch_a(int load, Walk walk)
{
    uint pixel;
    FOUR v = FOUR(0.0);

    if ((QUADS & 1u) != 0u)
        return locate(source, rows[load], walk, pixel) ? quad_at(pixel, uint(walk.channel)) : v;
    for (int i = 0; i < 4; i++) {
        if (locate(source, rows[load], walk, pixel))
            v[i] = one_at(pixel, uint(walk.channel));
        advance(walk, 1, source);
    }
    return v;
}

uvec4 fetch_eight_a(int load, Walk walk)
{
    uint pixel;

    return locate(source, rows[load], walk, pixel) ? eight_at(pixel, uint(walk.channel)) : uvec4(0);
}

#ifdef DATA
uvec4 fetch_eight_b(int load, int depth, Walk walk)
{
    int column = first_column + b_down(load);

    return column < p.w.w && walk.row < source.kernel.y ? eight1(weight_at(walk, column)) : uvec4(0);
}

/* Four neighbours along the depth for one column. */
FOUR fetch_b(int load, int depth, Walk walk)
{
    int column = first_column + b_down(load);
    FOUR v = FOUR(0.0);

    if (column >= p.w.w)
        return v;
    if ((QUADS & 2u) != 0u)
        return walk.row < source.kernel.y ? quad1(weight_at(walk, column)) : v;
    for (int i = 0; i < 4 && walk.row < source.kernel.y; i++) {
        v[i] = ONE(in1[p.base[1] + weight_at(walk, column)]);
        advance(walk, 1, source);
    }
    return v;
}
#else
uvec4 fetch_eight_b(int load, int depth, Walk walk)
{
    int column = first_column + b_first(), k = depth + b_down(load);

    return k < depth_of(source) && column < p.w.c ? eight1(uint(k * p.w.c + column)) : uvec4(0);
}

/* Four neighbouring columns. */
FOUR fetch_b(int load, int depth, Walk walk)
{
    int column = first_column + b_first(), k = depth + b_down(load);
    uint at = uint(k * p.w.c + column);
    FOUR v = FOUR(0.0);

    if (k >= depth_of(source))
        return v;
    if ((QUADS & 2u) != 0u)
        return column < p.w.c ? quad1(at) : v;
    for (int i = 0; i < 4 && column + i < p.w.c; i++)
        v[i] = ONE(in1[p.base[1] + at + uint(i)]);
    return v;
}
#endif

void fetch(int depth, Walk walk)
{
    if (EIGHTS_A) {
        [[unroll]] for (int r = 0; r < LOADS_A; r += 2) {
            uvec4 v = fetch_eight_a(r, walk);
            next_a[r] = four(v.x, v.y);
            next_a[r + 1] = four(v.z, v.w);
        }
    } else {
        [[unroll]] for (int r = 0; r < LOADS_A; r++)
            next_a[r] = fetch_a(r, walk);
    }
    if (EIGHTS_B) {
        [[unroll]] for (int r = 0; r < LOADS_B; r += 2) {
            uvec4 v = fetch_eight_b(r, depth, walk);
            next_b[r] = four(v.x, v.y);
            next_b[r + 1] = four(v.z, v.w);
        }
    } else {
        [[unroll]] for (int r = 0; r < LOADS_B; r++)
            next_b[r] = fetch_b(r, depth, walk);
    }
}

void result(int row, int column, vec4 v)
{
    if (first_row + row < pixels())
        store_pixel(first_row + row, first_column + column, v);
}

void result_one(int row, int column, float v)
{
    if (first_row + row < pixels())
        store_one(first_row + row, first_column + column, v);
}

void main()
{
    int column_tiles = (columns() + BN - 1) / BN;

    first_row = int(workgroup()) * BM;
    first_column = int(gl_WorkGroupID.z) % column_tiles * BN;
    source_make(int(gl_WorkGroupID.z) / column_tiles);
    if (first_row >= pixels())
        return;
    [[unroll]] for (int r = 0; r < LOADS_A; r++)
        rows[r] = row_of_pixel(first_row + a_down(r));
    clear();

    int depth = depth_of(source);
    Walk walk = Walk(0, 0, 0);
    advance(walk, a_first(), source);
    fetch(0, walk);
    for (int k = 0; k < depth; k += BK) {
        barrier();
        put();
        barrier();
        advance(walk, BK, source);
        if (k + BK < depth)
            fetch(k + BK, walk);
        multiply();
    }
    finish();
}
