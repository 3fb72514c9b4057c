/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that are not there, are too small or get lost: one message each, and the element can be started again. */
#include "cpu/cpu-executor.h"
#include "element-check.h"
#include "small-model.h"
#ifdef HAVE_VULKAN
#include "vulkan-spy.h"
#include "vulkan/vulkan-executor.h"
#endif

#include <glib/gstdio.h>

#define SEED 20261123
#define SOFTWARE "llvmpipe"
#define CAPS "video/x-raw,format=I420,framerate=25/1,width=10,height=6"
#define OTHER_CAPS "video/x-raw,format=NV12,framerate=25/1,width=7,height=9"

static char *folder, *model;

/* Fails unless one frame goes through without a word. */
static void check_works(GstElement *el, GstBus *bus)
{
    GstHarness *h = element_start(el, bus, CAPS, NULL);

    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    element_check_silent(bus);
    element_stop(h, el);
}

static void check_absent(const char *device, const char *expected)
{
    GstElement *el = element_new(model, device);
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, CAPS, NULL);

    element_check_message(bus, GST_MESSAGE_ERROR, "There is no", expected);
    element_stop(h, el);
    g_object_set(el, "device", "cpu", NULL);
    check_works(el, bus);
    gst_object_unref(bus);
    gst_object_unref(el);
}

static void test_absent(void)
{
    check_absent("99", "'99'");
    check_absent("nonsense", "'nonsense'");
    check_absent("", "''");
}

static void test_too_little_memory(void)
{
    GstElement *el = element_new(model, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h;

    g_object_set(el, "max-memory", 1, NULL);
    h = element_start(el, bus, "video/x-raw,format=RGB,framerate=25/1,width=320,height=180", NULL);
    element_check_message(bus, GST_MESSAGE_ERROR, "max-memory", "1 MiB");
    element_stop(h, el);
    g_object_set(el, "max-memory", 64, NULL);
    check_works(el, bus);
    gst_object_unref(bus);
    gst_object_unref(el);
}

/* What a limit does is in the statistics. */
static void test_tiles(void)
{
    const guint most = 8;
    GstElement *el = element_new(model, "cpu");
    GstBus *bus = gst_bus_new();
    GstStructure *stats;
    GstHarness *h;
    guint64 memory;
    int tiles;

    g_object_set(el, "max-memory", most, NULL);
    h = element_start(el, bus, "video/x-raw,format=RGB,framerate=25/1,width=320,height=180", NULL);
    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    element_check_silent(bus);
    g_object_get(el, "stats", &stats, NULL);
    g_assert_true(gst_structure_get(stats, "tiles", G_TYPE_INT, &tiles, "memory", G_TYPE_UINT64, &memory, NULL));
    g_test_message("%d tiles, %.1f MiB", tiles, (double)memory / 1048576);
    g_assert_cmpint(tiles, >, 1);
    g_assert_cmpuint(memory, >, 1 << 20);
    g_assert_cmpuint(memory, <=, most << 20);
    gst_structure_free(stats);
    element_stop(h, el);
    gst_object_unref(bus);
    gst_object_unref(el);
}

static void test_null_is_auto(void)
{
    GstElement *el = element_new(model, NULL);
    char *device;

    g_object_get(el, "device", &device, NULL);
    g_assert_cmpstr(device, ==, "auto");
    g_free(device);
    gst_object_unref(el);
}

#ifdef HAVE_VULKAN

static gboolean skipped(void)
{
    if (yonos_vulkan_has_device(SOFTWARE))
        return FALSE;
    g_test_skip("no software Vulkan device");
    return TRUE;
}

typedef struct {
    const char *name, *call;
    int result;
    const char *expected;
} Fault;

static const Fault faults[] = {
    {"lost", "vkQueueSubmit", SPY_DEVICE_LOST, "start again"},
    {"lost-waiting", "vkWaitForFences", SPY_DEVICE_LOST, "start again"},
    {"host-memory", "vkQueueSubmit", SPY_OUT_OF_HOST_MEMORY, "use smaller frames"},
    {"device-memory", "vkQueueSubmit", SPY_OUT_OF_DEVICE_MEMORY, "use smaller frames"},
};

static void test_fails_while_running(gconstpointer data)
{
    const Fault *fault = data;
    GstElement *el;
    GstBus *bus;
    GstHarness *h;

    if (skipped())
        return;
    el = element_new(model, SOFTWARE);
    bus = gst_bus_new();
    h = element_start(el, bus, CAPS, NULL);
    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    spy_fails = fault->call;
    spy_result = fault->result;
    g_assert_cmpint(element_push(h), ==, GST_FLOW_ERROR);
    element_check_message(bus, GST_MESSAGE_ERROR, fault->call, fault->expected);
    g_assert_cmpint(element_push(h), ==, GST_FLOW_ERROR);
    element_check_silent(bus);
    g_object_set(el, "device", "cpu", NULL);
    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    element_check_silent(bus);
    element_stop(h, el);
    spy_fails = NULL;
    g_object_set(el, "device", SOFTWARE, NULL);
    check_works(el, bus);
    gst_object_unref(bus);
    gst_object_unref(el);
}

#define TALL_CAPS "video/x-raw,format=GRAY8,framerate=25/1,width=20,height=500"

static void push_tall(GstHarness *h, guint k)
{
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, 20 * 500, NULL);

    gst_buffer_memset(buffer, 0, (guint8)(20 * k), 20 * 500);
    GST_BUFFER_PTS(buffer) = k * GST_SECOND / 25;
    g_assert_cmpint(gst_harness_push(h, buffer), ==, GST_FLOW_OK);
}

