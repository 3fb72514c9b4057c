/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vulkan-executor.h"
#include "base/error.h"
#include "base/half-rows.h"
#include "graph/fuse.h"
#include "graph/plan.h"
#include "vulkan/vk-block.h"
#include "vulkan/vk-cache.h"
#include "vulkan/vk-executor.h"

#include <string.h>

#define STAGING_BYTES (16 << 20)

static gboolean is_bytes(const YonosVkExecutor *vk, YonosBufferId buffer)
{
    return g_array_index(vk->base.graph->buffers, YonosBuffer, buffer).dtype == YONOS_U8;
}

/* Of an element on the device and on the host. */
static gsize device_size(const YonosVkExecutor *vk, YonosBufferId buffer)
{
    return is_bytes(vk, buffer) ? 1 : vk->device.half ? sizeof(guint16) : sizeof(float);
}
static gsize host_size(const YonosVkExecutor *vk, YonosBufferId buffer)
{
    return is_bytes(vk, buffer) ? 1 : sizeof(float);
}

static gboolean copy(YonosVkExecutor *vk, VkBuffer from, VkBuffer to, VkBufferCopy region, GError **error)
{
    if (!yonos_vk_commands_begin(vk->copy, TRUE, error))
        return FALSE;
    vkCmdCopyBuffer(vk->copy, from, to, 1, &region);
    return yonos_vk_commands_end(vk->copy, error) && yonos_vk_device_submit(&vk->device, vk->copy, error);
}

