/* SPDX-License-Identifier: MIT */
/* Which code this host can run. */
#ifndef TESTS_SUPPORT_HOST_LEVEL_H
#define TESTS_SUPPORT_HOST_LEVEL_H

#include <stdbool.h>

/* Whether the host is an x86-64-v2, v3 or v4. */
static inline bool test_host_has_level(int level)
{
    return level == 2 || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
                          (level == 3 || (__builtin_cpu_supports("avx512bw") &&
                                          __builtin_cpu_supports("avx512vl"))));
}

#endif
