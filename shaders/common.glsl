/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all kernels share. STORE is the type in memory, float or float16_t; arithmetic is always float. LOCAL is the
 * workgroup's size, a constant of the pipeline with LOCAL_BY_CONSTANT. Bindings 0 to 5 are the operands, 6 is the output; the block is YonosVkPush of vk-kernels.h. */

#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_control_flow_attributes : require
#ifdef SUBGROUPS
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif
#ifdef COOPMAT
#pragma use_vulkan_memory_model
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#ifdef COOPMAT2
#extension GL_NV_cooperative_matrix2 : require
#endif
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#endif

#ifdef LOCAL_BY_CONSTANT
layout(local_size_x_id = 1) in;
layout(constant_id = 1) const int LOCAL = 64;
#else
#ifndef LOCAL
#define LOCAL 64
#endif
layout(local_size_x = LOCAL) in;
#endif
layout(constant_id = 0) const uint VARIANT = 0;

layout(set = 0, binding = 0) readonly buffer In0 { STORE in0[]; };
layout(set = 0, binding = 1) readonly buffer In1 { STORE in1[]; };
layout(set = 0, binding = 2) readonly buffer In2 { STORE in2[]; };
layout(set = 0, binding = 3) readonly buffer In3 { STORE in3[]; };
layout(set = 0, binding = 4) readonly buffer In4 { STORE in4[]; };
layout(set = 0, binding = 5) readonly buffer In5 { STORE in5[]; };
layout(set = 0, binding = 6) buffer Out { STORE out0[]; };
layout(set = 0, binding = 7) buffer Scratch { float scratch[]; }; /* between the two passes of a sum */

struct Shape {
    int n, h, w, c;
};

layout(push_constant) uniform Push {
    Shape x, w, y; /* of operand 0, operand 1 and the output */
    int i[6];
    uint base[7];
    uint present; /* bit k: operand k is there */
    float f;
    uint work; /* invocations, or workgroups where a kernel reduces */
    uint shares, chunk; /* of a sum that is shared out: workgroups, and pixels or elements a workgroup */
} p;

float load0(uint k) { return float(in0[p.base[0] + k]); }
float load1(uint k) { return float(in1[p.base[1] + k]); }
float load2(uint k) { return float(in2[p.base[2] + k]); }
float load3(uint k) { return float(in3[p.base[3] + k]); }
float load4(uint k) { return float(in4[p.base[4] + k]); }
float load5(uint k) { return float(in5[p.base[5] + k]); }
float load_out(uint k) { return float(out0[p.base[6] + k]); }
void store(uint k, float value) { out0[p.base[6] + k] = STORE(value); }

bool has(uint operand) { return (p.present >> operand & 1u) != 0u; }
uint elements(Shape s) { return uint(s.n) * uint(s.h) * uint(s.w) * uint(s.c); }

/* Large dispatches are folded over x and y. */
uint workgroup() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }
uint invocation() { return workgroup() * LOCAL + gl_LocalInvocationID.x; }
