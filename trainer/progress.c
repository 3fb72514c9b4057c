/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "progress.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER "step,loss,gradient_norm,rate,seconds\n"
#define LOG_EVERY 50

struct YonosProgress {
    char *name;
    FILE *log;
    guint64 step, steps, since; /* since: steps in the sums below */
    int batch;
    double loss, norm;   /* sums since the last line of the log */
    double before;       /* seconds of training before this start */
    gint64 begin, shown; /* microseconds */
    guint64 first;       /* step at `begin` */
    gboolean terminal, quiet;
};

/* The lines of an earlier log up to `step`; *seconds is what the last one says. */
static char *kept_lines(const char *path, guint64 step, double *seconds)
{
    GString *kept = g_string_new(HEADER);
    char *text = NULL, **lines;

    *seconds = 0;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return g_string_free(kept, FALSE);
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 1; lines[0] && lines[i]; i++) {
        const char *comma = strrchr(lines[i], ',');
        if (!comma || g_ascii_strtoull(lines[i], NULL, 10) > step)
            continue;
        g_string_append_printf(kept, "%s\n", lines[i]);
        *seconds = g_ascii_strtod(comma + 1, NULL);
    }
    g_strfreev(lines);
    g_free(text);
    return g_string_free(kept, FALSE);
}

YonosProgress *yonos_progress_new(const char *folder, const char *name, guint64 step, guint64 steps, int batch,
                                  gboolean quiet, GError **error)
{
    YonosProgress *p = g_new0(YonosProgress, 1);
    char *file = g_strconcat(name, ".csv", NULL), *path = g_build_filename(folder, file, NULL);
    char *kept = kept_lines(path, step, &p->before);

    *p = (YonosProgress){.name = g_strdup(name),
                         .step = step,
                         .steps = steps,
                         .batch = batch,
                         .before = p->before,
                         .first = step,
                         .begin = g_get_monotonic_time(),
                         .terminal = isatty(STDOUT_FILENO),
                         .quiet = quiet};
    if (g_file_set_contents(path, kept, -1, error)) {
        p->log = fopen(path, "a");
        if (!p->log)
            g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "Cannot write %s: %s", path, g_strerror(errno));
    }
    g_free(kept);
    g_free(file);
    g_free(path);
    if (p->log)
        return p;
    yonos_progress_free(p);
    return NULL;
}

static void show(YonosProgress *p, double loss, double norm)
{
    gint64 now = g_get_monotonic_time();
    double pace;
    guint left;

    if (p->step < p->steps && now - p->shown < (p->terminal ? G_USEC_PER_SEC / 4 : 10 * G_USEC_PER_SEC))
        return;
    p->shown = now;
    pace = (p->step - p->first) / ((now - p->begin) / (double)G_USEC_PER_SEC);
    left = (guint)((p->steps - p->step) / pace);
    g_print("%s%s step %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT ", loss %.5f, gradient %.3g, %.0f images/s, "
            "%u:%02u:%02u left%s",
            p->terminal ? "\r\033[K" : "", p->name, p->step, p->steps, loss, norm, pace * p->batch, left / 3600,
            left / 60 % 60, left % 60, p->terminal && p->step < p->steps ? "" : "\n");
}

gboolean yonos_progress_step(YonosProgress *p, double loss, double norm, double rate, GError **error)
{
    double seconds = p->before + (g_get_monotonic_time() - p->begin) / (double)G_USEC_PER_SEC;
    char rate_text[G_ASCII_DTOSTR_BUF_SIZE];

    p->step++;
    p->since++;
    p->loss += loss;
    p->norm += norm;
    if (!p->quiet)
        show(p, p->loss / p->since, p->norm / p->since);
    if (p->step % LOG_EVERY && p->step < p->steps)
        return TRUE;
    g_ascii_formatd(rate_text, sizeof rate_text, "%.4g", rate);
    if (fprintf(p->log, "%" G_GUINT64_FORMAT ",%.6f,%.5f,%s,%.1f\n", p->step, p->loss / p->since, p->norm / p->since,
                rate_text, seconds) < 0 ||
        fflush(p->log)) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "Cannot write the loss log of %s: %s", p->name,
                    g_strerror(errno));
        return FALSE;
    }
    p->loss = p->norm = 0;
    p->since = 0;
    return TRUE;
}

void yonos_progress_free(YonosProgress *p)
{
    if (!p)
        return;
    if (p->log)
        fclose(p->log);
    g_free(p->name);
    g_free(p);
}
