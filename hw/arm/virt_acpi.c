/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of the virt board, from its rows and the machine's configuration: what the device
 * tree says (virt_fdt.c), for firmware and systems that go by ACPI. ACPI 6.5; IORT is Arm's
 * (DEN 0049E), the identifiers of Arm's parts are those of its registry (DEN 0093).
 */
#include <stdio.h>

#include "hw/acpi/ged.h"
#include "hw/acpi/pci.h"
#include "hw/acpi/sleep.h"
#include "hw/acpi/tables.h"
#include "hw/arm/virt.h"
#include "hw/virtio/virtio_mmio.h"

/* Interrupts are numbered as the distributor does. */
enum {
    GSI_PPI = 16,
    GSI_SPI = 32
};

static uint32_t gsi(enum virt_part part)
{
    return (uint32_t)virt_rows[part].spi + GSI_SPI;
}

/* ---- DSDT */

/* _CRS of a part with one window and, if it has one, its interrupt. */
static void add_place(struct aml *a, enum virt_part part)
{
    const struct virt_row *r = &virt_rows[part];
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_memory32(a, (uint32_t)r->base, (uint32_t)r->size);
    if (r->spi >= 0) {
        aml_interrupt(a, AML_LEVEL, gsi(part));
    }
    aml_end(a);
}

static void add_uart(struct aml *a)
{
    aml_device(a, "COM0");
    aml_name_string(a, "_HID", "ARMH0011");
    aml_name_int(a, "_UID", 0);
    add_place(a, VIRT_UART);
    aml_end(a);
}

static void add_fw_cfg(struct aml *a)
{
    aml_device(a, "FWCF");
    aml_name_string(a, "_HID", "QEMU0002");
    aml_name_int(a, "_STA", 0xb); /* there, enabled, works; not for people to see */
    aml_name_int(a, "_CCA", 1);
    add_place(a, VIRT_FW_CFG);
    aml_end(a);
}

static void add_virtio(struct aml *a)
{
    const struct virt_row *r = &virt_rows[VIRT_VIRTIO];
    for (unsigned i = 0; i < r->count; i++) {
        virtio_mmio_describe(a, i, r->base + i * r->size, gsi(VIRT_VIRTIO) + i);
    }
}

/* Without firmware there is no event device; the button is a pin, as in the device tree. */
static void add_gpio(struct aml *a)
{
    char method[8];
    aml_device(a, "GPO0");
    aml_name_string(a, "_HID", "ARMH0061");
    aml_name_int(a, "_UID", 0);
    add_place(a, VIRT_GPIO);
    aml_name(a, "_AEI");
    aml_resources(a);
    aml_gpio_int(a, VIRT_POWER_PIN, "GPO0");
    aml_end(a);
    snprintf(method, sizeof(method), "_E%02X", VIRT_POWER_PIN);
    aml_method(a, method, 0, false);
    aml_op(a, AML_NOTIFY);
    aml_ref(a, "PWRB");
    aml_int(a, 0x80);
    aml_end(a);
    aml_end(a);
}

static uint32_t add_dsdt(struct acpi_tables *t, const struct machine *m)
{
    struct aml a = {.depth = 0};
    const struct pci_windows w = virt_pci_windows(virt_of(m));
    aml_scope(&a, "\\_SB");
    acpi_describe_cpus(&a, m->config.cpus);
    add_uart(&a);
    add_fw_cfg(&a);
    add_virtio(&a);
    acpi_pci_host(&a, &w, gsi(VIRT_PCIE_MMIO));
    if (virt_of(m)->ged) {
        ged_describe(&a, virt_rows[VIRT_GED].base, gsi(VIRT_GED));
    } else {
        add_gpio(&a);
    }
    acpi_power_button_describe(&a);
    aml_end(&a);
    return acpi_add_code(t, "DSDT", 2, &a);
}

/* ---- MADT */

enum {
    MADT_CPU = 11,
    MADT_DISTRIBUTOR = 12,
    MADT_MSI_FRAME = 13,
    MADT_REDISTRIBUTORS = 14,
    MADT_ITS = 15
};

static void madt_row(struct acpi_tables *t, unsigned type, unsigned bytes)
{
    acpi_put(t, type, 1);
    acpi_put(t, bytes, 1);
    acpi_put(t, 0, 2);
}

