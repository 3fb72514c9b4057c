/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/parts.h"
#include "base/error.h"
#include "base/random.h"
#include "cpu/cpu-executor.h"
#include "graph/reach.h"
#include "ops/ops.h"
#ifdef HAVE_VULKAN
#include "self-check.h"
#include "vulkan/vulkan-executor.h"
#endif

#include <string.h>
#include <unistd.h>

static void windows_clear(YonosNetwork *net)
{
    g_clear_pointer(&net->reduce, yonos_plain_free);
    g_clear_pointer(&net->x_window, g_free);
    g_clear_pointer(&net->y_window, g_free);
    g_clear_pointer(&net->z_window, g_free);
    g_clear_pointer(&net->made, g_free);
}

static void executor_clear(YonosNetwork *net)
{
#ifdef HAVE_VULKAN
    g_clear_pointer(&net->frames, yonos_vulkan_frames_free);
#endif
    g_clear_pointer(&net->executor, yonos_executor_free);
}

void yonos_network_free(YonosNetwork *net)
{
    if (!net)
        return;
    executor_clear(net);
    yonos_graph_free(net->graph);
    windows_clear(net);
    g_free(net->note);
    g_free(net->weights);
    g_free(net->field);
    g_free((char *)net->params.model);
    g_free((char *)net->params.device);
    g_free(net);
}

const YonosDeviceInfo *yonos_network_device(const YonosNetwork *net)
{
    return &net->device;
}

const char *yonos_network_note(const YonosNetwork *net)
{
    return net->note;
}

gsize yonos_network_memory(const YonosNetwork *net)
{
    return net->executor ? net->executor->memory : 0;
}

int yonos_network_tiles(const YonosNetwork *net)
{
    return net->rows.n * net->columns.n;
}

gboolean yonos_network_is_reduced(const YonosNetwork *net)
{
    const YonosNetworkParams *p = &net->params;

    return p->out_height != p->in_height * p->scale || p->out_width != p->in_width * p->scale;
}

/* The graph of a window. Tiles are reduced together, afterwards. */
static gboolean build(YonosNetwork *net, GError **error)
{
    YonosGraph *g = yonos_graph_new();
    const YonosNetworkParams *p = &net->params;
    int h = net->rows.window, w = net->columns.window, scale = p->scale;
    YonosShape noise = {1, yonos_compact_padded(h, scale) * scale / 8, yonos_compact_padded(w, scale) * scale / 8,
                        YONOS_COMPACT_LATENT};
    YonosTensorId x = yonos_graph_input(g, "frame", YONOS_F32, (YonosShape){1, h, w, 3}), y;

    yonos_graph_free(net->graph);
    net->graph = g;
    net->z = yonos_graph_input(g, "noise", YONOS_F32, noise);
    y = yonos_compact_upscale(g, net->tier, x, net->z, scale, net->model->faithful);
    if (yonos_network_tiles(net) == 1 && yonos_network_is_reduced(net))
        y = yonos_resize(g, y, p->out_height, p->out_width);
    if (net->model->perceptual)
        yonos_model_file_add_perceptual(g);
    if (!yonos_graph_check(g, error))
        return FALSE;
    net->x = yonos_graph_at(g, x)->buffer;
    /* the last node writes the picture: let it write where it can be read */
    net->y = yonos_graph_buffer(g, "upscaled", YONOS_F32, yonos_shape_elements(yonos_graph_shape(g, y)));
    g_array_index(g->tensors, YonosTensor, y).buffer = net->y;
    return TRUE;
}

static gboolean build_whole(YonosNetwork *net, GError **error)
{
    int grid = YONOS_COMPACT_GRID / net->params.scale;

    net->rows = (YonosTiling){net->params.in_height, grid, 0, 0, net->params.in_height, 1};
    net->columns = (YonosTiling){net->params.in_width, grid, 0, 0, net->params.in_width, 1};
    return build(net, error);
}

/* How far around a cell of the grid the network looks, from the graph of a picture that is not reduced. */
static gboolean find_reach(YonosNetwork *net, YonosTiling *t, gboolean columns)
{
    const YonosGraph *g = net->graph;
    YonosReach reach;
    YonosTensorId x = YONOS_NONE, y = YONOS_NONE;

    for (guint k = 0; k < g->tensors->len; k++) {
        x = yonos_graph_at(g, (YonosTensorId)k)->buffer == net->x ? (YonosTensorId)k : x;
        y = yonos_graph_at(g, (YonosTensorId)k)->buffer == net->y ? (YonosTensorId)k : y;
    }
    if (!yonos_graph_reach(g, x, y, columns, YONOS_COMPACT_GRID, &reach))
        return FALSE;
    t->before = MAX(0, -reach.first);
    t->after = MAX(0, reach.last + 1 - t->grid);
    return TRUE;
}

