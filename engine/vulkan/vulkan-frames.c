/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vulkan-frames.h"
#include "base/error.h"
#include "vulkan/vk-cache.h"
#include "vulkan/vk-executor.h"
#include "vulkan/vk-import.h"
#include "vulkan/vk-planes.h"

#include <string.h>

/* The time stamps of a frame. */
enum { UPLOAD, UPLOADED, MAKE, MADE, DOWNLOAD, DOWNLOADED, STAMPS };

/* A place in the ring. */
typedef struct {
    YonosVkBuffer sent, in, out, received; /* planes: mapped, on the device, on it, mapped */
    VkDescriptorSet in_set, out_set;
    VkCommandBuffer upload, before, after, download;
    VkSemaphore uploaded, made; /* between queues, where copies have their own */
    VkFence done;
    const YonosSharedFrame *from, *to; /* not by the host; until its end */
    YonosVkBuffer imported;            /* in the place of `in`; zeroed: none */
    YonosDmaBuf lies;                  /* the planes in it */
    const YonosVkHost *direct;         /* in the place of `received`; NULL: none */
    VkBufferCopy copies[3];            /* to there */
    guint set;                         /* of its two sets of stamps: a frame resets the one of the next in its place */
    gint64 began;
    GError *error;
} Slot;

struct YonosVulkanFrames {
    YonosVkExecutor *vk;
    YonosGraph *graph; /* of a device of their own */
    YonosVulkanFramesParams params;
    gboolean serial, keeps_alpha;
    YonosVkPlanes planes;
    YonosVkBuffer small; /* R'G'B' and alpha, fp32, for bicubic; of one frame after the other */
    VkQueryPool stamps;  /* none where a queue has no clock */
    gint64 last_done;
    gsize memory;
    guint first, pending; /* the oldest slot; those not collected */
    GPtrArray *hosts;
    Slot *slots;
};

gboolean yonos_vulkan_frames_wanted(void)
{
    return G_BYTE_ORDER == G_LITTLE_ENDIAN && g_strcmp0(g_getenv("YONOS_DISABLE_PLANES"), "1");
}

static gsize small_bytes(const YonosFrameFormat *in)
{
    return (gsize)in->width * in->height * 4 * sizeof(float);
}

gsize yonos_vulkan_frames_bytes(const YonosFrameFormat *in, const YonosFrameFormat *out, guint depth)
{
    return small_bytes(in) + 2 * depth * (yonos_frame_packing(in).size + yonos_frame_packing(out).size);
}

static gboolean buffer_make(YonosVulkanFrames *f, YonosVkBuffer *b, gsize size, YonosVkMemoryKind kind, GError **error)
{
    if (!yonos_vk_buffer_make(&f->vk->device, b, size, kind, error))
        return FALSE;
    f->memory += b->size;
    f->vk->base.memory += b->size;
    return TRUE;
}

void yonos_vulkan_frames_free(YonosVulkanFrames *f)
{
    YonosVkDevice *d = f ? &f->vk->device : NULL;

    if (!f)
        return;
    yonos_vk_device_wait(d, NULL);
    for (guint k = 0; k < f->params.depth; k++) {
        Slot *s = &f->slots[k];
        VkCommandBuffer commands[] = {s->upload, s->before, s->after, s->download};
        VkCommandPool pools[] = {d->upload_pool, d->pool, d->pool, d->download_pool};
        for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
            if (commands[i])
                vkFreeCommandBuffers(d->device, pools[i], 1, &commands[i]);
        vkDestroySemaphore(d->device, s->uploaded, NULL);
        vkDestroySemaphore(d->device, s->made, NULL);
        vkDestroyFence(d->device, s->done, NULL);
        yonos_vk_buffer_clear(d, &s->sent);
        yonos_vk_buffer_clear(d, &s->in);
        yonos_vk_buffer_clear(d, &s->out);
        yonos_vk_buffer_clear(d, &s->received);
        yonos_vk_buffer_clear(d, &s->imported);
        g_clear_error(&s->error);
    }
    yonos_vk_hosts_free(f->hosts, d);
    yonos_vk_buffer_clear(d, &f->small);
    vkDestroyQueryPool(d->device, f->stamps, NULL);
    yonos_vk_planes_clear(&f->planes, d);
    f->vk->base.memory -= f->memory;
    if (f->graph) {
        yonos_executor_free(&f->vk->base);
        yonos_graph_free(f->graph);
    }
    g_free(f->slots);
    g_free(f);
}

