/* SPDX-License-Identifier: MIT */
/*
 * Performance monitors: the cycle counter, event counters, overflow and its interrupt, who may read
 * them. DDI 0487, D13. What a cycle or an instruction counts to is not tested: an emulator has
 * neither.
 */
#include "tests/system/aarch64/lib/gic.h"

enum {
    E = 1,
    P = 2,
    C = 4,
    D = 8,
    LC = 64
};
enum {
    CYCLES = 1u << 31
};
enum {
    SW_INCR = 0,
    CPU_CYCLES = 0x11
};
#define PPI_PMU 23u

static bool has_pmu(void)
{
    unsigned v = READ(id_aa64dfr0_el1) >> 8 & 15;
    return v != 0 && v != 15;
}

static void start(void)
{
    WRITE(pmcr_el0, E | P | C | LC);
    WRITE(pmcntenclr_el0, UINT32_MAX);
    WRITE(pmintenclr_el1, UINT32_MAX);
    WRITE(pmovsclr_el0, UINT32_MAX);
    WRITE(pmccfiltr_el0, 0);
    WRITE(pmuserenr_el0, 0);
    isb();
}

static void work(void)
{
    for (int i = 0; i < 1000; i++) {
        ASM("isb");
    }
}

TEST(cycle_counter_counts_while_enabled)
{
    if (!has_pmu()) {
        SKIP("the CPU has no performance monitors");
    }
    start();
    u64 a = READ(pmccntr_el0);
    work();
    CHECK_EQ(READ(pmccntr_el0), a);
    WRITE(pmcntenset_el0, CYCLES);
    isb();
    a = READ(pmccntr_el0);
    work();
    isb();
    u64 b = READ(pmccntr_el0);
    CHECK(b > a);
    WRITE(pmcntenclr_el0, CYCLES);
    isb();
    a = READ(pmccntr_el0);
    work();
    CHECK_EQ(READ(pmccntr_el0), a);
}

TEST(global_enable_stops_all)
{
    if (!has_pmu()) {
        SKIP("the CPU has no performance monitors");
    }
    start();
    WRITE(pmcntenset_el0, CYCLES);
    WRITE(pmcr_el0, LC);
    isb();
    u64 a = READ(pmccntr_el0);
    work();
    CHECK_EQ(READ(pmccntr_el0), a);
}

TEST(counter_is_written_and_reset)
{
    if (!has_pmu()) {
        SKIP("the CPU has no performance monitors");
    }
    start();
    WRITE(pmccntr_el0, 0x123456789abc);
    isb();
    CHECK_EQ(READ(pmccntr_el0), 0x123456789abc);
    WRITE(pmcr_el0, E | C | LC);
    isb();
    CHECK_EQ(READ(pmccntr_el0), 0);
}

TEST(filter_excludes_el1)
{
    if (!has_pmu()) {
        SKIP("the CPU has no performance monitors");
    }
    start();
    WRITE(pmccfiltr_el0, 1ull << 31); /* P */
    WRITE(pmcntenset_el0, CYCLES);
    isb();
    u64 a = READ(pmccntr_el0);
    work();
    CHECK_EQ(READ(pmccntr_el0), a);
}

static volatile unsigned taken, taken_id;

static void take(void)
{
    unsigned id = gic_acknowledge();
    taken++;
    taken_id = id;
    WRITE(pmovsclr_el0, UINT32_MAX);
    isb();
    gic_end(id);
}

TEST(overflow_is_flagged_and_interrupts)
{
    if (!has_pmu()) {
        SKIP("the CPU has no performance monitors");
    }
    gic_start();
    gic_enable(PPI_PMU);
    on_irq(take);
    start();
    taken = 0;
    WRITE(pmccntr_el0, UINT64_MAX - 100);
    WRITE(pmintenset_el1, CYCLES);
    WRITE(pmcntenset_el0, CYCLES);
    isb();
    u64 end = counter() + 10 * counter_frequency();
    irq_open();
    while (!taken && counter() < end) {
    }
    irq_close();
    CHECK_EQ(taken, 1);
    CHECK_EQ(taken_id, PPI_PMU);
    CHECK(READ(pmccntr_el0) < UINT64_MAX / 2);
    on_irq(NULL);
    start();
}

