/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Enlarges a file with yonosupscale: a video to H.264 in .mp4 or .mkv with its first audio track, a picture to .png. */
#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <gst/pbutils/pbutils.h>
#include <gst/tag/tag.h>
#include <gst/video/video.h>
#include <string.h>
#include <unistd.h>

/* The encoded audio may run ahead of the video by as much as the video encoder holds back: its queue has no limit. */
#define AUDIO "audioconvert ! audioresample ! %s ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0"
#define VIDEO                                                                                                          \
    "queue name=video ! videoconvert ! deinterlace fields=top ! videoflip name=flip video-direction=auto"                        \
    " ! yonosupscale name=up ! queue ! videoconvert"                                                                   \
    " ! video/x-raw,format=I420 ! x264enc pass=qual quantizer=18 speed-preset=veryfast"                                \
    " ! %s name=mux ! filesink name=out uridecodebin name=in"
#define PICTURE                                                                                                        \
    "queue name=video ! videoconvert ! videoflip name=flip video-direction=auto ! yonosupscale name=up"                          \
    " ! videoconvert ! pngenc snapshot=true ! filesink name=out uridecodebin name=in"

typedef struct {
    char *input, *output, *part; /* part: what is written, and becomes the output where all went well */
    const char *muxer; /* NULL for a picture */
    int scale;
    char *model, *device;
    GstClockTime duration;
    GstElement *pipeline, *up;
    GMainLoop *loop;
    GError *error;
    gint frames, interrupted, end; /* atomic; end: of the video so far, ms */
    guint signals[2];
    gint64 started, last_print;
} Job;

/* --- progress --- */

static GstPadProbeReturn count_frame(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    (void)pad;
    g_atomic_int_inc(&((Job *)data)->frames);
    g_atomic_int_set(&((Job *)data)->end, (gint)(GST_BUFFER_PTS(GST_PAD_PROBE_INFO_BUFFER(info)) / GST_MSECOND));
    return GST_PAD_PROBE_OK;
}

/* --- interruption --- */

/* Once interrupted, nothing more gets in: the stream ends here, and the file is finished. */
static GstPadProbeReturn end_stream(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    (void)info;
    if (!g_atomic_int_get(&((Job *)data)->interrupted))
        return GST_PAD_PROBE_OK;
    gst_pad_send_event(pad, gst_event_new_eos());
    return GST_PAD_PROBE_DROP;
}

/* The audio has run ahead: what would go on after the last frame is left out. */
static GstPadProbeReturn cut_audio(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    Job *job = data;
    GstClockTime time = GST_BUFFER_PTS(GST_PAD_PROBE_INFO_BUFFER(info));

    (void)pad;
    return g_atomic_int_get(&job->interrupted) && time > (GstClockTime)g_atomic_int_get(&job->end) * GST_MSECOND ? GST_PAD_PROBE_DROP
                                                                                                  : GST_PAD_PROBE_OK;
}

static void watch_end(Job *job, GstElement *element)
{
    GstPad *pad = gst_element_get_static_pad(element, "sink");

    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, end_stream, job, NULL);
    gst_object_unref(pad);
}

static void ignore_signals(Job *job)
{
    for (guint i = 0; i < G_N_ELEMENTS(job->signals); i++)
        if (job->signals[i])
            g_source_remove(job->signals[i]);
    job->signals[0] = job->signals[1] = 0;
}

/* A second signal kills, as usual. */
static gboolean on_signal(gpointer data)
{
    g_atomic_int_set(&((Job *)data)->interrupted, TRUE);
    ignore_signals(data);
    return G_SOURCE_REMOVE;
}

static double frame_rate(Job *job)
{
    double seconds = (g_get_monotonic_time() - job->started) / 1e6;
    return g_atomic_int_get(&job->frames) / MAX(seconds, 1e-6);
}

