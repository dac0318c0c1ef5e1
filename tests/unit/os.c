/* SPDX-License-Identifier: MIT */
/* Mappings, threads, locks and clocks of the host: base/os.h; and base/atomic.h with them. */
#include "base/os.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)

TEST(guest_memory_is_zeroed_and_aligned_for_huge_pages)
{
    struct error e;
    uint8_t *p = os_map_ram(5 * MIB, &e);
    REQUIRE(p);
    CHECK_EQ((uintptr_t)p % (2 * MIB), 0);
    CHECK_EQ(p[0] | p[5 * MIB - 1], 0);
    p[5 * MIB - 1] = 1;
    os_advise_huge(p, 5 * MIB);
    CHECK_EQ(p[5 * MIB - 1], 1);
    os_unmap(p, 5 * MIB);
}

TEST(discarded_pages_read_as_zero)
{
    struct error e;
    uint8_t *p = os_map_ram(2 * MIB, &e);
    REQUIRE(p);
    memset(p, 0xff, 2 * MIB);
    os_discard(p + 4096, 8192);
    CHECK_EQ(p[4095], 0xff);
    CHECK_EQ(p[4096] | p[4096 + 8191], 0);
    CHECK_EQ(p[4096 + 8192], 0xff);
    os_unmap(p, 2 * MIB);
}

TEST(discarded_pages_of_files_read_as_zero)
{
    for (unsigned shared = 0; shared < 2; shared++) {
        const int fd = memfd_create("discarded", MFD_CLOEXEC);
        REQUIRE(fd >= 0 && ftruncate(fd, 16384) == 0);
        CHECK(pwrite(fd, "full", 4, 4096) == 4);
        uint8_t *p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE,
                          fd, 0);
        REQUIRE(p != MAP_FAILED);
        p[8192] = 7;
        os_discard(p + 4096, 8192);
        CHECK_EQ(p[4096] | p[8192], 0);
        munmap(p, 16384);
        close(fd);
    }
}

TEST(more_memory_than_addresses_is_an_error)
{
    struct error e = {""};
    CHECK(!os_map_ram((size_t)1 << 62, &e));
    CHECK(strstr(e.text, "guest memory"));
}

TEST(code_written_through_one_mapping_runs_in_the_other)
{
    struct error e;
    void *rw, *rx;
    REQUIRE(os_map_code(MIB, &rw, &rx, &e));
    CHECK(rw != rx);
    memcpy(rw, "\xb8\x2a\x00\x00\x00\xc3", 6); /* mov $42, %eax; ret */
    int (*fn)(void);
    memcpy(&fn, &rx, sizeof(fn));
    CHECK_EQ(fn(), 42);
    os_unmap(rw, MIB);
    os_unmap(rx, MIB);
}

/* The permissions that /proc/self/maps gives for the mapping of p. */
static void permissions(const void *p, char perms[5])
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[400];
    strcpy(perms, "?");
    while (f && fgets(line, sizeof(line), f)) {
        unsigned long first, end;
        char found[5];
        if (sscanf(line, "%lx-%lx %4s", &first, &end, found) == 3 && first <= (uintptr_t)p &&
            (uintptr_t)p < end) {
            strcpy(perms, found);
        }
    }
    if (f) {
        fclose(f);
    }
}

TEST(no_page_of_code_is_both_writable_and_executable)
{
    struct error e;
    void *rw, *rx;
    char perms[5];
    REQUIRE(os_map_code(MIB, &rw, &rx, &e));
    permissions(rw, perms);
    CHECK_STR(perms, "rw-s");
    permissions(rx, perms);
    CHECK_STR(perms, "r-xs");
    os_unmap(rw, MIB);
    os_unmap(rx, MIB);
}

TEST(a_stack_lies_between_inaccessible_guards)
{
    struct error e;
    char perms[5];
    size_t page = os_page_size();
    uint8_t *p = os_map_stack(4 * page, page, &e);
    REQUIRE(p);
    memset(p, 1, 4 * page);
    permissions(p - 1, perms);
    CHECK_STR(perms, "---p");
    permissions(p, perms);
    CHECK_STR(perms, "rw-p");
    permissions(p + 4 * page, perms);
    CHECK_STR(perms, "---p");
    os_unmap_stack(p, 4 * page, page);
}

TEST(the_host_reports_its_memory_and_cpus)
{
    CHECK(os_total_memory_bytes() > 16 * MIB);
    CHECK(os_free_memory_bytes() > 0);
    CHECK(os_free_memory_bytes() <= os_total_memory_bytes());
    CHECK(os_cpu_count() >= 1);
}

TEST(clocks_advance)
{
    int64_t now = os_now_ns(), wall = os_wall_ns();
    CHECK(wall > INT64_C(1600000000) * 1000000000);
    os_sleep_until_ns(now + 3000000);
    CHECK(os_now_ns() >= now + 3000000);
    os_sleep_until_ns(0);
    os_sleep_until_ns(-1);
    int64_t cpu = os_thread_cpu_ns();
    while (os_thread_cpu_ns() == cpu) {
    }
    CHECK(os_thread_cpu_ns() > cpu);
}

