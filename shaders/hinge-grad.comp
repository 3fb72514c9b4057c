#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    float sign = float(p.i[0]);
    store(k, p.i[1] != 0 || sign * load1(k) < 1.0 ? -sign * load0(0) / float(p.work) : 0.0);
}
