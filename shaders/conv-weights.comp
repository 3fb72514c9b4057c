#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL_BY_CONSTANT
#define A_WIDE
#include "common.glsl"
#include "gather.glsl"
#include "gemm.glsl"
#include "weights.glsl"

/* Gradient by the weights: rows are (ky, kx, i), columns o, and the depth is p.chunk pixels of dy, a workgroup's share. */
Place places[LOADS_A];
int first_row, first_column, share;

FOUR fetch_a(Place place, Walk walk)
{
    Row row = row_of_place(place);
    uint pixel;
    FOUR v = FOUR(0.0);

    if ((QUADS & 1u) != 0u)
        return locate(source, row, walk, pixel) ? quad0(pixel * uint(p.x.c) + uint(walk.channel)) : v;
    for (int i = 0; i < 4; i++) {
        if (locate(source, row, walk, pixel))
            v[i] = ONE(in0[p.base[0] + pixel * uint(p.x.c) + uint(walk.channel)]);
        advance(walk, 1, source);
    }
    return v;
}

uvec4 fetch_eight_a(Place place, Walk walk)
{
    uint pixel;

    return locate(source, row_of_place(place), walk, pixel) ? eight0(pixel * uint(p.x.c) + uint(walk.channel)) : uvec4(0);
}

uvec4 fetch_eight_b(int pixel)
{
    int column = first_column + b_first();

    return column < p.w.c ? eight1(uint(pixel) * uint(p.w.c) + uint(column)) : uvec4(0);
}

FOUR fetch_b(int pixel)
{
    int column = first_column + b_first();
    uint at = uint(pixel) * uint(p.w.c) + uint(column);
    FOUR v = FOUR(0.0);

    if ((QUADS & 2u) != 0u)
        return column < p.w.c ? quad1(at) : v;
    for (int i = 0; i < 4 && column + i < p.w.c; i++)
        v[i] = ONE(in1[p.base[1] + at + uint(i)]);
    return v;
}

void fetch(int pixel, int end, Walk walk)
{
    if (EIGHTS_A) {
        for (int r = 0; r < LOADS_A; r += 2) {
            uvec4 v = pixel + a_down(r) < end ? fetch_eight_a(places[r], walk) : uvec4(0);
            next_a[r] = four(v.x, v.y);
            next_a[r + 1] = four(v.z, v.w);
        }
    } else {
        for (int r = 0; r < LOADS_A; r++)
            next_a[r] = pixel + a_down(r) < end ? fetch_a(places[r], walk) : FOUR(0.0);
    }
    if (EIGHTS_B) {
        for (int r = 0; r < LOADS_B; r += 2) {
            uvec4 v = pixel + b_down(r) < end ? fetch_eight_b(pixel + b_down(r)) : uvec4(0);
            next_b[r] = four(v.x, v.y);
            next_b[r + 1] = four(v.z, v.w);
        }
    } else {
        for (int r = 0; r < LOADS_B; r++)
            next_b[r] = pixel + b_down(r) < end ? fetch_b(pixel + b_down(r)) : FOUR(0.0);
    }
}

void result(int row, int column, vec4 v)
{
    for (int i = 0; i < 4; i++)
        store_weight(share, first_row + row, first_column + column + i, v[i]);
}

void main()
{
    int column_tiles = (p.y.c + BN - 1) / BN;

    first_row = int(workgroup()) * BM;
    first_column = int(gl_WorkGroupID.z) % column_tiles * BN;
    share = int(gl_WorkGroupID.z) / column_tiles;
    if (first_row >= weight_rows())
        return;
    source_make();
    int begin = share * int(p.chunk), end = min(begin + int(p.chunk), pixels());
    Walk walk = Walk(0, 0, 0);
    advance(walk, first_row + a_first(), source);
    for (int r = 0; r < LOADS_A; r++)
        places[r] = place_of(begin + a_down(r));
    clear();

    fetch(begin, end, walk);
    for (int k = begin; k < end; k += BK) {
        barrier();
        put();
        barrier();
        for (int r = 0; r < LOADS_A; r++)
            advance_place(places[r], BK);
        if (k + BK < end)
            fetch(k + BK, end, walk);
        multiply();
    }
    finish();
}
