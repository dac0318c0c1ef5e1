/* SPDX-License-Identifier: MIT */
/*
 * Commands that move no sectors (ACS 7): features, power, the native size, SMART, logs, and those
 * of older editions. Nothing turns: power modes are kept and told of, timers of STANDBY and IDLE
 * run out at once or never. Not modelled, and not offered: security, a host protected area that can
 * be set, self-tests.
 */
#include "base/bits.h"
#include "hw/ide/ide.h"

#define DISK ATA_ROW_DISK
#define BOTH ATA_ROW_BOTH
#define SMART_KEY 0xc24fu /* in the middle of the address */

static void do_nothing(struct ide_drive *d, struct ata_command *c)
{
    (void)d;
    ata_end(c);
}

static void reset_drive(struct ide_drive *d, struct ata_command *c)
{
    ide_drive_reset(d, false);
    ata_signature(d, &c->regs);
    c->over = true;
}

static void diagnose(struct ide_drive *d, struct ata_command *c)
{
    ata_signature(d, &c->regs);
    c->over = true;
}

/* ---- settings */

static void set_geometry(struct ide_drive *d, struct ata_command *c)
{
    const uint16_t sectors = c->regs.count & 0xff;
    if (sectors == 0) {
        ata_fail(c, ATA_ABRT);
        return;
    }
    d->now_sectors = sectors;
    d->now_heads = (c->regs.device & 15) + 1;
    ata_end(c);
}

static void set_multiple(struct ide_drive *d, struct ata_command *c)
{
    const uint8_t n = (uint8_t)c->regs.count;
    if (n > ATA_MULTIPLE_MOST || (n && !is_pow2(n))) {
        ata_fail(c, ATA_ABRT);
        return;
    }
    d->multiple = n;
    ata_end(c);
}

/* PIO, multiword DMA 0 to 2, ultra DMA 0 to 5 (ACS 7.47.4). */
static bool set_mode(struct ide_drive *d, uint8_t mode)
{
    const unsigned n = mode & 7, kind = mode >> 3;
    if (kind == 0 || (kind == 1 && n <= 4)) {
        return true; /* PIO: what DMA has stays */
    }
    if ((kind == 4 && n <= 2) || (kind == 8 && n <= 5)) {
        d->mode = mode;
        return true;
    }
    return false;
}

/* A step is left to do if the cache is switched off. */
static void set_features(struct ide_drive *d, struct ata_command *c)
{
    bool good = true;
    switch (c->regs.features & 0xff) {
    case 0x82:
        d->write_cached = false;
        return;
    case 0x02:
        d->write_cached = !d->is_cd;
        break;
    case 0x03:
        good = set_mode(d, (uint8_t)c->regs.count);
        break;
    case 0xaa:
        d->switches |= IDE_LOOK_AHEAD;
        break;
    case 0x55:
        d->switches &= (uint8_t)~IDE_LOOK_AHEAD;
        break;
    case 0x66: /* settings after a reset: they stay */
    case 0xcc:
    case 0x05: /* power management and acoustics, of which there are none */
    case 0x85:
    case 0x42:
    case 0xc2:
        break;
    default:
        good = false;
    }
    if (good) {
        ata_end(c);
    } else {
        ata_fail(c, ATA_ABRT);
    }
}

/* ---- power (ACS 4.19) */

/* What was written is on stable storage before the drive sleeps. */
static void standby(struct ide_drive *d, struct ata_command *c)
{
    (void)c;
    d->power = IDE_POWER_STANDBY;
}

static void idle(struct ide_drive *d, struct ata_command *c)
{
    d->power = IDE_POWER_ACTIVE;
    ata_end(c);
}

static void check_power(struct ide_drive *d, struct ata_command *c)
{
    c->regs.count = d->power;
    ata_end(c);
}

/* ---- READ NATIVE MAX ADDRESS: no sectors are hidden */

