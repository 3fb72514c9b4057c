/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The product of gemm.glsl by the cooperative matrices of VK_NV_cooperative_matrix2, whose size is free: one of TM by TN
 * sums for a subgroup or, where that is the whole tile, for the workgroup. The driver shares it out among the
 * invocations, and hands each sum with its place to `finish_one`, so that none passes through shared memory. */

layout(constant_id = 8) const int SCOPE = gl_ScopeSubgroup; /* or gl_ScopeWorkgroup */

#include "coopmat-tiles.glsl"

coopmat<float, SCOPE, TM, TN, gl_MatrixUseAccumulator> sums;

void clear() { sums = coopmat<float, SCOPE, TM, TN, gl_MatrixUseAccumulator>(0.0); }

void multiply()
{
    coopmat<float16_t, SCOPE, TM, BK, gl_MatrixUseA> a;
    coopmat<float16_t, SCOPE, BK, TN, gl_MatrixUseB> b;

#ifdef A_WIDE
    coopMatLoad(a, a_tile, part_row() / 4, A_ROW, gl_CooperativeMatrixLayoutColumnMajor);
#else
    coopMatLoad(a, a_tile, part_row() * A_ROW, A_ROW, gl_CooperativeMatrixLayoutRowMajor);
#endif
#ifdef B_DEEP
    coopMatLoad(b, b_tile, part_column() * B_ROW, B_ROW, gl_CooperativeMatrixLayoutColumnMajor);
#else
    coopMatLoad(b, b_tile, part_column() / 4, B_ROW, gl_CooperativeMatrixLayoutRowMajor);
#endif
    sums = coopMatMulAdd(a, b, sums);
}

float finish_one(const in uint row, const in uint column, const in float v)
{
    result_one(part_row() + int(row), part_column() + int(column), v);
    return v;
}

void finish() { coopMatPerElementNV(sums, sums, finish_one); }
