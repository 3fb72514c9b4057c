/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tuned tiles: what yonos-tune writes is found by executors, and shows in their kernels' names; a bad line, an unknown
 * row, a damaged file and another device's are as if there were none; YONOS_TILE wins; the program refuses nonsense. */
#include "base/cache.h"
#include "ops/ops.h"
#include "tested-device.h"
#include "vulkan/vk-cache.h"
#include "vulkan/vk-tuned.h"
#include "vulkan/vulkan-tune.h"

#include <glib/gstdio.h>
#include <string.h>

#define TUNED_ROW 2

static const YonosVkProduct product = {63, 8, 36, YONOS_VK_FORWARD, FALSE};
static char *program, *key; /* of the device */
static YonosVulkanOptions options;

static gboolean skipped(void)
{
    if (key)
        return FALSE;
    g_test_skip("no Vulkan device to test");
    return TRUE;
}

static void open_device(YonosVkDevice *d)
{
    GError *error = NULL;

    yonos_vk_device_open(d, &options, &error);
    g_assert_no_error(error);
}

/* One convolution of `product`, and one of another shape. */
static YonosGraph *graph_new(void)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, 9, 7, 4});
    YonosTensorId h = yonos_conv(g, x, yonos_graph_param(g, "w", (YonosShape){3, 3, 4, 8}), YONOS_NONE,
                                 (YonosConvParams){.pad = 1});
    YonosTensorId y = yonos_conv(g, h, yonos_graph_param(g, "v", (YonosShape){1, 1, 8, 4}), YONOS_NONE,
                                 (YonosConvParams){0});

    g_array_index(g->tensors, YonosTensor, y).buffer = yonos_graph_buffer(g, "y", YONOS_F32, 9 * 7 * 4);
    return g;
}

/* The tile that the first convolution gets, whose kernel is to be freed. */
static int tile_now(char **kernel)
{
    YonosGraph *g = graph_new();
    GError *error = NULL;
    YonosExecutor *ex = yonos_vulkan_executor_new(g, &options, &error);
    int tile;

    g_assert_no_error(error);
    tile = yonos_vulkan_executor_tile(ex, 0);
    if (kernel)
        *kernel = g_strdup(yonos_vulkan_executor_kernel(ex, 0));
    yonos_executor_free(ex);
    yonos_graph_free(g);
    return tile;
}

static void write_tuned(const char *of, const char *text)
{
    g_assert_true(yonos_cache_write("tiles", of, text, strlen(text)));
}

static char *tuned_path(void)
{
    char *folder = g_build_filename(g_get_user_cache_dir(), "gst-yonos", NULL);
    char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
    char *name = g_strconcat("tiles-", digest, NULL), *path = g_build_filename(folder, name, NULL);

    g_free(folder);
    g_free(digest);
    g_free(name);
    return path;
}

static void forget(void)
{
    char *path = tuned_path();

    g_remove(path);
    g_free(path);
}

static void test_used(void)
{
    GArray *tuned = g_array_new(FALSE, FALSE, sizeof(YonosVkTuned));
    YonosVkTuned entry = {product, TUNED_ROW};
    char *before, *after, *again;
    YonosVkDevice d = {0};
    int estimated;

    if (skipped())
        return;
    estimated = tile_now(&before);
    g_assert_cmpint(estimated, !=, TUNED_ROW);
    open_device(&d);
    g_array_append_val(tuned, entry);
    g_assert_true(yonos_vk_tuned_write(&d, tuned));
    g_assert_cmpint(yonos_vk_tuned_find(&d, &product), ==, -1); /* it was opened before */
    yonos_vk_device_close(&d);
    g_assert_cmpint(tile_now(&after), ==, TUNED_ROW);
    g_assert_cmpstr(before, !=, after);
    g_setenv("YONOS_TILE", "3", TRUE);
    g_assert_cmpint(tile_now(NULL), ==, 3);
    g_setenv("YONOS_TILE", "nonsense", TRUE);
    g_assert_cmpint(tile_now(NULL), ==, TUNED_ROW);
    g_unsetenv("YONOS_TILE");
    forget();
    g_assert_cmpint(tile_now(&again), ==, estimated);
    g_assert_cmpstr(before, ==, again);
    g_array_unref(tuned);
    g_free(before);
    g_free(after);
    g_free(again);
}

static int found(const YonosVkProduct *p)
{
    YonosVkDevice d = {0};
    int row;

    open_device(&d);
    row = yonos_vk_tuned_find(&d, p);
    yonos_vk_device_close(&d);
    return row;
}

/* Of the same shape, rows within a factor of two. */
static void test_nearest(void)
{
    YonosVkProduct p = {1000, 64, 576, YONOS_VK_FORWARD, FALSE};

    if (skipped())
        return;
    write_tuned(key, "forward fp32 1000 x 64 over 576: 2\nforward fp32 4000 x 64 over 576: 3\n"
                     "by-data fp32 1000 x 64 over 576: 4\nforward fp16 1000 x 64 over 576: 5\n");
    g_assert_cmpint(found(&p), ==, 2);
    p.rows = 500;
    g_assert_cmpint(found(&p), ==, 2);
    p.rows = 499;
    g_assert_cmpint(found(&p), ==, -1);
    p.rows = 1999;
    g_assert_cmpint(found(&p), ==, 2);
    p.rows = 2001;
    g_assert_cmpint(found(&p), ==, 3);
    p.rows = 1000;
    p.depth = 577;
    g_assert_cmpint(found(&p), ==, -1);
    p.depth = 576;
    p.columns = 63;
    g_assert_cmpint(found(&p), ==, -1);
    p.columns = 64;
    p.kind = YONOS_VK_BY_DATA;
    g_assert_cmpint(found(&p), ==, 4);
    p.kind = YONOS_VK_BY_WEIGHTS;
    g_assert_cmpint(found(&p), ==, -1);
    forget();
}

