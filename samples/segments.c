/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* segments split INPUT SECONDS FOLDER: cuts the first video of INPUT at key frames into FOLDER/00000.mkv ...
 * segments join OUTPUT INPUT 'FOLDER/PATTERN': joins the H.264 segments of that pattern, in the order of their names, with
 * the first audio of INPUT. Nothing is encoded again. */
#include <gst/pbutils/pbutils.h>

/* What is wanted of INPUT goes into `wanted`; the audio may run ahead. */
#define SPLIT                                                                                                          \
    "filesrc name=original ! parsebin name=parse queue name=wanted ! end.video"                                        \
    " splitmuxsink name=end muxer-factory=matroskamux"
#define JOIN "splitmuxsrc name=parts ! h264parse ! queue ! %s name=end ! filesink name=out"
#define AUDIO                                                                                                          \
    " filesrc name=original ! parsebin name=parse"                                                                     \
    " queue name=wanted max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! end.audio_%%u"

typedef struct {
    GstElement *pipeline, *end, *wanted; /* wanted: NULL without audio to join */
    const char *kind;                    /* of the pad of INPUT that goes there: "video/" or "audio/" */
    gint frames;                         /* atomic */
} Job;

static GstPadProbeReturn count_frame(GstPad *pad, GstPadProbeInfo *info, gpointer frames)
{
    (void)pad;
    (void)info;
    g_atomic_int_inc((gint *)frames);
    return GST_PAD_PROBE_OK;
}

static gboolean is_wanted(const Job *job, GstPad *pad)
{
    GstCaps *caps = gst_pad_query_caps(pad, NULL);
    const char *name = gst_caps_get_size(caps) ? gst_structure_get_name(gst_caps_get_structure(caps, 0)) : "";
    /* single pictures are video too, in Motion JPEG */
    gboolean wanted = g_str_has_prefix(name, job->kind) ||
                      (g_str_equal(job->kind, "video/") && g_str_equal(name, "image/jpeg"));

    gst_caps_unref(caps);
    return wanted;
}

/* The first pad of the kind is wanted, all else goes nowhere. */
static void on_pad(GstElement *parse, GstPad *pad, gpointer data)
{
    Job *job = data;
    GstPad *sink = gst_element_get_static_pad(job->wanted, "sink");
    GstElement *nowhere;

    (void)parse;
    if (gst_pad_is_linked(sink) || !is_wanted(job, pad)) {
        nowhere = gst_element_factory_make("fakesink", NULL);
        g_object_set(nowhere, "sync", FALSE, "async", FALSE, NULL);
        gst_bin_add(GST_BIN(job->pipeline), nowhere);
        gst_element_sync_state_with_parent(nowhere);
        gst_object_unref(sink);
        sink = gst_element_get_static_pad(nowhere, "sink");
    }
    gst_pad_link(pad, sink);
    gst_object_unref(sink);
}

static gboolean holds_audio(const char *path)
{
    char *uri = gst_filename_to_uri(path, NULL);
    GstDiscoverer *discoverer = gst_discoverer_new(30 * GST_SECOND, NULL);
    GstDiscovererInfo *info = uri && discoverer ? gst_discoverer_discover_uri(discoverer, uri, NULL) : NULL;
    GList *audio = info ? gst_discoverer_info_get_audio_streams(info) : NULL;
    gboolean holds = audio != NULL;

    gst_discoverer_stream_info_list_free(audio);
    g_clear_object(&info);
    g_clear_object(&discoverer);
    g_free(uri);
    return holds;
}

static gboolean is_end(const Job *job, GstMessage *message)
{
    GstMessage *forwarded = NULL;
    gboolean end = GST_MESSAGE_TYPE(message) & (GST_MESSAGE_EOS | GST_MESSAGE_ERROR);

    /* A pipeline may miss the end of a splitmuxsink that has just begun a file. */
    if (gst_message_has_name(message, "GstBinForwarded")) {
        gst_structure_get(gst_message_get_structure(message), "message", GST_TYPE_MESSAGE, &forwarded, NULL);
        end = GST_MESSAGE_TYPE(forwarded) == GST_MESSAGE_EOS && GST_MESSAGE_SRC(forwarded) == GST_OBJECT(job->end);
        gst_message_unref(forwarded);
    }
    return end;
}