/* Twice as many tiles along the side whose windows are longer; FALSE where there are no smaller ones. */
static gboolean shrink(YonosNetwork *net)
{
    YonosTiling *rows = &net->rows, *columns = &net->columns, *longer, *other;
    int before;

    if (yonos_network_tiles(net) == 1) {
        if (!build_whole(net, NULL))
            return FALSE;
        rows->n = columns->n = 2; /* so that nothing is reduced */
        if (!build(net, NULL) || !find_reach(net, rows, FALSE) || !find_reach(net, columns, TRUE))
            return FALSE;
        rows->n = columns->n = 1;
    }
    longer = rows->window > columns->window ? rows : columns;
    other = longer == rows ? columns : rows;
    before = longer->window;
    yonos_tiling_make(longer, 2 * longer->n);
    if (longer->window == before) {
        before = other->window;
        yonos_tiling_make(other, 2 * other->n);
        if (other->window == before)
            return FALSE;
    }
    return build(net, NULL);
}

/* Of the whole frame; FALSE where it is the one from before. */
static gboolean make_field(YonosNetwork *net)
{
    const YonosNetworkParams *p = &net->params;
    int h = yonos_compact_padded(p->in_height, p->scale) * p->scale / 8;
    int w = yonos_compact_padded(p->in_width, p->scale) * p->scale / 8;
    gboolean fresh = net->noise == YONOS_NOISE_FRESH;

    if (!net->field_stale && !fresh)
        return FALSE;
    if (net->noise == YONOS_NOISE_NONE)
        memset(net->field, 0, (gsize)h * w * YONOS_COMPACT_LATENT * sizeof *net->field);
    else
        yonos_random_field(net->field, fresh ? yonos_random_bits(net->seed, net->frame) : net->seed, h, w,
                           YONOS_COMPACT_LATENT);
    net->field_stale = FALSE;
    return TRUE;
}

/* Where it is the same for every run. */
gboolean yonos_network_write_noise(YonosNetwork *net, GError **error)
{
    const YonosTensor *z = yonos_graph_at(net->graph, net->z);

    if (!make_field(net) || yonos_network_tiles(net) > 1)
        return TRUE;
    net->field_stale =
        !yonos_executor_write(net->executor, z->buffer, 0, net->field, yonos_shape_elements(z->shape), error);
    return !net->field_stale;
}

void yonos_network_set_noise(YonosNetwork *net, YonosNoise noise, guint64 seed, guint64 frame)
{
    net->frame = frame;
    if (noise == net->noise && seed == net->seed)
        return;
    net->noise = noise;
    net->seed = seed;
    net->field_stale = TRUE;
}

gboolean yonos_network_write_fidelity(YonosNetwork *net, GError **error)
{
    float wanted = net->fidelity;

    if (!net->weights || wanted == net->mixed)
        return TRUE;
    net->mixed = -1;
    if (!yonos_model_file_mix_decoders(net->executor, net->weights, wanted, error))
        return FALSE;
    net->mixed = wanted;
    return TRUE;
}

void yonos_network_set_fidelity(YonosNetwork *net, float fidelity)
{
    net->fidelity = fidelity >= 0 ? MIN(fidelity, 1) : net->default_fidelity;
}

gboolean yonos_network_has_perceptual(const YonosNetwork *net)
{
    return net->weights != NULL;
}

static gboolean load(YonosNetwork *net, GError **error)
{
    YonosBufferId params = net->graph->param_buffer;
    gsize n = g_array_index(net->graph->buffers, YonosBuffer, params).size;

    if (!yonos_model_file_load(net->model, net->executor, error))
        return FALSE;
    net->mixed = 1;
    if (!net->model->perceptual)
        return TRUE;
    g_free(net->weights);
    net->weights = g_new(float, n);
    return yonos_executor_read(net->executor, params, 0, net->weights, n, error);
}

/* An executor of the graph as it is; *device says what it runs on. */
typedef YonosExecutor *MakeExecutor(const YonosNetwork *net, const char *name, YonosDeviceInfo *device, GError **error);

