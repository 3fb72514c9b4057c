/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Convolution, its two gradients, and sums over pixels on the Vulkan device, every row of the tile table against the
 * reference: drawn shapes, odd sizes, single pixels, borders of tiles, 1 to 200 channels, strides, batches, all-padding
 * pixels. Around every operand lies NaN, around every result a mark: what reads or writes outside is seen. */
#include "cpu/cpu-executor.h"
#include "ops/ops.h"
#include "tested-device.h"
#include "vulkan/vk-tile.h"
#include "vulkan/vulkan-executor.h"

#include <math.h>
#include <string.h>

#define SEED 20261124
#define MARGIN 64

typedef struct {
    int n, h, w, in, out, kh, kw, stride, pad;
    gboolean bias, residual, act;
    int shift; /* 0: all bases are multiples of four */
} Case;

static const Case chosen[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 0, FALSE, FALSE, FALSE, 0},   /* one of everything */
    {1, 1, 1, 8, 8, 3, 3, 1, 1, TRUE, FALSE, TRUE, 0},     /* one pixel, its neighbours are padding */
    {1, 8, 16, 32, 64, 3, 3, 1, 1, TRUE, TRUE, TRUE, 0},   /* 128 rows: exactly a tile */
    {1, 3, 43, 16, 33, 3, 3, 1, 1, TRUE, FALSE, FALSE, 0}, /* 129 rows, 33 columns: one more */
    {1, 9, 7, 3, 48, 3, 3, 1, 1, TRUE, FALSE, TRUE, 0},    /* thin ends */
    {1, 9, 7, 48, 3, 3, 3, 1, 1, TRUE, TRUE, FALSE, 1},     {2, 6, 5, 12, 12, 3, 3, 1, 1, TRUE, TRUE, TRUE, 2},
    {1, 5, 5, 200, 200, 1, 1, 1, 0, TRUE, FALSE, FALSE, 0}, /* plain product */
    {3, 7, 9, 17, 20, 3, 3, 2, 1, TRUE, FALSE, TRUE, 0},    /* stride, odd size */
    {1, 6, 6, 4, 4, 1, 1, 2, 0, FALSE, FALSE, FALSE, 0},    /* pixels that no output sees */
    {1, 4, 4, 8, 4, 2, 2, 3, 4, TRUE, FALSE, FALSE, 0},     /* outputs that see only padding */
    {2, 31, 37, 8, 24, 3, 3, 1, 1, TRUE, TRUE, TRUE, 0},    /* enough pixels to share out the sums */
    {1, 40, 70, 5, 7, 3, 1, 1, 1, TRUE, FALSE, FALSE, 3},
};

static int up_to(GRand *rand, int most)
{
    return g_rand_int_range(rand, 1, most + 1);
}

static Case draw(GRand *rand)
{
    Case c = {.n = up_to(rand, 3),
              .h = up_to(rand, 12),
              .w = up_to(rand, 12),
              .kh = up_to(rand, 3),
              .kw = up_to(rand, 5),
              .stride = up_to(rand, 3),
              .shift = g_rand_int_range(rand, 0, 4)};

    c.in = up_to(rand, g_rand_boolean(rand) ? 200 : 20);
    c.out = up_to(rand, g_rand_boolean(rand) ? 200 : 20);
    if (g_rand_boolean(rand)) {
        c.in = (c.in + 7) / 8 * 8;
        c.out = (c.out + 7) / 8 * 8;
        c.shift = 0;
    }
    c.pad = g_rand_int_range(rand, 0, MAX(c.kh, c.kw) + 1);
    c.pad = MAX(c.pad, (MAX(c.kh - c.h, c.kw - c.w) + 1) / 2);
    c.bias = g_rand_boolean(rand);
    c.residual = g_rand_boolean(rand);
    c.act = g_rand_boolean(rand);
    return c;
}