static gboolean is_addressable(const YonosVulkanFrames *f, GError **error)
{
    gsize most = MAX(small_bytes(&f->params.in), MAX(f->planes.in_packing.size, f->planes.out_packing.size));
    const VkPhysicalDeviceProperties *properties = &f->vk->device.properties;

    if (most <= properties->limits.maxStorageBufferRange)
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                "A frame of %" G_GSIZE_FORMAT " MiB is larger than the %u MiB that the Vulkan device '%s' can address; "
                "use smaller frames.",
                most >> 20, properties->limits.maxStorageBufferRange >> 20, properties->deviceName);
    return FALSE;
}

static gboolean sets_make(YonosVulkanFrames *f, Slot *s, GError **error)
{
    const YonosVulkanFramesParams *p = &f->params;
    VkBuffer in[] = {s->in.buffer, f->small.buffer, f->small.buffer};
    VkBuffer out[] = {s->out.buffer, f->small.buffer, f->small.buffer};

    if (p->x != YONOS_NONE) {
        in[YONOS_VK_PLANES_NETWORK] = f->vk->buffers[p->x].buffer;
        out[YONOS_VK_PLANES_NETWORK] = f->vk->buffers[p->y].buffer;
    }
    return yonos_vk_planes_bind(&f->planes, &f->vk->device, in, &s->in_set, error) &&
           yonos_vk_planes_bind(&f->planes, &f->vk->device, out, &s->out_set, error);
}

/* Those between queues, unsignalled; in the place of older ones. */
static gboolean semaphores_make(YonosVulkanFrames *f, Slot *s, GError **error)
{
    YonosVkDevice *d = &f->vk->device;
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    VkSemaphore fresh;

    if (d->transfer_queues == 2) {
        VK(vkCreateSemaphore(d->device, &info, NULL, &fresh));
        vkDestroySemaphore(d->device, s->uploaded, NULL);
        s->uploaded = fresh;
    }
    if (d->transfer_queues) {
        VK(vkCreateSemaphore(d->device, &info, NULL, &fresh));
        vkDestroySemaphore(d->device, s->made, NULL);
        s->made = fresh;
    }
    return TRUE;
fail:
    return FALSE;
}

static gboolean slot_make(YonosVulkanFrames *f, Slot *s, GError **error)
{
    YonosVkDevice *d = &f->vk->device;
    VkCommandBuffer *commands[] = {&s->upload, &s->before, &s->after, &s->download};
    VkCommandPool pools[] = {d->upload_pool, d->pool, d->pool, d->download_pool};
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    gsize in = f->planes.in_packing.size, out = f->planes.out_packing.size;

    if (!buffer_make(f, &s->sent, in, YONOS_VK_STAGING, error) || !buffer_make(f, &s->in, in, YONOS_VK_SHARED, error) ||
        !buffer_make(f, &s->out, out, YONOS_VK_SHARED, error) ||
        !buffer_make(f, &s->received, out, YONOS_VK_STAGING, error) || !sets_make(f, s, error))
        return FALSE;
    for (guint k = 0; k < G_N_ELEMENTS(commands); k++)
        if (!yonos_vk_commands_new(d, pools[k], commands[k], error))
            return FALSE;
    VK(vkCreateFence(d->device, &fence, NULL, &s->done));
    return semaphores_make(f, s, error);
fail:
    return FALSE;
}

/* The first of its stamps in the pool. */
static guint32 stamps_of(const YonosVulkanFrames *f, const Slot *s, guint set)
{
    return (guint32)(2 * (s - f->slots) + set) * STAMPS;
}

/* Of a slot that nothing is under way in. */
static gboolean stamps_reset(YonosVulkanFrames *f, Slot *s, GError **error)
{
    VkCommandBuffer commands = f->vk->copy;

    if (!f->stamps)
        return TRUE;
    if (!yonos_vk_commands_begin(commands, TRUE, error))
        return FALSE;
    vkCmdResetQueryPool(commands, f->stamps, stamps_of(f, s, 0), 2 * STAMPS);
    return yonos_vk_commands_end(commands, error) && yonos_vk_device_submit(&f->vk->device, commands, error);
}

