/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upscaler/parts.h"
#include "base/error.h"
#include "cpu/cpu-executor.h"
#include "frame/packing.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-executor.h"
#endif

#include <math.h>
#include <string.h>

#define MAX_SIDE 16384

static double since(gint64 start)
{
    return 1e-6 * (double)(g_get_monotonic_time() - start);
}

static void pictures_clear(YonosUpscaler *up)
{
    for (guint k = 0; k < YONOS_MOST_IN_FLIGHT; k++) {
        YonosShot *shot = &up->shots[k];
        if (!shot->lent) {
            g_free(shot->small);
            g_free(shot->large);
        }
        shot->small = shot->large = NULL;
        g_clear_pointer(&shot->small_alpha, g_free);
    }
    g_clear_pointer(&up->plain_alpha, yonos_plain_free);
    g_clear_pointer(&up->large_alpha, g_free);
}

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
        yonos_upscaler_ring_free(up->frames);
    yonos_network_free(up->network);
    yonos_plain_free(up->plain);
    pictures_clear(up);
    g_free(up->note);
    g_clear_error(&up->broken);
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

static gboolean run_plain(YonosUpscaler *up, const YonosShot *shot, int first, GError **error)
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

static const float *made_of(const YonosUpscaler *up, const YonosShot *shot)
{
    gboolean same_size = up->in.width == up->out.width && up->in.height == up->out.height;

    return same_size && yonos_upscaler_ours(up, shot) == 0 ? shot->small : shot->large;
}

static void make(YonosUpscaler *up, YonosShot *shot)
{
    int ours = yonos_upscaler_ours(up, shot);

    if (up->network) {
        yonos_network_set_noise(up->network, shot->noise, shot->seed, shot->fresh);
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
        YonosShot *shot = &up->shots[(up->first + up->n_made) % up->depth];
        g_mutex_unlock(&up->lock);
        make(up, shot);
        g_mutex_lock(&up->lock);
        up->n_made++;
        g_cond_broadcast(&up->changed);
    }
    g_mutex_unlock(&up->lock);
    return NULL;
}

static gboolean is_on_cpu(const YonosUpscaler *up)
{
    return !strcmp(yonos_upscaler_device(up), yonos_cpu_info(YONOS_CPU_SINGLE).name);
}

/* What the host does of a frame beside the network's device pays on a GPU; on the CPU it takes the same processors. */
static guint choose_depth(const YonosUpscaler *up, const YonosUpscalerParams *p)
{
    return is_on_cpu(up) && !p->in_flight ? 1 : yonos_upscaler_depth_on_gpu(p);
}

/* By the network's ring, or by pictures, which stay once they are there. */
static gboolean flight_make(YonosUpscaler *up, GError **error)
{
    if (up->network)
        up->frames = yonos_network_frames(up->network);
    if (up->frames || up->shots[0].small)
        return TRUE;
    if (!pictures_make(up, error)) {
        pictures_clear(up);
        return FALSE;
    }
    if (up->depth > 1)
        up->thread = g_thread_try_new("yonos-frames", make_all, up, error);
    return up->depth == 1 || up->thread;
}

YonosUpscaler *yonos_upscaler_new(const YonosUpscalerParams *p, GError **error)
{
    YonosNetworkParams network = {p->model,    p->device,    p->scale,     p->seed,
                                  p->in.width, p->in.height, p->out.width, p->out.height,
                                  (gsize)p->max_memory << 20, &p->in,     &p->out,
                                  yonos_upscaler_depth_on_gpu(p), p->shared};
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
    up->next = (YonosShot){.seed = p->seed, .fidelity = -1, .split = 1};
    if (p->model) {
        up->network = yonos_network_new(&network, error);
        fine = up->network != NULL;
    } else {
        yonos_upscaler_ring_open_plain(up, p);
    }
    if (fine)
        up->depth = choose_depth(up, p);
    if (!fine || !flight_make(up, error))
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
    YonosShot *shot = &up->shots[0];
    gboolean submitted;

    for (guint k = 0; k < packing.planes; k++) {
        in.plane[k] = zeros + packing.offset[k];
        in.stride[k] = (int)packing.stride[k];
    }
    shot->fidelity = up->next.fidelity;
    shot->seed = up->next.seed;
    shot->noise = up->next.noise;
    shot->split = 1;
    submitted = yonos_upscaler_ring_submit(up, shot, &in, error);
    g_free(zeros);
    *finite = TRUE;
    return submitted && yonos_upscaler_ring_collect(up, shot, NULL, error) &&
           (!up->network || yonos_network_is_finite(up->network, finite, error));
}

