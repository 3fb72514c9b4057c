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

static gboolean same(GstBuffer *a, GstBuffer *b)
{
    GstMapInfo map;
    gboolean equal;

    g_assert_true(gst_buffer_map(a, &map, GST_MAP_READ));
    equal = gst_buffer_get_size(b) == map.size && gst_buffer_memcmp(b, 0, map.data, map.size) == 0;
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
    status = g_test_run();
    g_rmdir(folder);
    g_free(folder);
    return status;
}
