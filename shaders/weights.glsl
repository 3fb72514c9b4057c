/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernels of the gradient by the weights share. Operand 0 is x, operand 1 dy, the output w. */

Source source;

void source_make() { source = Source(ivec2(p.x.w, p.x.h), ivec2(p.y.h, p.y.n), p.x.c); }

int pixels() { return p.w.n * p.w.h * p.w.w; }
int weight_rows() { return p.y.n * p.y.h * p.y.w; }

/* A pixel of dy. */
struct Place {
    int x, y, n;
};

Place place_of(int pixel) { return Place(pixel % p.w.w, pixel / p.w.w % p.w.h, pixel / p.w.w / p.w.h); }

void advance_place(inout Place place, int step)
{
    place.x += step;
    while (place.x >= p.w.w) {
        place.x -= p.w.w;
        if (++place.y == p.w.h) {
            place.y = 0;
            place.n++;
        }
    }
}

Row row_of_place(Place place)
{
    return row_at(source, place.n, ivec2(place.x, place.y) * p.i[0] - p.i[1], false);
}

/* Adds to the output, or where the pixels are shared out leaves the sum to sum-shares.comp. */
void store_weight(int share, int row, int column, float v)
{
    uint at = uint(row * p.y.c + column);

    if (row >= weight_rows() || column >= p.y.c)
        return;
    if (p.shares == 1u)
        store(at, load_out(at) + v);
    else
        scratch[uint(share) * elements(p.y) + at] = v;
}
