/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Synthetic motion: paths stay inside, frames sample rightly, files hold the pixels. */
#include "base/error.h"
#include "base/random.h"
#include "clip.h"
#include "media.h"
#include "png.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define SEED 20261125

static guint8 *random_codes(gsize n)
{
    guint8 *rgb = g_malloc(n);

    for (gsize k = 0; k < n; k++)
        rgb[k] = (guint8)yonos_random_bits(SEED, k);
    return rgb;
}

/* Corners of every frame lie in the picture, with the kernel's reach. */
static void test_path(void)
{
    static const int sizes[][3] = {{500, 400, 256}, {60, 61, 41}, {25, 27, 15}};

    for (guint k = 0; k < G_N_ELEMENTS(sizes); k++)
        for (guint64 seed = 0; seed < 200; seed++) {
            YonosClip clip;
            g_assert_true(yonos_clip_draw(&clip, NULL, sizes[k][0], sizes[k][1], 7, sizes[k][2], seed));
            for (int i = 0; i < 8; i++) { /* between the ends all is a mix of them, the zoom less */
                double zoom = clip.zoom[i / 4], r = sizes[k][2] / 2.0 * zoom;
                double u = i & 1 ? r : -r, v = i & 2 ? r : -r, a = clip.angle[i / 4];
                double x = clip.centre[i / 4][0] + u * cos(a) - v * sin(a);
                double y = clip.centre[i / 4][1] + u * sin(a) + v * cos(a);
                if (x < 2 * zoom - 0.01 || y < 2 * zoom - 0.01 || x > sizes[k][0] - 2 * zoom + 0.01 ||
                    y > sizes[k][1] - 2 * zoom + 0.01 || zoom < 1)
                    g_error("size %d x %d, side %d, seed %d, corner %d: (%g, %g) at zoom %g", sizes[k][0], sizes[k][1],
                            sizes[k][2], (int)seed, i, x, y, zoom);
            }
        }
    g_assert_false(yonos_clip_draw(&(YonosClip){0}, NULL, 500, 130, 7, 120, SEED));
}

/* Straight and unzoomed, a frame is a piece of the picture; turned by a right angle too; zoomed, a ramp stays one. */
static void test_frame(void)
{
    enum { W = 41, H = 37, SIDE = 16 };
    guint8 *rgb = random_codes(3 * W * H), out[3 * SIDE * SIDE];
    YonosClip clip = {rgb, W, H, {{12, 11}, {25, 21}}, {1, 1}, {0, 0}, 14, SIDE};

    for (int f = 0; f < 14; f += 13) {
        yonos_clip_frame(&clip, f, out);
        for (int y = 0; y < SIDE; y++)
            g_assert_cmpmem(out + 3 * y * SIDE, 3 * SIDE, rgb + 3 * (((f ? 13 : 3) + y) * W + (f ? 17 : 4)), 3 * SIDE);
    }
    clip.angle[0] = G_PI / 2;
    yonos_clip_frame(&clip, 0, out);
    for (int k = 0; k < 3 * SIDE * SIDE; k++)
        g_assert_cmpint(out[k], ==, rgb[3 * ((3 + k / 3 % SIDE) * W + 19 - k / 3 / SIDE) + k % 3]);
    for (int k = 0; k < 3 * W * H; k++)
        rgb[k] = (guint8)(20 + 5 * (k / 3 % W));
    clip = (YonosClip){rgb, W, H, {{20, 18}, {20, 18}}, {1.4, 1.4}, {0.2, 0.2}, 1, SIDE};
    yonos_clip_frame(&clip, 0, out);
    for (int k = 0; k < SIDE * SIDE; k++) {
        double u = k % SIDE + 0.5 - SIDE / 2, v = k / SIDE + 0.5 - SIDE / 2;
        double want = 20 + 5 * (20 + 1.4 * (cos(0.2) * u - sin(0.2) * v) - 0.5);
        g_assert_cmpfloat(fabs(out[3 * k] - want), <, 0.8);
    }
    g_free(rgb);
}

typedef struct {
    const guint8 *rgb;
    guint width, height;
} Picture;

