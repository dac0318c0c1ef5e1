/* SPDX-License-Identifier: MIT */
/*
 * Intel's PIIX4 (82371AB data sheet, 290562), function 3: power management and SMBus, as function
 * of a PIIX3. The general-purpose events are at fixed ports as well as in the block of PMBASE.
 * Not modelled: device monitors, timers and traps of idle devices, throttling, stop grants (their
 * registers only store), the end of an SMI (another may come at any time).
 */
#include "hw/acpi/piix4_pm.h"

#include "base/log.h"
#include "hw/acpi/pci_plug.h"
#include "hw/classes.h"
#include "hw/i2c/smbus_host.h"
#include "hw/isa/apm.h"
#include "hw/isa/config_rows.h"
#include "hw/isa/window.h"
#include "hw/pci/pci_regs.h"

enum { /* in configuration space */
    PMBASE = 0x40,
    DEVACTB = 0x58,
    DEVACTB_APMC_EN = 1 << 25,
    PMREGMISC = 0x80,
    SMBBASE = 0x90,
    SMBHSTCFG = 0xd2,
    SMBHSTCFG_IRQ9 = 0x08,
    SMBHSTCFG_SELECT = 0x0e
};

enum { /* in the block of PMBASE */
    GPE = 0x0c,
    PROCESSOR_CONTROL = 0x10,
    GLOBAL_STATUS = 0x18,
    GLOBAL_ENABLE = 0x20,
    GLOBAL_CONTROL = 0x28,
    DEVICE_CONTROL = 0x2c,
    GP_OUTPUT = 0x34,
    PM_BYTES = 0x40,
    SMB_BYTES = 0x10,
    BASE_MASK = 0xffc0,
    SMB_BASE_MASK = 0xfff0
};

enum {
    STATUS_BIOS = 1 << 0,
    STATUS_APM = 1 << 5,
    ENABLE_BIOS = 1 << 1,
    CONTROL_SMI = 1 << 0,
    CONTROL_BIOS_RELEASE = 1 << 1
};

static const struct config_row piix4_rows[] = {
    {PCI_STATUS, 2, 0x0280, 0, 0x3800},
    {PMBASE, 4, 0x00000001, BASE_MASK, 0},
    {0x44, 4, 0, 0xffffffff, 0}, /* counts and selections of device monitors */
    {0x48, 4, 0, 0xffffffff, 0},
    {0x4c, 4, 0, 0xffffffff, 0},
    {0x50, 4, 0, 0xffffffff, 0},
    {0x54, 4, 0, 0xffffffff, 0},
    {DEVACTB, 4, 0, 0xffffffff, 0},
    {0x5c, 4, 0, 0xffffffff, 0},
    {0x60, 4, 0x60000000, 0xffffffff, 0}, /* the serial and the parallel port are decoded */
    {0x64, 4, 0x98000000, 0xffffffff, 0},
    {0x68, 4, 0, 0xffffffff, 0},
    {0x6c, 4, 0, 0xffffffff, 0},
    {0x70, 4, 0, 0xffffffff, 0},
    {0x74, 4, 0, 0xffffffff, 0},
    {0x78, 4, 0, 0xffffffff, 0},
    {0x7c, 4, 0, 0xffffffff, 0},
    {PMREGMISC, 1, 0, 0x01, 0},
    {SMBBASE, 4, 0x00000001, SMB_BASE_MASK, 0},
    {SMBHSTCFG, 1, 0, 0x0f, 0},
    {0xd3, 1, 0, 0xff, 0}, /* slave interface */
    {0xd4, 2, 0, 0xffff, 0},
};

struct piix4_pm {
    struct pci_device pci; /* first */
    struct acpi_pm pm;
    struct smbus_host smbus;
    struct apm apm;
    struct acpi_pci_plug plug;

    /* Properties. */
    uint8_t disable_s3, disable_s4, s4_val;
    bool has_plug;
    uint8_t pad[4];

