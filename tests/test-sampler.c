/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sampler: against a denoiser that is known to be perfect, and over a chain's files against the exported model. */
#include "base/error.h"
#include "base/random.h"
#include "cpu/cpu-executor.h"
#include "export.h"
#include "models/model-file.h"
#include "ops/ops.h"
#include "sampler.h"
#include "stage.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define SEED 20261125

static char *folder;

/* Latents that are normal, mean MEAN, variance VARIANCE, in every place: the best prediction is linear. */
#define MEAN 0.7
#define VARIANCE 0.36

static gboolean perfect(gpointer user, const float *z_t, const YonosNoiseLevel *level, float *z,
                        G_GNUC_UNUSED GError **error)
{
    double a = level->a, s = level->s, gain = a * VARIANCE / (a * a * VARIANCE + s * s);

    for (gsize k = 0; k < *(gsize *)user; k++)
        z[k] = (float)(MEAN + gain * (z_t[k] - a * MEAN));
    return TRUE;
}

/* Of z_T's deviation, what a step over (a, s) -> (a', s') keeps, all steps together. */
static double analytic_gain(int steps)
{
    double gain = 1;

    for (int k = 0; k < steps; k++) {
        YonosNoiseLevel now, next;
        double g;
        yonos_noise_level(&now, 1 - (double)k / steps);
        yonos_noise_level(&next, 1 - (k + 1.0) / steps);
        g = now.a * VARIANCE / (now.a * now.a * VARIANCE + now.s * now.s);
        gain *= next.a * g + next.s * (1 - now.a * g) / now.s;
    }
    return gain;
}

static void test_variance(void)
{
    static const int steps[] = {1, 2, 7, 50, 400};
    gsize n = 20001;
    float *z = g_new(float, n);

    for (guint k = 0; k < G_N_ELEMENTS(steps); k++) {
        double mean = 0, variance = 0, given_mean = 0, given = 0, gain = analytic_gain(steps[k]);
        for (gsize i = 0; i < n; i++) {
            z[i] = yonos_random_normal(SEED, i);
            given_mean += z[i] / n;
            given += (double)z[i] * z[i] / n;
        }
        given -= given_mean * given_mean;
        g_assert_true(yonos_sample(perfect, &n, z, n, steps[k], NULL));
        for (gsize i = 0; i < n; i++) {
            mean += z[i] / n;
            variance += (double)z[i] * z[i] / n;
        }
        variance -= mean * mean;
        g_test_message("%d steps: mean %g, variance %g; analytic %g, of the latents %g", steps[k], mean, variance,
                       gain * gain, VARIANCE);
        g_assert_cmpfloat_with_epsilon(mean, MEAN + gain * given_mean, 1e-4);
        g_assert_cmpfloat_with_epsilon(variance, gain * gain * given, 1e-4);
        if (steps[k] == 400) /* many small steps lead from noise to the latents' own distribution */
            g_assert_cmpfloat_with_epsilon(variance, VARIANCE, 0.02 * VARIANCE);
    }
    g_free(z);
}

/* A prediction without structure, different at every level. */
static gboolean arbitrary(gpointer user, const float *z_t, const YonosNoiseLevel *level, float *z,
                          G_GNUC_UNUSED GError **error)
{
    for (gsize k = 0; k < *(gsize *)user; k++)
        z[k] = sinf(3 * z_t[k] + level->embedding[k % YONOS_COMPACT_TIME]);
    return TRUE;
}

static void test_one_step(void)
{
    float z[333], direct[333];
    gsize n = G_N_ELEMENTS(z);
    YonosNoiseLevel level;

    for (gsize k = 0; k < n; k++)
        z[k] = yonos_random_normal(SEED, k);
    yonos_noise_level(&level, 1);
    arbitrary(&n, z, &level, direct, NULL);
    g_assert_true(yonos_sample(arbitrary, &n, z, n, 1, NULL));
    g_assert_cmpmem(z, sizeof z, direct, sizeof direct);
}

#define BATCH 4
#define LATENTS (2 * 2 * YONOS_COMPACT_LATENT) /* of a picture of 16 x 16 */

static const float ones[BATCH] = {1, 1, 1, 1};

static void put(YonosExecutor *ex, const char *name, const float *values, gsize n)
{
    GError *error = NULL;

    yonos_executor_write(ex, yonos_graph_find_buffer(ex->graph, name), 0, values, n, &error);
    g_assert_no_error(error);
}

