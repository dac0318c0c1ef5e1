/* SPDX-License-Identifier: MIT */
/*
 * What accel/accel.h promises, by each accelerator, with a thread for each vCPU, with one for all,
 * and counted: the same guest code, looked at through the interface only.
 */
#include "tests/test.h"

#include "base/bits.h"
#include "cpu/arm.h"
#include "cpu/arm/cpu.h"
#include "tests/support/board.h"
#include "tests/support/oracle_accel.h"

#define BASE UINT64_C(0x40000000)
#define RAM_BYTES (UINT64_C(1) << 20)
#define PATIENCE_NS INT64_C(20000000000)

/* Where what stands. */
enum {
    START = 0x00, /* interrupts on, then the loop */
    LOOP = 0x08,
    SLEEP = 0x10,
    CALL = 0x20, /* firmware, then the loop */
    VECTORS = 0x800,
    IRQ = 0xa80
};

static const struct {
    uint32_t at, word;
} code[] = {
    {START, 0xd518c009},     /* msr vbar_el1, x9 */
    {START + 4, 0xd50342ff}, /* msr daifclr, #2 */
    {LOOP, 0x91000400},      /* add x0, x0, #1 */
    {LOOP + 4, 0x17ffffff},  /* b LOOP */
    {SLEEP, 0xd503207f},     /* wfi */
    {SLEEP + 4, 0x91000463}, /* add x3, x3, #1 */
    {SLEEP + 8, 0x17fffffe}, /* b SLEEP */
    {CALL, 0xd4000002},      /* hvc #0 */
    {CALL + 4, 0xaa0003e4},  /* mov x4, x0 */
    {CALL + 8, 0x17fffff8},  /* b LOOP */
    {IRQ, 0x91000442},       /* add x2, x2, #1 */
    {IRQ + 4, 0x14000000},   /* b . */
};

enum way {
    PARALLEL,
    IN_TURN,
    COUNTED
};

static struct {
    struct test_board *board;
    struct accel_config config;
    struct accel *accel;
    struct os_mutex lock; /* guards the next two */
    unsigned reports;
    enum accel_exit why;
} t;

static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    (void)opaque, (void)v;
    os_mutex_lock(&t.lock);
    t.reports++;
    t.why = why;
    os_mutex_unlock(&t.lock);
}

static unsigned reports(void)
{
    os_mutex_lock(&t.lock);
    const unsigned n = t.reports;
    os_mutex_unlock(&t.lock);
    return n;
}

static struct arm_cpu *cpu(unsigned i)
{
    return arm_cpu(t.board->vcpus[i]);
}

/* Both vCPUs stand at the start; the second is off. */
static void set_up_as(const struct accel_config *config)
{
    struct error e = {""};

    memset(&t, 0, sizeof(t));
    os_mutex_init(&t.lock);
    t.board = test_board_new(&arm_cpu_class, "max", 2, BASE, RAM_BYTES, &e);
    assert(t.board);
    for (unsigned i = 0; i < array_len(code); i++) {
        store_le32(t.board->ram + code[i].at, code[i].word);
    }
    t.config = *config;
    t.config.time = config->counted ? counted_create(&t.config) : NULL;
    t.accel = accel_create(&t.config, t.board->vcpus, 2, exited, NULL, &e);
    assert(t.accel);
    for (unsigned i = 0; i < 2; i++) {
        t.board->vcpus[i]->cls->boot(t.board->vcpus[i], BASE + START, 0);
        cpu(i)->x[9] = BASE + VECTORS;
    }
}

static void set_up(const struct accel_ops *ops, enum way way, uint64_t stop_count)
{
    set_up_as(&(struct accel_config){.ops = ops,
                                     .cache_bytes = 8u << 20,
                                     .single_thread = way == IN_TURN,
                                     .counted = way == COUNTED,
                                     .stop_count = stop_count});
}

static void tear_down(void)
{
    accel_destroy(t.accel);
    test_board_free(t.board);
    counted_destroy(t.config.time);
    os_mutex_destroy(&t.lock);
}

/* Runs by pieces until a register has that value or more. */
static bool reaches(const uint64_t *x, uint64_t value)
{
    const int64_t give_up = os_now_ns() + PATIENCE_NS;

    while (*x < value && os_now_ns() < give_up) {
        accel_start(t.accel);
        os_sleep_until_ns(os_now_ns() + 2000000);
        accel_stop(t.accel);
    }
    return *x >= value;
}

/* A body for each accelerator and way. */
static void each(void (*body)(void))
{
    static const struct accel_ops *const all[] = {NULL, &oracle_accel}; /* NULL: tcg */

    for (unsigned i = 0; i < array_len(all); i++) {
        for (enum way way = PARALLEL; way <= COUNTED; way++) {
            set_up(all[i], way, 0);
            body();
            tear_down();
        }
    }
}

