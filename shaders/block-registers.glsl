/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The convolutions of residual-block.comp in plain arithmetic: an invocation sums four pixels down by four channels. Both
 * tiles lie [channels / 4][row][column], so that neighbours read side by side; halves are packed by hand, since 16-bit
 * shared memory would be one more thing to ask of a device. */

#ifdef HALF
#define PACKED uvec2
PACKED pack(vec4 v) { return uvec2(packHalf2x16(v.xy), packHalf2x16(v.zw)); }
vec4 unpack(PACKED v) { return vec4(unpackHalf2x16(v.x), unpackHalf2x16(v.y)); }
#else
#define PACKED vec4
#define pack
#define unpack
#endif

layout(set = 0, binding = 1) readonly buffer In1Quads { STORE4 quads1[]; };
layout(set = 0, binding = 3) readonly buffer In3Quads { STORE4 quads3[]; };

/* fours of rows; the last may reach beyond its tile, so what it reads has rows for it */
const int M_FOURS = (MH + 3) / 4, FOURS = (TH + 3) / 4;
const int X_PLANE = (4 * M_FOURS + 2) * XW, M_PLANE = (4 * FOURS + 2) * MW, MIDDLE = C / 4 * X_PLANE;
shared PACKED tile[MIDDLE + C / 4 * M_PLANE];

vec4 sums[4];

void put_x(ivec2 at, int channel, vec4 v) { tile[channel / 4 * X_PLANE + at.y * XW + at.x] = pack(v); }

vec4 weights(bool second, int at)
{
    return second ? vec4(quads3[(p.base[3] + uint(at)) / 4]) : vec4(quads1[(p.base[1] + uint(at)) / 4]);
}

/* `from`: the place in `tile` of the pixel under the uppermost kernel's corner. */
void sum(bool second, int from, int width, int plane, int channel)
{
    [[unroll]] for (int r = 0; r < 4; r++)
        sums[r] = vec4(0.0);
    for (int i = 0; i < C; i += 4, from += plane)
        for (int kx = 0; kx < 3; kx++) {
            vec4 v[6];
            [[unroll]] for (int r = 0; r < 6; r++)
                v[r] = unpack(tile[from + r * width + kx]);
            [[unroll]] for (int ky = 0; ky < 3; ky++) {
                int w = ((ky * 3 + kx) * C + i) * C + channel;
                vec4 w0 = weights(second, w), w1 = weights(second, w + C);
                vec4 w2 = weights(second, w + 2 * C), w3 = weights(second, w + 3 * C);
                [[unroll]] for (int r = 0; r < 4; r++)
                    sums[r] += v[r + ky].x * w0 + v[r + ky].y * w1 + v[r + ky].z * w2 + v[r + ky].w * w3;
            }
        }
}

/* Some of the last share's items are made twice: loops that all invocations go through alike have run on every driver,
 * while those that whole subgroups skip crashed Mesa 26.1.6's software one. */
int item(int from, int n) { return min(from + int(gl_LocalInvocationIndex), n - 1); }

void make_middle()
{
    const int n = MW * M_FOURS * (C / 4);

    for (int from = 0; from < n; from += LOCAL) {
        int k = item(from, n), x = k % MW, y = k / MW % M_FOURS * 4, channel = k / MW / M_FOURS * 4;
        sum(false, y * XW + x, XW, X_PLANE, channel);
        for (int r = 0; r < 4; r++)
            if (y + r < MH)
                tile[MIDDLE + channel / 4 * M_PLANE + (y + r) * MW + x] =
                    pack(between(first + ivec2(x, y + r) - 1, channel, sums[r]));
    }
}

void finish()
{
    const int n = TW * FOURS * (C / 4);

    for (int from = 0; from < n; from += LOCAL) {
        int k = item(from, n), x = k % TW, y = k / TW % FOURS * 4, channel = k / TW / FOURS * 4;
        sum(true, MIDDLE + y * MW + x, MW, M_PLANE, channel);
        for (int r = 0; r < 4; r++)
            if (y + r < TH)
                result(first + ivec2(x, y + r), channel, sums[r]);
    }
}
