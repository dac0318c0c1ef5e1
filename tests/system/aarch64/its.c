/* SPDX-License-Identifier: MIT */
/*
 * LPIs of GICv3 through its ITS, by the commands and tables that a driver uses. ARM IHI 0069,
 * chapter 5.
 */
#include "tests/system/aarch64/lib/gic.h"

enum {
    CTLR = 0x0,
    TYPER = 0x8,
    CBASER = 0x80,
    CWRITER = 0x88,
    CREADR = 0x90,
    BASER = 0x100,
    TRANSLATER = 0x10040
};
enum {
    GICR_CTLR = 0x0,
    GICR_TYPER = 0x8,
    GICR_PROPBASER = 0x70,
    GICR_PENDBASER = 0x78
};

#define LPI 8192u
#define LPIS 64u
#define DEVICE 5ull
#define CPUS 4

static u64 queue, properties, pending[CPUS];
static unsigned next_slot;

static u64 read64(u64 a)
{
    return LOAD((u64 *)a);
}

static void write64(u64 a, u64 v)
{
    STORE((u64 *)a, v);
    dsb();
}

static u64 redistributor(unsigned cpu)
{
    return GICR + 0x20000ull * cpu;
}

/* ---- commands */

static void command(u64 d0, u64 d1, u64 d2)
{
    u64 *slot = (u64 *)(queue + 32ull * next_slot);
    slot[0] = d0;
    slot[1] = d1;
    slot[2] = d2;
    slot[3] = 0;
    next_slot = (next_slot + 1) % (65536 / 32);
    dsb();
    write64(ITS + CWRITER, 32ull * next_slot);
}

static void wait_commands(void)
{
    u64 end = counter() + 10 * counter_frequency();
    while ((read64(ITS + CREADR) & 0xfffe0) != 32ull * next_slot && counter() < end) {
    }
    CHECK_EQ(read64(ITS + CREADR) & 0xfffe0, 32ull * next_slot);
}

/* Where commands say that a collection is: a CPU's number, or its redistributor's address. */
static u64 place(unsigned cpu)
{
    return read64(ITS + TYPER) >> 19 & 1 ? redistributor(cpu) >> 16 : cpu;
}

static void mapd(u64 device, u64 table, unsigned event_bits)
{
    command(0x08 | device << 32, event_bits - 1, table | (table ? 1ull << 63 : 0));
}

static void mapc(unsigned collection, unsigned cpu, bool valid)
{
    command(0x09, 0, collection | place(cpu) << 16 | (u64)valid << 63);
}

static void mapti(u64 device, u64 event, unsigned lpi, unsigned collection)
{
    command(0x0a | device << 32, event | (u64)lpi << 32, collection);
}

static void int_(u64 device, u64 event)
{
    command(0x03 | device << 32, event, 0);
}

static void clear(u64 device, u64 event)
{
    command(0x04 | device << 32, event, 0);
}

static void inv(u64 device, u64 event)
{
    command(0x0c | device << 32, event, 0);
}

static void invall(unsigned collection)
{
    command(0x0d, 0, collection);
}

static void movi(u64 device, u64 event, unsigned collection)
{
    command(0x01 | device << 32, event, collection);
}

static void discard(u64 device, u64 event)
{
    command(0x0f | device << 32, event, 0);
}

static void sync(unsigned cpu)
{
    command(0x05, 0, place(cpu) << 16);
    wait_commands();
}

/* ---- set up */

static u64 received[CPUS][LPIS];

static void take(void)
{
    unsigned id = gic_acknowledge();
    if (id >= LPI && id < LPI + LPIS) {
        __atomic_fetch_add(&received[this_cpu()->number][id - LPI], 1, __ATOMIC_SEQ_CST);
    }
    if (id != GIC_SPURIOUS) {
        gic_end(id);
    }
}

/* Tables that the ITS asks for, of the kinds that it says. */
static void give_tables(void)
{
    for (unsigned i = 0; i < 8; i++) {
        u64 a = ITS + BASER + 8 * i, v = read64(a), type = v >> 56 & 7;
        if (type == 0) {
            continue;
        }
        u64 memory = memory_new(0x40000); /* 64 pages of 4 KiB */
        write64(a, (v & (7ull << 56 | 31ull << 48)) | memory | 1ull << 63 | 63);
    }
}

static void set_property(unsigned lpi, unsigned priority, bool enabled)
{
    STORE((u8 *)(properties + lpi - LPI), (u8)(priority | 2 | enabled));
    dsb();
}

static void start_redistributor(unsigned cpu)
{
    pending[cpu] = memory_new(0x10000);
    write64(redistributor(cpu) + GICR_PROPBASER, properties | 13); /* 14 bits of INTID */
    write64(redistributor(cpu) + GICR_PENDBASER, pending[cpu]);
    write32(redistributor(cpu) + GICR_CTLR, 1);
}

static bool start(void)
{
    if (gic_version() != 3) {
        test_skip("the board has GICv2");
        return false;
    }
    gic_start();
    on_irq(take);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        for (unsigned i = 0; i < LPIS; i++) {
            received[cpu][i] = 0;
        }
    }
    static bool started;
    write32(ITS + CTLR, 0);
    if (!started) {
        /* the redistributors keep their tables for ever */
        static u8 table[0x10000] __attribute__((aligned(0x10000)));
        properties = (u64)table;
    }
    queue = memory_new(65536);
    next_slot = 0;
    give_tables();
    write64(ITS + CBASER, queue | 1ull << 63 | 15);
    write64(ITS + CWRITER, 0);
    for (unsigned i = 0; i < LPIS; i++) {
        set_property(LPI + i, 0xa0, true);
    }
    if (!started) {
        for (unsigned cpu = 0; cpu < cpu_count() && cpu < CPUS; cpu++) {
            start_redistributor(cpu);
        }
        started = true;
    }
    write32(ITS + CTLR, 1);
    mapd(DEVICE, memory_new(0x1000), 5);
    mapc(0, 0, true);
    invall(0);
    sync(0);
    return true;
}

