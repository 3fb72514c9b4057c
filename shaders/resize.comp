#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "bicubic.glsl"

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    int c = int(k % uint(p.y.c)), x = int(k / uint(p.y.c) % uint(p.y.w));
    int row = int(k / (uint(p.y.c) * uint(p.y.w))), n = row / p.y.h;
    Window rows = window(p.x.h, p.y.h, row % p.y.h), columns = window(p.x.w, p.y.w, x);
    float sum = 0.0;

    for (int i = rows.first; i < rows.end; i++) {
        float line = 0.0;
        for (int j = columns.first; j < columns.end; j++)
            line += weight(columns, j) * load0(uint(((n * p.x.h + i) * p.x.w + j) * p.x.c + c));
        sum += weight(rows, i) * line;
    }
    store(k, sum);
}