TEST(entropy_differs_between_calls)
{
    uint8_t a[32] = {0}, b[32] = {0};
    os_random(a, sizeof(a));
    os_random(b, sizeof(b));
    CHECK(memcmp(a, b, sizeof(a)) != 0);
}

struct shared {
    struct os_mutex lock;
    struct os_cond changed;
    unsigned turn, count; /* under lock */
    uint64_t atomic_count;
    u128 wide;
    char name[16];
};

static void count_under_lock(void *arg)
{
    struct shared *s = arg;
    for (unsigned i = 0; i < 10000; i++) {
        os_mutex_lock(&s->lock);
        s->count++;
        os_mutex_unlock(&s->lock);
        atomic_add(&s->atomic_count, 1);
        u128 old = atomic_get128(&s->wide);
        /* Both halves change together: a torn read would show them unequal. */
        while (!atomic_cas128(&s->wide, &old, old + ((u128)1 << 64 | 1))) {
        }
    }
}

TEST(threads_under_a_lock_and_by_atomics_lose_no_count)
{
    struct shared s = {0};
    struct os_thread t[3];
    struct error e;
    os_mutex_init(&s.lock);
    for (unsigned i = 0; i < 3; i++) {
        REQUIRE(os_thread_start(&t[i], "counter", count_under_lock, &s, &e));
    }
    for (unsigned i = 0; i < 3; i++) {
        os_thread_join(&t[i]);
    }
    CHECK_EQ(s.count, 30000);
    CHECK_EQ(s.atomic_count, 30000);
    CHECK_EQ((uint64_t)s.wide, 30000);
    CHECK_EQ((uint64_t)(s.wide >> 64), 30000);
    os_mutex_destroy(&s.lock);
}

static void wait_for_turn(void *arg)
{
    struct shared *s = arg;
    pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
    os_mutex_lock(&s->lock);
    while (s->turn != 1) {
        os_cond_wait(&s->changed, &s->lock);
    }
    s->turn = 2;
    os_cond_broadcast(&s->changed);
    os_mutex_unlock(&s->lock);
}

TEST(a_signalled_thread_wakes_and_has_its_name_cut_to_fit)
{
    struct shared s = {0};
    struct os_thread t;
    struct error e;
    os_mutex_init(&s.lock);
    os_cond_init(&s.changed);
    REQUIRE(os_thread_start(&t, "a-name-of-more-than-15", wait_for_turn, &s, &e));
    os_mutex_lock(&s.lock);
    s.turn = 1;
    os_cond_signal(&s.changed);
    while (s.turn != 2) {
        os_cond_wait(&s.changed, &s.lock);
    }
    os_mutex_unlock(&s.lock);
    os_thread_join(&t);
    CHECK_STR(s.name, "a-name-of-more-");
    os_cond_destroy(&s.changed);
    os_mutex_destroy(&s.lock);
}

TEST(a_wait_with_a_deadline_ends_at_it)
{
    struct shared s = {0};
    os_mutex_init(&s.lock);
    os_cond_init(&s.changed);
    os_mutex_lock(&s.lock);
    int64_t deadline = os_now_ns() + 5000000;
    while (os_cond_wait_until(&s.changed, &s.lock, deadline)) {
    }
    CHECK(os_now_ns() >= deadline);
    CHECK(!os_cond_wait_until(&s.changed, &s.lock, 0));
    os_mutex_unlock(&s.lock);
    os_cond_destroy(&s.changed);
    os_mutex_destroy(&s.lock);
}

static void try_lock(void *arg)
{
    struct shared *s = arg;
    s->turn = os_mutex_trylock(&s->lock);
}

TEST(a_held_lock_is_not_had_by_trying)
{
    struct shared s = {.turn = 7};
    struct os_thread t;
    struct error e;
    os_mutex_init(&s.lock);
    CHECK(os_mutex_trylock(&s.lock));
    REQUIRE(os_thread_start(&t, "trier", try_lock, &s, &e));
    os_thread_join(&t);
    CHECK_EQ(s.turn, 0);
    os_mutex_unlock(&s.lock);
    os_mutex_destroy(&s.lock);
}

