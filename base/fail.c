/* SPDX-License-Identifier: MIT */
/* Failures on demand: see fail.h. */
#include "base/fail.h"

#include <stdatomic.h>

static atomic_uint left;

void fail_after(unsigned n)
{
    atomic_store(&left, n);
}

bool fail_now(void)
{
    unsigned n = atomic_load(&left);

    while (n && !atomic_compare_exchange_weak(&left, &n, n - 1)) {
    }
    return n == 1;
}
