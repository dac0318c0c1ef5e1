/* SPDX-License-Identifier: MIT */
/* The driver's side of AHCI: see ahci_rig.h. */
#include "tests/support/ahci_rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "hw/ide/ich9_ahci.h"
#include "hw/pci/pci_regs.h"

void ahci_rig_open(struct ide_rig *s, bool counted, bool msi)
{
    ide_rig_open(s, counted);
    ahci_rig_add(s, msi);
}

void ahci_rig_add(struct ide_rig *s, bool msi)
{
    struct error e = {""};
    s->host = rig_device(&s->r, &ich9_ahci_class, "pcie.0", &e, "addr=4", NULL);
    if (!s->host) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    rig_config_set(&s->r, 0, 0x20, PCI_BAR0 + 20, 4, (uint32_t)AHCI_BAR);
    rig_config_set(&s->r, 0, 0x20, PCI_BAR0 + 16, 4, 0xd000);
    rig_config_set(&s->r, 0, 0x20, PCI_COMMAND, 2,
                   PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    const unsigned cap = rig_cap(&s->r, 0, 0x20, PCI_CAP_MSI);
    if (msi) {
        rig_config_set(&s->r, 0, 0x20, cap + 4, 4, RIG_MSI);
        rig_config_set(&s->r, 0, 0x20, cap + 12, 2, 5);
        rig_config_set(&s->r, 0, 0x20, cap + 2, 2, 1);
    }
}

uint32_t ahci_hba(const struct ide_rig *s, unsigned offset)
{
    return (uint32_t)rig_load((struct rig *)&s->r, AHCI_BAR + offset, 4);
}

void ahci_hba_set(const struct ide_rig *s, unsigned offset, uint32_t value)
{
    rig_store((struct rig *)&s->r, AHCI_BAR + offset, 4, value);
}

static unsigned of_port(const struct ahci_drv *d, unsigned offset)
{
    return AHCI_PORT_FIRST + AHCI_PORT_BYTES * d->port + offset;
}

uint32_t ahci_reg(const struct ahci_drv *d, unsigned offset)
{
    return ahci_hba(d->s, of_port(d, offset));
}

void ahci_reg_set(const struct ahci_drv *d, unsigned offset, uint32_t value)
{
    ahci_hba_set(d->s, of_port(d, offset), value);
}

void ahci_drv_open(struct ahci_drv *d, struct ide_rig *s, unsigned port)
{
    *d = (struct ahci_drv){.s = s, .port = port};
    d->list = rig_alloc(&s->r, 4096);
    d->fis = rig_alloc(&s->r, 4096);
    d->tables = rig_alloc(&s->r, 4096 * AHCI_SLOTS);
    ahci_hba_set(s, 4, 1); /* as new: drives have come */
    ahci_hba_set(s, 4, 0x80000002);
    ahci_reg_set(d, AHCI_PX_CLB, (uint32_t)d->list);
    ahci_reg_set(d, AHCI_PX_FB, (uint32_t)d->fis);
    ahci_reg_set(d, AHCI_PX_IE, UINT32_MAX);
    ahci_reg_set(d, AHCI_PX_CMD, AHCI_CMD_FRE);
    ahci_reg_set(d, AHCI_PX_CMD, AHCI_CMD_FRE | AHCI_CMD_ST);
}

static unsigned put_list(uint8_t *p, const struct ahci_io *io)
{
    const uint32_t piece = io->piece ? io->piece : io->n;
    unsigned entries = 0;
    for (uint32_t at = 0; at < io->n; at += piece, p += 16) {
        const uint32_t part = io->n - at < piece ? io->n - at : piece;
        store_le64(p, io->memory + at);
        store_le32(p + 8, 0);
        store_le32(p + 12, part - 1);
        entries++;
    }
    return entries;
}

void ahci_put(const struct ahci_drv *d, unsigned slot, const struct ahci_io *io)
{
    const paddr at = d->tables + 4096 * (paddr)slot;
    uint8_t *t = rig_host(&d->s->r, at), *h = rig_host(&d->s->r, d->list + 32 * (paddr)slot);
    const struct ide_regs *r = &io->regs;
    memset(t, 0, 0x80);
    t[0] = 0x27;
    t[1] = 0x80;
    t[2] = r->command;
    t[3] = (uint8_t)r->features;
    t[11] = (uint8_t)(r->features >> 8);
    for (unsigned i = 0; i < 3; i++) {
        t[4 + i] = (uint8_t)(r->lba >> 8 * i);
        t[8 + i] = (uint8_t)(r->lba >> (24 + 8 * i));
    }
    t[7] = r->device;
    store_le16(t + 12, r->count);
    if (io->packet) {
        memcpy(t + 0x40, io->packet, 12);
    }
    memset(h, 0, 32);
    store_le16(h, (uint16_t)(5 | (io->packet ? 1 << 5 : 0) | (io->write ? 1 << 6 : 0)));
    store_le16(h + 2, (uint16_t)put_list(t + 0x80, io));
    store_le64(h + 8, at);
}

bool ahci_wait(const struct ahci_drv *d, unsigned offset, uint32_t bits, uint32_t value)
{
    for (int64_t end = os_now_ns() + INT64_C(10000000000); os_now_ns() < end;) {
        if ((ahci_reg(d, offset) & bits) == value) {
            return true;
        }
        if (d->s->r.m->config.counted) {
            clock_manual_advance(d->s->r.m->clock, 1000000);
        } else {
            os_sleep_until_ns(os_now_ns() + 20000);
        }
    }
    return false;
}

uint32_t ahci_do(const struct ahci_drv *d, const struct ahci_io *io)
{
    ahci_put(d, 0, io);
    ahci_reg_set(d, AHCI_PX_IS, UINT32_MAX);
    ahci_reg_set(d, AHCI_PX_CI, 1);
    for (int64_t end = os_now_ns() + INT64_C(10000000000); os_now_ns() < end;) {
        if (!ahci_reg(d, AHCI_PX_CI) || (ahci_reg(d, AHCI_PX_IS) & 0x7f000000)) {
            return ahci_reg(d, AHCI_PX_TFD);
        }
        if (d->s->r.m->config.counted) {
            clock_manual_advance(d->s->r.m->clock, 1000000);
        } else {
            os_sleep_until_ns(os_now_ns() + 20000);
        }
    }
    return 0xffffffff;
}

void ahci_restart(const struct ahci_drv *d)
{
    ahci_reg_set(d, AHCI_PX_CMD, AHCI_CMD_FRE);
    ahci_reg_set(d, AHCI_PX_SERR, UINT32_MAX);
    ahci_reg_set(d, AHCI_PX_IS, UINT32_MAX);
    ahci_reg_set(d, AHCI_PX_CMD, AHCI_CMD_FRE | AHCI_CMD_ST);
}

uint32_t ahci_moved(const struct ahci_drv *d, unsigned slot)
{
    return load_le32(rig_host(&d->s->r, d->list + 32 * (paddr)slot + 4));
}
