/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include "../small-model.h"
#include "upscaler.h"

#include <glib/gstdio.h>
#include <math.h>
#include <sys/resource.h>

/* An I420 or NV12 frame or one of four bytes a pixel, and its planes in one piece of memory. */
typedef struct {
    YonosFrameFormat format;
    YonosFrame frame;
} Picture;

static Picture picture_new(YonosFrameLayout layout, int width, int height)
{
    int half = (width + 1) / 2;
    gsize pixels = (gsize)width * height;
    guint8 *bytes = g_malloc(pixels * 4 + 4), *chroma = bytes + pixels;
    gboolean packed = layout == YONOS_FRAME_PACKED;

    for (gsize k = 0; k < pixels * 4 + 4; k++)
        bytes[k] = (guint8)(k * 37 >> 3);
    return (Picture){
        {.layout = layout, .width = width, .height = height, .pixel_stride = 4, .g = 1, .b = 2, .a = -1, .kr = 0.299,
         .kb = 0.114, .chroma_left = TRUE},
        {{bytes, chroma, chroma + (gsize)half * ((height + 1) / 2)},
         {packed ? 4 * width : width, layout == YONOS_FRAME_NV12 ? 2 * half : half, half}}};
}

/* A model of random weights on b's device; *seconds tells how long it took to open. */
static YonosUpscaler *open_random(const Bench *b, const Picture *in, const Picture *out, double *seconds)
{
    char *folder = g_dir_make_tmp("yonos-bench-XXXXXX", NULL), *path = g_build_filename(folder, "m.safetensors", NULL);
    /* of a GPU the upscaler knows itself which is the first real one */
    YonosUpscalerParams p = {path, g_strcmp0(b->device, "gpu") ? b->device : "auto", b->scale, BENCH_SEED, in->format,
                             out->format, 0, 0, NULL};
    GError *error = NULL;
    YonosUpscaler *up;
    double start;

    small_model_make(path, &(SmallModel){.scale = b->scale, .tier = b->tier, .seed = BENCH_SEED});
    start = now();
    up = yonos_upscaler_new(&p, &error);
    *seconds = now() - start;
    if (!up)
        g_error("%s", error->message);
    g_remove(path);
    g_rmdir(folder);
    g_free(path);
    g_free(folder);
    return up;
}

static double run_once(YonosUpscaler *up, const Picture *in, const Picture *out)
{
    GError *error = NULL;
    double start = now();

    if (!yonos_upscaler_run(up, &in->frame, &out->frame, &error))
        g_error("%s", error->message);
    return now() - start;
}

static void report_part(const Bench *b, const char *section, const char *name, double *seconds)
{
    double median = quantile(seconds, (guint)b->runs, 0.5);

    report_row(b->report, section, name,
               (Cell[]){{"p50 ms", 1e3 * median},
                        {"p99 ms", 1e3 * quantile(seconds, (guint)b->runs, 0.99)},
                        {"least ms", 1e3 * seconds[0]},
                        {"frames/s", median > 0 ? 1 / median : NAN},
                        {NULL, 0}});
}

void bench_frames(const Bench *b)
{
    enum { WALL, DEVICE, TO_RGB, UPLOAD, COMPUTE, DOWNLOAD, FROM_RGB, PARTS };
    static const char *const names[PARTS] = {"frame, wall",          "network, device's clock", "- planes in",
                                             "- upload",             "- network, wall",         "- download",
                                             "- planes out"};
    Picture in = picture_new(YONOS_FRAME_I420, b->width, b->height);
    Picture out = picture_new(YONOS_FRAME_I420, b->width * b->scale, b->height * b->scale);
    double *parts[PARTS], open, first;
    YonosUpscaler *up = open_random(b, &in, &out, &open);
    char *section = g_strdup_printf("frames of %s x%d, %dx%d", b->tier, b->scale, b->width, b->height);
    struct rusage usage;

    report_text(b->report, "device", yonos_upscaler_device(up));
    for (int k = 0; k < PARTS; k++)
        parts[k] = g_new0(double, b->runs);
    first = run_once(up, &in, &out);
    for (int run = 1 - BENCH_WARM; run < b->runs; run++) {
        const YonosUpscalerTimes *t = yonos_upscaler_times(up);
        int at = MAX(run, 0);
        parts[WALL][at] = run_once(up, &in, &out);
        parts[DEVICE][at] = t->device;
        parts[TO_RGB][at] = t->to_rgb;
        parts[UPLOAD][at] = t->upload;
        parts[COMPUTE][at] = t->compute;
        parts[DOWNLOAD][at] = t->download;
        parts[FROM_RGB][at] = t->from_rgb;
    }
    for (int k = 0; k < PARTS; k++) {
        if (k != DEVICE || parts[k][0] > 0)
            report_part(b, section, names[k], parts[k]);
        g_free(parts[k]);
    }
    getrusage(RUSAGE_SELF, &usage);
    report_row(b->report, "start and memory", section,
               (Cell[]){{"open ms", 1e3 * open},
                        {"1st frame ms", 1e3 * first},
                        {"device MiB", (double)yonos_upscaler_memory(up) / (1 << 20)},
                        {"peak RSS MiB", (double)usage.ru_maxrss / 1024},
                        {NULL, 0}});
    yonos_upscaler_free(up);
    g_free(section);
    g_free(in.frame.plane[0]);
    g_free(out.frame.plane[0]);
}

