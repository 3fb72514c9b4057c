#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

/* The last sample was repeated, what was cropped went nowhere. p.x is dy's shape, p.y is x's. */
void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    int c = int(k % uint(p.y.c)), x = int(k / uint(p.y.c) % uint(p.y.w));
    int row = int(k / (uint(p.y.c) * uint(p.y.w))), n = row / p.y.h, y = row % p.y.h;
    int bottom = y == p.y.h - 1 ? p.x.h : min(y + 1, p.x.h), right = x == p.y.w - 1 ? p.x.w : min(x + 1, p.x.w);
    float sum = 0.0;

    for (int i = y; i < bottom; i++)
        for (int j = x; j < right; j++)
            sum += load0(uint(((n * p.x.h + i) * p.x.w + j) * p.x.c + c));
    store(k, sum);
}
