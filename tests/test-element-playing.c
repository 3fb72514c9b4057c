/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What changes while the element plays, from the next frame on. */
#include "element-check.h"
#include "small-model.h"

#include <glib/gstdio.h>
#include <gst/controller/gstdirectcontrolbinding.h>
#include <gst/controller/gstinterpolationcontrolsource.h>

#define SEED 20261123
#define CAPS "video/x-raw,format=RGB,framerate=25/1,width=17,height=9"
#define SMALL (52 * 9) /* bytes of a frame; rows are padded to four */
#define LARGE_WIDTH 34
#define LARGE_ROW 104

static char *folder;

static char *model_make(const char *name, const SmallModel *model)
{
    char *path = g_build_filename(folder, name, NULL);

    small_model_make(path, model);
    return path;
}

static void model_remove(char *path)
{
    g_remove(path);
    g_free(path);
}

/* The large frame of the one picture of this test. */
static GstBuffer *enlarge_at(GstHarness *h, GstClockTime time)
{
    GstBuffer *small = gst_buffer_new_allocate(NULL, SMALL, NULL);
    GstMapInfo map;

    g_assert_true(gst_buffer_map(small, &map, GST_MAP_WRITE));
    for (gsize k = 0; k < map.size; k++)
        map.data[k] = (guint8)(64 + k * 37 % 128);
    gst_buffer_unmap(small, &map);
    GST_BUFFER_PTS(small) = time;
    return gst_harness_push_and_pull(h, small);
}

static GstBuffer *enlarge(GstHarness *h)
{
    return enlarge_at(h, GST_CLOCK_TIME_NONE);
}

/* As enlarge, with a property set to a text before. */
static GstBuffer *enlarge_with(GstHarness *h, const char *property, const char *value)
{
    gst_util_set_object_arg(G_OBJECT(h->element), property, value);
    return enlarge(h);
}

/* What pads the rows is nobody's. */
static gboolean same(GstBuffer *a, GstBuffer *b)
{
    GstMapInfo map;
    gboolean equal;

    g_assert_true(gst_buffer_map(a, &map, GST_MAP_READ));
    equal = gst_buffer_get_size(b) == map.size;
    for (gsize at = 0; equal && at < map.size; at += LARGE_ROW)
        equal = gst_buffer_memcmp(b, at, map.data + at, LARGE_WIDTH * 3) == 0;
    gst_buffer_unmap(a, &map);
    return equal;
}

/* Fails unless the next large frame is `expected`, or is not. */
static void check_next(GstHarness *h, GstBuffer *expected, gboolean equal)
{
    GstBuffer *next = enlarge(h);

    g_assert_true(same(next, expected) == equal);
    gst_buffer_unref(next);
}

/* Lets frames through until one differs from `from`; fails after half a minute. */
static void wait_for_change(GstHarness *h, GstBuffer *from)
{
    gint64 until = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    gboolean changed = FALSE;

    while (!changed) {
        GstBuffer *next = enlarge(h);
        changed = !same(next, from);
        gst_buffer_unref(next);
        g_assert_cmpint(g_get_monotonic_time(), <, until);
    }
}

static void seek(GstHarness *h)
{
    GstSegment segment;

    gst_segment_init(&segment, GST_FORMAT_TIME);
    segment.start = segment.time = 7 * GST_SECOND;
    g_assert_true(gst_harness_push_event(h, gst_event_new_flush_start()));
    g_assert_true(gst_harness_push_event(h, gst_event_new_flush_stop(TRUE)));
    g_assert_true(gst_harness_push_event(h, gst_event_new_segment(&segment)));
}

static void test_noise(void)
{
    char *model = model_make("noise.safetensors", &(SmallModel){.scale = 2, .seed = SEED});
    GstElement *el = element_new(model, "cpu");
    GstHarness *h = element_start(el, NULL, CAPS, NULL);
    GstBuffer *fixed = enlarge(h), *none, *other;

    for (int frame = 0; frame < 4; frame++)
        check_next(h, fixed, TRUE);
    seek(h);
    check_next(h, fixed, TRUE);
    other = enlarge_with(h, "noise", "fresh");
    g_assert_false(same(other, fixed));
    check_next(h, other, FALSE);
    gst_buffer_unref(other);
    none = enlarge_with(h, "noise", "none");
    g_assert_false(same(none, fixed));
    check_next(h, none, TRUE);
    gst_util_set_object_arg(G_OBJECT(el), "noise", "fixed");
    check_next(h, fixed, TRUE);
    g_object_set(el, "seed", G_GUINT64_CONSTANT(5), NULL);
    check_next(h, fixed, FALSE);
    gst_buffer_unref(none);
    gst_buffer_unref(fixed);
    element_stop(h, el);
    gst_object_unref(el);
    model_remove(model);
}

