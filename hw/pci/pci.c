/* SPDX-License-Identifier: MIT */
/*
 * A PCI function: configuration space, base address registers, capabilities.
 * PCI Local Bus Specification 3.0 chapter 6; PCI Express Base 4.0 section 7.5.
 *
 * config[] holds what software reads, three masks beside it say what a write does: change bits,
 * clear them, or nothing. Decoding is derived: whenever a write touches the command register, a
 * BAR or a bridge's window, pci_bars_update() compares where each BAR should be with where it is.
 *
 * Not modelled: function-level reset, power states (PMCSR only stores).
 */
#include "hw/pci/pci.h"

#include <assert.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/log.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

/* ---- header */

static void init_type0(struct pci_device *p, const struct pci_class *c)
{
    store_le16(p->initial + PCI_SUBSYSTEM_VENDOR_ID, c->subsystem_vendor);
    store_le16(p->initial + PCI_SUBSYSTEM_ID, c->subsystem);
}

/* Windows of a bridge: bases above limits after reset would be legal; zero is what hardware has. */
static void init_type1(struct pci_device *p)
{
    memset(p->writable + PCI_PRIMARY_BUS, 0xff, 4);
    p->writable[PCI_IO_BASE] = p->writable[PCI_IO_LIMIT] = 0xf0;
    p->initial[PCI_IO_BASE] = p->initial[PCI_IO_LIMIT] = 0x01; /* 32-bit addresses */
    store_le16(p->clearable + PCI_SECONDARY_STATUS, PCI_STATUS_ERRORS);
    store_le16(p->writable + PCI_MEMORY_BASE, 0xfff0);
    store_le16(p->writable + PCI_MEMORY_LIMIT, 0xfff0);
    store_le16(p->writable + PCI_PREF_BASE, 0xfff0);
    store_le16(p->writable + PCI_PREF_LIMIT, 0xfff0);
    store_le16(p->initial + PCI_PREF_BASE, 1); /* 64-bit addresses */
    store_le16(p->initial + PCI_PREF_LIMIT, 1);
    memset(p->writable + PCI_PREF_BASE_UPPER, 0xff, 12); /* and the I/O upper halves */
    store_le16(p->writable + PCI_BRIDGE_CONTROL, 0x0fff);
    p->initial[PCI_HEADER_TYPE] = PCI_HEADER_BRIDGE;
}

void pci_device_init(struct pci_device *p, const struct pci_class *c)
{
    os_mutex_init(&p->irq_lock);
    p->cls = c;
    p->cap_end = 0x40;
    store_le16(p->initial + PCI_VENDOR_ID, c->vendor);
    store_le16(p->initial + PCI_DEVICE_ID, c->device);
    p->initial[PCI_REVISION_ID] = c->revision;
    p->initial[PCI_CLASS_PROG] = (uint8_t)c->class_code;
    store_le16(p->initial + PCI_CLASS_PROG + 1, (uint16_t)(c->class_code >> 8));
    store_le16(p->writable + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                              PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
                                              PCI_COMMAND_INTX_DISABLE);
    store_le16(p->clearable + PCI_STATUS, PCI_STATUS_ERRORS);
    p->writable[PCI_CACHE_LINE_SIZE] = 0xff;
    p->writable[PCI_INTERRUPT_LINE] = 0xff;
    p->initial[PCI_INTERRUPT_PIN] = c->interrupt_pin;
    if (c->bridge) {
        init_type1(p);
    } else {
        init_type0(p, c);
    }
    if (p->multifunction) {
        p->initial[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
    }
    for (unsigned n = 0; n <= PCI_ROM; n++) {
        p->bar[n].address = PCI_UNMAPPED;
    }
    pci_rom_init(p);
    memcpy(p->config, p->initial, sizeof(p->config));
}

void pci_device_fini(struct pci_device *p)
{
    pci_intx_set(p, false);
    for (unsigned n = 0; n <= PCI_ROM; n++) {
        pci_bar_map(p, n, PCI_UNMAPPED);
    }
    os_mutex_destroy(&p->irq_lock);
}

void pci_device_reset(struct pci_device *p)
{
    for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++) {
        uint8_t changes = p->writable[i] | p->clearable[i];
        p->config[i] = (p->config[i] & ~changes) | (p->initial[i] & changes);
    }
    pci_msix_reset(p);
    pci_intx_set(p, false);
    pci_bars_update(p);
}

const struct field pci_msix_fields[] = {
    FIELD(pci_msix_entry, address),
    FIELD(pci_msix_entry, data),
    FIELD_MOST(pci_msix_entry, control, PCI_MSIX_ENTRY_MASKED),
    FIELD_END,
};

