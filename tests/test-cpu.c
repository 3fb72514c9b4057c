/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The CPU executor's own versions at sizes that several threads share and at the channels that have a path of their
 * own: equal to the reference, and to themselves on any number of threads; threads that wait sleep; arrays of half floats. */
#include "base/half-rows.h"
#include "base/half.h"
#include "base/parallel.h"
#include "base/random.h"
#include "compare.h"
#include "cpu/cpu-executor.h"
#include "ops/ops.h"

#include <math.h>
#include <omp.h>
#include <string.h>
#include <time.h>

#define SEED 20261124

/* One node whose output is the buffer `name`. */
static YonosTensorId kept(YonosGraph *g, const char *name, YonosOpId op, int n, const YonosTensorId *in, int i0, int i1,
                          float f0)
{
    YonosTensorId y = yonos_append(g, op, n, in, YONOS_NONE, (int[]){i0, i1}, 2, f0, 0);

    if (y >= 0) {
        YonosBufferId buffer = yonos_graph_buffer(g, name, YONOS_F32, yonos_shape_elements(yonos_graph_shape(g, y)));
        g_array_index(g->tensors, YonosTensor, y).buffer = buffer;
    }
    return y;
}

static void add_copies(YonosGraph *g, YonosTensorId x, YonosTensorId deep)
{
    YonosShape s = yonos_graph_shape(g, x);
    YonosTensorId even;

    kept(g, "concat", YONOS_OP_CONCAT, 2, (YonosTensorId[]){x, x}, 0, 0, 0);
    kept(g, "slice", YONOS_OP_SLICE, 1, &deep, 5, 31, 0);
    kept(g, "embed", YONOS_OP_EMBED, 1, &x, 2, 7, 0);
    kept(g, "shuffle 4", YONOS_OP_SHUFFLE, 1, &deep, 4, 0, 0);
    kept(g, "shuffle 2", YONOS_OP_SHUFFLE, 1, &deep, 2, 0, 0);
    even = kept(g, "enlarged", YONOS_OP_EXTENT, 1, &x, s.h / 4 * 4 + 4, s.w / 4 * 4 + 4, 0);
    kept(g, "cropped", YONOS_OP_EXTENT, 1, &x, s.h - 2, s.w - 3, 0);
    kept(g, "narrower and higher", YONOS_OP_EXTENT, 1, &x, s.h + 2, s.w - 3, 0);
    kept(g, "unshuffle 4", YONOS_OP_UNSHUFFLE, 1, &even, 4, 0, 0);
    kept(g, "unshuffle 2", YONOS_OP_UNSHUFFLE, 1, &even, 2, 0, 0);
    kept(g, "nearest", YONOS_OP_NEAREST, 1, &x, 3, 0, 0);
    even = kept(g, "deep and even", YONOS_OP_EXTENT, 1, &deep, 66, 60, 0);
    kept(g, "sums of blocks", YONOS_OP_SUM_BLOCKS, 1,
         (YonosTensorId[]){kept(g, "thrice", YONOS_OP_NEAREST, 1, &deep, 3, 0, 0)}, 3, 0, 0);
    kept(g, "deep unshuffle", YONOS_OP_UNSHUFFLE, 1, &even, 2, 0, 0);
    kept(g, "twice", YONOS_OP_RESIZE, 1, &x, s.h * 2, s.w * 2, 0);
    kept(g, "four times", YONOS_OP_RESIZE, 1, &x, s.h * 4, s.w * 4, 0);
    kept(g, "a quarter", YONOS_OP_RESIZE, 1, &x, s.h / 4, s.w / 4, 0);
}

