/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-device.h"

/* What is kept of a device between runs (base/cache.h). */

/* All that decides what the device makes of our shaders: its UUID, its driver and that one's version, and a digest of the
 * shaders; to be freed. */
char *yonos_vk_cache_key(const YonosVkDevice *d);

/* The pipeline cache of the device's driver, from that key's file; empty where there is none. */
gboolean yonos_vk_cache_load(YonosVkDevice *d, GError **error);
/* Writes it back if it grew. A failure is no error: the next start compiles again. */
void yonos_vk_cache_save(YonosVkDevice *d);
