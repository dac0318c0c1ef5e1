/* SPDX-License-Identifier: MIT */
/* The high precision event timers. */
#include "hw/timer/hpet.h"

#include "base/bits.h"
#include "hw/state.h"
#include "tests/support/machine.h"
#include "tests/test.h"

enum {
    CAPABILITIES = 0,
    CONFIG = 0x10,
    STATUS = 0x20,
    COUNTER = 0xf0,
    LEVEL = 2,
    ENABLED = 4,
    PERIODIC = 8,
    SET_VALUE = 0x40,
    USES_32 = 0x100,
    MESSAGE = 0x4000
};

#define TIMER(n) (0x100u + 0x20 * (n))
#define MS UINT64_C(1000000)
#define TICKS_PER_MS 100000

struct bench {
    struct machine *m;
    struct device *d;
    struct test_line line[HPET_INPUTS];
    struct irq irq[HPET_INPUTS];
    unsigned messages;
    uint64_t address;
    uint32_t data;
};

static void message(void *opaque, uint64_t address, uint32_t data)
{
    struct bench *b = opaque;
    b->messages++;
    b->address = address;
    b->data = data;
}

static struct device *make(struct bench *b, const char *property, const char *value)
{
    struct error e = {""};
    struct device *d = device_new(&hpet_class, b->m, NULL);
    CHECK(device_set(d, "hpet-intcap", "0xff0104", &e));
    CHECK(!property || device_set(d, property, value, &e));
    hpet_connect(d, &(struct hpet_wiring){b->irq, message, b});
    return d;
}

