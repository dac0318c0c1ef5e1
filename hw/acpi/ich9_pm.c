/* SPDX-License-Identifier: MIT */
/*
 * The power management registers of ICH9 (data sheet 316972, 13.8): see ich9_pm.h. Events ask for
 * SCI once the OS has taken over (SCI_EN), and for an SMI before. Sleep types that switch off are
 * that of the data sheet and 0, which QEMU's firmware uses. Not modelled: the end of an SMI
 * (another may come at any time), timers of SMIs, USB, GPIO; their bits only store.
 */
#include "hw/acpi/ich9_pm.h"

#include "base/bits.h"
#include "hw/machine.h"

enum {
    PROCESSOR_CONTROL = 0x10,
    SMI_EN = 0x30,
    SMI_STS = 0x34,
    ALT_GPI = 0x38,
    GPE_CONTROL = 0x42,
    PM2_CONTROL = 0x50
};

/* Bits of SMI_EN; those of SMI_STS are at the same places, unless named. */
enum {
    SMI_GLOBAL = 1 << 0,
    SMI_BIOS = 1 << 2,
    SMI_SLEEP = 1 << 4,
    SMI_APM = 1 << 5,
    SMI_BIOS_RELEASE = 1 << 7, /* reads as 0 */
    SMI_TCO = 1 << 13,
    SMI_STORED = 0x6687f,
    SMI_INITIAL = 0x2,
    STATUS_PM1 = 1 << 8, /* as the registers of events say */
    STATUS_GPE = 1 << 9,
    STATUS_CLEARED = 0x687c, /* by writing 1 */
    GPE_CONTROL_STORED = 0x02,
    PM2_CONTROL_STORED = 0x01,
    PROCESSOR_STORED = 0x3fe1e
};

/* ---- SMI# and SCI */

static void raise_smi(struct ich9_pm *p, uint32_t source, unsigned cpu)
{
    if ((p->smi_enable & SMI_GLOBAL) && (p->smi_enable & source) && p->smi.raise) {
        p->smi.raise(p->smi.opaque, cpu, p->broadcast);
    }
}

static void set_smi(struct ich9_pm *p, uint32_t source, unsigned cpu)
{
    p->smi_status |= source;
    raise_smi(p, source, cpu);
}

static void events_changed(struct ich9_pm *p)
{
    const bool pending = acpi_pm_fixed_pending(&p->pm) || acpi_pm_gpe_pending(&p->pm);
    const bool smi = pending && !(p->pm.control & ACPI_PM1_SCI_EN) && (p->smi_enable & SMI_GLOBAL);
    if (smi && !p->event_smi && p->smi.raise) {
        p->smi.raise(p->smi.opaque, 0, p->broadcast);
    }
    p->event_smi = smi;
    p->sci(p->dev, acpi_pm_sci(&p->pm));
}

static struct ich9_pm *of(struct acpi_pm *pm)
{
    return container_of(pm, struct ich9_pm, pm);
}

static void changed(struct acpi_pm *pm)
{
    events_changed(of(pm));
}

static void released(struct acpi_pm *pm)
{
    set_smi(of(pm), SMI_BIOS, 0);
}

void ich9_pm_commanded(struct ich9_pm *p, uint8_t command, unsigned cpu)
{
    if (command == ICH9_ACPI_ENABLE || command == ICH9_ACPI_DISABLE) {
        acpi_pm_set_sci(&p->pm, command == ICH9_ACPI_ENABLE);
    }
    set_smi(p, SMI_APM, cpu);
}

void ich9_pm_tco_smi(struct ich9_pm *p)
{
    set_smi(p, SMI_TCO, 0);
}

/* ---- registers */

static uint32_t tco_word(const struct ich9_pm *p, unsigned first)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++) {
        v |= (uint32_t)tco_read_byte(&p->tco, first + i) << 8 * i;
    }
    return v;
}

static uint32_t smi_status(struct ich9_pm *p)
{
    return p->smi_status | (acpi_pm_fixed_pending(&p->pm) ? STATUS_PM1 : 0u) |
           (acpi_pm_gpe_pending(&p->pm) ? STATUS_GPE : 0u);
}

static uint32_t word_at(struct ich9_pm *p, unsigned offset)
{
    switch (offset) {
    case PROCESSOR_CONTROL:
        return p->processor_control;
    case SMI_EN:
        return p->smi_enable;
    case SMI_STS:
        return smi_status(p);
    case ALT_GPI:
        return p->alt_gpi;
    case GPE_CONTROL & ~3:
        return (uint32_t)p->gpe_control << 16;
    case PM2_CONTROL:
        return p->pm2_control;
    default:
        return 0;
    }
}

static uint64_t pm_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ich9_pm *p = opaque;
    const unsigned word = (unsigned)offset & ~3u;
    uint32_t v;
    (void)size;
    if (word < ACPI_PM_BYTES) {
        v = acpi_pm_read(&p->pm, word);
    } else if (word >= ICH9_PM_TCO) {
        v = tco_word(p, word - ICH9_PM_TCO);
    } else if (word >= ICH9_PM_GPE && word < ICH9_PM_GPE + ICH9_PM_GPE_BYTES) {
        v = acpi_pm_gpe_read(&p->pm, word - ICH9_PM_GPE);
    } else {
        v = word_at(p, word);
    }
    return v >> 8 * (offset & 3);
}

