#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

/* Where the first of the window's largest values lies. */
uint largest(uint first)
{
    uint best = first;

    for (uint i = 0; i < uint(p.i[0]); i++)
        for (uint j = 0; j < uint(p.i[0]); j++) {
            uint at = first + (i * uint(p.y.w) + j) * uint(p.y.c);
            if (load1(at) > load1(best))
                best = at;
        }
    return best;
}

/* dx gathers dy of the windows whose largest value it is. p.x is dy's shape, p.y is x's. */
void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    int side = p.i[0], stride = p.i[1];
    int c = int(k % uint(p.y.c)), x = int(k / uint(p.y.c) % uint(p.y.w));
    int row = int(k / (uint(p.y.c) * uint(p.y.w))), n = row / p.y.h, y = row % p.y.h;
    float sum = 0.0;

    for (int i = max(0, y - side + stride) / stride; i <= min(y / stride, p.x.h - 1); i++)
        for (int j = max(0, x - side + stride) / stride; j <= min(x / stride, p.x.w - 1); j++)
            if (largest(uint(((n * p.y.h + i * stride) * p.y.w + j * stride) * p.y.c + c)) == k)
                sum += load0(uint(((n * p.x.h + i) * p.x.w + j) * p.x.c + c));
    store(k, sum);
}
