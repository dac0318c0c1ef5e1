/* SPDX-License-Identifier: MIT */
/* The library of the bare-metal test guests (guest.h): other CPUs, started by PSCI (ARM DEN 0022).
 */
#include "tests/system/aarch64/lib/guest.h"

#define PSCI_CPU_ON 0xc4000003u
#define PSCI_AFFINITY_INFO 0xc4000004u

struct cpu cpus[MAX_CPUS];
u8 stacks[MAX_CPUS][2][65536] __attribute__((aligned(65536)));
void secondary_start(void);
void cpu_loop(void);

enum {
    OFF,
    IDLE,
    BUSY
};

u64 psci(u64 function, u64 a, u64 b, u64 c)
{
    register u64 x0 __asm__("x0") = function;
    register u64 x1 __asm__("x1") = a;
    register u64 x2 __asm__("x2") = b;
    register u64 x3 __asm__("x3") = c;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    return x0;
}

unsigned cpu_count(void)
{
    unsigned n = 1;
    while (n < MAX_CPUS && (int64_t)psci(PSCI_AFFINITY_INFO, n, 0, 0) >= 0) {
        n++;
    }
    return n;
}

static u64 state_of(const struct cpu *c)
{
    return __atomic_load_n(&c->state, __ATOMIC_ACQUIRE);
}

/* What the others do: wait for work. */
void cpu_loop(void)
{
    struct cpu *c = this_cpu();
    for (;;) {
        __atomic_store_n(&c->state, IDLE, __ATOMIC_RELEASE);
        while (state_of(c) != BUSY) {
            ASM("yield");
        }
        c->work(c->argument);
    }
}

void cpu_run(unsigned n, void (*work)(u64), u64 argument)
{
    struct cpu *c = &cpus[n];
    if (state_of(c) == OFF && psci(PSCI_CPU_ON, n, (u64)secondary_start, n) != 0) {
        test_fail(__FILE__, __LINE__, "CPU_ON is refused");
        return;
    }
    cpu_wait(n);
    c->work = work;
    c->argument = argument;
    __atomic_store_n(&c->state, BUSY, __ATOMIC_RELEASE);
}

void cpu_wait(unsigned n)
{
    struct cpu *c = &cpus[n];
    while (state_of(c) != IDLE) {
        ASM("yield");
    }
}

void cpus_run(unsigned n, void (*work)(u64))
{
    for (unsigned i = 1; i < n; i++) {
        cpu_run(i, work, i);
    }
    work(0);
    for (unsigned i = 1; i < n; i++) {
        cpu_wait(i);
    }
}

void cpus_meet(unsigned n)
{
    static u64 arrived, meetings;
    u64 meeting = __atomic_load_n(&meetings, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST) == n) {
        __atomic_store_n(&arrived, 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(&meetings, meeting + 1, __ATOMIC_RELEASE);
        return;
    }
    while (__atomic_load_n(&meetings, __ATOMIC_ACQUIRE) == meeting) {
        ASM("yield");
    }
}
