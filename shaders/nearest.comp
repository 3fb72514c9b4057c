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
    uint x = pixel % uint(p.y.w), row = pixel / uint(p.y.w), y = row % uint(p.y.h), n = row / uint(p.y.h);
    store(k, load0(((n * uint(p.x.h) + y / r) * uint(p.x.w) + x / r) * uint(p.x.c) + c));
}
