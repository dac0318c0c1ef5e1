/* SPDX-License-Identifier: MIT */
/*
 * The watchdog of Intel's 6300ESB I/O controller (datasheet 300641, chapter 15): two stages count
 * down one after the other; when the second ends, the machine does what -action watchdog= says. A
 * write of the registers in memory must be unlocked by 0x80 and 0x86 before it.
 *
 * Not modelled: the interrupts of the first stage (their type only stores), the output's pin.
 */
#include "base/bits.h"
#include "base/log.h"
#include "hw/classes.h"
#include "hw/pci/pci.h"

enum {
    TIMER1 = 0x0, /* in memory: what the stages begin with, 20 bits */
    TIMER2 = 0x4,
    INTERRUPT = 0x8,
    RELOAD = 0xc,
    BAR_BYTES = 16
};
enum {
    RELOAD_NOW = 0x100,
    TIMED_OUT = 0x200 /* the last reset was the watchdog's; written as 1 it is cleared */
};
enum {
    CONFIG = 0x60,          /* in configuration space, 16 bits */
    CONFIG_FAST = 1 << 2,   /* counts microseconds in place of milliseconds */
    CONFIG_SILENT = 1 << 5, /* the end of the second stage does nothing */
    CONFIG_WRITABLE = 0x27,
    LOCK = 0x68, /* 8 bits */
    LOCKED = 1 << 0,
    ENABLED = 1 << 1,
    FREE_RUNNING = 1 << 2,
    LOCK_WRITABLE = 7
};

#define PRELOAD_MAX 0xfffff
#define BUS_MHZ 33

struct i6300esb {
    struct pci_device pci; /* first */

    /* State; under the machine's lock. */
    uint32_t preload[2];
    uint8_t stage;    /* 1, 2 */
    uint8_t unlocked; /* how many of the two values came */
    bool timed_out;
    bool was_enabled; /* as the lock register was when it was last looked at */
    uint32_t pad;
    struct clock_timer *timer;
};

static struct i6300esb *of(void *d)
{
    return d;
}

/* ---- counting */

/* A count is 2^15 or 2^5 cycles of the bus. */
static uint64_t stage_ns(const struct i6300esb *w)
{
    const bool fast = load_le16(w->pci.config + CONFIG) & CONFIG_FAST;
    const uint64_t cycles = (uint64_t)w->preload[w->stage - 1] << (fast ? 5 : 15);
    return cycles * 1000 / BUS_MHZ;
}

static void begin_stage(struct i6300esb *w, uint8_t stage)
{
    struct clock *c = w->pci.dev.clock;
    w->stage = stage;
    clock_timer_set(w->timer, clock_now_ns(c) + stage_ns(w));
}

static void stop(struct i6300esb *w)
{
    w->stage = 1;
    clock_timer_cancel(w->timer);
}

static bool enabled(const struct i6300esb *w)
{
    return w->pci.config[LOCK] & ENABLED;
}

static void stage_over(void *opaque)
{
    struct i6300esb *w = opaque;
    struct power *power = w->pci.dev.machine->power;
    os_mutex_lock(w->pci.dev.machine->lock);
    const bool second = w->stage == 2;
    const bool acts = second && !(load_le16(w->pci.config + CONFIG) & CONFIG_SILENT);
    if (!second) {
        begin_stage(w, 2);
    } else if (w->pci.config[LOCK] & FREE_RUNNING) {
        begin_stage(w, 1);
    } else {
        stop(w);
    }
    w->timed_out |= acts;
    os_mutex_unlock(w->pci.dev.machine->lock);
    if (acts) {
        power->request(power, POWER_WATCHDOG);
    }
}

/* ---- registers in memory */

static uint64_t esb_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct i6300esb *w = opaque;
    (void)size;
    return offset == RELOAD && w->timed_out ? TIMED_OUT : 0; /* the others are write-only */
}

/* Whether this write is one of the two values; else whether they came before it. */
static bool unlocks(struct i6300esb *w, uint64_t offset, uint64_t value)
{
    if (offset == RELOAD && value == 0x80) {
        w->unlocked = 1;
        return true;
    }
    if (offset == RELOAD && value == 0x86 && w->unlocked == 1) {
        w->unlocked = 2;
        return true;
    }
    return false;
}

