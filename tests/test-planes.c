/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shaders that convert frames on a Vulkan device against engine/frame.c and the resize op: every format, range,
 * matrix and siting, odd sizes, odd strides; to the network and back, and plain bicubic. Within one code; and what is
 * not a frame's stays as it was. */
#include "executor.h"
#include "frame/packing.h"
#include "plain.h"
#include "tested-device.h"
#include "vulkan-spy.h"
#include "vulkan/vulkan-frames.h"

#include <string.h>

#define SEED 20261124
#define PAD 5
#define GUARD 0xA5
#define TOLERANCE 1 /* codes */

typedef struct {
    const char *name;
    YonosFrameFormat format; /* without size, matrix, range and siting */
} Format;

#define PLANAR(name, of, swapped, bits, unused)                                                                        \
    {                                                                                                                  \
        name,                                                                                                          \
        {                                                                                                              \
            .layout = YONOS_FRAME_##of, .chroma_swapped = swapped, .depth = bits, .shift = unused, .a = -1             \
        }                                                                                                              \
    }
#define RGB(name, stride, r_at, g_at, b_at, a_at, bits)                                                                \
    {                                                                                                                  \
        name,                                                                                                          \
        {                                                                                                              \
            .pixel_stride = stride, .r = r_at, .g = g_at, .b = b_at, .a = a_at, .depth = bits                          \
        }                                                                                                              \
    }
static const Format formats[] = {
    PLANAR("I420", I420, FALSE, 8, 0),     PLANAR("YV12", I420, TRUE, 8, 0),      PLANAR("NV12", NV12, FALSE, 8, 0),
    PLANAR("NV21", NV12, TRUE, 8, 0),      PLANAR("Y42B", Y42B, FALSE, 8, 0),     PLANAR("Y444", Y444, FALSE, 8, 0),
    PLANAR("P010", NV12, FALSE, 10, 6),    PLANAR("I420_10", I420, FALSE, 10, 0), PLANAR("GRAY8", GRAY, FALSE, 8, 0),
    RGB("RGB", 3, 0, 1, 2, -1, 8),         RGB("BGR", 3, 2, 1, 0, -1, 8),         RGB("RGBA", 4, 0, 1, 2, 3, 8),
    RGB("BGRA", 4, 2, 1, 0, 3, 8),         RGB("ARGB", 4, 1, 2, 3, 0, 8),         RGB("ABGR", 4, 3, 2, 1, 0, 8),
    RGB("RGBx", 4, 0, 1, 2, -1, 8),        RGB("BGRx", 4, 2, 1, 0, -1, 8),        RGB("xRGB", 4, 1, 2, 3, -1, 8),
    RGB("xBGR", 4, 3, 2, 1, -1, 8),        RGB("RGBA64", 8, 0, 2, 4, 6, 16),      PLANAR("I422_10", Y42B, FALSE, 10, 0),
    PLANAR("Y444_10", Y444, FALSE, 10, 0), PLANAR("I420_12", I420, FALSE, 12, 0), PLANAR("I422_12", Y42B, FALSE, 12, 0),
    PLANAR("Y444_12", Y444, FALSE, 12, 0), PLANAR("P012", NV12, FALSE, 12, 4),    PLANAR("P016", NV12, FALSE, 16, 0),
    PLANAR("Y444_16", Y444, FALSE, 16, 0), PLANAR("GRAY16", GRAY, FALSE, 16, 0),  PLANAR("YUY2", YUY2, FALSE, 8, 0),
    PLANAR("YVYU", YUY2, TRUE, 8, 0),      PLANAR("Y210", YUY2, FALSE, 10, 6),    PLANAR("Y212", YUY2, FALSE, 12, 4),
    {"UYVY", {.layout = YONOS_FRAME_YUY2, .chroma_first = TRUE, .depth = 8, .a = -1}},
    {"VYUY", {.layout = YONOS_FRAME_YUY2, .chroma_first = TRUE, .chroma_swapped = TRUE, .depth = 8, .a = -1}},
};

