/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trainer: checkpoints and resume, the whole chain in small from a pack to a model file. */
#include "base/error.h"
#include "checkpoint.h"
#include "cpu/cpu-executor.h"
#include "degrade.h"
#include "export.h"
#include "fit.h"
#include "models/model-file.h"
#include "noise.h"
#include "ops/ops.h"
#include "small-pack.h"
#ifdef HAVE_VULKAN
#include "tested-device.h"
#include "vulkan/vulkan-executor.h"
#endif

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define SEED 20261123
#define SIDE SMALL_PACK_SIDE

static char *folder, *pack;

static char *in_folder(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static const char *tier = "fast", *device = "cpu", *start_file;
static gboolean video; /* the set of fit() */
static double steady;  /* its weight */
static double rate = 1e-3;
static gboolean half;
static guint stop_after; /* calls of `stopped` until it says TRUE; 0: never */

static gboolean stopped(void)
{
    return stop_after && !--stop_after;
}

static gboolean fit(const char *out, const char *stage, int scale, guint64 steps, GError **error)
{
    char *results = in_folder(out);
    YonosFitParams p = {.stage = yonos_stage(stage),
                        .tier = tier,
                        .pack = pack,
                        .folder = results,
                        .device = device,
                        .half = half,
                        .start = start_file,
                        .steps = steps,
                        .seed = SEED,
                        .rate = rate,
                        .decay = 1e-4,
                        .clip = 1,
                        .average = 0.9,
                        .checkpoint_every = 3600,
                        .stopped = stopped,
                        .quiet = TRUE,
                        .perceptual = 0.15,
                        .adversarial = 0.005,
                        .discriminator_rate = 1e-3,
                        .steady = steady,
                        .mesh = 50,
                        .crisp = 30,
                        .halo = 100,
                        .last = 1 / 3.0,
                        .omega = 5,
                        .params = {.tier = yonos_compact_tier(tier),
                                   .scale = scale,
                                   .batch = 2,
                                   .crop = steady ? SIDE : 32,
                                   .steady = steady > 0,
                                   .meshless = yonos_stage_is_adversarial(yonos_stage(stage)),
                                   .crisp = yonos_stage_is_adversarial(yonos_stage(stage)),
                                   .haloless = yonos_stage_is_adversarial(yonos_stage(stage)),
                                   .video = video}};
    gboolean finished = FALSE;

    g_mkdir_with_parents(results, 0700);
    g_assert_true(yonos_fit(&p, &finished, error) || (error && *error));
    g_free(results);
    return finished;
}

static void assert_same_file(const char *a, const char *b)
{
    char *path_a = in_folder(a), *path_b = in_folder(b), *text_a, *text_b;
    gsize size_a, size_b;

    g_assert_true(g_file_get_contents(path_a, &text_a, &size_a, NULL));
    g_assert_true(g_file_get_contents(path_b, &text_b, &size_b, NULL));
    g_assert_cmpmem(text_a, size_a, text_b, size_b);
    g_free(text_a);
    g_free(text_b);
    g_free(path_a);
    g_free(path_b);
}

/* Stopped and gone on with, a fit ends with the same weights, bit for bit; so it does when its newest checkpoint was
 * cut short, and is then passed over for the one before. */
static void test_resume(void)
{
    char *newest = in_folder("broken/autoencoder-00000006.ckpt"), *bytes;
    GError *error = NULL;
    gsize n;

    stop_after = 0;
    g_assert_true(fit("straight", "autoencoder", 0, 9, &error));
    for (int k = 0; k < 2; k++) {
        stop_after = 4; /* three steps, then a checkpoint */
        g_assert_false(fit("broken", "autoencoder", 0, 9, &error));
        g_assert_no_error(error);
    }
    stop_after = 0;
    g_assert_true(g_file_get_contents(newest, &bytes, &n, NULL));
    g_assert_true(g_file_set_contents(newest, bytes, n / 2, NULL));
    g_assert_true(fit("broken", "autoencoder", 0, 9, &error));
    g_assert_no_error(error);
    assert_same_file("straight/autoencoder.safetensors", "broken/autoencoder.safetensors");
    g_free(bytes);
    g_free(newest);
}

/* The same of the video set, and every stage that takes x_l trains on it. */
static void test_video(void)
{
    GError *error = NULL;
    YonosDegrader *degrader = yonos_degrader_new(32, &error);

    if (!degrader) {
        g_test_skip(error->message);
        g_error_free(error);
        return;
    }
    yonos_degrader_free(degrader);
    video = TRUE;
    g_assert_true(fit("straight", "lr-encoder", 2, 5, &error));
    stop_after = 3;
    g_assert_false(fit("broken", "lr-encoder", 2, 5, &error));
    g_assert_no_error(error);
    stop_after = 0;
    g_assert_true(fit("broken", "lr-encoder", 2, 5, &error));
    assert_same_file("straight/lr-encoder-x2.safetensors", "broken/lr-encoder-x2.safetensors");
    g_assert_true(fit("straight", "lr-encoder", 4, 1, &error));
    g_assert_true(fit("straight", "teacher", 2, 1, &error));
    g_assert_true(fit("straight", "student", 4, 1, &error));
    g_assert_true(fit("straight", "decoder", 4, 1, &error));
    steady = 3;
    g_assert_true(fit("straight", "decoder", 2, 3, &error));
    g_assert_no_error(error);
    steady = 0;
    video = FALSE;
}

static void test_refusals(void)
{
    GError *error = NULL;

    g_assert_false(fit("refused", "teacher", 2, 3, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_assert_true(g_str_has_prefix(error->message, "Stage teacher needs the result of stage autoencoder: "));
    g_clear_error(&error);
    stop_after = 2;
    g_assert_false(fit("refused", "autoencoder", 0, 9, &error));
    g_assert_no_error(error);
    g_assert_false(fit("refused", "autoencoder", 0, 10, &error)); /* other steps: another schedule */
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MODEL);
    g_clear_error(&error);
}

/* What the trainer's graph makes of a picture by the student at t = T and the decoder. */
static void run_trained(const float *x_l, const float *noise, int scale, int side, float *y)
{
    const YonosCompactTier *t = yonos_compact_tier(tier);
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, side, side, 3}), z = YONOS_NONE;
    YonosTensorId n = yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){1, side * scale / 8, side * scale / 8, 16});
    YonosTensorId time = yonos_graph_input(g, "time", YONOS_F32, (YonosShape){1, 1, 1, YONOS_COMPACT_TIME});
    YonosTensorId out = yonos_graph_input(g, "y", YONOS_F32, (YonosShape){1, side * scale, side * scale, 3});
    char *files[] = {yonos_stage_file(yonos_stage("teacher"), scale, folder),
                     yonos_stage_file(yonos_stage("decoder"), scale, folder)};
    YonosNoiseLevel level;
    YonosExecutor *ex;
    GError *error = NULL;

    yonos_noise_level(&level, 1);
    if (t->student)
        z = yonos_compact_student(g, t, n, yonos_compact_lr_encoder(g, t, x, scale), time);
    z = yonos_compact_decoder(g, t, z, x, scale);
    yonos_append(g, YONOS_OP_ADD, 2, (YonosTensorId[]){yonos_resize(g, x, side * scale, side * scale), z}, out, NULL, 0,
                 1, 0);
    ex = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL);
    for (guint i = 0; i < g->params->len; i++) {
        const YonosParam *param = &g_array_index(g->params, YonosParam, i);
        const YonosTensor *tensor = yonos_graph_at(g, param->tensor);
        gsize size = yonos_shape_elements(tensor->shape);
        float *values = g_new(float, size);
        YonosModelFile file;
        yonos_model_file_open_weights(&file, files[g_str_has_prefix(param->name, "decoder.")], &error);
        g_assert_true(yonos_model_file_read(&file, param->name, tensor->shape, values, &error));
        yonos_executor_write(ex, tensor->buffer, tensor->offset, values, size, NULL);
        yonos_model_file_clear(&file);
        g_free(values);
    }
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "x"), 0, x_l, side * side * 3, NULL);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "noise"), 0, noise, side * side * scale * scale / 4, NULL);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "time"), 0, level.embedding, YONOS_COMPACT_TIME, NULL);
    g_assert_true(yonos_executor_run(ex, &error));
    yonos_executor_read(ex, yonos_graph_find_buffer(g, "y"), 0, y, (gsize)side * side * scale * scale * 3, NULL);
    yonos_executor_free(ex);
    yonos_graph_free(g);
    g_free(files[0]);
    g_free(files[1]);
}

