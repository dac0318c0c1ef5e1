/* SPDX-License-Identifier: MIT */
/*
 * The slot below a PCI Express port, and its hot plug: an attention button, a power controller and
 * two indicators. PCI Express Base 4.0, sections 7.5.3.9 to 7.5.3.11 and 6.7.
 *
 * A device that is plugged in presses the button, one that is asked to go presses it again; the
 * guest then turns the power on or off. What has no power is not seen. A slot whose power and power
 * indicator are off when a device is to go, or go off then, lets go of it.
 */
#include <assert.h>

#include "base/bits.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

static unsigned control(const struct pci_device *p)
{
    return load_le16(p->config + p->express_cap + PCI_EXP_SLTCTL);
}

static bool has_device(const struct pci_bus *b)
{
    return b->slot[0] && !b->slot[0]->dev.released;
}

/* Bits that software does not change and that loading a state compares: set of both. */
static void set_fixed(struct pci_device *p, unsigned offset, uint16_t mask, bool on)
{
    const uint16_t now = load_le16(p->config + offset), initial = load_le16(p->initial + offset);
    store_le16(p->config + offset, (uint16_t)(on ? now | mask : now & ~mask));
    store_le16(p->initial + offset, (uint16_t)(on ? initial | mask : initial & ~mask));
}

static void set_present(struct pci_device *p, bool present)
{
    set_fixed(p, p->express_cap + PCI_EXP_SLTSTA, PCI_SLTSTA_PRESENT, present);
    set_fixed(p, p->express_cap + PCI_EXP_LNKSTA, PCI_LNKSTA_ACTIVE, present);
}

/* An event that software wants to know of is there. */
static bool has_event(const struct pci_device *p)
{
    const unsigned status = load_le16(p->config + p->express_cap + PCI_EXP_SLTSTA);
    const unsigned enabled = control(p);
    const unsigned events = (status & enabled & PCI_SLT_EVENTS) |
                            (enabled & PCI_SLTCTL_LINK ? status & PCI_SLTSTA_LINK : 0);
    return (enabled & PCI_SLTCTL_INTERRUPT) && events;
}

/* A message when the first such event comes; the pin is up as long as there is one (6.7.3.4). */
static void update_interrupt(struct pci_device *p)
{
    struct pci_bus *behind = p->secondary;
    const bool now = has_event(p);
    if (now && !behind->signalled && pci_msix_enabled(p)) {
        pci_msix_notify(p, 0);
    }
    behind->signalled = now;
    pci_intx_set(p, now && !pci_msix_enabled(p));
}

static void happen(struct pci_device *p, unsigned events)
{
    uint8_t *at = p->config + p->express_cap + PCI_EXP_SLTSTA;
    store_le16(at, (uint16_t)(load_le16(at) | events));
    update_interrupt(p);
}

void pcie_slot_init(struct pci_device *p, uint32_t slot, bool hot_plug)
{
    const unsigned at = p->express_cap;
    uint32_t cap = slot << PCI_SLTCAP_NUMBER;
    const uint16_t flags = load_le16(p->config + at + PCI_EXP_FLAGS);

    assert(slot < 1u << 13);
    pci_config_set16(p, at + PCI_EXP_FLAGS, flags | 1u << 8); /* slot implemented */
    if (hot_plug) {
        cap |= PCI_SLTCAP_BUTTON | PCI_SLTCAP_POWER | PCI_SLTCAP_ATTENTION |
               PCI_SLTCAP_POWER_INDICATOR | PCI_SLTCAP_SURPRISE | PCI_SLTCAP_HOT_PLUG |
               PCI_SLTCAP_INTERLOCK;
        const uint32_t link = load_le32(p->config + at + PCI_EXP_LNKCAP);
        pci_config_set32(p, at + PCI_EXP_LNKCAP, link | PCI_LNKCAP_ACTIVE);
    }
    pci_config_set32(p, at + PCI_EXP_SLTCAP, cap);
    store_le16(p->writable + at + PCI_EXP_SLTCTL, 0x1fff);
    store_le16(p->clearable + at + PCI_EXP_SLTSTA, 0x011f);
}

static bool has_hot_plug(const struct pci_device *p)
{
    return load_le16(p->config + p->express_cap + PCI_EXP_SLTCAP) & PCI_SLTCAP_HOT_PLUG;
}

/* What the control register says of power. */
static void set_power(const struct pci_device *p, struct pci_bus *behind)
{
    behind->off = has_hot_plug(p) && (control(p) & PCI_SLTCTL_POWER_OFF);
    behind->idle = behind->off &&
                   (control(p) & PCI_SLTCTL_POWER_INDICATOR) == PCI_SLTCTL_POWER_INDICATOR;
}

/* A slot that is empty has no power after reset. */
void pcie_slot_before_reset(struct pci_device *p, struct pci_bus *behind)
{
    const bool present = has_device(behind);
    unsigned value = has_hot_plug(p) ? PCI_SLTCTL_INDICATORS_OFF : 0;
    value |= has_hot_plug(p) && !present ? PCI_SLTCTL_POWER_OFF : 0;
    store_le16(p->initial + p->express_cap + PCI_EXP_SLTCTL, (uint16_t)value);
    set_present(p, present);
}

static void let_go(struct pci_device *p, struct pci_bus *behind)
{
    set_present(p, false);
    happen(p, PCI_SLTSTA_PRESENCE);
    for (unsigned i = 0; i < array_len(behind->slot); i++) {
        if (behind->slot[i]) {
            machine_release(&behind->slot[i]->dev);
        }
    }
}

void pcie_slot_written(struct pci_device *p, struct pci_bus *behind, unsigned offset, unsigned size)
{
    const unsigned at = p->express_cap + PCI_EXP_SLTCTL;

    if (offset >= at + 4 || offset + size <= at) {
        return;
    }
    if (has_hot_plug(p) && offset < at + 2) {
        const bool was_idle = behind->idle;
        set_power(p, behind);
        if (!was_idle && behind->idle && has_device(behind)) {
            let_go(p, behind);
        }
        happen(p, PCI_SLTSTA_COMPLETED);
    }
    update_interrupt(p);
}

void pcie_slot_changed(struct pci_device *p, struct pci_bus *behind)
{
    set_power(p, behind);
    behind->signalled = has_event(p); /* its message is part of the past */
}

/* Functions of a device come one by one; function 0 is the last. */
void pcie_slot_plug(struct bus *b, struct device *d)
{
    struct pci_bus *behind = b->impl;
    if (((struct pci_device *)d)->devfn == 0) {
        set_present(behind->bridge, true);
        happen(behind->bridge, PCI_SLTSTA_PRESENCE | PCI_SLTSTA_BUTTON);
    }
}

bool pcie_slot_unplug(struct bus *b, struct device *d, struct error *e)
{
    struct pci_bus *behind = b->impl;
    const struct pci_device *p = behind->bridge;
    const unsigned status = load_le16(p->config + p->express_cap + PCI_EXP_SLTSTA);

    if (behind->idle) {
        let_go(behind->bridge, behind);
    } else if (status & PCI_SLTSTA_BUTTON) {
        return error_set(e, "the guest has been asked to let go of '%s' and has not answered",
                         d->id ? d->id : d->cls->name);
    } else {
        happen(behind->bridge, PCI_SLTSTA_BUTTON);
    }
    return true;
}