static void stops(void)
{
    CHECK(!accel_running(t.accel));
    CHECK(reaches(&cpu(0)->x[0], 1000));
    const uint64_t stood = cpu(0)->x[0];
    os_sleep_until_ns(os_now_ns() + 2000000);
    CHECK_EQ(cpu(0)->x[0], stood);
    CHECK(cpu(0)->pc == BASE + LOOP || cpu(0)->pc == BASE + LOOP + 4);
    CHECK_EQ(cpu(1)->x[0], 0);
    CHECK_EQ(reports(), 0);
}

TEST(stop_returns_when_all_stand_with_their_state_in_memory)
{
    each(stops);
}

/* Registers that were changed while stopped are what the guest has when it goes on. */
static void changes(void)
{
    CHECK(reaches(&cpu(0)->x[0], 1000));
    t.board->vcpus[0]->cls->set_pc(t.board->vcpus[0], BASE + IRQ);
    cpu(0)->x[2] = 41;
    CHECK(reaches(&cpu(0)->x[2], 42));
    CHECK(reaches(&cpu(0)->x[2], 42));
    CHECK_EQ(cpu(0)->x[2], 42);
    CHECK_EQ(cpu(0)->pc, BASE + IRQ + 4);
}

TEST(registers_changed_while_stopped_are_the_guests)
{
    each(changes);
}

static void interrupts(void)
{
    struct irq line = vcpu_irq(t.board->vcpus[0], ARM_LINE_IRQ);

    CHECK(reaches(&cpu(0)->x[0], 100));
    accel_start(t.accel);
    irq_set(&line, 1);
    os_sleep_until_ns(os_now_ns() + 1000000);
    accel_stop(t.accel);
    CHECK(reaches(&cpu(0)->x[2], 1));
    irq_set(&line, 0);
    CHECK_EQ(cpu(0)->x[2], 1);
    CHECK_EQ(cpu(0)->pc, BASE + IRQ + 4);
}

TEST(line_interrupts_a_guest_at_work)
{
    each(interrupts);
}

static bool asleep(void)
{
    const int64_t give_up = os_now_ns() + PATIENCE_NS;

    while (!atomic_load(&t.board->vcpus[0]->halted) && os_now_ns() < give_up) {
        os_sleep_until_ns(os_now_ns() + 100000);
    }
    return atomic_load(&t.board->vcpus[0]->halted);
}

/* Interrupts are masked: the line wakes, and is not taken. */
static void wakes(void)
{
    struct irq line = vcpu_irq(t.board->vcpus[0], ARM_LINE_IRQ);

    t.board->vcpus[0]->cls->set_pc(t.board->vcpus[0], BASE + SLEEP);
    accel_start(t.accel);
    CHECK(asleep());
    vcpu_kick(t.board->vcpus[0]); /* wakes nobody who has no reason */
    os_sleep_until_ns(os_now_ns() + 1000000);
    accel_stop(t.accel);
    CHECK_EQ(cpu(0)->x[3], 0);
    accel_start(t.accel);
    irq_set(&line, 1);
    os_sleep_until_ns(os_now_ns() + 1000000);
    accel_stop(t.accel);
    CHECK(reaches(&cpu(0)->x[3], 1));
    irq_set(&line, 0);
    CHECK_EQ(cpu(0)->x[2], 0);
}

TEST(line_wakes_a_guest_that_sleeps)
{
    each(wakes);
}

static void second(void)
{
    cpu(0)->x[0] = 0xc4000003; /* PSCI CPU_ON */
    cpu(0)->x[1] = 1;
    cpu(0)->x[2] = BASE + LOOP;
    cpu(0)->x[3] = 0;
    cpu(0)->x[4] = 1;
    t.board->vcpus[0]->cls->set_pc(t.board->vcpus[0], BASE + CALL);
    CHECK(reaches(&cpu(1)->x[0], 100));
    CHECK(reaches(&cpu(0)->x[0], 100));
    CHECK_EQ(cpu(0)->x[4], 0); /* success */
}

TEST(guest_starts_its_second_vcpu)
{
    each(second);
}

static bool reported(void)
{
    const int64_t give_up = os_now_ns() + PATIENCE_NS;
    const unsigned before = reports();

    accel_start(t.accel);
    while (reports() == before && os_now_ns() < give_up) {
        os_sleep_until_ns(os_now_ns() + 100000);
    }
    accel_stop(t.accel);
    return reports() == before + 1;
}

static void breaks(void)
{
    CHECK(accel_breakpoint(t.accel, BASE + LOOP + 4, true));
    CHECK(reported());
    CHECK(t.why == ACCEL_DEBUG);
    CHECK_EQ(cpu(0)->x[0], 1);
    CHECK_EQ(cpu(0)->pc, BASE + LOOP + 4);
    CHECK(accel_breakpoint(t.accel, BASE + LOOP + 4, false));
    CHECK(!accel_breakpoint(t.accel, BASE + LOOP + 4, false));
    CHECK(reaches(&cpu(0)->x[0], 1000));
}

TEST(breakpoint_stops_before_its_instruction)
{
    each(breaks);
}

