/* SPDX-License-Identifier: MIT */
/*
 * Registers of displays in memory, 4 KiB in BAR 2: data of the monitor at 0, VGA's ports from 0x3c0
 * on at 0x400, the display interface at 0x500, the order of bytes at 0x600.
 */
#ifndef HW_DISPLAY_VGA_MMIO_H
#define HW_DISPLAY_VGA_MMIO_H

#include "hw/display/edid.h"
#include "hw/display/vga.h"
#include "hw/pci/pci.h"

#define VGA_MMIO_BYTES 4096

struct vga_mmio {
    struct vga *vga; /* whose ports there are; NULL: none */
    /* Registers of the display interface, and the order of bytes; opaque is the device's. */
    uint16_t (*read)(void *opaque, unsigned index);
    void (*write)(void *opaque, unsigned index, uint16_t value);
    void *opaque;
    bool *big_endian; /* NULL: it cannot be chosen */
    bool edid;
    uint8_t monitor[EDID_BYTES];
};

/* False: no monitor likes such a mode. */
bool vga_mmio_set_edid(struct vga_mmio *m, const struct device *d, unsigned width, unsigned height,
                       struct error *e);
void vga_mmio_add(struct vga_mmio *m, struct pci_device *p, struct os_mutex *lock);

#endif
