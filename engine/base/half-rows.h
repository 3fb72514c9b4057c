/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Arrays to and from binary16, with the results of base/half.h (a NaN stays one, maybe another); threads share the work,
 * and where the processor can convert by itself it does. Takes no memory. */
void yonos_halves_from_floats(const float *from, guint16 *to, gsize n);
void yonos_halves_to_floats(const guint16 *from, float *to, gsize n);
