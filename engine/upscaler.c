/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upscaler.h"
#include "base/error.h"
#include "cpu/cpu-executor.h"
#include "frame/packing.h"
#include "plain.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-frames.h"
#endif

#include <math.h>
#include <string.h>

#define MAX_SIDE 16384

/* A frame on its way, with the settings of when it was submitted. */
typedef struct {
    float *small, *large; /* {h, w, 3} */
    gboolean lent;        /* they are the network's own */
    float *small_alpha;   /* {h, w, 1}; NULL: one of the formats has none */
    YonosNoise noise;
    guint64 seed;
    float fidelity, split;
    YonosUpscalerTimes times;
    GError *error; /* of a frame that is made */
} Shot;

struct YonosUpscaler {
    YonosFrameFormat in, out;
    YonosNetwork *network; /* NULL: plain bicubic only */
    struct YonosVulkanFrames *frames; /* the way of frames, by a device that converts them; NULL: they are converted here */
    YonosDeviceInfo plain_info;       /* what makes frames without network */
    gsize plain_memory;               /* likewise */
    char *note;                       /* likewise */
    YonosPlain *plain;                /* NULL until it is needed */
    YonosPlain *plain_alpha;
    float *large_alpha;
    Shot next; /* its settings */
    YonosUpscalerTimes times;

    guint depth, first, n; /* shots; the oldest; how many */
    Shot shots[YONOS_MOST_IN_FLIGHT];
    GThread *thread; /* makes the shots in their order; NULL: whoever submits does. It owns network and plain while one is
                        not made */
    GMutex lock;     /* of first, n and what follows */
    GCond changed;
    guint n_made; /* of the n shots, from the first on */
    gboolean quits;
};

static double since(gint64 start)
{
    return 1e-6 * (double)(g_get_monotonic_time() - start);
}

static guint in_flight_on_gpu(const YonosUpscalerParams *p)
{
    return p->in_flight ? MIN(p->in_flight, YONOS_MOST_IN_FLIGHT) : 2;
}

/* Columns that the network makes. */
static int ours_of(const YonosUpscaler *up, const Shot *shot)
{
    return up->network ? (int)lrintf(shot->split * (float)up->out.width) : 0;
}

#ifdef HAVE_VULKAN
/* Plain bicubic on the device that a network would be on; without one, and where it fails, here. */
static void frames_open_plain(YonosUpscaler *up, const YonosUpscalerParams *p)
{
    YonosVulkanOptions options = {.device = g_ascii_strcasecmp(p->device, "auto") ? p->device : NULL,
                                  .shared = p->shared,
                                  .max_memory = (gsize)p->max_memory << 20};
    GError *failure = NULL;

    if (!yonos_vulkan_frames_wanted() || !yonos_upscaler_has_gpu(p->device))
        return;
    up->frames = yonos_vulkan_frames_new_plain(
        &options, &(YonosVulkanFramesParams){.in = p->in, .out = p->out, .depth = in_flight_on_gpu(p)}, &failure);
    if (up->frames) {
        up->plain_info = yonos_vulkan_executor_info(yonos_vulkan_frames_executor(up->frames));
        up->plain_memory = yonos_vulkan_frames_executor(up->frames)->memory;
        return;
    }
    up->note = g_strdup_printf("The GPU cannot be used, so the CPU is. %s", failure->message);
    g_error_free(failure);
}

static void frames_free(YonosVulkanFrames *frames)
{
    yonos_vulkan_frames_free(frames);
}

static void frames_submit(YonosUpscaler *up, Shot *shot, const YonosFrame *in)
{
    gint64 start = g_get_monotonic_time();
    int ours = ours_of(up, shot);
    GError *failure = NULL;
    gboolean fine = yonos_vulkan_frames_begin(up->frames, in, &failure);

    shot->times.to_rgb = since(start);
    if (fine && ours > 0) {
        yonos_network_set_noise(up->network, shot->noise, shot->seed);
        yonos_network_set_fidelity(up->network, shot->fidelity);
        yonos_network_run_frame(up->network, ours, &failure);
    } else if (fine) {
        yonos_vulkan_frames_run_plain(up->frames, &failure);
    }
    yonos_vulkan_frames_end(up->frames, failure);
}

