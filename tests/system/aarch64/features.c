/* SPDX-License-Identifier: MIT */
/*
 * Extensions that are a register, a trap or an operation each: FEAT_IDST, FEAT_TIDCP1, FEAT_CMOW,
 * FEAT_XS, FEAT_RAS, FEAT_IESB, FEAT_HPDS2, FEAT_PMUv3p5; and what the generic timer and the
 * performance monitors tell of themselves.
 */
#include "tests/system/aarch64/lib/gic.h"

#define SCTLR_CMOW (1ull << 32)
#define SCTLR_UCI (1ull << 26)
#define SCTLR_TIDCP (1ull << 63)
#define SCTLR_IESB (1ull << 21)

static unsigned id_field(u64 reg, unsigned lo)
{
    return reg >> lo & 15;
}

/* Goes on with these tables for the lower half. */
static void enter(const u64 *root)
{
    dsb();
    WRITE(ttbr0_el1, (u64)root);
    isb();
    flush_all();
}

/* ---- FEAT_IDST */

static void read_hole_in_id_space(void)
{
    ASM("mrs x0, s3_1_c0_c7_7");
}

static void read_clidr(void)
{
    ASM("mrs x0, clidr_el1");
    el0_exit();
}

TEST(reads_of_the_identification_space_trap)
{
    if (id_field(READ(s3_0_c0_c7_2), 36) == 0) {
        SKIP("the CPU has no FEAT_IDST");
    }
    CHECK(try_call(read_hole_in_id_space, 0, 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_SYSREG);
    CHECK_EQ(ISS(caught()->esr) & ~0x3e0u, 3 << 20 | 7 << 17 | 1 << 14 | 7 << 1 | 1);
    try_el0(read_clidr, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_SYSREG);
}

/* ---- FEAT_TIDCP1 */

static void read_impdef(void)
{
    ASM("mrs x3, s3_3_c15_c2_0");
    el0_exit();
}

static void write_impdef(void)
{
    ASM("msr s3_3_c11_c2_0, x5");
    el0_exit();
}

static void impdef_operation(void)
{
    ASM("sys #3, c11, c1, #4, x7");
    el0_exit();
}

TEST(implementation_defined_registers_trap_for_el0_by_tidcp)
{
    if (id_field(READ(id_aa64mmfr1_el1), 52) == 0) {
        SKIP("the CPU has no FEAT_TIDCP1");
    }
    const u64 sctlr = READ(sctlr_el1);
    WRITE(sctlr_el1, sctlr & ~SCTLR_TIDCP);
    isb();
    try_el0(read_impdef, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_UNKNOWN);
    WRITE(sctlr_el1, sctlr | SCTLR_TIDCP);
    isb();
    try_el0(read_impdef, 0, 0);
    CHECK_EQ(caught()->esr, (u64)EC_SYSREG << 26 | IL | 3 << 20 | 0 << 17 | 3 << 14 | 15 << 10 |
                                3 << 5 | 2 << 1 | 1);
    try_el0(write_impdef, 0, 0);
    CHECK_EQ(caught()->esr,
             (u64)EC_SYSREG << 26 | IL | 3 << 20 | 0 << 17 | 3 << 14 | 11 << 10 | 5 << 5 | 2 << 1);
    try_el0(impdef_operation, 0, 0);
    CHECK_EQ(caught()->esr,
             (u64)EC_SYSREG << 26 | IL | 1 << 20 | 4 << 17 | 3 << 14 | 11 << 10 | 7 << 5 | 1 << 1);
    CHECK(try_call(read_impdef, 0, 0, 0)); /* EL1 is not meant */
    CHECK_EQ(EC(caught()->esr), EC_UNKNOWN);
    WRITE(sctlr_el1, sctlr);
    isb();
}

/* ---- FEAT_CMOW */

static void clean_and_invalidate(u64 va)
{
    DC(civac, va);
    el0_exit();
}

static void clean(u64 va)
{
    DC(cvac, va);
    el0_exit();
}

static void invalidate_code(u64 va)
{
    IC(ivau, va);
    el0_exit();
}

TEST(invalidation_by_el0_needs_write_permission_by_cmow)
{
    if (id_field(READ(id_aa64mmfr1_el1), 56) == 0) {
        SKIP("the CPU has no FEAT_CMOW");
    }
    const u64 sctlr = READ(sctlr_el1);
    u64 *const root = root_new();
    map_pages(root, FREE_VIRTUAL, memory_new(4096), 4096, PAGE_DATA | PAGE_RO);
    enter(root);
    WRITE(sctlr_el1, (sctlr | SCTLR_UCI) & ~SCTLR_CMOW);
    isb();
    try_el0(clean_and_invalidate, FREE_VIRTUAL, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
    WRITE(sctlr_el1, sctlr | SCTLR_UCI | SCTLR_CMOW);
    isb();
    try_el0(clean, FREE_VIRTUAL, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
    try_el0(clean_and_invalidate, FREE_VIRTUAL, 0);
    CHECK_EQ(EC(caught()->esr), EC_DATA_EL0);
    CHECK_EQ(ISS(caught()->esr) & 0x1ff, FSC_PERMISSION(3) | WNR | 1 << 8); /* CM */
    CHECK_EQ(caught()->far, FREE_VIRTUAL);
    try_el0(invalidate_code, FREE_VIRTUAL + 64, 0);
    CHECK_EQ(EC(caught()->esr), EC_DATA_EL0);
    CHECK_EQ(caught()->far, FREE_VIRTUAL + 64);
    WRITE(sctlr_el1, sctlr);
    enter(kernel_root());
}

/* ---- FEAT_XS */

static u64 load(u64 va)
{
    return LOAD((u64 *)va);
}

TEST(invalidation_without_xs_invalidates)
{
    if (id_field(READ(id_aa64isar1_el1), 56) == 0) {
        SKIP("the CPU has no FEAT_XS");
    }
    u64 *const a = (u64 *)memory_new(4096), *const b = (u64 *)memory_new(4096);
    *a = 1;
    *b = 2;
    u64 *const root = root_new();
    map_pages(root, FREE_VIRTUAL, (u64)a, 4096, PAGE_DATA);
    u64 *const entry = page_entry(root, FREE_VIRTUAL);
    const u64 rest = *entry ^ (u64)a;
    enter(root);
    for (unsigned i = 0; i < 6; i++) {
        *entry = (u64)a | rest;
        dsb();
        flush_page(FREE_VIRTUAL);
        CHECK_EQ(load(FREE_VIRTUAL), 1);
        *entry = (u64)b | rest;
        dsb();
        switch (i) {
        case 0:
            __asm__ volatile("sys #0, c9, c7, #0" : : : "memory"); /* TLBI VMALLE1nXS */
            break;
        case 1:
            __asm__ volatile("sys #0, c9, c3, #3, %0" : : "r"(FREE_VIRTUAL >> 12)); /* VAAE1ISnXS */
            break;
        case 2:
            __asm__ volatile("sys #0, c9, c1, #1, %0" : : "r"(FREE_VIRTUAL >> 12)); /* VAE1OSnXS */
            break;
        case 3:
            __asm__ volatile("sys #0, c9, c2, #3, %0"
                             :
                             : "r"(1ull << 46 | FREE_VIRTUAL >> 12)); /* RVAAE1ISnXS */
            break;
        case 4:
            __asm__ volatile("sys #0, c9, c7, #7, %0" : : "r"(FREE_VIRTUAL >> 12)); /* VAALE1nXS */
            break;
        default:
            __asm__ volatile("sys #0, c9, c3, #2, %0" : : "r"(0ull)); /* ASIDE1ISnXS */
            __asm__ volatile("sys #0, c9, c3, #0" : : : "memory");
            break;
        }
        __asm__ volatile(".inst 0xd5033e3f" : : : "memory"); /* DSB SYnXS */
        isb();
        CHECK_EQ(load(FREE_VIRTUAL), 2);
    }
    enter(kernel_root());
}

static void barrier_without_xs(void)
{
    __asm__ volatile(".inst 0xd503323f" : : : "memory"); /* DSB OSHnXS */
    __asm__ volatile(".inst 0xd503363f" : : : "memory");
    __asm__ volatile(".inst 0xd5033a3f" : : : "memory");
}

TEST(barriers_without_xs_are_instructions)
{
    if (id_field(READ(id_aa64isar1_el1), 56) == 0) {
        SKIP("the CPU has no FEAT_XS");
    }
    CHECK(!try_call(barrier_without_xs, 0, 0, 0));
}

/* ---- FEAT_RAS */

static void error_barrier(void)
{
    ASM("hint #16");
}

TEST(no_error_is_deferred_or_recorded)
{
    if (id_field(READ(id_aa64pfr0_el1), 28) == 0) {
        SKIP("the CPU has no FEAT_RAS");
    }
    WRITE(s3_0_c12_c1_1, 0); /* DISR_EL1 */
    const u64 sctlr = READ(sctlr_el1);
    WRITE(sctlr_el1, sctlr | SCTLR_IESB);
    isb();
    CHECK(!try_call(error_barrier, 0, 0, 0));
    CHECK_EQ(READ(s3_0_c12_c1_1), 0);
    CHECK_EQ(READ(s3_0_c5_c3_0), 0); /* ERRIDR_EL1 */
    WRITE(s3_0_c12_c1_1, 0x81000003);
    CHECK_EQ(READ(s3_0_c12_c1_1), 0x81000003);
    WRITE(s3_0_c12_c1_1, 0);
    WRITE(sctlr_el1, sctlr);
    isb();
}

/* ---- performance monitors */

enum {
    PMCR_E = 1,
    PMCR_P = 2,
    PMCR_LP = 128
};

static bool has_pmu_5(void)
{
    const unsigned v = id_field(READ(id_aa64dfr0_el1), 8);
    return v >= 6 && v != 15;
}

/* Event counter 0 counts software increments, from v. */
static void count_from(u64 v, u64 cr)
{
    WRITE(pmcr_el0, PMCR_E | PMCR_P | cr);
    WRITE(pmcntenclr_el0, UINT32_MAX);
    WRITE(pmovsclr_el0, UINT32_MAX);
    WRITE(pmevtyper0_el0, 0);
    WRITE(pmevcntr0_el0, v);
    WRITE(pmcntenset_el0, 1);
    isb();
    WRITE(pmswinc_el0, 1);
    isb();
}

TEST(event_counters_have_64_bits)
{
    if (!has_pmu_5()) {
        SKIP("the CPU has no FEAT_PMUv3p5");
    }
    count_from(0x123456789, 0);
    CHECK_EQ(READ(pmevcntr0_el0), 0x12345678a);
    CHECK_EQ(READ(pmovsclr_el0), 0);
}

TEST(overflow_is_of_32_bits_or_64_by_lp)
{
    if (!has_pmu_5()) {
        SKIP("the CPU has no FEAT_PMUv3p5");
    }
    count_from(0xffffffff, 0);
    CHECK_EQ(READ(pmevcntr0_el0), 0x100000000);
    CHECK_EQ(READ(pmovsclr_el0), 1);
    count_from(0xffffffff, PMCR_LP);
    CHECK_EQ(READ(pmevcntr0_el0), 0x100000000);
    CHECK_EQ(READ(pmovsclr_el0), 0);
    count_from(UINT64_MAX, PMCR_LP);
    CHECK_EQ(READ(pmevcntr0_el0), 0);
    CHECK_EQ(READ(pmovsclr_el0), 1);
    WRITE(pmcr_el0, 0);
    WRITE(pmovsclr_el0, 1);
}

TEST(cycles_that_are_advertised_count)
{
    CHECK(READ(pmceid0_el0) >> 0x11 & 1);
    WRITE(pmcntenclr_el0, UINT32_MAX);
    WRITE(pmcr_el0, PMCR_E | PMCR_P);
    WRITE(pmevtyper0_el0, 0x11);
    WRITE(pmcntenset_el0, 1);
    isb();
    const u64 a = READ(pmevcntr0_el0);
    for (int i = 0; i < 1000; i++) {
        isb();
    }
    CHECK(READ(pmevcntr0_el0) != a);
    WRITE(pmcntenclr_el0, 1);
    WRITE(pmcr_el0, 0);
}

/* Instructions count where they are advertised; elsewhere they need not. */
TEST(instructions_that_are_advertised_count)
{
    if (!(READ(pmceid0_el0) >> 8 & 1)) {
        return;
    }
    WRITE(pmcntenclr_el0, UINT32_MAX);
    WRITE(pmcr_el0, PMCR_E | PMCR_P);
    WRITE(pmevtyper0_el0, 8);
    WRITE(pmcntenset_el0, 1);
    isb();
    const u64 a = READ(pmevcntr0_el0);
    ASM("nop; nop; nop; nop; nop; nop; nop; nop; nop; nop");
    const u64 n = READ(pmevcntr0_el0) - a;
    CHECK(n >= 10 && n <= 14);
    WRITE(pmcntenclr_el0, 1);
    WRITE(pmcr_el0, 0);
}

/* ---- the timer */

TEST(timer_that_says_its_status_has_raised_its_line)
{
    gic_start();
    gic_enable(PPI_TIMER_V);
    for (unsigned i = 0; i < 200; i++) {
        WRITE(cntv_cval_el0, counter() + 20 * i);
        WRITE(cntv_ctl_el0, 1);
        isb();
        while (!(READ(cntv_ctl_el0) & 4)) {
        }
        CHECK(gic_pending(PPI_TIMER_V));
        WRITE(cntv_ctl_el0, 0);
        isb();
    }
    gic_disable(PPI_TIMER_V);
}

/* ---- CTR_EL0.DIC */

TEST(code_that_needs_no_invalidation_is_what_memory_holds)
{
    if (!(READ(ctr_el0) >> 29 & 1)) {
        return; /* a guest has to invalidate: code.c does */
    }
    u64 *const root = root_new();
    const u64 page = memory_new(4096);
    map_pages(root, FREE_VIRTUAL, page, 4096, PAGE_NORMAL | PAGE_UXN);
    enter(root);
    for (u32 i = 0; i < 300; i++) {
        STORE((u32 *)FREE_VIRTUAL, 0xd2800000 | i << 5); /* mov x0, #i */
        STORE((u32 *)(FREE_VIRTUAL + 4), 0xd65f03c0);    /* ret */
        dsb();
        isb();
        CHECK(!try_call((const void *)FREE_VIRTUAL, 0, 0, 0));
        CHECK_EQ(try_result(), i);
    }
    enter(kernel_root());
}
