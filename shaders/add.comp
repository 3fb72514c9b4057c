#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    uint c = uint(p.x.c), at = k;
    if (p.x != p.w)
        at = k % c + (p.w.n > 1 ? k / (uint(p.x.h) * uint(p.x.w) * c) * c : 0u);
    store(k, load0(k) + p.f * load1(at));
}
