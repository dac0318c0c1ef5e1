/* SPDX-License-Identifier: MIT */
/*
 * The LPC bridge of ICH9 (Intel I/O Controller Hub 9 data sheet, 316972, chapters 10 and 13):
 * interrupt router, root complex registers, port 0xb2, and the block at PMBASE, which is
 * hw/acpi/ich9_pm.c. The reset control is with PCI's configuration ports. Which line a device's
 * pins are led to is fixed: the registers say what they are at reset, and keep to it. Not modelled:
 * GPIO, decoding of LPC addresses, protection of flash (their registers only store).
 *
 * What firmware can ask SMIs to be is agreed upon by files of fw_cfg, as QEMU's firmware does.
 */
#include "hw/isa/ich9_lpc.h"

#include "base/log.h"
#include "base/mem.h"
#include "hw/classes.h"
#include "hw/isa/apm.h"
#include "hw/isa/config_rows.h"
#include "hw/isa/pirq.h"
#include "hw/isa/window.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/pci_regs.h"

#define PIRQS 8
#define SCI_LINE 8 /* of the router, behind those of PCI */

enum { /* in configuration space */
    PMBASE = 0x40,
    ACPI_CONTROL = 0x44,
    ACPI_CONTROL_ON = 0x80,
    ROUTE_A = 0x60,
    ROUTE_E = 0x68,
    GEN_PMCON_1 = 0xa0,
    SMI_LOCK = 0x10,
    RCBA = 0xf0
};

static const struct config_row lpc_rows[] = {
    {PCI_COMMAND, 2, 0x0007, 0x0140, 0},
    {PCI_STATUS, 2, 0x0200, 0, 0xf900},
    {PMBASE, 4, 0x00000001, 0xff80, 0},
    {ACPI_CONTROL, 1, 0, 0x87, 0},
    {0x48, 4, 0x00000001, 0xffc0, 0}, /* GPIOBASE */
    {0x4c, 1, 0, 0x11, 0},
    {ROUTE_A, 4, 0x80808080, 0x8f8f8f8f, 0},
    {0x64, 1, 0x10, 0xc3, 0}, /* serial interrupts */
    {ROUTE_E, 4, 0x80808080, 0x8f8f8f8f, 0},
    {0x6c, 2, 0x00f8, 0xffff, 0},
    {0x80, 2, 0, 0x1377, 0}, /* LPC decoding */
    {0x82, 2, 0, 0x3f0f, 0},
    {0x84, 4, 0, 0x00fcfffd, 0},
    {0x88, 4, 0, 0x00fcfffd, 0},
    {0x8c, 4, 0, 0x00fcfffd, 0},
    {0x90, 4, 0, 0x00fcfffd, 0},
    {GEN_PMCON_1, 2, 0, 0x04bf, 0},
    {0xa4, 2, 0, 0x00f1, 0},
    {0xa6, 1, 0, 0x06, 0},
    {0xb8, 4, 0, 0xffffffff, 0},
    {0xd0, 4, 0x00112233, 0xffffffff, 0}, /* firmware hub */
    {0xd4, 2, 0x4567, 0xffff, 0},
    {0xd8, 2, 0xffcf, 0xffcf, 0},
    {0xdc, 1, 0, 0x23, 0},
    {RCBA, 4, 0, 0xffffc001, 0},
};

/* Negotiation of SMIs. */
enum {
    FEATURE_BROADCAST = 1 << 0,
    FEATURE_BYTES = 8
};

struct ich9_lpc {
    struct pci_device pci; /* first */
    struct ich9_pm pm;
    struct apm apm;

    /* Properties. */
    uint8_t disable_s3, disable_s4, s4_val;
    bool noreboot, smi_broadcast;
    uint8_t pad[3];

    /* No state. */
    struct ich9_lpc_config config;
    struct pirq pirq;
    struct irq sci_line;
    struct window pm_window, root_window;

    /* State; under the machine's lock. */
    uint32_t control_status;          /* GCS of the root complex */
    uint32_t hpet_config;             /* HPTC */
    uint64_t granted;                 /* FEATURE_ */
    uint8_t requested[FEATURE_BYTES]; /* a file that firmware writes */
    uint8_t agreed;                   /* granted is what it has asked for, and stays so */
    uint8_t pad2[7];
};

static struct ich9_lpc *of(const struct device *d)
{
    assert(d->cls == &ich9_lpc_class);
    return (struct ich9_lpc *)(uintptr_t)d;
}

