/* SPDX-License-Identifier: MIT */
/*
 * Self-hosted debug: software step, breakpoints, watchpoints, at EL0 and EL1. DDI 0487, D2.
 */
#include "tests/system/aarch64/lib/guest.h"

enum {
    MDSCR_SS = 1 << 0,
    MDSCR_KDE = 1 << 13,
    MDSCR_MDE = 1 << 15,
    SPSR_SS = 1 << 21,
    SPSR_D = 1 << 9,
    CR_ENABLE = 1,
    CR_EL1 = 1 << 1, /* PMC and PAC */
    CR_EL0 = 2 << 1,
    CR_ALL_BYTES = 0xff << 5,
    WCR_LOAD = 1 << 3,
    WCR_STORE = 2 << 3
};

static void debug_on(u64 mdscr)
{
    WRITE(oslar_el1, 0);
    WRITE(mdscr_el1, mdscr);
    isb();
}

static void debug_off(void)
{
    WRITE(dbgbcr0_el1, 0);
    WRITE(dbgbcr1_el1, 0);
    WRITE(dbgwcr0_el1, 0);
    debug_on(0);
}

/* Code of EL0 and EL1: no stack, results in registers. */
void steps(void), steps_branch(void), steps_svc(void), steps_fault(u64), steps_mode(void),
    plain(void);
void load_then_store(u64), pair_store(u64), step_eret(void);
__asm__("steps: add x0, x0, #1\n add x0, x0, #2\n add x0, x0, #4\n svc #0\n"
        "steps_branch: b 1f\n nop\n1: cbz xzr, 2f\n nop\n2: adr x1, 3f\n br x1\n nop\n3: bl 4f\n4: "
        "svc #0\n"
        "steps_svc: svc #7\n"
        "steps_fault: ldr x1, [x0]\n svc #0\n"
        "steps_mode: mrs x1, nzcv\n msr nzcv, x1\n isb\n svc #0\n"
        "plain: add x0, x0, #1\n add x0, x0, #2\n ret\n"
        "load_then_store: ldr x1, [x0]\n str x1, [x0]\n ret\n"
        "pair_store: stp x1, x2, [x0]\n ret\n");

static u64 el0_pstate(u64 more)
{
    return EL0 | PSTATE_DAIF | more;
}

/* ---- software step */

static void check_step(u64 expected_pc)
{
    CHECK_EQ(EC(caught()->esr), EC_STEP_EL0);
    CHECK_EQ(ISS(caught()->esr) & 63, 0x22);
    CHECK_EQ(caught()->elr, expected_pc);
    CHECK_EQ(caught()->spsr & SPSR_SS, 0);
}

TEST(step_stops_after_one_instruction)
{
    debug_on(MDSCR_SS);
    try_state(el0_pstate(SPSR_SS), steps, 10, 0, 0, 0);
    check_step((u64)steps + 4);
    CHECK_EQ(caught()->x[0], 11);
    debug_off();
}

TEST(step_without_ss_stops_before_the_first)
{
    debug_on(MDSCR_SS);
    try_state(el0_pstate(0), steps, 10, 0, 0, 0);
    check_step((u64)steps);
    CHECK_EQ(caught()->x[0], 10);
    debug_off();
}

TEST(step_follows_branches)
{
    static const u8 next[] = {8, 16, 20, 28, 32};
    u64 pc = (u64)steps_branch, x1 = 0;
    debug_on(MDSCR_SS);
    for (unsigned i = 0; i < sizeof(next); i++) {
        try_state(el0_pstate(SPSR_SS), (void *)pc, 0, x1, 0, 0);
        x1 = caught()->x[1];
        pc = i == 3 ? (u64)steps_branch + 28 : pc;
        if (i < 3) {
            check_step((u64)steps_branch + next[i]);
        }
        pc = caught()->elr;
    }
    CHECK_EQ(pc, (u64)steps_branch + 32);
    debug_off();
}

