/* SPDX-License-Identifier: MIT */
/* A CD drive on IDE: packets by the data port and by the bus master, media that change. */
#include "base/bits.h"
#include "block/block.h"
#include "hw/ide/ide_channel.h"
#include "hw/ide/piix_ide.h"
#include "hw/scsi/scsi.h"
#include "tests/support/ide_rig.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define BASE 0x170
#define PACKET 0xa0

enum {
    GOOD = ATA_READY,
    BAD = ATA_DRDY | ATA_ERR,
    READ_10 = 0x28,
    READ_12 = 0xa8,
    BLOCKS = IDE_RIG_CD / 2048,
};

static uint8_t packet(struct ide_rig *s, const uint8_t *cdb, uint16_t limit, bool dma)
{
    ide_start(s, BASE,
              &(struct ide_regs){
                  .command = PACKET, .device = 0xa0, .features = dma, .lba = (uint64_t)limit << 8});
    const uint8_t status = ide_wait(s, BASE);
    if (!(status & ATA_DRQ)) {
        return status;
    }
    CHECK_EQ(ide_in(s, BASE + 2, 1) & 3, ATA_REASON_PACKET);
    for (unsigned i = 0; i < 12; i += 2) {
        ide_out(s, BASE, 2, load_le16(cdb + i));
    }
    return ide_wait(s, BASE);
}

/* A packet with data to the host, whose bytes are counted; the last status. */
static uint8_t packet_in(struct ide_rig *s, const uint8_t *cdb, uint16_t limit, uint32_t *moved)
{
    uint8_t *p = ide_rig_data(s), status = packet(s, cdb, limit, false);
    *moved = 0;
    while (status & ATA_DRQ) {
        const uint32_t n = ide_in(s, BASE + 4, 1) | ide_in(s, BASE + 5, 1) << 8;
        CHECK_EQ(ide_in(s, BASE + 2, 1) & 3, ATA_REASON_TO_HOST);
        CHECK(n && n <= limit);
        CHECK_EQ(s->irq[1], 1);
        ide_in(s, BASE + 7, 1);
        CHECK_EQ(s->irq[1], 0);
        for (uint32_t i = 0; i < n; i += 2) {
            store_le16(p + *moved + i, (uint16_t)ide_in(s, BASE, 2));
        }
        *moved += n;
        status = ide_wait(s, BASE);
    }
    CHECK_EQ(ide_in(s, BASE + 2, 1) & 3, ATA_REASON_PACKET | ATA_REASON_TO_HOST);
    return (uint8_t)ide_in(s, BASE + 7, 1);
}

/* The sense of the last packet: key, code, qualifier. */
static uint32_t sense(struct ide_rig *s)
{
    static const uint8_t cdb[12] = {0x03, 0, 0, 0, 18};
    uint32_t n;
    CHECK_EQ(packet_in(s, cdb, 18, &n), GOOD);
    const uint8_t *p = ide_rig_data(s);
    return n < 14 ? 0xffffffff : SCSI_SENSE(p[2] & 15, p[12], p[13]);
}

static uint8_t simple(struct ide_rig *s, uint8_t opcode, uint8_t four)
{
    const uint8_t cdb[12] = {opcode, 0, 0, 0, four};
    uint32_t n;
    return packet_in(s, cdb, 4096, &n);
}

static void open_scene(struct ide_rig *s, const char *drive)
{
    ide_rig_open(s, false);
    ide_rig_piix(s);
    s->first = ide_rig_drive(s, &ide_cd_class, "ide.1", drive, NULL);
    if (drive) {
        CHECK_EQ(simple(s, 0, 0), BAD);
        CHECK_EQ(sense(s), SENSE_RESET);
        CHECK_EQ(simple(s, 0, 0), GOOD);
    }
}

static void read_cdb(uint8_t *cdb, uint8_t opcode, uint32_t lba, uint32_t blocks)
{
    memset(cdb, 0, 12);
    cdb[0] = opcode;
    store_be32(cdb + 2, lba);
    if (opcode == READ_10) {
        store_be16(cdb + 7, (uint16_t)blocks);
    } else if (opcode == READ_12) {
        store_be32(cdb + 6, blocks);
    } else { /* READ CD, of user data */
        cdb[7] = (uint8_t)(blocks >> 8);
        cdb[8] = (uint8_t)blocks;
        cdb[9] = 0x10;
    }
}

