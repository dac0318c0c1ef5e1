/* SPDX-License-Identifier: MIT */
/* The architecture "x86_64": what it has beside its CPUs. */
#include "cpu/arch.h"

#include <stddef.h>

#include "cpu/x86.h"

static const struct cpu_class *const cpus[] = {&x86_cpu_class, NULL};

/* System V ABI, AMD64 and Intel386 supplements: EM_X86_64, EM_386 */
static const struct arch_elf elf[] = {{62, 64, false, "x86-64"}, {3, 32, false, "i386"}, {0}};

static const struct arch_firmware firmware[] = {
    {"bios-256k.bin", "seabios"},
    {"bios-microvm.bin", "seabios"},
    {"qboot.rom", "qemu-system-data"},
    {"OVMF.fd", "ovmf"},
    {NULL, NULL},
};

static const char *const firmware_dirs[] = {"/usr/share/seabios", "/usr/share/ovmf",
                                            "/usr/share/qemu", NULL};

const struct arch x86_64_arch = {
    .name = "x86_64",
    .desc = "64-bit x86",
    .cpus = cpus,
    .elf = elf,
    .firmware = firmware,
    .firmware_dirs = firmware_dirs,
};