static YonosExecutor *make_cpu(const YonosNetwork *net, G_GNUC_UNUSED const char *name, YonosDeviceInfo *device,
                               GError **error)
{
    /* more than half of the machine's memory would push others, or us, out */
    gsize most = net->params.max_memory, pages = (gsize)MAX(sysconf(_SC_PHYS_PAGES), 1), needed;
    YonosCpuMath math = net->no_bf16 ? YONOS_CPU_SINGLE : yonos_cpu_wanted();

    *device = yonos_cpu_info(math);
    needed = yonos_cpu_executor_bytes(net->graph, math);
    if (!most)
        most = pages / 2 * (gsize)sysconf(_SC_PAGESIZE);
    if (needed <= most)
        return yonos_cpu_executor_new(net->graph, math, error);
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY,
                "Frames of this size need %" G_GSIZE_FORMAT " MiB in the smallest tiles, and %" G_GSIZE_FORMAT
                " MiB are allowed; set max-memory higher, or use smaller frames.", (needed >> 20) + 1, most >> 20);
    return NULL;
}

#ifdef HAVE_VULKAN
/* Tiles are reduced together, on the host. */
static gboolean goes_by_planes(const YonosNetwork *net)
{
    return net->params.in && !net->no_planes && yonos_vulkan_frames_wanted() &&
           (yonos_network_tiles(net) == 1 || !yonos_network_is_reduced(net));
}

/* Frames larger than what the device can address go by the executor's buffers. */
static gboolean frames_make(YonosNetwork *net, GError **error)
{
    const YonosNetworkParams *p = &net->params;
    GError *failure = NULL;

    if (!goes_by_planes(net))
        return TRUE;
    net->frames = yonos_vulkan_frames_new(
        net->executor, &(YonosVulkanFramesParams){*p->in, *p->out, p->in_flight, net->x, net->y}, &failure);
    if (net->frames || g_error_matches(failure, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED)) {
        g_clear_error(&failure);
        return TRUE;
    }
    g_propagate_error(error, failure);
    return FALSE;
}

static YonosVulkanOptions vulkan_options(const YonosNetwork *net, const char *name)
{
    const char *precision = g_getenv("YONOS_PRECISION");
    YonosVulkanOptions options = {.device = name,
                                  .shared = net->params.shared,
                                  .half = YONOS_VULKAN_HALF_ON_GPU,
                                  .max_memory = net->params.max_memory,
                                  .matrices = net->matrices};

    if (net->single)
        options.half = YONOS_VULKAN_SINGLE;
    else if (precision && *precision)
        options.half = strcmp(precision, "fp16") ? YONOS_VULKAN_SINGLE : YONOS_VULKAN_HALF;
    return options;
}

static YonosExecutor *make_vulkan(const YonosNetwork *net, const char *name, YonosDeviceInfo *device, GError **error)
{
    YonosVulkanOptions options = vulkan_options(net, name);
    const YonosNetworkParams *p = &net->params;
    YonosExecutor *executor;

    if (goes_by_planes(net))
        options.beside = yonos_vulkan_frames_bytes(p->in, p->out, p->in_flight);
    executor = yonos_vulkan_executor_new(net->graph, &options, error);
    if (executor)
        *device = yonos_vulkan_executor_info(executor);
    return executor;
}
#else
static YonosExecutor *make_vulkan(G_GNUC_UNUSED const YonosNetwork *net, const char *name,
                                  G_GNUC_UNUSED YonosDeviceInfo *device, GError **error)
{
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_NO_DEVICE,
                "There is no device '%s', since this build is without Vulkan; set device to auto or cpu.", name);
    return NULL;
}

static gboolean frames_make(G_GNUC_UNUSED YonosNetwork *net, G_GNUC_UNUSED GError **error)
{
    return TRUE;
}
#endif

