/* SPDX-License-Identifier: MIT */
/*
 * Synchronous exceptions: which there are, with which syndrome, where they go and what they leave
 * in PSTATE. DDI 0487: D1.3 (exceptions), D24.2.40 (ESR_EL1).
 */
#include "tests/system/aarch64/lib/guest.h"

void call_svc(void), call_brk(void), call_udf(void), call_hvc_free(void), call_hlt(void);
void call_fetch(u64 address), call_mrs_missing(void), call_fp(void), call_dcps(void);
void el0_mrs_sctlr(void), el0_msr_daif(void), el0_daifset(void), el0_counter(void), el0_zero(u64 a);
void el0_ctr(void), el0_flush(u64 a), el0_wfi(void), el0_wfe(void), el0_svc(void), el0_eret(void);
void el0_msr_tpidr(void);

__asm__(".arch_extension fp\n .arch_extension lse\n"
        "call_svc: svc #0x1234\n ret\n"
        "call_brk: brk #0x4321\n ret\n"
        "call_udf: udf #7\n ret\n"
        "call_hlt: hlt #1\n ret\n"
        "call_dcps: dcps1\n ret\n"
        "call_fetch: br x0\n"
        "call_mrs_missing: mrs x0, s3_1_c11_c5_3\n ret\n"
        "call_fp: fmov d0, x0\n ret\n"
        "el0_mrs_sctlr: mrs x5, sctlr_el1\n b el0_exit\n"
        "el0_msr_tpidr: msr tpidr_el1, x5\n b el0_exit\n"
        "el0_msr_daif: msr daif, x6\n b el0_exit\n"
        "el0_daifset: msr daifset, #2\n b el0_exit\n"
        "el0_counter: mrs x7, cntvct_el0\n b el0_exit\n"
        "el0_zero: dc zva, x0\n b el0_exit\n"
        "el0_ctr: mrs x8, ctr_el0\n b el0_exit\n"
        "el0_flush: dc civac, x0\n b el0_exit\n"
        "el0_wfi: wfi\n b el0_exit\n"
        "el0_wfe: wfe\n b el0_exit\n"
        "el0_svc: svc #0xffff\n"
        "el0_eret: eret\n b el0_exit\n");

static void try(const void *f)
{
    CHECK(try_call(f, 0, 0, 0));
}

#define CHECK_CAUGHT(class_, iss_, elr_)                                                           \
    do {                                                                                           \
        CHECK_EQ(EC(caught()->esr), class_);                                                       \
        CHECK_EQ(ISS(caught()->esr), iss_);                                                        \
        CHECK_EQ(caught()->esr &IL, IL);                                                           \
        CHECK_EQ(caught()->elr, (u64)(elr_));                                                      \
    } while (0)

TEST(svc_gives_its_number_and_returns_behind)
{
    try(call_svc);
    CHECK_CAUGHT(EC_SVC, 0x1234, (u64)call_svc + 4);
    CHECK_EQ(caught()->vector, SYNC);
}

TEST(brk_gives_its_number_and_returns_to_itself)
{
    try(call_brk);
    CHECK_CAUGHT(EC_BRK, 0x4321, call_brk);
}

TEST(unallocated_instructions_have_no_syndrome)
{
    try(call_udf);
    CHECK_CAUGHT(EC_UNKNOWN, 0, call_udf);
    try(call_dcps);
    CHECK_CAUGHT(EC_UNKNOWN, 0, call_dcps);
    try(call_hlt);
    CHECK_CAUGHT(EC_UNKNOWN, 0, call_hlt);
    try(call_mrs_missing);
    CHECK_EQ(EC(caught()->esr), EC_UNKNOWN);
}

TEST(exception_masks_interrupts_and_saves_pstate)
{
    ASM("msr daifclr, #15");
    bool took = try_call(call_brk, 0, 0, 0);
    ASM("msr daifset, #15");
    CHECK(took);
    CHECK_EQ(caught()->spsr & PSTATE_DAIF, 0);
    CHECK_EQ(caught()->spsr & 15, EL1T);
    ASM("msr daifset, #5");
    try(call_brk);
    CHECK_EQ(caught()->spsr & PSTATE_DAIF, PSTATE_DAIF);
}

static u64 daif_inside, spsel_inside;

static bool look_inside(struct frame *f)
{
    daif_inside = READ(daif);
    spsel_inside = READ(spsel);
    return EC(f->esr) == EC_SVC;
}

