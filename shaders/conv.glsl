/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tiled convolutions share: which pixels there are, where they look, what becomes of a sum. Operand 0 is x and
 * operand 1 w, or with DATA dy and w. */
#ifndef DATA
#include "conv-finish.glsl"
#endif

Source source;
#ifdef DATA
ivec2 phase, first, count; /* the pixels first + stride * (0 .. count - 1) */

void source_make(int index)
{
    int stride = p.i[0];

    phase = ivec2(index % stride, index / stride);
    first = (phase - p.i[1] % stride + stride) % stride;
    count = (ivec2(p.y.w, p.y.h) - first + stride - 1) / stride;
    source = Source(ivec2(p.x.w, p.x.h), (ivec2(p.w.h, p.w.n) - phase + stride - 1) / stride, p.x.c);
    source.kernel *= min(source.kernel.x, source.kernel.y) > 0 ? 1 : 0;
}

int pixels() { return p.y.n * count.y * count.x; }

void split(int pixel, out int n, out ivec2 at)
{
    at = ivec2(pixel % count.x, pixel / count.x % count.y);
    n = pixel / count.x / count.y;
}

uint pixel_at(int pixel)
{
    int n;
    ivec2 at;

    split(pixel, n, at);
    at = first + at * p.i[0];
    return uint((n * p.y.h + at.y) * p.y.w + at.x);
}

Row row_of_pixel(int pixel)
{
    int n;
    ivec2 at;

    split(pixel, n, at);
    at = (first + at * p.i[0] + p.i[1] - phase) / p.i[0] - (source.kernel - 1);
    return row_at(source, n, at, pixel >= pixels());
}

/* w[ky][kx][column][channel], where the walk goes through the mirrored kernel */
uint weight_at(Walk walk, int column)
{
    ivec2 k = phase + p.i[0] * (source.kernel - 1 - ivec2(walk.column, walk.row));

    return uint(((k.y * p.w.h + k.x) * p.w.w + column) * p.w.c + walk.channel);
}
#else
ivec2 grid; /* size of the output before it is shuffled */

void source_make(int index)
{
    source = Source(ivec2(p.x.w, p.x.h), ivec2(p.w.h, p.w.n), p.w.w);
    grid = (source.size + 2 * p.i[1] - source.kernel) / p.i[0] + 1;
}

int pixels() { return p.y.n * grid.y * grid.x; }

Row row_of_pixel(int pixel)
{
    ivec2 at = ivec2(pixel % grid.x, pixel / grid.x % grid.y) * p.i[0] - p.i[1];

    return row_at(source, pixel / grid.x / grid.y, at, pixel >= pixels());
}
#endif

int columns()
{
#ifdef DATA
    return p.w.w;
#else
    return p.w.c;
#endif
}

int depth_of(Source s) { return s.kernel.y * s.kernel.x * s.channels; }

#ifdef DATA
void store_one(int pixel, int channel, float v)
{
    if (channel < p.y.c)
        store(pixel_at(pixel) * uint(p.y.c) + uint(channel), v);
}

void store_pixel(int pixel, int channel, vec4 v)
{
    if ((QUADS & 4u) == 0u) {
        for (int k = 0; k < 4; k++)
            store_one(pixel, channel + k, v[k]);
    } else if (channel < p.y.c) {
        quads_out[(p.base[6] + pixel_at(pixel) * uint(p.y.c) + uint(channel)) / 4] = STORE4(v);
    }
}
#else
void store_one(int pixel, int channel, float v)
{
    uint at = uint(pixel) * uint(p.y.c) + uint(channel);

    if (channel >= p.w.c)
        return;
    if ((FUSED & 2u) != 0u)
        store_shuffled(pixel / grid.x / grid.y, ivec2(pixel % grid.x, pixel / grid.x % grid.y), channel, v);
    else
        store(at, finished(at, uint(channel), v));
}

void store_pixel(int pixel, int channel, vec4 v)
{
    uint at = uint(pixel) * uint(p.y.c) + uint(channel);

    if ((FUSED & 2u) != 0u || (QUADS & 4u) == 0u) {
        for (int k = 0; k < 4; k++)
            store_one(pixel, channel + k, v[k]);
    } else if (channel < p.y.c) {
        for (int k = 0; k < 4; k++)
            v[k] = finished(at + uint(k), uint(channel + k), v[k]);
        quads_out[(p.base[6] + at) / 4] = STORE4(v);
    }
}
#endif