bool pci_device_check(const struct pci_device *p, struct error *e)
{
    for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++) {
        const uint8_t fixed = (uint8_t) ~(p->writable[i] | p->clearable[i]);
        if ((p->config[i] ^ p->initial[i]) & fixed) {
            return error_set(e,
                             "byte 0x%02x of its configuration space is 0x%02x in the state, and "
                             "0x%02x here: it is another device, or has other properties",
                             i, p->config[i], p->initial[i]);
        }
    }
    for (unsigned v = 0; v < PCI_MSIX_MAX; v++) {
        if (p->msix[v].address & 3) {
            return error_set(e, "the address of MSI-X vector %u, 0x%llx, is not aligned", v,
                             (unsigned long long)p->msix[v].address);
        }
    }
    return true;
}

void pci_device_loaded(struct pci_device *p)
{
    pci_bars_update(p);
    pci_irq_update(p);
}

/* ---- base address registers */

void pci_bar_add(struct pci_device *p, unsigned n, unsigned flags, uint64_t size)
{
    assert(is_pow2(size) && size >= 16 && n < (p->cls->bridge ? 2 : PCI_BARS));
    assert(!(flags & PCI_BAR_MEM64) || n + 1 < PCI_BARS);
    p->bar[n].size = size;
    p->bar[n].flags = flags;
    unsigned at = PCI_BAR0 + 4 * n;
    uint64_t mask = ~(size - 1);
    store_le32(p->initial + at, flags);
    store_le32(p->config + at, flags);
    store_le32(p->writable + at, (uint32_t)mask);
    if (flags & PCI_BAR_MEM64) {
        store_le32(p->writable + at + 4, (uint32_t)(mask >> 32));
    }
}

unsigned pci_bar_register(const struct pci_device *p, unsigned n)
{
    const unsigned rom = p->cls->bridge ? PCI_BRIDGE_ROM_ADDRESS : PCI_ROM_ADDRESS;
    return n == PCI_ROM ? rom : PCI_BAR0 + 4 * n;
}

void pci_bar_add_part(struct pci_device *p, unsigned n, const struct pci_bar_part *part)
{
    struct pci_bar *b = &p->bar[n];
    assert(b->part_count < PCI_BAR_PARTS && part->size <= b->size &&
           part->offset <= b->size - part->size);
    b->part[b->part_count++] = *part;
}

/* Where BAR n should be decoded now, as a CPU address, or PCI_UNMAPPED. */
static uint64_t bar_address(const struct pci_device *p, unsigned n)
{
    const struct pci_bar *b = &p->bar[n];
    uint16_t command = load_le16(p->config + PCI_COMMAND);
    bool io = b->flags & PCI_BAR_IO;
    if (!p->bus || !b->size || !(command & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY))) {
        return PCI_UNMAPPED;
    }
    const uint32_t low = load_le32(p->config + pci_bar_register(p, n));
    if (n == PCI_ROM && !(low & PCI_ROM_ENABLED)) {
        return PCI_UNMAPPED;
    }
    uint64_t a = low & (uint32_t) ~(b->size - 1);
    if (b->flags & PCI_BAR_MEM64) {
        a |= (uint64_t)load_le32(p->config + PCI_BAR0 + 4 * n + 4) << 32;
    }
    return pci_bus_decode(p->bus, a, b->size, io);
}

void pci_bar_map(struct pci_device *p, unsigned n, uint64_t address)
{
    struct pci_bar *b = &p->bar[n];
    if (b->address == address) {
        return;
    }
    const struct pci_host *h = p->bus->host;
    struct space *s = (b->flags & PCI_BAR_IO) && h->ports ? h->ports : h->memory;
    space_begin(s);
    for (unsigned i = 0; i < b->part_count; i++) {
        if (b->mapped[i]) {
            space_remove(s, b->mapped[i]);
            b->mapped[i] = NULL;
        }
        if (address != PCI_UNMAPPED) {
            const struct pci_bar_part *part = &b->part[i];
            const enum range_kind kind = part->ops      ? RANGE_MMIO
                                         : n == PCI_ROM ? RANGE_ROM
                                                        : RANGE_RAM;
            b->mapped[i] = space_add(s, &(struct mem_range){
                                            .base = address + part->offset,
                                            .size = part->size,
                                            .kind = kind,
                                            .priority = h->priority,
                                            .name = part->name,
                                            .host = part->ops ? NULL : part->opaque,
                                            .ops = part->ops,
                                            .opaque = part->opaque,
                                            .lock = part->lock,
                                        });
        }
    }
    space_commit(s);
    b->address = address;
}

void pci_bars_update(struct pci_device *p)
{
    for (unsigned n = 0; n <= PCI_ROM; n++) {
        pci_bar_map(p, n, bar_address(p, n));
    }
}

/* ---- capabilities */

