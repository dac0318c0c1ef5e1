/* SPDX-License-Identifier: MIT */
/* GICv2 and its GICv2m frame. */
#include "base/bits.h"
#include "base/mem.h"
#include "hw/intc/gic.h"
#include "tests/support/log.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define DIST UINT64_C(0x08000000)
#define CPUIF UINT64_C(0x08010000)
#define FRAME UINT64_C(0x08020000)
enum {
    CPUS = 3
};
enum {
    GICC_CTLR = 0,
    PMR = 4,
    BPR = 8,
    IAR = 0xc,
    EOIR = 0x10,
    RPR = 0x14,
    HPPIR = 0x18,
    ABPR = 0x1c,
    AIAR = 0x20,
    AEOIR = 0x24,
    AHPPIR = 0x28,
    APR0 = 0xd0,
    DIR = 0x1000
};

struct bench {
    struct machine *m;
    struct device *gic;
    struct test_line irq[CPUS], fiq[CPUS];
    unsigned cpu; /* that accesses registers */
};

static unsigned accessor(void *opaque)
{
    return ((struct bench *)opaque)->cpu;
}

/* As Linux sets it up: group 0, all priorities, one enable bit each. */
static void begin_with(struct bench *b, const char *cpus)
{
    *b = (struct bench){.m = test_machine_new(4096)};
    b->gic = test_device(b->m, &arm_gic_class, cpus, "num-irq=288", NULL);
    gicv2_map_dist(b->gic, b->m->memory, DIST);
    gicv2_map_cpu(b->gic, b->m->memory, CPUIF);
    gic_set_accessor(b->gic, accessor, b);
    unsigned n = (unsigned)atoi(strchr(cpus, '=') + 1);
    for (b->cpu = 0; b->cpu < n; b->cpu++) {
        gic_connect(b->gic, b->cpu, test_line_irq(&b->irq[b->cpu]), test_line_irq(&b->fiq[b->cpu]));
        test_store32(b->m, CPUIF + PMR, 0xf0);
        test_store32(b->m, CPUIF + GICC_CTLR, 1);
    }
    b->cpu = 0;
    test_store32(b->m, DIST, 1);
}

