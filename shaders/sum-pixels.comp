#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL 256
#include "common.glsl"

/* A workgroup sums 32 neighbouring channels over p.chunk pixels of a picture, or of all; the last share may be shorter. */
shared float partial[LOCAL];

void main()
{
    uint c = uint(p.x.c), blocks = (c + 31) / 32, at = workgroup();
    uint block = at % blocks, n = at / blocks % uint(p.y.n), share = at / blocks / uint(p.y.n);
    uint lane = gl_LocalInvocationID.x, channel = block * 32 + lane % 32;
    uint pixels = uint(p.x.h) * uint(p.x.w) * uint(p.x.n) / uint(p.y.n);
    uint end = min((share + 1) * p.chunk, pixels);
    float sum = 0.0;

    if (at >= p.work)
        return;
    if (channel < c)
        for (uint k = share * p.chunk + lane / 32; k < end; k += LOCAL / 32)
            sum += load0((n * pixels + k) * c + channel);
    partial[lane] = sum;
    for (uint step = LOCAL / 2; step >= 32; step /= 2) {
        barrier();
        if (lane < step)
            partial[lane] += partial[lane + step];
    }
    if (lane >= 32 || channel >= c)
        return;
    if (p.shares == 1u)
        store(n * c + channel, partial[lane] + (p.i[1] != 0 ? 0.0 : load_out(n * c + channel)));
    else
        scratch[share * elements(p.y) + n * c + channel] = partial[lane];
}
