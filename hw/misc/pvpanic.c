/* SPDX-License-Identifier: MIT */
/*
 * The device by which a guest says that it has crashed (QEMU's docs/specs/pvpanic): one byte, read
 * as the events that it takes, written as those that came. Here on PCI.
 */
#include "base/log.h"
#include "hw/classes.h"
#include "hw/pci/pci.h"

enum {
    PANICKED = 1,
    CRASH_LOADED = 2, /* the guest crashed, and its own kernel for that sees to it */
    SHUT_DOWN = 4,    /* it wants to be switched off */
    BAR_BYTES = 16
};

struct pvpanic {
    struct pci_device pci; /* first */
    uint8_t events;        /* that the guest may use */
    uint8_t pad[7];
};

static uint64_t events_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct pvpanic *d = opaque;
    (void)size;
    return offset == 0 ? d->events : 0;
}

static void events_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pvpanic *d = opaque;
    struct power *power = d->pci.dev.machine->power;
    const unsigned events = (unsigned)value & d->events;
    (void)size;
    if (offset != 0 || (value & ~(uint64_t)d->events)) {
        log_guest(d->pci.dev.cls->name, "0x%llx written at 0x%llx: no such event",
                  (unsigned long long)value, (unsigned long long)offset);
    }
    if (offset == 0 && (events & PANICKED)) {
        power->request(power, POWER_PANIC);
    } else if (offset == 0 && (events & SHUT_DOWN)) {
        power->request(power, POWER_OFF);
    }
}

static const struct mmio_ops events_ops = {.read = events_read, .write = events_write, .sizes = 1};

static const struct pci_class pvpanic_pci = {
    .vendor = 0x1b36,
    .device = 0x0011,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x088000,
    .revision = 1,
};

static bool pvpanic_create(struct device *d, struct error *e)
{
    struct pvpanic *p = (struct pvpanic *)d;
    if (p->events & ~(PANICKED | CRASH_LOADED | SHUT_DOWN)) {
        return error_set(e, "%s: events=%u: at most 7", d->cls->name, p->events);
    }
    pci_device_init(&p->pci, &pvpanic_pci);
    pci_bar_add(&p->pci, 0, PCI_BAR_MEM32, BAR_BYTES);
    pci_bar_add_part(&p->pci, 0,
                     &(struct pci_bar_part){0, BAR_BYTES, "pvpanic", &events_ops, p, NULL});
    return true;
}

static void pvpanic_destroy(struct device *d)
{
    pci_device_fini((struct pci_device *)d);
}

static void pvpanic_reset(struct device *d)
{
    pci_device_reset((struct pci_device *)d);
}

static bool pvpanic_check(struct device *d, struct error *e)
{
    return pci_device_check((struct pci_device *)d, e);
}

static void pvpanic_loaded(struct device *d)
{
    pci_device_loaded((struct pci_device *)d);
}

static const struct prop pvpanic_props[] = {
    PCI_PROPS(pvpanic, pci),
    {"events", PROP_U8, offsetof(struct pvpanic, events), "7",
     "that the guest may tell of: 1 it crashed, 2 and sees to it, 4 it wants to be switched off",
     NULL},
    PROP_END,
};

static const struct field pvpanic_fields[] = {
    PCI_FIELDS(pvpanic, pci),
    FIELD_SKIP(pvpanic, pad),
    FIELD_END,
};

const struct device_class pvpanic_pci_class = {
    .name = "pvpanic-pci",
    .desc = "device by which a guest tells of a crash",
    .bus = BUS_PCI,
    .size = sizeof(struct pvpanic),
    .props = pvpanic_props,
    .fields = pvpanic_fields,
    .create = pvpanic_create,
    .reset = pvpanic_reset,
    .destroy = pvpanic_destroy,
    .check = pvpanic_check,
    .loaded = pvpanic_loaded,
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
    .kind = &pvpanic_pci,
};
