/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "evaluate.h"
#include "base/error.h"
#include "media.h"
#include "png.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* A pan: odd steps, so that scales 2, 4 and 8 meet every phase in both directions. */
#define PAN_FRAMES 9
#define PAN_X 3
#define PAN_Y 1
#define PAN_BORDER 32 /* pixels: what a network makes of the frame's end is not meant */
#define GRID 8

typedef struct {
    const YonosEvaluateParams *p;
    GArray *rows;
    char *file;      /* base name */
    guint n_of_file; /* pictures of it so far */
    gboolean motion, clip;
    YonosPicture reference_before, before[YONOS_METHOD_COUNT]; /* of a clip; empty: none yet */
    gboolean failed;                                           /* by the enlarger, not by a decoder */
} Evaluator;

static gboolean enlarge(const Evaluator *e, int method, const YonosPicture *small, YonosPicture *large, GError **error)
{
    int scale = e->p->enlarger->scale;

    if (method == YONOS_METHOD_BICUBIC) {
        *large = yonos_picture_resize(small, small->width * scale, small->height * scale);
        return TRUE;
    }
    *large = yonos_picture_new(small->width * scale, small->height * scale);
    return e->p->enlarger->run(e->p->enlarger, small, large, error);
}

/* Into e->p->write, under the original's name. */
static gboolean write_picture(const Evaluator *e, const char *name, const YonosPicture *large, GError **error)
{
    const char *dot = strrchr(name, '.'), *number = strchr(name, '#');
    char *file =
        g_strdup_printf("%.*s%s.png", (int)(dot ? dot - name : (gssize)strlen(name)), name, number ? number : "");
    char *path = g_build_filename(e->p->write, file, NULL);
    gboolean ok = yonos_png_write(path, large->rgb, large->width, large->height, error);

    g_free(path);
    g_free(file);
    return ok;
}

/* Beside the clip's picture before; takes `large` over. */
static void measure_change(Evaluator *e, int method, const YonosPicture *reference, YonosPicture *large, double *figure)
{
    YonosPicture *before = &e->before[method], *filmed = &e->reference_before;

    if (before->rgb && before->width == large->width && before->height == large->height &&
        filmed->width == large->width && filmed->height == large->height)
        *figure =
            yonos_metrics_change(before, large, e->p->border) / yonos_metrics_change(filmed, reference, e->p->border);
    if (!isfinite(*figure)) /* the original stands still */
        *figure = NAN;
    yonos_picture_clear(before);
    *before = *large;
    *large = (YonosPicture){0};
}

static gboolean measure_still(Evaluator *e, const char *name, int method, const YonosPicture *reference, double *figure,
                              GError **error)
{
    int scale = e->p->enlarger->scale;
    YonosPicture small = yonos_picture_resize(reference, reference->width / scale, reference->height / scale), large;
    gboolean ok = enlarge(e, method, &small, &large, error);
    YonosMetrics m;

    if (ok) {
        yonos_metrics(&m, &large, reference, e->p->border);
        figure[YONOS_FIGURE_PSNR] = m.psnr;
        figure[YONOS_FIGURE_SSIM] = m.ssim;
        figure[YONOS_FIGURE_EDGE] = m.edge;
        figure[YONOS_FIGURE_FLAT] = m.flat;
        ok = !e->p->features ||
             yonos_feature_meter_run(e->p->features, &large, reference, &figure[YONOS_FIGURE_FD], error);
        ok = ok && (!e->p->taef2 ||
                    yonos_feature_meter_run(e->p->taef2, &large, reference, &figure[YONOS_FIGURE_TAEF2], error));
    }
    if (ok && method == YONOS_METHOD_MODEL && e->p->enlarger->latent_error)
        ok = e->p->enlarger->latent_error(e->p->enlarger, reference, &figure[YONOS_FIGURE_LATENT], error);
    if (ok && method == YONOS_METHOD_MODEL && e->p->write)
        ok = write_picture(e, name, &large, error);
    if (ok && e->clip)
        measure_change(e, method, reference, &large, &figure[YONOS_FIGURE_CHANGE]);
    yonos_picture_clear(&small);
    yonos_picture_clear(&large);
    return ok;
}

static gboolean measure_motion(const Evaluator *e, int method, const YonosPicture *reference, double *figure,
                               GError **error)
{
    int width = (reference->width - (PAN_FRAMES - 1) * PAN_X) / GRID * GRID, scale = e->p->enlarger->scale;
    int height = (reference->height - (PAN_FRAMES - 1) * PAN_Y) / GRID * GRID;
    YonosPicture before = {0};
    double sum = 0;
    gsize total = 0, n;
    gboolean ok = TRUE;

    if (width <= 2 * PAN_BORDER + PAN_X || height <= 2 * PAN_BORDER + PAN_Y)
        return TRUE;
    for (int k = 0; ok && k < PAN_FRAMES; k++) {
        YonosPicture window =
            yonos_picture_crop(reference->rgb, 3 * (gsize)reference->width, k * PAN_X, k * PAN_Y, width, height);
        YonosPicture small = yonos_picture_resize(&window, width / scale, height / scale), large;
        ok = enlarge(e, method, &small, &large, error);
        if (ok && k) {
            sum += yonos_metrics_motion(&before, &large, PAN_X, PAN_Y, PAN_BORDER, &n);
            total += n;
        }
        yonos_picture_clear(&window);
        yonos_picture_clear(&small);
        yonos_picture_clear(&before);
        before = large;
    }
    yonos_picture_clear(&before);
    if (ok)
        figure[YONOS_FIGURE_MOTION] = sqrt(sum / total);
    return ok;
}

