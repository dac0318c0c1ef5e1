/* SPDX-License-Identifier: MIT */
/* The parts of the virt board: the map that everything derives from (virt.c), its device tree
 * (virt_fdt.c) and its ACPI tables (virt_acpi.c). */
#ifndef HW_ARM_VIRT_H
#define HW_ARM_VIRT_H

#include "hw/arm/boot.h"
#include "hw/machine.h"
#include "hw/pci/pci.h"

enum virt_part {
    VIRT_FLASH,
    VIRT_GIC_DIST,
    VIRT_GIC_CPU,
    VIRT_GIC_V2M,
    VIRT_GIC_ITS,
    VIRT_GIC_REDIST,
    VIRT_UART,
    VIRT_RTC,
    VIRT_FW_CFG,
    VIRT_GPIO,
    VIRT_GED,
    VIRT_VIRTIO,
    VIRT_PCIE_MMIO,
    VIRT_PCIE_PIO,
    VIRT_PCIE_ECAM,
    VIRT_RAM,
    VIRT_HIGH_REDIST,
    VIRT_HIGH_ECAM,
    VIRT_HIGH_MMIO,
    VIRT_PARTS
};

/* A part of the board: where it is, and its first shared peripheral interrupt. */
struct virt_row {
    const char *name; /* of its window or device tree node, or NULL */
    paddr base;
    uint64_t size;  /* of one, if there are several */
    unsigned count; /* of equal parts one behind the other */
    int spi;        /* the first one's; -1: none */
};

extern const struct virt_row virt_rows[VIRT_PARTS];

/* Private peripheral interrupts (INTID less 16). */
enum {
    PPI_PMU = 7,
    PPI_TIMER_HYP = 10,
    PPI_TIMER_VIRT = 11,
    PPI_TIMER_SEC = 13,
    PPI_TIMER_PHYS = 14
};

#define VIRT_SPIS 256
#define VIRT_PCIE_SPI 3  /* INTA to INTD: SPI 3 to 6 */
#define VIRT_POWER_PIN 3 /* of the GPIO controller: the power button */
#define VIRT_CLOCK_HZ 24000000
#define VIRT_V2M_SPIS 64 /* for message-signalled interrupts */

struct virt {
    /* Properties. */
    int gic_version; /* enum virt_gic */
    bool its, secure, virtualization, mte, ras;
    bool highmem, highmem_ecam, highmem_mmio, highmem_redists, compact_highmem;
    bool dtb_randomness, dtb_kaslr_seed;
    int acpi, iommu, usb; /* enum virt_switch, iommu: 0 none */
    char *oem_id, *oem_table_id;
    char *pflash[2]; /* ids of drives */

    /* Chosen by them. */
    unsigned gic; /* 2 or 3 */
    bool has_its;

    struct device *gic_device, *its_device, *v2m_device, *uart, *rtc, *gpio, *fw_cfg, *flash[2],
        *power_key, *ged;
    struct device *pcie, *virtio[32];
    bool has_firmware; /* the first flash has contents */
    struct arm_boot boot;
};

enum virt_switch {
    VIRT_AUTO,
    VIRT_ON,
    VIRT_OFF
};

enum virt_gic {
    VIRT_GIC_DEFAULT,
    VIRT_GIC_2,
    VIRT_GIC_3,
    VIRT_GIC_4,
    VIRT_GIC_MAX,
    VIRT_GIC_HOST
};

static inline struct virt *virt_of(const struct machine *m)
{
    return m->board;
}

#define VIRT_CLUSTER_CPUS 16u

/* MPIDR affinity of vCPU index. */
static inline uint64_t virt_affinity(unsigned index)
{
    return (uint64_t)(index / VIRT_CLUSTER_CPUS) << 8 | index % VIRT_CLUSTER_CPUS;
}

/* What PCIe uses, by the highmem properties. */
const struct virt_row *virt_ecam_row(const struct virt *v);

bool virt_has_high_mmio(const struct virt *v);

/* Where the host bridge is. */
struct pci_windows virt_pci_windows(const struct virt *v);

/* How many redistributors the first region holds. */
unsigned virt_redists_low(void);

/* Writes the board's tree with bootargs and initrd; seeds are zero (virt_fdt_seed). mem_free; NULL
 * with an error. */
void *virt_fdt_create(const struct machine *m, size_t *bytes, struct error *e);

/* Reads -dtb's file and adds memory, bootargs and initrd to it. mem_free; NULL with an error. */
void *virt_fdt_load(const struct machine *m, const char *path, size_t *bytes, struct error *e);

/* Puts new random seeds into the tree, if it has properties for them. */
void virt_fdt_seed(struct machine *m, void *tree);

/* Gives fw_cfg the ACPI tables. */
bool virt_acpi_add(struct machine *m, struct error *e);

#endif
