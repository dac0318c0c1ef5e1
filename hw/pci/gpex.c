/* SPDX-License-Identifier: MIT */
/*
 * Generic PCI Express host bridge: an ECAM window for configuration space (PCIe 4.0, 7.2.2), two
 * windows for memory, one for I/O ports. Linux's binding is pci-host-ecam-generic.
 *
 * An access to a window that no function answers ends as on real buses: reads give all ones,
 * writes are dropped.
 */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

#define WINDOWS 4

struct gpex {
    struct device dev; /* first */
    struct pci_host host;
    struct device *bridge; /* function 00.0; owned */
    const struct mem_range *mapped[WINDOWS];
};

/* ---- configuration accesses */

static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned size)
{
    struct gpex *g = opaque;
    return pci_host_read(&g->host, (unsigned)(offset >> 20), (unsigned)(offset >> 12) & 0xff,
                         (unsigned)offset & 0xfff, size);
}

static void ecam_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct gpex *g = opaque;
    pci_host_write(&g->host, (unsigned)(offset >> 20), (unsigned)(offset >> 12) & 0xff,
                   (unsigned)offset & 0xfff, (uint32_t)value, size);
}

static const struct mmio_ops ecam_ops = {
    .read = ecam_read, .write = ecam_write, .sizes = 1 | 2 | 4};

static uint64_t unclaimed_read(void *opaque, uint64_t offset, unsigned size)
{
    log_guest(opaque, "read of %u bytes at 0x%llx of a window, which no function claims", size,
              (unsigned long long)offset);
    return UINT64_MAX;
}

static void unclaimed_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    log_guest(opaque, "write of 0x%llx (%u bytes) at 0x%llx of a window, which no function claims",
              (unsigned long long)value, size, (unsigned long long)offset);
}

static const struct mmio_ops unclaimed_ops = {
    .read = unclaimed_read, .write = unclaimed_write, .sizes = 0xf};

/* ---- the bridge's own function */

static const struct pci_class root_pci_class = {
    .vendor = 0x1b36,
    .device = 0x0008,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x060000,
};

static bool root_create(struct device *d, struct error *e)
{
    (void)e;
    pci_device_init((struct pci_device *)d, &root_pci_class);
    return true;
}

static void root_reset(struct device *d)
{
    pci_device_reset((struct pci_device *)d);
}

static void root_destroy(struct device *d)
{
    pci_device_fini((struct pci_device *)d);
}

static bool root_check(struct device *d, struct error *e)
{
    return pci_device_check((struct pci_device *)d, e);
}

static void root_loaded(struct device *d)
{
    pci_device_loaded((struct pci_device *)d);
}

struct gpex_root {
    struct pci_device pci;
};

static const struct prop root_props[] = {PCI_PROPS(gpex_root, pci), PROP_END};
static const struct field root_fields[] = {PCI_FIELDS(gpex_root, pci), {.name = NULL}};

const struct device_class gpex_root_class = {
    .name = "gpex-root",
    .desc = "PCIe host bridge function",
    .bus = BUS_PCI,
    .size = sizeof(struct gpex_root),
    .props = root_props,
    .fields = root_fields,
    .create = root_create,
    .reset = root_reset,
    .destroy = root_destroy,
    .check = root_check,
    .loaded = root_loaded,
    .flags = DEVICE_THREAD_SAFE | DEVICE_INTERNAL,
    .kind = &root_pci_class,
};

/* ---- the host bridge */

void gpex_set_windows(struct device *d, const struct pci_windows *w)
{
    ((struct gpex *)d)->host.windows = *w;
}

void gpex_set_msi_sink(struct device *d, const struct pci_msi_sink *s)
{
    ((struct gpex *)d)->host.msi = *s;
}

struct bus *gpex_bus(struct device *d)
{
    return &((struct gpex *)d)->host.root.bus;
}

static void map_windows(struct gpex *g)
{
    const struct pci_windows *w = &g->host.windows;
    const struct mem_range rows[WINDOWS] = {
        {w->ecam_base, w->ecam_size, RANGE_MMIO, 0, "pcie-ecam", NULL, &ecam_ops, g, &g->host.lock},
        {w->mmio_base, w->mmio_size, RANGE_MMIO, -1, "pcie-mmio", NULL, &unclaimed_ops, "pcie-mmio",
         NULL},
        {w->high_base, w->high_size, RANGE_MMIO, -1, "pcie-mmio-high", NULL, &unclaimed_ops,
         "pcie-mmio-high", NULL},
        {w->pio_base, w->pio_size, RANGE_MMIO, -1, "pcie-ioport", NULL, &unclaimed_ops,
         "pcie-ioport", NULL},
    };
    for (unsigned i = 0; i < WINDOWS; i++) {
        g->mapped[i] = rows[i].size ? space_add(g->host.memory, &rows[i]) : NULL;
    }
}

static void gpex_destroy(struct device *d)
{
    struct gpex *g = (struct gpex *)d;
    for (unsigned i = 0; i < WINDOWS; i++) {
        if (g->mapped[i]) {
            space_remove(g->host.memory, g->mapped[i]);
        }
    }
    device_free(g->bridge);
    pci_host_fini(&g->host);
}

static bool gpex_create(struct device *d, struct error *e)
{
    struct gpex *g = (struct gpex *)d;
    struct pci_host *h = &g->host;
    pci_host_init(h, d, "pcie.0");
    struct device *root = device_new(&gpex_root_class, d->machine, NULL);
    root->bus = &h->root.bus;
    if (!device_set_fixed(root, "addr", "0", e) || !device_create(root, e)) {
        device_free(root);
        gpex_destroy(d);
        return false;
    }
    g->bridge = root;
    map_windows(g);
    return true;
}

static const struct prop gpex_props[] = {{.name = NULL}};
static const struct field gpex_fields[] = {
    FIELD_SKIP(gpex, host),
    FIELD_SKIP(gpex, bridge),
    FIELD_SKIP(gpex, mapped),
    {.name = NULL},
};

const struct device_class gpex_pcihost_class = {
    .name = "gpex-pcihost",
    .desc = "generic PCI Express host bridge",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct gpex),
    .props = gpex_props,
    .fields = gpex_fields,
    .create = gpex_create,
    .destroy = gpex_destroy,
    .flags = DEVICE_THREAD_SAFE,
};
