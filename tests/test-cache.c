/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of the cache folder: what was written is read, by its own key only; anything damaged, cut or foreign is as if it
 * were not there; several writers leave one of theirs whole; a folder that cannot be is no error. */
#include "base/cache.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIND "thing"
#define KEY "device 1"

static char *folder;

/* Of the file with that prefix; NULL: there is none. */
static char *only_file(const char *prefix)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    char *path = NULL;

    while (dir && (name = g_dir_read_name(dir)))
        if (g_str_has_prefix(name, prefix)) {
            g_assert_null(path);
            path = g_build_filename(folder, name, NULL);
        }
    g_clear_pointer(&dir, g_dir_close);
    return path;
}

static void check_none(const char *key)
{
    char *data = NULL;
    gsize size;

    g_assert_false(yonos_cache_read(KIND, key, &data, &size));
    g_assert_null(data);
}

static void check_has(const char *key, const char *expected, gsize n)
{
    char *data = NULL;
    gsize size;

    g_assert_true(yonos_cache_read(KIND, key, &data, &size));
    g_assert_cmpmem(data, size, expected, n);
    g_assert_cmpint(data[size], ==, 0);
    g_free(data);
}

static void test_kept(void)
{
    check_none(KEY);
    g_assert_true(yonos_cache_write(KIND, KEY, "a\0b", 3));
    check_has(KEY, "a\0b", 3);
    check_none("device 2");
    g_assert_true(yonos_cache_write(KIND, KEY, "", 0));
    check_has(KEY, "", 0);
    g_assert_true(yonos_cache_write(KIND, KEY, "longer", 6));
    check_has(KEY, "longer", 6);
}

/* Every byte counts, and every length. */
static void test_damaged(void)
{
    char *path = only_file(KIND), *file;
    gsize size;

    g_file_get_contents(path, &file, &size, NULL);
    for (gsize k = 0; k < size; k++) {
        file[k] ^= 1;
        g_file_set_contents(path, file, (gssize)size, NULL);
        check_none(KEY);
        file[k] ^= 1;
        g_file_set_contents(path, file, (gssize)k, NULL);
        check_none(KEY);
    }
    g_file_set_contents(path, file, (gssize)size, NULL);
    check_has(KEY, "longer", 6);
    g_free(file);
    g_free(path);
}

/* One file in the place of another's. */
static void test_foreign(void)
{
    char *path = only_file(KIND), *file, *other;
    gsize size;

    g_file_get_contents(path, &file, &size, NULL);
    g_remove(path);
    g_assert_true(yonos_cache_write(KIND, "device 2", "other", 5));
    other = only_file(KIND);
    g_assert_cmpint(g_rename(other, path), ==, 0);
    check_none(KEY);
    check_none("device 2");
    g_file_set_contents(other, file, (gssize)size, NULL);
    check_none("device 2");
    g_remove(other);
    g_file_set_contents(path, file, (gssize)size, NULL);
    check_has(KEY, "longer", 6);
    g_free(file);
    g_free(other);
    g_free(path);
}

/* Neither may be waited for nor read whole. */
static void test_not_files(void)
{
    char *path = only_file(KIND);
    int fd;

    g_remove(path);
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    check_none(KEY);
    g_remove(path);
    g_mkdir(path, 0700);
    check_none(KEY);
    g_assert_false(yonos_cache_write(KIND, KEY, "x", 1));
    g_rmdir(path);
    fd = g_creat(path, 0600);
    g_assert_cmpint(ftruncate(fd, (off_t)1 << 40), ==, 0);
    g_close(fd, NULL);
    check_none(KEY);
    g_assert_true(yonos_cache_write(KIND, KEY, "x", 1));
    check_has(KEY, "x", 1);
    g_free(path);
}

static gpointer write_often(gpointer letter)
{
    char data[1000];

    memset(data, GPOINTER_TO_INT(letter), sizeof data);
    for (int k = 0; k < 50; k++) {
        char *read = NULL;
        gsize size;
        g_assert_true(yonos_cache_write(KIND, KEY, data, sizeof data));
        g_assert_true(yonos_cache_read(KIND, KEY, &read, &size));
        g_assert_cmpuint(size, ==, sizeof data);
        for (gsize i = 1; i < size; i++)
            g_assert_cmpint(read[i], ==, read[0]);
        g_free(read);
    }
    return NULL;
}

static void test_concurrent(void)
{
    GThread *threads[4];
    char *path;

    for (guint k = 0; k < G_N_ELEMENTS(threads); k++)
        threads[k] = g_thread_new("writer", write_often, GINT_TO_POINTER('a' + (int)k));
    for (guint k = 0; k < G_N_ELEMENTS(threads); k++)
        g_thread_join(threads[k]);
    path = only_file(""); /* nothing else is left there */
    g_remove(path);
    g_free(path);
}

/* In a place that not even root can write to. */
static void test_no_folder(void)
{
    g_rmdir(folder);
    g_assert_true(g_file_set_contents(folder, "a file", -1, NULL));
    check_none(KEY);
    g_assert_false(yonos_cache_write(KIND, KEY, "x", 1));
    g_remove(folder);
}

int main(int argc, char **argv)
{
    char *home = g_dir_make_tmp("yonos-cache-XXXXXX", NULL);
    int status;

    g_setenv("XDG_CACHE_HOME", home, TRUE);
    folder = g_build_filename(home, "gst-yonos", NULL);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cache/kept", test_kept);
    g_test_add_func("/cache/damaged", test_damaged);
    g_test_add_func("/cache/foreign", test_foreign);
    g_test_add_func("/cache/not-files", test_not_files);
    g_test_add_func("/cache/concurrent", test_concurrent);
    g_test_add_func("/cache/no-folder", test_no_folder);
    status = g_test_run();
    g_rmdir(home);
    g_free(folder);
    g_free(home);
    return status;
}