static const struct {
    double kr, kb;
} matrices[] = {{0.299, 0.114}, {0.2126, 0.0722}, {0.2627, 0.0593}};

/* One of each, by the bits of `choice`. */
static YonosFrameFormat choose(const Format *format, int width, int height, guint choice)
{
    YonosFrameFormat f = format->format;

    f.width = width;
    f.height = height;
    f.kr = matrices[choice % 3].kr;
    f.kb = matrices[choice % 3].kb;
    f.full_range = f.limited_rgb = choice / 3 & 1;
    f.chroma_left = choice / 3 >> 1 & 1;
    f.chroma_top = choice / 3 >> 2 & 1;
    return f;
}

typedef struct {
    YonosFramePacking packing;
    YonosFrame frame;
    guint8 *data[3];
} Picture;

static Picture picture_new(const YonosFrameFormat *f)
{
    Picture p = {.packing = yonos_frame_packing(f)};

    for (guint k = 0; k < p.packing.planes; k++) {
        gsize stride = p.packing.row[k] + PAD, size = stride * p.packing.rows[k] - PAD;
        p.data[k] = g_malloc(size); /* the last row has no padding: a sanitizer sees what is beyond it */
        memset(p.data[k], GUARD, size);
        p.frame.plane[k] = p.data[k];
        p.frame.stride[k] = (int)stride;
    }
    return p;
}

static void picture_clear(Picture *p)
{
    for (guint k = 0; k < 3; k++)
        g_free(p->data[k]);
}

static guint8 *word_at(const Picture *p, guint plane, gsize byte, guint y)
{
    return p->frame.plane[plane] + (gsize)y * p->frame.stride[plane] + byte;
}

static int get(const YonosFrameFormat *f, const guint8 *at)
{
    return f->depth > 8 ? (at[0] | at[1] << 8) >> f->shift : at[0];
}

static void fill(const YonosFrameFormat *f, Picture *p, GRand *rand)
{
    guint bytes = f->depth > 8 ? 2 : 1;

    for (guint k = 0; k < p->packing.planes; k++)
        for (guint y = 0; y < p->packing.rows[k]; y++)
            for (gsize at = 0; at < p->packing.row[k]; at += bytes) {
                guint code = (guint)g_rand_int_range(rand, 0, 1 << f->depth) << f->shift;
                word_at(p, k, at, y)[0] = (guint8)code;
                if (bytes == 2)
                    word_at(p, k, at, y)[1] = (guint8)(code >> 8);
            }
}

/* The largest difference; fails where it is more than allowed, or where bytes between rows are not as they were. */
static int compare(const char *what, const YonosFrameFormat *f, const Picture *got, const Picture *want, int allowed)
{
    guint bytes = f->depth > 8 ? 2 : 1;
    int worst = 0;

    for (guint k = 0; k < got->packing.planes; k++)
        for (guint y = 0; y < got->packing.rows[k]; y++) {
            for (gsize at = 0; at < got->packing.row[k]; at += bytes) {
                int a = get(f, word_at(got, k, at, y)), b = get(f, word_at(want, k, at, y));
                worst = MAX(worst, ABS(a - b));
                if (ABS(a - b) > allowed)
                    g_error("%s: plane %u, row %u, byte %" G_GSIZE_FORMAT ": %d instead of %d", what, k, y, at, a, b);
            }
            for (gsize at = got->packing.row[k]; y + 1 < got->packing.rows[k] && at < (gsize)got->frame.stride[k]; at++)
                g_assert_cmpint(*word_at(got, k, at, y), ==, GUARD);
        }
    return worst;
}

typedef struct {
    YonosFrameFormat in, out;
    gboolean network; /* which hands on what it gets, or plain bicubic */
    int ours;         /* of the network */
} Way;

