/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ladder in a simulation: a live source of 30 frames/s, a queue, a device whose speed changes with time. No clock is
 * read, so every run is the same. */
#include "gstyonosladder.h"

#define SEED 20261124
#define SECOND G_GINT64_CONSTANT(1000000000)
#define FRAME (SECOND / 30)
#define STEPS 4
#define MAX_BEHIND 3
#define MAX_LONG (2 * SECOND)

/* Shares of a frame's length that the steps take on an idle device: quality, balanced, fast, bicubic. */
static const double usual[STEPS] = {0.8, 0.35, 0.1, 0.03};

typedef struct {
    const char *name;
    double slower;      /* factor of all steps while the load lasts */
    double plain;       /* the same of the last step */
    gint64 begin, end;  /* of the load */
    double jitter;      /* share of random change of a frame's time */
    guint expected;     /* the step that a steady load leads to */
} Load;

typedef struct {
    GstYonosLadder ladder;
    gint64 free;        /* when the device is done with what it has */
    gint64 behind_since, longest;
    guint steps_down, steps_up, step_before_end;
    gint64 recovered;   /* when step 0 was reached for good after the load */
} Run;

static gint64 time_of(const Load *load, guint step, gint64 at, GRand *random)
{
    double factor = at >= load->begin && at < load->end ? (step == STEPS - 1 ? load->plain : load->slower) : 1;

    return (gint64)(usual[step] * factor * FRAME * (1 + load->jitter * g_rand_double_range(random, -1, 1)));
}

static void frame(Run *run, const Load *load, int n, GRand *random)
{
    gint64 arrival = n * FRAME, start = MAX(arrival, run->free);
    gint64 spent = time_of(load, run->ladder.step, start, random), done = start + spent;
    guint before = run->ladder.step;

    run->free = done;
    if (done - arrival <= MAX_BEHIND * FRAME)
        run->behind_since = done;
    run->longest = MAX(run->longest, done - run->behind_since);
    if (start < load->end)
        run->step_before_end = run->ladder.step;
    if (gst_yonos_ladder_frame(&run->ladder, done, spent, FRAME, done - arrival - FRAME)) {
        g_assert_cmpuint(run->ladder.step, <, STEPS);
        if (run->ladder.step > before)
            run->steps_down += run->ladder.step - before;
        else
            run->steps_up += before - run->ladder.step;
        run->recovered = done;
    }
}

static Run simulate(const Load *load, gint64 until)
{
    GRand *random = g_rand_new_with_seed(SEED);
    Run run = {0};

    gst_yonos_ladder_init(&run.ladder, STEPS);
    for (int n = 0; n * FRAME < until; n++)
        frame(&run, load, n, random);
    g_rand_free(random);
    g_test_message("%s: longest more than %d behind %.2f s; %u down, %u up; step %u under load; last change at %.1f s",
                   load->name, MAX_BEHIND, run.longest / 1e9, run.steps_down, run.steps_up, run.step_before_end,
                   run.recovered / 1e9);
    return run;
}

static const Load loads[] = {
    {"twice", 2, 1, 10 * SECOND, 40 * SECOND, 0, 1},
    {"four-times", 4, 2, 10 * SECOND, 40 * SECOND, 0.1, 2},
    {"ten-times", 10, 10, 10 * SECOND, 70 * SECOND, 0.2, 3},
    {"fifty-times-but-bicubic", 50, 1, 10 * SECOND, 70 * SECOND, 0, 3},
    {"short", 30, 1, 10 * SECOND, 11 * SECOND, 0, 3},
    {"from-the-start", 4, 2, 0, 30 * SECOND, 0, 2},
    {"barely", 1.24, 1, 10 * SECOND, 60 * SECOND, 0.05, 1},
};

/* Never more than three frames behind for more than two seconds, and back at step 0 when the load has ended. */
static void test_load(gconstpointer data)
{
    const Load *load = data;
    Run run = simulate(load, load->end + 120 * SECOND);

    g_assert_cmpint(run.longest, <=, MAX_LONG);
    g_assert_cmpuint(run.ladder.step, ==, 0);
    /* the wait doubles up to 32 s, once a step up at most */
    g_assert_cmpint(run.recovered - load->end, <=, 40 * SECOND);
    /* a probe of the step above may be under way when the load ends */
    g_assert_cmpuint(run.step_before_end, <=, load->expected);
    g_assert_cmpuint(run.step_before_end + 1, >=, load->expected);
    g_assert_cmpuint(run.steps_down, ==, run.steps_up);
}

/* Steps up that fail get rarer: under an hour of a steady load it tries about twice a minute. */
static void test_does_not_flutter(void)
{
    Load load = {"an-hour", 4, 2, 0, 3600 * SECOND, 0.1, 2};
    Run run = simulate(&load, load.end);

    g_assert_cmpuint(run.steps_down, <=, 130);
    g_assert_cmpint(run.longest, <=, MAX_LONG);
}

static void test_idle(void)
{
    Load load = {"idle", 1, 1, 0, 0, 0.15, 0};
    Run run = simulate(&load, 600 * SECOND);

    g_assert_cmpuint(run.steps_down, ==, 0);
}

/* One slow frame is no reason, nor is a slow one that is not late. */
static void test_hiccup(void)
{
    GstYonosLadder l;

    gst_yonos_ladder_init(&l, STEPS);
    for (int n = 1; n < 300; n++) {
        gint64 spent = n % 100 == 50 ? 2 * FRAME : FRAME / 2;
        g_assert_false(gst_yonos_ladder_frame(&l, n * FRAME, spent, FRAME, n % 100 == 50 ? FRAME : -FRAME));
    }
}

/* Late although its own work is quick: the machine as a whole is too slow. */
static void test_late_by_others(void)
{
    GstYonosLadder l;
    gint64 now = 0;

    gst_yonos_ladder_init(&l, 2);
    while (l.step == 0 && now < 10 * SECOND) {
        now += FRAME;
        gst_yonos_ladder_frame(&l, now, FRAME / 4, FRAME, 2 * FRAME);
    }
    g_test_message("stepped down at %.2f s", now / 1e9);
    g_assert_cmpuint(l.step, ==, 1);
    g_assert_cmpint(now, <=, 3 * SECOND / 2);
}

static void test_one_step(void)
{
    GstYonosLadder l;

    gst_yonos_ladder_init(&l, 1);
    for (int n = 1; n < 100; n++)
        g_assert_false(gst_yonos_ladder_frame(&l, n * 10 * FRAME, 10 * FRAME, FRAME, n * 9 * FRAME));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    for (guint k = 0; k < G_N_ELEMENTS(loads); k++) {
        char *path = g_strconcat("/ladder/load/", loads[k].name, NULL);
        g_test_add_data_func(path, &loads[k], test_load);
        g_free(path);
    }
    g_test_add_func("/ladder/does-not-flutter", test_does_not_flutter);
    g_test_add_func("/ladder/idle", test_idle);
    g_test_add_func("/ladder/hiccup", test_hiccup);
    g_test_add_func("/ladder/late-by-others", test_late_by_others);
    g_test_add_func("/ladder/one-step", test_one_step);
    return g_test_run();
}
