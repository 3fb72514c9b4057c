/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upscaler.h"
#include "base/error.h"
#include "cpu/cpu-executor.h"
#include "plain.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-executor.h"
#endif

#include <math.h>
#include <string.h>

#define MAX_SIDE 16384

struct YonosUpscaler {
    YonosFrameFormat in, out;
    YonosNetwork *network; /* NULL: plain bicubic only */
    YonosPlain *plain;     /* NULL until it is needed */
    float split;
    float *small, *large;             /* {h, w, 3} */
    YonosPlain *plain_alpha;          /* NULL: one of the formats has none */
    float *small_alpha, *large_alpha; /* {h, w, 1} */
    YonosUpscalerTimes times;
};

void yonos_upscaler_free(YonosUpscaler *up)
{
    if (!up)
        return;
    yonos_network_free(up->network);
    yonos_plain_free(up->plain);
    yonos_plain_free(up->plain_alpha);
    g_free(up->small_alpha);
    g_free(up->large_alpha);
    g_free(up->small);
    g_free(up->large);
    g_free(up);
}

const YonosDeviceInfo *yonos_upscaler_device_info(const YonosUpscaler *up)
{
    return up->network ? yonos_network_device(up->network) : &yonos_cpu_info;
}

const char *yonos_upscaler_device(const YonosUpscaler *up)
{
    return yonos_upscaler_device_info(up)->name;
}

const char *yonos_upscaler_note(const YonosUpscaler *up)
{
    return up->network ? yonos_network_note(up->network) : NULL;
}

const YonosUpscalerTimes *yonos_upscaler_times(const YonosUpscaler *up)
{
    return &up->times;
}

gsize yonos_upscaler_memory(const YonosUpscaler *up)
{
    return up->network ? yonos_network_memory(up->network) : 0;
}

int yonos_upscaler_tiles(const YonosUpscaler *up)
{
    return up->network ? yonos_network_tiles(up->network) : 1;
}

void yonos_upscaler_set_noise(YonosUpscaler *up, YonosNoise noise, guint64 seed)
{
    if (up->network)
        yonos_network_set_noise(up->network, noise, seed);
}

void yonos_upscaler_set_fidelity(YonosUpscaler *up, float fidelity)
{
    if (up->network)
        yonos_network_set_fidelity(up->network, fidelity);
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

static gboolean alpha_make(YonosUpscaler *up, GError **error)
{
    if (up->in.layout != YONOS_FRAME_PACKED || up->out.layout != YONOS_FRAME_PACKED || up->in.a < 0 || up->out.a < 0)
        return TRUE;
    up->plain_alpha = yonos_plain_new(up->in.width, up->in.height, up->out.width, up->out.height, 1, error);
    up->small_alpha = g_try_new(float, (gsize)up->in.width * up->in.height);
    up->large_alpha = g_try_new(float, (gsize)up->out.width * up->out.height);
    if (up->plain_alpha && (!up->small_alpha || !up->large_alpha))
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY,
                    "No memory for the alpha of a frame of %d x %d; use smaller frames.", up->out.width,
                    up->out.height);
    return up->plain_alpha && up->small_alpha && up->large_alpha;
}

static gboolean pictures_make(YonosUpscaler *up, GError **error)
{
    up->small = g_try_new(float, (gsize)up->in.width * up->in.height * 3);
    up->large = g_try_new(float, (gsize)up->out.width * up->out.height * 3);
    if (up->small && up->large)
        return alpha_make(up, error);
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY, "No memory for a frame of %d x %d; use smaller frames.",
                up->out.width, up->out.height);
    return FALSE;
}

YonosUpscaler *yonos_upscaler_new(const YonosUpscalerParams *p, GError **error)
{
    YonosNetworkParams network = {p->model,      p->device,    p->scale,      p->seed,
                                  p->in.width,   p->in.height, p->out.width,  p->out.height,
                                  (gsize)p->max_memory << 20};
    YonosUpscaler *up;
    gboolean done;

    if (!check_params(p, error))
        return NULL;
    up = g_new0(YonosUpscaler, 1);
    up->in = p->in;
    up->out = p->out;
    up->split = 1;
    done = pictures_make(up, error);
    if (done && p->model) {
        up->network = yonos_network_new(&network, error);
        done = up->network != NULL;
    }
    if (!done)
        g_clear_pointer(&up, yonos_upscaler_free);
    return up;
}

