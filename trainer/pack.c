/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* fdopen(), fileno() and fsync() are POSIX, which -std=c11 alone hides. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/error.h"

#define MAGIC "YONOSPK1"
#define MAGIC_END "YONOSPKE"
#define MAGIC_SIZE 8
#define ENTRY_SIZE 16
#define FOOTER_SIZE 24
#define MAX_PICTURES (1u << 26)

typedef struct {
    guint64 offset;
    guint32 width;
    guint32 height;
} Entry;

struct YonosPackWriter {
    char *path;
    char *temp; /* NULL when there is none to remove */
    char *display;
    FILE *file; /* NULL once finished or failed */
    GArray *index;
    guint64 end;
};

struct YonosPack {
    GMappedFile *map;
    const guint8 *data;
    Entry *index;
    guint count;
};

static void put_u32(guint8 *to, guint32 value)
{
    value = GUINT32_TO_LE(value);
    memcpy(to, &value, sizeof value);
}

static void put_u64(guint8 *to, guint64 value)
{
    value = GUINT64_TO_LE(value);
    memcpy(to, &value, sizeof value);
}

static guint32 get_u32(const guint8 *from)
{
    guint32 value;
    memcpy(&value, from, sizeof value);
    return GUINT32_FROM_LE(value);
}

static guint64 get_u64(const guint8 *from)
{
    guint64 value;
    memcpy(&value, from, sizeof value);
    return GUINT64_FROM_LE(value);
}

/* A writer that failed once has an unknown file position, so it takes nothing more. */
static gboolean writer_fail(YonosPackWriter *w, int saved_errno, GError **error)
{
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "Cannot write the pack '%s': %s.", w->display,
                g_strerror(saved_errno));
    if (w->file)
        fclose(w->file);
    w->file = NULL;
    return FALSE;
}

static gboolean writer_usable(const YonosPackWriter *w, GError **error)
{
    if (w->file)
        return TRUE;
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE,
                "The pack '%s' is finished or could not be written before; nothing can be added to it.", w->display);
    return FALSE;
}

YonosPackWriter *yonos_pack_writer_new(const char *path, GError **error)
{
    YonosPackWriter *w = g_new0(YonosPackWriter, 1);
    w->path = g_strdup(path);
    w->display = g_filename_display_name(path);
    w->index = g_array_new(FALSE, FALSE, sizeof(Entry));
    char *temp = g_strconcat(path, ".XXXXXX", NULL);
    /* 0666 leaves the permissions to the umask; plain mkstemp() would make a pack that only its maker can read. */
    int fd = g_mkstemp_full(temp, O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0) {
        writer_fail(w, errno, error);
        g_free(temp);
        goto fail;
    }
    w->temp = temp;
    w->file = fdopen(fd, "wb");
    if (!w->file) {
        writer_fail(w, errno, error);
        g_close(fd, NULL);
        goto fail;
    }
    if (fwrite(MAGIC, 1, MAGIC_SIZE, w->file) != MAGIC_SIZE) {
        writer_fail(w, errno, error);
        goto fail;
    }
    w->end = MAGIC_SIZE;
    return w;
fail:
    yonos_pack_writer_free(w);
    return NULL;
}

gboolean yonos_pack_writer_add(YonosPackWriter *w, const guint8 *rgb, guint width, guint height, gsize stride,
                               GError **error)
{
    if (!writer_usable(w, error))
        return FALSE;
    guint64 row = (guint64)width * 3;
    if (width == 0 || height == 0 || stride < row || (guint64)width * height > (G_MAXINT64 - w->end) / 3) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT,
                    "A picture of %u x %u pixels with rows %" G_GSIZE_FORMAT " bytes apart cannot go into the pack "
                    "'%s'.", width, height, stride, w->display);
        return FALSE;
    }
    if (w->index->len >= MAX_PICTURES) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_UNSUPPORTED,
                    "The pack '%s' is full: it holds %u pictures. Put the others into a second pack.", w->display,
                    MAX_PICTURES);
        return FALSE;
    }
    for (guint y = 0; y < height; y++)
        if (fwrite(rgb + y * stride, 1, (gsize)row, w->file) != row)
            return writer_fail(w, errno, error);
    Entry entry = {w->end, width, height};
    g_array_append_val(w->index, entry);
    w->end += row * height;
    return TRUE;
}

static gboolean write_index(YonosPackWriter *w)
{
    for (guint i = 0; i < w->index->len; i++) {
        const Entry *entry = &g_array_index(w->index, Entry, i);
        guint8 bytes[ENTRY_SIZE];
        put_u64(bytes, entry->offset);
        put_u32(bytes + 8, entry->width);
        put_u32(bytes + 12, entry->height);
        if (fwrite(bytes, 1, sizeof bytes, w->file) != sizeof bytes)
            return FALSE;
    }
    guint8 footer[FOOTER_SIZE];
    put_u64(footer, w->end);
    put_u32(footer + 8, w->index->len);
    put_u32(footer + 12, 0);
    memcpy(footer + 16, MAGIC_END, MAGIC_SIZE);
    return fwrite(footer, 1, sizeof footer, w->file) == sizeof footer;
}

gboolean yonos_pack_writer_finish(YonosPackWriter *w, GError **error)
{
    if (!writer_usable(w, error))
        return FALSE;
    if (w->index->len == 0) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT,
                    "The pack '%s' was not written, because no picture was added to it.", w->display);
        fclose(w->file);
        w->file = NULL;
        return FALSE;
    }
    /* Without the fsync a power cut after the rename could leave an empty file under the final name. */
    if (!write_index(w) || fflush(w->file) != 0 || fsync(fileno(w->file)) != 0)
        return writer_fail(w, errno, error);
    int closed = fclose(w->file);
    w->file = NULL;
    if (closed != 0 || g_rename(w->temp, w->path) != 0)
        return writer_fail(w, errno, error);
    g_clear_pointer(&w->temp, g_free);
    return TRUE;
}

