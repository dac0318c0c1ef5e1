/* SPDX-License-Identifier: MIT */
/* Disks on a PIIX3's IDE: registers, data by the port and by the bus master, life. */
#include "base/atomic.h"
#include "base/bits.h"
#include "block/block.h"
#include "hw/ide/ide_channel.h"
#include "hw/state.h"
#include "tests/support/ide_rig.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define SECTORS (IDE_RIG_DISK / 512)
#define FIRST 0x1f0
#define SECOND 0x170

enum {
    READ = 0x20,
    READ_EXT = 0x24,
    READ_DMA_EXT = 0x25,
    READ_MULTIPLE = 0xc4,
    READ_DMA = 0xc8,
    WRITE = 0x30,
    WRITE_MULTIPLE = 0xc5,
    WRITE_DMA = 0xca,
    TRIM = 0x06,
    FLUSH = 0xe7,
    IDENTIFY = 0xec,
    SET_FEATURES = 0xef,
    GOOD = ATA_READY,
    BAD = ATA_DRDY | ATA_ERR,
};

static void open_counted(struct ide_rig *s, const char *more, bool counted)
{
    ide_rig_open(s, counted);
    ide_rig_piix(s);
    s->first = ide_rig_drive(s, &ide_hd_class, "ide.0", "drive=disk", more);
    ide_rig_drive(s, &ide_hd_class, "ide.0", "drive=other", "unit=1");
}

static void open_scene(struct ide_rig *s, const char *more)
{
    open_counted(s, more, false);
}

static uint8_t simple(struct ide_rig *s, uint8_t command, uint16_t features, uint16_t count)
{
    return ide_command(
        s, FIRST,
        &(struct ide_regs){
            .command = command, .device = 0xe0, .features = features, .count = count});
}

static uint16_t word(struct ide_rig *s, unsigned n)
{
    return load_le16(ide_rig_data(s) + 2 * (size_t)n);
}

static bool all_are(const uint8_t *p, uint8_t value, size_t n)
{
    return p[0] == value && memcmp(p, p + 1, n - 1) == 0;
}

static uint32_t lba_registers(struct ide_rig *s)
{
    return ide_in(s, 0x1f3, 1) | ide_in(s, 0x1f4, 1) << 8 | ide_in(s, 0x1f5, 1) << 16 |
           (ide_in(s, 0x1f6, 1) & 15) << 24;
}

/* ---- registers */

TEST(a_reset_leaves_the_signature_of_a_disk)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    CHECK_EQ(ide_in(&s, 0x1f7, 1), GOOD);
    CHECK_EQ(ide_in(&s, 0x1f1, 1), 1);
    CHECK_EQ(ide_in(&s, 0x1f2, 1), 1);
    CHECK_EQ(lba_registers(&s), 1);
    CHECK_EQ(ide_in(&s, SECOND + 7, 1), 0); /* no drives there */
    ide_out(&s, 0x1f6, 1, 0xf0);
    CHECK_EQ(ide_in(&s, 0x1f7, 1), GOOD);
    ide_out(&s, 0x3f6, 1, 4);
    CHECK_EQ(ide_in(&s, 0x3f6, 1), ATA_BSY);
    ide_out(&s, 0x3f6, 1, 0);
    CHECK_EQ(ide_in(&s, 0x3f6, 1), GOOD);
    CHECK_EQ(ide_in(&s, 0x1f6, 1), 0xa0);
    ide_rig_close(&s);
}

TEST(what_was_written_before_is_read_with_the_bit_for_it)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    for (unsigned i = 1; i <= 2; i++) {
        for (unsigned port = 1; port <= 5; port++) {
            ide_out(&s, FIRST + port, 1, 16 * i + port);
        }
    }
    for (unsigned port = 2; port <= 5; port++) {
        CHECK_EQ(ide_in(&s, FIRST + port, 1), 32 + port);
    }
    ide_out(&s, 0x3f6, 1, 0x80);
    for (unsigned port = 1; port <= 5; port++) {
        CHECK_EQ(ide_in(&s, FIRST + port, 1), 16 + port);
    }
    ide_out(&s, 0x1f2, 1, 5); /* takes the bit back */
    CHECK_EQ(ide_in(&s, 0x1f2, 1), 5);
    ide_rig_close(&s);
}

