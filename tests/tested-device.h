/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>

/* The Vulkan device whose kernels are checked: Debian's software driver, or what YONOS_TEST_DEVICE names. */
static inline const char *tested_device(void)
{
    const char *name = g_getenv("YONOS_TEST_DEVICE");

    return name ? name : "llvmpipe";
}

/* A new cache folder for this program, where the driver goes on using its own: software drivers compile for seconds. To be
 * called before GLib is asked for one. */
static inline char *tested_cache_new(void)
{
    char *folder = g_dir_make_tmp("yonos-test-XXXXXX", NULL), *usual = g_build_filename(g_get_home_dir(), ".cache", NULL);
    const char *ours = g_getenv("XDG_CACHE_HOME");

    g_assert_nonnull(folder);
    g_setenv("MESA_SHADER_CACHE_DIR", ours ? ours : usual, FALSE);
    g_setenv("XDG_CACHE_HOME", folder, TRUE);
    g_free(usual);
    return folder;
}

/* Removes it with all that the engine has put there. */
static inline void tested_cache_free(char *folder)
{
    char *files = g_build_filename(folder, "gst-yonos", NULL);
    GDir *dir = g_dir_open(files, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        char *path = g_build_filename(files, name, NULL);
        g_remove(path);
        g_free(path);
    }
    g_clear_pointer(&dir, g_dir_close);
    g_rmdir(files);
    g_rmdir(folder);
    g_free(files);
    g_free(folder);
}
