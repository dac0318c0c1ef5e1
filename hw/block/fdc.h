/* SPDX-License-Identifier: MIT */
/*
 * The floppy disk controller of PCs: Intel 82078 data sheet (290475), in the mode of an AT. What
 * its files share: fdc.c (registers, life), fdc_command.c (commands), floppy.c (drives and media).
 * Not modelled: SCAN commands, sectors that are not of 512 bytes, deleted data, tape.
 *
 * All is under the machine's lock, which the memory core takes, and DMA asks for. A drive's
 * requests are done on its own thread.
 */
#ifndef HW_BLOCK_FDC_H
#define HW_BLOCK_FDC_H

#include "hw/block/disk_thread.h"
#include "hw/device.h"
#include "hw/isa/dma.h"
#include "hw/machine.h"

#define FDC_DRIVES 2u
#define FDC_SECTOR 512u
#define FDC_LATENCY_NS 5000000 /* of a sector, where time is counted */

/* Status registers of results (6.1 of the data sheet). */
enum {
    FDC_ST0_ABNORMAL = 0x40,
    FDC_ST0_INVALID = 0x80,
    FDC_ST0_READY_CHANGED = 0xc0,
    FDC_ST0_SEEK_END = 0x20,
    FDC_ST1_NO_ID = 0x01,
    FDC_ST1_PROTECTED = 0x02,
    FDC_ST1_NO_DATA = 0x04,
    FDC_ST1_DATA_ERROR = 0x20,
    FDC_ST1_END = 0x80,
    FDC_ST2_CYLINDER = 0x10,
};

/* Drive types, as CMOS memory of a PC has them. */
enum {
    FLOPPY_NONE = 0,
    FLOPPY_120 = 2,
    FLOPPY_144 = 4,
    FLOPPY_288 = 5,
};

struct fdc;

/* A medium's format. */
struct floppy_format {
    uint8_t cylinders, heads, sectors, rate, type;
};

/* One request of a drive, of one sector. */
struct floppy_io {
    struct disk_job job;
    struct block_request b;
    struct iovec iov;
    uint8_t bytes[FDC_SECTOR];
    uint64_t sector;
    bool write, busy;
    bool stale; /* the controller was reset meanwhile */
    bool again; /* and has another one for it */
};

struct floppy {
    struct device dev; /* first */

    /* Properties. */
    char *drive;
    uint32_t place;
    int drive_type;
    int32_t bootindex;
    bool share_rw;
    uint8_t pad[3];

    /* State. */
    uint8_t cylinder, head; /* where it stands */
    bool changed;           /* the medium, since it stepped last */
    uint8_t pad2[5];

    /* No state. */
    struct fdc *fdc;
    struct block *block, *own_block;
    struct disk_thread disk;
    struct floppy_format format;
    uint8_t pad3[3];
    struct floppy_io io;
};

enum fdc_phase {
    FDC_COMMAND,
    FDC_DISK, /* a sector is on its way */
    FDC_DATA, /* bytes of a sector go to or from the host */
    FDC_RESULT,
};

struct fdc_bus {
    struct bus bus; /* first */
    struct floppy *unit[FDC_DRIVES];
};

struct fdc {
    struct device dev; /* first */

    /* Properties. */
    uint64_t iobase;
    uint32_t irq, channel;
    bool check_rate;
    uint8_t pad[3];
    int fallback;

    /* State. */
    uint8_t dor, dsr_rate, tdr;
    uint8_t phase;
    uint8_t command[16], count; /* bytes so far, the command first */
    uint8_t result[16], results, result_at;
    uint8_t step_rate, head_load; /* of SPECIFY; bit 0 of head_load: no DMA */
    uint8_t config, precompensation, perpendicular;
    bool locked, interrupt, is_due;
    uint8_t seek_status[4];  /* what SENSE INTERRUPT has to tell of each drive */
    uint8_t seek_waits;      /* bit by drive */
    uint8_t c, h, r, n, eot; /* of the sector that a command has come to */
    uint8_t data[FDC_SECTOR];
    uint8_t pad4;
    uint16_t at;   /* bytes of data that went */
    uint16_t left; /* sectors of VERIFY or FORMAT TRACK */
    bool terminal; /* the DMA channel has had its last byte */
    uint8_t pad2[5];
    int32_t io_status; /* of a request that is due */

    /* No state. */
    const struct mem_range *low, *high; /* ports 0 to 5, and 7 */
    struct isa_dma *dma;
    struct clock_timer *timer; /* counted time */
    struct fdc_bus drives;
    bool again; /* a loaded request is to be done anew */
    uint8_t pad3[7];
};

extern const struct device_class isa_fdc_class, floppy_class;

/* The bus of a controller, and what CMOS memory says of drive n: FLOPPY_*. */
struct bus *floppy_bus(struct device *d);
unsigned floppy_drive_type(const struct device *d, unsigned n);

/* ---- between the files */

/* fdc.c */
void fdc_interrupt(struct fdc *f, bool level);
/* A result of n bytes is there, with an interrupt or without. */
void fdc_put_result(struct fdc *f, unsigned n, bool interrupt);
struct floppy *fdc_selected(const struct fdc *f);
bool fdc_uses_dma(const struct fdc *f);

/* fdc_command.c */
unsigned fdc_command_bytes(uint8_t code); /* with the code */
void fdc_execute(struct fdc *f);
/* Goes on with data: the channel is ready, or the host has moved a byte. */
void fdc_move(struct fdc *f);
/* The sector's request has ended. */
void fdc_disk_done(struct fdc *f, int status);
/* The same, of one whose time has come. */
void fdc_disk_due(struct fdc *f);
/* The request of a loaded state. */
void fdc_disk_again(struct fdc *f);
bool fdc_command_check(const struct fdc *f, struct error *e);

/* floppy.c */
void floppy_bus_init(struct fdc *f);
void floppy_bus_fini(struct fdc *f);
/* Reads or writes the sector in f->data, and then calls fdc_disk_done. */
void floppy_begin(struct floppy *d, bool write, uint64_t sector);
/* The controller forgets what the drive has. */
void floppy_forget(struct floppy *d);
bool floppy_is_empty(const struct floppy *d);

#endif
