/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of a PCI function: MSI-X (PCI 3.0, 6.8.2), MSI (6.8.1) and the INTx pin
 * (6.2.4, 2.2.6).
 *
 * Both may be raised from any thread while a vCPU changes masks; the function's irq_lock orders
 * the two, so that nothing is lost between a look at a mask and the pending bit.
 */
#include <assert.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/log.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

/* ---- MSI-X */

static uint16_t msix_control(const struct pci_device *p)
{
    return load_le16(p->config + p->msix_cap + PCI_MSIX_CONTROL);
}

bool pci_msix_enabled(const struct pci_device *p)
{
    return p->msix_cap && (msix_control(p) & PCI_MSIX_ENABLE);
}

static bool msix_masked(const struct pci_device *p, unsigned v)
{
    return (msix_control(p) & PCI_MSIX_FUNCTION_MASK) ||
           (p->msix[v].control & PCI_MSIX_ENTRY_MASKED);
}

static void send_message(struct pci_device *p, uint64_t address, uint32_t data)
{
    struct pci_host *h = p->bus->host;
    const struct requester by = {.id = pci_requester_id(p), .device = true};
    if (h->msi.send) {
        h->msi.send(h->msi.opaque, address, data, by.id);
    } else if (!space_store_by(h->memory, &by, address, 4, data)) {
        log_guest(p->dev.cls->name, "a message 0x%x to 0x%llx, where nothing is", data,
                  (unsigned long long)address);
    }
}

/* Sends vector v if it is pending and nothing masks it any more. irq_lock is held. */
static void msix_send_pending(struct pci_device *p, unsigned v)
{
    uint64_t b = UINT64_C(1) << v % 64;
    if ((p->msix_pending[v / 64] & b) && pci_msix_enabled(p) && pci_bus_master(p) &&
        !msix_masked(p, v)) {
        p->msix_pending[v / 64] &= ~b;
        send_message(p, p->msix[v].address, p->msix[v].data);
    }
}

void pci_msix_notify(struct pci_device *p, unsigned v)
{
    if (v >= p->msix_vectors || !p->bus) {
        return;
    }
    os_mutex_lock(&p->irq_lock);
    if (pci_msix_enabled(p)) {
        p->msix_pending[v / 64] |= UINT64_C(1) << v % 64;
        msix_send_pending(p, v);
    }
    os_mutex_unlock(&p->irq_lock);
}

static uint64_t table_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_device *p = opaque;
    uint64_t v = 0;
    os_mutex_lock(&p->irq_lock);
    const struct pci_msix_entry *m = &p->msix[offset / PCI_MSIX_ENTRY_BYTES];
    for (unsigned done = 0; done < size; done += 4) {
        uint32_t word[4] = {(uint32_t)m->address, (uint32_t)(m->address >> 32), m->data,
                            m->control};
        v |= (uint64_t)word[offset / 4 % 4 + done / 4] << 8 * done;
    }
    os_mutex_unlock(&p->irq_lock);
    return v;
}

static void table_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pci_device *p = opaque;
    unsigned v = (unsigned)(offset / PCI_MSIX_ENTRY_BYTES);
    struct pci_msix_entry *m = &p->msix[v];
    os_mutex_lock(&p->irq_lock);
    for (unsigned done = 0; done < size; done += 4) {
        uint32_t word = (uint32_t)(value >> 8 * done);
        switch (offset / 4 % 4 + done / 4) {
        case 0:
            m->address = deposit64(m->address, 31, 0, word & ~3u);
            break;
        case 1:
            m->address = deposit64(m->address, 63, 32, word);
            break;
        case 2:
            m->data = word;
            break;
        case 3:
            m->control = word & PCI_MSIX_ENTRY_MASKED;
            break;
        }
    }
    msix_send_pending(p, v);
    os_mutex_unlock(&p->irq_lock);
}

static uint64_t pba_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_device *p = opaque;
    os_mutex_lock(&p->irq_lock);
    uint64_t v = p->msix_pending[offset / 8];
    os_mutex_unlock(&p->irq_lock);
    return size == 4 ? (uint32_t)(v >> 8 * (offset % 8)) : v;
}

static void pba_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pci_device *p = opaque;
    log_guest(p->dev.cls->name, "write of 0x%llx to the pending bits at %llu",
              (unsigned long long)value, (unsigned long long)offset);
    (void)size;
}

static const struct mmio_ops table_ops = {.read = table_read, .write = table_write, .sizes = 4 | 8};
static const struct mmio_ops pba_ops = {.read = pba_read, .write = pba_write, .sizes = 4 | 8};

