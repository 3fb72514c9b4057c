#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    float dy = load0(k), y = load1(k), s = p.f == 0.0 ? 1.0 : p.f;
    if (p.i[0] == 2)
        store(k, dy * (1.0 - y / s * (y / s)));
    else
        store(k, y > 0.0 ? dy : dy * p.f);
}