static gboolean stamps_make(YonosVulkanFrames *f, GError **error)
{
    YonosVkDevice *d = &f->vk->device;
    VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                  .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                  .queryCount = 2 * STAMPS * f->params.depth};

    if (d->clock)
        VK(vkCreateQueryPool(d->device, &info, NULL, &f->stamps));
    for (guint k = 0; k < f->params.depth; k++)
        if (!stamps_reset(f, &f->slots[k], error))
            return FALSE;
    return TRUE;
fail:
    return FALSE;
}

static gboolean make(YonosVulkanFrames *f, GError **error)
{
    const YonosVulkanFramesParams *p = &f->params;

    if (!yonos_vk_planes_make(&f->planes, &f->vk->device, &p->in, &p->out, 2 * p->depth, error) ||
        !is_addressable(f, error) || !buffer_make(f, &f->small, small_bytes(&p->in), YONOS_VK_STORAGE, error))
        return FALSE;
    for (guint k = 0; k < p->depth; k++)
        if (!slot_make(f, &f->slots[k], error))
            return FALSE;
    return stamps_make(f, error);
}

YonosVulkanFrames *yonos_vulkan_frames_new(YonosExecutor *executor, const YonosVulkanFramesParams *params,
                                           GError **error)
{
    YonosVulkanFrames *f = g_new0(YonosVulkanFrames, 1);

    f->vk = (YonosVkExecutor *)executor;
    f->params = *params;
    f->serial = !g_strcmp0(g_getenv("YONOS_DISABLE_OVERLAP"), "1");
    f->keeps_alpha = params->in.layout == YONOS_FRAME_PACKED && params->out.layout == YONOS_FRAME_PACKED &&
                     params->in.a >= 0 && params->out.a >= 0;
    f->slots = g_new0(Slot, params->depth);
    f->hosts = g_ptr_array_new();
    if (!make(f, error)) {
        yonos_vulkan_frames_free(f);
        return NULL;
    }
    yonos_vk_cache_save(&f->vk->device);
    return f;
}

YonosVulkanFrames *yonos_vulkan_frames_new_plain(const YonosVulkanOptions *options,
                                                 const YonosVulkanFramesParams *params, GError **error)
{
    YonosVulkanOptions with_frames = *options;
    YonosVulkanFramesParams without_network = *params;
    YonosGraph *graph = yonos_graph_new();
    YonosExecutor *executor;
    YonosVulkanFrames *f = NULL;

    with_frames.beside = yonos_vulkan_frames_bytes(&params->in, &params->out, params->depth);
    without_network.x = without_network.y = YONOS_NONE;
    executor = yonos_vulkan_executor_new(graph, &with_frames, error);
    if (executor)
        f = yonos_vulkan_frames_new(executor, &without_network, error);
    if (f) {
        f->graph = graph;
        return f;
    }
    yonos_executor_free(executor);
    yonos_graph_free(graph);
    return NULL;
}

const YonosExecutor *yonos_vulkan_frames_executor(const YonosVulkanFrames *f)
{
    return &f->vk->base;
}

guint yonos_vulkan_frames_pending(const YonosVulkanFrames *f)
{
    return f->pending;
}

static Slot *newest(YonosVulkanFrames *f)
{
    return &f->slots[(f->first + f->pending) % f->params.depth];
}

static void stamp(const YonosVulkanFrames *f, VkCommandBuffer commands, const Slot *s, guint which)
{
    if (f->stamps)
        vkCmdWriteTimestamp(commands,
                            which % 2 ? VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT : VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT,
                            f->stamps, stamps_of(f, s, s->set) + which);
}

/* Waits for one semaphore and signals another, if they are there. */
static gboolean submit(YonosVulkanFrames *f, VkQueue queue, guint32 n, const VkCommandBuffer *commands,
                       VkSemaphore wait, VkSemaphore signal, VkFence fence, GError **error)
{
    VkPipelineStageFlags all = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                         .waitSemaphoreCount = wait ? 1 : 0,
                         .pWaitSemaphores = &wait,
                         .pWaitDstStageMask = &all,
                         .commandBufferCount = n,
                         .pCommandBuffers = commands,
                         .signalSemaphoreCount = signal ? 1 : 0,
                         .pSignalSemaphores = &signal};

    return yonos_vk_device_queue(&f->vk->device, queue, &info, fence, error);
}

/* Nothing but a stamp. */
static gboolean record_stamp(YonosVulkanFrames *f, Slot *s, VkCommandBuffer commands, guint which, GError **error)
{
    if (!yonos_vk_commands_begin(commands, TRUE, error))
        return FALSE;
    stamp(f, commands, s, which);
    return yonos_vk_commands_end(commands, error);
}