static void begin(struct bench *b)
{
    begin_with(b, "num-cpu=3");
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

static uint32_t get(struct bench *b, unsigned cpu, unsigned reg)
{
    b->cpu = cpu;
    return test_load32(b->m, CPUIF + reg);
}

static void put(struct bench *b, unsigned cpu, unsigned reg, uint32_t value)
{
    b->cpu = cpu;
    test_store32(b->m, CPUIF + reg, value);
}

static void dist(struct bench *b, unsigned reg, uint32_t value)
{
    test_store32(b->m, DIST + reg, value);
}

static void enable_for(struct bench *b, unsigned intid, uint8_t cpus)
{
    test_store(b->m, DIST + 0x800 + intid, 1, cpus);
    dist(b, 0x100 + 4 * (intid / 32), 1u << (intid % 32));
}

static void set_spi(struct bench *b, unsigned intid, int level)
{
    struct irq irq = gic_spi(b->gic, intid - 32);
    irq_set(&irq, level);
}

TEST(shared_interrupt_goes_to_all_listed_cpus_and_the_first_takes_it)
{
    struct bench b;
    begin(&b);
    enable_for(&b, 40, 6);
    set_spi(&b, 40, 1);
    CHECK_EQ(b.irq[0].level, 0);
    CHECK(b.irq[1].level && b.irq[2].level);
    CHECK_EQ(get(&b, 2, HPPIR), 40);
    CHECK_EQ(get(&b, 2, IAR), 40);
    CHECK(!b.irq[1].level && !b.irq[2].level);
    CHECK_EQ(get(&b, 1, IAR), 1023);
    set_spi(&b, 40, 0);
    put(&b, 2, EOIR, 40);
    CHECK(!b.irq[1].level && !b.irq[2].level);
    CHECK_EQ(test_load(b.m, DIST + 0x800 + 40, 1), 6);
    end(&b);
}

TEST(single_cpu_is_sent_everything_and_has_no_masks)
{
    struct bench b;
    begin_with(&b, "num-cpu=1");
    CHECK_EQ(test_load32(b.m, DIST + 0x820), 0);
    dist(&b, 0x820, UINT32_MAX);
    CHECK_EQ(test_load32(b.m, DIST + 0x820), 0);
    dist(&b, 0x104, 1);
    set_spi(&b, 32, 1);
    CHECK_EQ(b.irq[0].level, 1);
    end(&b);
}

TEST(software_interrupts_carry_their_senders)
{
    struct bench b;
    begin(&b);
    b.cpu = 1;
    dist(&b, 0xf00, 2 << 16 | 5); /* CPU 1 to itself by list */
    b.cpu = 2;
    dist(&b, 0xf00, 2 << 16 | 5);
    b.cpu = 0;
    dist(&b, 0xf00, 1 << 24 | 7); /* to all others */
    CHECK(!b.irq[0].level && b.irq[1].level && b.irq[2].level);
    CHECK_EQ(get(&b, 1, IAR), 1 << 10 | 5);
    put(&b, 1, EOIR, 1 << 10 | 5);
    CHECK_EQ(get(&b, 1, IAR), 2 << 10 | 5);
    put(&b, 1, EOIR, 2 << 10 | 5);
    CHECK_EQ(get(&b, 1, IAR), 7);
    put(&b, 1, EOIR, 7);
    CHECK_EQ(get(&b, 1, IAR), 1023);
    b.cpu = 0;
    dist(&b, 0xf00, 2 << 24 | 3); /* to itself */
    CHECK_EQ(get(&b, 0, IAR), 3);
    end(&b);
}

TEST(pending_senders_can_be_set_and_cleared)
{
    struct bench b;
    begin(&b);
    b.cpu = 1;
    test_store(b.m, DIST + 0xf20 + 4, 1, 0xff); /* SGI 4 from all three */
    CHECK_EQ(test_load(b.m, DIST + 0xf20 + 4, 1), 7);
    test_store(b.m, DIST + 0xf10 + 4, 1, 5);
    CHECK_EQ(test_load(b.m, DIST + 0xf10 + 4, 1), 2);
    CHECK_EQ(get(&b, 1, IAR), 1 << 10 | 4);
    CHECK_EQ(b.irq[1].level, 0);
    b.cpu = 0;
    CHECK_EQ(test_load(b.m, DIST + 0xf20 + 4, 1), 0);
    end(&b);
}

TEST(software_interrupts_are_always_enabled)
{
    struct bench b;
    begin(&b);
    dist(&b, 0x180, UINT32_MAX);
    CHECK_EQ(test_load32(b.m, DIST + 0x100), 0xffff);
    dist(&b, 0x200, 0xffff); /* ISPENDR does not set them */
    CHECK_EQ(b.irq[0].level, 0);
    end(&b);
}

TEST(private_registers_are_the_accessing_cpus)
{
    struct bench b;
    begin(&b);
    b.cpu = 2;
    dist(&b, 0x100, 1u << 30);
    test_store(b.m, DIST + 0x400 + 30, 1, 0x60);
    CHECK_EQ(test_load(b.m, DIST + 0x800 + 30, 1), 4);
    b.cpu = 0;
    CHECK_EQ(test_load32(b.m, DIST + 0x100), 0xffff);
    struct irq timer = gic_ppi(b.gic, 2, 14);
    irq_set(&timer, 1);
    CHECK_EQ(b.irq[2].level, 1);
    CHECK_EQ(get(&b, 2, IAR), 30);
    CHECK_EQ(get(&b, 2, RPR), 0x60);
    irq_set(&timer, 0);
    put(&b, 2, EOIR, 30);
    CHECK_EQ(get(&b, 2, RPR), 0xff);
    end(&b);
}

TEST(group_1_needs_the_aliased_registers_or_ackctl)
{
    struct bench b;
    begin(&b);
    dist(&b, 0, 3);
    dist(&b, 0x84, UINT32_MAX);
    enable_for(&b, 50, 1);
    put(&b, 0, GICC_CTLR, 3);
    set_spi(&b, 50, 1);
    CHECK_EQ(b.irq[0].level, 1);
    CHECK_EQ(get(&b, 0, IAR), 1022);
    CHECK_EQ(get(&b, 0, HPPIR), 1022);
    CHECK_EQ(get(&b, 0, AHPPIR), 50);
    CHECK_EQ(get(&b, 0, AIAR), 50);
    put(&b, 0, EOIR, 50); /* group 0 is not active */
    CHECK_EQ(get(&b, 0, RPR), 0);
    put(&b, 0, AEOIR, 50);
    CHECK_EQ(get(&b, 0, RPR), 0xff);
    put(&b, 0, GICC_CTLR, 7); /* AckCtl */
    CHECK_EQ(get(&b, 0, IAR), 50);
    put(&b, 0, EOIR, 50);
    CHECK_EQ(get(&b, 0, RPR), 0xff);
    end(&b);
}

TEST(group_0_can_be_signalled_as_fiq)
{
    struct bench b;
    begin(&b);
    enable_for(&b, 50, 1);
    set_spi(&b, 50, 1);
    CHECK(b.irq[0].level && !b.fiq[0].level);
    put(&b, 0, GICC_CTLR, 1 | 8);
    CHECK(!b.irq[0].level && b.fiq[0].level);
    CHECK_EQ(get(&b, 0, AIAR), 1023);
    CHECK_EQ(get(&b, 0, IAR), 50);
    CHECK(!b.fiq[0].level);
    end(&b);
}

TEST(split_end_and_deactivation)
{
    struct bench b;
    begin(&b);
    enable_for(&b, 60, 1);
    put(&b, 0, DIR, 60); /* without EOImode it is ignored */
    put(&b, 0, GICC_CTLR, 1 | 1 << 9);
    set_spi(&b, 60, 1);
    CHECK_EQ(get(&b, 0, IAR), 60);
    CHECK_EQ(get(&b, 0, APR0), 1);
    put(&b, 0, EOIR, 60);
    CHECK_EQ(get(&b, 0, APR0), 0);
    CHECK_EQ(b.irq[0].level, 0);
    put(&b, 0, DIR, 60);
    CHECK_EQ(b.irq[0].level, 1);
    end(&b);
}

TEST(active_priorities_of_each_group_are_128)
{
    struct bench b;
    begin(&b);
    test_log_begin(LOG_GUEST_ERRORS);
    for (unsigned i = 0; i < 4; i++) {
        put(&b, 0, APR0 + 4 * i, i + 1);
        put(&b, 0, APR0 + 0x10 + 4 * i, i + 5);
    }
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(get(&b, 0, APR0 + 4 * i), i + 1);
        CHECK_EQ(get(&b, 0, APR0 + 0x10 + 4 * i), i + 5);
    }
    char *log = test_log_end();
    CHECK_STR(log, "");
    mem_free(log);
    end(&b);
}