void ich9_lpc_configure(struct device *d, const struct ich9_lpc_config *c)
{
    of(d)->config = *c;
}

struct irq ich9_lpc_pirq(struct device *d, unsigned n)
{
    assert(n < PIRQS);
    return pirq_input(&of(d)->pirq, n);
}

struct acpi_pm *ich9_lpc_pm(struct device *d)
{
    return &of(d)->pm.pm;
}

/* ---- interrupts */

/* Functions of ICH9 itself are in slots 25 to 31, with routes of their own; PCI behind the bridge
 * in slot 30 and all other slots have E to H. */
unsigned ich9_lpc_line(unsigned slot, unsigned pin)
{
    if (slot == 30) {
        return 4 + (pin - 1) % 4;
    }
    return slot >= 25 ? (pin - 1) % 4 : 4 + (slot + pin - 1) % 4;
}

static void set_sci(struct device *d, bool level)
{
    irq_set(&of(d)->sci_line, level);
}

/* ACPI_CNTL, 13.1.12: interrupts 9 to 11, or 20 to 23, which are inputs of the I/O APIC only. */
static void apply_sci_route(struct ich9_lpc *l)
{
    const unsigned select = l->pci.config[ACPI_CONTROL] & 7;
    if (select >= 4) {
        pirq_set_route(&l->pirq, SCI_LINE, PIRQ_NOWHERE, (uint8_t)(20 + select - 4));
    } else {
        pirq_set_route(&l->pirq, SCI_LINE, (uint8_t)(9 + (select < 3 ? select : 0)), 0);
    }
}

static void apply_routes(struct ich9_lpc *l)
{
    for (unsigned n = 0; n < PIRQS; n++) {
        const unsigned at = n < 4 ? ROUTE_A + n : ROUTE_E + n - 4;
        pirq_set_route(&l->pirq, n, l->pci.config[at], (uint8_t)(16 + n));
    }
    apply_sci_route(l);
}

/* ---- SMIs */

static bool may_reset(const struct device *d)
{
    return !(of(d)->control_status & 1 << 5);
}

static void tco_smi(struct device *d)
{
    ich9_pm_tco_smi(&of(d)->pm);
}

static void commanded(struct device *d, uint8_t command, unsigned cpu)
{
    ich9_pm_commanded(&of(d)->pm, command, cpu);
}

static uint64_t supported(const struct ich9_lpc *l)
{
    return l->smi_broadcast ? FEATURE_BROADCAST : 0;
}

/* Firmware looks at "etc/smi/features-ok": it gets 1 if it has asked for nothing impossible. */
static void agree(void *opaque)
{
    struct ich9_lpc *l = opaque;
    const uint64_t wanted = load_le64(l->requested);
    if (l->agreed) {
        return;
    }
    if (wanted & ~supported(l)) {
        log_guest(l->pci.dev.cls->name, "firmware asks SMIs for 0x%llx, and there is 0x%llx",
                  (unsigned long long)wanted, (unsigned long long)supported(l));
        return;
    }
    l->agreed = 1;
    l->granted = wanted;
    l->pm.broadcast = wanted & FEATURE_BROADCAST;
}

static bool add_files(struct ich9_lpc *l, struct error *e)
{
    struct device *f = l->config.fw_cfg;
    if (!f || !supported(l)) {
        return true;
    }
    uint8_t *bytes = mem_alloc(FEATURE_BYTES);
    store_le64(bytes, supported(l));
    return fw_cfg_add_file(f, "etc/smi/supported-features", bytes, FEATURE_BYTES, e) &&
           fw_cfg_add_writable(f, "etc/smi/requested-features", l->requested, FEATURE_BYTES, e) &&
           fw_cfg_add_shown(f, "etc/smi/features-ok", &l->agreed, 1,
                            &(struct fw_cfg_watcher){agree, l}, e);
}

/* ---- the root complex: memory at RCBA */

#define ROOT_BYTES 0x4000

enum {
    DEVICE_PINS = 0x3100,
    DEVICE_ROUTES = 0x3140,
    HPET_CONFIG = 0x3404,
    CONTROL_STATUS = 0x3410,
    HPET_CONFIG_STORED = 0x83,
    CONTROL_STATUS_STORED = 0x0e64
};

