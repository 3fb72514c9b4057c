/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that the device reads in DMABufs: to the byte what it makes of the same frames by the host, in every layout,
 * at odd sizes and strides, in tiles and several at once; and what cannot be read is refused and harms nothing.
 * Anonymous memory stands in for a device's, which the software driver imports as well. */
#include "frame/packing.h"
#include "small-model.h"
#include "tested-device.h"
#include "upscaler.h"
#include "vulkan-spy.h"
#include "vulkan/vk-device.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEED 20261130
#define PAGE 4096
#define GUARD 0xA5

static const YonosFrameFormat formats[] = {
    {.layout = YONOS_FRAME_I420, .kr = 0.299, .kb = 0.114, .a = -1},
    {.layout = YONOS_FRAME_NV12, .kr = 0.2126, .kb = 0.0722, .chroma_left = TRUE, .a = -1},
    {.layout = YONOS_FRAME_NV12, .kr = 0.2627, .kb = 0.0593, .depth = 10, .shift = 6, .a = -1},
    {.layout = YONOS_FRAME_Y42B, .kr = 0.2126, .kb = 0.0722, .chroma_swapped = TRUE, .a = -1},
    {.layout = YONOS_FRAME_Y444, .kr = 0.299, .kb = 0.114, .full_range = TRUE, .depth = 12, .a = -1},
    {.layout = YONOS_FRAME_GRAY, .kr = 0.299, .kb = 0.114, .a = -1},
    {.pixel_stride = 3, .r = 0, .g = 1, .b = 2, .a = -1},
    {.pixel_stride = 4, .r = 2, .g = 1, .b = 0, .a = 3},
    {.pixel_stride = 8, .r = 0, .g = 2, .b = 4, .a = 6, .depth = 16},
    {.layout = YONOS_FRAME_YUY2, .kr = 0.299, .kb = 0.114, .a = -1},
};

static char *model;

static YonosFrameFormat sized(YonosFrameFormat f, int width, int height)
{
    f.width = width;
    f.height = height;
    return f;
}

/* A frame in shared memory, its planes in falling order with room before and between rows. */
typedef struct {
    YonosDmaBuf planes;
    YonosFrame frame; /* the same, mapped */
    guint8 *map;
    gsize size;
} Shared;

static Shared shared_new(const YonosFrameFormat *f, guint64 seed, guint room)
{
    YonosFramePacking packing = yonos_frame_packing(f);
    GRand *rand = g_rand_new_with_seed((guint32)seed);
    Shared s = {{.fd = memfd_create("frame", MFD_CLOEXEC)}, {{NULL}, {0}}, NULL, 0};
    guint64 at = room;

    for (guint k = packing.planes; k-- > 0;) {
        s.planes.offset[k] = at;
        s.planes.stride[k] = packing.row[k] + room;
        at += s.planes.stride[k] * packing.rows[k];
    }
    s.size = (at + PAGE - 1) / PAGE * PAGE;
    g_assert_cmpint(s.planes.fd, >=, 0);
    g_assert_cmpint(ftruncate(s.planes.fd, (off_t)s.size), ==, 0);
    s.map = mmap(NULL, s.size, PROT_READ | PROT_WRITE, MAP_SHARED, s.planes.fd, 0);
    g_assert_true(s.map != MAP_FAILED);
    for (gsize k = 0; k < s.size; k++)
        s.map[k] = (guint8)g_rand_int(rand);
    for (guint k = 0; k < packing.planes; k++) {
        s.frame.plane[k] = s.map + s.planes.offset[k];
        s.frame.stride[k] = (int)s.planes.stride[k];
    }
    g_rand_free(rand);
    return s;
}

static void shared_clear(Shared *s)
{
    munmap(s->map, s->size);
    if (s->planes.fd >= 0)
        close(s->planes.fd);
}

static YonosUpscaler *open_upscaler(const YonosFrameFormat *in, const YonosFrameFormat *out, const char *path,
                                    guint max_memory, guint depth)
{
    YonosUpscalerParams p = {path, tested_device(), 2, SEED, *in, *out, max_memory, depth, NULL};
    GError *error = NULL;
    YonosUpscaler *up = yonos_upscaler_new(&p, &error);

    g_assert_no_error(error);
    return up;
}

