/* SPDX-License-Identifier: MIT */
/*
 * The DSDT of the boards pc and q35: the host bridge with its windows, the routing of PCI's
 * interrupts by links whose registers are the south bridge's, and what is on ISA (ACPI 6.5: 6.2.13
 * _PRT, 6.2.2 to 6.2.16 for links).
 *
 * What depends on registers has the same length whatever they say: see pc_acpi.c.
 */
#include <stdio.h>

#include "base/bits.h"
#include "hw/acpi/pci.h"
#include "hw/acpi/pci_plug.h"
#include "hw/acpi/sleep.h"
#include "hw/i386/pc_board.h"
#include "hw/timer/hpet.h"

#define SLOTS 32
#define PINS 4
#define GIB (UINT64_C(1) << 30)
#define IOAPIC_WINDOW UINT64_C(0xfec00000) /* PCI's memory ends here */
#define HIGH_END (UINT64_C(1) << 40)
#define DISABLED 0x80 /* of a route register */
#define FIRST_GSI 16  /* of PIRQA on q35 */

static unsigned lines(const struct pc_board *b)
{
    return b->kind->express ? 8 : 4;
}

/* ---- links: LNKA to LNKD or LNKH, to ISA interrupts by a register */

static void link_name(char name[5], const char *prefix, unsigned line)
{
    snprintf(name, 5, "%s%c", prefix, 'A' + line);
}

static void route_name(char name[5], unsigned line)
{
    snprintf(name, 5, "PRQ%c", 'A' + line);
}

/* (register & 0x80) */
static void is_disabled(struct aml *a, const char *reg)
{
    aml_op(a, AML_AND);
    aml_ref(a, reg);
    aml_int(a, DISABLED);
    aml_discard(a);
}

static void returns(struct aml *a, uint64_t v)
{
    aml_op(a, AML_RETURN);
    aml_int(a, v);
}

static void add_status(struct aml *a, const char *reg)
{
    aml_method(a, "_STA", 0, false);
    aml_if(a);
    is_disabled(a, reg);
    returns(a, 0x9);
    aml_end(a);
    returns(a, 0xb);
    aml_end(a);
}

static void add_disable(struct aml *a, const char *reg)
{
    aml_method(a, "_DIS", 0, false);
    aml_op(a, AML_OR);
    aml_ref(a, reg);
    aml_int(a, DISABLED);
    aml_ref(a, reg);
    aml_end(a);
}

/* The number is at byte 5 of a descriptor of one interrupt. */
static void name_number(struct aml *a)
{
    aml_int(a, 5);
    aml_ref(a, "PRRI");
}

static void add_current(struct aml *a, const char *reg)
{
    static const uint32_t none = 0;
    aml_name(a, "PRR0");
    aml_resources(a);
    aml_interrupt_of(a, AML_LEVEL, &none, 1);
    aml_end(a);
    aml_method(a, "_CRS", 0, true);
    aml_op(a, AML_DWORD_FIELD);
    aml_ref(a, "PRR0");
    name_number(a);
    aml_if(a);
    aml_op(a, AML_LESS);
    aml_ref(a, reg);
    aml_int(a, DISABLED);
    aml_op(a, AML_STORE);
    aml_ref(a, reg);
    aml_ref(a, "PRRI");
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_ref(a, "PRR0");
    aml_end(a);
}

static void add_choose(struct aml *a, const char *reg)
{
    aml_method(a, "_SRS", 1, true);
    aml_op(a, AML_DWORD_FIELD);
    aml_arg(a, 0);
    name_number(a);
    aml_op(a, AML_STORE);
    aml_ref(a, "PRRI");
    aml_ref(a, reg);
    aml_end(a);
}

static void add_link(struct aml *a, unsigned line)
{
    static const uint32_t possible[] = {5, 10, 11};
    char name[5], reg[5];
    link_name(name, "LNK", line);
    route_name(reg, line);
    aml_device(a, name);
    aml_name_string(a, "_HID", "PNP0C0F");
    aml_name_int(a, "_UID", line);
    aml_name(a, "_PRS");
    aml_resources(a);
    aml_interrupt_of(a, AML_LEVEL, possible, array_len(possible));
    aml_end(a);
    add_status(a, reg);
    add_disable(a, reg);
    add_current(a, reg);
    add_choose(a, reg);
    aml_end(a);
}

/* GSIA to GSIH: inputs of the I/O APIC of their own. */
static void add_fixed_link(struct aml *a, unsigned line)
{
    static const char *const settings[] = {"_PRS", "_CRS"};
    const uint32_t gsi = FIRST_GSI + line;
    char name[5];
    link_name(name, "GSI", line);
    aml_device(a, name);
    aml_name_string(a, "_HID", "PNP0C0F");
    aml_name_int(a, "_UID", FIRST_GSI + line);
    for (unsigned i = 0; i < array_len(settings); i++) {
        aml_name(a, settings[i]);
        aml_resources(a);
        aml_interrupt_of(a, AML_LEVEL, &gsi, 1);
        aml_end(a);
    }
    aml_method(a, "_SRS", 1, false);
    aml_end(a);
    aml_end(a);
}