    /* No state. */
    struct acpi_pm_class pm_class;
    struct acpi_smi smi;
    struct space *ports;
    struct window pm_window, smb_window;
    const struct mem_range *gpe_range;
    bool smbus_level;
    uint8_t pad2[3];

    /* State; under the machine's lock. */
    uint32_t registers[PM_BYTES / 4]; /* those that are stored */
    uint32_t pad3;
};

static struct piix4_pm *of(struct device *d)
{
    assert(d->cls == &piix4_pm_class);
    return (struct piix4_pm *)d;
}

void piix4_pm_connect(struct device *d, struct space *ports, const struct acpi_smi *smi)
{
    of(d)->ports = ports;
    of(d)->smi = *smi;
}

struct acpi_pm *piix4_pm(struct device *d)
{
    return &of(d)->pm;
}

/* ---- SCI and SMI# */

static bool smbus_interrupts(const struct piix4_pm *p)
{
    return p->smbus_level && (p->pci.config[SMBHSTCFG] & SMBHSTCFG_SELECT) == SMBHSTCFG_IRQ9;
}

static void drive(struct device *d)
{
    struct piix4_pm *p = of(d);
    irq_set(&d->irq[0], acpi_pm_sci(&p->pm) || smbus_interrupts(p));
}

static void events_changed(struct acpi_pm *pm)
{
    drive(pm->dev);
}

static void smbus_interrupt(struct device *d, bool level)
{
    of(d)->smbus_level = level;
    drive(d);
}

static void raise_smi(struct piix4_pm *p, unsigned cpu)
{
    if ((p->registers[GLOBAL_CONTROL / 4] & CONTROL_SMI) && p->smi.raise) {
        p->smi.raise(p->smi.opaque, cpu, false);
    }
}

static void global_lock_released(struct acpi_pm *pm)
{
    struct piix4_pm *p = of(pm->dev);
    p->registers[GLOBAL_STATUS / 4] |= STATUS_BIOS;
    if (p->registers[GLOBAL_ENABLE / 4] & ENABLE_BIOS) {
        raise_smi(p, 0);
    }
}

static void commanded(struct device *d, uint8_t command, unsigned cpu)
{
    struct piix4_pm *p = of(d);
    if (command == PIIX4_ACPI_ENABLE || command == PIIX4_ACPI_DISABLE) {
        acpi_pm_set_sci(&p->pm, command == PIIX4_ACPI_ENABLE);
    }
    if (load_le32(p->pci.config + DEVACTB) & DEVACTB_APMC_EN) {
        p->registers[GLOBAL_STATUS / 4] |= STATUS_APM;
        raise_smi(p, cpu);
    }
}

/* ---- the block of PMBASE */

static const uint32_t storing[PM_BYTES / 4] = {
    [PROCESSOR_CONTROL / 4] = 0x00023e1e, [GLOBAL_ENABLE / 4] = 0x0000ff07,
    [GLOBAL_CONTROL / 4] = 0x07ffff7d,    [DEVICE_CONTROL / 4] = 0x3fffffff,
    [GP_OUTPUT / 4] = 0x7fffffff,
};

static uint64_t pm_read(void *opaque, uint64_t offset, unsigned size)
{
    struct piix4_pm *p = opaque;
    const unsigned word = (unsigned)offset & ~3u;
    const uint32_t v = word < ACPI_PM_BYTES ? acpi_pm_read(&p->pm, word)
                       : word == GPE        ? acpi_pm_gpe_read(&p->pm, 0)
                                            : p->registers[word / 4];
    (void)size;
    return v >> 8 * (offset & 3);
}

static void register_written(struct piix4_pm *p, unsigned offset, uint8_t value)
{
    const unsigned shift = 8 * (offset & 3);
    uint32_t *r = &p->registers[offset / 4];
    const uint32_t bits = (uint32_t)value << shift, mask = storing[offset / 4] & 0xffu << shift;
    *r = (*r & ~mask) | (bits & mask);
    if (offset / 4 == GLOBAL_STATUS / 4) {
        *r &= ~bits;
    } else if (offset == GLOBAL_CONTROL && (value & CONTROL_BIOS_RELEASE)) {
        acpi_pm_event(&p->pm, ACPI_PM1_GLOBAL);
    }
}

