/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the Vulkan executor keeps between runs: which key it lies under, that the next start finds it, and that a damaged
 * or foreign file is as if there were none. */
#include "base/cache.h"
#include "ops/ops.h"
#include "tested-device.h"
#include "vulkan/vk-cache.h"
#include "vulkan/vulkan-executor.h"

#include <glib/gstdio.h>
#include <string.h>

static YonosVkDevice device;

static gboolean opened(void)
{
    GError *error = NULL;

    if (!yonos_vulkan_has_device(tested_device())) {
        g_test_skip("no Vulkan device to test");
        return FALSE;
    }
    yonos_vk_device_open(&device, &(YonosVulkanOptions){.device = tested_device()}, &error);
    g_assert_no_error(error);
    return TRUE;
}

static gsize loaded(void)
{
    gsize size;

    opened();
    size = device.cache_size;
    yonos_vk_device_close(&device);
    return size;
}

static void check_key(const char *key, gboolean same)
{
    char *now = yonos_vk_cache_key(&device);

    g_assert_true(same == !strcmp(now, key));
    g_free(now);
}

static void test_key(void)
{
    char *key, *driver;

    if (!opened())
        return;
    key = yonos_vk_cache_key(&device);
    g_test_message("%s", key);
    check_key(key, TRUE);
    device.uuid[15] ^= 1;
    check_key(key, FALSE);
    device.uuid[15] ^= 1;
    device.properties.pipelineCacheUUID[0] ^= 1;
    check_key(key, FALSE);
    device.properties.pipelineCacheUUID[0] ^= 1;
    device.properties.driverVersion++;
    check_key(key, FALSE);
    device.properties.driverVersion--;
    driver = device.driver;
    device.driver = (char *)"another";
    check_key(key, FALSE);
    device.driver = driver;
    check_key(key, TRUE);
    g_assert_nonnull(strstr(key, "shaders "));
    g_assert_cmpuint(strlen(strstr(key, "shaders ")), ==, strlen("shaders ") + 64);
    yonos_vk_device_close(&device);
    g_free(key);
}

static YonosGraph *graph_new(void)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, 9, 7, 4});
    YonosTensorId y = yonos_conv(g, x, yonos_graph_param(g, "w", (YonosShape){3, 3, 4, 8}), YONOS_NONE,
                                 (YonosConvParams){.pad = 1});

    g_array_index(g->tensors, YonosTensor, y).buffer = yonos_graph_buffer(g, "y", YONOS_F32, 9 * 7 * 8);
    return g;
}

/* Executors start whatever there is, and leave a file that the next one loads. */
static void check_starts(void)
{
    YonosGraph *g = graph_new();
    GError *error = NULL;
    YonosExecutor *ex = yonos_vulkan_executor_new(g, &(YonosVulkanOptions){.device = tested_device()}, &error);

    g_assert_no_error(error);
    yonos_executor_run(ex, &error);
    g_assert_no_error(error);
    yonos_executor_free(ex);
    yonos_graph_free(g);
    g_assert_cmpuint(loaded(), >, 0);
}

static char *path_of_pipelines(void)
{
    char *folder = g_build_filename(g_get_user_cache_dir(), "gst-yonos", NULL), *path = NULL;
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)))
        if (g_str_has_prefix(name, "pipelines-"))
            path = g_build_filename(folder, name, NULL);
    g_dir_close(dir);
    g_free(folder);
    g_assert_nonnull(path);
    return path;
}

static void test_pipelines(void)
{
    char *path, *data, *key;
    gsize size;

    if (!opened())
        return;
    g_assert_cmpuint(device.cache_size, ==, 0);
    yonos_vk_device_close(&device);
    check_starts();
    path = path_of_pipelines();
    g_file_get_contents(path, &data, &size, NULL);
    g_file_set_contents(path, data, (gssize)size / 2, NULL);
    g_assert_cmpuint(loaded(), ==, 0);
    check_starts();
    g_file_set_contents(path, "", 0, NULL);
    check_starts();
    /* whole, but not what the driver wrote */
    opened();
    key = yonos_vk_cache_key(&device);
    yonos_vk_device_close(&device);
    yonos_cache_write("pipelines", key, "nonsense", 8);
    g_assert_cmpuint(loaded(), ==, 8);
    check_starts();
    g_free(key);
    g_free(data);
    g_free(path);
}

/* Another device's file under this one's name. */
static void test_foreign(void)
{
    char *path, *data, *key;
    gsize size;

    if (!opened())
        return;
    check_starts();
    path = path_of_pipelines();
    device.uuid[3] ^= 1;
    key = yonos_vk_cache_key(&device);
    yonos_vk_device_close(&device);
    g_remove(path);
    g_assert_true(yonos_cache_write("pipelines", key, "foreign", 7));
    data = path_of_pipelines();
    g_assert_cmpstr(path, !=, data);
    g_assert_cmpint(g_rename(data, path), ==, 0);
    g_free(data);
    g_assert_true(g_file_get_contents(path, &data, &size, NULL) && size > 7);
    g_assert_cmpuint(loaded(), ==, 0);
    check_starts();
    g_free(data);
    g_free(key);
    g_free(path);
}

int main(int argc, char **argv)
{
    char *cache = tested_cache_new();
    int status;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vulkan-cache/key", test_key);
    g_test_add_func("/vulkan-cache/pipelines", test_pipelines);
    g_test_add_func("/vulkan-cache/foreign", test_foreign);
    status = g_test_run();
    tested_cache_free(cache);
    return status;
}