/* Registers of A to D, on ICH9 also of E to H behind a gap. */
static void add_link_registers(struct aml *a, const struct pc_board *b)
{
    char reg[5];
    aml_fields(a, "PCI0.ISA.PIRQ", 1);
    for (unsigned n = 0; n < lines(b); n++) {
        if (n == 4) {
            aml_unit(a, NULL, 32);
        }
        route_name(reg, n);
        aml_unit(a, reg, 8);
    }
    aml_end(a);
}

static void add_links(struct aml *a, const struct pc_board *b)
{
    add_link_registers(a, b);
    for (unsigned n = 0; n < lines(b); n++) {
        add_link(a, n);
    }
    for (unsigned n = 0; n < lines(b) && b->kind->express; n++) {
        add_fixed_link(a, n);
    }
}

/* ---- routes */

static void add_routes(struct aml *a, const struct pc_board *b, const char *name,
                       const char *prefix)
{
    const struct pci_host *h = pc_host_pci(b->host);
    char link[5];
    aml_name(a, name);
    aml_package(a, SLOTS * PINS);
    for (unsigned i = 0; i < SLOTS * PINS; i++) {
        const unsigned slot = i / PINS, pin = i % PINS;
        link_name(link, prefix, h->line(h, (uint8_t)(slot << 3), pin + 1));
        aml_package(a, 4);
        aml_int(a, slot << 16 | 0xffff);
        aml_int(a, pin);
        aml_ref(a, link);
        aml_int(a, 0);
        aml_end(a);
    }
    aml_end(a);
}

/* Q35: the OS says by _PIC whether it uses the I/O APIC. */
static void add_choice_of_routes(struct aml *a, const struct pc_board *b)
{
    add_routes(a, b, "PRTP", "LNK");
    add_routes(a, b, "PRTA", "GSI");
    aml_method(a, "_PRT", 0, false);
    aml_if(a);
    aml_op(a, AML_EQUAL);
    aml_ref(a, "\\PICF");
    aml_int(a, 0);
    aml_op(a, AML_RETURN);
    aml_ref(a, "PRTP");
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_ref(a, "PRTA");
    aml_end(a);
}

static void add_pic_method(struct aml *a)
{
    aml_name_int(a, "\\PICF", 0);
    aml_method(a, "\\_PIC", 1, false);
    aml_op(a, AML_STORE);
    aml_arg(a, 0);
    aml_ref(a, "\\PICF");
    aml_end(a);
}

/* ---- the host bridge */

/* Memory below 4 GiB in two windows where configuration space lies in it. */
static void add_memory_windows(struct aml *a, const struct pc_board *b)
{
    const uint64_t low = b->pc.boot.low_ram, high = 4 * GIB + b->pc.boot.high_ram;
    uint64_t size = 0, ecam = b->kind->express ? q35_ecam(b->host, &size) : 0;
    if (!size || ecam <= low || ecam + size >= IOAPIC_WINDOW) {
        ecam = (low + IOAPIC_WINDOW) / 2 & ~(UINT64_C(0xfff));
        size = 0;
    }
    if (b->kind->express) {
        aml_window32(a, (uint32_t)low, (uint32_t)(ecam - low));
        aml_window32(a, (uint32_t)(ecam + size), (uint32_t)(IOAPIC_WINDOW - ecam - size));
    } else {
        aml_window32(a, (uint32_t)low, (uint32_t)(IOAPIC_WINDOW - low));
    }
    if (high < HIGH_END) {
        aml_window64(a, high, HIGH_END - high);
    }
}

static void add_windows(struct aml *a, const struct pc_board *b)
{
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_bus_numbers(a, 0, 255);
    aml_ports(a, 0xcf8, 8);
    aml_window16_io(a, 0, 0xcf8);
    aml_window16_io(a, 0xd00, 0x10000 - 0xd00);
    aml_window32(a, 0xa0000, 0x20000); /* of displays */
    add_memory_windows(a, b);
    aml_end(a);
}

/* Where configuration space is in memory belongs to the platform. */
static void reserve_ecam(struct aml *a, const struct pc_board *b)
{
    uint64_t size;
    const paddr base = q35_ecam(b->host, &size);
    aml_device(a, "DRAC");
    aml_name_string(a, "_HID", "PNP0C01");
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_memory32(a, (uint32_t)base, (uint32_t)size);
    aml_end(a);
    aml_end(a);
}

/* ---- ISA */

struct isa_row {
    const char *name, *hid;
    uint16_t port;
    uint8_t ports;
    int line; /* or -1 */
};

