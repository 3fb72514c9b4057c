/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clip.h"
#include "base/error.h"
#include "base/random.h"
#include "png.h"

#include <glib/gstdio.h>
#include <math.h>

#define MOST_ZOOM 2.0
#define MOST_ANGLE 0.35

/* The half of the square that holds the frame at any angle up to the most, and the kernel's reach. */
static double reach(int side, double zoom)
{
    return zoom * (side / 2.0 * (cos(MOST_ANGLE) + sin(MOST_ANGLE)) + 2);
}

gboolean yonos_clip_draw(YonosClip *clip, const guint8 *rgb, int width, int height, int frames, int side, guint64 seed)
{
    double most = MIN(MOST_ZOOM, MIN(width, height) / 2.0 / reach(side, 1));

    *clip = (YonosClip){.rgb = rgb, .width = width, .height = height, .frames = frames, .side = side};
    if (most < 1)
        return FALSE;
    for (int end = 0; end < 2; end++) {
        double r;
        clip->zoom[end] = 1 + (most - 1) * yonos_random_uniform(seed, 4 * end);
        clip->angle[end] = MOST_ANGLE * (2 * yonos_random_uniform(seed, 4 * end + 1) - 1);
        r = reach(side, clip->zoom[end]);
        clip->centre[end][0] = r + (width - 2 * r) * yonos_random_uniform(seed, 4 * end + 2);
        clip->centre[end][1] = r + (height - 2 * r) * yonos_random_uniform(seed, 4 * end + 3);
    }
    return TRUE;
}

static double keys(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/* Taps around position `at` of samples at 0.5, 1.5, ...; their sum is 1. Returns the first. */
static int window(double at, double zoom, int size, double *weights, int *taps)
{
    int first = MAX(0, (int)ceil(at - 2 * zoom - 0.5)), last = MIN(size - 1, (int)floor(at + 2 * zoom - 0.5));
    double sum = 0;

    *taps = last - first + 1;
    for (int k = 0; k < *taps; k++)
        sum += weights[k] = keys((first + k + 0.5 - at) / zoom);
    for (int k = 0; k < *taps; k++)
        weights[k] /= sum;
    return first;
}

static void sample(const YonosClip *clip, double x, double y, double zoom, guint8 *out)
{
    double row[(int)(4 * MOST_ZOOM) + 2], column[(int)(4 * MOST_ZOOM) + 2], sum[3] = {0};
    int columns, rows, left = window(x, zoom, clip->width, row, &columns);
    int top = window(y, zoom, clip->height, column, &rows);

    for (int v = 0; v < rows; v++) {
        const guint8 *from = clip->rgb + 3 * ((gsize)(top + v) * clip->width + left);
        for (int u = 0; u < columns; u++, from += 3)
            for (int c = 0; c < 3; c++)
                sum[c] += column[v] * row[u] * from[c];
    }
    for (int c = 0; c < 3; c++)
        out[c] = (guint8)(CLAMP(sum[c], 0, 255) + 0.5);
}

void yonos_clip_frame(const YonosClip *clip, int index, guint8 *rgb)
{
    double t = clip->frames > 1 ? (double)index / (clip->frames - 1) : 0;
    double zoom = clip->zoom[0] * pow(clip->zoom[1] / clip->zoom[0], t);
    double angle = clip->angle[0] + t * (clip->angle[1] - clip->angle[0]);
    double c = zoom * cos(angle), s = zoom * sin(angle), middle = clip->side / 2.0;
    double x = clip->centre[0][0] + t * (clip->centre[1][0] - clip->centre[0][0]);
    double y = clip->centre[0][1] + t * (clip->centre[1][1] - clip->centre[0][1]);

    for (int k = 0; k < clip->side * clip->side; k++) {
        double u = k % clip->side + 0.5 - middle, v = k / clip->side + 0.5 - middle;
        sample(clip, x + c * u - s * v, y + s * u + c * v, zoom, rgb + 3 * k);
    }
}

static gboolean write_clip(const YonosClip *clip, const char *folder, GError **error)
{
    guint8 *rgb = g_malloc(3 * (gsize)clip->side * clip->side);
    gboolean ok = TRUE;

    g_mkdir_with_parents(folder, 0777);
    for (int k = 0; ok && k < clip->frames; k++) {
        char *path = g_strdup_printf("%s/frame-%04d.png", folder, k);
        yonos_clip_frame(clip, k, rgb);
        ok = yonos_png_write(path, rgb, clip->side, clip->side, error);
        g_free(path);
    }
    g_free(rgb);
    return ok;
}

gboolean yonos_clips_write(const YonosPack *pack, const char *folder, int count, int frames, int side, guint64 seed,
                           GError **error)
{
    guint n = yonos_pack_count(pack);
    gboolean ok = TRUE;

    for (int k = 0; ok && k < count; k++) {
        guint64 own = yonos_random_bits(seed, k);
        guint start = yonos_random_bits(own, 0) % n;
        gboolean found = FALSE;
        char *path;
        YonosClip clip;
        for (guint i = 0; !found && i < n; i++) { /* the drawn picture, or the next that is large enough */
            const guint8 *rgb;
            guint width, height;
            yonos_pack_picture(pack, (start + i) % n, &rgb, &width, &height);
            found = yonos_clip_draw(&clip, rgb, width, height, frames, side, yonos_random_bits(own, 1));
        }
        if (!found) {
            g_set_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT,
                        "No picture of the pack has %d pixels each way; take larger pictures or smaller frames.",
                        (int)ceil(2 * reach(side, 1)));
            return FALSE;
        }
        path = g_strdup_printf("%s/clip-%03d", folder, k);
        ok = write_clip(&clip, path, error);
        g_free(path);
    }
    return ok;
}
