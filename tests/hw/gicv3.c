/* SPDX-License-Identifier: MIT */
/* GICv3: distributor, redistributors, CPU interface. */
#include "cpu/arm.h"
#include "hw/intc/gic.h"

#include "base/bits.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define DIST UINT64_C(0x08000000)
#define REDIST UINT64_C(0x080a0000)
enum {
    CPUS = 4
};

enum {
    PMR = SYSREG_A64(3, 0, 4, 6, 0)
};
#define ICC(crm, op2) SYSREG_A64(3, 0, 12, crm, op2)
enum {
    IAR0 = ICC(8, 0),
    EOIR0 = ICC(8, 1),
    HPPIR0 = ICC(8, 2),
    BPR0 = ICC(8, 3),
    AP0R0 = ICC(8, 4),
    AP1R0 = ICC(9, 0),
    DIR = ICC(11, 1),
    RPR = ICC(11, 3),
    SGI1R = ICC(11, 5),
    SGI0R = ICC(11, 7),
    IAR1 = ICC(12, 0),
    EOIR1 = ICC(12, 1),
    HPPIR1 = ICC(12, 2),
    BPR1 = ICC(12, 3),
    CTLR = ICC(12, 4),
    SRE = ICC(12, 5),
    IGRPEN0 = ICC(12, 6),
    IGRPEN1 = ICC(12, 7),
};

struct bench {
    struct machine *m;
    struct device *gic;
    struct test_line irq[CPUS], fiq[CPUS];
};

static const struct sysreg_row *row_of(struct bench *b, uint32_t encoding)
{
    const struct sysreg_bank *bank = gic_sysregs(b->gic);
    for (unsigned i = 0; i < bank->count; i++) {
        if (bank->rows[i].encoding == encoding) {
            return &bank->rows[i];
        }
    }
    return NULL;
}

static uint64_t mrs(struct bench *b, int cpu, uint32_t encoding)
{
    return row_of(b, encoding)->read(gic_sysregs(b->gic)->opaque, cpu, encoding);
}

static void msr(struct bench *b, int cpu, uint32_t encoding, uint64_t value)
{
    row_of(b, encoding)->write(gic_sysregs(b->gic)->opaque, cpu, encoding, value);
}

static void dist(struct bench *b, uint64_t offset, uint32_t value)
{
    test_store32(b->m, DIST + offset, value);
}

static uint64_t redist(int cpu, uint64_t offset)
{
    return REDIST + (uint64_t)cpu * GICV3_REDIST_SIZE + offset;
}

