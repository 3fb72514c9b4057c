#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#define LOCAL_BY_CONSTANT
#include "common.glsl"

/* A residual block, x + conv(act(conv(x))), both 3x3: a workgroup makes TH x TW pixels of all channels. Its x, with two
 * pixels more on each side, and what lies between the convolutions, with one more, are in shared memory; the latter is
 * computed anew by neighbouring workgroups and never stored. Operands 1 and 2 are weights and bias of the first
 * convolution, 3 and 4 of the second. Channels and bases are multiples of four; host: engine/vulkan/vk-block.c. */
layout(constant_id = 2) const int TW = 12;
layout(constant_id = 3) const int TH = 6;
layout(constant_id = 4) const int C = 32; /* channels */
const int XW = TW + 4, XH = TH + 4, MW = TW + 2, MH = TH + 2;

layout(set = 0, binding = 0) readonly buffer In0Quads { STORE4 quads0[]; };
layout(set = 0, binding = 6) buffer OutQuads { STORE4 quads_out[]; };

ivec2 first; /* pixel of the workgroup */
int picture;

bool inside(ivec2 at) { return all(greaterThanEqual(at, ivec2(0))) && all(lessThan(at, ivec2(p.x.w, p.x.h))); }
uint address(ivec2 at, int channel) { return uint(((picture * p.x.h + at.y) * p.x.w + at.x) * C + channel); }
vec4 x_at(ivec2 at, int channel) { return vec4(quads0[(p.base[0] + address(at, channel)) / 4]); }

/* What the second convolution sees of a first one's sum at a pixel, which pads with zeros like any other. */
vec4 between(ivec2 at, int channel, vec4 v)
{
    uint o = uint(channel);

    v += has(2) ? vec4(load2(o), load2(o + 1), load2(o + 2), load2(o + 3)) : vec4(0.0);
    v = mix(v, v * p.f, lessThan(v, vec4(0.0)));
    return inside(at) ? v : vec4(0.0);
}

void result(ivec2 at, int channel, vec4 v)
{
    uint o = uint(channel);

    if (!inside(at))
        return;
    v += has(4) ? vec4(load4(o), load4(o + 1), load4(o + 2), load4(o + 3)) : vec4(0.0);
    quads_out[(p.base[6] + address(at, channel)) / 4] = STORE4(v + x_at(at, channel));
}

/* Each has the tiles in shared memory: put_x fills the first, make_middle makes the second of it, finish the results. */
#ifdef COOPMAT
#include "block-coopmat.glsl"
#else
#include "block-registers.glsl"
#endif

void main()
{
    ivec2 tiles = (ivec2(p.x.w, p.x.h) + ivec2(TW, TH) - 1) / ivec2(TW, TH);
    int index = int(workgroup());

    picture = index / (tiles.x * tiles.y);
    first = ivec2(index % tiles.x, index / tiles.x % tiles.y) * ivec2(TW, TH);
    if (picture >= p.x.n)
        return;
    for (int k = int(gl_LocalInvocationIndex); k < XW * XH * (C / 4); k += LOCAL) {
        int channel = k % (C / 4) * 4, pixel = k / (C / 4);
        ivec2 at = ivec2(pixel % XW, pixel / XW), from = first + at - 2;
        put_x(at, channel, inside(from) ? x_at(from, channel) : vec4(0.0));
    }
    barrier();
    make_middle();
    barrier();
    finish();
}
