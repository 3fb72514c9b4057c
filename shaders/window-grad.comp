#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "window.glsl"

/* p.x is dy's shape, p.y is x's. */
void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    int c = int(k % uint(p.y.c)), x = int(k / uint(p.y.c) % uint(p.y.w));
    int row = int(k / (uint(p.y.c) * uint(p.y.w))), n = row / p.y.h, y = row % p.y.h;
    ivec2 at = ivec2(x, y) - origin(n, ivec2(p.y.w - p.x.w, p.y.h - p.x.h));
    bool inside = at.x >= 0 && at.y >= 0 && at.x < p.x.w && at.y < p.x.h;

    store(k, inside ? load0(uint(((n * p.x.h + at.y) * p.x.w + at.x) * p.x.c + c)) : 0.0);
}
