/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables of the boards pc and q35. Firmware moves some registers before it asks for the
 * tables, so they are made anew when it looks.
 */
#include "hw/acpi/tables.h"
#include "hw/acpi/vmgenid.h"

#include "base/bits.h"
#include "base/mem.h"
#include "hw/firmware.h"
#include "hw/i386/pc_board.h"
#include "hw/i386/pc_madt.h"
#include "hw/misc/pvpanic.h"
#include "hw/numa.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/timer/hpet.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define ISA_LEVELS (1u << 5 | 1u << 9 | 1u << 10 | 1u << 11)

/* ---- FADT: the registers are where firmware has put them */

static uint16_t pm_base(const struct pc_board *b)
{
    enum {
        PM_BASE = 0x40
    };
    const struct pci_host *h = pc_host_pci(b->host);
    const uint32_t r = pci_host_read((struct pci_host *)(uintptr_t)h, 0, b->kind->pm_devfn, PM_BASE,
                                     4);
    return (uint16_t)(r & b->kind->pm_base_mask);
}

#define HAS_8042 2u /* 5.2.9.3 */

static void add_fadt(struct acpi_tables *t, const struct pc_board *b, uint32_t facs, uint32_t dsdt)
{
    struct acpi_fixed f = b->kind->acpi;
    const uint16_t base = pm_base(b);
    const uint16_t by = base ? (uint16_t)(base - f.pm1_event) : 0;
    f.pm1_event = (uint16_t)(f.pm1_event + by);
    f.pm1_control = (uint16_t)(f.pm1_control + by);
    f.pm_timer = (uint16_t)(f.pm_timer + by);
    if (b->kind->express) {
        f.gpe = (uint16_t)(f.gpe + by);
    }
    if (b->i8042) {
        f.intel_boot |= HAS_8042;
    }
    acpi_add_fixed_fadt(t, facs, dsdt, &f);
}

/* ---- nodes */

static void add_cpu_affinity(struct acpi_tables *t, unsigned cpu, unsigned node)
{
    acpi_put(t, 0, 1); /* a local APIC */
    acpi_put(t, 16, 1);
    acpi_put(t, node, 1);
    acpi_put(t, cpu, 1);
    acpi_put(t, 1, 4); /* enabled */
    acpi_put(t, 0, 1 + 3 + 4);
}

/* The next `size` bytes of memory, from `from` on, are the node's. What lies below 4 GiB has its
 * place there as its address, and what is between 640 KiB and 1 MiB is not told of. */
static void add_memory(struct acpi_tables *t, const struct pc_board *b, unsigned node,
                       uint64_t from, uint64_t size)
{
    const uint64_t low = b->pc.boot.low_ram, end = from + size;
    const struct {
        uint64_t start, stop, address;
    } parts[] = {{0, 0xa0000, 0}, {MIB, low, MIB}, {low, UINT64_MAX, 4 * GIB}};
    for (size_t i = 0; i < array_len(parts); i++) {
        const uint64_t first = from > parts[i].start ? from : parts[i].start;
        const uint64_t last = end < parts[i].stop ? end : parts[i].stop;
        if (first < last) {
            acpi_srat_memory(t, node, parts[i].address + (first - parts[i].start), last - first);
        }
    }
}

static void add_srat(struct acpi_tables *t, const struct pc_board *b)
{
    const struct machine_config *c = &b->pc.machine->config;
    uint64_t from = 0;
    acpi_begin(t, "SRAT", 1);
    acpi_put(t, 1, 4); /* reserved to be 1 */
    acpi_zeros(t, 8);
    for (unsigned i = 0; i < c->cpus; i++) {
        add_cpu_affinity(t, i, c->numa->cpu_node[i]);
    }
    for (unsigned i = 0; i < c->numa->count; i++) {
        add_memory(t, b, i, from, c->numa->node[i].bytes);
        from += c->numa->node[i].bytes;
    }
    acpi_end_listed(t);
}

static void add_nodes(struct acpi_tables *t, const struct pc_board *b)
{
    const struct numa *n = b->pc.machine->config.numa;
    if (!n || !n->count) {
        return;
    }
    add_srat(t, b);
    if (n->has_distances) {
        acpi_add_slit(t, n);
    }
    if (n->hmat) {
        acpi_add_hmat(t, n);
    }
}

/* ---- all */

static void make(struct acpi_tables *t, const struct pc_board *b)
{
    const struct machine *m = b->pc.machine;
    uint64_t ecam_size = 0;
    acpi_init(t, b->oem_id, b->oem_table_id);
    const uint32_t facs = acpi_add_facs(t);
    const uint32_t dsdt = pc_add_dsdt(t, b);
    add_fadt(t, b, facs, dsdt);
    pc_add_madt(t, m, &b->pc, ISA_LEVELS);
    if (b->hpet) {
        acpi_add_hpet(t, b->hpet_id, HPET_BASE);
    }
    add_nodes(t, b);
    if (b->kind->express) {
        const paddr ecam = q35_ecam(b->host, &ecam_size);
        acpi_add_mcfg(t, ecam, ecam_size ? (unsigned)(ecam_size >> 20) - 1 : 255);
    }
    acpi_add_waet(t);
    vmgenid_add_table(t, m);
    pvpanic_add_table(t, m);
    acpi_add_given(t, &m->config);
}

static void renew(void *opaque)
{
    struct pc_board *b = opaque;
    struct acpi_tables t;
    make(&t, b);
    acpi_renew(&t, &b->tables);
}

bool pc_acpi_add(struct pc_board *b, struct error *e)
{
    struct acpi_tables t;
    make(&t, b);
    return acpi_finish_shown(&t, b->pc.fw_cfg, &(struct fw_cfg_watcher){renew, b}, &b->tables, e);
}
