/* SPDX-License-Identifier: MIT */
/*
 * The SMBus function of ICH9 (data sheet 316972, chapter 20), 1f.3 of Q35 boards: its host
 * controller by I/O ports. Not modelled: its window in memory, interrupts as SMIs, the slave.
 */
#include "hw/classes.h"
#include "hw/i2c/smbus_host.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_regs.h"

enum {
    BAR = 4,
    BAR_BYTES = 64, /* as QEMU's; the upper half has no registers */
    HOST_CONFIG = 0x40,
    HOST_CONFIG_SMI = 1 << 1,
    HOST_CONFIG_WRITABLE = 0x07
};

struct ich9_smbus {
    struct pci_device pci; /* first */
    struct smbus_host host;
};

static struct ich9_smbus *of(struct device *d)
{
    return (struct ich9_smbus *)d;
}

static void interrupt(struct device *d, bool level)
{
    pci_intx_set(&of(d)->pci, level && !(of(d)->pci.config[HOST_CONFIG] & HOST_CONFIG_SMI));
}

static const struct pci_class ich9_smbus_pci = {
    .vendor = 0x8086,
    .device = 0x2930,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x0c0500,
    .revision = 2,
    .interrupt_pin = 1,
};

static bool smbus_create(struct device *d, struct error *e)
{
    struct ich9_smbus *s = of(d);
    (void)e;
    pci_device_init(&s->pci, &ich9_smbus_pci);
    s->pci.writable[HOST_CONFIG] = HOST_CONFIG_WRITABLE;
    pci_bar_add(&s->pci, BAR, PCI_BAR_IO, BAR_BYTES);
    pci_bar_add_part(&s->pci, BAR,
                     &(struct pci_bar_part){0, BAR_BYTES, "ich9-smbus", &smbus_host_ops, &s->host,
                                            d->machine->lock});
    smbus_host_init(&s->host, d, true, interrupt);
    return true;
}

static void smbus_destroy(struct device *d)
{
    smbus_host_fini(&of(d)->host);
    pci_device_fini(&of(d)->pci);
}

static void smbus_reset(struct device *d)
{
    pci_device_reset(&of(d)->pci);
    smbus_host_reset(&of(d)->host);
}

static bool smbus_check(struct device *d, struct error *e)
{
    return pci_device_check(&of(d)->pci, e);
}

static void smbus_loaded(struct device *d)
{
    smbus_host_loaded(&of(d)->host);
    pci_device_loaded(&of(d)->pci);
}

static const struct prop smbus_props[] = {PCI_PROPS(ich9_smbus, pci), PROP_END};

static const struct field smbus_fields[] = {
    PCI_FIELDS(ich9_smbus, pci),
    FIELD_KEEP_PARTS(ich9_smbus, host, smbus_host_fields, smbus_host),
    FIELD_END,
};

const struct device_class ich9_smbus_class = {
    .name = "ICH9-SMB",
    .desc = "SMBus controller of ICH9",
    .bus = BUS_PCI,
    .size = sizeof(struct ich9_smbus),
    .props = smbus_props,
    .fields = smbus_fields,
    .create = smbus_create,
    .reset = smbus_reset,
    .destroy = smbus_destroy,
    .check = smbus_check,
    .loaded = smbus_loaded,
    .flags = DEVICE_THREAD_SAFE,
    .kind = &ich9_smbus_pci,
};