TEST(interrupts_end_with_a_look_at_the_status_and_can_be_held_back)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    const struct ide_regs r = {.command = 0x10, .device = 0xe0};
    ide_start(&s, FIRST, &r);
    CHECK_EQ(s.irq[0], 1);
    CHECK_EQ(ide_in(&s, 0x3f6, 1), GOOD); /* the other status leaves it */
    CHECK_EQ(s.irq[0], 1);
    CHECK_EQ(ide_in(&s, 0x1f7, 1), GOOD);
    CHECK_EQ(s.irq[0], 0);
    ide_out(&s, 0x3f6, 1, 2);
    ide_start(&s, FIRST, &r);
    CHECK_EQ(s.irq[0], 0);
    ide_out(&s, 0x3f6, 1, 0);
    CHECK_EQ(s.irq[0], 1);
    ide_rig_close(&s);
}

TEST(commands_of_a_drive_that_is_not_there_do_nothing)
{
    struct ide_rig s;
    ide_rig_open(&s, false);
    ide_rig_piix(&s);
    ide_rig_drive(&s, &ide_hd_class, "ide.0", "drive=disk", NULL);
    ide_out(&s, 0x1f6, 1, 0xf0);
    ide_out(&s, 0x1f7, 1, IDENTIFY);
    CHECK_EQ(ide_in(&s, 0x1f7, 1), 0);
    CHECK_EQ(s.irq[0], 0);
    ide_rig_close(&s);
}

/* ---- what a drive says of itself */

TEST(identify_tells_of_names_sizes_and_what_there_is)
{
    struct ide_rig s;
    open_scene(&s, "wwn=0x5000c50012345678");
    const struct ide_regs r = {.command = IDENTIFY, .device = 0xe0};
    CHECK_EQ(ide_pio_in(&s, FIRST, &r, 512), GOOD);
    CHECK_MEM(ide_rig_data(&s) + 20, "MQ0000 1", 8); /* characters of a word are swapped */
    CHECK_MEM(ide_rig_data(&s) + 54, "EQUMH RADDSI K", 14);
    CHECK_EQ(word(&s, 0), 0x40);
    CHECK_EQ(word(&s, 1), SECTORS / (16 * 63));
    CHECK_EQ(word(&s, 3), 16);
    CHECK_EQ(word(&s, 6), 63);
    CHECK_EQ(load_le32(ide_rig_data(&s) + 120), SECTORS);
    CHECK_EQ(load_le64(ide_rig_data(&s) + 200), SECTORS);
    CHECK_EQ(word(&s, 59), 0x110);
    CHECK_EQ(word(&s, 63), 7);
    CHECK_EQ(word(&s, 88), 0x203f);
    CHECK_EQ(word(&s, 108), 0x5000);
    CHECK_EQ(word(&s, 111), 0x5678);
    CHECK_EQ(word(&s, 169), 1);
    CHECK(word(&s, 85) & 1 << 5);
    ide_rig_close(&s);
}

TEST(names_geometry_and_blocks_are_as_they_were_given)
{
    struct ide_rig s;
    struct error e = {""};
    ide_rig_open(&s, false);
    ide_rig_piix(&s);
    REQUIRE(rig_device(&s.r, &ide_hd_class, "ide.0", &e, "drive=disk", "serial=ABCD", "model=No 1",
                       "ver=9.87", "cyls=100", "heads=4", "secs=17", "physical_block_size=4096",
                       "rotation_rate=1", "write-cache=off", NULL));
    const struct ide_regs r = {.command = IDENTIFY, .device = 0xe0};
    CHECK_EQ(ide_pio_in(&s, FIRST, &r, 512), GOOD);
    CHECK_MEM(ide_rig_data(&s) + 20, "BADC  ", 6);
    CHECK_MEM(ide_rig_data(&s) + 46, ".978", 4);
    CHECK_MEM(ide_rig_data(&s) + 54, "oN1   ", 6);
    CHECK_EQ(word(&s, 1), 100);
    CHECK_EQ(word(&s, 3), 4);
    CHECK_EQ(word(&s, 6), 17);
    CHECK_EQ(load_le32(ide_rig_data(&s) + 114), 100 * 4 * 17);
    CHECK_EQ(word(&s, 106), 0x6003);
    CHECK_EQ(word(&s, 217), 1);
    CHECK(!(word(&s, 85) & 1 << 5));
    ide_rig_close(&s);
}

