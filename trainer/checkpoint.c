/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkpoint.h"
#include "base/error.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".ckpt"
#define KEEP 2

/* Names and shapes of all parameters, so that a changed network is noticed. */
static char *layout(const YonosGraph *graph)
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    char *text;

    for (guint i = 0; i < graph->params->len; i++) {
        const YonosParam *param = &g_array_index(graph->params, YonosParam, i);
        YonosShape s = yonos_graph_shape(graph, param->tensor);
        char *line = g_strdup_printf("%s %d %d %d %d %d\n", param->name, s.n, s.h, s.w, s.c, param->frozen);
        g_checksum_update(sum, (const guchar *)line, -1);
        g_free(line);
    }
    text = g_strdup(g_checksum_get_string(sum));
    g_checksum_free(sum);
    return text;
}

/* Steps of the checkpoints there are, newest first. */
static GArray *steps_of(const char *folder, const char *name)
{
    GArray *steps = g_array_new(FALSE, FALSE, sizeof(guint64));
    char *prefix = g_strconcat(name, "-", NULL);
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *entry;

    while (dir && (entry = g_dir_read_name(dir))) {
        const char *digits = entry + strlen(prefix);
        char *end;
        guint64 step;
        guint at = 0;
        if (!g_str_has_prefix(entry, prefix) || !g_ascii_isdigit(*digits))
            continue;
        step = g_ascii_strtoull(digits, &end, 10);
        if (strcmp(end, SUFFIX))
            continue;
        while (at < steps->len && g_array_index(steps, guint64, at) > step)
            at++;
        g_array_insert_val(steps, at, step);
    }
    if (dir)
        g_dir_close(dir);
    g_free(prefix);
    return steps;
}

static char *path_of(const char *folder, const char *name, guint64 step)
{
    char *file = g_strdup_printf("%s-%08" G_GUINT64_FORMAT SUFFIX, name, step), *path;

    path = g_build_filename(folder, file, NULL);
    g_free(file);
    return path;
}

static void remove_after(const char *folder, const char *name, guint keep)
{
    GArray *steps = steps_of(folder, name);

    for (guint i = keep; i < steps->len; i++) {
        char *path = path_of(folder, name, g_array_index(steps, guint64, i));
        g_unlink(path);
        g_free(path);
    }
    g_array_unref(steps);
}

void yonos_checkpoint_remove(const char *folder, const char *name)
{
    remove_after(folder, name, 0);
}

static const char *const array_names[] = {"weights", "first", "second", "average"};

gboolean yonos_checkpoint_write(const char *folder, const char *name, const char *run, const YonosOptimizer *o,
                                GError **error)
{
    const float *arrays[] = {o->weights, o->first, o->second, o->average};
    YonosStTensor tensors[G_N_ELEMENTS(arrays)] = {0};
    GHashTable *metadata = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    char *path = path_of(folder, name, o->step);
    gboolean ok;

    for (guint i = 0; i < G_N_ELEMENTS(arrays); i++)
        tensors[i] = (YonosStTensor){array_names[i], 1, {(gint64)o->n}, arrays[i]};
    g_hash_table_insert(metadata, "run", g_strdup(run));
    g_hash_table_insert(metadata, "layout", layout(o->graph));
    g_hash_table_insert(metadata, "step", g_strdup_printf("%" G_GUINT64_FORMAT, o->step));
    g_hash_table_insert(metadata, "loss-scale", g_strdup_printf("%d", (int)o->loss_scale));
    g_hash_table_insert(metadata, "good-steps", g_strdup_printf("%u", o->good_steps));
    ok = yonos_safetensors_write(path, YONOS_ST_F32, tensors, G_N_ELEMENTS(arrays), metadata, error);
    if (ok)
        remove_after(folder, name, KEEP);
    g_hash_table_unref(metadata);
    g_free(path);
    return ok;
}

/* A whole number of the metadata, within bounds. */
static gboolean read_number(const YonosSafetensors *file, const char *key, guint64 least, guint64 most, guint64 *number,
                            GError **error)
{
    const char *text = yonos_safetensors_metadata(file, key);

    if (text && g_ascii_string_to_unsigned(text, 10, least, most, number, NULL))
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT, "its %s is %s", key, text ? text : "missing");
    return FALSE;
}

static gboolean read_arrays(const YonosSafetensors *file, guint64 step, YonosOptimizer *o, GError **error)
{
    float *arrays[] = {o->weights, o->first, o->second, o->average};
    guint64 number, scale, good;

    if (!read_number(file, "step", 0, G_MAXUINT64, &number, error) ||
        !read_number(file, "loss-scale", 1, YONOS_LOSS_SCALE_MOST, &scale, error) ||
        !read_number(file, "good-steps", 0, YONOS_LOSS_SCALE_PATIENCE, &good, error))
        return FALSE;
    if (number != step) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT, "it was renamed: its step is %" G_GUINT64_FORMAT, number);
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(arrays); i++)
        if (!yonos_safetensors_read_f32(file, array_names[i], arrays[i], o->n, error))
            return FALSE;
    o->step = step;
    o->loss_scale = (float)scale;
    o->good_steps = (guint)good;
    return TRUE;
}

gboolean yonos_checkpoint_read(const char *folder, const char *name, const char *run, YonosOptimizer *o,
                               gboolean *found, GError **error)
{
    GArray *steps = steps_of(folder, name);
    char *ours = layout(o->graph);
    gboolean ok = TRUE;

    *found = FALSE;
    for (guint i = 0; ok && !*found && i < steps->len; i++) {
        guint64 step = g_array_index(steps, guint64, i);
        char *path = path_of(folder, name, step);
        GError *fault = NULL;
        YonosSafetensors *file = yonos_safetensors_open(path, &fault);
        if (file && (g_strcmp0(yonos_safetensors_metadata(file, "run"), run) ||
                     g_strcmp0(yonos_safetensors_metadata(file, "layout"), ours))) {
            g_set_error(error, YONOS_ERROR, YONOS_ERROR_MODEL,
                        "%s is of another fit (%s); finish that one or remove its checkpoints.", path,
                        yonos_safetensors_metadata(file, "run"));
            ok = FALSE;
        } else if (file) {
            *found = read_arrays(file, step, o, &fault);
        }
        if (fault)
            g_printerr("Passing over the checkpoint %s: %s\n", path, fault->message);
        g_clear_error(&fault);
        yonos_safetensors_free(file);
        g_free(path);
    }
    g_array_unref(steps);
    g_free(ours);
    return ok;
}
