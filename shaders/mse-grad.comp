#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    float scale = 2.0 * load0(0) * p.f / float(p.work);
    store(k, scale * load3(k / (p.work / uint(p.y.n))) * (load1(k) - load2(k)));
}