TEST(handler_runs_with_all_masked_on_its_own_stack)
{
    on_sync(look_inside);
    ASM("msr daifclr, #15");
    ASM("svc #1");
    ASM("msr daifset, #15");
    on_sync(NULL);
    CHECK_EQ(daif_inside, PSTATE_DAIF);
    CHECK_EQ(spsel_inside, 1);
}

static void flags_at(u64 nzcv)
{
    __asm__ volatile("msr nzcv, %0\n svc #2" : : "r"(nzcv) : "cc", "memory");
}

TEST(flags_are_saved_and_restored)
{
    for (u64 nzcv = 0; nzcv < 16; nzcv++) {
        CHECK(try_call(flags_at, nzcv << 28, 0, 0));
        CHECK_EQ(caught()->spsr >> 28, nzcv);
    }
    on_sync(look_inside);
    for (u64 nzcv = 0; nzcv < 16; nzcv++) {
        u64 after;
        __asm__ volatile("msr nzcv, %1\n svc #2\n mrs %0, nzcv"
                         : "=r"(after)
                         : "r"(nzcv << 28)
                         : "cc", "memory");
        CHECK_EQ(after >> 28, nzcv);
    }
    on_sync(NULL);
}

TEST(vectors_are_chosen_by_level_and_stack)
{
    try(call_svc);
    CHECK_EQ(caught()->vector, SYNC);
    try_state(EL1H | PSTATE_DAIF, call_svc, 0, 0, 0, 0);
    CHECK_EQ(caught()->vector, 4 + SYNC);
    CHECK_EQ(caught()->spsr & 15, EL1H);
    try_el0(call_svc, 0, 0);
    CHECK_EQ(caught()->vector, 8 + SYNC);
    CHECK_EQ(caught()->spsr & 15, EL0);
    CHECK_CAUGHT(EC_SVC, 0x1234, (u64)call_svc + 4);
}

/* ---- addresses */

