#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL 256
#define LOAD_X load0
#include "common.glsl"
#include "reduce.glsl"
#include "norm.glsl"

/* A workgroup norms one group of one picture. */
void main()
{
    if (workgroup() >= p.work)
        return;
    Group g = group_of(workgroup());

    for (uint k = gl_LocalInvocationID.x; k < g.count; k += LOCAL) {
        uint at = place(g, k), c = channel(g, k);
        store(at, (load0(at) - g.mean) * g.scale * load1(c) + load2(c));
    }
}
