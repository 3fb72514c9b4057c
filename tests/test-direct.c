/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that the device writes straight to host memory: to the byte what the host copies out of staging memory, in
 * every layout, with tiles and several at once, and not a byte around them; what cannot be written so is refused and
 * harms nothing; memory that others have left is let go of. */
#include "frame/packing.h"
#include "small-model.h"
#include "tested-device.h"
#include "upscaler.h"
#include "vulkan-spy.h"
#include "vulkan/vk-device.h"

#include <string.h>

#define SEED 20261201
#define GUARD 0xA5
#define ROOM 80 /* bytes before and behind the planes; not of a page's or a word's size */

static const YonosFrameFormat formats[] = {
    {.layout = YONOS_FRAME_I420, .kr = 0.299, .kb = 0.114, .a = -1},
    {.layout = YONOS_FRAME_NV12, .kr = 0.2126, .kb = 0.0722, .chroma_left = TRUE, .a = -1},
    {.layout = YONOS_FRAME_NV12, .kr = 0.2627, .kb = 0.0593, .depth = 10, .shift = 6, .a = -1},
    {.layout = YONOS_FRAME_Y444, .kr = 0.299, .kb = 0.114, .full_range = TRUE, .depth = 12, .a = -1},
    {.layout = YONOS_FRAME_GRAY, .kr = 0.299, .kb = 0.114, .a = -1},
    {.pixel_stride = 3, .r = 0, .g = 1, .b = 2, .a = -1},
    {.pixel_stride = 4, .r = 2, .g = 1, .b = 0, .a = 3},
    {.layout = YONOS_FRAME_YUY2, .kr = 0.299, .kb = 0.114, .a = -1},
};

static char *model;

static YonosFrameFormat sized(YonosFrameFormat f, int width, int height)
{
    f.width = width;
    f.height = height;
    return f;
}

/* Memory, which is there as long as the test wants it or the engine holds it. */
typedef struct {
    guint8 *data;
    gboolean wanted;
    guint holders;
} Piece;

static guint pieces; /* that are there */

static void piece_check(Piece *p)
{
    if (p->wanted || p->holders)
        return;
    g_free(p->data);
    g_free(p);
    pieces--;
}

static void hold(gpointer owner, gboolean held)
{
    Piece *p = owner;

    p->holders += held ? 1u : -1u;
    piece_check(p);
}

static gboolean is_left(gpointer owner)
{
    return !((Piece *)owner)->wanted;
}

/* A frame whose rows lie as packed ones, in memory of its own. */
typedef struct {
    YonosHostMemory memory;
    guint8 *data; /* of the piece, with room on both sides */
    gsize size;
    YonosFrame frame;
} Host;

static Host host_new(const YonosFrameFormat *f)
{
    YonosFramePacking packing = yonos_frame_packing(f);
    Piece *piece = g_new(Piece, 1);
    Host h = {.size = packing.size + 2 * ROOM};

    h.data = g_malloc(h.size);
    memset(h.data, GUARD, h.size);
    *piece = (Piece){h.data, TRUE, 0};
    pieces++;
    h.memory = (YonosHostMemory){piece, h.data + ROOM, packing.size, hold, is_left};
    for (guint k = 0; k < packing.planes; k++) {
        h.frame.plane[k] = h.data + ROOM + packing.offset[k];
        h.frame.stride[k] = (int)packing.stride[k];
    }
    return h;
}

static void host_clear(Host *h)
{
    Piece *p = h->memory.owner;

    p->wanted = FALSE;
    piece_check(p);
}