typedef enum { FILL_UNIFORM, FILL_MIXED, FILL_COUNT } Fill; /* mixed: magnitudes from 1e-6 to 1e6 in one sum */

static char *describe(const Case *c)
{
    return g_strdup_printf("%d x %d x %d x %d -> %d, kernel %d x %d, stride %d, pad %d%s%s%s, shift %d", c->n, c->h,
                           c->w, c->in, c->out, c->kh, c->kw, c->stride, c->pad, c->bias ? ", bias" : "",
                           c->residual ? ", residual" : "", c->act ? ", act" : "", c->shift);
}

/* A tensor with margins, in a buffer named after what it is and its case. */
static YonosTensorId operand(YonosGraph *g, const char *what, guint at, YonosShape s, int shift)
{
    char *name = g_strdup_printf("%s %u", what, at);
    gsize n = yonos_shape_elements(s);
    YonosBufferId buffer = yonos_graph_buffer(g, name, YONOS_F32, 2 * MARGIN + shift + n);

    g_free(name);
    return yonos_graph_view(g, buffer, MARGIN + shift, s);
}

/* Sums over all pixels, or elements: they too are shared out among workgroups. */
static void add_sums(YonosGraph *g, YonosTensorId dy, YonosTensorId r, guint at, int shift)
{
    YonosShape s = yonos_graph_shape(g, dy), scalar = {1, 1, 1, 1};
    YonosTensorId weights = operand(g, "weights", at, (YonosShape){s.n, 1, 1, 1}, shift);

    yonos_append(g, YONOS_OP_SUM_PIXELS, 1, &dy, operand(g, "= db", at, (YonosShape){1, 1, 1, s.c}, shift),
                 (int[]){0, 0}, 2, 0, 0);
    yonos_append(g, YONOS_OP_SUM_PIXELS, 1, &dy, operand(g, "= sums", at, (YonosShape){s.n, 1, 1, s.c}, shift),
                 (int[]){1, 1}, 2, 0, 0);
    yonos_append(g, YONOS_OP_HINGE, 1, &dy, operand(g, "= hinge", at, scalar, shift), (int[]){1, 0}, 2, 0, 0);
    if (r < 0)
        return;
    yonos_append(g, YONOS_OP_L1, 2, (YonosTensorId[]){dy, r}, operand(g, "= l1", at, scalar, shift), NULL, 0, 0, 0);
    yonos_append(g, YONOS_OP_MSE, 3, (YonosTensorId[]){dy, r, weights}, operand(g, "= mse", at, scalar, shift), NULL, 0,
                 0, 0);
}

static void add_case(YonosGraph *g, const Case *c, guint at)
{
    YonosShape ys = {c->n, (c->h + 2 * c->pad - c->kh) / c->stride + 1, (c->w + 2 * c->pad - c->kw) / c->stride + 1,
                     c->out};
    YonosTensorId x = operand(g, "x", at, (YonosShape){c->n, c->h, c->w, c->in}, c->shift);
    YonosTensorId w = operand(g, "w", at, (YonosShape){c->kh, c->kw, c->in, c->out}, c->shift);
    YonosTensorId b = c->bias ? operand(g, "b", at, (YonosShape){1, 1, 1, c->out}, c->shift) : YONOS_NONE;
    YonosTensorId r = c->residual ? operand(g, "r", at, ys, c->shift) : YONOS_NONE;
    YonosTensorId dy = operand(g, "dy", at, ys, c->shift);
    YonosTensorId y = operand(g, "= y", at, ys, c->shift);
    YonosTensorId dx = operand(g, "= dx", at, yonos_graph_shape(g, x), c->shift);
    YonosTensorId dw = operand(g, "= dw", at, yonos_graph_shape(g, w), c->shift);
    int attributes[] = {c->stride, c->pad, c->act ? YONOS_ACT_LEAKY : YONOS_ACT_NONE};

    yonos_append(g, YONOS_OP_CONV, 4, (YonosTensorId[]){x, w, b, r}, y, attributes, 3, 0.1f, 0);
    yonos_append(g, YONOS_OP_CONV_DATA, 3, (YonosTensorId[]){dy, w, x}, dx, attributes, 2, 0, 0);
    yonos_append(g, YONOS_OP_CONV_WEIGHTS, 3, (YonosTensorId[]){x, dy, w}, dw, attributes, 2, 0, 0);
    add_sums(g, dy, r, at, c->shift);
}

