#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL 256
#include "common.glsl"
#include "reduce.glsl"

void main()
{
    uint n = elements(p.x);
    float sum = 0.0;

    for (uint k = gl_LocalInvocationID.x; k < n; k += LOCAL) {
        sum += abs(load0(k) - load1(k));
    }
    sum = reduce(vec4(sum)).x;
    if (gl_LocalInvocationID.x == 0)
        store(0, sum / float(n));
}
