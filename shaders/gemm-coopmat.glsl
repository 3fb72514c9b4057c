/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The product of gemm.glsl by cooperative matrices: fp16 factors, fp32 sums. A subgroup keeps TM by TN sums. */

layout(constant_id = 8) const int M = 16; /* of the device's matrices: M x K times K x N */
layout(constant_id = 9) const int N = 16;
layout(constant_id = 10) const int K = 16;

#include "coopmat-tiles.glsl"
shared vec4 finished_tile[DOWN * ACROSS * M * N / 4];

coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[TM / M * (TN / N)];

void clear()
{
    [[unroll]] for (int i = 0; i < TM / M * (TN / N); i++)
        sums[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
}

void multiply()
{
    for (int k = 0; k < BK; k += K) {
        coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a[TM / M];
        coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b;
        [[unroll]] for (int i = 0; i < TM / M; i++) {
            int row = part_row() + i * M;
#ifdef A_WIDE
            coopMatLoad(a[i], a_tile, k * A_ROW + row / 4, A_ROW, gl_CooperativeMatrixLayoutColumnMajor);
#else
            coopMatLoad(a[i], a_tile, row * A_ROW + k / 4, A_ROW, gl_CooperativeMatrixLayoutRowMajor);
#endif
        }
        [[unroll]] for (int j = 0; j < TN / N; j++) {
            int column = part_column() + j * N;
#ifdef B_DEEP
            coopMatLoad(b, b_tile, column * B_ROW + k / 4, B_ROW, gl_CooperativeMatrixLayoutColumnMajor);
#else
            coopMatLoad(b, b_tile, k * B_ROW + column / 4, B_ROW, gl_CooperativeMatrixLayoutRowMajor);
#endif
            [[unroll]] for (int i = 0; i < TM / M; i++)
                sums[i * (TN / N) + j] = coopMatMulAdd(a[i], b, sums[i * (TN / N) + j]);
        }
    }
}

/* How a matrix lies in registers is the driver's business, so it goes through shared memory, the subgroup's own. */
void finish()
{
    int own = int(gl_SubgroupID) * M * N / 4;

    [[unroll]] for (int i = 0; i < TM / M; i++)
        [[unroll]] for (int j = 0; j < TN / N; j++) {
            subgroupBarrier();
            coopMatStore(sums[i * (TN / N) + j], finished_tile, own, N / 4, gl_CooperativeMatrixLayoutRowMajor);
            subgroupBarrier();
            for (int at = int(gl_SubgroupInvocationID); at < M * N / 4; at += int(gl_SubgroupSize))
                result(part_row() + i * M + at / (N / 4), part_column() + j * N + at % (N / 4) * 4,
                       finished_tile[own + at]);
        }
}
