/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/dma-buf.h"
#include "base/host-memory.h"
#include "base/shared-device.h"
#include "frame.h"
#include "network.h"

#define YONOS_MOST_IN_FLIGHT 4

/* The engine's front door: a model, a device, a frame format in and out; then frames. */
typedef struct YonosUpscaler YonosUpscaler;

typedef struct {
    const char *model;    /* path of a .safetensors model; NULL: plain bicubic, of any two sizes */
    const char *device;   /* "auto", "cpu", or a Vulkan device's index, UUID or part of its name; not NULL */
    int scale;            /* 2, 4 or 8; the model must be of this scale */
    guint64 seed;         /* of the noise field */
    YonosFrameFormat in;  /* of the small frame */
    YonosFrameFormat out; /* 1 to scale times as wide and as high as `in`: the network's picture is reduced to that */
    guint max_memory;     /* MiB that the network may take on its device; 0: on Vulkan what the driver says is free, on the
                             CPU half of the machine's. The frame's own pictures on the host come on top */
    guint in_flight;      /* frames that may be, 1 to YONOS_MOST_IN_FLIGHT; 0: 1 on the CPU, 2 on a GPU */
    const YonosSharedDevice *shared; /* runs it, so that frames may be there, if it is what `device` asks for, for "auto" any
                                        real GPU, and a device of its own could do no more; lives as long as the
                                        upscaler. NULL: none */
} YonosUpscalerParams;

/* Loads, checks, plans; nothing is allocated per frame afterwards. NULL with an error whose message is one sentence
 * for the user. Not thread-safe: one thread at a time.
 * "auto" takes the first discrete, integrated or virtual GPU, and the CPU where there is none or its set-up fails; a
 * software Vulkan driver runs only when it is named. A real GPU stores tensors as fp16 where it can, a software one as
 * fp32; the environment variable YONOS_PRECISION=fp32 or fp16 decides for either. A CPU with
 * instructions for it multiplies bf16 where YONOS_PRECISION is not set.
 * Before the first frame a Vulkan device is checked against the C references (self-check.h); one that computes wrongly gives
 * way to single precision, or to the CPU, and the note says so.
 * Frames that do not fit into memory are made in tiles, which gives the same pixels. */
YonosUpscaler *yonos_upscaler_new(const YonosUpscalerParams *params, GError **error);
void yonos_upscaler_free(YonosUpscaler *up); /* NULL is fine */

/* Whether `device`, as in YonosUpscalerParams, is there and is no "cpu": for "auto", a real GPU. Safe from any thread. */
gboolean yonos_upscaler_has_gpu(const char *device);

/* The Vulkan devices in one line for people, with index, name, kind and UUID; to be freed. Safe from any thread. */
char *yonos_upscaler_devices(void);

/* Runs once on a frame of zeros, so that the first frame finds all memory and code in place, and checks the result: FALSE
 * with YONOS_ERROR_MODEL where the network makes no numbers of it. */
gboolean yonos_upscaler_warm_up(YonosUpscaler *up, GError **error);

/* One frame, while none is in flight. Planes and strides as the caller has them. Alpha that both formats have is enlarged
 * by bicubic; gray stays gray in any format. Shrinks where it must. On failure `out` is undefined and the upscaler may
 * be freed or tried again. */
gboolean yonos_upscaler_run(YonosUpscaler *up, const YonosFrame *in, const YonosFrame *out, GError **error);

/* Frames in flight: a Vulkan device makes them, in their order, while its user prepares the next; where it does not convert
 * frames itself, a thread of the upscaler's does. Submit takes up to `depth` frames that are not collected yet, and is
 * done with `in` when it returns; collect waits for the oldest and writes it, or says why it could not be made. Drop waits
 * for all and forgets them.
 * Submit is FALSE, and the frame not taken, where the device has too little memory for it (YONOS_ERROR_MEMORY): collect
 * those in flight, shrink, submit it again. Where frames are not converted by the device, collect shrinks by itself. */
