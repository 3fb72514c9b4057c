/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* player [OPTIONS] FILE-OR-URI: plays it enlarged, and keys typed into the terminal change how. */
#include <glib-unix.h>
#include <gst/gst.h>
#include <termios.h>
#include <unistd.h>

#define KEYS                                                                                                           \
    "left right: the line between ours and bicubic    s: no line    e: ours or bicubic\n"                              \
    "- +: fidelity    t: tier    space: pause    p: the picture into player.png    q: quit\n"

typedef struct {
    char *scale, *device, *sink;
    GstElement *playbin, *up, *text; /* text may be NULL */
    GMainLoop *loop;
    char *tier; /* in use */
    double rate;
    gboolean paused, failed;
} Player;

/* --- what is shown --- */

static void show(Player *player)
{
    double split;
    float fidelity;
    gboolean enabled;
    char *line;

    g_object_get(player->up, "split", &split, "fidelity", &fidelity, "enabled", &enabled, NULL);
    line = g_strdup_printf("%s  split %.2f  fidelity %s%.1f  %s%.0f frames/s", player->tier, split,
                           fidelity < 0 ? "of the model " : "", (double)ABS(fidelity), enabled ? "" : "off  ",
                           player->rate);
    if (player->text)
        g_object_set(player->text, "text", line, NULL);
    g_print(isatty(STDOUT_FILENO) ? "\r%s\033[K" : "%s\n", line);
    g_free(line);
}

static void on_element_message(Player *player, const GstStructure *s)
{
    guint frames;
    double seconds;

    if (gst_structure_has_name(s, "yonos-tier")) {
        g_free(player->tier);
        player->tier = g_strdup(gst_structure_get_string(s, "tier"));
    } else if (gst_structure_get(s, "frames", G_TYPE_UINT, &frames, "seconds", G_TYPE_DOUBLE, &seconds, NULL)) {
        player->rate = frames / seconds;
    } else {
        return;
    }
    show(player);
}

static gboolean on_message(GstBus *bus, GstMessage *message, gpointer data)
{
    Player *player = data;
    GError *error = NULL;

    (void)bus;
    switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ELEMENT:
        on_element_message(player, gst_message_get_structure(message));
        break;
    case GST_MESSAGE_WARNING:
        gst_message_parse_warning(message, &error, NULL);
        g_printerr("\n%s\n", error->message);
        break;
    case GST_MESSAGE_ERROR:
        gst_message_parse_error(message, &error, NULL);
        g_printerr("\n%s\n", error->message);
        player->failed = TRUE;
        g_main_loop_quit(player->loop);
        break;
    case GST_MESSAGE_EOS:
        g_main_loop_quit(player->loop);
        break;
    default:
        break;
    }
    g_clear_error(&error);
    return G_SOURCE_CONTINUE;
}

/* --- keys --- */

static void add_split(Player *player, double by)
{
    double split;

    g_object_get(player->up, "split", &split, NULL);
    g_object_set(player->up, "split", CLAMP(split + by, 0, 1), NULL);
}

static void add_fidelity(Player *player, float by)
{
    float fidelity;

    g_object_get(player->up, "fidelity", &fidelity, NULL);
    /* from the model's default, which shows as -1, it goes on at 0.5 */
    g_object_set(player->up, "fidelity", fidelity < 0 ? 0.5f : CLAMP(fidelity + by, 0, 1), NULL);
}

static void next_tier(Player *player)
{
    static const char *const tiers[] = {"fast", "balanced"};
    static guint next;

    gst_util_set_object_arg(G_OBJECT(player->up), "tier", tiers[next++ % G_N_ELEMENTS(tiers)]);
}

static void toggle_enabled(Player *player)
{
    gboolean enabled;

    g_object_get(player->up, "enabled", &enabled, NULL);
    g_object_set(player->up, "enabled", !enabled, NULL);
}

static void save_picture(Player *player)
{
    GstCaps *png = gst_caps_new_empty_simple("image/png");
    GstSample *sample = NULL;
    GstMapInfo map;

    g_signal_emit_by_name(player->playbin, "convert-sample", png, &sample);
    if (sample && gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ)) {
        if (g_file_set_contents("player.png", (char *)map.data, map.size, NULL))
            g_print("\nplayer.png\n");
        gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
    }
    if (sample)
        gst_sample_unref(sample);
    gst_caps_unref(png);
}

