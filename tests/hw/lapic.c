/* SPDX-License-Identifier: MIT */
/* The local APICs, with CPUs that only note what they are told. */
#include "hw/intc/lapic.h"

#include "cpu/x86.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define CPUS 4u
enum {
    ID = 0x20,
    VERSION = 0x30,
    TPR = 0x80,
    PPR = 0xa0,
    EOI = 0xb0,
    LDR = 0xd0,
    DFR = 0xe0,
    SVR = 0xf0,
    ISR = 0x100,
    TMR = 0x180,
    IRR = 0x200,
    ESR = 0x280,
    ICR = 0x300,
    ICR_HIGH = 0x310,
    LVT_TIMER = 0x320,
    LVT_LINT0 = 0x350,
    LVT_LINT1 = 0x360,
    LVT_ERROR = 0x370,
    INITIAL = 0x380,
    CURRENT = 0x390,
    DIVIDE = 0x3e0,
    PERIODIC = 1 << 17,
    DEADLINE = 2 << 17,
    MASKED = 1 << 16
};

struct bench {
    struct machine *m;
    struct device *apic;
    const struct x86_apic *t;
    struct cpu {
        struct test_line intr;
        int nmis, smis, inits, startup; /* vector, or -1 */
    } cpu[CPUS];
    int ended; /* vector, or -1 */
    int pic;   /* what the 8259 says */
};

static void nmi(void *opaque)
{
    ((struct cpu *)opaque)->nmis++;
}

static void init(void *opaque)
{
    ((struct cpu *)opaque)->inits++;
}

static void smi(void *opaque)
{
    ((struct cpu *)opaque)->smis++;
}

static void startup(void *opaque, uint8_t vector)
{
    ((struct cpu *)opaque)->startup = vector;
}

static void ended(void *opaque, uint8_t vector)
{
    ((struct bench *)opaque)->ended = vector;
}

static int pic_acknowledge(struct device *pic)
{
    return ((struct bench *)(void *)pic)->pic;
}

static void put(struct bench *b, unsigned cpu, unsigned reg, uint32_t value)
{
    const struct requester by = {.id = cpu};
    CHECK(space_store_by(b->m->memory, &by, LAPIC_BASE + reg, 4, value));
}

static uint32_t get(struct bench *b, unsigned cpu, unsigned reg)
{
    const struct requester by = {.id = cpu};
    uint64_t value = 0;
    CHECK(space_load_by(b->m->memory, &by, LAPIC_BASE + reg, 4, &value));
    return (uint32_t)value;
}

static int take(struct bench *b, int cpu)
{
    return b->t->acknowledge(b->t->opaque, cpu);
}

static void begin(struct bench *b)
{
    *b = (struct bench){.m = test_machine_new(4096), .ended = -1};
    b->apic = test_device(b->m, &lapic_class, "num-cpu=4", NULL);
    b->t = lapic_table(b->apic);
    for (unsigned k = 0; k < CPUS; k++) {
        b->cpu[k].startup = -1;
        lapic_connect(b->apic, k,
                      &(struct lapic_cpu_wires){test_line_irq(&b->cpu[k].intr), nmi, init, startup,
                                                &b->cpu[k], smi});
    }
    lapic_connect_extint(b->apic, pic_acknowledge, (struct device *)(void *)b);
    lapic_add_listener(b->apic, ended, b);
    lapic_map(b->apic, b->m->memory);
    for (unsigned k = 0; k < CPUS; k++) {
        put(b, k, SVR, 0x1ff);
    }
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

static void send(struct bench *b, uint32_t destination, unsigned mode, unsigned vector)
{
    lapic_send(b->apic, &(struct lapic_message){.destination = destination,
                                                .mode = (uint8_t)mode,
                                                .vector = (uint8_t)vector});
}

/* Registers of x2APIC. */
static bool write_msr(struct bench *b, int cpu, uint32_t msr, uint64_t value)
{
    return b->t->write(b->t->opaque, cpu, msr, value);
}

static uint64_t read_msr(struct bench *b, int cpu, uint32_t msr)
{
    uint64_t value = UINT64_MAX;
    CHECK(b->t->read(b->t->opaque, cpu, msr, &value));
    return value;
}

TEST(each_cpu_sees_its_own_at_the_same_address)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(get(&b, 0, ID), 0);
    CHECK_EQ(get(&b, 3, ID), 3u << 24);
    CHECK_EQ(get(&b, 2, VERSION), 0x01050014);
    put(&b, 1, TPR, 0x30);
    CHECK_EQ(get(&b, 1, TPR), 0x30);
    CHECK_EQ(get(&b, 1, PPR), 0x30);
    CHECK_EQ(get(&b, 0, TPR), 0);
    CHECK_EQ(read_msr(&b, 0, X86_MSR_APIC_BASE), 0xfee00900);
    CHECK_EQ(read_msr(&b, 1, X86_MSR_APIC_BASE), 0xfee00800);
    end(&b);
}

