/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-kernels.h"
#include "base/error.h"

#include <string.h>

G_STATIC_ASSERT(sizeof(YonosVkPush) <= 128); /* what every device gives */

#define LOCAL 64 /* of shaders/common.glsl */
#define PIXELS 4 /* of shaders/conv.comp */

/* Sets push->work and groups[]: y and z are set to 1 before, x is folded over y afterwards. */
typedef void Size(YonosVkPush *push, guint32 groups[3]);

static guint32 over(guint64 n, guint32 by)
{
    return (guint32)((n + by - 1) / by);
}

static void size_elements(YonosVkPush *push, guint32 groups[3])
{
    push->work = (guint32)yonos_shape_elements(push->y);
    groups[0] = over(push->work, LOCAL);
}

static void size_one(YonosVkPush *push, guint32 groups[3])
{
    push->work = groups[0] = 1;
}

static void size_element_groups(YonosVkPush *push, guint32 groups[3])
{
    push->work = groups[0] = (guint32)yonos_shape_elements(push->y);
}

static void size_pixels(YonosVkPush *push, guint32 groups[3])
{
    push->work = groups[0] = (guint32)push->y.n * push->y.h * push->y.w;
}

static void size_norm(YonosVkPush *push, guint32 groups[3])
{
    push->work = groups[0] = (guint32)(push->y.n * push->i[0]);
}

static void size_conv(YonosVkPush *push, guint32 groups[3])
{
    push->work = (guint32)push->y.n * push->y.h * over(push->y.w, PIXELS);
    groups[0] = over(push->work, LOCAL);
    groups[2] = over(push->y.c, 4);
}

static void size_conv_data(YonosVkPush *push, guint32 groups[3])
{
    push->work = (guint32)push->y.n * push->y.h * push->y.w;
    groups[0] = over(push->work, LOCAL);
    groups[2] = over(push->y.c, 4);
}

static void size_conv_weights(YonosVkPush *push, guint32 groups[3])
{
    push->work = groups[0] = (guint32)push->y.n * push->y.h * push->y.w * over(push->y.c, 4);
}

static guint32 variant_conv(const YonosVkPush *push)
{
    return (push->x.c | push->w.c | push->base[0] | push->base[1]) % 4 == 0;
}

#define SHADER(name)                                                                                                   \
    extern const uint32_t yonos_shader_##name##_f32[], yonos_shader_##name##_f16[];                                    \
    extern const size_t yonos_shader_##name##_f32_size, yonos_shader_##name##_f16_size;
#define SHADERS(X)                                                                                                     \
    X(conv) X(conv_data) X(conv_weights) X(sum_pixels) X(act) X(act_grad) X(add) X(concat) X(slice) X(embed)           \
    X(shuffle) X(unshuffle) X(nearest) X(sum_blocks) X(resize) X(extent) X(group_norm) X(l1) X(l1_grad) X(mse)         \
    X(mse_grad) X(mix) X(group_norm_data) X(group_norm_scale) X(resize_grad) X(extent_grad)                            \
    X(max_pool) X(max_pool_grad) X(unit_norm) X(unit_norm_grad) X(hinge) X(hinge_grad) X(window) X(window_grad)
SHADERS(SHADER)

typedef struct {
    const uint32_t *code[2]; /* fp32, fp16 */
    const size_t *code_size[2];
    Size *size;
    guint32 (*variant)(const YonosVkPush *push); /* NULL: always 0 */
} Kernel;

