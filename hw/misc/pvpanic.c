/* SPDX-License-Identifier: MIT */
/*
 * The device by which a guest says that it has crashed (QEMU's docs/specs/pvpanic): one byte, read
 * as the events that it takes, written as those that came. On PCI, and at a port, of which a table
 * of ACPI tells.
 */
#include "hw/misc/pvpanic.h"

#include <inttypes.h>

#include "base/log.h"
#include "hw/classes.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

enum {
    PANICKED = 1,
    CRASH_LOADED = 2, /* the guest crashed, and its own kernel for that sees to it */
    SHUT_DOWN = 4,    /* it wants to be switched off */
    ALL_EVENTS = PANICKED | CRASH_LOADED | SHUT_DOWN,
    BAR_BYTES = 16
};

static void take_events(const struct device *d, unsigned offered, uint64_t value)
{
    struct power *power = d->machine->power;
    const unsigned events = (unsigned)value & offered;
    if (value & ~(uint64_t)offered) {
        log_guest(d->cls->name, "0x%" PRIx64 " written: no such event", value);
    }
    if (events & PANICKED) {
        power->request(power, POWER_PANIC);
    } else if (events & SHUT_DOWN) {
        power->request(power, POWER_OFF);
    }
}

static bool check_events(const struct device *d, unsigned events, struct error *e)
{
    return !(events & ~(unsigned)ALL_EVENTS) ||
           error_set(e, "%s: events=%u: at most 7", d->cls->name, events);
}

/* ---- on PCI */

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
    (void)size;
    if (offset == 0) {
        take_events(&d->pci.dev, d->events, value);
    } else {
        log_guest(d->pci.dev.cls->name, "0x%" PRIx64 " written at 0x%" PRIx64 ": nothing is there",
                  value, offset);
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
    if (!check_events(d, p->events, e)) {
        return false;
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

#define EVENTS_PROP(type)                                                                          \
    {                                                                                              \
        "events", PROP_U8, offsetof(struct type, events), "7",                                     \
            "that the guest may tell of: 1 it crashed, 2 and sees to it, 4 it wants to be "        \
            "switched off",                                                                        \
            NULL                                                                                   \
    }

static const struct prop pvpanic_props[] = {
    PCI_PROPS(pvpanic, pci),
    EVENTS_PROP(pvpanic),
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

/* ---- at a port */

struct pvpanic_isa {
    struct device dev;
    const struct mem_range *range;
    uint32_t ioport; /* property, and the next */
    uint8_t events;
    uint8_t pad[3];
};

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)offset, (void)size;
    return ((const struct pvpanic_isa *)opaque)->events;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const struct pvpanic_isa *p = opaque;
    (void)offset, (void)size;
    take_events(&p->dev, p->events, value);
}

static const struct mmio_ops port_ops = {.read = port_read, .write = port_write, .sizes = 1};

static bool pvpanic_isa_create(struct device *d, struct error *e)
{
    struct pvpanic_isa *p = (struct pvpanic_isa *)d;
    return check_events(d, p->events, e) && isa_map(d, p->ioport, 1, &port_ops, &p->range, e);
}

static void pvpanic_isa_destroy(struct device *d)
{
    isa_unmap(d, ((struct pvpanic_isa *)d)->range);
}

void pvpanic_add_table(struct acpi_tables *t, const struct machine *m)
{
    struct aml a = {.depth = 0};
    const struct device *d = m->devices;
    while (d && d->cls != &pvpanic_isa_class) {
        d = d->next;
    }
    if (!d) {
        return;
    }
    aml_scope(&a, "\\_SB");
    aml_device(&a, "PEVT");
    aml_name_string(&a, "_HID", "QEMU0001");
    aml_name(&a, "_CRS");
    aml_resources(&a);
    aml_ports(&a, (uint16_t)((const struct pvpanic_isa *)d)->ioport, 1);
    aml_end(&a);
    aml_end(&a);
    aml_end(&a);
    acpi_begin(t, "SSDT", 1);
    acpi_put_bytes(t, a.out.text, a.out.len);
    strbuf_free(&a.out);
    acpi_end_listed(t);
}

static const struct prop pvpanic_isa_props[] = {
    {"ioport", PROP_U32, offsetof(struct pvpanic_isa, ioport), "0x505", "its port", NULL},
    EVENTS_PROP(pvpanic_isa),
    PROP_END,
};

static const struct field pvpanic_isa_fields[] = {
    FIELD_SKIP(pvpanic_isa, range),
    FIELD_SKIP(pvpanic_isa, pad),
    FIELD_END,
};

const struct device_class pvpanic_isa_class = {
    .name = "pvpanic",
    .desc = "port by which a guest tells of a crash",
    .bus = BUS_ISA,
    .size = sizeof(struct pvpanic_isa),
    .props = pvpanic_isa_props,
    .fields = pvpanic_isa_fields,
    .create = pvpanic_isa_create,
    .destroy = pvpanic_isa_destroy,
    .flags = DEVICE_PLUGGABLE,
};