TEST(the_highest_is_served_and_holds_back_its_class)
{
    struct bench b;
    begin(&b);
    send(&b, 1, LAPIC_FIXED, 0x45);
    send(&b, 1, LAPIC_FIXED, 0x41);
    send(&b, 1, LAPIC_FIXED, 0x61);
    CHECK_EQ(b.cpu[0].intr.level, 0);
    CHECK_EQ(b.cpu[1].intr.level, 1);
    CHECK_EQ(get(&b, 1, IRR + 0x20), 0x22);
    CHECK_EQ(take(&b, 1), 0x61);
    CHECK_EQ(get(&b, 1, PPR), 0x60);
    CHECK_EQ(b.cpu[1].intr.level, 0);
    put(&b, 1, EOI, 0);
    CHECK_EQ(take(&b, 1), 0x45);
    CHECK_EQ(get(&b, 1, ISR + 0x20), 0x20);
    CHECK_EQ(take(&b, 1), -1); /* 0x41 is of the same class */
    send(&b, 1, LAPIC_FIXED, 0x50);
    CHECK_EQ(take(&b, 1), 0x50);
    put(&b, 1, EOI, 0);
    put(&b, 1, EOI, 0);
    CHECK_EQ(take(&b, 1), 0x41);
    CHECK_EQ(b.ended, -1); /* none was a level */
    end(&b);
}

TEST(the_task_priority_holds_back_and_is_cr8)
{
    struct bench b;
    begin(&b);
    b.t->set_priority(b.t->opaque, 0, 5);
    CHECK_EQ(get(&b, 0, TPR), 0x50);
    send(&b, 0, LAPIC_FIXED, 0x5f);
    CHECK_EQ(b.cpu[0].intr.level, 0);
    put(&b, 0, TPR, 0x4f);
    CHECK_EQ(b.cpu[0].intr.level, 1);
    CHECK_EQ(b.t->priority(b.t->opaque, 0), 4);
    b.t->set_priority(b.t->opaque, 0, 15);
    CHECK_EQ(take(&b, 0), -1);
    end(&b);
}

TEST(ends_of_levels_are_told_unless_that_is_suppressed)
{
    struct bench b;
    begin(&b);
    struct lapic_message m = {.destination = 2, .vector = 0x77, .level = true};
    lapic_send(b.apic, &m);
    CHECK_EQ(get(&b, 2, TMR + 0x30), 1u << 0x17);
    take(&b, 2);
    put(&b, 2, EOI, 0);
    CHECK_EQ(b.ended, 0x77);
    b.ended = -1;
    put(&b, 2, SVR, 0x11ff);
    lapic_send(b.apic, &m);
    take(&b, 2);
    put(&b, 2, EOI, 0);
    CHECK_EQ(b.ended, -1);
    end(&b);
}

TEST(one_that_software_has_disabled_takes_no_vectors)
{
    struct bench b;
    begin(&b);
    put(&b, 0, LVT_TIMER, 0x40);
    CHECK_EQ(get(&b, 0, LVT_TIMER), 0x40);
    put(&b, 0, SVR, 0xff);
    CHECK_EQ(get(&b, 0, LVT_TIMER), MASKED | 0x40);
    put(&b, 0, LVT_TIMER, 0x40);
    CHECK_EQ(get(&b, 0, LVT_TIMER), MASKED | 0x40);
    send(&b, 0, LAPIC_FIXED, 0x40);
    send(&b, 0, LAPIC_NMI, 0);
    CHECK_EQ(b.cpu[0].nmis, 1);
    put(&b, 0, SVR, 0x1ff);
    CHECK_EQ(take(&b, 0), -1);
    end(&b);
}