TEST(identity_tells_cpus_and_lines)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(test_load32(b.m, DIST + 4), 2 << 5 | 8);
    CHECK_EQ(test_load32(b.m, DIST + 0xfe8) & 0xf0, 0x20);
    CHECK_EQ(test_load(b.m, DIST + 0xfe8, 1), 0x2b);
    CHECK_EQ(get(&b, 0, 0xfc) & 0xf0fff, 0x2043b);
    put(&b, 0, BPR, 0);
    put(&b, 0, ABPR, 0);
    CHECK_EQ(get(&b, 0, BPR), 0);
    CHECK_EQ(get(&b, 0, ABPR), 1);
    end(&b);
}

TEST(priorities_have_8_bits_and_groups_of_them_7)
{
    struct bench b;
    begin(&b);
    for (unsigned i = 40; i < 43; i++) {
        enable_for(&b, i, 1);
    }
    put(&b, 0, PMR, 0xff);
    CHECK_EQ(get(&b, 0, PMR), 0xff);
    test_store(b.m, DIST + 0x400 + 40, 1, 0xf3);
    test_store(b.m, DIST + 0x400 + 41, 1, 0xf2);
    test_store(b.m, DIST + 0x400 + 42, 1, 0xf1);
    CHECK_EQ(test_load(b.m, DIST + 0x400 + 40, 1), 0xf3);
    set_spi(&b, 40, 1);
    CHECK_EQ(get(&b, 0, IAR), 40);
    CHECK_EQ(get(&b, 0, 0x14), 0xf2);                  /* RPR: the group's */
    CHECK_EQ(get(&b, 0, 0xdc), 1u << (0xf2 / 2 - 96)); /* APR3 */
    set_spi(&b, 41, 1);
    CHECK_EQ(get(&b, 0, IAR), 1023); /* of the same group */
    set_spi(&b, 42, 1);
    CHECK_EQ(get(&b, 0, IAR), 42);
    CHECK(test_round_trip(b.gic));
    CHECK_EQ(get(&b, 0, 0x14), 0xf0);
    put(&b, 0, EOIR, 42);
    CHECK_EQ(get(&b, 0, 0x14), 0xf2);
    put(&b, 0, EOIR, 40);
    CHECK_EQ(get(&b, 0, 0x14), 0xff);
    end(&b);
}