static void on_key(Player *player, const char *keys, gssize n, gssize *at)
{
    char key = keys[*at];

    if (key == '\033' && *at + 2 < n && keys[*at + 1] == '[') {
        *at += 2;
        add_split(player, keys[*at] == 'C' ? 0.05 : keys[*at] == 'D' ? -0.05 : 0);
    } else if (key == 's') {
        g_object_set(player->up, "split", 1.0, NULL);
    } else if (key == 'e') {
        toggle_enabled(player);
    } else if (key == '+' || key == '-') {
        add_fidelity(player, key == '+' ? 0.1f : -0.1f);
    } else if (key == 't') {
        next_tier(player);
    } else if (key == ' ') {
        player->paused = !player->paused;
        gst_element_set_state(player->playbin, player->paused ? GST_STATE_PAUSED : GST_STATE_PLAYING);
    } else if (key == 'p') {
        save_picture(player);
    } else if (key == 'q') {
        g_main_loop_quit(player->loop);
    }
}

static gboolean on_keys(gint fd, GIOCondition condition, gpointer data)
{
    char keys[64];
    gssize n = read(fd, keys, sizeof keys);

    (void)condition;
    for (gssize at = 0; at < n; at++)
        on_key(data, keys, n, &at);
    if (n > 0)
        show(data);
    return n > 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* --- the pipeline --- */

static gboolean build(Player *player, const char *file, GError **error)
{
    char *uri = gst_uri_is_valid(file) ? g_strdup(file) : gst_filename_to_uri(file, error);
    GstElementFactory *overlay = gst_element_factory_find("textoverlay");
    GstElement *filter, *sink;

    filter = gst_parse_bin_from_description(
        overlay ? "yonosupscale name=up qos-mode=ladder ! videoconvert ! textoverlay name=text valignment=bottom "
                  "font-desc=\"Sans 9\" shaded-background=true"
                : "yonosupscale name=up qos-mode=ladder",
        TRUE, error);
    gst_clear_object(&overlay);
    sink = filter && uri ? gst_parse_bin_from_description(player->sink ? player->sink : "autovideosink", TRUE, error)
                         : NULL;
    if (sink) {
        player->up = gst_bin_get_by_name(GST_BIN(filter), "up");
        player->text = gst_bin_get_by_name(GST_BIN(filter), "text");
        if (player->scale)
            gst_util_set_object_arg(G_OBJECT(player->up), "scale", player->scale);
        g_object_set(player->up, "device", player->device, NULL);
        player->playbin = gst_object_ref_sink(gst_element_factory_make("playbin", NULL));
        g_object_set(player->playbin, "uri", uri, "video-filter", filter, "video-sink", sink, NULL);
    }
    g_free(uri);
    return sink != NULL;
}

static void play(Player *player)
{
    GstBus *bus = gst_element_get_bus(player->playbin);
    gboolean terminal = isatty(STDIN_FILENO);
    struct termios usual, raw;

    if (terminal && tcgetattr(STDIN_FILENO, &usual) == 0) {
        raw = usual;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    player->loop = g_main_loop_new(NULL, FALSE);
    player->tier = g_strdup("loading");
    gst_bus_add_watch(bus, on_message, player);
    g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_keys, player);
    g_print(KEYS);
    gst_element_set_state(player->playbin, GST_STATE_PLAYING);
    g_main_loop_run(player->loop);
    gst_element_set_state(player->playbin, GST_STATE_NULL);
    if (terminal)
        tcsetattr(STDIN_FILENO, TCSANOW, &usual);
    g_print("\n");
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
    g_main_loop_unref(player->loop);
    g_free(player->tier);
}

int main(int argc, char **argv)
{
    Player player = {0};
    const GOptionEntry options[] = {
        {"scale", 's', 0, G_OPTION_ARG_STRING, &player.scale, "2, 4 or 8 times larger (2)", "N"},
        {"device", 'd', 0, G_OPTION_ARG_STRING, &player.device, "auto, cpu, or a GPU", "NAME"},
        {"video-sink", 0, 0, G_OPTION_ARG_STRING, &player.sink, "instead of autovideosink", "ELEMENT"},
        {NULL},
    };
    GOptionContext *context = g_option_context_new("FILE-OR-URI");
    GError *error = NULL;

    g_option_context_set_summary(context, KEYS);
    g_option_context_add_main_entries(context, options, NULL);
    g_option_context_add_group(context, gst_init_get_option_group());
    if (g_option_context_parse(context, &argc, &argv, &error) && argc != 2)
        g_set_error(&error, GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "Give one file or URI; see --help.");
    if (!error && build(&player, argv[1], &error))
        play(&player);
    if (error)
        g_printerr("%s\n", error->message);
    player.failed |= error != NULL;
    g_clear_error(&error);
    g_option_context_free(context);
    gst_clear_object(&player.up);
    gst_clear_object(&player.text);
    gst_clear_object(&player.playbin);
    g_free(player.scale);
    g_free(player.device);
    g_free(player.sink);
    return player.failed ? 1 : 0;
}
