/* SPDX-License-Identifier: MIT */
/* The 8254 interval timer, and port B. */
#include "hw/timer/i8254.h"

#include "tests/support/machine.h"
#include "tests/test.h"

enum {
    CONTROL = 0x43,
    PORT_B = 0x61
};

struct bench {
    struct machine *m;
    struct device *pit;
    struct test_line irq;
};

static void put(struct bench *b, unsigned port, unsigned value)
{
    test_store(b->m, port, 1, value);
}

static unsigned get(struct bench *b, unsigned port)
{
    return (unsigned)test_load(b->m, port, 1);
}

static void begin(struct bench *b)
{
    *b = (struct bench){.m = test_machine_new(4096)};
    b->pit = test_device(b->m, &i8254_class, NULL);
    b->pit->irq[0] = test_line_irq(&b->irq);
    i8254_map(b->pit, b->m->memory);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

static void advance(struct bench *b, uint64_t ns)
{
    clock_manual_advance(b->m->clock, ns);
}

/* Until so many ticks have passed since the start of the program, or its last call with 0. */
static uint64_t began_ns;
static void to_tick(struct bench *b, uint64_t ticks)
{
    const uint64_t now = clock_now_ns(b->m->clock);
    if (!ticks) {
        began_ns = now;
    }
    const uint64_t due = began_ns + (ticks * 1000000000 + I8254_HZ - 1) / I8254_HZ;
    advance(b, due - now);
}

/* Both bytes of a count; the first access begins counting. */
static void program(struct bench *b, unsigned n, unsigned control, unsigned count)
{
    put(b, CONTROL, n << 6 | 0x30 | control);
    to_tick(b, 0);
    put(b, 0x40 + n, count & 0xff);
    put(b, 0x40 + n, count >> 8);
}

static unsigned count_of(struct bench *b, unsigned n)
{
    put(b, CONTROL, n << 6);
    const unsigned low = get(b, 0x40 + n);
    return low | get(b, 0x40 + n) << 8;
}

TEST(mode_2_interrupts_each_period)
{
    struct bench b;
    begin(&b);
    program(&b, 0, 4, 1000);
    CHECK_EQ(b.irq.level, 1);
    const int rises = b.irq.rises;
    to_tick(&b, 999);
    CHECK_EQ(b.irq.rises, rises);
    CHECK_EQ(count_of(&b, 0), 1);
    to_tick(&b, 1000);
    CHECK_EQ(b.irq.rises, rises + 1);
    CHECK_EQ(count_of(&b, 0), 1000);
    to_tick(&b, 5500);
    CHECK_EQ(b.irq.rises, rises + 5);
    CHECK_EQ(count_of(&b, 0), 500);
    end(&b);
}

TEST(mode_0_raises_its_output_once)
{
    struct bench b;
    begin(&b);
    program(&b, 0, 0, 300);
    CHECK_EQ(b.irq.level, 0);
    to_tick(&b, 100);
    CHECK_EQ(count_of(&b, 0), 200);
    to_tick(&b, 299);
    CHECK_EQ(b.irq.level, 0);
    to_tick(&b, 300);
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(count_of(&b, 0), 0);
    to_tick(&b, 301);
    CHECK_EQ(count_of(&b, 0), 0xffff);
    CHECK_EQ(b.irq.rises, 1);
    end(&b);
}

TEST(mode_3_is_a_square_wave_that_counts_by_twos)
{
    struct bench b;
    begin(&b);
    program(&b, 0, 6, 100);
    CHECK_EQ(b.irq.level, 1);
    to_tick(&b, 10);
    CHECK_EQ(count_of(&b, 0), 80);
    to_tick(&b, 49);
    CHECK_EQ(b.irq.level, 1);
    to_tick(&b, 50);
    CHECK_EQ(b.irq.level, 0);
    const int rises = b.irq.rises;
    to_tick(&b, 99);
    CHECK_EQ(b.irq.level, 0);
    to_tick(&b, 100);
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(b.irq.rises, rises + 1);
    end(&b);
}

TEST(mode_4_is_low_for_one_tick)
{
    struct bench b;
    begin(&b);
    program(&b, 0, 8, 50);
    const int rises = b.irq.rises;
    CHECK_EQ(b.irq.level, 1);
    to_tick(&b, 49);
    CHECK_EQ(b.irq.level, 1);
    to_tick(&b, 50);
    CHECK_EQ(b.irq.level, 0);
    to_tick(&b, 51);
    CHECK_EQ(b.irq.level, 1);
    to_tick(&b, 500);
    CHECK_EQ(b.irq.rises, rises + 1);
    end(&b);
}

TEST(a_late_host_gets_one_interrupt_for_all_periods)
{
    struct bench b;
    begin(&b);
    program(&b, 0, 4, 2);
    const int rises = b.irq.rises;
    clock_manual_set(b.m->clock, clock_now_ns(b.m->clock) + 1000000000);
    clock_run_due(b.m->clock);
    CHECK(b.irq.rises - rises <= 2);
    end(&b);
}

TEST(the_gate_of_counter_2_is_in_port_b)
{
    struct bench b;
    begin(&b);
    put(&b, PORT_B, 0);
    program(&b, 2, 0, 100);
    to_tick(&b, 200);
    CHECK_EQ(get(&b, PORT_B) & 0x21, 0); /* it does not count */
    CHECK_EQ(count_of(&b, 2), 100);
    put(&b, PORT_B, 1);
    to_tick(&b, 0);
    to_tick(&b, 99);
    CHECK_EQ(get(&b, PORT_B) & 0x21, 1);
    to_tick(&b, 100);
    CHECK_EQ(get(&b, PORT_B) & 0x21, 0x21);
    put(&b, PORT_B, 3);
    CHECK_EQ(get(&b, PORT_B) & 3, 3);
    end(&b);
}

TEST(one_shots_wait_for_an_edge_of_the_gate)
{
    struct bench b;
    begin(&b);
    put(&b, PORT_B, 1);
    program(&b, 2, 2, 100);
    to_tick(&b, 500);
    CHECK_EQ(get(&b, PORT_B) & 0x20, 0x20);
    put(&b, PORT_B, 0);
    put(&b, PORT_B, 1);
    to_tick(&b, 0);
    CHECK_EQ(get(&b, PORT_B) & 0x20, 0);
    to_tick(&b, 50);
    put(&b, PORT_B, 0);
    put(&b, PORT_B, 1); /* anew */
    to_tick(&b, 149);
    CHECK_EQ(get(&b, PORT_B) & 0x20, 0);
    to_tick(&b, 151);
    CHECK_EQ(get(&b, PORT_B) & 0x20, 0x20);
    end(&b);
}

TEST(refresh_toggles_in_port_b)
{
    struct bench b;
    begin(&b);
    const unsigned before = get(&b, PORT_B) & 0x10;
    advance(&b, 15085);
    CHECK_EQ(get(&b, PORT_B) & 0x10, before ^ 0x10);
    end(&b);
}

TEST(a_latched_count_stays_until_it_is_read)
{
    struct bench b;
    begin(&b);
    program(&b, 0, 4, 0x1234);
    put(&b, CONTROL, 0x00);
    to_tick(&b, 0x200);
    put(&b, CONTROL, 0x00); /* has no effect */
    CHECK_EQ(get(&b, 0x40), 0x34);
    CHECK_EQ(get(&b, 0x40), 0x12);
    CHECK_EQ(get(&b, 0x40), 0x34); /* 0x1034 now */
    CHECK_EQ(get(&b, 0x40), 0x10);
    end(&b);
}

TEST(read_back_latches_status_and_counts)
{
    struct bench b;
    begin(&b);
    put(&b, CONTROL, 0xb6); /* counter 2, mode 3: no count yet */
    put(&b, CONTROL, 0xe8);
    CHECK_EQ(get(&b, 0x42), 0xf6);
    program(&b, 0, 4, 500);
    put(&b, CONTROL, 0xc2);
    to_tick(&b, 100);
    CHECK_EQ(get(&b, 0x40), 0xb4);
    CHECK_EQ(get(&b, 0x40), 500 & 0xff);
    CHECK_EQ(get(&b, 0x40), 500 >> 8);
    end(&b);
}

TEST(single_bytes_and_zero_and_bcd)
{
    struct bench b;
    begin(&b);
    put(&b, CONTROL, 0x14); /* low byte, mode 2 */
    to_tick(&b, 0);
    put(&b, 0x40, 0x80);
    to_tick(&b, 0x30);
    CHECK_EQ(get(&b, 0x40), 0x50);
    put(&b, CONTROL, 0x24); /* high byte */
    to_tick(&b, 0);
    put(&b, 0x40, 0x12);
    to_tick(&b, 0x100);
    CHECK_EQ(get(&b, 0x40), 0x11);
    program(&b, 0, 4, 0);
    to_tick(&b, 1);
    CHECK_EQ(count_of(&b, 0), 0xffff);
    program(&b, 0, 5, 0x1000); /* decimal */
    to_tick(&b, 1);
    CHECK_EQ(count_of(&b, 0), 0x999);
    program(&b, 0, 5, 0);
    to_tick(&b, 1);
    CHECK_EQ(count_of(&b, 0), 0x9999);
    end(&b);
}

TEST(state_survives_saving_and_loading_with_its_timer)
{
    struct bench b;
    begin(&b);
    program(&b, 0, 4, 1000);
    put(&b, 0x40, 5); /* half of a count */
    to_tick(&b, 400);
    CHECK(test_round_trip(b.pit));
    const int rises = b.irq.rises;
    CHECK_EQ(count_of(&b, 0), 600);
    to_tick(&b, 1000);
    CHECK_EQ(b.irq.rises, rises + 1);
    put(&b, 0x40, 1);
    CHECK_EQ(count_of(&b, 0), 0x105);
    end(&b);
}
