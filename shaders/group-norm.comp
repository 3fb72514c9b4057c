#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL 256
#include "common.glsl"
#include "reduce.glsl"

uint place(uint k, uint picture, uint first, uint channels)
{
    return picture + k / channels * uint(p.y.c) + first + k % channels;
}

/* A workgroup norms one group of one picture: two passes for the statistics, since a sum of squares cancels. */
void main()
{
    uint at = workgroup();
    if (at >= p.work)
        return;
    uint groups = uint(p.i[0]), channels = uint(p.y.c) / groups, pixels = uint(p.y.h) * uint(p.y.w);
    uint picture = at / groups * pixels * uint(p.y.c), first = at % groups * channels, count = pixels * channels;
    float sum = 0.0, squares = 0.0;

    for (uint k = gl_LocalInvocationID.x; k < count; k += LOCAL)
        sum += load0(place(k, picture, first, channels));
    float mean = reduce(vec4(sum)).x / float(count);
    for (uint k = gl_LocalInvocationID.x; k < count; k += LOCAL) {
        float d = load0(place(k, picture, first, channels)) - mean;
        squares += d * d;
    }
    float scale = 1.0 / sqrt(reduce(vec4(squares)).x / float(count) + p.f);
    for (uint k = gl_LocalInvocationID.x; k < count; k += LOCAL) {
        uint to = place(k, picture, first, channels), c = first + k % channels;
        store(to, (load0(to) - mean) * scale * load1(c) + load2(c));
    }
}
