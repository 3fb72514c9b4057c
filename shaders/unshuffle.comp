#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    uint r = uint(p.i[0]), deep = k % uint(p.y.c), pixel = k / uint(p.y.c);
    uint x = pixel % uint(p.y.w) * r + deep % r, row = pixel / uint(p.y.w), n = row / uint(p.y.h);
    uint y = row % uint(p.y.h) * r + deep / r % r;
    store(k, load0(((n * uint(p.x.h) + y) * uint(p.x.w) + x) * uint(p.x.c) + deep / (r * r)));
}
