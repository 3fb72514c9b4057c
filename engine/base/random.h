/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Counter-based randomness: the value at a counter is a hash of it and the seed, so it needs no state, can be resumed
 * anywhere, and is the same in any order. */

/* 64 well-mixed bits (the finaliser of Steele et al., SplitMix64, 2014). */
guint64 yonos_random_bits(guint64 seed, guint64 counter);
/* Uniform in (0, 1]. */
double yonos_random_uniform(guint64 seed, guint64 counter);
/* Normal, mean 0, variance 1 (Box-Muller); uses the bits of counters 2 k and 2 k + 1. */
float yonos_random_normal(guint64 seed, guint64 counter);

/* The noise field of a stream: normal values {height, width, channels}, each a function of its position, whatever the
 * field's size. Threads share the work; takes no memory. */
void yonos_random_field(float *field, guint64 seed, int height, int width, int channels);
