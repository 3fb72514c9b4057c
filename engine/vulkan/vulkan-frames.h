/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/dma-buf.h"
#include "base/host-memory.h"
#include "frame.h"
#include "vulkan/vulkan-executor.h"

/* Frames on their way through a Vulkan device: their planes go to it as they are, become the network's input there, and
 * the network's picture, or a plain bicubic enlargement, comes back as planes. Several are under way at once: each has
 * memory of its own for its planes, so that one is copied while another is computed. One thread at a time. */
typedef struct YonosVulkanFrames YonosVulkanFrames;

typedef struct {
    YonosFrameFormat in, out;
    guint depth;        /* frames under way at once, at least 1 */
    YonosBufferId x, y; /* of the executor's graph: the network's input {h, w, 3} and its picture; YONOS_NONE: it has no
                           network */
} YonosVulkanFramesParams;

/* What a run of the network makes of a frame. The frame's first run is also its last, or it is made in tiles. */
typedef struct {
    int x, y, width, height;                         /* the network's input, in the small frame */
    int large_x, large_y, large_width, large_height; /* its picture, in the large one */
    int start_x, start_y, end_x, end_y;              /* what of that is kept: multiples of 8, or the frame's edge */
    gboolean first, last;
} YonosVulkanTile;

/* Whether there is a way for such frames on devices; not with YONOS_DISABLE_PLANES=1. */
gboolean yonos_vulkan_frames_wanted(void);

/* Bytes that they take on the device and, mapped, on the host. */
gsize yonos_vulkan_frames_bytes(const YonosFrameFormat *in, const YonosFrameFormat *out, guint depth);

/* The executor, of yonos_vulkan_executor_new, is not owned and must outlive them; its memory grows by theirs. NULL with
 * YONOS_ERROR_UNSUPPORTED where frames are larger than the device can address, YONOS_ERROR_MEMORY, YONOS_ERROR_DEVICE.
 * With YONOS_DISABLE_OVERLAP=1 a frame ends before the next begins. */
YonosVulkanFrames *yonos_vulkan_frames_new(YonosExecutor *executor, const YonosVulkanFramesParams *params,
                                           GError **error);
/* Without a network, on a device of their own; x and y of the params are not read. */
YonosVulkanFrames *yonos_vulkan_frames_new_plain(const YonosVulkanOptions *options,
                                                 const YonosVulkanFramesParams *params, GError **error);
/* The executor of their device. */
const YonosExecutor *yonos_vulkan_frames_executor(const YonosVulkanFrames *frames);
void yonos_vulkan_frames_free(YonosVulkanFrames *frames); /* waits for all; NULL is fine */

/* Whether the device is the shared one of the options, so that frames may be there. */
gboolean yonos_vulkan_frames_are_shared(const YonosVulkanFrames *frames);
/* The frame that begins next is copied from, and when it is made, to such ones; NULL: by the host's planes, as the
 * others. */
void yonos_vulkan_frames_share(YonosVulkanFrames *frames, const YonosSharedFrame *from, const YonosSharedFrame *to);

/* The frame that begins next is read in a DMABuf, which must stay as it is until the frame is collected. FALSE: the
 * device cannot, or it is too small; then, and with NULL, the frame is the host's as before. */
gboolean yonos_vulkan_frames_import(YonosVulkanFrames *frames, const YonosDmaBuf *from);

/* The frame that begins next is written to host memory where `to` lies in it, which is for nobody else until the frame is
 * collected, with NULL for where. FALSE: the device cannot; then, and with NULL, it is collected as others are. */
gboolean yonos_vulkan_frames_direct(YonosVulkanFrames *frames, const YonosHostMemory *memory, const YonosFrame *to);

/* A frame: begin, which is done with `in` when it returns, and does not read it where it was told of another place;
 * then runs; then end, which takes over the error that something in between has failed with. The leftmost `ours`
 * columns are the network's, then come, if `ours` is neither 0 nor the width, a white line and a plain bicubic
 * enlargement. At most `depth` frames may be not yet collected. End is FALSE with an error where the device's memory is
 * too short (YONOS_ERROR_MEMORY): then there is no such frame, and those before can be collected. */
gboolean yonos_vulkan_frames_begin(YonosVulkanFrames *frames, const YonosFrame *in, GError **error);
gboolean yonos_vulkan_frames_run(YonosVulkanFrames *frames, const YonosVulkanTile *tile, int ours, GError **error);
gboolean yonos_vulkan_frames_run_plain(YonosVulkanFrames *frames, GError **error); /* all of it bicubic */
gboolean yonos_vulkan_frames_end(YonosVulkanFrames *frames, GError *failure, GError **error);

/* Seconds of the last collected frame: by the device's clock, or the host's where it has none (then `upload` and
 * `download` are in `device`). */
typedef struct {
    double upload, device, download;
    double write;      /* of the host's, which copies the planes */
    gboolean by_clock; /* of the device */
} YonosVulkanFrameTimes;

/* Waits for the oldest frame and writes it, or says why it could not be made. `out` may be NULL: it is forgotten. */
gboolean yonos_vulkan_frames_collect(YonosVulkanFrames *frames, const YonosFrame *out, YonosVulkanFrameTimes *times,
                                     GError **error);
guint yonos_vulkan_frames_pending(const YonosVulkanFrames *frames);