static uint32_t root_word(const struct ich9_lpc *l, unsigned offset)
{
    /* Pins of the functions of devices 31 to 25, and the lines that their pins are led to; four
     * bits each. */
    static const uint32_t pins[] = {0x03243200, 0x00000000, 0x10004321, 0x00214321,
                                    0x00000001, 0x30000321, 0x00000001};
    static const uint32_t routes[] = {0x00003210, 0x32103210, 0x00003210, 0x00003210, 0x00003210};
    if (offset >= DEVICE_PINS && offset < DEVICE_PINS + sizeof(pins)) {
        return pins[(offset - DEVICE_PINS) / 4];
    }
    if (offset >= DEVICE_ROUTES && offset < DEVICE_ROUTES + sizeof(routes)) {
        return routes[(offset - DEVICE_ROUTES) / 4];
    }
    return offset == HPET_CONFIG      ? l->hpet_config
           : offset == CONTROL_STATUS ? l->control_status
                                      : 0;
}

static uint64_t root_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return root_word(opaque, (unsigned)offset & ~3u) >> 8 * (offset & 3);
}

static void root_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ich9_lpc *l = opaque;
    const unsigned shift = 8 * (offset & 3), word = (unsigned)offset & ~3u;
    const uint32_t mask = (uint32_t)(mask64(8 * size) << shift);
    const uint32_t bits = (uint32_t)(value << shift) & mask;
    if (word == HPET_CONFIG) {
        l->hpet_config = ((l->hpet_config & ~mask) | bits) & HPET_CONFIG_STORED;
    } else if (word == CONTROL_STATUS) {
        l->control_status = ((l->control_status & ~mask) | bits) & CONTROL_STATUS_STORED;
    } else {
        log_unimp(l->pci.dev.cls->name, "write of 0x%llx at 0x%x of the root complex",
                  (unsigned long long)value, (unsigned)offset);
    }
}

static const struct mmio_ops root_ops = {
    .read = root_read, .write = root_write, .sizes = 1 | 2 | 4};

/* ---- configuration space */

static void place_ranges(struct ich9_lpc *l)
{
    const uint8_t *c = l->pci.config;
    struct device *d = &l->pci.dev;
    const struct mem_range pm = {.base = load_le16(c + PMBASE) & 0xff80,
                                 .size = ICH9_PM_BYTES,
                                 .kind = RANGE_MMIO,
                                 .name = "ich9-pm",
                                 .ops = &ich9_pm_ops,
                                 .opaque = &l->pm,
                                 .lock = d->machine->lock};
    const struct mem_range root = {.base = load_le32(c + RCBA) & ~(uint32_t)(ROOT_BYTES - 1),
                                   .size = ROOT_BYTES,
                                   .kind = RANGE_MMIO,
                                   .priority = 1,
                                   .name = "ich9-rcba",
                                   .ops = &root_ops,
                                   .opaque = l,
                                   .lock = d->machine->lock};
    window_move(&l->pm_window, l->config.ports, c[ACPI_CONTROL] & ACPI_CONTROL_ON ? &pm : NULL);
    window_move(&l->root_window, d->machine->memory, c[RCBA] & 1 ? &root : NULL);
}

/* Once set, the lock of SMIs stays until the next reset. */
static void apply_smi_lock(struct ich9_lpc *l)
{
    l->pm.smi_locked = l->pci.config[GEN_PMCON_1] & SMI_LOCK;
    if (l->pm.smi_locked) {
        l->pci.writable[GEN_PMCON_1] &= (uint8_t)~SMI_LOCK;
    } else {
        l->pci.writable[GEN_PMCON_1] |= SMI_LOCK;
    }
}

static void apply_config(struct ich9_lpc *l)
{
    apply_smi_lock(l);
    apply_routes(l);
    place_ranges(l);
}

static void config_written(struct device *d, unsigned offset, unsigned size)
{
    (void)size;
    if (offset >= PMBASE) {
        os_mutex_lock(d->machine->lock);
        apply_config(of(d));
        os_mutex_unlock(d->machine->lock);
    }
}

static const struct pci_class lpc_pci = {
    .vendor = 0x8086,
    .device = 0x2918,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x060100,
    .revision = 2,
    .config_written = config_written,
};

/* ---- life */

static bool lpc_create(struct device *d, struct error *e)
{
    struct ich9_lpc *l = of(d);
    struct acpi_pm_class sleep = {.off_types = 1 << 0 | 1 << 7, .suspend_types = 1 << 1 | 1 << 5};
    static const struct tco_class tco = {tco_smi, may_reset};
    if (!acpi_pm_set_types(&sleep, l->disable_s3, l->disable_s4, l->s4_val, e) ||
        !add_files(l, e)) {
        return false;
    }
    l->pci.multifunction = true;
    pci_device_init(&l->pci, &lpc_pci);
    config_rows_add(&l->pci, lpc_rows, array_len(lpc_rows));
    pirq_init(&l->pirq);
    pirq_connect(&l->pirq, l->config.inputs, PIRQ_OUTPUTS);
    l->sci_line = pirq_input(&l->pirq, SCI_LINE);
    l->pm.sci = set_sci;
    l->pm.smi = l->config.smi;
    ich9_pm_init(&l->pm, d, &sleep, &tco);
    apm_init(&l->apm, d, commanded);
    apm_map(&l->apm, l->config.ports);
    return true;
}

