#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL 256
#define LOAD_X load1
#include "common.glsl"
#include "reduce.glsl"
#include "norm.glsl"

/* A workgroup takes one group of every picture. */
void main()
{
    uint groups = uint(p.i[0]);

    if (workgroup() >= p.work)
        return;
    for (uint n = 0; n < uint(p.x.n); n++) {
        Group g = group_of(n * groups + workgroup());
        for (uint c = 0; c < g.channels; c++) {
            float sum = 0.0;
            for (uint k = gl_LocalInvocationID.x * g.channels + c; k < g.count; k += LOCAL * g.channels) {
                uint at = place(g, k);
                sum += load0(at) * (load1(at) - g.mean) * g.scale;
            }
            sum = reduce(vec4(sum)).x;
            if (gl_LocalInvocationID.x == 0)
                store(g.first + c, sum + load_out(g.first + c));
        }
    }
}
