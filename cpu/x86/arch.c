/* SPDX-License-Identifier: MIT */
/* The architectures "x86_64" and "i386": what they have beside their CPUs. */
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

/* The same machines with CPUs that have no long mode. */
static const struct cpu_class *const cpus_32[] = {&x86_i386_cpu_class, NULL};
static const struct arch_elf elf_32[] = {{3, 32, false, "i386"}, {0}};

const struct arch i386_arch = {
    .name = "i386",
    .desc = "32-bit x86",
    .cpus = cpus_32,
    .elf = elf_32,
    .firmware = firmware,
    .firmware_dirs = firmware_dirs,
};