static gboolean can_import(void)
{
    YonosVulkanOptions options = {.device = tested_device()};
    YonosVkDevice d = {0};
    GError *error = NULL;
    gboolean can;

    yonos_vk_device_open(&d, &options, &error);
    g_assert_no_error(error);
    can = d.features.dma_buf;
    yonos_vk_device_close(&d);
    return can;
}

/* tests/trixie.sh, whose driver can, says that it must. */
static gboolean skipped(void)
{
    if (yonos_vulkan_has_device(tested_device()) && can_import())
        return FALSE;
    g_assert_cmpstr(g_getenv("YONOS_TEST_IMPORT"), ==, NULL);
    g_test_skip("no Vulkan device that imports DMABufs");
    return TRUE;
}

/* A large frame, in the memory of its packing. */
static guint8 *large_new(const YonosFrameFormat *f, YonosFrame *frame, gsize *size)
{
    YonosFramePacking packing = yonos_frame_packing(f);
    guint8 *data = g_malloc(packing.size);

    memset(data, GUARD, packing.size);
    for (guint k = 0; k < packing.planes; k++) {
        frame->plane[k] = data + packing.offset[k];
        frame->stride[k] = (int)packing.stride[k];
    }
    *size = packing.size;
    return data;
}

static void submit(YonosUpscaler *up, const Shared *s, gboolean import)
{
    static const YonosFrame nowhere = {{NULL}, {0}};
    GError *error = NULL;

    if (import)
        g_assert_true(yonos_upscaler_import(up, &s->planes));
    yonos_upscaler_submit(up, import ? &nowhere : &s->frame, &error);
    g_assert_no_error(error);
}

/* Collects the oldest frame, to be freed. */
static guint8 *collect(YonosUpscaler *up, const YonosFrameFormat *out, gsize *size)
{
    YonosFrame frame = {{NULL}, {0}};
    guint8 *data = large_new(out, &frame, size);
    GError *error = NULL;

    yonos_upscaler_collect(up, &frame, &error);
    g_assert_no_error(error);
    return data;
}

static void check(YonosUpscaler *up, const Shared *s, const YonosFrameFormat *out, const char *what)
{
    gsize size, other;
    guint8 *want, *got, *again;

    submit(up, s, FALSE);
    want = collect(up, out, &size);
    submit(up, s, TRUE);
    got = collect(up, out, &other);
    submit(up, s, FALSE); /* and by the host behind that */
    again = collect(up, out, &other);
    for (gsize k = 0; k < size; k++)
        if (got[k] != want[k] || again[k] != want[k])
            g_error("%s: byte %" G_GSIZE_FORMAT ": %d, then %d, instead of %d", what, k, got[k], again[k], want[k]);
    g_free(want);
    g_free(got);
    g_free(again);
}

static void test_formats(void)
{
    static const int sizes[][2] = {{1, 1}, {3, 5}, {67, 35}, {32, 16}};
    guint n = 0;

    if (skipped())
        return;
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
        for (guint k = 0; k < G_N_ELEMENTS(sizes); k++, n++) {
            const int *size = sizes[k];
            YonosFrameFormat in = sized(formats[i], size[0], size[1]), out = sized(in, size[0] * 2, size[1] * 2 - 1);
            guint room = (guint)(in.depth > 8 ? 6 : 5);
            Shared s = shared_new(&in, SEED + n, k == 3 ? 0 : room);
            YonosUpscaler *up = open_upscaler(&in, &out, n % 3 ? NULL : model, 0, 1);
            char *what = g_strdup_printf("format %u, %dx%d, room %u, %s", i, size[0], size[1], room,
                                         n % 3 ? "bicubic" : "network");
            check(up, &s, &out, what);
            yonos_upscaler_free(up);
            shared_clear(&s);
            g_free(what);
        }
    g_test_message("%u formats and sizes, seed %d", n, SEED);
}

