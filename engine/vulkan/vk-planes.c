/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-planes.h"
#include "vulkan/vk-shader.h"

#include <string.h>

G_STATIC_ASSERT(sizeof(YonosVkPlanesPush) <= 128); /* what every device gives */

/* of shaders/planes.glsl and planes-out.comp */
#define LOCAL 64
#define TILE_WIDTH 32
#define TILE_HEIGHT 8

/* The constants of shaders/planes.glsl, by id. */
typedef struct {
    gint32 pixel, r, g, b, a;
    gint32 wide, shift;
    gint32 step, halved_x, halved_y, left, top, swapped;
    gint32 middle;
    float highest, y_offset, y_range, c_range;
    float kr, kg, kb, r_cr, g_cb, g_cr, b_cb;
    float gray_r, gray_g, gray_b;
    gint32 chroma_first;
} Constants;

#define N_CONSTANTS (sizeof(Constants) / sizeof(gint32))

static Constants constants_of(const YonosFrameFormat *f)
{
    YonosFrameMatrix m = yonos_frame_matrix(f);
    YonosFrameChroma chroma = yonos_frame_chroma(f->layout);
    gboolean packed = f->layout == YONOS_FRAME_PACKED;
    int bytes = yonos_frame_depth(f) > 8 ? 2 : 1;

    return (Constants){
        .pixel = packed ? f->pixel_stride / bytes : 0,
        .r = packed ? f->r / bytes : 0,
        .g = packed ? f->g / bytes : 0,
        .b = packed ? f->b / bytes : 0,
        .a = packed && f->a >= 0 ? f->a / bytes : -1,
        .wide = bytes - 1,
        .shift = bytes == 2 ? f->shift : 0,
        .step = chroma.step,
        .halved_x = chroma.halved_x,
        .halved_y = chroma.halved_y,
        .left = f->chroma_left != FALSE,
        .top = f->chroma_top != FALSE,
        .swapped = f->chroma_swapped != FALSE,
        .middle = (int)m.middle,
        .highest = m.top,
        .y_offset = m.y_offset,
        .y_range = m.y_range,
        .c_range = m.c_range,
        .kr = m.kr,
        .kg = m.kg,
        .kb = m.kb,
        .r_cr = m.r_cr,
        .g_cb = m.g_cb,
        .g_cr = m.g_cr,
        .b_cb = m.b_cb,
        .chroma_first = f->chroma_first != FALSE,
    };
}

static gboolean pipeline_make(YonosVkPlanes *p, YonosVkDevice *d, YonosVkShader shader, const Constants *constants,
                              VkPipeline *pipeline, GError **error)
{
    VkSpecializationMapEntry entries[N_CONSTANTS];
    VkSpecializationInfo special = {N_CONSTANTS, entries, sizeof *constants, constants};
    VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
    VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                  .pName = "main",
                                                  .pSpecializationInfo = &special},
                                        .layout = p->layout};
    gboolean done = FALSE;

    for (guint32 k = 0; k < N_CONSTANTS; k++)
        entries[k] = (VkSpecializationMapEntry){k, k * sizeof(gint32), sizeof(gint32)};
    code.pCode = yonos_vk_shader_code(shader, d->half, &code.codeSize);
    VK(vkCreateShaderModule(d->device, &code, NULL, &info.stage.module));
    VK(vkCreateComputePipelines(d->device, d->cache, 1, &info, NULL, pipeline));
    done = TRUE;
fail:
    vkDestroyShaderModule(d->device, info.stage.module, NULL);
    return done;
}

static gboolean pipelines_make(YonosVkPlanes *p, YonosVkDevice *d, GError **error)
{
    Constants in = constants_of(&p->in), out = constants_of(&p->out);
    YonosFrameMatrix m = yonos_frame_matrix(&p->in);

    if (p->in.layout == YONOS_FRAME_GRAY && p->out.layout != YONOS_FRAME_GRAY) {
        out.gray_r = m.kr;
        out.gray_g = m.kg;
        out.gray_b = m.kb;
    }
    return pipeline_make(p, d, YONOS_VK_SHADER_planes_in, &in, &p->to_rgb, error) &&
           pipeline_make(p, d, YONOS_VK_SHADER_planes_out, &out, &p->from_rgb, error);
}