/* ---- PIO */

TEST(sectors_are_read_one_by_one_with_an_interrupt_each)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    const unsigned before = atomic_get(&s.irq_rises[0]);
    const struct ide_regs r = {.command = READ, .device = 0xe0, .count = 3, .lba = 5};
    CHECK_EQ(ide_pio_in(&s, FIRST, &r, 3 * 512), GOOD);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(all_are(ide_rig_data(&s) + 512 * i, (uint8_t)(6 + i), 512));
    }
    CHECK_EQ(atomic_get(&s.irq_rises[0]) - before, 3);
    ide_rig_close(&s);
}

TEST(sectors_are_written_and_read_back_in_all_ways)
{
    static const struct ide_regs ways[] = {
        {.command = WRITE, .device = 0xe0, .count = 4, .lba = 70},
        {.command = WRITE_MULTIPLE, .device = 0xe0, .count = 40, .lba = 70},
        {.command = 0x34, .device = 0x40, .count = 4, .lba = 70, .ext = true},
        {.command = 0x39, .device = 0x40, .count = 20, .lba = 70, .ext = true},
        {.command = 0x3c, .device = 0xe0, .count = 1, .lba = 70},
    };
    struct ide_rig s;
    open_scene(&s, NULL);
    for (unsigned i = 0; i < array_len(ways); i++) {
        const struct ide_regs back = {
            .command = READ_MULTIPLE, .device = 0xe0, .count = ways[i].count, .lba = 70};
        const uint32_t n = 512u * ways[i].count;
        memset(ide_rig_data(&s), (int)(0x90 + i), n);
        CHECK_EQ(ide_pio_out(&s, FIRST, &ways[i], n), GOOD);
        memset(ide_rig_data(&s), 0, n);
        CHECK_EQ(ide_pio_in(&s, FIRST, &back, n), GOOD);
        CHECK(all_are(ide_rig_data(&s), (uint8_t)(0x90 + i), n));
    }
    ide_rig_close(&s);
}

TEST(a_geometry_names_sectors_too)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    CHECK_EQ(
        ide_command(&s, FIRST, &(struct ide_regs){.command = 0x91, .device = 0xa1, .count = 10}),
        GOOD); /* two heads, ten sectors */
    /* cylinder 1, head 1, sector 4: 33 */
    CHECK_EQ(ide_pio_in(
                 &s, FIRST,
                 &(struct ide_regs){.command = READ, .device = 0xa1, .count = 1, .lba = 4 | 1 << 8},
                 512),
             GOOD);
    CHECK(all_are(ide_rig_data(&s), 34, 512));
    CHECK_EQ(ide_command(&s, FIRST,
                         &(struct ide_regs){.command = READ, .device = 0xa0, .count = 1, .lba = 0}),
             BAD); /* there is no sector 0 */
    ide_rig_close(&s);
}

TEST(each_drive_of_a_channel_has_its_own)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    const struct ide_regs r = {.command = 0x27, .device = 0xf0, .ext = true};
    CHECK_EQ(ide_command(&s, FIRST, &r), GOOD);
    CHECK_EQ(lba_registers(&s) & 0xffffff, SECTORS / 2 - 1);
    memset(ide_rig_data(&s), 0x77, 512);
    CHECK_EQ(ide_pio_out(&s, FIRST,
                         &(struct ide_regs){.command = WRITE, .device = 0xf0, .count = 1}, 512),
             GOOD);
    CHECK_EQ(
        ide_pio_in(&s, FIRST, &(struct ide_regs){.command = READ, .device = 0xe0, .count = 1}, 512),
        GOOD);
    CHECK(all_are(ide_rig_data(&s), 1, 512));
    ide_rig_close(&s);
}

