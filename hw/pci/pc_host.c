/* SPDX-License-Identifier: MIT */
/* What the host bridges of PCs share: see pc_host.h. */
#include "hw/pci/pc_host_internal.h"

#define GIB (UINT64_C(1) << 30)
#define ADDRESS_END (UINT64_C(1) << 52)
#define PORTS 0x10000u

static struct pc_host *host_of(const struct device *d)
{
    return (struct pc_host *)(uintptr_t)d;
}

void pc_host_configure(struct device *d, const struct pc_host_config *c)
{
    host_of(d)->config = *c;
}

struct bus *pc_host_bus(struct device *d)
{
    return &host_of(d)->host.root.bus;
}

const struct pci_host *pc_host_pci(const struct device *d)
{
    return &host_of(d)->host;
}

unsigned pc_host_smram(const struct device *d, struct pc_smram ranges[PC_SMRAM_RANGES])
{
    const struct pc_host_kind *kind = d->cls->kind;
    const struct device *f = host_of(d)->function;
    return f ? kind->smram((const struct pc_function *)f, ranges) : 0;
}

/* What is no RAM is the bus's; what the board has there lies above. */
static void set_windows(struct pc_host *h)
{
    const struct pc_host_config *c = &h->config;
    const uint64_t high = 4 * GIB + c->high_ram;
    h->host.windows = (struct pci_windows){.mmio_base = c->low_ram,
                                           .mmio_size = 4 * GIB - c->low_ram,
                                           .high_base = high,
                                           .high_size = ADDRESS_END - high,
                                           .pio_size = PORTS};
    h->host.priority = -1;
}

static bool add_function(struct pc_host *h, const struct pc_host_kind *kind, struct error *e)
{
    struct device *f = device_new(kind->function, h->dev.machine, NULL);
    f->bus = &h->host.root.bus;
    ((struct pc_function *)f)->owner = h;
    if (!device_set_fixed(f, "addr", "0", e) || !device_create(f, e)) {
        device_free(f);
        return false;
    }
    h->function = f;
    return true;
}

bool pc_host_create(struct device *d, struct error *e)
{
    struct pc_host *h = host_of(d);
    const struct pc_host_kind *kind = d->cls->kind;
    if (!h->config.ports) {
        return error_set(e, "%s: only boards have it", d->cls->name);
    }
    h->host.ports = h->config.ports;
    h->host.msi = h->config.msi;
    h->host.line = kind->line;
    h->host.node = "pci@i0cf8";
    set_windows(h);
    pci_host_init(&h->host, d, kind->bus_name);
    pci_conf1_init(&h->conf, &h->host, d->machine);
    if (!add_function(h, kind, e)) {
        pc_host_destroy(d);
        return false;
    }
    return true;
}

void pc_host_destroy(struct device *d)
{
    struct pc_host *h = host_of(d);
    device_free(h->function);
    pci_conf1_fini(&h->conf);
    pci_host_fini(&h->host);
}

void pc_host_reset(struct device *d)
{
    host_of(d)->conf.address = 0;
    host_of(d)->conf.reset_control = 0;
}

const struct field pc_host_fields[] = {
    FIELD_SKIP(pc_host, host),
    PCI_CONF1_FIELDS(pc_host, conf),
    FIELD_SKIP(pc_host, config),
    FIELD_SKIP(pc_host, function),
    FIELD_END,
};

/* ---- the function */

const struct prop pc_function_props[] = {PCI_PROPS(pc_function, pci), PROP_END};
const struct field pc_function_fields[] = {PC_FUNCTION_FIELDS, FIELD_END};

void pc_function_update_smram(struct pc_function *f, unsigned offset)
{
    uint8_t *r = &f->pci.config[offset];
    if (*r & SMRAM_LOCK) {
        *r &= (uint8_t)~SMRAM_OPEN;
        f->pci.writable[offset] = 0;
    }
    pam_open_smram(&f->pam, (*r & SMRAM_ENABLE) && (*r & SMRAM_OPEN) && !(*r & SMRAM_CLOSED));
}

void pc_function_tell_smram(struct pc_function *f)
{
    const struct pc_host_config *c = &f->owner->config;
    if (c->smram_changed) {
        c->smram_changed(c->opaque);
    }
}
