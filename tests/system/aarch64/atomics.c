/* SPDX-License-Identifier: MIT */
/*
 * Atomic instructions and exclusive pairs while four CPUs race for the same memory: no update may
 * be lost or seen half. DDI 0487, B2.2 (atomicity), B2.12 (exclusives).
 */
#include "tests/system/aarch64/lib/guest.h"

#define CPUS 4
#define ROUNDS 20000u

static u64 cell[64] __attribute__((aligned(4096)));
static void (*racer)(u64 number);

static void race(u64 number)
{
    cpus_meet(CPUS);
    racer(number);
}

/* Runs f on four CPUs at once; false: there are not as many. */
static bool run(void (*f)(u64 number))
{
    if (cpu_count() < CPUS) {
        test_skip("needs 4 CPUs");
        return false;
    }
    for (unsigned i = 0; i < 64; i++) {
        cell[i] = 0;
    }
    racer = f;
    cpus_run(CPUS, race);
    return true;
}

/* ---- one counter, by each way of adding to it */

#define ADD(name, ...)                                                                             \
    static inline void name(u64 *p, u64 v)                                                         \
    {                                                                                              \
        u64 a = 0, b = 0;                                                                          \
        __asm__ volatile(".arch_extension lse\n" __VA_ARGS__                                       \
                         : "+&r"(a), "+&r"(b)                                                      \
                         : "r"(p), "r"(v)                                                          \
                         : "memory", "x16", "x17");                                                \
    }

ADD(ldadd, "ldadd %3, %0, [%2]")
ADD(stadd, "stadd %3, [%2]")
ADD(ldaddal, "ldaddal %3, %0, [%2]")
ADD(exclusive, "1: ldxr %0, [%2]\n add %0, %0, %3\n stxr %w1, %0, [%2]\n cbnz %w1, 1b")
ADD(exclusive_ordered, "1: ldaxr %0, [%2]\n add %0, %0, %3\n stlxr %w1, %0, [%2]\n cbnz %w1, 1b")
ADD(cas, "1: ldr x16, [%2]\n mov x17, x16\n add %0, x16, %3\n cas x16, %0, [%2]\n cmp x16, x17\n "
         "b.ne 1b")
ADD(casal, "1: ldr x16, [%2]\n mov x17, x16\n add %0, x16, %3\n casal x16, %0, [%2]\n cmp x16, "
           "x17\n b.ne 1b")

static void (*const adders[])(u64 *, u64) = {ldadd, stadd, ldaddal, exclusive, exclusive_ordered,
                                             cas,   casal};
#define ADDERS (sizeof(adders) / sizeof(adders[0]))

static unsigned way;

static void add_one_way(u64 number)
{
    (void)number;
    for (unsigned i = 0; i < ROUNDS; i++) {
        adders[way](cell, 1);
    }
}

TEST(counter_by_each_instruction)
{
    for (way = 0; way < ADDERS; way++) {
        if (!run(add_one_way)) {
            return;
        }
        CHECK_EQ(cell[0], CPUS * ROUNDS);
    }
}

static void add_all_ways(u64 number)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        adders[(i + number) % ADDERS](cell, 1);
    }
}

TEST(counter_by_all_instructions_together)
{
    if (run(add_all_ways)) {
        CHECK_EQ(cell[0], CPUS * ROUNDS);
    }
}

/* ---- neighbours: bytes, halves and words of one doubleword, each with its own CPU */

static void add_bytes(u64 number)
{
    u8 *p = (u8 *)cell + number;
    for (unsigned i = 0; i < ROUNDS; i++) {
        __asm__ volatile(".arch_extension lse\n ldaddb %w1, w16, [%0]"
                         :
                         : "r"(p), "r"(1)
                         : "memory", "x16");
        __asm__ volatile(
            "1: ldxrb w16, [%0]\n add w16, w16, #1\n stxrb w17, w16, [%0]\n cbnz w17, 1b"
            :
            : "r"(p + 4)
            : "memory", "x16", "x17");
    }
}