static gboolean build(Job *job, const char *text, const char *input, GError **error)
{
    GstElement *original, *parse;

    job->pipeline = gst_parse_launch_full(text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
    if (!job->pipeline)
        return FALSE;
    job->end = gst_bin_get_by_name(GST_BIN(job->pipeline), "end");
    job->wanted = gst_bin_get_by_name(GST_BIN(job->pipeline), "wanted");
    if (!job->wanted)
        return TRUE;
    original = gst_bin_get_by_name(GST_BIN(job->pipeline), "original");
    parse = gst_bin_get_by_name(GST_BIN(job->pipeline), "parse");
    g_object_set(original, "location", input, NULL);
    g_signal_connect(parse, "pad-added", G_CALLBACK(on_pad), job);
    gst_object_unref(parse);
    gst_object_unref(original);
    return TRUE;
}

static gboolean run(Job *job, GError **error)
{
    GstBus *bus = gst_element_get_bus(job->pipeline);
    GstMessage *message = NULL;

    gst_element_set_state(job->pipeline, GST_STATE_PLAYING);
    do {
        gst_clear_message(&message);
        message = gst_bus_timed_pop(bus, GST_CLOCK_TIME_NONE);
    } while (!is_end(job, message));
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
        gst_message_parse_error(message, error, NULL);
    gst_element_set_state(job->pipeline, GST_STATE_NULL);
    gst_message_unref(message);
    gst_object_unref(bus);
    return *error == NULL;
}

static gboolean split(Job *job, char **argv, GError **error)
{
    char **parts = g_strsplit(argv[3], "%", -1), *folder = g_strjoinv("%%", parts);
    char *location = g_build_filename(folder, "%05d.mkv", NULL);

    gboolean ok;

    job->kind = "video/";
    ok = build(job, SPLIT, argv[1], error);
    if (ok) {
        g_object_set(job->pipeline, "message-forward", TRUE, NULL);
        g_object_set(job->end, "location", location, "max-size-time",
                     g_ascii_strtoull(argv[2], NULL, 10) * GST_SECOND, NULL);
    }
    g_free(location);
    g_free(folder);
    g_strfreev(parts);
    return ok && run(job, error);
}

static gboolean join(Job *job, char **argv, GError **error)
{
    char *text = g_strdup_printf(holds_audio(argv[2]) ? JOIN AUDIO : JOIN,
                                 g_str_has_suffix(argv[1], ".mp4") ? "mp4mux" : "matroskamux");
    gboolean ok;
    GstElement *out, *parts;
    GstPad *pad;

    job->kind = "audio/";
    ok = build(job, text, argv[2], error);
    g_free(text);
    if (!ok)
        return FALSE;
    out = gst_bin_get_by_name(GST_BIN(job->pipeline), "out");
    parts = gst_bin_get_by_name(GST_BIN(job->pipeline), "parts");
    g_object_set(out, "location", argv[1], NULL);
    g_object_set(parts, "location", argv[3], NULL);
    pad = gst_element_get_static_pad(job->end, "video_0");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, count_frame, &job->frames, NULL);
    gst_object_unref(pad);
    gst_object_unref(parts);
    gst_object_unref(out);
    if (!run(job, error))
        return FALSE;
    g_print("%s: %d frames%s\n", argv[1], job->frames, job->wanted ? ", with audio" : "");
    return TRUE;
}

int main(int argc, char **argv)
{
    Job job = {0};
    GError *error = NULL;
    gboolean splits, ok;

    gst_init(&argc, &argv);
    splits = argc == 5 && g_str_equal(argv[1], "split");
    if (!splits && !(argc == 5 && g_str_equal(argv[1], "join"))) {
        g_printerr("Usage: segments split INPUT SECONDS FOLDER\n"
                   "       segments join OUTPUT.mp4|.mkv INPUT 'FOLDER/*.mkv'\n");
        return 1;
    }
    ok = splits ? split(&job, argv + 1, &error) : join(&job, argv + 1, &error);
    if (!ok)
        g_printerr("%s\n", error->message);
    g_clear_error(&error);
    gst_clear_object(&job.wanted);
    gst_clear_object(&job.end);
    gst_clear_object(&job.pipeline);
    return ok ? 0 : 1;
}