static gboolean compare(const guint8 *rgb, guint width, guint height, gsize stride, gpointer data,
                        G_GNUC_UNUSED GError **error)
{
    const Picture *p = data;

    g_assert_cmpuint(width, ==, p->width);
    g_assert_cmpuint(height, ==, p->height);
    for (guint y = 0; y < height; y++)
        g_assert_cmpmem(rgb + y * stride, 3 * width, p->rgb + 3 * y * width, 3 * width);
    return TRUE;
}

/* Noise grows when deflated, an even picture shrinks a hundredfold. */
static void test_png(void)
{
    char *folder = g_dir_make_tmp("yonos-clip-XXXXXX", NULL), *path = g_build_filename(folder, "a.png", NULL);
    guint8 *rgb = random_codes(3 * 301 * 103);
    GError *error = NULL;

    for (int k = 0; k < 3; k++) {
        Picture p = {rgb, k ? 301 : 1, k ? 103 : 1};
        if (k == 2)
            memset(rgb, 77, 3 * 301 * 103);
        g_assert_true(yonos_png_write(path, rgb, p.width, p.height, &error));
        if (yonos_media_decode(path, 1, compare, &p, &error))
            continue;
        g_assert_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED);
        g_test_skip(error->message);
        g_clear_error(&error);
    }
    g_assert_false(yonos_png_write(folder, rgb, 1, 1, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FILE);
    g_error_free(error);
    g_remove(path);
    g_rmdir(folder);
    g_free(rgb);
    g_free(path);
    g_free(folder);
}

/* The same files from the same seed; pictures that are too small are passed over, and refused when all are. */
static void test_files(void)
{
    char *folder = g_dir_make_tmp("yonos-clip-XXXXXX", NULL), *path = g_build_filename(folder, "pack", NULL);
    guint8 *rgb = random_codes(3 * 80 * 64);
    YonosPackWriter *w = yonos_pack_writer_new(path, NULL);
    YonosPack *pack;
    GError *error = NULL;

    g_assert_true(yonos_pack_writer_add(w, rgb, 20, 20, 60, NULL));
    g_assert_true(yonos_pack_writer_add(w, rgb, 80, 64, 240, NULL));
    g_assert_true(yonos_pack_writer_finish(w, NULL));
    yonos_pack_writer_free(w);
    pack = yonos_pack_open(path, NULL);
    g_assert_false(yonos_clips_write(pack, folder, 1, 1, 61, SEED, &error));
    g_assert_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT);
    g_clear_error(&error);
    g_remove(path);
    for (int k = 0; k < 2; k++) {
        char *sub = g_build_filename(folder, k ? "b" : "a", NULL);
        g_assert_true(yonos_clips_write(pack, sub, 2, 3, 24, SEED, &error));
        g_free(sub);
    }
    for (int k = 0; k < 6; k++) {
        char *name[2], *bytes[2];
        gsize size[2];
        for (int i = 0; i < 2; i++) {
            name[i] = g_strdup_printf("%s/%c/clip-%03d/frame-%04d.png", folder, 'a' + i, k / 3, k % 3);
            g_assert_true(g_file_get_contents(name[i], &bytes[i], &size[i], NULL));
            g_remove(name[i]);
        }
        g_assert_cmpmem(bytes[0], size[0], bytes[1], size[1]);
        for (int i = 0; i < 2; i++) {
            *strrchr(name[i], '/') = 0;
            g_rmdir(name[i]);
            *strrchr(name[i], '/') = 0;
            g_rmdir(name[i]);
            g_free(name[i]);
            g_free(bytes[i]);
        }
    }
    g_assert_cmpint(g_rmdir(folder), ==, 0);
    yonos_pack_free(pack);
    g_free(rgb);
    g_free(path);
    g_free(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_message("seed %d", SEED);
    g_test_add_func("/clip/path", test_path);
    g_test_add_func("/clip/frame", test_frame);
    g_test_add_func("/clip/png", test_png);
    g_test_add_func("/clip/files", test_files);
    return g_test_run();
}