static void native_max(struct ide_drive *d, struct ata_command *c)
{
    struct ata_regs *r = &c->regs;
    const uint64_t sectors = ide_drive_sectors(d), last = sectors ? sectors - 1 : 0;
    if (c->row->flags & ATA_ROW_48) {
        r->lba = last;
    } else {
        const uint64_t small = last < 0xfffffff ? last : 0xfffffff;
        r->lba = small & 0xffffff;
        r->device = (uint8_t)((r->device & 0xf0) | small >> 24);
    }
    ata_end(c);
}

/* ---- SMART (ACS 7.53) */

/* Attributes: id, flags, value, worst, threshold, low byte of the raw value. */
static const uint8_t attributes[][6] = {
    {0x01, 0x03, 100, 100, 6, 0},    /* read errors */
    {0x03, 0x03, 100, 100, 0, 16},   /* milliseconds to spin up */
    {0x04, 0x02, 100, 100, 20, 100}, /* starts */
    {0x05, 0x03, 100, 100, 36, 0},   /* reallocated sectors */
    {0x09, 0x03, 100, 100, 0, 1},    /* hours of power */
    {0x0c, 0x03, 100, 100, 0, 0},    /* power cycles */
    {0xbe, 0x03, 69, 69, 50, 31},    /* temperature: 100 less it */
};

static void put_checksum(uint8_t *sector)
{
    uint8_t sum = 0;
    for (unsigned i = 0; i < ATA_SECTOR - 1; i++) {
        sum = (uint8_t)(sum + sector[i]);
    }
    sector[ATA_SECTOR - 1] = (uint8_t)-sum;
}

static void smart_data(const struct ide_drive *d, struct ata_command *c)
{
    uint8_t *p = ata_reply(c, ATA_SECTOR);
    store_le16(p, 1);
    for (size_t i = 0; i < array_len(attributes); i++) {
        uint8_t *at = p + 2 + 12 * i;
        const uint8_t *a = attributes[i];
        at[0] = a[0];
        at[1] = a[1];
        at[3] = a[2];
        at[4] = a[3];
        at[5] = a[5];
    }
    p[362] = d->switches & IDE_SMART_AUTOSAVE ? 0x82 : 0x02; /* data collection was completed */
    p[367] = 0x01;                                           /* and can be begun */
    store_le16(p + 368, 3);                                  /* attributes are saved */
    p[370] = 1;                                              /* errors are logged */
    put_checksum(p);
}

static void smart_thresholds(struct ata_command *c)
{
    uint8_t *p = ata_reply(c, ATA_SECTOR);
    store_le16(p, 1);
    for (size_t i = 0; i < array_len(attributes); i++) {
        p[2 + 12 * i] = attributes[i][0];
        p[3 + 12 * i] = attributes[i][4];
    }
    put_checksum(p);
}

/* The directory, the summary of errors and the results of self-tests, of which there are none. */
static void smart_log(struct ata_command *c)
{
    const uint8_t log = (uint8_t)c->regs.lba;
    if ((c->regs.count & 0xff) != 1 || (log != 0 && log != 1 && log != 6)) {
        ata_fail(c, ATA_ABRT);
        return;
    }
    uint8_t *p = ata_reply(c, ATA_SECTOR);
    p[0] = 1; /* version of each of them */
    if (log == 0) {
        p[2] = 1;  /* sectors of log 1 */
        p[12] = 1; /* of log 6 */
    } else {
        put_checksum(p);
    }
}

static void smart_autosave(struct ide_drive *d, struct ata_command *c)
{
    const uint8_t n = (uint8_t)c->regs.count;
    if (n != 0 && n != 0xf1) {
        ata_fail(c, ATA_ABRT);
        return;
    }
    d->switches = (uint8_t)(n ? d->switches | IDE_SMART_AUTOSAVE
                              : d->switches & ~IDE_SMART_AUTOSAVE);
    ata_end(c);
}

