#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL 256
#include "common.glsl"
#include "reduce.glsl"

void main()
{
    uint n = elements(p.x);
    bool linear = p.i[1] != 0;
    float sum = 0.0;

    for (uint k = gl_LocalInvocationID.x; k < n; k += LOCAL) {
        float v = -float(p.i[0]) * load0(k);
        sum += linear ? v : max(0.0, 1.0 + v);
    }
    sum = reduce(vec4(sum)).x;
    if (gl_LocalInvocationID.x == 0)
        store(0, sum / float(n));
}