/* One line that is written over on a terminal, a line every five seconds elsewhere. */
static gboolean print_progress(gpointer data)
{
    Job *job = data;
    gint64 now = g_get_monotonic_time(), position = 0;
    gboolean terminal = isatty(STDOUT_FILENO);
    double done, left;

    if (!job->muxer || !gst_element_query_position(job->up, GST_FORMAT_TIME, &position) || position <= 0 ||
        (!terminal && now - job->last_print < 5 * G_USEC_PER_SEC))
        return G_SOURCE_CONTINUE;
    job->last_print = now;
    g_print("%s%d frames  %.1f frames/s", terminal ? "\r" : "", g_atomic_int_get(&job->frames), frame_rate(job));
    if (GST_CLOCK_TIME_IS_VALID(job->duration)) {
        done = CLAMP((double)position / MAX(job->duration, 1), 0.0, 1.0);
        left = (now - job->started) / 1e6 * (1 - done) / done;
        g_print("  %.0f %%  %.0f s left", 100 * done, left);
    }
    g_print("%s", terminal ? "\033[K" : "\n");
    return G_SOURCE_CONTINUE;
}

static void print_result(Job *job)
{
    GstPad *pad = gst_element_get_static_pad(job->up, "src");
    GstCaps *caps = gst_pad_get_current_caps(pad);
    GstVideoInfo info;
    GStatBuf file;

    gst_video_info_init(&info);
    if (caps)
        gst_video_info_from_caps(&info, caps);
    if (g_stat(job->part, &file) != 0)
        file.st_size = 0;
    g_print("%s%s: %dx%d, %d frame%s at %.1f frames/s, %.2f MB%s\n", isatty(STDOUT_FILENO) ? "\r\033[K" : "", job->output,
            info.width, info.height, job->frames, job->frames == 1 ? "" : "s", frame_rate(job), file.st_size / 1e6,
            job->interrupted ? "; interrupted, the rest of the input is missing" : "");
    gst_clear_caps(&caps);
    gst_object_unref(pad);
}

/* --- the pipeline --- */

static const char *audio_encoder(void)
{
    static const char *names[] = {"avenc_aac", "fdkaacenc", "voaacenc", "opusenc"};
    GstElementFactory *factory = NULL;
    guint i = 0;

    while (i + 1 < G_N_ELEMENTS(names) && !(factory = gst_element_factory_find(names[i])))
        i++;
    gst_clear_object(&factory);
    return names[i];
}

static void add_audio(Job *job, GstPad *pad)
{
    char *text = g_strdup_printf(AUDIO, audio_encoder());
    GError *error = NULL;
    GstElement *branch = gst_parse_bin_from_description(text, TRUE, &error);
    GstElement *mux = gst_bin_get_by_name(GST_BIN(job->pipeline), "mux");
    GstPad *sink, *src;

    if (branch) {
        gst_object_set_name(GST_OBJECT(branch), "audio");
        gst_bin_add(GST_BIN(job->pipeline), branch);
        watch_end(job, branch);
        src = gst_element_get_static_pad(branch, "src");
        gst_pad_add_probe(src, GST_PAD_PROBE_TYPE_BUFFER, cut_audio, job, NULL);
        gst_object_unref(src);
        sink = gst_element_get_static_pad(branch, "sink");
        gst_element_link(branch, mux);
        gst_element_sync_state_with_parent(branch);
        gst_pad_link(pad, sink);
        gst_object_unref(sink);
    } else {
        GST_ELEMENT_ERROR(mux, CORE, MISSING_PLUGIN, ("%s", error->message), (NULL));
        g_error_free(error);
    }
    gst_object_unref(mux);
    g_free(text);
}

