/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trainer's command line. */
#include "base/error.h"
#include "blend.h"
#include "clip.h"
#include "evaluate-command.h"
#include "export.h"
#include "fit.h"
#include "import.h"
#include "media.h"
#include "ranks.h"

#include <glib/gstdio.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop_wanted;

static void on_signal(G_GNUC_UNUSED int signal)
{
    stop_wanted = TRUE;
}

static gboolean stopped(void)
{
    return stop_wanted;
}

static gboolean usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean usage(GError **error, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED, "%s See yonos-train %s.", text, "--help");
    g_free(text);
    return FALSE;
}

/* Takes a command's options out of its arguments. */
static gboolean parse(const GOptionEntry *entries, const char *description, int *argc, char ***argv, GError **error)
{
    GOptionContext *context = g_option_context_new(description);
    gboolean ok;

    g_option_context_add_main_entries(context, entries, NULL);
    ok = g_option_context_parse(context, argc, argv, error);
    g_option_context_free(context);
    return ok;
}

static gboolean pack(int argc, char **argv, GError **error)
{
    int every = 1;
    GOptionEntry entries[] = {{"every", 0, 0, G_OPTION_ARG_INT, &every, "Of videos, take each N-th frame (1)", "N"},
                              {0}};
    guint n;
    gboolean ok = parse(entries, "FOLDER PACK - make a training pack of images and videos", &argc, &argv, error);

    if (!ok)
        return FALSE;
    if (argc != 3 || every < 1)
        return usage(error, "'pack' takes a folder and the pack's path.");
    if (!yonos_media_pack_folder(argv[1], every, argv[2], &n, error))
        return FALSE;
    g_print("%s: %u pictures\n", argv[2], n);
    return TRUE;
}

typedef struct {
    char *tier, *pack, *folder, *device, *set, *predict, *features, *start;
    int scale, batch, crop, checkpoint;
    gint64 steps, seed;
    double rate, decay, clip, average, perceptual, adversarial, discriminator_rate, luma, steady, mesh, crisp, halo,
        last, omega;
    gboolean quiet, faithful, half;
} FitOptions;

