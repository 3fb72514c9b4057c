/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metrics.h"

#include <math.h>
#include <stdlib.h>

#define RADIUS 5
#define TAPS (2 * RADIUS + 1)

typedef struct {
    double *v;
    int width, height;
} Plane;

static Plane plane_new(int width, int height)
{
    return (Plane){g_new(double, (gsize)width *height), width, height};
}

static Plane luma(const YonosPicture *p, int border)
{
    Plane y = plane_new(p->width - 2 * border, p->height - 2 * border);

    for (int row = 0; row < y.height; row++)
        for (int column = 0; column < y.width; column++) {
            const guint8 *rgb = p->rgb + ((gsize)(row + border) * p->width + column + border) * 3;
            y.v[(gsize)row * y.width + column] = 16.0 + (65.481 * rgb[0] + 128.553 * rgb[1] + 24.966 * rgb[2]) / 255.0;
        }
    return y;
}

static double psnr(const Plane *a, const Plane *b)
{
    gsize n = (gsize)a->width * a->height;
    double sum = 0;

    for (gsize k = 0; k < n; k++)
        sum += (a->v[k] - b->v[k]) * (a->v[k] - b->v[k]);
    return sum == 0 ? 100 : 10 * log10(255.0 * 255.0 * n / sum);
}

/* The Gaussian mean of a product of planes (b may be NULL: of a alone), where the window fits. */
static Plane blurred(const Plane *a, const Plane *b)
{
    Plane columns = plane_new(a->width, a->height - 2 * RADIUS);
    Plane out = plane_new(a->width - 2 * RADIUS, columns.height);
    double taps[TAPS], total = 0;

    for (int k = 0; k < TAPS; k++)
        total += taps[k] = exp(-0.5 * ((k - RADIUS) / 1.5) * ((k - RADIUS) / 1.5));
    for (gsize at = 0; at < (gsize)columns.width * columns.height; at++) {
        columns.v[at] = 0;
        for (int k = 0; k < TAPS; k++) {
            gsize from = at + (gsize)k * a->width;
            columns.v[at] += taps[k] / total * a->v[from] * (b ? b->v[from] : 1);
        }
    }
    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++) {
            double sum = 0;
            for (int k = 0; k < TAPS; k++)
                sum += taps[k] / total * columns.v[(gsize)y * columns.width + x + k];
            out.v[(gsize)y * out.width + x] = sum;
        }
    g_free(columns.v);
    return out;
}

static double ssim(const Plane *a, const Plane *b)
{
    const double c1 = 0.01 * 255 * 0.01 * 255, c2 = 0.03 * 255 * 0.03 * 255;
    Plane ma = blurred(a, NULL), mb = blurred(b, NULL), aa = blurred(a, a), bb = blurred(b, b), ab = blurred(a, b);
    gsize n = (gsize)ma.width * ma.height;
    double sum = 0;

    for (gsize k = 0; k < n; k++) {
        double squares = ma.v[k] * ma.v[k] + mb.v[k] * mb.v[k], product = ma.v[k] * mb.v[k];
        sum +=
            (2 * product + c1) * (2 * (ab.v[k] - product) + c2) / ((squares + c1) * (aa.v[k] + bb.v[k] - squares + c2));
    }
    g_free(ma.v);
    g_free(mb.v);
    g_free(aa.v);
    g_free(bb.v);
    g_free(ab.v);
    return sum / n;
}

static double gradient(const Plane *p, gsize at)
{
    return hypot(p->v[at + 1] - p->v[at - 1], p->v[at + p->width] - p->v[at - p->width]);
}

static double laplacian(const Plane *p, gsize at)
{
    return 4 * p->v[at] - p->v[at + 1] - p->v[at - 1] - p->v[at + p->width] - p->v[at - p->width];
}

static int compare(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Between the two nearest of n sorted values. */
static double quantile(const double *sorted, gsize n, double q)
{
    gsize k = (gsize)(q * (n - 1));
    double t = q * (n - 1) - k;

    return k + 1 < n ? sorted[k] + t * (sorted[k + 1] - sorted[k]) : sorted[k];
}

static void crispness(const Plane *a, const Plane *b, double *edge, double *flat)
{
    int width = a->width - 2, height = a->height - 2;
    gsize n = (gsize)width * height, n_smooth = 0;
    double *gb = g_new(double, n), *sorted, strong, smooth, ga_sum = 0, gb_sum = 0, la_sum = 0, lb_sum = 0;

    for (gsize k = 0; k < n; k++)
        gb[k] = gradient(b, (k / width + 1) * a->width + k % width + 1);
    sorted = g_memdup2(gb, n * sizeof *gb);
    qsort(sorted, n, sizeof *sorted, compare);
    strong = quantile(sorted, n, 0.95);
    smooth = quantile(sorted, n, 0.5);
    for (gsize k = 0; k < n; k++) {
        gsize at = (k / width + 1) * a->width + k % width + 1;
        if (gb[k] >= strong) {
            ga_sum += gradient(a, at);
            gb_sum += gb[k];
        }
        if (gb[k] <= smooth) {
            la_sum += fabs(laplacian(a, at));
            lb_sum += fabs(laplacian(b, at));
            n_smooth++;
        }
    }
    *edge = ga_sum / gb_sum;
    *flat = la_sum / MAX(lb_sum, 1e-6 * n_smooth);
    g_free(sorted);
    g_free(gb);
}

void yonos_metrics(YonosMetrics *m, const YonosPicture *test, const YonosPicture *reference, int border)
{
    Plane a = luma(test, border), b = luma(reference, border);

    m->psnr = psnr(&a, &b);
    m->ssim = ssim(&a, &b);
    crispness(&a, &b, &m->edge, &m->flat);
    g_free(a.v);
    g_free(b.v);
}

double yonos_metrics_change(const YonosPicture *before, const YonosPicture *after, int border)
{
    Plane a = luma(before, border), b = luma(after, border);
    double change = 0, size = 0, nothing = 1e-6 * a.width * a.height;

    for (int y = 1; y < a.height - 1; y++)
        for (int x = 1; x < a.width - 1; x++) {
            gsize at = (gsize)y * a.width + x;
            double la = laplacian(&a, at), lb = laplacian(&b, at);
            change += fabs(lb - la);
            size += 0.5 * (fabs(la) + fabs(lb));
        }
    g_free(a.v);
    g_free(b.v);
    return size > nothing ? change / size : NAN;
}

double yonos_metrics_motion(const YonosPicture *frame, const YonosPicture *next, int dx, int dy, int border, gsize *n)
{
    double sum = 0;

    *n = 0;
    for (int y = border; y < frame->height - border - dy; y++)
        for (int x = border; x < frame->width - border - dx; x++)
            for (int c = 0; c < 3; c++, ++*n) {
                double d = frame->rgb[((gsize)(y + dy) * frame->width + x + dx) * 3 + c] -
                           (double)next->rgb[((gsize)y * frame->width + x) * 3 + c];
                sum += d * d;
            }
    return sum;
}
