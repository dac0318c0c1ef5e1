/* SPDX-License-Identifier: MIT */
/*
 * The TCO watchdog of Intel's ICH: see tco.h. It counts down in steps of 0.6 s; at the first zero
 * it asks for an SMI and begins again, at the second the machine does what -action watchdog= says.
 * It runs from the first write that reloads it, or releases its halt: what runs before on hardware
 * firmware stops. Not modelled: intruders, NMIs, heartbeats.
 */
#include "hw/watchdog/tco.h"

#include "base/bits.h"
#include "hw/machine.h"

#define STEP_NS UINT64_C(600000000)

enum {
    RELOAD = 0x00,
    DATA_IN = 0x02,
    DATA_OUT = 0x03,
    STATUS1 = 0x04,
    STATUS2 = 0x06,
    CONTROL1 = 0x08,
    CONTROL2 = 0x0a,
    MESSAGE1 = 0x0c,
    MESSAGE2 = 0x0d,
    PROGRESS = 0x0e,
    IRQ_SELECT = 0x10,
    INITIAL = 0x12
};

enum {
    STATUS1_SOFTWARE_SMI = 1 << 1,
    STATUS1_INTERRUPT = 1 << 2,
    STATUS1_TIMEOUT = 1 << 3,
    STATUS1_ALL = 0x1f8f,
    STATUS2_SECOND = 1 << 1,
    STATUS2_ALL = 0x17,
    CONTROL1_LOCK = 1 << 12,
    CONTROL1_HALT = 1 << 11,
    CONTROL1_STORED = 0x1a00,
    CONTROL2_STORED = 0x003e,
    CONTROL2_INITIAL = 0x0008,
    IRQ_SELECT_INITIAL = 0x03,
    COUNT_MASK = 0x3ff,
    COUNT_INITIAL = 4,
    COUNT_LEAST = 2 /* less is ignored */
};

/* ---- counting */

static void start(struct tco *t)
{
    const unsigned count = t->initial & COUNT_MASK;
    if (!(t->control1 & CONTROL1_HALT) && count >= COUNT_LEAST) {
        clock_timer_set(t->timer, clock_now_ns(t->dev->clock) + count * STEP_NS);
    }
}

static unsigned count_now(const struct tco *t)
{
    const uint64_t due = clock_timer_due_ns(t->timer), now = clock_now_ns(t->dev->clock);
    if (due == CLOCK_NEVER) {
        return t->initial & COUNT_MASK;
    }
    return due <= now ? 0 : (unsigned)((due - now + STEP_NS - 1) / STEP_NS & COUNT_MASK);
}

/* Whether the machine is to be reset. */
static bool count_over(struct tco *t)
{
    const bool second = t->status1 & STATUS1_TIMEOUT;
    if (second) {
        t->status2 |= STATUS2_SECOND;
        if (t->cls->resets(t->dev)) {
            return true;
        }
    }
    t->status1 |= STATUS1_TIMEOUT;
    t->cls->smi(t->dev);
    start(t);
    return false;
}

static void timer_expired(void *opaque)
{
    struct tco *t = opaque;
    struct power *power = t->dev->machine->power;
    os_mutex_lock(t->dev->machine->lock);
    const bool resets = count_over(t);
    os_mutex_unlock(t->dev->machine->lock);
    if (resets) {
        power->request(power, POWER_WATCHDOG);
    }
}

/* ---- registers */

static uint16_t word_at(const struct tco *t, unsigned offset)
{
    switch (offset) {
    case RELOAD:
        return (uint16_t)count_now(t);
    case DATA_IN:
        return (uint16_t)(t->data_in | t->data_out << 8);
    case STATUS1:
        return t->status1;
    case STATUS2:
        return t->status2;
    case CONTROL1:
        return t->control1;
    case CONTROL2:
        return t->control2;
    case MESSAGE1:
        return load_le16(t->message);
    case PROGRESS:
        return t->progress;
    case IRQ_SELECT:
        return t->irq_select;
    case INITIAL:
        return t->initial;
    default:
        return 0;
    }
}

uint8_t tco_read_byte(const struct tco *t, unsigned offset)
{
    return (uint8_t)(word_at(t, offset & ~1u) >> 8 * (offset & 1));
}

