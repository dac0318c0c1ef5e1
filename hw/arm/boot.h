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

/* What a guest that is started in its own code may rely on. */
enum arm_boot_contract {
    ARM_BOOT_NONE,  /* no kernel: firmware, or what -device loader put there */
    ARM_BOOT_LINUX, /* the device tree's address in x0 */
    ARM_BOOT_ELF,   /* the device tree at the start of RAM, if it does not lie under the file */
    ARM_BOOT_BARE,  /* nothing */
};

struct arm_boot {
    paddr ram_base;
    uint64_t ram_bytes;

    struct placements *placements; /* the machine's */
    bool has_kernel;
    enum arm_boot_contract contract;
    bool has_dtb;                   /* the guest is given one, at dtb */
    paddr entry;                    /* where the first vCPU begins */
    paddr kernel_low, kernel_high;  /* what the kernel takes, its BSS included */
    paddr initrd_start, initrd_end; /* equal: none */
    paddr dtb;
    size_t dtb_size;
};

/*
 * Reads the kernel (Image, also compressed by gzip or zstd or as EFI zboot; ELF; uImage; what is of
 * no known format is raw, which is compressed maybe) and the initial RAM disk (also uImage) of
 * config and places them. Without a kernel the guest begins at entry, which is
 * then what it was before. ram_base and ram_bytes are set.
 */
bool arm_boot_load(struct arm_boot *b, const struct machine_config *config, struct error *e);

/* Says whether and where a device tree of that many bytes goes, b->has_dtb and b->dtb, and checks
 * that it fits. After arm_boot_load. */
bool arm_boot_place_dtb(struct arm_boot *b, size_t bytes, struct error *e);

/* Places the tree at b->dtb, if the guest is given one; takes over the bytes (mem_free). */
bool arm_boot_set_dtb(struct arm_boot *b, uint8_t *bytes, size_t n, struct error *e);

#endif