TEST(bytes_of_one_word_do_not_disturb_each_other)
{
    if (run(add_bytes)) {
        for (unsigned i = 0; i < 8; i++) {
            CHECK_EQ(((u8 *)cell)[i], (u8)ROUNDS);
        }
    }
}

static void add_halves(u64 number)
{
    u16 *p = (u16 *)cell + number;
    for (unsigned i = 0; i < ROUNDS; i++) {
        __asm__ volatile(".arch_extension lse\n ldaddalh %w1, w16, [%0]"
                         :
                         : "r"(p), "r"(1)
                         : "memory", "x16");
    }
}

TEST(halves_of_one_doubleword_do_not_disturb_each_other)
{
    if (run(add_halves)) {
        for (unsigned i = 0; i < CPUS; i++) {
            CHECK_EQ(((u16 *)cell)[i], (u16)ROUNDS);
        }
    }
}

/* ---- bits, extremes, exchange */

static void toggle_bits(u64 number)
{
    u64 bit = 1ull << (number * 13);
    for (unsigned i = 0; i < ROUNDS; i++) {
        u64 old;
        __asm__ volatile(".arch_extension lse\n ldset %1, %0, [%2]"
                         : "=&r"(old)
                         : "r"(bit), "r"(cell)
                         : "memory");
        if (old & bit) {
            test_fail(__FILE__, __LINE__, "the bit was cleared before");
        }
        __asm__ volatile("ldclr %1, %0, [%2]" : "=&r"(old) : "r"(bit), "r"(cell) : "memory");
        if (!(old & bit)) {
            test_fail(__FILE__, __LINE__, "the bit was set before");
        }
        __asm__ volatile("ldeor %1, %0, [%2]" : "=&r"(old) : "r"(bit << 1), "r"(cell) : "memory");
    }
}

TEST(bits_of_one_doubleword_do_not_disturb_each_other)
{
    if (run(toggle_bits)) {
        CHECK_EQ(cell[0], 0);
    }
}

static void raise(u64 number)
{
    for (u64 i = 0; i < ROUNDS; i++) {
        u64 v = i * CPUS + number, old;
        __asm__ volatile(".arch_extension lse\n ldumax %1, %0, [%2]"
                         : "=&r"(old)
                         : "r"(v), "r"(cell)
                         : "memory");
        __asm__ volatile("ldsmin %1, %0, [%2]" : "=&r"(old) : "r"(0 - v), "r"(cell + 1) : "memory");
    }
}

TEST(extremes_are_kept)
{
    if (run(raise)) {
        CHECK_EQ(cell[0], CPUS * ROUNDS - 1);
        CHECK_EQ(cell[1], 0 - (u64)(CPUS * ROUNDS - 1));
    }
}

static u64 sums[CPUS];

/* Tokens are put in and taken out: each comes out once. */
static void exchange(u64 number)
{
    u64 sum = 0;
    for (u64 i = 1; i <= ROUNDS; i++) {
        u64 old;
        __asm__ volatile(".arch_extension lse\n swpal %1, %0, [%2]"
                         : "=&r"(old)
                         : "r"(i * CPUS + number), "r"(cell)
                         : "memory");
        sum += old;
    }
    sums[number] = sum;
}

TEST(exchanged_values_come_out_once)
{
    if (run(exchange)) {
        u64 in = 0, out = cell[0];
        for (u64 n = 0; n < CPUS; n++) {
            out += sums[n];
            for (u64 i = 1; i <= ROUNDS; i++) {
                in += i * CPUS + n;
            }
        }
        CHECK_EQ(out, in);
    }
}

/* ---- pairs of 16 bytes: the second doubleword is always three times the first */

static bool broken(u64 a, u64 b)
{
    if (b != 3 * a) {
        test_equal(__FILE__, __LINE__, "second half of the pair", b, 3 * a);
    }
    return b != 3 * a;
}