/* The lock stays until the next reset. */
static void control1_written(struct tco *t, uint16_t value)
{
    const bool was_halted = t->control1 & CONTROL1_HALT;
    t->control1 = (uint16_t)((value & CONTROL1_STORED) | (t->control1 & CONTROL1_LOCK));
    if (t->control1 & CONTROL1_HALT) {
        clock_timer_cancel(t->timer);
    } else if (was_halted) {
        start(t);
    }
}

static void data_written(struct tco *t, unsigned offset, uint8_t value)
{
    if (offset == DATA_IN) {
        t->data_in = value;
        t->status1 |= STATUS1_SOFTWARE_SMI;
        t->cls->smi(t->dev);
    } else {
        t->data_out = value;
        t->status1 |= STATUS1_INTERRUPT;
    }
}

static void write_byte(struct tco *t, unsigned offset, uint8_t value)
{
    switch (offset) {
    case DATA_IN:
    case DATA_OUT:
        data_written(t, offset, value);
        break;
    case MESSAGE1:
    case MESSAGE2:
        t->message[offset - MESSAGE1] = value;
        break;
    case PROGRESS:
        t->progress = value;
        break;
    case IRQ_SELECT:
        t->irq_select = value & IRQ_SELECT_INITIAL;
        break;
    default:
        break;
    }
}

/* mask: the bits that are written. */
static void write_word(struct tco *t, unsigned offset, uint16_t value, uint16_t mask)
{
    switch (offset) {
    case RELOAD:
        start(t);
        break;
    case STATUS1:
        t->status1 &= (uint16_t)~value;
        break;
    case STATUS2:
        t->status2 &= (uint16_t)~value;
        break;
    case CONTROL1:
        control1_written(t, (uint16_t)((t->control1 & ~mask) | value));
        break;
    case CONTROL2:
        t->control2 = (uint16_t)(((t->control2 & ~mask) | value) & CONTROL2_STORED);
        break;
    case INITIAL:
        t->initial = (uint16_t)(((t->initial & ~mask) | value) & COUNT_MASK);
        break;
    default:
        if (mask & 0xff) {
            write_byte(t, offset, (uint8_t)value);
        }
        if (mask & 0xff00) {
            write_byte(t, offset + 1, (uint8_t)(value >> 8));
        }
        break;
    }
}

void tco_write(struct tco *t, unsigned offset, uint32_t value, unsigned size)
{
    if (size == 1) {
        const unsigned shift = 8 * (offset & 1);
        write_word(t, offset & ~1u, (uint16_t)(value << shift), (uint16_t)(0xff << shift));
        return;
    }
    for (unsigned i = 0; i < size; i += 2) {
        write_word(t, offset + i, (uint16_t)(value >> 8 * i), 0xffff);
    }
}

bool tco_is_locked(const struct tco *t)
{
    return t->control1 & CONTROL1_LOCK;
}

/* ---- life */

void tco_init(struct tco *t, struct device *d, const struct tco_class *cls)
{
    t->cls = cls;
    t->dev = d;
    t->timer = clock_timer_create(d->clock, timer_expired, t);
}

void tco_fini(struct tco *t)
{
    clock_timer_destroy(t->timer);
}

/* That it was the watchdog is told after the reset. */
void tco_reset(struct tco *t)
{
    clock_timer_cancel(t->timer);
    t->status1 = t->control1 = 0;
    t->status2 &= STATUS2_SECOND;
    t->control2 = CONTROL2_INITIAL;
    t->initial = COUNT_INITIAL;
    t->irq_select = IRQ_SELECT_INITIAL;
    t->data_in = t->data_out = t->progress = 0;
    memset(t->message, 0, sizeof(t->message));
}

const struct field tco_fields[] = {
    FIELD_SKIP(tco, cls),
    FIELD_SKIP(tco, dev),
    FIELD_DUE(tco, timer),
    FIELD_MOST(tco, status1, STATUS1_ALL),
    FIELD_MOST(tco, status2, STATUS2_ALL),
    FIELD_MOST(tco, control1, CONTROL1_STORED),
    FIELD_MOST(tco, control2, CONTROL2_STORED),
    FIELD_MOST(tco, initial, COUNT_MASK),
    FIELD(tco, data_in),
    FIELD(tco, data_out),
    FIELD(tco, message),
    FIELD(tco, progress),
    FIELD_MOST(tco, irq_select, IRQ_SELECT_INITIAL),
    FIELD_END,
};
