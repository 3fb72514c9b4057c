#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

/* Pillow's bicubic, both directions at once: engine/ops/resize.c has the window's definition. */

float keys(float x)
{
    x = abs(x);
    if (x < 1.0)
        return (1.5 * x - 2.5) * x * x + 1.0;
    return x < 2.0 ? ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 : 0.0;
}

struct Window {
    int first, end;
    float centre, reach, sum;
};

float weight(Window v, int k)
{
    return keys((float(k) - v.centre + 0.5) / v.reach) / v.sum;
}

Window window(int size, int result, int at)
{
    Window v;
    float factor = float(size) / float(result);

    v.reach = max(factor, 1.0);
    v.centre = (float(at) + 0.5) * factor;
    v.first = max(0, int(floor(v.centre - 2.0 * v.reach + 0.5)));
    v.end = min(size, int(floor(v.centre + 2.0 * v.reach + 0.5)));
    v.sum = 1.0;
    float sum = 0.0;
    for (int k = v.first; k < v.end; k++)
        sum += weight(v, k);
    v.sum = sum;
    return v;
}

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