/* The same by the exported model, as the element would. */
static void run_exported(const char *path, const float *x_l, const float *noise, int scale, int side, float *y)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, side, side, 3});
    YonosTensorId n = yonos_graph_input(g, "noise", YONOS_F32, (YonosShape){1, side * scale / 8, side * scale / 8, 16});
    YonosTensorId out = yonos_compact_upscale(g, yonos_compact_tier(tier), x, n, scale, YONOS_COMPACT_INPUT_LR);
    gsize size = yonos_shape_elements(yonos_graph_shape(g, out));
    YonosExecutor *ex;
    YonosModelFile file;
    GError *error = NULL;

    g_array_index(g->tensors, YonosTensor, out).buffer = yonos_graph_buffer(g, "y", YONOS_F32, size);
    if (scale == 2) /* the scale whose chain went on to a second decoder */
        yonos_model_file_add_perceptual(g);
    ex = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL);
    g_assert_true(yonos_model_file_open(&file, path, scale, &error));
    g_assert_cmpstr(yonos_safetensors_metadata(file.file, "licence"), ==, "none");
    g_assert_true(yonos_model_file_load(&file, ex, &error));
    yonos_model_file_clear(&file);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "x"), 0, x_l, side * side * 3, NULL);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "noise"), 0, noise, side * side * scale * scale / 4, NULL);
    g_assert_true(yonos_executor_run(ex, &error));
    yonos_executor_read(ex, yonos_graph_find_buffer(g, "y"), 0, y, size, NULL);
    yonos_executor_free(ex);
    yonos_graph_free(g);
}

