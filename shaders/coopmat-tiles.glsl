/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both tiles of gemm.glsl in shared memory as their fours are fetched, for matrices that are loaded by rows or by columns;
 * and which part of the product is whose. */

/* fours a line, and 16 bytes more against bank conflicts */
#ifdef A_WIDE
const int A_ROW = BM / 4 + 2, A_LINES = BK;
#else
const int A_ROW = BK / 4 + 2, A_LINES = BM;
#endif
#ifdef B_DEEP
const int B_ROW = BK / 4 + 2, B_LINES = BN;
#else
const int B_ROW = BN / 4 + 2, B_LINES = BK;
#endif
const int DOWN = BM / TM, ACROSS = BN / TN; /* parts of TM by TN: a subgroup's, or the workgroup's only one */
shared f16vec4 a_tile[A_LINES * A_ROW], b_tile[B_LINES * B_ROW];

int part_row() { return DOWN * ACROSS == 1 ? 0 : int(gl_SubgroupID) / ACROSS * TM; }
int part_column() { return DOWN * ACROSS == 1 ? 0 : int(gl_SubgroupID) % ACROSS * TN; }

void put()
{
    [[unroll]] for (int r = 0; r < LOADS_A; r++)
        a_tile[a_down(r) * A_ROW + a_across(r) / 4] = next_a[r];
    [[unroll]] for (int r = 0; r < LOADS_B; r++)
        b_tile[b_down(r) * B_ROW + b_across(r) / 4] = next_b[r];
}