static void esb_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i6300esb *w = opaque;
    (void)size;
    if (unlocks(w, offset, value)) {
        return;
    }
    if (w->unlocked != 2) {
        log_guest(w->pci.dev.cls->name, "0x%llx written at 0x%llx, which is locked",
                  (unsigned long long)value, (unsigned long long)offset);
        return;
    }
    w->unlocked = 0;
    if (offset == TIMER1 || offset == TIMER2) {
        w->preload[offset / 4] = (uint32_t)value & PRELOAD_MAX;
    } else if (offset == RELOAD) {
        if (value & TIMED_OUT) {
            w->timed_out = false;
        }
        if ((value & RELOAD_NOW) && enabled(w)) {
            begin_stage(w, 1);
        }
    }
}

static const struct mmio_ops esb_ops = {.read = esb_read, .write = esb_write, .sizes = 1 | 2 | 4};

/* ---- configuration space */

/* Once locked, the lock register stays as it is until the next reset. */
static void apply_lock(struct i6300esb *w)
{
    w->pci.writable[LOCK] = w->pci.config[LOCK] & LOCKED ? 0 : LOCK_WRITABLE;
}

static void config_written(struct device *d, unsigned offset, unsigned size)
{
    struct i6300esb *w = of(d);
    if (offset > LOCK || offset + size <= LOCK) {
        return;
    }
    os_mutex_lock(d->machine->lock);
    apply_lock(w);
    if (enabled(w) != w->was_enabled) {
        w->was_enabled = enabled(w);
        if (w->was_enabled) {
            begin_stage(w, 1);
        } else {
            stop(w);
        }
    }
    os_mutex_unlock(d->machine->lock);
}

static const struct pci_class esb_pci = {
    .vendor = 0x8086,
    .device = 0x25ab,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x088000,
    .config_written = config_written,
};

/* ---- life */

static bool esb_create(struct device *d, struct error *e)
{
    struct i6300esb *w = of(d);
    (void)e;
    pci_device_init(&w->pci, &esb_pci);
    store_le16(w->pci.writable + CONFIG, CONFIG_WRITABLE);
    w->pci.writable[LOCK] = LOCK_WRITABLE;
    pci_bar_add(&w->pci, 0, PCI_BAR_MEM32, BAR_BYTES);
    pci_bar_add_part(
        &w->pci, 0,
        &(struct pci_bar_part){0, BAR_BYTES, "i6300esb", &esb_ops, w, d->machine->lock});
    w->timer = clock_timer_create(d->clock, stage_over, w);
    return true;
}

static void esb_destroy(struct device *d)
{
    clock_timer_destroy(of(d)->timer);
    pci_device_fini(&of(d)->pci);
}

/* That the watchdog brought the reset is told after it. */
static void esb_reset(struct device *d)
{
    struct i6300esb *w = of(d);
    w->pci.writable[LOCK] = LOCK_WRITABLE;
    pci_device_reset(&w->pci);
    w->preload[0] = w->preload[1] = PRELOAD_MAX;
    stop(w);
}

static bool esb_check(struct device *d, struct error *e)
{
    const struct i6300esb *w = of(d);
    return pci_device_check(&w->pci, e) &&
           ((w->stage >= 1 && w->stage <= 2) || error_set(e, "stage %u is not 1 or 2", w->stage));
}

static void esb_loaded(struct device *d)
{
    apply_lock(of(d));
    pci_device_loaded(&of(d)->pci);
}

static const struct prop esb_props[] = {PCI_PROPS(i6300esb, pci), PROP_END};

static const struct field esb_fields[] = {
    PCI_FIELDS(i6300esb, pci),
    FIELD_KEEP(i6300esb, preload),
    FIELD_KEEP(i6300esb, stage),
    FIELD_MOST(i6300esb, unlocked, 2),
    FIELD_KEEP(i6300esb, timed_out),
    FIELD(i6300esb, was_enabled),
    FIELD_SKIP(i6300esb, pad),
    FIELD_DUE(i6300esb, timer),
    FIELD_END,
};

const struct device_class i6300esb_class = {
    .name = "i6300esb",
    .desc = "watchdog of Intel's 6300ESB",
    .bus = BUS_PCI,
    .size = sizeof(struct i6300esb),
    .props = esb_props,
    .fields = esb_fields,
    .create = esb_create,
    .reset = esb_reset,
    .destroy = esb_destroy,
    .check = esb_check,
    .loaded = esb_loaded,
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
    .kind = &esb_pci,
};
