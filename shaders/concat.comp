#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    uint a = uint(p.x.c), b = uint(p.w.c), pixel = k / (a + b), c = k % (a + b);
    store(k, c < a ? load0(pixel * a + c) : load1(pixel * b + c - a));
}
