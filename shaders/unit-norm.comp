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
    uint c = uint(p.x.c);
    float squares = 0.0;
    for (uint k = gl_LocalInvocationID.x; k < c; k += LOCAL) {
        float x = load0(at * c + k);
        squares += x * x;
    }
    float all = sqrt(reduce(vec4(squares)).x) + p.f;
    for (uint k = gl_LocalInvocationID.x; k < c; k += LOCAL)
        store(at * c + k, load0(at * c + k) / all);
}
