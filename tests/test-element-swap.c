/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other models, tiers and scales while the element plays: no frame is lost or repeated, and a broken model changes
 * nothing but for a warning. */
#include "element-check.h"
#include "small-model.h"

#include <dlfcn.h>
#include <glib/gstdio.h>
#include <gst/video/video.h>

#define SEED 20261124
#define FRAME (GST_SECOND / 25)
#define FRAMES 300
#define CAPS "video/x-raw,format=RGB,framerate=25/1,width=16,height=8"
#define SMALL (48 * 8) /* bytes of a frame */
#define WAIT (30 * G_USEC_PER_SEC)

static char *folder;

/* Whoever reads a model waits while it is shut. */
static struct {
    GMutex lock;
    GCond changed;
    gboolean shut, waited_at;
} gate;

static void gate_shut(gboolean shut)
{
    g_mutex_lock(&gate.lock);
    gate.shut = shut;
    gate.waited_at = FALSE;
    g_cond_broadcast(&gate.changed);
    g_mutex_unlock(&gate.lock);
}

static gboolean gate_is_waited_at(void)
{
    gboolean waited_at;

    g_mutex_lock(&gate.lock);
    waited_at = gate.waited_at;
    g_mutex_unlock(&gate.lock);
    return waited_at;
}

/* In the place of GLib's, for the element too: where a model is read. */
GMappedFile *g_mapped_file_new(const char *path, gboolean writable, GError **error)
{
    GMappedFile *(*real)(const char *, gboolean, GError **);

    *(void **)&real = dlsym(RTLD_NEXT, "g_mapped_file_new");
    g_mutex_lock(&gate.lock);
    while (gate.shut) {
        gate.waited_at = TRUE;
        g_cond_wait(&gate.changed, &gate.lock);
    }
    g_mutex_unlock(&gate.lock);
    return real(path, writable, error);
}

/* Writes a model that adds nothing to bicubic, or an untrained one. */
static char *model_make(const char *name, int scale, gboolean plain)
{
    char *path = g_build_filename(folder, name, NULL);

    small_model_make(path, &(SmallModel){.scale = scale, .seed = SEED, .plain = plain});
    return path;
}

static void model_remove(char *path)
{
    g_remove(path);
    g_free(path);
}

/* What frame n is filled with; its neighbours differ. */
static guint8 shade(int n)
{
    return (guint8)(40 + n * 7 % 160);
}

/* Pushes frame n and fails unless the large one of that time and shade comes out; returns its size in bytes. */
static gsize frame(GstHarness *h, int n)
{
    GstBuffer *small = gst_buffer_new_allocate(NULL, SMALL, NULL), *large;
    guint8 first;
    gsize size;

    gst_buffer_memset(small, 0, shade(n), SMALL);
    GST_BUFFER_PTS(small) = n * FRAME;
    GST_BUFFER_DURATION(small) = FRAME;
    large = gst_harness_push_and_pull(h, small);
    g_assert_cmpint(gst_harness_buffers_in_queue(h), ==, 0);
    g_assert_cmpuint(GST_BUFFER_PTS(large), ==, n * FRAME);
    size = gst_buffer_get_size(large);
    g_assert_cmpuint(gst_buffer_extract(large, 0, &first, 1), ==, 1);
    g_assert_cmpint(first, ==, shade(n));
    gst_buffer_unref(large);
    return size;
}

/* A text of the property stats, to be freed. */
static char *stat_text(GstElement *el, const char *field)
{
    GstStructure *stats;
    char *text;

    g_object_get(el, "stats", &stats, NULL);
    text = g_strdup(gst_structure_get_string(stats, field));
    gst_structure_free(stats);
    return text;
}

static gboolean stat_is(GstElement *el, const char *field, const char *value)
{
    char *text = stat_text(el, field);
    gboolean is = !g_strcmp0(text, value);

    g_free(text);
    return is;
}

/* Lets frames through from *n on until the stats say so. */
static void wait_for(GstHarness *h, int *n, const char *field, const char *value)
{
    gint64 until = g_get_monotonic_time() + WAIT;

    while (!stat_is(h->element, field, value)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        frame(h, (*n)++);
    }
}