static void check_tiles(GstElement *el, int expected)
{
    GstStructure *stats;
    int tiles;

    g_object_get(el, "stats", &stats, NULL);
    g_assert_true(gst_structure_get(stats, "tiles", G_TYPE_INT, &tiles, NULL));
    g_assert_cmpint(tiles, ==, expected);
    gst_structure_free(stats);
}

/* Twice frames go on in smaller tiles, each time with a warning, and none is lost; at scale and, where tiles go by the host,
 * reduced. */
static void test_memory_gets_short(void)
{
    static const char *const larges[] = {NULL, "video/x-raw,format=GRAY8,width=31,height=901"};
    const guint n = 12;

    for (guint c = 0; c < G_N_ELEMENTS(larges) && !skipped(); c++) {
        GstElement *el = element_new(model, SOFTWARE);
        GstBus *bus = gst_bus_new();
        GstHarness *h;
        g_object_set(el, "frames-in-flight", 3, NULL);
        h = element_start(el, bus, TALL_CAPS, larges[c]);
        for (guint k = 0; k < n; k++) {
            if (k == 2 || k == 6) {
                spy_fails_for = 1;
                spy_result = SPY_OUT_OF_DEVICE_MEMORY;
                spy_fails = "vkQueueSubmit";
            }
            push_tall(h, k);
            if (k == 5 || k == 10) { /* the frame has come out */
                element_check_message(bus, GST_MESSAGE_WARNING, "memory has become short", k == 5 ? "2 tiles" : "4 tiles");
                check_tiles(el, k == 5 ? 2 : 4);
            }
        }
        g_assert_true(gst_harness_push_event(h, gst_event_new_eos()));
        g_assert_cmpuint(gst_harness_buffers_in_queue(h), ==, n);
        for (guint k = 0, last = 0; k < n; k++) {
            GstBuffer *buffer = gst_harness_pull(h);
            guint8 middle;
            g_assert_cmpuint(GST_BUFFER_PTS(buffer), ==, k * GST_SECOND / 25);
            g_assert_cmpuint(gst_buffer_extract(buffer, gst_buffer_get_size(buffer) / 2, &middle, 1), ==, 1);
            g_test_message("frame %u: %u", k, middle);
            g_assert_cmpuint(middle, <=, last + 25); /* each is lighter by 20, and a small model is not exact */
            g_assert_cmpuint(middle, >=, k ? last + 15 : 0);
            last = middle;
            gst_buffer_unref(buffer);
        }
        element_check_silent(bus);
        element_stop(h, el);
        gst_object_unref(bus);
        gst_object_unref(el);
    }
}