static gboolean is_result(const YonosGraph *g, const YonosTensor *t)
{
    return *g_array_index(g->buffers, YonosBuffer, t->buffer).name == '=';
}

static float *drawn(GRand *rand, const YonosGraph *g, const YonosTensor *t, Fill how)
{
    gsize size = g_array_index(g->buffers, YonosBuffer, t->buffer).size, n = yonos_shape_elements(t->shape);
    float *v = g_new(float, size);

    for (gsize k = 0; k < size; k++) {
        v[k] = (float)g_rand_int_range(rand, -128, 129) / 128;
        if (how == FILL_MIXED)
            v[k] *= powf(10, (float)g_rand_int_range(rand, -3, 4) * 2);
        if (k < t->offset || k >= t->offset + n)
            v[k] = is_result(g, t) ? 77 : NAN;
    }
    return v;
}

/* Both get the same; `sizes` gets the absolute values, so that it computes how large the rounded terms are. */
static void fill(YonosExecutor *truth, YonosExecutor *sizes, GRand *rand, Fill how)
{
    const YonosGraph *g = truth->graph;

    for (guint i = 0; i < g->tensors->len; i++) {
        const YonosTensor *t = yonos_graph_at(g, (YonosTensorId)i);
        gsize n = g_array_index(g->buffers, YonosBuffer, t->buffer).size;
        float *v = drawn(rand, g, t, how);
        yonos_executor_write(truth, t->buffer, 0, v, n, NULL);
        for (gsize k = 0; k < n; k++)
            v[k] = fabsf(v[k]);
        yonos_executor_write(sizes, t->buffer, 0, v, n, NULL);
        g_free(v);
    }
}

static float *read_buffer(YonosExecutor *ex, YonosBufferId buffer)
{
    gsize n = g_array_index(ex->graph->buffers, YonosBuffer, buffer).size;
    float *v = g_new(float, MAX(1, n));
    GError *error = NULL;

    yonos_executor_read(ex, buffer, 0, v, n, &error);
    g_assert_no_error(error);
    return v;
}

static void run(YonosExecutor *ex)
{
    GError *error = NULL;

    yonos_executor_run(ex, &error);
    g_assert_no_error(error);
}

typedef struct {
    YonosGraph *graph;
    GArray *cases;
    YonosExecutor *start, *truth, *sizes; /* what buffers hold before a run, after it, and of absolute values */
} Work;

/* Largest error of the results, in units of what is allowed. */
static double compare(const Work *w, YonosExecutor *ex, const char *how, double rounding, double term)
{
    double worst = 0;

    for (guint i = 0; i < w->graph->tensors->len; i++) {
        const YonosTensor *t = yonos_graph_at(w->graph, (YonosTensorId)i);
        const YonosBuffer *buffer = &g_array_index(w->graph->buffers, YonosBuffer, t->buffer);
        gsize n = yonos_shape_elements(t->shape);
        float *want = read_buffer(w->truth, t->buffer), *got = read_buffer(ex, t->buffer);
        float *sizes = read_buffer(w->sizes, t->buffer);
        guint at = is_result(w->graph, t) ? (guint)g_ascii_strtoull(strrchr(buffer->name, ' '), NULL, 10) : 0;
        char *what = describe(&g_array_index(w->cases, Case, at));
        for (gsize k = 0; is_result(w->graph, t) && k < buffer->size; k++) {
            gboolean inside = k >= t->offset && k < t->offset + n;
            double allowed = inside ? (rounding + term) * fabs(want[k]) + term * sizes[k] + 1e-7 : 0;
            if (!(fabs((double)want[k] - got[k]) <= allowed))
                g_error("%s: %s of case %s, seed %d: element %" G_GINT64_FORMAT " of %" G_GSIZE_FORMAT
                        " is %g, not %g; allowed %g",
                        how, buffer->name + 2, what, SEED, (gint64)k - (gint64)t->offset, n, got[k], want[k], allowed);
            worst = inside ? MAX(worst, fabs((double)want[k] - got[k]) / allowed) : worst;
        }
        g_free(what);
        g_free(want);
        g_free(got);
        g_free(sizes);
    }
    return worst;
}

