/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The losses of the perceptual stage and their gradients against PyTorch. */
#include "base/random.h"
#include "cpu/cpu-executor.h"
#include "crisp.h"
#include "discriminator.h"
#include "feature-distance.h"
#include "golden/golden.h"
#include "graph/gradient.h"
#include "halo.h"
#include "mesh.h"
#include "ops/ops.h"
#include "optimizer.h"
#include "weights/safetensors.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static YonosTensorId input(YonosGraph *g, const char *name, int n, int h, int w, int c)
{
    return yonos_graph_input(g, name, YONOS_F32, (YonosShape){n, h, w, c});
}

/* Values of a tensor in the file's order, as make-network-golden.py makes them. */
static float *seeded(const char *name, gsize n, gsize inputs)
{
    double bound = inputs > 1 ? sqrt(6.0 / inputs) : 0.1;
    float *v = g_new(float, n);

    for (gsize k = 0; k < n; k++)
        v[k] = (float)(-bound + 2 * bound * yonos_random_uniform(g_str_hash(name), k));
    return v;
}

/* A weights file of the parameters of SqueezeNet in the graph. */
static char *make_file(const YonosGraph *g)
{
    GArray *tensors = g_array_new(FALSE, TRUE, sizeof(YonosStTensor));
    char *path = g_build_filename(g_get_tmp_dir(), "yonos-losses-XXXXXX", NULL);
    int file = g_mkstemp(path);
    GError *error = NULL;

    for (guint i = 0; i < g->params->len; i++) {
        const YonosParam *param = &g_array_index(g->params, YonosParam, i);
        YonosShape s = yonos_graph_shape(g, param->tensor);
        gsize n = yonos_shape_elements(s);
        YonosStTensor t = {.name = param->name + strlen(YONOS_FEATURES_SCOPE), .n_dims = 1, .dims = {s.c}};
        if (s.w > 1)
            t = (YonosStTensor){.name = t.name, .n_dims = 4, .dims = {s.c, s.w, s.n, s.h}};
        t.data = seeded(t.name, n, n / s.c);
        g_array_append_val(tensors, t);
    }
    g_assert_cmpint(file, >=, 0);
    g_close(file, NULL);
    yonos_safetensors_write(path, YONOS_ST_F32, (YonosStTensor *)tensors->data, tensors->len, NULL, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < tensors->len; i++)
        g_free((gpointer)g_array_index(tensors, YonosStTensor, i).data);
    g_array_unref(tensors);
    return path;
}

static void read_features(YonosExecutor *ex)
{
    const YonosGraph *g = ex->graph;
    gsize n = g_array_index(g->buffers, YonosBuffer, g->param_buffer).size;
    float *values = g_new0(float, n);
    char *path = make_file(g);
    GError *error = NULL;

    yonos_features_read(g, path, values, &error);
    g_assert_no_error(error);
    g_assert_true(yonos_executor_write(ex, g->param_buffer, 0, values, n, NULL));
    g_unlink(path);
    g_free(path);
    g_free(values);
}

typedef struct {
    const char *value, *gradient; /* names of PyTorch's */
    YonosFeatures kind;
    int h, w;
} Distance;

static const Distance distances[] = {
    {"squeezenet distance", "squeezenet gradient", YONOS_FEATURES_SQUEEZENET, 45, 67},
    {"encoder distance", "encoder gradient", YONOS_FEATURES_ENCODER, 24, 40},
};

