/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The Vulkan device whose kernels are checked: Debian's software driver, or what YONOS_TEST_DEVICE names. */
static inline const char *tested_device(void)
{
    const char *name = g_getenv("YONOS_TEST_DEVICE");

    return name ? name : "llvmpipe";
}