/* `few`: only pipelines that read and write in fours throughout or nowhere, for software drivers compile for seconds */
static void work_make(Work *w, GRand *rand, int drawn_cases, gboolean few)
{
    GError *error = NULL;

    w->graph = yonos_graph_new();
    w->cases = g_array_new(FALSE, FALSE, sizeof(Case));
    g_array_append_vals(w->cases, chosen, G_N_ELEMENTS(chosen));
    for (int k = 0; k < drawn_cases; k++) {
        Case c = draw(rand);
        g_array_append_val(w->cases, c);
    }
    for (guint k = 0; k < w->cases->len; k++) {
        Case *c = &g_array_index(w->cases, Case, k);
        if (few && (c->in | c->out) % 4)
            c->shift = MAX(c->shift, 1);
        add_case(w->graph, c, k);
    }
    yonos_graph_check(w->graph, &error);
    g_assert_no_error(error);
    w->start = yonos_cpu_executor_new(w->graph, YONOS_CPU_REFERENCE, NULL);
    w->truth = yonos_cpu_executor_new(w->graph, YONOS_CPU_REFERENCE, NULL);
    w->sizes = yonos_cpu_executor_new(w->graph, YONOS_CPU_REFERENCE, NULL);
}

static void copy_buffers(YonosExecutor *from, YonosExecutor *to)
{
    for (guint i = 0; i < from->graph->buffers->len; i++) {
        gsize n = g_array_index(from->graph->buffers, YonosBuffer, i).size;
        float *v = read_buffer(from, i);
        GError *error = NULL;
        yonos_executor_write(to, i, 0, v, n, &error);
        g_assert_no_error(error);
        g_free(v);
    }
}

static void prepare(Work *w, GRand *rand, Fill how)
{
    fill(w->start, w->sizes, rand, how);
    copy_buffers(w->start, w->truth);
    run(w->truth);
    run(w->sizes);
}

static void work_clear(Work *w)
{
    yonos_executor_free(w->start);
    yonos_executor_free(w->truth);
    yonos_executor_free(w->sizes);
    yonos_graph_free(w->graph);
    g_array_unref(w->cases);
}

static void check(const Work *w, gboolean half, const char *fill_name)
{
    YonosVulkanOptions options = {.device = tested_device(), .half = half ? YONOS_VULKAN_HALF : YONOS_VULKAN_SINGLE};
    GError *error = NULL;
    YonosExecutor *ex = yonos_vulkan_executor_new(w->graph, &options, &error);
    char *how = g_strdup_printf("tile %s, %s, %s values", g_getenv("YONOS_TILE"), half ? "fp16" : "fp32", fill_name);
    double worst;

    g_assert_no_error(error);
    copy_buffers(w->start, ex);
    run(ex);
    /* half a unit of fp16's last place; and the rounding of some thousand terms in fp32, which grows by its root */
    worst = compare(w, ex, how, half ? 1.01 / 2048 : 0, 4e-6);
    g_test_message("%s: largest error %.2f of what is allowed", how, worst);
    g_free(how);
    yonos_executor_free(ex);
}

