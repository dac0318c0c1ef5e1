/* SPDX-License-Identifier: MIT */
/*
 * The interrupt controller, GICv2 and GICv3 by the same tests: states of an interrupt, priorities
 * and preemption, software-generated interrupts, routing, lines of devices. ARM IHI 0048, IHI 0069.
 */
#include "tests/system/aarch64/lib/gic.h"

#define CPUS 4
#define LINE SPI(40) /* no device has it */

static volatile unsigned taken;
static volatile unsigned order[64];

static void take(void)
{
    unsigned id = gic_acknowledge();
    order[taken++ % 64] = id;
    gic_end(id);
}

static void start(void)
{
    gic_start();
    on_irq(take);
    taken = 0;
}

/* Time for what should not come to come; what should come has come when CPU 0 itself caused it. */
static void open_for_a_while(void)
{
    irq_open();
    for (int i = 0; i < 1000; i++) {
        ASM("isb");
    }
    irq_close();
}

TEST(enable_bits_read_back)
{
    start();
    for (unsigned id = 32; id < gic_lines() && id < 1020; id += 7) {
        CHECK(!gic_enabled(id));
        gic_enable(id);
        CHECK(gic_enabled(id));
        CHECK(!gic_enabled(id ^ 1));
        gic_disable(id);
        CHECK(!gic_enabled(id));
    }
}

TEST(pending_bits_are_set_and_cleared)
{
    start();
    for (unsigned id = 32; id < gic_lines() && id < 1020; id += 5) {
        gic_set_edge(id, true);
        gic_set_pending(id);
        CHECK(gic_pending(id));
        gic_clear_pending(id);
        CHECK(!gic_pending(id));
    }
}

TEST(pending_interrupt_is_taken_once)
{
    start();
    gic_set_edge(LINE, true);
    gic_enable(LINE);
    gic_set_pending(LINE);
    open_for_a_while();
    CHECK_EQ(taken, 1);
    CHECK_EQ(order[0], LINE);
    CHECK(!gic_pending(LINE));
    CHECK(!gic_active(LINE));
}

TEST(disabled_interrupt_stays_pending)
{
    start();
    gic_set_edge(LINE, true);
    gic_set_pending(LINE);
    open_for_a_while();
    CHECK_EQ(taken, 0);
    CHECK(gic_pending(LINE));
    gic_enable(LINE);
    open_for_a_while();
    CHECK_EQ(taken, 1);
}

TEST(acknowledging_makes_active_and_nothing_is_spurious)
{
    start();
    gic_set_edge(LINE, true);
    gic_enable(LINE);
    CHECK_EQ(gic_acknowledge(), GIC_SPURIOUS);
    gic_set_pending(LINE);
    CHECK_EQ(gic_highest_pending(), LINE);
    CHECK_EQ(gic_acknowledge(), LINE);
    CHECK(gic_active(LINE));
    CHECK(!gic_pending(LINE));
    CHECK_EQ(gic_acknowledge(), GIC_SPURIOUS);
    gic_set_pending(LINE); /* active and pending: not again before its end */
    CHECK(gic_pending(LINE));
    CHECK_EQ(gic_acknowledge(), GIC_SPURIOUS);
    gic_end(LINE);
    CHECK(!gic_active(LINE));
    CHECK_EQ(gic_acknowledge(), LINE);
    gic_end(LINE);
}

TEST(split_mode_drops_priority_and_deactivates_apart)
{
    start();
    gic_split_mode(true);
    gic_set_edge(LINE, true);
    gic_enable(LINE);
    gic_set_pending(LINE);
    CHECK_EQ(gic_acknowledge(), LINE);
    CHECK_EQ(gic_running_priority(), 0xa0);
    gic_end(LINE);
    CHECK_EQ(gic_running_priority(), 0xff);
    CHECK(gic_active(LINE));
    gic_deactivate(LINE);
    CHECK(!gic_active(LINE));
    gic_split_mode(false);
}

TEST(active_bit_can_be_written)
{
    start();
    gic_set_edge(LINE, true);
    gic_enable(LINE);
    gic_set_active(LINE, true);
    CHECK(gic_active(LINE));
    gic_set_pending(LINE);
    open_for_a_while();
    CHECK_EQ(taken, 0);
    gic_set_active(LINE, false);
    open_for_a_while();
    CHECK_EQ(taken, 1);
}

