/* SPDX-License-Identifier: MIT */
/* Linux as the host: see os.h. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/fail.h"
#include "base/mem.h"
#include "base/os.h"

#define HUGE_PAGE (UINT64_C(2) << 20)
#define NS_PER_S INT64_C(1000000000)

/* A failure that a test wants, with errno. */
static bool must_fail(void)
{
    errno = ENOMEM;
    return fail_now();
}

static void *map_failed(struct error *e, const char *what, size_t size)
{
    error_set(e, "cannot map %zu MiB for %s: %s", size >> 20, what, strerror(errno));
    return NULL;
}

/* A private mapping of size bytes at a multiple of align (a power of two), or NULL with errno. */
static void *map_aligned(size_t size, size_t align)
{
    size_t whole;
    if (__builtin_add_overflow(size, align, &whole)) {
        errno = ENOMEM;
        return NULL;
    }
    uint8_t *p = mmap(NULL, whole, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    uint8_t *start = (uint8_t *)align_up((uintptr_t)p, align);
    if (start > p) {
        munmap(p, (size_t)(start - p));
    }
    munmap(start + size, (size_t)(p + whole - (start + size)));
    return start;
}

void *os_map_ram(size_t size, struct error *e)
{
    size = align_up(size, os_page_size());
    void *p = must_fail() ? NULL : map_aligned(size, HUGE_PAGE);
    if (!p) {
        return map_failed(e, "guest memory", size);
    }
    madvise(p, size, MADV_DONTDUMP);
    return p;
}

void os_advise_huge(void *p, size_t size)
{
    madvise(p, size, MADV_HUGEPAGE);
}

void os_discard(void *p, size_t size)
{
    /* Of shared files the host takes the bytes themselves; of others it refuses in two ways. */
    if (madvise(p, size, MADV_REMOVE) == 0) {
        return;
    }
    const bool anonymous = errno == EINVAL;
    if (!anonymous || madvise(p, size, MADV_DONTNEED) != 0) {
        memset(p, 0, size);
    }
}

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

bool os_populate(const void *p, size_t size, bool write)
{
    const uintptr_t page = os_page_size(), first = (uintptr_t)p & ~(page - 1);

    return madvise((void *)first, align_up((uintptr_t)p + size, page) - first,
                   write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) == 0;
}

/* By a file in memory: for hosts without mremap of 0 bytes (valgrind, some sandboxes). */
static bool map_code_file(size_t size, void **rw, void **rx)
{
    const int fd = memfd_create("dragoman-code", MFD_CLOEXEC);

    *rw = *rx = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, (off_t)size) == 0) {
        *rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        *rx = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    }
    if (fd >= 0) {
        close(fd); /* the mappings keep the memory */
    }
    return *rw != MAP_FAILED && *rx != MAP_FAILED;
}

/* mremap of 0 bytes maps shared memory once more (mremap(2)). */
static bool map_code_twice(size_t size, void **rw, void **rx)
{
    *rx = MAP_FAILED;
    *rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (*rw != MAP_FAILED) {
        *rx = mremap(*rw, 0, size, MREMAP_MAYMOVE);
    }
    return *rx != MAP_FAILED && mprotect(*rx, size, PROT_READ | PROT_EXEC) == 0;
}

static void unmap_both(size_t size, void *rw, void *rx)
{
    if (rw != MAP_FAILED) {
        munmap(rw, size);
    }
    if (rx != MAP_FAILED) {
        munmap(rx, size);
    }
}

/*
 * Anonymous memory first, since perf looks into its map of names (/tmp/perf-PID.map) for code in
 * anonymous memory only.
 */
bool os_map_code(size_t size, void **rw, void **rx, struct error *e)
{
    if (must_fail()) {
        map_failed(e, "executable code", size);
        return false;
    }
    if (map_code_twice(size, rw, rx)) {
        return true;
    }
    unmap_both(size, *rw, *rx);
    if (map_code_file(size, rw, rx)) {
        return true;
    }
    const int why = errno;
    unmap_both(size, *rw, *rx);
    errno = why;
    map_failed(e, "executable code", size);
    return false;
}

