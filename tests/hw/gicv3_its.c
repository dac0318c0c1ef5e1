/* SPDX-License-Identifier: MIT */
/* GICv3 LPIs and the interrupt translation service. */
#include "base/bits.h"
#include "cpu/arm.h"
#include "hw/intc/gic.h"
#include "memory/dma.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define DIST UINT64_C(0x08000000)
#define ITS UINT64_C(0x08080000)
#define REDIST UINT64_C(0x080a0000)
enum {
    CPUS = 3
};

/* Where the guest keeps its tables. */
#define PROP (TEST_RAM_BASE + 0x10000) /* 64 KiB */
#define PEND (TEST_RAM_BASE + 0x20000) /* 64 KiB for each vCPU */
#define DEVICES (TEST_RAM_BASE + 0x80000)
#define COLLECTIONS (TEST_RAM_BASE + 0x90000)
#define QUEUE (TEST_RAM_BASE + 0xa0000)
#define ITT (TEST_RAM_BASE + 0xb0000)
#define RAM_BYTES 0x200000

#define ICC(crm, op2) SYSREG_A64(3, 0, 12, crm, op2)
enum {
    PMR = SYSREG_A64(3, 0, 4, 6, 0),
    IAR1 = ICC(12, 0),
    EOIR1 = ICC(12, 1),
    HPPIR1 = ICC(12, 2),
    RPR = ICC(11, 3),
    IGRPEN1 = ICC(12, 7)
};
enum {
    MOVI = 1,
    INT = 3,
    CLEAR = 4,
    SYNC = 5,
    MAPD = 8,
    MAPC = 9,
    MAPTI = 10,
    MAPI = 11,
    INV = 12,
    INVALL = 13,
    MOVALL = 14,
    DISCARD = 15
};
#define VALID (UINT64_C(1) << 63)

struct bench {
    struct machine *m;
    struct device *gic, *its;
    struct dma dma;
    struct test_line irq[CPUS];
    uint64_t writer;
};

static uint64_t mrs(struct bench *b, int cpu, uint32_t encoding)
{
    const struct sysreg_bank *bank = gic_sysregs(b->gic);
    for (unsigned i = 0; i < bank->count; i++) {
        if (bank->rows[i].encoding == encoding) {
            return bank->rows[i].read(bank->opaque, cpu, encoding);
        }
    }
    return 0;
}

static void msr(struct bench *b, int cpu, uint32_t encoding, uint64_t value)
{
    const struct sysreg_bank *bank = gic_sysregs(b->gic);
    for (unsigned i = 0; i < bank->count; i++) {
        if (bank->rows[i].encoding == encoding) {
            bank->rows[i].write(bank->opaque, cpu, encoding, value);
        }
    }
}

static void command(struct bench *b, uint64_t dw0, uint64_t dw1, uint64_t dw2, uint64_t dw3)
{
    uint64_t a = QUEUE + b->writer;
    dma_store64(&b->dma, a, dw0);
    dma_store64(&b->dma, a + 8, dw1);
    dma_store64(&b->dma, a + 16, dw2);
    dma_store64(&b->dma, a + 24, dw3);
    b->writer = (b->writer + 32) % 0x1000;
    test_store(b->m, ITS + 0x88, 8, b->writer);
}

static void map_device(struct bench *b, uint32_t device, unsigned event_bits)
{
    command(b, (uint64_t)device << 32 | MAPD, event_bits - 1, VALID | ITT, 0);
}

static void map_collection(struct bench *b, unsigned collection, unsigned cpu)
{
    command(b, MAPC, 0, VALID | (uint64_t)cpu << 16 | collection, 0);
}

static void map_event(struct bench *b, uint32_t device, uint32_t event, uint32_t lpi,
                      unsigned collection)
{
    command(b, (uint64_t)device << 32 | MAPTI, (uint64_t)lpi << 32 | event, collection, 0);
}

static void configure(struct bench *b, uint32_t lpi, uint8_t config)
{
    dma_write(&b->dma, PROP + lpi - 8192, &config, 1);
}

static uint64_t redist(unsigned cpu, unsigned reg)
{
    return REDIST + cpu * (uint64_t)GICV3_REDIST_SIZE + reg;
}

static void start_cpu(struct bench *b, unsigned i)
{
    struct irq none = {0};
    gic_connect(b->gic, i, test_line_irq(&b->irq[i]), none);
    gic_set_affinity(b->gic, i, i);
    msr(b, (int)i, PMR, 0xf8);
    msr(b, (int)i, IGRPEN1, 1);
    test_store(b->m, redist(i, 0x70), 8, PROP | 15);
    test_store(b->m, redist(i, 0x78), 8, PEND + 0x10000 * i);
    test_store32(b->m, redist(i, 0), 1);
}

