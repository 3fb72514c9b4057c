#version 450
/* SPDX-License-Identifier: LGPL-2.1-or-later */
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

/* Some drivers' tanh has an absolute error only: near zero its series, exact to 2e-7 relative below 0.1. The clamp keeps
 * tanh from infinity over infinity. */
float tanh_exact(float u)
{
    float u2 = u * u;

    if (abs(u) < 0.1)
        return u * (1.0 + u2 * (-1.0 / 3.0 + u2 * (2.0 / 15.0 - u2 * 17.0 / 315.0)));
    return tanh(clamp(u, -15.0, 15.0));
}

void main()
{
    uint k = invocation();

    if (k >= p.work)
        return;
    float x = load0(k), s = p.f == 0.0 ? 1.0 : p.f;
    if (p.i[0] == 2)
        store(k, s * tanh_exact(x / s));
    else if (p.i[0] == 3)
        store(k, floor(clamp(x, 0.0, 1.0) * 255.0 + 0.5) / 255.0);
    else
        store(k, x < 0.0 ? x * p.f : x);
}
