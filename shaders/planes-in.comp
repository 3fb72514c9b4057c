#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Planes to R'G'B' as yonos_frame_to_rgb: for the network, and in single precision with alpha for bicubic. */
#extension GL_GOOGLE_include_directive : require
#include "planes.glsl"

layout(set = 0, binding = 0) readonly buffer Planes { uint planes[]; };
layout(set = 0, binding = 1) writeonly buffer Network { STORE network[]; };
layout(set = 0, binding = 2) writeonly buffer Small { vec4 small[]; };

int code(uint plane, int row, int k)
{
    uint at = p.offset[plane] + uint(row) * p.stride[plane] + (uint(k) << WIDE);
    uint word = planes[at >> 2] >> ((at & 3u) * 8u);

    return int(word & (WIDE == 1 ? 0xffffu : 0xffu)) >> SHIFT;
}

vec4 packed_pixel(ivec2 at)
{
    int k = at.x * PIXEL;
    vec3 rgb = vec3(code(0, at.y, k + R), code(0, at.y, k + G), code(0, at.y, k + B));

    return vec4(rgb * (1.0 / Y_RANGE) - Y_OFFSET / Y_RANGE, A < 0 ? 1.0 : float(code(0, at.y, k + max(A, 0))) / HIGHEST);
}

/* Of a column of chroma, between two of its rows: 4 parts in all, far_weight of them of the far one. */
float mixed(int which, int column, int near, int far, int far_weight)
{
    int cr = which ^ SWAPPED, k = column * STEP + (STEP == 4 ? 2 * cr + 1 - CHROMA_FIRST : STEP == 2 ? cr : 0);
    uint plane = STEP == 4 ? 0u : STEP == 2 ? 1u : 1u + uint(cr);
    int sum = code(plane, near, k) * (4 - far_weight) + code(plane, far, k) * far_weight - 4 * MIDDLE;

    return float(sum) * (0.25 / C_RANGE);
}

/* Cb and Cr, bilinearly by where they are sited. */
vec2 chroma(ivec2 at)
{
    ivec2 last = ((p.size + ivec2(HALVED_X, HALVED_Y)) >> ivec2(HALVED_X, HALVED_Y)) - 1;
    int near = at.y >> HALVED_Y, far = near, far_weight = 0, odd = at.x & HALVED_X;
    int column = at.x >> HALVED_X, side = clamp(column + (odd == 1 ? 1 : -1), 0, last.x);
    float own = HALVED_X == 0 ? 1.0 : LEFT == 0 ? 0.75 : odd == 1 ? 0.5 : 1.0;
    vec2 sum = vec2(0.0);

    if (HALVED_Y == 1 && TOP == 0) {
        far = near + ((at.y & 1) == 1 ? 1 : -1);
        far_weight = 1;
    } else if (HALVED_Y == 1 && (at.y & 1) == 1) {
        far = near + 1;
        far_weight = 2;
    }
    far = clamp(far, 0, last.y);
    for (int which = 0; which < 2; which++) {
        sum[which] = mixed(which, column, near, far, far_weight) * own;
        if (own < 1.0)
            sum[which] += mixed(which, side, near, far, far_weight) * (1.0 - own);
    }
    return sum;
}

vec4 pixel(ivec2 at)
{
    float y;
    vec2 c = vec2(0.0);

    if (PIXEL > 0)
        return packed_pixel(at);
    y = float(code(0, at.y, STEP == 4 ? at.x * 2 + CHROMA_FIRST : at.x)) * (1.0 / Y_RANGE) - Y_OFFSET / Y_RANGE;
    if (STEP > 0)
        c = chroma(at);
    return vec4(y + R_CR * c.y, y + G_CB * c.x + G_CR * c.y, y + B_CB * c.x, 1.0);
}

void main()
{
    ivec2 at = p.first + ivec2(gl_WorkGroupID.x * LOCAL + gl_LocalInvocationID.x, gl_WorkGroupID.y);
    ivec2 inside = at - p.origin;
    vec4 v;

    if (at.x >= p.end.x)
        return;
    v = pixel(at);
    if ((p.what & 1) != 0) {
        int to = (inside.y * p.window.x + inside.x) * 3;
        network[to] = STORE(v.r);
        network[to + 1] = STORE(v.g);
        network[to + 2] = STORE(v.b);
    }
    if ((p.what & 2) != 0)
        small[at.y * p.size.x + at.x] = v;
}
