/* SPDX-License-Identifier: MIT */
/*
 * Generic timers and waiting: when a timer's condition holds, how it shows, that it interrupts and
 * wakes. DDI 0487, D12 and D1.6.2 (WFI).
 */
#include "tests/system/aarch64/lib/gic.h"

enum {
    ENABLE = 1,
    IMASK = 2,
    ISTATUS = 4
};

/* Both timers of EL1, by functions: the registers' names are part of instructions. */
struct timer {
    unsigned id;
    void (*set_compare)(u64);
    void (*set_value)(u64);
    void (*set_control)(u64);
    u64 (*control)(void);
    u64 (*value)(void);
    u64 (*compare)(void);
    u64 (*now)(void);
};

#define TIMER(name, cval, tval, ctl, cnt, id_)                                                     \
    static void name##_set_compare(u64 v)                                                          \
    {                                                                                              \
        WRITE(cval, v);                                                                            \
        isb();                                                                                     \
    }                                                                                              \
    static void name##_set_value(u64 v)                                                            \
    {                                                                                              \
        WRITE(tval, v);                                                                            \
        isb();                                                                                     \
    }                                                                                              \
    static void name##_set_control(u64 v)                                                          \
    {                                                                                              \
        WRITE(ctl, v);                                                                             \
        isb();                                                                                     \
    }                                                                                              \
    static u64 name##_control(void)                                                                \
    {                                                                                              \
        return READ(ctl);                                                                          \
    }                                                                                              \
    static u64 name##_value(void)                                                                  \
    {                                                                                              \
        return READ(tval);                                                                         \
    }                                                                                              \
    static u64 name##_compare(void)                                                                \
    {                                                                                              \
        return READ(cval);                                                                         \
    }                                                                                              \
    static u64 name##_now(void)                                                                    \
    {                                                                                              \
        isb();                                                                                     \
        return READ(cnt);                                                                          \
    }                                                                                              \
    static const struct timer name = {                                                             \
        id_,          name##_set_compare, name##_set_value, name##_set_control, name##_control,    \
        name##_value, name##_compare,     name##_now,                                              \
    }

TIMER(virtual_timer, cntv_cval_el0, cntv_tval_el0, cntv_ctl_el0, cntvct_el0, PPI_TIMER_V);
TIMER(physical_timer, cntp_cval_el0, cntp_tval_el0, cntp_ctl_el0, cntpct_el0, PPI_TIMER_P);

static const struct timer *const timers[] = {&virtual_timer, &physical_timer};
#define FOR_EACH_TIMER(t)                                                                          \
    for (unsigned timer_ = 0; timer_ < 2; timer_++)                                                \
        for (const struct timer *t = timers[timer_]; t; t = NULL)

#define FAR_AWAY (UINT64_MAX >> 1)

static u64 microseconds(u64 n)
{
    return n * counter_frequency() / 1000000;
}

TEST(counter_has_a_frequency_and_never_goes_back)
{
    CHECK(counter_frequency() >= 1000000);
    u64 last = counter();
    for (int i = 0; i < 100000; i++) {
        u64 now = counter();
        if (now < last) {
            test_equal(__FILE__, __LINE__, "counter", now, last);
        }
        last = now;
    }
}

TEST(condition_is_compare_value_reached)
{
    FOR_EACH_TIMER(t)
    {
        t->set_control(IMASK | ENABLE);
        t->set_compare(FAR_AWAY);
        CHECK_EQ(t->control(), IMASK | ENABLE);
        t->set_compare(0);
        CHECK_EQ(t->control(), IMASK | ENABLE | ISTATUS);
        t->set_compare(t->now());
        CHECK_EQ(t->control(), IMASK | ENABLE | ISTATUS);
        t->set_compare(t->now() + microseconds(10000000));
        CHECK_EQ(t->control(), IMASK | ENABLE);
        t->set_control(0);
    }
}

TEST(timer_value_is_a_signed_view_of_the_distance)
{
    FOR_EACH_TIMER(t)
    {
        t->set_control(0);
        u64 before = t->now();
        t->set_value(1000000);
        u64 after = t->now();
        CHECK(t->compare() >= before + 1000000 && t->compare() <= after + 1000000);
        before = t->now();
        t->set_value(0xffffffff); /* -1 */
        after = t->now();
        CHECK(t->compare() >= before - 1 && t->compare() <= after - 1);
        CHECK((int32_t)t->value() < 0);
        t->set_control(ENABLE | IMASK);
        CHECK_EQ(t->control() & ISTATUS, ISTATUS);
        t->set_control(0);
    }
}

/* ---- interrupts */

static volatile unsigned taken, taken_id[8];
static u64 taken_at;

/* Takes one interrupt; a timer's is masked there, since its line stays up. */
static void take(void)
{
    unsigned id = gic_acknowledge();
    taken_at = counter();
    taken_id[taken++ % 8] = id;
    if (id == PPI_TIMER_V) {
        WRITE(cntv_ctl_el0, ENABLE | IMASK);
    } else if (id == PPI_TIMER_P) {
        WRITE(cntp_ctl_el0, ENABLE | IMASK);
    }
    isb();
    gic_end(id);
}

static void start(void)
{
    gic_start();
    gic_enable(PPI_TIMER_V);
    gic_enable(PPI_TIMER_P);
    on_irq(take);
    taken = 0;
}

static void stop(void)
{
    FOR_EACH_TIMER(t)
    {
        t->set_control(0);
    }
    on_irq(NULL);
}

/* Opens interrupts until one was taken or the time is over. */
static void wait_taken(u64 limit)
{
    u64 end = counter() + limit;
    unsigned before = taken;
    irq_open();
    while (taken == before && counter() < end) {
    }
    irq_close();
}