static gboolean frames_collect(YonosUpscaler *up, Shot *shot, const YonosFrame *out, GError **error)
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
#else
static void frames_open_plain(G_GNUC_UNUSED YonosUpscaler *up, G_GNUC_UNUSED const YonosUpscalerParams *p)
{
}

static void frames_free(G_GNUC_UNUSED struct YonosVulkanFrames *frames)
{
}

static void frames_submit(G_GNUC_UNUSED YonosUpscaler *up, G_GNUC_UNUSED Shot *shot, G_GNUC_UNUSED const YonosFrame *in)
{
}

static gboolean frames_collect(G_GNUC_UNUSED YonosUpscaler *up, G_GNUC_UNUSED Shot *shot,
                               G_GNUC_UNUSED const YonosFrame *out, G_GNUC_UNUSED GError **error)
{
    return FALSE;
}
#endif

void yonos_upscaler_free(YonosUpscaler *up)
{
    if (!up)
        return;
    yonos_upscaler_drop(up);
    if (up->thread) {
        g_mutex_lock(&up->lock);
        up->quits = TRUE;
        g_cond_broadcast(&up->changed);
        g_mutex_unlock(&up->lock);
        g_thread_join(up->thread);
    }
    if (!up->network)
        frames_free(up->frames);
    yonos_network_free(up->network);
    yonos_plain_free(up->plain);
    yonos_plain_free(up->plain_alpha);
    for (guint k = 0; k < YONOS_MOST_IN_FLIGHT; k++) {
        g_free(up->shots[k].small_alpha);
        if (!up->shots[k].lent) {
            g_free(up->shots[k].small);
            g_free(up->shots[k].large);
        }
    }
    g_free(up->large_alpha);
    g_free(up->note);
    g_mutex_clear(&up->lock);
    g_cond_clear(&up->changed);
    g_free(up);
}

const YonosDeviceInfo *yonos_upscaler_device_info(const YonosUpscaler *up)
{
    return up->network ? yonos_network_device(up->network) : &up->plain_info;
}

const char *yonos_upscaler_device(const YonosUpscaler *up)
{
    return yonos_upscaler_device_info(up)->name;
}

const char *yonos_upscaler_note(const YonosUpscaler *up)
{
    return up->network ? yonos_network_note(up->network) : up->note;
}

const YonosUpscalerTimes *yonos_upscaler_times(const YonosUpscaler *up)
{
    return &up->times;
}

gsize yonos_upscaler_memory(const YonosUpscaler *up)
{
    return up->network ? yonos_network_memory(up->network) : up->plain_memory;
}

int yonos_upscaler_tiles(const YonosUpscaler *up)
{
    return up->network ? yonos_network_tiles(up->network) : 1;
}

void yonos_upscaler_set_noise(YonosUpscaler *up, YonosNoise noise, guint64 seed)
{
    up->next.noise = noise;
    up->next.seed = seed;
}

void yonos_upscaler_set_fidelity(YonosUpscaler *up, float fidelity)
{
    up->next.fidelity = fidelity;
}

gboolean yonos_upscaler_has_perceptual(const YonosUpscaler *up)
{
    return up->network && yonos_network_has_perceptual(up->network);
}

static gboolean check_params(const YonosUpscalerParams *p, GError **error)
{
    const char *precision = g_getenv("YONOS_PRECISION");
    gboolean sane = p->in.width >= 1 && p->in.height >= 1 && p->in.width <= MAX_SIDE && p->in.height <= MAX_SIDE &&
                    p->out.width >= 1 && p->out.height >= 1 && p->out.width <= MAX_SIDE && p->out.height <= MAX_SIDE;

    if (!sane || (p->model && ((p->scale != 2 && p->scale != 4 && p->scale != 8) || p->out.width < p->in.width ||
                               p->out.width > p->in.width * p->scale || p->out.height < p->in.height ||
                               p->out.height > p->in.height * p->scale))) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED, "A frame of %d x %d cannot be made %d x %d.",
                    p->in.width, p->in.height, p->out.width, p->out.height);
        return FALSE;
    }
    if (precision && *precision && strcmp(precision, "fp32") && strcmp(precision, "fp16")) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                    "The environment variable YONOS_PRECISION is '%s'; set it to fp32 or fp16, or unset it.",
                    precision);
        return FALSE;
    }
    return TRUE;
}