/* What comes of `in` by the references. */
static void reference(const Way *w, const Picture *in, Picture *out)
{
    gsize small_n = (gsize)w->in.width * w->in.height, n = (gsize)w->out.width * w->out.height;
    float *small = g_new(float, small_n * 3), *large = g_new(float, n * 3), *alpha = g_new(float, n);
    GError *error = NULL;
    YonosPlain *plain = yonos_plain_new(w->in.width, w->in.height, w->out.width, w->out.height, 3, &error);
    YonosPlain *plain_alpha = yonos_plain_new(w->in.width, w->in.height, w->out.width, w->out.height, 1, &error);

    g_assert_no_error(error);
    yonos_frame_to_rgb(&w->in, &in->frame, small, w->in.width);
    g_assert_true(yonos_plain_run(plain, small, large, 0, &error));
    for (int y = 0; w->ours < w->out.width && w->ours > 0 && y < w->out.height; y++)
        for (int x = w->ours & ~1; x < MIN((w->ours & ~1) + 2, w->out.width); x++)
            for (int c = 0; c < 3; c++)
                large[((gsize)y * w->out.width + x) * 3 + c] = 1;
    yonos_frame_from_rgb(&w->out, &out->frame, large, w->out.width);
    if (w->in.layout == YONOS_FRAME_PACKED && w->out.layout == YONOS_FRAME_PACKED && w->in.a >= 0 && w->out.a >= 0) {
        yonos_frame_to_alpha(&w->in, &in->frame, small);
        g_assert_true(yonos_plain_run(plain_alpha, small, alpha, 0, &error));
        yonos_frame_from_alpha(&w->out, &out->frame, alpha);
    }
    yonos_plain_free(plain);
    yonos_plain_free(plain_alpha);
    g_free(small);
    g_free(large);
    g_free(alpha);
}

#define MOST (67 * 35) /* pixels of a network's input */

typedef struct {
    YonosGraph *graph;
    YonosExecutor *executor;
    YonosBufferId x;
    gboolean half;
} Device;

/* Its network is a buffer that is input and picture at once. */
static gboolean device_open(Device *d, gboolean half)
{
    YonosVulkanOptions options = {.device = tested_device(), .half = half ? YONOS_VULKAN_HALF : YONOS_VULKAN_SINGLE};
    GError *error = NULL;

    if (!yonos_vulkan_has_device(tested_device())) {
        g_test_skip("no such Vulkan device");
        return FALSE;
    }
    d->half = half;
    d->graph = yonos_graph_new();
    d->x = yonos_graph_buffer(d->graph, "frame", YONOS_F32, MOST * 3);
    d->executor = yonos_vulkan_executor_new(d->graph, &options, &error);
    g_assert_no_error(error);
    return TRUE;
}

static void device_close(Device *d)
{
    yonos_executor_free(d->executor);
    yonos_graph_free(d->graph);
}

static YonosVulkanFrames *frames_open(const Device *d, const Way *w, guint depth)
{
    YonosVulkanFramesParams params = {w->in, w->out, depth, d->x, d->x};
    GError *error = NULL;
    YonosVulkanFrames *frames;

    if (!w->network)
        params.x = params.y = YONOS_NONE;
    frames = yonos_vulkan_frames_new(d->executor, &params, &error);
    g_assert_no_error(error);
    return frames;
}

static void submit(YonosVulkanFrames *frames, const Way *w, const Picture *in)
{
    const YonosFrameFormat *f = &w->out;
    YonosVulkanTile all = {0, 0, f->width, f->height, 0, 0, f->width, f->height, 0, 0, f->width, f->height, TRUE, TRUE};
    GError *error = NULL;

    g_assert_true(yonos_vulkan_frames_begin(frames, &in->frame, &error));
    g_assert_true(w->network ? yonos_vulkan_frames_run(frames, &all, w->ours, &error)
                             : yonos_vulkan_frames_run_plain(frames, &error));
    g_assert_true(yonos_vulkan_frames_end(frames, NULL, &error));
}

static void collect(YonosVulkanFrames *frames, const Picture *out)
{
    YonosVulkanFrameTimes times;
    GError *error = NULL;

    yonos_vulkan_frames_collect(frames, &out->frame, &times, &error);
    g_assert_no_error(error);
    g_assert_cmpfloat(times.device, >=, 0);
    g_assert_cmpfloat(times.device, <, 60);
}

