/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media.h"

#include <string.h>

#include <glib/gstdio.h>
#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include "base/error.h"
#include "pack.h"

#define POLL_TIME (20 * GST_MSECOND)
#define MAX_IDLE_POLLS 3000 /* one minute */

typedef struct {
    char *display;
    GstElement *pipeline;
    GstElement *source;
    GstElement *convert;
    GstAppSink *sink;
    GstBus *bus;
    /* Set by streaming threads, so only touched atomically. */
    gint type_seen;
    gint is_image;
    gint no_video;
} Decoder;

static gboolean on_autoplug(GstElement *source, GstPad *pad, GstCaps *caps, gpointer user)
{
    (void)source;
    (void)pad;
    Decoder *d = user;
    /* The first caps are the file's own type; later ones may be image/jpeg for the frames inside a video. */
    if (g_atomic_int_compare_and_exchange(&d->type_seen, 0, 1) && !gst_caps_is_any(caps) && !gst_caps_is_empty(caps) &&
        g_str_has_prefix(gst_structure_get_name(gst_caps_get_structure(caps, 0)), "image/"))
        g_atomic_int_set(&d->is_image, 1);
    return TRUE;
}

static void on_pad_added(GstElement *source, GstPad *pad, gpointer user)
{
    (void)source;
    Decoder *d = user;
    GstCaps *caps = gst_pad_get_current_caps(pad);
    if (!caps)
        caps = gst_pad_query_caps(pad, NULL);
    GstPad *to = gst_element_get_static_pad(d->convert, "sink");
    if (!gst_caps_is_any(caps) && !gst_caps_is_empty(caps) && !gst_pad_is_linked(to) &&
        strcmp(gst_structure_get_name(gst_caps_get_structure(caps, 0)), "video/x-raw") == 0)
        gst_pad_link(pad, to);
    gst_object_unref(to);
    gst_caps_unref(caps);
}

static void on_no_more_pads(GstElement *source, gpointer user)
{
    (void)source;
    Decoder *d = user;
    GstPad *to = gst_element_get_static_pad(d->convert, "sink");
    if (!gst_pad_is_linked(to))
        g_atomic_int_set(&d->no_video, 1);
    gst_object_unref(to);
}

static gboolean fail(const Decoder *d, YonosErrorCode code, const char *why, GError **error)
{
    g_set_error(error, YONOS_ERROR, code, "Cannot decode '%s': %s", d->display, why);
    return FALSE;
}

static gboolean decoder_open(Decoder *d, const char *path, GError **error)
{
    GError *cause = NULL;
    d->display = g_filename_display_name(path);
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return fail(d, YONOS_ERROR_FILE, "there is no such file.", error);
    char *uri = NULL;
    if (gst_init_check(NULL, NULL, &cause)) {
        uri = gst_filename_to_uri(path, &cause);
        /* Few buffers, because a queue of decoded frames of a large video would take gigabytes. */
        if (uri)
            d->pipeline = gst_parse_launch_full("uridecodebin name=source videoconvert name=convert ! appsink "
                                                "name=sink sync=false max-buffers=4 caps=video/x-raw,format=RGB",
                                                NULL, GST_PARSE_FLAG_FATAL_ERRORS, &cause);
    }
    if (!d->pipeline) {
        g_free(uri);
        fail(d, YONOS_ERROR_UNSUPPORTED, cause ? cause->message : "GStreamer does not start.", error);
        g_clear_error(&cause);
        return FALSE;
    }
    d->source = gst_bin_get_by_name(GST_BIN(d->pipeline), "source");
    d->convert = gst_bin_get_by_name(GST_BIN(d->pipeline), "convert");
    GstElement *sink = gst_bin_get_by_name(GST_BIN(d->pipeline), "sink");
    d->sink = GST_APP_SINK(sink);
    d->bus = gst_element_get_bus(d->pipeline);
    g_object_set(d->source, "uri", uri, NULL);
    g_free(uri);
    g_signal_connect(d->source, "autoplug-continue", G_CALLBACK(on_autoplug), d);
    g_signal_connect(d->source, "pad-added", G_CALLBACK(on_pad_added), d);
    g_signal_connect(d->source, "no-more-pads", G_CALLBACK(on_no_more_pads), d);
    return TRUE;
}

