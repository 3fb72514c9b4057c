#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

#define FUSED (VARIANT >> 1)
#include "conv-finish.glsl"

/* An invocation computes PIXELS pixels of a row for four output channels; the channels are the workgroup's, so that
 * weight addresses are uniform. VARIANT, bit 0: channels and bases are multiples of four, memory is read in fours. */
#define PIXELS 4

layout(set = 0, binding = 0) readonly buffer In0Quads { STORE4 quads0[]; };
layout(set = 0, binding = 1) readonly buffer In1Quads { STORE4 quads1[]; };
layout(set = 0, binding = 4) readonly buffer In4Quads { STORE4 quads4[]; };

vec4 sums[PIXELS];

bool in_fours() { return (VARIANT & 1u) != 0u; }

vec4 weights(uint at, uint o)
{
    uint last = uint(p.w.c) - 1;

    if (in_fours())
        return vec4(quads1[(p.base[1] + at + o) / 4]);
    return vec4(load1(at + o), load1(at + min(o + 1, last)), load1(at + min(o + 2, last)),
                load1(at + min(o + 3, last)));
}

vec4 quad_of(uint which, uint at)
{
    return which == 0u ? vec4(quads0[(p.base[0] + at) / 4]) : vec4(quads4[(p.base[4] + at) / 4]);
}

/* One kernel position over the `c` channels of operand 0, or of operand 4, whose weights start at row w; `at` are the
 * pixels, `inside` tells which lie in the picture. */
void tap(uint which, uint c, uint w, uint at[PIXELS], bool inside[PIXELS], uint o)
{
    uint row = uint(p.w.c);

    w *= row;
    if (in_fours()) {
        for (uint i = 0; i < c; i += 4) {
            vec4 w0 = weights(w, o), w1 = weights(w + row, o), w2 = weights(w + 2 * row, o);
            vec4 w3 = weights(w + 3 * row, o);
            for (int j = 0; j < PIXELS; j++) {
                vec4 x = inside[j] ? quad_of(which, at[j] * c + i) : vec4(0.0);
                sums[j] += x.x * w0 + x.y * w1 + x.z * w2 + x.w * w3;
            }
            w += 4 * row;
        }
    } else {
        for (uint i = 0; i < c; i++, w += row) {
            vec4 w0 = weights(w, o);
            for (int j = 0; j < PIXELS; j++)
                sums[j] += (inside[j] ? which == 0u ? load0(at[j] * c + i) : load4(at[j] * c + i) : 0.0) * w0;
        }
    }
}

void finish(int n, ivec2 pixel, ivec2 size, uint o, vec4 value)
{
    uint at = uint((n * size.y + pixel.y) * size.x + pixel.x) * uint(p.w.c);

    for (uint k = 0; k < 4 && o + k < uint(p.w.c); k++) {
        if ((FUSED & 2u) != 0u)
            store_shuffled(n, pixel, int(o + k), value[k]);
        else
            store(at + o + k, finished(at + o + k, o + k, value[k]));
    }
}

void main()
{
    uint t = invocation(), o = gl_WorkGroupID.z * 4;
    if (t >= p.work)
        return;
    ivec2 size = (ivec2(p.x.w, p.x.h) + 2 * p.i[1] - ivec2(p.w.h, p.w.n)) / p.i[0] + 1;
    int spans = (size.x + PIXELS - 1) / PIXELS, row = int(t) / spans;
    int ox = int(t) % spans * PIXELS, oy = row % size.y, n = row / size.y;
    uint at[PIXELS], first = uint(p.x.c);
    bool inside[PIXELS];

    for (int j = 0; j < PIXELS; j++)
        sums[j] = vec4(0.0);
    for (int ky = 0; ky < p.w.n; ky++) {
        int y = oy * p.i[0] + ky - p.i[1];
        if (y < 0 || y >= p.x.h)
            continue;
        for (int kx = 0; kx < p.w.h; kx++) {
            for (int j = 0; j < PIXELS; j++) {
                int x = (ox + j) * p.i[0] + kx - p.i[1];
                inside[j] = x >= 0 && x < p.x.w;
                at[j] = uint((n * p.x.h + y) * p.x.w + clamp(x, 0, p.x.w - 1));
            }
            uint w = uint(ky * p.w.h + kx) * uint(p.w.w);
            tap(0u, first, w, at, inside, o);
            if ((FUSED & 1u) != 0u)
                tap(1u, uint(p.w.w) - first, w + first, at, inside, o);
        }
    }
    for (int j = 0; j < PIXELS && ox + j < size.x; j++)
        finish(n, ivec2(ox + j, oy), size, o, sums[j]);
}