/* Copies, if there are any, with a stamp before them and the next behind. */
static gboolean record_copies(YonosVulkanFrames *f, Slot *s, VkCommandBuffer commands, VkBuffer from, VkBuffer to,
                              guint32 n, const VkBufferCopy *copies, guint which, GError **error)
{
    if (!yonos_vk_commands_begin(commands, TRUE, error))
        return FALSE;
    stamp(f, commands, s, which);
    if (n)
        vkCmdCopyBuffer(commands, from, to, n, copies);
    stamp(f, commands, s, which + 1);
    return yonos_vk_commands_end(commands, error);
}

static gboolean copy_shared(const YonosSharedFrame *frame, const YonosVkBuffer *b, const YonosFramePacking *packing,
                            GError **error)
{
    return frame->copy(frame->user, (guint64)(gsize)b->buffer, packing->offset, packing->stride, error);
}

gboolean yonos_vulkan_frames_are_shared(const YonosVulkanFrames *f)
{
    return f->vk->device.shared.device != NULL;
}

void yonos_vulkan_frames_share(YonosVulkanFrames *f, const YonosSharedFrame *from, const YonosSharedFrame *to)
{
    g_assert(yonos_vulkan_frames_are_shared(f) || (!from && !to));
    newest(f)->from = from;
    newest(f)->to = to;
}

/* Nothing that reads it is under way. */
static void forget_import(YonosVulkanFrames *f, Slot *s)
{
    if (s->imported.buffer)
        yonos_vk_planes_rebind(&f->vk->device, s->in.buffer, s->in_set);
    yonos_vk_buffer_clear(&f->vk->device, &s->imported);
}

gboolean yonos_vulkan_frames_import(YonosVulkanFrames *f, const YonosDmaBuf *from)
{
    Slot *s = newest(f);
    guint64 size = from ? yonos_frame_packing_reach(&f->planes.in_packing, &f->params.in, from) : 0;

    forget_import(f, s);
    if (!size || !yonos_vk_import(&f->vk->device, from->fd, size, &s->imported))
        return FALSE;
    s->lies = *from;
    yonos_vk_planes_rebind(&f->vk->device, s->imported.buffer, s->in_set);
    return TRUE;
}

gboolean yonos_vulkan_frames_direct(YonosVulkanFrames *f, const YonosHostMemory *memory, const YonosFrame *to)
{
    newest(f)->direct = yonos_vk_hosts_find(f->hosts, &f->vk->device, memory, &f->planes.out_packing, to,
                                            newest(f)->copies);
    return newest(f)->direct != NULL;
}

gboolean yonos_vulkan_frames_begin(YonosVulkanFrames *f, const YonosFrame *in, GError **error)
{
    Slot *s = newest(f);

    g_assert(f->pending < f->params.depth);
    s->began = g_get_monotonic_time();
    VK(vkResetFences(f->vk->device.device, 1, &s->done));
    if (s->from)
        return record_stamp(f, s, s->upload, UPLOAD, error) &&
               submit(f, f->vk->device.queue, 1, &s->upload, VK_NULL_HANDLE, VK_NULL_HANDLE, VK_NULL_HANDLE, error) &&
               copy_shared(s->from, &s->in, &f->planes.in_packing, error);
    if (!s->imported.buffer)
        yonos_frame_pack(&f->planes.in_packing, in, s->sent.map);
    return (s->imported.buffer || yonos_vk_buffer_sent(&f->vk->device, &s->sent, error)) &&
           record_copies(f, s, s->upload, s->sent.buffer, s->in.buffer, s->imported.buffer ? 0 : 1,
                         &(VkBufferCopy){.size = s->in.size}, UPLOAD, error) &&
           submit(f, f->vk->device.upload, 1, &s->upload, VK_NULL_HANDLE, s->uploaded, VK_NULL_HANDLE, error);
fail:
    return FALSE;
}