/* Fails unless the device of that text is the software one. */
static void check_software(const char *device)
{
    GstElement *el = element_new(model, device);
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, CAPS, NULL);
    GstStructure *stats;

    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    element_check_silent(bus);
    g_object_get(el, "stats", &stats, NULL);
    g_test_message("%s", gst_structure_get_string(stats, "driver"));
    g_assert_nonnull(strstr(gst_structure_get_string(stats, "device"), SOFTWARE));
    g_assert_cmpuint(strlen(gst_structure_get_string(stats, "driver")), >, 0);
    gst_structure_free(stats);
    element_stop(h, el);
    gst_object_unref(bus);
    gst_object_unref(el);
}

/* From the processor to the software device and back, between two frames. */
static void test_changed_while_playing(void)
{
    static const char *const devices[] = {SOFTWARE, "cpu"};
    gint64 until = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    GstElement *el;
    GstBus *bus;
    GstHarness *h;

    if (skipped())
        return;
    el = element_new(model, "cpu");
    bus = gst_bus_new();
    h = element_start(el, bus, CAPS, NULL);
    for (guint k = 0; k < G_N_ELEMENTS(devices); k++) {
        gboolean changed = FALSE;

        g_object_set(el, "device", devices[k], NULL);
        while (!changed) {
            GstStructure *stats;

            g_assert_cmpint(g_get_monotonic_time(), <, until);
            g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
            g_object_get(el, "stats", &stats, NULL);
            changed = (strstr(gst_structure_get_string(stats, "device"), SOFTWARE) != NULL) == (k == 0);
            gst_structure_free(stats);
        }
    }
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(bus);
    gst_object_unref(el);
}

static void test_uuid(void)
{
    char *list, *uuid, *dashed, *other;

    if (skipped())
        return;
    list = yonos_vulkan_devices();
    g_test_message("%s", list);
    uuid = g_strndup(strstr(strstr(list, SOFTWARE), "UUID ") + 5, 32);
    dashed = g_strdup_printf("%.8s-%.4s-%.4s-%.4s-%s", uuid, uuid + 8, uuid + 12, uuid + 16, uuid + 20);
    check_software(uuid);
    check_software(dashed);
    other = g_ascii_strup(uuid, -1);
    check_software(other);
    other[31] = other[31] == '0' ? '1' : '0';
    check_absent(other, other);
    g_free(other);
    g_free(dashed);
    g_free(uuid);
    g_free(list);
}

/* Fails unless one frame goes through by that device in that precision, with a warning or without. */
static void check_trust(const char *warning, const char *device, const char *precision)
{
    GstElement *el = element_new(model, SOFTWARE);
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, CAPS, NULL);
    GstStructure *stats;

    if (warning)
        element_check_message(bus, GST_MESSAGE_WARNING, warning, "where");
    g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
    element_check_silent(bus);
    g_object_get(el, "stats", &stats, NULL);
    g_assert_nonnull(strstr(gst_structure_get_string(stats, "device"), device));
    g_assert_cmpstr(gst_structure_get_string(stats, "precision"), ==, precision);
    gst_structure_free(stats);
    element_stop(h, el);
    gst_object_unref(bus);
    gst_object_unref(el);
}

/* A device whose kernels do nothing is not trusted, nor is its half precision if that alone is wrong. */
static void test_trust(void)
{
    if (skipped())
        return;
    g_setenv("YONOS_SELF_CHECK", "always", TRUE);
    check_trust(NULL, SOFTWARE, "fp32");
    spy_skips_all = TRUE;
    check_trust("so the CPU is", "CPU", yonos_cpu_info(yonos_cpu_wanted()).precision);
    spy_skips_all = FALSE;
    g_setenv("YONOS_PRECISION", "fp16", TRUE);
    check_trust(NULL, SOFTWARE, "fp16");
    spy_skips_half = TRUE;
    check_trust("single is used", SOFTWARE, "fp32");
    spy_skips_half = FALSE;
    g_unsetenv("YONOS_PRECISION");
    g_unsetenv("YONOS_SELF_CHECK");
}