static YonosExecutor *executor_of(YonosGraph *g, YonosTensorId loss)
{
    GError *error = NULL;
    YonosExecutor *ex;

    g_assert_true(yonos_graph_check(g, &error));
    g_array_index(g->tensors, YonosTensor, loss).buffer = yonos_graph_buffer(g, "loss", YONOS_F32, 1);
    ex = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, &error);
    g_assert_no_error(error);
    return ex;
}

/* A denoiser whose latents and output are constants, set by biases, so that its loss is known. */
static float loss_of_constants(const float *latent, const float *output, const float *eps, const double *t)
{
    YonosStageParams params = {.tier = yonos_compact_tier("fast"), .scale = 2, .batch = BATCH, .crop = 16};
    YonosGraph *g = yonos_graph_new();
    const YonosTensor *bias;
    YonosExecutor *ex;
    float result;

    params.predict_v = TRUE;
    ex = executor_of(g, yonos_stage("teacher")->build(g, &params));
    bias = yonos_graph_find_param(g, "hr_encoder.out.bias");
    yonos_executor_write(ex, bias->buffer, bias->offset, latent, YONOS_COMPACT_LATENT, NULL);
    bias = yonos_graph_find_param(g, "student.out.bias");
    yonos_executor_write(ex, bias->buffer, bias->offset, output, YONOS_COMPACT_LATENT, NULL);
    put(ex, "noise", eps, BATCH * LATENTS);
    for (int n = 0; n < BATCH; n++) {
        YonosNoiseLevel level;
        float omega;
        yonos_noise_level(&level, t[n]);
        yonos_executor_write(ex, yonos_graph_find_buffer(g, "a"), n, &level.a, 1, NULL);
        yonos_executor_write(ex, yonos_graph_find_buffer(g, "s"), n, &level.s, 1, NULL);
        omega = yonos_noise_omega(&level, 5);
        yonos_executor_write(ex, yonos_graph_find_buffer(g, "omega"), n, &omega, 1, NULL);
    }
    g_assert_true(yonos_executor_run(ex, NULL));
    yonos_executor_read(ex, yonos_graph_find_buffer(g, "loss"), 0, &result, 1, NULL);
    yonos_executor_free(ex);
    yonos_graph_free(g);
    return result;
}

/* omega || z - z^ ||^2 is || v - v^ ||^2 down to s^2 = 1/6, and 6 s^2 of it below. */
static void test_v_loss(void)
{
    const double t[BATCH] = {1, 0.6, 0.3, 0.1};
    float latent[YONOS_COMPACT_LATENT], output[YONOS_COMPACT_LATENT], eps[BATCH * LATENTS];
    double want = 0, got;

    for (int k = 0; k < BATCH * LATENTS; k++)
        eps[k] = yonos_random_normal(SEED, k);
    for (int c = 0; c < YONOS_COMPACT_LATENT; c++) {
        latent[c] = yonos_random_normal(SEED + 1, c);
        output[c] = yonos_random_normal(SEED + 2, c);
    }
    for (int k = 0; k < BATCH * LATENTS; k++) {
        double a = cos(G_PI_2 * t[k / LATENTS]), s = sin(G_PI_2 * t[k / LATENTS]);
        double v = a * eps[k] - s * latent[k % YONOS_COMPACT_LATENT], d = v - output[k % YONOS_COMPACT_LATENT];
        want += d * d * MIN(1, 6 * s * s) / (BATCH * LATENTS);
    }
    got = loss_of_constants(latent, output, eps, t);
    g_test_message("loss %g, by v %g", got, want);
    g_assert_cmpfloat_with_epsilon(got, want, 1e-5 * want);
}

/* Seeded weights for the parts of a name, the same in every graph. */
static void fill(YonosExecutor *ex, const char *prefix)
{
    for (guint k = 0; k < ex->graph->params->len; k++) {
        const YonosParam *param = &g_array_index(ex->graph->params, YonosParam, k);
        const YonosTensor *t = yonos_graph_at(ex->graph, param->tensor);
        for (gsize n = 0; g_str_has_prefix(param->name, prefix) && n < yonos_shape_elements(t->shape); n++) {
            float value = yonos_random_normal(SEED + g_str_hash(param->name), n) /
                          sqrtf((float)(t->shape.n * t->shape.h * t->shape.w));
            yonos_executor_write(ex, t->buffer, t->offset + n, &value, 1, NULL);
        }
    }
}

