/* SPDX-License-Identifier: MIT */
/*
 * Hot plug on PCI by ACPI: see pci_plug.h.
 *
 * The word of slots in which devices came is read once: reading clears it. A slot stays among those
 * whose devices are to go until the guest has ejected them by the method _EJ0 (ACPI 6.5, 6.3.3).
 */
#include "hw/acpi/pci_plug.h"

#include <stdio.h>

#include "base/bits.h"

enum { /* doublewords from the base on */
    UP = 0x00,
    DOWN = 0x04,
    EJECT = 0x08,
    REMOVABLE = 0x0c,
    SELECT = 0x10
};

#define SLOTS 32
#define FUNCTIONS 8

/* ---- slots */

static bool can_go(const struct pci_bus *b, unsigned slot)
{
    for (unsigned f = 0; f < FUNCTIONS; f++) {
        const struct pci_device *p = b->slot[slot << 3 | f];
        if (p && !device_can_leave(&p->dev)) {
            return false;
        }
    }
    return true;
}

static uint32_t removable(const struct pci_bus *b)
{
    uint32_t slots = 0;
    for (unsigned n = 0; n < SLOTS; n++) {
        slots |= (uint32_t)can_go(b, n) << n;
    }
    return slots;
}

static void eject(struct acpi_pci_plug *p, uint32_t slots)
{
    slots &= removable(p->bus);
    for (unsigned i = 0; i < SLOTS * FUNCTIONS; i++) {
        if (bit(slots, i / FUNCTIONS) && p->bus->slot[i]) {
            machine_release(&p->bus->slot[i]->dev);
        }
    }
    p->up &= ~slots;
    p->down &= ~slots;
}

/* ---- ports */

static uint32_t word(struct acpi_pci_plug *p, unsigned offset)
{
    const uint32_t came = p->up;
    if (offset == SELECT) {
        return p->selected;
    }
    if (p->selected) { /* no slot of another bus can be left */
        return offset == REMOVABLE ? UINT32_MAX : 0;
    }
    switch (offset) {
    case UP:
        p->up = 0;
        return came;
    case DOWN:
        return p->down;
    case REMOVABLE:
        return removable(p->bus);
    default: /* EJECT: there is nothing beyond */
        return 0;
    }
}

static uint64_t plug_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return word(opaque, (unsigned)offset);
}

static void plug_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct acpi_pci_plug *p = opaque;
    (void)size;
    if (offset == SELECT) {
        p->selected = (uint32_t)value;
    } else if (offset == EJECT && !p->selected) {
        eject(p, (uint32_t)value);
    }
}

static const struct mmio_ops plug_ops = {.read = plug_read, .write = plug_write, .sizes = 4};

/* ---- the bus */

static void tell(struct acpi_pci_plug *p)
{
    struct os_mutex *lock = p->pm->dev->machine->lock;
    os_mutex_lock(lock);
    acpi_pm_gpe(p->pm, ACPI_PCI_PLUG_EVENT);
    os_mutex_unlock(lock);
}

static struct acpi_pci_plug *plug_of(const struct bus *b)
{
    return ((struct pci_bus *)b->impl)->plug;
}

/* Functions of a device come one by one; function 0 is the last. */
static void plug(struct bus *b, struct device *d)
{
    struct acpi_pci_plug *p = plug_of(b);
    const unsigned devfn = ((struct pci_device *)d)->devfn;
    if (devfn % FUNCTIONS == 0) {
        os_mutex_lock(&p->bus->host->lock);
        p->up |= 1u << devfn / FUNCTIONS;
        os_mutex_unlock(&p->bus->host->lock);
        tell(p);
    }
}

static bool unplug(struct bus *b, struct device *d, struct error *e)
{
    struct acpi_pci_plug *p = plug_of(b);
    const unsigned slot = ((struct pci_device *)d)->devfn / FUNCTIONS;
    if (!can_go(p->bus, slot)) {
        return error_set(e, "'%s' cannot leave a machine that runs", d->id ? d->id : d->cls->name);
    }
    os_mutex_lock(&p->bus->host->lock);
    p->down |= 1u << slot;
    os_mutex_unlock(&p->bus->host->lock);
    tell(p);
    return true;
}

/* ---- life */