/* The kernel's own list of the CPU's features, " name " for each. */
static const char *proc_flags(void)
{
    static char line[8192];
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof(line) - 1, f)) {
        if (strncmp(line, "flags", 5) == 0) {
            line[strcspn(line, "\n")] = ' ';
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return line;
}

TEST(cpu_features_agree_with_the_kernels_list)
{
    struct os_cpu_features f = os_cpu_features();
    const struct {
        const char *name;
        bool have;
    } rows[] = {
        {" sse4_2 ", f.sse42},
        {" popcnt ", f.popcnt},
        {" cx16 ", f.cx16},
        {" avx ", f.avx},
        {" avx2 ", f.avx2},
        {" fma ", f.fma},
        {" f16c ", f.f16c},
        {" bmi1 ", f.bmi1},
        {" bmi2 ", f.bmi2},
        {" abm ", f.lzcnt},
        {" movbe ", f.movbe},
        {" adx ", f.adx},
        {" aes ", f.aes},
        {" pclmulqdq ", f.pclmul},
        {" sha_ni ", f.sha},
        {" gfni ", f.gfni},
        {" vaes ", f.vaes},
        {" vpclmulqdq ", f.vpclmul},
        {" rdrand ", f.rdrand},
        {" rdseed ", f.rdseed},
        {" erms ", f.erms},
        {" avx512f ", f.avx512f},
        {" avx512bw ", f.avx512bw},
        {" avx512dq ", f.avx512dq},
        {" avx512vl ", f.avx512vl},
        {" avx512cd ", f.avx512cd},
        {" avx512vbmi ", f.avx512_vbmi},
        {" avx512_vbmi2 ", f.avx512_vbmi2},
        {" avx512ifma ", f.avx512_ifma},
        {" avx512_bitalg ", f.avx512_bitalg},
        {" avx512_vpopcntdq ", f.avx512_vpopcntdq},
        {" avx512_bf16 ", f.avx512_bf16},
        {" avx512_fp16 ", f.avx512_fp16},
    };
    const char *flags = proc_flags();
    for (size_t i = 0; i < array_len(rows); i++) {
        CHECK_MSG((strstr(flags, rows[i].name) != NULL) == rows[i].have, "%s: we say %d",
                  rows[i].name, rows[i].have);
    }
}

TEST(what_the_kernel_hides_is_not_there)
{
    struct os_cpu_features f;
    memset(&f, true, sizeof(f));
    f.avx2 = false; /* the kernel may list what we cannot use */
    f = os_cpu_features_listed(f, " pni cx16 avx avx2 rdrand abm avx512f avx512vbmi ");
    CHECK(f.sse3 && f.cx16 && f.avx && f.rdrand && f.lzcnt && f.avx512f && f.avx512_vbmi);
    CHECK(!f.avx2 && !f.rdseed && !f.sse42 && !f.avx512bw && !f.avx512_vbmi2 && !f.erms);
    CHECK(f.slow_pext);
}

TEST(without_a_list_of_the_kernel_cpuid_decides)
{
    struct os_cpu_features f;
    memset(&f, true, sizeof(f));
    f.rdseed = false;
    f = os_cpu_features_listed(f, NULL);
    CHECK(f.avx && f.erms && !f.rdseed);
    f = os_cpu_features_listed(f, "");
    CHECK(!f.avx && !f.sse3);
}

TEST(every_feature_has_its_name)
{
    struct os_cpu_features f;
    memset(&f, true, sizeof(f));
    f.slow_pext = false;
    f = os_cpu_features_listed(f, "");
    for (size_t i = 0; i < sizeof(f); i++) {
        CHECK_MSG(!((const uint8_t *)&f)[i], "member %zu", i);
    }
}

TEST(a_wide_compare_that_fails_gives_the_value_found)
{
    u128 v = (u128)5 << 64 | 6, old = 0;
    CHECK(!atomic_cas128(&v, &old, 1));
    CHECK(old == v);
    CHECK(atomic_cas128(&v, &old, 9));
    CHECK(v == 9);
    atomic_set128(&v, (u128)1 << 127);
    CHECK(atomic_get128(&v) == (u128)1 << 127);
}

/* ---- kicks and events */

TEST(an_event_is_there_until_it_is_taken)
{
    struct error e = {""};
    const int event = os_event_create(&e);

    REQUIRE(event >= 0);
    CHECK(!os_event_take(event));
    CHECK(!os_event_wait(event, 1000000));
    os_event_signal(event);
    os_event_signal(event);
    CHECK(os_event_wait(event, 1000000) && os_event_wait(event, 1000000));
    CHECK(os_event_take(event));
    CHECK(!os_event_take(event));
    os_event_close(event);
}

struct sleeper {
    struct os_thread thread, self;
    bool ready, asked; /* it has said who it is; it is to end */
    unsigned wakes;
};

/* As who runs a vCPU in the host's kernel: looks at a flag, and waits in a system call. */
static void sleep_until_asked(void *opaque)
{
    struct sleeper *s = opaque;

    os_thread_take_kicks(&s->self);
    atomic_set_release(&s->ready, true);
    while (!atomic_get_acquire(&s->asked)) {
        const struct timespec most = {.tv_nsec = 100000000};
        s->wakes += nanosleep(&most, NULL) != 0 && errno == EINTR;
    }
}

TEST(a_kick_ends_a_system_call)
{
    struct sleeper s = {.wakes = 0};
    struct error e;

    REQUIRE(os_thread_start(&s.thread, "sleeper", sleep_until_asked, &s, &e));
    while (!atomic_get_acquire(&s.ready)) {
        os_yield();
    }
    for (unsigned i = 0; i < 20; i++) {
        os_sleep_until_ns(os_now_ns() + 1000000);
        os_thread_kick(&s.self);
    }
    atomic_set_release(&s.asked, true);
    os_thread_kick(&s.self);
    os_thread_join(&s.thread);
    CHECK(s.wakes > 0);
}
