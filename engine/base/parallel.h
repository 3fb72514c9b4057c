/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Items start to end - 1 of what `data` describes. */
typedef void (*YonosCpuRange)(gconstpointer data, gsize start, gsize end);

/* Calls `body` for ranges that cover items 0 to n - 1, at the same time on OpenMP's threads (which are oneDNN's as
 * well) where the items hold enough elements to be worth waking them; else here. Takes no memory after the first call.
 */
void yonos_cpu_share(gsize elements, gsize n, YonosCpuRange body, gconstpointer data);

/* Lets OpenMP's waiting threads, oneDNN's too, sleep instead of spin, from now on in the whole process: keeps one more
 * thread than there are processors asleep until the process ends. Nothing is done where OMP_WAIT_POLICY says what is
 * wanted, nor where work is not shared. Any thread, any number of calls. */
void yonos_cpu_wait_asleep(void);
