#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"

/* A workgroup sums one kernel position and input channel for four output channels over all pixels. */
void main()
{
    uint at = workgroup();
    if (at >= p.work)
        return;
    uint c = uint(p.w.c), quads = (c + 3) / 4, o = at % quads * 4, tap = at / quads, i = tap % uint(p.y.w);
    int kx = int(tap / uint(p.y.w)) % p.y.h, ky = int(tap / uint(p.y.w)) / p.y.h;
    uint pixels = uint(p.w.n) * uint(p.w.h) * uint(p.w.w);
    vec4 sum = vec4(0.0);

    for (uint k = gl_LocalInvocationID.x; k < pixels; k += LOCAL) {
        int ox = int(k % uint(p.w.w)), row = int(k / uint(p.w.w)), oy = row % p.w.h, n = row / p.w.h;
        int y = oy * p.i[0] + ky - p.i[1], x = ox * p.i[0] + kx - p.i[1];
        if (y < 0 || y >= p.x.h || x < 0 || x >= p.x.w)
            continue;
        float v = load0(uint((n * p.x.h + y) * p.x.w + x) * uint(p.x.c) + i);
        for (uint j = 0; j < 4; j++)
            sum[j] += v * load1(k * c + min(o + j, c - 1));
    }
    sum = reduce(sum);
    uint j = gl_LocalInvocationID.x;
    if (j < 4 && o + j < c)
        store(tap * c + o + j, load_out(tap * c + o + j) + sum[j]);
}
