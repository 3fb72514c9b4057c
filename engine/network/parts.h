/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "models/compact.h"
#include "models/model-file.h"
#include "network.h"
#include "plain.h"
#include "tiles.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-frames.h"
#endif

/* What a network is made of, for network.c, which opens it, and run.c. */
struct YonosNetwork {
    YonosNetworkParams params; /* with its own strings */
    int least_tiles;           /* of a Vulkan device's, since fewer were too large */
    YonosFrameFormat in, out;  /* of the params */
    const YonosCompactTier *tier;
    const YonosModelFile *model; /* while it is opened */
    YonosTiling rows, columns;   /* of the small picture */
    YonosGraph *graph;           /* of a window */
    YonosExecutor *executor;
    struct YonosVulkanFrames *frames; /* of the executor's device; NULL: pictures come and go by its buffers */
    YonosBufferId x, y;
    YonosTensorId z; /* the noise; {1, h, w, channels} */
    YonosDeviceInfo device;
    char *note;
    guint matrices;             /* YonosVulkanMatrices: not all, */
    gboolean single, no_planes; /* no half precision, frames, since they are wrong */
    gboolean no_bf16;                        /* the same, of the CPU's */
    float *x_window, *y_window, *z_window; /* with tiles: what goes into the executor and comes out */
    float *made;                           /* the tiles, where the picture is reduced afterwards */
    YonosPlain *reduce;
    YonosNoise noise;
    guint64 seed, frame;
    float *field;                            /* of the whole frame */
    gboolean field_stale;                    /* it is an old one, or the executor's */
    float *weights;                          /* as in the model, with two decoders; NULL: it has one */
    float fidelity, default_fidelity, mixed; /* mixed: what the executor has, or -1 */
};

/* While the model is opened: whether the executor's weights make a picture of a small one in fp32 on the CPU, not infinite
 * values (YONOS_ERROR_MODEL). Where *bf16 is TRUE, it then says whether the CPU's bf16 convolutions make the same; oneDNN
 * has had wrong ones (docs/SPEED.md). */
gboolean yonos_network_is_trusted(const YonosNetwork *net, gboolean *bf16, GError **error);

/* Whether its picture is larger than the wanted one. */
gboolean yonos_network_is_reduced(const YonosNetwork *net);

/* What has changed since the last run, to the executor. */
gboolean yonos_network_write_noise(YonosNetwork *net, GError **error);
gboolean yonos_network_write_fidelity(YonosNetwork *net, GError **error);
