#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    uint n = k / (elements(p.y) / uint(p.y.n));
    store(k, load1(n) * load0(k) + (has(2u) ? load3(n) * load2(k) : 0.0));
}