static gboolean windows_make(YonosNetwork *net, GError **error)
{
    const YonosNetworkParams *p = &net->params;
    YonosGraph *g = net->graph;
    gsize n = (gsize)p->in_width * p->in_height * 3 * p->scale * p->scale;

    windows_clear(net);
    if (yonos_network_tiles(net) == 1)
        return TRUE;
    net->z_window = g_try_new(float, yonos_shape_elements(yonos_graph_shape(g, net->z)));
    if (net->frames && net->z_window)
        return TRUE;
    net->x_window = g_try_new(float, g_array_index(g->buffers, YonosBuffer, net->x).size);
    net->y_window = g_try_new(float, g_array_index(g->buffers, YonosBuffer, net->y).size);
    if (yonos_network_is_reduced(net)) {
        net->made = g_try_new(float, n);
        net->reduce = yonos_plain_new(p->in_width * p->scale, p->in_height * p->scale, p->out_width, p->out_height, 3,
                                      error);
        if (!net->reduce)
            return FALSE;
    }
    if (net->x_window && net->y_window && net->z_window && (net->made || !net->reduce))
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY, "No memory for a frame of %d x %d; use smaller frames.",
                p->out_width, p->out_height);
    return FALSE;
}

static gboolean executor_make(YonosNetwork *net, MakeExecutor *make, const char *name, GError **error)
{
    net->executor = make(net, name, &net->device, error);
    if (net->executor && (make == make_cpu || frames_make(net, error)))
        return TRUE;
    executor_clear(net);
    return FALSE;
}

/* Whole, or in as few tiles as there is memory for. */
static gboolean use(YonosNetwork *net, MakeExecutor *make, const char *name, GError **error)
{
    GError *failure = NULL;

    if (!build_whole(net, error))
        return FALSE;
    while (make != make_cpu && yonos_network_tiles(net) < net->least_tiles)
        if (!shrink(net)) {
            g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY,
                        "The Vulkan device has too little memory (even for the smallest tiles); use smaller frames, or "
                        "the CPU (device=cpu).");
            return FALSE;
        }
    while (!executor_make(net, make, name, &failure) &&
           g_error_matches(failure, YONOS_ERROR, YONOS_ERROR_MEMORY) && shrink(net))
        g_clear_error(&failure);
    if (failure)
        g_propagate_error(error, failure);
    if (net->executor && load(net, error) && yonos_network_write_fidelity(net, error) && windows_make(net, error) &&
        yonos_network_write_noise(net, error))
        return TRUE;
    executor_clear(net);
    return FALSE;
}

#ifdef HAVE_VULKAN
/* What of the device is not used, where a kernel is wrong, so that its others still are; FALSE: nothing helps. */
static gboolean avoid(YonosNetwork *net, YonosFault fault, const char *kernel)
{
    const char *what;

    if (fault == YONOS_FAULT_PLANES) {
        net->no_planes = TRUE;
        what = "frames, so they are converted on the CPU";
    } else if (fault == YONOS_FAULT_FREE_MATRICES && net->matrices == YONOS_VULKAN_MATRICES) {
        net->matrices = YONOS_VULKAN_FIXED_MATRICES;
        what = "cooperative matrices of free size, so others are used";
    } else if (fault >= YONOS_FAULT_MATRICES && net->matrices != YONOS_VULKAN_NO_MATRICES) {
        net->matrices = YONOS_VULKAN_NO_MATRICES;
        what = "cooperative matrices, so it goes without";
    } else if (fault >= YONOS_FAULT_HALF && !net->single) {
        net->single = TRUE;
        what = "half precision, so single is used";
    } else {
        return FALSE;
    }
    g_free(net->note);
    net->note = g_strdup_printf("The GPU (%s) cannot be trusted with %s. %s", net->device.name, what, kernel);
    return TRUE;
}

static gboolean is_right(const YonosNetwork *net, const YonosVulkanOptions *options, YonosFault *fault, GError **error)
{
    return yonos_network_is_trusted(net, &(gboolean){FALSE}, error) &&
           yonos_self_check(net->executor, options, fault, error) &&
           (!net->frames ||
            yonos_self_check_planes(net->executor, options, net->params.in, net->params.out, fault, error));
}

static gboolean use_vulkan(YonosNetwork *net, const char *name, GError **error)
{
    while (use(net, make_vulkan, name, error)) {
        YonosVulkanOptions options = vulkan_options(net, name);
        GError *failure = NULL;
        YonosFault fault;
        gboolean again;
        if (is_right(net, &options, &fault, &failure))
            return TRUE;
        again = g_error_matches(failure, YONOS_ERROR, YONOS_ERROR_WRONG) && avoid(net, fault, failure->message);
        executor_clear(net);
        if (!again) {
            g_propagate_error(error, failure);
            return FALSE;
        }
        g_error_free(failure);
    }
    return FALSE;
}
#else
static gboolean use_vulkan(YonosNetwork *net, const char *name, GError **error)
{
    return use(net, make_vulkan, name, error);
}
#endif