static void test_swaps(void)
{
    char *models[] = {model_make("a.safetensors", 2, TRUE), model_make("b.safetensors", 2, TRUE)};
    GstElement *el = element_new(models[0], "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, CAPS, NULL);
    int swaps = 0, n = 0;

    while (n < FRAMES || swaps < 6) {
        /* a wipe to and fro, all the time; the shade is looked at left of the line, and bicubic's is the same */
        g_object_set(el, "split", 0.5 + 0.4 * (n % 20 - 10) / 10.0, "enabled", n % 50 != 49, NULL);
        frame(h, n++);
        if (n % 50 != 49 && stat_is(el, "model", models[swaps % 2])) {
            swaps++;
            g_object_set(el, "model", models[swaps % 2], NULL);
        }
        if (n >= FRAMES)
            g_usleep(1000);
        g_assert_cmpint(n, <, FRAMES + 20000);
    }
    g_test_message("%d frames, %d models", n, swaps);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(el);
    gst_object_unref(bus);
    model_remove(models[0]);
    model_remove(models[1]);
}

/* Waits, letting frames through from *n on, for the warning that is expected. */
static void wait_for_warning(GstHarness *h, int *n, GstBus *bus, const char *expected)
{
    gint64 until = g_get_monotonic_time() + WAIT;
    GstMessage *message = NULL;
    GError *error;

    while (!message) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        frame(h, (*n)++);
        message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
    }
    g_assert_cmpint(GST_MESSAGE_TYPE(message), ==, GST_MESSAGE_WARNING);
    gst_message_parse_warning(message, &error, NULL);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, expected));
    g_assert_nonnull(strstr(error->message, "goes on"));
    g_error_free(error);
    gst_message_unref(message);
}

static void test_broken(void)
{
    char *good = model_make("good.safetensors", 2, TRUE), *other = model_make("other.safetensors", 2, TRUE);
    char *unfit = model_make("unfit.safetensors", 4, TRUE), *cut = g_build_filename(folder, "cut.safetensors", NULL);
    const char *broken[] = {unfit, cut, folder, "/nowhere/at/all"};
    const char *expected[] = {"for x4, but x2 is wanted", "header", "is a folder", "There is no model file"};
    GstElement *el = element_new(good, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, CAPS, NULL);
    int n = 0;

    g_assert_true(g_file_set_contents(cut, "\xff\0\0\0\0\0\0\0{", 9, NULL));
    frame(h, n++);
    for (guint k = 0; k < G_N_ELEMENTS(broken); k++) {
        g_object_set(el, "model", broken[k], NULL);
        wait_for_warning(h, &n, bus, expected[k]);
        g_assert_true(stat_is(el, "model", good));
        for (int more = 0; more < 5; more++)
            frame(h, n++);
        element_check_silent(bus);
    }
    g_object_set(el, "model", other, NULL);
    wait_for(h, &n, "model", other);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(el);
    gst_object_unref(bus);
    g_remove(cut);
    g_free(cut);
    model_remove(unfit);
    model_remove(other);
    model_remove(good);
}

/* The tiers of the message yonos-tier since the last call, with commas, to be freed. */
static char *tiers_posted(GstBus *bus)
{
    GString *tiers = g_string_new(NULL);
    GstMessage *message;

    while ((message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT))) {
        const GstStructure *s = gst_message_get_structure(message);
        if (gst_structure_has_name(s, "yonos-tier"))
            g_string_append_printf(tiers, "%s%s %s", tiers->len ? ", " : "", gst_structure_get_string(s, "tier"),
                                   gst_structure_get_string(s, "reason"));
        gst_message_unref(message);
    }
    return g_string_free(tiers, FALSE);
}

static void check_tiers(GstBus *bus, const char *expected)
{
    char *tiers = tiers_posted(bus);

    g_assert_cmpstr(tiers, ==, expected);
    g_free(tiers);
}

