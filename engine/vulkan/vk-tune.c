/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vulkan-tune.h"
#include "base/error.h"
#include "vulkan/vk-block.h"
#include "vulkan/vk-tuned.h"

#include <math.h>

typedef struct {
    double seconds; /* of all, or */
    guint n;        /* 0: it cannot run */
} Sum;

/* The time of the nodes of one shape. */
typedef struct {
    YonosVkProduct product;
    Sum before; /* by the tiles that were chosen so far; of residual blocks: by two dispatches */
    Sum *by;    /* row */
} Timing;

static void timing_clear(gpointer timing)
{
    g_free(((Timing *)timing)->by);
}

static guint most_rows(void)
{
    return MAX(yonos_vk_tile_count(), yonos_vk_block_count());
}

static Timing *timing_find(const GArray *timings, const YonosVkProduct *product)
{
    for (guint k = 0; k < timings->len; k++)
        if (yonos_vk_product_equal(&g_array_index(timings, Timing, k).product, product))
            return &g_array_index(timings, Timing, k);
    return NULL;
}

static Timing *timing_of(GArray *timings, const YonosVkProduct *product)
{
    Timing new = {.product = *product};

    if (!timing_find(timings, product)) {
        new.by = g_new0(Sum, most_rows());
        g_array_append_val(timings, new);
    }
    return timing_find(timings, product);
}

static double mean(const Sum *sum)
{
    return sum->n ? sum->seconds / sum->n : INFINITY;
}

static guint best_row(const Timing *t)
{
    guint best = 0;

    for (guint row = 1; row < most_rows(); row++)
        best = mean(&t->by[row]) < mean(&t->by[best]) ? row : best;
    return best;
}

/* Of every node, to be freed; NULL with *error. */
static double *least_seconds(YonosExecutor *ex, int runs, GError **error)
{
    guint n = ex->graph->nodes->len;
    double *least = g_new(double, MAX(1, n)), *seconds = g_new0(double, MAX(1, n));
    gboolean done = TRUE;

    for (guint k = 0; k < n; k++)
        least[k] = INFINITY;
    for (int run = -1; done && run < runs; run++) {
        done = yonos_executor_profile(ex, seconds, error);
        for (guint k = 0; run >= 0 && k < n; k++)
            least[k] = MIN(least[k], seconds[k]);
    }
    g_free(seconds);
    if (!done)
        g_clear_pointer(&least, g_free);
    return least;
}

/* Runs the whole graph by one row where that can run, or with -1 by what is chosen. With `blocks` residual blocks are
 * joined, and they alone are of interest. */
static gboolean sweep(const YonosGraph *graph, const YonosVulkanOptions *options, gboolean blocks, int row, int runs,
                      GArray *timings, GError **error)
{
    YonosVulkanOptions forced = *options;
    int *tiles = g_new(int, MAX(1, graph->nodes->len));
    YonosExecutor *ex;
    double *least = NULL;
    gboolean half;

    for (guint k = 0; k < graph->nodes->len; k++)
        tiles[k] = row;
    forced.tiles = tiles;
    forced.blocks = blocks ? row : -1;
    ex = yonos_vulkan_executor_new(graph, &forced, error);
    if (ex)
        least = least_seconds(ex, runs, error);
    half = ex && ex->element_size < sizeof(float);
    for (guint k = 0; least && k < ex->graph->nodes->len; k++) {
        YonosVkProduct product;
        Timing *t;
        Sum *sum;
        if (!yonos_vk_conv_product(ex->graph, &g_array_index(ex->graph->nodes, YonosNode, k), half, &product) ||
            (product.kind == YONOS_VK_BLOCK) != blocks)
            continue;
        t = timing_of(timings, &product);
        if (row >= 0 && yonos_vulkan_executor_tile(ex, k) != row)
            continue;
        sum = row < 0 ? &t->before : &t->by[row];
        sum->seconds += least[k];
        sum->n++;
    }
    yonos_executor_free(ex);
    g_free(tiles);
    g_free(least);
    return least != NULL;
}

