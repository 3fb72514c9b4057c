#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    uint c = k % uint(p.y.c), pixel = k / uint(p.y.c);
    uint x = pixel % uint(p.y.w), row = pixel / uint(p.y.w), y = row % uint(p.y.h), n = row / uint(p.y.h);
    x = min(x, uint(p.x.w) - 1u);
    y = min(y, uint(p.x.h) - 1u);
    store(k, load0(((n * uint(p.x.h) + y) * uint(p.x.w) + x) * uint(p.x.c) + c));
}