gboolean yonos_upscaler_submit(YonosUpscaler *up, const YonosFrame *in, GError **error);
gboolean yonos_upscaler_collect(YonosUpscaler *up, const YonosFrame *out, GError **error);
void yonos_upscaler_drop(YonosUpscaler *up);
/* While no frame is in flight: loads the model anew, to make frames in at least twice as many tiles, or, for device
 * "auto", on the CPU if there are none so small. Device, note, memory and tiles may be others then. FALSE: it cannot; a
 * later submission tries again. */
gboolean yonos_upscaler_shrink(YonosUpscaler *up);
/* Where it is shared, a frame may be on that device: then `in` is not read, and it is copied from `from`; or it is copied
 * to `to` as soon as it is made, and collect is called with NULL. Both live until that. */
gboolean yonos_upscaler_is_shared(const YonosUpscaler *up);
gboolean yonos_upscaler_submit_shared(YonosUpscaler *up, const YonosFrame *in, const YonosSharedFrame *from,
                                      const YonosSharedFrame *to, GError **error);
/* The frame that is submitted next is read in a DMABuf where it is, so `in` is not; nobody may write to that until the
 * frame is collected. FALSE: the device or its driver cannot, or not that memory, and `in` is wanted, as without. */
gboolean yonos_upscaler_import(YonosUpscaler *up, const YonosDmaBuf *from);
/* Whether the device may be able to do what follows. */
gboolean yonos_upscaler_may_be_direct(const YonosUpscaler *up);
/* The frame that is submitted next is written straight to `to`, in that memory, as soon as it is made; nobody else may
 * touch it until the frame is collected, with NULL. FALSE: the device cannot, or not that memory, and the frame is collected
 * as without. */
gboolean yonos_upscaler_direct(YonosUpscaler *up, const YonosHostMemory *memory, const YonosFrame *to);
guint yonos_upscaler_depth(const YonosUpscaler *up);
guint yonos_upscaler_in_flight(const YonosUpscaler *up);

/* The noise of the frames from now on. Costs nothing where nothing changes. */
void yonos_upscaler_set_noise(YonosUpscaler *up, YonosNoise noise, guint64 seed);

/* The share of the model's decoder of fidelity, 0 to 1, in the frames from now on, the rest being its perceptual one;
 * below 0: the model's default, as at first. Costs nothing where nothing changes, and has no effect on a model with one
 * decoder. */
void yonos_upscaler_set_fidelity(YonosUpscaler *up, float fidelity);
gboolean yonos_upscaler_has_perceptual(const YonosUpscaler *up);

/* The share of the width, from the left, that the network makes in the frames from now on, 0 to 1; the rest is plain
 * bicubic, behind a thin white line. At 1, as at first, bicubic costs nothing, and at 0 the network does not run. */
void yonos_upscaler_set_split(YonosUpscaler *up, float split);
/* FALSE: it was made without a model. */
gboolean yonos_upscaler_has_network(const YonosUpscaler *up);

/* Where the last frame's time went. For benchmarks. */
const YonosUpscalerTimes *yonos_upscaler_times(const YonosUpscaler *up);

/* Bytes that its network holds on its device; the tiles that it makes a frame of, 1: none. */
gsize yonos_upscaler_memory(const YonosUpscaler *up);
int yonos_upscaler_tiles(const YonosUpscaler *up);

/* Name of the device that runs it: "CPU" or the Vulkan device's name; and what else there is to say of it. Live as long
 * as `up`. */
const char *yonos_upscaler_device(const YonosUpscaler *up);
const YonosDeviceInfo *yonos_upscaler_device_info(const YonosUpscaler *up);

/* Why the GPU that is there, or half precision, is not used, as a sentence for the user; NULL otherwise. Lives as long as
 * `up`. */
const char *yonos_upscaler_note(const YonosUpscaler *up);
