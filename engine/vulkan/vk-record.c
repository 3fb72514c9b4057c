/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-record.h"
#include "base/error.h"
#include "vulkan/vk-conv.h"

static gboolean overlaps(const GArray *spans, const YonosVkSpan *span)
{
    for (guint k = 0; k < spans->len; k++) {
        const YonosVkSpan *other = &g_array_index(spans, YonosVkSpan, k);
        if (other->buffer == span->buffer && other->offset < span->offset + span->size &&
            span->offset < other->offset + other->size)
            return TRUE;
    }
    return FALSE;
}

/* A node as it will be recorded. */
typedef struct {
    const YonosNode *node;
    YonosVkDispatch dispatch;
    VkDescriptorBufferInfo infos[YONOS_VK_BINDINGS];
} Step;

static void barrier(YonosVkRecord *r, VkCommandBuffer commands)
{
    VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT};

    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1,
                         &barrier, 0, NULL, 0, NULL);
    g_array_set_size(r->reads, 0);
    g_array_set_size(r->writes, 0);
}

/* Scratch memory counts as written by whoever uses it. */
static void barrier_if_needed(YonosVkRecord *r, VkCommandBuffer commands, const Step *step)
{
    const YonosNode *node = step->node;
    YonosVkSpan out[2] = {r->spans[node->out], {r->scratch.buffer, 0, step->dispatch.scratch}};
    int n_out = step->dispatch.scratch ? 2 : 1;
    gboolean conflict = FALSE;

    for (int k = 0; !conflict && k < n_out; k++)
        conflict = overlaps(r->writes, &out[k]) || overlaps(r->reads, &out[k]);
    for (int k = 0; !conflict && k < node->n_inputs; k++)
        conflict = node->in[k] >= 0 && overlaps(r->writes, &r->spans[node->in[k]]);
    if (conflict)
        barrier(r, commands);
    for (int k = 0; k < node->n_inputs; k++)
        if (node->in[k] >= 0)
            g_array_append_val(r->reads, r->spans[node->in[k]]);
    g_array_append_vals(r->writes, out, n_out);
}

/* A view may start anywhere, a descriptor only at the device's alignment: the rest goes to the kernel as base. */
static gboolean bind(const YonosVkRecord *r, YonosTensorId id, VkDescriptorBufferInfo *info, guint32 *base,
                     GError **error)
{
    const VkPhysicalDeviceLimits *limits = &r->device->properties.limits;
    const YonosVkSpan *span = &r->spans[id];
    VkDeviceSize rest = span->offset % limits->minStorageBufferOffsetAlignment;

    if (yonos_graph_at(r->graph, id)->dtype != YONOS_F32) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                    "The Vulkan kernels take no byte tensors; use the CPU for this network.");
        return FALSE;
    }
    if (span->size + rest > limits->maxStorageBufferRange) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY,
                    "A tensor of %" G_GUINT64_FORMAT " MiB is larger than the %u MiB that the Vulkan device '%s' can "
                    "address; use smaller frames.",
                    (guint64)(span->size >> 20), limits->maxStorageBufferRange >> 20, r->device->properties.deviceName);
        return FALSE;
    }
    *info = (VkDescriptorBufferInfo){span->buffer, span->offset - rest, span->size + rest};
    *base = (guint32)(rest / r->element_size);
    return TRUE;
}

static gboolean step_plan(const YonosVkRecord *r, Step *step, YonosVkUse *use, GError **error)
{
    const YonosNode *node = step->node;
    guint32 base[YONOS_VK_OUT + 1];

    for (int k = 0; k <= YONOS_VK_OUT; k++) {
        YonosTensorId id = k < node->n_inputs && k < YONOS_VK_OPERANDS ? node->in[k] : YONOS_NONE;
        if (!bind(r, id >= 0 ? id : node->out, &step->infos[k], &base[k], error))
            return FALSE;
    }
    if (!yonos_vk_kernels_dispatch(r->kernels, r->device, r->graph, node, base, use->tile, &step->dispatch, error))
        return FALSE;
    use->tile = step->dispatch.tile;
    if (!use->text)
        use->text = yonos_vk_dispatch_text(&step->dispatch, r->kernels->half);
    return TRUE;
}

static gboolean descriptors_make(const YonosVkRecord *r, Step *step, VkDescriptorSet *set, GError **error)
{
    VkDescriptorSetAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                            .descriptorPool = r->pool,
                                            .descriptorSetCount = 1,
                                            .pSetLayouts = &r->kernels->set_layout};
    VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                  .descriptorCount = 1,
                                  .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER};

    step->infos[YONOS_VK_SCRATCH] = step->dispatch.scratch
                                        ? (VkDescriptorBufferInfo){r->scratch.buffer, 0, step->dispatch.scratch}
                                        : step->infos[YONOS_VK_OUT];
    VK(vkAllocateDescriptorSets(r->device->device, &allocate, set));
    for (write.dstBinding = 0; write.dstBinding < YONOS_VK_BINDINGS; write.dstBinding++) {
        write.dstSet = *set;
        write.pBufferInfo = &step->infos[write.dstBinding];
        vkUpdateDescriptorSets(r->device->device, 1, &write, 0, NULL);
    }
    return TRUE;