static void check_blocks(struct ide_rig *s, uint32_t lba, uint32_t n)
{
    for (uint32_t i = 0; i < 4 * n; i++) {
        const uint32_t sector = 4 * lba + i;
        CHECK_EQ(ide_rig_data(s)[512 * i + 7], sector < 64 ? sector + 1 : 0);
    }
}

TEST(a_cd_drive_shows_its_signature_and_answers_to_its_own_identify)
{
    struct ide_rig s;
    open_scene(&s, "drive=cd");
    ide_out(&s, 0x376, 1, 4);
    ide_out(&s, 0x376, 1, 0);
    CHECK_EQ(ide_in(&s, BASE + 4, 1), 0x14);
    CHECK_EQ(ide_in(&s, BASE + 5, 1), 0xeb);
    const struct ide_regs r = {.command = 0xec, .device = 0xa0};
    CHECK_EQ(ide_command(&s, BASE, &r), BAD);
    CHECK_EQ(ide_in(&s, BASE + 4, 1), 0x14);
    CHECK_EQ(ide_pio_in(&s, BASE, &(struct ide_regs){.command = 0xa1, .device = 0xa0}, 512), GOOD);
    CHECK_EQ(load_le16(ide_rig_data(&s)), 0x85c0);
    CHECK_MEM(ide_rig_data(&s) + 54, "EQUMD DVR-MO", 12);
    CHECK_EQ(ide_command(&s, BASE, &(struct ide_regs){.command = 0x08, .device = 0xa0}), 0);
    CHECK_EQ(ide_in(&s, BASE + 5, 1), 0xeb);
    ide_rig_close(&s);
}

TEST(blocks_are_read_by_pio_in_parts_as_large_as_the_driver_says)
{
    static const uint8_t opcodes[] = {READ_10, READ_12, 0xbe};
    static const uint16_t limits[] = {2048, 0xfffe, 0xffff, 512, 3000, 32768};
    struct ide_rig s;
    uint8_t cdb[12];
    uint32_t n;
    open_scene(&s, "drive=cd");
    for (unsigned i = 0; i < array_len(limits); i++) {
        const uint32_t blocks = i % 2 ? 50 : 3;
        read_cdb(cdb, opcodes[i % 3], 2, blocks);
        memset(ide_rig_data(&s), 0xee, 2048 * 64);
        CHECK_EQ(packet_in(&s, cdb, limits[i], &n), GOOD);
        CHECK_EQ(n, blocks * 2048);
        check_blocks(&s, 2, blocks);
    }
    ide_rig_close(&s);
}

TEST(blocks_and_replies_come_by_dma)
{
    static const uint32_t pieces[] = {65536, 2048, 1000, 6};
    struct ide_rig s;
    uint8_t cdb[12];
    open_scene(&s, "drive=cd");
    for (unsigned i = 0; i < array_len(pieces); i++) {
        const uint32_t bytes = 20 * 2048;
        read_cdb(cdb, READ_10, 1, 20);
        memset(ide_rig_data(&s), 0xee, bytes);
        ide_put_table(&s, s.data, bytes, pieces[i]);
        rig_store(&s.r, s.bm + 8, 1, 8);
        rig_store(&s.r, s.bm + 10, 1, 6);
        rig_store(&s.r, s.bm + 12, 4, (uint32_t)s.table);
        CHECK(packet(&s, cdb, 0, true) & ATA_DRQ);
        rig_store(&s.r, s.bm + 8, 1, 9);
        CHECK_EQ(ide_wait(&s, BASE), GOOD);
        CHECK_EQ(rig_load(&s.r, s.bm + 10, 1) & 7, 4);
        rig_store(&s.r, s.bm + 8, 1, 8);
        ide_in(&s, BASE + 7, 1);
        check_blocks(&s, 1, 20);
    }
    static const uint8_t inquiry[12] = {0x12, 0, 0, 0, 36};
    ide_put_table(&s, s.data, 36, 36);
    CHECK(packet(&s, inquiry, 0, true) & ATA_DRQ);
    rig_store(&s.r, s.bm + 8, 1, 9);
    CHECK_EQ(ide_wait(&s, BASE), GOOD);
    rig_store(&s.r, s.bm + 8, 1, 8);
    CHECK_MEM(ide_rig_data(&s), "\5\200\0\41\37\0\0\0QEMU    QEMU DVD-ROM    2.5+", 36);
    ide_rig_close(&s);
}