static void begin(struct bench *b, const char *property, const char *value)
{
    struct error e = {""};
    *b = (struct bench){.m = test_machine_new(4096)};
    for (unsigned i = 0; i < HPET_INPUTS; i++) {
        b->irq[i] = test_line_irq(&b->line[i]);
    }
    b->d = make(b, property, value);
    CHECK_MSG(device_create(b->d, &e), "%s", e.text);
    device_map(b->d, b->m->memory, HPET_BASE);
    device_reset(b->d);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

static void put(struct bench *b, unsigned offset, uint64_t value)
{
    test_store(b->m, HPET_BASE + offset, 8, value);
}

static uint64_t get(struct bench *b, unsigned offset)
{
    return test_load(b->m, HPET_BASE + offset, 8);
}

static void advance(struct bench *b, uint64_t ns)
{
    clock_manual_advance(b->m->clock, ns);
}

TEST(capabilities_are_told)
{
    struct bench b;
    begin(&b, NULL, NULL);
    CHECK_EQ(get(&b, CAPABILITIES), UINT64_C(0x009896808086a201));
    CHECK_EQ(get(&b, TIMER(0)), UINT64_C(0x00ff010400000030));
    CHECK_EQ(get(&b, TIMER(2) + 8), UINT64_MAX);
    CHECK_EQ(get(&b, TIMER(3)), 0);
    end(&b);
    begin(&b, "timers", "8");
    CHECK_EQ(get(&b, CAPABILITIES) >> 8 & 31, 7);
    CHECK_EQ(get(&b, TIMER(7)) & 0x30, 0x30);
    end(&b);
}

TEST(the_counter_runs_at_100_mhz_while_it_is_on)
{
    struct bench b;
    begin(&b, NULL, NULL);
    advance(&b, MS);
    CHECK_EQ(get(&b, COUNTER), 0);
    put(&b, COUNTER, UINT64_C(0xfffffff0));
    put(&b, CONFIG, 1);
    advance(&b, MS);
    CHECK_EQ(get(&b, COUNTER), UINT64_C(0xfffffff0) + TICKS_PER_MS);
    CHECK_EQ(test_load32(b.m, HPET_BASE + COUNTER + 4), 1);
    put(&b, CONFIG, 0);
    advance(&b, MS);
    CHECK_EQ(get(&b, COUNTER), UINT64_C(0xfffffff0) + TICKS_PER_MS);
    end(&b);
}

TEST(a_one_shot_fires_once)
{
    struct bench b;
    begin(&b, NULL, NULL);
    put(&b, TIMER(0), ENABLED | 16 << 9);
    put(&b, TIMER(0) + 8, 5 * TICKS_PER_MS);
    put(&b, CONFIG, 1);
    advance(&b, 5 * MS - 1000);
    CHECK_EQ(b.line[16].rises, 0);
    advance(&b, 1000);
    CHECK_EQ(b.line[16].rises, 1);
    CHECK_EQ(b.line[16].level, 0);
    advance(&b, 1000 * MS);
    CHECK_EQ(b.line[16].rises, 1);
    put(&b, TIMER(0) + 8, 1100 * TICKS_PER_MS);
    advance(&b, 100 * MS);
    CHECK_EQ(b.line[16].rises, 2);
    end(&b);
}

TEST(a_comparator_of_32_bits_matches_each_wrap)
{
    struct bench b;
    begin(&b, NULL, NULL);
    put(&b, TIMER(1), ENABLED | USES_32 | 17 << 9);
    put(&b, TIMER(1) + 8, 100);
    put(&b, CONFIG, 1);
    advance(&b, MS);
    CHECK_EQ(b.line[17].rises, 1);
    advance(&b, 42948 * MS);
    CHECK_EQ(b.line[17].rises, 1);
    advance(&b, 2 * MS);
    CHECK_EQ(b.line[17].rises, 2);
    end(&b);
}

/* As Linux sets one up. */
static void start_periodic(struct bench *b, unsigned n, unsigned config, unsigned period)
{
    put(b, TIMER(n), ENABLED | PERIODIC | SET_VALUE | config);
    put(b, TIMER(n) + 8, get(b, COUNTER) + period);
    put(b, TIMER(n) + 8, period);
}

TEST(a_periodic_timer_fires_each_period)
{
    struct bench b;
    begin(&b, NULL, NULL);
    put(&b, CONFIG, 1);
    advance(&b, 3 * MS);
    start_periodic(&b, 0, USES_32 | 18 << 9, 4 * TICKS_PER_MS);
    CHECK_EQ(get(&b, TIMER(0)) & SET_VALUE, 0);
    advance(&b, 4 * MS);
    CHECK_EQ(b.line[18].rises, 1);
    CHECK_EQ(get(&b, TIMER(0) + 8), 11 * TICKS_PER_MS);
    advance(&b, 40 * MS);
    CHECK_EQ(b.line[18].rises, 11);
    put(&b, TIMER(0), 0);
    advance(&b, 40 * MS);
    CHECK_EQ(b.line[18].rises, 11);
    end(&b);
}

TEST(a_late_host_gets_one_interrupt_for_all_periods)
{
    struct bench b;
    begin(&b, NULL, NULL);
    put(&b, CONFIG, 1);
    start_periodic(&b, 0, 18 << 9, 1);
    const int rises = b.line[18].rises;
    clock_manual_set(b.m->clock, 1000 * MS);
    clock_run_due(b.m->clock);
    CHECK_EQ(b.line[18].rises, rises + 1);
    advance(&b, MS);
    CHECK(b.line[18].rises - rises <= 110); /* and not 100,000 */
    end(&b);
}

TEST(levels_stay_until_their_status_is_cleared)
{
    struct bench b;
    begin(&b, NULL, NULL);
    put(&b, CONFIG, 1);
    put(&b, TIMER(0), LEVEL | ENABLED | 20 << 9);
    put(&b, TIMER(0) + 8, 1000);
    put(&b, TIMER(1), LEVEL | ENABLED | 20 << 9);
    put(&b, TIMER(1) + 8, 1000);
    advance(&b, MS);
    CHECK_EQ(get(&b, STATUS), 3);
    CHECK_EQ(b.line[20].level, 1);
    put(&b, STATUS, 1);
    CHECK_EQ(b.line[20].level, 1); /* the other one */
    CHECK(test_round_trip(b.d));
    CHECK_EQ(b.line[20].level, 1);
    put(&b, STATUS, 2);
    CHECK_EQ(b.line[20].level, 0);
    end(&b);
}

TEST(an_input_that_is_not_offered_is_not_chosen)
{
    struct bench b;
    begin(&b, NULL, NULL);
    put(&b, TIMER(2), 21 << 9);
    put(&b, TIMER(2), 5 << 9);
    CHECK_EQ(get(&b, TIMER(2)) >> 9 & 31, 21);
    end(&b);
}

TEST(legacy_replacement_takes_interrupts_0_and_8)
{
    struct bench b;
    begin(&b, NULL, NULL);
    const struct irq pit = hpet_legacy_input(b.d, 0), rtc = hpet_legacy_input(b.d, 1);
    irq_set(&pit, 1);
    CHECK_EQ(b.line[0].level, 1);
    irq_set(&rtc, 1);
    CHECK_EQ(b.line[8].level, 1);
    put(&b, CONFIG, 3);
    CHECK_EQ(b.line[0].level, 0);
    irq_set(&rtc, 0);
    irq_set(&rtc, 1);
    CHECK_EQ(b.line[8].level, 0);
    start_periodic(&b, 0, 0, TICKS_PER_MS);
    start_periodic(&b, 1, 0, TICKS_PER_MS);
    const int rises[2] = {b.line[0].rises, b.line[8].rises};
    advance(&b, 10 * MS);
    CHECK_EQ(b.line[0].rises, rises[0] + 10);
    CHECK_EQ(b.line[8].rises, rises[1] + 10);
    put(&b, CONFIG, 1);
    CHECK_EQ(b.line[0].level, 1);
    CHECK_EQ(b.line[8].level, 1);
    end(&b);
}

/* Either raises it: an edge of the one does not take the other's level away. */
TEST(a_timer_on_the_input_of_the_clock_leaves_its_level)
{
    struct bench b;
    begin(&b, NULL, NULL);
    const struct irq rtc = hpet_legacy_input(b.d, 1);
    put(&b, CONFIG, 1);
    start_periodic(&b, 2, 8 << 9, TICKS_PER_MS);
    advance(&b, MS);
    CHECK_EQ(b.line[8].rises, 1);
    CHECK_EQ(b.line[8].level, 0);
    irq_set(&rtc, 1);
    advance(&b, 5 * MS);
    CHECK_EQ(b.line[8].level, 1);
    CHECK(test_round_trip(b.d));
    CHECK_EQ(b.line[8].level, 1);
    irq_set(&rtc, 0);
    CHECK_EQ(b.line[8].level, 0);
    end(&b);
}

/* What the clock says before its own state is loaded is of the machine that was. */
TEST(a_load_passes_on_no_level_of_before)
{
    struct bench b, other;
    struct strbuf s = {0};
    struct error e = {""};
    begin(&other, NULL, NULL);
    device_save(other.d, &s);
    end(&other);
    begin(&b, NULL, NULL);
    const struct irq rtc = hpet_legacy_input(b.d, 1);
    put(&b, CONFIG, 2);
    irq_set(&rtc, 1);
    CHECK_EQ(b.line[8].rises, 0);
    CHECK_MSG(device_load(b.d, s.text, s.len, &e), "%s", e.text);
    irq_set(&rtc, 0); /* as the clock's state is loaded */
    CHECK_EQ(b.line[8].rises, 0);
    irq_set(&rtc, 1);
    CHECK_EQ(b.line[8].level, 1);
    strbuf_free(&s);
    end(&b);
}

TEST(interrupts_can_be_messages)
{
    struct bench b;
    begin(&b, "msi", "on");
    CHECK_EQ(get(&b, TIMER(0)) & 0x8000, 0x8000);
    put(&b, TIMER(0) + 0x10, UINT64_C(0xfee0100000004041));
    put(&b, TIMER(0), ENABLED | MESSAGE);
    put(&b, TIMER(0) + 8, TICKS_PER_MS);
    put(&b, CONFIG, 1);
    advance(&b, 2 * MS);
    CHECK_EQ(b.messages, 1);
    CHECK_EQ(b.address, 0xfee01000);
    CHECK_EQ(b.data, 0x4041);
    end(&b);
    begin(&b, NULL, NULL);
    put(&b, TIMER(0), MESSAGE);
    CHECK_EQ(get(&b, TIMER(0)) & MESSAGE, 0);
    end(&b);
}

TEST(there_may_be_more_timers)
{
    struct bench b;
    begin(&b, "timers", "16");
    CHECK_EQ(get(&b, 0) >> 8 & 31, 15);
    end(&b);
}

TEST(properties_are_checked)
{
    struct bench b;
    struct error e = {""};
    begin(&b, NULL, NULL);
    struct device *d = make(&b, "timers", "2");
    CHECK(!device_create(d, &e));
    CHECK_STR(e.text, "hpet: timers=2: from 3 to 32 are possible");
    device_free(d);
    end(&b);
}

TEST(state_survives_saving_and_loading_with_its_timer)
{
    struct bench b;
    begin(&b, NULL, NULL);
    put(&b, CONFIG, 1);
    advance(&b, 7 * MS);
    start_periodic(&b, 0, 16 << 9, 10 * TICKS_PER_MS);
    advance(&b, 15 * MS);
    CHECK_EQ(b.line[16].rises, 1);
    CHECK(test_round_trip(b.d));
    CHECK_EQ(get(&b, COUNTER), 22 * TICKS_PER_MS);
    advance(&b, 5 * MS);
    CHECK_EQ(b.line[16].rises, 2);
    end(&b);
}

/* The machine's clock is set after all devices were checked. */
TEST(a_state_may_be_of_a_later_time)
{
    struct bench b, later;
    struct strbuf s = {0};
    struct error e = {""};
    begin(&later, NULL, NULL);
    advance(&later, 50 * MS);
    put(&later, CONFIG, 1);
    advance(&later, 2 * MS);
    machine_settle(later.m);
    device_write(later.d, &s);
    begin(&b, NULL, NULL);
    machine_settle(b.m);
    CHECK_MSG(device_read(b.d, s.text, s.len, device_version(b.d), true, &e), "%s", e.text);
    CHECK_MSG(machine_check(b.m, &e), "%s", e.text);
    advance(&b, 52 * MS);
    machine_loaded(b.m);
    machine_resume(b.m);
    CHECK_EQ(get(&b, COUNTER), 2 * TICKS_PER_MS);
    strbuf_free(&s);
    end(&b);
    end(&later);
}

TEST(any_access_is_taken)
{
    struct bench b;
    struct rng rng;
    rng_seed(&rng, test_seed());
    begin(&b, "msi", "on");
    for (unsigned i = 0; i < 40000 * test_scale(); i++) {
        const unsigned size = 4u << rng_below(&rng, 2);
        const paddr a = HPET_BASE + align_down(rng_below(&rng, 0x180), size);
        const uint64_t value = rng_u64(&rng) >> rng_below(&rng, 64);
        switch (rng_below(&rng, 4)) {
        case 0:
            test_load(b.m, a, size);
            break;
        case 1:
            advance(&b, rng_below(&rng, 100000));
            break;
        default:
            test_store(b.m, a, size, value);
            break;
        }
    }
    CHECK(test_round_trip(b.d));
    end(&b);
}