static void check_export(int scale)
{
    const char *facts[] = {"licence=none", NULL};
    int side = 32 / scale;
    float x_l[16 * 16 * 3] = {0} /* a black picture: no base, the residual alone */, noise[4 * 4 * 16], a[32 * 32 * 3],
                        b[32 * 32 * 3];
    char *path = in_folder("model.safetensors");
    double worst = 0, most = 0;
    GError *error = NULL;

    for (gsize k = 0; k < G_N_ELEMENTS(noise); k++)
        noise[k] = (float)(yonos_noise_draw(SEED, k, 98, 100, 0) * 2 - 1);
    g_assert_true(yonos_export(folder, tier, scale, facts, YONOS_ST_F16, path, &error));
    run_trained(x_l, noise, scale, side, a);
    run_exported(path, x_l, noise, scale, side, b);
    for (int k = 0; k < 32 * 32 * 3; k++) {
        worst = MAX(worst, fabsf(a[k] - b[k]));
        most = MAX(most, fabsf(a[k]));
    }
    g_test_message("x%d: exported and trained differ by %g of %g", scale, worst, most);
    g_assert_cmpfloat(most, >, 0);
    g_assert_cmpfloat(worst, <, 5e-3 * most); /* 11 bits of weights */
    g_free(path);
}

/* A finished stage, done again with a break, gives the same result. */
static void check_resumed(const char *stage, int scale, guint64 steps)
{
    char *result = yonos_stage_file(yonos_stage(stage), scale, folder), *straight = in_folder("straight.safetensors");
    GError *error = NULL;

    g_assert_cmpint(g_rename(result, straight), ==, 0);
    stop_after = steps / 2;
    g_assert_false(fit(".", stage, scale, steps, &error));
    g_assert_true(fit(".", stage, scale, steps, &error));
    g_assert_no_error(error);
    assert_same_file("straight.safetensors", strrchr(result, G_DIR_SEPARATOR) + 1);
    g_free(result);
    g_free(straight);
}

/* Every stage from a pack to model files; the latents come out normalised; fp16 and folded t change next to nothing. */
static void test_chain(void)
{
    static const struct {
        const char *stage;
        int scale;
    } chain[] = {{"autoencoder", 0}, {"lr-encoder", 2}, {"lr-encoder", 4}, {"lr-encoder", 8},
                 {"teacher", 2},     {"student", 4},    {"student", 8},    {"decoder", 2},
                 {"decoder", 4},     {"decoder", 8},    {"perceptual", 2}};
    GError *error = NULL;

    stop_after = 0;
    for (guint k = 0; k < G_N_ELEMENTS(chain); k++) {
        g_assert_true(fit(".", chain[k].stage, chain[k].scale, 12, &error));
        g_assert_no_error(error);
    }
    check_resumed("perceptual", 2, 12);
    check_export(2);
    check_export(4);
    check_export(8);
}