/* The large frame of a model whose one decoder has that share of the second. */
static GstBuffer *of_one_decoder(float second)
{
    char *model = model_make("one.safetensors", &(SmallModel){.scale = 2, .seed = SEED, .second = second});
    GstElement *el = element_new(model, "cpu");
    GstHarness *h = element_start(el, NULL, CAPS, NULL);
    GstBuffer *large = enlarge_with(h, "fidelity", "0.3");

    g_object_set(el, "fidelity", 0.7f, NULL);
    check_next(h, large, TRUE);
    element_stop(h, el);
    gst_object_unref(el);
    model_remove(model);
    return large;
}

static void test_fidelity(void)
{
    SmallModel both = {.scale = 2, .seed = SEED, .perceptual = TRUE, .fidelity = "0"};
    char *model = model_make("two.safetensors", &both);
    GstBuffer *first = of_one_decoder(0), *second = of_one_decoder(1), *between;
    GstElement *el = element_new(model, "cpu");
    GstHarness *h = element_start(el, NULL, CAPS, NULL);

    check_next(h, second, TRUE);
    g_object_set(el, "fidelity", 1.0f, NULL);
    check_next(h, first, TRUE);
    between = enlarge_with(h, "fidelity", "0.5");
    g_assert_false(same(between, first) || same(between, second));
    seek(h);
    check_next(h, between, TRUE);
    g_object_set(el, "fidelity", 0.0f, NULL);
    check_next(h, second, TRUE);
    g_object_set(el, "fidelity", 1.0f, NULL);
    check_next(h, first, TRUE);
    g_object_set(el, "fidelity", -1.0f, NULL);
    check_next(h, second, TRUE);
    gst_buffer_unref(first);
    gst_buffer_unref(second);
    gst_buffer_unref(between);
    element_stop(h, el);
    gst_object_unref(el);
    model_remove(model);
}

/* fidelity steps from 0 to 1 at one second of stream time. */
static void test_fidelity_controlled(void)
{
    char *model = model_make("two.safetensors", &(SmallModel){.scale = 2, .seed = SEED, .perceptual = TRUE});
    GstControlSource *steps = gst_interpolation_control_source_new();
    GstTimedValueControlSource *values = GST_TIMED_VALUE_CONTROL_SOURCE(steps);
    GstBuffer *first = of_one_decoder(0), *second = of_one_decoder(1), *large;
    GstElement *el = element_new(model, "cpu");
    GstHarness *h = element_start(el, NULL, CAPS, NULL);

    g_object_set(steps, "mode", GST_INTERPOLATION_MODE_NONE, NULL);
    gst_timed_value_control_source_set(values, 0, 0);
    gst_timed_value_control_source_set(values, GST_SECOND, 1);
    gst_object_add_control_binding(GST_OBJECT(el),
                                   gst_direct_control_binding_new_absolute(GST_OBJECT(el), "fidelity", steps));
    for (GstClockTime time = 0; time < 2 * GST_SECOND; time += GST_SECOND / 4) {
        large = enlarge_at(h, time);
        g_assert_true(same(large, time < GST_SECOND ? second : first));
        gst_buffer_unref(large);
    }
    gst_buffer_unref(first);
    gst_buffer_unref(second);
    element_stop(h, el);
    gst_object_unref(el);
    gst_object_unref(steps);
    model_remove(model);
}

/* The plain bicubic of the picture, by a model that adds nothing to it. */
static GstBuffer *bicubic(void)
{
    char *model = model_make("plain.safetensors", &(SmallModel){.scale = 2, .seed = SEED, .plain = TRUE});
    GstElement *el = element_new(model, "cpu");
    GstHarness *h = element_start(el, NULL, CAPS, NULL);
    GstBuffer *large = enlarge(h);

    element_stop(h, el);
    gst_object_unref(el);
    model_remove(model);
    return large;
}

