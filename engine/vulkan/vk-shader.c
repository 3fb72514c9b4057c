/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-shader.h"

#define DECLARE(name)                                                                                                  \
    extern const guint32 yonos_shader_##name##_f32[], yonos_shader_##name##_f16[];                                     \
    extern const gsize yonos_shader_##name##_f32_size, yonos_shader_##name##_f16_size;
#define DECLARE_COOPMAT(name)                                                                                          \
    extern const guint32 yonos_shader_##name##_f16[];                                                                  \
    extern const gsize yonos_shader_##name##_f16_size;
YONOS_VK_SHADERS(DECLARE)
YONOS_VK_SUBGROUP_SHADERS(DECLARE)
YONOS_VK_COOPMAT_SHADERS(DECLARE_COOPMAT)

#define ROW(name)                                                                                                      \
    {#name, {yonos_shader_##name##_f32, yonos_shader_##name##_f16},                                                           \
     {&yonos_shader_##name##_f32_size, &yonos_shader_##name##_f16_size}},
#define ROW_COOPMAT(name) {#name, {NULL, yonos_shader_##name##_f16}, {NULL, &yonos_shader_##name##_f16_size}},
static const struct {
    const char *name;
    const guint32 *code[2]; /* fp32, fp16 */
    const gsize *size[2];
} shaders[] = {YONOS_VK_SHADERS(ROW) YONOS_VK_SUBGROUP_SHADERS(ROW) YONOS_VK_COOPMAT_SHADERS(ROW_COOPMAT)};

const char *yonos_vk_shader_name(YonosVkShader shader)
{
    return shaders[shader].name;
}

const guint32 *yonos_vk_shader_code(YonosVkShader shader, gboolean half, gsize *size)
{
    int store = half ? 1 : 0;

    *size = shaders[shader].size[store] ? *shaders[shader].size[store] : 0;
    return shaders[shader].code[store];
}