gboolean yonos_vk_planes_make(YonosVkPlanes *p, YonosVkDevice *d, const YonosFrameFormat *in,
                              const YonosFrameFormat *out, guint n_sets, GError **error)
{
    VkDescriptorSetLayoutBinding bindings[YONOS_VK_PLANES_BINDINGS];
    VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(YonosVkPlanesPush)};
    VkDescriptorSetLayoutCreateInfo set = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                           .bindingCount = YONOS_VK_PLANES_BINDINGS,
                                           .pBindings = bindings};
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         .setLayoutCount = 1,
                                         .pushConstantRangeCount = 1,
                                         .pPushConstantRanges = &range};
    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, n_sets * YONOS_VK_PLANES_BINDINGS};
    VkDescriptorPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                       .maxSets = n_sets,
                                       .poolSizeCount = 1,
                                       .pPoolSizes = &size};

    p->in = *in;
    p->out = *out;
    p->in_packing = yonos_frame_packing(in);
    p->out_packing = yonos_frame_packing(out);
    for (guint32 k = 0; k < YONOS_VK_PLANES_BINDINGS; k++)
        bindings[k] =
            (VkDescriptorSetLayoutBinding){k, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    VK(vkCreateDescriptorSetLayout(d->device, &set, NULL, &p->set_layout));
    layout.pSetLayouts = &p->set_layout;
    VK(vkCreatePipelineLayout(d->device, &layout, NULL, &p->layout));
    VK(vkCreateDescriptorPool(d->device, &pool, NULL, &p->pool));
    return pipelines_make(p, d, error);
fail:
    return FALSE;
}

void yonos_vk_planes_clear(YonosVkPlanes *p, YonosVkDevice *d)
{
    vkDestroyPipeline(d->device, p->to_rgb, NULL);
    vkDestroyPipeline(d->device, p->from_rgb, NULL);
    vkDestroyDescriptorPool(d->device, p->pool, NULL);
    vkDestroyPipelineLayout(d->device, p->layout, NULL);
    vkDestroyDescriptorSetLayout(d->device, p->set_layout, NULL);
    memset(p, 0, sizeof *p);
}

gboolean yonos_vk_planes_bind(YonosVkPlanes *p, YonosVkDevice *d, const VkBuffer buffers[YONOS_VK_PLANES_BINDINGS],
                              VkDescriptorSet *set, GError **error)
{
    VkDescriptorSetAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                            .descriptorPool = p->pool,
                                            .descriptorSetCount = 1,
                                            .pSetLayouts = &p->set_layout};
    VkDescriptorBufferInfo infos[YONOS_VK_PLANES_BINDINGS];
    VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                  .descriptorCount = YONOS_VK_PLANES_BINDINGS,
                                  .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                  .pBufferInfo = infos};

    VK(vkAllocateDescriptorSets(d->device, &allocate, set));
    for (guint k = 0; k < YONOS_VK_PLANES_BINDINGS; k++)
        infos[k] = (VkDescriptorBufferInfo){buffers[k], 0, VK_WHOLE_SIZE};
    write.dstSet = *set;
    vkUpdateDescriptorSets(d->device, 1, &write, 0, NULL);
    return TRUE;
fail:
    return FALSE;
}

void yonos_vk_planes_rebind(YonosVkDevice *d, VkBuffer planes, VkDescriptorSet set)
{
    VkDescriptorBufferInfo info = {planes, 0, VK_WHOLE_SIZE};
    VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                  .dstSet = set,
                                  .dstBinding = YONOS_VK_PLANES_FRAME,
                                  .descriptorCount = 1,
                                  .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                  .pBufferInfo = &info};

    vkUpdateDescriptorSets(d->device, 1, &write, 0, NULL);
}

YonosVkPlanesPush yonos_vk_planes_push(const YonosVkPlanes *p, gboolean large)
{
    const YonosFrameFormat *f = large ? &p->out : &p->in;
    const YonosFramePacking *packing = large ? &p->out_packing : &p->in_packing;
    YonosVkPlanesPush push = {.size = {f->width, f->height},
                              .small = {p->in.width, p->in.height},
                              .end = {f->width, f->height},
                              .window = {f->width, f->height}};

    memcpy(push.offset, packing->offset, sizeof push.offset);
    memcpy(push.stride, packing->stride, sizeof push.stride);
    return push;
}

void yonos_vk_planes_record(const YonosVkPlanes *p, gboolean large, VkCommandBuffer commands, VkDescriptorSet set,
                            const YonosVkPlanesPush *push)
{
    guint32 width = (guint32)(push->end[0] - push->first[0]), height = (guint32)(push->end[1] - push->first[1]);
    guint32 across = large ? TILE_WIDTH : LOCAL, down = large ? TILE_HEIGHT : 1;

    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, large ? p->from_rgb : p->to_rgb);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, p->layout, 0, 1, &set, 0, NULL);
    vkCmdPushConstants(commands, p->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof *push, push);
    vkCmdDispatch(commands, (width + across - 1) / across, (height + down - 1) / down, 1);
}