TEST(branch_to_a_misaligned_address_faults_there)
{
    CHECK(try_call(call_fetch, (u64)call_svc + 2, 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_PC);
    CHECK_EQ(caught()->elr, (u64)call_svc + 2);
    CHECK_EQ(caught()->far, (u64)call_svc + 2);
}

TEST(eret_to_a_misaligned_address_faults_there)
{
    try_el0((const void *)((u64)call_svc + 1), 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_PC);
    CHECK_EQ(caught()->far, (u64)call_svc + 1);
    CHECK_EQ(caught()->vector, 8 + SYNC);
}

TEST(fetch_from_nowhere_is_an_instruction_abort)
{
    CHECK(try_call(call_fetch, FREE_VIRTUAL, 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_FETCH_EL1);
    CHECK_EQ(ISS(caught()->esr) & 63, FSC_TRANSLATION(1));
    CHECK_EQ(caught()->elr, FREE_VIRTUAL);
    CHECK_EQ(caught()->far, FREE_VIRTUAL);
    try_el0((const void *)FREE_VIRTUAL, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_FETCH_EL0);
    CHECK_EQ(caught()->far, FREE_VIRTUAL);
}

/* ---- illegal state */

TEST(eret_to_an_illegal_mode_sets_il)
{
    static const u64 modes[] = {1, 6, 8, 9, 12, 13};
    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        try_state(PSTATE_DAIF | modes[i] | 0xau << 28, call_svc, 0, 0, 0, 0);
        CHECK_EQ(EC(caught()->esr), EC_ILLEGAL);
        CHECK_EQ(caught()->elr, (u64)call_svc);
        CHECK_EQ(caught()->spsr >> 20 & 1, 1);
        CHECK_EQ(caught()->spsr & 31, EL1T);
        CHECK_EQ(caught()->spsr >> 28, 0xa);
    }
}

/* ---- traps */

static void close_fp(u64 fpen)
{
    WRITE(cpacr_el1, fpen << 20);
    isb();
}

TEST(fp_traps_by_cpacr)
{
    const u64 iss = 1 << 24 | 0xe << 20; /* CV, COND always */
    close_fp(0);
    try(call_fp);
    CHECK_CAUGHT(EC_FP, iss, call_fp);
    try_el0(call_fp, 0, 0);
    CHECK_CAUGHT(EC_FP, iss, call_fp);
    close_fp(1);
    CHECK(!try_call(call_fp, 0, 0, 0));
    try_el0(call_fp, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_FP);
    close_fp(2);
    try(call_fp);
    CHECK_EQ(EC(caught()->esr), EC_FP);
    close_fp(3);
    CHECK(!try_call(call_fp, 0, 0, 0));
}

static u64 sysreg_iss(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2)
{
    return (u64)op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | crm << 1;
}

#define RT(n) ((u64)(n) << 5)
#define IS_READ 1

static void change_sctlr(u64 clear, u64 set)
{
    WRITE(sctlr_el1, (READ(sctlr_el1) & ~clear) | set);
    isb();
}

TEST(el1_registers_are_undefined_at_el0)
{
    try_el0(el0_mrs_sctlr, 0, 0);
    CHECK_CAUGHT(EC_UNKNOWN, 0, el0_mrs_sctlr);
    try_el0(el0_msr_tpidr, 0, 0);
    CHECK_CAUGHT(EC_UNKNOWN, 0, el0_msr_tpidr);
    try_el0(el0_eret, 0, 0);
    CHECK_CAUGHT(EC_UNKNOWN, 0, el0_eret);
}

TEST(interrupt_masks_trap_at_el0_by_uma)
{
    enum {
        UMA = 1 << 9
    };
    try_el0(el0_msr_daif, 0, 0);
    CHECK_CAUGHT(EC_SYSREG, sysreg_iss(3, 3, 4, 2, 1) | RT(6), el0_msr_daif);
    try_el0(el0_daifset, 0, 0);
    CHECK_CAUGHT(EC_SYSREG, sysreg_iss(0, 3, 4, 2, 6) | RT(31), el0_daifset);
    change_sctlr(0, UMA);
    try_el0(el0_daifset, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
    change_sctlr(UMA, 0);
}

TEST(counter_traps_at_el0_by_cntkctl)
{
    WRITE(cntkctl_el1, 0);
    isb();
    try_el0(el0_counter, 0, 0);
    CHECK_CAUGHT(EC_SYSREG, sysreg_iss(3, 3, 14, 0, 2) | RT(7) | IS_READ, el0_counter);
    WRITE(cntkctl_el1, 2);
    isb();
    try_el0(el0_counter, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
    CHECK(caught()->x[7] != 0);
}

TEST(cache_type_traps_at_el0_by_uct)
{
    enum {
        UCT = 1 << 15
    };
    change_sctlr(UCT, 0);
    try_el0(el0_ctr, 0, 0);
    CHECK_CAUGHT(EC_SYSREG, sysreg_iss(3, 3, 0, 0, 1) | RT(8) | IS_READ, el0_ctr);
    change_sctlr(0, UCT);
    try_el0(el0_ctr, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
    CHECK_EQ(caught()->x[8], READ(ctr_el0));
}

TEST(cache_maintenance_traps_at_el0_by_uci)
{
    enum {
        UCI = 1 << 26
    };
    USER static u64 data;
    change_sctlr(UCI, 0);
    try_el0(el0_flush, (u64)&data, 0);
    CHECK_CAUGHT(EC_SYSREG, sysreg_iss(1, 3, 7, 14, 1) | RT(0), el0_flush);
    change_sctlr(0, UCI);
    try_el0(el0_flush, (u64)&data, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
}

TEST(zeroing_traps_at_el0_by_dze)
{
    enum {
        DZE = 1 << 14,
        DZP = 1 << 4
    };
    USER static u8 data[4096] __attribute__((aligned(4096)));
    u64 bytes = 4ull << (READ(dczid_el0) & 15);
    change_sctlr(DZE, 0);
    try_el0(el0_zero, (u64)data, 0);
    CHECK_CAUGHT(EC_SYSREG, sysreg_iss(1, 3, 7, 4, 1) | RT(0), el0_zero);
    change_sctlr(0, DZE);
    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = 0xa5;
    }
    CHECK_EQ(READ(dczid_el0) & DZP, 0);
    try_el0(el0_zero, (u64)data + bytes + 3, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
    for (unsigned i = 0; i < sizeof(data); i++) {
        CHECK_EQ(LOAD(&data[i]), i >= bytes && i < 2 * bytes ? 0 : 0xa5);
    }
}

TEST(waiting_traps_at_el0_by_ntwi_and_ntwe)
{
    enum {
        NTWI = 1 << 16,
        NTWE = 1 << 18
    };
    change_sctlr(NTWI | NTWE, 0);
    try_el0(el0_wfi, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_WFX);
    CHECK_EQ(ISS(caught()->esr) & 3, 0);
    CHECK_EQ(caught()->elr, (u64)el0_wfi);
    change_sctlr(0, NTWI | NTWE);
}

/* ---- loads and stores: what the syndrome of a data abort says */

void load_x(u64), load_b(u64), store_w(u64), load_pair(u64), store_post(u64), load_pre(u64),
    swap(u64), load_vector(u64), store_exclusive(u64);
__asm__("load_x: ldr x5, [x0]\n ret\n"
        "load_b: ldrsb w6, [x0]\n ret\n"
        "store_w: str w7, [x0]\n ret\n"
        "load_pair: ldp x0, x1, [x0]\n ret\n"
        "store_post: str x1, [x0], #16\n ret\n"
        "load_pre: ldr x1, [x0, #16]!\n ret\n"
        "swap: swpal x1, x2, [x0]\n ret\n"
        "load_vector: ldr q0, [x0]\n ret\n"
        "store_exclusive: stxr w1, x2, [x0]\n ret\n");

static void check_abort(const void *f, u64 address, u64 status)
{
    CHECK(try_call(f, address, 1, 2));
    CHECK_EQ(EC(caught()->esr), EC_DATA_EL1);
    CHECK_EQ(caught()->elr, (u64)f);
    CHECK_EQ(caught()->far, address);
    CHECK_EQ(ISS(caught()->esr) & 0x3ff, status); /* WnR, S1PTW, CM, EA and the fault's kind */
    CHECK_EQ(ISS(caught()->esr) >> 24, 0);        /* ISV: only stage 2 says more */
    CHECK_EQ(caught()->x[0], address);            /* the base is as it was */
}

TEST(data_abort_says_read_or_write)
{
    check_abort(load_x, FREE_VIRTUAL, FSC_TRANSLATION(1));
    check_abort(load_b, FREE_VIRTUAL + 0xfff, FSC_TRANSLATION(1));
    check_abort(store_w, FREE_VIRTUAL + 4, FSC_TRANSLATION(1) | WNR);
    check_abort(load_pair, FREE_VIRTUAL, FSC_TRANSLATION(1));
    check_abort(store_post, FREE_VIRTUAL, FSC_TRANSLATION(1) | WNR);
    check_abort(load_vector, FREE_VIRTUAL, FSC_TRANSLATION(1));
    CHECK(try_call(load_pre, FREE_VIRTUAL, 0, 0));
    CHECK_EQ(caught()->far, FREE_VIRTUAL + 16);
    CHECK_EQ(caught()->x[0], FREE_VIRTUAL);
}

TEST(atomic_on_unreadable_memory_is_a_read)
{
    CHECK(try_call(swap, FREE_VIRTUAL, 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_DATA_EL1);
    CHECK_EQ(ISS(caught()->esr) & WNR, 0);
}

TEST(data_abort_comes_from_el0)
{
    try_el0(store_w, FREE_VIRTUAL, 0);
    CHECK_EQ(EC(caught()->esr), EC_DATA_EL0);
    CHECK_EQ(caught()->vector, 8 + SYNC);
    CHECK_EQ(ISS(caught()->esr) & 0x7f, FSC_TRANSLATION(1) | WNR);
    CHECK_EQ(caught()->far, FREE_VIRTUAL);
}

TEST(alignment_is_checked_for_atomics)
{
    static u64 data[4] __attribute__((aligned(64)));
    CHECK(!try_call(load_x, (u64)data + 1, 0, 0));
    CHECK(try_call(swap, (u64)data + 12, 0, 0)); /* across 16 bytes: FEAT_LSE2 does not help */
    CHECK_EQ(EC(caught()->esr), EC_DATA_EL1);
    CHECK_EQ(ISS(caught()->esr) & 63, FSC_ALIGNMENT);
    CHECK_EQ(caught()->far, (u64)data + 12);
}

TEST(alignment_is_checked_for_device_memory)
{
    CHECK(try_call(load_x, UART + 12, 0, 0));
    CHECK_EQ(ISS(caught()->esr) & 63, FSC_ALIGNMENT);
    CHECK_EQ(caught()->far, UART + 12);
}

TEST(alignment_is_checked_for_all_by_sctlr_a)
{
    static u64 data[4] __attribute__((aligned(64)));
    change_sctlr(0, 2);
    check_abort(load_x, (u64)data + 4, FSC_ALIGNMENT);
    check_abort(store_w, (u64)data + 2, FSC_ALIGNMENT | WNR);
    CHECK(!try_call(load_x, (u64)data + 8, 0, 0));
    change_sctlr(2, 0);
}
