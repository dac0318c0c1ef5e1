/* SPDX-License-Identifier: MIT */
/*
 * A PCI function in words, for `info qtree`: where it is, who it says that it is, what of it is
 * mapped. Names of classes are those of PCI Code and ID Assignment 1.11, as far as devices here
 * have them.
 */
#include <inttypes.h>

#include "base/bits.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

static const char *class_name(unsigned class_code)
{
    static const struct {
        unsigned class_code;
        const char *name;
    } names[] = {
        {0x00ff, "unclassified"}, {0x0100, "SCSI controller"}, {0x0200, "Ethernet controller"},
        {0x0300, "VGA display"},  {0x0380, "display"},         {0x0600, "host bridge"},
        {0x0604, "PCI bridge"},   {0x0780, "communication"},   {0x0c03, "USB controller"},
    };

    for (size_t i = 0; i < array_len(names); i++) {
        if (names[i].class_code == class_code) {
            return names[i].name;
        }
    }
    return "other";
}

static void describe_bar(unsigned n, const struct pci_bar *b, int indent, struct strbuf *out)
{
    const char *kind = b->flags & PCI_BAR_IO      ? "ports"
                       : b->flags & PCI_BAR_MEM64 ? "64-bit memory"
                                                  : "32-bit memory";

    strbuf_printf(out, "%*sbar %u: %s, %#" PRIx64 " bytes", indent, "", n, kind, b->size);
    if (b->address == PCI_UNMAPPED) {
        strbuf_puts(out, ", not mapped\n");
    } else {
        strbuf_printf(out, " at %#" PRIx64 "\n", b->address);
    }
}

void pci_describe(const struct device *d, int indent, struct strbuf *out)
{
    const struct pci_device *p = (const struct pci_device *)d;
    const unsigned class_code = load_le16(p->config + PCI_CLASS_PROG + 1);

    strbuf_printf(out, "%*sfunction %02x:%02x.%x, class %04x (%s), id %04x:%04x", indent, "",
                  pci_bus_number(p->bus), p->devfn >> 3u, p->devfn & 7u, class_code,
                  class_name(class_code), load_le16(p->config + PCI_VENDOR_ID),
                  load_le16(p->config + PCI_VENDOR_ID + 2));
    if (!p->cls->bridge) {
        strbuf_printf(out, ", subsystem %04x:%04x", load_le16(p->config + PCI_SUBSYSTEM_VENDOR_ID),
                      load_le16(p->config + PCI_SUBSYSTEM_ID));
    }
    strbuf_putc(out, '\n');
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (p->bar[i].size) {
            describe_bar(i, &p->bar[i], indent, out);
        }
    }
}

/* ---- paths of firmware (IEEE 1275, PCI bus binding 2.1) */

/* What open firmware calls functions of a class; others go by their ids. */
static const struct {
    uint16_t class_code; /* base class and subclass */
    const char *name;
} class_names[] = {
    {0x0100, "scsi"}, {0x0101, "ide"}, {0x0200, "ethernet"},   {0x0300, "display"},
    {0x0600, "host"}, {0x0601, "isa"}, {0x0604, "pci-bridge"},
};

static void path_node(const struct pci_device *p, struct strbuf *out)
{
    const uint32_t code = p->cls->class_code >> 8;
    size_t i = 0;
    while (i < array_len(class_names) && class_names[i].class_code != code) {
        i++;
    }
    if (i < array_len(class_names)) {
        strbuf_printf(out, "/%s@%x", class_names[i].name, p->devfn >> 3);
    } else {
        strbuf_printf(out, "/pci%04x,%04x@%x", p->cls->vendor, p->cls->device, p->devfn >> 3);
    }
    if (p->devfn & 7) {
        strbuf_printf(out, ",%x", p->devfn & 7);
    }
}

void pci_firmware_path(const struct device *d, struct strbuf *out)
{
    const struct pci_device *way[32];
    unsigned n = 0;
    const struct pci_device *p = (const struct pci_device *)d;
    for (const struct pci_device *at = p; at && n < array_len(way); at = at->bus->bridge) {
        way[n++] = at;
    }
    strbuf_printf(out, "/%s", p->bus->host->node ? p->bus->host->node : "pci@ffffffffffffffff");
    while (n) {
        path_node(way[--n], out);
    }
}