void *os_map_executable(int fd, size_t size, struct error *e)
{
    void *p = must_fail() ? MAP_FAILED
                          : mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    return p == MAP_FAILED ? map_failed(e, "an executable file", size) : p;
}

void *os_map_stack(size_t size, size_t guard, struct error *e)
{
    assert(is_aligned(size, os_page_size()) && is_aligned(guard, os_page_size()));
    uint8_t *p = must_fail() ? MAP_FAILED
                             : mmap(NULL, size + 2 * guard, PROT_NONE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return map_failed(e, "a stack", size);
    }
    if (mprotect(p + guard, size, PROT_READ | PROT_WRITE) != 0) {
        munmap(p, size + 2 * guard);
        return map_failed(e, "a stack", size);
    }
    return p + guard;
}

void os_unmap_stack(void *p, size_t size, size_t guard)
{
    munmap((uint8_t *)p - guard, size + 2 * guard);
}

void os_unmap(void *p, size_t size)
{
    munmap(p, align_up(size, os_page_size()));
}

size_t os_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

uint64_t os_free_memory_bytes(void)
{
    FILE *f = fopen("/proc/meminfo", "re");
    char line[128];
    unsigned long long kib = 0;
    if (!f) {
        return 0;
    }
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "MemAvailable: %llu", &kib) == 1) {
            break;
        }
    }
    fclose(f);
    return kib << 10;
}

uint64_t os_total_memory_bytes(void)
{
    struct sysinfo s;
    return sysinfo(&s) == 0 ? (uint64_t)s.totalram * s.mem_unit : 0;
}

unsigned os_cpu_count(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? (unsigned)n : 1;
}

char *os_cpu_names(void)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char *line = NULL, *names = NULL;
    size_t room = 0;
    if (!f) {
        return NULL; /* /proc is not there */
    }
    while (!names && getline(&line, &room, f) > 0) {
        const char *colon = strchr(line, ':');
        if (colon && strncmp(line, "flags", 5) == 0) { /* of the first CPU */
            names = mem_strdup(colon + 1);
            names[strcspn(names, "\n")] = ' ';
        }
    }
    free(line);
    fclose(f);
    return names;
}

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t os_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t os_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t os_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static struct timespec to_timespec(int64_t ns)
{
    return ns > 0 ? (struct timespec){ns / NS_PER_S, ns % NS_PER_S} : (struct timespec){0};
}

void os_yield(void)
{
    sched_yield();
}

void os_sleep_until_ns(int64_t deadline_ns)
{
    struct timespec t = to_timespec(deadline_ns);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
    }
}

void os_random(void *p, size_t n)
{
    uint8_t *b = p;
    while (n) {
        ssize_t k = getrandom(b, n, 0);
        if (k > 0) {
            b += k;
            n -= (size_t)k;
        } else {
            assert(k < 0 && errno == EINTR);
        }
    }
}

/* What a new thread needs of its creator; the thread frees it. */
struct start {
    void (*run)(void *);
    void *arg;
    char name[16];
};

static void *thread_main(void *p)
{
    struct start s = *(struct start *)p;
    mem_free(p);
    os_thread_name(s.name);
    s.run(s.arg);
    return NULL;
}

bool os_thread_start(struct os_thread *t, const char *name, void (*run)(void *), void *arg,
                     struct error *e)
{
    struct start *s = mem_alloc(sizeof(*s));
    s->run = run;
    s->arg = arg;
    snprintf(s->name, sizeof(s->name), "%s", name);

    /* Signals are the main thread's business, except those that an access of this thread causes. */
    sigset_t blocked, before;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGTRAP);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int rc = fail_now() ? EAGAIN : pthread_create(&t->handle, NULL, thread_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        mem_free(s);
        return error_set(e, "cannot start the thread %s: %s", name, strerror(rc));
    }
    return true;
}