/* Two dispatches, as they were found to be the fastest, are the first row of residual blocks. */
static void add_pairs(const GArray *timings)
{
    for (guint k = 0; k < timings->len; k++) {
        Timing *t = &g_array_index(timings, Timing, k), *conv;
        YonosVkProduct product = t->product;
        if (product.kind != YONOS_VK_BLOCK)
            continue;
        product.kind = YONOS_VK_FORWARD;
        conv = timing_find(timings, &product);
        if (conv)
            t->before = t->by[0] = (Sum){2 * mean(&conv->by[best_row(conv)]), 1};
    }
}

static void choose(const GArray *timings, GArray *tuned, YonosVulkanTuneReport report, gpointer user)
{
    add_pairs(timings);
    for (guint k = 0; k < timings->len; k++) {
        const Timing *t = &g_array_index(timings, Timing, k);
        YonosVkTuned best = {t->product, best_row(t)};
        double seconds = mean(&t->by[best.row]);
        char *product = yonos_vk_product_text(&t->product), *line;
        if (isfinite(seconds)) {
            line = g_strdup_printf("%s: tile %u, %.1f us, %.2f of the time before", product, best.row, 1e6 * seconds,
                                   seconds / mean(&t->before));
            report(line, user);
            g_free(line);
            g_array_append_val(tuned, best);
        }
        g_free(product);
    }
}

static gboolean keep(const YonosVkDevice *d, const GArray *tuned, GError **error)
{
    gboolean done = yonos_vk_tuned_write(d, tuned);

    if (!done)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                    "The cache folder %s/gst-yonos cannot be written; set XDG_CACHE_HOME to one that can.",
                    g_get_user_cache_dir());
    return done;
}

/* For some convolution, or for a residual block of it, if there is one. */
static gboolean can_run(const YonosVkDevice *d, gboolean blocks, guint row, const GArray *timings)
{
    gboolean can = FALSE;

    for (guint k = 0; !can && k < timings->len; k++) {
        YonosVkProduct product = g_array_index(timings, Timing, k).product;
        if (blocks && (product.kind != YONOS_VK_FORWARD || product.depth != 9 * product.columns))
            continue;
        product.kind = blocks ? YONOS_VK_BLOCK : product.kind;
        can = yonos_vk_tile_can_run(d, row, &product);
    }
    return can;
}

/* One row of either table. What its driver refuses is left out; FALSE with an error that others would meet as well. */
static gboolean sweep_row(const YonosGraph *graph, const YonosVulkanOptions *options, gboolean blocks, guint row, int runs,
                          GArray *timings, YonosVulkanTuneReport report, gpointer user, GError **error)
{
    GError *failure = NULL;
    char *line;

    if (sweep(graph, options, blocks, (int)row, runs, timings, &failure))
        return TRUE;
    if (!g_error_matches(failure, YONOS_ERROR, YONOS_ERROR_DEVICE)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    line = g_strdup_printf("%s %u is left out: %s", blocks ? "block" : "tile", row, failure->message);
    report(line, user);
    g_free(line);
    g_error_free(failure);
    return TRUE;
}

gboolean yonos_vulkan_tune(const YonosGraph *graph, const YonosVulkanOptions *options, int runs,
                           YonosVulkanTuneReport report, gpointer user, GError **error)
{
    GArray *timings = g_array_new(FALSE, FALSE, sizeof(Timing));
    GArray *tuned = g_array_new(FALSE, FALSE, sizeof(YonosVkTuned));
    YonosVkDevice d = {0};
    gboolean done;

    g_array_set_clear_func(timings, timing_clear);
    done = yonos_vk_device_open(&d, options, error) && sweep(graph, options, FALSE, -1, runs, timings, error);
    for (guint row = 0; done && row < yonos_vk_tile_count(); row++)
        if (can_run(&d, FALSE, row, timings))
            done = sweep_row(graph, options, FALSE, row, runs, timings, report, user, error);
    for (guint row = 1; done && row < yonos_vk_block_count(); row++)
        if (can_run(&d, TRUE, row, timings))
            done = sweep_row(graph, options, TRUE, row, runs, timings, report, user, error);
    if (done) {
        choose(timings, tuned, report, user);
        done = keep(&d, tuned, error);
    }
    yonos_vk_device_close(&d);
    g_array_unref(tuned);
    g_array_unref(timings);
    return done;
}