gboolean yonos_upscaler_has_gpu(G_GNUC_UNUSED const char *device)
{
#ifdef HAVE_VULKAN
    if (g_ascii_strcasecmp(device, "cpu"))
        return yonos_vulkan_has_device(g_ascii_strcasecmp(device, "auto") ? device : NULL);
#endif
    return FALSE;
}

char *yonos_upscaler_devices(void)
{
#ifdef HAVE_VULKAN
    return yonos_vulkan_devices();
#else
    return g_strdup("none, since this build is without Vulkan");
#endif
}

static gboolean alpha_make(YonosUpscaler *up, GError **error)
{
    gboolean whole = TRUE;

    if (up->in.layout != YONOS_FRAME_PACKED || up->out.layout != YONOS_FRAME_PACKED || up->in.a < 0 || up->out.a < 0)
        return TRUE;
    up->plain_alpha = yonos_plain_new(up->in.width, up->in.height, up->out.width, up->out.height, 1, error);
    if (!up->plain_alpha)
        return FALSE;
    up->large_alpha = g_try_new(float, (gsize)up->out.width * up->out.height);
    for (guint k = 0; k < up->depth; k++) {
        up->shots[k].small_alpha = g_try_new(float, (gsize)up->in.width * up->in.height);
        whole = whole && up->shots[k].small_alpha;
    }
    if (whole && up->large_alpha)
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY,
                "No memory for the alpha of a frame of %d x %d; use smaller frames.", up->out.width, up->out.height);
    return FALSE;
}

static gboolean pictures_make(YonosUpscaler *up, GError **error)
{
    gboolean whole = TRUE;

    if (up->depth == 1 && up->network && yonos_network_small(up->network)) {
        up->shots[0].small = yonos_network_small(up->network);
        up->shots[0].large = yonos_network_large(up->network);
        up->shots[0].lent = TRUE;
        return alpha_make(up, error);
    }
    for (guint k = 0; k < up->depth; k++) {
        up->shots[k].small = g_try_new(float, (gsize)up->in.width * up->in.height * 3);
        up->shots[k].large = g_try_new(float, (gsize)up->out.width * up->out.height * 3);
        whole = whole && up->shots[k].small && up->shots[k].large;
    }
    if (whole)
        return alpha_make(up, error);
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY, "No memory for a frame of %d x %d; use smaller frames.",
                up->out.width, up->out.height);
    return FALSE;
}

static gboolean run_plain(YonosUpscaler *up, const Shot *shot, int first, GError **error)
{
    if (!up->plain)
        up->plain = yonos_plain_new(up->in.width, up->in.height, up->out.width, up->out.height, 3, error);
    return up->plain && yonos_plain_run(up->plain, shot->small, shot->large, first, error);
}

/* White, of two columns where there is room, so that halved chroma does not blur it. */
static void draw_line(const YonosUpscaler *up, float *large, int at)
{
    int left = at & ~1, right = MIN(left + 2, up->out.width);

    for (int y = 0; y < up->out.height; y++)
        for (gsize k = (gsize)left * 3; k < (gsize)right * 3; k++)
            large[(gsize)y * up->out.width * 3 + k] = 1;
}

static const float *made_of(const YonosUpscaler *up, const Shot *shot)
{
    gboolean same_size = up->in.width == up->out.width && up->in.height == up->out.height;

    return same_size && ours_of(up, shot) == 0 ? shot->small : shot->large;
}

static void make(YonosUpscaler *up, Shot *shot)
{
    int ours = ours_of(up, shot);

    if (up->network) {
        yonos_network_set_noise(up->network, shot->noise, shot->seed);
        yonos_network_set_fidelity(up->network, shot->fidelity);
    }
    if ((ours > 0 && !yonos_network_run(up->network, shot->small, shot->large, &shot->times, &shot->error)) ||
        (ours < up->out.width && made_of(up, shot) == shot->large && !run_plain(up, shot, ours, &shot->error)))
        return;
    if (ours > 0 && up->in.layout == YONOS_FRAME_GRAY && up->out.layout != YONOS_FRAME_GRAY)
        yonos_frame_make_gray(&up->in, shot->large, (gsize)up->out.width * up->out.height);
    if (ours > 0 && ours < up->out.width)
        draw_line(up, shot->large, ours);
}

