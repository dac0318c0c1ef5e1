/* SPDX-License-Identifier: MIT */
/*
 * Thin names for the compilers' atomic built-ins on plain objects, and 128-bit atomics.
 * The unadorned read and write are relaxed; read-modify-writes are sequentially consistent.
 * Host CPU differences live here and in tcg/host/ only.
 */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"

#define atomic_get(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define atomic_get_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define atomic_get_seq(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define atomic_set(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define atomic_set_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define atomic_set_seq(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)

/* These give the value before. */
#define atomic_swap(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define atomic_add(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
#define atomic_sub(p, v) __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST)
#define atomic_or(p, v) __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define atomic_and(p, v) __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
#define atomic_xor(p, v) __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST)

/* Counts without ordering. */
#define atomic_add_relaxed(p, v) __atomic_fetch_add(p, v, __ATOMIC_RELAXED)

/* If *p is *old, stores v and is true; else loads *p into *old and is false. */
#define atomic_cas(p, old, v)                                                                      \
    __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#define atomic_fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define atomic_fence_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define atomic_fence_release() __atomic_thread_fence(__ATOMIC_RELEASE)

/* Keeps the compiler, not the CPU, from moving accesses across. */
#define atomic_compiler_fence() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* A hint inside a spin loop. */
static inline void atomic_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#else
    atomic_compiler_fence();
#endif
}

/*
 * 128-bit compare and swap at p (16-byte aligned), sequentially consistent: as atomic_cas.
 * Not a compiler built-in, since gcc makes that a call of libatomic, which may take a lock.
 */
static inline bool atomic_cas128(u128 *p, u128 *old, u128 v)
{
#if defined(__x86_64__)
    uint64_t lo = (uint64_t)*old, hi = (uint64_t)(*old >> 64);
    bool done;
    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(done), "+m"(*p), "+a"(lo), "+d"(hi)
                     : "b"((uint64_t)v), "c"((uint64_t)(v >> 64))
                     : "memory");
    *old = (u128)hi << 64 | lo;
    return done;
#else
    return __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
#endif
}

/*
 * *p whole (16-byte aligned), which need not be writable, and a whole store; ordered as plain
 * accesses are. x86: every CPU with AVX does aligned 16-byte vector accesses as one.
 */
static inline u128 atomic_read128(const u128 *p)
{
#if defined(__x86_64__)
    typedef uint64_t words __attribute__((vector_size(16)));
    words w;
    __asm__ volatile("movdqa %1, %0" : "=x"(w) : "m"(*p));
    return (u128)w[1] << 64 | w[0];
#else
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
#endif
}

static inline void atomic_write128(u128 *p, u128 v)
{
#if defined(__x86_64__)
    typedef uint64_t words __attribute__((vector_size(16)));
    const words w = {(uint64_t)v, (uint64_t)(v >> 64)};
    __asm__ volatile("movdqa %1, %0" : "=m"(*p) : "x"(w));
#else
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
#endif
}

/* *p whole, sequentially consistent. On x86-64 it writes what it read: p must be writable. */
static inline u128 atomic_get128(u128 *p)
{
    u128 old = 0;
    atomic_cas128(p, &old, 0);
    return old;
}

static inline void atomic_set128(u128 *p, u128 v)
{
    u128 old = 0;
    while (!atomic_cas128(p, &old, v)) {
    }
}

#endif
