#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

/* An invocation computes PIXELS pixels of a row for four output channels; the channels are the workgroup's, so that
 * weight addresses are uniform. VARIANT 1: channels and bases are multiples of four, memory is read in fours. */
#define PIXELS 4

layout(set = 0, binding = 0) readonly buffer In0Quads { STORE4 quads0[]; };
layout(set = 0, binding = 1) readonly buffer In1Quads { STORE4 quads1[]; };

vec4 sums[PIXELS];

vec4 weights(uint at, uint o)
{
    uint last = uint(p.w.c) - 1;

    if (VARIANT == 1)
        return vec4(quads1[(p.base[1] + at + o) / 4]);
    return vec4(load1(at + o), load1(at + min(o + 1, last)), load1(at + min(o + 2, last)),
                load1(at + min(o + 3, last)));
}

/* One kernel position; `at` are the pixels' places in the input, `inside` tells which lie in it. */
void tap(uint position, uint at[PIXELS], bool inside[PIXELS], uint o)
{
    uint c = uint(p.x.c), w = position * c * uint(p.w.c), row = uint(p.w.c);

    if (VARIANT == 1) {
        for (uint i = 0; i < c; i += 4) {
            vec4 w0 = weights(w, o), w1 = weights(w + row, o), w2 = weights(w + 2 * row, o);
            vec4 w3 = weights(w + 3 * row, o);
            for (int j = 0; j < PIXELS; j++) {
                vec4 x = inside[j] ? vec4(quads0[(p.base[0] + at[j] + i) / 4]) : vec4(0.0);
                sums[j] += x.x * w0 + x.y * w1 + x.z * w2 + x.w * w3;
            }
            w += 4 * row;
        }
    } else {
        for (uint i = 0; i < c; i++, w += row) {
            vec4 w0 = weights(w, o);
            for (int j = 0; j < PIXELS; j++)
                sums[j] += (inside[j] ? load0(at[j] + i) : 0.0) * w0;
        }
    }
}

void finish(uint at, uint o, vec4 value)
{
    for (uint k = 0; k < 4 && o + k < uint(p.y.c); k++) {
        float v = value[k] + (has(2) ? load2(o + k) : 0.0) + (has(3) ? load3(at + o + k) : 0.0);
        store(at + o + k, p.i[2] == 1 && v < 0.0 ? v * p.f : v);
    }
}

void main()
{
    uint t = invocation(), o = gl_WorkGroupID.z * 4;
    if (t >= p.work)
        return;
    uint spans = (uint(p.y.w) + PIXELS - 1) / PIXELS, row = t / spans;
    int ox = int(t % spans) * PIXELS, oy = int(row % uint(p.y.h)), n = int(row / uint(p.y.h));
    uint at[PIXELS];
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
                at[j] = uint((n * p.x.h + y) * p.x.w + clamp(x, 0, p.x.w - 1)) * uint(p.x.c);
            }
            tap(uint(ky * p.w.h + kx), at, inside, o);
        }
    }
    for (int j = 0; j < PIXELS && ox + j < p.y.w; j++)
        finish((row * uint(p.y.w) + uint(ox + j)) * uint(p.y.c), o, sums[j]);
}
