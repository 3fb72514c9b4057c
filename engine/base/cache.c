/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/cache.h"

#include <glib/gstdio.h>
#include <string.h>

#define DIGEST 64        /* hexadecimal SHA-256 in front of the data */
#define MOST (256 << 20) /* bytes; larger files are not ours */

static char *path_of(const char *kind, const char *key)
{
    char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
    char *name = g_strconcat(kind, "-", digest, NULL);
    char *path = g_build_filename(g_get_user_cache_dir(), "gst-yonos", name, NULL);

    g_free(digest);
    g_free(name);
    return path;
}

/* The key is a part of it, so that a file under another's name is none. */
static char *digest_of(const char *key, const char *data, gsize size)
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    char *digest;

    g_checksum_update(sum, (const guchar *)key, (gssize)strlen(key) + 1);
    g_checksum_update(sum, (const guchar *)data, (gssize)size);
    digest = g_strdup(g_checksum_get_string(sum));
    g_checksum_free(sum);
    return digest;
}

static gboolean is_whole(const char *key, const char *file, gsize size)
{
    char *digest;
    gboolean whole;

    if (size < DIGEST)
        return FALSE;
    digest = digest_of(key, file + DIGEST, size - DIGEST);
    whole = !memcmp(digest, file, DIGEST);
    g_free(digest);
    return whole;
}

gboolean yonos_cache_read(const char *kind, const char *key, char **data, gsize *size)
{
    char *path = path_of(kind, key), *file = NULL;
    GStatBuf is;
    gboolean whole = !g_stat(path, &is) && S_ISREG(is.st_mode) && is.st_size <= MOST &&
                     g_file_get_contents(path, &file, size, NULL) && is_whole(key, file, *size);

    if (whole) {
        *size -= DIGEST;
        memmove(file, file + DIGEST, *size + 1); /* with the 0 that GLib adds */
        *data = g_steal_pointer(&file);
    }
    g_free(file);
    g_free(path);
    return whole;
}

gboolean yonos_cache_write(const char *kind, const char *key, const char *data, gsize size)
{
    char *path = path_of(kind, key), *folder = g_path_get_dirname(path), *digest = digest_of(key, data, size);
    GString *file = g_string_new(digest);
    gboolean done;

    g_string_append_len(file, data, (gssize)size);
    done = !g_mkdir_with_parents(folder, 0700) && g_file_set_contents(path, file->str, (gssize)file->len, NULL);
    g_string_free(file, TRUE);
    g_free(digest);
    g_free(folder);
    g_free(path);
    return done;
}
