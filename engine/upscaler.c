/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upscaler.h"
#include "base/error.h"
#include "base/random.h"
#include "cpu/cpu-executor.h"
#include "models/compact.h"
#include "models/model-file.h"
#include "ops/ops.h"
#include "plain.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-executor.h"
#endif

#include <math.h>
#include <string.h>

#define MAX_SIDE 16384

static const YonosDeviceInfo cpu = {"CPU", "none", "fp32",
#ifdef HAVE_ONEDNN
                                    "oneDNN"
#else
                                    "C"
#endif
};

struct YonosUpscaler {
    YonosFrameFormat in, out;
    YonosGraph *graph;
    YonosExecutor *executor; /* NULL: without a network */
    YonosPlain *plain;       /* NULL until it is needed */
    float split;
    YonosBufferId x, y;
    YonosTensorId z; /* the noise; {1, h, w, channels} */
    YonosDeviceInfo device;
    char *note;
    float *small, *large;             /* {h, w, 3} */
    YonosPlain *plain_alpha;          /* NULL: one of the formats has none */
    float *small_alpha, *large_alpha; /* {h, w, 1} */
    YonosNoise noise;
    guint64 seed, n_fresh;
    float *field;
    gboolean field_stale;                    /* the executor has another one */
    float *weights;                          /* as in the model, with two decoders; NULL: it has one */
    float fidelity, default_fidelity, mixed; /* mixed: what the executor has, or -1 */
    YonosUpscalerTimes times;
};

void yonos_upscaler_free(YonosUpscaler *up)
{
    if (!up)
        return;
    yonos_executor_free(up->executor);
    yonos_graph_free(up->graph);
    yonos_plain_free(up->plain);
    yonos_plain_free(up->plain_alpha);
    g_free(up->small_alpha);
    g_free(up->large_alpha);
    g_free(up->note);
    g_free(up->weights);
    g_free(up->field);
    g_free(up->small);
    g_free(up->large);
    g_free(up);
}

const char *yonos_upscaler_device(const YonosUpscaler *up)
{
    return up->device.name;
}

const YonosDeviceInfo *yonos_upscaler_device_info(const YonosUpscaler *up)
{
    return &up->device;
}

const char *yonos_upscaler_note(const YonosUpscaler *up)
{
    return up->note;
}

const YonosUpscalerTimes *yonos_upscaler_times(const YonosUpscaler *up)
{
    return &up->times;
}

gsize yonos_upscaler_memory(const YonosUpscaler *up)
{
    return up->executor ? up->executor->memory : 0;
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

static gboolean build(YonosUpscaler *up, const YonosCompactTier *tier, const YonosModelFile *model, GError **error)
{
    YonosGraph *g = up->graph = yonos_graph_new();
    int scale = model->scale;
    int h = yonos_compact_padded(up->in.height, scale) * scale / 8;
    int w = yonos_compact_padded(up->in.width, scale) * scale / 8;
    YonosTensorId x = yonos_graph_input(g, "frame", YONOS_F32, (YonosShape){1, up->in.height, up->in.width, 3});
    YonosTensorId z = yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){1, h, w, YONOS_COMPACT_LATENT});
    YonosTensorId y = yonos_compact_upscale(g, tier, x, z, scale);

    if (up->out.height != up->in.height * scale || up->out.width != up->in.width * scale)
        y = yonos_resize(g, y, up->out.height, up->out.width);
    if (model->perceptual)
        yonos_model_file_add_perceptual(g);
    if (!yonos_graph_check(g, error))
        return FALSE;
    up->x = yonos_graph_at(g, x)->buffer;
    up->z = z;
    /* the last node writes the picture: let it write where it can be read */
    up->y = yonos_graph_buffer(g, "upscaled", YONOS_F32, yonos_shape_elements(yonos_graph_shape(g, y)));
    g_array_index(g->tensors, YonosTensor, y).buffer = up->y;
    return TRUE;
}

static gboolean write_noise(YonosUpscaler *up, GError **error)
{
    const YonosTensor *z = yonos_graph_at(up->graph, up->z);
    YonosShape s = z->shape;
    gsize n = yonos_shape_elements(s);
    gboolean fresh = up->noise == YONOS_NOISE_FRESH;

    if (!up->field_stale && !fresh)
        return TRUE;
    if (up->noise == YONOS_NOISE_NONE)
        memset(up->field, 0, n * sizeof *up->field);
    else
        yonos_random_field(up->field, fresh ? yonos_random_bits(up->seed, up->n_fresh++) : up->seed, s.h, s.w, s.c);
    up->field_stale = !yonos_executor_write(up->executor, z->buffer, 0, up->field, n, error);
    return !up->field_stale;
}

