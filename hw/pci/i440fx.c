/* SPDX-License-Identifier: MIT */
/*
 * The host bridge i440FX (Intel 82441FX PMC and 82442FX DBX data sheet, order 290549): which parts
 * of memory from 640 KiB to 1 MiB are RAM, and RAM for system management. Registers of DRAM, of
 * arbitration and of errors only store. Not modelled: the fixed hole at 15 MiB.
 */
#include "base/bits.h"
#include "hw/pci/pc_host_internal.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

enum {
    PMCCFG = 0x50,
    ERRSTS = 0x91,
    PAM = 0x59,
    PAM_END = PAM + PAM_REGISTERS,
    SMRAM = 0x72
};

/* Registers that only store: offset and number of bytes. */
static const struct {
    uint8_t at, bytes;
} stored[] = {{PMCCFG, 2}, {0x53, 6}, {0x60, 8}, {0x68, 1}, {0x70, 2}, {0x90, 1}, {0x93, 1}};

static struct pc_function *function_of(struct device *d)
{
    return (struct pc_function *)d;
}

static void update(struct pc_function *f)
{
    pam_update(&f->pam, f->pci.config + PAM);
    pc_function_update_smram(f, SMRAM);
    pc_function_tell_smram(f);
}

static void config_written(struct device *d, unsigned offset, unsigned size)
{
    struct pc_function *f = function_of(d);
    if ((offset < PAM_END && offset + size > PAM) || (offset <= SMRAM && offset + size > SMRAM)) {
        update(f);
    }
}

static const struct pci_class pci_class = {
    .vendor = 0x8086,
    .device = 0x1237,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x060000,
    .revision = 2,
    .config_written = config_written,
};

/* Memory is always decoded, and it is always a master. */
static void init_registers(struct pci_device *p)
{
    pci_config_set16(p, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    store_le16(p->writable + PCI_COMMAND, PCI_COMMAND_PARITY | PCI_COMMAND_SERR);
    pci_config_set16(p, PCI_STATUS, 0x0280); /* back-to-back cycles, medium decoding */
    for (size_t i = 0; i < array_len(stored); i++) {
        memset(p->writable + stored[i].at, 0xff, stored[i].bytes);
    }
    memset(p->writable + PAM, 0x33, PAM_REGISTERS);
    p->writable[PAM] = 0x30;
    p->clearable[ERRSTS] = 0x11;
    p->initial[SMRAM] = p->config[SMRAM] = 0x02; /* the segment is at 0xa0000 */
    p->writable[SMRAM] = SMRAM_WRITABLE;
}

static bool i440fx_create(struct device *d, struct error *e)
{
    struct pc_function *f = function_of(d);
    if (!f->owner) {
        return error_set(e, "i440FX: it is a part of i440FX-pcihost");
    }
    pci_device_init(&f->pci, &pci_class);
    init_registers(&f->pci);
    pam_init(&f->pam, d->machine->memory, f->owner->config.ram, f->owner->config.rom);
    return true;
}

static void i440fx_destroy(struct device *d)
{
    pam_fini(&function_of(d)->pam);
    pci_device_fini(&function_of(d)->pci);
}

static void i440fx_reset(struct device *d)
{
    struct pc_function *f = function_of(d);
    f->pci.writable[SMRAM] = SMRAM_WRITABLE;
    pci_device_reset(&f->pci);
    update(f);
}

static bool i440fx_check(struct device *d, struct error *e)
{
    struct pci_device *p = &function_of(d)->pci;
    p->writable[SMRAM] = SMRAM_WRITABLE;
    return pci_device_check(p, e);
}

static void i440fx_loaded(struct device *d)
{
    struct pc_function *f = function_of(d);
    f->pci.writable[SMRAM] = SMRAM_WRITABLE;
    pci_device_loaded(&f->pci);
    update(f);
}

const struct device_class i440fx_class = {
    .name = "i440FX",
    .desc = "i440FX host bridge function",
    .bus = BUS_PCI,
    .size = sizeof(struct pc_function),
    .props = pc_function_props,
    .fields = pc_function_fields,
    .create = i440fx_create,
    .reset = i440fx_reset,
    .destroy = i440fx_destroy,
    .check = i440fx_check,
    .loaded = i440fx_loaded,
    .flags = DEVICE_THREAD_SAFE | DEVICE_INTERNAL,
    .kind = &pci_class,
};

/* ---- the host */

/* The board's wiring: INTA of slot 1 is PIRQA, of each further slot the next. */
static unsigned line(const struct pci_host *h, uint8_t devfn, unsigned pin)
{
    (void)h;
    return (pin - 1 + (devfn >> 3) + 3) % 4;
}

static unsigned smram(const struct pc_function *f, struct pc_smram ranges[PC_SMRAM_RANGES])
{
    ranges[0] = (struct pc_smram){SMRAM_BASE, SMRAM_BYTES};
    return f->pci.config[SMRAM] & SMRAM_ENABLE ? 1 : 0;
}

static const struct pc_host_kind kind = {"pci.0", &i440fx_class, line, smram};

const struct device_class i440fx_pcihost_class = {
    .name = "i440FX-pcihost",
    .desc = "i440FX host bridge",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct pc_host),
    .fields = pc_host_fields,
    .create = pc_host_create,
    .reset = pc_host_reset,
    .destroy = pc_host_destroy,
    .flags = DEVICE_THREAD_SAFE | DEVICE_INTERNAL,
    .kind = &kind,
};