#define CODE(name)                                                                                                     \
    {yonos_shader_##name##_f32, yonos_shader_##name##_f16},                                                            \
    {                                                                                                                  \
        &yonos_shader_##name##_f32_size, &yonos_shader_##name##_f16_size                                               \
    }

static const Kernel table[YONOS_OP_COUNT] = {
    [YONOS_OP_CONV] = {CODE(conv), size_conv, variant_conv},
    [YONOS_OP_CONV_DATA] = {CODE(conv_data), size_conv_data, NULL},
    [YONOS_OP_CONV_WEIGHTS] = {CODE(conv_weights), size_conv_weights, NULL},
    [YONOS_OP_SUM_PIXELS] = {CODE(sum_pixels), size_element_groups, NULL},
    [YONOS_OP_ACT] = {CODE(act), size_elements, NULL},
    [YONOS_OP_ACT_GRAD] = {CODE(act_grad), size_elements, NULL},
    [YONOS_OP_ADD] = {CODE(add), size_elements, NULL},
    [YONOS_OP_CONCAT] = {CODE(concat), size_elements, NULL},
    [YONOS_OP_SLICE] = {CODE(slice), size_elements, NULL},
    [YONOS_OP_EMBED] = {CODE(embed), size_elements, NULL},
    [YONOS_OP_SHUFFLE] = {CODE(shuffle), size_elements, NULL},
    [YONOS_OP_UNSHUFFLE] = {CODE(unshuffle), size_elements, NULL},
    [YONOS_OP_NEAREST] = {CODE(nearest), size_elements, NULL},
    [YONOS_OP_SUM_BLOCKS] = {CODE(sum_blocks), size_elements, NULL},
    [YONOS_OP_GROUP_NORM] = {CODE(group_norm), size_norm, NULL},
    [YONOS_OP_RESIZE] = {CODE(resize), size_elements, NULL},
    [YONOS_OP_EXTENT] = {CODE(extent), size_elements, NULL},
    [YONOS_OP_L1] = {CODE(l1), size_one, NULL},
    [YONOS_OP_L1_GRAD] = {CODE(l1_grad), size_elements, NULL},
    [YONOS_OP_MSE] = {CODE(mse), size_one, NULL},
    [YONOS_OP_MSE_GRAD] = {CODE(mse_grad), size_elements, NULL},
    [YONOS_OP_MIX] = {CODE(mix), size_elements, NULL},
    [YONOS_OP_GROUP_NORM_DATA] = {CODE(group_norm_data), size_norm, NULL},
    [YONOS_OP_GROUP_NORM_SCALE] = {CODE(group_norm_scale), size_norm, NULL},
    [YONOS_OP_RESIZE_GRAD] = {CODE(resize_grad), size_elements, NULL},
    [YONOS_OP_EXTENT_GRAD] = {CODE(extent_grad), size_elements, NULL},
    [YONOS_OP_MAX_POOL] = {CODE(max_pool), size_elements, NULL},
    [YONOS_OP_MAX_POOL_GRAD] = {CODE(max_pool_grad), size_elements, NULL},
    [YONOS_OP_UNIT_NORM] = {CODE(unit_norm), size_pixels, NULL},
    [YONOS_OP_UNIT_NORM_GRAD] = {CODE(unit_norm_grad), size_pixels, NULL},
    [YONOS_OP_HINGE] = {CODE(hinge), size_one, NULL},
    [YONOS_OP_HINGE_GRAD] = {CODE(hinge_grad), size_elements, NULL},
    [YONOS_OP_WINDOW] = {CODE(window), size_elements, NULL},
    [YONOS_OP_WINDOW_GRAD] = {CODE(window_grad), size_elements, NULL},
};

gboolean yonos_vk_kernels_make(YonosVkKernels *kernels, YonosVkDevice *d, gboolean half, GError **error)
{
    VkDescriptorSetLayoutBinding bindings[YONOS_VK_BINDINGS];
    VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(YonosVkPush)};
    VkDescriptorSetLayoutCreateInfo set = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                           .bindingCount = YONOS_VK_BINDINGS,
                                           .pBindings = bindings};
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         .setLayoutCount = 1,
                                         .pushConstantRangeCount = 1,
                                         .pPushConstantRanges = &range};

    kernels->half = half;
    for (guint32 k = 0; k < YONOS_VK_BINDINGS; k++)
        bindings[k] = (VkDescriptorSetLayoutBinding){k, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                                                     VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    VK(vkCreateDescriptorSetLayout(d->device, &set, NULL, &kernels->set_layout));
    layout.pSetLayouts = &kernels->set_layout;
    VK(vkCreatePipelineLayout(d->device, &layout, NULL, &kernels->layout));
    return TRUE;
fail:
    return FALSE;
}