static void on_pad(GstElement *in, GstPad *pad, Job *job)
{
    GstCaps *caps = gst_pad_query_caps(pad, NULL);
    const char *type = gst_structure_get_name(gst_caps_get_structure(caps, 0));
    GstElement *video = gst_bin_get_by_name(GST_BIN(job->pipeline), "video");
    GstElement *audio = gst_bin_get_by_name(GST_BIN(job->pipeline), "audio");
    GstPad *sink = gst_element_get_static_pad(video, "sink");

    (void)in;
    if (g_str_equal(type, "video/x-raw") && !gst_pad_is_linked(sink))
        gst_pad_link(pad, sink);
    else if (g_str_equal(type, "audio/x-raw") && job->muxer && !audio)
        add_audio(job, pad);
    gst_object_unref(sink);
    gst_object_unref(video);
    gst_clear_object(&audio);
    gst_caps_unref(caps);
}

static gboolean on_message(GstBus *bus, GstMessage *message, gpointer data)
{
    Job *job = data;

    (void)bus;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR && !job->error)
        gst_message_parse_error(message, &job->error, NULL);
    if (GST_MESSAGE_TYPE(message) & (GST_MESSAGE_ERROR | GST_MESSAGE_EOS))
        g_main_loop_quit(job->loop);
    return G_SOURCE_CONTINUE;
}

/* The orientation in a JPEG's EXIF: jpegdec does not tell it. */
static GstVideoOrientationMethod jpeg_orientation(const char *path)
{
    GstVideoOrientationMethod method = GST_VIDEO_ORIENTATION_AUTO;
    const guint8 exif[] = {'E', 'x', 'i', 'f', 0, 0};
    char *data;
    gsize size, at = 2;

    if (!g_file_get_contents(path, &data, &size, NULL))
        return method;
    while (size > 4 && !memcmp(data, "\xff\xd8", 2) && at + 4 + sizeof exif < size && data[at] == '\xff') {
        const guint8 *segment = (const guint8 *)data + at;
        gsize length = segment[2] << 8 | segment[3];
        if (length < 2 || at + 2 + length > size || segment[1] == 0xda)
            break;
        if (segment[1] == 0xe1 && length > 2 + sizeof exif && !memcmp(segment + 4, exif, sizeof exif)) {
            GstBuffer *buffer =
                gst_buffer_new_memdup(segment + 4 + sizeof exif, length - 2 - sizeof exif);
            GstTagList *tags = gst_tag_list_from_exif_buffer_with_tiff_header(buffer);
            if (tags)
                gst_video_orientation_from_tag(tags, &method);
            gst_clear_tag_list(&tags);
            gst_buffer_unref(buffer);
            break;
        }
        at += 2 + length;
    }
    g_free(data);
    return method;
}

static gboolean build(Job *job, GError **error)
{
    char *text = job->muxer ? g_strdup_printf(VIDEO, job->muxer) : g_strdup(PICTURE);
    char *uri = gst_filename_to_uri(job->input, error), *scale = g_strdup_printf("%d", job->scale);
    GstElement *in, *out, *flip;
    GstPad *pad;

    job->pipeline = uri ? gst_parse_launch_full(text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error) : NULL;
    if (job->pipeline) {
        in = gst_bin_get_by_name(GST_BIN(job->pipeline), "in");
        out = gst_bin_get_by_name(GST_BIN(job->pipeline), "out");
        job->up = gst_bin_get_by_name(GST_BIN(job->pipeline), "up");
        flip = gst_bin_get_by_name(GST_BIN(job->pipeline), "flip");
        if (!job->muxer)
            g_object_set(flip, "video-direction", jpeg_orientation(job->input), NULL);
        gst_object_unref(flip);
        g_object_set(in, "uri", uri, NULL);
        g_object_set(out, "location", job->part, NULL);
        gst_util_set_object_arg(G_OBJECT(job->up), "scale", scale);
        g_object_set(job->up, "model", job->model, "device", job->device, NULL);
        g_signal_connect(in, "pad-added", G_CALLBACK(on_pad), job);
        pad = gst_element_get_static_pad(job->up, "src");
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, count_frame, job, NULL);
        gst_object_unref(pad);
        watch_end(job, job->up);
        gst_object_unref(in);
        gst_object_unref(out);
    }
    if (g_error_matches(*error, GST_PARSE_ERROR, GST_PARSE_ERROR_NO_SUCH_ELEMENT))
        g_prefix_error(error, "Install what GStreamer lacks, or set GST_PLUGIN_PATH to its folder: ");
    g_free(text);
    g_free(uri);
    g_free(scale);
    return job->pipeline != NULL;
}