static gpointer make_all(gpointer data)
{
    YonosUpscaler *up = data;

    g_mutex_lock(&up->lock);
    while (!up->quits) {
        if (up->n_made == up->n) {
            g_cond_wait(&up->changed, &up->lock);
            continue;
        }
        Shot *shot = &up->shots[(up->first + up->n_made) % up->depth];
        g_mutex_unlock(&up->lock);
        make(up, shot);
        g_mutex_lock(&up->lock);
        up->n_made++;
        g_cond_broadcast(&up->changed);
    }
    g_mutex_unlock(&up->lock);
    return NULL;
}

/* What the host does of a frame beside the network's device pays on a GPU; on the CPU it takes the same processors. */
static gboolean flight_make(YonosUpscaler *up, const YonosUpscalerParams *p, GError **error)
{
    gboolean on_cpu = !strcmp(yonos_upscaler_device(up), yonos_cpu_info(YONOS_CPU_SINGLE).name);

    up->depth = on_cpu && !p->in_flight ? 1 : in_flight_on_gpu(p);
    if (up->frames)
        return TRUE;
    if (!pictures_make(up, error))
        return FALSE;
    if (up->depth > 1)
        up->thread = g_thread_try_new("yonos-frames", make_all, up, error);
    return up->depth == 1 || up->thread;
}

YonosUpscaler *yonos_upscaler_new(const YonosUpscalerParams *p, GError **error)
{
    YonosNetworkParams network = {p->model,    p->device,    p->scale,     p->seed,
                                  p->in.width, p->in.height, p->out.width, p->out.height,
                                  (gsize)p->max_memory << 20, &p->in,     &p->out,
                                  in_flight_on_gpu(p), p->shared};
    YonosUpscaler *up;
    gboolean fine = TRUE;

    if (!check_params(p, error))
        return NULL;
    up = g_new0(YonosUpscaler, 1);
    g_mutex_init(&up->lock);
    g_cond_init(&up->changed);
    up->in = p->in;
    up->out = p->out;
    up->plain_info = yonos_cpu_info(YONOS_CPU_SINGLE);
    up->next = (Shot){.seed = p->seed, .fidelity = -1, .split = 1};
    if (p->model) {
        up->network = yonos_network_new(&network, error);
        fine = up->network != NULL;
        up->frames = fine ? yonos_network_frames(up->network) : NULL;
    } else {
        frames_open_plain(up, p);
    }
    if (!fine || !flight_make(up, p, error))
        g_clear_pointer(&up, yonos_upscaler_free);
    return up;
}

gboolean yonos_upscaler_has_network(const YonosUpscaler *up)
{
    return up->network != NULL;
}

void yonos_upscaler_set_split(YonosUpscaler *up, float split)
{
    up->next.split = CLAMP(split, 0, 1);
}

/* By the way of all frames; *finite: that the network's picture is one of numbers, which planes do not show. */
static gboolean warm_up_frames(YonosUpscaler *up, gboolean *finite, GError **error)
{
    YonosFramePacking packing = yonos_frame_packing(&up->in);
    guint8 *zeros = g_malloc0(packing.size);
    YonosFrame in = {{0}, {0}};
    Shot *shot = &up->shots[0];

    for (guint k = 0; k < packing.planes; k++) {
        in.plane[k] = zeros + packing.offset[k];
        in.stride[k] = (int)packing.stride[k];
    }
    shot->fidelity = up->next.fidelity;
    shot->seed = up->next.seed;
    shot->noise = up->next.noise;
    shot->split = 1;
    frames_submit(up, shot, &in);
    g_free(zeros);
    *finite = TRUE;
    return frames_collect(up, shot, NULL, error) &&
           (!up->network || yonos_network_is_finite(up->network, finite, error));
}

static gboolean warm_up_pictures(YonosUpscaler *up, gboolean *finite, GError **error)
{
    gsize n = (gsize)up->out.width * up->out.height * 3;
    Shot *shot = &up->shots[0];

    memset(shot->small, 0, (gsize)up->in.width * up->in.height * 3 * sizeof *shot->small);
    if (up->network ? !yonos_network_run(up->network, shot->small, shot->large, &shot->times, error)
                    : !run_plain(up, shot, 0, error))
        return FALSE;
    *finite = TRUE;
    for (gsize k = 0; k < n; k++)
        *finite = *finite && isfinite(shot->large[k]);
    return TRUE;
}

