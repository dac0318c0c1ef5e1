/* SPDX-License-Identifier: MIT */
/*
 * AHCI host bus adapters: Serial ATA AHCI 1.3.1. What the files of it share: ahci.c (registers of
 * the adapter, life), ahci_port.c (registers and commands of a port), ahci_slot.c (a command's way
 * between guest memory and the drive). The adapter's lock guards all.
 */
#ifndef HW_IDE_AHCI_H
#define HW_IDE_AHCI_H

#include "hw/block/due_list.h"
#include "hw/ide/ide.h"
#include "hw/pci/pci.h"

#define AHCI_PORTS 6u
#define AHCI_SLOTS 32u

/* Registers of a port (3.3). */
enum {
    AHCI_PX_CLB = 0x00,
    AHCI_PX_FB = 0x08,
    AHCI_PX_IS = 0x10,
    AHCI_PX_IE = 0x14,
    AHCI_PX_CMD = 0x18,
    AHCI_PX_TFD = 0x20,
    AHCI_PX_SIG = 0x24,
    AHCI_PX_SSTS = 0x28,
    AHCI_PX_SCTL = 0x2c,
    AHCI_PX_SERR = 0x30,
    AHCI_PX_SACT = 0x34,
    AHCI_PX_CI = 0x38,
    AHCI_PORT_FIRST = 0x100,
    AHCI_PORT_BYTES = 0x80,

    AHCI_IS_DHRS = 1 << 0,
    AHCI_IS_PSS = 1 << 1,
    AHCI_IS_SDBS = 1 << 3,
    AHCI_IS_DPS = 1 << 5,
    AHCI_IS_PCS = 1 << 6,
    AHCI_IS_OFS = 1 << 24,
    AHCI_IS_IFS = 1 << 27,
    AHCI_IS_HBFS = 1 << 29,
    AHCI_IS_TFES = 1 << 30,

    AHCI_CMD_ST = 1 << 0,
    AHCI_CMD_SUD = 1 << 1,
    AHCI_CMD_POD = 1 << 2,
    AHCI_CMD_CLO = 1 << 3,
    AHCI_CMD_FRE = 1 << 4,
    AHCI_CMD_FR = 1 << 14,
    AHCI_CMD_CR = 1 << 15,
};

struct ahci;
struct ahci_port;

/* What became of a command. */
struct ahci_result {
    struct ata_regs regs;
    uint32_t moved; /* bytes */
    bool lacking;   /* there was less memory than data */
    bool told;      /* an entry of the list wants an interrupt */
    uint8_t pad[2];
};

/* A command between its list and its end. */
struct ahci_slot {
    struct ata_command c; /* first */
    struct ahci_port *port;
    uint64_t table;       /* guest address */
    uint32_t entries;     /* of its list of memory */
    uint32_t index, used; /* where the next step begins: entry, and bytes of it */
    uint64_t moved;
    struct iovec *iov; /* owned */
    unsigned iov_cap;
    bool pio, told;
};

struct ahci_port {
    struct ide_bus bus; /* first */

    /* State. */
    uint64_t list, fis; /* PxCLB, PxFB */
    uint32_t is, ie, cmd, tfd, sig, ssts, sctl, serr, sact, ci;
    uint32_t held;     /* slots whose commands the drive has */
    uint8_t current;   /* the slot that was issued last */
    uint8_t alone;     /* 1 + the slot of a command that is not queued, or 0 */
    bool halted;       /* an error: nothing is done before ST is cleared */
    bool resetting;    /* SRST is set */
    bool unsigned_yet; /* the signature has not been received */
    uint8_t pad[7];
    struct ahci_result result[AHCI_SLOTS]; /* of those that are due */
    struct due_list due;

    /* No state. */
    struct ahci *hba;
    unsigned number;
    bool stopping; /* what is under way ends, and nobody is told */
    bool again;    /* slots that are held are to be issued anew */
    uint8_t pad2[2];
    struct clock_timer *timer;
    uint8_t *buffer; /* owned */
    struct ahci_slot slot[AHCI_SLOTS];
};

struct ahci {
    struct pci_device pci; /* first */

    /* State. */
    uint32_t ghc, is, index;
    uint8_t pad[4];
    struct ahci_port port[AHCI_PORTS];

    /* No state. */
    struct os_mutex lock;
};

static inline bool ahci_counted(const struct ahci *h)
{
    return h->pci.dev.machine->config.counted;
}

static inline struct ide_drive *ahci_drive(const struct ahci_port *p)
{
    return p->bus.unit[0];
}

/* ---- ahci.c; lock is held */

/* The port's interrupts have changed. */
void ahci_update(struct ahci_port *p);

/* ---- ahci_port.c; lock is held where nothing else is said */

uint32_t ahci_port_read(const struct ahci_port *p, unsigned offset);
/* Returns the slots whose commands are to be posted. */
uint32_t ahci_port_write(struct ahci_port *p, unsigned offset, uint32_t value);
/* All that is under way ends; registers as after a reset of the adapter. */
void ahci_port_reset(struct ahci_port *p);
/* Gives up the lock for a time: all that the drive has ends, and nobody is told. */
void ahci_port_stop(struct ahci_port *p);
/* Issues what can be issued now; as ahci_port_write. */
uint32_t ahci_port_issue(struct ahci_port *p);
/* The command has ended: the driver is told. */
void ahci_port_complete(struct ahci_port *p, unsigned slot);
/* As a device's functions of these names; not held. */
void ahci_port_settle(struct ahci_port *p);
bool ahci_port_check(const struct ahci_port *p, struct error *e);
void ahci_port_loaded(struct ahci_port *p);
void ahci_port_resume(struct ahci_port *p);
void ahci_port_due(void *opaque); /* not held */
extern const struct field ahci_port_fields[];

/* ---- ahci_slot.c; lock is held where nothing else is said */

/* Reads the command of a slot, and begins it. false: there is none to be read. *now: it has ended.
 */
bool ahci_slot_begin(struct ahci_slot *s, const uint8_t *header, const uint8_t *fis, bool *now);
void ahci_slot_free(struct ahci_slot *s);
/* Gives the lock back, and the drives what is posted. */
void ahci_leave(struct ahci_port *p, uint32_t posted);

#endif