static void add_madt_cpu(struct acpi_tables *t, const struct virt *v, unsigned index)
{
    madt_row(t, MADT_CPU, 80);
    acpi_put(t, index, 4); /* CPU interface */
    acpi_put(t, index, 4); /* _UID */
    acpi_put(t, 1, 4);     /* enabled */
    acpi_put(t, 0, 4);     /* no parking protocol */
    acpi_put(t, PPI_PMU + GSI_PPI, 4);
    acpi_put(t, 0, 8);
    acpi_put(t, v->gic == 2 ? virt_rows[VIRT_GIC_CPU].base : 0, 8);
    acpi_zeros(t, 8 + 8 + 4); /* nothing for EL2 */
    acpi_put(t, 0, 8);        /* redistributors have rows of their own */
    acpi_put(t, virt_affinity(index), 8);
    acpi_put(t, 0, 4); /* efficiency class, SPE */
}

static void add_redistributors(struct acpi_tables *t, enum virt_part part)
{
    madt_row(t, MADT_REDISTRIBUTORS, 16);
    acpi_put(t, virt_rows[part].base, 8);
    acpi_put(t, virt_rows[part].size, 4);
}

static void add_madt(struct acpi_tables *t, const struct machine *m)
{
    const struct virt *v = virt_of(m);
    acpi_begin(t, "APIC", 4);
    acpi_zeros(t, 8); /* no local APIC, no flags */
    madt_row(t, MADT_DISTRIBUTOR, 24);
    acpi_put(t, 0, 4);
    acpi_put(t, virt_rows[VIRT_GIC_DIST].base, 8);
    acpi_put(t, 0, 4);
    acpi_put(t, v->gic, 4);
    for (unsigned i = 0; i < m->config.cpus; i++) {
        add_madt_cpu(t, v, i);
    }
    if (v->gic == 2) {
        madt_row(t, MADT_MSI_FRAME, 24);
        acpi_put(t, 0, 4);
        acpi_put(t, virt_rows[VIRT_GIC_V2M].base, 8);
        acpi_put(t, 1, 4); /* the numbers here count, not those in the frame's register */
        acpi_put(t, VIRT_V2M_SPIS, 2);
        acpi_put(t, gsi(VIRT_GIC_V2M), 2);
    } else {
        add_redistributors(t, VIRT_GIC_REDIST);
        if (m->config.cpus > virt_redists_low()) {
            add_redistributors(t, VIRT_HIGH_REDIST);
        }
    }
    if (v->has_its) {
        madt_row(t, MADT_ITS, 20);
        acpi_put(t, 0, 4);
        acpi_put(t, virt_rows[VIRT_GIC_ITS].base, 8);
        acpi_put(t, 0, 4);
    }
    acpi_end_listed(t);
}

/* ---- GTDT */

enum {
    TIMER_ALWAYS_ON = 4
};

/* All timers are level-triggered and active high. */
static void add_gtdt(struct acpi_tables *t)
{
    acpi_begin(t, "GTDT", 3);
    acpi_put(t, UINT64_MAX, 8); /* no counter in memory */
    acpi_put(t, 0, 4);
    acpi_put(t, PPI_TIMER_SEC + GSI_PPI, 4);
    acpi_put(t, 0, 4);
    acpi_put(t, PPI_TIMER_PHYS + GSI_PPI, 4);
    acpi_put(t, TIMER_ALWAYS_ON, 4);
    acpi_put(t, PPI_TIMER_VIRT + GSI_PPI, 4);
    acpi_put(t, 0, 4);
    acpi_put(t, PPI_TIMER_HYP + GSI_PPI, 4);
    acpi_put(t, 0, 4);
    acpi_put(t, UINT64_MAX, 8);
    acpi_zeros(t, 4 + 4); /* no timers in memory */
    acpi_zeros(t, 4 + 4); /* no virtual timer of EL2 */
    acpi_end_listed(t);
}

/* ---- IORT */

enum {
    IORT_ITS_GROUP = 0,
    IORT_ROOT_COMPLEX = 2,
    IORT_HEADER = 48
};

/* Mappings stand behind the node's own fields. */
static void iort_node(struct acpi_tables *t, unsigned type, unsigned own, unsigned revision,
                      unsigned id, unsigned mappings)
{
    acpi_put(t, type, 1);
    acpi_put(t, own + 20 * mappings, 2);
    acpi_put(t, revision, 1);
    acpi_put(t, id, 4);
    acpi_put(t, mappings, 4);
    acpi_put(t, mappings ? own : 0, 4);
}