static gboolean warm_up_pictures(YonosUpscaler *up, gboolean *finite, GError **error)
{
    gsize n = (gsize)up->out.width * up->out.height * 3;
    YonosShot *shot = &up->shots[0];

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

static void pictures_submit(YonosUpscaler *up, YonosShot *shot, const YonosFrame *in)
{
    gint64 start = g_get_monotonic_time();

    yonos_frame_to_rgb(&up->in, in, shot->small, up->in.width);
    if (shot->small_alpha)
        yonos_frame_to_alpha(&up->in, in, shot->small_alpha);
    shot->times.to_rgb = since(start);
    if (!up->thread)
        make(up, shot);
}

/* Frees its memory and takes less; FALSE: it cannot, and may have lost what it had. */
static gboolean shrink_network(YonosUpscaler *up)
{
    if (!up->network || is_on_cpu(up))
        return FALSE;
    g_clear_error(&up->broken);
    up->frames = NULL;
    return yonos_network_shrink(up->network, &up->broken);
}

gboolean yonos_upscaler_shrink(YonosUpscaler *up)
{
    g_assert(up->n == 0);
    return shrink_network(up) && flight_make(up, &up->broken);
}

gboolean yonos_upscaler_submit(YonosUpscaler *up, const YonosFrame *in, GError **error)
{
    YonosShot *shot = &up->shots[(up->first + up->n) % up->depth];

    g_assert(up->n < up->depth);
    if (up->broken && (up->n > 0 || !yonos_upscaler_shrink(up))) {
        g_propagate_error(error, g_error_copy(up->broken));
        return FALSE;
    }
    shot->noise = up->next.noise;
    shot->seed = up->next.seed;
    shot->fidelity = up->next.fidelity;
    shot->split = up->next.split;
    shot->fresh = up->n_fresh;
    shot->times = (YonosUpscalerTimes){0};
    if (up->frames && !yonos_upscaler_ring_submit(up, shot, in, error))
        return FALSE;
    if (!up->frames)
        pictures_submit(up, shot, in);
    if (shot->noise == YONOS_NOISE_FRESH && yonos_upscaler_ours(up, shot) > 0)
        up->n_fresh++;
    g_mutex_lock(&up->lock);
    up->n++;
    if (!up->thread)
        up->n_made++;
    g_cond_broadcast(&up->changed);
    g_mutex_unlock(&up->lock);
    return TRUE;
}

gboolean yonos_upscaler_submit_shared(YonosUpscaler *up, const YonosFrame *in, const YonosSharedFrame *from,
                                      const YonosSharedFrame *to, GError **error)
{
    yonos_upscaler_ring_share(up, from, to);
    return yonos_upscaler_submit(up, in, error);
}

/* Waits for the oldest frame and takes it out of the queue; its pictures stay until the next submission. */
static YonosShot *take(YonosUpscaler *up)
{
    YonosShot *shot = &up->shots[up->first];

    g_mutex_lock(&up->lock);
    while (up->n_made == 0)
        g_cond_wait(&up->changed, &up->lock);
    up->n--;
    up->n_made--;
    up->first = (up->first + 1) % up->depth;
    g_mutex_unlock(&up->lock);
    return shot;
}

/* Pictures are still there when memory was too short for what was made of them. */
static void make_again(YonosUpscaler *up, YonosShot *shot)
{
    g_mutex_lock(&up->lock);
    while (up->n_made < up->n) /* the network is the thread's until then */
        g_cond_wait(&up->changed, &up->lock);
    g_mutex_unlock(&up->lock);
    while (g_error_matches(shot->error, YONOS_ERROR, YONOS_ERROR_MEMORY) && shrink_network(up)) {
        g_clear_error(&shot->error);
        make(up, shot);
    }
}

static gboolean pictures_collect(YonosUpscaler *up, YonosShot *shot, const YonosFrame *out, GError **error)
{
    gint64 start = g_get_monotonic_time();

    if (g_error_matches(shot->error, YONOS_ERROR, YONOS_ERROR_MEMORY))
        make_again(up, shot);
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
    YonosShot *shot;

    g_assert(up->n > 0);
    shot = take(up);
    if (up->frames ? !yonos_upscaler_ring_collect(up, shot, out, error) : !pictures_collect(up, shot, out, error))
        return FALSE;
    up->times = shot->times;
    return TRUE;
}

void yonos_upscaler_drop(YonosUpscaler *up)
{
    while (up->n > 0) {
        YonosShot *shot = take(up);
        if (up->frames)
            yonos_upscaler_ring_collect(up, shot, NULL, NULL);
        g_clear_error(&shot->error);
    }
}

gboolean yonos_upscaler_run(YonosUpscaler *up, const YonosFrame *in, const YonosFrame *out, GError **error)
{
    GError *failure = NULL;

    while (!yonos_upscaler_submit(up, in, &failure)) {
        if (!yonos_upscaler_shrink(up)) {
            g_propagate_error(error, failure);
            return FALSE;
        }
        g_clear_error(&failure);
    }
    return yonos_upscaler_collect(up, out, error);
}
