/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "plain.h"
#include "upscaler.h"

/* What an upscaler is made of, for upscaler.c and ring.c. */

/* A frame on its way, with the settings of when it was submitted. */
typedef struct {
    float *small, *large; /* {h, w, 3} */
    gboolean lent;        /* they are the network's own */
    float *small_alpha;   /* {h, w, 1}; NULL: one of the formats has none */
    YonosNoise noise;
    guint64 seed, fresh; /* fresh: frames with fresh noise before it */
    float fidelity, split;
    YonosUpscalerTimes times;
    GError *error; /* of a frame that is made */
} YonosShot;

struct YonosUpscaler {
    YonosFrameFormat in, out;
    YonosNetwork *network;            /* NULL: plain bicubic only */
    struct YonosVulkanFrames *frames; /* the ring of a device that converts frames; NULL: they are converted here */
    YonosDeviceInfo plain_info;       /* what makes frames without network */
    gsize plain_memory;               /* likewise */
    char *note;                       /* likewise */
    GError *broken;                   /* why no frame can be made any more: the network was to shrink and is gone */
    YonosPlain *plain;                /* NULL until it is needed */
    YonosPlain *plain_alpha;
    float *large_alpha;
    YonosShot next; /* its settings */
    guint64 n_fresh;
    YonosUpscalerTimes times;

    guint depth, first, n; /* shots; the oldest; how many */
    YonosShot shots[YONOS_MOST_IN_FLIGHT];
    GThread *thread; /* makes the shots in their order; NULL: whoever submits does. It owns network and plain while one
                        is not made */
    GMutex lock;     /* of first, n and what follows */
    GCond changed;
    guint n_made; /* of the n shots, from the first on */
    gboolean quits;
};

/* The frames in flight that `in_flight` of the params means on a GPU. */
guint yonos_upscaler_depth_on_gpu(const YonosUpscalerParams *p);

/* Columns of the frame that the network makes. */
int yonos_upscaler_ours(const YonosUpscaler *up, const YonosShot *shot);

/* Frames by the ring of a device, which converts them itself; for builds without Vulkan they do nothing. */

/* A ring for plain bicubic on the device that a network would be on; without one, and where it fails, there is none. */
void yonos_upscaler_ring_open_plain(YonosUpscaler *up, const YonosUpscalerParams *p);
void yonos_upscaler_ring_free(struct YonosVulkanFrames *frames);
void yonos_upscaler_ring_share(YonosUpscaler *up, const YonosSharedFrame *from, const YonosSharedFrame *to);
/* As yonos_upscaler_submit and _collect. */
gboolean yonos_upscaler_ring_submit(YonosUpscaler *up, YonosShot *shot, const YonosFrame *in, GError **error);
gboolean yonos_upscaler_ring_collect(YonosUpscaler *up, YonosShot *shot, const YonosFrame *out, GError **error);