/* The host bridge is coherent; its requester ids are the ITS's device ids. */
static void add_iort(struct acpi_tables *t, const struct virt *v)
{
    const unsigned nodes = v->has_its ? 2 : 1;
    acpi_begin(t, "IORT", 3);
    acpi_put(t, nodes, 4);
    acpi_put(t, IORT_HEADER, 4);
    acpi_put(t, 0, 4);
    if (v->has_its) {
        iort_node(t, IORT_ITS_GROUP, 24, 1, 0, 0);
        acpi_put(t, 1, 4); /* members: number 0 of the MADT */
        acpi_put(t, 0, 4);
    }
    iort_node(t, IORT_ROOT_COMPLEX, 36, 3, nodes - 1, nodes - 1);
    acpi_put(t, 1, 4);     /* fully coherent */
    acpi_put(t, 0, 1 + 2); /* no hints */
    acpi_put(t, 3, 1);     /* coherent path, device attributes */
    acpi_put(t, 0, 4);     /* no ATS */
    acpi_put(t, 0, 4);     /* segment */
    acpi_put(t, 64, 4);    /* address bits */
    if (v->has_its) {
        acpi_put(t, 0, 4);
        acpi_put(t, 0xffff, 4); /* how many, less one */
        acpi_put(t, 0, 4);
        acpi_put(t, IORT_HEADER, 4);
        acpi_put(t, 0, 4);
    }
    acpi_end_listed(t);
}

/* ---- NUMA */

static void add_srat(struct acpi_tables *t, const struct machine *m)
{
    const struct numa *n = m->config.numa;
    uint64_t base = virt_rows[VIRT_RAM].base;
    acpi_begin(t, "SRAT", 3);
    acpi_put(t, 1, 4);
    acpi_put(t, 0, 8);
    for (unsigned i = 0; i < m->config.max_cpus; i++) {
        acpi_put(t, 3, 1); /* affinity of a GICC */
        acpi_put(t, 18, 1);
        acpi_put(t, n->cpu_node[i], 4);
        acpi_put(t, i, 4);
        acpi_put(t, 1, 4);
        acpi_put(t, 0, 4);
    }
    for (unsigned i = 0; i < n->count; i++) {
        if (n->node[i].bytes) {
            acpi_srat_memory(t, i, base, n->node[i].bytes);
            base += n->node[i].bytes;
        }
    }
    acpi_end_listed(t);
}

static void add_numa(struct acpi_tables *t, const struct machine *m)
{
    const struct numa *n = m->config.numa;
    if (!n) {
        return;
    }
    add_srat(t, m);
    if (n->has_distances) {
        acpi_add_slit(t, n);
    }
    if (n->hmat) {
        acpi_add_hmat(t, n);
    }
}

/* ---- all */

static void add_platform(struct acpi_tables *t, const struct machine *m)
{
    const struct virt_row *ecam = virt_ecam_row(virt_of(m)), *uart = &virt_rows[VIRT_UART];
    const struct acpi_uart u = {.type = 3, /* PL011 */
                                .irqs = 8, /* a GIC's */
                                .gsi = gsi(VIRT_UART),
                                .base = uart->base,
                                .size = (uint32_t)uart->size,
                                .name = "COM0"};
    acpi_add_pptt(t, &m->config);
    add_gtdt(t);
    acpi_add_mcfg(t, ecam->base, (unsigned)(ecam->size >> 20) - 1);
    acpi_add_spcr(t, &u);
    acpi_add_dbg2(t, &u);
    add_numa(t, m);
    add_iort(t, virt_of(m));
}

enum {
    PSCI_COMPLIANT = 1,
    PSCI_BY_HVC = 2
};

bool virt_acpi_add(struct machine *m, struct error *e)
{
    const struct virt *v = virt_of(m);
    struct acpi_tables t;
    acpi_init(&t, v->oem_id, v->oem_table_id);
    acpi_add_fadt(&t, add_dsdt(&t, m),
                  &(struct acpi_platform){.arm_boot = PSCI_COMPLIANT | PSCI_BY_HVC});
    add_madt(&t, m);
    add_platform(&t, m);
    acpi_add_given(&t, &m->config);
    return acpi_finish(&t, v->fw_cfg, e);
}