static void test_enabled(void)
{
    char *model = model_make("m.safetensors", &(SmallModel){.scale = 2, .seed = SEED});
    GstElement *el = element_new(model, "cpu");
    GstBuffer *plain = bicubic(), *ours;
    GstHarness *h = element_start(el, NULL, CAPS, NULL);

    ours = enlarge(h);
    g_assert_false(same(ours, plain));
    for (int turn = 0; turn < 2; turn++) {
        g_object_set(el, "enabled", FALSE, NULL);
        check_next(h, plain, TRUE);
        g_object_set(el, "enabled", TRUE, NULL);
        check_next(h, ours, TRUE);
    }
    element_stop(h, el);
    gst_object_unref(el);
    gst_buffer_unref(plain);
    gst_buffer_unref(ours);
    model_remove(model);
}

/* Without the network no model is asked for. */
static void test_disabled_at_start(void)
{
    char *model = model_make("m.safetensors", &(SmallModel){.scale = 2, .seed = SEED});
    GstElement *el = element_new("/nowhere/at/all.safetensors", "cpu");
    GstBuffer *plain = bicubic();
    GstBus *bus = gst_bus_new();
    GstHarness *h;

    g_object_set(el, "enabled", FALSE, NULL);
    h = element_start(el, bus, CAPS, NULL);
    check_next(h, plain, TRUE);
    g_object_set(el, "model", model, "enabled", TRUE, NULL);
    wait_for_change(h, plain);
    element_check_silent(bus);
    element_stop(h, el);
    gst_object_unref(el);
    gst_object_unref(bus);
    gst_buffer_unref(plain);
    model_remove(model);
}

/* Fails unless `mixed` is `ours` left of the two columns of the line, which are white, and `plain` right of them. */
static void check_split(GstBuffer *mixed, GstBuffer *ours, GstBuffer *plain, int line)
{
    const int width = 34, height = 18, stride = 104;
    GstMapInfo m, o, p;

    g_assert_true(gst_buffer_map(mixed, &m, GST_MAP_READ) && gst_buffer_map(ours, &o, GST_MAP_READ) &&
                  gst_buffer_map(plain, &p, GST_MAP_READ));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                int at = y * stride + x * 3 + c, on = line >= 0 && x >= line && x < line + 2;
                int expected = on ? 255 : line < 0 || x >= line ? p.data[at] : o.data[at];
                if (m.data[at] != expected)
                    g_error("line %d: %d instead of %d at %d %d %d", line, m.data[at], expected, x, y, c);
            }
    gst_buffer_unmap(mixed, &m);
    gst_buffer_unmap(ours, &o);
    gst_buffer_unmap(plain, &p);
}

static void test_split(void)
{
    static const struct {
        double split;
        int line;
    } cases[] = {{0.5, 16}, {0.25, 8}, {0.97, 32}, {0.02, 0}, {0, -1}};
    char *model = model_make("m.safetensors", &(SmallModel){.scale = 2, .seed = SEED});
    GstElement *el = element_new(model, "cpu");
    GstBuffer *plain = bicubic(), *ours, *mixed;
    GstHarness *h = element_start(el, NULL, CAPS, NULL);

    ours = enlarge(h);
    for (guint k = 0; k < G_N_ELEMENTS(cases); k++) {
        g_object_set(el, "split", cases[k].split, NULL);
        mixed = enlarge(h);
        check_split(mixed, ours, plain, cases[k].line);
        gst_buffer_unref(mixed);
    }
    g_object_set(el, "split", 1.0, NULL);
    check_next(h, ours, TRUE);
    element_stop(h, el);
    gst_object_unref(el);
    gst_buffer_unref(plain);
    gst_buffer_unref(ours);
    model_remove(model);
}

int main(int argc, char **argv)
{
    int status;

    gst_init(&argc, &argv);
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("yonos-playing-XXXXXX", NULL);
    g_test_message("seed %d", SEED);
    g_test_add_func("/element/playing/noise", test_noise);
    g_test_add_func("/element/playing/fidelity", test_fidelity);
    g_test_add_func("/element/playing/fidelity-controlled", test_fidelity_controlled);
    g_test_add_func("/element/playing/enabled", test_enabled);
    g_test_add_func("/element/playing/disabled-at-start", test_disabled_at_start);
    g_test_add_func("/element/playing/split", test_split);
    status = g_test_run();
    g_rmdir(folder);
    g_free(folder);
    return status;
}