void yonos_vk_kernels_clear(YonosVkKernels *kernels, YonosVkDevice *d)
{
    for (int op = 0; op < YONOS_OP_COUNT; op++)
        for (int k = 0; k < YONOS_VK_VARIANTS; k++)
            vkDestroyPipeline(d->device, kernels->pipelines[op][k], NULL);
    vkDestroyPipelineLayout(d->device, kernels->layout, NULL);
    vkDestroyDescriptorSetLayout(d->device, kernels->set_layout, NULL);
    memset(kernels, 0, sizeof *kernels);
}

static gboolean pipeline_make(YonosVkKernels *kernels, YonosVkDevice *d, const Kernel *kernel, guint32 variant,
                              VkPipeline *pipeline, GError **error)
{
    VkSpecializationMapEntry entry = {0, 0, sizeof variant};
    VkSpecializationInfo special = {1, &entry, sizeof variant, &variant};
    VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                     .codeSize = *kernel->code_size[kernels->half],
                                     .pCode = kernel->code[kernels->half]};
    VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                  .pName = "main",
                                                  .pSpecializationInfo = &special},
                                        .layout = kernels->layout};
    gboolean done = FALSE;

    VK(vkCreateShaderModule(d->device, &code, NULL, &info.stage.module));
    VK(vkCreateComputePipelines(d->device, d->cache, 1, &info, NULL, pipeline));
    done = TRUE;
fail:
    vkDestroyShaderModule(d->device, info.stage.module, NULL);
    return done;
}

static gboolean groups_fit(const YonosVkDevice *d, const char *name, guint32 groups[3], GError **error)
{
    const guint32 *limit = d->properties.limits.maxComputeWorkGroupCount;

    if (groups[0] > limit[0]) {
        groups[1] = over(groups[0], limit[0]);
        groups[0] = over(groups[0], groups[1]);
    }
    if (groups[1] <= limit[1] && groups[2] <= limit[2])
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                "Operation '%s' is too large for one dispatch of this Vulkan device; use smaller frames.", name);
    return FALSE;
}

gboolean yonos_vk_kernels_dispatch(YonosVkKernels *kernels, YonosVkDevice *d, const YonosGraph *graph,
                                   const YonosNode *node, YonosVkDispatch *dispatch, GError **error)
{
    const Kernel *kernel = &table[node->op];
    YonosVkPush *push = &dispatch->push;
    guint32 variant;
    VkPipeline *pipeline;

    if (!kernel->size || node->n_inputs > YONOS_VK_OPERANDS) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                    "Operation '%s' has no Vulkan kernel; use the CPU for this network.", yonos_op(node->op)->name);
        return FALSE;
    }
    push->x = yonos_graph_shape(graph, node->in[0]);
    push->w = node->n_inputs > 1 ? yonos_graph_shape(graph, node->in[1]) : (YonosShape){0, 0, 0, 0};
    push->y = yonos_graph_shape(graph, node->out);
    memcpy(push->i, node->i, sizeof push->i);
    push->f = node->f[0];
    push->present = 0;
    for (int k = 0; k < node->n_inputs; k++)
        push->present |= (node->in[k] >= 0 ? 1u : 0u) << k;
    dispatch->groups[0] = dispatch->groups[1] = dispatch->groups[2] = 1;
    kernel->size(push, dispatch->groups);
    variant = kernel->variant ? kernel->variant(push) : 0;
    pipeline = &kernels->pipelines[node->op][variant];
    if (!groups_fit(d, yonos_op(node->op)->name, dispatch->groups, error) ||
        (!*pipeline && !pipeline_make(kernels, d, kernel, variant, pipeline, error)))
        return FALSE;
    dispatch->pipeline = *pipeline;
    return TRUE;
}
