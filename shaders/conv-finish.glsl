/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a convolution's sum, the attributes of engine/ops/conv.c. Needs FUSED: bit 0: operand 4 has channels
 * that follow those of x, bit 1: the output is shuffled or cropped, or has a base. */
#include "bicubic.glsl"

/* The bicubic enlargement of operand 5 by p.i[4]. */
float base_at(int n, ivec2 at, int channel)
{
    ivec2 size = ivec2(p.y.w, p.y.h) / p.i[4];
    Window rows = window(size.y, p.y.h, at.y), columns = window(size.x, p.y.w, at.x);
    float sum = 0.0;

    for (int i = rows.first; i < rows.end; i++) {
        float line = 0.0;
        for (int j = columns.first; j < columns.end; j++)
            line += weight(columns, j) * load5(uint(((n * size.y + i) * size.x + j) * p.y.c + channel));
        sum += weight(rows, i) * line;
    }
    return sum;
}

/* With bias and residual, activated; `at` in the output. */
float finished(uint at, uint o, float v)
{
    v += (has(2) ? load2(o) : 0.0) + (has(3) ? load3(at) : 0.0);
    return p.i[2] == 1 && v < 0.0 ? v * p.f : v;
}

/* Sum `o` of a pixel, stored where the shuffle takes it. */
void store_shuffled(int n, ivec2 pixel, int o, float v)
{
    int r = max(1, p.i[3]), channel = o / (r * r);
    ivec2 to = pixel * r + ivec2(o % r, o / r % r);
    uint at = uint(((n * p.y.h + to.y) * p.y.w + to.x) * p.y.c + channel);

    if (to.x >= p.y.w || to.y >= p.y.h)
        return;
    if (has(5))
        v += base_at(n, to, channel);
    store(at, finished(at, uint(o), v));
}