/* ---- DMA */

TEST(the_bus_master_moves_by_its_table)
{
    static const uint32_t pieces[] = {65536, 512, 6, 4096, 1000};
    struct ide_rig s;
    open_scene(&s, NULL);
    for (unsigned i = 0; i < array_len(pieces); i++) {
        const struct ide_regs r = {.command = READ_DMA, .device = 0xe0, .count = 8, .lba = 1};
        memset(ide_rig_data(&s), 0, 4096);
        CHECK_EQ(ide_dma(&s, &r, true, 4096, pieces[i]), GOOD);
        for (unsigned k = 0; k < 8; k++) {
            CHECK(all_are(ide_rig_data(&s) + 512 * k, (uint8_t)(2 + k), 512));
        }
        CHECK_EQ(rig_load(&s.r, s.bm + 2, 1) & 7, 4);
        const struct ide_regs w = {.command = WRITE_DMA, .device = 0xe0, .count = 8, .lba = 100};
        memset(ide_rig_data(&s), (int)(i + 200), 4096);
        CHECK_EQ(ide_dma(&s, &w, false, 4096, pieces[i]), GOOD);
        memset(ide_rig_data(&s), 0, 4096);
        const struct ide_regs back = {
            .command = READ_DMA_EXT, .device = 0x40, .count = 8, .lba = 100, .ext = true};
        CHECK_EQ(ide_dma(&s, &back, true, 4096, 4096), GOOD);
        CHECK(all_are(ide_rig_data(&s), (uint8_t)(i + 200), 4096));
    }
    ide_rig_close(&s);
}

TEST(a_table_of_many_pieces_is_moved_in_several_steps)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    const struct ide_regs r = {.command = READ_DMA, .device = 0xe0, .count = 64};
    /* Pieces with gaps between them, more than a request can have. */
    uint8_t *p = rig_host(&s.r, s.table);
    for (uint32_t i = 0; i < 8192; i++) {
        store_le32(p + 8 * (size_t)i, (uint32_t)(s.data + 8 * (uint64_t)i));
        store_le32(p + 8 * (size_t)i + 4, 4 | (i == 8191 ? 0x80000000u : 0));
    }
    rig_store(&s.r, s.bm, 1, 8);
    rig_store(&s.r, s.bm + 4, 4, (uint32_t)s.table);
    ide_start(&s, FIRST, &r);
    rig_store(&s.r, s.bm, 1, 9);
    CHECK_EQ(ide_wait(&s, FIRST), GOOD);
    for (uint32_t i = 0; i < 8192; i++) {
        CHECK_EQ(ide_rig_data(&s)[8 * i], i / 128 + 1);
        CHECK_EQ(ide_rig_data(&s)[8 * i + 4], 0);
    }
    CHECK_EQ(rig_load(&s.r, s.bm + 2, 1), 4);
    ide_rig_close(&s);
}

TEST(tables_that_are_too_short_or_long_or_nowhere_are_told_of)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    const struct ide_regs r = {.command = READ_DMA, .device = 0xe0, .count = 8};
    const unsigned before = atomic_get(&s.irq_rises[0]);
    ide_dma(&s, &r, true, 2048, 1024); /* no interrupt, and the master stands still */
    CHECK_EQ(atomic_get(&s.irq_rises[0]), before);
    CHECK_EQ(rig_load(&s.r, s.bm + 2, 1) & 7, 0);
    ide_put_table(&s, s.data, 8192, 1024);
    ide_start(&s, FIRST, &r);
    rig_store(&s.r, s.bm, 1, 9);
    CHECK_EQ(ide_wait(&s, FIRST), GOOD);
    CHECK_EQ(rig_load(&s.r, s.bm + 2, 1) & 7, 5); /* still active: there is memory left */
    rig_store(&s.r, s.bm, 1, 8);
    CHECK_EQ(rig_load(&s.r, s.bm + 2, 1) & 7, 4);
    rig_store(&s.r, s.bm + 2, 1, 6);
    ide_put_table(&s, UINT64_C(0xff000000), 4096, 4096);
    ide_start(&s, FIRST, &r);
    rig_store(&s.r, s.bm, 1, 9);
    ide_wait(&s, FIRST);
    CHECK_EQ(rig_load(&s.r, s.bm + 2, 1) & 7, 2);
    rig_store(&s.r, s.bm, 1, 8);
    rig_store(&s.r, s.bm + 2, 1, 6);
    CHECK_EQ(ide_dma(&s, &r, true, 4096, 4096), GOOD);
    CHECK(all_are(ide_rig_data(&s), 1, 512));
    ide_rig_close(&s);
}

