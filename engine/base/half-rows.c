/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/half-rows.h"
#include "base/half.h"
#include "base/parallel.h"

typedef struct {
    const float *floats;
    const guint16 *halves;
    float *to_floats;
    guint16 *to_halves;
} Job;

static void plain_to_halves(const Job *job, gsize start, gsize end)
{
    for (gsize k = start; k < end; k++)
        job->to_halves[k] = yonos_float_to_half(job->floats[k]);
}

static void plain_to_floats(const Job *job, gsize start, gsize end)
{
    for (gsize k = start; k < end; k++)
        job->to_floats[k] = yonos_half_to_float(job->halves[k]);
}

#ifdef __x86_64__
#include <immintrin.h>

/* 20 times as fast as the integer arithmetic of half.h; both round to nearest, ties to even. */
__attribute__((target("avx,f16c"))) static void fast_to_halves(const Job *job, gsize start, gsize end)
{
    for (; start + 8 <= end; start += 8)
        _mm_storeu_si128((__m128i *)(job->to_halves + start),
                         _mm256_cvtps_ph(_mm256_loadu_ps(job->floats + start), _MM_FROUND_TO_NEAREST_INT));
    plain_to_halves(job, start, end);
}

__attribute__((target("avx,f16c"))) static void fast_to_floats(const Job *job, gsize start, gsize end)
{
    for (; start + 8 <= end; start += 8)
        _mm256_storeu_ps(job->to_floats + start,
                         _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(job->halves + start))));
    plain_to_floats(job, start, end);
}

static gboolean is_fast(void)
{
    return __builtin_cpu_supports("avx") && __builtin_cpu_supports("f16c");
}
#else
#define fast_to_halves plain_to_halves
#define fast_to_floats plain_to_floats
#define is_fast() FALSE
#endif

static void to_halves(gconstpointer data, gsize start, gsize end)
{
    if (is_fast())
        fast_to_halves(data, start, end);
    else
        plain_to_halves(data, start, end);
}

static void to_floats(gconstpointer data, gsize start, gsize end)
{
    if (is_fast())
        fast_to_floats(data, start, end);
    else
        plain_to_floats(data, start, end);
}

void yonos_halves_from_floats(const float *from, guint16 *to, gsize n)
{
    yonos_cpu_share(n, n, to_halves, &(Job){.floats = from, .to_halves = to});
}

void yonos_halves_to_floats(const guint16 *from, float *to, gsize n)
{
    yonos_cpu_share(n, n, to_floats, &(Job){.halves = from, .to_floats = to});
}