/* Nothing but a finished file takes the place of an older one. */
static void leave(Job *job, GError **error)
{
    if (g_str_equal(job->part, job->output))
        return;
    if (*error)
        g_remove(job->part);
    else if (g_rename(job->part, job->output) != 0)
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s cannot be renamed to %s: %s.", job->part,
                    job->output, g_strerror(errno));
}

static gboolean run(Job *job, GError **error)
{
    GstBus *bus;
    guint timer;

    if (!build(job, error))
        return FALSE;
    job->loop = g_main_loop_new(NULL, FALSE);
    bus = gst_element_get_bus(job->pipeline);
    gst_bus_add_watch(bus, on_message, job);
    job->started = job->last_print = g_get_monotonic_time();
    timer = g_timeout_add(250, print_progress, job);
    job->signals[0] = g_unix_signal_add(SIGINT, on_signal, job);
    job->signals[1] = g_unix_signal_add(SIGTERM, on_signal, job);
    gst_element_set_state(job->pipeline, GST_STATE_PLAYING);
    g_main_loop_run(job->loop);
    g_source_remove(timer);
    ignore_signals(job);
    if (!job->error && job->interrupted && job->frames == 0)
        job->error = g_error_new(GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "Interrupted before the first frame.");
    if (job->error)
        g_propagate_error(error, job->error);
    else
        print_result(job);
    gst_element_set_state(job->pipeline, GST_STATE_NULL);
    leave(job, error);
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
    gst_object_unref(job->up);
    gst_object_unref(job->pipeline);
    g_main_loop_unref(job->loop);
    return *error == NULL;
}

/* --- input and output --- */

static gboolean refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean refuse(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *error = g_error_new_valist(GST_CORE_ERROR, GST_CORE_ERROR_FAILED, format, args);
    va_end(args);
    return FALSE;
}

static const char *decoder_package(const char *path)
{
    if (g_str_has_suffix(path, ".webp"))
        return "gstreamer1.0-plugins-bad";
    return "gstreamer1.0-libav, or gstreamer1.0-plugins-bad";
}

/* Whether INPUT is a picture, and how long it is. */
static gboolean discover(Job *job, gboolean *picture, GError **error)
{
    char *uri = gst_filename_to_uri(job->input, error);
    GstDiscoverer *discoverer = uri ? gst_discoverer_new(30 * GST_SECOND, error) : NULL;
    GstDiscovererInfo *info = discoverer ? gst_discoverer_discover_uri(discoverer, uri, NULL) : NULL;
    GList *video = info ? gst_discoverer_info_get_video_streams(info) : NULL;
    gboolean ok = FALSE;

    if (info && gst_discoverer_info_get_result(info) == GST_DISCOVERER_MISSING_PLUGINS)
        refuse(error, "GStreamer lacks a decoder for %s: install %s.", job->input, decoder_package(job->input));
    else if (discoverer && !video)
        refuse(error, "%s holds no video or picture that GStreamer can read: give another file.", job->input);
    else if (video) {
        ok = TRUE;
        *picture = gst_discoverer_video_info_is_image(video->data);
        job->duration = gst_discoverer_info_get_duration(info);
    }
    gst_discoverer_stream_info_list_free(video);
    g_clear_object(&info);
    g_clear_object(&discoverer);
    g_free(uri);
    return ok;
}