TEST(logical_destinations_are_flat_or_clusters)
{
    struct bench b;
    begin(&b);
    for (unsigned k = 0; k < CPUS; k++) {
        put(&b, k, LDR, 1u << (24 + k));
        put(&b, k, DFR, 0xffffffff);
    }
    lapic_send_msi(b.apic, LAPIC_BASE | 0x0a << 12 | 4, 0x33);
    CHECK_EQ(take(&b, 0), -1);
    CHECK_EQ(take(&b, 1), 0x33);
    CHECK_EQ(take(&b, 2), -1);
    CHECK_EQ(take(&b, 3), 0x33);
    put(&b, 0, DFR, 0x0fffffff);
    put(&b, 0, LDR, 0x21000000);
    put(&b, 2, DFR, 0x0fffffff);
    put(&b, 2, LDR, 0x31000000);
    lapic_send_msi(b.apic, LAPIC_BASE | 0x31 << 12 | 4, 0x44);
    CHECK_EQ(take(&b, 0), -1);
    CHECK_EQ(take(&b, 2), 0x44);
    lapic_send_msi(b.apic, LAPIC_BASE | 0x01 << 12, 0x55); /* physical */
    put(&b, 1, EOI, 0);
    CHECK_EQ(take(&b, 1), 0x55);
    end(&b);
}

TEST(lowest_priority_goes_to_who_has_it)
{
    struct bench b;
    begin(&b);
    for (unsigned k = 0; k < CPUS; k++) {
        put(&b, k, TPR, k == 2 ? 0x10 : 0x20);
    }
    lapic_send(b.apic,
               &(struct lapic_message){.destination = 0xff, .mode = LAPIC_LOWEST, .vector = 0x99});
    CHECK_EQ(take(&b, 0), -1);
    CHECK_EQ(take(&b, 2), 0x99);
    lapic_send(b.apic,
               &(struct lapic_message){.destination = 0xff, .mode = LAPIC_LOWEST, .vector = 0x99});
    CHECK_EQ(take(&b, 0), 0x99);
    end(&b);
}

TEST(commands_reach_a_cpu_itself_all_or_the_others)
{
    struct bench b;
    begin(&b);
    put(&b, 0, ICR_HIGH, 2u << 24);
    put(&b, 0, ICR, 0x61);
    CHECK_EQ(take(&b, 2), 0x61);
    put(&b, 1, ICR, 1u << 18 | 0x62);
    CHECK_EQ(take(&b, 1), 0x62);
    put(&b, 0, ICR, 2u << 18 | 0x73);
    for (int k = 0; k < (int)CPUS; k++) {
        CHECK_EQ(take(&b, k), 0x73);
    }
    put(&b, 3, ICR, 3u << 18 | 0x84);
    CHECK_EQ(take(&b, 0), 0x84);
    CHECK_EQ(take(&b, 2), 0x84);
    CHECK_EQ(take(&b, 3), -1);
    CHECK_EQ(get(&b, 3, ICR), 3u << 18 | 0x84);
    put(&b, 0, ICR, 3u << 18 | LAPIC_NMI << 8);
    CHECK_EQ(b.cpu[0].nmis, 0);
    CHECK_EQ(b.cpu[1].nmis, 1);
    put(&b, 0, ICR, 2u << 18 | LAPIC_SMI << 8);
    CHECK_EQ(b.cpu[0].smis, 1);
    CHECK_EQ(b.cpu[3].smis, 1);
    CHECK_EQ(b.cpu[1].nmis, 1);
    end(&b);
}

