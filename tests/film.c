/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "film.h"

void film_play(GstElement *pipeline)
{
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *message;
    GError *error = NULL;

    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered(bus, 300 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_nonnull(message);
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
        gst_message_parse_error(message, &error, NULL);
    g_assert_no_error(error);
    gst_message_unref(message);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(pipeline);
}

GstElement *film_parse(const char *format, ...)
{
    GError *error = NULL;
    va_list args;
    char *text;
    GstElement *pipeline;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    pipeline = gst_parse_launch(text, &error);
    g_assert_no_error(error);
    g_free(text);
    return pipeline;
}

static void on_frame(GstElement *sink, GstBuffer *buffer, GstPad *pad, Film *film)
{
    GstEvent *event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    GstCaps *caps = gst_pad_get_current_caps(pad);
    const GstSegment *segment;
    GstClockTime time;

    (void)sink;
    gst_event_parse_segment(event, &segment);
    time = gst_segment_to_stream_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
    gst_event_unref(event);
    g_array_append_val(film->times, time);
    gst_structure_get(gst_caps_get_structure(caps, 0), "width", G_TYPE_INT, &film->width, "height", G_TYPE_INT,
                      &film->height, NULL);
    gst_caps_unref(caps);
}

static void on_audio(GstElement *sink, GstBuffer *buffer, GstPad *pad, Film *film)
{
    (void)sink;
    (void)buffer;
    (void)pad;
    film->audio++;
}

static void on_pad(GstElement *demux, GstPad *pad, Film *film)
{
    GstElement *sink = gst_element_factory_make("fakesink", NULL);
    GstObject *pipeline = gst_object_get_parent(GST_OBJECT(demux));
    GstPad *to = gst_element_get_static_pad(sink, "sink");
    GCallback callback = g_str_has_prefix(GST_PAD_NAME(pad), "video") ? G_CALLBACK(on_frame) : G_CALLBACK(on_audio);

    g_object_set(sink, "signal-handoffs", TRUE, "sync", FALSE, "async", FALSE, NULL);
    g_signal_connect(sink, "handoff", callback, film);
    gst_bin_add(GST_BIN(pipeline), sink);
    gst_element_sync_state_with_parent(sink);
    g_assert_cmpint(gst_pad_link(pad, to), ==, GST_PAD_LINK_OK);
    gst_object_unref(to);
    gst_object_unref(pipeline);
}

static int by_time(gconstpointer a, gconstpointer b)
{
    const GstClockTime *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

Film film_read(const char *path)
{
    Film film = {g_array_new(FALSE, FALSE, sizeof(GstClockTime)), 0, 0, 0};
    const char *demuxer = g_str_has_suffix(path, ".mp4") ? "qtdemux" : "matroskademux";
    GstElement *pipeline = film_parse("filesrc location=%s ! %s name=demux", path, demuxer);
    GstElement *demux = gst_bin_get_by_name(GST_BIN(pipeline), "demux");

    g_signal_connect(demux, "pad-added", G_CALLBACK(on_pad), &film);
    gst_object_unref(demux);
    film_play(pipeline);
    g_array_sort(film.times, by_time); /* from the order of decoding */
    return film;
}