void acpi_pci_plug_init(struct acpi_pci_plug *p, struct acpi_pm *pm, struct pci_bus *bus,
                        struct space *ports)
{
    p->pm = pm;
    p->bus = bus;
    p->ports = ports;
    p->range = space_add(ports, &(struct mem_range){.base = ACPI_PCI_PLUG_BASE,
                                                    .size = ACPI_PCI_PLUG_BYTES,
                                                    .kind = RANGE_MMIO,
                                                    .name = "acpi-pci-hotplug",
                                                    .ops = &plug_ops,
                                                    .opaque = p,
                                                    .lock = &bus->host->lock});
    bus->plug = p;
    bus->bus.plug = plug;
    bus->bus.unplug = unplug;
}

void acpi_pci_plug_fini(struct acpi_pci_plug *p)
{
    if (p->bus) {
        space_remove(p->ports, p->range);
        p->bus->plug = NULL;
        p->bus->bus.plug = NULL;
        p->bus->bus.unplug = NULL;
    }
}

void acpi_pci_plug_reset(struct acpi_pci_plug *p)
{
    if (p->bus) {
        eject(p, p->down);
    }
    p->up = p->down = p->selected = 0;
}

const struct field acpi_pci_plug_fields[] = {
    FIELD_SKIP(acpi_pci_plug, pm),
    FIELD_SKIP(acpi_pci_plug, bus),
    FIELD_SKIP(acpi_pci_plug, ports),
    FIELD_SKIP(acpi_pci_plug, range),
    FIELD(acpi_pci_plug, up),
    FIELD(acpi_pci_plug, down),
    FIELD(acpi_pci_plug, selected),
    FIELD_SKIP(acpi_pci_plug, pad),
    FIELD_END,
};

/* ---- tables */

static void slot_name(char name[5], unsigned slot)
{
    snprintf(name, 5, "S%03u", slot % SLOTS);
}

static void add_ports(struct aml *a)
{
    aml_region(a, "PCST", AML_SYSTEM_IO, ACPI_PCI_PLUG_BASE + UP, 8);
    aml_fields(a, "PCST", 4);
    aml_unit(a, "PCIU", 32);
    aml_unit(a, "PCID", 32);
    aml_end(a);
    aml_region(a, "SEJ", AML_SYSTEM_IO, ACPI_PCI_PLUG_BASE + EJECT, 4);
    aml_fields(a, "SEJ", 4);
    aml_unit(a, "B0EJ", 32);
    aml_end(a);
    aml_device(a, "PHPR");
    aml_name_string(a, "_HID", "PNP0A06");
    aml_name_string(a, "_UID", "PCI Hotplug resources");
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_ports(a, ACPI_PCI_PLUG_BASE, ACPI_PCI_PLUG_BYTES);
    aml_end(a);
    aml_end(a);
}

static void add_slot(struct aml *a, unsigned slot)
{
    char name[5];
    slot_name(name, slot);
    aml_device(a, name);
    aml_name_int(a, "_ADR", slot << 16);
    aml_name_int(a, "_SUN", slot);
    aml_method(a, "_EJ0", 1, true);
    aml_op(a, AML_STORE);
    aml_int(a, 1u << slot);
    aml_ref(a, "B0EJ");
    aml_end(a);
    aml_end(a);
}

/* What there is to do for the slots of a word: look at them (1), or let go of what is there (3). */
static void notify(struct aml *a, const char *field, unsigned what, uint32_t slots)
{
    char name[5];
    aml_op(a, AML_STORE);
    aml_ref(a, field);
    aml_local(a, 0);
    for (unsigned n = 0; n < SLOTS; n++) {
        if (bit(slots, n)) {
            slot_name(name, n);
            aml_if(a);
            aml_op(a, AML_AND);
            aml_local(a, 0);
            aml_int(a, 1u << n);
            aml_discard(a);
            aml_op(a, AML_NOTIFY);
            aml_ref(a, name);
            aml_int(a, what);
            aml_end(a);
        }
    }
}

void acpi_pci_plug_slots(struct aml *a, const struct pci_bus *bus)
{
    const uint32_t slots = removable(bus);
    add_ports(a);
    for (unsigned n = 0; n < SLOTS; n++) {
        if (bit(slots, n)) {
            add_slot(a, n);
        }
    }
    aml_method(a, "PCNT", 0, true);
    notify(a, "PCIU", 1, slots);
    notify(a, "PCID", 3, slots);
    aml_end(a);
}

void acpi_pci_plug_event(struct aml *a, const char *device)
{
    char method[64];
    snprintf(method, sizeof(method), "%s.PCNT", device);
    aml_scope(a, "\\_GPE");
    aml_method(a, "_E01", 0, false);
    aml_ref(a, method);
    aml_end(a);
    aml_end(a);
}