static gboolean same_file(const char *a, const char *b)
{
    GStatBuf x, y;
    return g_stat(a, &x) == 0 && g_stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Or a device: there is nothing to take the place of. */
static gboolean is_pipe(const char *path)
{
    return g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

/* Chooses OUTPUT's name, unless given, and what to write by its ending. */
static gboolean choose_output(Job *job, gboolean picture, GError **error)
{
    char *name = g_path_get_basename(job->input), *dot = strrchr(name, '.');

    if (dot && dot != name)
        *dot = '\0';
    if (!job->output)
        job->output = g_strdup_printf("%s-x%d.%s", name, job->scale, picture ? "png" : "mp4");
    g_free(name);
    if (g_file_test(job->output, G_FILE_TEST_IS_DIR))
        return refuse(error, "%s is a folder: give the output another name.", job->output);
    job->part = g_strconcat(job->output, is_pipe(job->output) ? "" : ".part", NULL);
    if (same_file(job->input, job->output))
        return refuse(error, "%s is both input and output: give the output another name.", job->output);
    if (picture)
        return g_str_has_suffix(job->output, ".png") ||
               refuse(error, "A picture is written as PNG: let the output's name end in .png, not %s.", job->output);
    if (g_str_has_suffix(job->output, ".mp4"))
        job->muxer = "mp4mux";
    else if (g_str_has_suffix(job->output, ".mkv"))
        job->muxer = "matroskamux";
    return job->muxer || refuse(error, "A video is written as .mp4 or .mkv: let %s end in one of them.", job->output);
}

static gboolean read_arguments(Job *job, int *argc, char ***argv, GError **error)
{
    const GOptionEntry options[] = {
        {"scale", 's', 0, G_OPTION_ARG_INT, &job->scale, "2, 4 or 8 times larger (2)", "N"},
        {"model", 'm', 0, G_OPTION_ARG_FILENAME, &job->model, "a .safetensors model of that scale", "FILE"},
        {"device", 'd', 0, G_OPTION_ARG_STRING, &job->device, "auto, cpu, a GPU's index or a part of its name", "NAME"},
        {NULL},
    };
    GOptionContext *context = g_option_context_new("INPUT [OUTPUT.mp4|.mkv|.png]");
    gboolean ok;

    g_option_context_set_summary(context, "Enlarges a video, with its first audio track, or a picture.");
    g_option_context_add_main_entries(context, options, NULL);
    g_option_context_add_group(context, gst_init_get_option_group());
    ok = g_option_context_parse(context, argc, argv, error);
    g_option_context_free(context);
    if (!ok)
        return FALSE;
    if (*argc > 1 && g_str_equal((*argv)[1], "--")) { /* which GLib leaves where a dash follows */
        ++*argv;
        --*argc;
    }
    if (*argc < 2 || *argc > 3)
        return refuse(error, "Give the name of a video or picture, and of the file to write if you like; see --help.");
    if (job->scale != 2 && job->scale != 4 && job->scale != 8)
        return refuse(error, "The scale is %d and must be 2, 4 or 8.", job->scale);
    job->input = g_strdup((*argv)[1]);
    job->output = g_strdup((*argv)[2]);
    if (!g_file_test(job->input, G_FILE_TEST_IS_REGULAR))
        return refuse(error, "There is no file %s: give the name of a video or picture.", job->input);
    return TRUE;
}

int main(int argc, char **argv)
{
    Job job = {.scale = 2};
    GError *error = NULL;
    gboolean picture, ok;

    ok = read_arguments(&job, &argc, &argv, &error) && discover(&job, &picture, &error) &&
         choose_output(&job, picture, &error) && run(&job, &error);
    if (!ok)
        g_printerr("%s%s\n", isatty(STDOUT_FILENO) && job.frames ? "\n" : "", error->message);
    g_clear_error(&error);
    g_free(job.input);
    g_free(job.output);
    g_free(job.part);
    g_free(job.model);
    g_free(job.device);
    gst_deinit();
    return ok ? 0 : 1;
}
