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
    float sum = 0.0;

    for (uint k = first + gl_LocalInvocationID.x; k < end; k += LOCAL) {
        float d = load0(k) - load1(k);
        sum += d * d * load2(k / (n / uint(p.x.n)));
    }
    share_mean(reduce(vec4(sum)).x, n);
}
