/* SPDX-License-Identifier: MIT */
/*
 * Logical units: direct-access disks and CD or DVD drives, on a SCSI bus (scsi_disk.c) or behind
 * ATA packets (hw/ide). What the files of hw/scsi share: scsi_unit.c (life, dispatch),
 * scsi_identity.c (INQUIRY), scsi_mode.c (mode pages), scsi_io.c (what moves blocks), scsi_media.c
 * (media and MMC).
 */
#ifndef HW_SCSI_SCSI_UNIT_H
#define HW_SCSI_SCSI_UNIT_H

#include "hw/scsi/scsi.h"

#define SCSI_VPD_PAGES 6
#define SCSI_PAGE_MAX 252

enum scsi_type {
    SCSI_TYPE_DISK = 0x00,
    SCSI_TYPE_CDROM = 0x05,
};

/* Bytes that are the same for the unit's life. */
struct scsi_page {
    uint16_t bytes;
    uint8_t data[SCSI_PAGE_MAX + 2];
};

struct scsi_unit {
    /* Properties of its device, or what that makes of its own. */
    char *drive, *serial, *vendor, *product, *ver, *device_id;
    uint64_t wwn, port_wwn, max_unmap_size, max_io_size;
    uint32_t channel, scsi_id, lun;
    int32_t bootindex;
    uint32_t logical_block_size, physical_block_size, min_io_size, opt_io_size;
    uint32_t discard_granularity, scsi_version;
    uint16_t rotation_rate, port_index;
    int write_cache, rerror, werror;
    bool prop_removable, dpofua, share_rw, packets; /* packets: of ATA, without a bus */

    /* State; under lock once it runs. */
    uint32_t attention;  /* sense of a unit attention that waits, or 0 */
    uint8_t media_event; /* GET EVENT STATUS NOTIFICATION has not told it yet */
    bool tray_open, locked, stopped, write_cached;
    uint8_t pad2[3];

    /* No state. */
    struct device *dev;     /* whose it is */
    struct scsi_bus *bus;   /* or NULL */
    struct scsi_unit *next; /* of the bus */
    struct block *block;
    struct block *own_block; /* of a drive that was given no medium */
    enum scsi_type type;
    bool removable;
    uint8_t physical_exponent; /* logical blocks in a physical one, as a power of two */
    uint8_t mode_bits;         /* of the mode parameter header, but for write protection */
    uint8_t pad3;
    struct os_mutex lock;
    struct disk_thread disk;
    struct scsi_page identity;
    struct scsi_page vpd[SCSI_VPD_PAGES];
};

/* A row of a table of commands. */
struct scsi_row {
    uint8_t opcode;
    uint8_t flags;
    void (*run)(struct scsi_unit *d, struct scsi_command *c);
};
enum {
    ROW_MEDIUM = 1,    /* wants a medium that is ready */
    ROW_WRITES = 2,    /* wants one that can be written */
    ROW_ATTENTION = 4, /* done though a unit attention waits (SPC 4.6.7) */
    ROW_DISK = 8,      /* of scsi-hd alone */
    ROW_CD = 16,
};
extern const struct scsi_row scsi_io_rows[], scsi_media_rows[],
    scsi_mode_rows[]; /* end: run NULL */

/* scsi_unit.c: opens the disk that the properties name, for so many commands at once; on a bus if
 * that is set. false: nothing to close. */
bool scsi_unit_open(struct scsi_unit *d, struct device *dev, enum scsi_type type, unsigned depth,
                    struct error *e);
void scsi_unit_close(struct scsi_unit *d);
/* As after reset. */
void scsi_unit_reset(struct scsi_unit *d, uint32_t attention);
/* Part of the device's check. */
bool scsi_unit_check(const struct scsi_unit *d, struct error *e);
/* Begins c, whose unit is set, on the unit's thread. */
void scsi_unit_run(struct scsi_command *c);

/* Rows of a class whose struct has a struct scsi_unit called u: its state, and all but properties.
 */
#define SCSI_UNIT_FIELDS(type_, u)                                                                 \
    FIELD_KEEP(type_, u.attention), FIELD_KEEP(type_, u.media_event),                              \
        FIELD_KEEP(type_, u.tray_open), FIELD_KEEP(type_, u.locked), FIELD_KEEP(type_, u.stopped), \
        FIELD_KEEP(type_, u.write_cached), FIELD_SKIP(type_, u.packets),                           \
        FIELD_SKIP(type_, u.pad2), FIELD_SKIP(type_, u.dev), FIELD_SKIP(type_, u.bus),             \
        FIELD_SKIP(type_, u.next), FIELD_SKIP(type_, u.block), FIELD_SKIP(type_, u.own_block),     \
        FIELD_SKIP(type_, u.type), FIELD_SKIP(type_, u.removable),                                 \
        FIELD_SKIP(type_, u.physical_exponent), FIELD_SKIP(type_, u.mode_bits),                    \
        FIELD_SKIP(type_, u.pad3), FIELD_SKIP(type_, u.lock), FIELD_SKIP(type_, u.disk),           \
        FIELD_SKIP(type_, u.identity), FIELD_SKIP(type_, u.vpd)
/* Of one whose class has none of its properties. */
#define SCSI_UNIT_NO_PROPS(type_, u)                                                               \
    FIELD_SKIP(type_, u.drive), FIELD_SKIP(type_, u.serial), FIELD_SKIP(type_, u.vendor),          \
        FIELD_SKIP(type_, u.product), FIELD_SKIP(type_, u.ver), FIELD_SKIP(type_, u.device_id),    \
        FIELD_SKIP(type_, u.wwn), FIELD_SKIP(type_, u.port_wwn),                                   \
        FIELD_SKIP(type_, u.max_unmap_size), FIELD_SKIP(type_, u.max_io_size),                     \
        FIELD_SKIP(type_, u.channel), FIELD_SKIP(type_, u.scsi_id), FIELD_SKIP(type_, u.lun),      \
        FIELD_SKIP(type_, u.bootindex), FIELD_SKIP(type_, u.logical_block_size),                   \
        FIELD_SKIP(type_, u.physical_block_size), FIELD_SKIP(type_, u.min_io_size),                \
        FIELD_SKIP(type_, u.opt_io_size), FIELD_SKIP(type_, u.discard_granularity),                \
        FIELD_SKIP(type_, u.scsi_version), FIELD_SKIP(type_, u.rotation_rate),                     \
        FIELD_SKIP(type_, u.port_index), FIELD_SKIP(type_, u.write_cache),                         \
        FIELD_SKIP(type_, u.rerror), FIELD_SKIP(type_, u.werror),                                  \
        FIELD_SKIP(type_, u.prop_removable), FIELD_SKIP(type_, u.dpofua),                          \
        FIELD_SKIP(type_, u.share_rw)

/* scsi_identity.c: makes identity and vpd of the properties. */
void scsi_identify(struct scsi_unit *d);
void scsi_inquiry(struct scsi_unit *d, struct scsi_command *c);

/* scsi_io.c: ends c when all that was written is on stable storage. */
void scsi_flush(struct scsi_command *c);

/* The medium as it is now. */
uint64_t scsi_blocks(const struct scsi_unit *d);
/* SENSE_NONE if it can be used. */
uint32_t scsi_medium_state(struct scsi_unit *d);

#endif
