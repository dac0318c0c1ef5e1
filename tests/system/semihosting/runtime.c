/* SPDX-License-Identifier: MIT */
/* What the compiler of picolibc's library takes from its own: shifts of 128 bits, an atomic
 * exchange. */
#include <stdint.h>

typedef unsigned __int128 u128;

u128 __lshrti3(u128 v, int n);
u128 __lshrti3(u128 v, int n)
{
    const uint64_t high = (uint64_t)(v >> 64), low = (uint64_t)v;
    if (n >= 64) {
        return high >> (n - 64);
    }
    return n ? (u128)(high >> n) << 64 | (high << (64 - n) | low >> n) : v;
}

u128 __ashlti3(u128 v, int n);
u128 __ashlti3(u128 v, int n)
{
    const uint64_t high = (uint64_t)(v >> 64), low = (uint64_t)v;
    if (n >= 64) {
        return (u128)(low << (n - 64)) << 64;
    }
    return n ? (u128)(high << n | low >> (64 - n)) << 64 | low << n : v;
}

uint16_t __aarch64_swp2_relax(uint16_t value, uint16_t *at);
uint16_t __aarch64_swp2_relax(uint16_t value, uint16_t *at)
{
    const uint16_t old = *at; /* there is one thread */
    *at = value;
    return old;
}