static int check(const Device *d, const Way *w, const char *names, GRand *rand)
{
    YonosVulkanFrames *frames = frames_open(d, w, 1);
    Picture in = picture_new(&w->in), want = picture_new(&w->out), got = picture_new(&w->out);
    char *what =
        g_strdup_printf("%s %dx%d to %dx%d, %s, %d columns of the network, matrix %.4f %.4f to %.4f %.4f, full %d %d, "
                        "left %d %d, top %d %d",
                        names, w->in.width, w->in.height, w->out.width, w->out.height, d->half ? "fp16" : "fp32",
                        w->ours, w->in.kr, w->in.kb, w->out.kr, w->out.kb, w->in.full_range, w->out.full_range,
                        w->in.chroma_left, w->out.chroma_left, w->in.chroma_top, w->out.chroma_top);
    int worst, allowed = TOLERANCE + (d->half && w->network ? 40 >> (16 - w->out.depth) : 0); /* fp16 has 11 bits */

    fill(&w->in, &in, rand);
    reference(w, &in, &want);
    submit(frames, w, &in);
    collect(frames, &got);
    worst = compare(what, &w->out, &got, &want, allowed);
    g_free(what);
    picture_clear(&in);
    picture_clear(&want);
    picture_clear(&got);
    yonos_vulkan_frames_free(frames);
    return worst;
}

static const int sizes[][2] = {{1, 1}, {3, 5}, {33, 17}, {32, 16}, {67, 35}, {2, 9}, {41, 8}};

/* How many ways there are to read a format: matrices, ranges, sitings. */
static guint choices(const Format *f)
{
    YonosFrameChroma chroma = yonos_frame_chroma(f->format.layout);

    return f->format.layout == YONOS_FRAME_PACKED ? 6 : chroma.halved_y ? 24 : chroma.halved_x ? 12 : 6;
}

/* From one way to the next that is tried: all of them with -m thorough, else all of I420 in fp32 and some of the
 * others. */
static guint step_of(const Format *f, gboolean half)
{
    if (f->format.layout == YONOS_FRAME_PACKED)
        return half ? 6 : 3;
    return g_test_thorough() || (f == formats && !half) ? 1 : half ? 13 : 7;
}

/* Each format is read in its ways, and written as one of the other formats in one of theirs. */
static void test_formats(gconstpointer data)
{
    GRand *rand = g_rand_new_with_seed(SEED);
    guint n = 0, equal = 0;
    Device d;

    if (!device_open(&d, GPOINTER_TO_INT(data)))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
        for (guint c = i % 2 * 3; c < choices(&formats[i]); c += step_of(&formats[i], d.half), n++) {
            const Format *to = &formats[(i * 7 + c * 3 + 1) % G_N_ELEMENTS(formats)];
            const int *size = sizes[n % G_N_ELEMENTS(sizes)];
            Way w = {choose(&formats[i], size[0], size[1], c), choose(to, size[0], size[1], (c * 5 + i) % 24), TRUE,
                     size[0]};
            char *names = g_strdup_printf("%s to %s", formats[i].name, to->name);
            if (n % 5 == 4)
                w.ours = size[0] / 2;
            equal += check(&d, &w, names, rand) == 0;
            g_free(names);
        }
    g_test_message("%u ways, seed %d: within %d code, %u of them equal", n, SEED, TOLERANCE, equal);
    g_rand_free(rand);
    device_close(&d);
}

static void test_bicubic(void)
{
    static const int plain[][4] = {{1, 1, 8, 8}, {5, 3, 10, 6},   {33, 17, 70, 90},
                                   {7, 9, 7, 9}, {64, 36, 13, 5}, {40, 6, 41, 48}};
    GRand *rand = g_rand_new_with_seed(SEED);
    guint n = 0;
    Device d;

    if (!device_open(&d, FALSE))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
        for (guint c = 0; c < (g_test_thorough() ? 3 : 1); c++, n++) {
            const Format *to = &formats[(i + c * 8 + i % 3) % G_N_ELEMENTS(formats)];
            const int *s = plain[n % G_N_ELEMENTS(plain)];
            Way w = {choose(&formats[i], s[0], s[1], n % 24), choose(to, s[2], s[3], (n * 5 + i) % 24), FALSE, 0};
            char *names = g_strdup_printf("bicubic, %s to %s", formats[i].name, to->name);
            check(&d, &w, names, rand);
            g_free(names);
        }
    g_test_message("%u ways, seed %d", n, SEED);
    g_rand_free(rand);
    device_close(&d);
}

