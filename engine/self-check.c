/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "self-check.h"
#include "base/cache.h"
#include "base/error.h"
#include "base/random.h"
#include "cpu/cpu-executor.h"
#include "frame/packing.h"
#include "graph/op.h"
#include "ops/ops.h"
#include "vulkan/vulkan-frames.h"

#include <math.h>
#include <string.h>

#define SEED 20261124
#define CHECKED "checked"
#define HEIGHT 8 /* both divisible by what pictures are folded by; together more than the 128 rows of the largest tile */
#define WIDTH 20

static YonosShape small(YonosShape s)
{
    return (YonosShape){1, s.h > 1 ? HEIGHT : 1, s.w > 1 ? WIDTH : 1, s.c};
}

/* A tensor in a buffer of its own; parameters keep their shape. */
static YonosTensorId operand(YonosGraph *checks, const YonosGraph *graph, YonosTensorId id, YonosShape shape)
{
    char *name;
    YonosTensorId made;

    if (id < 0)
        return YONOS_NONE;
    if (yonos_graph_at(graph, id)->buffer == graph->param_buffer)
        shape = yonos_graph_shape(graph, id);
    name = g_strdup_printf("%u", checks->buffers->len);
    made = yonos_graph_input(checks, name, YONOS_F32, shape);
    g_free(name);
    return made;
}

static YonosShape sums_of(YonosShape x, YonosShape w, const YonosNode *node)
{
    return (YonosShape){1, (x.h + 2 * node->i[1] - w.n) / node->i[0] + 1, (x.w + 2 * node->i[1] - w.h) / node->i[0] + 1,
                        w.c};
}

/* Of a convolution's small input: what the output is cropped to where it was before, or so that the base fits. */
static YonosShape conv_output(const YonosGraph *graph, YonosNode *node, YonosShape x)
{
    int r = MAX(1, node->i[3]), factor = node->i[4] ? node->i[4] : 1;
    gboolean is_cropped = node->i[5] || node->i[6];
    YonosShape y = sums_of(x, yonos_graph_shape(graph, node->in[1]), node);

    y = (YonosShape){1, y.h * r, y.w * r, y.c / (r * r)};
    if (is_cropped) {
        y.h = (y.h - 1) / factor * factor;
        y.w = (y.w - 1) / factor * factor;
        node->i[5] = y.h;
        node->i[6] = y.w;
    }
    return y;
}

static void conv_operands(YonosGraph *checks, const YonosGraph *graph, YonosNode *node)
{
    YonosShape x = {1, HEIGHT, WIDTH, 0}, y = conv_output(graph, node, x);

    for (int k = 0; k < node->n_inputs; k++) {
        YonosShape s = k == YONOS_CONV_RESIDUAL ? y : x;
        if (k == YONOS_CONV_BASE)
            s = (YonosShape){1, y.h / MAX(1, node->i[4]), y.w / MAX(1, node->i[4]), 0};
        s.c = yonos_graph_shape(graph, node->in[k]).c;
        node->in[k] = operand(checks, graph, node->in[k], s);
    }
}

/* The other ops' operands are of one size, or of one pixel, or parameters. */
static void other_operands(YonosGraph *checks, const YonosGraph *graph, YonosNode *node)
{
    YonosShape x = yonos_graph_shape(graph, node->in[0]);

    if (node->op == YONOS_OP_RESIZE) {
        node->i[0] = MAX(1, node->i[0] * small(x).h / x.h);
        node->i[1] = MAX(1, node->i[1] * small(x).w / x.w);
    } else if (node->op == YONOS_OP_EXTENT) {
        node->i[0] = MAX(1, small(x).h + CLAMP(node->i[0] - x.h, -1, 1));
        node->i[1] = MAX(1, small(x).w + CLAMP(node->i[1] - x.w, -1, 1));
    }
    for (int k = 0; k < node->n_inputs; k++)
        node->in[k] = operand(checks, graph, node->in[k], small(yonos_graph_shape(graph, node->in[k])));
}

