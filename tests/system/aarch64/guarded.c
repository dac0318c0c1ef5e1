/* SPDX-License-Identifier: MIT */
/*
 * Guarded pages: where indirect branches may land (FEAT_BTI). DDI 0487, D8.5.5.
 */
#include "tests/system/aarch64/lib/guest.h"

#define SPSR_BTYPE(n) ((u64)(n) << 10)

void pads(void), pads_end(void), by_br16(u64), by_br(u64), by_blr(u64), by_b(void);
__asm__(".balign 64\n"
        "pads: ret\n"         /* 0: nothing */
        " hint #34\n ret\n"   /* 4: BTI c */
        " hint #36\n ret\n"   /* 12: BTI j */
        " hint #38\n ret\n"   /* 20: BTI jc */
        " hint #25\n"         /* 28: PACIASP */
        " hint #29\n ret\n"   /*     AUTIASP */
        " brk #9\n"           /* 40: BRK */
        " hint #32\n ret\n"   /* 44: BTI */
        "again: mov x9, #2\n" /* 52: a loop that goes back to it by a direct branch */
        "1: hint #38\n subs x9, x9, #1\n b.ne 1b\n ret\n"
        " hint #38\n br x0\n" /* 72: from within */
        "pads_end:\n"
        "by_br16: mov x16, x0\n br x16\n"
        "by_br: br x0\n"
        "by_blr: stp x29, x30, [sp, #-16]!\n blr x0\n ldp x29, x30, [sp], #16\n ret\n");

enum {
    PAD_NONE = 0,
    PAD_C = 4,
    PAD_J = 12,
    PAD_JC = 20,
    PAD_PACIASP = 28,
    PAD_BRK = 40,
    PAD_BTI = 44,
    PAD_AGAIN = 56,
    FROM_WITHIN = 72
};

static u64 base;

/* A copy of the code in a page of its own, guarded if so said. */
static bool set_up(bool guarded)
{
    if (!(READ(id_aa64pfr1_el1) & 15)) {
        test_skip("the CPU does not have FEAT_BTI");
        return false;
    }
    u8 *page = (u8 *)page_new();
    for (u64 i = 0; i < (u64)pads_end - (u64)pads; i++) {
        page[i] = ((u8 *)pads)[i];
    }
    for (u64 i = 0; i < 4096; i += 64) {
        DC(cvau, page + i);
    }
    dsb();
    ASM("ic iallu");
    dsb();
    base = FREE_VIRTUAL + 0x10000;
    map_pages(kernel_root(), base, (u64)page, 4096,
              PAGE_NORMAL | PAGE_RO | PAGE_UXN | (guarded ? PAGE_GP : 0));
    flush_page(base);
    isb();
    return true;
}

static void check_lands(const void *by, unsigned pad)
{
    CHECK(!try_call(by, base + pad, 0, 0));
}

static void check_refused(const void *by, unsigned pad, unsigned type)
{
    CHECK(try_call(by, base + pad, 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_BTI);
    CHECK_EQ(ISS(caught()->esr), type);
    CHECK_EQ(caught()->elr, base + pad);
    CHECK_EQ(caught()->spsr >> 10 & 3, type);
}

TEST(first_branch_into_a_guarded_page_is_checked)
{
    if (set_up(true)) {
        check_refused(by_br16, PAD_NONE, 1);
    }
}

TEST(jumps_by_x16_land_on_any_pad)
{
    if (!set_up(true)) {
        return;
    }
    check_lands(by_br16, PAD_C);
    check_lands(by_br16, PAD_J);
    check_lands(by_br16, PAD_JC);
    check_lands(by_br16, PAD_PACIASP);
    check_refused(by_br16, PAD_NONE, 1);
    check_refused(by_br16, PAD_BTI, 1);
}

TEST(calls_land_on_pads_for_calls)
{
    if (!set_up(true)) {
        return;
    }
    check_lands(by_blr, PAD_C);
    check_refused(by_blr, PAD_J, 2);
    check_lands(by_blr, PAD_JC);
    check_lands(by_blr, PAD_PACIASP);
    check_refused(by_blr, PAD_NONE, 2);
}

TEST(jumps_from_unguarded_code_are_as_lenient_as_by_x16)
{
    if (!set_up(true)) {
        return;
    }
    check_lands(by_br, PAD_C);
    check_lands(by_br, PAD_J);
    check_refused(by_br, PAD_NONE, 1);
}

TEST(jumps_from_guarded_code_land_on_pads_for_jumps)
{
    if (!set_up(true)) {
        return;
    }
    CHECK(try_call((void *)(base + FROM_WITHIN), base + PAD_C, 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_BTI);
    CHECK_EQ(ISS(caught()->esr), 3);
    CHECK_EQ(caught()->elr, base + PAD_C);
    CHECK(!try_call((void *)(base + FROM_WITHIN), base + PAD_J, 0, 0));
    CHECK(!try_call((void *)(base + FROM_WITHIN), base + PAD_JC, 0, 0));
}

TEST(breakpoint_instruction_is_a_pad)
{
    if (!set_up(true)) {
        return;
    }
    CHECK(try_call(by_blr, base + PAD_BRK, 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_BRK);
}

TEST(direct_branches_and_returns_land_anywhere)
{
    if (!set_up(true)) {
        return;
    }
    check_lands(by_blr, PAD_AGAIN);
    check_refused(by_blr, PAD_BTI, 2);
    check_lands(by_blr, PAD_JC); /* returns to code that is no pad */
}

TEST(unguarded_pages_are_not_checked)
{
    if (!set_up(false)) {
        return;
    }
    check_lands(by_blr, PAD_NONE);
    check_lands(by_blr, PAD_J);
    check_lands(by_br, PAD_BTI);
}

TEST(exception_return_restores_the_type_of_branch)
{
    if (!set_up(true)) {
        return;
    }
    try_state(EL1H | PSTATE_DAIF | SPSR_BTYPE(2), (void *)(base + PAD_NONE), 0, 0, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_BTI);
    CHECK_EQ(ISS(caught()->esr), 2);
    try_state(EL1H | PSTATE_DAIF, (void *)(base + PAD_BRK), 0, 0, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_BRK);
}

/* From guarded code BR has the type 3, for which SCTLR_EL1.BT1 closes PACIASP. */
TEST(paciasp_is_no_pad_for_jumps_by_bt)
{
    const u64 bt1 = 1ull << 36;
    if (!set_up(true)) {
        return;
    }
    for (unsigned closed = 0; closed < 2; closed++) {
        WRITE(sctlr_el1, (READ(sctlr_el1) & ~bt1) | (closed ? bt1 : 0));
        isb();
        bool refused = try_call((void *)(base + FROM_WITHIN), base + PAD_PACIASP, 0, 0);
        CHECK_EQ(refused, closed);
        check_lands(by_blr, PAD_PACIASP); /* of type 2: always open */
    }
    WRITE(sctlr_el1, READ(sctlr_el1) & ~bt1);
    isb();
}
