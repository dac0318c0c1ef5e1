/* SPDX-License-Identifier: MIT */
/*
 * What CMOS memory says of the disks of the first PCs' controllers (Ralf Brown's CMOS list):
 * floppy drives, hard disks with their geometries, and how firmware translates those (SeaBIOS).
 */
#include <stdio.h>

#include "hw/block/fdc.h"
#include "hw/i386/pc_board.h"
#include "hw/ide/ide.h"
#include "hw/rtc/mc146818.h"

enum {
    CMOS_FLOPPIES = 0x10,
    CMOS_DISKS = 0x12,
    CMOS_DISK_TYPE = 0x19, /* two, of types that have more than four bits */
    CMOS_GEOMETRY = 0x1b,  /* nine bytes of each of two */
    CMOS_TRANSLATION = 0x39,
    TYPE_USER = 47,
    TRANSLATE_LBA = 1,
    CYLINDERS_OF_BIOS = 1024,
};

static const struct ide_drive *disk_at(const struct pc_board *b, unsigned n)
{
    char name[16];
    snprintf(name, sizeof(name), "ide.%u", b->kind->express ? n : n / 2);
    const struct bus *bus = machine_find_bus(b->pc.machine, name);
    const struct ide_bus *ide = bus ? bus->impl : NULL;
    const struct ide_drive *d = ide ? ide->unit[b->kind->express ? 0 : n % 2] : NULL;
    return d && !d->is_cd ? d : NULL;
}

/* Cylinders and heads, nothing for precompensation and landing zone, sectors. */
static void put_geometry(struct pc_board *b, unsigned n, const struct ide_drive *d)
{
    const uint8_t bytes[9] = {(uint8_t)d->cylinders,
                              (uint8_t)(d->cylinders >> 8),
                              (uint8_t)d->heads,
                              0xff,
                              0xff,
                              d->heads > 8 ? 0xc8 : 0xc0,
                              (uint8_t)d->cylinders,
                              (uint8_t)(d->cylinders >> 8),
                              (uint8_t)d->sectors};
    mc146818_set_cmos(b->pc.rtc, CMOS_DISK_TYPE + n, TYPE_USER);
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        mc146818_set_cmos(b->pc.rtc, CMOS_GEOMETRY + 9 * n + i, bytes[i]);
    }
}

uint8_t pc_disks_set_cmos(struct pc_board *b)
{
    unsigned disks = 0, translation = 0, floppies = 0;
    const struct bus *floppy = machine_find_bus(b->pc.machine, "floppy-bus.0");
    for (unsigned n = 0; n < 4; n++) {
        const struct ide_drive *d = disk_at(b, n);
        if (d && n < 2) {
            put_geometry(b, n, d);
            disks |= n ? 0x0f : 0xf0;
        }
        if (d && d->cylinders > CYLINDERS_OF_BIOS) {
            translation |= TRANSLATE_LBA << 2 * n;
        }
    }
    mc146818_set_cmos(b->pc.rtc, CMOS_DISKS, (uint8_t)disks);
    mc146818_set_cmos(b->pc.rtc, CMOS_TRANSLATION, (uint8_t)translation);
    const unsigned a = floppy ? floppy_drive_type(floppy->parent, 0) : FLOPPY_NONE;
    const unsigned second = floppy ? floppy_drive_type(floppy->parent, 1) : FLOPPY_NONE;
    mc146818_set_cmos(b->pc.rtc, CMOS_FLOPPIES, (uint8_t)(a << 4 | second));
    floppies = (a != FLOPPY_NONE) + (second != FLOPPY_NONE);
    return (uint8_t)(floppies == 2 ? 0x41 : floppies);
}
