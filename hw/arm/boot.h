/* SPDX-License-Identifier: MIT */
/*
 * Starting an AArch64 guest without firmware: kernel, initial RAM disk and device tree in memory,
 * and the state in which the first vCPU begins (Documentation/arch/arm64/booting.rst of Linux).
 * Addresses are those that QEMU chooses.
 */
#ifndef HW_ARM_BOOT_H
#define HW_ARM_BOOT_H

#include "hw/machine.h"
#include "hw/placement.h"

struct arm_boot {
    paddr ram_base;
    uint64_t ram_bytes;

    struct placements *placements; /* the machine's */
    bool has_kernel;
    bool has_image;                 /* and it is an Image */
    paddr entry;                    /* where the first vCPU begins */
    paddr kernel_low, kernel_high;  /* what the kernel takes, its BSS included */
    paddr initrd_start, initrd_end; /* equal: none */
    paddr dtb;
    size_t dtb_size;
};

/*
 * Reads the kernel (Image, also compressed by gzip or zstd or as EFI zboot; ELF; uImage) and the
 * initial RAM disk of config and places them. Without a kernel the guest begins at entry, which is
 * then what it was before. ram_base and ram_bytes are set.
 */
bool arm_boot_load(struct arm_boot *b, const struct machine_config *config, struct error *e);

/* Says where a device tree of that many bytes goes, b->dtb, and checks that it fits. After
 * arm_boot_load. */
bool arm_boot_place_dtb(struct arm_boot *b, size_t bytes, struct error *e);

/* Places the tree at b->dtb; takes over the bytes (mem_free). */
bool arm_boot_set_dtb(struct arm_boot *b, uint8_t *bytes, size_t n, struct error *e);

#endif