TEST(init_resets_it_and_a_start_up_message_has_a_page)
{
    struct bench b;
    begin(&b);
    put(&b, 1, TPR, 0x30);
    put(&b, 0, ICR_HIGH, 1u << 24);
    put(&b, 0, ICR, 0x8500); /* "level de-assert" is not an INIT */
    CHECK_EQ(b.cpu[1].inits, 0);
    put(&b, 0, ICR, 0xc500);
    CHECK_EQ(b.cpu[1].inits, 1);
    CHECK_EQ(get(&b, 1, TPR), 0);
    CHECK_EQ(get(&b, 1, SVR), 0xff);
    CHECK_EQ(get(&b, 1, ID), 1u << 24);
    put(&b, 0, ICR, 0x4699);
    CHECK_EQ(b.cpu[1].startup, 0x99);
    CHECK_EQ(b.cpu[2].startup, -1);
    end(&b);
}

TEST(vectors_below_16_are_errors)
{
    struct bench b;
    begin(&b);
    put(&b, 0, LVT_ERROR, 0xfe);
    put(&b, 0, ICR, 1u << 18 | 5);
    put(&b, 0, ESR, 0);
    CHECK_EQ(get(&b, 0, ESR), 0x20);
    CHECK_EQ(take(&b, 0), 0xfe);
    send(&b, 0, LAPIC_FIXED, 15);
    get(&b, 0, 0x50); /* there is no such register */
    put(&b, 0, ESR, 0);
    CHECK_EQ(get(&b, 0, ESR), 0xc0);
    put(&b, 0, ESR, 0);
    CHECK_EQ(get(&b, 0, ESR), 0);
    end(&b);
}

TEST(the_timer_counts_once)
{
    struct bench b;
    begin(&b);
    put(&b, 0, LVT_TIMER, 0x40);
    put(&b, 0, DIVIDE, 0xb); /* by 1 */
    put(&b, 0, INITIAL, 1000);
    clock_manual_advance(b.m->clock, 400);
    CHECK_EQ(get(&b, 0, CURRENT), 600);
    clock_manual_advance(b.m->clock, 599);
    CHECK_EQ(b.cpu[0].intr.level, 0);
    clock_manual_advance(b.m->clock, 1);
    CHECK_EQ(take(&b, 0), 0x40);
    put(&b, 0, EOI, 0);
    clock_manual_advance(b.m->clock, 100000);
    CHECK_EQ(take(&b, 0), -1);
    CHECK_EQ(get(&b, 0, CURRENT), 0);
    put(&b, 0, DIVIDE, 0x3); /* by 16 */
    put(&b, 0, INITIAL, 100);
    clock_manual_advance(b.m->clock, 160);
    CHECK_EQ(get(&b, 0, CURRENT), 90);
    put(&b, 0, INITIAL, 0); /* stops it */
    clock_manual_advance(b.m->clock, 100000);
    CHECK_EQ(take(&b, 0), -1);
    end(&b);
}

TEST(the_timer_has_periods)
{
    struct bench b;
    begin(&b);
    put(&b, 2, LVT_TIMER, PERIODIC | 0x40);
    put(&b, 2, DIVIDE, 0xb);
    put(&b, 2, INITIAL, 20000);
    for (unsigned k = 0; k < 5; k++) {
        clock_manual_advance(b.m->clock, 19999);
        CHECK_EQ(take(&b, 2), -1);
        clock_manual_advance(b.m->clock, 1);
        CHECK_EQ(take(&b, 2), 0x40);
        put(&b, 2, EOI, 0);
    }
    clock_manual_advance(b.m->clock, 5000);
    CHECK_EQ(get(&b, 2, CURRENT), 15000);
    put(&b, 2, LVT_TIMER, MASKED | PERIODIC | 0x40);
    clock_manual_advance(b.m->clock, 15000);
    CHECK_EQ(take(&b, 2), -1);
    put(&b, 2, LVT_TIMER, 0x40); /* the present period is the last */
    clock_manual_advance(b.m->clock, 20000);
    CHECK_EQ(take(&b, 2), 0x40);
    put(&b, 2, EOI, 0);
    clock_manual_advance(b.m->clock, 200000);
    CHECK_EQ(take(&b, 2), -1);
    end(&b);
}

