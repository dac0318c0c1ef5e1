/* SPDX-License-Identifier: MIT */
/*
 * What all PCs have: CPUs with local APICs, memory below and above 4 GiB, I/O ports, I/O APICs, the
 * devices of the first PCs, and how interrupts are led to both kinds of controllers.
 */
#ifndef HW_I386_PC_H
#define HW_I386_PC_H

#include "hw/i386/pc_boot.h"
#include "hw/isa/isa.h"
#include "hw/machine.h"

#define PC_IOAPICS 2
#define PC_SERIALS 4
#define PC_LOW_RAM_MOST UINT64_C(0xc0000000)

/* What a board has of it. */
struct pc_parts {
    bool pic, pit, rtc;
    bool display_hole; /* no RAM is seen from 640 to 768 KiB */
    unsigned ioapics, serials;
    uint64_t low_ram; /* what of memory is below 4 GiB; 0: PC_LOW_RAM_MOST of it */
};

struct pc {
    struct machine *machine;
    struct space *ports;
    struct isa_bus isa;
    struct device *lapic, *ioapic[PC_IOAPICS], *pic, *pit, *rtc, *fw_cfg, *serial[PC_SERIALS];
    uint8_t *rom; /* firmware of -bios, or NULL */
    uint64_t rom_bytes;
    struct pc_boot boot;
};

#define PC_IOAPIC_BASE(n) (UINT64_C(0xfec00000) + 0x10000 * (uint64_t)(n))

/* CPUs, memory and devices; in the machine's build. */
bool pc_build(struct machine *m, struct pc *pc, const struct pc_parts *parts, struct error *e);
/* A device of that class and with one window, in memory or, if ports, there. NULL: e says why. */
struct device *pc_add(struct pc *pc, const struct device_class *cls, bool ports, paddr base,
                      struct error *e);
/* Global system interrupt n: input n of the I/O APICs one behind the other, and below 16 also of
 * the 8259s. The timer's, 0, is input 2 of the I/O APIC. */
struct irq pc_gsi(struct pc *pc, unsigned n);
/* -kernel and -initrd with that command line (which the caller keeps; NULL: none), or -bios. */
bool pc_load(struct pc *pc, const char *append, paddr rsdp, struct error *e);
/* What firmware is told of memory, by fw_cfg's file "etc/e820". */
bool pc_add_e820(struct pc *pc, struct error *e);
/* The first CPU begins with the kernel or firmware, the others wait. */
void pc_reset(struct pc *pc);
void pc_destroy(struct pc *pc);

#endif
