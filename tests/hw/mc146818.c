/* SPDX-License-Identifier: MIT */
/* The MC146818 real time clock and its CMOS memory. */
#include "hw/rtc/mc146818.h"

#include "tests/support/machine.h"
#include "tests/test.h"

#define SECOND UINT64_C(1000000000)
enum {
    A = 10,
    B,
    C,
    D,
    CENTURY = 0x32
};

struct bench {
    struct machine *m;
    struct device *rtc;
    struct test_line irq;
};

static void put(struct bench *b, unsigned n, unsigned value)
{
    test_store(b->m, 0x70, 1, n);
    test_store(b->m, 0x71, 1, value);
}

static unsigned get(struct bench *b, unsigned n)
{
    test_store(b->m, 0x70, 1, n);
    return (unsigned)test_load(b->m, 0x71, 1);
}

/* Tuesday, 14 November 2023, 22:13:20 */
static void begin(struct bench *b)
{
    *b = (struct bench){.m = test_machine_new(4096)};
    b->m->config.rtc_base_s = 1700000000;
    b->rtc = test_device(b->m, &mc146818_class, NULL);
    b->rtc->irq[0] = test_line_irq(&b->irq);
    mc146818_map(b->rtc, b->m->memory);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

static void advance(struct bench *b, uint64_t ns)
{
    clock_manual_advance(b->m->clock, ns);
}

static void check_time(struct bench *b, uint64_t date, uint64_t time)
{
    const uint64_t d = (uint64_t)get(b, CENTURY) << 24 | get(b, 9) << 16 | get(b, 8) << 8 |
                       get(b, 7);
    const uint64_t t = (uint64_t)get(b, 4) << 16 | get(b, 2) << 8 | get(b, 0);
    CHECK_EQ(d, date);
    CHECK_EQ(t, time);
}

TEST(the_time_is_in_bcd_and_follows_the_clock)
{
    struct bench b;
    begin(&b);
    check_time(&b, 0x20231114, 0x221320);
    CHECK_EQ(get(&b, 6), 3);
    CHECK_EQ(get(&b, D), 0x80);
    advance(&b, 2 * 3600 * SECOND);
    check_time(&b, 0x20231115, 0x001320);
    CHECK_EQ(get(&b, 6), 4);
    device_reset(b.rtc); /* as by a battery */
    check_time(&b, 0x20231115, 0x001320);
    end(&b);
}

TEST(the_time_in_binary_and_with_twelve_hours)
{
    struct bench b;
    begin(&b);
    put(&b, B, 6);
    CHECK_EQ(get(&b, 4), 22);
    CHECK_EQ(get(&b, 2), 13);
    put(&b, B, 0);
    CHECK_EQ(get(&b, 4), 0x90); /* 10, after noon */
    advance(&b, 2 * 3600 * SECOND);
    CHECK_EQ(get(&b, 4), 0x12); /* midnight */
    end(&b);
}

TEST(the_time_stands_still_while_it_is_set)
{
    struct bench b;
    begin(&b);
    put(&b, B, 0x82);
    advance(&b, 5 * SECOND);
    check_time(&b, 0x20231114, 0x221320);
    put(&b, 0, 0x59);
    put(&b, 2, 0x59);
    put(&b, 4, 0x23);
    put(&b, 7, 0x28);
    put(&b, 8, 0x02);
    put(&b, 9, 0x24);
    check_time(&b, 0x20240228, 0x235959);
    put(&b, B, 2);
    advance(&b, SECOND);
    check_time(&b, 0x20240229, 0);
    put(&b, 2, 0x30); /* while it runs */
    check_time(&b, 0x20240229, 0x003000);
    end(&b);
}

TEST(uip_is_set_shortly_before_the_second_changes)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(get(&b, A), 0x26);
    advance(&b, SECOND - 100000);
    CHECK_EQ(get(&b, A), 0xa6);
    advance(&b, 100000);
    CHECK_EQ(get(&b, A), 0x26);
    end(&b);
}