static void test_tiles(void)
{
    YonosFrameFormat in = sized(formats[7], 400, 120), out = sized(in, 800, 240);
    YonosUpscaler *up;
    Shared s;

    if (skipped())
        return;
    s = shared_new(&in, SEED, 7);
    up = open_upscaler(&in, &out, model, 26, 1); /* MiB; a whole frame takes 29 */
    g_assert_cmpint(yonos_upscaler_tiles(up), >, 1);
    yonos_upscaler_set_split(up, 0.6f);
    check(up, &s, &out, "tiles beside bicubic");
    yonos_upscaler_free(up);
    shared_clear(&s);
}

/* Several under way, those of the host between them; a descriptor may be closed as soon as it is taken over. */
static void check_flight(void)
{
    enum { FRAMES = 9, DEPTH = 3 };
    YonosFrameFormat in = sized(formats[0], 61, 33), out = sized(in, 122, 66);
    YonosUpscaler *one = open_upscaler(&in, &out, model, 0, 1), *up = open_upscaler(&in, &out, model, 0, DEPTH);
    Shared s[FRAMES];
    guint sent = 0;

    for (guint k = 0; k < FRAMES; k++)
        s[k] = shared_new(&in, SEED + k, k);
    for (guint k = 0; k < FRAMES; k++) {
        gsize size;
        guint8 *want, *got;
        while (sent < FRAMES && yonos_upscaler_in_flight(up) < DEPTH) {
            submit(up, &s[sent], sent % 3 != 1);
            if (sent % 3 == 2) {
                close(s[sent].planes.fd);
                s[sent].planes.fd = -1;
            }
            sent++;
        }
        submit(one, &s[k], FALSE);
        want = collect(one, &out, &size);
        got = collect(up, &out, &size);
        g_assert_cmpmem(got, size, want, size);
        g_free(want);
        g_free(got);
    }
    submit(up, &s[0], TRUE); /* and freed while it is under way */
    yonos_upscaler_free(up);
    yonos_upscaler_free(one);
    for (guint k = 0; k < FRAMES; k++)
        shared_clear(&s[k]);
}

static void test_flight(void)
{
    if (skipped())
        return;
    for (spy_transfer_queues = 0; spy_transfer_queues <= 2; spy_transfer_queues++)
        check_flight();
    spy_transfer_queues = 0;
}

/* Of P010, which wants even offsets and strides. */
static void test_refused(void)
{
    static const guint64 far[] = {1, G_MAXUINT32 - 1, (guint64)G_MAXUINT32 + 1, G_MAXUINT64, G_MAXUINT64 - 1};
    YonosFrameFormat in = sized(formats[2], 24, 10), out = sized(in, 48, 20);
    YonosUpscaler *up;
    YonosDmaBuf bad;
    int ends[2];
    Shared s;

    if (skipped())
        return;
    g_assert_cmpint(pipe(ends), ==, 0);
    s = shared_new(&in, SEED, 2);
    up = open_upscaler(&in, &out, NULL, 0, 2);
    for (guint k = 0; k < 4; k++) {
        const int fds[] = {-1, ends[0], open("/", O_RDONLY | O_CLOEXEC), memfd_create("empty", MFD_CLOEXEC)};
        bad = s.planes;
        bad.fd = fds[k];
        g_assert_false(yonos_upscaler_import(up, &bad));
        close(fds[2]);
        close(fds[3]);
    }
    for (guint k = 0; k < 2 * G_N_ELEMENTS(far); k++) {
        bad = s.planes;
        *(k % 2 ? &bad.offset[1] : &bad.stride[1]) = far[k / 2];
        g_test_message("offset %" G_GUINT64_FORMAT ", stride %" G_GUINT64_FORMAT, bad.offset[1], bad.stride[1]);
        g_assert_false(yonos_upscaler_import(up, &bad));
    }
    g_assert_false(yonos_upscaler_import(up, NULL));
    g_assert_true(yonos_upscaler_import(up, &s.planes)); /* then another one in its place, or none */
    g_assert_true(yonos_upscaler_import(up, &s.planes));
    g_assert_false(yonos_upscaler_import(up, NULL));
    check(up, &s, &out, "after refusals");
    yonos_upscaler_free(up);
    shared_clear(&s);
    close(ends[0]);
    close(ends[1]);
}

