#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    uint r = uint(p.i[0]), c = k % uint(p.y.c), pixel = k / uint(p.y.c);
    uint x = pixel % uint(p.y.w) * r, row = pixel / uint(p.y.w) * r; /* n y.h r is n x.h, so rows run through */
    float sum = 0.0;
    for (uint dy = 0; dy < r; dy++)
        for (uint dx = 0; dx < r; dx++)
            sum += load0(((row + dy) * uint(p.x.w) + x + dx) * uint(p.x.c) + c);
    store(k, sum);
}