static void lpc_destroy(struct device *d)
{
    struct ich9_lpc *l = of(d);
    window_move(&l->pm_window, l->config.ports, NULL);
    window_move(&l->root_window, d->machine->memory, NULL);
    apm_unmap(&l->apm, l->config.ports);
    ich9_pm_fini(&l->pm);
    pirq_fini(&l->pirq);
    pci_device_fini(&l->pci);
}

static void lpc_reset(struct device *d)
{
    struct ich9_lpc *l = of(d);
    l->pci.writable[GEN_PMCON_1] |= SMI_LOCK;
    pci_device_reset(&l->pci);
    l->control_status = l->noreboot ? 1 << 5 : 0;
    l->pm.broadcast = false;
    ich9_pm_reset(&l->pm);
    apm_reset(&l->apm);
    apply_config(l);
}

static void lpc_settle(struct device *d)
{
    acpi_pm_settle(&of(d)->pm.pm);
}

static bool lpc_check(struct device *d, struct error *e)
{
    struct ich9_lpc *l = of(d);
    const uint8_t writable = l->pci.writable[GEN_PMCON_1];
    if (l->granted & ~supported(l)) {
        return error_set(e, "its SMIs were agreed to do what they cannot here");
    }
    l->pci.writable[GEN_PMCON_1] |= SMI_LOCK; /* it may have been set, or not, in either state */
    const bool good = pci_device_check(&l->pci, e);
    l->pci.writable[GEN_PMCON_1] = writable;
    return good;
}

static void lpc_loaded(struct device *d)
{
    struct ich9_lpc *l = of(d);
    pci_device_loaded(&l->pci);
    l->pm.broadcast = l->granted & FEATURE_BROADCAST;
    apply_config(l);
    ich9_pm_loaded(&l->pm);
}

static const struct prop lpc_props[] = {
    PCI_PROPS(ich9_lpc, pci),
    ACPI_PM_PROPS(ich9_lpc),
    {"noreboot", PROP_BOOL, offsetof(struct ich9_lpc, noreboot), "off",
     "the watchdog cannot reset the machine, until software allows it", NULL},
    {"x-smi-broadcast", PROP_BOOL, offsetof(struct ich9_lpc, smi_broadcast), "on",
     "firmware may have SMIs go to all CPUs", NULL},
    PROP_END,
};

static const struct field lpc_fields[] = {
    PCI_FIELDS(ich9_lpc, pci),
    FIELD_KEEP_PARTS(ich9_lpc, pm, ich9_pm_fields, ich9_pm),
    FIELD_KEEP_PARTS(ich9_lpc, apm, apm_fields, apm),
    FIELD_SKIP(ich9_lpc, pad),
    FIELD_SKIP(ich9_lpc, config),
    FIELD_SKIP(ich9_lpc, pirq),
    FIELD_SKIP(ich9_lpc, sci_line),
    FIELD_SKIP(ich9_lpc, pm_window),
    FIELD_SKIP(ich9_lpc, root_window),
    FIELD_MOST(ich9_lpc, control_status, CONTROL_STATUS_STORED),
    FIELD_MOST(ich9_lpc, hpet_config, HPET_CONFIG_STORED),
    FIELD(ich9_lpc, granted),
    FIELD(ich9_lpc, requested),
    FIELD_MOST(ich9_lpc, agreed, 1),
    FIELD_SKIP(ich9_lpc, pad2),
    FIELD_END,
};

const struct device_class ich9_lpc_class = {
    .name = "ICH9-LPC",
    .desc = "LPC bridge with ACPI power management",
    .bus = BUS_PCI,
    .size = sizeof(struct ich9_lpc),
    .props = lpc_props,
    .fields = lpc_fields,
    .create = lpc_create,
    .reset = lpc_reset,
    .destroy = lpc_destroy,
    .settle = lpc_settle,
    .check = lpc_check,
    .loaded = lpc_loaded,
    .flags = DEVICE_THREAD_SAFE,
    .kind = &lpc_pci,
};
