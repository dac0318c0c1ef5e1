/* SPDX-License-Identifier: MIT */
/*
 * ATA drives without a controller: what a drive does with a command. ATA/ATAPI Command Set 2 (ACS),
 * of which the first edition is called ATA8-ACS; packets by SFF-8020i and MMC 6.
 *
 * A controller gives ata_begin() a command as the drive's registers have it. What that says is
 * done in steps: ata_step(), on the drive's thread, moves between the drive and the memory that the
 * controller has put into iov, and calls stepped; until `over`. How much a step may move is the
 * controller's: all that a list of memory has (DMA), or `block` bytes (PIO).
 */
#ifndef HW_IDE_ATA_H
#define HW_IDE_ATA_H

#include "base/fields.h"
#include "block/block.h"
#include "hw/scsi/scsi.h"

#define ATA_SECTOR 512u
#define ATA_PACKET_BYTES 12u
#define ATA_BUFFER_BYTES 65536u   /* of data that is not on the medium */
#define ATA_MULTIPLE_MOST 16u     /* sectors of a block */
#define ATA_TRIM_SECTORS_MOST 64u /* of ranges, of a command */

/* Status and error registers (ACS 6.2, 6.3). */
enum {
    ATA_BSY = 0x80,
    ATA_DRDY = 0x40,
    ATA_DF = 0x20,
    ATA_DSC = 0x10,
    ATA_DRQ = 0x08,
    ATA_ERR = 0x01,
    ATA_READY = ATA_DRDY | ATA_DSC,

    ATA_ICRC = 0x80,
    ATA_UNC = 0x40,
    ATA_IDNF = 0x10,
    ATA_ABRT = 0x04,
};

/* Count register of a packet command: what is transferred (SFF-8020i 5.6). */
enum {
    ATA_REASON_PACKET = 1,
    ATA_REASON_IN = 0,
    ATA_REASON_TO_HOST = 2,
};

/*
 * Registers. Of those that are written twice for 48-bit commands the low bytes are what was written
 * last: bits 0 to 23 of lba, 0 to 7 of count and features; above them is what was there before.
 */
struct ata_regs {
    uint64_t lba;
    uint16_t count, features;
    uint8_t device, command, status, error;
};
extern const struct field ata_regs_fields[];

enum ata_direction {
    ATA_NO_DATA,
    ATA_IN, /* to the host */
    ATA_OUT,
};

struct ide_drive;
struct ata_command;

/* A row of a table of commands. */
struct ata_row {
    uint8_t first, last; /* codes */
    uint8_t flags;
    void (*begin)(struct ide_drive *d, struct ata_command *c);
    void (*step)(struct ide_drive *d, struct ata_command *c);
};
enum {
    ATA_ROW_DISK = 1,
    ATA_ROW_CD = 2,
    ATA_ROW_BOTH = 3,
    ATA_ROW_48 = 4,      /* 48-bit addresses */
    ATA_ROW_DMA = 8,     /* the data goes by DMA */
    ATA_ROW_QUEUED = 16, /* FPDMA */
    ATA_ROW_WRITES = 32,
    ATA_ROW_MULTIPLE = 64,
    ATA_ROW_FUA = 128,
};

/* A command on its way. What is not said here is zero when it begins. */
struct ata_command {
    struct disk_job job; /* the controller's */
    struct ide_drive *drive;
    void (*stepped)(struct ata_command *c); /* on the drive's thread */
    uint8_t *buffer; /* the controller's, ATA_BUFFER_BYTES, of one command at a time */

    struct ata_regs regs; /* as the host wrote them; in the end with status, error and results */
    uint8_t packet[ATA_PACKET_BYTES + 4];
    bool has_packet; /* packet is there before the command begins */

    /* What ata_begin, ata_take_packet and each step say. */
    bool dma, queued, over;
    bool wants_packet; /* the next bytes from the host are the packet */
    uint8_t direction; /* enum ata_direction */
    uint8_t pad[2];
    uint32_t block;     /* bytes that go to or from the host at once, by PIO */
    uint32_t iov_count; /* see iov */
    uint64_t left;      /* bytes; of a packet's reply what is known now */

    /* The memory of the next step; the controller's. */
    struct iovec *iov;
    uint64_t iov_bytes;
    uint64_t moved; /* bytes of it that the step used: at the end all were, or it is over */

    /* The drive's. */
    const struct ata_row *row;
    uint64_t at;            /* byte on the medium */
    uint32_t filled, taken; /* bytes of buffer */
    uint32_t flags;         /* of block requests */
    uint32_t ranges;        /* of DATA SET MANAGEMENT, done */
    bool replied;           /* a packet's reply is in buffer */
    uint8_t pad2[7];
    struct block_request b;
    struct scsi_command scsi;
    struct iovec piece;
};
/* The state of one that does no step now. */
extern const struct field ata_command_fields[];

/*
 * Decodes c, whose drive and regs are set. The drive's registers are the caller's to guard. After
 * it, c is over, or it has data to move, or (ATA_NO_DATA) one step to do.
 */
void ata_begin(struct ata_command *c);
/* c->packet is there, and is what the command does. */
void ata_take_packet(struct ata_command *c);
/* On the drive's thread. */
void ata_step(struct ata_command *c);
/* After c was loaded: the row. false: there is no such command. */
bool ata_loaded(struct ata_command *c);

/* What a drive has in its registers after a reset, or with `slave` absent. */
void ata_signature(const struct ide_drive *d, struct ata_regs *r);

/* ---- for the files of hw/ide */

extern const struct ata_row ata_io_rows[], ata_control_rows[], ata_identify_rows[],
    ata_packet_rows[]; /* end: begin NULL */

/* The end of a command. */
void ata_end(struct ata_command *c);
void ata_fail(struct ata_command *c, uint8_t error);
/* In begin: the reply is n bytes of buffer, which is cleared. */
uint8_t *ata_reply(struct ata_command *c, uint32_t n);
/* Moves between buffer and the memory of the step: what is filled and not yet taken; what is left
 * to come. */
void ata_give_bytes(struct ata_command *c);
void ata_take_bytes(struct ata_command *c);
/* Step of one whose data comes from buffer. */
void ata_step_buffer(struct ide_drive *d, struct ata_command *c);
/* Step of one that ends with all that was written on stable storage. */
void ata_step_flush(struct ide_drive *d, struct ata_command *c);
/* Address and number of sectors that the registers say (28 or 48 bits, or a geometry). */
uint64_t ata_address(const struct ata_command *c);
uint32_t ata_count(const struct ata_command *c);
/* The step has ended. */
void ata_stepped(struct ata_command *c);

#endif