static void add_isa_device(struct aml *a, const struct isa_row *r, unsigned uid)
{
    aml_device(a, r->name);
    aml_name_string(a, "_HID", r->hid);
    aml_name_int(a, "_UID", uid);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_ports(a, r->port, r->ports);
    if (r->line >= 0) {
        aml_irq(a, (unsigned)r->line);
    }
    aml_end(a);
    aml_end(a);
}

static void add_keyboard(struct aml *a)
{
    aml_device(a, "KBD");
    aml_name_string(a, "_HID", "PNP0303");
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_ports(a, 0x60, 1);
    aml_ports(a, 0x64, 1);
    aml_irq(a, 1);
    aml_end(a);
    aml_end(a);
    aml_device(a, "MOU");
    aml_name_string(a, "_HID", "PNP0F13");
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_irq(a, 12);
    aml_end(a);
    aml_end(a);
}

static void add_isa_devices(struct aml *a, const struct pc_board *b)
{
    static const struct isa_row rtc = {"RTC", "PNP0B00", 0x70, 8, 8};
    static const struct isa_row serial[PC_SERIALS] = {{"COM1", "PNP0501", 0x3f8, 8, 4},
                                                      {"COM2", "PNP0501", 0x2f8, 8, 3},
                                                      {"COM3", "PNP0501", 0x3e8, 8, 4},
                                                      {"COM4", "PNP0501", 0x2e8, 8, 3}};
    add_isa_device(a, &rtc, 0);
    if (b->i8042) {
        add_keyboard(a);
    }
    for (unsigned n = 0; n < PC_SERIALS; n++) {
        if (b->pc.serial[n]) {
            add_isa_device(a, &serial[n], n + 1);
        }
    }
}

/* The bridge, whose configuration space has the links' registers. */
static void add_isa(struct aml *a, const struct pc_board *b)
{
    aml_device(a, "ISA");
    aml_name_int(a, "_ADR", b->kind->express ? 0x001f0000 : 0x00010000);
    aml_region(a, "PIRQ", AML_PCI_CONFIG, 0x60, b->kind->express ? 12 : 4);
    add_isa_devices(a, b);
    aml_end(a);
}

/* ---- all */

static bool has_plug(const struct pc_board *b)
{
    return pc_host_pci(b->host)->root.plug != NULL;
}

static void add_host(struct aml *a, const struct pc_board *b)
{
    aml_device(a, "PCI0");
    aml_name_string(a, "_HID", b->kind->express ? "PNP0A08" : "PNP0A03");
    if (b->kind->express) {
        aml_name_string(a, "_CID", "PNP0A03");
    }
    aml_name_int(a, "_UID", 0);
    add_windows(a, b);
    add_isa(a, b);
    if (b->kind->express) {
        acpi_pci_osc(a);
        add_choice_of_routes(a, b);
    } else {
        add_routes(a, b, "_PRT", "LNK");
    }
    if (has_plug(b)) {
        acpi_pci_plug_slots(a, &pc_host_pci(b->host)->root);
    }
    aml_end(a);
}

static void add_fw_cfg(struct aml *a)
{
    static const struct isa_row fw_cfg = {"FWCF", "QEMU0002", 0x510, 12, -1};
    add_isa_device(a, &fw_cfg, 0);
}

static void add_hpet(struct aml *a)
{
    aml_device(a, "HPET");
    aml_name_string(a, "_HID", "PNP0103");
    aml_name_int(a, "_UID", 0);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_memory32(a, HPET_BASE, HPET_BYTES);
    aml_end(a);
    aml_end(a);
}

/* S4 and S5 are the same: off. */
static void add_sleep(struct aml *a)
{
    static const struct {
        const char *name;
        unsigned type;
    } states[] = {{"\\_S4", 2}, {"\\_S5", 0}};
    for (size_t i = 0; i < array_len(states); i++) {
        aml_name(a, states[i].name);
        aml_package(a, 4);
        aml_int(a, states[i].type);
        aml_int(a, states[i].type);
        aml_int(a, 0);
        aml_int(a, 0);
        aml_end(a);
    }
}

uint32_t pc_add_dsdt(struct acpi_tables *t, const struct pc_board *b)
{
    struct aml a = {.depth = 0};
    if (b->kind->express) {
        add_pic_method(&a);
    }
    aml_scope(&a, "\\_SB");
    acpi_describe_cpus(&a, b->pc.machine->config.cpus);
    add_host(&a, b);
    if (b->kind->express) {
        reserve_ecam(&a, b);
    }
    add_links(&a, b);
    if (b->hpet) {
        add_hpet(&a);
    }
    add_fw_cfg(&a);
    aml_end(&a);
    if (has_plug(b)) {
        acpi_pci_plug_event(&a, "\\_SB.PCI0");
    }
    add_sleep(&a);
    return acpi_add_code(t, "DSDT", 2, &a);
}
