/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "degrade.h"
#include "base/random.h"
#include "frame.h"

#include <string.h>

struct YonosDegrader {
    int side;
    YonosJpeg *jpeg;
    float *pictures[2], *scratch;
    guint8 *planes; /* Y', Cb, Cr of a picture of half the side */
};

/* Least and most of each draw, by round. */
static const struct {
    double blurred, sigma[2], size[2], noisy, noise[2], coded;
    int quality[2];
} ranges[2] = {
    {0.5, {0.2, 0.8}, {0.6, 1}, 0.8, {0, 8 / 255.0}, 0.4, {60, 95}},
    {0.2, {0.2, 0.5}, {0.8, 1.5}, 0.5, {0, 4 / 255.0}, 0.4, {60, 95}},
};
#define ISOTROPIC 0.5
#define GRAY 0.4
#define POISSON 0.5
#define H264 0.8
#define SHARP 0.5
static const int qp_range[2] = {16, 34};

/* Draws in order. */
typedef struct {
    guint64 seed, next;
} Draws;

static double uniform(Draws *d)
{
    return yonos_random_uniform(d->seed, d->next++);
}

static double between(Draws *d, const double range[2])
{
    return range[0] + (range[1] - range[0]) * uniform(d);
}

static gboolean chance(Draws *d, double probability)
{
    return uniform(d) <= probability;
}

static int whole(Draws *d, int least, int most)
{
    return least + (int)(yonos_random_bits(d->seed, d->next++) % (guint64)(most - least + 1));
}

static void draw_round(YonosRound *round, int k, Draws *d)
{
    round->blurred = chance(d, ranges[k].blurred);
    round->blur.sigma[0] = between(d, ranges[k].sigma);
    round->blur.sigma[1] = between(d, ranges[k].sigma);
    if (chance(d, ISOTROPIC))
        round->blur.sigma[1] = round->blur.sigma[0];
    round->blur.angle = G_PI * uniform(d);
    round->size = between(d, ranges[k].size);
    round->rescale = (YonosRescale)whole(d, YONOS_RESCALE_AREA, YONOS_RESCALE_BICUBIC);
    round->grain.sigma = chance(d, ranges[k].noisy) ? between(d, ranges[k].noise) : 0;
    round->grain.poisson = chance(d, POISSON);
    round->grain.gray = chance(d, GRAY);
    round->grain_seed = yonos_random_bits(d->seed, d->next++);
    round->jpeg = chance(d, ranges[k].coded) ? whole(d, ranges[k].quality[0], ranges[k].quality[1]) : 0;
}

void yonos_degradation_draw(YonosDegradation *degradation, guint64 seed)
{
    Draws d = {seed, 0};

    draw_round(&degradation->round[0], 0, &d);
    draw_round(&degradation->round[1], 1, &d);
    degradation->last = (YonosRescale)whole(&d, YONOS_RESCALE_AREA, YONOS_RESCALE_BICUBIC);
    degradation->bt709 = chance(&d, 0.5);
    degradation->qp = chance(&d, H264) ? whole(&d, qp_range[0], qp_range[1]) : -1;
    degradation->sharp = chance(&d, SHARP);
}

YonosDegrader *yonos_degrader_new(int side, GError **error)
{
    YonosJpeg *jpeg = yonos_jpeg_new(error);
    gsize padded = side + 2 * YONOS_BLUR_RADIUS;
    YonosDegrader *w;

    if (!jpeg)
        return NULL;
    w = g_new0(YonosDegrader, 1);
    w->side = side;
    w->jpeg = jpeg;
    for (int k = 0; k < 2; k++)
        w->pictures[k] = g_new(float, 3 * (gsize)side * side);
    w->scratch = g_new(float, 3 * padded * padded);
    w->planes = g_malloc((gsize)side * side / 4 * 3 / 2);
    return w;
}

void yonos_degrader_free(YonosDegrader *w)
{
    if (!w)
        return;
    yonos_jpeg_free(w->jpeg);
    g_free(w->pictures[0]);
    g_free(w->pictures[1]);
    g_free(w->scratch);
    g_free(w->planes);
    g_free(w);
}

/* From pictures[0] of the given side into pictures[0]; returns the new side. */
static int degrade_round(YonosDegrader *w, const YonosRound *round, int side, int base)
{
    float kernel[(2 * YONOS_BLUR_RADIUS + 1) * (2 * YONOS_BLUR_RADIUS + 1)];
    int new_side = MAX(1, (int)(base * round->size + 0.5));

    if (round->blurred) {
        yonos_blur_kernel(&round->blur, kernel);
        yonos_blur(w->pictures[0], side, side, kernel, w->scratch, w->pictures[1]);
    } else {
        memcpy(w->pictures[1], w->pictures[0], 3 * (gsize)side * side * sizeof(float));
    }
    yonos_rescale(round->rescale, w->pictures[1], side, side, w->scratch, w->pictures[0], new_side, new_side);
    yonos_grain(w->pictures[0], (gsize)new_side * new_side, &round->grain, round->grain_seed);
    if (round->jpeg)
        yonos_jpeg(w->jpeg, w->pictures[0], new_side, new_side, round->jpeg);
    return new_side;
}

/* 4:2:0 and H.264, in place. */
static void deliver(YonosDegrader *w, float *rgb, int side, const YonosDegradation *d)
{
    YonosFrameFormat format = {.layout = YONOS_FRAME_I420,
                               .width = side,
                               .height = side,
                               .kr = d->bt709 ? 0.2126 : 0.299,
                               .kb = d->bt709 ? 0.0722 : 0.114,
                               .chroma_left = TRUE};
    int half = (side + 1) / 2, luma = side * side;
    YonosFrame frame = {{w->planes, w->planes + luma, w->planes + luma + half * half}, {side, half, half}};

    yonos_frame_from_rgb(&format, &frame, rgb, side);
    for (int k = 0; d->qp >= 0 && k < 3; k++)
        yonos_h264_plane(frame.plane[k], k ? half : side, k ? half : side, d->qp, k > 0);
    yonos_frame_to_rgb(&format, &frame, rgb, side);
}

/* Leaves the picture of half the side in pictures[1]. */
static void degrade_rounds(YonosDegrader *w, const float *x_h, const YonosDegradation *d)
{
    int half = w->side / 2, side;

    memcpy(w->pictures[0], x_h, 3 * (gsize)w->side * w->side * sizeof *x_h);
    side = degrade_round(w, &d->round[0], w->side, w->side);
    side = degrade_round(w, &d->round[1], side, half);
    yonos_rescale(d->last, w->pictures[0], side, side, w->scratch, w->pictures[1], half, half);
}

void yonos_degrade(YonosDegrader *w, const float *x_h, const YonosDegradation *d,
                   float *const x_l[YONOS_DEGRADE_SCALES])
{
    int side = d->sharp ? w->side : w->side / 2;
    const float *from = d->sharp ? x_h : w->pictures[1];

    if (!d->sharp)
        degrade_rounds(w, x_h, d);
    for (int k = 0; k < YONOS_DEGRADE_SCALES; k++) {
        int reduced = w->side >> (k + 1);
        if (!x_l[k])
            continue;
        yonos_rescale(YONOS_RESCALE_BICUBIC, from, side, side, w->scratch, x_l[k], reduced, reduced);
        deliver(w, x_l[k], reduced, d);
    }
}
