/* SPDX-License-Identifier: MIT */
/*
 * The memory controller hub of Q35 (Intel 3 Series Express Chipset Family data sheet, order
 * 316966, chapter 5): the window of configuration space, which parts of memory from 640 KiB to 1
 * MiB are RAM, and RAM for system management below 1 MiB and at the top of memory (TSEG). Other
 * registers only store. Not modelled: integrated graphics, remapping of memory, the compatible
 * segment at its high address (H_SMRAME).
 */
#include "base/bits.h"
#include "hw/isa/ich9_lpc.h"
#include "hw/pci/pc_host_internal.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

enum {
    TSEG_EXTENDED = 0x50,
    PCIEXBAR = 0x60,
    PAM = 0x90,
    PAM_END = PAM + PAM_REGISTERS,
    SMRAM = 0x9d,
    ESMRAMC = 0x9e
};

enum {
    TSEG_ENABLE = 0x01,
    TSEG_SIZE = 0x06,
    ESMRAMC_ERROR = 0x40,
    ESMRAMC_FIXED = 0x38, /* it is cached */
    PCIEXBAR_ENABLE = 1
};

#define ABOVE_RAM 2
#define TSEG_QUERY 0xffffu
#define TSEG_EXTENDED_MIB 16

/* Registers that only store: offset and number of bytes. */
static const struct {
    uint8_t at, bytes;
} stored[] = {{0x40, 8}, {0x48, 8}, {0x54, 4}, {0x68, 8}, {0x97, 1}, {0x98, 4},
              {0xa0, 4}, {0xa4, 8}, {0xac, 4}, {0xb0, 2}, {0xdc, 4}};

static struct pc_function *function_of(struct device *d)
{
    return (struct pc_function *)d;
}

/* ---- configuration space in memory */

static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pc_function *f = opaque;
    return pci_host_read(&f->owner->host, (unsigned)(offset >> 20), (unsigned)(offset >> 12) & 0xff,
                         (unsigned)offset & 0xfff, size);
}

static void ecam_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pc_function *f = opaque;
    pci_host_write(&f->owner->host, (unsigned)(offset >> 20), (unsigned)(offset >> 12) & 0xff,
                   (unsigned)offset & 0xfff, (uint32_t)value, size);
}

static const struct mmio_ops ecam_ops = {
    .read = ecam_read, .write = ecam_write, .sizes = 1 | 2 | 4};

/* 5.1.13: 256, 128 or 64 buses of 1 MiB, and an address of 36 bits. */
static paddr ecam_place(const struct pc_function *f, uint64_t *size)
{
    const uint64_t r = load_le64(f->pci.config + PCIEXBAR);
    const unsigned length = r >> 1 & 3;
    *size = (r & PCIEXBAR_ENABLE) && length < 3 ? UINT64_C(0x10000000) >> length : 0;
    return *size ? r & UINT64_C(0xfffffffff) & ~(*size - 1) : 0;
}

paddr q35_ecam(const struct device *d, uint64_t *size)
{
    return ecam_place((const struct pc_function *)((const struct pc_host *)d)->function, size);
}

static void update_ecam(struct pc_function *f)
{
    struct space *s = f->owner->host.memory;
    uint64_t size;
    const paddr base = ecam_place(f, &size);
    if (f->ecam && size == f->ecam->size && base == f->ecam->base) {
        return;
    }
    space_begin(s);
    if (f->ecam) {
        space_remove(s, f->ecam);
    }
    f->ecam = size ? space_add(s, &(struct mem_range){.base = base,
                                                      .size = size,
                                                      .kind = RANGE_MMIO,
                                                      .name = "pcie-ecam",
                                                      .ops = &ecam_ops,
                                                      .opaque = f,
                                                      .lock = &f->owner->host.lock})
                   : NULL;
    space_commit(s);
}

/* ---- system management */

static uint64_t hole_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return UINT64_MAX;
}

static void hole_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)opaque, (void)offset, (void)value, (void)size;
}

static const struct mmio_ops hole_ops = {.read = hole_read, .write = hole_write};

/* 5.1.17: 1, 2 or 8 MiB at the end of low memory. The value that the manual reserves is another
 * size here, as with QEMU: firmware learns of it by asking a register for 0xffff. */
static uint64_t tseg_size(const struct pc_function *f)
{
    static const uint8_t mib[4] = {1, 2, 8, TSEG_EXTENDED_MIB};
    const uint8_t r = f->pci.config[ESMRAMC];
    const uint64_t size = (uint64_t)mib[(r & TSEG_SIZE) >> 1] << 20;
    const bool on = (f->pci.config[SMRAM] & SMRAM_ENABLE) && (r & TSEG_ENABLE);
    return on && size < f->owner->config.low_ram ? size : 0;
}

static void update_tseg(struct pc_function *f)
{
    struct space *s = f->owner->host.memory;
    const uint64_t size = tseg_size(f);
    if (size == (f->hole ? f->hole->size : 0)) {
        return;
    }
    space_begin(s);
    if (f->hole) {
        space_remove(s, f->hole);
    }
    f->hole = size ? space_add(s, &(struct mem_range){.base = f->owner->config.low_ram - size,
                                                      .size = size,
                                                      .kind = RANGE_MMIO,
                                                      .priority = ABOVE_RAM,
                                                      .name = "tseg-hole",
                                                      .ops = &hole_ops})
                   : NULL;
    space_commit(s);
}

static void tell_extended_tseg(struct pc_function *f)
{
    uint8_t *r = f->pci.config + TSEG_EXTENDED;
    store_le16(r, load_le16(r) == TSEG_QUERY ? TSEG_EXTENDED_MIB : 0);
}