static void pair_exclusive(u64 number)
{
    (void)number;
    for (unsigned i = 0; i < ROUNDS; i++) {
        u64 a, b, t;
        __asm__ volatile("1: ldaxp %0, %1, [%3]\n add x16, %0, #1\n add x17, %1, #3\n"
                         " stlxp %w2, x16, x17, [%3]\n cbnz %w2, 1b"
                         : "=&r"(a), "=&r"(b), "=&r"(t)
                         : "r"(cell)
                         : "memory", "x16", "x17");
        if (broken(a, b)) {
            return;
        }
    }
}

static void pair_cas(u64 number)
{
    (void)number;
    for (unsigned i = 0; i < ROUNDS; i++) {
        register u64 x4 __asm__("x4");
        register u64 x5 __asm__("x5");
        __asm__ volatile(
            ".arch_extension lse\n"
            "1: ldp x4, x5, [%2]\n mov x16, x4\n mov x17, x5\n add x6, x4, #1\n add x7, x5, #3\n"
            " caspal x4, x5, x6, x7, [%2]\n cmp x4, x16\n ccmp x5, x17, #0, eq\n b.ne 1b"
            : "=&r"(x4), "=&r"(x5)
            : "r"(cell)
            : "memory", "x6", "x7", "x16", "x17", "cc");
        if (broken(x4, x5)) {
            return;
        }
    }
}

static void pair_either(u64 number)
{
    if (number & 1) {
        pair_cas(number);
    } else {
        pair_exclusive(number);
    }
}

TEST(pairs_are_updated_whole)
{
    static void (*const ways[])(u64) = {pair_exclusive, pair_cas, pair_either};
    for (unsigned i = 0; i < 3; i++) {
        if (!run(ways[i])) {
            return;
        }
        CHECK_EQ(cell[0], CPUS * ROUNDS);
        CHECK_EQ(cell[1], 3 * CPUS * ROUNDS);
    }
}

/* ---- single-copy atomicity of plain accesses (FEAT_LSE2 from 16 bytes on) */

