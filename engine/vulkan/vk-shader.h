/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The shaders of shaders/meson.build, compiled into the library for each type of memory. */
#define YONOS_VK_SHADERS(X)                                                                                            \
    X(conv) X(conv_tiled) X(conv_data) X(conv_weights) X(sum_pixels) X(sum_shares) X(act) X(act_grad) X(add)           \
    X(concat) X(slice) X(embed) X(shuffle) X(unshuffle) X(nearest) X(sum_blocks) X(resize) X(extent) X(group_norm)     \
    X(l1) X(l1_grad) X(mse) X(mse_grad) X(mix) X(group_norm_data) X(group_norm_scale) X(resize_grad) X(extent_grad)    \
    X(max_pool) X(max_pool_grad) X(unit_norm) X(unit_norm_grad) X(hinge) X(hinge_grad)                                 \
    X(window) X(window_grad) X(residual_block) X(planes_in) X(planes_out)

/* Reductions that have a twin with subgroup arithmetic. */
#define YONOS_VK_REDUCTIONS(X)                                                                                         \
    X(group_norm) X(group_norm_data) X(group_norm_scale) X(unit_norm) X(unit_norm_grad) X(l1) X(mse) X(hinge)
#define YONOS_VK_SUBGROUP_SHADERS(X)                                                                                   \
    X(group_norm_subgroup) X(group_norm_data_subgroup) X(group_norm_scale_subgroup) X(unit_norm_subgroup)              \
    X(unit_norm_grad_subgroup) X(l1_subgroup) X(mse_subgroup) X(hinge_subgroup)

/* With cooperative matrices, so for fp16 only. */
#define YONOS_VK_COOPMAT_SHADERS(X)                                                                                    \
    X(conv_coopmat) X(conv_data_coopmat) X(conv_weights_coopmat) X(residual_block_coopmat)                                \
    X(conv_coopmat2) X(conv_data_coopmat2)

#define YONOS_VK_SHADER_ID(name) YONOS_VK_SHADER_##name,
typedef enum {
    YONOS_VK_SHADERS(YONOS_VK_SHADER_ID) YONOS_VK_SUBGROUP_SHADERS(YONOS_VK_SHADER_ID)
    YONOS_VK_COOPMAT_SHADERS(YONOS_VK_SHADER_ID) YONOS_VK_SHADER_COUNT
} YonosVkShader;
#undef YONOS_VK_SHADER_ID

/* Of all of them, hexadecimal; made by digest.py. */
extern const char yonos_vk_shader_digest[];

/* Its name in YONOS_VK_SHADERS. */
const char *yonos_vk_shader_name(YonosVkShader shader);

/* The SPIR-V and its bytes; constant. NULL where there is none for that type. */
const guint32 *yonos_vk_shader_code(YonosVkShader shader, gboolean half, gsize *size);
