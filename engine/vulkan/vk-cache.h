/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-device.h"

/* The pipeline cache of the device's driver, from the user's cache folder; a missing or damaged file gives an empty
 * cache. */
gboolean yonos_vk_cache_load(YonosVkDevice *d, GError **error);
/* Writes it back, atomically, if it grew. A failure is no error: the next start compiles again. */
void yonos_vk_cache_save(YonosVkDevice *d);
