/* SPDX-License-Identifier: MIT */
/*
 * What drives say of themselves: IDENTIFY DEVICE (ACS 7.12) and IDENTIFY PACKET DEVICE (7.13).
 * Names and editions are those by which guests know QEMU's drives.
 */
#include "base/bits.h"
#include "hw/block/disk_identity.h"
#include "hw/ide/ide.h"

enum {
    NAMES_MOST = 40,
};

/* Two characters in a word, the first in its high byte (ACS 3.4.9). */
static void put_name(uint8_t *p, unsigned word, const char *text, unsigned bytes)
{
    uint8_t name[NAMES_MOST];
    disk_put_text(name, text, bytes);
    for (unsigned i = 0; i < bytes; i += 2) {
        p[2 * word + i] = name[i + 1];
        p[2 * word + i + 1] = name[i];
    }
}

static void put16(uint8_t *p, unsigned word, unsigned value)
{
    store_le16(p + 2 * (size_t)word, (uint16_t)value);
}

static void put_names(const struct ide_drive *d, uint8_t *p)
{
    put_name(p, 10, d->serial, 20);
    put_name(p, 23, d->ver, 8);
    put_name(p, 27, d->model, 40);
}

/* Transfer modes: what there is, and above it which was chosen. */
static void put_modes(const struct ide_drive *d, uint8_t *p)
{
    const bool ultra = d->mode >> 3 == 8;
    put16(p, 62, 7);
    put16(p, 63, 7u | (ultra ? 0 : 0x100u << (d->mode & 7)));
    put16(p, 64, 3);
    for (unsigned word = 65; word <= 68; word++) {
        put16(p, word, 120); /* ns of a cycle */
    }
    put16(p, 88, 0x3fu | (ultra ? 0x100u << (d->mode & 7) : 0));
}

static void put_size(const struct ide_drive *d, uint8_t *p)
{
    const uint64_t sectors = ide_drive_sectors(d);
    const uint64_t current = (uint64_t)d->cylinders * d->now_heads * d->now_sectors;
    put16(p, 1, d->cylinders);
    put16(p, 3, d->heads);
    put16(p, 4, ATA_SECTOR * d->sectors);
    put16(p, 5, ATA_SECTOR);
    put16(p, 6, d->sectors);
    put16(p, 54, d->cylinders);
    put16(p, 55, d->now_heads);
    put16(p, 56, d->now_sectors);
    store_le32(p + 2 * 57, (uint32_t)current);
    store_le32(p + 2 * 60, (uint32_t)(sectors < 0xfffffff ? sectors : 0xfffffff));
    store_le64(p + 2 * 100, sectors);
    put16(p, 106, 0x6000u | ctz32(d->physical_block_size / d->logical_block_size));
}

/* Command sets: what there is (82 to 84), and what is switched on (85 to 87). */
static void put_sets(const struct ide_drive *d, uint8_t *p)
{
    const bool queues = d->on->depth > 1;
    const unsigned named = d->wwn ? 1u << 8 : 0, logs = 1u << 5;
    put16(p, 82, 1u << 14 | 1u << 6 | 1u << 5 | 1); /* NOP, look-ahead, write cache, SMART */
    put16(p, 83, 1u << 14 | 1u << 13 | 1u << 12 | 1u << 10);
    put16(p, 84, 1u << 14 | logs | named | 1u << 6 | 1);
    put16(p, 85,
          1u << 14 | (d->switches & IDE_LOOK_AHEAD ? 1u << 6 : 0) |
              (d->write_cached ? 1u << 5 : 0) | (d->switches & IDE_SMART ? 1 : 0));
    put16(p, 86, 1u << 13 | 1u << 12 | 1u << 10);
    put16(p, 87, 1u << 14 | logs | named | 1u << 6 | 1);
    if (queues) {
        put16(p, 75, d->on->depth - 1);
        put16(p, 76, 1u << 8 | 7u << 1); /* queues; all speeds */
        put16(p, 222, 0x1020);           /* serial, SATA 2.6 */
    } else {
        put16(p, 93, 1u << 14 | 1u << 13 | 1); /* 80 wires; device 0 passed */
    }
}

static void identify(struct ide_drive *d, struct ata_command *c)
{
    uint8_t *p = ata_reply(c, ATA_SECTOR);
    put16(p, 0, 0x0040);
    put_names(d, p);
    put_size(d, p);
    put_modes(d, p);
    put_sets(d, p);
    put16(p, 20, 3);
    put16(p, 21, 512); /* sectors of buffer */
    put16(p, 22, 4);
    put16(p, 47, 0x8000u | ATA_MULTIPLE_MOST);
    put16(p, 48, 1);
    put16(p, 49, 1u << 11 | 1u << 9 | 1u << 8); /* IORDY, LBA, DMA */
    put16(p, 51, 0x200);
    put16(p, 52, 0x200);
    put16(p, 53, 7);
    put16(p, 59, d->multiple ? 0x100u | d->multiple : 0);
    put16(p, 80, 0x1f0); /* ATA-4 to ATA8-ACS */
    put16(p, 81, 0x16);
    put16(p, 105, ATA_TRIM_SECTORS_MOST);
    for (unsigned i = 0; d->wwn && i < 4; i++) {
        put16(p, 108 + i, (unsigned)(d->wwn >> (48 - 16 * i)) & 0xffff);
    }
    put16(p, 169, 1); /* TRIM */
    put16(p, 217, d->rotation_rate);
}

static void identify_packet(struct ide_drive *d, struct ata_command *c)
{
    uint8_t *p = ata_reply(c, ATA_SECTOR);
    put16(p, 0, 2u << 14 | 5u << 8 | 1u << 7 | 2u << 5); /* ATAPI, CD, removable, 50 us */
    put_names(d, p);
    put_modes(d, p);
    put16(p, 20, 3);
    put16(p, 21, 512);
    put16(p, 22, 4);
    put16(p, 48, 1);
    put16(p, 49, 1u << 11 | 1u << 9 | 1u << 8);
    put16(p, 53, 7);
    put16(p, 71, 30); /* ns, of overlapped packets */
    put16(p, 72, 30);
    put16(p, 80, 0x1e);                         /* ATA-1 to ATA/ATAPI-4 */
    put16(p, 82, 1u << 14 | 1u << 9 | 1u << 4); /* NOP, DEVICE RESET, packets */
    put16(p, 83, 1u << 14);
    put16(p, 84, 1u << 14);
    put16(p, 85, 1u << 14 | 1u << 9 | 1u << 4);
    put16(p, 87, 1u << 14);
    if (d->on->depth > 1) {
        put16(p, 76, 7u << 1);
        put16(p, 222, 0x1020);
    } else {
        put16(p, 93, 1u << 14 | 1u << 13 | 1);
    }
}

/* A packet drive refuses, and says by its signature what it is (ACS 7.12.4). */
static void identify_refused(struct ide_drive *d, struct ata_command *c)
{
    ata_signature(d, &c->regs);
    ata_fail(c, ATA_ABRT);
}

const struct ata_row ata_identify_rows[] = {
    {0xec, 0xec, ATA_ROW_DISK, identify, ata_step_buffer},
    {0xec, 0xec, ATA_ROW_CD, identify_refused, NULL},
    {0x20, 0x20, ATA_ROW_CD, identify_refused, NULL},
    {0xa1, 0xa1, ATA_ROW_CD, identify_packet, ata_step_buffer},
    {0},
};