static void open_for_a_while(void)
{
    irq_open();
    for (int i = 0; i < 1000; i++) {
        ASM("isb");
    }
    irq_close();
}

TEST(event_becomes_its_lpi)
{
    if (!start()) {
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        mapti(DEVICE, i, LPI + 10 + i, 0);
    }
    sync(0);
    for (unsigned i = 0; i < 8; i++) {
        int_(DEVICE, i);
        sync(0);
        open_for_a_while();
        CHECK_EQ(received[0][10 + i], 1);
    }
}

TEST(lpi_stays_pending_until_taken_and_comes_once)
{
    if (!start()) {
        return;
    }
    mapti(DEVICE, 0, LPI + 3, 0);
    int_(DEVICE, 0);
    int_(DEVICE, 0);
    sync(0);
    CHECK_EQ(gic_highest_pending(), LPI + 3);
    open_for_a_while();
    open_for_a_while();
    CHECK_EQ(received[0][3], 1);
}

TEST(cleared_event_does_not_come)
{
    if (!start()) {
        return;
    }
    mapti(DEVICE, 1, LPI + 4, 0);
    int_(DEVICE, 1);
    clear(DEVICE, 1);
    sync(0);
    open_for_a_while();
    CHECK_EQ(received[0][4], 0);
}

TEST(disabled_lpi_waits_until_its_property_is_read_again)
{
    if (!start()) {
        return;
    }
    mapti(DEVICE, 2, LPI + 5, 0);
    set_property(LPI + 5, 0xa0, false);
    inv(DEVICE, 2);
    int_(DEVICE, 2);
    sync(0);
    open_for_a_while();
    CHECK_EQ(received[0][5], 0);
    set_property(LPI + 5, 0xa0, true);
    inv(DEVICE, 2);
    sync(0);
    open_for_a_while();
    CHECK_EQ(received[0][5], 1);
}

static unsigned first_taken, second_taken;

static void take_in_order(void)
{
    unsigned id = gic_acknowledge();
    if (!first_taken) {
        first_taken = id;
    } else if (!second_taken) {
        second_taken = id;
    }
    gic_end(id);
}

TEST(more_urgent_lpi_comes_first)
{
    if (!start()) {
        return;
    }
    mapti(DEVICE, 3, LPI + 6, 0);
    mapti(DEVICE, 4, LPI + 7, 0);
    set_property(LPI + 6, 0xc0, true);
    set_property(LPI + 7, 0x40, true);
    invall(0);
    int_(DEVICE, 3);
    int_(DEVICE, 4);
    sync(0);
    first_taken = second_taken = 0;
    on_irq(take_in_order);
    open_for_a_while();
    CHECK_EQ(first_taken, LPI + 7);
    CHECK_EQ(second_taken, LPI + 6);
}

TEST(discarded_or_unknown_events_do_nothing)
{
    if (!start()) {
        return;
    }
    mapti(DEVICE, 5, LPI + 8, 0);
    discard(DEVICE, 5);
    int_(DEVICE, 5);
    int_(DEVICE, 31);
    int_(DEVICE, 500);
    int_(77, 0);
    sync(0);
    open_for_a_while();
    for (unsigned i = 0; i < LPIS; i++) {
        CHECK_EQ(received[0][i], 0);
    }
    mapti(DEVICE, 6, LPI + 9, 0); /* and the queue goes on */
    int_(DEVICE, 6);
    sync(0);
    open_for_a_while();
    CHECK_EQ(received[0][9], 1);
}

TEST(queue_wraps)
{
    if (!start()) {
        return;
    }
    mapti(DEVICE, 0, LPI + 1, 0);
    for (unsigned i = 0; i < 2500; i++) {
        int_(DEVICE, 0);
        if (i % 100 == 0) {
            wait_commands();
        }
    }
    sync(0);
    open_for_a_while();
    CHECK_EQ(received[0][1], 1);
}

/* ---- other CPUs */

static u64 stop;

static void listen(u64 number)
{
    (void)number;
    gic_start_cpu();
    cpus_meet(CPUS);
    irq_open();
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        ASM("isb");
    }
    irq_close();
}

static bool arrives(unsigned cpu, unsigned lpi, u64 count)
{
    u64 end = counter() + 10 * counter_frequency();
    while (__atomic_load_n(&received[cpu][lpi - LPI], __ATOMIC_SEQ_CST) < count &&
           counter() < end) {
    }
    return received[cpu][lpi - LPI] == count;
}

TEST(collections_and_moves_choose_the_cpu)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    if (!start()) {
        return;
    }
    stop = 0;
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        cpu_run(cpu, listen, cpu);
    }
    cpus_meet(CPUS);
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        mapc(cpu, cpu, true);
        mapti(DEVICE, cpu, LPI + 20 + cpu, cpu);
        invall(cpu);
    }
    sync(0);
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        int_(DEVICE, cpu);
        sync(cpu);
        CHECK(arrives(cpu, LPI + 20 + cpu, 1));
    }
    movi(DEVICE, 1, 3);
    sync(1);
    sync(3);
    int_(DEVICE, 1);
    sync(3);
    CHECK(arrives(3, LPI + 21, 1));
    CHECK_EQ(received[1][21], 1);
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        cpu_wait(cpu);
    }
}