/* As Linux sets it up: everything group 1, priority mask open, both groups on. */
static void begin(struct bench *b)
{
    *b = (struct bench){.m = test_machine_new(4096)};
    b->gic = test_device(b->m, &arm_gicv3_class, "num-cpu=4", "num-irq=288", NULL);
    gicv3_map_dist(b->gic, b->m->memory, DIST);
    gicv3_map_redists(b->gic, b->m->memory, REDIST, 0, CPUS);
    for (int i = 0; i < CPUS; i++) {
        gic_connect(b->gic, (unsigned)i, test_line_irq(&b->irq[i]), test_line_irq(&b->fiq[i]));
        gic_set_affinity(b->gic, (unsigned)i, (uint64_t)i);
        test_store32(b->m, redist(i, 0x10080), UINT32_MAX); /* IGROUPR0 */
        msr(b, i, PMR, 0xf0);
        msr(b, i, IGRPEN0, 1);
        msr(b, i, IGRPEN1, 1);
    }
    for (int n = 1; n < 9; n++) {
        dist(b, 0x80 + 4 * (uint64_t)n, UINT32_MAX);
    }
    dist(b, 0, 3);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

static void set_priority(struct bench *b, unsigned intid, uint8_t priority)
{
    test_store(b->m, DIST + 0x400 + intid, 1, priority);
}

static void route(struct bench *b, unsigned intid, uint64_t router)
{
    test_store(b->m, DIST + 0x6000 + 8 * (uint64_t)intid, 8, router);
}

static void enable(struct bench *b, unsigned intid)
{
    dist(b, 0x100 + 4 * (uint64_t)(intid / 32), 1u << (intid % 32));
}

static void make_edge(struct bench *b, unsigned intid)
{
    uint64_t a = DIST + 0xc00 + 4 * (uint64_t)(intid / 16);
    test_store32(b->m, a, test_load32(b->m, a) | 2u << (2 * (intid % 16)));
}

static void set_spi(struct bench *b, unsigned intid, int level)
{
    struct irq irq = gic_spi(b->gic, intid - 32);
    irq_set(&irq, level);
}

static bool is_active(struct bench *b, unsigned intid)
{
    return bit(test_load32(b->m, DIST + 0x300 + 4 * (uint64_t)(intid / 32)), intid % 32);
}

static bool is_pending(struct bench *b, unsigned intid)
{
    return bit(test_load32(b->m, DIST + 0x200 + 4 * (uint64_t)(intid / 32)), intid % 32);
}

TEST(level_interrupt_is_pending_again_after_its_end_while_the_line_is_high)
{
    struct bench b;
    begin(&b);
    enable(&b, 40);
    set_spi(&b, 40, 1);
    CHECK_EQ(b.irq[0].level, 1);
    CHECK_EQ(mrs(&b, 0, HPPIR1), 40);
    CHECK_EQ(mrs(&b, 0, IAR1), 40);
    CHECK_EQ(b.irq[0].level, 0);
    CHECK(is_active(&b, 40) && is_pending(&b, 40));
    CHECK_EQ(mrs(&b, 0, IAR1), 1023);
    msr(&b, 0, EOIR1, 40);
    CHECK_EQ(b.irq[0].level, 1);
    set_spi(&b, 40, 0);
    CHECK_EQ(b.irq[0].level, 0);
    CHECK(!is_pending(&b, 40));
    end(&b);
}

TEST(edge_interrupt_is_latched_and_taken_once)
{
    struct bench b;
    begin(&b);
    make_edge(&b, 41);
    enable(&b, 41);
    set_spi(&b, 41, 1);
    set_spi(&b, 41, 0);
    CHECK_EQ(mrs(&b, 0, IAR1), 41);
    set_spi(&b, 41, 1); /* again, while it is active */
    CHECK_EQ(b.irq[0].level, 0);
    msr(&b, 0, EOIR1, 41);
    CHECK_EQ(mrs(&b, 0, IAR1), 41);
    msr(&b, 0, EOIR1, 41);
    CHECK_EQ(mrs(&b, 0, IAR1), 1023);
    end(&b);
}

TEST(set_and_clear_pending_registers_act_on_the_latch_only)
{
    struct bench b;
    begin(&b);
    enable(&b, 42);
    dist(&b, 0x204, 1u << 10);
    CHECK_EQ(b.irq[0].level, 1);
    dist(&b, 0x284, 1u << 10);
    CHECK_EQ(b.irq[0].level, 0);
    set_spi(&b, 42, 1);
    dist(&b, 0x284, 1u << 10);
    CHECK(is_pending(&b, 42));
    dist(&b, 0x204, 1u << 10);
    set_spi(&b, 42, 0);
    CHECK(is_pending(&b, 42)); /* the latch holds it */
    end(&b);
}

TEST(higher_priority_goes_first_and_lower_number_among_equals)
{
    struct bench b;
    begin(&b);
    for (unsigned i = 50; i < 53; i++) {
        set_priority(&b, i, i == 52 ? 0x40 : 0x80);
        enable(&b, i);
        set_spi(&b, i, 1);
    }
    CHECK_EQ(mrs(&b, 0, HPPIR1), 52);
    set_spi(&b, 52, 0);
    CHECK_EQ(mrs(&b, 0, HPPIR1), 50);
    end(&b);
}

TEST(priority_mask_holds_back_equal_and_lower_priorities)
{
    struct bench b;
    begin(&b);
    set_priority(&b, 50, 0x80);
    enable(&b, 50);
    msr(&b, 0, PMR, 0x80);
    set_spi(&b, 50, 1);
    CHECK_EQ(b.irq[0].level, 0);
    CHECK_EQ(mrs(&b, 0, IAR1), 1023);
    CHECK_EQ(mrs(&b, 0, HPPIR1), 50);
    msr(&b, 0, PMR, 0x88);
    CHECK_EQ(b.irq[0].level, 1);
    CHECK_EQ(mrs(&b, 0, PMR), 0x88);
    msr(&b, 0, PMR, 0xff);
    CHECK_EQ(mrs(&b, 0, PMR), 0xf8);
    end(&b);
}

TEST(preemption_needs_a_higher_group_priority)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(mrs(&b, 0, BPR1), 3);
    msr(&b, 0, BPR1, 6); /* group priority is bits 7 and 6 */
    set_priority(&b, 50, 0x90);
    set_priority(&b, 51, 0x80);
    set_priority(&b, 52, 0x70);
    for (unsigned i = 50; i < 53; i++) {
        enable(&b, i);
    }
    set_spi(&b, 50, 1);
    CHECK_EQ(mrs(&b, 0, IAR1), 50);
    CHECK_EQ(mrs(&b, 0, RPR), 0x80);
    set_spi(&b, 51, 1);
    CHECK_EQ(b.irq[0].level, 0);
    set_spi(&b, 52, 1);
    CHECK_EQ(b.irq[0].level, 1);
    CHECK_EQ(mrs(&b, 0, IAR1), 52);
    CHECK_EQ(mrs(&b, 0, RPR), 0x40);
    CHECK_EQ(mrs(&b, 0, AP1R0), 1u << 16 | 1u << 8);
    set_spi(&b, 52, 0);
    msr(&b, 0, EOIR1, 52);
    CHECK_EQ(mrs(&b, 0, RPR), 0x80);
    set_spi(&b, 50, 0);
    msr(&b, 0, EOIR1, 50);
    CHECK_EQ(mrs(&b, 0, RPR), 0xff);
    CHECK_EQ(mrs(&b, 0, IAR1), 51);
    end(&b);
}

