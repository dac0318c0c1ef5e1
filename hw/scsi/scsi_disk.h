/* SPDX-License-Identifier: MIT */
/*
 * Logical units: direct-access disks (scsi-hd) and CD or DVD drives (scsi-cd). What the files of
 * hw/scsi share: scsi_disk.c (life, dispatch), scsi_identity.c (INQUIRY), scsi_mode.c (mode pages),
 * scsi_io.c (what moves blocks), scsi_media.c (media and MMC).
 */
#ifndef HW_SCSI_SCSI_DISK_H
#define HW_SCSI_SCSI_DISK_H

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

struct scsi_disk {
    struct device dev; /* first */

    /* Properties. */
    char *drive, *serial, *vendor, *product, *ver, *device_id;
    uint64_t wwn, port_wwn, max_unmap_size, max_io_size;
    uint32_t channel, scsi_id, lun;
    int32_t bootindex;
    uint32_t logical_block_size, physical_block_size, min_io_size, opt_io_size;
    uint32_t discard_granularity, scsi_version;
    uint16_t rotation_rate, port_index;
    int write_cache, rerror, werror;
    bool prop_removable, dpofua, share_rw;
    uint8_t pad;

    /* State; under lock once it runs. */
    uint32_t attention;  /* sense of a unit attention that waits, or 0 */
    uint8_t media_event; /* GET EVENT STATUS NOTIFICATION has not told it yet */
    bool tray_open, locked, stopped, write_cached;
    uint8_t pad2[3];

    /* No state. */
    struct scsi_bus *bus;
    struct scsi_disk *next; /* of the bus */
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
    void (*run)(struct scsi_disk *d, struct scsi_command *c);
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

/* scsi_disk.c: as after reset. */
void scsi_unit_reset(struct scsi_disk *d, uint32_t attention);

/* scsi_disk.c: the job of a command, on its unit's thread. */
void scsi_run(struct disk_job *j);

/* scsi_identity.c: makes identity and vpd of the properties. */
void scsi_identify(struct scsi_disk *d);
void scsi_inquiry(struct scsi_disk *d, struct scsi_command *c);

/* scsi_io.c: ends c when all that was written is on stable storage. */
void scsi_flush(struct scsi_command *c);

/* The medium as it is now. */
uint64_t scsi_blocks(const struct scsi_disk *d);
/* SENSE_NONE if it can be used. */
uint32_t scsi_medium_state(struct scsi_disk *d);

#endif