TEST(overflow_without_interrupt_only_shows)
{
    if (!has_pmu()) {
        SKIP("the CPU has no performance monitors");
    }
    start();
    WRITE(pmccntr_el0, UINT64_MAX - 10);
    WRITE(pmcntenset_el0, CYCLES);
    isb();
    u64 end = counter() + 10 * counter_frequency();
    while (!(READ(pmovsclr_el0) & CYCLES) && counter() < end) {
    }
    CHECK_EQ(READ(pmovsclr_el0), CYCLES);
    WRITE(pmovsclr_el0, CYCLES);
    isb();
    CHECK_EQ(READ(pmovsclr_el0), 0);
}

TEST(software_increment_counts_by_one)
{
    if (!has_pmu()) {
        SKIP("the CPU has no performance monitors");
    }
    start();
    if ((READ(pmcr_el0) >> 11 & 31) < 2) {
        SKIP("the CPU has no two event counters");
    }
    WRITE(pmevtyper0_el0, SW_INCR);
    WRITE(pmevtyper1_el0, SW_INCR);
    WRITE(pmcntenset_el0, 1);
    isb();
    for (int i = 0; i < 5; i++) {
        WRITE(pmswinc_el0, 3);
        isb();
    }
    CHECK_EQ(READ(pmevcntr0_el0), 5);
    CHECK_EQ(READ(pmevcntr1_el0), 0); /* not enabled */
    WRITE(pmselr_el0, 0);
    isb();
    CHECK_EQ(READ(pmxevcntr_el0), 5);
    WRITE(pmevcntr0_el0, UINT32_MAX);
    WRITE(pmswinc_el0, 1);
    isb();
    CHECK_EQ(READ(pmevcntr0_el0) & UINT32_MAX, 0); /* FEAT_PMUv3p5 has upper halves */
    CHECK_EQ(READ(pmovsclr_el0), 1);
}

TEST(event_counter_counts_cycles)
{
    if (!has_pmu()) {
        SKIP("the CPU has no performance monitors");
    }
    start();
    if (!(READ(pmceid0_el0) >> CPU_CYCLES & 1)) {
        SKIP("the CPU does not count that event");
    }
    WRITE(pmevtyper0_el0, CPU_CYCLES);
    WRITE(pmcntenset_el0, 1);
    isb();
    u64 a = READ(pmevcntr0_el0);
    work();
    isb();
    CHECK(READ(pmevcntr0_el0) != a);
}

void el0_cycles(void), el0_software(void), el0_control(void);
__asm__("el0_cycles: mrs x0, pmccntr_el0\n b el0_exit\n"
        "el0_software: msr pmswinc_el0, x0\n b el0_exit\n"
        "el0_control: mrs x0, pmcr_el0\n b el0_exit\n");

static bool el0_may(const void *f, u64 enables)
{
    WRITE(pmuserenr_el0, enables);
    isb();
    try_el0(f, 0, 0);
    if (EC(caught()->esr) != EC_SVC) {
        CHECK_EQ(EC(caught()->esr), EC_SYSREG);
    }
    return EC(caught()->esr) == EC_SVC;
}

TEST(el0_is_let_in_by_pmuserenr)
{
    enum {
        EN = 1,
        SW = 2,
        CR = 4
    };
    if (!has_pmu()) {
        SKIP("the CPU has no performance monitors");
    }
    start();
    CHECK(!el0_may(el0_cycles, 0));
    CHECK(!el0_may(el0_software, 0));
    CHECK(!el0_may(el0_control, 0));
    CHECK(el0_may(el0_cycles, EN));
    CHECK(el0_may(el0_cycles, CR));
    CHECK(!el0_may(el0_control, CR | SW));
    CHECK(el0_may(el0_control, EN));
    CHECK(el0_may(el0_software, SW));
    CHECK(!el0_may(el0_software, CR));
    WRITE(pmuserenr_el0, 0);
}
