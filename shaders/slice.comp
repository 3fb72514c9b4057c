#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    uint n = uint(p.y.c);
    store(k, load0(k / n * uint(p.x.c) + k % n + uint(p.i[0])));
}
