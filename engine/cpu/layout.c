/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-override.h"

#include <string.h>

/* Copies. The rows of shuffles are inlined with the channels and factors of the networks here, so that the compiler can
 * unroll the small loops. */

/* Copies `count` channels of each pixel. */
static void copy_channels(float *to, int to_channels, const float *from, int from_channels, int count, int pixels)
{
    for (int p = 0; p < pixels; p++)
        for (int k = 0; k < count; k++)
            to[(gsize)p * to_channels + k] = from[(gsize)p * from_channels + k];
}

static void concat_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    int a = c->in_shape[0].c, b = c->in_shape[1].c, w = c->out_shape.w;

    for (gsize row = start; row < end; row++) {
        float *out = c->out + row * w * (a + b);
        copy_channels(out, a + b, c->in[0] + row * w * a, a, a, w);
        copy_channels(out + a, a + b, c->in[1] + row * w * b, b, b, w);
    }
}

static void slice_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    int in = c->in_shape[0].c, out = c->out_shape.c, w = c->out_shape.w;

    for (gsize row = start; row < end; row++)
        copy_channels(c->out + row * w * out, out, c->in[0] + row * w * in + c->node->i[0], in, out, w);
}

static void embed_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    int in = c->in_shape[0].c, out = c->out_shape.c, w = c->out_shape.w;

    for (gsize row = start; row < end; row++) {
        memset(c->out + row * w * out, 0, (gsize)w * out * sizeof(float));
        copy_channels(c->out + row * w * out + c->node->i[0], out, c->in[0] + row * w * in, in, in, w);
    }
}

/* One row of pixels of the deep map, r rows of the wide one that are `stride` elements apart; see ops/layout.c. */
static inline void shuffle_row(float *restrict wide, gsize stride, const float *restrict deep, int width, int channels,
                               int r)
{
    for (int x = 0; x < width; x++, wide += r * channels, deep += r * r * channels)
        for (int c = 0; c < channels; c++)
            for (int dy = 0; dy < r; dy++)
                for (int dx = 0; dx < r; dx++)
                    wide[dy * stride + dx * channels + c] = deep[(c * r + dy) * r + dx];
}

static inline void unshuffle_row(float *restrict deep, const float *restrict wide, gsize stride, int width,
                                 int channels, int r)
{
    for (int x = 0; x < width; x++, wide += r * channels, deep += r * r * channels)
        for (int c = 0; c < channels; c++)
            for (int dy = 0; dy < r; dy++)
                for (int dx = 0; dx < r; dx++)
                    deep[(c * r + dy) * r + dx] = wide[dy * stride + dx * channels + c];
}

static void shuffle_range(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    int w = c->in_shape[0].w, channels = c->out_shape.c, r = c->node->i[0];
    gsize stride = (gsize)w * r * channels;

    for (gsize row = start; row < end; row++) {
        const float *in = c->in[0] + row * r * stride;
        float *out = c->out + row * r * stride;
        if (r == 4 && channels == 3)
            shuffle_row(out, stride, in, w, 3, 4);
        else if (r == 2)
            shuffle_row(out, stride, in, w, channels, 2);
        else
            shuffle_row(out, stride, in, w, channels, r);
    }
}

static void unshuffle_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    int w = c->out_shape.w, channels = c->in_shape[0].c, r = c->node->i[0];
    gsize stride = (gsize)w * r * channels;

    for (gsize row = start; row < end; row++) {
        const float *in = c->in[0] + row * r * stride;
        float *out = c->out + row * r * stride;
        if (r == 4 && channels == 3)
            unshuffle_row(out, in, stride, w, 3, 4);
        else if (r == 2 && channels == 3)
            unshuffle_row(out, in, stride, w, 3, 2);
        else if (r == 2)
            unshuffle_row(out, in, stride, w, channels, 2);
        else
            unshuffle_row(out, in, stride, w, channels, r);
    }
}

static void extent_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    YonosShape s = c->in_shape[0], o = c->out_shape;
    gsize kept = (gsize)MIN(s.w, o.w) * s.c, width = (gsize)o.w * o.c;

    for (gsize row = start; row < end; row++) {
        gsize n = row / o.h, y = MIN(row % o.h, (gsize)s.h - 1);
        float *out = c->out + row * width;
        memcpy(out, c->in[0] + (n * s.h + y) * s.w * s.c, kept * sizeof(float));
        for (gsize k = kept; k < width; k++)
            out[k] = out[k - s.c];
    }
}

/* Its items are rows of the input: several of the output each. */
static gboolean shuffle_run(G_GNUC_UNUSED gpointer state, const YonosCall *c, G_GNUC_UNUSED guint64 weights_version)
{
    yonos_cpu_share(yonos_shape_elements(c->out_shape), (gsize)c->in_shape[0].n * c->in_shape[0].h, shuffle_range, c);
    return TRUE;
}

static void nearest_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    YonosShape s = c->in_shape[0], o = c->out_shape;
    int r = c->node->i[0];

    for (gsize row = start; row < end; row++) {
        const float *in = c->in[0] + row / r * s.w * s.c;
        float *out = c->out + row * o.w * o.c;
        for (int x = 0; x < o.w; x++)
            memcpy(out + (gsize)x * o.c, in + (gsize)(x / r) * s.c, s.c * sizeof(float));
    }
}

static void sum_blocks_rows(gconstpointer data, gsize start, gsize end)
{
    const YonosCall *c = data;
    YonosShape s = c->in_shape[0], o = c->out_shape;
    int r = c->node->i[0];

    memset(c->out + start * o.w * o.c, 0, (end - start) * o.w * o.c * sizeof(float));
    for (gsize row = start * r; row < end * r; row++)
        for (int x = 0; x < s.w; x++) {
            const float *restrict in = c->in[0] + (row * s.w + x) * s.c;
            float *restrict out = c->out + (row / r * o.w + x / r) * o.c;
            for (int k = 0; k < s.c; k++)
                out[k] += in[k];
        }
}

const YonosCpuOverride yonos_cpu_concat = {.rows = concat_rows};
const YonosCpuOverride yonos_cpu_slice = {.rows = slice_rows};
const YonosCpuOverride yonos_cpu_embed = {.rows = embed_rows};
const YonosCpuOverride yonos_cpu_shuffle = {.run = shuffle_run};
const YonosCpuOverride yonos_cpu_unshuffle = {.rows = unshuffle_rows};
const YonosCpuOverride yonos_cpu_nearest = {.rows = nearest_rows};
const YonosCpuOverride yonos_cpu_sum_blocks = {.rows = sum_blocks_rows};
const YonosCpuOverride yonos_cpu_extent = {.rows = extent_rows};
