#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"

/* A workgroup sums one channel. */
void main()
{
    uint at = workgroup();
    if (at >= p.work)
        return;
    uint c = uint(p.x.c), pixels = uint(p.x.h) * uint(p.x.w) * (p.i[0] != 0 ? 1u : uint(p.x.n));
    uint first = at / c * pixels;
    float sum = 0.0;

    for (uint k = gl_LocalInvocationID.x; k < pixels; k += LOCAL)
        sum += load0((first + k) * c + at % c);
    sum = reduce(vec4(sum)).x;
    if (gl_LocalInvocationID.x == 0)
        store(at, p.i[1] != 0 ? sum : sum + load_out(at));
}