unsigned pci_cap_add(struct pci_device *p, uint8_t id, unsigned size)
{
    unsigned at = p->cap_end;
    assert(at + size <= PCI_CONFIG_BYTES);
    p->cap_end = (unsigned)align_up(at + size, 4);
    p->initial[at] = p->config[at] = id;
    /* In front of the list: the order has no meaning. */
    p->initial[at + 1] = p->config[at + 1] = p->config[PCI_CAPABILITY_LIST];
    p->initial[PCI_CAPABILITY_LIST] = p->config[PCI_CAPABILITY_LIST] = (uint8_t)at;
    p->initial[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    p->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    return at;
}

void pci_cap_add_power(struct pci_device *p)
{
    unsigned at = pci_cap_add(p, PCI_CAP_POWER, 8);
    pci_config_set16(p, at + 2, 3); /* version 1.2 */
    pci_config_set16(p, at + 4, 8); /* no soft reset */
    p->writable[at + 4] = 3;        /* power state */
}

void pci_cap_add_express(struct pci_device *p, unsigned port_type)
{
    unsigned at = pci_cap_add(p, PCI_CAP_EXPRESS, PCI_EXP_CAP_BYTES);
    p->express_cap = at;
    pci_config_set16(p, at + PCI_EXP_FLAGS, (uint16_t)(2 | port_type << 4));
    pci_config_set32(p, at + PCI_EXP_DEVCAP, 1u << 15); /* role-based error reporting */
    pci_config_set16(p, at + PCI_EXP_DEVCTL, 0x2810);   /* 512-byte reads, ordering, no snoop */
    store_le16(p->writable + at + PCI_EXP_DEVCTL, 0x7fff);
    store_le16(p->clearable + at + PCI_EXP_DEVSTA, 0x000f);
    store_le16(p->writable + at + PCI_EXP_DEVCTL2, 0x041f);
    if (port_type != PCI_EXP_TYPE_INTEGRATED_ENDPOINT) {
        pci_config_set32(p, at + PCI_EXP_LNKCAP, 0x13); /* x1 at 8 GT/s */
        pci_config_set16(p, at + PCI_EXP_LNKSTA, 0x13);
        store_le16(p->writable + at + PCI_EXP_LNKCTL, 0x01fb);
        pci_config_set32(p, at + PCI_EXP_LNKCAP2, 0x0e); /* 2.5, 5 and 8 GT/s */
        pci_config_set16(p, at + PCI_EXP_LNKCTL2, 3);
        store_le16(p->writable + at + PCI_EXP_LNKCTL2, 0x000f);
    }
    pci_express_placed(p);
}

/* ---- accesses */

uint32_t pci_config_read(struct pci_device *p, unsigned offset, unsigned size)
{
    if (offset >= PCI_CONFIG_BYTES) {
        /* No extended capabilities; and of a conventional device no such registers. */
        return p->express_cap ? 0 : (uint32_t)mask64(8 * size);
    }
    if (p->cls->config_reading) {
        p->cls->config_reading(&p->dev, offset, size);
    }
    uint32_t v = (uint32_t)load_le(p->config + offset, size);
    if (offset <= PCI_STATUS && offset + size > PCI_STATUS && atomic_get(&p->intx_level)) {
        v |= (uint32_t)PCI_STATUS_INTERRUPT << 8 * (PCI_STATUS - offset);
    }
    return v;
}

static bool touches(unsigned offset, unsigned size, unsigned first, unsigned end)
{
    return offset < end && offset + size > first;
}

void pci_config_write(struct pci_device *p, unsigned offset, uint32_t value, unsigned size)
{
    if (offset >= PCI_CONFIG_BYTES) {
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        uint8_t v = (uint8_t)(value >> 8 * i);
        uint8_t *c = &p->config[offset + i];
        uint8_t w = p->writable[offset + i];
        *c = (uint8_t)(((*c & ~w) | (v & w)) & ~(v & p->clearable[offset + i]));
    }
    bool command = touches(offset, size, PCI_COMMAND, PCI_COMMAND + 2);
    const unsigned rom = pci_bar_register(p, PCI_ROM);
    if (command || touches(offset, size, rom, rom + 4) ||
        touches(offset, size, PCI_BAR0, PCI_BAR0 + 4 * (p->cls->bridge ? 2 : PCI_BARS))) {
        pci_bars_update(p);
    }
    if (command || (p->msix_cap && touches(offset, size, p->msix_cap, p->msix_cap + 4)) ||
        (p->msi_cap && touches(offset, size, p->msi_cap, p->msi_cap + 4u))) {
        pci_irq_update(p);
    }
    if (p->cls->config_written) {
        p->cls->config_written(&p->dev, offset, size);
    }
}

bool pci_bus_master(const struct pci_device *p)
{
    return atomic_get(&p->config[PCI_COMMAND]) & PCI_COMMAND_MASTER;
}

void pci_config_set16(struct pci_device *p, unsigned offset, uint16_t value)
{
    store_le16(p->config + offset, value);
    store_le16(p->initial + offset, value);
}

void pci_config_set32(struct pci_device *p, unsigned offset, uint32_t value)
{
    store_le32(p->config + offset, value);
    store_le32(p->initial + offset, value);
}