static YonosEvaluation *add_row(GArray *rows, const char *name)
{
    YonosEvaluation row = {.name = g_strdup(name)};

    for (int m = 0; m < YONOS_METHOD_COUNT; m++)
        for (int f = 0; f < YONOS_FIGURE_COUNT; f++)
            row.figure[m][f] = NAN;
    g_array_append_val(rows, row);
    return &g_array_index(rows, YonosEvaluation, rows->len - 1);
}

static gboolean add_picture(const guint8 *rgb, guint width, guint height, gsize stride, gpointer user, GError **error)
{
    Evaluator *e = user;
    guint number = e->n_of_file++ * e->p->every;
    char *name = number ? g_strdup_printf("%s#%u", e->file, number) : g_strdup(e->file);
    YonosPicture reference = yonos_picture_crop(rgb, stride, 0, 0, width / GRID * GRID, height / GRID * GRID);
    int least = MAX(2 * e->p->border + YONOS_METRICS_SIDE, e->p->features ? YONOS_FEATURE_METER_SIDE : 0);
    gboolean ok = TRUE;

    if (MIN(reference.width, reference.height) < least) {
        g_printerr("Warning: %s has %u x %u pixels only and is passed over.\n", name, width, height);
    } else {
        YonosEvaluation *row = add_row(e->rows, name);
        for (int m = 0; ok && m < YONOS_METHOD_COUNT; m++)
            ok = (m == YONOS_METHOD_BICUBIC && !e->p->bicubic) ||
                 measure_still(e, name, m, &reference, row->figure[m], error);
        for (int m = 0; ok && e->motion && m < YONOS_METHOD_COUNT; m++)
            ok = measure_motion(e, m, &reference, row->figure[m], error);
    }
    e->failed = !ok;
    yonos_picture_clear(&e->reference_before);
    e->reference_before = reference;
    g_free(name);
    return ok;
}

static gboolean add_file(Evaluator *e, const char *path, GError **error)
{
    gboolean ok;

    e->file = g_path_get_basename(path);
    e->n_of_file = 0;
    ok = yonos_media_decode(path, e->p->every, add_picture, e, error);
    g_free(e->file);
    return ok;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gboolean add_folder(Evaluator *e, const char *folder, GError **error)
{
    GDir *dir = g_dir_open(folder, 0, error);
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);

    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        char *path = g_build_filename(folder, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            g_free(path);
        else
            g_ptr_array_add(paths, path);
    }
    g_ptr_array_sort(paths, compare_names);
    for (guint i = 0; i < paths->len && !e->failed; i++) {
        GError *cause = NULL;
        if (add_file(e, g_ptr_array_index(paths, i), &cause))
            continue;
        if (e->failed) {
            g_propagate_error(error, cause);
        } else {
            g_printerr("Warning: %s\n", cause->message);
            g_error_free(cause);
        }
    }
    g_ptr_array_unref(paths);
    if (dir)
        g_dir_close(dir);
    return dir && !e->failed;
}

static void add_mean(GArray *rows)
{
    guint count = rows->len;
    YonosEvaluation *mean = add_row(rows, "mean");

    for (int m = 0; m < YONOS_METHOD_COUNT; m++)
        for (int f = 0; f < YONOS_FIGURE_COUNT; f++) {
            double sum = 0;
            guint n = 0;
            for (guint i = 0; i < count; i++) {
                double value = g_array_index(rows, YonosEvaluation, i).figure[m][f];
                sum += isnan(value) ? 0 : value;
                n += !isnan(value);
            }
            mean->figure[m][f] = sum / n;
        }
}

static void row_clear(gpointer row)
{
    g_free(((YonosEvaluation *)row)->name);
}

/* Whether pictures written there would replace what is measured. */
static gboolean writes_over(const char *folder, const char *source, gboolean is_folder)
{
    char *measured = is_folder ? g_strdup(source) : g_path_get_dirname(source);
    GStatBuf a, b;
    gboolean same =
        folder && !g_stat(folder, &a) && !g_stat(measured, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;

    g_free(measured);
    return same;
}

GArray *yonos_evaluate(const YonosEvaluateParams *params, const char *source, GError **error)
{
    gboolean is_folder = g_file_test(source, G_FILE_TEST_IS_DIR);
    Evaluator e = {.p = params, .rows = g_array_new(FALSE, FALSE, sizeof(YonosEvaluation))};
    gboolean ok;

    g_array_set_clear_func(e.rows, row_clear);
    e.clip = !is_folder;
    e.motion = params->motion || e.clip;
    ok = !writes_over(params->write, source, is_folder);
    if (!ok)
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "%s holds what is measured; write the pictures elsewhere.",
                    params->write);
    ok = ok && (is_folder ? add_folder(&e, source, error) : add_file(&e, source, error));
    yonos_picture_clear(&e.reference_before);
    for (int m = 0; m < YONOS_METHOD_COUNT; m++)
        yonos_picture_clear(&e.before[m]);
    if (ok && !e.rows->len) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT, "There is no picture to measure in %s.", source);
        ok = FALSE;
    }
    if (ok) {
        add_mean(e.rows);
        return e.rows;
    }
    g_array_unref(e.rows);
    return NULL;
}
