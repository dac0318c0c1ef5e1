/* SPDX-License-Identifier: MIT */
/* The architecture "aarch64": what it has beside its CPUs. */
#include "cpu/arch.h"

#include <stddef.h>

#include "cpu/arm.h"

static const struct cpu_class *const cpus[] = {&arm_cpu_class, NULL};

/* ELF for the Arm 64-bit Architecture (IHI 0056), 5.1: EM_AARCH64 */
static const struct arch_elf elf[] = {{183, 64, false, "AArch64"}, {0}};

static const struct arch_firmware firmware[] = {
    {"QEMU_EFI.fd", "qemu-efi-aarch64"},
    {"AAVMF_CODE.fd", "qemu-efi-aarch64"},
    {"AAVMF_CODE.no-secboot.fd", "qemu-efi-aarch64"},
    {"edk2-aarch64-code.fd", "qemu-efi-aarch64"},
    {"u-boot.bin", "u-boot-qemu"},
    {NULL, NULL},
};

static const char *const firmware_dirs[] = {"/usr/share/qemu-efi-aarch64", "/usr/share/AAVMF",
                                            "/usr/lib/u-boot/qemu_arm64", NULL};

const struct arch aarch64_arch = {
    .name = "aarch64",
    .desc = "64-bit Arm",
    .cpus = cpus,
    .elf = elf,
    .firmware = firmware,
    .firmware_dirs = firmware_dirs,
};