TEST(stepped_svc_is_taken_with_the_step_done)
{
    debug_on(MDSCR_SS);
    try_state(el0_pstate(SPSR_SS), steps_svc, 0, 0, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
    CHECK_EQ(caught()->elr, (u64)steps_svc + 4);
    CHECK_EQ(caught()->spsr & SPSR_SS, 0);
    debug_off();
}

TEST(stepped_fault_leaves_the_step_to_be_done)
{
    debug_on(MDSCR_SS);
    try_state(el0_pstate(SPSR_SS), steps_fault, FREE_VIRTUAL, 0, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_DATA_EL0);
    CHECK_EQ(caught()->spsr & SPSR_SS, SPSR_SS);
    debug_off();
}

TEST(step_of_instructions_that_end_blocks)
{
    u64 pc = (u64)steps_mode;
    debug_on(MDSCR_SS);
    for (unsigned i = 0; i < 3; i++) {
        try_state(el0_pstate(SPSR_SS), (void *)pc, 0, 0, 0, 0);
        check_step(pc + 4);
        pc += 4;
    }
    debug_off();
}

TEST(step_is_off_while_the_os_lock_is_set)
{
    debug_on(MDSCR_SS);
    WRITE(oslar_el1, 1);
    isb();
    try_state(el0_pstate(SPSR_SS), steps, 0, 0, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
    CHECK_EQ(caught()->x[0], 7);
    debug_off();
}

/* ---- breakpoints */

static void breakpoint(unsigned n, const void *at, u64 control)
{
    if (n == 0) {
        WRITE(dbgbvr0_el1, at);
        WRITE(dbgbcr0_el1, control);
    } else {
        WRITE(dbgbvr1_el1, at);
        WRITE(dbgbcr1_el1, control);
    }
    isb();
}

TEST(breakpoint_stops_before_its_instruction)
{
    debug_on(MDSCR_MDE);
    breakpoint(0, (u8 *)steps + 8, CR_ENABLE | CR_EL0 | 0xf << 5);
    try_state(el0_pstate(0), steps, 0, 0, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_BREAKPOINT_EL0);
    CHECK_EQ(ISS(caught()->esr) & 63, 0x22);
    CHECK_EQ(caught()->elr, (u64)steps + 8);
    CHECK_EQ(caught()->x[0], 3);
    debug_off();
}

TEST(breakpoint_of_el0_spares_el1)
{
    debug_on(MDSCR_MDE | MDSCR_KDE);
    breakpoint(0, (u8 *)plain + 4, CR_ENABLE | CR_EL0 | 0xf << 5);
    ASM("msr daifclr, #8");
    CHECK(!try_call(plain, 1, 0, 0));
    CHECK_EQ(try_result(), 4);
    ASM("msr daifset, #8");
    debug_off();
}

TEST(breakpoint_at_el1_needs_kde_and_an_open_mask)
{
    debug_on(MDSCR_MDE);
    breakpoint(0, (u8 *)plain + 4, CR_ENABLE | CR_EL1 | 0xf << 5);
    ASM("msr daifclr, #8");
    CHECK(!try_call(plain, 0, 0, 0));
    debug_on(MDSCR_MDE | MDSCR_KDE);
    CHECK(try_call(plain, 0, 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_BREAKPOINT_EL1);
    CHECK_EQ(caught()->elr, (u64)plain + 4);
    ASM("msr daifset, #8");
    CHECK(!try_call(plain, 0, 0, 0));
    debug_off();
}

TEST(breakpoint_linked_to_a_context)
{
    const u64 linked = CR_ENABLE | CR_EL0 | 0xf << 5 | 1 << 20,
              n = READ(id_aa64dfr0_el1) >> 12 & 15;
    if ((READ(id_aa64dfr0_el1) >> 28 & 15) + 1 < 2 || n < 5) {
        SKIP("the CPU does not have 6 breakpoints of which 2 compare contexts");
    }
    debug_on(MDSCR_MDE);
    WRITE(dbgbvr5_el1, 42);
    WRITE(dbgbcr5_el1, CR_ENABLE | 3 << 1 | 0xf << 5 | 3 << 20);
    breakpoint(0, (u8 *)steps + 4, linked | 5 << 16);
    WRITE(contextidr_el1, 41);
    isb();
    try_state(el0_pstate(0), steps, 0, 0, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
    WRITE(contextidr_el1, 42);
    isb();
    try_state(el0_pstate(0), steps, 0, 0, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_BREAKPOINT_EL0);
    CHECK_EQ(caught()->elr, (u64)steps + 4);
    WRITE(dbgbcr5_el1, 0);
    WRITE(contextidr_el1, 0);
    debug_off();
}

/* ---- watchpoints */

static USER u64 watched[8] __attribute__((aligned(64)));

static void watch(u64 at, u64 control)
{
    WRITE(dbgwvr0_el1, at);
    WRITE(dbgwcr0_el1, control);
    isb();
}

static void check_watch(u64 elr, u64 wnr)
{
    CHECK_EQ(EC(caught()->esr), EC_WATCHPOINT_EL0);
    CHECK_EQ(ISS(caught()->esr) & 0x7f, 0x22 | wnr);
    CHECK_EQ(caught()->elr, elr);
}

static void run_el0(const void *f, u64 a)
{
    try_state(el0_pstate(0), f, a, 5, 6, 0);
}

TEST(watchpoint_tells_loads_from_stores)
{
    debug_on(MDSCR_MDE);
    watch((u64)&watched[2], CR_ENABLE | CR_EL0 | WCR_LOAD | CR_ALL_BYTES);
    run_el0(load_then_store, (u64)&watched[2]);
    check_watch((u64)load_then_store, 0);
    watch((u64)&watched[2], CR_ENABLE | CR_EL0 | WCR_STORE | CR_ALL_BYTES);
    run_el0(load_then_store, (u64)&watched[2]);
    check_watch((u64)load_then_store + 4, WNR);
    debug_off();
}

TEST(watchpoint_matches_bytes_not_pages)
{
    debug_on(MDSCR_MDE);
    watch((u64)&watched[2], CR_ENABLE | CR_EL0 | WCR_STORE | 0xf0 << 5); /* the upper four */
    watched[1] = watched[3] = 0;
    run_el0(pair_store, (u64)&watched[0]);
    CHECK(EC(caught()->esr) != EC_WATCHPOINT_EL0);
    CHECK_EQ(watched[1], 6);
    run_el0(pair_store, (u64)&watched[1]); /* its second half */
    check_watch((u64)pair_store, WNR);
    run_el0(pair_store, (u64)&watched[3]);
    CHECK(EC(caught()->esr) != EC_WATCHPOINT_EL0);
    debug_off();
}

TEST(watchpoint_with_a_mask_covers_a_range)
{
    debug_on(MDSCR_MDE);
    watch((u64)watched, CR_ENABLE | CR_EL0 | WCR_STORE | CR_ALL_BYTES | 5ul << 24);
    run_el0(pair_store, (u64)&watched[3]);
    check_watch((u64)pair_store, WNR);
    run_el0(pair_store, (u64)&watched[4]);
    CHECK(EC(caught()->esr) != EC_WATCHPOINT_EL0);
    debug_off();
}

TEST(watchpoint_of_el0_spares_el1)
{
    debug_on(MDSCR_MDE | MDSCR_KDE);
    watch((u64)&watched[2], CR_ENABLE | CR_EL0 | WCR_STORE | CR_ALL_BYTES);
    ASM("msr daifclr, #8");
    CHECK(!try_call(pair_store, (u64)&watched[2], 0, 0));
    watch((u64)&watched[2], CR_ENABLE | CR_EL1 | WCR_STORE | CR_ALL_BYTES);
    CHECK(try_call(pair_store, (u64)&watched[2], 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_WATCHPOINT_EL1);
    ASM("msr daifset, #8");
    CHECK(!try_call(pair_store, (u64)&watched[2], 0, 0));
    debug_off();
}