void yonos_upscaler_set_noise(YonosUpscaler *up, YonosNoise noise, guint64 seed)
{
    if (noise == up->noise && seed == up->seed)
        return;
    up->noise = noise;
    up->seed = seed;
    up->field_stale = TRUE;
}

static gboolean write_fidelity(YonosUpscaler *up, GError **error)
{
    float wanted = up->fidelity;

    if (!up->weights || wanted == up->mixed)
        return TRUE;
    up->mixed = -1;
    if (!yonos_model_file_mix_decoders(up->executor, up->weights, wanted, error))
        return FALSE;
    up->mixed = wanted;
    return TRUE;
}

void yonos_upscaler_set_fidelity(YonosUpscaler *up, float fidelity)
{
    up->fidelity = fidelity >= 0 ? MIN(fidelity, 1) : up->default_fidelity;
}

gboolean yonos_upscaler_has_perceptual(const YonosUpscaler *up)
{
    return up->weights != NULL;
}

static gboolean load(YonosUpscaler *up, const YonosModelFile *model, GError **error)
{
    YonosBufferId params = up->graph->param_buffer;
    gsize n = g_array_index(up->graph->buffers, YonosBuffer, params).size;

    if (!yonos_model_file_load(model, up->executor, error))
        return FALSE;
    up->mixed = 1;
    if (!model->perceptual)
        return TRUE;
    g_free(up->weights);
    up->weights = g_new(float, n);
    return yonos_executor_read(up->executor, params, 0, up->weights, n, error);
}

/* Takes over `executor`, NULL after a failure to make it. */
static gboolean use(YonosUpscaler *up, YonosExecutor *executor, YonosDeviceInfo device, const YonosModelFile *model,
                    GError **error)
{
    up->executor = executor;
    up->device = device;
    if (executor && load(up, model, error) && write_fidelity(up, error) && write_noise(up, error))
        return TRUE;
    g_clear_pointer(&up->executor, yonos_executor_free);
    return FALSE;
}

#ifdef HAVE_VULKAN
static gboolean use_vulkan(YonosUpscaler *up, const char *device, const YonosModelFile *model, GError **error)
{
    const char *precision = g_getenv("YONOS_PRECISION");
    YonosVulkanOptions options = {device, YONOS_VULKAN_HALF_ON_GPU};
    YonosExecutor *executor;

    if (precision && *precision)
        options.half = strcmp(precision, "fp16") ? YONOS_VULKAN_SINGLE : YONOS_VULKAN_HALF;
    executor = yonos_vulkan_executor_new(up->graph, &options, error);
    return use(up, executor, executor ? yonos_vulkan_executor_info(executor) : (YonosDeviceInfo){0}, model, error);
}
#else
static gboolean use_vulkan(G_GNUC_UNUSED YonosUpscaler *up, const char *device,
                           G_GNUC_UNUSED const YonosModelFile *model, GError **error)
{
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_NO_DEVICE,
                "There is no device '%s', since this build is without Vulkan; set device to auto or cpu.", device);
    return FALSE;
}
#endif

gboolean yonos_upscaler_has_gpu(G_GNUC_UNUSED const char *device)
{
#ifdef HAVE_VULKAN
    if (g_ascii_strcasecmp(device, "cpu"))
        return yonos_vulkan_has_device(g_ascii_strcasecmp(device, "auto") ? device : NULL);
#endif
    return FALSE;
}

static gboolean blames_device(const GError *error)
{
    return g_error_matches(error, YONOS_ERROR, YONOS_ERROR_DEVICE) ||
           g_error_matches(error, YONOS_ERROR, YONOS_ERROR_MEMORY) ||
           g_error_matches(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED);
}

static gboolean start(YonosUpscaler *up, const YonosUpscalerParams *p, const YonosModelFile *model, GError **error)
{
    gboolean on_cpu = !g_ascii_strcasecmp(p->device, "cpu"), automatic = !g_ascii_strcasecmp(p->device, "auto");
    GError *failure = NULL;

    if (!on_cpu) {
        if (use_vulkan(up, automatic ? NULL : p->device, model, &failure))
            return TRUE;
        if (automatic && blames_device(failure)) {
            up->note = g_strdup_printf("The GPU cannot be used, so the CPU is. %s", failure->message);
        } else if (!automatic || !g_error_matches(failure, YONOS_ERROR, YONOS_ERROR_NO_DEVICE)) {
            g_propagate_error(error, failure);
            return FALSE;
        }
        g_error_free(failure);
    }
    return use(up, yonos_cpu_executor_new(up->graph, FALSE, error), cpu, model, error);
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
    if (up->graph)
        up->field = g_try_new(float, yonos_shape_elements(yonos_graph_shape(up->graph, up->z)));
    up->small = g_try_new(float, (gsize)up->in.width * up->in.height * 3);
    up->large = g_try_new(float, (gsize)up->out.width * up->out.height * 3);
    if ((up->field || !up->graph) && up->small && up->large)
        return alpha_make(up, error);
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY, "No memory for a frame of %d x %d; use smaller frames.",
                up->out.width, up->out.height);
    return FALSE;
}