static bool steps(void)
{
    const int64_t give_up = os_now_ns() + PATIENCE_NS;
    const unsigned before = reports();

    accel_step(t.accel, t.board->vcpus[0]);
    while (reports() == before && os_now_ns() < give_up) {
        os_sleep_until_ns(os_now_ns() + 100000);
    }
    accel_stop(t.accel);
    return reports() == before + 1;
}

static void one_by_one(void)
{
    static const uint32_t at[] = {START + 4, LOOP, LOOP + 4, LOOP, LOOP + 4};

    for (unsigned i = 0; i < array_len(at); i++) {
        CHECK(steps());
        CHECK_EQ(cpu(0)->pc, BASE + at[i]);
    }
    CHECK_EQ(cpu(0)->x[0], 2);
}

TEST(step_is_one_instruction)
{
    each(one_by_one);
}

static bool was_emptied(void)
{
    struct strbuf text = {0};

    accel_info_jit(t.accel, &text);
    const char *line = strstr(strbuf_text(&text), "cache flushes");
    const bool emptied = line && strtoul(line + strlen("cache flushes"), NULL, 10) > 0;
    strbuf_free(&text);
    return emptied;
}

/* Each has a block for itself, so that the cache is emptied between some of them. */
TEST(steps_go_on_when_the_cache_is_full)
{
    static const struct accel_config configs[] = {
        {.interpreter = true, .cache_bytes = 8u << 10},
        {.interpreter = true, .cache_bytes = 8u << 10, .counted = true},
        {.cache_bytes = 1u << 20},
    };
    for (unsigned i = 0; i < array_len(configs); i++) {
        set_up_as(&configs[i]);
        const uint64_t count = configs[i].interpreter ? 300 : 9000;
        CHECK(steps());
        for (uint64_t n = 0; n < count && test_state.failures == 0; n++) {
            CHECK(steps());
            CHECK_EQ(cpu(0)->pc, BASE + LOOP + 4 * (n & 1));
        }
        CHECK(test_state.failures || was_emptied());
        tear_down();
    }
}

/* Neither before an instruction nor behind the one that lets interrupts in. */
static void masked_steps(void)
{
    static const uint32_t at[] = {START + 4, LOOP, LOOP + 4, LOOP};
    struct irq line = vcpu_irq(t.board->vcpus[0], ARM_LINE_IRQ);

    irq_set(&line, 1);
    accel_step_masked(t.board->vcpus[0], true);
    for (unsigned i = 0; i < array_len(at); i++) {
        CHECK(steps());
        CHECK_EQ(cpu(0)->pc, BASE + at[i]);
    }
    CHECK_EQ(cpu(0)->x[2], 0);
    accel_step_masked(t.board->vcpus[0], false);
    CHECK(steps());
    CHECK_EQ(cpu(0)->pc, BASE + IRQ + 4);
    CHECK_EQ(cpu(0)->x[2], 1);
}

TEST(masked_steps_take_no_interrupt)
{
    each(masked_steps);
}

/* A vCPU forgets what it was about, and a machine that is reset begins anew. */
static void resets(void)
{
    struct vcpu *v = t.board->vcpus[0];

    CHECK(reaches(&cpu(0)->x[0], 1000));
    store_le32(t.board->ram + LOOP, 0x91000c00); /* add x0, x0, #3 */
    accel_forget(t.accel);
    v->cls->reset(v);
    v->cls->boot(v, BASE + LOOP, 0);
    CHECK_EQ(cpu(0)->x[0], 0);
    CHECK(reaches(&cpu(0)->x[0], 300));
    CHECK_EQ(cpu(0)->x[0] % 3, 0);
}

TEST(reset_forgets_code)
{
    each(resets);
}

static void counts(const struct accel_ops *ops)
{
    for (uint64_t n = 1000; n < 1004; n++) {
        set_up(ops, COUNTED, n);
        CHECK(reported());
        CHECK(t.why == ACCEL_COUNT);
        CHECK_EQ(accel_instructions(t.accel), n);
        CHECK_EQ(cpu(0)->x[0], (n - 1) / 2); /* two before the loop of two */
        tear_down();
    }
}

TEST(count_is_exact)
{
    counts(NULL);
    counts(&oracle_accel);
}

TEST(lacks_are_told_in_words)
{
    struct strbuf s = {0};
    struct error e = {""};

    set_up(&oracle_accel, PARALLEL, 0);
    CHECK(!accel_can(t.accel, ACCEL_CAN_STEP | ACCEL_CAN_WATCH, &e));
    CHECK_STR(e.text, "the accelerator oracle cannot stop at watchpoints");
    CHECK(!accel_watchpoint(t.accel, BASE, 4, WATCH_WRITE, true));
    CHECK(!accel_measure(t.accel, true, &e));
    CHECK_STR(e.text, "the accelerator oracle cannot tell of translated code");
    accel_info_jit(t.accel, &s);
    CHECK_STR(strbuf_text(&s), "the accelerator oracle cannot tell of translated code\n");
    strbuf_free(&s);
    tear_down();
}
