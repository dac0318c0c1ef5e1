/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of the board microvm, which is hardware-reduced (ACPI 6.5): CPUs and interrupt
 * controllers in the MADT, devices in the DSDT.
 */
#include "hw/acpi/ged.h"
#include "hw/acpi/sleep.h"
#include "hw/acpi/tables.h"
#include "hw/i386/microvm.h"
#include "hw/intc/ioapic.h"
#include "hw/intc/lapic.h"
#include "hw/virtio/virtio_mmio.h"

/* ---- DSDT */

static void add_ports_device(struct aml *a, const char *name, const char *hid, unsigned base,
                             unsigned ports, int gsi)
{
    aml_device(a, name);
    aml_name_string(a, "_HID", hid);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_ports(a, (uint16_t)base, (uint8_t)ports);
    if (gsi >= 0) {
        aml_interrupt(a, AML_EDGE, (uint32_t)gsi);
    }
    aml_end(a);
    aml_end(a);
}

static void add_virtio(struct aml *a, const struct microvm *v)
{
    for (unsigned i = 0; i < v->slots; i++) {
        if (virtio_mmio_in_use(v->virtio[i])) {
            virtio_mmio_describe(a, i, MICROVM_VIRTIO + i * VIRTIO_MMIO_BYTES, v->first_gsi + i);
        }
    }
}

static uint32_t add_dsdt(struct acpi_tables *t, const struct machine *m)
{
    struct aml a = {.depth = 0};
    const struct microvm *v = microvm_of(m);
    aml_scope(&a, "\\_SB");
    acpi_describe_cpus(&a, m->config.cpus);
    if (v->pc.serial[0]) {
        add_ports_device(&a, "COM1", "PNP0501", 0x3f8, 8, 4);
    }
    if (v->pc.rtc) {
        add_ports_device(&a, "RTC", "PNP0B00", 0x70, 2, 8);
    }
    add_ports_device(&a, "FWCF", "QEMU0002", 0x510, 12, -1);
    add_virtio(&a, v);
    ged_describe(&a, MICROVM_GED, MICROVM_GED_GSI);
    acpi_power_button_describe(&a);
    aml_end(&a);
    acpi_sleep_describe(&a);
    return acpi_add_code(t, "DSDT", 2, &a);
}

/* ---- MADT */

enum {
    MADT_LAPIC = 0,
    MADT_IOAPIC = 1,
    MADT_OVERRIDE = 2,
    MADT_NMI = 4,
    PCAT_COMPATIBLE = 1
};

static void madt_row(struct acpi_tables *t, unsigned type, unsigned bytes)
{
    acpi_put(t, type, 1);
    acpi_put(t, bytes, 1);
}

static void add_madt(struct acpi_tables *t, const struct machine *m)
{
    const struct microvm *v = microvm_of(m);
    acpi_begin(t, "APIC", 4);
    acpi_put(t, LAPIC_BASE, 4);
    acpi_put(t, v->pc.pic ? PCAT_COMPATIBLE : 0, 4);
    for (unsigned i = 0; i < m->config.cpus; i++) {
        madt_row(t, MADT_LAPIC, 8);
        acpi_put(t, i, 1);
        acpi_put(t, i, 1);
        acpi_put(t, 1, 4); /* enabled */
    }
    for (unsigned n = 0; n < PC_IOAPICS && v->pc.ioapic[n]; n++) {
        madt_row(t, MADT_IOAPIC, 12);
        acpi_put(t, n, 2);
        acpi_put(t, PC_IOAPIC_BASE(n), 4);
        acpi_put(t, n * IOAPIC_PINS, 4);
    }
    madt_row(t, MADT_OVERRIDE, 10);
    acpi_put(t, 0, 2); /* the ISA bus, line 0 */
    acpi_put(t, 2, 4);
    acpi_put(t, 0, 2); /* as the bus has it */
    madt_row(t, MADT_NMI, 6);
    acpi_put(t, 0xff, 1); /* all CPUs */
    acpi_put(t, 0, 2);
    acpi_put(t, 1, 1); /* LINT1 */
    acpi_end_listed(t);
}

/* ---- all */

enum { /* of the FADT: there is no VGA; no clock */
    NO_VGA = 1 << 2,
    NO_RTC = 1 << 5
};

uint8_t *microvm_acpi(const struct machine *m, size_t *n)
{
    const struct microvm *v = microvm_of(m);
    const struct acpi_platform p = {.intel_boot = NO_VGA | (v->pc.rtc ? 0u : NO_RTC),
                                    .sleep = MICROVM_SLEEP};
    struct acpi_tables t;
    acpi_init(&t, v->oem_id, v->oem_table_id);
    acpi_add_fadt(&t, add_dsdt(&t, m), &p);
    add_madt(&t, m);
    acpi_add_given(&t, &m->config);
    return acpi_finish_at(&t, PC_TABLES, n);
}