/* Of its own accord a GPU takes the largest tier, but of those that know the content. */
static void test_content(void)
{
    static const char *const names[] = {"fast-x2.safetensors", "balanced-x2.safetensors", "fast-video-x2.safetensors"};
    GstElement *el;
    GstBus *bus;

    if (skipped())
        return;
    el = element_new(NULL, SOFTWARE);
    bus = gst_bus_new();
    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    for (guint k = 0; k < G_N_ELEMENTS(names); k++) {
        char *path = g_build_filename(folder, names[k], NULL);
        small_model_write(path, 2, SEED);
        g_free(path);
    }
    for (guint k = 0; k < 2; k++) {
        GstHarness *h;
        GstStructure *stats;
        gst_util_set_object_arg(G_OBJECT(el), "content", k ? "video" : "clean");
        h = element_start(el, bus, CAPS, NULL);
        g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
        g_object_get(el, "stats", &stats, NULL);
        g_assert_true(g_str_has_suffix(gst_structure_get_string(stats, "model"), names[k + 1]));
        gst_structure_free(stats);
        element_stop(h, el);
    }
    for (guint k = 0; k < G_N_ELEMENTS(names); k++) {
        char *path = g_build_filename(folder, names[k], NULL);
        g_remove(path);
        g_free(path);
    }
    g_unsetenv("YONOS_MODEL_PATH");
    gst_object_unref(bus);
    gst_object_unref(el);
}

static void test_fails_at_start(void)
{
    GstElement *el;
    GstBus *bus;
    GstHarness *h;

    if (skipped())
        return;
    el = element_new(model, SOFTWARE);
    bus = gst_bus_new();
    spy_fails = "vkAllocateMemory";
    spy_result = SPY_OUT_OF_DEVICE_MEMORY;
    h = element_start(el, bus, CAPS, NULL);
    element_check_message(bus, GST_MESSAGE_ERROR, "too little memory", "use smaller frames");
    element_stop(h, el);
    spy_fails = NULL;
    check_works(el, bus);
    gst_object_unref(bus);
    gst_object_unref(el);
}

static void test_cpu_stands_in(void)
{
    GstElement *el;
    GstBus *bus;

    if (skipped())
        return;
    el = element_new(model, "auto");
    bus = gst_bus_new();
    spy_pretends_gpu = TRUE;
    spy_fails = "vkAllocateMemory";
    spy_result = SPY_OUT_OF_DEVICE_MEMORY;
    for (int start = 0; start < 2; start++) {
        GstHarness *h = element_start(el, bus, CAPS, NULL);
        element_check_message(bus, GST_MESSAGE_WARNING, "so the CPU is", "too little memory");
        g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
        gst_harness_set_src_caps_str(h, OTHER_CAPS);
        g_assert_cmpint(element_push(h), ==, GST_FLOW_OK);
        element_check_silent(bus);
        element_stop(h, el);
    }
    spy_fails = NULL;
    check_works(el, bus);
    spy_pretends_gpu = FALSE;
    gst_object_unref(bus);
    gst_object_unref(el);
}

static void add_vulkan_tests(void)
{
    g_test_add_func("/element/device/changed-while-playing", test_changed_while_playing);
    g_test_add_func("/element/device/uuid", test_uuid);
    g_test_add_func("/element/device/trust", test_trust);
    g_test_add_func("/element/device/content", test_content);
    g_test_add_func("/element/device/fails-at-start", test_fails_at_start);
    g_test_add_func("/element/device/memory-gets-short", test_memory_gets_short);
    g_test_add_func("/element/device/cpu-stands-in", test_cpu_stands_in);
    for (guint k = 0; k < G_N_ELEMENTS(faults); k++) {
        char *path = g_strconcat("/element/device/", faults[k].name, NULL);
        g_test_add_data_func(path, &faults[k], test_fails_while_running);
        g_free(path);
    }
}
#endif

int main(int argc, char **argv)
{
    int status;

    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("yonos-devices-XXXXXX", NULL);
    model = g_build_filename(folder, "m.safetensors", NULL);
    small_model_write(model, 2, SEED);
    g_test_add_func("/element/device/absent", test_absent);
    g_test_add_func("/element/device/too-little-memory", test_too_little_memory);
    g_test_add_func("/element/device/tiles", test_tiles);
    g_test_add_func("/element/device/null-is-auto", test_null_is_auto);
#ifdef HAVE_VULKAN
    add_vulkan_tests();
#endif
    status = g_test_run();
    g_remove(model);
    g_rmdir(folder);
    g_free(model);
    g_free(folder);
    return status;
}