static gboolean open_model(YonosUpscaler *up, const YonosUpscalerParams *p, GError **error)
{
    YonosModelFile model;
    const YonosCompactTier *tier;
    gboolean done;

    if (!yonos_model_file_open(&model, p->model, p->scale, error))
        return FALSE;
    up->fidelity = up->default_fidelity = model.fidelity;
    tier = yonos_compact_tier(model.tier);
    if (!tier)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL, "%s is of tier '%s', which this version does not know.",
                    p->model, model.tier);
    done = tier && build(up, tier, &model, error) && pictures_make(up, error) && start(up, p, &model, error);
    yonos_model_file_clear(&model);
    return done;
}

YonosUpscaler *yonos_upscaler_new(const YonosUpscalerParams *p, GError **error)
{
    YonosUpscaler *up;

    if (!check_params(p, error))
        return NULL;
    up = g_new0(YonosUpscaler, 1);
    up->in = p->in;
    up->out = p->out;
    up->seed = p->seed;
    up->field_stale = TRUE;
    up->split = 1;
    up->device = cpu;
    if (p->model ? !open_model(up, p, error) : !pictures_make(up, error))
        g_clear_pointer(&up, yonos_upscaler_free);
    return up;
}

gboolean yonos_upscaler_has_network(const YonosUpscaler *up)
{
    return up->executor != NULL;
}

void yonos_upscaler_set_split(YonosUpscaler *up, float split)
{
    up->split = CLAMP(split, 0, 1);
}

/* Seconds since *last, which becomes now. */
static double lap(gint64 *last)
{
    gint64 now = g_get_monotonic_time(), spent = now - *last;

    *last = now;
    return 1e-6 * (double)spent;
}

static gboolean run_network(YonosUpscaler *up, GError **error)
{
    gsize n_in = (gsize)up->in.width * up->in.height * 3, n_out = (gsize)up->out.width * up->out.height * 3;
    gint64 last = g_get_monotonic_time();

    if (!write_fidelity(up, error) || !write_noise(up, error) ||
        !yonos_executor_write(up->executor, up->x, 0, up->small, n_in, error))
        return FALSE;
    up->times.upload = lap(&last);
    if (!yonos_executor_run(up->executor, error))
        return FALSE;
    up->times.compute = lap(&last);
    up->times.device = up->executor->device_seconds;
    if (!yonos_executor_read(up->executor, up->y, 0, up->large, n_out, error))
        return FALSE;
    up->times.download = lap(&last);
    return TRUE;
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
    if (up->executor ? !run_network(up, error) : !run_plain(up, 0, error))
        return FALSE;
    for (gsize k = 0; k < n; k++)
        if (!isfinite(up->large[k])) {
            g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL,
                        "The model makes no picture on %s, but infinite values; take another model or device.",
                        up->device.name);
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

gboolean yonos_upscaler_run(YonosUpscaler *up, const YonosFrame *in, const YonosFrame *out, GError **error)
{
    int ours = up->executor ? (int)lrintf(up->split * (float)up->out.width) : 0;
    gboolean same_size = up->in.width == up->out.width && up->in.height == up->out.height;
    const float *made = same_size && ours == 0 ? up->small : up->large;
    gint64 last = g_get_monotonic_time();

    yonos_frame_to_rgb(&up->in, in, up->small, up->in.width);
    up->times.to_rgb = lap(&last);
    if ((ours > 0 && !run_network(up, error)) ||
        (ours < up->out.width && made == up->large && !run_plain(up, ours, error)))
        return FALSE;
    if (ours > 0 && up->in.layout == YONOS_FRAME_GRAY && up->out.layout != YONOS_FRAME_GRAY)
        make_gray(up);
    if (ours > 0 && ours < up->out.width)
        draw_line(up, ours);
    last = g_get_monotonic_time();
    yonos_frame_from_rgb(&up->out, out, made, up->out.width);
    up->times.from_rgb = lap(&last);
    return run_alpha(up, in, out, error);
}
