/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pillow's bicubic: engine/ops/resize.c has the window's definition. */

float keys(float x)
{
    x = abs(x);
    if (x < 1.0)
        return (1.5 * x - 2.5) * x * x + 1.0;
    return x < 2.0 ? ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 : 0.0;
}

struct Window {
    int first, end;
    float centre, reach, sum;
};

float weight(Window v, int k)
{
    return keys((float(k) - v.centre + 0.5) / v.reach) / v.sum;
}

Window window(int size, int result, int at)
{
    Window v;
    float factor = float(size) / float(result);

    v.reach = max(factor, 1.0);
    v.centre = (float(at) + 0.5) * factor;
    v.first = max(0, int(floor(v.centre - 2.0 * v.reach + 0.5)));
    v.end = min(size, int(floor(v.centre + 2.0 * v.reach + 0.5)));
    v.sum = 1.0;
    float sum = 0.0;
    for (int k = v.first; k < v.end; k++)
        sum += weight(v, k);
    v.sum = sum;
    return v;
}