/* Two CPUs store values whose halves are equal, two look whether they are. */
#define PAIR_RACE(name, at, store, load)                                                           \
    static void race_##name(u64 number)                                                            \
    {                                                                                              \
        for (u64 i = 0; i < ROUNDS * 8; i++) {                                                     \
            u64 a = (u32)(i * 2 + number), b, saved;                                               \
            if (number < 2) {                                                                      \
                __asm__ volatile(store                                                             \
                                 : "+&r"(a), "=&r"(saved)                                          \
                                 : "r"((u8 *)cell + at)                                            \
                                 : "memory", "x16");                                               \
            } else {                                                                               \
                __asm__ volatile(load                                                              \
                                 : "=&r"(a), "=&r"(b), "=&r"(saved)                                \
                                 : "r"((u8 *)cell + at)                                            \
                                 : "memory", "x16");                                               \
                if (a != b) {                                                                      \
                    test_equal(__FILE__, __LINE__, "half of a pair: " #name, a, b);                \
                    return;                                                                        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

PAIR_RACE(x, 16, "stp %0, %0, [%2]", "ldp %0, %1, [%3]")
PAIR_RACE(x_by_sp, 32, "mov %1, sp\n mov sp, %2\n stp %0, %0, [sp]\n mov sp, %1",
          "mov %2, sp\n mov sp, %3\n ldp %0, %1, [sp]\n mov sp, %2")
PAIR_RACE(x_by_fp, 48, "mov x16, x29\n mov x29, %2\n stp %0, %0, [x29]\n mov x29, x16",
          "mov x16, x29\n mov x29, %3\n ldp %0, %1, [x29]\n mov x29, x16")
PAIR_RACE(x_indexed, 64, "mov %1, %2\n stp %0, %0, [%1], #16",
          "add %2, %3, #16\n ldp %0, %1, [%2, #-16]!")
PAIR_RACE(w, 80, "stp %w0, %w0, [%2]", "ldp %w0, %w1, [%3]")
PAIR_RACE(w_misaligned, 101, "stp %w0, %w0, [%2]", "ldp %w0, %w1, [%3]")

static void race_pairs(u64 number)
{
    static void (*const races[])(u64) = {race_x,         race_x_by_sp, race_x_by_fp,
                                         race_x_indexed, race_w,       race_w_misaligned};
    for (unsigned n = 0; n < sizeof(races) / sizeof(races[0]); n++) {
        cpus_meet(CPUS);
        races[n](number);
    }
}

TEST(aligned_pairs_are_not_torn)
{
    if ((READ(id_aa64mmfr2_el1) >> 32 & 15) == 0) {
        SKIP("the CPU does not have FEAT_LSE2");
    }
    run(race_pairs);
}

/* Each access is the first behind a flush of the TLB. */
static void race_without_tlb(u64 number)
{
    for (u64 i = 0; i < ROUNDS / 4; i++) {
        u64 a = i * 2 + number, b;
        __asm__ volatile("dsb nshst\n tlbi vmalle1\n dsb nsh\n isb" : : : "memory");
        if (number < 2) {
            __asm__ volatile("stp %0, %0, [%1]" : : "r"(a), "r"(cell) : "memory");
        } else {
            __asm__ volatile("ldp %0, %1, [%2]" : "=&r"(a), "=&r"(b) : "r"(cell) : "memory");
            if (a != b) {
                test_equal(__FILE__, __LINE__, "half of a pair", a, b);
                return;
            }
        }
    }
}

TEST(aligned_pairs_are_not_torn_when_the_tlb_misses)
{
    if ((READ(id_aa64mmfr2_el1) >> 32 & 15) == 0) {
        SKIP("the CPU does not have FEAT_LSE2");
    }
    run(race_without_tlb);
}

static void race_misaligned(u64 number)
{
    u64 *p = (u64 *)((u64)cell + 3); /* within 16 bytes */
    for (u64 i = 0; i < ROUNDS; i++) {
        u64 a = (i & 0xff) * 0x0101010101010101;
        if (number < 2) {
            __asm__ volatile("str %0, [%1]" : : "r"(a), "r"(p) : "memory");
        } else {
            __asm__ volatile("ldr %0, [%1]" : "=&r"(a) : "r"(p) : "memory");
            if (a != (a & 0xff) * 0x0101010101010101) {
                test_equal(__FILE__, __LINE__, "bytes of a doubleword", a,
                           (a & 0xff) * 0x0101010101010101);
                return;
            }
        }
    }
}

TEST(misaligned_accesses_within_16_bytes_are_not_torn)
{
    if ((READ(id_aa64mmfr2_el1) >> 32 & 15) == 0) {
        SKIP("the CPU does not have FEAT_LSE2");
    }
    run(race_misaligned);
}

/* ---- locks around plain memory */

static void spin_lock(u64 number)
{
    (void)number;
    for (unsigned i = 0; i < ROUNDS / 4; i++) {
        __asm__ volatile("1: ldaxr w16, [%0]\n cbnz w16, 1b\n stxr w17, %w1, [%0]\n cbnz w17, 1b"
                         :
                         : "r"(cell), "r"(1)
                         : "memory", "x16", "x17");
        cell[16] = cell[16] + 1;
        cell[24] = cell[24] + cell[16] % 2;
        __asm__ volatile("stlr wzr, [%0]" : : "r"(cell) : "memory");
    }
}

TEST(spin_lock_protects_plain_memory)
{
    if (run(spin_lock)) {
        CHECK_EQ(cell[16], CPUS * (ROUNDS / 4));
        CHECK_EQ(cell[24], CPUS * (ROUNDS / 4) / 2);
    }
}

/* Tickets, as Linux once had them: waits by WFE for the monitor to be cleared by the holder's
 * store. */
static void ticket_lock(u64 number)
{
    (void)number;
    u32 *next = (u32 *)cell, *owner = next + 1;
    for (unsigned i = 0; i < ROUNDS / 8; i++) {
        u32 mine;
        __asm__ volatile(".arch_extension lse\n ldadda %w1, %w0, [%2]"
                         : "=&r"(mine)
                         : "r"(1), "r"(next)
                         : "memory");
        __asm__ volatile("sevl\n1: wfe\n ldaxr w16, [%1]\n cmp w16, %w0\n b.ne 1b"
                         :
                         : "r"(mine), "r"(owner)
                         : "memory", "x16", "cc");
        cell[16] = cell[16] + 1;
        __asm__ volatile("stlr %w0, [%1]" : : "r"(mine + 1), "r"(owner) : "memory");
    }
}

TEST(ticket_lock_waits_by_the_monitor)
{
    if (run(ticket_lock)) {
        CHECK_EQ(cell[16], CPUS * (ROUNDS / 8));
    }
}

/* A stack of nodes: what is taken off is the head as long as nobody took it off and put it back
 * with another behind it. */
#define NODES 8

static struct node {
    struct node *next;
    u64 owners, pad[6];
} nodes[NODES];

/* Waits a while between load and store, so that others come in between. */
static struct node *pop(struct node **head, u64 wait)
{
    struct node *n, *next;
    u64 failed;
    __asm__ volatile("1: ldaxr %0, [%3]\n cbz %0, 2f\n ldr %1, [%0]\n mov x16, %4\n"
                     "3: subs x16, x16, #1\n b.ne 3b\n stlxr %w2, %1, [%3]\n cbnz %w2, 1b\n2:"
                     : "=&r"(n), "=&r"(next), "=&r"(failed)
                     : "r"(head), "r"(wait)
                     : "memory", "x16", "cc");
    return n;
}

static void push_exclusive(struct node **head, struct node *n)
{
    u64 old, failed;
    __asm__ volatile("1: ldxr %0, [%2]\n str %0, [%3]\n stlxr %w1, %3, [%2]\n cbnz %w1, 1b"
                     : "=&r"(old), "=&r"(failed)
                     : "r"(head), "r"(n)
                     : "memory");
}

static void push_cas(struct node **head, struct node *n)
{
    struct node *old, *seen;
    __asm__ volatile(".arch_extension lse\n"
                     "1: ldr %0, [%2]\n str %0, [%3]\n mov %1, %0\n casal %1, %3, [%2]\n"
                     " cmp %0, %1\n b.ne 1b"
                     : "=&r"(old), "=&r"(seen)
                     : "r"(head), "r"(n)
                     : "memory", "cc");
}

static struct node *own(struct node *n)
{
    if (n && __atomic_fetch_add(&n->owners, 1, __ATOMIC_SEQ_CST) != 0) {
        test_fail(__FILE__, __LINE__, "two CPUs have the node");
    }
    return n;
}

static void give_back(struct node *n, bool by_cas)
{
    if (n) {
        __atomic_fetch_sub(&n->owners, 1, __ATOMIC_SEQ_CST);
        (by_cas ? push_cas : push_exclusive)((struct node **)cell, n);
    }
}

/* The first of two nodes goes back first: it is the head again while the second is away. */
static void pop_and_push(u64 number)
{
    const u64 wait = number == 0 ? 500 : 1;
    for (unsigned i = 0; i < (number == 0 ? ROUNDS * 2 : ROUNDS * 20); i++) {
        struct node *n = own(pop((struct node **)cell, wait));
        struct node *m = own(pop((struct node **)cell, wait));
        give_back(n, (number + i) & 1);
        give_back(m, number & 1);
    }
}

static void fill_and_race(u64 number)
{
    if (number == 0) {
        for (unsigned i = 0; i < NODES; i++) {
            nodes[i].owners = 0;
            push_exclusive((struct node **)cell, &nodes[i]);
        }
    }
    cpus_meet(CPUS);
    pop_and_push(number);
}

TEST(stack_by_exclusives_keeps_its_nodes)
{
    if (run(fill_and_race)) {
        unsigned count = 0;
        while (pop((struct node **)cell, 1) && count <= NODES) {
            count++;
        }
        CHECK_EQ(count, NODES);
    }
}

/* ---- what breaks an exclusive pair, step by step */

static u64 step;

static void reach(u64 n)
{
    __atomic_store_n(&step, n, __ATOMIC_SEQ_CST);
}

static void await(u64 n)
{
    while (__atomic_load_n(&step, __ATOMIC_SEQ_CST) != n) {
    }
}

static u64 load_exclusive(u64 *p)
{
    u64 v;
    __asm__ volatile("ldaxr %0, [%1]" : "=&r"(v) : "r"(p) : "memory");
    return v;
}

static u64 store_exclusive(u64 *p, u64 v)
{
    u64 failed;
    __asm__ volatile("stlxr %w0, %1, [%2]" : "=&r"(failed) : "r"(v), "r"(p) : "memory");
    return failed & 1;
}

static u32 intrusion;

/* What another CPU does between the load and the store. The last three leave the same value. */
static void intrude(u64 number)
{
    (void)number;
    u64 old;
    await(1);
    switch (intrusion) {
    case 0:
        STORE(cell, 77);
        break;
    case 1:
        __atomic_store_n(cell, 78, __ATOMIC_RELEASE);
        break;
    case 2:
        stadd(cell, 1);
        break;
    case 3:
        exclusive(cell, 1);
        break;
    case 4:
        STORE((u8 *)cell, 9);
        break;
    case 5:
        stadd(cell, 1);
        stadd(cell, UINT64_MAX);
        break;
    case 6:
        exclusive(cell, 1);
        exclusive(cell, UINT64_MAX);
        break;
    default:
        __asm__ volatile(".arch_extension lse\n swp %1, %0, [%2]"
                         : "=&r"(old)
                         : "r"(cell[0]), "r"(cell)
                         : "memory");
    }
    dsb();
    reach(2);
}

static u64 interrupted_store_failed(u32 kind)
{
    intrusion = kind;
    cell[0] = 5;
    reach(0);
    cpu_run(1, intrude, 0);
    u64 v = load_exclusive(cell);
    /* no atomic instruction of this CPU from here on */
    STORE(&step, 1);
    while (LOAD(&step) != 2) {
    }
    u64 failed = store_exclusive(cell, v + 1000);
    cpu_wait(1);
    CHECK_EQ(cell[0] >= 1000, !failed);
    return failed;
}

TEST(exclusive_store_fails_after_another_cpu_changed_the_value)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    for (u32 kind = 0; kind <= 4; kind++) {
        for (int i = 0; i < 20; i++) {
            CHECK_EQ(interrupted_store_failed(kind), 1);
        }
    }
}

TEST(exclusive_store_fails_after_atomics_that_restore_the_value)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    for (u32 kind = 5; kind <= 7; kind++) {
        for (int i = 0; i < 20; i++) {
            CHECK_EQ(interrupted_store_failed(kind), 1);
        }
    }
}

TEST(exclusive_store_fails_without_its_load)
{
    cell[0] = 1;
    CHECK_EQ(store_exclusive(cell, 2), 1);
    load_exclusive(cell);
    ASM("clrex");
    CHECK_EQ(store_exclusive(cell, 2), 1);
    load_exclusive(cell);
    CHECK_EQ(store_exclusive(cell, 2), 0);
    CHECK_EQ(store_exclusive(cell, 3), 1);
    CHECK_EQ(cell[0], 2);
}

static bool pass_svc(struct frame *f)
{
    return EC(f->esr) == EC_SVC;
}

TEST(exception_return_clears_the_monitor)
{
    u64 failed, v;
    on_sync(pass_svc);
    __asm__ volatile("ldxr %1, [%2]\n svc #0\n stxr %w0, %1, [%2]"
                     : "=&r"(failed), "=&r"(v)
                     : "r"(cell)
                     : "memory");
    on_sync(NULL);
    CHECK_EQ(failed & 1, 1);
}
