/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/shared-device.h"
#include "executor.h"
#include "frame.h"

/* A model's network on a device, for pictures of one size: made in one piece, or in tiles where memory is short. One
 * thread at a time. */
typedef struct YonosNetwork YonosNetwork;

typedef struct {
    const char *model, *device;
    int scale;
    guint64 seed;
    int in_width, in_height, out_width, out_height;
    gsize max_memory; /* bytes; 0: what the device has */
    const YonosFrameFormat *in, *out; /* of frames, which a Vulkan device converts itself; NULL: it gets pictures */
    guint in_flight;                  /* of them, at least 1 */
    const YonosSharedDevice *shared;  /* as in YonosVulkanOptions; lives as long as the network */
} YonosNetworkParams;

/* What the network starts from. */
typedef enum {
    YONOS_NOISE_FIXED, /* one field of the seed for all frames, so that a still picture stays still; at first */
    YONOS_NOISE_NONE,  /* zeros */
    YONOS_NOISE_FRESH, /* another field every frame: of the seed and the number of frames with fresh noise before */
} YonosNoise;

/* Where the last frame's time went, in seconds of the host's clock, and how long its network took by the device's own
 * clock (0: it tells none). */
typedef struct {
    double to_rgb, upload, compute, download, from_rgb, device;
} YonosUpscalerTimes;

/* As yonos_upscaler_new, whose sizes are checked. */
YonosNetwork *yonos_network_new(const YonosNetworkParams *params, GError **error);
void yonos_network_free(YonosNetwork *network); /* NULL is fine */
/* While no frame is under way, of a network on a Vulkan device: anew from the model's file, in at least twice as many
 * tiles, or on the CPU as yonos_network_new. Frames that went by its ring may go by pictures then, never the other way.
 * After a failure it is only good for trying that again. */
gboolean yonos_network_shrink(YonosNetwork *network, GError **error);

/* small {in_height, in_width, 3} -> large {out_height, out_width, 3}; adds to the times of upload, compute, download and
 * device. */
gboolean yonos_network_run(YonosNetwork *network, const float *small, float *large, YonosUpscalerTimes *times,
                           GError **error);

/* Where it keeps both pictures itself, in host memory, so that a run with these copies nothing; NULL: nowhere. */
float *yonos_network_small(const YonosNetwork *network);
float *yonos_network_large(const YonosNetwork *network);

/* The ring of frames of its device, where it is run by the second of the following; NULL: by yonos_network_run. */
struct YonosVulkanFrames *yonos_network_frames(const YonosNetwork *network);
/* The network's part of the frame that has begun in the ring: the leftmost `ours` columns. */
gboolean yonos_network_run_frame(YonosNetwork *network, int ours, GError **error);
/* Whether the last picture is one of finite numbers, by the executor's buffer; waits for all frames. */
gboolean yonos_network_is_finite(YonosNetwork *network, gboolean *finite, GError **error);

/* `frame` numbers those with fresh noise. */
void yonos_network_set_noise(YonosNetwork *network, YonosNoise noise, guint64 seed, guint64 frame);
void yonos_network_set_fidelity(YonosNetwork *network, float fidelity);
gboolean yonos_network_has_perceptual(const YonosNetwork *network);

/* What runs it, and why not what was asked for; live as long as the network. */
const YonosDeviceInfo *yonos_network_device(const YonosNetwork *network);
const char *yonos_network_note(const YonosNetwork *network);
/* Bytes that it holds on its device; its tiles, 1 for the whole. */
gsize yonos_network_memory(const YonosNetwork *network);
int yonos_network_tiles(const YonosNetwork *network);