TEST(binary_points_have_their_least_values_and_may_be_common)
{
    struct bench b;
    begin(&b);
    msr(&b, 0, BPR0, 0);
    msr(&b, 0, BPR1, 0);
    CHECK_EQ(mrs(&b, 0, BPR0), 2);
    CHECK_EQ(mrs(&b, 0, BPR1), 3);
    msr(&b, 0, BPR0, 5);
    msr(&b, 0, CTLR, 1); /* CBPR */
    CHECK_EQ(mrs(&b, 0, BPR1), 6);
    msr(&b, 0, BPR1, 3);
    CHECK_EQ(mrs(&b, 0, BPR0), 5);
    CHECK_EQ(mrs(&b, 0, BPR1), 6);
    msr(&b, 0, CTLR, 0);
    CHECK_EQ(mrs(&b, 0, BPR1), 3);
    end(&b);
}

TEST(split_end_keeps_the_interrupt_active_until_deactivated)
{
    struct bench b;
    begin(&b);
    msr(&b, 0, CTLR, 2); /* EOImode */
    CHECK_EQ(mrs(&b, 0, CTLR), 2 | 4 << 8 | 1 << 11 | 1 << 15);
    enable(&b, 60);
    set_spi(&b, 60, 1);
    CHECK_EQ(mrs(&b, 0, IAR1), 60);
    msr(&b, 0, EOIR1, 60);
    CHECK_EQ(mrs(&b, 0, RPR), 0xff);
    CHECK(is_active(&b, 60));
    CHECK_EQ(b.irq[0].level, 0);
    msr(&b, 1, CTLR, 2);
    msr(&b, 1, DIR, 60); /* another vCPU may */
    CHECK(!is_active(&b, 60));
    CHECK_EQ(b.irq[0].level, 1);
    end(&b);
}

TEST(group_0_is_signalled_as_fiq_and_taken_by_its_own_registers)
{
    struct bench b;
    begin(&b);
    dist(&b, 0x84, 0); /* SPIs 32 to 63 are group 0 */
    enable(&b, 33);
    set_spi(&b, 33, 1);
    CHECK_EQ(b.fiq[0].level, 1);
    CHECK_EQ(b.irq[0].level, 0);
    CHECK_EQ(mrs(&b, 0, IAR1), 1023);
    CHECK_EQ(mrs(&b, 0, HPPIR1), 1023);
    CHECK_EQ(mrs(&b, 0, HPPIR0), 33);
    CHECK_EQ(mrs(&b, 0, IAR0), 33);
    msr(&b, 0, EOIR1, 33); /* not the group of what is active */
    CHECK(is_active(&b, 33));
    msr(&b, 0, EOIR0, 33);
    CHECK(!is_active(&b, 33));
    end(&b);
}

TEST(group_enables_of_distributor_and_interface_both_count)
{
    struct bench b;
    begin(&b);
    enable(&b, 70);
    set_spi(&b, 70, 1);
    CHECK_EQ(b.irq[0].level, 1);
    msr(&b, 0, IGRPEN1, 0);
    CHECK_EQ(b.irq[0].level, 0);
    msr(&b, 0, IGRPEN1, 1);
    dist(&b, 0, 1);
    CHECK_EQ(b.irq[0].level, 0);
    dist(&b, 0, 2);
    CHECK_EQ(b.irq[0].level, 1);
    CHECK_EQ(test_load32(b.m, DIST), 2 | 1 << 4 | 1 << 6);
    end(&b);
}