/* ---- priorities */

TEST(more_urgent_interrupts_come_first)
{
    start();
    for (unsigned i = 0; i < 8; i++) {
        gic_set_edge(LINE + i, true);
        gic_set_priority(LINE + i, 0xf0 - 0x10 * i);
        gic_enable(LINE + i);
        gic_set_pending(LINE + i);
    }
    gic_set_priority(LINE + 8, 0xb0); /* the same as that of LINE + 4 */
    gic_set_edge(LINE + 8, true);
    gic_enable(LINE + 8);
    gic_set_pending(LINE + 8);
    open_for_a_while();
    CHECK_EQ(taken, 9);
    static const u8 expected[] = {7, 6, 5, 4, 8, 3, 2, 1, 0}; /* of equal ones the lower number */
    for (unsigned i = 0; i < 9; i++) {
        CHECK_EQ(order[i], LINE + expected[i]);
    }
}

TEST(priority_mask_holds_back)
{
    start();
    gic_set_edge(LINE, true);
    gic_enable(LINE);
    gic_set_pending(LINE);
    gic_mask(0xa0); /* not lower than the interrupt's own */
    CHECK_EQ(gic_acknowledge(), GIC_SPURIOUS);
    open_for_a_while();
    CHECK_EQ(taken, 0);
    gic_mask(0xa8);
    open_for_a_while();
    CHECK_EQ(taken, 1);
}

TEST(priority_has_at_least_16_levels_and_reads_back)
{
    start();
    for (unsigned p = 0; p < 256; p += 16) {
        gic_set_priority(LINE, p);
        CHECK_EQ(gic_priority(LINE), p);
    }
}

/* The first interrupt opens for more urgent ones while it is active. */
static void nest(void)
{
    unsigned id = gic_acknowledge();
    order[taken++ % 64] = id;
    if (id == LINE) {
        u64 elr = READ(elr_el1), spsr = READ(spsr_el1);
        gic_set_pending(LINE + 1);
        gic_set_pending(LINE + 2);
        irq_open();
        for (int i = 0; i < 100; i++) {
            ASM("isb");
        }
        irq_close();
        WRITE(elr_el1, elr);
        WRITE(spsr_el1, spsr);
        order[taken++ % 64] = 999;
    }
    gic_end(id);
}

TEST(more_urgent_interrupt_preempts)
{
    start();
    on_irq(nest);
    static const u8 priorities[] = {0xa0, 0x60, 0xc0};
    for (unsigned i = 0; i < 3; i++) {
        gic_set_edge(LINE + i, true);
        gic_set_priority(LINE + i, priorities[i]);
        gic_enable(LINE + i);
    }
    gic_set_pending(LINE);
    open_for_a_while();
    CHECK_EQ(taken, 4);
    CHECK_EQ(order[0], LINE);
    CHECK_EQ(order[1], LINE + 1);
    CHECK_EQ(order[2], 999);
    CHECK_EQ(order[3], LINE + 2);
    CHECK_EQ(gic_running_priority(), 0xff);
}

/* ---- lines of devices */

enum {
    UART_DR = 0x00,
    UART_IMSC = 0x38,
    UART_RIS = 0x3c,
    UART_MIS = 0x40,
    UART_ICR = 0x44,
    TX = 1 << 5
};
#define UART_LINE SPI(1)

static void take_uart(void)
{
    unsigned id = gic_acknowledge();
    order[taken++ % 64] = id;
    write32(UART + UART_IMSC, 0);
    dsb();
    gic_end(id);
}

TEST(level_of_a_device_shows_as_pending)
{
    start();
    on_irq(take_uart);
    write32(UART + UART_IMSC, 0);
    print("# a line, so that the transmitter has something to say\n");
    while (!(read32(UART + UART_RIS) & TX)) {
    }
    CHECK(!gic_pending(UART_LINE));
    write32(UART + UART_IMSC, TX);
    dsb();
    CHECK(gic_pending(UART_LINE));
    CHECK_EQ(read32(UART + UART_MIS), TX);
    write32(UART + UART_IMSC, 0);
    dsb();
    CHECK(!gic_pending(UART_LINE));
    gic_enable(UART_LINE);
    write32(UART + UART_IMSC, TX);
    open_for_a_while();
    CHECK_EQ(taken, 1);
    CHECK_EQ(order[0], UART_LINE);
}

