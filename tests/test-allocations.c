/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* After its first frame the upscaler allocates nothing: this program's malloc and its kin note every call and who made
 * it. What a Vulkan driver does is its own. oneDNN wraps the arguments of every primitive in a few small short-lived
 * maps, inside dnnl_primitive_execute; those may come, if they are freed within the frame and do not grow with it. */
#include "base/random.h"
#include "small-model.h"
#include "upscaler.h"
#ifdef HAVE_VULKAN
#include "vulkan/vulkan-executor.h"
#endif

#include <dlfcn.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define SEED 20261123
#define SOFTWARE "llvmpipe"
#define FRAMES 10
#define MOST 4096
#define SMALL 2048 /* bytes */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *memory);

typedef struct {
    void *caller; /* of malloc */
    gsize bytes;
} Note;

static Note notes[MOST];
static gint noted, freed, watching;

static void note(void *caller, gsize bytes)
{
    gint at;

    if (!g_atomic_int_get(&watching))
        return;
    at = g_atomic_int_add(&noted, 1);
    if (at < MOST)
        notes[at] = (Note){caller, bytes};
}

void *malloc(size_t size)
{
    note(__builtin_return_address(0), size);
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    note(__builtin_return_address(0), n * size);
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    note(__builtin_return_address(0), size);
    if (old && g_atomic_int_get(&watching))
        g_atomic_int_inc(&freed);
    return __libc_realloc(old, size);
}

void *memalign(size_t align, size_t size)
{
    note(__builtin_return_address(0), size);
    return __libc_memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    note(__builtin_return_address(0), size);
    return __libc_memalign(align, size);
}

int posix_memalign(void **memory, size_t align, size_t size)
{
    note(__builtin_return_address(0), size);
    *memory = __libc_memalign(align, size);
    return *memory ? 0 : ENOMEM;
}

void free(void *memory)
{
    if (memory && g_atomic_int_get(&watching))
        g_atomic_int_inc(&freed);
    __libc_free(memory);
}

static gboolean from_onednn(const char *file)
{
    return strstr(file, "libdnnl") || strstr(file, "libstdc++") || strstr(file, "libgomp");
}

static void check_cpu_notes(int frame)
{
    gsize largest = 0;

    g_assert_cmpint(noted, <, MOST);
    for (int k = 0; k < noted; k++) {
        Dl_info info = {0};
        dladdr(notes[k].caller, &info);
        if (!info.dli_fname || !from_onednn(info.dli_fname))
            g_error("frame %d: %" G_GSIZE_FORMAT " bytes allocated by %s, %s", frame, notes[k].bytes, info.dli_fname,
                    info.dli_sname);
        largest = MAX(largest, notes[k].bytes);
    }
    if (frame == FRAMES)
        g_test_message("frame %d: %d allocations in oneDNN, the largest of %" G_GSIZE_FORMAT " bytes", frame, noted,
                       largest);
    g_assert_cmpuint(largest, <=, SMALL);
    g_assert_cmpint(noted, ==, freed);
}

static void check_vulkan_notes(int frame)
{
    Dl_info self;

    g_assert_cmpint(noted, <, MOST);
    g_assert_true(dladdr(check_cpu_notes, &self));
    for (int k = 0; k < noted; k++) {
        Dl_info info = {0};
        if (dladdr(notes[k].caller, &info) && (info.dli_fbase == self.dli_fbase || strstr(info.dli_fname, "libglib")))
            g_error("frame %d: %" G_GSIZE_FORMAT " bytes allocated by %s, %s", frame, notes[k].bytes, info.dli_fname,
                    info.dli_sname);
    }
    if (frame == FRAMES)
        g_test_message("frame %d: %d allocations in the driver", frame, noted);
}

static void check(const char *device, int scale, int width, int height)
{
    char *folder = g_dir_make_tmp("yonos-allocations-XXXXXX", NULL);
    char *path = g_build_filename(folder, "m.safetensors", NULL);
    YonosFrameFormat small = {.width = width, .height = height, .pixel_stride = 3, .g = 1, .b = 2, .a = -1};
    YonosFrameFormat large = small;
    YonosUpscalerParams p = {path, device, scale, SEED, small, large, 0, 0, NULL};
    gsize n = (gsize)width * height * 3;
    guint8 *from = g_malloc0(n), *to = g_malloc(n * scale * scale);
    YonosFrame in = {{from}, {width * 3}}, out = {{to}, {width * scale * 3}};
    YonosUpscaler *up;
    GError *error = NULL;

    small_model_write(path, scale, SEED);
    p.out.width *= scale;
    p.out.height *= scale;
    g_test_message("%s x%d %dx%d seed %d", device, scale, width, height, SEED);
    up = yonos_upscaler_new(&p, &error);
    g_assert_no_error(error);
    for (int frame = 1; frame <= FRAMES; frame++) {
        gboolean done;
        noted = freed = 0;
        g_atomic_int_set(&watching, frame > 1);
        yonos_upscaler_set_noise(up, frame % 3, SEED);
        done = yonos_upscaler_run(up, &in, &out, &error);
        g_atomic_int_set(&watching, FALSE);
        g_assert_true(done);
        if (strcmp(device, "cpu"))
            check_vulkan_notes(frame);
        else
            check_cpu_notes(frame);
    }
    yonos_upscaler_free(up);
    g_remove(path);
    g_rmdir(folder);
    g_free(path);
    g_free(folder);
    g_free(from);
    g_free(to);
}

static void test_cpu(void)
{
    check("cpu", 2, 33, 17);
    check("cpu", 2, 160, 90);
    check("cpu", 4, 33, 17);
    check("cpu", 8, 1, 1);
}

#ifdef HAVE_VULKAN
static void test_vulkan(void)
{
    if (yonos_vulkan_has_device(SOFTWARE))
        check(SOFTWARE, 2, 33, 17);
    else
        g_test_skip("no software Vulkan device");
}
#endif

static void test_sees(void)
{
    noted = 0;
    g_atomic_int_set(&watching, TRUE);
    g_free(g_malloc(4321));
    g_atomic_int_set(&watching, FALSE);
    g_assert_cmpint(noted, ==, 1);
    g_assert_cmpuint(notes[0].bytes, ==, 4321);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/allocations/sees", test_sees);
    g_test_add_func("/allocations/cpu", test_cpu);
#ifdef HAVE_VULKAN
    g_test_add_func("/allocations/vulkan", test_vulkan);
#endif
    return g_test_run();
}