void os_thread_join(struct os_thread *t)
{
    int rc = pthread_join(t->handle, NULL);
    assert(rc == 0);
    (void)rc;
}

void os_thread_name(const char *name)
{
    char text[16];
    snprintf(text, sizeof(text), "%s", name);
    pthread_setname_np(pthread_self(), text);
}

/* ---- kicks and events */

#define KICK_SIGNAL SIGUSR1

static void kicked(int number)
{
    (void)number;
}

void os_thread_take_kicks(struct os_thread *self)
{
    const struct sigaction sa = {.sa_handler = kicked}; /* no SA_RESTART: calls end */
    sigset_t set;

    sigaction(KICK_SIGNAL, &sa, NULL);
    self->handle = pthread_self();
    sigemptyset(&set);
    sigaddset(&set, KICK_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void os_thread_kick(const struct os_thread *t)
{
    pthread_kill(t->handle, KICK_SIGNAL);
}

int os_event_create(struct error *e)
{
    const int event = must_fail() ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (event < 0) {
        error_set(e, "no eventfd to be had from the host: %s", strerror(errno));
    }
    return event;
}

void os_event_close(int event)
{
    close(event);
}

/* It fails only if 2^64 - 2 signals were never taken. */
void os_event_signal(int event)
{
    const uint64_t one = 1;
    const ssize_t n = write(event, &one, sizeof(one));
    (void)n;
}

bool os_event_take(int event)
{
    uint64_t count;

    return read(event, &count, sizeof(count)) == sizeof(count);
}

bool os_event_wait(int event, int64_t most_ns)
{
    const int64_t end = os_now_ns() + most_ns;
    struct pollfd p = {.fd = event, .events = POLLIN};

    for (int64_t left = most_ns; left > 0; left = end - os_now_ns()) {
        const struct timespec wait = {left / 1000000000, left % 1000000000};
        if (ppoll(&p, 1, &wait, NULL) == 1) {
            return true;
        }
    }
    return false;
}

/* Every failure of a lock function is a mistake of ours: a lock used after its end, held twice. */
static void must(int rc)
{
    assert(rc == 0);
    (void)rc;
}

void os_mutex_init(struct os_mutex *m)
{
    must(pthread_mutex_init(&m->handle, NULL));
}

void os_mutex_destroy(struct os_mutex *m)
{
    must(pthread_mutex_destroy(&m->handle));
}

void os_mutex_lock(struct os_mutex *m)
{
    must(pthread_mutex_lock(&m->handle));
}

bool os_mutex_trylock(struct os_mutex *m)
{
    int rc = pthread_mutex_trylock(&m->handle);
    assert(rc == 0 || rc == EBUSY);
    return rc == 0;
}

void os_mutex_unlock(struct os_mutex *m)
{
    must(pthread_mutex_unlock(&m->handle));
}

void os_cond_init(struct os_cond *c)
{
    pthread_condattr_t a;
    must(pthread_condattr_init(&a));
    must(pthread_condattr_setclock(&a, CLOCK_MONOTONIC));
    must(pthread_cond_init(&c->handle, &a));
    pthread_condattr_destroy(&a);
}

void os_cond_destroy(struct os_cond *c)
{
    must(pthread_cond_destroy(&c->handle));
}

void os_cond_wait(struct os_cond *c, struct os_mutex *m)
{
    must(pthread_cond_wait(&c->handle, &m->handle));
}

bool os_cond_wait_until(struct os_cond *c, struct os_mutex *m, int64_t deadline_ns)
{
    struct timespec t = to_timespec(deadline_ns);
    int rc = pthread_cond_timedwait(&c->handle, &m->handle, &t);
    assert(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

void os_cond_signal(struct os_cond *c)
{
    must(pthread_cond_signal(&c->handle));
}

void os_cond_broadcast(struct os_cond *c)
{
    must(pthread_cond_broadcast(&c->handle));
}
