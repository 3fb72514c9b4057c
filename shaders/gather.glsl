/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Convolution as a matrix product without the matrix. A row is an output pixel; along it run kernel rows, kernel columns
 * and channels. In NHWC a kernel row of one pixel is one run of `kernel.x * channels` neighbouring elements, so a row is
 * `kernel.y` runs, and the part of a run that lies inside the picture is an interval of it.
 *
 * The same holds for the gradient by x: with stride 1 it is a convolution of dy with the mirrored kernel. With stride s
 * the pixels of each phase, (y + pad) % s and (x + pad) % s, see only every s-th kernel row and column, so each phase is
 * such a convolution of its own with a smaller kernel. */

/* What a convolution reads: size of the picture (w, h), channels, size of the kernel (w, h). */
struct Source {
    ivec2 size, kernel;
    int channels;
};

/* Where a pixel's runs start and which part of them is inside. */
struct Row {
    uint origin; /* of its first element, modulo 2^32: padding lies before the picture */
    int y, low, high;
};

/* A place along a row. */
struct Walk {
    int channel, column, row;
};

void advance(inout Walk walk, int step, Source s)
{
    walk.channel += step;
    while (walk.channel >= s.channels) {
        walk.channel -= s.channels;
        if (++walk.column == s.kernel.x) {
            walk.column = 0;
            walk.row++;
        }
    }
}

/* The row of the kernel that lies at `corner` of picture n; none: all outside. */
Row row_at(Source s, int n, ivec2 corner, bool none)
{
    return Row(uint((n * s.size.y + corner.y) * s.size.x + corner.x) * uint(s.channels), none ? -0x40000000 : corner.y,
               max(0, -corner.x) * s.channels, min(s.kernel.x, s.size.x - corner.x) * s.channels);
}

/* The place of an element in its picture, or false where it is outside. */
bool locate(Source s, Row row, Walk walk, out uint at)
{
    int y = row.y + walk.row, along = walk.column * s.channels + walk.channel;

    at = row.origin + uint(walk.row * s.size.x * s.channels + along);
    return walk.row < s.kernel.y && y >= 0 && y < s.size.y && along >= row.low && along < row.high;
}
