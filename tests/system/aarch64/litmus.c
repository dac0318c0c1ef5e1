/* SPDX-License-Identifier: MIT */
/*
 * Litmus tests of the memory model: two to four CPUs access a few variables, and outcomes that the
 * architecture forbids may not come up. DDI 0487, B2.3; names as in the literature (MP message
 * passing, SB store buffering, LB load buffering, WRC, IRIW, R, S, 2+2W, CoRR).
 *
 * Each CPU goes through many instances of the variables without meeting the others in between, so
 * that they drift against each other; the outcomes are looked at in the end.
 */
#include "tests/system/aarch64/lib/guest.h"

#define CPUS 4
#define INSTANCES 4096
#define ROUNDS 8

/* The variables of an instance, each in its own line, and what was read. */
struct instance {
    u64 x, pad0[7], y, pad1[7];
    u64 read[8];
};

static struct instance instances[INSTANCES];

typedef void thread(struct instance *i);

struct litmus {
    thread *threads[CPUS]; /* NULL: fewer */
    bool (*forbidden)(const struct instance *i);
};

static const struct litmus *now;
static unsigned now_cpus;

static void run_thread(u64 number)
{
    thread *t = now->threads[number];
    cpus_meet(now_cpus);
    for (unsigned i = 0; t && i < INSTANCES; i++) {
        t(&instances[i]);
    }
}

static void run(const struct litmus *l)
{
    if (cpu_count() < CPUS) {
        test_skip("needs 4 CPUs");
        return;
    }
    now = l;
    now_cpus = CPUS; /* as few as are needed: others would only spin */
    while (!l->threads[now_cpus - 1]) {
        now_cpus--;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < INSTANCES; i++) {
            instances[i].x = instances[i].y = 0;
        }
        cpus_run(now_cpus, run_thread);
        for (unsigned i = 0; i < INSTANCES; i++) {
            if (l->forbidden(&instances[i])) {
                test_fail(__FILE__, __LINE__, "an outcome that is forbidden");
                return;
            }
        }
    }
}

/* Assembly of a thread: x2 is &x, x3 is &y, x4 is read[]; x0 and x1 are 1 and 2; x5 up are free. */
#define THREAD(name, text)                                                                         \
    static void name(struct instance *i)                                                           \
    {                                                                                              \
        register u64 one __asm__("x0") = 1;                                                        \
        register u64 two __asm__("x1") = 2;                                                        \
        register u64 *x __asm__("x2") = &i->x;                                                     \
        register u64 *y __asm__("x3") = &i->y;                                                     \
        register u64 *r __asm__("x4") = i->read;                                                   \
        __asm__ volatile(".arch_extension lse\n .arch_extension rcpc\n" text                       \
                         :                                                                         \
                         : "r"(one), "r"(two), "r"(x), "r"(y), "r"(r)                              \
                         : "memory", "x5", "x6", "x7", "x8");                                      \
    }

#define FORBIDDEN(name, condition)                                                                 \
    static bool name(const struct instance *i)                                                     \
    {                                                                                              \
        const u64 *r = i->read;                                                                    \
        (void)r;                                                                                   \
        return condition;                                                                          \
    }

THREAD(just_x, "str x0, [x2]")
THREAD(just_y, "str x0, [x3]")

/* ---- MP: data, then flag */

THREAD(mp_write_dmb, "str x0, [x2]\n dmb ish\n str x0, [x3]")
THREAD(mp_write_dmbst, "str x0, [x2]\n dmb ishst\n str x0, [x3]")
THREAD(mp_write_release, "str x0, [x2]\n stlr x0, [x3]")
THREAD(mp_write_swpl, "str x0, [x2]\n swpl x0, x5, [x3]")
THREAD(mp_read_dmb, "ldr x5, [x3]\n dmb ish\n ldr x6, [x2]\n stp x5, x6, [x4]")
THREAD(mp_read_dmbld, "ldr x5, [x3]\n dmb ishld\n ldr x6, [x2]\n stp x5, x6, [x4]")
THREAD(mp_read_acquire, "ldar x5, [x3]\n ldr x6, [x2]\n stp x5, x6, [x4]")
THREAD(mp_read_rcpc, "ldapr x5, [x3]\n ldr x6, [x2]\n stp x5, x6, [x4]")
THREAD(mp_read_address, "ldr x5, [x3]\n eor x7, x5, x5\n ldr x6, [x2, x7]\n stp x5, x6, [x4]")
THREAD(mp_read_control_isb, "ldr x5, [x3]\n cbnz x5, 1f\n1: isb\n ldr x6, [x2]\n stp x5, x6, [x4]")
THREAD(mp_write_stlxr, "str x0, [x2]\n1: ldxr x5, [x3]\n stlxr w6, x0, [x3]\n cbnz w6, 1b")
THREAD(mp_read_ldaxr, "ldaxr x5, [x3]\n ldr x6, [x2]\n stp x5, x6, [x4]")
THREAD(mp_read_ldadda, "ldadda xzr, x5, [x3]\n ldr x6, [x2]\n stp x5, x6, [x4]")
FORBIDDEN(mp_forbidden, r[0] == 1 && r[1] == 0)

