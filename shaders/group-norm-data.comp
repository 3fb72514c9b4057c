#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL 256
#define LOAD_X load1
#include "common.glsl"
#include "reduce.glsl"
#include "norm.glsl"

/* A workgroup takes one group of one picture. */
void main()
{
    if (workgroup() >= p.work)
        return;
    Group g = group_of(workgroup());
    vec4 sums = vec4(0.0); /* of dy scale, and of that times the normed x */

    for (uint k = gl_LocalInvocationID.x; k < g.count; k += LOCAL) {
        uint at = place(g, k);
        float d = load0(at) * load2(channel(g, k));
        sums.xy += vec2(d, d * (load1(at) - g.mean) * g.scale);
    }
    sums = reduce(sums) / float(g.count);
    for (uint k = gl_LocalInvocationID.x; k < g.count; k += LOCAL) {
        uint at = place(g, k);
        float d = load0(at) * load2(channel(g, k)), normed = (load1(at) - g.mean) * g.scale;
        store(at, (d - sums.x - normed * sums.y) * g.scale);
    }
}