/* The last byte of the last plane is there, or it is not. */
static void test_short(void)
{
    YonosFrameFormat in = sized(formats[7], 33, 7), out = sized(in, 66, 14);
    YonosUpscaler *up;
    Shared s;

    if (skipped())
        return;
    s = shared_new(&in, SEED, 0);
    up = open_upscaler(&in, &out, NULL, 0, 1);
    g_assert_cmpint(ftruncate(s.planes.fd, 33 * 7 * 4 - 1), ==, 0);
    g_assert_false(yonos_upscaler_import(up, &s.planes));
    g_assert_cmpint(ftruncate(s.planes.fd, 33 * 7 * 4), ==, 0);
    g_assert_true(yonos_upscaler_import(up, &s.planes));
    check(up, &s, &out, "to the last byte");
    yonos_upscaler_free(up);
    shared_clear(&s);
}

/* Of the driver, at each of its calls; nothing stays behind. */
static void test_fails(void)
{
    static const char *const calls[] = {"vkCreateBuffer", "vkAllocateMemory"};
    YonosFrameFormat in = sized(formats[6], 24, 10), out = sized(in, 48, 20);
    YonosUpscaler *up;
    int before, after;
    Shared s;

    if (skipped())
        return;
    s = shared_new(&in, SEED, 0);
    up = open_upscaler(&in, &out, NULL, 0, 1);
    spy_result = SPY_OUT_OF_DEVICE_MEMORY;
    before = dup(0);
    close(before);
    for (guint k = 0; k < G_N_ELEMENTS(calls); k++) {
        spy_fails = calls[k];
        g_assert_false(yonos_upscaler_import(up, &s.planes));
        spy_fails = NULL;
    }
    after = dup(0);
    close(after);
    g_assert_cmpint(after, ==, before);
    check(up, &s, &out, "after failures");
    yonos_upscaler_free(up);
    shared_clear(&s);
}

/* Devices that cannot, or shall not. */
static void test_absent(void)
{
    YonosFrameFormat in = sized(formats[6], 24, 10), out = sized(in, 48, 20);
    Shared s = shared_new(&in, SEED, 0);
    YonosUpscalerParams p = {NULL, "cpu", 2, SEED, in, out, 0, 1, NULL};
    GError *error = NULL;
    YonosUpscaler *up = yonos_upscaler_new(&p, &error);

    g_assert_no_error(error);
    g_assert_false(yonos_upscaler_import(up, &s.planes));
    yonos_upscaler_free(up);
    if (yonos_vulkan_has_device(tested_device())) {
        g_setenv("YONOS_DISABLE_IMPORT", "1", TRUE);
        up = open_upscaler(&in, &out, NULL, 0, 1);
        g_assert_false(yonos_upscaler_import(up, &s.planes));
        yonos_upscaler_free(up);
        g_unsetenv("YONOS_DISABLE_IMPORT");
    }
    shared_clear(&s);
}

static void test_valid(void)
{
    if (!skipped())
        spy_check_valid(check_flight);
}

int main(int argc, char **argv)
{
    char *cache;
    int status;

    g_test_init(&argc, &argv, NULL);
    cache = tested_cache_new();
    model = small_model_new(2, SEED);
    g_test_add_func("/dma-buf/formats", test_formats);
    g_test_add_func("/dma-buf/tiles", test_tiles);
    g_test_add_func("/dma-buf/flight", test_flight);
    g_test_add_func("/dma-buf/refused", test_refused);
    g_test_add_func("/dma-buf/short", test_short);
    g_test_add_func("/dma-buf/fails", test_fails);
    g_test_add_func("/dma-buf/absent", test_absent);
    g_test_add_func("/dma-buf/valid", test_valid);
    status = g_test_run();
    small_model_remove(model);
    tested_cache_free(cache);
    return status;
}