static void set_centre(YonosExecutor *ex, const char *name, int in, int out, float value)
{
    const YonosTensor *t = yonos_graph_find_param(ex->graph, name);

    yonos_executor_write(ex, t->buffer, t->offset + (4 * t->shape.w + in) * t->shape.c + out, &value, 1, NULL);
}

static float run_loss(YonosExecutor *ex, const float *x_h)
{
    float loss;

    fill(ex, "hr_encoder.");
    put(ex, "x_h", x_h, BATCH * 16 * 16 * 3);
    g_assert_true(yonos_executor_run(ex, NULL));
    yonos_executor_read(ex, yonos_graph_find_buffer(ex->graph, "loss"), 0, &loss, 1, NULL);
    return loss;
}

/* A student that hands z_l through, x = (act(x) - act(-x)) / 1.1, at t = T: its loss is || E(bicubic(x_l)) - E(x_h)
 * ||^2. */
static float loss_of_passing(const float *x_h, int scale)
{
    YonosStageParams params = {.tier = yonos_compact_tier("fast"), .scale = scale, .batch = BATCH, .crop = 16};
    YonosGraph *g = yonos_graph_new();
    YonosExecutor *ex;
    float loss;

    params.faithful = TRUE;
    ex = executor_of(g, yonos_stage("teacher")->build(g, &params));
    g_assert_null(yonos_graph_find_param(g, "lr_encoder.in.weight"));
    for (guint k = 0; k < g->params->len; k++) {
        const YonosParam *param = &g_array_index(g->params, YonosParam, k);
        g_assert_true(param->frozen == g_str_has_prefix(param->name, "hr_encoder."));
    }
    for (int c = 0; c < YONOS_COMPACT_LATENT; c++)
        for (int negative = 0; negative < 2; negative++) {
            int hidden = c + negative * YONOS_COMPACT_LATENT;
            set_centre(ex, "student.in.weight", YONOS_COMPACT_LATENT + c, hidden, negative ? -1 : 1);
            set_centre(ex, "student.out.weight", hidden, c, (negative ? -1 : 1) / 1.1f);
        }
    put(ex, "s", ones, BATCH);
    put(ex, "omega", ones, BATCH);
    loss = run_loss(ex, x_h);
    yonos_executor_free(ex);
    yonos_graph_free(g);
    return loss;
}

static void test_faithful(void)
{
    static const int scales[] = {2, 4, 8};
    float x_h[BATCH * 16 * 16 * 3];

    for (guint k = 0; k < G_N_ELEMENTS(x_h); k++)
        x_h[k] = (float)yonos_random_uniform(SEED, k);
    for (guint k = 0; k < G_N_ELEMENTS(scales); k++) {
        float got = loss_of_passing(x_h, scales[k]), want;
        YonosGraph *g = yonos_graph_new();
        YonosTensorId x = yonos_graph_input(g, "x_h", YONOS_F32, (YonosShape){BATCH, 16, 16, 3});
        YonosTensorId x_l = yonos_act(g, yonos_resize(g, x, 16 / scales[k], 16 / scales[k]), YONOS_ACT_CODES, 0);
        YonosTensorId z_l = yonos_compact_hr_encoder(g, yonos_resize(g, x_l, 16, 16));
        YonosExecutor *ex =
            executor_of(g, yonos_mse(g, z_l, yonos_compact_hr_encoder(g, x),
                                     yonos_graph_input(g, "one", YONOS_F32, (YonosShape){BATCH, 1, 1, 1})));
        put(ex, "one", ones, BATCH);
        want = run_loss(ex, x_h);
        g_test_message("x%d: loss %g, expected %g", scales[k], got, want);
        g_assert_cmpfloat(want, >, 1e-3);
        g_assert_cmpfloat_with_epsilon(got, want, 1e-5 * want);
        yonos_executor_free(ex);
        yonos_graph_free(g);
    }
}

#define PAN_CROP 64
#define PAN_FRAME (PAN_CROP - YONOS_STAGE_PAN)

