/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader.h"
#include "base/error.h"
#include "base/random.h"

#include <string.h>

#define AHEAD 3

static int frames_of(const YonosLoaderParams *p)
{
    return p->pan ? 2 : 1;
}

/* Of what is degraded. */
static gsize side_of(const YonosLoaderParams *p)
{
    return p->pan ? p->crop - YONOS_STAGE_PAN : p->crop;
}

struct YonosLoader {
    YonosLoaderParams params;
    GArray *usable; /* guint: pictures at least as large as the crop */
    YonosBatch batches[AHEAD], *lent;
    GAsyncQueue *empty, *full; /* YonosBatch * */
    YonosDegrader *degrader; /* NULL: no x_l is wanted */
    float *frame;            /* of a pan */
    GThread *thread;
    gint stop; /* atomic */
};

/* Copies a crop at (x, y), mirrored by bit 0, turned upside down by bit 1, transposed by bit 2 of `turn`. */
static void crop(float *out, const guint8 *rgb, guint width, guint x, guint y, int side, guint turn)
{
    for (int row = 0; row < side; row++)
        for (int column = 0; column < side; column++, out += 3) {
            int v = turn & 2 ? side - 1 - row : row, u = turn & 1 ? side - 1 - column : column;
            const guint8 *from = rgb + 3 * ((gsize)(y + (turn & 4 ? u : v)) * width + x + (turn & 4 ? v : u));
            for (int c = 0; c < 3; c++)
                out[c] = from[c] * (1 / 255.0f);
        }
}

/* x_l of picture i as wanted; a pan's frames have one camera and codec, and grain of their own */
static void degrade(const YonosLoader *l, const YonosBatch *batch, int i, guint64 seed, guint64 picture)
{
    const YonosLoaderParams *p = &l->params;
    gsize side = side_of(p), row = 3 * (gsize)p->crop;
    const float *x_h = batch->pictures + i * row * p->crop;
    YonosDegradation degradation;
    YonosPan pan;

    yonos_degradation_draw(&degradation, seed);
    yonos_pan_draw(&pan, p->seed, picture);
    for (int frame = 0; frame < frames_of(p); frame++) {
        float *x_l[YONOS_DEGRADE_SCALES] = {NULL};
        for (int k = 0; k < YONOS_DEGRADE_SCALES; k++)
            if (batch->reduced[frame][k])
                x_l[k] = batch->reduced[frame][k] + i * 3 * (side >> (k + 1)) * (side >> (k + 1));
        for (gsize y = 0; p->pan && y < side; y++)
            memcpy(l->frame + 3 * side * y, x_h + (pan.origin[frame][0] + y) * row + 3 * (gsize)pan.origin[frame][1],
                   3 * side * sizeof *x_h);
        for (int k = 0; k < 2; k++)
            degradation.round[k].grain_seed += (guint64)frame;
        yonos_degrade(l->degrader, p->pan ? l->frame : x_h, &degradation, x_l);
    }
}

static void fill(const YonosLoader *l, const YonosBatch *batch, guint64 k)
{
    const YonosLoaderParams *p = &l->params;
    guint64 noise_seed = yonos_random_bits(p->seed, 2 * k + 1), all = p->all ? p->all : p->batch;
    gsize noise_at = p->noise / p->batch * p->at;

    for (int i = 0; i < p->batch; i++) {
        guint64 number = k * all + p->at + i, seed = yonos_random_bits(p->seed, 2 * number);
        const guint8 *rgb;
        guint width, height, picture = yonos_random_bits(seed, 0) % l->usable->len;
        yonos_pack_picture(p->pack, g_array_index(l->usable, guint, picture), &rgb, &width, &height);
        crop(batch->pictures + (gsize)i * p->crop * p->crop * 3, rgb, width,
             yonos_random_bits(seed, 1) % (width - p->crop + 1), yonos_random_bits(seed, 2) % (height - p->crop + 1),
             p->crop, yonos_random_bits(seed, 3) % 8);
        if (l->degrader)
            degrade(l, batch, i, yonos_random_bits(seed, 4), number);
    }
    for (gsize n = 0; n < p->noise; n++)
        batch->noise[n] = yonos_random_normal(noise_seed, noise_at + n);
}

static gpointer work(gpointer data)
{
    YonosLoader *l = data;

    for (guint64 k = l->params.first;; k++) {
        YonosBatch *batch = g_async_queue_pop(l->empty);
        if (g_atomic_int_get(&l->stop))
            return NULL;
        fill(l, batch, k);
        g_async_queue_push(l->full, batch);
    }
}

static gboolean start(YonosLoader *l, GError **error)
{
    const YonosLoaderParams *p = &l->params;

    for (int s = 0; s < YONOS_DEGRADE_SCALES; s++)
        if (p->reduced[s] && !l->degrader && !(l->degrader = yonos_degrader_new((int)side_of(p), error)))
            return FALSE;
    l->frame = g_new(float, 3 * side_of(p) * side_of(p));
    l->empty = g_async_queue_new();
    l->full = g_async_queue_new();
    for (int k = 0; k < AHEAD; k++) {
        YonosBatch *batch = &l->batches[k];
        gsize side = side_of(p);
        batch->pictures = g_new(float, 3 * (gsize)p->batch * p->crop * p->crop);
        batch->noise = g_new(float, p->noise);
        for (int s = 0; s < YONOS_DEGRADE_SCALES; s++) {
            side /= 2;
            for (int frame = 0; frame < frames_of(p) && p->reduced[s]; frame++)
                batch->reduced[frame][s] = g_new(float, 3 * p->batch * side * side);
        }
        g_async_queue_push(l->empty, batch);
    }
    l->thread = g_thread_new("loader", work, l);
    return TRUE;
}

YonosLoader *yonos_loader_new(const YonosLoaderParams *params, GError **error)
{
    YonosLoader *l = g_new0(YonosLoader, 1);

    l->params = *params;
    l->usable = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < yonos_pack_count(params->pack); i++) {
        const guint8 *rgb;
        guint width, height;
        yonos_pack_picture(params->pack, i, &rgb, &width, &height);
        if ((int)MIN(width, height) >= params->crop)
            g_array_append_val(l->usable, i);
    }
    if (!l->usable->len) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT,
                    "No picture of the pack has %d x %d pixels; take larger pictures or smaller crops.", params->crop,
                    params->crop);
        yonos_loader_free(l);
        return NULL;
    }
    if (!start(l, error)) {
        yonos_loader_free(l);
        return NULL;
    }
    return l;
}

const YonosBatch *yonos_loader_next(YonosLoader *l)
{
    if (l->lent)
        g_async_queue_push(l->empty, l->lent);
    l->lent = g_async_queue_pop(l->full);
    return l->lent;
}

void yonos_loader_free(YonosLoader *l)
{
    if (!l)
        return;
    if (l->thread) {
        g_atomic_int_set(&l->stop, TRUE);
        g_async_queue_push(l->empty, &l->batches[0]); /* wakes it; it looks at `stop` before it writes */
        g_thread_join(l->thread);
        g_async_queue_unref(l->empty);
        g_async_queue_unref(l->full);
    }
    for (int k = 0; k < AHEAD; k++) {
        g_free(l->batches[k].pictures);
        g_free(l->batches[k].noise);
        for (int s = 0; s < YONOS_DEGRADE_SCALES; s++) {
            g_free(l->batches[k].reduced[0][s]);
            g_free(l->batches[k].reduced[1][s]);
        }
    }
    yonos_degrader_free(l->degrader);
    g_free(l->frame);
    g_array_unref(l->usable);
    g_free(l);
}
