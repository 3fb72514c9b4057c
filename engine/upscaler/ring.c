/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upscaler/parts.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-frames.h"
#endif

#include <math.h>

guint yonos_upscaler_depth_on_gpu(const YonosUpscalerParams *p)
{
    return p->in_flight ? MIN(p->in_flight, YONOS_MOST_IN_FLIGHT) : 2;
}

int yonos_upscaler_ours(const YonosUpscaler *up, const YonosShot *shot)
{
    return up->network ? (int)lrintf(shot->split * (float)up->out.width) : 0;
}

#ifdef HAVE_VULKAN
void yonos_upscaler_ring_open_plain(YonosUpscaler *up, const YonosUpscalerParams *p)
{
    YonosVulkanOptions options = {.device = g_ascii_strcasecmp(p->device, "auto") ? p->device : NULL,
                                  .shared = p->shared,
                                  .max_memory = (gsize)p->max_memory << 20};
    YonosVulkanFramesParams params = {.in = p->in, .out = p->out, .depth = yonos_upscaler_depth_on_gpu(p)};
    GError *failure = NULL;

    if (!yonos_vulkan_frames_wanted() || !yonos_upscaler_has_gpu(p->device))
        return;
    up->frames = yonos_vulkan_frames_new_plain(&options, &params, &failure);
    if (up->frames) {
        up->plain_info = yonos_vulkan_executor_info(yonos_vulkan_frames_executor(up->frames));
        up->plain_memory = yonos_vulkan_frames_executor(up->frames)->memory;
        return;
    }
    up->note = g_strdup_printf("The GPU cannot be used, so the CPU is. %s", failure->message);
    g_error_free(failure);
}

void yonos_upscaler_ring_free(YonosVulkanFrames *frames)
{
    yonos_vulkan_frames_free(frames);
}

gboolean yonos_upscaler_ring_submit(YonosUpscaler *up, YonosShot *shot, const YonosFrame *in, GError **error)
{
    gint64 start = g_get_monotonic_time();
    int ours = yonos_upscaler_ours(up, shot);
    GError *failure = NULL;
    gboolean fine = yonos_vulkan_frames_begin(up->frames, in, &failure);

    shot->times.to_rgb = 1e-6 * (double)(g_get_monotonic_time() - start);
    if (fine && ours > 0) {
        yonos_network_set_noise(up->network, shot->noise, shot->seed, shot->fresh);
        yonos_network_set_fidelity(up->network, shot->fidelity);
        yonos_network_run_frame(up->network, ours, &failure);
    } else if (fine) {
        yonos_vulkan_frames_run_plain(up->frames, &failure);
    }
    return yonos_vulkan_frames_end(up->frames, failure, error);
}

gboolean yonos_upscaler_ring_collect(YonosUpscaler *up, YonosShot *shot, const YonosFrame *out, GError **error)
{
    YonosVulkanFrameTimes times;

    if (!yonos_vulkan_frames_collect(up->frames, out, &times, error))
        return FALSE;
    shot->times.upload = times.upload;
    shot->times.compute = times.device;
    shot->times.device = times.by_clock ? times.device : 0;
    shot->times.download = times.download;
    shot->times.from_rgb = times.write;
    return TRUE;
}

gboolean yonos_upscaler_is_shared(const YonosUpscaler *up)
{
    return up->frames && yonos_vulkan_frames_are_shared(up->frames);
}

void yonos_upscaler_ring_share(YonosUpscaler *up, const YonosSharedFrame *from, const YonosSharedFrame *to)
{
    yonos_vulkan_frames_share(up->frames, from, to);
}

gboolean yonos_upscaler_import(YonosUpscaler *up, const YonosDmaBuf *from)
{
    return up->frames && yonos_vulkan_frames_import(up->frames, from);
}

gboolean yonos_upscaler_may_be_direct(const YonosUpscaler *up)
{
    return up->frames && yonos_vulkan_executor_writes_to_host(yonos_vulkan_frames_executor(up->frames));
}

gboolean yonos_upscaler_direct(YonosUpscaler *up, const YonosHostMemory *memory, const YonosFrame *to)
{
    return up->frames && yonos_vulkan_frames_direct(up->frames, memory, to);
}
#else
void yonos_upscaler_ring_open_plain(G_GNUC_UNUSED YonosUpscaler *up, G_GNUC_UNUSED const YonosUpscalerParams *p)
{
}

void yonos_upscaler_ring_free(G_GNUC_UNUSED struct YonosVulkanFrames *frames)
{
}

gboolean yonos_upscaler_ring_submit(G_GNUC_UNUSED YonosUpscaler *up, G_GNUC_UNUSED YonosShot *shot,
                                    G_GNUC_UNUSED const YonosFrame *in, G_GNUC_UNUSED GError **error)
{
    return TRUE;
}

gboolean yonos_upscaler_ring_collect(G_GNUC_UNUSED YonosUpscaler *up, G_GNUC_UNUSED YonosShot *shot,
                                     G_GNUC_UNUSED const YonosFrame *out, G_GNUC_UNUSED GError **error)
{
    return FALSE;
}

gboolean yonos_upscaler_is_shared(G_GNUC_UNUSED const YonosUpscaler *up)
{
    return FALSE;
}

gboolean yonos_upscaler_import(G_GNUC_UNUSED YonosUpscaler *up, G_GNUC_UNUSED const YonosDmaBuf *from)
{
    return FALSE;
}

gboolean yonos_upscaler_may_be_direct(G_GNUC_UNUSED const YonosUpscaler *up)
{
    return FALSE;
}

gboolean yonos_upscaler_direct(G_GNUC_UNUSED YonosUpscaler *up, G_GNUC_UNUSED const YonosHostMemory *memory,
                               G_GNUC_UNUSED const YonosFrame *to)
{
    return FALSE;
}

void yonos_upscaler_ring_share(G_GNUC_UNUSED YonosUpscaler *up, G_GNUC_UNUSED const YonosSharedFrame *from,
                               G_GNUC_UNUSED const YonosSharedFrame *to)
{
}
#endif