static void add(YonosGraph *checks, const YonosGraph *graph, YonosNode node)
{
    YonosTensorId y;
    YonosTensor *out;
    char *name;

    node.out = YONOS_NONE;
    if (node.op == YONOS_OP_CONV)
        conv_operands(checks, graph, &node);
    else
        other_operands(checks, graph, &node);
    y = yonos_graph_append(checks, node);
    if (y < 0)
        return;
    name = g_strdup_printf("%u", checks->buffers->len);
    out = &g_array_index(checks->tensors, YonosTensor, y);
    out->buffer = yonos_graph_buffer(checks, name, YONOS_F32, yonos_shape_elements(out->shape));
    g_free(name);
}

gboolean yonos_self_check_add(YonosGraph *checks, const YonosGraph *graph, const YonosNode *node)
{
    YonosGraph *trial = yonos_graph_new();
    gboolean fits;

    add(trial, graph, *node);
    fits = yonos_graph_check(trial, NULL);
    yonos_graph_free(trial);
    if (fits)
        add(checks, graph, *node);
    return fits;
}

/* Equal for nodes that run the same code on the same operands. */
static char *kernel_of(const YonosExecutor *ex, guint k)
{
    const YonosNode *node = &g_array_index(ex->graph->nodes, YonosNode, k);
    guint present = 0;

    for (int i = 0; i < node->n_inputs; i++)
        present |= (guint)(node->in[i] >= 0) << i;
    return g_strdup_printf("%s of operands %x by %s", yonos_op(node->op)->name, present, yonos_vulkan_executor_kernel(ex, k));
}

/* The lines of the list, as a set. */
static GHashTable *passed_read(const char *device)
{
    GHashTable *passed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    char *text = NULL, **lines;
    gsize size;

    if (!g_strcmp0(g_getenv("YONOS_SELF_CHECK"), "always") || !yonos_cache_read(CHECKED, device, &text, &size))
        return passed;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        g_hash_table_add(passed, g_strdup(*line));
    g_strfreev(lines);
    g_free(text);
    return passed;
}

static void passed_write(const char *device, GHashTable *passed)
{
    GString *text = g_string_new(NULL);
    GHashTableIter iter;
    gpointer line;

    g_hash_table_iter_init(&iter, passed);
    while (g_hash_table_iter_next(&iter, &line, NULL))
        g_string_append_printf(text, "%s\n", (char *)line);
    yonos_cache_write(CHECKED, device, text->str, text->len);
    g_string_free(text, TRUE);
}

typedef struct {
    YonosGraph *graph;  /* of nodes alone */
    GArray *tiles;      /* int, by node */
    GPtrArray *kernels; /* by node; owned */
    YonosExecutor *trusted, *checked;
} Check;

/* One node of every kernel that has not passed. */
static void collect(Check *c, const YonosExecutor *ex, GHashTable *passed)
{
    GHashTable *seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint k = 0; k < ex->graph->nodes->len; k++) {
        char *kernel = kernel_of(ex, k);
        int tile = yonos_vulkan_executor_tile(ex, k);
        if (g_hash_table_contains(passed, kernel) || g_hash_table_contains(seen, kernel) ||
            !yonos_self_check_add(c->graph, ex->graph, &g_array_index(ex->graph->nodes, YonosNode, k))) {
            g_free(kernel);
            continue;
        }
        g_hash_table_add(seen, kernel);
        g_ptr_array_add(c->kernels, kernel);
        g_array_append_val(c->tiles, tile);
    }
    g_hash_table_unref(seen);
}

/* Exact in half precision; weights are smaller the more of them are summed. */
static gboolean fill(const Check *c, YonosTensorId id, gboolean is_sum, GError **error)
{
    const YonosTensor *t = yonos_graph_at(c->graph, id);
    gsize n = yonos_shape_elements(t->shape);
    int terms = is_sum ? t->shape.n * t->shape.h * t->shape.w : 1;
    float *values = g_new(float, n), size = ldexpf(1.0f / 64, -(int)lround(log2(terms) / 2));
    gboolean done;

    for (gsize k = 0; k < n; k++)
        values[k] = (float)((int)(yonos_random_bits(SEED + (guint64)id, k) % 129) - 64) * size;
    done = yonos_executor_write(c->trusted, t->buffer, 0, values, n, error) &&
           yonos_executor_write(c->checked, t->buffer, 0, values, n, error);
    g_free(values);
    return done;
}