static unsigned smram(const struct pc_function *f, struct pc_smram ranges[PC_SMRAM_RANGES])
{
    const uint64_t tseg = tseg_size(f);
    unsigned n = 0;
    if (f->pci.config[SMRAM] & SMRAM_ENABLE) {
        ranges[n++] = (struct pc_smram){SMRAM_BASE, SMRAM_BYTES};
    }
    if (tseg) {
        ranges[n++] = (struct pc_smram){f->owner->config.low_ram - tseg, tseg};
    }
    return n;
}

/* ---- registers */

static void unlock(struct pci_device *p)
{
    p->writable[SMRAM] = SMRAM_WRITABLE;
    p->writable[ESMRAMC] = 0x80 | TSEG_SIZE | TSEG_ENABLE;
}

static void update(struct pc_function *f)
{
    update_ecam(f);
    pam_update(&f->pam, f->pci.config + PAM);
    pc_function_update_smram(f, SMRAM);
    if (f->pci.config[SMRAM] & SMRAM_LOCK) {
        f->pci.writable[ESMRAMC] = 0;
    }
    update_tseg(f);
    pc_function_tell_smram(f);
}

static bool touches(unsigned offset, unsigned size, unsigned first, unsigned end)
{
    return offset < end && offset + size > first;
}

static void config_written(struct device *d, unsigned offset, unsigned size)
{
    if (touches(offset, size, TSEG_EXTENDED, TSEG_EXTENDED + 2)) {
        tell_extended_tseg(function_of(d));
    }
    if (touches(offset, size, PCIEXBAR, PCIEXBAR + 8) || touches(offset, size, PAM, PAM_END) ||
        touches(offset, size, SMRAM, ESMRAMC + 1)) {
        update(function_of(d));
    }
}

static const struct pci_class pci_class = {
    .vendor = 0x8086,
    .device = 0x29c0,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x060000,
    .config_written = config_written,
};

static void init_registers(struct pci_device *p)
{
    pci_config_set16(p, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    store_le16(p->writable + PCI_COMMAND, PCI_COMMAND_SERR);
    for (size_t i = 0; i < array_len(stored); i++) {
        memset(p->writable + stored[i].at, 0xff, stored[i].bytes);
    }
    store_le16(p->writable + TSEG_EXTENDED, 0xffff);
    store_le64(p->writable + PCIEXBAR, UINT64_C(0xffc000007));
    store_le32(p->initial + PCIEXBAR, 0xe0000000);
    store_le32(p->config + PCIEXBAR, 0xe0000000);
    memset(p->writable + PAM, 0x33, PAM_REGISTERS);
    p->writable[PAM] = 0x30;
    p->initial[SMRAM] = p->config[SMRAM] = 0x02; /* the segment is at 0xa0000 */
    p->initial[ESMRAMC] = p->config[ESMRAMC] = ESMRAMC_FIXED;
    p->clearable[ESMRAMC] = ESMRAMC_ERROR;
    unlock(p);
}

/* ---- life */

static bool mch_create(struct device *d, struct error *e)
{
    struct pc_function *f = function_of(d);
    if (!f->owner) {
        return error_set(e, "mch: it is a part of q35-pcihost");
    }
    pci_device_init(&f->pci, &pci_class);
    init_registers(&f->pci);
    pam_init(&f->pam, d->machine->memory, f->owner->config.ram, f->owner->config.rom);
    return true;
}

static void mch_destroy(struct device *d)
{
    struct pc_function *f = function_of(d);
    struct space *s = d->machine->memory;
    if (f->ecam) {
        space_remove(s, f->ecam);
    }
    if (f->hole) {
        space_remove(s, f->hole);
    }
    pam_fini(&f->pam);
    pci_device_fini(&f->pci);
}

static void mch_reset(struct device *d)
{
    struct pc_function *f = function_of(d);
    unlock(&f->pci);
    pci_device_reset(&f->pci);
    update(f);
}

static bool mch_check(struct device *d, struct error *e)
{
    unlock(&function_of(d)->pci);
    return pci_device_check(&function_of(d)->pci, e);
}

static void mch_loaded(struct device *d)
{
    struct pc_function *f = function_of(d);
    unlock(&f->pci);
    pci_device_loaded(&f->pci);
    update(f);
}

const struct device_class mch_class = {
    .name = "mch",
    .desc = "Q35 host bridge function",
    .bus = BUS_PCI,
    .size = sizeof(struct pc_function),
    .props = pc_function_props,
    .fields = pc_function_fields,
    .create = mch_create,
    .reset = mch_reset,
    .destroy = mch_destroy,
    .check = mch_check,
    .loaded = mch_loaded,
    .flags = DEVICE_THREAD_SAFE | DEVICE_INTERNAL,
    .kind = &pci_class,
};

/* ---- the host */

static unsigned line(const struct pci_host *h, uint8_t devfn, unsigned pin)
{
    (void)h;
    return ich9_lpc_line(devfn >> 3, pin);
}

static const struct pc_host_kind kind = {"pcie.0", &mch_class, line, smram};

const struct device_class q35_pcihost_class = {
    .name = "q35-pcihost",
    .desc = "Q35 host bridge",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct pc_host),
    .fields = pc_host_fields,
    .create = pc_host_create,
    .reset = pc_host_reset,
    .destroy = pc_host_destroy,
    .flags = DEVICE_THREAD_SAFE | DEVICE_INTERNAL,
    .kind = &kind,
};
