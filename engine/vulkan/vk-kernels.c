/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-kernels.h"
#include "base/error.h"
#include "vulkan/vk-block.h"

#include <string.h>

G_STATIC_ASSERT(sizeof(YonosVkPush) <= 128); /* what every device gives */

#define LOCAL 64 /* of shaders/common.glsl */

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

static void size_pixels(YonosVkPush *push, guint32 groups[3])
{
    push->work = groups[0] = (guint32)push->y.n * push->y.h * push->y.w;
}

static void size_norm(YonosVkPush *push, guint32 groups[3])
{
    push->work = groups[0] = (guint32)(push->y.n * push->i[0]);
}

typedef struct {
    YonosVkShader shader;
    Size *size;        /* or */
    YonosVkPlan *plan; /* which may choose another shader */
} Kernel;

#define KERNEL(name, size) {YONOS_VK_SHADER_##name, size, NULL}
#define PLANNED(name, plan) {YONOS_VK_SHADER_##name, NULL, yonos_vk_plan_##plan}

static const Kernel table[YONOS_OP_COUNT] = {
    [YONOS_OP_CONV] = PLANNED(conv, conv),
    [YONOS_OP_CONV_DATA] = PLANNED(conv_data, conv_data),
    [YONOS_OP_CONV_WEIGHTS] = PLANNED(conv_weights, conv_weights),
    [YONOS_OP_SUM_PIXELS] = PLANNED(sum_pixels, sum_pixels),
    [YONOS_OP_ACT] = KERNEL(act, size_elements),
    [YONOS_OP_ACT_GRAD] = KERNEL(act_grad, size_elements),
    [YONOS_OP_ADD] = KERNEL(add, size_elements),
    [YONOS_OP_CONCAT] = KERNEL(concat, size_elements),
    [YONOS_OP_SLICE] = KERNEL(slice, size_elements),
    [YONOS_OP_EMBED] = KERNEL(embed, size_elements),
    [YONOS_OP_SHUFFLE] = KERNEL(shuffle, size_elements),
    [YONOS_OP_UNSHUFFLE] = KERNEL(unshuffle, size_elements),
    [YONOS_OP_NEAREST] = KERNEL(nearest, size_elements),
    [YONOS_OP_SUM_BLOCKS] = KERNEL(sum_blocks, size_elements),
    [YONOS_OP_GROUP_NORM] = KERNEL(group_norm, size_norm),
    [YONOS_OP_RESIZE] = KERNEL(resize, size_elements),
    [YONOS_OP_EXTENT] = KERNEL(extent, size_elements),
    [YONOS_OP_L1] = PLANNED(l1, mean),
    [YONOS_OP_L1_GRAD] = KERNEL(l1_grad, size_elements),
    [YONOS_OP_MSE] = PLANNED(mse, mean),
    [YONOS_OP_MSE_GRAD] = KERNEL(mse_grad, size_elements),
    [YONOS_OP_MIX] = KERNEL(mix, size_elements),
    [YONOS_OP_GROUP_NORM_DATA] = KERNEL(group_norm_data, size_norm),
    [YONOS_OP_GROUP_NORM_SCALE] = KERNEL(group_norm_scale, size_norm),
    [YONOS_OP_RESIZE_GRAD] = KERNEL(resize_grad, size_elements),
    [YONOS_OP_EXTENT_GRAD] = KERNEL(extent_grad, size_elements),
    [YONOS_OP_MAX_POOL] = KERNEL(max_pool, size_elements),
    [YONOS_OP_MAX_POOL_GRAD] = KERNEL(max_pool_grad, size_elements),
    [YONOS_OP_UNIT_NORM] = KERNEL(unit_norm, size_pixels),
    [YONOS_OP_UNIT_NORM_GRAD] = KERNEL(unit_norm_grad, size_pixels),
    [YONOS_OP_HINGE] = PLANNED(hinge, mean),
    [YONOS_OP_HINGE_GRAD] = KERNEL(hinge_grad, size_elements),
    [YONOS_OP_WINDOW] = KERNEL(window, size_elements),
    [YONOS_OP_WINDOW_GRAD] = KERNEL(window_grad, size_elements),
    [YONOS_OP_RESIDUAL_BLOCK] = PLANNED(residual_block, residual_block),
};

/* By shader: the same with subgroup arithmetic, or 0. */
#define TWIN(name) [YONOS_VK_SHADER_##name] = YONOS_VK_SHADER_##name##_subgroup,
static const YonosVkShader twins[YONOS_VK_SHADER_COUNT] = {YONOS_VK_REDUCTIONS(TWIN)};

typedef struct {
    YonosVkShader shader;
    guint32 constants[YONOS_VK_CONSTANTS];
    VkPipeline pipeline;
} Made;

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
    kernels->pipelines = g_array_new(FALSE, FALSE, sizeof(Made));
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
    for (guint k = 0; kernels->pipelines && k < kernels->pipelines->len; k++)
        vkDestroyPipeline(d->device, g_array_index(kernels->pipelines, Made, k).pipeline, NULL);
    g_clear_pointer(&kernels->pipelines, g_array_unref);
    vkDestroyPipelineLayout(d->device, kernels->layout, NULL);
    vkDestroyDescriptorSetLayout(d->device, kernels->set_layout, NULL);
    memset(kernels, 0, sizeof *kernels);
}