static void add_arithmetic(YonosGraph *g, YonosTensorId x, YonosTensorId y)
{
    YonosShape s = yonos_graph_shape(g, x);
    YonosTensorId one = yonos_graph_input(g, "one of each picture", YONOS_F32, (YonosShape){s.n, 1, 1, 1});
    YonosTensorId scalar = yonos_graph_input(g, "scalar", YONOS_F32, (YonosShape){1, 1, 1, 1});
    YonosTensorId bias = yonos_graph_input(g, "bias", YONOS_F32, (YonosShape){1, 1, 1, s.c});
    YonosTensorId biases = yonos_graph_input(g, "biases", YONOS_F32, (YonosShape){s.n, 1, 1, s.c});
    YonosTensorId sum = yonos_graph_input(g, "sum", YONOS_F32, (YonosShape){1, 1, 1, s.c});

    kept(g, "act", YONOS_OP_ACT, 1, &x, YONOS_ACT_LEAKY, 0, 0.1f);
    kept(g, "tanh", YONOS_OP_ACT, 1, &x, YONOS_ACT_TANH, 0, 3);
    kept(g, "act-grad", YONOS_OP_ACT_GRAD, 2, (YonosTensorId[]){x, y}, YONOS_ACT_LEAKY, 0, 0.1f);
    kept(g, "tanh-grad", YONOS_OP_ACT_GRAD, 2, (YonosTensorId[]){x, y}, YONOS_ACT_TANH, 0, 3);
    kept(g, "add", YONOS_OP_ADD, 2, (YonosTensorId[]){x, y}, 0, 0, -0.25f);
    kept(g, "add bias", YONOS_OP_ADD, 2, (YonosTensorId[]){x, bias}, 0, 0, 2);
    kept(g, "add biases", YONOS_OP_ADD, 2, (YonosTensorId[]){x, biases}, 0, 0, 2);
    yonos_append(g, YONOS_OP_ADD, 2, (YonosTensorId[]){x, y}, x, NULL, 0, 0.5f, 0);
    kept(g, "sums", YONOS_OP_SUM_PIXELS, 1, &x, 0, 1, 0);
    kept(g, "sums of pictures", YONOS_OP_SUM_PIXELS, 1, &x, 1, 1, 0);
    yonos_append(g, YONOS_OP_SUM_PIXELS, 1, &x, sum, (int[]){0, 0}, 2, 0, 0);
    kept(g, "l1", YONOS_OP_L1, 2, (YonosTensorId[]){x, y}, 0, 0, 0);
    kept(g, "l1-grad", YONOS_OP_L1_GRAD, 3, (YonosTensorId[]){scalar, x, y}, 0, 0, -1);
    kept(g, "mse", YONOS_OP_MSE, 3, (YonosTensorId[]){x, y, one}, 0, 0, 0);
    kept(g, "mse-grad", YONOS_OP_MSE_GRAD, 4, (YonosTensorId[]){scalar, x, y, one}, 0, 0, 1);
}

static YonosGraph *build_copies(void)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "x", YONOS_F32, (YonosShape){2, 211, 213, 3});

    add_copies(g, x, yonos_graph_input(g, "deep", YONOS_F32, (YonosShape){2, 67, 61, 48}));
    return g;
}

static YonosGraph *build_arithmetic(void)
{
    YonosGraph *g = yonos_graph_new();
    YonosShape shape = {3, 59, 61, 33};

    add_arithmetic(g, yonos_graph_input(g, "x", YONOS_F32, shape), yonos_graph_input(g, "y", YONOS_F32, shape));
    return g;
}

static void fill(YonosExecutor *ex)
{
    GRand *rand = g_rand_new_with_seed(SEED);

    for (guint i = 0; i < ex->graph->buffers->len; i++) {
        gsize n = g_array_index(ex->graph->buffers, YonosBuffer, i).size;
        float *v = g_new(float, MAX(1, n));
        for (gsize k = 0; k < n; k++)
            v[k] = (float)g_rand_double_range(rand, -1, 1);
        yonos_executor_write(ex, i, 0, v, n, NULL);
        g_free(v);
    }
    g_rand_free(rand);
}

static YonosExecutor *run(const YonosGraph *g, gboolean reference_only)
{
    GError *error = NULL;
    YonosExecutor *ex = yonos_cpu_executor_new(g, reference_only ? YONOS_CPU_REFERENCE : YONOS_CPU_SINGLE, &error);

    g_assert_no_error(error);
    fill(ex);
    yonos_executor_run(ex, &error);
    g_assert_no_error(error);
    return ex;
}

