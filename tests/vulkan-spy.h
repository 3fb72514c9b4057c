/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Stands between a test program and the Vulkan loader: counts, lies and fails on request. One thread at a time. */

#define SPY_OUT_OF_HOST_MEMORY (-1) /* VkResult */
#define SPY_OUT_OF_DEVICE_MEMORY (-2)
#define SPY_DEVICE_LOST (-4)
#define SPY_INCOMPATIBLE_DRIVER (-9)

extern guint spy_made;        /* buffers, allocations, shaders, pipelines, pools, sets so far */
extern const char *spy_fails; /* every call of this name returns spy_result; NULL: none */
extern int spy_result;
extern guint spy_fails_at; /* the calls of that name that still go well before */
extern guint spy_fails_for; /* and how many then fail; 0: all */
extern guint64 spy_most_memory; /* bytes: larger allocations fail; 0: all go through */
extern guint spy_transfer_queues; /* devices say that they have a family of so many queues for copies, and a video decoder */
extern guint spy_clock_bits;        /* time stamps have so many bits; 0: the driver's own */
extern guint32 spy_most_range, spy_most_buffers; /* limits: of a storage buffer, of those of a shader; 0: the driver's */
extern gboolean spy_hides_coherent; /* no memory says that it is coherent */
extern guint spy_submitted, spy_sent, spy_received; /* submissions; mapped memory flushed and invalidated */
extern gboolean spy_pretends_gpu;   /* software devices say that they are discrete GPUs */
extern gboolean spy_drops_barriers; /* between dispatches */
extern gboolean spy_skips_half, spy_skips_all; /* dispatches: of devices that store fp16, of all */

gboolean spy_has_validation_layer(void);
/* Fails if the validation layers have a word to say of `run`; skips the test without them. */
void spy_check_valid(void (*run)(void));

/* Dispatches of this shader, where it is set, do nothing; counts them. */
extern const guint32 *spy_skips_code;
extern guint spy_skipped;