TEST(message_passing)
{
    static thread *const writers[] = {mp_write_dmb, mp_write_dmbst, mp_write_release, mp_write_swpl,
                                      mp_write_stlxr};
    static thread *const readers[] = {mp_read_dmb,    mp_read_dmbld,   mp_read_acquire,
                                      mp_read_rcpc,   mp_read_address, mp_read_control_isb,
                                      mp_read_ldadda, mp_read_ldaxr};
    for (unsigned w = 0; w < sizeof(writers) / sizeof(writers[0]); w++) {
        for (unsigned r = 0; r < sizeof(readers) / sizeof(readers[0]); r++) {
            run(&(struct litmus){{writers[w], readers[r]}, mp_forbidden});
        }
    }
}

/* ---- SB: each stores its own and reads the other's */

THREAD(sb_x_dmb, "str x0, [x2]\n dmb ish\n ldr x5, [x3]\n str x5, [x4]")
THREAD(sb_y_dmb, "str x0, [x3]\n dmb ish\n ldr x5, [x2]\n str x5, [x4, #8]")
THREAD(sb_x_sc, "stlr x0, [x2]\n ldar x5, [x3]\n str x5, [x4]")
THREAD(sb_y_sc, "stlr x0, [x3]\n ldar x5, [x2]\n str x5, [x4, #8]")
THREAD(sb_x_dsb, "str x0, [x2]\n dsb ish\n ldr x5, [x3]\n str x5, [x4]")
THREAD(sb_y_swpal, "swpal x0, x7, [x3]\n ldar x5, [x2]\n str x5, [x4, #8]")
THREAD(sb_x_stlxr, "1: ldxr x7, [x2]\n stlxr w8, x0, [x2]\n cbnz w8, 1b\n"
                   " ldar x5, [x3]\n str x5, [x4]")
THREAD(sb_y_staddl, "staddl x0, [x3]\n ldar x5, [x2]\n str x5, [x4, #8]")
FORBIDDEN(sb_forbidden, r[0] == 0 && r[1] == 0)

TEST(store_buffering_with_barriers)
{
    run(&(struct litmus){{sb_x_dmb, sb_y_dmb}, sb_forbidden});
    run(&(struct litmus){{sb_x_dsb, sb_y_dmb}, sb_forbidden});
}

TEST(store_buffering_with_release_and_acquire)
{
    run(&(struct litmus){{sb_x_sc, sb_y_sc}, sb_forbidden});
    run(&(struct litmus){{sb_x_sc, sb_y_swpal}, sb_forbidden});
    run(&(struct litmus){{sb_x_stlxr, sb_y_staddl}, sb_forbidden});
    run(&(struct litmus){{sb_x_stlxr, sb_y_sc}, sb_forbidden});
}

/* ---- LB: each reads and then stores the other's */

THREAD(lb_x_dmb, "ldr x5, [x2]\n dmb ish\n str x0, [x3]\n str x5, [x4]")
THREAD(lb_y_dmb, "ldr x5, [x3]\n dmb ish\n str x0, [x2]\n str x5, [x4, #8]")
THREAD(lb_x_acquire, "ldar x5, [x2]\n str x0, [x3]\n str x5, [x4]")
THREAD(lb_y_acquire, "ldapr x5, [x3]\n str x0, [x2]\n str x5, [x4, #8]")
THREAD(lb_x_data, "ldr x5, [x2]\n eor x6, x5, x5\n add x6, x6, #1\n str x6, [x3]\n str x5, [x4]")
THREAD(lb_y_control, "ldr x5, [x3]\n cbnz x5, 1f\n1: str x0, [x2]\n str x5, [x4, #8]")
FORBIDDEN(lb_forbidden, r[0] == 1 && r[1] == 1)

TEST(load_buffering)
{
    static thread *const x[] = {lb_x_dmb, lb_x_acquire, lb_x_data};
    static thread *const y[] = {lb_y_dmb, lb_y_acquire, lb_y_control};
    for (unsigned i = 0; i < 9; i++) {
        run(&(struct litmus){{x[i / 3], y[i % 3]}, lb_forbidden});
    }
}

/* ---- R, S, 2+2W: orders of stores */

