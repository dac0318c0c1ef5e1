/* SPDX-License-Identifier: MIT */
/*
 * Tables of PCs with ACPI's fixed hardware: FACS and FADT (ACPI 6.5, 5.2.9 and 5.2.10), and those
 * of their timers.
 */
#include "hw/acpi/tables.h"

#include "base/bits.h"

enum {
    FACS_BYTES = 64,
    FADT_REVISION = 3,
    FADT_BYTES = 244
};

uint32_t acpi_add_facs(struct acpi_tables *t)
{
    const uint32_t at = (uint32_t)t->blob.len;
    assert(is_aligned(at, FACS_BYTES)); /* in memory as well, as the blob is */
    acpi_put_bytes(t, "FACS", 4);
    acpi_put(t, FACS_BYTES, 4);
    acpi_zeros(t, FACS_BYTES - 8); /* no checksum */
    return at;
}

/* Flags of 5.2.9, table 5.10. */
enum {
    WBINVD = 1 << 0,
    PROC_C1 = 1 << 2,
    NO_SLEEP_BUTTON = 1 << 5,
    RTC_WAKES = 1 << 7,
    RESET_REGISTER = 1 << 10,
    PLATFORM_CLOCK = 1 << 15
};

#define NO_LATENCY 0xfff /* C2 and C3: none */

/* A pointer of 4 bytes. */
static void put_pointer32(struct acpi_tables *t, uint32_t to)
{
    acpi_command_pointer(t, t->blob.len, 4, "etc/acpi/tables");
    acpi_put(t, to, 4);
}

static void put_io(struct acpi_tables *t, unsigned bytes, uint16_t port)
{
    acpi_put(t, bytes ? 1 : 0, 1); /* system I/O */
    acpi_put(t, 8 * bytes, 1);
    acpi_put(t, 0, 1 + 1);
    acpi_put(t, port, 8);
}

static void put_registers(struct acpi_tables *t, const struct acpi_fixed *f)
{
    acpi_put(t, f->pm1_event, 4);
    acpi_put(t, 0, 4); /* no second block */
    acpi_put(t, f->pm1_control, 4);
    acpi_put(t, 0, 4);
    acpi_put(t, 0, 4); /* no PM2 */
    acpi_put(t, f->pm_timer, 4);
    acpi_put(t, f->gpe, 4);
    acpi_put(t, 0, 4);
    acpi_put(t, 4, 1);
    acpi_put(t, 2, 1);
    acpi_put(t, 0, 1);
    acpi_put(t, 4, 1);
    acpi_put(t, f->gpe_bytes, 1);
    acpi_put(t, 0, 1 + 1); /* no second block of events */
    acpi_put(t, 0, 1);     /* no control of C states */
}

static void put_extended(struct acpi_tables *t, const struct acpi_fixed *f)
{
    put_io(t, 4, f->pm1_event);
    put_io(t, 0, 0);
    put_io(t, 2, f->pm1_control);
    put_io(t, 0, 0);
    put_io(t, 0, 0);
    put_io(t, 4, f->pm_timer);
    put_io(t, f->gpe_bytes, f->gpe);
    put_io(t, 0, 0);
}

void acpi_add_fixed_fadt(struct acpi_tables *t, uint32_t facs, uint32_t dsdt,
                         const struct acpi_fixed *f)
{
    acpi_begin(t, "FACP", FADT_REVISION);
    put_pointer32(t, facs);
    put_pointer32(t, dsdt);
    acpi_put(t, 0, 1);
    acpi_put(t, 0, 1); /* no preferred profile */
    acpi_put(t, f->sci, 2);
    acpi_put(t, f->smi_command, 4);
    acpi_put(t, f->enable, 1);
    acpi_put(t, f->disable, 1);
    acpi_put(t, 0, 1 + 1); /* no S4BIOS, no control of performance */
    put_registers(t, f);
    acpi_put(t, NO_LATENCY, 2);
    acpi_put(t, NO_LATENCY, 2);
    acpi_put(t, 0, 2 + 2); /* caches are flushed by WBINVD */
    acpi_put(t, 0, 1 + 1); /* no throttling */
    acpi_put(t, 0, 1 + 1); /* no alarms by day or month */
    acpi_put(t, f->century, 1);
    acpi_put(t, f->intel_boot, 2 + 1);
    acpi_put(t,
             WBINVD | PROC_C1 | NO_SLEEP_BUTTON | RTC_WAKES | PLATFORM_CLOCK |
                 (f->reset ? RESET_REGISTER : 0u),
             4);
    put_io(t, f->reset ? 1 : 0, f->reset);
    acpi_put(t, f->reset_value, 1 + 3);
    acpi_put(t, 0, 8); /* FACS has its 32-bit address only: one of the two is to be used */
    acpi_put_pointer(t, dsdt);
    put_extended(t, f);
    assert(acpi_here(t) == FADT_BYTES);
    acpi_end_listed(t);
}

void acpi_add_hpet(struct acpi_tables *t, uint32_t id, uint64_t base)
{
    acpi_begin(t, "HPET", 1);
    acpi_put(t, id, 4);
    acpi_put_address(t, 0, base);
    acpi_put(t, 0, 1 + 2 + 1); /* the first; any period; no page is its own */
    acpi_end_listed(t);
}

void acpi_add_waet(struct acpi_tables *t)
{
    enum {
        PM_TIMER_GOOD = 2 /* one read is enough */
    };
    acpi_begin(t, "WAET", 1);
    acpi_put(t, PM_TIMER_GOOD, 4);
    acpi_end_listed(t);
}
