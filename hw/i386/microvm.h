/* SPDX-License-Identifier: MIT */
/* The parts of the board microvm: the board (microvm.c), and its ACPI tables (microvm_acpi.c). */
#ifndef HW_I386_MICROVM_H
#define HW_I386_MICROVM_H

#include "hw/i386/pc.h"

#define MICROVM_SLOTS 24 /* of virtio, at most */
#define MICROVM_VIRTIO UINT64_C(0xfeb00000)
#define MICROVM_GED UINT64_C(0xfea00000)
#define MICROVM_SLEEP UINT64_C(0xfea00200)
#define MICROVM_GED_GSI 9

enum microvm_switch {
    MICROVM_AUTO,
    MICROVM_ON,
    MICROVM_OFF
};

struct microvm {
    /* Properties; the switches are enum microvm_switch. */
    int acpi, ioapic2, pcie, pic, pit, rtc;
    bool auto_cmdline, isa_serial, option_roms;
    char *oem_id, *oem_table_id;

    struct pc pc;
    unsigned slots, first_gsi; /* of virtio */
    struct device *virtio[MICROVM_SLOTS], *ged, *sleep;
    char *append; /* the command line with what was added to it */
};

static inline struct microvm *microvm_of(const struct machine *m)
{
    return m->board;
}

static inline bool microvm_is_on(int value)
{
    return value != MICROVM_OFF;
}

/* Its tables as they are in memory at PC_TABLES, RSDP first. mem_free. */
uint8_t *microvm_acpi(const struct machine *m, size_t *n);
/* The same for firmware, in fw_cfg. */
bool microvm_acpi_add(const struct machine *m, struct error *e);

#endif
