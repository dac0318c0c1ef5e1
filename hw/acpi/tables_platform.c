/* SPDX-License-Identifier: MIT */
/*
 * Tables that say what kind of platform this is: FADT (ACPI 6.5, 5.2.9), MCFG (PCI Firmware 3.3,
 * 4.1.2), SPCR (Microsoft, Serial Port Console Redirection, revision 2) and DBG2 (Microsoft, Debug
 * Port Table 2).
 */
#include <stdio.h>
#include <string.h>

#include "hw/acpi/sleep.h"
#include "hw/acpi/tables.h"
#include "hw/firmware.h"
#include "hw/machine.h"

enum {
    FADT_BYTES = 276,
    FADT_INTEL_BOOT = 109,
    FADT_FLAGS = 112,
    FADT_ARM_BOOT = 129,
    FADT_X_DSDT = 140,
    FADT_SLEEP = 244,
    FADT_HYPERVISOR = 268
};

#define HARDWARE_REDUCED (1u << 20)
#define HAS_RESET (1u << 10)

/* All registers of fixed hardware are absent: those fields are zero. */
void acpi_add_fadt(struct acpi_tables *t, uint32_t dsdt, const struct acpi_platform *p)
{
    acpi_begin(t, "FACP", 6);
    acpi_zeros(t, FADT_INTEL_BOOT - acpi_here(t));
    acpi_put(t, p->intel_boot, 2 + 1);
    acpi_put(t, HARDWARE_REDUCED | (p->sleep ? HAS_RESET : 0), 4);
    if (p->sleep) {
        acpi_put_address(t, 8, p->sleep + ACPI_RESET);
        acpi_put(t, ACPI_RESET_VALUE, 1);
    }
    acpi_zeros(t, FADT_ARM_BOOT - acpi_here(t));
    acpi_put(t, p->arm_boot, 2);
    acpi_put(t, 3, 1); /* version 6.3 */
    acpi_zeros(t, FADT_X_DSDT - acpi_here(t));
    acpi_put_pointer(t, dsdt);
    acpi_zeros(t, FADT_SLEEP - acpi_here(t));
    if (p->sleep) {
        acpi_put_address(t, 8, p->sleep + ACPI_SLEEP_CONTROL);
        acpi_put_address(t, 8, p->sleep + ACPI_SLEEP_STATUS);
    }
    acpi_zeros(t, FADT_HYPERVISOR - acpi_here(t));
    acpi_put_bytes(t, "QEMU\0\0\0", 8); /* by which guests know the platform */
    acpi_end_listed(t);
}

void acpi_add_given(struct acpi_tables *t, const struct machine_config *c)
{
    for (const struct firmware_blob *b = c->firmware ? c->firmware->tables : NULL; b; b = b->next) {
        acpi_add_raw(t, b->bytes, b->n);
    }
}

void acpi_describe_cpus(struct aml *a, unsigned cpus)
{
    char name[12];
    for (unsigned i = 0; i < cpus; i++) {
        snprintf(name, sizeof(name), "C%.03X", i);
        aml_device(a, name);
        aml_name_string(a, "_HID", "ACPI0007");
        aml_name_int(a, "_UID", i);
        aml_end(a);
    }
}

void acpi_add_mcfg(struct acpi_tables *t, uint64_t ecam, unsigned last_bus)
{
    acpi_begin(t, "MCFG", 1);
    acpi_zeros(t, 8);
    acpi_put(t, ecam, 8);
    acpi_put(t, 0, 2 + 1); /* segment, first bus */
    acpi_put(t, last_bus, 1);
    acpi_zeros(t, 4);
    acpi_end_listed(t);
}

void acpi_add_spcr(struct acpi_tables *t, const struct acpi_uart *u)
{
    acpi_begin(t, "SPCR", 2);
    acpi_put(t, u->type, 1 + 3);
    acpi_put_address(t, 32, u->base);
    acpi_put(t, u->irqs, 1);
    acpi_put(t, 0, 1); /* interrupt of a PC */
    acpi_put(t, u->gsi, 4);
    acpi_put(t, 3, 1); /* 9600 baud */
    acpi_put(t, 0, 1); /* no parity */
    acpi_put(t, 1, 1); /* one stop bit */
    acpi_put(t, 2, 1); /* flow control by RTS and CTS */
    acpi_put(t, 0, 1); /* a VT100 */
    acpi_put(t, 0, 1);
    acpi_put(t, 0xffffffff, 4); /* no PCI device */
    acpi_zeros(t, 12);
    acpi_end_listed(t);
}

void acpi_add_dbg2(struct acpi_tables *t, const struct acpi_uart *u)
{
    enum {
        ADDRESS = 22, /* offsets in the device's part */
        SIZE = ADDRESS + 12,
        NAME = SIZE + 4
    };
    const size_t name = strlen(u->name) + 1;
    acpi_begin(t, "DBG2", 0);
    acpi_put(t, acpi_here(t) + 8, 4);
    acpi_put(t, 1, 4); /* devices */
    acpi_put(t, 0, 1);
    acpi_put(t, NAME + name, 2);
    acpi_put(t, 1, 1); /* registers */
    acpi_put(t, name, 2);
    acpi_put(t, NAME, 2);
    acpi_put(t, 0, 4);      /* no data of the maker */
    acpi_put(t, 0x8000, 2); /* serial */
    acpi_put(t, u->type, 2);
    acpi_put(t, 0, 2);
    acpi_put(t, ADDRESS, 2);
    acpi_put(t, SIZE, 2);
    acpi_put_address(t, 32, u->base);
    acpi_put(t, u->size, 4);
    acpi_put_bytes(t, u->name, name);
    acpi_end_listed(t);
}