static void test_tiers(void)
{
    char *fast = model_make("fast-x2.safetensors", 2, TRUE), *balanced = model_make("balanced-x2.safetensors", 2, TRUE);
    GstElement *el = element_new(NULL, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h;
    char *hash;
    int n = 0;

    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    h = element_start(el, bus, CAPS, NULL);
    frame(h, n++);
    check_tiers(bus, "fast start");
    hash = stat_text(el, "model-hash");
    g_assert_cmpuint(strlen(hash), ==, 64);
    g_free(hash);
    g_assert_true(stat_is(el, "device", "CPU") && stat_is(el, "driver", "none"));
    g_assert_true(stat_is(el, "precision", "fp32") || stat_is(el, "precision", "bf16"));
    gst_util_set_object_arg(G_OBJECT(el), "tier", "balanced");
    wait_for(h, &n, "tier", "balanced");
    g_assert_true(stat_is(el, "model", balanced));
    check_tiers(bus, "balanced property");
    gst_util_set_object_arg(G_OBJECT(el), "tier", "quality");
    wait_for_warning(h, &n, bus, "quality-x2.safetensors");
    g_assert_true(stat_is(el, "tier", "balanced"));
    g_object_set(el, "enabled", FALSE, NULL);
    frame(h, n++);
    g_assert_true(stat_is(el, "tier", "bicubic") && stat_is(el, "model", NULL));
    g_object_set(el, "enabled", TRUE, NULL);
    frame(h, n++);
    check_tiers(bus, "bicubic property, balanced property");
    element_stop(h, el);
    gst_object_unref(el);
    gst_object_unref(bus);
    model_remove(fast);
    model_remove(balanced);
}

/* A model for the content where the tier has one, the clean one where it has none. */
static void test_content(void)
{
    char *clean = model_make("fast-x2.safetensors", 2, TRUE), *video = model_make("fast-video-x2.safetensors", 2, TRUE);
    char *balanced = model_make("balanced-x2.safetensors", 2, TRUE);
    GstElement *el = element_new(NULL, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h;
    int n = 0;

    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    h = element_start(el, bus, CAPS, NULL);
    frame(h, n++);
    g_assert_true(stat_is(el, "model", clean));
    gst_util_set_object_arg(G_OBJECT(el), "content", "video");
    wait_for(h, &n, "model", video);
    gst_util_set_object_arg(G_OBJECT(el), "tier", "balanced");
    wait_for(h, &n, "model", balanced);
    gst_util_set_object_arg(G_OBJECT(el), "tier", "fast");
    wait_for(h, &n, "model", video);
    gst_util_set_object_arg(G_OBJECT(el), "content", "clean");
    wait_for(h, &n, "model", clean);
    element_stop(h, el);
    gst_object_unref(el);
    gst_object_unref(bus);
    model_remove(clean);
    model_remove(video);
    model_remove(balanced);
}

/* Lets frames through from *n on until they are that many times larger. */
static void wait_for_scale(GstHarness *h, int *n, int scale)
{
    gint64 until = g_get_monotonic_time() + WAIT;

    while (frame(h, (*n)++) != (gsize)(SMALL * scale * scale))
        g_assert_cmpint(g_get_monotonic_time(), <, until);
}

static void set_scale(GstElement *el, int scale)
{
    char *text = g_strdup_printf("%d", scale);

    gst_util_set_object_arg(G_OBJECT(el), "scale", text);
    g_free(text);
}

/* The stream does not wait for a model: 99 frames come while none can be read. */
static void test_scale(void)
{
    char *two = model_make("fast-x2.safetensors", 2, TRUE), *four = model_make("fast-x4.safetensors", 4, TRUE);
    GstElement *el = element_new(NULL, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h;
    int n = 0, swaps = 0;

    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    h = element_start(el, bus, CAPS, NULL);
    frame(h, n++);
    gate_shut(TRUE);
    set_scale(el, 4);
    for (int waited = 0; waited < 99; waited += gate_is_waited_at()) {
        g_assert_cmpuint(frame(h, n++), ==, SMALL * 4);
        g_assert_cmpint(n, <, 100000);
    }
    gate_shut(FALSE);
    wait_for_scale(h, &n, 4);
    for (int k = 0; k < 5; k++)
        g_assert_cmpuint(frame(h, n++), ==, SMALL * 16);
    for (; n < FRAMES || swaps < 6; swaps++) {
        set_scale(el, swaps % 2 ? 4 : 2);
        wait_for_scale(h, &n, swaps % 2 ? 4 : 2);
    }
    g_test_message("%d frames, %d scales", n, swaps);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(el);
    gst_object_unref(bus);
    model_remove(two);
    model_remove(four);
}

static GstPadProbeReturn count_caps_query(G_GNUC_UNUSED GstPad *pad, GstPadProbeInfo *info, gpointer count)
{
    if (GST_QUERY_TYPE(GST_PAD_PROBE_INFO_QUERY(info)) == GST_QUERY_CAPS)
        (*(int *)count)++;
    return GST_PAD_PROBE_OK;
}

/* Whoever is behind fixes the old size while the other scale's model loads: it is settled once, not with every frame.
 */
static void test_scale_too_late(void)
{
    char *two = model_make("fast-x2.safetensors", 2, TRUE), *four = model_make("fast-x4.safetensors", 4, TRUE);
    GstElement *el = element_new(NULL, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h;
    int n = 0, queries = 0, before;

    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    h = element_start(el, bus, CAPS, NULL);
    gst_pad_add_probe(h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_BOTH | GST_PAD_PROBE_TYPE_PUSH, count_caps_query, &queries,
                      NULL);
    frame(h, n++);
    gate_shut(TRUE);
    set_scale(el, 4);
    while (!gate_is_waited_at())
        frame(h, n++);
    gst_harness_set_sink_caps_str(h, "video/x-raw,width=32,height=16");
    gate_shut(FALSE);
    for (gint64 until = g_get_monotonic_time() + G_USEC_PER_SEC; g_get_monotonic_time() < until; g_usleep(1000))
        g_assert_cmpuint(frame(h, n++), ==, SMALL * 4);
    before = queries;
    for (int k = 0; k < 20; k++)
        g_assert_cmpuint(frame(h, n++), ==, SMALL * 4);
    g_assert_cmpint(queries, ==, before);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(el);
    gst_object_unref(bus);
    model_remove(two);
    model_remove(four);
}

/* With frames in flight: their number comes out, in their order, each of its size's caps. */
static void test_scale_in_flight(void)
{
    char *two = model_make("fast-x2.safetensors", 2, TRUE), *four = model_make("fast-x4.safetensors", 4, TRUE);
    GstElement *el = element_new(NULL, "cpu");
    GstHarness *h;
    gint64 until = g_get_monotonic_time() + WAIT;
    int pushed = 0, pulled = 0, changes = 0;
    gsize size = SMALL * 4;

    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    g_object_set(el, "frames-in-flight", 3, NULL);
    h = element_start(el, NULL, CAPS, NULL);
    while (pushed < FRAMES || changes < 4) {
        GstBuffer *small = gst_buffer_new_allocate(NULL, SMALL, NULL), *large;

        g_assert_cmpint(g_get_monotonic_time(), <, until);
        gst_buffer_memset(small, 0, shade(pushed), SMALL);
        GST_BUFFER_PTS(small) = pushed * FRAME;
        GST_BUFFER_DURATION(small) = FRAME;
        pushed++;
        set_scale(el, pushed / 50 % 2 ? 4 : 2);
        g_object_set(el, "frames-in-flight", 1 + pushed / 20 % 4, NULL);
        g_assert_cmpint(gst_harness_push(h, small), ==, GST_FLOW_OK);
        if (pushed % 50 > 40) /* or they come too fast for any to load */
            g_usleep(2000);
        while ((large = gst_harness_try_pull(h))) {
            GstVideoMeta *meta = gst_buffer_get_video_meta(large);
            guint8 first;

            g_assert_cmpuint(GST_BUFFER_PTS(large), ==, pulled * FRAME);
            g_assert_cmpuint(gst_buffer_extract(large, 0, &first, 1), ==, 1);
            g_assert_cmpint(first, ==, shade(pulled));
            changes += gst_buffer_get_size(large) != size;
            size = gst_buffer_get_size(large);
            g_assert_true(!meta || meta->width * meta->height * 3 == size);
            gst_buffer_unref(large);
            pulled++;
        }
        g_assert_cmpint(pushed - pulled, <=, 3);
    }
    gst_harness_push_event(h, gst_event_new_eos());
    g_assert_cmpint(pulled + gst_harness_buffers_in_queue(h), ==, pushed);
    g_test_message("%d frames, %d changes of size", pushed, changes);
    element_stop(h, el);
    gst_object_unref(el);
    model_remove(two);
    model_remove(four);
}

/* A scale that cannot be leaves the one before, also for new caps, and may be tried again. */
static void test_scale_broken(void)
{
    char *two = model_make("fast-x2.safetensors", 2, TRUE), *four;
    GstElement *el = element_new(NULL, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h;
    int n = 0;

    g_setenv("YONOS_MODEL_PATH", folder, TRUE);
    h = element_start(el, bus, CAPS, NULL);
    frame(h, n++);
    set_scale(el, 4);
    wait_for_warning(h, &n, bus, "fast-x4.safetensors");
    for (int k = 0; k < 5; k++)
        g_assert_cmpuint(frame(h, n++), ==, SMALL * 4);
    gst_harness_set_src_caps_str(h, "video/x-raw,format=BGR,framerate=25/1,width=16,height=8");
    g_assert_cmpuint(frame(h, n++), ==, SMALL * 4);
    wait_for_warning(h, &n, bus, "fast-x4.safetensors");
    four = model_make("fast-x4.safetensors", 4, TRUE);
    set_scale(el, 4);
    wait_for_scale(h, &n, 4);
    /* a model of its own for the other scale: first the one, then the other, with a frame between */
    g_object_set(el, "model", two, NULL);
    wait_for_warning(h, &n, bus, "for x2, but x4 is wanted");
    set_scale(el, 2);
    wait_for_scale(h, &n, 2);
    g_assert_true(stat_is(el, "model", two));
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(el);
    gst_object_unref(bus);
    model_remove(two);
    model_remove(four);
}

/* What cannot be loaded for new caps is one error; with a model that can be, the stream goes on without a new start. */
static void test_error_in_mid_stream(void)
{
    char *one = model_make("one.safetensors", 2, TRUE), *other = model_make("other.safetensors", 2, TRUE);
    GstElement *el = element_new(one, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, CAPS, NULL);
    int n = 0;

    frame(h, n++);
    g_remove(one);
    gst_harness_set_src_caps_str(h, "video/x-raw,format=BGR,framerate=25/1,width=16,height=8");
    element_check_message(bus, GST_MESSAGE_ERROR, "There is no model file", "one.safetensors");
    g_object_set(el, "model", other, NULL);
    frame(h, n++);
    gst_harness_set_src_caps_str(h, "video/x-raw,format=BGR,framerate=25/1,width=16,height=8");
    frame(h, n++);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(el);
    gst_object_unref(bus);
    g_free(one);
    model_remove(other);
}

/* The device, the memory and the frames in flight change as a model does. */
static void test_devices(void)
{
    char *model = model_make("m.safetensors", 2, TRUE);
    GstElement *el = element_new(model, "cpu");
    GstBus *bus = gst_bus_new();
    GstHarness *h = element_start(el, bus, CAPS, NULL);
    int n = 0;

    frame(h, n++);
    g_object_set(el, "device", "no such thing", NULL);
    wait_for_warning(h, &n, bus, "no such thing");
    g_object_set(el, "device", "cpu", "max-memory", 100, NULL);
    for (int k = 0; k < 5; k++)
        frame(h, n++);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(el);
    gst_object_unref(bus);
    model_remove(model);
}

/* Stopping and new caps while a model is being loaded. */
static void test_stop_while_loading(void)
{
    char *models[] = {model_make("a.safetensors", 2, TRUE), model_make("b.safetensors", 2, TRUE)};
    GstElement *el = element_new(models[0], "cpu");

    for (int turn = 1; turn <= 6; turn++) {
        GstHarness *h = element_start(el, NULL, CAPS, NULL);
        frame(h, 0);
        g_object_set(el, "model", models[turn % 2], NULL);
        frame(h, 1);
        if (turn % 3 == 0) {
            gst_harness_set_src_caps_str(h, "video/x-raw,format=BGR,framerate=25/1,width=16,height=8");
            frame(h, 2);
        }
        element_stop(h, el);
    }
    gst_object_unref(el);
    model_remove(models[0]);
    model_remove(models[1]);
}

int main(int argc, char **argv)
{
    int status;

    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("yonos-swap-XXXXXX", NULL);
    g_test_message("seed %d", SEED);
    g_test_add_func("/element/swap/300-frames", test_swaps);
    g_test_add_func("/element/swap/broken", test_broken);
    g_test_add_func("/element/swap/tiers", test_tiers);
    g_test_add_func("/element/swap/content", test_content);
    g_test_add_func("/element/swap/scale", test_scale);
    g_test_add_func("/element/swap/scale-in-flight", test_scale_in_flight);
    g_test_add_func("/element/swap/scale-too-late", test_scale_too_late);
    g_test_add_func("/element/swap/scale-broken", test_scale_broken);
    g_test_add_func("/element/swap/error-in-mid-stream", test_error_in_mid_stream);
    g_test_add_func("/element/swap/devices", test_devices);
    g_test_add_func("/element/swap/stop-while-loading", test_stop_while_loading);
    status = g_test_run();
    g_rmdir(folder);
    g_free(folder);
    return status;
}