static gboolean vulkan_write(YonosExecutor *ex, YonosBufferId buffer, gsize offset, const void *data, gsize n,
                             GError **error)
{
    YonosVkExecutor *vk = (YonosVkExecutor *)ex;
    gsize size = device_size(vk, buffer), most = STAGING_BYTES / size;

    for (gsize done = 0, part; done < n; done += part) {
        const char *from = (const char *)data + done * host_size(vk, buffer);
        part = MIN(n - done, most);
        if (size != host_size(vk, buffer))
            yonos_halves_from_floats((const float *)from, vk->staging.map, part);
        else
            memcpy(vk->staging.map, from, part * size);
        if (!yonos_vk_buffer_sent(&vk->device, &vk->staging, error) ||
            !copy(vk, vk->staging.buffer, vk->buffers[buffer].buffer,
                  (VkBufferCopy){0, (offset + done) * size, part * size}, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean vulkan_read(YonosExecutor *ex, YonosBufferId buffer, gsize offset, void *data, gsize n, GError **error)
{
    YonosVkExecutor *vk = (YonosVkExecutor *)ex;
    gsize size = device_size(vk, buffer), most = STAGING_BYTES / size;

    for (gsize done = 0, part; done < n; done += part) {
        char *to = (char *)data + done * host_size(vk, buffer);
        part = MIN(n - done, most);
        if (!copy(vk, vk->buffers[buffer].buffer, vk->staging.buffer,
                  (VkBufferCopy){(offset + done) * size, 0, part * size}, error) ||
            !yonos_vk_buffer_received(&vk->device, &vk->staging, error))
            return FALSE;
        if (size != host_size(vk, buffer))
            yonos_halves_to_floats(vk->staging.map, (float *)to, part);
        else
            memcpy(to, vk->staging.map, part * size);
    }
    return TRUE;
}

static void commands_free(YonosVkExecutor *vk, GArray *commands)
{
    if (commands->len)
        vkFreeCommandBuffers(vk->device.device, vk->device.pool, commands->len, (VkCommandBuffer *)commands->data);
    g_array_unref(commands);
}

static void vulkan_free(YonosExecutor *ex)
{
    YonosVkExecutor *vk = (YonosVkExecutor *)ex;

    if (vk->device.device) {
        yonos_vk_device_wait(&vk->device, NULL);
        vkDestroyDescriptorPool(vk->device.device, vk->pool, NULL);
        vkDestroyQueryPool(vk->device.device, vk->stamps, NULL);
        yonos_vk_kernels_clear(&vk->kernels, &vk->device);
        for (guint k = 0; vk->buffers && k < ex->graph->buffers->len; k++)
            yonos_vk_buffer_clear(&vk->device, &vk->buffers[k]);
        yonos_vk_buffer_clear(&vk->device, &vk->arena);
        yonos_vk_buffer_clear(&vk->device, &vk->staging);
        yonos_vk_buffer_clear(&vk->device, &vk->scratch);
    }
    commands_free(vk, vk->run);
    yonos_vk_device_close(&vk->device);
    for (guint k = 0; vk->uses && k < ex->graph->nodes->len; k++)
        g_free(vk->uses[k].text);
    g_free(vk->uses);
    yonos_graph_free(vk->fused);
    g_free(vk->buffers);
    g_free(vk);
}

/* None where the queue has no clock, or nothing runs. */
static gboolean stamps_make(YonosVkExecutor *vk, guint n, VkQueryPool *stamps, GError **error)
{
    VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO, .queryType = VK_QUERY_TYPE_TIMESTAMP, .queryCount = n};

    if (vk->device.clock && vk->base.graph->nodes->len)
        VK(vkCreateQueryPool(vk->device.device, &info, NULL, stamps));
    return TRUE;
fail:
    return FALSE;
}

static gboolean buffer_make(YonosVkExecutor *vk, YonosVkBuffer *b, VkDeviceSize size, YonosVkMemoryKind kind,
                            GError **error)
{
    if (!yonos_vk_buffer_make(&vk->device, b, size, kind, error))
        return FALSE;
    vk->base.memory += b->size;
    return TRUE;
}

/* With something left for what pipelines and descriptors take. */
static gsize memory_most(const YonosVkExecutor *vk, const YonosVulkanOptions *options)
{
    return options->max_memory ? options->max_memory : (gsize)(yonos_vk_memory_budget(&vk->device) / 10 * 9);
}

static gboolean memory_suffices(const YonosVkExecutor *vk, gsize needed, gsize most, GError **error)
{
    if (needed <= most)
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY,
                "Frames of this size need %" G_GSIZE_FORMAT
                " MiB of the Vulkan device '%s', and it has %" G_GSIZE_FORMAT
                " for us; set max-memory higher, use smaller frames, or the CPU (device=cpu).",
                (needed >> 20) + 1, vk->device.properties.deviceName, most >> 20);
    return FALSE;
}

static gboolean memory_make(YonosVkExecutor *vk, const YonosPlan *plan, GError **error)
{
    const YonosGraph *graph = vk->base.graph;

    if (!yonos_vk_commands_new(&vk->device, vk->device.pool, &vk->copy, error) || !buffer_make(vk, &vk->staging, STAGING_BYTES, YONOS_VK_STAGING, error) ||
        !buffer_make(vk, &vk->arena, plan->arena_size * vk->base.element_size, YONOS_VK_STORAGE, error) ||
        !yonos_vk_commands_begin(vk->copy, TRUE, error))
        return FALSE;
    vk->buffers = g_new0(YonosVkBuffer, graph->buffers->len);
    for (guint k = 0; k < graph->buffers->len; k++) {
        gsize size = g_array_index(graph->buffers, YonosBuffer, k).size * device_size(vk, k);
        if (!buffer_make(vk, &vk->buffers[k], size, YONOS_VK_STORAGE, error))
            return FALSE;
        vkCmdFillBuffer(vk->copy, vk->buffers[k].buffer, 0, VK_WHOLE_SIZE, 0);
    }
    return yonos_vk_commands_end(vk->copy, error) && yonos_vk_device_submit(&vk->device, vk->copy, error);
}

static YonosVkSpan *spans_make(const YonosVkExecutor *vk, const YonosPlan *plan)
{
    const YonosGraph *graph = vk->base.graph;
    YonosVkSpan *spans = g_new0(YonosVkSpan, MAX(1, graph->tensors->len));

    for (guint k = 0; k < graph->tensors->len; k++) {
        const YonosTensor *t = yonos_graph_at(graph, (YonosTensorId)k);
        gboolean arena = t->buffer == YONOS_ARENA;
        gsize size = arena ? vk->base.element_size : device_size(vk, t->buffer);
        spans[k].buffer = arena ? vk->arena.buffer : vk->buffers[t->buffer].buffer;
        spans[k].offset = (arena ? plan->offset[k] : t->offset) * size;
        spans[k].size = yonos_shape_elements(t->shape) * size;
    }
    return spans;
}

/* A run of all nodes; *pool is the caller's to free. */
static gboolean record(YonosVkExecutor *vk, const YonosPlan *plan, GArray *commands, VkQueryPool stamps,
                       gboolean stamp_nodes, VkDescriptorPool *pool, GError **error)
{
    YonosVkSpan *spans = spans_make(vk, plan);
    YonosVkRecord record = {.device = &vk->device,
                            .scratch = vk->scratch,
                            .kernels = &vk->kernels,
                            .graph = vk->base.graph,
                            .spans = spans,
                            .element_size = vk->base.element_size,
                            .uses = vk->uses,
                            .stamps = stamps,
                            .stamp_nodes = stamp_nodes};
    gboolean done = yonos_vk_record(&record, commands, error);

    *pool = record.pool;
    vk->scratch = record.scratch;
    g_free(spans);
    return done;
}

static void plan_make(const YonosVkExecutor *vk, YonosPlan *plan)
{
    VkDeviceSize align = vk->device.properties.limits.minStorageBufferOffsetAlignment;

    yonos_plan_make(plan, vk->base.graph, MAX(align, 16) / vk->base.element_size);
}

/* The seconds between each two of n + 1 time stamps. */
static gboolean stamps_read(YonosVkExecutor *vk, VkQueryPool stamps, guint n, double *seconds, GError **error)
{
    guint64 ticks[2];

    for (guint k = 0; k < n; k++) {
        VK(vkGetQueryPoolResults(vk->device.device, stamps, k, 2, sizeof ticks, ticks, sizeof *ticks,
                                 VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
        seconds[k] = yonos_vk_device_seconds(&vk->device, ticks[0], ticks[1]);
    }
    return TRUE;
fail:
    return FALSE;
}

/* Submits them one by one and waits for the end of all. */
static gboolean submit(YonosVkExecutor *vk, const GArray *commands, GError **error)
{
    VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1};
    guint last = commands->len - 1;

    for (guint k = 0; k < last; k++) {
        info.pCommandBuffers = &g_array_index(commands, VkCommandBuffer, k);
        if (!yonos_vk_device_queue(&vk->device, vk->device.queue, &info, VK_NULL_HANDLE, error))
            return FALSE;
    }
    return yonos_vk_device_submit(&vk->device, g_array_index(commands, VkCommandBuffer, last), error);
}

static gboolean vulkan_run(YonosExecutor *ex, GError **error)
{
    YonosVkExecutor *vk = (YonosVkExecutor *)ex;

    return submit(vk, vk->run, error) && (!vk->stamps || stamps_read(vk, vk->stamps, 1, &ex->device_seconds, error));
}

static gboolean vulkan_profile(YonosExecutor *ex, double *seconds, GError **error)
{
    YonosVkExecutor *vk = (YonosVkExecutor *)ex;
    VkDescriptorPool pool = VK_NULL_HANDLE;
    VkQueryPool stamps = VK_NULL_HANDLE;
    GArray *run;
    guint n = ex->graph->nodes->len;
    YonosPlan plan = {0};
    gboolean done = FALSE;

    if (!vk->stamps) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED, "The Vulkan device '%s' has no clock to measure by.",
                    vk->device.properties.deviceName);
        return FALSE;
    }
    plan_make(vk, &plan);
    run = g_array_new(FALSE, FALSE, sizeof(VkCommandBuffer));
    done = stamps_make(vk, n + 1, &stamps, error) && record(vk, &plan, run, stamps, TRUE, &pool, error) &&
           submit(vk, run, error) && stamps_read(vk, stamps, n, seconds, error);
    vkDestroyQueryPool(vk->device.device, stamps, NULL);
    vkDestroyDescriptorPool(vk->device.device, pool, NULL);
    commands_free(vk, run);
    yonos_plan_clear(&plan);
    return done;
}

static const YonosExecutorClass vulkan_class = {.name = "vulkan",
                                                .write = vulkan_write,
                                                .read = vulkan_read,
                                                .run = vulkan_run,
                                                .profile = vulkan_profile,
                                                .free = vulkan_free};

typedef struct {
    const YonosVkDevice *device;
    const YonosVulkanOptions *options;
} Blocks;

static gboolean block_wanted(const YonosGraph *graph, const YonosNode *block, gpointer user)
{
    const Blocks *b = user;
    YonosVkProduct product = yonos_vk_block_product(yonos_graph_shape(graph, block->out), b->device->half);

    return yonos_vk_block_fits(graph, block) &&
           yonos_vk_block_choose(b->device, &product, b->options->blocks > 0 ? b->options->blocks : -1) > 0;
}

/* What runs, once the device is known, and what each node wants of it. */
static void join(YonosVkExecutor *vk, const YonosVulkanOptions *options, YonosFuse what)
{
    Blocks blocks = {&vk->device, options};
    YonosGraph *plain = vk->fused;

    if (what && options->blocks >= 0) {
        vk->base.graph = vk->fused = yonos_graph_fuse_blocks(plain, block_wanted, &blocks);
        yonos_graph_free(plain);
    }
    vk->uses = g_new0(YonosVkUse, MAX(1, vk->fused->nodes->len));
    for (guint k = 0; k < vk->fused->nodes->len; k++) {
        gboolean block = g_array_index(vk->fused->nodes, YonosNode, k).op == YONOS_OP_RESIDUAL_BLOCK;
        vk->uses[k].tile = options->tiles ? options->tiles[k] : block && options->blocks > 0 ? options->blocks : -1;
    }
}

YonosExecutor *yonos_vulkan_executor_new(const YonosGraph *graph, const YonosVulkanOptions *options, GError **error)
{
    YonosVkExecutor *vk = g_new0(YonosVkExecutor, 1);
    YonosFuse what = g_strcmp0(g_getenv("YONOS_DISABLE_FUSION"), "1") ? YONOS_FUSE_ALL : 0;
    YonosPlan plan = {0};
    gsize most, planned;
    gboolean done;

    options = options ? options : &(YonosVulkanOptions){0};
    vk->fused = yonos_graph_fuse(graph, what);
    vk->base = (YonosExecutor){.class = &vulkan_class, .graph = vk->fused};
    vk->run = g_array_new(FALSE, FALSE, sizeof(VkCommandBuffer));
    done = yonos_vk_device_open(&vk->device, options, error);
    if (done) {
        join(vk, options, what);
        vk->base.element_size = vk->device.half ? sizeof(guint16) : sizeof(float);
        plan_make(vk, &plan);
        most = memory_most(vk, options);
        planned = yonos_plan_bytes(&plan, vk->base.graph, vk->base.element_size) + STAGING_BYTES;
        done = memory_suffices(vk, planned + options->beside, most, error) &&
               yonos_vk_kernels_make(&vk->kernels, &vk->device, vk->device.half, error) &&
               memory_make(vk, &plan, error) && stamps_make(vk, 2, &vk->stamps, error) &&
               record(vk, &plan, vk->run, vk->stamps, FALSE, &vk->pool, error) &&
               memory_suffices(vk, (vk->base.memory += vk->scratch.size) + options->beside, most, error);
        yonos_plan_clear(&plan);
    }
    if (done) {
        yonos_vk_cache_save(&vk->device);
    } else {
        vulkan_free(&vk->base);
        vk = NULL;
    }
    return (YonosExecutor *)vk;
}

gboolean yonos_vulkan_has_device(const char *device)
{
    return yonos_vk_device_exists(device);
}

char *yonos_vulkan_devices(void)
{
    return yonos_vk_device_list();
}

const char *yonos_vulkan_executor_device(const YonosExecutor *ex)
{
    return ((const YonosVkExecutor *)ex)->device.properties.deviceName;
}

gboolean yonos_vulkan_executor_writes_to_host(const YonosExecutor *ex)
{
    return ((const YonosVkExecutor *)ex)->device.features.host_page > 0;
}

YonosDeviceInfo yonos_vulkan_executor_info(const YonosExecutor *ex)
{
    const YonosVkExecutor *vk = (const YonosVkExecutor *)ex;
    const YonosVkDevice *d = &vk->device;

    return (YonosDeviceInfo){d->properties.deviceName, d->driver, d->half ? "fp16" : "fp32",
                             vk->kernels.matrices ? "Vulkan, cooperative matrices" : "Vulkan"};
}

const char *yonos_vulkan_executor_kernel(const YonosExecutor *ex, guint k)
{
    return ((const YonosVkExecutor *)ex)->uses[k].text;
}

int yonos_vulkan_executor_tile(const YonosExecutor *ex, guint k)
{
    return ((const YonosVkExecutor *)ex)->uses[k].tile;
}

char *yonos_vulkan_executor_identity(const YonosExecutor *ex)
{
    return yonos_vk_cache_key(&((const YonosVkExecutor *)ex)->device);
}
