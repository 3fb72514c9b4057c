#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    uint n = uint(p.x.c), all = uint(p.y.c), c = k % all - uint(p.i[0]); /* wraps where it is below */
    store(k, c < n ? load0(k / all * n + c) : 0.0);
}