static void test_nonsense(void)
{
    static const char *const lines[] = {
        "forward fp32 63 x 8 over 36: 999", "forward fp32 63 x 8 over 36: -1",  "forward fp32 63 x 8 over 36:",
        "forward fp32 0 x 8 over 36: 2",    "backward fp32 63 x 8 over 36: 2",  "by-data fp32 63 x 8 over 36: 0",
        "forward fp16 63 x 8 over 36: 2",   "a word that is longer than any 2", "\xff\xfe",
        "forward fp32 63 x 8 over 36: 7", /* cooperative matrices are for fp16 */
    };
    int estimated = skipped() ? 0 : tile_now(NULL);

    for (guint k = 0; key && k < G_N_ELEMENTS(lines); k++) {
        write_tuned(key, lines[k]);
        g_assert_cmpint(tile_now(NULL), ==, estimated);
    }
    if (key)
        forget();
}

static void test_damaged_and_foreign(void)
{
    static const char text[] = "forward fp32 63 x 8 over 36: 2\n";
    char *path, *file, *other;
    gsize size;
    int estimated;

    if (skipped())
        return;
    estimated = tile_now(NULL);
    other = g_strconcat(key, "another device", NULL);
    write_tuned(other, text);
    g_assert_cmpint(tile_now(NULL), ==, estimated);
    write_tuned(key, text);
    g_assert_cmpint(tile_now(NULL), ==, TUNED_ROW);
    path = tuned_path();
    g_file_get_contents(path, &file, &size, NULL);
    file[size - 2] = '3';
    g_file_set_contents(path, file, (gssize)size, NULL);
    g_assert_cmpint(tile_now(NULL), ==, estimated);
    g_file_set_contents(path, file, (gssize)size - 1, NULL);
    g_assert_cmpint(tile_now(NULL), ==, estimated);
    forget();
    g_free(file);
    g_free(path);
    g_free(other);
}

static void count_line(const char *line, gpointer user)
{
    g_test_message("%s", line);
    ++*(int *)user;
}

/* Every shape gets a row, and executors take it. */
static void test_tuned(void)
{
    YonosGraph *g = graph_new();
    GError *error = NULL;
    int lines = 0, row;

    if (!skipped()) {
        yonos_vulkan_tune(g, &options, 1, count_line, &lines, &error);
        g_assert_no_error(error);
        g_assert_cmpint(lines, ==, 2);
        row = found(&product);
        g_assert_cmpint(row, >=, 0);
        g_assert_cmpint(tile_now(NULL), ==, row);
        forget();
    }
    yonos_graph_free(g);
}

/* The program's exit status; its output goes to *out, to be freed. */
static int run_program(const char *arguments, char **out)
{
    char *line = g_strdup_printf("%s %s", program, arguments), *words;
    int status;

    g_assert_true(g_spawn_command_line_sync(line, out, &words, &status, NULL));
    g_test_message("%s: %s", arguments, words);
    g_free(words);
    g_free(line);
    return status;
}

static void test_program(void)
{
    static const char *const bad[] = {"--size=0x9", "--size=nonsense", "--size=99999x9", "--runs=0", "--tier=nonsense",
                                      "--scale=3",  "--precision=fp8", "--model=/none",  "extra",    "--device=nonsense"};
    char *arguments, *out;

    for (guint k = 0; k < G_N_ELEMENTS(bad); k++) {
        g_assert_cmpint(run_program(bad[k], &out), !=, 0);
        g_assert_cmpstr(out, ==, "");
        g_free(out);
    }
    if (skipped())
        return;
    arguments = g_strdup_printf("--device=%s --size=8x8 --scale=4 --runs=1 --precision=fp32", tested_device());
    g_assert_cmpint(run_program(arguments, &out), ==, 0);
    g_assert_nonnull(strstr(out, "forward fp32 "));
    g_assert_nonnull(strstr(out, ": tile "));
    forget();
    g_free(out);
    g_free(arguments);
}

static void find_key(void)
{
    YonosVkDevice d = {0};

    options.device = tested_device();
    if (!yonos_vulkan_has_device(tested_device()))
        return;
    open_device(&d);
    key = yonos_vk_cache_key(&d);
    yonos_vk_device_close(&d);
}

int main(int argc, char **argv)
{
    char *cache = tested_cache_new();
    int status;

    g_test_init(&argc, &argv, NULL);
    program = argv[1];
    find_key();
    g_test_add_func("/vulkan-tune/used", test_used);
    g_test_add_func("/vulkan-tune/nearest", test_nearest);
    g_test_add_func("/vulkan-tune/nonsense", test_nonsense);
    g_test_add_func("/vulkan-tune/damaged-and-foreign", test_damaged_and_foreign);
    g_test_add_func("/vulkan-tune/tuned", test_tuned);
    g_test_add_func("/vulkan-tune/program", test_program);
    status = g_test_run();
    tested_cache_free(cache);
    g_free(key);
    return status;
}
