#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

/* An invocation computes one pixel of the input's gradient for four channels, which are the workgroup's. */
vec4 tap(uint d, uint w, uint i)
{
    uint c = uint(p.w.c), last = uint(p.w.w) - 1;
    uvec4 rows = w + min(i + uvec4(0, 1, 2, 3), uvec4(last)) * c;
    vec4 sum = vec4(0.0);

    for (uint o = 0; o < c; o++)
        sum += load0(d + o) * vec4(load1(rows.x + o), load1(rows.y + o), load1(rows.z + o), load1(rows.w + o));
    return sum;
}

void main()
{
    uint t = invocation(), i = gl_WorkGroupID.z * 4;
    if (t >= p.work)
        return;
    int x = int(t % uint(p.y.w)), row = int(t / uint(p.y.w)), y = row % p.y.h, n = row / p.y.h, stride = p.i[0];
    vec4 sum = vec4(0.0);

    for (int ky = 0; ky < p.w.n; ky++)
        for (int kx = 0; kx < p.w.h; kx++) {
            int ty = y + p.i[1] - ky, tx = x + p.i[1] - kx;
            if (ty < 0 || tx < 0 || ty % stride != 0 || tx % stride != 0)
                continue;
            if (ty / stride >= p.x.h || tx / stride >= p.x.w)
                continue;
            sum += tap(uint((n * p.x.h + ty / stride) * p.x.w + tx / stride) * uint(p.x.c),
                       uint(ky * p.w.h + kx) * uint(p.w.w) * uint(p.w.c), i);
        }
    for (uint k = 0; k < 4 && i + k < uint(p.y.c); k++)
        store(t * uint(p.y.c) + i + k, sum[k]);
}