TEST(messages_pulse_the_frames_interrupts_only)
{
    struct bench b;
    begin(&b);
    struct device *frame = test_device(b.m, &arm_gicv2m_class, "base-spi=48", "num-spi=64", NULL);
    gicv2m_connect(frame, b.gic);
    device_map(frame, b.m->memory, FRAME);
    CHECK_EQ(test_load32(b.m, FRAME + 8), 80 << 16 | 64);
    enable_for(&b, 80, 1);
    enable_for(&b, 79, 1);
    dist(&b, 0xc00 + 4 * 5, 2); /* INTID 80: edge */
    test_store32(b.m, FRAME + GICV2M_SETSPI, 80);
    CHECK_EQ(b.irq[0].level, 1);
    CHECK_EQ(get(&b, 0, IAR), 80);
    put(&b, 0, EOIR, 80);
    gicv2m_send(frame, 79);
    gicv2m_send(frame, 144);
    gicv2m_send(frame, 3);
    CHECK_EQ(get(&b, 0, IAR), 1023);
    gicv2m_send(frame, 80);
    CHECK_EQ(get(&b, 0, IAR), 80);
    end(&b);
}

TEST(state_survives_saving_and_loading)
{
    struct bench b;
    begin(&b);
    enable_for(&b, 100, 2);
    set_spi(&b, 100, 1);
    b.cpu = 0;
    dist(&b, 0xf00, 1 << 24 | 7);
    CHECK(test_round_trip(b.gic));
    CHECK(b.irq[1].level && b.irq[2].level);
    CHECK_EQ(get(&b, 2, IAR), 7);
    device_reset(b.gic);
    CHECK(!b.irq[1].level && !b.irq[2].level);
    end(&b);
}

TEST(random_register_accesses_leave_the_interrupt_controller_in_order)
{
    struct bench b;
    struct rng rng;
    begin(&b);
    rng_seed(&rng, test_seed());
    for (unsigned i = 0; i < 20000 * test_scale(); i++) {
        b.cpu = (unsigned)rng_below(&rng, 5); /* also ones that are not there */
        uint64_t value = rng_below(&rng, 2) ? rng_u64(&rng) : rng_below(&rng, 300);
        unsigned size = 1u << rng_below(&rng, 4);
        uint64_t offset = align_down(rng_below(&rng, 0x1000), size);
        switch (rng_below(&rng, 5)) {
        case 0:
            test_store(b.m, DIST + offset, size, value);
            break;
        case 1:
            test_load(b.m, DIST + offset, size);
            break;
        case 2:
            set_spi(&b, 32 + (unsigned)rng_below(&rng, 256), (int)(value & 1));
            break;
        case 3:
            test_store(b.m, CPUIF + offset % 0x100, size, value);
            break;
        default:
            CHECK((test_load32(b.m, CPUIF + IAR) & 0x3ff) < 288 ||
                  test_load32(b.m, CPUIF + IAR) >= 1022);
        }
    }
    CHECK(test_round_trip(b.gic));
    end(&b);
}
