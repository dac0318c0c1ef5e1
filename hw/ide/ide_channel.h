/* SPDX-License-Identifier: MIT */
/*
 * A parallel ATA channel: two drives behind one set of registers at eight ports, with a data port
 * and an interrupt line (ATA8-APT; ATA/ATAPI-5 9). One command is under way at a time. Data by DMA
 * is moved by the controller's bus master.
 */
#ifndef HW_IDE_IDE_CHANNEL_H
#define HW_IDE_IDE_CHANNEL_H

#include "hw/ide/ide.h"

struct ide_channel;

/* The controller's bus master; lock is held. */
struct ide_dma_ops {
    /* It has been started. */
    bool (*is_ready)(void *opaque);
    /* Puts memory for at most that many bytes into c's iov. 0: there is none, or it is bad. */
    uint64_t (*map)(void *opaque, struct ata_command *c, uint64_t most);
    /* The step on that memory has ended. */
    void (*moved)(void *opaque, const struct ata_command *c);
    /* The transfer is over. more: the drive has data that there was no memory for. */
    void (*ended)(void *opaque, bool more);
    /* The interrupt line has risen. */
    void (*interrupted)(void *opaque);
};

enum ide_phase {
    IDE_IDLE,
    IDE_BUSY,      /* a step is under way */
    IDE_TO_HOST,   /* the host reads data */
    IDE_FROM_HOST, /* it writes some */
    IDE_WAITS,     /* for the bus master */
};

struct ide_channel {
    struct ide_bus bus; /* first */

    /* State; under lock. */
    uint8_t phase, selected, control;
    uint8_t commanded; /* place of the drive that has the command */
    bool interrupts;   /* INTRQ, which the control register may keep from the line */
    bool is_due;       /* counted time: the step has ended, and is told of when the timer says */
    uint8_t pad[2];
    uint32_t pio_at, pio_end;
    uint64_t step_bytes; /* moved by DMA since the command began */
    struct ata_command c;
    uint8_t pio[ATA_BUFFER_BYTES], buffer[ATA_BUFFER_BYTES];

    /* No state. */
    const struct irq *irq; /* its device's, of the same number as the bus */
    struct os_mutex lock;
    struct clock_timer *timer;     /* of counted time */
    const struct ide_dma_ops *dma; /* NULL: none */
    void *dma_opaque;
    struct iovec piece;
    bool stopping; /* a reset waits for what is under way */
    bool again;    /* the step is to be done anew, when the machine goes on */
    uint8_t pad2[6];
};

/* Makes bus n of d, which interrupts by d->irq[n]; dma may be NULL. */
void ide_channel_init(struct ide_channel *ch, struct device *d, unsigned n,
                      const struct ide_dma_ops *dma, void *opaque);
void ide_channel_fini(struct ide_channel *ch);
/* All that is under way ends; both drives and the registers are as new. */
void ide_channel_reset(struct ide_channel *ch);
bool ide_channel_check(const struct ide_channel *ch, struct error *e);
void ide_channel_loaded(struct ide_channel *ch);
/* As a device's functions of these names: a step that waits for a retry of the user's is taken
 * back, and done anew. */
void ide_channel_settle(struct ide_channel *ch);
void ide_channel_resume(struct ide_channel *ch);
/* The bus master was started: after its registers say so. The lock is not held. */
void ide_channel_dma_started(struct ide_channel *ch);
/* Waits for the steps that are under way, but for those that wait for a retry. The lock is not
 * held.
 */
void ide_channel_wait(struct ide_channel *ch);

/* Registers: command block (eight ports from 0x1f0), control block (the port 0x3f6). Their opaque
 * is the channel, which locks itself. */
extern const struct mmio_ops ide_command_ops, ide_control_ops;

/* Rows of a class whose struct has a struct ide_channel, or an array of them, called ch. */
extern const struct field ide_channel_fields[];

#endif
