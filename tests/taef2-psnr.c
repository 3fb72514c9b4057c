/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* taef2-psnr ENCODER DECODER PICTURE [DEVICE [SIDE]]
 * Sends a picture through TAEF2 and prints the PSNR of what comes back, over R'G'B' and over BT.601 luma. The sides are
 * cropped to multiples of 8; with SIDE, to the middle square of that side. DEVICE: "cpu" or part of a Vulkan device's
 * name, stored as fp32. */
#include "base/error.h"
#include "device.h"
#include "media.h"
#include "models/model-file.h"
#include "models/taef2.h"
#include "ops/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int limit; /* largest side, 0: none */
    int h, w;
    float *values; /* h x w x 3 in 0..1 */
} Picture;

static gboolean take_picture(const guint8 *rgb, guint width, guint height, gsize stride, gpointer user,
                             G_GNUC_UNUSED GError **error)
{
    Picture *p = user;
    int limit = p->limit ? p->limit : G_MAXINT;
    gsize k = 0;

    p->h = MIN((int)height, limit) / YONOS_TAEF2_GRID * YONOS_TAEF2_GRID;
    p->w = MIN((int)width, limit) / YONOS_TAEF2_GRID * YONOS_TAEF2_GRID;
    p->values = g_new(float, (gsize)p->h * p->w * 3);
    for (int y = 0; y < p->h; y++) {
        const guint8 *row = rgb + ((int)height - p->h) / 2 * stride + y * stride + ((int)width - p->w) / 2 * 3;
        for (int x = 0; x < p->w * 3; x++)
            p->values[k++] = row[x] / 255.0f;
    }
    return TRUE;
}

/* Runs one of the two networks with the parameters of `path`; returns its output, to be freed. */
static float *through(YonosTensorId network(YonosGraph *, YonosTensorId), const char *path, const char *device,
                      YonosShape shape, const float *in, GError **error)
{
    YonosGraph *g = yonos_graph_new();
    YonosTensorId x = yonos_graph_input(g, "in", YONOS_F32, shape), y = network(g, x);
    YonosShape s = yonos_graph_shape(g, y);
    YonosTensorId out = yonos_graph_input(g, "out", YONOS_F32, s);
    gsize n = yonos_shape_elements(s);
    float *result = g_new(float, n);
    YonosModelFile file = {0};
    YonosExecutor *ex = NULL;

    yonos_append(g, YONOS_OP_ACT, 1, &y, out, (int[]){YONOS_ACT_LEAKY}, 1, 1, 0);
    if (!yonos_graph_check(g, error) || !(ex = yonos_executor_new(g, device, FALSE, error)) ||
        !yonos_model_file_open_weights(&file, path, error) || !yonos_model_file_load(&file, ex, error) ||
        !yonos_executor_write(ex, yonos_graph_find_buffer(g, "in"), 0, in, yonos_shape_elements(shape), error) ||
        !yonos_executor_run(ex, error) ||
        !yonos_executor_read(ex, yonos_graph_find_buffer(g, "out"), 0, result, n, error))
        g_clear_pointer(&result, g_free);
    yonos_executor_free(ex);
    yonos_model_file_clear(&file);
    yonos_graph_free(g);
    return result;
}

static void print_psnr(const char *path, const Picture *p, const float *back)
{
    static const double luma[] = {0.299, 0.587, 0.114};
    double squares = 0, squares_y = 0, pixels = (double)p->h * p->w;

    for (gsize k = 0; k < (gsize)p->h * p->w; k++) {
        double y = 0;
        for (int c = 0; c < 3; c++) {
            double d = CLAMP(back[3 * k + c], 0, 1) - p->values[3 * k + c];
            squares += d * d;
            y += luma[c] * d;
        }
        squares_y += y * y;
    }
    printf("%s %dx%d: PSNR %.2f dB RGB, %.2f dB luma\n", path, p->w, p->h, -10 * log10(squares / (3 * pixels)),
           -10 * log10(squares_y / pixels));
}

int main(int argc, char **argv)
{
    const char *device = argc > 4 ? argv[4] : "cpu";
    Picture p = {.limit = argc > 5 ? atoi(argv[5]) : 0};
    float *z = NULL, *back = NULL;
    GError *error = NULL;
    int failed;

    if (argc < 4 || argc > 6) {
        fprintf(stderr, "usage: taef2-psnr ENCODER DECODER PICTURE [DEVICE [SIDE]]\n");
        return 2;
    }
    if (yonos_media_decode(argv[3], 1, take_picture, &p, &error))
        z = through(yonos_taef2_encoder, argv[1], device, (YonosShape){1, p.h, p.w, 3}, p.values, &error);
    if (z)
        back = through(yonos_taef2_decoder, argv[2], device,
                       (YonosShape){1, p.h / YONOS_TAEF2_GRID, p.w / YONOS_TAEF2_GRID, YONOS_TAEF2_LATENT}, z, &error);
    if (back)
        print_psnr(argv[3], &p, back);
    else
        fprintf(stderr, "%s\n", error->message);
    failed = !back;
    g_clear_error(&error);
    g_free(p.values);
    g_free(z);
    g_free(back);
    return failed;
}