TEST(route_names_one_cpu_by_affinity)
{
    struct bench b;
    begin(&b);
    enable(&b, 80);
    route(&b, 80, 2);
    set_spi(&b, 80, 1);
    CHECK_EQ(b.irq[0].level, 0);
    CHECK_EQ(b.irq[2].level, 1);
    route(&b, 80, 3); /* it moves while it is pending */
    CHECK_EQ(b.irq[2].level, 0);
    CHECK_EQ(b.irq[3].level, 1);
    CHECK_EQ(test_load(b.m, DIST + 0x6000 + 8 * 80, 8), 3);
    route(&b, 80, 0x100); /* nobody's */
    CHECK_EQ(b.irq[3].level, 0);
    test_store32(b.m, DIST + 0x6000 + 8 * 80, 1); /* by halves */
    CHECK_EQ(b.irq[1].level, 1);
    end(&b);
}

TEST(interrupt_for_any_cpu_goes_to_one_that_is_idle_and_willing)
{
    struct bench b;
    begin(&b);
    enable(&b, 90);
    enable(&b, 91);
    route(&b, 90, 1u << 31);
    route(&b, 91, 1u << 31);
    set_spi(&b, 90, 1);
    CHECK_EQ(b.irq[0].level + b.irq[1].level + b.irq[2].level + b.irq[3].level, 1);
    CHECK_EQ(mrs(&b, 0, IAR1), 90);
    set_spi(&b, 91, 1);
    CHECK_EQ(b.irq[0].level, 0);
    CHECK_EQ(b.irq[1].level, 1);
    msr(&b, 1, IGRPEN1, 0);
    CHECK_EQ(b.irq[2].level, 1);
    test_store32(b.m, redist(2, 0), 1u << 25); /* DPG1NS */
    CHECK_EQ(b.irq[2].level, 0);
    CHECK_EQ(b.irq[3].level, 1);
    end(&b);
}

TEST(private_interrupts_are_each_cpus_own)
{
    struct bench b;
    begin(&b);
    struct irq timer1 = gic_ppi(b.gic, 1, 11);
    test_store32(b.m, redist(0, 0x10100), 1u << 27);
    irq_set(&timer1, 1);
    CHECK_EQ(b.irq[1].level, 0);
    test_store32(b.m, redist(1, 0x10100), 1u << 27);
    CHECK_EQ(b.irq[1].level, 1);
    CHECK_EQ(b.irq[0].level, 0);
    CHECK_EQ(test_load32(b.m, redist(1, 0x10200)), 1u << 27);
    CHECK_EQ(test_load32(b.m, DIST + 0x200), 0); /* none of the distributor's */
    CHECK_EQ(mrs(&b, 1, IAR1), 27);
    irq_set(&timer1, 0);
    msr(&b, 1, EOIR1, 27);
    CHECK_EQ(b.irq[1].level, 0);
    end(&b);
}

TEST(software_interrupts_reach_the_listed_cpus_or_all_others)
{
    struct bench b;
    begin(&b);
    for (int i = 0; i < CPUS; i++) {
        test_store32(b.m, redist(i, 0x10100), 0xffff);
    }
    msr(&b, 0, SGI1R, UINT64_C(5) << 24 | 0xa);
    CHECK_EQ(b.irq[0].level, 0);
    CHECK_EQ(b.irq[1].level, 1);
    CHECK_EQ(b.irq[2].level, 0);
    CHECK_EQ(b.irq[3].level, 1);
    CHECK_EQ(mrs(&b, 1, IAR1), 5);
    msr(&b, 1, EOIR1, 5);
    CHECK_EQ(mrs(&b, 3, IAR1), 5);
    msr(&b, 3, EOIR1, 5);
    msr(&b, 2, SGI1R, UINT64_C(1) << 40 | UINT64_C(7) << 24);
    CHECK_EQ(b.irq[2].level, 0);
    CHECK(b.irq[0].level && b.irq[1].level && b.irq[3].level);
    msr(&b, 0, SGI1R, UINT64_C(1) << 16 | 0xf); /* affinity 1 of level 1: nobody */
    msr(&b, 0, SGI0R, 4);                       /* group 0, but they are group 1 */
    CHECK_EQ(b.irq[2].level, 0);
    end(&b);
}