TEST(ranges_are_given_back_when_all_are_good)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    const struct ide_regs r = {
        .command = TRIM, .device = 0x40, .features = 1, .count = 1, .ext = true};
    memset(ide_rig_data(&s), 0, 512);
    store_le64(ide_rig_data(&s), UINT64_C(4) << 48 | 8);
    store_le64(ide_rig_data(&s) + 8, UINT64_C(2) << 48 | (SECTORS - 1));
    CHECK_EQ(ide_dma(&s, &r, false, 512, 512), BAD);
    CHECK_EQ(ide_in(&s, 0x1f1, 1), ATA_IDNF);
    CHECK_EQ(lba_registers(&s) & 0xffffff, SECTORS - 1);
    CHECK_EQ(ide_pio_in(&s, FIRST,
                        &(struct ide_regs){.command = READ, .device = 0xe0, .count = 1, .lba = 8},
                        512),
             GOOD);
    CHECK(all_are(ide_rig_data(&s), 9, 512)); /* nothing was done */
    memset(ide_rig_data(&s), 0, 512);
    store_le64(ide_rig_data(&s), UINT64_C(4) << 48 | 8);
    CHECK_EQ(ide_dma(&s, &r, false, 512, 512), GOOD);
    CHECK_EQ(ide_pio_in(&s, FIRST,
                        &(struct ide_regs){.command = READ, .device = 0xe0, .count = 5, .lba = 8},
                        5 * 512),
             GOOD);
    CHECK(all_are(ide_rig_data(&s), 0, 4 * 512));
    CHECK(all_are(ide_rig_data(&s) + 4 * 512, 13, 512));
    ide_rig_close(&s);
}

/* ---- other commands */

TEST(addresses_beyond_the_end_are_not_found)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    const struct ide_regs r = {.command = READ, .device = 0xe0, .count = 2, .lba = SECTORS - 1};
    CHECK_EQ(ide_command(&s, FIRST, &r), BAD);
    CHECK_EQ(ide_in(&s, 0x1f1, 1), ATA_IDNF);
    CHECK_EQ(ide_command(&s, FIRST,
                         &(struct ide_regs){.command = READ_DMA_EXT,
                                            .device = 0x40,
                                            .lba = UINT64_C(0xffffffffffff),
                                            .ext = true}),
             BAD);
    CHECK_EQ(ide_command(&s, FIRST,
                         &(struct ide_regs){
                             .command = 0x40, .device = 0xe0, .count = 9, .lba = SECTORS - 9}),
             GOOD);
    CHECK_EQ(ide_command(
                 &s, FIRST,
                 &(struct ide_regs){
                     .command = 0x42, .device = 0x40, .count = 9, .lba = SECTORS - 8, .ext = true}),
             BAD);
    ide_rig_close(&s);
}