/* The small frame to R'G'B': the tile for the network and, once a frame where it is needed, all for bicubic. */
static void record_before(YonosVulkanFrames *f, Slot *s, const YonosVulkanTile *tile, gboolean bicubic)
{
    YonosVkPlanesPush push = yonos_vk_planes_push(&f->planes, FALSE);
    gboolean whole = tile && tile->width == push.size[0] && tile->height == push.size[1];

    for (guint k = 0; s->imported.buffer && k < f->planes.in_packing.planes; k++) {
        push.offset[k] = (guint32)s->lies.offset[k];
        push.stride[k] = (guint32)s->lies.stride[k];
    }
    if (bicubic && !whole) {
        push.what = YONOS_VK_FOR_BICUBIC;
        yonos_vk_planes_record(&f->planes, FALSE, s->before, s->in_set, &push);
    }
    if (!tile)
        return;
    push.what = YONOS_VK_FOR_NETWORK | (bicubic && whole ? YONOS_VK_FOR_BICUBIC : 0);
    push.first[0] = push.origin[0] = tile->x;
    push.first[1] = push.origin[1] = tile->y;
    push.window[0] = tile->width;
    push.window[1] = tile->height;
    push.end[0] = tile->x + tile->width;
    push.end[1] = tile->y + tile->height;
    yonos_vk_planes_record(&f->planes, FALSE, s->before, s->in_set, &push);
}

static void record_after(YonosVulkanFrames *f, Slot *s, const YonosVulkanTile *tile, int ours)
{
    YonosVkPlanesPush push = yonos_vk_planes_push(&f->planes, TRUE);

    push.what = ours;
    push.line = ours > 0 && ours < push.size[0] ? ours & ~1 : -2; /* even, so that halved chroma does not blur it */
    push.keep_alpha = f->keeps_alpha;
    if (tile) {
        push.first[0] = tile->start_x;
        push.first[1] = tile->start_y;
        push.end[0] = tile->end_x;
        push.end[1] = tile->end_y;
        push.origin[0] = tile->large_x;
        push.origin[1] = tile->large_y;
        push.window[0] = tile->large_width;
        push.window[1] = tile->large_height;
    }
    yonos_vk_planes_record(&f->planes, TRUE, s->after, s->out_set, &push);
}

