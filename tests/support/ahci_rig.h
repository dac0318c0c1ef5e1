/* SPDX-License-Identifier: MIT */
/* The driver's side of one port of an AHCI adapter: the test is the guest. */
#ifndef TESTS_SUPPORT_AHCI_RIG_H
#define TESTS_SUPPORT_AHCI_RIG_H

#include "hw/ide/ahci.h"
#include "tests/support/ide_rig.h"

#define AHCI_BAR RIG_MMIO

struct ahci_drv {
    struct ide_rig *s;
    unsigned port;
    paddr list, fis, tables; /* tables: 4 KiB for each slot */
};

/* An adapter at slot 4 with memory decoded and, if msi, messages of data 5. */
void ahci_rig_open(struct ide_rig *s, bool counted, bool msi);
/* The same on a rig that is open. */
void ahci_rig_add(struct ide_rig *s, bool msi);
/* After drives are there: the port is started. */
void ahci_drv_open(struct ahci_drv *d, struct ide_rig *s, unsigned port);
uint32_t ahci_reg(const struct ahci_drv *d, unsigned offset);
void ahci_reg_set(const struct ahci_drv *d, unsigned offset, uint32_t value);

/* Registers of the adapter. */
uint32_t ahci_hba(const struct ide_rig *s, unsigned offset);
void ahci_hba_set(const struct ide_rig *s, unsigned offset, uint32_t value);

/* Fills a slot: the command, and n bytes at memory in pieces. packet: 12 bytes, or NULL. */
struct ahci_io {
    struct ide_regs regs;
    const uint8_t *packet;
    paddr memory;
    uint32_t n, piece; /* piece 0: as one */
    bool write;
};
void ahci_put(const struct ahci_drv *d, unsigned slot, const struct ahci_io *io);
/* Waits, at most ten seconds, for those bits of a register to become that. */
bool ahci_wait(const struct ahci_drv *d, unsigned offset, uint32_t bits, uint32_t value);
/* A command in slot 0, waited for; PxTFD. */
uint32_t ahci_do(const struct ahci_drv *d, const struct ahci_io *io);
/* After an error: ST off and on. */
void ahci_restart(const struct ahci_drv *d);
/* Bytes that the slot's header says were moved. */
uint32_t ahci_moved(const struct ahci_drv *d, unsigned slot);

#endif