static gboolean no_stage(const char *name, GError **error)
{
    GString *names = g_string_new(NULL);

    for (guint i = 0; yonos_stage_at(i); i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", yonos_stage_at(i)->name);
    usage(error, "There is no stage '%s'; stages are %s.", name, names->str);
    g_string_free(names, TRUE);
    return FALSE;
}

static gboolean fit_run(const FitOptions *o, const char *name, GError **error)
{
    const YonosStage *stage = yonos_stage(name);
    YonosFitParams p = {.stage = stage,
                        .tier = o->tier,
                        .pack = o->pack,
                        .folder = o->folder,
                        .device = o->device,
                        .steps = o->steps,
                        .seed = o->seed,
                        .rate = o->rate,
                        .decay = o->decay,
                        .clip = o->clip,
                        .average = o->average,
                        .perceptual = o->perceptual,
                        .adversarial = o->adversarial,
                        .discriminator_rate = o->discriminator_rate,
                        .luma = o->luma,
                        .steady = o->steady,
                        .mesh = o->mesh,
                        .crisp = o->crisp,
                        .halo = o->halo,
                        .last = o->last,
                        .omega = o->omega,
                        .half = o->half,
                        .start = o->start,
                        .checkpoint_every = o->checkpoint,
                        .stopped = stopped,
                        .quiet = o->quiet};
    gboolean finished;

    p.params = (YonosStageParams){.tier = yonos_compact_tier(o->tier),
                                  .scale = o->scale,
                                  .batch = o->batch,
                                  .crop = o->crop,
                                  .video = !g_strcmp0(o->set, "video"),
                                  .predict_v = !g_strcmp0(o->predict, "v"),
                                  .faithful = o->faithful,
                                  .luma = o->luma > 0,
                                  .steady = o->steady > 0,
                                  .meshless = o->mesh > 0,
                                  .crisp = o->crisp > 0,
                                  .haloless = o->halo > 0,
                                  .features = o->features};
    if (!stage)
        return no_stage(name, error);
    if (!p.params.tier)
        return usage(error, "There is no tier '%s'.", o->tier);
    if (!p.params.tier->student && stage->levels != YONOS_LEVELS_LAST)
        return usage(error, "Tier '%s' has no latents, only decoders.", o->tier);
    if (!o->pack || !o->folder)
        return usage(error, "'fit' needs --pack and --out.");
    if (stage->first_scale ? (o->scale != 2 && o->scale != 4 && o->scale != 8) || o->scale < stage->first_scale
                           : o->scale)
        return usage(error, "Stage '%s' has no scale %d.", name, o->scale);
    if (o->batch < 1 || o->batch > 4096 || o->crop < YONOS_COMPACT_GRID || o->crop > 4096 ||
        o->crop % YONOS_COMPACT_GRID)
        return usage(error, "A batch of %d crops of %d pixels cannot be; the side is a multiple of %d.", o->batch,
                     o->crop, YONOS_COMPACT_GRID);
    if (o->set && !p.params.video && strcmp(o->set, "clean"))
        return usage(error, "There is no set '%s'; sets are clean and video.", o->set);
    if (o->predict && !p.params.predict_v && strcmp(o->predict, "z"))
        return usage(error, "A student cannot predict '%s', only z or v.", o->predict);
    if (o->features && !yonos_stage_is_adversarial(stage))
        return usage(error, "Stage '%s' has no perceptual loss; leave --features out.", name);
    if ((o->mesh || o->crisp || o->halo) &&
        (!yonos_stage_is_adversarial(stage) || !(o->mesh >= 0) || !(o->crisp >= 0) || !(o->halo >= 0)))
        return usage(error, "Only the perceptual stage weighs mesh, crispness and halos, by positive numbers.");
    if (!(o->perceptual >= 0) || !(o->adversarial >= 0) || !(o->discriminator_rate >= 0))
        return usage(error, "The losses' weights and the discriminator's rate cannot be negative.");
    if (o->luma && (stage->levels != YONOS_LEVELS_LAST || !(o->luma > 0)))
        return usage(error, "Only decoders' losses weigh luma, by a positive number.");
    if (o->steady && (stage->levels != YONOS_LEVELS_LAST || !(o->steady > 0)))
        return usage(error, "Only decoders can be trained to be steady, by a positive weight.");
    if (o->crop <= (o->steady ? 2 * YONOS_STAGE_PAN : 0) + (yonos_stage_is_adversarial(stage) ? YONOS_STAGE_PHASE : 0))
        return usage(error, "Crops of %d pixels are too small for this stage.", o->crop);
    if (!(o->last >= 0 && o->last <= 1) || !(o->omega >= 0))
        return usage(error, "A share of a batch is 0 to 1, and what counts of the signal's ratio is not negative.");
    if (o->steps < 1 || !(o->rate > 0) || o->checkpoint < 1)
        return usage(error, "Steps, rate and checkpoint must be positive.");
    g_mkdir_with_parents(o->folder, 0777);
    if (!yonos_fit(&p, &finished, error))
        return FALSE;
    if (!finished) {
        if (yonos_ranks_own() == 0)
            g_print("\nStopped; the same command goes on from here.\n");
        yonos_ranks_stop();
        exit(130);
    }
    return TRUE;
}

static gboolean fit(int argc, char **argv, GError **error)
{
    FitOptions o = {.scale = 0,
                    .batch = 16,
                    .crop = 128,
                    .checkpoint = 120,
                    .steps = 5000,
                    .seed = 1,
                    .rate = 1e-3,
                    .decay = 1e-4,
                    .clip = 1,
                    .average = 0.999,
                    .perceptual = 0.15,
                    .adversarial = 0.001,
                    .discriminator_rate = 3e-4,
                    .last = 1.0 / 3,
                    .omega = 5};
    GOptionEntry entries[] = {
        {"tier", 0, 0, G_OPTION_ARG_STRING, &o.tier, "Tier (fast)", "NAME"},
        {"scale", 0, 0, G_OPTION_ARG_INT, &o.scale, "2, 4 or 8; not for the autoencoder", "N"},
        {"pack", 0, 0, G_OPTION_ARG_FILENAME, &o.pack, "Training pack", "FILE"},
        {"out", 0, 0, G_OPTION_ARG_FILENAME, &o.folder, "Folder of the chain's results", "FOLDER"},
        {"device", 0, 0, G_OPTION_ARG_STRING, &o.device, "cpu (default), gpu, or a Vulkan device", "NAME"},
        {"half", 0, 0, G_OPTION_ARG_NONE, &o.half,
         "fp16 tensors on a GPU, bf16 products on the CPU; weights and optimiser stay fp32", NULL},
        {"set", 0, 0, G_OPTION_ARG_STRING, &o.set, "x_l: clean (default) or video", "NAME"},
        {"predict", 0, 0, G_OPTION_ARG_STRING, &o.predict, "What the student predicts: z (default) or v", "z|v"},
        {"faithful", 0, 0, G_OPTION_ARG_NONE, &o.faithful, "The student sees E(bicubic(x_l)), not E_N(x_l)", NULL},
        {"steps", 0, 0, G_OPTION_ARG_INT64, &o.steps, "Steps in all (5000)", "N"},
        {"batch", 0, 0, G_OPTION_ARG_INT, &o.batch, "Pictures a step (16)", "N"},
        {"crop", 0, 0, G_OPTION_ARG_INT, &o.crop, "Their side in pixels (128)", "N"},
        {"rate", 0, 0, G_OPTION_ARG_DOUBLE, &o.rate, "Highest learning rate (1e-3)", "R"},
        {"decay", 0, 0, G_OPTION_ARG_DOUBLE, &o.decay, "Weight decay (1e-4)", "D"},
        {"clip", 0, 0, G_OPTION_ARG_DOUBLE, &o.clip, "Largest norm of the gradient (1)", "C"},
        {"average", 0, 0, G_OPTION_ARG_DOUBLE, &o.average, "Decay of the moving average (0.999)", "A"},
        {"features", 0, 0, G_OPTION_ARG_FILENAME, &o.features,
         "Weights of SqueezeNet 1.1 for the perceptual loss (our own encoder's features)", "FILE"},
        {"perceptual", 0, 0, G_OPTION_ARG_DOUBLE, &o.perceptual, "Weight of the perceptual loss beside L1 (0.15)", "W"},
        {"adversarial", 0, 0, G_OPTION_ARG_DOUBLE, &o.adversarial, "Weight of the adversarial loss (0.001)", "W"},
        {"discriminator-rate", 0, 0, G_OPTION_ARG_DOUBLE, &o.discriminator_rate,
         "Highest learning rate of the discriminator (3e-4)", "R"},
        {"luma", 0, 0, G_OPTION_ARG_DOUBLE, &o.luma, "Weight of luma's square error beside L1 (0)", "W"},
        {"steady", 0, 0, G_OPTION_ARG_DOUBLE, &o.steady, "Weight of what flickers in pans beside L1 (0)", "W"},
        {"mesh", 0, 0, G_OPTION_ARG_DOUBLE, &o.mesh,
         "Weight of what repeats with the latent grid, beside the perceptual loss (0)", "W"},
        {"crisp", 0, 0, G_OPTION_ARG_DOUBLE, &o.crisp, "Weight of edges' lost or added strength, beside it (0)", "W"},
        {"halo", 0, 0, G_OPTION_ARG_DOUBLE, &o.halo, "Weight of what leaves the original's local range, beside it (0)",
         "W"},
        {"last", 0, 0, G_OPTION_ARG_DOUBLE, &o.last, "Share of a denoiser's batch at t = T (1/3)", "0..1"},
        {"omega", 0, 0, G_OPTION_ARG_DOUBLE, &o.omega, "Its loss weighs min(a^2 / s^2, W) + 1 (5)", "W"},
        {"start", 0, 0, G_OPTION_ARG_FILENAME, &o.start,
         "Weights to begin with, where it has them, in place of an earlier stage's", "FILE"},
        {"seed", 0, 0, G_OPTION_ARG_INT64, &o.seed, "Seed of weights, crops and noise (1)", "N"},
        {"quiet", 0, 0, G_OPTION_ARG_NONE, &o.quiet, "No progress line", NULL},
        {"checkpoint", 0, 0, G_OPTION_ARG_INT, &o.checkpoint, "Seconds between checkpoints (120)", "S"},
        {0}};
    gboolean ok = parse(entries, "STAGE - train a stage of the chain, or go on with it", &argc, &argv, error);

    if (!o.tier)
        o.tier = g_strdup("fast");
    if (!o.device)
        o.device = g_strdup("cpu");
    if (ok)
        ok = argc == 2 ? fit_run(&o, argv[1], error) : usage(error, "'fit' takes the name of a stage.");
    g_free(o.tier);
    g_free(o.pack);
    g_free(o.folder);
    g_free(o.set);
    g_free(o.device);
    g_free(o.predict);
    g_free(o.features);
    g_free(o.start);
    return ok;
}

/* The facts, taken over, and one more. */
static char **with_fidelity(char **facts, double fidelity)
{
    guint n = facts ? g_strv_length(facts) : 0;
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    facts = g_renew(char *, facts, n + 2);
    facts[n] = g_strconcat("fidelity=", g_ascii_formatd(number, sizeof number, "%g", fidelity), NULL);
    facts[n + 1] = NULL;
    return facts;
}

static gboolean export(int argc, char **argv, GError **error)
{
    char *tier = NULL, **facts = NULL;
    int scale = 2;
    double fidelity = -1;
    gboolean int8 = FALSE;
    GOptionEntry entries[] = {
        {"tier", 0, 0, G_OPTION_ARG_STRING, &tier, "Tier (fast)", "NAME"},
        {"scale", 0, 0, G_OPTION_ARG_INT, &scale, "2, 4 or 8", "N"},
        {"fidelity", 0, 0, G_OPTION_ARG_DOUBLE, &fidelity, "Default share of the first of two decoders (1)", "0..1"},
        {"int8", 0, 0, G_OPTION_ARG_NONE, &int8, "Weights as 8-bit codes: half as large a file", NULL},
        {"fact", 0, 0, G_OPTION_ARG_STRING_ARRAY, &facts, "A line of the model card, for the metadata", "KEY=VALUE"},
        {0}};
    gboolean ok = parse(entries, "FOLDER MODEL - make a model file of a chain's results", &argc, &argv, error);

    if (!tier)
        tier = g_strdup("fast");
    if (ok && (argc != 3 || (scale != 2 && scale != 4 && scale != 8) || !yonos_compact_tier(tier)))
        ok = usage(error, "'export' takes a folder and a model's path; the scale is 2, 4 or 8.");
    if (ok && fidelity != -1 && !(fidelity >= 0 && fidelity <= 1))
        ok = usage(error, "A fidelity is a number from 0 to 1.");
    if (ok && fidelity != -1)
        facts = with_fidelity(facts, fidelity);
    ok = ok && yonos_export(argv[1], tier, scale, (const char *const *)facts, int8 ? YONOS_ST_I8 : YONOS_ST_F16,
                            argv[2], error);
    g_strfreev(facts);
    g_free(tier);
    return ok;
}

static gboolean import(int argc, char **argv, GError **error)
{
    gboolean decoders = FALSE;
    GOptionEntry entries[] = {
        {"decoders", 0, 0, G_OPTION_ARG_NONE, &decoders, "Its decoders too, which 'fit' then takes for done", NULL},
        {0}};
    gboolean ok = parse(entries, "MODEL FOLDER - take a model apart, to tune decoders of it", &argc, &argv, error);

    if (!ok)
        return FALSE;
    if (argc != 3)
        return usage(error, "'import' takes a model's path and a folder.");
    return yonos_import(argv[1], argv[2], decoders, error);
}

static gboolean blend(int argc, char **argv, GError **error)
{
    gboolean ok =
        parse((GOptionEntry[]){{0}}, "RESULT FILE=WEIGHT... - the weighted sum of results of one stage, as a result",
              &argc, &argv, error);
    YonosBlendPart *parts = g_new0(YonosBlendPart, (gsize)argc);
    guint n = 0;

    if (ok && argc < 3)
        ok = usage(error, "'blend' takes the path of what it makes, and files with weights.");
    for (int i = 2; ok && i < argc; i++, n++) {
        char *equals = strrchr(argv[i], '='), *end = NULL;
        if (equals) {
            *equals = '\0';
            parts[n] = (YonosBlendPart){argv[i], g_ascii_strtod(equals + 1, &end)};
        }
        if (!end || end == equals + 1 || *end)
            ok = usage(error, "'%s' is no file with =WEIGHT behind it.", argv[i]);
    }
    ok = ok && yonos_blend(argv[1], parts, n, error);
    g_free(parts);
    return ok;
}

static gboolean clips(int argc, char **argv, GError **error)
{
    int count = 8, frames = 30, side = 512;
    gint64 seed = 1;
    GOptionEntry entries[] = {{"count", 0, 0, G_OPTION_ARG_INT, &count, "Clips (8)", "N"},
                              {"frames", 0, 0, G_OPTION_ARG_INT, &frames, "Frames of each (30)", "N"},
                              {"side", 0, 0, G_OPTION_ARG_INT, &side, "Their side in pixels (512)", "N"},
                              {"seed", 0, 0, G_OPTION_ARG_INT64, &seed, "Seed of pictures and paths (1)", "N"},
                              {0}};
    YonosPack *pack = NULL;
    gboolean ok = parse(entries, "PACK FOLDER - make clips of moving pictures, for evaluation", &argc, &argv, error);

    if (ok && (argc != 3 || count < 1 || count > 999 || frames < 1 || frames > 9999 || side < 1 || side > 8192))
        ok = usage(error, "'clips' takes a pack and a folder; 1 to 999 clips of 1 to 9999 frames, sides up to 8192.");
    ok = ok && (pack = yonos_pack_open(argv[1], error)) &&
         yonos_clips_write(pack, argv[2], count, frames, side, seed, error);
    yonos_pack_free(pack);
    return ok;
}

static const struct {
    const char *name;
    gboolean (*run)(int argc, char **argv, GError **error);
} commands[] = {{"pack", pack},     {"fit", fit},     {"export", export}, {"evaluate", yonos_evaluate_command},
                {"import", import}, {"blend", blend}, {"clips", clips}};

int main(int argc, char **argv)
{
    GError *error = NULL;

    yonos_ranks_start(&argc, &argv);
    setlocale(LC_ALL, "");
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    for (guint i = 0; argc > 1 && i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(argv[1], commands[i].name))
            continue;
        if (commands[i].run(argc - 1, argv + 1, &error)) {
            yonos_ranks_stop();
            return EXIT_SUCCESS;
        }
        g_printerr("%syonos-train: %s\n", isatty(STDERR_FILENO) ? "\n" : "", error->message);
        g_error_free(error);
        yonos_ranks_abort();
        return EXIT_FAILURE;
    }
    g_printerr(
        "yonos-train pack FOLDER PACK | fit STAGE --pack FILE --out FOLDER ... | export FOLDER MODEL --scale N |\n"
        "            import MODEL FOLDER | blend RESULT FILE=WEIGHT... | evaluate MODEL FOLDER|CLIP... |\n"
        "            clips PACK FOLDER\n"
        "Each with --help tells its options; docs/TRAINING.md tells the chain.\n");
    return EXIT_FAILURE;
}