static void decoder_close(Decoder *d)
{
    if (d->pipeline) {
        /* Joins all streaming threads, so that no signal handler still uses d afterwards. */
        gst_element_set_state(d->pipeline, GST_STATE_NULL);
        gst_object_unref(d->source);
        gst_object_unref(d->convert);
        gst_object_unref(d->sink);
        gst_object_unref(d->bus);
        gst_object_unref(d->pipeline);
    }
    g_free(d->display);
}

static YonosErrorCode code_of(const GError *cause)
{
    if (cause->domain == GST_RESOURCE_ERROR)
        return YONOS_ERROR_FILE;
    if (g_error_matches(cause, GST_STREAM_ERROR, GST_STREAM_ERROR_CODEC_NOT_FOUND) ||
        g_error_matches(cause, GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN))
        return YONOS_ERROR_UNSUPPORTED;
    return YONOS_ERROR_FORMAT;
}

/* FALSE with error set when the pipeline has failed. */
static gboolean check_fault(Decoder *d, GError **error)
{
    /* Before the bus: without video GStreamer also complains that its pads are not linked, which explains nothing. */
    if (g_atomic_int_get(&d->no_video))
        return fail(d, YONOS_ERROR_FORMAT, "it has no video and is no image.", error);
    GstMessage *message = gst_bus_pop_filtered(d->bus, GST_MESSAGE_ERROR);
    if (!message)
        return TRUE;
    GError *cause = NULL;
    gst_message_parse_error(message, &cause, NULL);
    fail(d, code_of(cause), cause->message, error);
    g_error_free(cause);
    gst_message_unref(message);
    return FALSE;
}

static gboolean give_sample(const Decoder *d, GstSample *sample, YonosPictureFunc func, gpointer user, GError **error)
{
    GstVideoInfo info;
    GstVideoFrame frame;
    GstCaps *caps = gst_sample_get_caps(sample);
    GstBuffer *buffer = gst_sample_get_buffer(sample);
    if (!caps || !buffer || !gst_video_info_from_caps(&info, caps) ||
        !gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ))
        return fail(d, YONOS_ERROR_FORMAT, "a decoded frame cannot be read.", error);
    gboolean ok = func(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0), GST_VIDEO_FRAME_WIDTH(&frame),
                       GST_VIDEO_FRAME_HEIGHT(&frame), GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0), user, error);
    gst_video_frame_unmap(&frame);
    return ok;
}

static gboolean decoder_run(Decoder *d, guint nth, YonosPictureFunc func, gpointer user, GError **error)
{
    if (gst_element_set_state(d->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
        return check_fault(d, error) && fail(d, YONOS_ERROR_FORMAT, "GStreamer does not start to read it.", error);
    guint64 n_frames = 0;
    guint idle = 0;
    while (idle < MAX_IDLE_POLLS) {
        /* Polled in short waits, because an error on the bus does not wake a wait for a sample. */
        GstSample *sample = gst_app_sink_try_pull_sample(d->sink, POLL_TIME);
        if (sample) {
            idle = 0;
            gboolean ok = n_frames++ % nth != 0 || give_sample(d, sample, func, user, error);
            gst_sample_unref(sample);
            if (!ok)
                return FALSE;
            if (g_atomic_int_get(&d->is_image))
                return TRUE;
            continue;
        }
        /* Asked before the bus, because a decoder posts its error first and then sends the end of the stream. */
        gboolean ended = gst_app_sink_is_eos(d->sink);
        if (!check_fault(d, error))
            return FALSE;
        if (ended)
            return n_frames > 0 || fail(d, YONOS_ERROR_FORMAT, "it ended without any picture.", error);
        idle++;
    }
    return fail(d, YONOS_ERROR_FORMAT, "its decoder gave nothing for a minute.", error);
}

gboolean yonos_media_decode(const char *path, guint every_nth_frame, YonosPictureFunc func, gpointer user,
                            GError **error)
{
    Decoder d = {0};
    gboolean ok =
        decoder_open(&d, path, error) && decoder_run(&d, MAX(every_nth_frame, 1), func, user, error);
    decoder_close(&d);
    return ok;
}

typedef struct {
    YonosPackWriter *writer;
    guint n_pictures;
    gboolean write_failed;
} Packing;

static gboolean pack_picture(const guint8 *rgb, guint width, guint height, gsize stride, gpointer user, GError **error)
{
    Packing *packing = user;
    if (!yonos_pack_writer_add(packing->writer, rgb, width, height, stride, error)) {
        packing->write_failed = TRUE;
        return FALSE;
    }
    packing->n_pictures++;
    return TRUE;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in folder, sorted, or NULL. */
static GPtrArray *list_names(const char *folder, GError **error)
{
    GError *cause = NULL;
    GDir *dir = g_dir_open(folder, 0, &cause);
    if (!dir) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "Cannot read the folder: %s.", cause->message);
        g_error_free(cause);
        return NULL;
    }
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; (name = g_dir_read_name(dir));)
        g_ptr_array_add(names, g_strdup(name));
    g_dir_close(dir);
    g_ptr_array_sort(names, compare_names);
    return names;
}