TEST(features_are_set_or_refused)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    const struct ide_regs identify = {.command = IDENTIFY, .device = 0xe0};
    CHECK_EQ(simple(&s, SET_FEATURES, 3, 0x22), GOOD); /* multiword DMA 2 */
    CHECK_EQ(simple(&s, SET_FEATURES, 0x82, 0), GOOD);
    CHECK_EQ(simple(&s, SET_FEATURES, 0x55, 0), GOOD);
    CHECK_EQ(ide_pio_in(&s, FIRST, &identify, 512), GOOD);
    CHECK_EQ(word(&s, 63), 0x407);
    CHECK_EQ(word(&s, 88), 0x3f);
    CHECK_EQ(word(&s, 85) & (1 << 5 | 1 << 6), 0);
    CHECK_EQ(simple(&s, SET_FEATURES, 2, 0), GOOD);
    CHECK_EQ(simple(&s, SET_FEATURES, 3, 0x46), BAD);
    CHECK_EQ(simple(&s, SET_FEATURES, 0x99, 0), BAD);
    CHECK_EQ(ide_in(&s, 0x1f1, 1), ATA_ABRT);
    CHECK_EQ(simple(&s, 0xc6, 0, 4), GOOD);
    CHECK_EQ(simple(&s, 0xc6, 0, 3), BAD);
    CHECK_EQ(simple(&s, 0xc6, 0, 32), BAD);
    CHECK_EQ(ide_pio_in(&s, FIRST, &identify, 512), GOOD);
    CHECK_EQ(word(&s, 59), 0x104);
    CHECK(word(&s, 85) & 1 << 5);
    CHECK_EQ(simple(&s, 0xc6, 0, 0), GOOD);
    CHECK_EQ(simple(&s, READ_MULTIPLE, 0, 1), BAD);
    ide_rig_close(&s);
}

TEST(power_size_and_what_is_not_there)
{
    static const uint8_t refused[] = {0x00, 0x08, 0xa0, 0xa1, 0xe4, 0xe8, 0xf1, 0xf2,
                                      0xf3, 0xf4, 0xf5, 0xf6, 0xf9, 0x37, 0x45};
    struct ide_rig s;
    open_scene(&s, NULL);
    CHECK_EQ(simple(&s, 0xe5, 0, 0), GOOD);
    CHECK_EQ(ide_in(&s, 0x1f2, 1), 0xff);
    CHECK_EQ(simple(&s, 0xe0, 0, 0), GOOD);
    CHECK_EQ(simple(&s, 0xe5, 0, 7), GOOD);
    CHECK_EQ(ide_in(&s, 0x1f2, 1), 0);
    CHECK_EQ(simple(&s, 0xe1, 0, 0), GOOD);
    CHECK_EQ(simple(&s, 0xe5, 0, 0), GOOD);
    CHECK_EQ(ide_in(&s, 0x1f2, 1), 0xff);
    CHECK_EQ(simple(&s, FLUSH, 0, 0), GOOD);
    CHECK_EQ(simple(&s, 0xea, 0, 0), GOOD);
    CHECK_EQ(simple(&s, 0xf8, 0, 0), GOOD);
    CHECK_EQ(lba_registers(&s), SECTORS - 1);
    for (unsigned i = 0; i < sizeof(refused); i++) {
        CHECK_MSG(simple(&s, refused[i], 0, 0) == BAD, "0x%02x", refused[i]);
        CHECK_EQ(ide_in(&s, 0x1f1, 1), ATA_ABRT);
    }
    CHECK_EQ(simple(&s, 0x90, 0, 0), GOOD);
    CHECK_EQ(ide_in(&s, 0x1f1, 1), 1);
    ide_rig_close(&s);
}

static uint8_t smart(struct ide_rig *s, uint8_t what, uint64_t low, uint32_t bytes)
{
    return ide_pio_in(
        s, FIRST,
        &(struct ide_regs){
            .command = 0xb0, .device = 0xe0, .features = what, .count = 1, .lba = 0xc24f00 | low},
        bytes);
}

static bool sums_to_zero(const uint8_t *p)
{
    uint8_t sum = 0;
    for (unsigned i = 0; i < 512; i++) {
        sum = (uint8_t)(sum + p[i]);
    }
    return sum == 0;
}

