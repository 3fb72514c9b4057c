/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The convolutions of residual-block.comp by cooperative matrices: fp16 factors, fp32 sums. Both tiles lie [pixel][channel]
 * with XW pixels a row, so that M neighbouring pixels under any place of the kernel are a matrix as they lie; the columns
 * at the end of a row that have no pixel are summed for nothing. A subgroup sums DOWN matrices of pixels at once, by all
 * channels. */

layout(constant_id = 5) const int TEAMS = 4; /* subgroups */
layout(constant_id = 8) const int M = 16;    /* of the device's matrices: M x K times K x N */
layout(constant_id = 9) const int N = 16;
layout(constant_id = 10) const int K = 16;
#define DOWN 2

const int UNIT = DOWN * M, MIDDLES = (MH * XW + UNIT - 1) / UNIT, FINALS = (TH * XW + UNIT - 1) / UNIT;
const int ROW = C / 4 + 2; /* fours a pixel, and 16 bytes more against bank conflicts */
const int MIDDLE = (MIDDLES * UNIT + 2 * XW + 2) * ROW;
shared f16vec4 tile[MIDDLE + (MIDDLES * UNIT + UNIT + 2) * ROW];
shared vec4 finished_tile[TEAMS * M * N / 4];

coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[DOWN * (C / N)];

void put_x(ivec2 at, int channel, vec4 v) { tile[(at.y * XW + at.x) * ROW + channel / 4] = f16vec4(v); }

/* The sums of UNIT pixels; `from`: the place in `tile` of the first under the kernel's corner. */
void multiply(bool second, int from)
{
    [[unroll]] for (int i = 0; i < DOWN * (C / N); i++)
        sums[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
    /* unrolled, RADV of Mesa 25 hoists all loads and spills eight hundred registers */
    [[dont_unroll]] for (int tap = 0; tap < 9; tap++)
        for (int k = 0; k < C; k += K) {
            int at = from + (tap / 3 * XW + tap % 3) * ROW + k / 4;
            coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a[DOWN];
            coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b;
            [[unroll]] for (int i = 0; i < DOWN; i++)
                coopMatLoad(a[i], tile, at + i * M * ROW, ROW, gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (int j = 0; j < C / N; j++) {
                uint w = uint((tap * C + k) * C + j * N);
                if (second)
                    coopMatLoad(b, in3, p.base[3] + w, C, gl_CooperativeMatrixLayoutRowMajor);
                else
                    coopMatLoad(b, in1, p.base[1] + w, C, gl_CooperativeMatrixLayoutRowMajor);
                [[unroll]] for (int i = 0; i < DOWN; i++)
                    sums[i * (C / N) + j] = coopMatMulAdd(a[i], b, sums[i * (C / N) + j]);
            }
        }
}

/* How a matrix lies in registers is the driver's business, so it goes through shared memory, the subgroup's own. */
void take(bool second, int unit)
{
    int own = int(gl_SubgroupID) * M * N / 4;

    [[unroll]] for (int k = 0; k < DOWN * (C / N); k++) {
        subgroupBarrier();
        coopMatStore(sums[k], finished_tile, own, N / 4, gl_CooperativeMatrixLayoutRowMajor);
        subgroupBarrier();
        for (int i = int(gl_SubgroupInvocationID); i < M * N / 4; i += int(gl_SubgroupSize)) {
            int pixel = unit * UNIT + k / (C / N) * M + i / (N / 4), channel = k % (C / N) * N + i % (N / 4) * 4;
            ivec2 at = ivec2(pixel % XW, pixel / XW);
            if (second && at.x < TW && at.y < TH)
                result(first + at, channel, finished_tile[own + i]);
            if (!second && at.x < MW && at.y < MH)
                tile[MIDDLE + pixel * ROW + channel / 4] = f16vec4(between(first + at - 1, channel, finished_tile[own + i]));
        }
    }
}

/* All subgroups go through the loops alike, as their barriers want it; the last of an uneven share is made twice. */
void make_middle()
{
    for (int from = 0; from < MIDDLES; from += TEAMS) {
        int unit = min(from + int(gl_SubgroupID), MIDDLES - 1);
        multiply(false, unit * UNIT * ROW);
        take(false, unit);
    }
}

void finish()
{
    for (int from = 0; from < FINALS; from += TEAMS) {
        int unit = min(from + int(gl_SubgroupID), FINALS - 1);
        multiply(true, MIDDLE + unit * UNIT * ROW);
        take(true, unit);
    }
}