/* What bicubic makes of the frame of picture n that begins at (x, y). */
static void bicubic_frame(const float *x_h, int n, int y, int x, int scale, float *frame, float *large)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId small = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, PAN_FRAME, PAN_FRAME, 3}), out;
    YonosExecutor *ex;
    GError *error = NULL;

    for (int row = 0; row < PAN_FRAME; row++)
        memcpy(frame + row * PAN_FRAME * 3, x_h + ((n * PAN_CROP + y + row) * PAN_CROP + x) * 3,
               PAN_FRAME * 3 * sizeof(float));
    small = yonos_act(g, yonos_resize(g, small, PAN_FRAME / scale, PAN_FRAME / scale), YONOS_ACT_CODES, 0);
    out = yonos_resize(g, small, PAN_FRAME, PAN_FRAME);
    g_array_index(g->tensors, YonosTensor, out).buffer =
        yonos_graph_buffer(g, "y", YONOS_F32, PAN_FRAME * PAN_FRAME * 3);
    ex = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, &error);
    g_assert_no_error(error);
    put(ex, "x", frame, PAN_FRAME * PAN_FRAME * 3);
    g_assert_true(yonos_executor_run(ex, NULL));
    yonos_executor_read(ex, yonos_graph_find_buffer(g, "y"), 0, large, PAN_FRAME * PAN_FRAME * 3, NULL);
    yonos_executor_free(ex);
    yonos_graph_free(g);
}

/* The loss of a decoder that adds nothing: bicubic's mean L1 of both frames, their luma's square error, and the flicker
 * where both show the same. */
static double steady_loss(const float *x_h, const float *origins[2], int scale, float luma, float weight)
{
    static float frame[PAN_FRAME * PAN_FRAME * 3], y[2][PAN_FRAME * PAN_FRAME * 3];
    const int side = PAN_CROP - 2 * YONOS_STAGE_PAN;
    double l1 = 0, squares = 0, flicker = 0;

    for (int n = 0; n < BATCH; n++) {
        for (int k = 0; k < 2; k++) {
            bicubic_frame(x_h, n, (int)origins[k][2 * n], (int)origins[k][2 * n + 1], scale, frame, y[k]);
            for (guint i = 0; i < G_N_ELEMENTS(frame); i++)
                l1 += fabsf(y[k][i] - frame[i]) / (2.0 * BATCH * G_N_ELEMENTS(frame));
            for (guint i = 0; i < G_N_ELEMENTS(frame); i += 3) {
                double off = 0.299 * (y[k][i] - frame[i]) + 0.587 * (y[k][i + 1] - frame[i + 1]) +
                             0.114 * (y[k][i + 2] - frame[i + 2]);
                squares += off * off / (2.0 * BATCH * PAN_FRAME * PAN_FRAME);
            }
        }
        for (int row = 0; row < side; row++)
            for (int i = 0; i < side * 3; i++) {
                float at[2];
                for (int k = 0; k < 2; k++)
                    at[k] = y[k][(row + YONOS_STAGE_PAN - (int)origins[k][2 * n]) * PAN_FRAME * 3 +
                                 (YONOS_STAGE_PAN - (int)origins[k][2 * n + 1]) * 3 + i];
                flicker += (at[0] - at[1]) * (at[0] - at[1]) / (3.0 * side * side * BATCH);
            }
    }
    return l1 + luma * squares + weight * flicker;
}

/* Stage decoder, steady, of parameters that are zero. */
static void test_steady(void)
{
    static const float origin_a[] = {0, 16, 3, 5, 7, 7, 16, 0}, origin_b[] = {16, 0, 4, 5, 7, 7, 9, 13};
    static float x_h[BATCH * PAN_CROP * PAN_CROP * 3];
    const float *origins[] = {origin_a, origin_b}, weight = 70, luma = 4;
    float common[2][2 * BATCH];

    for (guint k = 0; k < G_N_ELEMENTS(x_h); k++)
        x_h[k] = (float)yonos_random_uniform(SEED, k);
    for (int k = 0; k < 4 * BATCH; k++)
        common[k / (2 * BATCH)][k % (2 * BATCH)] = YONOS_STAGE_PAN - origins[k / (2 * BATCH)][k % (2 * BATCH)];
    for (int scale = 2; scale <= 8; scale *= 2) {
        YonosStageParams params = {.tier = yonos_compact_tier("fast"),
                                   .scale = scale,
                                   .batch = BATCH,
                                   .crop = PAN_CROP,
                                   .steady = TRUE,
                                   .luma = TRUE};
        YonosGraph *g = yonos_graph_new();
        YonosExecutor *ex = executor_of(g, yonos_stage("decoder")->build(g, &params));
        double want = steady_loss(x_h, origins, scale, luma, weight);
        float got;
        put(ex, "x_h", x_h, G_N_ELEMENTS(x_h));
        put(ex, "origin_a", origin_a, 2 * BATCH);
        put(ex, "origin_b", origin_b, 2 * BATCH);
        put(ex, "common_a", common[0], 2 * BATCH);
        put(ex, "common_b", common[1], 2 * BATCH);
        put(ex, "one", ones, BATCH);
        put(ex, "luma", &luma, 1);
        put(ex, "steady", &weight, 1);
        g_assert_true(yonos_executor_run(ex, NULL));
        yonos_executor_read(ex, yonos_graph_find_buffer(g, "loss"), 0, &got, 1, NULL);
        g_test_message("x%d: loss %g, expected %g, without flicker %g, without luma %g", scale, got, want,
                       steady_loss(x_h, origins, scale, luma, 0), steady_loss(x_h, origins, scale, 0, weight));
        g_assert_cmpfloat_with_epsilon(got, want, 1e-5 * want);
        g_assert_cmpfloat(want, >, 1.01 * steady_loss(x_h, origins, scale, luma, 0));
        g_assert_cmpfloat(want, >, 1.01 * steady_loss(x_h, origins, scale, 0, weight));
        yonos_executor_free(ex);
        yonos_graph_free(g);
    }
}