TEST(smart_tells_of_a_healthy_drive_while_it_is_on)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    CHECK_EQ(smart(&s, 0xda, 0, 0), GOOD);
    CHECK_EQ(ide_in(&s, 0x1f4, 1), 0x4f);
    CHECK_EQ(smart(&s, 0xd0, 0, 512), GOOD);
    CHECK(sums_to_zero(ide_rig_data(&s)));
    CHECK_EQ(ide_rig_data(&s)[2], 1);
    CHECK_EQ(smart(&s, 0xd1, 0, 512), GOOD);
    CHECK(sums_to_zero(ide_rig_data(&s)));
    CHECK_EQ(smart(&s, 0xd5, 1, 512), GOOD);
    CHECK(sums_to_zero(ide_rig_data(&s)));
    CHECK_EQ(smart(&s, 0xd5, 0x77, 0), BAD);
    CHECK_EQ(smart(&s, 0xd4, 1, 0), BAD);
    CHECK_EQ(smart(&s, 0xd9, 0, 0), GOOD);
    CHECK_EQ(smart(&s, 0xda, 0, 0), BAD);
    CHECK_EQ(smart(&s, 0xd8, 0, 0), GOOD);
    CHECK_EQ(smart(&s, 0xda, 0, 0), GOOD);
    CHECK_EQ(simple(&s, 0xb0, 0xda, 0), BAD); /* without the key */
    ide_rig_close(&s);
}

/* ---- life */

TEST(resets_with_commands_in_flight)
{
    struct ide_rig s;
    open_scene(&s, NULL);
    for (unsigned i = 0; i < 60; i++) {
        const struct ide_regs r = {.command = i % 2 ? READ : READ_DMA, .device = 0xe0, .count = 64};
        ide_put_table(&s, s.data, 64 * 512, 4096);
        rig_store(&s.r, s.bm, 1, 8);
        rig_store(&s.r, s.bm + 4, 4, (uint32_t)s.table);
        ide_start(&s, FIRST, &r);
        rig_store(&s.r, s.bm, 1, 9);
        if (i % 3 == 0) {
            device_reset(s.host);
            rig_config_set(&s.r, 0, 0x20, 0x20, 4, 0xc000);
            rig_config_set(&s.r, 0, 0x20, 4, 2, 5);
        } else {
            ide_out(&s, 0x3f6, 1, 4);
            ide_out(&s, 0x3f6, 1, 0);
        }
        CHECK_EQ(ide_in(&s, 0x1f7, 1), GOOD);
        CHECK_EQ(ide_in(&s, 0x1f1, 1), 1);
    }
    CHECK_EQ(
        ide_pio_in(&s, FIRST, &(struct ide_regs){.command = READ, .device = 0xe0, .count = 1}, 512),
        GOOD);
    CHECK(all_are(ide_rig_data(&s), 1, 512));
    ide_rig_close(&s);
}

TEST(counted_time_decides_when_commands_end)
{
    struct ide_rig s;
    open_counted(&s, NULL, true);
    const struct ide_regs r = {.command = READ, .device = 0xe0, .count = 1, .lba = 3};
    ide_start(&s, FIRST, &r);
    CHECK_EQ(ide_in(&s, 0x3f6, 1), ATA_BSY);
    CHECK(ide_round_trip(s.host, s.first));
    clock_manual_advance(s.r.m->clock, 100511);
    CHECK_EQ(ide_in(&s, 0x3f6, 1), ATA_BSY);
    clock_manual_advance(s.r.m->clock, 1);
    CHECK_EQ(ide_in(&s, 0x3f6, 1), ATA_READY | ATA_DRQ);
    CHECK_EQ(ide_in(&s, FIRST, 2), 0x0404);
    const struct ide_regs w = {.command = READ_DMA, .device = 0xe0, .count = 4, .lba = 3};
    ide_out(&s, 0x3f6, 1, 4);
    ide_out(&s, 0x3f6, 1, 0);
    CHECK_EQ(ide_dma(&s, &w, true, 2048, 512), GOOD);
    CHECK(all_are(ide_rig_data(&s), 4, 512));
    ide_rig_close(&s);
}

