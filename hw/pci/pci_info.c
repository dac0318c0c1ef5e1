/* SPDX-License-Identifier: MIT */
/*
 * `info pci`: all functions of a machine with the addresses that software gave them, in QEMU's
 * form, which scripts read. Names of classes: PCI Code and ID Assignment 1.11.
 */
#include <inttypes.h>

#include "base/bits.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

static const struct {
    unsigned class_code;
    const char *name;
} class_names[] = {
    {0x0100, "SCSI controller"}, {0x0101, "IDE controller"},
    {0x0106, "SATA controller"}, {0x0200, "Ethernet controller"},
    {0x0300, "VGA controller"},  {0x0380, "Display controller"},
    {0x0600, "Host bridge"},     {0x0601, "ISA bridge"},
    {0x0604, "PCI bridge"},      {0x0900, "Keyboard"},
    {0x0680, "Bridge"},          {0x0902, "Mouse"},
    {0x0c03, "USB controller"},  {0x0c05, "SMBus"},
};

static void put_class(struct strbuf *out, unsigned class_code)
{
    for (size_t i = 0; i < array_len(class_names); i++) {
        if (class_names[i].class_code == class_code) {
            strbuf_printf(out, "    %s: ", class_names[i].name);
            return;
        }
    }
    strbuf_printf(out, "    Class %04u: ", class_code);
}

static void put_range(struct strbuf *out, const char *what, uint64_t base, uint64_t last)
{
    strbuf_printf(out, "      %s range [0x%04" PRIx64 ", 0x%04" PRIx64 "]\n", what, base, last);
}

static void put_bridge(struct strbuf *out, const struct pci_device *p)
{
    const uint8_t *c = p->config;
    const uint64_t io = (uint64_t)(c[PCI_IO_BASE] & 0xf0) << 8, memory = 20;

    strbuf_printf(out, "      BUS %u.\n", c[PCI_PRIMARY_BUS]);
    strbuf_printf(out, "      secondary bus %u.\n", c[PCI_SECONDARY_BUS]);
    strbuf_printf(out, "      subordinate bus %u.\n", c[PCI_SUBORDINATE_BUS]);
    put_range(out, "IO", io | (uint64_t)load_le16(c + PCI_IO_BASE_UPPER) << 16,
              ((uint64_t)(c[PCI_IO_LIMIT] & 0xf0) << 8 | (uint64_t)load_le16(c + PCI_IO_LIMIT_UPPER)
                                                             << 16) +
                  0xfff);
    put_range(out, "memory", (uint64_t)(load_le16(c + PCI_MEMORY_BASE) >> 4) << memory,
              ((uint64_t)(load_le16(c + PCI_MEMORY_LIMIT) >> 4) << memory) + mask64(20));
    put_range(out, "prefetchable memory",
              (uint64_t)(load_le16(c + PCI_PREF_BASE) >> 4) << memory |
                  (uint64_t)load_le32(c + PCI_PREF_BASE_UPPER) << 32,
              ((uint64_t)(load_le16(c + PCI_PREF_LIMIT) >> 4) << memory |
               (uint64_t)load_le32(c + PCI_PREF_LIMIT_UPPER) << 32) +
                  mask64(20));
}

/* The address in BAR n, as software wrote it; PCI_UNMAPPED where it decodes nothing. */
static uint64_t bar_address(const struct pci_device *p, unsigned n)
{
    const struct pci_bar *b = &p->bar[n];
    const uint8_t *at = p->config + PCI_BAR0 + 4 * n;
    const bool io = b->flags & PCI_BAR_IO;
    const uint64_t low = load_le32(at) & (io ? ~UINT32_C(3) : ~UINT32_C(15));

    if (!(load_le16(p->config + PCI_COMMAND) & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY))) {
        return PCI_UNMAPPED;
    }
    const uint64_t a = b->flags & PCI_BAR_MEM64 ? low | (uint64_t)load_le32(at + 4) << 32 : low;
    return a & ~(b->size - 1);
}

static void put_bar(struct strbuf *out, const struct pci_device *p, unsigned n)
{
    const struct pci_bar *b = &p->bar[n];
    const uint64_t a = bar_address(p, n);

    if (b->flags & PCI_BAR_IO) {
        strbuf_printf(out, "      BAR%u: I/O ", n);
    } else {
        strbuf_printf(out, "      BAR%u: %d bit%s memory ", n, b->flags & PCI_BAR_MEM64 ? 64 : 32,
                      b->flags & PCI_BAR_PREFETCH ? " prefetchable" : "");
    }
    if (a == PCI_UNMAPPED || !a) {
        strbuf_puts(out, "(not mapped)\n");
    } else if (b->flags & PCI_BAR_IO) {
        strbuf_printf(out, "at 0x%04" PRIx64 " [0x%04" PRIx64 "]\n", a, a + b->size - 1);
    } else {
        strbuf_printf(out, "at 0x%08" PRIx64 " [0x%08" PRIx64 "]\n", a, a + b->size - 1);
    }
}

static void put_function(struct strbuf *out, const struct pci_device *p)
{
    const uint8_t *c = p->config;

    strbuf_printf(out, "  Bus %2u, device %3u, function %u:\n", pci_bus_number(p->bus),
                  p->devfn >> 3u, p->devfn & 7u);
    put_class(out, load_le16(c + PCI_CLASS_PROG + 1));
    strbuf_printf(out, "PCI device %04x:%04x\n", load_le16(c + PCI_VENDOR_ID),
                  load_le16(c + PCI_DEVICE_ID));
    if (!p->cls->bridge) {
        strbuf_printf(out, "      PCI subsystem %04x:%04x\n",
                      load_le16(c + PCI_SUBSYSTEM_VENDOR_ID), load_le16(c + PCI_SUBSYSTEM_ID));
    }
    if (c[PCI_INTERRUPT_PIN]) {
        strbuf_printf(out, "      IRQ %u, pin %c\n", c[PCI_INTERRUPT_LINE],
                      'A' + c[PCI_INTERRUPT_PIN] - 1);
    }
    if (p->cls->bridge) {
        put_bridge(out, p);
    }
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (p->bar[i].size) {
            put_bar(out, p, i);
        }
    }
    strbuf_printf(out, "      id \"%s\"\n", p->dev.id ? p->dev.id : "");
}

/* A bus, then the buses behind its bridges: as deep as the user nested them. */
static void put_bus(struct strbuf *out, const struct pci_bus *b)
{
    for (unsigned i = 0; i < array_len(b->slot); i++) {
        if (b->slot[i]) {
            put_function(out, b->slot[i]);
        }
    }
    for (unsigned i = 0; i < array_len(b->slot); i++) {
        if (b->slot[i] && b->slot[i]->secondary && b->slot[i]->config[PCI_SECONDARY_BUS]) {
            put_bus(out, b->slot[i]->secondary);
        }
    }
}

void pci_info(const struct bus *b, struct strbuf *out)
{
    const struct pci_bus *p = b->impl;
    os_mutex_lock(&p->host->lock);
    put_bus(out, p);
    os_mutex_unlock(&p->host->lock);
}