TEST(interrupt_comes_when_the_time_is_reached_and_not_before)
{
    start();
    FOR_EACH_TIMER(t)
    {
        u64 due = t->now() + microseconds(3000);
        taken = 0;
        t->set_compare(due);
        t->set_control(ENABLE);
        wait_taken(microseconds(2000000));
        CHECK_EQ(taken, 1);
        CHECK_EQ(taken_id[0], t->id);
        CHECK(taken_at >= due);
    }
    stop();
}

TEST(masked_or_disabled_timer_does_not_interrupt)
{
    start();
    FOR_EACH_TIMER(t)
    {
        t->set_compare(0);
        t->set_control(ENABLE | IMASK);
        wait_taken(microseconds(1000));
        CHECK_EQ(taken, 0);
        CHECK(!gic_pending(t->id));
        t->set_control(0);
        wait_taken(microseconds(1000));
        CHECK_EQ(taken, 0);
    }
    stop();
}

TEST(line_follows_the_condition)
{
    start();
    FOR_EACH_TIMER(t)
    {
        t->set_compare(0);
        t->set_control(ENABLE);
        CHECK(gic_pending(t->id));
        t->set_compare(FAR_AWAY);
        CHECK(!gic_pending(t->id));
        t->set_compare(0);
        CHECK(gic_pending(t->id));
        t->set_control(ENABLE | IMASK);
        CHECK(!gic_pending(t->id));
        t->set_control(0);
    }
    stop();
}

TEST(line_that_stays_up_interrupts_again)
{
    start();
    virtual_timer.set_compare(0);
    virtual_timer.set_control(ENABLE);
    wait_taken(microseconds(1000000));
    CHECK_EQ(taken, 1);
    virtual_timer.set_control(ENABLE); /* not masked any more */
    wait_taken(microseconds(1000000));
    CHECK_EQ(taken, 2);
    stop();
}

/* ---- waiting */

TEST(wfi_ends_with_the_timer_though_interrupts_are_masked)
{
    start();
    FOR_EACH_TIMER(t)
    {
        u64 due = t->now() + microseconds(20000);
        t->set_compare(due);
        t->set_control(ENABLE);
        while (!(t->control() & ISTATUS)) {
            ASM("wfi");
        }
        CHECK(t->now() >= due);
        CHECK_EQ(taken, 0);
        t->set_control(0);
    }
    stop();
}

TEST(wfi_does_not_wait_for_what_is_pending)
{
    start();
    virtual_timer.set_compare(0);
    virtual_timer.set_control(ENABLE);
    for (int i = 0; i < 1000; i++) {
        ASM("wfi");
    }
    CHECK_EQ(taken, 0);
    stop();
}

TEST(wfe_ends_with_an_event)
{
    for (int i = 0; i < 1000; i++) {
        ASM("sev\n wfe\n sevl\n wfe");
    }
}

TEST(wfit_and_wfet_end_with_their_time)
{
    if ((READ(id_aa64isar2_el1) & 15) < 2) {
        SKIP("the CPU does not have FEAT_WFxT");
    }
    for (int i = 0; i < 5; i++) {
        u64 due = counter() + microseconds(5000);
        register u64 x0 __asm__("x0") = due;
        ASM("clrex"); /* and no event: */
        __asm__ volatile("sevl\n wfe\n .inst 0xd5031020" : : "r"(x0) : "memory"); /* wfit x0 */
        CHECK(counter() >= due);
    }
    register u64 past __asm__("x0") = 0;
    __asm__ volatile(".inst 0xd5031020\n .inst 0xd5031000" : : "r"(past) : "memory");
}

TEST(two_timers_come_in_order)
{
    start();
    gic_set_priority(PPI_TIMER_P, 0x80); /* if the host is so late that both have come */
    u64 now = counter();
    virtual_timer.set_compare(now + microseconds(8000));
    physical_timer.set_compare(physical_timer.now() + microseconds(2000));
    virtual_timer.set_control(ENABLE);
    physical_timer.set_control(ENABLE);
    wait_taken(microseconds(2000000));
    wait_taken(microseconds(2000000));
    CHECK_EQ(taken, 2);
    CHECK_EQ(taken_id[0], PPI_TIMER_P);
    CHECK_EQ(taken_id[1], PPI_TIMER_V);
    stop();
}

/* ---- each CPU has its own */

#define CPUS 4
static unsigned wrong[CPUS];

static void own_timer(u64 number)
{
    if (number != 0) {
        gic_start_cpu();
        gic_enable(PPI_TIMER_V);
    }
    for (int i = 0; i < 20; i++) {
        u64 due = counter() + microseconds(500 + 300 * number);
        virtual_timer.set_compare(due);
        virtual_timer.set_control(ENABLE);
        while (!(virtual_timer.control() & ISTATUS)) {
            ASM("wfi");
        }
        wrong[number] += counter() < due || !gic_pending(PPI_TIMER_V);
        virtual_timer.set_control(0);
    }
}

TEST(each_cpu_has_its_own_timer)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    start();
    cpus_run(CPUS, own_timer);
    for (int i = 0; i < CPUS; i++) {
        CHECK_EQ(wrong[i], 0);
    }
    stop();
}

static u64 passed; /* the last count anybody has seen */

static void compare_counters(u64 number)
{
    for (int i = 0; i < 20000; i++) {
        u64 before = __atomic_load_n(&passed, __ATOMIC_SEQ_CST), now = counter();
        if (now < before) {
            test_equal(__FILE__, __LINE__, "counter of another CPU", now, before);
            return;
        }
        __atomic_store_n(&passed, now, __ATOMIC_SEQ_CST);
    }
    (void)number;
}

TEST(counters_of_all_cpus_agree)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    passed = 0;
    cpus_run(CPUS, compare_counters);
}