/* TRUE the first time that this folder is met under any name. */
static gboolean first_visit(const char *folder, GHashTable *visited)
{
    GStatBuf st;
    if (g_stat(folder, &st) != 0)
        return TRUE; /* reading it will fail and say why */
    return g_hash_table_add(visited, g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64)st.st_dev,
                                                     (guint64)st.st_ino));
}

static gboolean collect_files(const char *folder, GHashTable *visited, GPtrArray *files, GError **error)
{
    if (!first_visit(folder, visited))
        return TRUE;
    GPtrArray *names = list_names(folder, error);
    if (!names)
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        char *path = g_build_filename(folder, g_ptr_array_index(names, i), NULL);
        GError *cause = NULL;
        if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
            g_ptr_array_add(files, path);
            continue;
        }
        if (!collect_files(path, visited, files, &cause)) {
            g_printerr("Warning: %s\n", cause->message);
            g_clear_error(&cause);
        }
        g_free(path);
    }
    g_ptr_array_unref(names);
    return TRUE;
}

static gboolean pack_files(const GPtrArray *files, guint every_nth, Packing *packing, GError **error)
{
    for (guint i = 0; i < files->len; i++) {
        GError *cause = NULL;
        if (yonos_media_decode(g_ptr_array_index(files, i), every_nth, pack_picture, packing, &cause))
            continue;
        if (packing->write_failed) {
            g_propagate_error(error, cause);
            return FALSE;
        }
        g_printerr("Warning: %s\n", cause->message);
        g_clear_error(&cause);
    }
    return TRUE;
}

static gboolean pack_all(const char *folder, const GPtrArray *files, guint every_nth, Packing *packing, GError **error)
{
    if (!pack_files(files, every_nth, packing, error))
        return FALSE;
    if (packing->n_pictures == 0) {
        char *display = g_filename_display_name(folder);
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT,
                    "None of the %u files in the folder '%s' could be decoded as an image or a video.", files->len,
                    display);
        g_free(display);
        return FALSE;
    }
    return yonos_pack_writer_finish(packing->writer, error);
}

gboolean yonos_media_pack_folder(const char *folder, guint every_nth, const char *pack_path, guint *n_pictures,
                                 GError **error)
{
    if (n_pictures)
        *n_pictures = 0;
    /* All names are taken before the writer starts: its temporary file may lie in this folder. */
    GHashTable *visited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
    Packing packing = {0};
    gboolean ok = collect_files(folder, visited, files, error);
    if (ok) {
        packing.writer = yonos_pack_writer_new(pack_path, error);
        ok = packing.writer && pack_all(folder, files, every_nth, &packing, error);
    }
    if (ok && n_pictures)
        *n_pictures = packing.n_pictures;
    yonos_pack_writer_free(packing.writer);
    g_ptr_array_unref(files);
    g_hash_table_unref(visited);
    return ok;
}