static void test_distance(gconstpointer data)
{
    const Distance *d = data;
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = input(g, "x_a", 2, d->h, d->w, 3), y = input(g, "x_b", 2, d->h, d->w, 3);
    YonosTensorId one = input(g, "one", 2, 1, 1, 1), dy = input(g, "dy", 2, d->h, d->w, 3), by_y;
    YonosTensorId distance = yonos_feature_distance(g, d->kind, x, y, one);
    const float ones[] = {1, 1};
    gsize n = (gsize)2 * d->h * d->w * 3;

    by_y = yonos_graph_differentiate_by(g, distance, input(g, "dloss", 1, 1, 1, 1), y);
    yonos_append(g, YONOS_OP_ACT, 1, &by_y, dy, (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    golden_finish(g, distance);
    for (int reference = 0; reference < 2; reference++) {
        const char *what = reference ? "the C reference" : "the CPU executor";
        YonosExecutor *ex = yonos_cpu_executor_new(g, reference ? YONOS_CPU_REFERENCE : YONOS_CPU_SINGLE, NULL);
        float *value, *gradient = g_new(float, n);
        golden_fill(ex);
        yonos_executor_write(ex, yonos_graph_find_buffer(g, "one"), 0, ones, 2, NULL);
        if (d->kind == YONOS_FEATURES_SQUEEZENET)
            read_features(ex);
        value = golden_run(ex, "y");
        golden_compare(d->value, value, 1, 1e-4, what);
        g_assert_true(yonos_executor_read(ex, yonos_graph_find_buffer(g, "dy"), 0, gradient, n, NULL));
        golden_compare(d->gradient, gradient, n, 1e-3, what);
        g_free(value);
        g_free(gradient);
        yonos_executor_free(ex);
    }
    yonos_graph_free(g);
}

/* y = base + conv(z), judged beside x */
static YonosGraph *adversary_graph(YonosBufferId *gradients)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = input(g, "x", 2, 24, 40, 3), base = input(g, "x_base", 2, 24, 40, 3);
    YonosTensorId w = yonos_graph_param(g, "generator.weight", (YonosShape){3, 3, 3, 3});
    YonosTensorId b = yonos_graph_param(g, "generator.bias", (YonosShape){1, 1, 1, 3});
    YonosTensorId y = yonos_conv(g, input(g, "z", 2, 24, 40, 3), w, b, (YonosConvParams){.pad = 1, .residual = base});
    YonosTensorId loss = yonos_add(g, yonos_adversarial_loss(g, y, base), yonos_discriminator_loss(g, y, x, base), 1);

    *gradients = yonos_graph_differentiate(g, loss, input(g, "dloss", 1, 1, 1, 1));
    golden_finish(g, loss);
    return g;
}

/* PyTorch's gradients of conv are those of the adversarial loss alone, of the discriminator those of its own loss. */
static void test_adversary(void)
{
    YonosBufferId id;
    YonosGraph *g = adversary_graph(&id);

    for (int reference = 0; reference < 2; reference++) {
        const char *what = reference ? "the C reference" : "the CPU executor";
        YonosExecutor *ex = yonos_cpu_executor_new(g, reference ? YONOS_CPU_REFERENCE : YONOS_CPU_SINGLE, NULL);
        float *gradients, value;
        golden_fill(ex);
        gradients = golden_run(ex, "gradients");
        g_assert_true(yonos_executor_read(ex, yonos_graph_find_buffer(g, "y"), 0, &value, 1, NULL));
        golden_compare("adversary", &value, 1, 1e-4, what);
        golden_compare_gradients(g, gradients, 1e-3, what);
        g_free(gradients);
        yonos_executor_free(ex);
    }
    yonos_graph_free(g);
}

/* Each side learns at its own rate. */
static void test_rates(void)
{
    YonosBufferId gradients;
    YonosGraph *g = adversary_graph(&gradients);
    YonosExecutor *ex = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL);
    double norm;
    GError *error = NULL;

    golden_fill(ex);
    for (int side = 0; side < 2; side++) {
        YonosOptimizer *o = yonos_optimizer_new(g, gradients, 1);
        YonosOptimizerParams p = {.clip = 1, .rate = side ? 0 : 1e-3, .discriminator_rate = side ? 1e-3 : 0};
        float *before = g_memdup2(o->weights, o->n * sizeof(float));
        g_assert_true(yonos_optimizer_upload(o, ex, &error) && yonos_executor_run(ex, &error) &&
                      yonos_optimizer_step(o, ex, &p, &norm, &error));
        for (guint i = 0; i < g->params->len; i++) {
            const YonosParam *param = &g_array_index(g->params, YonosParam, i);
            const YonosTensor *t = yonos_graph_at(g, param->tensor);
            gboolean same = !memcmp(before + t->offset, o->weights + t->offset, yonos_shape_elements(t->shape) * 4);
            gboolean learns = g_str_has_prefix(param->name, YONOS_DISCRIMINATOR_SCOPE) == side;
            if (strcmp(param->name, YONOS_DISCRIMINATOR_SCOPE "out.bias")) /* x and y cancel at first */
                g_assert_cmpint(same, !=, learns);
        }
        g_free(before);
        yonos_optimizer_free(o);
    }
    yonos_executor_free(ex);
    yonos_graph_free(g);
}