/* ---- software-generated interrupts */

TEST(sgi_to_itself)
{
    start();
    for (unsigned sgi = 0; sgi < 16; sgi++) {
        gic_enable(sgi);
        taken = 0;
        gic_send(sgi, 0);
        open_for_a_while();
        CHECK_EQ(taken, 1);
        CHECK_EQ(order[0], sgi);
    }
}

static u64 received[CPUS][16];

static void receive(void)
{
    unsigned id = gic_acknowledge();
    if (id < 16) {
        __atomic_fetch_add(&received[this_cpu()->number][id], 1, __ATOMIC_SEQ_CST);
    }
    if (id != GIC_SPURIOUS) {
        gic_end(id);
    }
}

static void wait_received(unsigned cpu, unsigned sgi, u64 count)
{
    u64 end = counter() + 10 * counter_frequency();
    while (__atomic_load_n(&received[cpu][sgi], __ATOMIC_SEQ_CST) < count && counter() < end) {
    }
    CHECK_EQ(received[cpu][sgi], count);
}

static u64 stop;

static void listen(u64 number)
{
    (void)number;
    gic_start_cpu();
    for (unsigned sgi = 0; sgi < 16; sgi++) {
        gic_enable(sgi);
    }
    cpus_meet(CPUS);
    irq_open();
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        ASM("wfi");
    }
    irq_close();
}

static void start_listeners(void)
{
    start();
    on_irq(receive);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        for (unsigned sgi = 0; sgi < 16; sgi++) {
            received[cpu][sgi] = 0;
        }
    }
    stop = 0;
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        cpu_run(cpu, listen, cpu);
    }
    cpus_meet(CPUS);
}

static void stop_listeners(void)
{
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        gic_send(15, cpu);
        cpu_wait(cpu);
    }
    on_irq(NULL);
}

TEST(sgi_wakes_the_cpu_it_is_for)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    start_listeners();
    for (u64 round = 1; round <= 50; round++) {
        for (unsigned cpu = 1; cpu < CPUS; cpu++) {
            gic_send(cpu, cpu);
            wait_received(cpu, cpu, round);
        }
    }
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        for (unsigned sgi = 0; sgi < 15; sgi++) {
            CHECK_EQ(received[cpu][sgi], sgi == cpu ? 50 : 0);
        }
    }
    stop_listeners();
}

TEST(sgi_to_all_others_spares_the_sender)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    start_listeners();
    gic_enable(7);
    irq_open();
    gic_send_others(7);
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        wait_received(cpu, 7, 1);
    }
    irq_close();
    CHECK_EQ(received[0][7], 0);
    stop_listeners();
}

TEST(spi_goes_where_it_is_routed)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    start_listeners();
    gic_set_edge(LINE, true);
    gic_enable(LINE);
    irq_open();
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        u64 end = counter() + 10 * counter_frequency();
        gic_route(LINE, cpu);
        gic_set_pending(LINE);
        while ((gic_pending(LINE) || gic_active(LINE)) && counter() < end) {
        }
        CHECK(!gic_pending(LINE));
    }
    irq_close();
    CHECK_EQ(taken, 0);
    stop_listeners();
}

/* All CPUs send to all others; none may be lost while the receiver has not taken the one before. */
static void ping(u64 number)
{
    if (number != 0) {
        gic_start_cpu();
    }
    gic_enable(3);
    cpus_meet(CPUS);
    irq_open();
    for (u64 round = 1; round <= 200; round++) {
        gic_send(3, (number + 1) % CPUS);
        u64 end = counter() + 10 * counter_frequency();
        while (__atomic_load_n(&received[number][3], __ATOMIC_SEQ_CST) < round && counter() < end) {
        }
        if (received[number][3] < round) {
            test_equal(__FILE__, __LINE__, "interrupts received", received[number][3], round);
            break;
        }
        cpus_meet(CPUS);
    }
    irq_close();
}

TEST(sgis_in_a_ring_are_not_lost)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    start();
    on_irq(receive);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        received[cpu][3] = 0;
    }
    cpus_run(CPUS, ping);
    on_irq(NULL);
}
