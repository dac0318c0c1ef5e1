/* SPDX-License-Identifier: MIT */
/* The PL031 real time clock. */
#include "base/mem.h"
#include "hw/classes.h"
#include "tests/support/log.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define RTC 0x09010000
#define SECOND UINT64_C(1000000000)
enum {
    DR = 0,
    MR = 4,
    LR = 8,
    CR = 0xc,
    IMSC = 0x10,
    RIS = 0x14,
    MIS = 0x18,
    ICR = 0x1c
};

struct bench {
    struct machine *m;
    struct device *rtc;
    struct test_line irq;
};

static void begin(struct bench *b)
{
    *b = (struct bench){.m = test_machine_new(4096)};
    b->m->config.rtc_base_s = 1700000000;
    b->rtc = test_device(b->m, &pl031_class, NULL);
    b->rtc->irq[0] = test_line_irq(&b->irq);
    device_map(b->rtc, b->m->memory, RTC);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

static uint32_t get(struct bench *b, unsigned reg)
{
    return test_load32(b->m, RTC + reg);
}

static void put(struct bench *b, unsigned reg, uint32_t value)
{
    test_store32(b->m, RTC + reg, value);
}

static void advance(struct bench *b, uint64_t ns)
{
    clock_manual_advance(b->m->clock, ns);
}

TEST(time_begins_at_the_base_and_follows_the_virtual_clock)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(get(&b, DR), 1700000000);
    CHECK_EQ(get(&b, CR), 1);
    advance(&b, SECOND - 1);
    CHECK_EQ(get(&b, DR), 1700000000);
    advance(&b, 1);
    CHECK_EQ(get(&b, DR), 1700000001);
    put(&b, LR, 1000);
    CHECK_EQ(get(&b, DR), 1000);
    CHECK_EQ(get(&b, LR), 1000);
    advance(&b, 5 * SECOND);
    CHECK_EQ(get(&b, DR), 1005);
    device_reset(b.rtc); /* as by a battery */
    CHECK_EQ(get(&b, DR), 1005);
    end(&b);
}

TEST(alarm_rings_when_the_match_is_reached)
{
    struct bench b;
    begin(&b);
    put(&b, IMSC, 1);
    put(&b, MR, 1700000003);
    advance(&b, 3 * SECOND - 1);
    CHECK_EQ(b.irq.level, 0);
    advance(&b, 1);
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(get(&b, MIS), 1);
    put(&b, IMSC, 0);
    CHECK_EQ(b.irq.level, 0);
    CHECK_EQ(get(&b, RIS), 1);
    put(&b, IMSC, 1);
    put(&b, ICR, 1);
    CHECK_EQ(b.irq.level, 0);
    CHECK_EQ(get(&b, RIS), 0);
    end(&b);
}

TEST(match_that_is_now_rings_at_once_and_a_past_one_after_wrapping)
{
    struct bench b;
    begin(&b);
    put(&b, MR, 1700000000);
    CHECK_EQ(get(&b, RIS), 1);
    put(&b, ICR, 1);
    put(&b, LR, UINT32_MAX);
    put(&b, MR, 1);
    CHECK_EQ(get(&b, RIS), 0);
    advance(&b, 2 * SECOND);
    CHECK_EQ(get(&b, DR), 1);
    CHECK_EQ(get(&b, RIS), 1);
    end(&b);
}

TEST(setting_the_time_moves_the_alarm)
{
    struct bench b;
    begin(&b);
    put(&b, MR, 1700000100);
    put(&b, LR, 1700000098);
    advance(&b, 2 * SECOND);
    CHECK_EQ(get(&b, RIS), 1);
    end(&b);
}

TEST(state_survives_saving_and_loading_with_its_alarm)
{
    struct bench b;
    begin(&b);
    put(&b, IMSC, 1);
    put(&b, MR, 1700000002);
    CHECK(test_round_trip(b.rtc));
    CHECK_EQ(get(&b, DR), 1700000000);
    advance(&b, 2 * SECOND);
    CHECK_EQ(b.irq.level, 1);
    put(&b, ICR, 1);
    CHECK(test_round_trip(b.rtc)); /* the alarm that has rung does not again */
    CHECK_EQ(b.irq.level, 0);
    end(&b);
}

TEST(test_registers_are_not_modelled_and_no_error)
{
    struct bench b;
    begin(&b);
    test_log_begin(LOG_UNIMP | LOG_GUEST_ERRORS);
    CHECK_EQ(get(&b, 0x80), 0);
    test_store32(b.m, RTC + 0x90, 1);
    test_store32(b.m, RTC + 0x94, 1);
    char *log = test_log_end();
    CHECK_STR(log, "pl031: read of a test register, which is not modelled\n"
                   "pl031: write of 0x1 to a test register, which is not modelled\n"
                   "pl031: write of 4 bytes at 0x94: no register starts there\n");
    mem_free(log);
    end(&b);
}
