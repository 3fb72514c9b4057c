/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "evaluate-command.h"
#include "base/error.h"
#include "evaluate.h"
#include "sampler.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *column, *title;
    int digits;
} figures[YONOS_FIGURE_COUNT] = {{"psnr_y", "PSNR-Y", 2}, {"ssim_y", "SSIM-Y", 4}, {"fd", "FD", 3},
                                 {"edge", "edge", 2},     {"flat", "flat", 2},     {"motion", "motion", 2},
                                 {"change", "change", 3}, {"taef2", "TAEF2", 4},   {"latent", "latent", 4}};
static const char *const methods[YONOS_METHOD_COUNT] = {"model", "bicubic"};

static gboolean measured(const double *figure)
{
    for (int f = 0; f < YONOS_FIGURE_COUNT; f++)
        if (!isnan(figure[f]))
            return TRUE;
    return FALSE;
}

static void print_row(const YonosEvaluation *row)
{
    for (int m = 0; m < YONOS_METHOD_COUNT; m++) {
        if (!measured(row->figure[m]))
            continue;
        g_print("%-24s %-8s", m ? "" : row->name, methods[m]);
        for (int f = 0; f < YONOS_FIGURE_COUNT; f++)
            if (!isnan(row->figure[m][f]))
                g_print(" %s %*.*f ", figures[f].title, f ? 0 : 6, figures[f].digits, row->figure[m][f]);
        if (m == YONOS_METHOD_MODEL && !isnan(row->figure[m][YONOS_FIGURE_MOTION]))
            g_print("(%.2f of bicubic's)",
                    row->figure[m][YONOS_FIGURE_MOTION] / row->figure[YONOS_METHOD_BICUBIC][YONOS_FIGURE_MOTION]);
        g_print("\n");
    }
}

/* In quotes, those inside doubled. */
static void write_text(FILE *csv, const char *text)
{
    fputc('"', csv);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', csv);
        fputc(*text, csv);
    }
    fputs("\",", csv);
}

static void write_row(FILE *csv, const char *source, const YonosEvaluation *row)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    for (int m = 0; m < YONOS_METHOD_COUNT; m++) {
        if (!measured(row->figure[m]))
            continue;
        write_text(csv, source);
        write_text(csv, row->name);
        fputs(methods[m], csv);
        for (int f = 0; f < YONOS_FIGURE_COUNT; f++)
            fprintf(csv, ",%s",
                    isnan(row->figure[m][f]) ? "" : g_ascii_formatd(text, sizeof text, "%.6f", row->figure[m][f]));
        fputc('\n', csv);
    }
}

static FILE *open_csv(const char *path, GError **error)
{
    FILE *csv = fopen(path, "w");

    if (!csv) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "Cannot write %s: %s.", path, g_strerror(errno));
        return NULL;
    }
    fputs("source,picture,method", csv);
    for (int f = 0; f < YONOS_FIGURE_COUNT; f++)
        fprintf(csv, ",%s", figures[f].column);
    fputc('\n', csv);
    return csv;
}

static gboolean close_csv(FILE *csv, const char *path, GError **error)
{
    gboolean bad = ferror(csv);

    if (fclose(csv) || bad) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "Cannot write %s; is the disk full?", path);
        return FALSE;
    }
    return TRUE;
}

typedef struct {
    char *device, *csv, *chain, *features, *taef2, *write;
    int border, every, scale, steps;
    gboolean bicubic, motion, each;
} Options;

static gboolean evaluate_all(const Options *o, YonosEnlarger *enlarger, YonosFeatureMeter *const *meters,
                             char **sources, FILE *csv, GError **error)
{
    YonosEvaluateParams p = {enlarger,   meters[0], meters[1],
                             o->bicubic, o->motion, o->border < 0 ? enlarger->scale : o->border,
                             o->every,   o->write};

    for (; *sources; sources++) {
        GArray *rows = yonos_evaluate(&p, *sources, error);
        if (!rows)
            return FALSE;
        g_print("%s: %u pictures, x%d\n", *sources, rows->len - 1, enlarger->scale);
        for (guint i = 0; i < rows->len; i++) {
            const YonosEvaluation *row = &g_array_index(rows, YonosEvaluation, i);
            if (o->each || i == rows->len - 1)
                print_row(row);
            if (csv)
                write_row(csv, *sources, row);
        }
        g_array_unref(rows);
    }
    return TRUE;
}