/* Files as the stages leave them, with seeded weights in which every part is heard. */
static void write_chain(int scale, const char *predict, const char *input)
{
    static const char *const stages[] = {"autoencoder", "teacher", "decoder"};
    const YonosCompactTier *tier = yonos_compact_tier("fast");
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){1, 32 / scale, 32 / scale, 3});
    YonosTensorId z = yonos_graph_input(g, "z", YONOS_F32, (YonosShape){1, 4, 4, YONOS_COMPACT_LATENT});
    YonosTensorId time = yonos_graph_input(g, "time", YONOS_F32, (YonosShape){1, 1, 1, YONOS_COMPACT_TIME});
    GHashTable *metadata = g_hash_table_new(g_str_hash, g_str_equal);
    GError *error = NULL;
    float *values;

    z = yonos_compact_student(g, tier, z, yonos_compact_lr_encoder(g, tier, x, scale), time);
    yonos_compact_decoder(g, tier, z, x, scale);
    yonos_compact_hr_encoder(g, yonos_graph_input(g, "x_h", YONOS_F32, (YonosShape){1, 32, 32, 3}));
    g_assert_true(yonos_graph_check(g, &error));
    values = g_new0(float, g_array_index(g->buffers, YonosBuffer, g->param_buffer).size);
    for (guint k = 0; k < g->params->len; k++) {
        const YonosTensor *t = yonos_graph_at(g, g_array_index(g->params, YonosParam, k).tensor);
        float deviation = t->shape.n * t->shape.h * t->shape.w > 1
                              ? sqrtf(1.0f / (float)(t->shape.n * t->shape.h * t->shape.w))
                              : 0.05f;
        if (g_str_has_prefix(g_array_index(g->params, YonosParam, k).name, "decoder.out"))
            deviation *= 0.2f;
        for (gsize n = 0; n < yonos_shape_elements(t->shape); n++)
            values[t->offset + n] = deviation * yonos_random_normal(SEED, t->offset + n);
    }
    g_hash_table_insert(metadata, "tier", "fast");
    g_hash_table_insert(metadata, YONOS_STAGE_PREDICT, (char *)predict);
    g_hash_table_insert(metadata, YONOS_MODEL_INPUT, (char *)input);
    for (guint k = 0; k < G_N_ELEMENTS(stages); k++) {
        char *path = yonos_stage_file(yonos_stage(stages[k]), scale, folder);
        g_assert_true(yonos_model_file_write(path, g, values, YONOS_ST_F32, NULL, metadata, &error));
        g_free(path);
    }
    g_hash_table_unref(metadata);
    g_free(values);
    yonos_graph_free(g);
}

static void remove_chain(int scale)
{
    char *files[] = {yonos_stage_file(yonos_stage("autoencoder"), 0, folder),
                     yonos_stage_file(yonos_stage("teacher"), scale, folder),
                     yonos_stage_file(yonos_stage("decoder"), scale, folder)};

    for (guint k = 0; k < G_N_ELEMENTS(files); k++) {
        g_remove(files[k]);
        g_free(files[k]);
    }
}

