/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Include after common.glsl; LOCAL must be a power of two. Every invocation of the workgroup must call reduce. With
 * SUBGROUPS they add among themselves first, and only their sums go through shared memory. */

shared vec4 partial[LOCAL];

#ifdef SUBGROUPS
vec4 reduce(vec4 value)
{
    vec4 sum = subgroupAdd(value);

    barrier();
    if (subgroupElect())
        partial[gl_SubgroupID] = sum;
    barrier();
    sum = partial[0];
    for (uint k = 1; k < gl_NumSubgroups; k++)
        sum += partial[k];
    return sum;
}
#else
vec4 reduce(vec4 value)
{
    uint lane = gl_LocalInvocationID.x;

    barrier();
    partial[lane] = value;
    barrier();
    for (uint step = LOCAL / 2; step > 0; step /= 2) {
        if (lane < step)
            partial[lane] += partial[lane + step];
        barrier();
    }
    return partial[0];
}
#endif

/* Leaves a workgroup's part of a mean over n elements, or the mean where there is one workgroup. */
void share_mean(float sum, uint n)
{
    if (gl_LocalInvocationID.x == 0) {
        if (p.shares == 1u)
            store(0, sum / float(n));
        else if (workgroup() < p.shares)
            scratch[workgroup()] = sum;
    }
}