#define SIDE 32
#define PICTURE (SIDE * SIDE * 3)

typedef YonosTensorId (*Loss)(YonosGraph *g, YonosTensorId y, YonosTensorId x_h, YonosTensorId ones);

/* Such a loss of y, a parameter, both SIDE x SIDE, and its gradient by y. */
static double run_loss(Loss function, const float *y, const float *x_h, float *gradient)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = input(g, "x_h", 1, SIDE, SIDE, 3), dloss = input(g, "dloss", 1, 1, 1, 1);
    YonosTensorId p = yonos_graph_param(g, "y", (YonosShape){1, SIDE, SIDE, 3}), loss;
    YonosTensorId out = input(g, "loss", 1, 1, 1, 1), ones = input(g, "one", 1, 1, 1, 1);
    YonosBufferId gradients;
    YonosExecutor *ex;
    GError *error = NULL;
    float value, one = 1;

    loss = function(g, p, x, ones);
    yonos_append(g, YONOS_OP_ACT, 1, &loss, out, (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    gradients = yonos_graph_differentiate(g, loss, dloss);
    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    ex = yonos_cpu_executor_new(g, YONOS_CPU_SINGLE, NULL);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "x_h"), 0, x_h, PICTURE, NULL);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "dloss"), 0, &one, 1, NULL);
    yonos_executor_write(ex, yonos_graph_find_buffer(g, "one"), 0, &one, 1, NULL);
    yonos_executor_write(ex, g->param_buffer, yonos_graph_find_param(g, "y")->offset, y, PICTURE, NULL);
    g_assert_true(yonos_executor_run(ex, &error));
    yonos_executor_read(ex, yonos_graph_find_buffer(g, "loss"), 0, &value, 1, NULL);
    yonos_executor_read(ex, gradients, yonos_graph_find_param(g, "y")->offset, gradient, PICTURE, NULL);
    yonos_executor_free(ex);
    yonos_graph_free(g);
    return value;
}

static void check_gradient(Loss loss, float *y, const float *x_h, float step, double within)
{
    float gradient[PICTURE], unused[PICTURE];

    run_loss(loss, y, x_h, gradient);
    for (int k = 0; k < PICTURE; k += 127) {
        float was = y[k];
        double more, less;
        y[k] = was + step;
        more = run_loss(loss, y, x_h, unused);
        y[k] = was - step;
        less = run_loss(loss, y, x_h, unused);
        y[k] = was;
        g_test_message("seed 1, element %d: gradient %g, by differences %g", k, gradient[k],
                       (more - less) / (2 * step));
        g_assert_cmpfloat_with_epsilon(gradient[k], (more - less) / (2 * step), within);
    }
}

