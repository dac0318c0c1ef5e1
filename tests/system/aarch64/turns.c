/* SPDX-License-Identifier: MIT */
/*
 * Exclusives and atomics while the CPUs run in turn on one host thread (thread=single): whatever
 * another CPU stores between the two halves of an exclusive pair is noticed, plain stores that put
 * the value back among them. DDI 0487, B2.12.
 */
#include "tests/system/aarch64/lib/guest.h"

static u64 cell[8] __attribute__((aligned(64)));
static u64 step;

static u64 get(u64 *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void set(u64 *p, u64 v)
{
    __atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static void store_the_same(u64 number)
{
    (void)number;
    while (get(&step) != 1) {
    }
    set(cell, get(cell));
    set(&step, 2);
}

static void change_and_restore(u64 number)
{
    (void)number;
    while (get(&step) != 1) {
    }
    const u64 v = get(cell);
    set(cell, v + 1);
    set(cell, v);
    set(&step, 2);
}

/* Whether the store-exclusive fails when another CPU runs f between load and store. */
static bool fails_after(void (*f)(u64))
{
    u64 v, failed;
    set(cell, 5);
    set(&step, 0);
    cpu_run(1, f, 0);
    __asm__ volatile("ldaxr %0, [%1]" : "=&r"(v) : "r"(cell) : "memory");
    set(&step, 1);
    while (get(&step) != 2) {
    }
    __asm__ volatile("stlxr %w0, %1, [%2]" : "=&r"(failed) : "r"(v + 1), "r"(cell) : "memory");
    cpu_wait(1);
    CHECK_EQ(get(cell), failed & 1 ? 5 : 6);
    return failed & 1;
}

TEST(exclusive_store_fails_after_plain_stores_that_restore_the_value)
{
    for (unsigned i = 0; i < 5; i++) {
        CHECK(fails_after(store_the_same));
        CHECK(fails_after(change_and_restore));
    }
}

#define CPUS 4
#define ROUNDS 200000u

static void add(u64 number)
{
    u64 failed, v;
    cpus_meet(CPUS);
    for (unsigned i = 0; i < ROUNDS; i++) {
        if ((i + number) & 1) {
            __asm__ volatile("1: ldxr %0, [%2]\n add %0, %0, #1\n stxr %w1, %0, [%2]\n cbnz %w1, 1b"
                             : "=&r"(v), "=&r"(failed)
                             : "r"(cell)
                             : "memory");
        } else {
            __asm__ volatile(".arch_extension lse\n stadd %1, [%0]\n ldsmin %2, x16, [%0]"
                             :
                             : "r"(cell), "r"(1ull), "r"(1ull << 40)
                             : "memory", "x16");
        }
    }
}

TEST(counter_by_cpus_in_turn)
{
    cell[0] = 0;
    cpus_run(CPUS, add);
    CHECK_EQ(cell[0], CPUS * ROUNDS);
}