/* Windows at the far end of a very long row, to the precision of 16 bits. */
static void test_long_row(void)
{
    GRand *rand = g_rand_new_with_seed(SEED);
    Device d;

    if (!device_open(&d, FALSE))
        return;
    for (int k = 0; k < 2; k++) {
        const Format *f = &formats[19];
        Way w = {choose(f, k ? 16383 : 2, k ? 2 : 16381, 0), choose(f, k ? 16384 : 3, k ? 3 : 16384, 0), FALSE, 0};
        check(&d, &w, "a long row or column of RGBA64", rand);
    }
    g_rand_free(rand);
    device_close(&d);
}

#define FRAMES 9

/* Several frames under way, with some forgotten in between: in their order, and to the bit what one at a time gives. */
static void check_ring(void)
{
    const Way w = {choose(&formats[2], 67, 35, 7), choose(&formats[6], 67, 35, 2), TRUE, 67};
    GRand *rand = g_rand_new_with_seed(SEED);
    Picture in[FRAMES], want[FRAMES], got = picture_new(&w.out);
    YonosVulkanFrames *frames;
    GError *error = NULL;
    Device d;

    if (!device_open(&d, FALSE))
        return;
    g_test_message("%u queues for copies", spy_transfer_queues);
    g_setenv("YONOS_DISABLE_OVERLAP", "1", TRUE);
    frames = frames_open(&d, &w, 1);
    for (guint k = 0; k < FRAMES; k++) {
        in[k] = picture_new(&w.in);
        want[k] = picture_new(&w.out);
        fill(&w.in, &in[k], rand);
        submit(frames, &w, &in[k]);
        collect(frames, &want[k]);
    }
    yonos_vulkan_frames_free(frames);
    g_unsetenv("YONOS_DISABLE_OVERLAP");
    for (guint depth = 1; depth <= 4; depth++) {
        gsize memory = d.executor->memory;
        guint sent = 0;
        frames = frames_open(&d, &w, depth);
        g_assert_cmpuint(d.executor->memory, >, memory);
        for (guint k = 0; k < FRAMES; k++) {
            YonosVulkanFrameTimes times;
            while (sent < FRAMES && yonos_vulkan_frames_pending(frames) < depth)
                submit(frames, &w, &in[sent++]);
            if (k % 4 == 2) {
                g_assert_true(yonos_vulkan_frames_collect(frames, NULL, &times, &error));
                continue;
            }
            collect(frames, &got);
            compare("overlapping frames", &w.out, &got, &want[k], 0);
        }
        g_assert_cmpuint(yonos_vulkan_frames_pending(frames), ==, 0);
        if (depth > 1) {
            submit(frames, &w, &in[0]);
            submit(frames, &w, &in[1]); /* and freed while they are under way */
        }
        yonos_vulkan_frames_free(frames);
        g_assert_cmpuint(d.executor->memory, ==, memory);
    }
    for (guint k = 0; k < FRAMES; k++) {
        picture_clear(&in[k]);
        picture_clear(&want[k]);
    }
    picture_clear(&got);
    g_rand_free(rand);
    device_close(&d);
}

static void test_ring(void)
{
    for (spy_transfer_queues = 0; spy_transfer_queues <= 2; spy_transfer_queues++)
        check_ring();
    spy_transfer_queues = 0;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/planes/fp32", GINT_TO_POINTER(FALSE), test_formats);
    g_test_add_data_func("/planes/fp16", GINT_TO_POINTER(TRUE), test_formats);
    g_test_add_func("/planes/bicubic", test_bicubic);
    g_test_add_func("/planes/long-row", test_long_row);
    g_test_add_func("/planes/ring", test_ring);
    return g_test_run();
}
