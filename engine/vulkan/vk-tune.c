/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vulkan-tune.h"
#include "base/error.h"
#include "vulkan/vk-conv.h"
#include "vulkan/vk-tuned.h"

#include <math.h>

/* The time of all nodes of one shape, in seconds. */
typedef struct {
    YonosVkProduct product;
    double before;   /* by the tiles that were chosen so far */
    double *seconds; /* by row; 0: it cannot run */
} Timing;

static void timing_clear(gpointer timing)
{
    g_free(((Timing *)timing)->seconds);
}

static Timing *timing_of(GArray *timings, const YonosVkProduct *product)
{
    Timing new = {*product, 0, NULL};

    for (guint k = 0; k < timings->len; k++)
        if (yonos_vk_product_equal(&g_array_index(timings, Timing, k).product, product))
            return &g_array_index(timings, Timing, k);
    new.seconds = g_new0(double, yonos_vk_tile_count());
    g_array_append_val(timings, new);
    return &g_array_index(timings, Timing, timings->len - 1);
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

/* Runs the whole graph by one row where that can run, or with -1 by what is chosen. */
static gboolean sweep(const YonosGraph *graph, const YonosVulkanOptions *options, int row, int runs, GArray *timings,
                      GError **error)
{
    YonosVulkanOptions forced = *options;
    int *tiles = g_new(int, MAX(1, graph->nodes->len));
    YonosExecutor *ex;
    double *least = NULL;
    gboolean half;

    for (guint k = 0; k < graph->nodes->len; k++)
        tiles[k] = row;
    forced.tiles = tiles;
    ex = yonos_vulkan_executor_new(graph, &forced, error);
    if (ex)
        least = least_seconds(ex, runs, error);
    half = ex && ex->element_size < sizeof(float);
    for (guint k = 0; least && k < ex->graph->nodes->len; k++) {
        YonosVkProduct product;
        Timing *t;
        if (!yonos_vk_conv_product(ex->graph, &g_array_index(ex->graph->nodes, YonosNode, k), half, &product))
            continue;
        t = timing_of(timings, &product);
        if (row < 0)
            t->before += least[k];
        else if (yonos_vulkan_executor_tile(ex, k) == row)
            t->seconds[row] += least[k];
    }
    yonos_executor_free(ex);
    g_free(tiles);
    g_free(least);
    return least != NULL;
}

static void choose(const GArray *timings, GArray *tuned, YonosVulkanTuneReport report, gpointer user)
{
    for (guint k = 0; k < timings->len; k++) {
        const Timing *t = &g_array_index(timings, Timing, k);
        YonosVkTuned best = {t->product, 0};
        char *product = yonos_vk_product_text(&t->product), *line;
        for (guint row = 1; row < yonos_vk_tile_count(); row++)
            if (t->seconds[row] > 0 && (t->seconds[best.row] <= 0 || t->seconds[row] < t->seconds[best.row]))
                best.row = row;
        if (t->seconds[best.row] > 0) {
            line = g_strdup_printf("%s: tile %u, %.1f us, %.2f of the time before", product, best.row,
                                   1e6 * t->seconds[best.row], t->seconds[best.row] / t->before);
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

static gboolean can_run(const YonosVkDevice *d, guint row, const GArray *timings)
{
    gboolean can = FALSE;

    for (guint k = 0; !can && k < timings->len; k++)
        can = yonos_vk_tile_can_run(d, row, &g_array_index(timings, Timing, k).product);
    return can;
}

gboolean yonos_vulkan_tune(const YonosGraph *graph, const YonosVulkanOptions *options, int runs,
                           YonosVulkanTuneReport report, gpointer user, GError **error)
{
    GArray *timings = g_array_new(FALSE, FALSE, sizeof(Timing));
    GArray *tuned = g_array_new(FALSE, FALSE, sizeof(YonosVkTuned));
    YonosVkDevice d = {0};
    gboolean done;

    g_array_set_clear_func(timings, timing_clear);
    done = yonos_vk_device_open(&d, options, error) && sweep(graph, options, -1, runs, timings, error);
    for (guint row = 0; done && row < yonos_vk_tile_count(); row++)
        if (can_run(&d, row, timings))
            done = sweep(graph, options, (int)row, runs, timings, error);
    if (done) {
        choose(timings, tuned, report, user);
        done = keep(&d, tuned, error);
    }
    yonos_vk_device_close(&d);
    g_array_unref(tuned);
    g_array_unref(timings);
    return done;
}