static gboolean use_cpu(YonosNetwork *net, GError **error)
{
    char *gpu = net->note;
    gboolean bf16, right;

    if (!use(net, make_cpu, NULL, error))
        return FALSE;
    bf16 = right = !strcmp(net->device.precision, "bf16");
    if (!yonos_network_is_trusted(net, &right, error))
        return FALSE;
    if (right == bf16)
        return TRUE;
    executor_clear(net);
    net->no_bf16 = TRUE;
    net->note = g_strconcat(gpu ? gpu : "", gpu ? " " : "",
                            "The CPU cannot be trusted with bf16, so fp32 is used; update oneDNN.", NULL);
    g_free(gpu);
    return use(net, make_cpu, NULL, error);
}

static gboolean blames_device(const GError *error)
{
    return g_error_matches(error, YONOS_ERROR, YONOS_ERROR_DEVICE) ||
           g_error_matches(error, YONOS_ERROR, YONOS_ERROR_MEMORY) ||
           g_error_matches(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED);
}

static gboolean start(YonosNetwork *net, const char *device, GError **error)
{
    gboolean on_cpu = !g_ascii_strcasecmp(device, "cpu"), automatic = !g_ascii_strcasecmp(device, "auto");
    GError *failure = NULL;

    if (!on_cpu) {
        if (use_vulkan(net, automatic ? NULL : device, &failure))
            return TRUE;
        if ((automatic && blames_device(failure)) || g_error_matches(failure, YONOS_ERROR, YONOS_ERROR_WRONG)) {
            g_free(net->note);
            net->note = g_strdup_printf("The GPU cannot be used, so the CPU is. %s", failure->message);
        } else if (!automatic || !g_error_matches(failure, YONOS_ERROR, YONOS_ERROR_NO_DEVICE)) {
            g_propagate_error(error, failure);
            return FALSE;
        }
        g_error_free(failure);
    }
    return use_cpu(net, error);
}

static gboolean open_with(YonosNetwork *net, const YonosModelFile *model, GError **error)
{
    const YonosNetworkParams *p = &net->params;
    gsize h = (gsize)yonos_compact_padded(p->in_height, p->scale) * p->scale / 8;
    gsize w = (gsize)yonos_compact_padded(p->in_width, p->scale) * p->scale / 8;
    gboolean done;

    net->model = model;
    net->tier = yonos_compact_tier(model->tier);
    if (!net->tier) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL, "%s is of tier '%s', which this version does not know.",
                    p->model, model->tier);
        return FALSE;
    }
    net->field_stale = TRUE;
    if (!net->field)
        net->field = g_try_new(float, h * w * YONOS_COMPACT_LATENT);
    if (!net->field) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY, "No memory for a frame of %d x %d; use smaller frames.",
                    p->out_width, p->out_height);
        return FALSE;
    }
    done = start(net, p->device, error);
    net->model = NULL;
    return done;
}

YonosNetwork *yonos_network_new(const YonosNetworkParams *p, GError **error)
{
    YonosNetwork *net;
    YonosModelFile model;

    if (!yonos_model_file_open(&model, p->model, p->scale, error))
        return NULL;
    net = g_new0(YonosNetwork, 1);
    net->params = *p;
    net->params.model = g_strdup(p->model);
    net->params.device = g_strdup(p->device);
    if (p->in) {
        net->in = *p->in;
        net->out = *p->out;
        net->params.in = &net->in;
        net->params.out = &net->out;
    }
    net->seed = p->seed;
    net->fidelity = net->default_fidelity = model.fidelity;
    if (!open_with(net, &model, error))
        g_clear_pointer(&net, yonos_network_free);
    yonos_model_file_clear(&model);
    return net;
}

gboolean yonos_network_shrink(YonosNetwork *net, GError **error)
{
    YonosModelFile model;
    gboolean done;

    if (net->executor) {
        net->least_tiles = 2 * yonos_network_tiles(net);
        net->no_planes = net->no_planes || !net->frames;
    }
    executor_clear(net);
    if (!yonos_model_file_open(&model, net->params.model, net->params.scale, error))
        return FALSE;
    done = open_with(net, &model, error);
    if (!done)
        net->least_tiles = 0; /* another time there may be more memory */
    yonos_model_file_clear(&model);
    return done;
}
