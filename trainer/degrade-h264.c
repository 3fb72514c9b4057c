/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "degrade-steps.h"

#include <stdlib.h>
#include <string.h>

/* Tables by qp % 6 and by the coefficient's place: both indices even, both odd, mixed. */
static const int forward_scale[6][3] = {{13107, 5243, 8066}, {11916, 4660, 7490}, {10082, 4194, 6554},
                                        {9362, 3647, 5825},  {8192, 3355, 5243},  {7282, 2893, 4559}};
/* normAdjust4x4, clause 8.5.9 */
static const int inverse_scale[6][3] = {{10, 16, 13}, {11, 18, 14}, {13, 20, 16},
                                        {14, 23, 18}, {16, 25, 20}, {18, 29, 23}};
/* QPc by qPI from 30 on, table 8-15 */
static const guint8 chroma_qp[] = {29, 30, 31, 32, 32, 33, 34, 34, 35, 35, 36,
                                   36, 37, 37, 37, 38, 38, 38, 39, 39, 39, 39};
/* alpha', beta', tC0' for bS = 3 by indexA from 16 on, tables 8-16 and 8-17; zero below */
static const guint8 alphas[] = {4,  4,  5,  6,  7,  8,  9,  10, 12,  13,  15,  17,  20,  22,  25,  28,  32,  36,
                                40, 45, 50, 56, 63, 71, 80, 90, 101, 113, 127, 144, 162, 182, 203, 226, 255, 255};
static const guint8 betas[] = {2,  2,  2,  3,  3,  3,  3,  4,  4,  4,  6,  6,  7,  7,  8,  8,  9,  9,
                               10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 17, 18, 18};
static const guint8 clips[] = {0, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,  2,  2,  2,  2,  3,  3,  3,
                               4, 4, 4, 5, 6, 6, 7, 8, 9, 10, 11, 13, 14, 16, 18, 20, 23, 25};

static int place(int k)
{
    int odd = (k & 1) + (k >> 2 & 1);

    return odd == 2 ? 1 : odd == 1 ? 2 : 0;
}

static void forward_1d(int *v, int step)
{
    int a = v[0] + v[3 * step], b = v[step] + v[2 * step], c = v[step] - v[2 * step], d = v[0] - v[3 * step];

    v[0] = a + b;
    v[step] = 2 * d + c;
    v[2 * step] = a - b;
    v[3 * step] = d - 2 * c;
}

/* clause 8.5.12.2 */
static void inverse_1d(int *v, int step)
{
    int a = v[0] + v[2 * step], b = v[0] - v[2 * step];
    int c = (v[step] >> 1) - v[3 * step], d = v[step] + (v[3 * step] >> 1);

    v[0] = a + d;
    v[step] = b + c;
    v[2 * step] = b - c;
    v[3 * step] = a - d;
}

/* A residual as it comes back from the decoder. Rounds by a third of the quantiser step as reference encoders do for
 * intra blocks. */
static void code_residual(int *r, int qp)
{
    int shift = 15 + qp / 6;

    for (int k = 0; k < 4; k++)
        forward_1d(r + 4 * k, 1);
    for (int k = 0; k < 4; k++)
        forward_1d(r + k, 4);
    for (int k = 0; k < 16; k++) {
        int level = (abs(r[k]) * forward_scale[qp % 6][place(k)] + (1 << shift) / 3) >> shift;
        r[k] = (r[k] < 0 ? -level : level) * inverse_scale[qp % 6][place(k)] * (1 << qp / 6);
    }
    for (int k = 0; k < 4; k++)
        inverse_1d(r + 4 * k, 1);
    for (int k = 0; k < 4; k++)
        inverse_1d(r + k, 4);
    for (int k = 0; k < 16; k++)
        r[k] = (r[k] + 32) >> 6;
}

/* The predictions of clause 8.3.1.2: vertical, horizontal, DC, for the block at (x, y). */
static void predict(const guint8 *plane, int stride, int x, int y, int mode, guint8 *out)
{
    const guint8 *block = plane + (gsize)y * stride + x;
    int sum = 0, n = (y > 0) + (x > 0);

    for (int k = 0; k < 4; k++)
        sum += (y > 0 ? block[k - stride] : 0) + (x > 0 ? block[k * stride - 1] : 0);
    for (int k = 0; k < 16; k++)
        out[k] = mode == 0   ? block[k % 4 - stride]
                 : mode == 1 ? block[k / 4 * stride - 1]
                             : (n ? (sum + 2 * n) / (4 * n) : 128);
}

static void code_block(guint8 *plane, int stride, int x, int y, int qp)
{
    guint8 *block = plane + (gsize)y * stride + x, best[16], trial[16];
    int residual[16], least = G_MAXINT;

    for (int mode = 2; mode >= 0; mode--) {
        int difference = 0;
        if ((mode == 0 && !y) || (mode == 1 && !x))
            continue;
        predict(plane, stride, x, y, mode, trial);
        for (int k = 0; k < 16; k++)
            difference += abs(block[k / 4 * stride + k % 4] - trial[k]);
        if (difference < least) {
            least = difference;
            memcpy(best, trial, sizeof best);
        }
    }
    for (int k = 0; k < 16; k++)
        residual[k] = block[k / 4 * stride + k % 4] - best[k];
    code_residual(residual, qp);
    for (int k = 0; k < 16; k++)
        block[k / 4 * stride + k % 4] = (guint8)CLAMP(best[k] + residual[k], 0, 255);
}

