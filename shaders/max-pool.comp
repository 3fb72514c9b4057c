#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    uint c = k % uint(p.y.c), pixel = k / uint(p.y.c), side = uint(p.i[0]), stride = uint(p.i[1]);
    uint x = pixel % uint(p.y.w), row = pixel / uint(p.y.w), y = row % uint(p.y.h), n = row / uint(p.y.h);
    uint first = ((n * uint(p.x.h) + y * stride) * uint(p.x.w) + x * stride) * uint(p.x.c) + c;
    float best = load0(first);

    for (uint i = 0; i < side; i++)
        for (uint j = 0; j < side; j++)
            best = max(best, load0(first + (i * uint(p.x.w) + j) * uint(p.x.c)));
    store(k, best);
}