TEST(update_interrupts_each_second_until_c_is_read)
{
    struct bench b;
    begin(&b);
    put(&b, A, 0x20);
    put(&b, B, 0x12);
    advance(&b, SECOND - 1);
    CHECK_EQ(b.irq.level, 0);
    advance(&b, 1);
    CHECK_EQ(b.irq.level, 1);
    advance(&b, 10 * SECOND);
    CHECK_EQ(b.irq.rises, 1);
    CHECK_EQ(get(&b, C), 0x90);
    CHECK_EQ(b.irq.level, 0);
    advance(&b, SECOND);
    CHECK_EQ(b.irq.rises, 2);
    end(&b);
}

TEST(flags_of_interrupts_that_nobody_wants_are_found_when_read)
{
    struct bench b;
    begin(&b);
    put(&b, A, 0x20); /* no periods */
    get(&b, C);
    CHECK_EQ(get(&b, C), 0);
    advance(&b, SECOND);
    CHECK_EQ(get(&b, C), 0x10);
    put(&b, A, 0x26);
    get(&b, C);
    advance(&b, SECOND / 1000);
    CHECK_EQ(get(&b, C), 0x40);
    CHECK_EQ(b.irq.rises, 0);
    end(&b);
}

TEST(alarms_match_seconds_minutes_and_hours_or_any)
{
    struct bench b;
    begin(&b);
    put(&b, A, 0x20);
    put(&b, 1, 0x05);
    put(&b, 3, 0x14);
    put(&b, 5, 0x22);
    put(&b, B, 0x22);
    advance(&b, 45 * SECOND - 1);
    CHECK_EQ(b.irq.level, 0);
    advance(&b, 1);
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(get(&b, C), 0xb0);
    CHECK_EQ(b.irq.level, 0);
    put(&b, 3, 0xff);
    put(&b, 5, 0xc0);
    advance(&b, 60 * SECOND);
    CHECK_EQ(get(&b, C), 0xb0);
    put(&b, B, 2);
    advance(&b, 70 * SECOND); /* passed without anybody looking */
    CHECK_EQ(get(&b, C), 0x30);
    end(&b);
}

TEST(periodic_interrupts_have_the_rate_of_a)
{
    struct bench b;
    begin(&b);
    put(&b, B, 0x42);
    get(&b, C);
    advance(&b, SECOND / 1024 + 1);
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(get(&b, C), 0xc0);
    int n = 0;
    for (unsigned k = 0; k < 64; k++) {
        advance(&b, SECOND / 64);
        n += (get(&b, C) & 0xc0) == 0xc0;
    }
    CHECK_EQ(n, 64);
    put(&b, A, 0x2f); /* 2 Hz */
    const int rises = b.irq.rises;
    for (unsigned k = 0; k < 64; k++) {
        advance(&b, SECOND / 32);
        get(&b, C);
    }
    CHECK_EQ(b.irq.rises, rises + 4);
    end(&b);
}

TEST(memory_keeps_what_is_written_through_a_reset)
{
    struct bench b;
    begin(&b);
    mc146818_set_cmos(b.rtc, 0x34, 0x12);
    CHECK_EQ(get(&b, 0x34), 0x12);
    put(&b, 0x7f, 0x55);
    test_store(b.m, 0x70, 1, 0xff); /* bit 7 is another thing's */
    CHECK_EQ(test_load(b.m, 0x71, 1), 0x55);
    CHECK_EQ(test_load(b.m, 0x70, 1), 0xff);
    device_reset(b.rtc);
    CHECK_EQ(get(&b, 0x7f), 0x55);
    put(&b, C, 0xff);
    put(&b, D, 0);
    CHECK_EQ(get(&b, D), 0x80);
    end(&b);
}

TEST(state_survives_saving_and_loading_with_its_interrupts)
{
    struct bench b;
    begin(&b);
    put(&b, A, 0x20);
    put(&b, B, 0x12);
    put(&b, 0x40, 7);
    advance(&b, SECOND / 2);
    CHECK(test_round_trip(b.rtc));
    advance(&b, SECOND / 2);
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(get(&b, 0x40), 7);
    check_time(&b, 0x20231114, 0x221321);
    end(&b);
}
