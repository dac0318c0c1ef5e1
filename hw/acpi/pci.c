/* SPDX-License-Identifier: MIT */
/*
 * A PCI Express host bridge in the ACPI namespace: its windows, the routing of interrupt pins, and
 * what the operating system may take over (ACPI 6.5: 6.2.11 _OSC, 6.2.13 _PRT; PCI Firmware 3.3,
 * 4.5.1 and 4.6).
 */
#include "hw/acpi/pci.h"

#include <stdio.h>

#define SLOTS 32
#define LINES 4

static void link_name(char name[5], unsigned line)
{
    snprintf(name, 5, "L%03u", line % LINES);
}

static void add_link(struct aml *a, unsigned line, uint32_t gsi)
{
    static const char *const settings[] = {"_PRS", "_CRS"};
    char name[5];
    link_name(name, line);
    aml_device(a, name);
    aml_name_string(a, "_HID", "PNP0C0F");
    aml_name_int(a, "_UID", line);
    for (unsigned i = 0; i < 2; i++) {
        aml_name(a, settings[i]);
        aml_resources(a);
        aml_interrupt(a, AML_LEVEL, gsi + line);
        aml_end(a);
    }
    aml_method(a, "_SRS", 1, false); /* the line is fixed */
    aml_end(a);
    aml_end(a);
}

/* INTA to INTD of the devices of slot n are the four lines, rotated by n. */
static void add_routes(struct aml *a)
{
    char name[5];
    aml_name(a, "_PRT");
    aml_package(a, SLOTS * LINES);
    for (unsigned i = 0; i < SLOTS * LINES; i++) {
        const unsigned slot = i / LINES, pin = i % LINES;
        link_name(name, slot + pin);
        aml_package(a, 4);
        aml_int(a, slot << 16 | 0xffff);
        aml_int(a, pin);
        aml_ref(a, name);
        aml_int(a, 0);
        aml_end(a);
    }
    aml_end(a);
}

static void add_windows(struct aml *a, const struct pci_windows *w)
{
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_bus_numbers(a, 0, (unsigned)(w->ecam_size >> 20) - 1);
    aml_window32(a, (uint32_t)w->mmio_base, (uint32_t)w->mmio_size);
    aml_window_io(a, 0, (uint32_t)w->pio_size, (uint32_t)w->pio_base);
    if (w->high_size) {
        aml_window64(a, w->high_base, w->high_size);
    }
    aml_end(a);
}

/* Name |= bits */
static void set_bits(struct aml *a, const char *name, unsigned bits)
{
    aml_op(a, AML_OR);
    aml_ref(a, name);
    aml_int(a, bits);
    aml_ref(a, name);
}

static void copy(struct aml *a, const char *from, const char *to)
{
    aml_op(a, AML_STORE);
    aml_ref(a, from);
    aml_ref(a, to);
}

/* name is the doubleword of Arg3 at that offset */
static void name_dword(struct aml *a, unsigned offset, const char *name)
{
    aml_op(a, AML_DWORD_FIELD);
    aml_arg(a, 3);
    aml_int(a, offset);
    aml_ref(a, name);
}

static void return_arg3(struct aml *a)
{
    aml_op(a, AML_RETURN);
    aml_arg(a, 3);
}

/* if (Arg0 == uuid) */
static void if_uuid(struct aml *a, const char *uuid)
{
    aml_if(a);
    aml_op(a, AML_EQUAL);
    aml_arg(a, 0);
    aml_uuid(a, uuid);
}

enum {
    OSC_FAILED_UUID = 4,
    OSC_FAILED_REVISION = 8,
    OSC_MASKED = 16,
    OSC_NATIVE = 0x1f /* hot plug, SHPC hot plug, PME, AER, the PCIe capability */
};

static void grant_control(struct aml *a)
{
    name_dword(a, 4, "CDW2");
    name_dword(a, 8, "CDW3");
    copy(a, "CDW2", "SUPP");
    copy(a, "CDW3", "CTRL");
    aml_op(a, AML_AND);
    aml_ref(a, "CTRL");
    aml_int(a, OSC_NATIVE);
    aml_ref(a, "CTRL");
    aml_if(a);
    aml_op(a, AML_NOT);
    aml_op(a, AML_EQUAL);
    aml_arg(a, 1);
    aml_int(a, 1);
    set_bits(a, "CDW1", OSC_FAILED_REVISION);
    aml_end(a);
    aml_if(a);
    aml_op(a, AML_NOT);
    aml_op(a, AML_EQUAL);
    aml_ref(a, "CDW3");
    aml_ref(a, "CTRL");
    set_bits(a, "CDW1", OSC_MASKED);
    aml_end(a);
    copy(a, "CTRL", "CDW3");
    return_arg3(a);
}

void acpi_pci_osc(struct aml *a)
{
    aml_name_int(a, "SUPP", 0);
    aml_name_int(a, "CTRL", 0);
    aml_method(a, "_OSC", 4, false);
    name_dword(a, 0, "CDW1");
    if_uuid(a, "33db4d5b-1ff7-401c-9657-7441c03dd766");
    grant_control(a);
    aml_end(a);
    aml_else(a);
    set_bits(a, "CDW1", OSC_FAILED_UUID);
    return_arg3(a);
    aml_end(a);
    aml_end(a);
}

static void return_byte(struct aml *a, uint8_t v)
{
    aml_op(a, AML_RETURN);
    aml_bytes(a, &v, 1);
}

/* 4.6.5: function 0 only, which says that there are no others. */
static void add_dsm(struct aml *a)
{
    aml_method(a, "_DSM", 4, false);
    if_uuid(a, "e5c937d0-3553-4d7a-9117-ea4d19c3434d");
    aml_if(a);
    aml_op(a, AML_EQUAL);
    aml_arg(a, 2);
    aml_int(a, 0);
    return_byte(a, 1);
    aml_end(a);
    aml_end(a);
    return_byte(a, 0);
    aml_end(a);
}

/* The configuration window belongs to the platform: nothing else may lie there. */
static void reserve_ecam(struct aml *a, const struct pci_windows *w)
{
    aml_device(a, "RES0");
    aml_name_string(a, "_HID", "PNP0C02");
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_window64(a, w->ecam_base, w->ecam_size);
    aml_end(a);
    aml_end(a);
}

void acpi_pci_host(struct aml *a, const struct pci_windows *w, uint32_t gsi)
{
    for (unsigned line = 0; line < LINES; line++) {
        add_link(a, line, gsi);
    }
    aml_device(a, "PCI0");
    aml_name_string(a, "_HID", "PNP0A08");
    aml_name_string(a, "_CID", "PNP0A03");
    aml_name_int(a, "_SEG", 0);
    aml_name_int(a, "_BBN", 0);
    aml_name_int(a, "_UID", 0);
    aml_name(a, "_STR");
    aml_unicode(a, "PCIe 0 Device");
    aml_name_int(a, "_CCA", 1);
    add_routes(a);
    aml_method(a, "_CBA", 0, false);
    aml_op(a, AML_RETURN);
    aml_int(a, w->ecam_base);
    aml_end(a);
    add_windows(a, w);
    acpi_pci_osc(a);
    add_dsm(a);
    reserve_ecam(a, w);
    aml_end(a);
}