typedef YonosGraph *(*Build)(void);

static void check(Build build)
{
    static const int threads[] = {1, 2, 3, 7};
    YonosGraph *g = build();
    YonosExecutor *first = NULL, *truth, *other;
    GError *error = NULL;

    yonos_graph_check(g, &error);
    g_assert_no_error(error);
    truth = run(g, TRUE);
    for (guint k = 0; k < G_N_ELEMENTS(threads); k++) {
        omp_set_num_threads(threads[k]);
        other = run(g, FALSE);
        compare_executors(truth, other, 2e-6, "%d threads, seed %d", threads[k], SEED);
        if (first)
            compare_executors(first, other, 0, "%d threads, seed %d", threads[k], SEED);
        else
            first = g_steal_pointer(&other);
        yonos_executor_free(other);
    }
    yonos_executor_free(first);
    yonos_executor_free(truth);
    yonos_graph_free(g);
}

static void test_copies(void)
{
    check(build_copies);
}

static void test_arithmetic(void)
{
    check(build_arithmetic);
}

#define WAITS 20

/* The first thread works for 10 ms of sleep, the others wait for it. */
static void work(G_GNUC_UNUSED gconstpointer data, gsize start, gsize end)
{
    if (start == 0 && end > 0)
        g_usleep(10000);
}

static void test_waits_asleep(void)
{
    double spent;
    clock_t start;

    if (!g_test_subprocess()) {
        /* which libgomp reads when it is loaded */
        g_unsetenv("OMP_WAIT_POLICY");
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
        g_test_trap_assert_passed();
        return;
    }
    yonos_cpu_share(1 << 30, 1000, work, NULL);
    start = clock();
    for (int k = 0; k < WAITS; k++)
        yonos_cpu_share(1 << 30, 1000, work, NULL);
    spent = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (spent > WAITS * 1e-3)
        g_error("%d threads spent %.4f s on waiting %d times", omp_get_max_threads(), spent, WAITS);
}

#define FLOATS ((1 << 19) + 13) /* enough to be shared out, and a rest */

/* Every half there is; floats of all bits, which are often out of range or subnormal there; at an odd address. */
static void test_halves(void)
{
    guint16 *halves = g_new(guint16, FLOATS + 1);
    float *floats = g_new(float, FLOATS + 1), *back = g_new(float, FLOATS + 1);

    for (guint k = 0; k < FLOATS; k++) {
        guint32 bits = (guint32)yonos_random_bits(SEED, k);
        if (k % 2) /* an exponent that halves have */
            bits = (bits & 0x807fffffu) | (100 + bits % 45) << 23;
        memcpy(floats + 1 + k, &bits, sizeof bits);
    }
    yonos_halves_from_floats(floats + 1, halves + 1, FLOATS);
    for (guint k = 1; k <= FLOATS; k++)
        if (isnan(floats[k]) ? !isnan(yonos_half_to_float(halves[k])) : halves[k] != yonos_float_to_half(floats[k]))
            g_error("seed %d: %a becomes %04x, not %04x", SEED, floats[k], halves[k], yonos_float_to_half(floats[k]));
    for (guint k = 1; k <= FLOATS; k++)
        halves[k] = (guint16)k;
    yonos_halves_to_floats(halves + 1, back + 1, FLOATS);
    for (guint k = 1; k <= FLOATS; k++) {
        float want = yonos_half_to_float(halves[k]);
        if (isnan(want) ? !isnan(back[k]) : memcmp(&want, back + k, sizeof want) != 0)
            g_error("%04x becomes %a, not %a", halves[k], back[k], want);
    }
    g_free(halves);
    g_free(floats);
    g_free(back);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    g_test_add_func("/cpu/copies", test_copies);
    g_test_add_func("/cpu/arithmetic", test_arithmetic);
    g_test_add_func("/cpu/waits-asleep", test_waits_asleep);
    g_test_add_func("/cpu/halves", test_halves);
    return g_test_run();
}