TEST(what_cannot_be_read_has_a_sense)
{
    struct ide_rig s;
    uint8_t cdb[12];
    uint32_t n;
    open_scene(&s, "drive=cd");
    read_cdb(cdb, READ_10, BLOCKS - 1, 2);
    CHECK_EQ(packet_in(&s, cdb, 2048, &n), BAD);
    CHECK_EQ(n, 0);
    CHECK_EQ(ide_in(&s, BASE + 1, 1), 0x50);
    CHECK_EQ(sense(&s), SENSE_BAD_LBA);
    CHECK_EQ(sense(&s), SENSE_NONE);    /* it was told */
    CHECK_EQ(simple(&s, 0xa0, 0), BAD); /* no logical units */
    CHECK_EQ(sense(&s), SENSE_BAD_OPCODE);
    read_cdb(cdb, 0xbe, 0, 1);
    cdb[9] = 0xf8; /* raw */
    CHECK_EQ(packet_in(&s, cdb, 2048, &n), BAD);
    CHECK_EQ(sense(&s), SENSE_BAD_FIELD);
    static const uint8_t ready[12] = {0};
    CHECK_EQ(packet(&s, ready, 0, false), GOOD); /* no length, and no data */
    read_cdb(cdb, READ_10, 0, 32);
    CHECK(packet(&s, cdb, 0, false) & ATA_DRQ);
    CHECK_EQ(ide_in(&s, BASE + 4, 1) | ide_in(&s, BASE + 5, 1) << 8, 0xfffe);
    ide_rig_close(&s);
}

TEST(parameters_go_to_the_drive)
{
    static const uint8_t select[12] = {0x55, 0x10, 0, 0, 0, 0, 0, 0, 8};
    struct ide_rig s;
    open_scene(&s, "drive=cd");
    CHECK(packet(&s, select, 2048, false) & ATA_DRQ);
    CHECK_EQ(ide_in(&s, BASE + 2, 1) & 3, ATA_REASON_IN);
    CHECK_EQ(ide_in(&s, BASE + 4, 1), 8);
    for (unsigned i = 0; i < 4; i++) {
        ide_out(&s, BASE, 2, 0); /* a header without pages */
    }
    CHECK_EQ(ide_wait(&s, BASE), GOOD);
    ide_in(&s, BASE + 7, 1);
    CHECK(packet(&s, select, 2048, false) & ATA_DRQ);
    for (unsigned i = 0; i < 4; i++) {
        ide_out(&s, BASE, 2, 0xffff);
    }
    CHECK_EQ(ide_wait(&s, BASE), BAD);
    ide_in(&s, BASE + 7, 1);
    CHECK_EQ(sense(&s), SENSE_BAD_PARAMETER);
    ide_rig_close(&s);
}

TEST(the_disc_and_the_drive_are_described)
{
    static const uint8_t capacity[12] = {0x25}, toc[12] = {0x43, 0, 0, 0, 0, 0, 0, 0, 20};
    static const uint8_t page[12] = {0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 128};
    static const uint8_t speed[12] = {0xbb, 0, 0xff, 0xff};
    struct ide_rig s;
    uint32_t n;
    open_scene(&s, "drive=cd");
    CHECK_EQ(packet_in(&s, capacity, 8, &n), GOOD);
    CHECK_EQ(load_be32(ide_rig_data(&s)), BLOCKS - 1);
    CHECK_EQ(load_be32(ide_rig_data(&s) + 4), 2048);
    CHECK_EQ(packet_in(&s, toc, 20, &n), GOOD);
    CHECK_EQ(n, 20);
    CHECK_EQ(load_be32(ide_rig_data(&s) + 16), BLOCKS);
    CHECK_EQ(packet_in(&s, page, 128, &n), GOOD);
    CHECK_EQ(ide_rig_data(&s)[8], 0x2a);
    CHECK_EQ(packet_in(&s, speed, 128, &n), GOOD);
    CHECK_EQ(n, 0);
    ide_rig_close(&s);
}