static gboolean is_weight(const YonosNode *node, int operand)
{
    return (node->op == YONOS_OP_CONV && operand == 1) ||
           (node->op == YONOS_OP_RESIDUAL_BLOCK && (operand == 1 || operand == 3));
}

static gboolean fill_all(const Check *c, GError **error)
{
    for (guint k = 0; k < c->graph->nodes->len; k++) {
        const YonosNode *node = &g_array_index(c->graph->nodes, YonosNode, k);
        for (int i = 0; i < node->n_inputs; i++)
            if (node->in[i] >= 0 && !fill(c, node->in[i], is_weight(node, i), error))
                return FALSE;
    }
    return TRUE;
}

/* Reads what node k has made, and where it is *wrong sets the values. */
static gboolean compare(const Check *c, guint k, gboolean *wrong, float *right, float *made, GError **error)
{
    const YonosTensor *t = yonos_graph_at(c->graph, g_array_index(c->graph->nodes, YonosNode, k).out);
    gsize n = yonos_shape_elements(t->shape), at = 0;
    float *wanted = g_new(float, n), *got = g_new(float, n);
    float near = c->checked->element_size < sizeof(float) ? 1.0f / 512 : 1e-4f;
    gboolean read = yonos_executor_read(c->trusted, t->buffer, 0, wanted, n, error) &&
                    yonos_executor_read(c->checked, t->buffer, 0, got, n, error);

    while (read && at < n && fabsf(got[at] - wanted[at]) <= near * (1 + fabsf(wanted[at]))) /* not of NaN */
        at++;
    *wrong = read && at < n;
    if (*wrong) {
        *right = wanted[at];
        *made = got[at];
    }
    g_free(wanted);
    g_free(got);
    return read;
}

static YonosFault fault_of(const Check *c, guint k)
{
    if (strstr(g_ptr_array_index(c->kernels, k), "coopmat2"))
        return YONOS_FAULT_FREE_MATRICES;
    if (strstr(g_ptr_array_index(c->kernels, k), "coopmat"))
        return YONOS_FAULT_MATRICES;
    return c->checked->element_size < sizeof(float) ? YONOS_FAULT_HALF : YONOS_FAULT_KERNEL;
}

/* Blames a kernel of the fault that leaves most when it is avoided. */
static gboolean judge(const Check *c, YonosFault *fault, GError **error)
{
    guint n = c->graph->nodes->len, blamed = 0, n_wrong = 0;
    float right = 0, made = 0;

    for (guint k = 0; k < n; k++) {
        float a, b;
        gboolean wrong;
        if (!compare(c, k, &wrong, &a, &b, error))
            return FALSE;
        n_wrong += wrong ? 1 : 0;
        if (!wrong || fault_of(c, k) <= *fault)
            continue;
        *fault = fault_of(c, k);
        blamed = k;
        right = a;
        made = b;
    }
    if (n_wrong)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_WRONG,
                    "Its kernel '%s' computes %g where %g is right (%u of %u kernels are wrong); update its driver.",
                    (char *)g_ptr_array_index(c->kernels, blamed), (double)made, (double)right, n_wrong, n);
    return !n_wrong;
}

static gboolean run(Check *c, const YonosVulkanOptions *options, YonosFault *fault, GError **error)
{
    YonosVulkanOptions small_options = *options;

    small_options.tiles = (const int *)(void *)c->tiles->data;
    small_options.max_memory = 0;
    return yonos_graph_check(c->graph, error) && (c->trusted = yonos_cpu_executor_new(c->graph, YONOS_CPU_REFERENCE, error)) &&
           (c->checked = yonos_vulkan_executor_new(c->graph, &small_options, error)) && fill_all(c, error) &&
           yonos_executor_run(c->trusted, error) && yonos_executor_run(c->checked, error) && judge(c, fault, error);
}

