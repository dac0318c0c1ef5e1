/* SPDX-License-Identifier: MIT */
/* The driver's side of an IDE controller on a rig: the test is the guest. */
#ifndef TESTS_SUPPORT_IDE_RIG_H
#define TESTS_SUPPORT_IDE_RIG_H

#include "hw/ide/ide.h"
#include "tests/support/virtio_rig.h"

#define IDE_RIG_DISK (4u << 20)
#define IDE_RIG_CD (2u << 20)

/* Drives: "disk" and "other" for disks, "cd" for CDs. Sector n of each has n + 1 in all its bytes,
 * of the first 64 of 512 bytes. */
struct ide_rig {
    struct rig r;
    struct block_graph *graph; /* of a disk that fails, or NULL */
    struct block *disk, *other, *cd;
    struct space *ports;
    struct device *host, *first; /* a controller, and a drive of it */
    int irq[2];                  /* levels */
    unsigned irq_rises[2];
    paddr bm;          /* of the first channel's bus master */
    paddr table, data; /* memory for a PRD table, and 64 KiB */
};

/* The disks and a rig; no controller yet. */
void ide_rig_open(struct ide_rig *s, bool counted);
/* The same with a "disk" whose request of sector 5 fails once, and that then waits for a retry. */
void ide_rig_open_failing(struct ide_rig *s);
/* Requests of it that wait. */
bool ide_rig_waits(struct ide_rig *s);
void ide_rig_close(struct ide_rig *s);
uint8_t *ide_rig_data(struct ide_rig *s);
/* A drive of the class; ends the program if there is none. a and b may be NULL. */
struct device *ide_rig_drive(struct ide_rig *s, const struct device_class *c, const char *bus,
                             const char *drive, const char *a);

/* A PIIX3 at slot 4, with its bus master decoded. */
void ide_rig_piix(struct ide_rig *s);

/* Ports. */
uint32_t ide_in(struct ide_rig *s, unsigned port, unsigned size);
void ide_out(struct ide_rig *s, unsigned port, unsigned size, uint32_t value);

/* Registers of a command, as they are written. */
struct ide_regs {
    uint8_t command, device; /* 0xe0 and 0xf0 are LBA */
    uint16_t features, count;
    uint64_t lba;
    bool ext; /* 48 bits */
};
/* Writes them to the channel at that port. */
void ide_start(struct ide_rig *s, unsigned base, const struct ide_regs *r);
/* Waits, at most ten seconds, until BSY is clear; the status, by the control block. */
uint8_t ide_wait(struct ide_rig *s, unsigned base);
/* The same for the last status of a command without data. */
uint8_t ide_command(struct ide_rig *s, unsigned base, const struct ide_regs *r);
/* A command whose n bytes come, or go, by the data port from data; the last status. */
uint8_t ide_pio_in(struct ide_rig *s, unsigned base, const struct ide_regs *r, uint32_t n);
uint8_t ide_pio_out(struct ide_rig *s, unsigned base, const struct ide_regs *r, uint32_t n);
/* By the bus master with n bytes of data, cut into pieces. */
uint8_t ide_dma(struct ide_rig *s, const struct ide_regs *r, bool to_memory, uint32_t n,
                uint32_t piece);
/* Writes the table. */
void ide_put_table(struct ide_rig *s, paddr at, uint32_t n, uint32_t piece);

/* Saves the host and the drive (which it resets with itself), resets, and loads them again; the
 * state is the same. */
bool ide_round_trip(struct device *host, struct device *drive);
/* The parts of it: the state of both; and a reset, after which they have that state. */
struct ide_saved {
    struct strbuf host, drive;
};
void ide_save(struct device *host, struct device *drive, struct ide_saved *out);
bool ide_load(struct device *host, struct device *drive, struct ide_saved *in); /* frees it */

#endif