/* A mesh on gray counts with its square, noise as strong next to nothing. */
static void test_mesh(void)
{
    float x_h[PICTURE], y[PICTURE], unused[PICTURE];

    for (int k = 0; k < PICTURE; k++) {
        x_h[k] = 0.5f;
        y[k] = 0.5f + ((k / 3 % SIDE + k / 3 / SIDE) % 2 ? 0.1f : -0.1f);
    }
    g_assert_cmpfloat_with_epsilon(run_loss(yonos_mesh, y, x_h, unused), 0.01, 1e-5);
    for (int k = 0; k < PICTURE; k++)
        y[k] = 0.5f + (yonos_random_uniform(1, k) < 0.5 ? 0.1f : -0.1f);
    g_assert_cmpfloat(run_loss(yonos_mesh, y, x_h, unused), <, 0.0015);
    check_gradient(yonos_mesh, y, x_h, 1e-2f, 2e-7);
}

/* Stripes of two pixels, dark to light, shifted by `shift`. */
static void stripes(float *x, float strength, int shift)
{
    for (int k = 0; k < PICTURE; k++)
        x[k] = 0.5f + ((k / 3 % SIDE + shift) / 2 % 2 ? strength : -strength);
}

/* Detail that is as strong elsewhere costs nothing, weaker or stronger the square of what it is off. */
static void test_crisp(void)
{
    float x_h[PICTURE], y[PICTURE], unused[PICTURE];

    stripes(x_h, 0.2f, 0);
    stripes(y, 0.2f, 2);
    g_assert_cmpfloat(run_loss(yonos_crisp, y, x_h, unused), <, 2e-5);
    stripes(y, 0.1f, 0);
    g_assert_cmpfloat_with_epsilon(run_loss(yonos_crisp, y, x_h, unused), 0.01, 5e-4);
    stripes(y, 0.3f, 0);
    g_assert_cmpfloat_with_epsilon(run_loss(yonos_crisp, y, x_h, unused), 0.01, 5e-4);
    stripes(y, 0.1f, 1); /* and little noise: |x| has no gradient at 0 */
    for (int k = 0; k < PICTURE; k++)
        y[k] += 0.05f * (float)(yonos_random_uniform(1, k) - 0.5);
    check_gradient(yonos_crisp, y, x_h, 1e-3f, 2e-6);
}

/* What is within the range around costs nothing, above or below it the square of what it is off. */
static void test_halo(void)
{
    float x_h[PICTURE], y[PICTURE], unused[PICTURE];

    stripes(x_h, 0.2f, 0);
    stripes(y, 0.2f, 1);
    g_assert_cmpfloat_with_epsilon(run_loss(yonos_halo, y, x_h, unused), 0, 1e-12);
    stripes(y, 0.3f, 1);
    g_assert_cmpfloat_with_epsilon(run_loss(yonos_halo, y, x_h, unused), 0.01, 1e-6);
    for (int k = 0; k < PICTURE; k++) { /* a ramp: two pixels further right, as much as is within reach */
        x_h[k] = 0.01f * (float)(k / 3 % SIDE);
        y[k] = x_h[k] + 0.02f;
    }
    g_assert_cmpfloat_with_epsilon(run_loss(yonos_halo, y, x_h, unused), 0, 1e-12);
    for (int k = 0; k < PICTURE; k++)
        y[k] = x_h[k] + (k / 3 / SIDE % 2 ? 0.05f : -0.05f);
    g_assert_cmpfloat_with_epsilon(run_loss(yonos_halo, y, x_h, unused), 0.0009, 1e-6);
    for (int k = 0; k < PICTURE; k++)
        y[k] += 0.02f * (float)(yonos_random_uniform(1, k) - 0.5);
    check_gradient(yonos_halo, y, x_h, 1e-3f, 2e-6);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint k = 0; k < G_N_ELEMENTS(distances); k++) {
        char *path = g_strconcat("/losses/", distances[k].value, NULL);
        g_test_add_data_func(path, &distances[k], test_distance);
        g_free(path);
    }
    g_test_add_func("/losses/adversary", test_adversary);
    g_test_add_func("/losses/mesh", test_mesh);
    g_test_add_func("/losses/crisp", test_crisp);
    g_test_add_func("/losses/halo", test_halo);
    g_test_add_func("/losses/rates", test_rates);
    return g_test_run();
}