void yonos_pack_writer_free(YonosPackWriter *w)
{
    if (!w)
        return;
    if (w->file)
        fclose(w->file);
    if (w->temp)
        g_unlink(w->temp);
    g_array_unref(w->index);
    g_free(w->temp);
    g_free(w->path);
    g_free(w->display);
    g_free(w);
}

static gboolean G_GNUC_PRINTF(3, 4) damaged(GError **error, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *what = g_strdup_vprintf(format, args);
    va_end(args);
    char *display = g_filename_display_name(path);
    g_set_error(error, YONOS_ERROR, YONOS_ERROR_FORMAT, "'%s' is not a usable pack: %s. Make the pack again.", display,
                what);
    g_free(display);
    g_free(what);
    return FALSE;
}

static gboolean check_frame(YonosPack *p, const char *path, guint64 *index_at, GError **error)
{
    gsize size = g_mapped_file_get_length(p->map);
    if (size < MAGIC_SIZE || memcmp(p->data, MAGIC, MAGIC_SIZE) != 0)
        return damaged(error, path, "it does not begin with " MAGIC);
    if (size < MAGIC_SIZE + FOOTER_SIZE)
        return damaged(error, path, "it is truncated to %" G_GSIZE_FORMAT " bytes", size);
    const guint8 *footer = p->data + size - FOOTER_SIZE;
    if (memcmp(footer + 16, MAGIC_END, MAGIC_SIZE) != 0)
        return damaged(error, path, "it does not end with " MAGIC_END ", so it is truncated");
    *index_at = get_u64(footer);
    p->count = get_u32(footer + 8);
    if (get_u32(footer + 12) != 0)
        return damaged(error, path, "its footer has a number that must be zero and is not");
    if (p->count == 0)
        return damaged(error, path, "it holds no picture");
    guint64 index_size = (guint64)p->count * ENTRY_SIZE;
    guint64 body = size - MAGIC_SIZE - FOOTER_SIZE;
    if (index_size > body || *index_at != MAGIC_SIZE + body - index_size)
        return damaged(error, path,
                       "its index of %u pictures at byte %" G_GUINT64_FORMAT " does not fit its %" G_GSIZE_FORMAT
                       " bytes", p->count, *index_at, size);
    return TRUE;
}

static gboolean read_index(YonosPack *p, const char *path, guint64 index_at, GError **error)
{
    p->index = g_try_new(Entry, p->count);
    if (!p->index) {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY, "Not enough memory for the index of a pack of %u pictures.",
                    p->count);
        return FALSE;
    }
    guint64 expected = MAGIC_SIZE;
    for (guint i = 0; i < p->count; i++) {
        const guint8 *bytes = p->data + index_at + (guint64)i * ENTRY_SIZE;
        Entry entry = {get_u64(bytes), get_u32(bytes + 8), get_u32(bytes + 12)};
        if (entry.width == 0 || entry.height == 0)
            return damaged(error, path, "picture %u has no pixels (%u x %u)", i, entry.width, entry.height);
        if (entry.offset != expected)
            return damaged(error, path,
                           "picture %u lies at byte %" G_GUINT64_FORMAT " and should lie at byte %" G_GUINT64_FORMAT,
                           i, entry.offset, expected);
        /* Divided, because three times the product of two 32-bit numbers can exceed 64 bits. */
        if ((guint64)entry.width * entry.height > (index_at - expected) / 3)
            return damaged(error, path, "picture %u (%u x %u) reaches beyond the pixels", i, entry.width, entry.height);
        expected += (guint64)entry.width * entry.height * 3;
        p->index[i] = entry;
    }
    if (expected != index_at)
        return damaged(error, path,
                       "its pictures end at byte %" G_GUINT64_FORMAT " and its index starts at byte %" G_GUINT64_FORMAT,
                       expected, index_at);
    return TRUE;
}

YonosPack *yonos_pack_open(const char *path, GError **error)
{
    /* Tested first, because opening a named pipe would wait for ever. */
    GError *cause = NULL;
    GMappedFile *map = NULL;
    gboolean regular = g_file_test(path, G_FILE_TEST_IS_REGULAR);
    if (regular)
        map = g_mapped_file_new(path, FALSE, &cause);
    if (!map) {
        char *display = g_filename_display_name(path);
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_FILE, "Cannot open the pack '%s': %s", display,
                    cause ? cause->message : "there is no such file.");
        g_clear_error(&cause);
        g_free(display);
        return NULL;
    }
    YonosPack *p = g_new0(YonosPack, 1);
    p->map = map;
    p->data = (const guint8 *)g_mapped_file_get_contents(map);
    guint64 index_at = 0;
    if (!check_frame(p, path, &index_at, error) || !read_index(p, path, index_at, error)) {
        yonos_pack_free(p);
        return NULL;
    }
    return p;
}

void yonos_pack_free(YonosPack *p)
{
    if (!p)
        return;
    g_mapped_file_unref(p->map);
    g_free(p->index);
    g_free(p);
}

guint yonos_pack_count(const YonosPack *p)
{
    return p->count;
}

void yonos_pack_picture(const YonosPack *p, guint i, const guint8 **rgb, guint *width, guint *height)
{
    g_assert(i < p->count);
    *rgb = p->data + p->index[i].offset;
    *width = p->index[i].width;
    *height = p->index[i].height;
}