TEST(periods_shorter_than_the_host_can_follow_are_stretched)
{
    struct bench b;
    begin(&b);
    put(&b, 0, LVT_TIMER, PERIODIC | 0x40);
    put(&b, 0, DIVIDE, 0xb);
    put(&b, 0, INITIAL, 1);
    int n = 0;
    for (unsigned k = 0; k < 100; k++) {
        clock_manual_advance(b.m->clock, 1000);
        if (take(&b, 0) == 0x40) {
            put(&b, 0, EOI, 0);
            n++;
        }
    }
    CHECK_MSG(n >= 9 && n <= 12, "%d interrupts in 100 us", n);
    end(&b);
}

TEST(the_timer_has_a_deadline)
{
    struct bench b;
    begin(&b);
    CHECK(write_msr(&b, 1, X86_MSR_TSC_DEADLINE, 500)); /* of another mode: nothing */
    CHECK_EQ(read_msr(&b, 1, X86_MSR_TSC_DEADLINE), 0);
    put(&b, 1, LVT_TIMER, DEADLINE | 0x41);
    put(&b, 1, INITIAL, 100);
    CHECK_EQ(get(&b, 1, INITIAL), 0);
    CHECK(write_msr(&b, 1, X86_MSR_TSC_DEADLINE, 500));
    CHECK_EQ(read_msr(&b, 1, X86_MSR_TSC_DEADLINE), 500);
    clock_manual_advance(b.m->clock, 499);
    CHECK_EQ(take(&b, 1), -1);
    clock_manual_advance(b.m->clock, 1);
    CHECK_EQ(take(&b, 1), 0x41);
    put(&b, 1, EOI, 0);
    CHECK_EQ(read_msr(&b, 1, X86_MSR_TSC_DEADLINE), 0);
    CHECK(write_msr(&b, 1, X86_MSR_TSC_DEADLINE, 900));
    CHECK(write_msr(&b, 1, X86_MSR_TSC_DEADLINE, 0));
    clock_manual_advance(b.m->clock, 1000);
    CHECK_EQ(take(&b, 1), -1);
    CHECK(write_msr(&b, 1, X86_MSR_TSC_DEADLINE, 10)); /* passed long ago */
    clock_manual_advance(b.m->clock, 0);
    CHECK_EQ(take(&b, 1), 0x41);
    end(&b);
}

TEST(the_8259_comes_through_lint0)
{
    struct bench b;
    begin(&b);
    const struct irq line = lapic_lint0(b.apic);
    b.pic = 0x31;
    device_reset(b.apic);
    irq_set(&line, 1);
    CHECK_EQ(b.cpu[0].intr.level, 1);
    CHECK_EQ(b.cpu[1].intr.level, 0);
    CHECK_EQ(take(&b, 0), 0x31);
    irq_set(&line, 0);
    CHECK_EQ(b.cpu[0].intr.level, 0);
    put(&b, 0, SVR, 0x1ff);
    put(&b, 0, LVT_LINT0, MASKED | LAPIC_EXTINT << 8);
    irq_set(&line, 1);
    CHECK_EQ(b.cpu[0].intr.level, 0);
    irq_set(&line, 0);
    put(&b, 0, LVT_LINT0, LAPIC_NMI << 8);
    irq_set(&line, 1);
    CHECK_EQ(b.cpu[0].nmis, 1);
    irq_set(&line, 0);
    CHECK(write_msr(&b, 0, X86_MSR_APIC_BASE, 0xfee00100)); /* without an APIC it goes through */
    irq_set(&line, 1);
    CHECK_EQ(b.cpu[0].intr.level, 1);
    CHECK_EQ(get(&b, 0, VERSION), UINT32_MAX);
    end(&b);
}

