/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two ranks with half of each batch train to the weights of one rank with the whole. The program starts itself by
 * mpirun; its one argument then is the folder. */
#include "cpu/cpu-executor.h"
#include "fit.h"
#include "models/model-file.h"
#include "pack.h"
#include "ranks.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define SEED 20261123
#define SIDE 48
#define STEPS 4

static void make_pack(const char *path)
{
    YonosPackWriter *w = yonos_pack_writer_new(path, NULL);
    guint8 rgb[3 * SIDE * SIDE];
    GError *error = NULL;

    for (int k = 0; k < 3; k++) {
        for (int at = 0; at < 3 * SIDE * SIDE; at++)
            rgb[at] = (guint8)(128 + 90 * sin(at / 3 % SIDE * (0.4 + 0.3 * k)) * cos(at / 3 / SIDE * 0.7 + at % 3));
        yonos_pack_writer_add(w, rgb, SIDE, SIDE, 3 * SIDE, &error);
    }
    yonos_pack_writer_finish(w, &error);
    g_assert_no_error(error);
    yonos_pack_writer_free(w);
}

static void fit(const char *folder, const char *out, guint64 steps)
{
    char *pack = g_build_filename(folder, "pack", NULL), *results = g_build_filename(folder, out, NULL);
    YonosFitParams p = {.stage = yonos_stage("autoencoder"),
                        .tier = "fast",
                        .pack = pack,
                        .folder = results,
                        .device = "cpu",
                        .steps = steps,
                        .seed = SEED,
                        .rate = 1e-3,
                        .clip = 1,
                        .checkpoint_every = 3600,
                        .quiet = TRUE,
                        .params = {.tier = yonos_compact_tier("fast"), .batch = 4, .crop = 32}};
    gboolean finished = FALSE;
    GError *error = NULL;

    g_mkdir_with_parents(results, 0700);
    yonos_fit(&p, &finished, &error);
    g_assert_no_error(error);
    g_assert_true(finished);
    g_free(pack);
    g_free(results);
}

/* The result's weights, in the order of the file. */
static GArray *weights(const char *folder, const char *out)
{
    char *path = g_build_filename(folder, out, "autoencoder.safetensors", NULL);
    GArray *all = g_array_new(FALSE, TRUE, sizeof(float));
    GError *error = NULL;
    YonosSafetensors *file = yonos_safetensors_open(path, &error);

    g_assert_no_error(error);
    for (guint i = 0; i < yonos_safetensors_count(file); i++) {
        const char *name = yonos_safetensors_name(file, i);
        gint64 dims[YONOS_ST_MAX_DIMS];
        guint n_dims, n = 1, at = all->len;
        yonos_safetensors_shape(file, name, &n_dims, dims);
        for (guint d = 0; d < n_dims; d++)
            n *= (guint)dims[d];
        g_array_set_size(all, at + n);
        yonos_safetensors_read_f32(file, name, &g_array_index(all, float, at), n, &error);
        g_assert_no_error(error);
    }
    yonos_safetensors_free(file);
    g_free(path);
    return all;
}

static double difference(const GArray *a, const GArray *b)
{
    double squares = 0;

    g_assert_cmpuint(a->len, ==, b->len);
    for (guint k = 0; k < a->len; k++) {
        double d = g_array_index(a, float, k) - g_array_index(b, float, k);
        squares += d * d;
    }
    return sqrt(squares);
}

static void remove_all(const char *folder)
{
    static const char *const files[] = {"one/autoencoder.safetensors",
                                        "two/autoencoder.safetensors",
                                        "short/autoencoder.safetensors",
                                        "one/autoencoder.csv",
                                        "two/autoencoder.csv",
                                        "short/autoencoder.csv",
                                        "one",
                                        "two",
                                        "short",
                                        "pack",
                                        ""};

    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        char *path = g_build_filename(folder, files[i], NULL);
        g_remove(path);
        g_free(path);
    }
}

static void test_two_ranks(gconstpointer self)
{
    char *folder = g_dir_make_tmp("yonos-ranks-XXXXXX", NULL), *pack = g_build_filename(folder, "pack", NULL);
    char *command[] = {"mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2", (char *)self, folder, NULL};
    char *mpirun = g_find_program_in_path("mpirun"), *said = NULL;
    GArray *one, *two, *less;
    double apart, moved;
    int status;
    GError *error = NULL;

    if (mpirun) {
        make_pack(pack);
        fit(folder, "one", STEPS);
        fit(folder, "short", STEPS - 1);
        g_setenv("ASAN_OPTIONS", "detect_leaks=0", TRUE); /* MPI's own */
        g_spawn_sync(NULL, command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &said, &status, &error);
        g_assert_no_error(error);
        if (!g_spawn_check_wait_status(status, &error))
            g_error("two ranks: %s\n%s", error->message, said);
        one = weights(folder, "one");
        two = weights(folder, "two");
        less = weights(folder, "short");
        apart = difference(one, two);
        moved = difference(one, less);
        g_test_message("seed %d: two ranks differ by %g, one step is %g", SEED, apart, moved);
        g_assert_cmpfloat(moved, >, 0);
        /* sums in another order; Adam's first steps are as long for a gradient near zero as for any */
        g_assert_cmpfloat(apart, <, 0.02 * moved);
        g_array_unref(one);
        g_array_unref(two);
        g_array_unref(less);
        remove_all(folder);
    } else {
        g_test_skip("no mpirun");
        g_rmdir(folder);
    }
    g_free(said);
    g_free(mpirun);
    g_free(pack);
    g_free(folder);
}

int main(int argc, char **argv)
{
    yonos_ranks_start(&argc, &argv);
    if (argc == 2 && g_path_is_absolute(argv[1])) {
        g_assert_cmpint(yonos_ranks_count(), ==, 2);
        fit(argv[1], "two", STEPS);
        yonos_ranks_stop();
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/ranks/two-equal-one", argv[0], test_two_ranks);
    return g_test_run();
}