THREAD(store_x_y, "str x0, [x2]\n dmb ish\n str x0, [x3]")
THREAD(store_y2_x2, "str x1, [x3]\n dmb ish\n str x1, [x2]")
FORBIDDEN(w2_forbidden, i->x == 1 && i->y == 2)
THREAD(store_y2_load_x, "str x1, [x3]\n dmb ish\n ldr x5, [x2]\n str x5, [x4]")
FORBIDDEN(r_forbidden, i->y == 2 && r[0] == 0)
THREAD(store_x2_y, "str x1, [x2]\n dmb ish\n str x0, [x3]")
THREAD(load_y_store_x, "ldr x5, [x3]\n dmb ish\n str x0, [x2]\n str x5, [x4]")
FORBIDDEN(s_forbidden, i->x == 2 && r[0] == 1)

TEST(orders_of_stores)
{
    run(&(struct litmus){{store_x_y, store_y2_x2}, w2_forbidden});
    run(&(struct litmus){{store_x_y, store_y2_load_x}, r_forbidden});
    run(&(struct litmus){{store_x2_y, load_y_store_x}, s_forbidden});
}

/* ---- coherence of one variable, without any barrier */

THREAD(read_x_twice, "ldr x5, [x2]\n ldr x6, [x2]\n stp x5, x6, [x4]")
THREAD(write_x_twice, "str x0, [x2]\n str x1, [x2]")
FORBIDDEN(corr_forbidden, r[0] > r[1])
FORBIDDEN(coww_forbidden, i->x != 2)
THREAD(write_and_read_x, "str x1, [x2]\n ldr x5, [x2]\n str x5, [x4]")
FORBIDDEN(cowr_forbidden, r[0] == 0)

TEST(coherence)
{
    run(&(struct litmus){{just_x, read_x_twice}, corr_forbidden});
    run(&(struct litmus){{write_x_twice, read_x_twice}, corr_forbidden});
    run(&(struct litmus){{write_x_twice, read_x_twice}, coww_forbidden});
    run(&(struct litmus){{just_x, write_and_read_x}, cowr_forbidden});
}

/* ---- barriers between a plain access and an atomic one, and mixed sizes */

THREAD(mixed_write, "str w0, [x2]\n dmb ishst\n strb w0, [x3]")
THREAD(mixed_read, "ldr x5, [x3]\n and x5, x5, #255\n dmb ishld\n ldrb w6, [x2]\n stp x5, x6, [x4]")

TEST(message_passing_with_mixed_sizes)
{
    run(&(struct litmus){{mixed_write, mixed_read}, mp_forbidden});
}

THREAD(add_then_flag, "ldadd x0, x5, [x2]\n dmb ish\n str x0, [x3]")

TEST(message_passing_by_an_atomic)
{
    run(&(struct litmus){{add_then_flag, mp_read_dmb}, mp_forbidden});
}

/* ---- three and four CPUs: stores become visible to all others at once */

THREAD(wrc_pass, "ldr x5, [x2]\n dmb ish\n str x5, [x3]\n str x5, [x4]")
THREAD(wrc_pass_release, "ldr x5, [x2]\n stlr x5, [x3]\n str x5, [x4]")
THREAD(wrc_read, "ldr x5, [x3]\n dmb ish\n ldr x6, [x2]\n stp x5, x6, [x4, #8]")
THREAD(wrc_read_acquire, "ldar x5, [x3]\n ldr x6, [x2]\n stp x5, x6, [x4, #8]")
FORBIDDEN(wrc_forbidden, r[0] == 1 && r[1] == 1 && r[2] == 0)

TEST(write_to_read_causality)
{
    run(&(struct litmus){{just_x, wrc_pass, wrc_read}, wrc_forbidden});
    run(&(struct litmus){{just_x, wrc_pass_release, wrc_read_acquire}, wrc_forbidden});
}

THREAD(iriw_x_y, "ldr x5, [x2]\n dmb ish\n ldr x6, [x3]\n stp x5, x6, [x4]")
THREAD(iriw_y_x, "ldr x5, [x3]\n dmb ish\n ldr x6, [x2]\n stp x5, x6, [x4, #16]")
THREAD(iriw_x_y_acquire, "ldar x5, [x2]\n ldar x6, [x3]\n stp x5, x6, [x4]")
THREAD(iriw_y_x_acquire, "ldar x5, [x3]\n ldar x6, [x2]\n stp x5, x6, [x4, #16]")
FORBIDDEN(iriw_forbidden, r[0] == 1 && r[1] == 0 && r[2] == 1 && r[3] == 0)

TEST(independent_reads_of_independent_writes)
{
    run(&(struct litmus){{just_x, just_y, iriw_x_y, iriw_y_x}, iriw_forbidden});
    run(&(struct litmus){{just_x, just_y, iriw_x_y_acquire, iriw_y_x_acquire}, iriw_forbidden});
}
