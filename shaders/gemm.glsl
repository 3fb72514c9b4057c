/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A workgroup computes BM rows by BN columns of a product, BK deep at a time out of shared memory; an invocation keeps TM
 * by TN sums in registers, or with COOPMAT a subgroup does, as cooperative matrices. All are multiples of four; host:
 * engine/vulkan/vk-tile.c. Include after common.glsl. The kernel fetches next_a and next_b, puts them, and multiplies;
 * A_WIDE says that its fours of A lie along the rows' index instead of the depth, B_DEEP that those of B lie along the
 * depth instead of the columns. */

layout(constant_id = 2) const int BM = 32;
layout(constant_id = 3) const int BN = 32;
layout(constant_id = 4) const int BK = 16;
layout(constant_id = 5) const int TM = 4;
layout(constant_id = 6) const int TN = 4;
/* Bit 0: operand 0 can be read in fours, bit 1: operand 1, bit 2: the output; bits 3 and 4: the operands in eights, which
 * are 16 bytes of half precision. */
layout(constant_id = 7) const uint QUADS = 0;
#ifdef HALF
const bool EIGHTS_A = (QUADS & 8u) != 0u, EIGHTS_B = (QUADS & 16u) != 0u;
#else
const bool EIGHTS_A = false, EIGHTS_B = false;
#endif

#ifdef COOPMAT
#define FOUR f16vec4
#define ONE float16_t
#else
#define FOUR vec4
#define ONE float
#endif

layout(set = 0, binding = 0) readonly buffer In0Quads { STORE4 quads0[]; };
layout(set = 0, binding = 1) readonly buffer In1Quads { STORE4 quads1[]; };
layout(set = 0, binding = 4) readonly buffer In4Quads { STORE4 quads4[]; };
layout(set = 0, binding = 6) buffer OutQuads { STORE4 quads_out[]; };

FOUR quad0(uint at) { return FOUR(quads0[(p.base[0] + at) / 4]); }
FOUR quad1(uint at) { return FOUR(quads1[(p.base[1] + at) / 4]); }
FOUR quad4(uint at) { return FOUR(quads4[(p.base[4] + at) / 4]); }

layout(set = 0, binding = 0) readonly buffer In0Eights { uvec4 eights0[]; };
layout(set = 0, binding = 1) readonly buffer In1Eights { uvec4 eights1[]; };
layout(set = 0, binding = 4) readonly buffer In4Eights { uvec4 eights4[]; };

uvec4 eight0(uint at) { return eights0[(p.base[0] + at) / 8]; }
uvec4 eight1(uint at) { return eights1[(p.base[1] + at) / 8]; }
uvec4 eight4(uint at) { return eights4[(p.base[4] + at) / 8]; }

/* A half of eight. */
FOUR four(uint low, uint high)
{
#ifdef COOPMAT
    return f16vec4(unpackFloat2x16(low), unpackFloat2x16(high));
#else
    return vec4(unpackHalf2x16(low), unpackHalf2x16(high));
#endif
}

/* Where the fours lie that an invocation fetches: the first index across, and down, of load `load`. Of eights, two loads
 * that follow each other are the halves. */
#ifdef A_WIDE
#define A_ACROSS (BM / 4)
#else
#define A_ACROSS (BK / 4)
#endif
#ifdef B_DEEP
#define B_ACROSS (BK / 4)
#else
#define B_ACROSS (BN / 4)
#endif
const int LOADS_A = BM * BK / 4 / LOCAL, LOADS_B = BN * BK / 4 / LOCAL;
FOUR next_a[LOADS_A], next_b[LOADS_B];

int lane() { return int(gl_LocalInvocationIndex); }
const int A_LANES = EIGHTS_A ? A_ACROSS / 2 : A_ACROSS, B_LANES = EIGHTS_B ? B_ACROSS / 2 : B_ACROSS;
int a_first() { return lane() % A_LANES * (EIGHTS_A ? 8 : 4); }
int b_first() { return lane() % B_LANES * (EIGHTS_B ? 8 : 4); }
int a_across(int load) { return a_first() + (EIGHTS_A ? load % 2 * 4 : 0); }
int b_across(int load) { return b_first() + (EIGHTS_B ? load % 2 * 4 : 0); }
int a_down(int load) { return lane() / A_LANES + (EIGHTS_A ? load / 2 : load) * (LOCAL / A_LANES); }
int b_down(int load) { return lane() / B_LANES + (EIGHTS_B ? load / 2 : load) * (LOCAL / B_LANES); }

/* The kernel takes four finished sums of neighbouring columns, or with COOPMAT2 one. */
void result(int row, int column, vec4 v);
void result_one(int row, int column, float v);

#if defined COOPMAT2
#include "gemm-coopmat2.glsl"
#elif defined COOPMAT
#include "gemm-coopmat.glsl"
#else
#include "gemm-registers.glsl"
#endif
