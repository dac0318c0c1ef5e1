/* SPDX-License-Identifier: MIT */
/* Registers of displays in memory: see vga_mmio.h. */
#include "hw/display/vga_mmio.h"

enum {
    EDID_AT = 0x000,
    PORTS_AT = 0x400,
    PORTS = 0x20,
    VBE_AT = 0x500,
    EXTENDED_AT = 0x600,
    EXTENDED_BYTES = 8,

    LITTLE = 0x1e1e1e1e,
    BIG = 0xbebebebe,
};

/* ---- data of the monitor */

static uint64_t edid_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return ((const struct vga_mmio *)opaque)->monitor[offset];
}

static void nothing(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)opaque, (void)offset, (void)value, (void)size;
}

static const struct mmio_ops edid_ops = {.read = edid_read, .write = nothing, .sizes = 1};

bool vga_mmio_set_edid(struct vga_mmio *m, const struct device *d, unsigned width, unsigned height,
                       struct error *e)
{
    if (width < EDID_LEAST || width > EDID_MOST || height < EDID_LEAST || height > EDID_MOST) {
        return error_set(e, "%s: xres=%u, yres=%u: from %u to %u each is what EDID can tell of",
                         d->cls->name, width, height, EDID_LEAST, EDID_MOST);
    }
    edid_fill(width, height, m->monitor);
    return true;
}

/* ---- ports */

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return vga_port_read(((struct vga_mmio *)opaque)->vga, (unsigned)(0x3c0 + offset));
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)size;
    vga_port_write(((struct vga_mmio *)opaque)->vga, (unsigned)(0x3c0 + offset), (uint8_t)value);
}

static const struct mmio_ops ports_ops = {.read = ports_read, .write = ports_write, .sizes = 1};

/* ---- the display interface */

static uint64_t interface_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct vga_mmio *m = opaque;
    (void)size;
    return m->read(m->opaque, (unsigned)offset / 2);
}

static void interface_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const struct vga_mmio *m = opaque;
    (void)size;
    m->write(m->opaque, (unsigned)offset / 2, (uint16_t)value);
}

static const struct mmio_ops interface_ops = {
    .read = interface_read, .write = interface_write, .sizes = 2};

/* ---- the order of bytes */

static uint64_t extended_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct vga_mmio *m = opaque;
    (void)size;
    return offset == 0 ? EXTENDED_BYTES : *m->big_endian ? BIG : LITTLE;
}

static void extended_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct vga_mmio *m = opaque;
    (void)size;
    if (offset == 4 && (value == BIG || value == LITTLE)) {
        *m->big_endian = value == BIG;
    }
}

static const struct mmio_ops extended_ops = {
    .read = extended_read, .write = extended_write, .sizes = 4};

/* ---- */

static void add(struct vga_mmio *m, struct pci_device *p, const struct pci_bar_part *part)
{
    struct pci_bar_part own = *part;
    own.opaque = m;
    pci_bar_add_part(p, 2, &own);
}

void vga_mmio_add(struct vga_mmio *m, struct pci_device *p, struct os_mutex *lock)
{
    pci_bar_add(p, 2, PCI_BAR_MEM32, VGA_MMIO_BYTES);
    if (m->edid) {
        add(m, p, &(struct pci_bar_part){EDID_AT, EDID_BYTES, "edid", &edid_ops, NULL, lock});
    }
    if (m->vga) {
        add(m, p, &(struct pci_bar_part){PORTS_AT, PORTS, "vga-ports", &ports_ops, NULL, lock});
    }
    add(m, p, &(struct pci_bar_part){VBE_AT, 2 * VBE_REGS, "vbe", &interface_ops, NULL, lock});
    if (m->big_endian) {
        add(m, p,
            &(struct pci_bar_part){EXTENDED_AT, EXTENDED_BYTES, "extended", &extended_ops, NULL,
                                   lock});
    }
}
