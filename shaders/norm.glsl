/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Include after reduce.glsl, with LOAD_X the load function of the operand that is normed; p.x is its shape. */

struct Group {
    uint picture, first, channels, count; /* picture: where it starts */
    float mean, scale;                    /* scale: 1 / sqrt(var + epsilon) */
};

/* Where value k of the group lies in its tensor, and its channel. */
uint place(Group g, uint k) { return g.picture + k / g.channels * uint(p.x.c) + g.first + k % g.channels; }
uint channel(Group g, uint k) { return g.first + k % g.channels; }

/* Group `at` of all pictures' groups. Two passes, since a sum of squares cancels. */
Group group_of(uint at)
{
    uint groups = uint(p.i[0]), pixels = uint(p.x.h) * uint(p.x.w);
    Group g;
    float sum = 0.0, squares = 0.0;

    g.channels = uint(p.x.c) / groups;
    g.picture = at / groups * pixels * uint(p.x.c);
    g.first = at % groups * g.channels;
    g.count = pixels * g.channels;
    for (uint k = gl_LocalInvocationID.x; k < g.count; k += LOCAL)
        sum += LOAD_X(place(g, k));
    g.mean = reduce(vec4(sum)).x / float(g.count);
    for (uint k = gl_LocalInvocationID.x; k < g.count; k += LOCAL) {
        float d = LOAD_X(place(g, k)) - g.mean;
        squares += d * d;
    }
    g.scale = 1.0 / sqrt(reduce(vec4(squares)).x / float(g.count) + p.f);
    return g;
}
