/* SPDX-License-Identifier: MIT */
/* The I/O APIC, with a local APIC of one CPU behind it. */
#include "hw/intc/ioapic.h"

#include "cpu/x86.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define BASE 0xfec00000u
enum {
    SELECT = 0,
    WINDOW = 0x10,
    EOIR = 0x40,
    MASKED = 0x10000,
    LEVEL = 0x8000,
    REMOTE = 0x4000
};

struct bench {
    struct machine *m;
    struct device *io, *local;
    struct test_line intr;
};

static uint32_t get(struct bench *b, unsigned n)
{
    test_store32(b->m, BASE + SELECT, n);
    return test_load32(b->m, BASE + WINDOW);
}

static void put(struct bench *b, unsigned n, uint32_t value)
{
    test_store32(b->m, BASE + SELECT, n);
    test_store32(b->m, BASE + WINDOW, value);
}

static void set(struct bench *b, unsigned n, int level)
{
    const struct irq i = ioapic_pin(b->io, n);
    irq_set(&i, level);
}

static int acknowledge(struct bench *b)
{
    const struct x86_apic *t = lapic_table(b->local);
    return t->acknowledge(t->opaque, 0);
}

static void begin(struct bench *b)
{
    *b = (struct bench){.m = test_machine_new(4096)};
    b->local = test_device(b->m, &lapic_class, NULL);
    lapic_connect(b->local, 0, &(struct lapic_cpu_wires){.intr = test_line_irq(&b->intr)});
    lapic_map(b->local, b->m->memory);
    b->io = test_device(b->m, &ioapic_class, NULL);
    ioapic_connect(b->io, b->local);
    ioapic_map(b->io, b->m->memory, BASE);
    test_store32(b->m, LAPIC_BASE + 0xf0, 0x1ff);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

TEST(registers_say_what_it_is)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(get(&b, 1), 0x170020);
    put(&b, 0, 0xffffffff);
    CHECK_EQ(get(&b, 0), 0x0f000000);
    CHECK_EQ(get(&b, 2), 0x0f000000);
    CHECK_EQ(get(&b, 0x10), MASKED);
    CHECK_EQ(get(&b, 0x3f), 0);
    CHECK_EQ(get(&b, 0x40), 0);
    put(&b, 0x3f, 0xffffffff);
    CHECK_EQ(get(&b, 0x3f), 0xff000000);
    put(&b, 0x3e, 0xffffffff);
    CHECK_EQ(get(&b, 0x3e), 0x1afff); /* delivery status and remote IRR cannot be written */
    CHECK_EQ(test_load32(b.m, BASE), 0x3e);
    end(&b);
}

TEST(an_edge_sends_its_vector_once)
{
    struct bench b;
    begin(&b);
    put(&b, 0x10 + 2 * 4, 0x41);
    set(&b, 4, 1);
    CHECK_EQ(b.intr.level, 1);
    CHECK_EQ(acknowledge(&b), 0x41);
    CHECK_EQ(acknowledge(&b), -1);
    test_store32(b.m, LAPIC_BASE + 0xb0, 0);
    CHECK_EQ(b.intr.level, 0);
    set(&b, 4, 0);
    set(&b, 4, 1);
    CHECK_EQ(acknowledge(&b), 0x41);
    end(&b);
}

TEST(an_edge_of_a_masked_pin_is_lost)
{
    struct bench b;
    begin(&b);
    put(&b, 0x10 + 2 * 4, MASKED | 0x41);
    set(&b, 4, 1);
    put(&b, 0x10 + 2 * 4, 0x41);
    CHECK_EQ(b.intr.level, 0);
    end(&b);
}

TEST(a_level_is_sent_again_at_its_end_for_as_long_as_it_is_up)
{
    struct bench b;
    begin(&b);
    put(&b, 0x10 + 2 * 9, LEVEL | 0x52);
    set(&b, 9, 1);
    CHECK_EQ(get(&b, 0x10 + 2 * 9), LEVEL | REMOTE | 0x52);
    CHECK_EQ(acknowledge(&b), 0x52);
    set(&b, 9, 0);
    set(&b, 9, 1);
    CHECK_EQ(b.intr.level, 0); /* not before its end */
    test_store32(b.m, LAPIC_BASE + 0xb0, 0);
    CHECK_EQ(b.intr.level, 1);
    CHECK_EQ(acknowledge(&b), 0x52);
    set(&b, 9, 0);
    test_store32(b.m, LAPIC_BASE + 0xb0, 0);
    CHECK_EQ(b.intr.level, 0);
    CHECK_EQ(get(&b, 0x10 + 2 * 9), LEVEL | 0x52);
    end(&b);
}

TEST(a_level_that_was_masked_is_sent_when_it_is_not)
{
    struct bench b;
    begin(&b);
    put(&b, 0x10 + 2 * 9, MASKED | LEVEL | 0x52);
    set(&b, 9, 1);
    CHECK_EQ(b.intr.level, 0);
    put(&b, 0x10 + 2 * 9, LEVEL | 0x52);
    CHECK_EQ(acknowledge(&b), 0x52);
    end(&b);
}

TEST(its_own_eoi_register_and_a_change_to_edges_end_it_too)
{
    struct bench b;
    begin(&b);
    put(&b, 0x10, LEVEL | 0x52);
    set(&b, 0, 1);
    set(&b, 0, 0);
    test_store32(b.m, BASE + EOIR, 0x53);
    CHECK(get(&b, 0x10) & REMOTE);
    test_store32(b.m, BASE + EOIR, 0x52);
    CHECK(!(get(&b, 0x10) & REMOTE));
    set(&b, 0, 1);
    CHECK(get(&b, 0x10) & REMOTE);
    put(&b, 0x10, MASKED | 0x52);
    CHECK(!(get(&b, 0x10) & REMOTE));
    end(&b);
}

TEST(state_survives_saving_and_loading)
{
    struct bench b;
    begin(&b);
    put(&b, 0, 0x05000000);
    put(&b, 0x10 + 2 * 9, LEVEL | 0x52);
    set(&b, 9, 1);
    CHECK(test_round_trip(b.io));
    CHECK_EQ(get(&b, 0), 0x05000000);
    CHECK_EQ(acknowledge(&b), 0x52);
    test_store32(b.m, LAPIC_BASE + 0xb0, 0);
    CHECK_EQ(acknowledge(&b), 0x52); /* the line was up */
    end(&b);
}