gboolean yonos_upscaler_has_network(const YonosUpscaler *up)
{
    return up->network != NULL;
}

void yonos_upscaler_set_split(YonosUpscaler *up, float split)
{
    up->split = CLAMP(split, 0, 1);
}

static gboolean run_plain(YonosUpscaler *up, int first, GError **error)
{
    if (!up->plain)
        up->plain = yonos_plain_new(up->in.width, up->in.height, up->out.width, up->out.height, 3, error);
    return up->plain && yonos_plain_run(up->plain, up->small, up->large, first, error);
}

gboolean yonos_upscaler_warm_up(YonosUpscaler *up, GError **error)
{
    gsize n = (gsize)up->out.width * up->out.height * 3;

    memset(up->small, 0, (gsize)up->in.width * up->in.height * 3 * sizeof *up->small);
    if (up->network ? !yonos_network_run(up->network, up->small, up->large, &up->times, error) : !run_plain(up, 0, error))
        return FALSE;
    for (gsize k = 0; k < n; k++)
        if (!isfinite(up->large[k])) {
            g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL,
                        "The model makes no picture on %s, but infinite values; take another model or device.",
                        yonos_upscaler_device(up));
            return FALSE;
        }
    return TRUE;
}

/* White, of two columns where there is room, so that halved chroma does not blur it. */
static void draw_line(YonosUpscaler *up, int at)
{
    int left = at & ~1, right = MIN(left + 2, up->out.width);

    for (int y = 0; y < up->out.height; y++)
        for (gsize k = (gsize)left * 3; k < (gsize)right * 3; k++)
            up->large[(gsize)y * up->out.width * 3 + k] = 1;
}

static void make_gray(const YonosUpscaler *up)
{
    const float r = (float)up->in.kr, b = (float)up->in.kb, g = 1 - r - b;
    float *end = up->large + (gsize)up->out.width * up->out.height * 3;

    for (float *p = up->large; p < end; p += 3)
        p[0] = p[1] = p[2] = r * p[0] + g * p[1] + b * p[2];
}

static gboolean run_alpha(YonosUpscaler *up, const YonosFrame *in, const YonosFrame *out, GError **error)
{
    if (!up->plain_alpha)
        return TRUE;
    yonos_frame_to_alpha(&up->in, in, up->small_alpha);
    if (!yonos_plain_run(up->plain_alpha, up->small_alpha, up->large_alpha, 0, error))
        return FALSE;
    yonos_frame_from_alpha(&up->out, out, up->large_alpha);
    return TRUE;
}

static double since(gint64 start)
{
    return 1e-6 * (double)(g_get_monotonic_time() - start);
}

gboolean yonos_upscaler_run(YonosUpscaler *up, const YonosFrame *in, const YonosFrame *out, GError **error)
{
    int ours = up->network ? (int)lrintf(up->split * (float)up->out.width) : 0;
    gboolean same_size = up->in.width == up->out.width && up->in.height == up->out.height;
    const float *made = same_size && ours == 0 ? up->small : up->large;
    gint64 start = g_get_monotonic_time();

    up->times = (YonosUpscalerTimes){0};
    yonos_frame_to_rgb(&up->in, in, up->small, up->in.width);
    up->times.to_rgb = since(start);
    if ((ours > 0 && !yonos_network_run(up->network, up->small, up->large, &up->times, error)) ||
        (ours < up->out.width && made == up->large && !run_plain(up, ours, error)))
        return FALSE;
    if (ours > 0 && up->in.layout == YONOS_FRAME_GRAY && up->out.layout != YONOS_FRAME_GRAY)
        make_gray(up);
    if (ours > 0 && ours < up->out.width)
        draw_line(up, ours);
    start = g_get_monotonic_time();
    yonos_frame_from_rgb(&up->out, out, made, up->out.width);
    up->times.from_rgb = since(start);
    return run_alpha(up, in, out, error);
}
