/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The window of bicubic.glsl to the precision that codes of 16 bits want: its centre as a whole number and a rest. */
#include "bicubic.glsl"

struct Taps {
    int first, end, whole;
    float rest, reach, sum;
};

/* Not yet divided by `sum`. */
float tap(Taps t, int k)
{
    return keys((float(k - t.whole) - t.rest + 0.5) / t.reach);
}

Taps taps(int size, int result, int at)
{
    Taps t;
    uint doubled = (2u * uint(at) + 1u) * uint(size), unit = 2u * uint(result);
    float most;

    t.whole = int(doubled / unit);
    t.rest = float(doubled % unit) / float(unit);
    t.reach = max(float(size) / float(result), 1.0);
    most = 2.0 * t.reach;
    t.first = max(0, t.whole + int(floor(t.rest - most + 0.5)));
    t.end = min(size, t.whole + int(floor(t.rest + most + 0.5)));
    t.sum = 0.0;
    for (int k = t.first; k < t.end; k++)
        t.sum += tap(t, k);
    return t;
}
