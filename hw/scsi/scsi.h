/* SPDX-License-Identifier: MIT */
/*
 * SCSI: a bus of logical units that controllers send commands to. SCSI Architecture Model 5 (SAM),
 * Primary Commands 4 (SPC), Block Commands 3 (SBC), Multi-Media Commands 6 (MMC).
 *
 * A controller has a struct scsi_bus and hands commands to scsi_bus_submit(), from any thread. Each
 * unit (scsi_disk.h) does its own on its disk's thread, and calls done there; who has no unit is
 * answered at once.
 */
#ifndef HW_SCSI_SCSI_H
#define HW_SCSI_SCSI_H

#include <sys/uio.h>

#include "hw/block/disk_thread.h"
#include "hw/machine.h"

#define SCSI_CDB_MAX 32
#define SCSI_SENSE_BYTES 18
#define SCSI_LUN_MAX 16383
#define SCSI_NUMBER_ANY UINT32_MAX

/* Status codes (SAM 5.3.1). */
enum {
    SCSI_GOOD = 0x00,
    SCSI_CHECK_CONDITION = 0x02,
    SCSI_RESERVATION_CONFLICT = 0x18,
};

/* Sense: key << 16 | additional code << 8 | its qualifier (SPC 4.5). */
#define SCSI_SENSE(key, asc, ascq) ((uint32_t)(key) << 16 | (asc) << 8 | (ascq))
enum {
    SENSE_NONE = 0,
    SENSE_NOT_READY = SCSI_SENSE(2, 0x04, 0x02), /* initializing command required */
    SENSE_NO_MEDIUM = SCSI_SENSE(2, 0x3a, 0x01), /* tray closed */
    SENSE_TRAY_OPEN = SCSI_SENSE(2, 0x3a, 0x02),
    SENSE_WRITE_ERROR = SCSI_SENSE(3, 0x0c, 0x00),
    SENSE_READ_ERROR = SCSI_SENSE(3, 0x11, 0x00),
    SENSE_BAD_OPCODE = SCSI_SENSE(5, 0x20, 0x00),
    SENSE_BAD_LBA = SCSI_SENSE(5, 0x21, 0x00),
    SENSE_BAD_FIELD = SCSI_SENSE(5, 0x24, 0x00),
    SENSE_NO_LUN = SCSI_SENSE(5, 0x25, 0x00),
    SENSE_BAD_PARAMETER_LENGTH = SCSI_SENSE(5, 0x1a, 0x00),
    SENSE_BAD_PARAMETER = SCSI_SENSE(5, 0x26, 0x00),
    SENSE_NO_SAVED_PAGES = SCSI_SENSE(5, 0x39, 0x00),
    SENSE_REMOVAL_PREVENTED = SCSI_SENSE(5, 0x53, 0x02),
    SENSE_MEDIUM_CHANGED = SCSI_SENSE(6, 0x28, 0x00),
    SENSE_RESET = SCSI_SENSE(6, 0x29, 0x00), /* power on, reset or device reset */
    SENSE_UNIT_RESET = SCSI_SENSE(6, 0x29, 0x03),
    SENSE_CAPACITY_CHANGED = SCSI_SENSE(6, 0x2a, 0x09),
    SENSE_LUNS_CHANGED = SCSI_SENSE(6, 0x3f, 0x0e),
    SENSE_WRITE_PROTECTED = SCSI_SENSE(7, 0x27, 0x00),
    SENSE_NO_SPACE = SCSI_SENSE(7, 0x27, 0x07),
    SENSE_MISCOMPARE = SCSI_SENSE(14, 0x1d, 0x00),
};

struct scsi_unit;

/* A command of a controller's. What is not said here is zero. */
struct scsi_command {
    uint8_t cdb[SCSI_CDB_MAX];
    struct iovec *in; /* what the unit may write; the pieces stay as they are */
    struct iovec *out;
    unsigned in_count, out_count;
    uint64_t in_bytes, out_bytes;
    /* Once, on the unit's thread or the caller's; the command may die in it. */
    void (*done)(struct scsi_command *c);

    /* Results. */
    uint64_t moved; /* bytes of in or out */
    uint8_t status;
    uint8_t sense_bytes;
    uint8_t sense[SCSI_SENSE_BYTES];
    bool overrun; /* the pieces are too short for what the CDB says; nothing was done */

    /* The unit's, until done. */
    struct disk_job job;
    struct scsi_unit *unit;
    struct block_request b;
    struct iovec piece;
    uint8_t *buffer; /* owned */
    uint64_t at, left;
    void (*step)(struct scsi_command *c); /* what follows when b has ended well */
    uint32_t index;
};

enum scsi_event {
    SCSI_UNIT_COMES,
    SCSI_UNIT_GOES,
    SCSI_UNIT_CHANGED, /* sense says how */
};

struct scsi_bus {
    struct bus bus; /* first; bus.impl is this struct */
    unsigned ids;
    unsigned depth; /* commands of a unit that the host is to have at once */
    bool hot_plug;
    /* Tells the driver; vCPUs stopped, or any thread for SCSI_UNIT_CHANGED. May be NULL. */
    void (*event)(struct scsi_bus *b, const struct scsi_unit *d, enum scsi_event what,
                  uint32_t sense);
    void (*round_over)(void *opaque); /* of a unit's thread, as struct disk_thread has it */
    void *opaque;
    struct os_mutex lock; /* guards the list of units, which changes with the vCPUs stopped */
    struct scsi_unit *units;
};

/* Names and lists b, whose parent is d; ids, depth, hot_plug and event are set. */
void scsi_bus_init(struct scsi_bus *b, struct device *d);
void scsi_bus_fini(struct scsi_bus *b);
/* The unit there, or NULL. The vCPUs run, or the caller is where they have been stopped. */
struct scsi_unit *scsi_bus_find(struct scsi_bus *b, unsigned scsi_id, unsigned lun);
/* There is a unit with that id. */
bool scsi_bus_has_id(struct scsi_bus *b, unsigned scsi_id);
/* To unit lun of an id that exists. */
void scsi_bus_submit(struct scsi_bus *b, unsigned scsi_id, unsigned lun, struct scsi_command *c);
/* Waits until all units have ended what they have. Stopped, or from a register write. */
void scsi_bus_settle(struct scsi_bus *b);
void scsi_bus_drain(struct scsi_bus *b);
/* A reset of the unit, or of all that have a number: their commands have ended. */
void scsi_bus_reset(struct scsi_bus *b, unsigned scsi_id, unsigned lun, uint32_t attention);

/* ---- for the files of hw/scsi */

/* Ends c with status good, or with sense. */
void scsi_finish(struct scsi_command *c, uint32_t sense);
/* Puts fixed or descriptor sense; returns its length (SPC 4.5). */
unsigned scsi_put_sense(uint8_t *out, uint32_t sense, bool descriptor);
/* Ends c with n bytes, of which the CDB asks for at most `allocated`. */
void scsi_reply(struct scsi_command *c, const void *bytes, size_t n, uint64_t allocated);
/* REPORT LUNS for units of that id. */
void scsi_report_luns(struct scsi_bus *b, unsigned scsi_id, struct scsi_command *c);
/* Copies from offset on; returns how much. */
size_t scsi_out_read(const struct scsi_command *c, uint64_t offset, void *bytes, size_t n);

#endif
