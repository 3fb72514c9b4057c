#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL 256
#include "common.glsl"

/* Sums p.shares shares, always in the same order, of every element of the output; VARIANT 1 overwrites, else it adds.
 * A workgroup takes 8 elements. */
shared float partial[LOCAL];

void main()
{
    uint lane = gl_LocalInvocationID.x, n = elements(p.y), at = workgroup() * 8 + lane % 8;
    float sum = 0.0;

    if (at < n)
        for (uint k = lane / 8; k < p.shares; k += LOCAL / 8)
            sum += scratch[k * n + at];
    partial[lane] = sum;
    for (uint step = LOCAL / 2; step >= 8; step /= 2) {
        barrier();
        if (lane < step)
            partial[lane] += partial[lane + step];
    }
    if (lane < 8 && at < n)
        store(at, partial[lane] * p.f + (VARIANT == 1 ? 0.0 : load_out(at)));
}
