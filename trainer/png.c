/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "png.h"
#include "base/error.h"

#include <gio/gio.h>
#include <string.h>

static guint32 crc(const guint8 *bytes, gsize n)
{
    guint32 c = ~0u;

    while (n--) {
        c ^= *bytes++;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
    }
    return ~c;
}

static void append_u32(GByteArray *to, guint32 value)
{
    value = GUINT32_TO_BE(value);
    g_byte_array_append(to, (const guint8 *)&value, 4);
}

static void append_chunk(GByteArray *to, const char *type, const guint8 *bytes, gsize n)
{
    guint start;

    append_u32(to, (guint32)n);
    start = to->len;
    g_byte_array_append(to, (const guint8 *)type, 4);
    g_byte_array_append(to, bytes, n);
    append_u32(to, crc(to->data + start, n + 4));
}

/* Rows, each less the row above (filter 2), deflated. */
static GByteArray *deflate(const guint8 *rgb, guint width, guint height)
{
    GConverter *zlib = G_CONVERTER(g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 4));
    gsize row = 3 * (gsize)width, n = (row + 1) * height, read = 0, written = 0, in = 0, out = 0;
    GConverterResult state;
    guint8 *filtered = g_malloc(n), *to = filtered;
    GByteArray *result = g_byte_array_sized_new(n / 2 + 64);

    for (guint y = 0; y < height; y++, rgb += row) {
        *to++ = 2;
        for (gsize k = 0; k < row; k++)
            *to++ = (guint8)(rgb[k] - (y ? rgb[k - row] : 0));
    }
    do {
        g_byte_array_set_size(result, written + n / 2 + 64);
        state = g_converter_convert(zlib, filtered + read, n - read, result->data + written, result->len - written,
                                    G_CONVERTER_INPUT_AT_END, &in, &out, NULL);
        read += in;
        written += out;
    } while (state == G_CONVERTER_CONVERTED);
    g_byte_array_set_size(result, written);
    g_object_unref(zlib);
    g_free(filtered);
    return result;
}

gboolean yonos_png_write(const char *path, const guint8 *rgb, guint width, guint height, GError **error)
{
    static const guint8 magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    GByteArray *file = g_byte_array_new(), *pixels = deflate(rgb, width, height);
    guint32 header[] = {GUINT32_TO_BE(width), GUINT32_TO_BE(height), GUINT32_TO_BE(0x08020000) /* 8 bits, RGB */, 0};
    GError *cause = NULL;
    gboolean ok;

    g_byte_array_append(file, magic, sizeof magic);
    append_chunk(file, "IHDR", (const guint8 *)header, 13);
    append_chunk(file, "IDAT", pixels->data, pixels->len);
    append_chunk(file, "IEND", NULL, 0);
    ok = g_file_set_contents(path, (const char *)file->data, file->len, &cause);
    if (!ok) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "Cannot write the picture: %s.", cause->message);
        g_error_free(cause);
    }
    g_byte_array_unref(file);
    g_byte_array_unref(pixels);
    return ok;
}