static gboolean pipeline_make(YonosVkKernels *kernels, YonosVkDevice *d, YonosVkPass *pass, GError **error)
{
    VkSpecializationMapEntry entries[YONOS_VK_CONSTANTS];
    VkSpecializationInfo special = {YONOS_VK_CONSTANTS, entries, sizeof pass->constants, pass->constants};
    VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo size = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = d->features.subgroup};
    VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                  .pName = "main",
                                                  .pSpecializationInfo = &special},
                                        .layout = kernels->layout};
    gboolean done = FALSE;

    for (guint32 k = 0; k < YONOS_VK_CONSTANTS; k++)
        entries[k] = (VkSpecializationMapEntry){k, k * sizeof pass->constants[0], sizeof pass->constants[0]};
    if (pass->whole_subgroups && d->features.sized)
        info.stage.pNext = &size;
    if (pass->whole_subgroups && d->features.full)
        info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
    code.pCode = yonos_vk_shader_code(pass->shader, kernels->half, &code.codeSize);
    VK(vkCreateShaderModule(d->device, &code, NULL, &info.stage.module));
    VK(vkCreateComputePipelines(d->device, d->cache, 1, &info, NULL, &pass->pipeline));
    kernels->matrices |= pass->whole_subgroups;
    done = TRUE;
fail:
    vkDestroyShaderModule(d->device, info.stage.module, NULL);
    return done;
}

static gboolean pipeline_find(YonosVkKernels *kernels, YonosVkDevice *d, YonosVkPass *pass, GError **error)
{
    Made made = {.shader = pass->shader};

    for (guint k = 0; k < kernels->pipelines->len; k++) {
        const Made *old = &g_array_index(kernels->pipelines, Made, k);
        if (old->shader != pass->shader || memcmp(old->constants, pass->constants, sizeof pass->constants))
            continue;
        pass->pipeline = old->pipeline;
        return TRUE;
    }
    if (!pipeline_make(kernels, d, pass, error))
        return FALSE;
    memcpy(made.constants, pass->constants, sizeof made.constants);
    made.pipeline = pass->pipeline;
    g_array_append_val(kernels->pipelines, made);
    return TRUE;
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

void yonos_vk_push_fill(YonosVkPush *push, const YonosGraph *graph, const YonosNode *node, const guint32 *base)
{
    push->x = yonos_graph_shape(graph, node->in[0]);
    push->w = node->n_inputs > 1 ? yonos_graph_shape(graph, node->in[1]) : (YonosShape){0, 0, 0, 0};
    push->y = yonos_graph_shape(graph, node->out);
    memcpy(push->i, node->i, sizeof push->i);
    memcpy(push->base, base, sizeof push->base);
    push->f = node->f[0];
    for (int k = 0; k < node->n_inputs; k++)
        push->present |= (node->in[k] >= 0 ? 1u : 0u) << k;
}

gboolean yonos_vk_kernels_dispatch(YonosVkKernels *kernels, YonosVkDevice *d, const YonosGraph *graph,
                                   const YonosNode *node, const guint32 *base, int wanted, YonosVkDispatch *dispatch,
                                   GError **error)
{
    const Kernel *kernel = &table[node->op];
    YonosVkPass *pass = &dispatch->pass[0];

    if ((!kernel->size && !kernel->plan) || node->n_inputs > YONOS_VK_OPERANDS)
        goto none;
    memset(dispatch, 0, sizeof *dispatch);
    dispatch->n_passes = 1;
    dispatch->wanted = wanted;
    dispatch->tile = -1;
    pass->shader = kernel->shader;
    pass->groups[0] = pass->groups[1] = pass->groups[2] = 1;
    yonos_vk_push_fill(&pass->push, graph, node, base);
    if (kernel->plan)
        kernel->plan(d, kernels->half, dispatch);
    else
        kernel->size(&pass->push, pass->groups);
    if (!dispatch->n_passes)
        goto none;
    if (d->features.subgroups && twins[pass->shader])
        pass->shader = twins[pass->shader];
    for (int k = 0; k < dispatch->n_passes; k++)
        if (!groups_fit(d, yonos_op(node->op)->name, dispatch->pass[k].groups, error) ||
            !pipeline_find(kernels, d, &dispatch->pass[k], error))
            return FALSE;
    return TRUE;
none:
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                "Operation '%s' has no Vulkan kernel for this device; use the CPU for this network.",
                yonos_op(node->op)->name);
    return FALSE;
}

char *yonos_vk_dispatch_text(const YonosVkDispatch *dispatch, gboolean half)
{
    GString *text = g_string_new(NULL);

    for (int k = 0; k < dispatch->n_passes; k++) {
        const YonosVkPass *pass = &dispatch->pass[k];
        g_string_append_printf(text, "%s%s", k ? ", " : "", yonos_vk_shader_name(pass->shader));
        for (guint i = 0; i < YONOS_VK_CONSTANTS; i++)
            g_string_append_printf(text, "%c%u", i ? '.' : ' ', pass->constants[i]);
    }
    if (dispatch->tile >= 0)
        g_string_append_printf(text, ", tile %d", dispatch->tile);
    g_string_append(text, half ? ", fp16" : ", fp32");
    return g_string_free(text, FALSE);
}