static void smi_enable_written(struct ich9_pm *p, uint32_t value)
{
    const uint32_t fixed = (p->smi_locked ? SMI_GLOBAL : 0u) |
                           (tco_is_locked(&p->tco) ? SMI_TCO : 0u);
    p->smi_enable = (p->smi_enable & fixed) | (value & SMI_STORED & ~fixed);
    if (value & SMI_BIOS_RELEASE) {
        acpi_pm_event(&p->pm, ACPI_PM1_GLOBAL);
    }
    events_changed(p);
}

/* mask: the bits that are written. */
static void word_written(struct ich9_pm *p, unsigned offset, uint32_t value, uint32_t mask)
{
    switch (offset) {
    case PROCESSOR_CONTROL:
        p->processor_control = ((p->processor_control & ~mask) | value) & PROCESSOR_STORED;
        break;
    case SMI_EN:
        smi_enable_written(p, (p->smi_enable & ~mask) | value);
        break;
    case SMI_STS:
        p->smi_status &= ~(value & STATUS_CLEARED);
        break;
    case ALT_GPI: /* the upper half is status */
        p->alt_gpi = ((p->alt_gpi & ~(mask & 0xffff)) | (value & 0xffff)) & ~(value & 0xffff0000);
        break;
    case GPE_CONTROL & ~3:
        p->gpe_control = mask >> 16 & 0xff ? value >> 16 & GPE_CONTROL_STORED : p->gpe_control;
        break;
    case PM2_CONTROL:
        p->pm2_control = mask & 0xff ? value & PM2_CONTROL_STORED : p->pm2_control;
        break;
    default:
        break;
    }
}

/* Firmware may want to be asked before the machine sleeps. */
static void pm1_written(struct ich9_pm *p, unsigned offset, uint8_t value)
{
    if (offset == ACPI_PM1_CONTROL + 1 && (value & ACPI_PM1_SLEEP >> 8) &&
        (p->smi_enable & SMI_SLEEP)) {
        acpi_pm_write_byte(&p->pm, offset, value & (uint8_t) ~(ACPI_PM1_SLEEP >> 8));
        set_smi(p, SMI_SLEEP, 0);
        return;
    }
    acpi_pm_write_byte(&p->pm, offset, value);
}

static void pm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ich9_pm *p = opaque;
    const unsigned shift = 8 * (offset & 3);
    if (offset >= ICH9_PM_TCO) {
        tco_write(&p->tco, (unsigned)offset - ICH9_PM_TCO, (uint32_t)value, size);
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        const unsigned at = (unsigned)offset + i;
        const uint8_t byte = (uint8_t)(value >> 8 * i);
        if (at < ACPI_PM_BYTES) {
            pm1_written(p, at, byte);
        } else if (at >= ICH9_PM_GPE && at < ICH9_PM_GPE + ICH9_PM_GPE_BYTES) {
            acpi_pm_gpe_write_byte(&p->pm, at - ICH9_PM_GPE, byte);
        }
    }
    word_written(p, (unsigned)offset & ~3u, (uint32_t)value << shift,
                 (uint32_t)mask64(8 * size) << shift);
}

const struct mmio_ops ich9_pm_ops = {.read = pm_read, .write = pm_write, .sizes = 1 | 2 | 4};

/* ---- life */

void ich9_pm_init(struct ich9_pm *p, struct device *d, const struct acpi_pm_class *sleep,
                  const struct tco_class *tco)
{
    p->dev = d;
    p->pm_class = *sleep;
    p->pm_class.gpe_bytes = ICH9_PM_GPE_BYTES / 2;
    p->pm_class.changed = changed;
    p->pm_class.released = released;
    acpi_pm_init(&p->pm, d, &p->pm_class);
    tco_init(&p->tco, d, tco);
}

void ich9_pm_fini(struct ich9_pm *p)
{
    tco_fini(&p->tco);
    acpi_pm_fini(&p->pm);
}

void ich9_pm_reset(struct ich9_pm *p)
{
    /* Without SMM firmware takes its code for there already, and sets up none. */
    p->smi_enable = p->smi.raise ? SMI_INITIAL : SMI_INITIAL | SMI_APM;
    p->smi_status = p->processor_control = p->alt_gpi = 0;
    p->gpe_control = p->pm2_control = 0;
    p->event_smi = false;
    acpi_pm_reset(&p->pm);
    tco_reset(&p->tco);
}

void ich9_pm_loaded(struct ich9_pm *p)
{
    acpi_pm_loaded(&p->pm);
}

const struct field ich9_pm_fields[] = {
    FIELD_SKIP(ich9_pm, dev),
    FIELD_KEEP_PARTS(ich9_pm, pm, acpi_pm_fields, acpi_pm),
    FIELD_KEEP_PARTS(ich9_pm, tco, tco_fields, tco),
    FIELD_SKIP(ich9_pm, pm_class),
    FIELD_SKIP(ich9_pm, smi),
    FIELD_SKIP(ich9_pm, sci),
    FIELD_SKIP(ich9_pm, smi_locked),
    FIELD_SKIP(ich9_pm, broadcast),
    FIELD(ich9_pm, event_smi),
    FIELD_MOST(ich9_pm, gpe_control, GPE_CONTROL_STORED),
    FIELD_MOST(ich9_pm, pm2_control, PM2_CONTROL_STORED),
    FIELD_SKIP(ich9_pm, pad),
    FIELD_MOST(ich9_pm, smi_enable, SMI_STORED),
    FIELD_MOST(ich9_pm, smi_status, STATUS_CLEARED),
    FIELD_MOST(ich9_pm, processor_control, PROCESSOR_STORED),
    FIELD(ich9_pm, alt_gpi),
    FIELD_END,
};