TEST(state_is_the_same_in_the_middle_of_a_command)
{
    struct ide_rig s;
    struct strbuf saved = {0};
    struct error e = {""};
    open_scene(&s, NULL);
    const struct ide_regs r = {.command = READ_MULTIPLE, .device = 0xe0, .count = 40, .lba = 2};
    ide_start(&s, FIRST, &r);
    CHECK_EQ(ide_wait(&s, FIRST), ATA_READY | ATA_DRQ);
    for (unsigned i = 0; i < 300; i++) {
        ide_in(&s, FIRST, 2);
    }
    device_save(s.host, &saved);
    for (unsigned i = 0; i < 900; i++) {
        ide_in(&s, FIRST, 2);
    }
    CHECK(device_load(s.host, saved.text, saved.len, &e));
    CHECK_EQ(ide_in(&s, FIRST, 2), 0x0404); /* the 301st word: of sector 3 */
    for (unsigned i = 301; i < 40 * 256; i++) {
        ide_wait(&s, FIRST);
        CHECK_EQ(ide_in(&s, FIRST, 1), i / 256 + 3 <= 64 ? i / 256 + 3 : 0);
        ide_in(&s, FIRST, 1);
    }
    CHECK_EQ(ide_in(&s, 0x1f7, 1), GOOD);
    strbuf_free(&saved);
    ide_rig_close(&s);
}

TEST(what_waits_for_a_retry_is_done_by_it_or_after_loading)
{
    struct ide_rig s;
    struct ide_saved saved;
    ide_rig_open_failing(&s);
    ide_rig_piix(&s);
    s.first = ide_rig_drive(&s, &ide_hd_class, "ide.0", "drive=disk", NULL);
    const struct ide_regs r = {.command = READ, .device = 0xe0, .count = 1, .lba = 5};
    memset(ide_rig_data(&s), 1, 512);
    ide_start(&s, FIRST, &r);
    CHECK(ide_rig_waits(&s));
    CHECK_EQ(ide_in(&s, 0x3f6, 1), ATA_BSY);
    block_retry(s.disk);
    CHECK_EQ(ide_wait(&s, FIRST), ATA_READY | ATA_DRQ);
    ide_rig_close(&s);

    ide_rig_open_failing(&s);
    ide_rig_piix(&s);
    s.first = ide_rig_drive(&s, &ide_hd_class, "ide.0", "drive=disk", NULL);
    ide_start(&s, FIRST, &r);
    CHECK(ide_rig_waits(&s));
    ide_save(s.host, s.first, &saved);
    CHECK_EQ(ide_wait(&s, FIRST), ATA_READY | ATA_DRQ); /* it went on */
    CHECK(ide_load(s.host, s.first, &saved));
    CHECK_EQ(ide_wait(&s, FIRST), ATA_READY | ATA_DRQ);
    CHECK_EQ(s.irq[0], 1);
    ide_rig_close(&s);
}

TEST(places_and_properties_that_cannot_be_are_refused)
{
    static const char *const bad[] = {"drive=none",
                                      "unit=2",
                                      "unit=0",
                                      "serial=123456789012345678901",
                                      "ver=123456789",
                                      "model=12345678901234567890123456789012345678901",
                                      "logical_block_size=4096",
                                      "physical_block_size=100",
                                      "cyls=5",
                                      "heads=17"};
    struct ide_rig s;
    struct error e = {""};
    ide_rig_open(&s, false);
    ide_rig_piix(&s);
    ide_rig_drive(&s, &ide_hd_class, "ide.0", "drive=disk", NULL);
    for (unsigned i = 0; i < array_len(bad); i++) {
        CHECK_MSG(!rig_device(&s.r, &ide_hd_class, "ide.0", &e, "drive=other", bad[i], NULL), "%s",
                  bad[i]);
        CHECK(strlen(e.text) > 10);
    }
    CHECK(!rig_device(&s.r, &ide_hd_class, "ide.0", &e, NULL));
    CHECK(strstr(e.text, "drive= is missing"));
    ide_rig_close(&s);
}

TEST(firmware_knows_drives_by_their_paths)
{
    struct ide_rig s;
    struct strbuf out = {0};
    ide_rig_open(&s, false);
    ide_rig_piix(&s);
    struct device *d = ide_rig_drive(&s, &ide_hd_class, "ide.1", "drive=disk", "unit=1");
    d->bus->firmware_path(d, &out);
    CHECK_STR(strbuf_text(&out), "/pci@ffffffffffffffff/ide@4/drive@1/disk@1");
    strbuf_free(&out);
    ide_rig_close(&s);
}