TEST(modes_change_only_as_the_manual_has_it)
{
    struct bench b;
    begin(&b);
    CHECK(!write_msr(&b, 1, X86_MSR_APIC_BASE, 0xfee00400)); /* x2APIC that is off */
    CHECK(!write_msr(&b, 1, X86_MSR_APIC_BASE, 0xfed00800)); /* elsewhere */
    CHECK(write_msr(&b, 1, X86_MSR_APIC_BASE, 0xfee00c00));
    CHECK(!write_msr(&b, 1, X86_MSR_APIC_BASE, 0xfee00800)); /* back without going off */
    CHECK(write_msr(&b, 1, X86_MSR_APIC_BASE, 0xfee00000));
    CHECK(!write_msr(&b, 1, X86_MSR_APIC_BASE, 0xfee00c00));
    CHECK(write_msr(&b, 1, X86_MSR_APIC_BASE, 0xfee00800));
    CHECK_EQ(get(&b, 1, SVR), 0xff);
    end(&b);
}

TEST(x2apic_has_its_registers_as_msrs)
{
    struct bench b;
    uint64_t v;
    begin(&b);
    CHECK(!b.t->read(b.t->opaque, 3, X86_MSR_X2APIC + 2, &v)); /* not yet */
    CHECK(write_msr(&b, 3, X86_MSR_APIC_BASE, 0xfee00c00));
    CHECK_EQ(read_msr(&b, 3, 0x802), 3);
    CHECK_EQ(read_msr(&b, 3, 0x80d), 8);
    CHECK(!write_msr(&b, 3, 0x802, 1));
    CHECK(!write_msr(&b, 3, 0x80d, 1));
    CHECK(!write_msr(&b, 3, 0x80e, 1));
    CHECK(!b.t->read(b.t->opaque, 3, 0x831, &v));
    CHECK(!write_msr(&b, 3, 0x80b, 1)); /* EOI takes 0 only */
    CHECK(!write_msr(&b, 3, 0x808, UINT64_C(1) << 32));
    CHECK(write_msr(&b, 3, 0x808, 0x20));
    CHECK_EQ(read_msr(&b, 3, 0x808), 0x20);
    CHECK(write_msr(&b, 3, 0x83f, 0x99)); /* to itself */
    CHECK_EQ(take(&b, 3), 0x99);
    CHECK(write_msr(&b, 3, 0x80b, 0));
    CHECK(write_msr(&b, 3, 0x830, UINT64_C(1) << 32 | 0x55));
    CHECK_EQ(read_msr(&b, 3, 0x830), UINT64_C(1) << 32 | 0x55);
    CHECK_EQ(take(&b, 1), 0x55);
    CHECK(write_msr(&b, 3, 0x830, UINT64_C(0xffffffff) << 32 | 0x66));
    CHECK_EQ(take(&b, 0), 0x66);
    CHECK_EQ(take(&b, 3), 0x66);
    CHECK_EQ(get(&b, 3, VERSION), UINT32_MAX); /* memory shows nothing */
    end(&b);
}

TEST(x2apic_logical_destinations_are_clusters_of_16)
{
    struct bench b;
    begin(&b);
    for (int k = 0; k < (int)CPUS; k++) {
        CHECK(write_msr(&b, k, X86_MSR_APIC_BASE, 0xfee00c00 | (k ? 0 : 0x100)));
    }
    CHECK(write_msr(&b, 0, 0x830, UINT64_C(0x5) << 32 | 0x877));
    CHECK_EQ(take(&b, 0), 0x77);
    CHECK_EQ(take(&b, 1), -1);
    CHECK_EQ(take(&b, 2), 0x77);
    CHECK(write_msr(&b, 0, 0x830, UINT64_C(0x10005) << 32 | 0x888));
    CHECK_EQ(take(&b, 1), -1);
    CHECK_EQ(take(&b, 2), -1);
    end(&b);
}

TEST(state_survives_saving_and_loading_with_its_timers)
{
    struct bench b;
    begin(&b);
    put(&b, 1, LVT_TIMER, PERIODIC | 0x40);
    put(&b, 1, DIVIDE, 0xb);
    put(&b, 1, INITIAL, 50000);
    send(&b, 2, LAPIC_FIXED, 0x88);
    clock_manual_advance(b.m->clock, 20000);
    CHECK(test_round_trip(b.apic));
    CHECK_EQ(take(&b, 2), 0x88);
    CHECK_EQ(get(&b, 1, CURRENT), 30000);
    clock_manual_advance(b.m->clock, 30000);
    CHECK_EQ(take(&b, 1), 0x40);
    end(&b);
}