/* One line of samples across an edge, q at 0 and up, `step` bytes apart; clauses 8.7.2.3 (bS = 3) and 8.7.2.4 (4). */
static void smooth(guint8 *q, gssize step, int index, gboolean strong, gboolean chroma)
{
    int alpha = alphas[index], beta = betas[index], clip = clips[index];
    int p0 = q[-step], p1 = q[-2 * step], q0 = q[0], q1 = q[step], p2 = 0, q2 = 0, smooth_p, smooth_q, limit, delta;

    if (abs(p0 - q0) >= alpha || abs(p1 - p0) >= beta || abs(q1 - q0) >= beta)
        return;
    if (!chroma) {
        p2 = q[-3 * step];
        q2 = q[2 * step];
    }
    smooth_p = !chroma && abs(p2 - p0) < beta;
    smooth_q = !chroma && abs(q2 - q0) < beta;
    if (strong) {
        gboolean flat = abs(p0 - q0) < (alpha >> 2) + 2;
        q[-step] = (guint8)((2 * p1 + p0 + q1 + 2) >> 2);
        q[0] = (guint8)((2 * q1 + q0 + p1 + 2) >> 2);
        if (smooth_p && flat) {
            q[-step] = (guint8)((p2 + 2 * p1 + 2 * p0 + 2 * q0 + q1 + 4) >> 3);
            q[-2 * step] = (guint8)((p2 + p1 + p0 + q0 + 2) >> 2);
            q[-3 * step] = (guint8)((2 * q[-4 * step] + 3 * p2 + p1 + p0 + q0 + 4) >> 3);
        }
        if (smooth_q && flat) {
            q[0] = (guint8)((q2 + 2 * q1 + 2 * q0 + 2 * p0 + p1 + 4) >> 3);
            q[step] = (guint8)((q2 + q1 + q0 + p0 + 2) >> 2);
            q[2 * step] = (guint8)((2 * q[3 * step] + 3 * q2 + q1 + q0 + p0 + 4) >> 3);
        }
        return;
    }
    limit = chroma ? clip + 1 : clip + smooth_p + smooth_q;
    delta = CLAMP((4 * (q0 - p0) + p1 - q1 + 4) >> 3, -limit, limit);
    q[-step] = (guint8)CLAMP(p0 + delta, 0, 255);
    q[0] = (guint8)CLAMP(q0 - delta, 0, 255);
    if (smooth_p)
        q[-2 * step] = (guint8)(p1 + CLAMP((p2 + ((p0 + q0 + 1) >> 1) - 2 * p1) >> 1, -clip, clip));
    if (smooth_q)
        q[step] = (guint8)(q1 + CLAMP((q2 + ((p0 + q0 + 1) >> 1) - 2 * q1) >> 1, -clip, clip));
}

/* Macroblock by macroblock, left edges before top edges (clause 8.7). */
static void deblock(guint8 *plane, int width, int height, int qp, gboolean chroma)
{
    int side = chroma ? 8 : 16;

    for (int top = 0; top < height; top += side)
        for (int left = 0; left < width; left += side) {
            int bottom = MIN(top + side, height), right = MIN(left + side, width);
            for (int x = left ? left : 4; x < right; x += 4)
                for (int y = top; y < bottom; y++)
                    smooth(plane + (gsize)y * width + x, 1, qp - 16, x == left, chroma);
            for (int y = top ? top : 4; y < bottom; y += 4)
                for (int x = left; x < right; x++)
                    smooth(plane + (gsize)y * width + x, width, qp - 16, y == top, chroma);
        }
}

void yonos_h264_plane(guint8 *plane, int width, int height, int qp, gboolean chroma)
{
    int w = (width + 3) & ~3, h = (height + 3) & ~3; /* an encoder repeats the edge */
    guint8 *padded = g_malloc((gsize)w * h);

    for (int y = 0; y < h; y++) {
        const guint8 *row = plane + (gsize)MIN(y, height - 1) * width;
        memcpy(padded + (gsize)y * w, row, width);
        memset(padded + (gsize)y * w + width, row[width - 1], w - width);
    }
    if (chroma && qp >= 30)
        qp = chroma_qp[qp - 30];
    for (int y = 0; y < h; y += 4)
        for (int x = 0; x < w; x += 4)
            code_block(padded, w, x, y, qp);
    if (qp >= 16)
        deblock(padded, w, h, qp, chroma);
    for (int y = 0; y < height; y++)
        memcpy(plane + (gsize)y * width, padded + (gsize)y * w, width);
    g_free(padded);
}