TEST(redistributors_tell_their_place_and_sleep_on_request)
{
    struct bench b;
    begin(&b);
    for (int i = 0; i < CPUS; i++) {
        uint64_t typer = test_load(b.m, redist(i, 8), 8);
        CHECK_EQ(typer >> 32, (uint64_t)i);
        CHECK_EQ(bits64(typer, 23, 8), (uint64_t)i);
        CHECK_EQ(bit(typer, 4), i == CPUS - 1);
    }
    CHECK_EQ(test_load32(b.m, redist(0, 0x14)), 6);
    test_store32(b.m, redist(0, 0x14), 0);
    CHECK_EQ(test_load32(b.m, redist(0, 0x14)), 0);
    CHECK_EQ(test_load32(b.m, redist(0, 0xffe8)) & 0xf0, 0x30);
    CHECK_EQ(test_load32(b.m, DIST + 0xffe8) & 0xf0, 0x30);
    CHECK_EQ(test_load32(b.m, DIST + 4) & 0x1f, 8);
    CHECK_EQ(test_load32(b.m, redist(0, 0x10c00)), 0xaaaaaaaa);
    CHECK_EQ(mrs(&b, 0, SRE), 7);
    end(&b);
}

TEST(reserved_interrupts_and_widths_are_ignored)
{
    struct bench b;
    begin(&b);
    dist(&b, 0x124, UINT32_MAX); /* ISENABLER9: 288 and up */
    CHECK_EQ(test_load32(b.m, DIST + 0x124), 0);
    test_store(b.m, DIST + 0x400 + 300, 1, 0x80);
    CHECK_EQ(test_load(b.m, DIST + 0x400 + 300, 1), 0);
    test_store(b.m, DIST + 0x104, 1, 0xff); /* a byte of ISENABLER1 */
    CHECK_EQ(test_load32(b.m, DIST + 0x104), 0);
    route(&b, 31, 3);
    route(&b, 1020, 3);
    CHECK_EQ(test_load(b.m, DIST + 0x6000 + 8 * 1020, 8), 0);
    set_priority(&b, 40, 0xff);
    CHECK_EQ(test_load(b.m, DIST + 0x400 + 40, 1), 0xff);
    msr(&b, 0, EOIR1, 1023);
    msr(&b, 0, EOIR1, 0xffffff);
    CHECK_EQ(mrs(&b, 0, IAR0), 1023);
    end(&b);
}

TEST(state_survives_saving_and_loading_with_its_outputs)
{
    struct bench b;
    begin(&b);
    enable(&b, 100);
    enable(&b, 101);
    route(&b, 100, 2);
    set_priority(&b, 101, 0x50);
    set_spi(&b, 100, 1);
    set_spi(&b, 101, 1);
    CHECK_EQ(mrs(&b, 0, IAR1), 101);
    CHECK(test_round_trip(b.gic));
    CHECK_EQ(b.irq[2].level, 1);
    CHECK_EQ(mrs(&b, 0, RPR), 0x50);
    CHECK(is_active(&b, 101));
    CHECK_EQ(mrs(&b, 2, IAR1), 100);
    device_reset(b.gic);
    CHECK_EQ(b.irq[2].level, 0);
    CHECK_EQ(mrs(&b, 0, RPR), 0xff);
    CHECK_EQ(test_load32(b.m, DIST + 0x10c), 0);
    end(&b);
}

TEST(random_register_writes_leave_the_interrupt_controller_in_order)
{
    struct bench b;
    struct rng rng;
    begin(&b);
    rng_seed(&rng, test_seed());
    const struct sysreg_bank *bank = gic_sysregs(b.gic);
    for (unsigned i = 0; i < 20000 * test_scale(); i++) {
        int cpu = (int)rng_below(&rng, CPUS);
        uint64_t value = rng_below(&rng, 2) ? rng_u64(&rng) : rng_below(&rng, 300);
        unsigned size = 1u << rng_below(&rng, 4);
        const struct sysreg_row *r = &bank->rows[rng_below(&rng, bank->count)];
        switch (rng_below(&rng, 5)) {
        case 0:
            test_store(b.m, DIST + align_down(rng_below(&rng, 0x10000), size), size, value);
            break;
        case 1:
            test_store(b.m, redist(cpu, align_down(rng_below(&rng, 0x20000), size)), size, value);
            break;
        case 2:
            set_spi(&b, 32 + (unsigned)rng_below(&rng, 256), (int)(value & 1));
            break;
        case 3:
            if (r->write) {
                r->write(bank->opaque, cpu, r->encoding, value);
            }
            break;
        default:
            if (r->read) {
                uint64_t v = r->read(bank->opaque, cpu, r->encoding);
                bool id = r->encoding == IAR0 || r->encoding == IAR1;
                CHECK(!id || v < 288 || v == 1023);
            }
        }
    }
    CHECK(test_round_trip(b.gic));
    end(&b);
}
