#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "reduce.glsl"

/* A workgroup takes one pixel. */
void main()
{
    uint at = workgroup();

    if (at >= p.work)
        return;
    uint c = uint(p.y.c);
    vec4 sums = vec4(0.0); /* x . x, x . dy */
    for (uint k = gl_LocalInvocationID.x; k < c; k += LOCAL) {
        float x = load1(at * c + k);
        sums.xy += vec2(x * x, x * load0(at * c + k));
    }
    sums = reduce(sums);
    float n = sqrt(sums.x), all = n + p.f, along = n > 0.0 ? sums.y / n / all : 0.0;
    for (uint k = gl_LocalInvocationID.x; k < c; k += LOCAL)
        store(at * c + k, n > 0.0 ? (load0(at * c + k) - load1(at * c + k) * along) / all : 0.0);
}
