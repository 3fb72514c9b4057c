/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 10,000 frames of 64x64 whose caps change every 100: memory, open files and threads do not grow. On a Vulkan device,
 * where software takes long, fewer frames that change more often; so many with `-m slow` only. */
#include "element-check.h"
#include "small-model.h"
#ifdef HAVE_VULKAN
#include "tested-device.h"
#include "vulkan/vulkan-executor.h"
#endif

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <string.h>
#include <unistd.h>

#define SEED 20261124
#define FRAMES 10000
#define SAME_CAPS 100
#define WARM 2000             /* frames, until every size and format has come and pools are full */
#define MOST_GROWTH (4 << 20) /* bytes, where a leak of one frame's pictures a change would be 12 MiB */
#define STRETCHES 5

#if defined(__SANITIZE_ADDRESS__)
#define SHARE 10 /* its allocator keeps what is freed, so there only the frames are of interest */
#else
#define SHARE 1
#endif

typedef struct {
    gsize bytes; /* resident */
    guint files, threads;
} Held;

static guint entries(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    guint n = 0;

    g_assert_nonnull(dir);
    while (g_dir_read_name(dir))
        n++;
    g_dir_close(dir);
    return n;
}

static Held held(void)
{
    char *text, **words;
    Held h = {0, entries("/proc/self/fd"), entries("/proc/self/task")};

    g_assert_true(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
    words = g_strsplit(text, " ", 3);
    h.bytes = g_ascii_strtoull(words[1], NULL, 10) * (gsize)sysconf(_SC_PAGESIZE);
    g_strfreev(words);
    g_free(text);
    return h;
}

/* Frames from to to, whose caps change every same_caps; gives how many came out meanwhile. */
static guint push_frames(GstHarness *h, guint from, guint to, guint same_caps)
{
    static const char *const caps[] = {"video/x-raw,format=I420,framerate=25/1,width=64,height=64",
                                       "video/x-raw,format=RGBA,framerate=25/1,width=64,height=64",
                                       "video/x-raw,format=NV12,framerate=25/1,width=64,height=62"};
    guint came = 0;

    for (guint k = from; k < to; k++) {
        gsize bytes = 64 * 64 * 4; /* enough for each of them */
        GstBuffer *buffer;
        if (k % same_caps == 0)
            gst_harness_set_src_caps_str(h, caps[k / same_caps % G_N_ELEMENTS(caps)]);
        buffer = gst_buffer_new_allocate(NULL, bytes, NULL);
        gst_buffer_memset(buffer, 0, (guint8)k, bytes);
        GST_BUFFER_PTS(buffer) = k * 40 * GST_MSECOND;
        g_assert_cmpint(gst_harness_push(h, buffer), ==, GST_FLOW_OK);
        for (; (buffer = gst_harness_try_pull(h)); came++)
            gst_buffer_unref(buffer);
    }
    return came;
}

/* A leak grows in every stretch of frames; what a driver's threads keep, in the first ones only, later on some machines
 * than on others. So one stretch without growth is asked for, of a few. */
static void check_stream(const char *model, const char *device, guint in_flight, guint frames, guint same_caps,
                         guint warm)
{
    GstElement *el = element_new(model, device);
    gsize most = SHARE == 1 ? MOST_GROWTH : G_MAXUINT32;
    guint came, at = warm, stretch = frames - warm;
    Held before, after;
    GstHarness *h;

    g_object_set(el, "frames-in-flight", in_flight, NULL);
    h = element_start(el, NULL, "video/x-raw,format=I420,framerate=25/1,width=64,height=64", NULL);
    came = push_frames(h, 0, warm, same_caps);
    after = held();
    do {
        before = after;
        came += push_frames(h, at, at + stretch, same_caps);
        at += stretch;
        after = held();
        g_test_message(
            "%s, %u in flight, seed %d: from frame %u to %u: %.1f to %.1f MiB, %u to %u files, %u to %u threads",
            device, in_flight, SEED, at - stretch, at, (double)before.bytes / 1048576, (double)after.bytes / 1048576,
            before.files, after.files, before.threads, after.threads);
        g_assert_cmpuint(after.files, <=, before.files);
        g_assert_cmpuint(after.threads, <=, before.threads);
    } while (after.bytes > before.bytes + most && at < warm + STRETCHES * stretch);
    g_assert_cmpuint(after.bytes, <=, before.bytes + most);
    g_assert_true(gst_harness_push_event(h, gst_event_new_eos()));
    for (GstBuffer *buffer; (buffer = gst_harness_try_pull(h)); came++)
        gst_buffer_unref(buffer);
    g_assert_cmpuint(came, ==, at);
    element_stop(h, el);
    gst_object_unref(el);
}

static void test_one(gconstpointer model)
{
    check_stream(model, "cpu", 1, FRAMES / SHARE, SAME_CAPS, WARM / SHARE);
}

static void test_in_flight(gconstpointer model)
{
    check_stream(model, "cpu", 2, FRAMES / 5 / SHARE, SAME_CAPS, WARM / 2 / SHARE);
}

#ifdef HAVE_VULKAN
static void test_vulkan(gconstpointer model)
{
    if (!yonos_vulkan_has_device(tested_device()))
        g_test_skip("no Vulkan device to test");
    else if (g_test_slow())
        check_stream(model, tested_device(), 2, FRAMES, SAME_CAPS, WARM);
    else
        check_stream(model, tested_device(), 2, 120, 2, 60); /* its threads take memory late */
}
#endif

int main(int argc, char **argv)
{
    char *model;
    int status;

#ifdef __GLIBC__
    /* else each of a driver's threads, which come and go with the caps, has a heap of its own, and what lies in them
     * grows for a hundred frames (docs/VULKAN.md) */
    mallopt(M_ARENA_MAX, 2);
#endif
    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    model = small_model_new(2, SEED);
    g_test_add_data_func("/element/stress/one", model, test_one);
    g_test_add_data_func("/element/stress/in-flight", model, test_in_flight);
#ifdef HAVE_VULKAN
    g_test_add_data_func("/element/stress/vulkan", model, test_vulkan);
#endif
    status = g_test_run();
    small_model_remove(model);
    return status;
}