/* A decoder begins with a latent branch of zeros or, given another, goes on from it: at the lowest rate it stays where
 * it was. */
static void check_started(const char *result)
{
    YonosShape shape = {3, 3, YONOS_COMPACT_LATENT, 64};
    float old[3 * 3 * YONOS_COMPACT_LATENT * 64], fresh[G_N_ELEMENTS(old)];
    char *first = in_folder("first.safetensors");
    YonosModelFile file;
    GError *error = NULL;

    g_assert_cmpint(g_rename(result, first), ==, 0);
    start_file = first;
    rate = 1e-12;
    g_assert_true(fit(".", "decoder", 8, 1, &error));
    g_assert_no_error(error);
    for (int k = 0; k < 2; k++) {
        g_assert_true(yonos_model_file_open_weights(&file, k ? result : first, &error));
        g_assert_true(yonos_model_file_read(&file, "decoder.in.weight", shape, k ? fresh : old, &error));
        yonos_model_file_clear(&file);
    }
    for (guint k = 0; k < G_N_ELEMENTS(old); k++) /* the average rounds */
        g_assert_cmpfloat_with_epsilon(old[k], fresh[k], 1e-6 * fabsf(old[k]));
    g_remove(result);
    start_file = NULL;
    g_assert_true(fit(".", "decoder", 8, 1, &error));
    g_assert_true(yonos_model_file_open_weights(&file, result, &error));
    g_assert_true(yonos_model_file_read(&file, "decoder.in.weight", shape, fresh, &error));
    yonos_model_file_clear(&file);
    for (guint k = 0; k < G_N_ELEMENTS(fresh); k++)
        g_assert_cmpfloat_with_epsilon(fresh[k], 0, 1e-9);
    g_remove(result);
    start_file = "nothing";
    g_assert_false(fit(".", "decoder", 8, 1, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_error_free(error);
    start_file = NULL;
    rate = 1e-3;
    g_free(first);
}

/* A denoiser that starts as a student does and learns z_h itself; a decoder in pans; both resume exactly. */
static void test_variants(void)
{
    char *start = in_folder("denoiser-x2.safetensors"), *result = in_folder("denoiser-x4.safetensors");
    GError *error = NULL;

    g_remove(result);
    g_assert_true(fit(".", "direct", 4, 12, &error));
    g_assert_no_error(error);
    check_resumed("direct", 4, 12);
    g_remove(start);
    g_remove(result);
    g_assert_false(fit(".", "direct", 4, 12, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_clear_error(&error);
    g_free(start);
    g_free(result);
    g_remove(result = in_folder("decoder-x8.safetensors"));
    steady = 3;
    g_assert_true(fit(".", "decoder", 8, 12, &error));
    g_assert_no_error(error);
    check_resumed("decoder", 8, 12);
    steady = 0;
    check_started(result);
    g_free(result);
}

/* The control has decoders alone, which need no other stage's result. */
static void test_plain(void)
{
    GError *error = NULL;

    tier = "fast-plain";
    for (int scale = 4; scale <= 8; scale *= 2) {
        char *result = yonos_stage_file(yonos_stage("decoder"), scale, folder);
        g_remove(result);
        g_assert_true(fit(".", "decoder", scale, 12, &error));
        g_assert_no_error(error);
        check_resumed("decoder", scale, 12);
        check_export(scale);
        g_free(result);
    }
    tier = "fast";
}

/* A loss that rises ends the training, and names what to change. */
static void test_diverging(void)
{
    GError *error = NULL;

    tier = "fast-plain";
    rate = 30;
    g_assert_false(fit("diverging", "decoder", 4, 400, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MODEL);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "decoder-x4 left the rails"));
    g_error_free(error);
    tier = "fast";
    rate = 1e-3;
}

/* A tier's autoencoder begins with another's E; its D0, of another shape, does not. */
static void test_shared_encoder(void)
{
    YonosShape shape = {3, 3, 12, 32};
    float ours[3 * 3 * 12 * 32], theirs[G_N_ELEMENTS(ours)];
    char *start = in_folder("autoencoder.safetensors"), *result = in_folder("shared/autoencoder.safetensors");
    YonosModelFile file;
    GError *error = NULL;

    start_file = start;
    tier = "balanced";
    rate = 1e-12;
    g_assert_true(fit("shared", "autoencoder", 0, 1, &error));
    g_assert_no_error(error);
    for (int k = 0; k < 2; k++) {
        g_assert_true(yonos_model_file_open_weights(&file, k ? start : result, &error));
        g_assert_true(yonos_model_file_read(&file, "hr_encoder.in.weight", shape, k ? theirs : ours, &error));
        yonos_model_file_clear(&file);
    }
    for (guint k = 0; k < G_N_ELEMENTS(ours); k++)
        g_assert_cmpfloat_with_epsilon(ours[k], theirs[k], 1e-6 * fabsf(theirs[k]));
    g_assert_false(fit("shared", "lr-encoder", 2, 1, &error)); /* has nothing for that stage */
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_MODEL);
    g_error_free(error);
    start_file = NULL;
    tier = "fast";
    rate = 1e-3;
    g_free(start);
    g_free(result);
}

/* The last loss of a log. */
static double last_loss(const char *log)
{
    char *path = in_folder(log), *text, *line;
    double loss;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    line = strrchr(g_strchomp(text), '\n');
    loss = g_ascii_strtod(strchr(line, ',') + 1, NULL);
    g_free(text);
    g_free(path);
    return loss;
}

/* At half precision it follows that in fp32, and resumes exactly. */
static void check_half(const char *where)
{
    char *name = g_strdup_printf("half-%s", where), *broken = g_strdup_printf("broken-%s", where);
    char *log = g_build_filename(name, "autoencoder.csv", NULL);
    char *results[] = {g_build_filename(name, "autoencoder.safetensors", NULL),
                       g_build_filename(broken, "autoencoder.safetensors", NULL)};
    GError *error = NULL;
    double single;

    g_assert_true(fit("single", "autoencoder", 0, 8, &error));
    single = last_loss("single/autoencoder.csv");
    half = TRUE;
    device = where;
    g_assert_true(fit(name, "autoencoder", 0, 8, &error));
    g_assert_no_error(error);
    g_test_message("loss of step 8: fp32 %g, at half precision on %s %g", single, where, last_loss(log));
    g_assert_cmpfloat_with_epsilon(last_loss(log), single, 0.01 * single);
    stop_after = 4;
    g_assert_false(fit(broken, "autoencoder", 0, 8, &error));
    g_assert_true(fit(broken, "autoencoder", 0, 8, &error));
    assert_same_file(results[0], results[1]);
    half = FALSE;
    device = "cpu";
    g_free(name);
    g_free(broken);
    g_free(log);
    g_free(results[0]);
    g_free(results[1]);
}

static void test_half(void)
{
    GError *error = NULL;

    if (yonos_cpu_fastest() == YONOS_CPU_BF16) {
        check_half("cpu");
        return;
    }
    half = TRUE;
    g_assert_false(fit("half", "autoencoder", 0, 8, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED);
    g_error_free(error);
    half = FALSE;
}

#ifdef HAVE_VULKAN
static void test_half_on_gpu(void)
{
    if (yonos_vulkan_has_device(tested_device()))
        check_half(tested_device());
    else
        g_test_skip("no Vulkan device to test");
}
#endif

static void remove_folder(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        char *entry = g_build_filename(path, name, NULL);
        if (g_file_test(entry, G_FILE_TEST_IS_DIR))
            remove_folder(entry);
        g_remove(entry);
        g_free(entry);
    }
    if (dir)
        g_dir_close(dir);
    g_rmdir(path);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    folder = g_dir_make_tmp("yonos-fit-XXXXXX", NULL);
    pack = in_folder("pack");
    small_pack_write(pack);
    g_test_add_func("/fit/resume", test_resume);
    g_test_add_func("/fit/video", test_video);
    g_test_add_func("/fit/refusals", test_refusals);
    g_test_add_func("/fit/chain", test_chain);
    g_test_add_func("/fit/variants", test_variants);
    g_test_add_func("/fit/plain", test_plain);
    g_test_add_func("/fit/diverging", test_diverging);
    g_test_add_func("/fit/shared-encoder", test_shared_encoder);
    g_test_add_func("/fit/half", test_half);
#ifdef HAVE_VULKAN
    g_test_add_func("/fit/half-on-gpu", test_half_on_gpu);
#endif
    status = g_test_run();
    remove_folder(folder);
    g_free(folder);
    g_free(pack);
    return status;
}
