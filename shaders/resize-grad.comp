#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "bicubic.glsl"

/* The results whose window may reach sample `at`, one too many on each side against rounding: {first, end}. */
ivec2 reached(int size, int result, int at)
{
    float factor = float(size) / float(result), reach = 2.0 * max(factor, 1.0) + 0.5;

    return clamp(ivec2(floor((vec2(at) + 0.5 + vec2(-reach, reach)) / factor - 0.5)) + ivec2(-1, 2), 0, result);
}

float weight_of(int size, int result, int to, int from)
{
    Window v = window(size, result, to);

    return from < v.first || from >= v.end ? 0.0 : weight(v, from);
}

/* p.x is dy's shape, p.y is x's. */
void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    int c = int(k % uint(p.y.c)), x = int(k / uint(p.y.c) % uint(p.y.w));
    int row = int(k / (uint(p.y.c) * uint(p.y.w))), n = row / p.y.h, y = row % p.y.h;
    ivec2 rows = reached(p.y.h, p.x.h, y), columns = reached(p.y.w, p.x.w, x);
    float sum = 0.0;

    for (int j = columns.x; j < columns.y; j++) {
        float along = weight_of(p.y.w, p.x.w, j, x), line = 0.0;
        if (along == 0.0)
            continue;
        for (int i = rows.x; i < rows.y; i++)
            line += weight_of(p.y.h, p.x.h, i, y) * load0(uint(((n * p.x.h + i) * p.x.w + j) * p.x.c + c));
        sum += along * line;
    }
    store(k, sum);
}
