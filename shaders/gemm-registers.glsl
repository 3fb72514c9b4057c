/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The product of gemm.glsl in plain arithmetic: both tiles lie [depth][row or column]. */

const int A_ROW = BM / 4 + 1, B_ROW = BN / 4 + 1; /* one more against bank conflicts */
shared vec4 a_tile[BK * A_ROW], b_tile[BK * B_ROW];

const int COLUMNS = BN / TN, ROWS = BM / TM; /* invocations across and down */
vec4 sums[TM * TN / 4];

void put()
{
    [[unroll]] for (int r = 0; r < LOADS_A; r++) {
#ifdef A_WIDE
        a_tile[a_down(r) * A_ROW + a_across(r) / 4] = next_a[r];
#else
        [[unroll]] for (int i = 0; i < 4; i++)
            a_tile[(a_across(r) + i) * A_ROW + a_down(r) / 4][a_down(r) % 4] = next_a[r][i];
#endif
    }
    [[unroll]] for (int r = 0; r < LOADS_B; r++) {
#ifdef B_DEEP
        [[unroll]] for (int i = 0; i < 4; i++)
            b_tile[(b_across(r) + i) * B_ROW + b_down(r) / 4][b_down(r) % 4] = next_b[r][i];
#else
        b_tile[b_down(r) * B_ROW + b_across(r) / 4] = next_b[r];
#endif
    }
}

void clear()
{
    [[unroll]] for (int i = 0; i < TM * TN / 4; i++)
        sums[i] = vec4(0.0);
}

/* Fours of all invocations lie side by side in the tiles. */
void multiply()
{
    for (int k = 0; k < BK; k++) {
        vec4 a[TM / 4], b[TN / 4];
        [[unroll]] for (int i = 0; i < TM / 4; i++)
            a[i] = a_tile[k * A_ROW + i * ROWS + lane() / COLUMNS];
        [[unroll]] for (int j = 0; j < TN / 4; j++)
            b[j] = b_tile[k * B_ROW + j * COLUMNS + lane() % COLUMNS];
        [[unroll]] for (int i = 0; i < TM; i++)
            [[unroll]] for (int j = 0; j < TN / 4; j++)
                sums[i * TN / 4 + j] += a[i / 4][i % 4] * b[j];
    }
}

void finish()
{
    [[unroll]] for (int i = 0; i < TM; i++)
        [[unroll]] for (int j = 0; j < TN / 4; j++)
            result((i / 4 * ROWS + lane() / COLUMNS) * 4 + i % 4, (j * COLUMNS + lane() % COLUMNS) * 4,
                   sums[i * TN / 4 + j]);
}
