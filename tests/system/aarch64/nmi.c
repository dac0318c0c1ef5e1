/* SPDX-License-Identifier: MIT */
/*
 * Non-maskable interrupts: FEAT_NMI (DDI 0487, D1.3.6) with a GICv3.3 (IHI 0069H, 4.8.6).
 * Interrupts are SGIs of this CPU itself; with SCTLR_EL1.NMI those that GICR_INMIR0 names are taken
 * whatever PSTATE.I says.
 */
#include "tests/system/aarch64/lib/gic.h"

#define SCTLR_NMI (1ull << 61)
#define SCTLR_SPINTMASK (1ull << 62)
#define ALLINT s3_0_c4_c3_0
#define NMIAR1 s3_0_c12_c9_5
#define IAR1 s3_0_c12_c12_0
#define EOIR1 s3_0_c12_c12_1
#define RPR s3_0_c12_c11_3
#define INMIR0 (GICR + 0x10f80)
#define READ_(reg) READ(reg)
#define WRITE_(reg, v) WRITE(reg, v)

enum {
    URGENT = 3, /* SGIs */
    PLAIN = 4,
    NON_MASKABLE = 1022
};

static volatile unsigned urgent, plain, seen, odd, masked;

static void take(void)
{
    unsigned id = (unsigned)READ_(IAR1);
    seen = id;
    masked = (unsigned)READ_(ALLINT);
    if (id == NON_MASKABLE) {
        odd |= !(READ_(s3_0_c12_c12_2) == NON_MASKABLE); /* HPPIR1 */
        id = (unsigned)READ_(NMIAR1);
        odd |= !(READ_(RPR) >> 63) << 1;
    }
    urgent += id == URGENT;
    plain += id == PLAIN;
    WRITE_(EOIR1, id);
}

static bool has_nmi(void)
{
    return gic_version() == 3 && (READ(id_aa64pfr1_el1) >> 36 & 15) && (read32(GICD + 4) >> 9 & 1);
}

static void settle(void)
{
    isb();
    for (int i = 0; i < 1000; i++) {
        ASM("nop");
    }
}

/* The MMU and the rest as they were, these bits set. */
static void start(u64 sctlr)
{
    gic_start();
    gic_enable(URGENT);
    gic_enable(PLAIN);
    write32(INMIR0, 1u << URGENT);
    on_irq(take);
    urgent = plain = seen = odd = 0;
    WRITE_(ALLINT, 0);
    WRITE(sctlr_el1, (READ(sctlr_el1) & ~(SCTLR_NMI | SCTLR_SPINTMASK)) | sctlr);
    isb();
}

static void end(void)
{
    WRITE(sctlr_el1, READ(sctlr_el1) & ~(SCTLR_NMI | SCTLR_SPINTMASK));
    isb();
    irq_open();
    settle();
    irq_close();
    write32(INMIR0, 0);
    WRITE_(ALLINT, 0);
    on_irq(NULL);
}

TEST(non_maskable_interrupt_is_taken_though_interrupts_are_masked)
{
    if (!has_nmi()) {
        SKIP("the machine has no non-maskable interrupts");
    }
    start(SCTLR_NMI);
    gic_send(PLAIN, 0);
    settle();
    CHECK_EQ(plain, 0);
    gic_send(URGENT, 0);
    settle();
    CHECK_EQ(urgent, 1);
    CHECK_EQ(seen, NON_MASKABLE);
    CHECK_EQ(masked, 1 << 13); /* in the handler */
    CHECK_EQ(READ_(ALLINT), 0);
    irq_open();
    settle();
    irq_close();
    CHECK_EQ(plain, 1);
    CHECK_EQ(seen, PLAIN);
    end();
}

TEST(pending_and_running_registers_tell_of_it)
{
    if (!has_nmi()) {
        SKIP("the machine has no non-maskable interrupts");
    }
    start(SCTLR_NMI);
    gic_send(URGENT, 0);
    settle();
    CHECK_EQ(urgent, 1);
    CHECK_EQ(odd, 0);
    end();
}

TEST(allint_masks_all)
{
    if (!has_nmi()) {
        SKIP("the machine has no non-maskable interrupts");
    }
    start(SCTLR_NMI);
    __asm__ volatile(".inst 0xd501411f" : : : "memory"); /* msr allint, #1 */
    CHECK_EQ(READ_(ALLINT), 1 << 13);
    gic_send(URGENT, 0);
    gic_send(PLAIN, 0);
    irq_open();
    settle();
    CHECK_EQ(urgent + plain, 0);
    CHECK(READ(isr_el1) >> 7 & 1);
    CHECK(READ(isr_el1) >> 10 & 1);
    __asm__ volatile(".inst 0xd501401f" : : : "memory"); /* msr allint, #0 */
    settle();
    irq_close();
    CHECK_EQ(urgent, 1);
    CHECK_EQ(plain, 1);
    end();
}

TEST(without_the_switch_it_is_an_interrupt_like_others)
{
    if (!has_nmi()) {
        SKIP("the machine has no non-maskable interrupts");
    }
    start(0);
    gic_send(URGENT, 0);
    settle();
    CHECK_EQ(urgent, 0);
    irq_open();
    settle();
    irq_close();
    CHECK_EQ(urgent, 1);
    CHECK_EQ(seen, URGENT);
    end();
}

TEST(own_stack_pointer_masks_by_spintmask)
{
    if (!has_nmi()) {
        SKIP("the machine has no non-maskable interrupts");
    }
    start(SCTLR_NMI | SCTLR_SPINTMASK);
    u64 between;
    __asm__ volatile(
        "msr spsel, #1; msr s3_0_c12_c11_5, %1; isb; nop; nop; nop; ldr %w0, [%2]; msr spsel, #0"
        : "=&r"(between)
        : "r"((u64)URGENT << 24 | 1), "r"(&urgent)
        : "memory");
    settle();
    CHECK_EQ(between, 0);
    CHECK_EQ(urgent, 1);
    CHECK_EQ(masked, 0); /* by its stack pointer */
    end();
}

TEST(priority_mask_does_not_hold_it_back)
{
    if (!has_nmi()) {
        SKIP("the machine has no non-maskable interrupts");
    }
    start(SCTLR_NMI);
    gic_mask(0x10);
    gic_set_priority(URGENT, 0xa0);
    gic_send(URGENT, 0);
    settle();
    CHECK_EQ(urgent, 1);
    gic_mask(0xff);
    end();
}