gboolean yonos_self_check(const YonosExecutor *ex, const YonosVulkanOptions *options, YonosFault *fault, GError **error)
{
    Check c = {yonos_graph_new(), g_array_new(FALSE, FALSE, sizeof(int)), g_ptr_array_new_with_free_func(g_free), NULL,
               NULL};
    char *device = yonos_vulkan_executor_identity(ex);
    GHashTable *passed = passed_read(device);
    gboolean right;

    *fault = YONOS_FAULT_NONE;
    collect(&c, ex, passed);
    right = !c.kernels->len || run(&c, options, fault, error);
    if (right && c.kernels->len) {
        for (guint k = 0; k < c.kernels->len; k++)
            g_hash_table_add(passed, g_strdup(g_ptr_array_index(c.kernels, k)));
        passed_write(device, passed);
    }
    yonos_executor_free(c.trusted);
    yonos_executor_free(c.checked);
    yonos_graph_free(c.graph);
    g_array_unref(c.tiles);
    g_ptr_array_unref(c.kernels);
    g_hash_table_unref(passed);
    g_free(device);
    return right;
}

/* A frame in packed memory, to be freed as plane[0]. */
static YonosFrame frame_new(const YonosFrameFormat *f)
{
    YonosFramePacking packing = yonos_frame_packing(f);
    guint8 *memory = g_malloc0(packing.size);
    YonosFrame frame = {{NULL}, {0}};

    for (guint k = 0; k < packing.planes; k++) {
        frame.plane[k] = memory + packing.offset[k];
        frame.stride[k] = (int)packing.stride[k];
    }
    return frame;
}

/* What the resize op makes of a picture; FALSE with *error. */
static gboolean enlarge(const YonosFrameFormat *in, const YonosFrameFormat *out, int channels, float *small,
                        float *large, GError **error)
{
    YonosGraph *g = yonos_graph_new();
    YonosShape s = {1, in->height, in->width, channels}, l = {1, out->height, out->width, channels};
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, s), y = yonos_graph_input(g, "y", YONOS_F32, l);
    YonosExecutor *ex = NULL;
    gboolean done;

    yonos_append(g, YONOS_OP_RESIZE, 1, &x, y, (int[]){out->height, out->width}, 2, 0, 0);
    done = yonos_graph_check(g, error) && (ex = yonos_cpu_executor_new(g, YONOS_CPU_REFERENCE, error)) &&
           yonos_executor_write(ex, yonos_graph_at(g, x)->buffer, 0, small, yonos_shape_elements(s), error) && yonos_executor_run(ex, error) &&
           yonos_executor_read(ex, yonos_graph_at(g, y)->buffer, 0, large, yonos_shape_elements(l), error);
    yonos_executor_free(ex);
    yonos_graph_free(g);
    return done;
}

typedef struct {
    YonosFrameFormat in, out;
    YonosFrame given, wanted, made;
    float small[HEIGHT * WIDTH * 3], large[4 * HEIGHT * WIDTH * 3], other[4 * HEIGHT * WIDTH * 3];
} Planes;

static gboolean has_alpha(const YonosFrameFormat *f)
{
    return f->layout == YONOS_FRAME_PACKED && f->a >= 0;
}

/* The frame of noise, and what is right. */
static gboolean planes_fill(Planes *p, GError **error)
{
    for (guint k = 0; k < G_N_ELEMENTS(p->small); k++)
        p->small[k] = (float)yonos_random_uniform(SEED, k);
    yonos_frame_from_rgb(&p->in, &p->given, p->small, WIDTH);
    if (has_alpha(&p->in))
        yonos_frame_from_alpha(&p->in, &p->given, p->small);
    yonos_frame_to_rgb(&p->in, &p->given, p->small, WIDTH);
    if (!enlarge(&p->in, &p->out, 3, p->small, p->large, error))
        return FALSE;
    yonos_frame_from_rgb(&p->out, &p->wanted, p->large, 2 * WIDTH);
    if (!has_alpha(&p->in) || !has_alpha(&p->out))
        return TRUE;
    yonos_frame_to_alpha(&p->in, &p->given, p->small);
    if (!enlarge(&p->in, &p->out, 1, p->small, p->large, error))
        return FALSE;
    yonos_frame_from_alpha(&p->out, &p->wanted, p->large);
    return TRUE;
}