/* GET EVENT STATUS NOTIFICATION: event and state of the tray. */
static uint16_t media_event(struct ide_rig *s)
{
    static const uint8_t cdb[12] = {0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8};
    uint32_t n;
    CHECK_EQ(packet_in(s, cdb, 8, &n), GOOD);
    CHECK_EQ(n, 8);
    return load_be16(ide_rig_data(s) + 4);
}

TEST(a_drive_without_a_medium_says_so_and_takes_one)
{
    struct ide_rig s;
    struct error e = {""};
    open_scene(&s, NULL);
    CHECK_EQ(simple(&s, 0, 0), BAD);
    CHECK_EQ(sense(&s), SENSE_RESET);
    CHECK_EQ(simple(&s, 0, 0), BAD);
    CHECK_EQ(ide_in(&s, BASE + 1, 1), 0x20);
    CHECK_EQ(sense(&s), SENSE_NO_MEDIUM);
    struct ide_drive *d = (struct ide_drive *)s.first;
    const struct block_options o = {
        .file = (char *)__FILE__, .format = (char *)"raw", .read_only = true};
    if (!block_insert(d->block, &o, &e)) {
        SKIP("it does not run in the tree");
    }
    CHECK_EQ(simple(&s, 0, 0), BAD);
    CHECK_EQ(sense(&s), SENSE_MEDIUM_CHANGED);
    CHECK_EQ(simple(&s, 0, 0), GOOD);
    CHECK_EQ(media_event(&s), 0x0202);
    CHECK_EQ(media_event(&s), 0x0002);
    CHECK_EQ(simple(&s, 0x1e, 1), GOOD); /* locked */
    CHECK_EQ(simple(&s, 0x1b, 2), BAD);
    CHECK_EQ(sense(&s), SENSE_REMOVAL_PREVENTED);
    CHECK_EQ(simple(&s, 0x1e, 0), GOOD);
    CHECK_EQ(simple(&s, 0x1b, 2), GOOD); /* the tray opens */
    CHECK_EQ(media_event(&s), 0x0301);
    CHECK_EQ(simple(&s, 0, 0), BAD);
    CHECK_EQ(sense(&s), SENSE_TRAY_OPEN);
    CHECK_EQ(simple(&s, 0x1b, 3), GOOD);
    CHECK(block_insert(d->block, NULL, &e));
    CHECK_EQ(media_event(&s), 0x0300);
    ide_rig_close(&s);
}

TEST(state_is_the_same_in_the_middle_of_a_reply)
{
    struct ide_rig s;
    uint8_t cdb[12];
    open_scene(&s, "drive=cd");
    read_cdb(cdb, READ_10, 0, 16);
    CHECK(packet(&s, cdb, 2048, false) & ATA_DRQ);
    for (unsigned i = 0; i < 10; i++) {
        CHECK_EQ(ide_in(&s, BASE, 2), 0x0101);
    }
    CHECK(ide_round_trip(s.host, s.first));
    CHECK(ide_in(&s, 0x376, 1) & ATA_DRQ);
    for (unsigned i = 10; i < 16 * 1024; i++) {
        ide_wait(&s, BASE);
        CHECK_EQ(ide_in(&s, BASE, 2), 0x101 * (i / 256 + 1));
    }
    CHECK_EQ(ide_wait(&s, BASE), GOOD);
    ide_rig_close(&s);
}

TEST(a_state_with_more_parameters_than_there_is_room_for_is_refused)
{
    static const uint8_t select[12] = {0x55, 0x10, 0, 0, 0, 0, 0, 0, 8};
    struct ide_rig s;
    struct ide_saved saved;
    open_scene(&s, "drive=cd");
    struct ata_command *c = &container_of(piix_ide_bus(s.host, 1), struct ide_channel, bus)->c;
    CHECK(packet(&s, select, 2048, false) & ATA_DRQ);
    CHECK_EQ(c->left, 8);
    c->filled = ATA_BUFFER_BYTES - 8;
    ide_save(s.host, s.first, &saved);
    CHECK(ide_load(s.host, s.first, &saved));
    c->filled = ATA_BUFFER_BYTES - 7;
    ide_save(s.host, s.first, &saved);
    CHECK(!ide_load(s.host, s.first, &saved));
    device_reset(s.host);
    ide_rig_close(&s);
}