static void pm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct piix4_pm *p = opaque;
    for (unsigned i = 0; i < size; i++, value >>= 8) {
        const unsigned at = (unsigned)offset + i;
        if (at < ACPI_PM_BYTES) {
            acpi_pm_write_byte(&p->pm, at, (uint8_t)value);
        } else if (at < GPE + PIIX4_GPE_BYTES) {
            acpi_pm_gpe_write_byte(&p->pm, at - GPE, (uint8_t)value);
        } else {
            register_written(p, at, (uint8_t)value);
        }
    }
}

static const struct mmio_ops pm_ops = {.read = pm_read, .write = pm_write, .sizes = 1 | 2 | 4};

static uint64_t gpe_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct piix4_pm *p = opaque;
    (void)size;
    return acpi_pm_gpe_read(&p->pm, 0) >> 8 * offset;
}

static void gpe_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    pm_write(opaque, GPE + offset, value, size);
}

static const struct mmio_ops gpe_ops = {.read = gpe_read, .write = gpe_write, .sizes = 1 | 2 | 4};

/* ---- configuration space */

/* The ranges are where the configuration says. */
static void place_ranges(struct piix4_pm *p)
{
    const uint8_t *c = p->pci.config;
    const struct mem_range pm = {.base = load_le16(c + PMBASE) & BASE_MASK,
                                 .size = PM_BYTES,
                                 .kind = RANGE_MMIO,
                                 .name = "piix4-pm",
                                 .ops = &pm_ops,
                                 .opaque = p,
                                 .lock = p->pci.dev.machine->lock};
    const struct mem_range smb = {.base = load_le16(c + SMBBASE) & SMB_BASE_MASK,
                                  .size = SMB_BYTES,
                                  .kind = RANGE_MMIO,
                                  .name = "piix4-smbus",
                                  .ops = &smbus_host_ops,
                                  .opaque = &p->smbus,
                                  .lock = p->pci.dev.machine->lock};
    window_move(&p->pm_window, p->ports, c[PMREGMISC] & 1 ? &pm : NULL);
    window_move(&p->smb_window, p->ports, c[SMBHSTCFG] & 1 ? &smb : NULL);
}

static void config_written(struct device *d, unsigned offset, unsigned size)
{
    (void)size;
    if (offset >= PMBASE) {
        os_mutex_lock(d->machine->lock);
        place_ranges(of(d));
        drive(d);
        os_mutex_unlock(d->machine->lock);
    }
}

static const struct pci_class piix4_pci = {
    .vendor = 0x8086,
    .device = 0x7113,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x068000,
    .revision = 3,
    .interrupt_pin = 1,
    .config_written = config_written,
};

/* ---- life */

static bool piix4_create(struct device *d, struct error *e)
{
    struct piix4_pm *p = of(d);
    p->pm_class = (struct acpi_pm_class){.gpe_bytes = PIIX4_GPE_BYTES / 2,
                                         .off_types = 1 << 0,
                                         .suspend_types = 1 << 1,
                                         .changed = events_changed,
                                         .released = global_lock_released};
    if (!acpi_pm_set_types(&p->pm_class, p->disable_s3, p->disable_s4, p->s4_val, e)) {
        return false;
    }
    pci_device_init(&p->pci, &piix4_pci);
    config_rows_add(&p->pci, piix4_rows, array_len(piix4_rows));
    if (!p->smi.raise) { /* firmware takes its SMM code for there already, and sets up none */
        store_le32(p->pci.initial + DEVACTB, DEVACTB_APMC_EN);
    }
    acpi_pm_init(&p->pm, d, &p->pm_class);
    smbus_host_init(&p->smbus, d, false, smbus_interrupt);
    apm_init(&p->apm, d, commanded);
    apm_map(&p->apm, p->ports);
    if (p->has_plug) {
        acpi_pci_plug_init(&p->plug, &p->pm, p->pci.bus, p->ports);
    }
    p->gpe_range = space_add(p->ports, &(struct mem_range){.base = PIIX4_GPE_BASE,
                                                           .size = PIIX4_GPE_BYTES,
                                                           .kind = RANGE_MMIO,
                                                           .name = "acpi-gpe0",
                                                           .ops = &gpe_ops,
                                                           .opaque = p,
                                                           .lock = d->machine->lock});
    return true;
}