static gboolean planes_run(Planes *p, const YonosVulkanOptions *options, GError **error)
{
    YonosVulkanOptions small_options = *options;
    YonosVulkanFramesParams params = {.in = p->in, .out = p->out, .depth = 1, .x = YONOS_NONE, .y = YONOS_NONE};
    YonosVulkanFrameTimes times;
    YonosVulkanFrames *frames;
    GError *failure = NULL;
    gboolean done;

    small_options.max_memory = 0;
    frames = yonos_vulkan_frames_new_plain(&small_options, &params, error);
    if (!frames)
        return FALSE;
    if (yonos_vulkan_frames_begin(frames, &p->given, &failure))
        yonos_vulkan_frames_run_plain(frames, &failure);
    done = yonos_vulkan_frames_end(frames, failure, error) &&
           yonos_vulkan_frames_collect(frames, &p->made, &times, error);
    yonos_vulkan_frames_free(frames);
    return done;
}

/* A code more or less is rounding, of chroma it is two or three of R'G'B'. */
#define NEAR_CODES 0.02f

/* The number of samples that are wrong. */
static guint planes_compare(Planes *p)
{
    guint n = 4 * HEIGHT * WIDTH, wrong = 0;

    yonos_frame_to_rgb(&p->out, &p->wanted, p->large, 2 * WIDTH);
    yonos_frame_to_rgb(&p->out, &p->made, p->other, 2 * WIDTH);
    for (guint k = 0; k < 3 * n; k++)
        wrong += fabsf(p->large[k] - p->other[k]) <= NEAR_CODES ? 0 : 1;
    if (!has_alpha(&p->out))
        return wrong;
    yonos_frame_to_alpha(&p->out, &p->wanted, p->large);
    yonos_frame_to_alpha(&p->out, &p->made, p->other);
    for (guint k = 0; k < n; k++)
        wrong += fabsf(p->large[k] - p->other[k]) <= NEAR_CODES ? 0 : 1;
    return wrong;
}

static gboolean planes_check(const YonosVulkanOptions *options, const YonosFrameFormat *in, const YonosFrameFormat *out,
                             YonosFault *fault, GError **error)
{
    Planes *p = g_new0(Planes, 1);
    guint wrong = 0;
    gboolean done;

    p->in = *in;
    p->out = *out;
    p->in.height = HEIGHT;
    p->in.width = WIDTH;
    p->out.height = 2 * HEIGHT;
    p->out.width = 2 * WIDTH;
    p->given = frame_new(&p->in);
    p->wanted = frame_new(&p->out);
    p->made = frame_new(&p->out);
    done = planes_fill(p, error) && planes_run(p, options, error);
    if (done && (wrong = planes_compare(p)) > 0) {
        *fault = YONOS_FAULT_PLANES;
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_WRONG,
                    "Its kernels 'planes_in' and 'planes_out' make %u wrong samples of a frame; update its driver.", wrong);
    }
    g_free(p->given.plane[0]);
    g_free(p->wanted.plane[0]);
    g_free(p->made.plane[0]);
    g_free(p);
    return done && !wrong;
}

/* All of a format that decides the shaders' constants. */
static char *format_text(const YonosFrameFormat *f)
{
    return g_strdup_printf("%d.%d.%d.%d.%d.%d %g %g %d.%d.%d.%d.%d %d.%d", f->layout, f->pixel_stride, f->r, f->g, f->b, f->a,
                           f->kr, f->kb, f->full_range, f->chroma_left, f->chroma_top, f->chroma_swapped, f->limited_rgb,
                           f->depth, f->shift);
}

gboolean yonos_self_check_planes(const YonosExecutor *ex, const YonosVulkanOptions *options, const YonosFrameFormat *in,
                                 const YonosFrameFormat *out, YonosFault *fault, GError **error)
{
    char *device = yonos_vulkan_executor_identity(ex), *from = format_text(in), *to = format_text(out);
    char *kernel = g_strdup_printf("planes %s to %s, %s", from, to, yonos_vulkan_executor_info(ex).precision);
    GHashTable *passed = passed_read(device);
    gboolean right = g_hash_table_contains(passed, kernel);

    *fault = YONOS_FAULT_NONE;
    if (!right && (right = planes_check(options, in, out, fault, error))) {
        g_hash_table_add(passed, g_strdup(kernel));
        passed_write(device, passed);
    }
    g_hash_table_unref(passed);
    g_free(kernel);
    g_free(from);
    g_free(to);
    g_free(device);
    return right;
}