static gboolean run(const Options *o, int argc, char **argv, GError **error)
{
    const char *device = o->device ? o->device : "cpu";
    int first = o->chain ? 1 : 2;
    YonosFeatureMeter *meters[2] = {NULL};
    YonosEnlarger *enlarger;
    FILE *csv = NULL;
    gboolean ok;

    if (argc <= first || o->border < -1 || o->every < 1 || o->steps < 1 || (!o->chain && o->steps > 1) ||
        (o->chain && o->scale != 2 && o->scale != 4 && o->scale != 8)) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                    "'evaluate' takes a model, or --chain with --scale and --steps, and then folders or clips. See "
                    "yonos-train evaluate --help.");
        return FALSE;
    }
    enlarger = o->chain ? yonos_enlarger_chain(o->chain, o->scale, o->steps, device, error)
                        : yonos_enlarger_model(argv[1], device, error);
    if (o->write)
        g_mkdir_with_parents(o->write, 0777);
    if (o->features)
        meters[0] = yonos_feature_meter_new(YONOS_METER_FD, o->features, device);
    if (o->taef2)
        meters[1] = yonos_feature_meter_new(YONOS_METER_TAEF2, o->taef2, device);
    ok = enlarger && (!o->csv || (csv = open_csv(o->csv, error))) &&
         evaluate_all(o, enlarger, meters, argv + first, csv, error);
    if (csv)
        ok = close_csv(csv, o->csv, ok ? error : NULL) && ok;
    yonos_feature_meter_free(meters[0]);
    yonos_feature_meter_free(meters[1]);
    yonos_enlarger_free(enlarger);
    return ok;
}

gboolean yonos_evaluate_command(int argc, char **argv, GError **error)
{
    Options o = {.border = -1, .every = 30, .steps = 1};
    GOptionEntry entries[] = {
        {"device", 0, 0, G_OPTION_ARG_STRING, &o.device, "cpu (default), gpu, or a Vulkan device", "NAME"},
        {"csv", 0, 0, G_OPTION_ARG_FILENAME, &o.csv, "Write every picture's figures and the means there", "FILE"},
        {"features", 0, 0, G_OPTION_ARG_FILENAME, &o.features, "SqueezeNet's weights: measure FD too", "FILE"},
        {"taef2", 0, 0, G_OPTION_ARG_FILENAME, &o.taef2, "TAEF2's encoder: measure how far latents are too", "FILE"},
        {"each", 0, 0, G_OPTION_ARG_NONE, &o.each, "Print every picture's figures", NULL},
        {"bicubic", 0, 0, G_OPTION_ARG_NONE, &o.bicubic, "Measure bicubic enlargement too", NULL},
        {"motion", 0, 0, G_OPTION_ARG_NONE, &o.motion, "Measure flicker in pans over a folder's pictures", NULL},
        {"write", 0, 0, G_OPTION_ARG_FILENAME, &o.write, "Write the enlarged pictures there as PNG", "FOLDER"},
        {"border", 0, 0, G_OPTION_ARG_INT, &o.border, "Pixels left out at each side (the scale, as papers do)", "N"},
        {"every", 0, 0, G_OPTION_ARG_INT, &o.every, "Of clips, take each N-th frame (30)", "N"},
        {"chain", 0, 0, G_OPTION_ARG_FILENAME, &o.chain, "Instead of MODEL: the folder of a chain's results", "FOLDER"},
        {"scale", 0, 0, G_OPTION_ARG_INT, &o.scale, "With --chain: 2, 4 or 8", "N"},
        {"steps", 0, 0, G_OPTION_ARG_INT, &o.steps, "With --chain: steps of the sampler (1)", "K"},
        {0}};
    GOptionContext *context = g_option_context_new("MODEL FOLDER|CLIP... - measure a model against large pictures");
    gboolean ok;

    g_option_context_add_main_entries(context, entries, NULL);
    ok = g_option_context_parse(context, &argc, &argv, error) && run(&o, argc, argv, error);
    g_option_context_free(context);
    g_free(o.device);
    g_free(o.csv);
    g_free(o.chain);
    g_free(o.features);
    g_free(o.taef2);
    g_free(o.write);
    return ok;
}