fail:
    return FALSE;
}

static gboolean step_record(YonosVkRecord *r, VkCommandBuffer commands, Step *step, GError **error)
{
    VkDescriptorSet set;
    VkPipelineLayout layout = r->kernels->layout;

    if (!descriptors_make(r, step, &set, error))
        return FALSE;
    barrier_if_needed(r, commands, step);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
    for (int k = 0; k < step->dispatch.n_passes; k++) {
        const YonosVkPass *pass = &step->dispatch.pass[k];
        YonosVkSpan out = r->spans[step->node->out], scratch = {r->scratch.buffer, 0, step->dispatch.scratch};
        if (k) {
            barrier(r, commands);
            g_array_append_val(r->writes, out);
            g_array_append_val(r->reads, scratch);
        }
        vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pass->pipeline);
        vkCmdPushConstants(commands, layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof pass->push, &pass->push);
        vkCmdDispatch(commands, pass->groups[0], pass->groups[1], pass->groups[2]);
    }
    return TRUE;
}

static void stamp(const YonosVkRecord *r, VkCommandBuffer commands, guint32 nodes_done)
{
    gboolean last = nodes_done == r->graph->nodes->len;

    if (!r->stamps)
        return;
    if (!nodes_done) {
        vkCmdResetQueryPool(commands, r->stamps, 0, r->stamp_nodes ? r->graph->nodes->len + 1 : 2);
        vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, r->stamps, 0);
    } else if (r->stamp_nodes || last) {
        vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, r->stamps, r->stamp_nodes ? nodes_done : 1);
    }
}

/* Plans all nodes and makes the scratch memory that the hungriest wants: one buffer, as nodes use it in turn. */
static gboolean plan(YonosVkRecord *r, Step *steps, GError **error)
{
    gsize scratch = 0;

    for (guint k = 0; k < r->graph->nodes->len; k++) {
        steps[k].node = &g_array_index(r->graph->nodes, YonosNode, k);
        if (!step_plan(r, &steps[k], &r->uses[k], error))
            return FALSE;
        scratch = MAX(scratch, steps[k].dispatch.scratch);
    }
    return !scratch || r->scratch.buffer ||
           yonos_vk_buffer_make(r->device, &r->scratch, scratch, YONOS_VK_STORAGE, error);
}

static double gflop(const YonosVkRecord *r, const YonosNode *node)
{
    YonosVkProduct product;

    if (!yonos_vk_conv_product(r->graph, node, r->kernels->half, &product))
        return 0;
    return 2e-9 * (double)product.rows * (double)product.columns * (double)product.depth *
           (product.kind == YONOS_VK_BLOCK ? 2 : 1);
}

static double most_of_a_submission(void)
{
    const char *text = g_getenv("YONOS_SUBMISSION");

    return text ? g_ascii_strtod(text, NULL) : YONOS_VK_SUBMISSION;
}

/* A new command buffer; what was recorded before it is done when it begins. */
static VkCommandBuffer next(YonosVkRecord *r, GError **error)
{
    VkCommandBuffer commands;

    if (!yonos_vk_commands_new(r->device, r->device->pool, &commands, error))
        return VK_NULL_HANDLE;
    g_array_append_val(r->commands, commands);
    g_array_set_size(r->reads, 0);
    g_array_set_size(r->writes, 0);
    return yonos_vk_commands_begin(commands, FALSE, error) ? commands : VK_NULL_HANDLE;
}

static gboolean steps_record(YonosVkRecord *r, Step *steps, GError **error)
{
    double most = most_of_a_submission(), sum = 0;
    VkCommandBuffer commands = next(r, error);

    if (!commands)
        return FALSE;
    stamp(r, commands, 0);
    for (guint k = 0; k < r->graph->nodes->len; k++) {
        double more = gflop(r, steps[k].node);
        if (k && sum + more > most) {
            if (!yonos_vk_commands_end(commands, error) || !(commands = next(r, error)))
                return FALSE;
            sum = 0;
        }
        sum += more;
        if (!step_record(r, commands, &steps[k], error))
            return FALSE;
        stamp(r, commands, k + 1);
    }
    return yonos_vk_commands_end(commands, error);
}

gboolean yonos_vk_record(YonosVkRecord *r, GArray *commands, GError **error)
{
    guint32 n = MAX(1, r->graph->nodes->len);
    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, n * YONOS_VK_BINDINGS};
    VkDescriptorPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = n, .poolSizeCount = 1, .pPoolSizes = &size};
    Step *steps = g_new0(Step, n);
    gboolean done = FALSE;

    r->commands = commands;
    r->reads = g_array_new(FALSE, FALSE, sizeof(YonosVkSpan));
    r->writes = g_array_new(FALSE, FALSE, sizeof(YonosVkSpan));
    VK(vkCreateDescriptorPool(r->device->device, &pool, NULL, &r->pool));
    done = plan(r, steps, error) && steps_record(r, steps, error);
fail:
    g_free(steps);
    g_array_unref(r->reads);
    g_array_unref(r->writes);
    return done;
}
