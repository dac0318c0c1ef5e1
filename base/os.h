/* SPDX-License-Identifier: MIT */
/*
 * What the emulator needs of the host's operating system: mappings, threads, locks, clocks, CPU
 * features. One implementation for each host OS (os_linux.c); nothing else tests for the host OS.
 */
#ifndef BASE_OS_H
#define BASE_OS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Maps size bytes of zeroed, private, writable memory for a guest's RAM, aligned to 2 MiB, not
 * counted against the host's commit limit and left out of core dumps. NULL on failure.
 * Unmap with os_unmap(p, size).
 */
void *os_map_ram(size_t size, struct error *e);

/* Asks for transparent huge pages behind [p, p + size); a hint that may be refused. */
void os_advise_huge(void *p, size_t size);

/* Gives the pages of [p, p + size), which are of one mapping, back to the host: they read as zero
 * afterwards. */
void os_discard(void *p, size_t size);

/* Makes the pages of [p, p + size) resident at once, which costs a fraction of faults one by one
 * (write: for stores; else for loads and code). A host that cannot is none the worse. */
bool os_populate(const void *p, size_t size, bool write);

/*
 * Maps size bytes of memory twice: at *rw to write code and at *rx to run it, so that no page is
 * ever both. Unmap both.
 */
bool os_map_code(size_t size, void **rw, void **rx, struct error *e);

/* Maps the first size bytes of a file readable and executable. NULL on failure. */
void *os_map_executable(int fd, size_t size, struct error *e);

/*
 * Maps a stack of size bytes (a multiple of the page size) between two guard pages of guard bytes
 * each. Returns the lowest usable address; NULL on failure. Unmap with os_unmap_stack.
 */
void *os_map_stack(size_t size, size_t guard, struct error *e);
void os_unmap_stack(void *p, size_t size, size_t guard);

void os_unmap(void *p, size_t size);

size_t os_page_size(void);

/* Memory that could be used without swapping, and all there is. 0 if the host does not say. */
uint64_t os_free_memory_bytes(void);
uint64_t os_total_memory_bytes(void);

/* CPUs that this process may run on, at least 1. */
unsigned os_cpu_count(void);

/* A clock that never steps, and the time of day since 1970 in UTC. */
int64_t os_now_ns(void);
int64_t os_wall_ns(void);

/* CPU time of the calling thread. */
int64_t os_thread_cpu_ns(void);

/* Lets other threads that are ready run first. */
void os_yield(void);

/* Sleeps until os_now_ns() is at least deadline_ns. */
void os_sleep_until_ns(int64_t deadline_ns);

/* Fills p with n bytes from the host's entropy. */
void os_random(void *p, size_t n);

struct os_thread {
    pthread_t handle;
};

/*
 * Starts a thread that calls run(arg), with all signals blocked but those of a fault. The name
 * (cut to 15 characters) shows in the host's tools. The thread must be joined.
 */
bool os_thread_start(struct os_thread *t, const char *name, void (*run)(void *), void *arg,
                     struct error *e);
void os_thread_join(struct os_thread *t);

/* Names the calling thread. */
void os_thread_name(const char *name);

/* From now on os_thread_kick(self) ends a system call in which the calling thread waits, with
 * EINTR. A kick before it waits does not: who kicks sets a flag first that is looked at by whom it
 * waits for. self stays the caller's, and is not for os_thread_join. */
void os_thread_take_kicks(struct os_thread *self);
void os_thread_kick(const struct os_thread *t);

/*
 * An event: a file descriptor that threads and the host's kernel signal, and that can be waited for
 * like any other (LOOP_READ). Signals before somebody takes them are one. -1 with an error: there
 * is none to be had.
 */
int os_event_create(struct error *e);
void os_event_close(int event);
void os_event_signal(int event);
/* Takes what was signalled; false: nothing was. */
bool os_event_take(int event);
/* Waits until it is signalled, at most so long; takes nothing. */
bool os_event_wait(int event, int64_t most_ns);

struct os_mutex {
    pthread_mutex_t handle;
};

#define OS_MUTEX_INIT                                                                              \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER                                                                  \
    }

void os_mutex_init(struct os_mutex *m);
void os_mutex_destroy(struct os_mutex *m);
void os_mutex_lock(struct os_mutex *m);
bool os_mutex_trylock(struct os_mutex *m);
void os_mutex_unlock(struct os_mutex *m);

struct os_cond {
    pthread_cond_t handle;
};

void os_cond_init(struct os_cond *c);
void os_cond_destroy(struct os_cond *c);

/* Both may wake without reason: the caller checks its condition in a loop. m is held. */
void os_cond_wait(struct os_cond *c, struct os_mutex *m);

/* False if os_now_ns() reached deadline_ns first. */
bool os_cond_wait_until(struct os_cond *c, struct os_mutex *m, int64_t deadline_ns);

void os_cond_signal(struct os_cond *c);
void os_cond_broadcast(struct os_cond *c);

/*
 * The extensions of an x86-64 host that the CPU has, that the operating system saves the registers
 * of, and that it lists: it hides what a CPU's errata make unusable. All false on other hosts.
 */
struct os_cpu_features {
    bool sse3, ssse3, sse41, sse42, popcnt, cx16;
    bool avx, avx2, fma, f16c, bmi1, bmi2, lzcnt, movbe, adx;
    bool avx512f, avx512bw, avx512dq, avx512vl, avx512cd;
    bool avx512_vbmi, avx512_vbmi2, avx512_ifma, avx512_bitalg, avx512_vpopcntdq, avx512_bf16;
    bool avx512_fp16;
    bool aes, pclmul, sha, gfni, vaes, vpclmul, rdrand, rdseed;
    bool erms;      /* fast rep movsb and stosb */
    bool slow_pext; /* pext and pdep are microcoded (AMD before Zen 3) */
};

struct os_cpu_features os_cpu_features(void);

/* What is left of these by a list of names with spaces around each, as the kernel gives it; NULL:
 * there is none, and all is left. */
struct os_cpu_features os_cpu_features_listed(struct os_cpu_features f, const char *names);

/* The kernel's list of names of what the CPU can do, in one line; NULL if it does not say.
 * Allocated. */
char *os_cpu_names(void);

#endif
