/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-cache.h"

#include <glib/gstdio.h>
#include <string.h>

#define DIGEST 64 /* hexadecimal SHA-256 in front of the data */

static char *cache_path(const YonosVkDevice *d)
{
    GString *name = g_string_new("vulkan-");
    char *path;

    for (guint k = 0; k < VK_UUID_SIZE; k++)
        g_string_append_printf(name, "%02x", d->properties.pipelineCacheUUID[k]);
    path = g_build_filename(g_get_user_cache_dir(), "gst-yonos", name->str, NULL);
    g_string_free(name, TRUE);
    return path;
}

/* Drivers check the header but trust what follows, so a digest guards it. */
static gboolean file_is_whole(const char *data, gsize size)
{
    char *digest;
    gboolean whole;

    if (size < DIGEST)
        return FALSE;
    digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)data + DIGEST, size - DIGEST);
    whole = !memcmp(digest, data, DIGEST);
    g_free(digest);
    return whole;
}

gboolean yonos_vk_cache_load(YonosVkDevice *d, GError **error)
{
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    char *path = cache_path(d), *data = NULL;
    gsize size = 0;
    gboolean done = FALSE;

    if (g_file_get_contents(path, &data, &size, NULL) && file_is_whole(data, size)) {
        info.initialDataSize = d->cache_size = size - DIGEST;
        info.pInitialData = data + DIGEST;
    }
    VK(vkCreatePipelineCache(d->device, &info, NULL, &d->cache));
    done = TRUE;
fail:
    g_free(data);
    g_free(path);
    return done;
}

void yonos_vk_cache_save(YonosVkDevice *d)
{
    size_t size = 0;
    char *path, *folder, *digest;
    GString *file;

    if (vkGetPipelineCacheData(d->device, d->cache, &size, NULL) != VK_SUCCESS || size <= d->cache_size)
        return;
    file = g_string_sized_new(DIGEST + size);
    g_string_set_size(file, DIGEST + size);
    path = cache_path(d);
    folder = g_path_get_dirname(path);
    if (vkGetPipelineCacheData(d->device, d->cache, &size, file->str + DIGEST) == VK_SUCCESS &&
        !g_mkdir_with_parents(folder, 0700)) {
        digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)file->str + DIGEST, size);
        memcpy(file->str, digest, DIGEST);
        if (g_file_set_contents(path, file->str, DIGEST + size, NULL))
            d->cache_size = size;
        g_free(digest);
    }
    g_string_free(file, TRUE);
    g_free(folder);
    g_free(path);
}