static void piix4_destroy(struct device *d)
{
    struct piix4_pm *p = of(d);
    window_move(&p->pm_window, p->ports, NULL);
    window_move(&p->smb_window, p->ports, NULL);
    space_remove(p->ports, p->gpe_range);
    acpi_pci_plug_fini(&p->plug);
    apm_unmap(&p->apm, p->ports);
    smbus_host_fini(&p->smbus);
    acpi_pm_fini(&p->pm);
    pci_device_fini(&p->pci);
}

static void piix4_reset(struct device *d)
{
    struct piix4_pm *p = of(d);
    pci_device_reset(&p->pci);
    acpi_pm_reset(&p->pm);
    smbus_host_reset(&p->smbus);
    apm_reset(&p->apm);
    acpi_pci_plug_reset(&p->plug);
    place_ranges(p);
}

static void piix4_settle(struct device *d)
{
    acpi_pm_settle(&of(d)->pm);
}

static bool piix4_check(struct device *d, struct error *e)
{
    return pci_device_check(&of(d)->pci, e);
}

static void piix4_loaded(struct device *d)
{
    struct piix4_pm *p = of(d);
    pci_device_loaded(&p->pci);
    place_ranges(p);
    smbus_host_loaded(&p->smbus);
    acpi_pm_loaded(&p->pm);
}

static const struct prop piix4_props[] = {
    PCI_PROPS(piix4_pm, pci),
    ACPI_PM_PROPS(piix4_pm),
    {"acpi-root-pci-hotplug", PROP_BOOL, offsetof(struct piix4_pm, has_plug), "on",
     "devices come to the root bus and go while the machine runs", NULL},
    PROP_END,
};

static const struct field piix4_fields[] = {
    PCI_FIELDS(piix4_pm, pci),
    FIELD_KEEP_PARTS(piix4_pm, pm, acpi_pm_fields, acpi_pm),
    FIELD_KEEP_PARTS(piix4_pm, smbus, smbus_host_fields, smbus_host),
    FIELD_KEEP_PARTS(piix4_pm, apm, apm_fields, apm),
    FIELD_KEEP_PARTS(piix4_pm, plug, acpi_pci_plug_fields, acpi_pci_plug),
    FIELD_SKIP(piix4_pm, has_plug),
    FIELD_SKIP(piix4_pm, pad),
    FIELD_SKIP(piix4_pm, pm_class),
    FIELD_SKIP(piix4_pm, smi),
    FIELD_SKIP(piix4_pm, ports),
    FIELD_SKIP(piix4_pm, pm_window),
    FIELD_SKIP(piix4_pm, smb_window),
    FIELD_SKIP(piix4_pm, gpe_range),
    FIELD_SKIP(piix4_pm, smbus_level),
    FIELD_SKIP(piix4_pm, pad2),
    FIELD(piix4_pm, registers),
    FIELD_SKIP(piix4_pm, pad3),
    FIELD_END,
};

const struct device_class piix4_pm_class = {
    .name = "PIIX4_PM",
    .desc = "ACPI power management and SMBus",
    .bus = BUS_PCI,
    .size = sizeof(struct piix4_pm),
    .props = piix4_props,
    .fields = piix4_fields,
    .create = piix4_create,
    .reset = piix4_reset,
    .destroy = piix4_destroy,
    .settle = piix4_settle,
    .check = piix4_check,
    .loaded = piix4_loaded,
    .flags = DEVICE_THREAD_SAFE,
    .kind = &piix4_pci,
};
