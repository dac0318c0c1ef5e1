/* SPDX-License-Identifier: MIT */
/*
 * Self-hosted debug: what enables breakpoints, and which bytes a watchpoint is about. DDI 0487, D2.
 */
#include "tests/system/aarch64/lib/guest.h"

enum {
    MDSCR_KDE = 1 << 13,
    MDSCR_MDE = 1 << 15
};
enum {
    ENABLE = 1,
    BOTH = 3 << 1,
    BAS_WORD = 15 << 5
};
enum {
    LOADS = 1 << 3,
    STORES = 2 << 3
};
#define BAS(mask) ((u64)(mask) << 5)
#define MASK(bits) ((u64)(bits) << 24)

/* Debug exceptions of EL1 itself need PSTATE.D clear. */
#define EL1_OPEN (EL1T | (PSTATE_DAIF & ~0x200u))
#define EL0_OPEN (EL0 | (PSTATE_DAIF & ~0x200u))

void three(u64), store_byte(u64), store_double(u64), load_pair(u64);
__asm__(".text\n"
        "three: add x0, x0, #1\n add x0, x0, #2\n add x0, x0, #4\n b el0_exit\n"
        "store_byte: strb wzr, [x0]\n b el0_exit\n"
        "store_double: str xzr, [x0]\n b el0_exit\n"
        "load_pair: ldp x1, x2, [x0]\n b el0_exit\n");

static void start(void)
{
    WRITE(oslar_el1, 0);
    WRITE(mdscr_el1, MDSCR_MDE | MDSCR_KDE);
    isb();
}

static void stop(void)
{
    WRITE(dbgbcr0_el1, 0);
    WRITE(dbgbcr1_el1, 0);
    WRITE(dbgwcr0_el1, 0);
    WRITE(dbgwcr1_el1, 0);
    WRITE(mdscr_el1, 0);
    isb();
}

static void breakpoint(u64 address, u64 control)
{
    WRITE(dbgbvr0_el1, address);
    WRITE(dbgbcr0_el1, control);
    isb();
}

static void watchpoint(u64 address, u64 control)
{
    WRITE(dbgwvr0_el1, address);
    WRITE(dbgwcr0_el1, control);
    isb();
}

USER static u8 stack[4096] __attribute__((aligned(16)));
USER static u8 data[256] __attribute__((aligned(64)));

static unsigned run(u64 pstate, const void *f, u64 a)
{
    try_state(pstate, f, a, 0, 0, (u64)(stack + sizeof(stack)));
    return EC(caught()->esr);
}

TEST(breakpoint_needs_its_enables)
{
    start();
    breakpoint((u64)three, BOTH | BAS_WORD);
    CHECK_EQ(run(EL0_OPEN, three, 0), EC_SVC);
    breakpoint((u64)three, ENABLE | BOTH | BAS_WORD);
    WRITE(mdscr_el1, MDSCR_KDE);
    isb();
    CHECK_EQ(run(EL0_OPEN, three, 0), EC_SVC);
    WRITE(mdscr_el1, MDSCR_MDE);
    isb();
    CHECK_EQ(run(EL0_OPEN, three, 0), EC_BREAKPOINT_EL0);
    CHECK_EQ(run(EL1_OPEN, three, 0), EC_SVC); /* without KDE not at EL1 */
    WRITE(mdscr_el1, MDSCR_MDE | MDSCR_KDE);
    isb();
    CHECK_EQ(run(EL1T | PSTATE_DAIF, three, 0), EC_SVC); /* masked by PSTATE.D */
    WRITE(oslar_el1, 1);
    isb();
    CHECK_EQ(run(EL0_OPEN, three, 0), EC_SVC); /* the OS Lock */
    WRITE(oslar_el1, 0);
    isb();
    CHECK_EQ(run(EL0_OPEN, three, 0), EC_BREAKPOINT_EL0);
    stop();
}

TEST(watchpoint_selects_bytes)
{
    start();
    for (unsigned byte = 0; byte < 8; byte++) {
        watchpoint((u64)data, ENABLE | BOTH | STORES | BAS(1 << byte));
        for (unsigned i = 0; i < 8; i++) {
            CHECK_EQ(run(EL0_OPEN, store_byte, (u64)data + i),
                     i == byte ? EC_WATCHPOINT_EL0 : EC_SVC);
        }
        CHECK_EQ(run(EL0_OPEN, store_double, (u64)data), EC_WATCHPOINT_EL0);
        CHECK_EQ(run(EL0_OPEN, store_double, (u64)data + 8), EC_SVC);
    }
    stop();
}

TEST(watchpoint_sees_parts_of_wide_accesses)
{
    start();
    watchpoint((u64)data + 8, ENABLE | BOTH | LOADS | BAS(0x0f));
    CHECK_EQ(run(EL0_OPEN, load_pair, (u64)data), EC_WATCHPOINT_EL0);
    CHECK_EQ(run(EL0_OPEN, load_pair, (u64)data + 12), EC_SVC);
    CHECK_EQ(run(EL0_OPEN, load_pair, (u64)data + 16), EC_SVC);
    stop();
}
