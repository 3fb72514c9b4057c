/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-cache.h"
#include "base/cache.h"
#include "vulkan/vk-shader.h"

#define PIPELINES "pipelines"

char *yonos_vk_cache_key(const YonosVkDevice *d)
{
    const VkPhysicalDeviceProperties *p = &d->properties;
    char *device = yonos_vk_uuid_text(d->uuid), *driver = yonos_vk_uuid_text(p->pipelineCacheUUID);
    char *key = g_strdup_printf("device %s, %s, driver %s, %s, %u, shaders %s", device, p->deviceName, driver,
                                d->driver, p->driverVersion, yonos_vk_shader_digest);

    g_free(device);
    g_free(driver);
    return key;
}

gboolean yonos_vk_cache_load(YonosVkDevice *d, GError **error)
{
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    char *key = yonos_vk_cache_key(d), *data = NULL;
    gsize size = 0;
    gboolean done = FALSE;

    /* drivers check the header but trust what follows, which the file's digest guards */
    if (yonos_cache_read(PIPELINES, key, &data, &size)) {
        info.initialDataSize = d->cache_size = size;
        info.pInitialData = data;
    }
    VK(vkCreatePipelineCache(d->device, &info, NULL, &d->cache));
    done = TRUE;
fail:
    g_free(data);
    g_free(key);
    return done;
}

void yonos_vk_cache_save(YonosVkDevice *d)
{
    size_t size = 0;
    char *key, *data;

    if (vkGetPipelineCacheData(d->device, d->cache, &size, NULL) != VK_SUCCESS || size <= d->cache_size)
        return;
    key = yonos_vk_cache_key(d);
    data = g_malloc(size);
    if (vkGetPipelineCacheData(d->device, d->cache, &size, data) == VK_SUCCESS &&
        yonos_cache_write(PIPELINES, key, data, size))
        d->cache_size = size;
    g_free(data);
    g_free(key);
}
