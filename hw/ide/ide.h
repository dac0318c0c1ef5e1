/* SPDX-License-Identifier: MIT */
/*
 * IDE buses and the drives on them. A bus belongs to a controller, has places for one drive (SATA)
 * or two, and its drives do what ata.h says.
 */
#ifndef HW_IDE_IDE_H
#define HW_IDE_IDE_H

#include "hw/ide/ata.h"
#include "hw/machine.h"
#include "hw/scsi/scsi_unit.h"

#define IDE_UNITS 2u
#define IDE_UNIT_ANY UINT32_MAX

struct ide_drive;

struct ide_bus {
    struct bus bus;                    /* first; bus.impl is this struct */
    unsigned number;                   /* of those of its controller */
    unsigned units;                    /* 1 or 2 */
    unsigned depth;                    /* commands of a drive that the host is to have at once */
    struct ide_drive *unit[IDE_UNITS]; /* NULL: none */
};

/* Names and lists b, whose parent is d: "ID.n" of a device with an id, else the next "ide.n". units
 * and depth are set. */
void ide_bus_init(struct ide_bus *b, struct device *d, unsigned n);
void ide_bus_fini(struct ide_bus *b);

/* Power mode (ACS 4.19). */
enum {
    IDE_POWER_STANDBY = 0x00,
    IDE_POWER_ACTIVE = 0xff,
};

/* Bits of what SMART and SET FEATURES switch. */
enum {
    IDE_SMART = 1,
    IDE_SMART_AUTOSAVE = 2,
    IDE_LOOK_AHEAD = 4,
};

struct ide_drive {
    struct device dev; /* first */

    /* Properties. */
    char *drive, *serial, *ver, *model;
    uint64_t wwn;
    int32_t bootindex;
    uint32_t place; /* on the bus: "unit" */
    uint32_t logical_block_size, physical_block_size;
    uint32_t cylinders, heads, sectors;
    int write_cache, rerror, werror;
    uint16_t rotation_rate;
    bool share_rw;
    uint8_t pad[5];

    /* State; the controller's to guard. */
    struct ata_regs regs;
    uint32_t packet_sense;           /* of the last packet, which REQUEST SENSE tells of */
    uint16_t now_heads, now_sectors; /* as INITIALIZE DEVICE PARAMETERS says; 0: as it is made */
    uint8_t multiple;                /* sectors of a block; 0: READ MULTIPLE is refused */
    uint8_t mode;                    /* of transfers, as SET FEATURES has it */
    uint8_t power, switches;
    bool write_cached;
    bool queue_failed; /* nothing is done before the log of that error is read */
    uint8_t failed_tag;
    uint8_t pad2;
    struct ata_regs failed; /* registers of the command that did */

    /* No state. */
    struct ide_bus *on;
    struct block *block;
    struct disk_thread disk; /* of a disk */
    bool is_cd;
    uint8_t pad4[7];
    struct scsi_unit unit; /* of a CD drive */
};

static inline struct disk_thread *ide_drive_thread(struct ide_drive *d)
{
    return d->is_cd ? &d->unit.disk : &d->disk;
}

/* Sectors of a disk's medium. */
uint64_t ide_drive_sectors(const struct ide_drive *d);
/* Ends the drive's commands, failed ones that wait for a retry too. No lock of a `stepped` is held.
 */
void ide_drive_drain(struct ide_drive *d);
/* As after a hardware reset, or one by software (ACS 7.1: settings stay). */
void ide_drive_reset(struct ide_drive *d, bool hard);

extern const struct device_class ide_hd_class, ide_cd_class;

#endif
