/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qos-mode=ladder in the element, by a fake clock: a live source of 30 frames/s whose frames take as long as this test
 * says, which it counts while the element maps them. */
#include "element-check.h"
#include "small-model.h"

#include <glib/gstdio.h>
#include <gst/check/gsttestclock.h>
#include <gst/video/gstvideometa.h>

#define SEED 20261124
#define FRAME (GST_SECOND / 30)
#define CAPS "video/x-raw,format=RGB,framerate=30/1,width=16,height=8"
#define SMALL (48 * 8)
#define MAX_BEHIND 3

static char *folder;
static GstTestClock *testclock;
static GstClockTime now; /* of the fake clock */
static double slower = 1;

/* In the place of GLib's, also for the plugin: the same fake time in microseconds. */
gint64 g_get_monotonic_time(void)
{
    return G_GINT64_CONSTANT(1000000000) + (gint64)(now / 1000);
}

static void advance_to(GstClockTime time)
{
    now = time;
    gst_test_clock_set_time(testclock, now);
}

/* Shares of a frame's length, by tier; bicubic is on the CPU and not slowed. */
static double cost(const char *tier)
{
    static const struct {
        const char *tier;
        double share;
    } costs[] = {{"quality", 0.8}, {"balanced", 0.4}, {"fast", 0.15}};

    for (guint k = 0; k < G_N_ELEMENTS(costs); k++)
        if (!g_strcmp0(tier, costs[k].tier))
            return costs[k].share * slower;
    return 0.05;
}

static const char *tier_now(GstElement *el)
{
    GstStructure *stats;
    const char *tier;

    g_object_get(el, "stats", &stats, NULL);
    tier = g_intern_string(gst_structure_get_string(stats, "tier"));
    gst_structure_free(stats);
    return tier;
}

static GstElement *mapped_by; /* the element under test */
static gboolean (*map_usual)(GstVideoMeta *, guint, GstMapInfo *, gpointer *, gint *, GstMapFlags);

static gboolean map_slowly(GstVideoMeta *meta, guint plane, GstMapInfo *info, gpointer *data, gint *stride,
                           GstMapFlags flags)
{
    advance_to(now + (GstClockTime)(cost(tier_now(mapped_by)) * FRAME));
    return map_usual(meta, plane, info, data, stride, flags);
}

/* Pushes frame n at its time, or when the last one is done; returns how many frames behind it is then. */
static double frame(GstHarness *h, int n)
{
    GstBuffer *small = gst_buffer_new_allocate(NULL, SMALL, NULL), *large;
    GstVideoMeta *meta = gst_buffer_add_video_meta(small, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 16, 8);

    advance_to(MAX(now, (GstClockTime)(n * FRAME)));
    map_usual = meta->map;
    meta->map = map_slowly;
    gst_buffer_memset(small, 0, 99, SMALL);
    GST_BUFFER_PTS(small) = n * FRAME;
    GST_BUFFER_DURATION(small) = FRAME;
    g_assert_cmpint(gst_harness_push(h, small), ==, GST_FLOW_OK);
    large = gst_harness_pull(h);
    g_assert_cmpuint(GST_BUFFER_PTS(large), ==, n * FRAME);
    gst_buffer_unref(large);
    return ((double)now - (double)(n * FRAME)) / FRAME;
}

/* The threads that load are named so. */
static gboolean is_loading(void)
{
    GDir *tasks = g_dir_open("/proc/self/task", 0, NULL);
    gboolean loading = FALSE;
    const char *task;

    while ((task = g_dir_read_name(tasks))) {
        char *path = g_build_filename("/proc/self/task", task, "comm", NULL), *name = NULL;
        if (g_file_get_contents(path, &name, NULL, NULL) && g_str_has_prefix(name, "yonos-load"))
            loading = TRUE;
        g_free(name);
        g_free(path);
    }
    g_dir_close(tasks);
    return loading;
}

static GstHarness *start(GstElement *el, GstBus *bus)
{
    GstHarness *h;

    gst_util_set_object_arg(G_OBJECT(el), "tier", "quality");
    gst_util_set_object_arg(G_OBJECT(el), "qos-mode", "ladder");
    now = 0;
    slower = 1;
    h = element_start(el, bus, CAPS, NULL);
    gst_harness_use_testclock(h);
    testclock = gst_harness_get_testclock(h);
    mapped_by = el;
    while (is_loading())
        g_usleep(1000);
    return h;
}

static void stop(GstHarness *h, GstElement *el)
{
    gst_object_unref(testclock);
    element_stop(h, el);
}

/* Counts the messages of that name, of the given reason where it is not NULL. */
static int count_messages(GstBus *bus, const char *name, const char *reason)
{
    GArray *kept = g_array_new(FALSE, FALSE, sizeof(GstMessage *));
    GstMessage *message;
    int count = 0;

    while ((message = gst_bus_pop(bus)))
        g_array_append_val(kept, message);
    for (guint k = 0; k < kept->len; k++) {
        const GstStructure *s;
        message = g_array_index(kept, GstMessage *, k);
        s = gst_message_get_structure(message);
        if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ELEMENT && gst_structure_has_name(s, name) &&
            (!reason || !g_strcmp0(gst_structure_get_string(s, "reason"), reason)))
            count++;
        gst_bus_post(bus, message);
    }
    g_array_free(kept, TRUE);
    return count;
}