void pci_msix_init(struct pci_device *p, unsigned bar, unsigned n)
{
    assert(n >= 1 && n <= PCI_MSIX_MAX);
    uint32_t table_bytes = n * PCI_MSIX_ENTRY_BYTES;
    uint32_t pba = table_bytes <= 0x800 ? 0x800 : 0x1000;
    p->msix_vectors = n;
    pci_bar_add(p, bar, PCI_BAR_MEM32, pba == 0x800 ? 0x1000 : 0x2000);
    pci_bar_add_part(
        p, bar,
        &(struct pci_bar_part){
            .size = table_bytes, .name = "msix-table", .ops = &table_ops, .opaque = p});
    pci_bar_add_part(p, bar,
                     &(struct pci_bar_part){.offset = pba,
                                            .size = (uint32_t)align_up(n, 64) / 8,
                                            .name = "msix-pba",
                                            .ops = &pba_ops,
                                            .opaque = p});
    unsigned at = pci_cap_add(p, PCI_CAP_MSIX, PCI_MSIX_CAP_BYTES);
    p->msix_cap = at;
    pci_config_set16(p, at + PCI_MSIX_CONTROL, (uint16_t)(n - 1));
    pci_config_set32(p, at + PCI_MSIX_TABLE, bar);
    pci_config_set32(p, at + PCI_MSIX_PBA, pba | bar);
    store_le16(p->writable + at + PCI_MSIX_CONTROL, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
    pci_msix_reset(p);
}

void pci_msix_reset(struct pci_device *p)
{
    os_mutex_lock(&p->irq_lock);
    for (unsigned v = 0; v < p->msix_vectors; v++) {
        p->msix[v] = (struct pci_msix_entry){.control = PCI_MSIX_ENTRY_MASKED};
    }
    memset(p->msix_pending, 0, sizeof(p->msix_pending));
    os_mutex_unlock(&p->irq_lock);
}

/* ---- MSI (6.8.1): one message, of 64 bits of address */

enum {
    MSI_CONTROL = 2,
    MSI_ADDRESS = 4,
    MSI_DATA = 12,
    MSI_CAP_BYTES = 16,
    MSI_ENABLE = 1 << 0,
    MSI_64 = 1 << 7,
};

void pci_msi_init(struct pci_device *p)
{
    const unsigned at = pci_cap_add(p, PCI_CAP_MSI, MSI_CAP_BYTES);
    p->msi_cap = (uint8_t)at;
    pci_config_set16(p, at + MSI_CONTROL, MSI_64);
    store_le16(p->writable + at + MSI_CONTROL, MSI_ENABLE);
    store_le64(p->writable + at + MSI_ADDRESS, ~UINT64_C(3));
    store_le16(p->writable + at + MSI_DATA, 0xffff);
}

bool pci_msi_enabled(const struct pci_device *p)
{
    return p->msi_cap && (load_le16(p->config + p->msi_cap + MSI_CONTROL) & MSI_ENABLE);
}

void pci_msi_notify(struct pci_device *p)
{
    os_mutex_lock(&p->irq_lock);
    if (p->bus && pci_msi_enabled(p) && pci_bus_master(p)) {
        send_message(p, load_le64(p->config + p->msi_cap + MSI_ADDRESS),
                     load_le16(p->config + p->msi_cap + MSI_DATA));
    }
    os_mutex_unlock(&p->irq_lock);
}

/* ---- INTx */

/*
 * Brings what the bus sees in line with the function's level: nothing while the driver disabled
 * the pin or uses messages.
 */
static void intx_update(struct pci_device *p)
{
    unsigned pin = p->cls->interrupt_pin;
    if (!p->bus || !pin) {
        return;
    }
    struct pci_host *h = p->bus->host;
    os_mutex_lock(&p->irq_lock);
    bool off = load_le16(p->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;
    bool seen = p->intx_level && !off && !pci_msix_enabled(p) && !pci_msi_enabled(p);
    if (seen != p->intx_seen) {
        unsigned line = pci_bus_line(p->bus, p->devfn, pin);
        p->intx_seen = seen;
        os_mutex_lock(&h->irq_lock);
        unsigned before = h->intx_count[line];
        h->intx_count[line] = seen ? before + 1 : before - 1;
        if ((before == 0) != (h->intx_count[line] == 0)) {
            irq_set(&h->irq[line], seen);
        }
        os_mutex_unlock(&h->irq_lock);
    }
    os_mutex_unlock(&p->irq_lock);
}

void pci_intx_set(struct pci_device *p, bool level)
{
    os_mutex_lock(&p->irq_lock);
    bool changed = p->intx_level != level;
    atomic_set(&p->intx_level, level);
    os_mutex_unlock(&p->irq_lock);
    if (changed) {
        intx_update(p);
    }
}

void pci_irq_update(struct pci_device *p)
{
    if (p->bus) {
        os_mutex_lock(&p->irq_lock);
        for (unsigned v = 0; v < p->msix_vectors; v++) {
            msix_send_pending(p, v);
        }
        os_mutex_unlock(&p->irq_lock);
        intx_update(p);
    }
}
