/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"

/* Ends the test with a message that begins as `format` says, when a value in any buffer of b is further from a's than
 * `tolerance` times the largest of a's buffer, or is no number. Both have run the same graph. */
void compare_executors(YonosExecutor *a, YonosExecutor *b, double tolerance, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
