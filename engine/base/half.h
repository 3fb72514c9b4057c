/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <string.h>

/* IEEE 754 binary16 <-> binary32 in integer arithmetic only, so that every machine and rounding mode gives the same
 * bits. Pure functions, safe from any thread. */

/* Exact for every input: subnormals, signed zeros and infinities included; a NaN keeps its sign and payload. */
static inline float yonos_half_to_float(guint16 half)
{
    guint32 sign = (guint32)(half & 0x8000u) << 16;
    guint32 exponent = (half >> 10) & 0x1fu;
    guint32 mantissa = half & 0x3ffu;
    guint32 bits = sign;
    float value;

    if (exponent == 31) {
        bits |= 0x7f800000u | mantissa << 13;
    } else if (exponent != 0) {
        bits |= (exponent + 112) << 23 | mantissa << 13;
    } else if (mantissa != 0) {
        exponent = 113;
        while (!(mantissa & 0x400u)) {
            mantissa <<= 1;
            exponent--;
        }
        bits |= exponent << 23 | (mantissa & 0x3ffu) << 13;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Rounds to nearest, ties to even. 65520 and above become infinity, 2^-25 and below zero, both with the sign kept; a
 * NaN stays a (quiet) NaN. */
static inline guint16 yonos_float_to_half(float value)
{
    guint32 bits, sign, magnitude, half, rest, middle;
    guint shift;

    memcpy(&bits, &value, sizeof bits);
    sign = (bits >> 16) & 0x8000u;
    magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (guint16)(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
    if (magnitude >= 0x477ff000u)
        return (guint16)(sign | 0x7c00u);
    if (magnitude <= 0x33000000u)
        return (guint16)sign;
    if (magnitude >= 0x38800000u) {
        magnitude -= 0x38000000u;
        magnitude += 0xfffu + ((magnitude >> 13) & 1u);
        return (guint16)(sign | magnitude >> 13);
    }

    /* The result is subnormal: count units of 2^-24. A carry out of the mantissa gives the least normal number. */
    shift = 126 - (magnitude >> 23);
    magnitude = (magnitude & 0x7fffffu) | 0x800000u;
    half = magnitude >> shift;
    rest = magnitude & ((1u << shift) - 1);
    middle = 1u << (shift - 1);
    if (rest > middle || (rest == middle && (half & 1u)))
        half++;
    return (guint16)(sign | half);
}