/* Collections 0, 1, 2 are the three vCPUs; device 5 has 4 bits of events; LPI 8192 to 8199 are
 * enabled. */
static void begin(struct bench *b)
{
    struct error e;
    *b = (struct bench){.m = test_machine_new(RAM_BYTES)};
    b->dma.space = b->m->memory;
    b->gic = test_device(b->m, &arm_gicv3_class, "num-cpu=3", "has-lpi=on", NULL);
    gicv3_map_dist(b->gic, b->m->memory, DIST);
    gicv3_map_redists(b->gic, b->m->memory, REDIST, 0, CPUS);
    b->its = device_new(&arm_gicv3_its_class, b->m, NULL);
    its_connect(b->its, b->gic);
    CHECK(device_create(b->its, &e));
    device_reset(b->its);
    device_map(b->its, b->m->memory, ITS);
    for (uint32_t i = 0; i < 8; i++) {
        configure(b, 8192 + i, 0xa0 | 1);
    }
    for (unsigned i = 0; i < CPUS; i++) {
        start_cpu(b, i);
    }
    test_store32(b->m, DIST, 2);
    test_store(b->m, ITS + 0x100, 8, VALID | DEVICES | 15); /* 16 pages of 4 KiB */
    test_store(b->m, ITS + 0x108, 8, VALID | COLLECTIONS);
    test_store(b->m, ITS + 0x80, 8, VALID | QUEUE);
    test_store32(b->m, ITS, 1);
    map_device(b, 5, 4);
    for (unsigned i = 0; i < CPUS; i++) {
        map_collection(b, i, i);
    }
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

TEST(service_tells_what_it_can)
{
    struct bench b;
    begin(&b);
    uint64_t typer = test_load(b.m, ITS + 8, 8);
    CHECK_EQ(typer & 3, 1);
    CHECK_EQ(bits64(typer, 7, 4), 11);  /* ITT entries of 12 bytes */
    CHECK_EQ(bits64(typer, 12, 8), 15); /* EventID of 16 bits */
    CHECK_EQ(bits64(typer, 17, 13), 15);
    CHECK_EQ(bit(typer, 19), 0); /* vCPUs by number */
    CHECK_EQ(bits64(test_load(b.m, ITS + 0x100, 8), 58, 56), 1);
    CHECK_EQ(bits64(test_load(b.m, ITS + 0x108, 8), 58, 56), 4);
    CHECK_EQ(test_load(b.m, ITS + 0x110, 8), 0);
    CHECK_EQ(test_load32(b.m, ITS + 0xffe8) & 0xf0, 0x30);
    CHECK_EQ(test_load32(b.m, DIST + 4) >> 17 & 1, 1);
    CHECK_EQ(test_load32(b.m, redist(0, 8)) & 1, 1);
    test_store32(b.m, redist(0, 0), 0);
    test_store(b.m, redist(0, 0x70), 8, UINT64_MAX);
    CHECK_EQ(test_load(b.m, redist(0, 0x70), 8), 0x070fffffffffff9f);
    test_store(b.m, redist(0, 0x78), 8, UINT64_MAX);
    CHECK_EQ(test_load(b.m, redist(0, 0x78), 8), 0x070fffffffff0f80);
    CHECK_EQ(test_load(b.m, ITS + 0x90, 8), b.writer);
    end(&b);
}

TEST(message_becomes_an_lpi_of_the_collections_cpu)
{
    struct bench b;
    begin(&b);
    map_event(&b, 5, 3, 8194, 1);
    its_send(b.its, 5, 3);
    CHECK(!b.irq[0].level && b.irq[1].level);
    CHECK_EQ(mrs(&b, 1, HPPIR1), 8194);
    CHECK_EQ(mrs(&b, 1, IAR1), 8194);
    CHECK_EQ(mrs(&b, 1, RPR), 0xa0);
    CHECK_EQ(b.irq[1].level, 0);
    its_send(b.its, 5, 3); /* LPIs have no active state: it may come again */
    CHECK_EQ(mrs(&b, 1, HPPIR1), 8194);
    msr(&b, 1, EOIR1, 8194);
    CHECK_EQ(b.irq[1].level, 1);
    CHECK_EQ(mrs(&b, 1, IAR1), 8194);
    msr(&b, 1, EOIR1, 8194);
    CHECK_EQ(mrs(&b, 1, IAR1), 1023);
    end(&b);
}

TEST(unmapped_messages_are_dropped)
{
    struct bench b;
    begin(&b);
    map_event(&b, 5, 3, 8194, 1);
    its_send(b.its, 5, 4);
    its_send(b.its, 6, 3);
    its_send(b.its, 5, 16);
    its_send(b.its, UINT32_MAX, UINT32_MAX);
    CHECK(!b.irq[0].level && !b.irq[1].level && !b.irq[2].level);
    command(&b, UINT64_C(5) << 32 | DISCARD, 3, 0, 0);
    its_send(b.its, 5, 3);
    CHECK(!b.irq[1].level);
    test_store32(b.m, ITS, 0);
    map_event(&b, 5, 3, 8194, 1);
    its_send(b.its, 5, 3);
    CHECK(!b.irq[1].level);
    end(&b);
}

TEST(configuration_takes_effect_when_it_is_invalidated)
{
    struct bench b;
    begin(&b);
    map_event(&b, 5, 0, 8192, 0);
    map_event(&b, 5, 1, 8193, 0);
    configure(&b, 8192, 0xa0); /* disabled */
    its_send(b.its, 5, 0);
    CHECK_EQ(b.irq[0].level, 1); /* not yet known */
    command(&b, UINT64_C(5) << 32 | INV, 0, 0, 0);
    CHECK_EQ(b.irq[0].level, 0);
    configure(&b, 8192, 0xa1);
    configure(&b, 8193, 0x41);
    command(&b, INVALL, 0, 0, 0);
    CHECK_EQ(b.irq[0].level, 1);
    its_send(b.its, 5, 1);
    CHECK_EQ(mrs(&b, 0, IAR1), 8193); /* of higher priority now */
    msr(&b, 0, EOIR1, 8193);
    CHECK_EQ(mrs(&b, 0, IAR1), 8192);
    end(&b);
}

TEST(moving_an_event_or_a_cpus_all_takes_pending_ones_along)
{
    struct bench b;
    begin(&b);
    map_event(&b, 5, 0, 8192, 0);
    map_event(&b, 5, 1, 8193, 0);
    its_send(b.its, 5, 0);
    command(&b, UINT64_C(5) << 32 | MOVI, 0, 2, 0);
    CHECK(!b.irq[0].level && b.irq[2].level);
    its_send(b.its, 5, 1);
    CHECK(b.irq[0].level);
    command(&b, MOVALL, 0, 0 << 16, UINT64_C(1) << 16);
    CHECK(!b.irq[0].level && b.irq[1].level);
    CHECK_EQ(mrs(&b, 1, IAR1), 8193);
    end(&b);
}

TEST(commands_set_and_clear_pending)
{
    struct bench b;
    begin(&b);
    command(&b, UINT64_C(5) << 32 | MAPI, 8195, 2,
            0); /* EventID is the LPI: too large for 4 bits */
    command(&b, UINT64_C(5) << 32 | INT, 8195, 0, 0);
    CHECK(!b.irq[2].level);
    map_event(&b, 5, 7, 8195, 2);
    command(&b, UINT64_C(5) << 32 | INT, 7, 0, 0);
    CHECK(b.irq[2].level);
    command(&b, UINT64_C(5) << 32 | CLEAR, 7, 0, 0);
    CHECK(!b.irq[2].level);
    command(&b, SYNC, 0, 0, 0);
    CHECK_EQ(test_load(b.m, ITS + 0x90, 8), b.writer);
    end(&b);
}

TEST(two_level_device_table_is_followed)
{
    struct bench b;
    begin(&b);
    test_store32(b.m, ITS, 0);
    test_store(b.m, ITS + 0x100, 8, VALID | UINT64_C(1) << 62 | DEVICES); /* one page of pointers */
    test_store32(b.m, ITS, 1);
    map_device(&b, 0x1234, 4); /* its page is not there */
    map_event(&b, 0x1234, 0, 8192, 0);
    its_send(b.its, 0x1234, 0);
    CHECK(!b.irq[0].level);
    dma_store64(&b.dma, DEVICES + 8 * (0x1234 / 512), VALID | (TEST_RAM_BASE + 0xc0000));
    map_device(&b, 0x1234, 4);
    map_event(&b, 0x1234, 0, 8192, 0);
    its_send(b.its, 0x1234, 0);
    CHECK(b.irq[0].level);
    end(&b);
}

TEST(pending_table_is_read_at_enabling_and_written_at_disabling)
{
    struct bench b;
    begin(&b);
    map_event(&b, 5, 0, 8192 + 3, 0);
    its_send(b.its, 5, 0);
    test_store32(b.m, redist(0, 0), 0);
    CHECK_EQ(b.irq[0].level, 0);
    uint64_t bits = 0;
    dma_load64(&b.dma, PEND + 1024, &bits);
    CHECK_EQ(bits, 8);
    dma_store64(&b.dma, PEND + 1024, 1 << 2);
    test_store32(b.m, redist(0, 0), 1);
    CHECK_EQ(mrs(&b, 0, IAR1), 8192 + 2);
    test_store32(b.m, redist(0, 0), 0);
    dma_store64(&b.dma, PEND + 1024, 1 << 2);
    test_store(b.m, redist(0, 0x78), 8, PEND | UINT64_C(1) << 62); /* PTZ: it is all zero */
    test_store32(b.m, redist(0, 0), 1);
    CHECK_EQ(mrs(&b, 0, HPPIR1), 1023);
    end(&b);
}

TEST(tables_outside_of_memory_do_no_harm)
{
    struct bench b;
    begin(&b);
    test_store32(b.m, ITS, 0);
    test_store(b.m, ITS + 0x100, 8, VALID | UINT64_C(0xffffffff0000) | 255);
    test_store(b.m, ITS + 0x80, 8, VALID | UINT64_C(0xfffff000000000) | 255);
    test_store32(b.m, ITS, 1);
    command(&b, MAPD, 0, VALID, 0);
    CHECK_EQ(test_load(b.m, ITS + 0x90, 8), b.writer);
    test_store32(b.m, redist(1, 0), 0);
    test_store(b.m, redist(1, 0x70), 8, UINT64_C(0xffffffffff000) | 15);
    test_store(b.m, redist(1, 0x78), 8, UINT64_C(0xfffffffff0000));
    test_store32(b.m, redist(1, 0), 1);
    test_store32(b.m, redist(1, 0), 0);
    end(&b);
}

TEST(longest_queue_is_worked_off_in_bounded_pieces)
{
    struct bench b;
    begin(&b);
    test_store32(b.m, ITS, 0);
    test_store(b.m, ITS + 0x80, 8, VALID | (TEST_RAM_BASE + 0x100000) | 255); /* 1 MiB of zeros */
    test_store32(b.m, ITS, 1);
    test_store(b.m, ITS + 0x88, 8, 0xfffe0);
    uint64_t reader = test_load(b.m, ITS + 0x90, 8);
    CHECK(reader > 0 && reader < 0xfffe0);
    CHECK_EQ(test_load32(b.m, ITS) >> 31, 0);
    clock_manual_advance(b.m->clock, 1000);
    CHECK_EQ(test_load(b.m, ITS + 0x90, 8), 0xfffe0);
    CHECK_EQ(test_load32(b.m, ITS) >> 31, 1);
    end(&b);
}

TEST(state_survives_saving_and_loading)
{
    struct bench b;
    begin(&b);
    map_event(&b, 5, 3, 8194, 1);
    its_send(b.its, 5, 3);
    CHECK(test_round_trip(b.gic));
    CHECK(test_round_trip(b.its));
    CHECK_EQ(b.irq[1].level, 1);
    CHECK_EQ(mrs(&b, 1, IAR1), 8194);
    its_send(b.its, 5, 3);
    CHECK_EQ(mrs(&b, 1, HPPIR1), 8194);
    device_reset(b.gic);
    device_reset(b.its);
    its_send(b.its, 5, 3);
    CHECK_EQ(b.irq[1].level, 0);
    end(&b);
}

TEST(random_commands_and_tables_do_no_harm)
{
    struct bench b;
    struct rng rng;
    begin(&b);
    rng_seed(&rng, test_seed());
    for (unsigned i = 0; i < 20000 * test_scale(); i++) {
        uint64_t small = rng_below(&rng, 16), word = rng_below(&rng, 3) ? small : rng_u64(&rng);
        switch (rng_below(&rng, 4)) {
        case 0:
            dma_store64(&b.dma, TEST_RAM_BASE + align_down(rng_below(&rng, 0x100000), 8), word);
            break;
        case 1:
            its_send(b.its, (uint32_t)small, (uint32_t)rng_below(&rng, 16));
            break;
        default:
            command(&b, small << 32 | rng_below(&rng, 17), rng_below(&rng, 9000) << 32 | small,
                    word << 16 | VALID | rng_below(&rng, 4), rng_below(&rng, 4) << 16);
        }
        if (i % 16 == 0) {
            msr(&b, (int)(i / 16 % 3), EOIR1, mrs(&b, (int)(i / 16 % 3), IAR1));
        }
    }
    CHECK(test_round_trip(b.gic));
    end(&b);
}