gboolean yonos_upscaler_warm_up(YonosUpscaler *up, GError **error)
{
    gboolean finite;

    if (up->frames ? !warm_up_frames(up, &finite, error) : !warm_up_pictures(up, &finite, error))
        return FALSE;
    if (!finite)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL,
                    "The model makes no picture on %s, but infinite values; take another model or device.",
                    yonos_upscaler_device(up));
    return finite;
}

guint yonos_upscaler_depth(const YonosUpscaler *up)
{
    return up->depth;
}

guint yonos_upscaler_in_flight(const YonosUpscaler *up)
{
    return up->n;
}

static void pictures_submit(YonosUpscaler *up, Shot *shot, const YonosFrame *in)
{
    gint64 start = g_get_monotonic_time();

    yonos_frame_to_rgb(&up->in, in, shot->small, up->in.width);
    if (shot->small_alpha)
        yonos_frame_to_alpha(&up->in, in, shot->small_alpha);
    shot->times.to_rgb = since(start);
    if (!up->thread)
        make(up, shot);
}

void yonos_upscaler_submit(YonosUpscaler *up, const YonosFrame *in)
{
    Shot *shot = &up->shots[(up->first + up->n) % up->depth];

    g_assert(up->n < up->depth);
    shot->noise = up->next.noise;
    shot->seed = up->next.seed;
    shot->fidelity = up->next.fidelity;
    shot->split = up->next.split;
    shot->times = (YonosUpscalerTimes){0};
    if (up->frames)
        frames_submit(up, shot, in);
    else
        pictures_submit(up, shot, in);
    g_mutex_lock(&up->lock);
    up->n++;
    if (!up->thread)
        up->n_made++;
    g_cond_broadcast(&up->changed);
    g_mutex_unlock(&up->lock);
}

gboolean yonos_upscaler_is_shared(G_GNUC_UNUSED const YonosUpscaler *up)
{
#ifdef HAVE_VULKAN
    return up->frames && yonos_vulkan_frames_are_shared(up->frames);
#else
    return FALSE;
#endif
}

void yonos_upscaler_submit_shared(YonosUpscaler *up, const YonosFrame *in, G_GNUC_UNUSED const YonosSharedFrame *from,
                                  G_GNUC_UNUSED const YonosSharedFrame *to)
{
#ifdef HAVE_VULKAN
    yonos_vulkan_frames_share(up->frames, from, to);
#endif
    yonos_upscaler_submit(up, in);
}

/* Waits for the oldest frame and takes it out of the queue; its pictures stay until the next submission. */
static Shot *take(YonosUpscaler *up)
{
    Shot *shot = &up->shots[up->first];

    g_mutex_lock(&up->lock);
    while (up->n_made == 0)
        g_cond_wait(&up->changed, &up->lock);
    up->n--;
    up->n_made--;
    up->first = (up->first + 1) % up->depth;
    g_mutex_unlock(&up->lock);
    return shot;
}

static gboolean pictures_collect(YonosUpscaler *up, Shot *shot, const YonosFrame *out, GError **error)
{
    gint64 start = g_get_monotonic_time();

    if (shot->error) {
        g_propagate_error(error, g_steal_pointer(&shot->error));
        return FALSE;
    }
    yonos_frame_from_rgb(&up->out, out, made_of(up, shot), up->out.width);
    if (shot->small_alpha) {
        if (!yonos_plain_run(up->plain_alpha, shot->small_alpha, up->large_alpha, 0, error))
            return FALSE;
        yonos_frame_from_alpha(&up->out, out, up->large_alpha);
    }
    shot->times.from_rgb = since(start);
    return TRUE;
}

gboolean yonos_upscaler_collect(YonosUpscaler *up, const YonosFrame *out, GError **error)
{
    Shot *shot;

    g_assert(up->n > 0);
    shot = take(up);
    if (up->frames ? !frames_collect(up, shot, out, error) : !pictures_collect(up, shot, out, error))
        return FALSE;
    up->times = shot->times;
    return TRUE;
}

void yonos_upscaler_drop(YonosUpscaler *up)
{
    while (up->n > 0) {
        Shot *shot = take(up);
        if (up->frames)
            frames_collect(up, shot, NULL, NULL);
        g_clear_error(&shot->error);
    }
}

gboolean yonos_upscaler_run(YonosUpscaler *up, const YonosFrame *in, const YonosFrame *out, GError **error)
{
    yonos_upscaler_submit(up, in);
    return yonos_upscaler_collect(up, out, error);
}
