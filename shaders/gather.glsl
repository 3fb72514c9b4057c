/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Convolution as a matrix product without the matrix. A row is an output pixel; along it run kernel rows, kernel columns
 * and channels, of which an invocation keeps its place, so that no address needs a division.
 *
 * The same holds for the gradient by x: with stride 1 it is a convolution of dy with the mirrored kernel. With stride s
 * the pixels of each phase, (y + pad) % s and (x + pad) % s, see only every s-th kernel row and column, so each phase is
 * such a convolution of its own with a smaller kernel. */

/* What a convolution reads: size of the picture (w, h), channels, size of the kernel (w, h). */
struct Source {
    ivec2 size, kernel;
    int channels;
};

/* The pixel under the kernel's corner, which may lie in the padding. */
struct Row {
    uint pixel; /* modulo 2^32 */
    ivec2 corner;
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

/* The row whose kernel lies at `corner` of picture n; none: all outside. */
Row row_at(Source s, int n, ivec2 corner, bool none)
{
    return Row(uint((n * s.size.y + corner.y) * s.size.x + corner.x), none ? ivec2(-0x40000000) : corner);
}

/* The pixel of a place, or false where it is outside. */
bool locate(Source s, Row row, Walk walk, out uint pixel)
{
    ivec2 at = row.corner + ivec2(walk.column, walk.row);

    pixel = row.pixel + uint(walk.row * s.size.x + walk.column);
    return walk.row < s.kernel.y && at.x >= 0 && at.x < s.size.x && at.y >= 0 && at.y < s.size.y;
}
