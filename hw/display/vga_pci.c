/* SPDX-License-Identifier: MIT */
/*
 * VGA as a PCI function, as QEMU has it (its documentation, "Standard VGA"): 1234:1111 with memory
 * in BAR 0 and in BAR 2 the data of the monitor, VGA's ports from 0x3c0 on, the display interface
 * and an extension that chooses the order of bytes. "VGA" has the ports and the window of old as
 * well and is what firmware shows things on, "secondary-vga" has not.
 */
#include "base/bits.h"
#include "hw/classes.h"
#include "hw/display/edid.h"
#include "hw/display/vga.h"
#include "hw/display/vga_mmio.h"
#include "hw/pci/pci.h"

struct vga_pci {
    struct pci_device pci; /* first */
    struct vga vga;

    /* Properties. */
    uint32_t vgamem_mb, xres, yres;
    bool mmio, extended, edid;
    uint8_t pad;

    struct vga_mmio registers;
    const struct mem_range *ports[VGA_PORT_ROWS];
};

static struct vga_pci *of(void *d)
{
    return d;
}

static const struct pci_class primary_pci = {
    .vendor = 0x1234,
    .device = 0x1111,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x030000,
    .revision = 2,
    .rom = "vgabios-stdvga.bin",
};

static const struct pci_class secondary_pci = {
    .vendor = 0x1234,
    .device = 0x1111,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x038000,
    .revision = 2,
};

static bool is_primary(const struct device *d)
{
    return d->cls->kind == &primary_pci;
}

/* ---- the old places */

static void add_ports(struct vga_pci *d)
{
    for (unsigned i = 0; i < VGA_PORT_ROWS; i++) {
        const struct vga_port_row *row = &vga_port_rows[i];
        d->ports[i] = pci_ports_add(&d->pci,
                                    &(struct pci_bar_part){.offset = row->first,
                                                           .size = row->count,
                                                           .name = "vga",
                                                           .ops = row->ops,
                                                           .opaque = &d->vga.host.ports[i],
                                                           .lock = d->pci.dev.machine->lock});
    }
}

static void remove_ports(struct vga_pci *d)
{
    for (unsigned i = 0; i < VGA_PORT_ROWS; i++) {
        if (d->ports[i]) {
            pci_ports_remove(&d->pci, d->ports[i]);
        }
    }
}

/* ---- life */

static uint16_t read_interface(void *opaque, unsigned index)
{
    return vbe_read(opaque, index);
}

static void write_interface(void *opaque, unsigned index, uint16_t value)
{
    vbe_write(opaque, index, value);
}

static void vga_pci_destroy(struct device *dev)
{
    struct vga_pci *d = of(dev);
    remove_ports(d);
    pci_device_fini(&d->pci);
    vga_fini(&d->vga);
}

static bool vga_pci_create(struct device *dev, struct error *e)
{
    struct vga_pci *d = of(dev);
    struct vga_mmio *m = &d->registers;
    if (!dev->bus) {
        return error_set(e, "%s needs a PCI bus", dev->cls->name);
    }
    pci_device_init(&d->pci, dev->cls->kind);
    if (!vga_init(&d->vga, dev, d->vgamem_mb, e) ||
        (d->edid && !vga_mmio_set_edid(m, dev, d->xres, d->yres, e))) {
        vga_pci_destroy(dev);
        return false;
    }
    pci_bar_add(&d->pci, 0, PCI_BAR_PREFETCH, d->vga.bytes);
    pci_bar_add_part(&d->pci, 0,
                     &(struct pci_bar_part){.size = (uint32_t)d->vga.bytes,
                                            .name = "vga.vram",
                                            .opaque = d->vga.memory});
    m->vga = &d->vga;
    m->read = read_interface;
    m->write = write_interface;
    m->opaque = &d->vga;
    m->edid = d->edid;
    m->big_endian = d->extended ? &d->vga.regs.big_endian : NULL;
    if (d->mmio) {
        vga_mmio_add(m, &d->pci, dev->machine->lock);
    }
    if (is_primary(dev)) {
        add_ports(d);
        if (pci_is_of_pc(&d->pci)) {
            vga_map_window(&d->vga);
        }
    }
    return true;
}

static void vga_pci_reset(struct device *dev)
{
    pci_device_reset(&of(dev)->pci);
    vga_reset(&of(dev)->vga);
}

static bool vga_pci_check(struct device *dev, struct error *e)
{
    return pci_device_check(&of(dev)->pci, e);
}

static void vga_pci_loaded(struct device *dev)
{
    pci_device_loaded(&of(dev)->pci);
    vga_loaded(&of(dev)->vga);
}

static const struct prop vga_pci_props[] = {
    PCI_PROPS(vga_pci, pci),
    {"vgamem_mb", PROP_U32, offsetof(struct vga_pci, vgamem_mb), "16", "memory in MiB", NULL},
    {"mmio", PROP_BOOL, offsetof(struct vga_pci, mmio), "on", "registers in memory, too", NULL},
    {"qemu-extended-regs", PROP_BOOL, offsetof(struct vga_pci, extended), "on",
     "a register for the order of bytes", NULL},
    {"edid", PROP_BOOL, offsetof(struct vga_pci, edid), "on", "data of a monitor", NULL},
    {"xres", PROP_U32, offsetof(struct vga_pci, xres), "1280", "width that it likes best", NULL},
    {"yres", PROP_U32, offsetof(struct vga_pci, yres), "800", "height that it likes best", NULL},
    PROP_END,
};

static const struct field vga_pci_fields[] = {
    PCI_FIELDS(vga_pci, pci),       VGA_FIELDS(vga_pci, vga),   FIELD_SKIP(vga_pci, pad),
    FIELD_SKIP(vga_pci, registers), FIELD_SKIP(vga_pci, ports), FIELD_END,
};

#define VGA_PCI_CLASS(name_, desc_, kind_)                                                         \
    {                                                                                              \
        .name = name_, .desc = desc_, .bus = BUS_PCI, .size = sizeof(struct vga_pci),              \
        .props = vga_pci_props, .fields = vga_pci_fields, .create = vga_pci_create,                \
        .reset = vga_pci_reset, .destroy = vga_pci_destroy, .check = vga_pci_check,                \
        .loaded = vga_pci_loaded, .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE | DEVICE_STAYS,   \
        .kind = kind_                                                                              \
    }

const struct device_class vga_pci_class = VGA_PCI_CLASS(
    "VGA", "standard VGA with Bochs's display interface", &primary_pci);
const struct device_class secondary_vga_class = VGA_PCI_CLASS(
    "secondary-vga", "the same without VGA's old ports and window", &secondary_pci);