static Host noise_new(const YonosFrameFormat *f, guint seed)
{
    Host h = host_new(f);
    GRand *rand = g_rand_new_with_seed(seed);

    for (gsize k = 0; k < h.size; k++)
        h.data[k] = (guint8)g_rand_int(rand);
    g_rand_free(rand);
    return h;
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

static gboolean skipped(void)
{
    YonosVkDevice d = {0};
    GError *error = NULL;
    guint32 page;

    if (!yonos_vulkan_has_device(tested_device())) {
        g_test_skip("no Vulkan device to test");
        return TRUE;
    }
    yonos_vk_device_open(&d, &(YonosVulkanOptions){.device = tested_device()}, &error);
    g_assert_no_error(error);
    page = d.features.host_page;
    yonos_vk_device_close(&d);
    if (!page)
        g_test_skip("the Vulkan device does not import host memory");
    return !page;
}

static void submit(YonosUpscaler *up, const Host *in)
{
    GError *error = NULL;

    yonos_upscaler_submit(up, &in->frame, &error);
    g_assert_no_error(error);
}

static void collect(YonosUpscaler *up, const YonosFrame *out)
{
    GError *error = NULL;

    yonos_upscaler_collect(up, out, &error);
    g_assert_no_error(error);
}

/* By the host, straight, and by the host again. */
static void check(YonosUpscaler *up, const YonosFrameFormat *in, const YonosFrameFormat *out, const char *what)
{
    Host small = noise_new(in, SEED), large[3];

    for (guint k = 0; k < 3; k++) {
        large[k] = host_new(out);
        if (k == 1 && !yonos_upscaler_direct(up, &large[k].memory, &large[k].frame))
            g_error("%s: refused", what);
        submit(up, &small);
        collect(up, k == 1 ? NULL : &large[k].frame);
        for (gsize i = 0; i < large[k].size; i++)
            if (large[k].data[i] != large[0].data[i])
                g_error("%s: byte %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT ", time %u: %d instead of %d", what, i,
                        large[k].size, k, large[k].data[i], large[0].data[i]);
    }
    for (guint k = 0; k < 3; k++)
        host_clear(&large[k]);
    host_clear(&small);
}

static void test_formats(void)
{
    static const int sizes[][2] = {{16, 1}, {16, 5}, {48, 31}, {1040, 9}};

    if (skipped())
        return;
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
        for (guint k = 0; k < G_N_ELEMENTS(sizes); k++) {
            YonosFrameFormat in = sized(formats[i], sizes[k][0], sizes[k][1]);
            YonosFrameFormat out = sized(in, sizes[k][0] * 2, sizes[k][1] * 2);
            YonosUpscaler *up = open_upscaler(&in, &out, k == 1 ? model : NULL, 0, 1);
            char *what = g_strdup_printf("format %u, %dx%d", i, sizes[k][0], sizes[k][1]);
            check(up, &in, &out, what);
            yonos_upscaler_free(up);
            g_free(what);
        }
}

static void test_tiles(void)
{
    YonosFrameFormat in = sized(formats[6], 400, 120), out = sized(in, 800, 240);
    YonosUpscaler *up;

    if (skipped())
        return;
    up = open_upscaler(&in, &out, model, 26, 1); /* MiB; a whole frame takes 29 */
    g_assert_cmpint(yonos_upscaler_tiles(up), >, 1);
    check(up, &in, &out, "tiles");
    yonos_upscaler_free(up);
}

/* Several under way, those by the host between them, more pieces of memory than are kept, each of which ends, now and
 * then with the next in its place. */
static void check_flight(void)
{
    enum { FRAMES = 80, DEPTH = 3 };
    YonosFrameFormat in = sized(formats[1], 16, 10), out = sized(in, 32, 20);
    YonosUpscaler *up = open_upscaler(&in, &out, NULL, 0, DEPTH), *one = open_upscaler(&in, &out, NULL, 0, 1);
    Host small[FRAMES], large[FRAMES];
    guint sent = 0;

    for (guint k = 0; k < FRAMES; k++) {
        Host want;
        while (sent < FRAMES && yonos_upscaler_in_flight(up) < DEPTH) {
            small[sent] = noise_new(&in, SEED + sent);
            large[sent] = host_new(&out);
            if (sent % 4)
                g_assert_true(yonos_upscaler_direct(up, &large[sent].memory, &large[sent].frame));
            submit(up, &small[sent++]);
        }
        want = host_new(&out);
        submit(one, &small[k]);
        collect(one, &want.frame);
        collect(up, k % 4 ? NULL : &large[k].frame);
        g_assert_cmpmem(large[k].data, large[k].size, want.data, want.size);
        host_clear(&want);
        host_clear(&small[k]);
        host_clear(&large[k]);
        g_assert_cmpuint(pieces, <=, 4 * DEPTH + 2); /* what is left is let go of */
    }
    small[0] = noise_new(&in, SEED);
    large[0] = host_new(&out);
    g_assert_true(yonos_upscaler_direct(up, &large[0].memory, &large[0].frame));
    submit(up, &small[0]); /* and freed while it is under way */
    yonos_upscaler_free(up);
    yonos_upscaler_free(one);
    host_clear(&small[0]);
    host_clear(&large[0]);
    g_assert_cmpuint(pieces, ==, 0);
}

static void test_flight(void)
{
    if (skipped())
        return;
    for (spy_transfer_queues = 0; spy_transfer_queues <= 2; spy_transfer_queues++)
        check_flight();
    spy_transfer_queues = 0;
}

/* At most 32 pieces are kept at once. */
static void test_many(void)
{
    enum { MANY = 33 };
    YonosFrameFormat in = sized(formats[5], 16, 4), out = sized(in, 32, 8);
    YonosUpscaler *up;
    Host large[MANY];

    if (skipped())
        return;
    up = open_upscaler(&in, &out, NULL, 0, 1);
    for (guint k = 0; k < MANY; k++) {
        large[k] = host_new(&out);
        g_assert_cmpint(yonos_upscaler_direct(up, &large[k].memory, &large[k].frame), ==, k < MANY - 1);
    }
    g_assert_true(yonos_upscaler_direct(up, &large[0].memory, &large[0].frame));
    host_clear(&large[1]);
    g_assert_true(yonos_upscaler_direct(up, &large[MANY - 1].memory, &large[MANY - 1].frame));
    g_assert_false(yonos_upscaler_direct(up, NULL, NULL));
    host_clear(&large[2]);
    check(up, &in, &out, "one place left");
    yonos_upscaler_free(up);
    for (guint k = 0; k < MANY; k++)
        if (k != 1 && k != 2)
            host_clear(&large[k]);
}

static void test_refused(void)
{
    YonosFrameFormat in = sized(formats[0], 16, 6), out = sized(in, 32, 12);
    YonosFrameFormat narrow = sized(in, 8, 6), narrow_out = sized(in, 16, 12);
    YonosFrame bad;
    YonosUpscaler *up;
    Host h;

    if (skipped())
        return;
    h = host_new(&narrow_out);
    up = open_upscaler(&narrow, &narrow_out, NULL, 0, 1);
    g_assert_false(yonos_upscaler_direct(up, &h.memory, &h.frame)); /* there are bytes between its rows of chroma */
    yonos_upscaler_free(up);
    host_clear(&h);
    h = host_new(&out);
    up = open_upscaler(&in, &out, NULL, 0, 1);
    for (guint k = 0; k < 3; k++) { /* rows apart, or a plane that begins before the memory or ends behind it */
        bad = h.frame;
        bad.stride[1] += k == 0 ? 16 : 0;
        bad.plane[0] = (guint8 *)bad.plane[0] - (k == 1 ? 1 : 0);
        bad.plane[2] = (guint8 *)bad.plane[2] + (k == 2 ? 1 : 0);
        g_assert_false(yonos_upscaler_direct(up, &h.memory, &bad));
    }
    check(up, &in, &out, "after refusals");
    yonos_upscaler_free(up);
    g_setenv("YONOS_DISABLE_DIRECT", "1", TRUE);
    up = open_upscaler(&in, &out, NULL, 0, 1);
    g_unsetenv("YONOS_DISABLE_DIRECT");
    g_assert_false(yonos_upscaler_direct(up, &h.memory, &h.frame));
    yonos_upscaler_free(up);
    host_clear(&h);
}

/* Memory that a driver does not take after all is not tried again, but other memory is. */
static void test_fails(void)
{
    static const char *const calls[] = {"vkCreateBuffer", "vkAllocateMemory"};
    YonosFrameFormat in = sized(formats[6], 24, 10), out = sized(in, 48, 20);

    if (skipped())
        return;
    for (guint k = 0; k < G_N_ELEMENTS(calls); k++) {
        YonosUpscaler *up = open_upscaler(&in, &out, NULL, 0, 1);
        Host small = noise_new(&in, SEED), large = host_new(&out);
        spy_result = SPY_OUT_OF_DEVICE_MEMORY;
        spy_fails = calls[k];
        g_assert_false(yonos_upscaler_direct(up, &large.memory, &large.frame));
        spy_fails = NULL;
        g_assert_false(yonos_upscaler_direct(up, &large.memory, &large.frame));
        submit(up, &small);
        collect(up, &large.frame);
        check(up, &in, &out, "after a failure");
        yonos_upscaler_free(up);
        host_clear(&small);
        host_clear(&large);
    }
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
    g_test_add_func("/direct/formats", test_formats);
    g_test_add_func("/direct/tiles", test_tiles);
    g_test_add_func("/direct/flight", test_flight);
    g_test_add_func("/direct/many", test_many);
    g_test_add_func("/direct/refused", test_refused);
    g_test_add_func("/direct/fails", test_fails);
    g_test_add_func("/direct/valid", test_valid);
    status = g_test_run();
    small_model_remove(model);
    tested_cache_free(cache);
    return status;
}
