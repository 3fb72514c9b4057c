#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    float scale = load0(0) * p.f / float(p.work), d = load1(k) - load2(k);
    store(k, d > 0.0 ? scale : d < 0.0 ? -scale : 0.0);
}