static void smart(struct ide_drive *d, struct ata_command *c)
{
    const uint8_t what = (uint8_t)c->regs.features;
    const bool on = d->switches & IDE_SMART;
    if ((c->regs.lba >> 8 & 0xffff) != SMART_KEY || (!on && what != 0xd8)) {
        ata_fail(c, ATA_ABRT);
        return;
    }
    switch (what) {
    case 0xd0:
        smart_data(d, c);
        break;
    case 0xd1:
        smart_thresholds(c);
        break;
    case 0xd2:
        smart_autosave(d, c);
        break;
    case 0xd5:
        smart_log(c);
        break;
    case 0xd8:
    case 0xd9:
        d->switches = (uint8_t)(what == 0xd8 ? d->switches | IDE_SMART : d->switches & ~IDE_SMART);
        ata_end(c);
        break;
    case 0xda: /* no threshold is exceeded: the key stays as it is */
        ata_end(c);
        break;
    case 0xd4:
        if ((c->regs.lba & 0xff) == 0) { /* collection of data, done at once; no self-tests */
            ata_end(c);
            break;
        }
        /* fall through */
    default:
        ata_fail(c, ATA_ABRT);
    }
}

/* ---- READ LOG EXT (ACS 7.23, A.10): the directory, and the error of queued commands */

static void put_queued_error(struct ide_drive *d, uint8_t *p)
{
    const struct ata_regs *r = &d->failed;
    p[0] = d->queue_failed ? d->failed_tag : 0x80; /* bit 7: not of a queued command */
    p[2] = r->status;
    p[3] = r->error;
    for (unsigned i = 0; i < 3; i++) {
        p[4 + i] = (uint8_t)(r->lba >> 8 * i);
        p[8 + i] = (uint8_t)(r->lba >> (24 + 8 * i));
    }
    p[7] = r->device;
    p[12] = (uint8_t)r->count;
    p[13] = (uint8_t)(r->count >> 8);
    put_checksum(p);
    d->queue_failed = false;
}

static void read_log(struct ide_drive *d, struct ata_command *c)
{
    const uint8_t log = (uint8_t)c->regs.lba;
    if (c->regs.count != 1 || c->regs.lba >> 8 || (log != 0 && log != 0x10)) {
        ata_fail(c, ATA_ABRT);
        return;
    }
    uint8_t *p = ata_reply(c, ATA_SECTOR);
    if (log == 0x10) {
        put_queued_error(d, p);
    } else {
        p[0] = 1;      /* version */
        p[2 * 16] = 1; /* pages of log 10h */
    }
}

const struct ata_row ata_control_rows[] = {
    {0x08, 0x08, ATA_ROW_CD, reset_drive, NULL},
    {0x10, 0x1f, DISK, do_nothing, NULL}, /* RECALIBRATE */
    {0x70, 0x7f, DISK, do_nothing, NULL}, /* SEEK */
    {0x90, 0x90, BOTH, diagnose, NULL},
    {0x91, 0x91, DISK, set_geometry, NULL},
    {0xc6, 0xc6, DISK, set_multiple, NULL},
    {0xef, 0xef, BOTH, set_features, ata_step_flush},
    {0xe0, 0xe0, BOTH, standby, ata_step_flush},
    {0xe1, 0xe1, BOTH, idle, NULL},
    {0xe2, 0xe2, BOTH, standby, ata_step_flush},
    {0xe3, 0xe3, BOTH, idle, NULL},
    {0xe5, 0xe5, BOTH, check_power, NULL},
    {0xe6, 0xe6, BOTH, standby, ata_step_flush}, /* SLEEP; a command wakes it */
    {0x94, 0x94, BOTH, standby, ata_step_flush}, /* the same under their older numbers */
    {0x95, 0x95, BOTH, idle, NULL},
    {0x96, 0x96, BOTH, standby, ata_step_flush},
    {0x97, 0x97, BOTH, idle, NULL},
    {0x98, 0x98, BOTH, check_power, NULL},
    {0x99, 0x99, BOTH, standby, ata_step_flush},
    {0xf8, 0xf8, DISK, native_max, NULL},
    {0x27, 0x27, DISK | ATA_ROW_48, native_max, NULL},
    {0xb0, 0xb0, DISK, smart, ata_step_buffer},
    {0x2f, 0x2f, DISK | ATA_ROW_48, read_log, ata_step_buffer},
    {0x47, 0x47, DISK | ATA_ROW_48 | ATA_ROW_DMA, read_log, ata_step_buffer},
    {0},
};