static void bench_conversion(const Bench *b, const char *name, YonosFrameLayout layout, gboolean to_rgb)
{
    int scale = to_rgb ? 1 : b->scale, width = b->width * scale, height = b->height * scale;
    Picture p = picture_new(layout, width, height);
    float *rgb = g_new0(float, (gsize)width * height * 3);
    double *seconds = g_new0(double, b->runs);

    for (int run = -BENCH_WARM; run < b->runs; run++) {
        double start = now();
        if (to_rgb)
            yonos_frame_to_rgb(&p.format, &p.frame, rgb, width);
        else
            yonos_frame_from_rgb(&p.format, &p.frame, rgb, width);
        seconds[MAX(run, 0)] = now() - start;
    }
    report_part(b, "conversions, on the CPU", name, seconds);
    g_free(seconds);
    g_free(rgb);
    g_free(p.frame.plane[0]);
}

void bench_conversions(const Bench *b)
{
    bench_conversion(b, "I420 in", YONOS_FRAME_I420, TRUE);
    bench_conversion(b, "NV12 in", YONOS_FRAME_NV12, TRUE);
    bench_conversion(b, "RGBx in", YONOS_FRAME_PACKED, TRUE);
    bench_conversion(b, "I420 out", YONOS_FRAME_I420, FALSE);
    bench_conversion(b, "NV12 out", YONOS_FRAME_NV12, FALSE);
    bench_conversion(b, "RGBx out", YONOS_FRAME_PACKED, FALSE);
}

/* Both in turns, so that the load of the machine hits both. */
void bench_linear(const Bench *b)
{
    int s = b->scale;
    Picture in[2] = {picture_new(YONOS_FRAME_I420, 640 / s, 360 / s), picture_new(YONOS_FRAME_I420, 1920 / s, 1080 / s)};
    Picture out[2] = {picture_new(YONOS_FRAME_I420, 640, 360), picture_new(YONOS_FRAME_I420, 1920, 1080)};
    double open, *seconds[2], *ratios = g_new(double, b->runs);
    YonosUpscaler *up[2];

    for (int k = 0; k < 2; k++) {
        seconds[k] = g_new(double, b->runs);
        up[k] = open_random(b, &in[k], &out[k], &open);
    }
    for (int run = -1; run < b->runs; run++) {
        for (int k = 0; k < 2; k++)
            seconds[k][MAX(run, 0)] = run_once(up[k], &in[k], &out[k]);
        ratios[MAX(run, 0)] = seconds[1][MAX(run, 0)] / seconds[0][MAX(run, 0)];
    }
    for (int k = 0; k < 2; k++)
        quantile(seconds[k], (guint)b->runs, 0);
    report_row(b->report, "1920x1080 against 640x360", b->tier,
               (Cell[]){{"360p ms", 1e3 * quantile(seconds[0], (guint)b->runs, 0.5)},
                        {"1080p ms", 1e3 * quantile(seconds[1], (guint)b->runs, 0.5)},
                        {"ratio, p50", quantile(ratios, (guint)b->runs, 0.5)},
                        {"p25", quantile(ratios, (guint)b->runs, 0.25)},
                        {"p75", quantile(ratios, (guint)b->runs, 0.75)},
                        {"of the least", seconds[1][0] / seconds[0][0]},
                        {NULL, 0}});
    for (int k = 0; k < 2; k++) {
        yonos_upscaler_free(up[k]);
        g_free(seconds[k]);
        g_free(in[k].frame.plane[0]);
        g_free(out[k].frame.plane[0]);
    }
    g_free(ratios);
}