/* Why the device cannot run a row that YONOS_TILE asks for; NULL: it can. */
static const char *refusal(guint row)
{
    static const YonosVkProduct product = {1024, 64, 576, YONOS_VK_FORWARD, TRUE};
    const YonosVkTile *tile = yonos_vk_tile_row(row);
    YonosVkDevice d = {0};
    const char *why = NULL;

    yonos_vk_device_open(&d, &(YonosVulkanOptions){.device = tested_device(), .half = YONOS_VULKAN_HALF}, NULL);
    if (tile->kind == YONOS_VK_COOPMAT && !d.features.coopmat)
        why = "the device has no cooperative matrices";
    else if (tile->kind > YONOS_VK_COOPMAT && !yonos_vk_tile_matrix(&d.features, tile).m)
        why = "the device has none of free size, or of such a workgroup's";
    else if (d.device && yonos_vk_tile_choose(&d, &product, -1) != row)
        why = "the tile is too large for the device, or not a multiple of its matrices";
    else if (tile->kind == YONOS_VK_COOPMAT2 && tile->own_rows > 16 && !g_test_thorough() &&
             d.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU)
        why = "software drivers compile it for minutes; -m thorough";
    else if (tile->kind == YONOS_VK_COOPMAT)
        g_test_message("cooperative matrices of %u x %u x %u, subgroups of %u", d.features.fixed.m, d.features.fixed.n,
                       d.features.fixed.k, d.features.subgroup);
    if ((tile->kind == YONOS_VK_COOPMAT && !d.features.coopmat && g_getenv("YONOS_TEST_COOPMAT")) ||
        (tile->kind == YONOS_VK_COOPMAT2 && !d.features.coopmat2 && !g_strcmp0(g_getenv("YONOS_TEST_COOPMAT"), "2")) ||
        (why && yonos_vk_tile_is_workgroups(tile) && yonos_vk_tile_matrix(&d.features, tile).m))
        g_error("%s", why);
    yonos_vk_device_close(&d);
    return why;
}

static void check_tile(guint row)
{
    static const char *const fills[] = {"uniform", "mixed"};
    gboolean coopmat = yonos_vk_tile_has_matrices(yonos_vk_tile_row(row));

    for (Fill how = 0; how < FILL_COUNT; how++) {
        GRand *rand = g_rand_new_with_seed(SEED);
        Work w;
        work_make(&w, rand, g_test_thorough() ? 200 : 24, !g_test_thorough() && row > 1);
        prepare(&w, rand, how);
        if (!coopmat)
            check(&w, FALSE, fills[how]);
        if (how == FILL_UNIFORM) /* the others leave fp16's range */
            check(&w, TRUE, fills[how]);
        if (how == FILL_UNIFORM && g_test_thorough()) {
            g_setenv("YONOS_DISABLE_WIDE", "1", TRUE);
            check(&w, TRUE, "narrow, uniform");
            g_unsetenv("YONOS_DISABLE_WIDE");
        }
        work_clear(&w);
        g_rand_free(rand);
    }
}

static void test_tile(gconstpointer data)
{
    guint row = GPOINTER_TO_UINT(data);
    const char *why;
    char *tile;

    if (!yonos_vulkan_has_device(tested_device())) {
        g_test_skip("no Vulkan device to test");
        return;
    }
    tile = g_strdup_printf("%u", row);
    g_setenv("YONOS_TILE", tile, TRUE);
    if ((why = refusal(row)))
        g_test_skip(why);
    else
        check_tile(row);
    g_unsetenv("YONOS_TILE");
    g_free(tile);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    for (guint k = 0; k < yonos_vk_tile_count(); k++) {
        char *path = g_strdup_printf("/conv/tile-%u", k);
        g_test_add_data_func(path, GUINT_TO_POINTER(k), test_tile);
        g_free(path);
    }
    return g_test_run();
}