/* 10 s idle, 20 s of a device ten times slower, then idle again. */
static void test_load(void)
{
    GstElement *el = element_new(NULL, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h = start(el, bus);
    GstClockTime behind_since = 0, longest = 0;
    int n = 0;

    for (; n < 75 * 30; n++) {
        double behind;
        slower = n >= 10 * 30 && n < 30 * 30 ? 10 : 1;
        behind = frame(h, n);
        if (behind <= MAX_BEHIND)
            behind_since = now;
        longest = MAX(longest, now - behind_since);
        if (n == 10 * 30 - 1)
            g_assert_cmpstr(tier_now(el), ==, "quality");
        if (n == 20 * 30)
            g_assert_cmpstr(tier_now(el), ==, "bicubic");
    }
    g_test_message("longest more than %d behind: %.2f s", MAX_BEHIND, (double)longest / GST_SECOND);
    g_assert_cmpuint(longest, <=, 2 * GST_SECOND);
    g_assert_cmpstr(tier_now(el), ==, "quality");
    g_assert_cmpint(count_messages(bus, "yonos-tier", "late"), >=, 1);
    g_assert_cmpint(count_messages(bus, "yonos-tier", "calm"), >=, 3);
    g_assert_cmpint(count_messages(bus, "yonos-stats", NULL), >=, 65);
    g_assert_cmpint(count_messages(bus, "yonos-stats", NULL), <=, 75);
    stop(h, el);
    gst_object_unref(el);
    gst_object_unref(bus);
}

/* The same load without the ladder: the tier stays, and so does the delay. */
static void test_off(void)
{
    GstElement *el = element_new(NULL, "cpu");
    GstHarness *h = start(el, NULL);
    double behind = 0;

    gst_util_set_object_arg(G_OBJECT(el), "qos-mode", "off");
    slower = 10;
    for (int n = 0; n < 60; n++)
        behind = frame(h, n);
    g_assert_cmpstr(tier_now(el), ==, "quality");
    g_assert_cmpfloat(behind, >, 300);
    stop(h, el);
    gst_object_unref(el);
}

/* Whether frame n comes out after the sink has told that frame n - 1 was a second late. */
static gboolean comes_out(GstHarness *h, int n)
{
    GstBuffer *small = gst_buffer_new_allocate(NULL, SMALL, NULL), *large;

    gst_harness_push_upstream_event(h, gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 2, GST_SECOND, (n - 1) * FRAME));
    gst_buffer_memset(small, 0, 99, SMALL);
    GST_BUFFER_PTS(small) = n * FRAME;
    GST_BUFFER_DURATION(small) = FRAME;
    g_assert_cmpint(gst_harness_push(h, small), ==, GST_FLOW_OK);
    large = gst_harness_try_pull(h);
    if (large)
        gst_buffer_unref(large);
    return large != NULL;
}

/* What the modes make of a late frame. The ladder drops at its end only. */
static void test_late(void)
{
    static const struct {
        const char *mode;
        gboolean out;
    } cases[] = {{"drop", FALSE}, {"off", TRUE}, {"ladder", TRUE}};

    for (guint k = 0; k < G_N_ELEMENTS(cases); k++) {
        GstElement *el = element_new(NULL, "cpu");
        GstHarness *h = start(el, NULL);

        gst_util_set_object_arg(G_OBJECT(el), "qos-mode", cases[k].mode);
        for (int n = 0; n < 3; n++)
            frame(h, n);
        g_test_message("%s", cases[k].mode);
        g_assert_true(comes_out(h, 3) == cases[k].out);
        if (!g_strcmp0(cases[k].mode, "ladder")) {
            slower = 100;
            frame(h, 4);
            frame(h, 5);
            g_assert_cmpstr(tier_now(el), ==, "bicubic");
            g_assert_false(comes_out(h, 6));
        }
        stop(h, el);
        gst_object_unref(el);
    }
}

int main(int argc, char **argv)
{
    static const char *const tiers[] = {"fast", "balanced", "quality"};
    char *path[3];
    int status;

    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("yonos-ladder-XXXXXX", NULL);
    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    for (int k = 0; k < 3; k++) {
        path[k] = g_strdup_printf("%s/%s-x2.safetensors", folder, tiers[k]);
        small_model_write(path[k], 2, SEED);
    }
    g_test_message("seed %d", SEED);
    g_test_add_func("/element/ladder/load", test_load);
    g_test_add_func("/element/ladder/off", test_off);
    g_test_add_func("/element/ladder/late", test_late);
    status = g_test_run();
    for (int k = 0; k < 3; k++) {
        g_remove(path[k]);
        g_free(path[k]);
    }
    g_rmdir(folder);
    g_free(folder);
    return status;
}
