/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"
#include "degrade-steps.h"

#ifdef HAVE_JPEG
#include <stdio.h> /* jpeglib.h wants it first */

#include <jpeglib.h>

/* libjpeg's errors stay at its default, which ends the program: for pictures of our own only lack of memory is left. */
struct YonosJpeg {
    struct jpeg_error_mgr errors;
    struct jpeg_compress_struct encoder;
    struct jpeg_decompress_struct decoder;
    unsigned char *file; /* grown by libjpeg */
    unsigned long room;
    GByteArray *codes;
};

YonosJpeg *yonos_jpeg_new(G_GNUC_UNUSED GError **error)
{
    YonosJpeg *j = g_new0(YonosJpeg, 1);

    j->encoder.err = j->decoder.err = jpeg_std_error(&j->errors);
    jpeg_create_compress(&j->encoder);
    jpeg_create_decompress(&j->decoder);
    j->codes = g_byte_array_new();
    return j;
}

void yonos_jpeg_free(YonosJpeg *j)
{
    if (!j)
        return;
    jpeg_destroy_compress(&j->encoder);
    jpeg_destroy_decompress(&j->decoder);
    free(j->file);
    g_byte_array_unref(j->codes);
    g_free(j);
}

static unsigned long encode(YonosJpeg *j, int width, int height, int quality)
{
    struct jpeg_compress_struct *e = &j->encoder;
    unsigned char *before = j->file;
    unsigned long size = j->room;

    jpeg_mem_dest(e, &j->file, &size);
    e->image_width = width;
    e->image_height = height;
    e->input_components = 3;
    e->in_color_space = JCS_RGB;
    jpeg_set_defaults(e);
    jpeg_set_quality(e, quality, TRUE);
    jpeg_start_compress(e, TRUE);
    while (e->next_scanline < e->image_height)
        jpeg_write_scanlines(e, (JSAMPROW[]){j->codes->data + (gsize)e->next_scanline * width * 3}, 1);
    jpeg_finish_compress(e);
    if (j->file != before) { /* our room was too small: it is still ours, the new one is as well */
        free(before);
        j->room = size;
    }
    return size;
}

static void decode(YonosJpeg *j, unsigned long size, int width)
{
    struct jpeg_decompress_struct *d = &j->decoder;

    jpeg_mem_src(d, j->file, size);
    jpeg_read_header(d, TRUE);
    jpeg_start_decompress(d);
    while (d->output_scanline < d->output_height)
        jpeg_read_scanlines(d, (JSAMPROW[]){j->codes->data + (gsize)d->output_scanline * width * 3}, 1);
    jpeg_finish_decompress(d);
}

void yonos_jpeg(YonosJpeg *j, float *rgb, int width, int height, int quality)
{
    gsize n = 3 * (gsize)width * height;

    g_byte_array_set_size(j->codes, n);
    for (gsize i = 0; i < n; i++)
        j->codes->data[i] = (guint8)(CLAMP(rgb[i], 0, 1) * 255 + 0.5f);
    decode(j, encode(j, width, height, quality), width);
    for (gsize i = 0; i < n; i++)
        rgb[i] = j->codes->data[i] * (1 / 255.0f);
}

#else

YonosJpeg *yonos_jpeg_new(GError **error)
{
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                "This build has no JPEG, which the video set needs: install libjpeg-turbo's development files and "
                "configure again, or take --set clean.");
    return NULL;
}

void yonos_jpeg(G_GNUC_UNUSED YonosJpeg *j, G_GNUC_UNUSED float *rgb, G_GNUC_UNUSED int width, G_GNUC_UNUSED int height,
                G_GNUC_UNUSED int quality)
{
    g_assert_not_reached(); /* there is no YonosJpeg */
}

void yonos_jpeg_free(G_GNUC_UNUSED YonosJpeg *j)
{
}
#endif
