/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"

/* Trust at start: does a device compute a network as the C references do? Safe from any thread. */

/* Fills the graph's buffers but its parameters and `y` with the same noise in both executors, runs both and compares `y`.
 * FALSE with YONOS_ERROR_WRONG where they differ by more than `tolerance`, or with what failed. */
gboolean yonos_self_check(YonosExecutor *trusted, YonosExecutor *checked, YonosBufferId y, float tolerance,
                          GError **error);

/* Whether a check of that identity (device, driver, kernels, network: any text) passed before on this machine; kept in the
 * user's cache folder. With the environment variable YONOS_SELF_CHECK=always none did. */
gboolean yonos_self_check_passed(const char *identity);
void yonos_self_check_remember(const char *identity);
