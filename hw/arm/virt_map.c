/* SPDX-License-Identifier: MIT */
/* The map of the virt board: addresses and interrupts of its parts, from which windows, device
 * tree and ACPI tables derive. */
#include "hw/arm/virt.h"
#include "hw/intc/gic.h"

#define GIB (UINT64_C(1) << 30)

const struct virt_row virt_rows[VIRT_PARTS] = {
    [VIRT_FLASH] = {"flash", 0x00000000, 0x04000000, 2, -1},
    [VIRT_GIC_DIST] = {"intc", 0x08000000, 0x00010000, 1, -1},
    [VIRT_GIC_CPU] = {NULL, 0x08010000, 0x00010000, 1, -1},
    [VIRT_GIC_V2M] = {"v2m", 0x08020000, 0x00001000, 1, 48},
    [VIRT_GIC_ITS] = {"its", 0x08080000, 0x00020000, 1, -1},
    [VIRT_GIC_REDIST] = {NULL, 0x080a0000, 0x00f60000, 1, -1},
    [VIRT_UART] = {"pl011", 0x09000000, 0x00001000, 1, 1},
    [VIRT_RTC] = {"pl031", 0x09010000, 0x00001000, 1, 2},
    [VIRT_FW_CFG] = {"fw-cfg", 0x09020000, 0x00000018, 1, -1},
    [VIRT_GPIO] = {"pl061", 0x09030000, 0x00001000, 1, 7},
    [VIRT_GED] = {NULL, 0x09080000, 0x00000004, 1, 9},
    [VIRT_VIRTIO] = {"virtio_mmio", 0x0a000000, 0x00000200, 32, 16},
    [VIRT_PCIE_MMIO] = {"pcie", 0x10000000, 0x2eff0000, 1, VIRT_PCIE_SPI},
    [VIRT_PCIE_PIO] = {NULL, 0x3eff0000, 0x00010000, 1, -1},
    [VIRT_PCIE_ECAM] = {NULL, 0x3f000000, 0x01000000, 1, -1},
    [VIRT_RAM] = {"memory", 0x40000000, 255 * GIB, 1, -1},
    [VIRT_HIGH_REDIST] = {NULL, 256 * GIB, 0x04000000, 1, -1},
    [VIRT_HIGH_ECAM] = {NULL, 256 * GIB + 0x10000000, 0x10000000, 1, -1},
    [VIRT_HIGH_MMIO] = {NULL, 512 * GIB, 512 * GIB, 1, -1},
};

const struct virt_row *virt_ecam_row(const struct virt *v)
{
    return &virt_rows[v->highmem && v->highmem_ecam ? VIRT_HIGH_ECAM : VIRT_PCIE_ECAM];
}

bool virt_has_high_mmio(const struct virt *v)
{
    return v->highmem && v->highmem_mmio;
}

unsigned virt_redists_low(void)
{
    return (unsigned)(virt_rows[VIRT_GIC_REDIST].size / GICV3_REDIST_SIZE);
}

struct pci_windows virt_pci_windows(const struct virt *v)
{
    const struct virt_row *ecam = virt_ecam_row(v), *low = &virt_rows[VIRT_PCIE_MMIO];
    const struct virt_row *high = &virt_rows[VIRT_HIGH_MMIO], *pio = &virt_rows[VIRT_PCIE_PIO];
    return (struct pci_windows){
        .ecam_base = ecam->base,
        .ecam_size = ecam->size,
        .mmio_base = low->base,
        .mmio_size = low->size,
        .high_base = high->base,
        .high_size = virt_has_high_mmio(v) ? high->size : 0,
        .pio_base = pio->base,
        .pio_size = pio->size,
    };
}
