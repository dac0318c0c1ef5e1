/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of the board microvm, which is hardware-reduced (ACPI 6.5): CPUs and interrupt
 * controllers in the MADT, devices in the DSDT.
 */
#include "hw/acpi/ged.h"
#include "hw/acpi/sleep.h"
#include "hw/acpi/tables.h"
#include "hw/i386/microvm.h"
#include "hw/i386/pc_madt.h"
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

/* ---- all */

enum { /* of the FADT: there is no VGA; no clock */
    NO_VGA = 1 << 2,
    NO_RTC = 1 << 5
};

static void make(struct acpi_tables *t, const struct machine *m)
{
    const struct microvm *v = microvm_of(m);
    const struct acpi_platform p = {.intel_boot = NO_VGA | (v->pc.rtc ? 0u : NO_RTC),
                                    .sleep = MICROVM_SLEEP};
    acpi_init(t, v->oem_id, v->oem_table_id);
    acpi_add_fadt(t, add_dsdt(t, m), &p);
    pc_add_madt(t, m, &v->pc, 0);
    acpi_add_given(t, &m->config);
}

uint8_t *microvm_acpi(const struct machine *m, size_t *n)
{
    struct acpi_tables t;
    make(&t, m);
    return acpi_finish_at(&t, PC_TABLES, n);
}

bool microvm_acpi_add(const struct machine *m, struct error *e)
{
    struct acpi_tables t;
    make(&t, m);
    return acpi_finish(&t, microvm_of(m)->pc.fw_cfg, e);
}
