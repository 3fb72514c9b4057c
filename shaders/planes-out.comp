#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* R'G'B' to planes as yonos_frame_from_rgb: of the network's picture and, right of it, of a plain bicubic enlargement.
 * A workgroup makes a tile of the frame. */
#extension GL_GOOGLE_include_directive : require
#include "planes.glsl"
#include "enlarge.glsl"

#define TILE ivec2(32, 8)
#define ROW 34 /* pixels, with one on either side for chroma */
#define PIXELS (ROW * 10)

layout(set = 0, binding = 0) buffer Planes { uint planes[]; };
layout(set = 0, binding = 1) readonly buffer Network { STORE network[]; };
layout(set = 0, binding = 2) readonly buffer Small { vec4 small[]; };

shared vec4 tile[PIXELS];

vec4 bicubic(ivec2 at)
{
    Taps rows = taps(p.small.y, p.size.y, at.y), columns = taps(p.small.x, p.size.x, at.x);
    vec4 sum = vec4(0.0);

    for (int i = rows.first; i < rows.end; i++) {
        vec4 line = vec4(0.0);
        for (int j = columns.first; j < columns.end; j++)
            line += tap(columns, j) * small[i * p.small.x + j];
        sum += tap(rows, i) * line;
    }
    return sum / (rows.sum * columns.sum);
}

vec4 pixel(ivec2 at)
{
    ivec2 inside = clamp(at - p.origin, ivec2(0), p.window - 1);
    int from = (inside.y * p.window.x + inside.x) * 3;
    bool ours = at.x < p.what;
    vec4 v = vec4(1.0);

    if (!ours || p.keep_alpha != 0)
        v = bicubic(at);
    if (ours)
        v.rgb = vec3(network[from], network[from + 1], network[from + 2]);
    if (GRAY_R + GRAY_G + GRAY_B > 0.0)
        v.rgb = vec3(GRAY_R * v.r + GRAY_G * v.g + GRAY_B * v.b);
    if (at.x == p.line || at.x == p.line + 1)
        v.rgb = vec3(1.0);
    return v;
}

/* Rounds and clips; NaN becomes 0. */
uint to_code(float v)
{
    v = v > 0.0 ? v : 0.0;
    v = v < HIGHEST ? v : HIGHEST;
    return uint(v + 0.5) << SHIFT;
}

/* Places in the tile; the tile's first pixel is at 1, 1. */
vec4 of_tile(ivec2 at) { return tile[at.y * ROW + at.x]; }

/* Cb and Cr, in codes around 0, averaged over two pixels. */
vec2 differences(ivec2 a, ivec2 b)
{
    vec3 v = of_tile(a).rgb + of_tile(b).rgb;
    float luma = KR * v.r + KG * v.g + KB * v.b, half_range = 0.5 * C_RANGE;

    return vec2((v.b - luma) * (half_range / B_CB), (v.r - luma) * (half_range / R_CR));
}

vec2 column_chroma(ivec2 at)
{
    if (HALVED_Y == 0)
        return differences(at, at);
    if (TOP == 0)
        return differences(at, at + ivec2(0, 1));
    return differences(at, at) * 0.5 + differences(at - ivec2(0, 1), at + ivec2(0, 1)) * 0.5;
}

vec2 chroma(ivec2 at)
{
    vec2 even = column_chroma(at), side;

    if (HALVED_X == 0)
        return even;
    side = column_chroma(at + ivec2(1, 0));
    if (LEFT == 1)
        side = column_chroma(at - ivec2(1, 0)) * 0.5 + side * 0.5;
    return even * 0.5 + side * 0.5;
}

uint chroma_of(int which, ivec2 place)
{
    return to_code(chroma((place << ivec2(HALVED_X, HALVED_Y)) + 1)[which ^ SWAPPED] + float(MIDDLE));
}

/* Sample k of a row of the tile, in a plane. */
uint sample_of(uint plane, int k, int row)
{
    vec4 v;

    if (plane > 0u)
        return STEP == 2 ? chroma_of(k & 1, ivec2(k >> 1, row)) : chroma_of(int(plane) - 1, ivec2(k, row));
    if (STEP == 4 && (k & 1) != CHROMA_FIRST)
        return chroma_of((k >> 1) & 1, ivec2(k >> 2, row));
    if (STEP == 4)
        k >>= 1;
    if (PIXEL == 0) {
        v = of_tile(ivec2(k, row) + 1);
        return to_code(v.r * (KR * Y_RANGE) + v.g * (KG * Y_RANGE) + v.b * (KB * Y_RANGE) + Y_OFFSET);
    }
    v = of_tile(ivec2(k / PIXEL, row) + 1);
    k %= PIXEL;
    if (k != R && k != G && k != B)
        return to_code(k == A && p.keep_alpha != 0 ? v.a * HIGHEST : HIGHEST);
    return to_code((k == R ? v.r : k == G ? v.g : v.b) * Y_RANGE + Y_OFFSET);
}

/* The words of the tile in a plane, of whose samples `wide` belong to 1 << halved pixels of a row. */
void write(uint plane, ivec2 corner, int wide, ivec2 halved)
{
    int a_word = 4 >> WIDE, words = (TILE.x >> halved.x) * wide / a_word, rows = TILE.y >> halved.y;

    for (int k = int(gl_LocalInvocationID.x); k < words * rows; k += LOCAL) {
        ivec2 at = ivec2(k % words, k / words);
        int first = at.x * a_word, x = corner.x + ((first / wide) << halved.x), y = corner.y + (at.y << halved.y);
        uint to = p.offset[plane] + uint(y >> halved.y) * p.stride[plane];
        uint word = 0u;
        if (x >= p.end.x || y >= p.end.y)
            continue;
        for (int i = 0; i < a_word; i++)
            word |= sample_of(plane, first + i, at.y) << (i * (8 << WIDE));
        planes[(to >> 2) + uint((corner.x >> halved.x) * wide / a_word + at.x)] = word;
    }
}

void main()
{
    ivec2 corner = p.first + ivec2(gl_WorkGroupID.xy) * TILE;

    for (int k = int(gl_LocalInvocationID.x); k < PIXELS; k += LOCAL)
        tile[k] = pixel(clamp(corner + ivec2(k % ROW, k / ROW) - 1, ivec2(0), p.size - 1));
    barrier();
    write(0u, corner, STEP == 4 ? 4 : max(PIXEL, 1), ivec2(STEP == 4 ? 1 : 0, 0));
    if (STEP == 1 || STEP == 2)
        write(1u, corner, STEP, ivec2(HALVED_X, HALVED_Y));
    if (STEP == 1)
        write(2u, corner, 1, ivec2(HALVED_X, HALVED_Y));
}