/* `before` and `after` go with the first and the last submission of the network. */
static gboolean submit_run(YonosVulkanFrames *f, const Slot *s, gboolean network, gboolean first, gboolean last,
                           GError **error)
{
    guint parts = network ? f->vk->run->len : 1;

    for (guint k = 0; k < parts; k++) {
        gboolean begins = k == 0, ends = k == parts - 1;
        VkCommandBuffer part = network ? g_array_index(f->vk->run, VkCommandBuffer, k) : s->after;
        VkCommandBuffer commands[] = {s->before, part, s->after};
        guint32 n = (guint32)(begins + network + ends);
        if (!submit(f, f->vk->device.queue, n, commands + !begins, begins && first ? s->uploaded : VK_NULL_HANDLE,
                    ends && last ? s->made : VK_NULL_HANDLE, VK_NULL_HANDLE, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean run(YonosVulkanFrames *f, const YonosVulkanTile *tile, int ours, gboolean first, gboolean last,
                    GError **error)
{
    Slot *s = newest(f);

    if (!first && !yonos_vk_device_submit(&f->vk->device, VK_NULL_HANDLE, error)) /* its commands are recorded anew */
        return FALSE;
    if (!yonos_vk_commands_begin(s->before, TRUE, error))
        return FALSE;
    if (first && s->from)
        stamp(f, s->before, s, UPLOADED);
    if (first && s->imported.buffer)
        yonos_vk_import_acquire(&f->vk->device, &s->imported, s->before);
    if (first && f->stamps)
        vkCmdResetQueryPool(s->before, f->stamps, stamps_of(f, s, s->set ^ 1), STAMPS);
    if (first)
        stamp(f, s->before, s, MAKE);
    record_before(f, s, tile, first && (f->keeps_alpha || ours < f->params.out.width));
    if (!yonos_vk_commands_end(s->before, error) || !yonos_vk_commands_begin(s->after, TRUE, error))
        return FALSE;
    record_after(f, s, tile, ours);
    if (last)
        stamp(f, s->after, s, MADE);
    if (last && s->to)
        stamp(f, s->after, s, DOWNLOAD);
    if (!yonos_vk_commands_end(s->after, error))
        return FALSE;
    return submit_run(f, s, tile != NULL, first, last, error);
}

gboolean yonos_vulkan_frames_run(YonosVulkanFrames *f, const YonosVulkanTile *tile, int ours, GError **error)
{
    return run(f, tile, ours, tile->first, tile->last, error);
}

gboolean yonos_vulkan_frames_run_plain(YonosVulkanFrames *f, GError **error)
{
    return run(f, NULL, 0, TRUE, TRUE, error);
}

static gboolean wait(const YonosVulkanFrames *f, const Slot *s, GError **error)
{
    VK(vkWaitForFences(f->vk->device.device, 1, &s->done, VK_TRUE, UINT64_MAX));
    return TRUE;
fail:
    return FALSE;
}

/* After a failure somewhere in a frame: nothing of it is under way any more. */
static void recover(YonosVulkanFrames *f, Slot *s)
{
    yonos_vk_device_wait(&f->vk->device, NULL);
    forget_import(f, s);
    stamps_reset(f, s, NULL);
    semaphores_make(f, s, NULL);
}

static gboolean download(YonosVulkanFrames *f, Slot *s, GError **error)
{
    if (s->to)
        return copy_shared(s->to, &s->out, &f->planes.out_packing, error) &&
               record_stamp(f, s, s->download, DOWNLOADED, error) &&
               submit(f, f->vk->device.queue, 1, &s->download, VK_NULL_HANDLE, VK_NULL_HANDLE, s->done, error);
    return record_copies(f, s, s->download, s->out.buffer, s->direct ? s->direct->buffer.buffer : s->received.buffer,
                         s->direct ? f->planes.out_packing.planes : 1,
                         s->direct ? s->copies : &(VkBufferCopy){.size = s->received.size}, DOWNLOAD, error) &&
           submit(f, f->vk->device.download, 1, &s->download, s->made, VK_NULL_HANDLE, s->done, error);
}

gboolean yonos_vulkan_frames_end(YonosVulkanFrames *f, GError *failure, GError **error)
{
    Slot *s = newest(f);

    s->error = failure;
    if (!s->error)
        download(f, s, &s->error);
    if (!s->error && f->serial)
        wait(f, s, &s->error);
    if (s->error)
        recover(f, s);
    s->from = s->to = NULL;
    s->direct = NULL;
    if (g_error_matches(s->error, YONOS_ERROR, YONOS_ERROR_MEMORY)) {
        g_propagate_error(error, g_steal_pointer(&s->error));
        return FALSE;
    }
    f->pending++;
    return TRUE;
}

static gboolean times_read(YonosVulkanFrames *f, Slot *s, YonosVulkanFrameTimes *times, GError **error)
{
    const YonosVkDevice *d = &f->vk->device;
    gint64 now = g_get_monotonic_time();
    guint64 ticks[STAMPS];

    *times = (YonosVulkanFrameTimes){.device = 1e-6 * (double)(now - MAX(s->began, f->last_done))};
    f->last_done = now;
    if (!f->stamps)
        return TRUE;
    VK(vkGetQueryPoolResults(d->device, f->stamps, stamps_of(f, s, s->set), STAMPS, sizeof ticks, ticks, sizeof *ticks,
                             VK_QUERY_RESULT_64_BIT));
    times->upload = yonos_vk_device_seconds(d, ticks[UPLOAD], ticks[UPLOADED]);
    times->device = yonos_vk_device_seconds(d, ticks[MAKE], ticks[MADE]);
    times->download = yonos_vk_device_seconds(d, ticks[DOWNLOAD], ticks[DOWNLOADED]);
    times->by_clock = TRUE;
    return TRUE;
fail:
    return FALSE;
}

gboolean yonos_vulkan_frames_collect(YonosVulkanFrames *f, const YonosFrame *out, YonosVulkanFrameTimes *times,
                                     GError **error)
{
    Slot *s = &f->slots[f->first];
    gint64 start;

    g_assert(f->pending > 0);
    f->first = (f->first + 1) % f->params.depth;
    f->pending--;
    if (s->error) {
        g_propagate_error(error, g_steal_pointer(&s->error));
        return FALSE;
    }
    if (!wait(f, s, error) || !times_read(f, s, times, error) ||
        (out && !yonos_vk_buffer_received(&f->vk->device, &s->received, error))) {
        recover(f, s);
        return FALSE;
    }
    s->set ^= 1;
    forget_import(f, s);
    start = g_get_monotonic_time();
    if (out)
        yonos_frame_unpack(&f->planes.out_packing, s->received.map, out);
    times->write = 1e-6 * (double)(g_get_monotonic_time() - start);
    return TRUE;
}
