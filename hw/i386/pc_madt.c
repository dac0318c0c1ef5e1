/* SPDX-License-Identifier: MIT */
/* The MADT of PCs (ACPI 6.5, 5.2.12): local and I/O APICs, and how ISA's interrupts reach them. */
#include "hw/i386/pc_madt.h"

#include "hw/intc/ioapic.h"
#include "hw/intc/lapic.h"

enum {
    MADT_LAPIC = 0,
    MADT_IOAPIC = 1,
    MADT_OVERRIDE = 2,
    MADT_NMI = 4,
    PCAT_COMPATIBLE = 1,
    HIGH_LEVEL = 0x0d /* of an override */
};

static void row(struct acpi_tables *t, unsigned type, unsigned bytes)
{
    acpi_put(t, type, 1);
    acpi_put(t, bytes, 1);
}

static void add_override(struct acpi_tables *t, unsigned line, unsigned gsi, unsigned flags)
{
    row(t, MADT_OVERRIDE, 10);
    acpi_put(t, 0, 1); /* ISA */
    acpi_put(t, line, 1);
    acpi_put(t, gsi, 4);
    acpi_put(t, flags, 2);
}

void pc_add_madt(struct acpi_tables *t, const struct machine *m, const struct pc *pc,
                 uint16_t levels)
{
    acpi_begin(t, "APIC", 4);
    acpi_put(t, LAPIC_BASE, 4);
    acpi_put(t, pc->pic ? PCAT_COMPATIBLE : 0, 4);
    for (unsigned i = 0; i < m->config.cpus; i++) {
        row(t, MADT_LAPIC, 8);
        acpi_put(t, i, 1);
        acpi_put(t, i, 1);
        acpi_put(t, 1, 4); /* enabled */
    }
    for (unsigned n = 0; n < PC_IOAPICS && pc->ioapic[n]; n++) {
        row(t, MADT_IOAPIC, 12);
        acpi_put(t, n, 2);
        acpi_put(t, PC_IOAPIC_BASE(n), 4);
        acpi_put(t, n * IOAPIC_PINS, 4);
    }
    add_override(t, 0, 2, 0);
    for (unsigned line = 0; line < 16; line++) {
        if (levels >> line & 1) {
            add_override(t, line, line, HIGH_LEVEL);
        }
    }
    row(t, MADT_NMI, 6);
    acpi_put(t, 0xff, 1); /* all CPUs */
    acpi_put(t, 0, 2);
    acpi_put(t, 1, 1); /* LINT1 */
    acpi_end_listed(t);
}
