/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes a small film from a large photograph: five seconds of a camera that moves to the right and nearer. */
#include <gst/gst.h>

#define WIDTH 320
#define HEIGHT 180
#define RATE 25
#define FRAMES (5 * RATE)
#define PIPELINE                                                                                                       \
    "filesrc name=in ! decodebin ! videoconvert ! video/x-raw,format=I420 ! imagefreeze num-buffers=%d"                \
    " ! video/x-raw,framerate=%d/1 ! videocrop name=crop ! videoscale method=lanczos add-borders=false"                \
    " ! video/x-raw,width=%d,height=%d,pixel-aspect-ratio=1/1"                                                         \
    " ! x264enc pass=qual quantizer=16 ! mp4mux ! filesink name=out"

/* Cuts the frame's window out of the photograph: nearer and further right with time. */
static GstPadProbeReturn move_camera(GstPad *pad, GstPadProbeInfo *info, gpointer crop)
{
    double t =
        gst_util_guint64_to_gdouble(GST_BUFFER_PTS(GST_PAD_PROBE_INFO_BUFFER(info))) / GST_SECOND * RATE / FRAMES;
    double eased = t * t * (3 - 2 * t);
    GstCaps *caps = gst_pad_get_current_caps(pad);
    int width = 0, height = 0, w, h, left, top;

    gst_structure_get(gst_caps_get_structure(caps, 0), "width", G_TYPE_INT, &width, "height", G_TYPE_INT, &height,
                      NULL);
    gst_caps_unref(caps);
    w = MIN(width, height * WIDTH / HEIGHT) * (0.85 - 0.3 * eased);
    h = w * HEIGHT / WIDTH;
    left = (width - w) * (0.1 + 0.7 * eased);
    top = (height - h) * 0.4;
    g_object_set(crop, "left", left, "right", width - w - left, "top", top, "bottom", height - h - top, NULL);
    return GST_PAD_PROBE_OK;
}

static int run(GstElement *pipeline)
{
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *message;
    GError *error = NULL;

    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(message, &error, NULL);
        g_printerr("%s\n", error->message);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_message_unref(message);
    gst_object_unref(bus);
    if (!error)
        return 0;
    g_error_free(error);
    return 1;
}

int main(int argc, char **argv)
{
    char *text = g_strdup_printf(PIPELINE, FRAMES, RATE, WIDTH, HEIGHT);
    GstElement *pipeline, *in, *out, *crop;
    GError *error = NULL;
    GstPad *pad;
    int status;

    gst_init(&argc, &argv);
    pipeline = argc == 3 ? gst_parse_launch_full(text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error) : NULL;
    g_free(text);
    if (!pipeline) {
        g_printerr("%s\n", error ? error->message : "Usage: pan PHOTOGRAPH FILM.mp4");
        g_clear_error(&error);
        return 1;
    }
    in = gst_bin_get_by_name(GST_BIN(pipeline), "in");
    out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
    crop = gst_bin_get_by_name(GST_BIN(pipeline), "crop");
    pad = gst_element_get_static_pad(crop, "sink");
    g_object_set(in, "location", argv[1], NULL);
    g_object_set(out, "location", argv[2], NULL);
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, move_camera, crop, NULL);
    status = run(pipeline);
    gst_object_unref(pad);
    gst_object_unref(crop);
    gst_object_unref(out);
    gst_object_unref(in);
    gst_object_unref(pipeline);
    return status;
}
