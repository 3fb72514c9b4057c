/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"

/* Ends the test with a message that begins as `format` says, when a value in any buffer of b is further from a's than
 * `tolerance` times the largest of a's buffer, or is no number. Both have run the same graph. */
void compare_executors(YonosExecutor *a, YonosExecutor *b, double tolerance, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* Fills every buffer of both, which run the same graph, with the same numbers from -64 / divisor to 64 / divisor; with
 * a power of two they are exact in fp16. */
void compare_fill(YonosExecutor *a, YonosExecutor *b, guint32 seed, int divisor);