static YonosPicture enlarged(YonosEnlarger *e, const YonosPicture *small)
{
    YonosPicture large = yonos_picture_new(small->width * e->scale, small->height * e->scale);
    GError *error = NULL;

    e->run(e, small, &large, &error);
    g_assert_no_error(error);
    yonos_enlarger_free(e);
    return large;
}

/* Codes by which two pictures differ at most, and on average. */
static int difference(const YonosPicture *a, const YonosPicture *b, double *mean)
{
    gsize n = (gsize)a->width * a->height * 3;
    int worst = 0;

    *mean = 0;
    for (gsize k = 0; k < n; k++) {
        int d = abs(a->rgb[k] - b->rgb[k]);
        worst = MAX(worst, d);
        *mean += d / (double)n;
    }
    return worst;
}

/* One step is what the exported model does, but for its fp16 weights; more steps do something else. */
static void check_chain(int scale, const char *predict, const char *input)
{
    char *fact = g_strconcat(YONOS_MODEL_INPUT "=", input, NULL);
    const char *facts[] = {fact, NULL};
    YonosPicture small = yonos_picture_new(19, 11), model, one, three, bicubic;
    char *path = g_build_filename(folder, "model.safetensors", NULL);
    double mean, other, residual;
    int worst;
    GError *error = NULL;

    for (int k = 0; k < small.width * small.height * 3; k++)
        small.rgb[k] = 64 + yonos_random_bits(SEED, k) % 128;
    write_chain(scale, predict, input);
    g_assert_true(yonos_export(folder, "fast", scale, facts, YONOS_ST_F16, path, &error));
    model = enlarged(yonos_enlarger_model(path, "cpu", &error), &small);
    one = enlarged(yonos_enlarger_chain(folder, scale, 1, "cpu", &error), &small);
    three = enlarged(yonos_enlarger_chain(folder, scale, 3, "cpu", &error), &small);
    bicubic = yonos_picture_resize(&small, model.width, model.height);
    worst = difference(&one, &model, &mean);
    difference(&three, &model, &other);
    difference(&bicubic, &model, &residual);
    g_test_message("x%d, %s, %s: one step is off by %d codes at most, %g on average; three by %g, bicubic by %g",
                   scale, predict, input, worst, mean, other, residual);
    g_assert_cmpint(worst, <=, 1);
    g_assert_cmpfloat(mean, <, 0.1);
    g_assert_cmpfloat(other, >, 10 * mean);
    g_assert_cmpfloat(residual, >, 5);
    yonos_picture_clear(&small);
    yonos_picture_clear(&model);
    yonos_picture_clear(&one);
    yonos_picture_clear(&three);
    yonos_picture_clear(&bicubic);
    remove_chain(scale);
    g_remove(path);
    g_free(path);
    g_free(fact);
}

static void test_chain(void)
{
    GError *error = NULL;
    char *encoder;

    check_chain(2, "z", "compact");
    check_chain(4, "v", "compact");
    check_chain(8, "v", "compact");
    check_chain(2, "v", "faithful");
    check_chain(4, "z", "faithful");
    check_chain(8, "z", "faithful");
    g_assert_null(yonos_enlarger_chain(folder, 4, 1, "cpu", &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_clear_error(&error);
    write_chain(4, "z", "faithful");
    encoder = yonos_stage_file(yonos_stage("autoencoder"), 0, folder);
    g_remove(encoder);
    g_free(encoder);
    g_assert_false(yonos_export(folder, "fast", 4, NULL, YONOS_ST_F16, "unwritten", &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_clear_error(&error);
    g_assert_null(yonos_enlarger_chain(folder, 4, 1, "cpu", &error)); /* no autoencoder */
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_error_free(error);
    remove_chain(4);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    g_setenv("YONOS_PRECISION", "fp32", TRUE); /* as chains are sampled in */
    g_test_message("seed %d", SEED);
    folder = g_dir_make_tmp("yonos-sampler-XXXXXX", NULL);
    g_test_add_func("/sampler/variance", test_variance);
    g_test_add_func("/sampler/one-step", test_one_step);
    g_test_add_func("/sampler/v-loss", test_v_loss);
    g_test_add_func("/sampler/faithful", test_faithful);
    g_test_add_func("/sampler/steady", test_steady);
    g_test_add_func("/sampler/chain", test_chain);
    status = g_test_run();
    g_rmdir(folder);
    g_free(folder);
    return status;
}
