#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL 256
#include "common.glsl"
#include "reduce.glsl"

/* A workgroup sums p.chunk elements. */
void main()
{
    uint n = elements(p.x), first = workgroup() * p.chunk, end = min(first + p.chunk, n);
    bool linear = p.i[1] != 0;
    float sum = 0.0;

    for (uint k = first + gl_LocalInvocationID.x; k < end; k += LOCAL) {
        float v = -float(p.i[0]) * load0(k);
        sum += linear ? v : max(0.0, 1.0 + v);
    }
    share_mean(reduce(vec4(sum)).x, n);
}
