/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vulkan/vk-tile.h"

/* Which row of the table of tiles was measured to be the fastest for a product on a device: a file of the cache, a line
 * a product. */
typedef struct {
    YonosVkProduct product;
    guint row;
} YonosVkTuned;

/* GArray of YonosVkTuned, empty where there is no whole file; lines that are not understood do not count. */
GArray *yonos_vk_tuned_read(const YonosVkDevice *d);
/* Adds to what the file has, in the place of entries of the same product. FALSE where it cannot be written. */
gboolean yonos_vk_tuned_write(const YonosVkDevice *d, const GArray *tuned);

/* The row for a product of that kind, precision, columns and depth, and of the nearest number of rows within a factor
 * of two; -1 where there is none that the device can run. */
int yonos_vk_tuned_find(const YonosVkDevice *d, const YonosVkProduct *product);
