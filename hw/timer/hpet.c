/* SPDX-License-Identifier: MIT */
/*
 * The high precision event timers of a PC (Intel, IA-PC HPET Specification 1.0a): a counter of 64
 * bits at 100 MHz, and timers that all can be periodic and have 64 bits.
 *
 * The counter follows from the clock. Each timer remembers up to which count it has looked for a
 * match (seen); one clock timer is set to the first match that anybody wants to hear of. A host
 * that comes late for several periods gives one interrupt for all of them, and interrupts come at
 * most every LEAST_NS.
 */
#include "hw/timer/hpet.h"

#include <inttypes.h>

#include "base/bits.h"
#include "base/log.h"
#include "hw/classes.h"

#define TIMERS_LEAST 3
#define TIMERS_MOST 32
#define FS_PER_NS UINT64_C(1000000)
#define LEAST_NS 10000

enum { /* offsets */
    CAPABILITIES = 0x000,
    CONFIG = 0x010,
    STATUS = 0x020,
    COUNTER = 0x0f0,
    FIRST_TIMER = 0x100,
    TIMER_BYTES = 0x20,
    TIMER_CONFIG = 0x00, /* within a timer */
    TIMER_COMPARATOR = 0x08,
    TIMER_MESSAGE = 0x10
};

enum {
    CAP_REVISION = 0x01,
    CAP_TIMERS = 8, /* shift */
    CAP_64 = 1 << 13,
    CAP_LEGACY = 1 << 15,
    CONFIG_ON = 1 << 0,
    CONFIG_LEGACY = 1 << 1
};
#define CAP_VENDOR UINT64_C(0x80860000)

enum { /* of a timer's configuration */
    LEVEL = 1 << 1,
    ENABLED = 1 << 2,
    PERIODIC = 1 << 3,
    CAN_BE_PERIODIC = 1 << 4,
    HAS_64 = 1 << 5,
    SET_VALUE = 1 << 6, /* the next write of the comparator is for itself */
    USES_32 = 1 << 8,
    ROUTE = 0x1f << 9,
    MESSAGE = 1 << 14,
    HAS_MESSAGE = 1 << 15,
    WRITABLE = LEVEL | ENABLED | PERIODIC | SET_VALUE | USES_32 | ROUTE | MESSAGE
};

struct timer {
    uint64_t config;     /* as the register, without capabilities */
    uint64_t comparator; /* the next match */
    uint64_t period;     /* of a periodic one */
    uint64_t message;    /* address << 32 | data */
    uint64_t seen;       /* matches up to this count are done with */
};

struct hpet {
    struct device dev;
    struct clock_timer *timer;
    struct hpet_wiring wiring;
    uint32_t timers, inputs; /* properties */
    bool message;
    uint8_t pad[3];
    bool legacy[2]; /* levels of who would have the interrupts */
    uint8_t pad2[2];

    /* State; reset lowers what is up. */
    uint64_t base;     /* the counter at start_ns, or while it stands */
    uint64_t start_ns; /* when it began to run */
    uint64_t config;
    uint32_t status; /* timers whose interrupt is a level, and up */
    uint32_t pad3;
    struct timer t[TIMERS_MOST];
};

static struct hpet *of(struct device *d)
{
    assert(d->cls == &hpet_class);
    return (struct hpet *)d;
}

void hpet_connect(struct device *d, const struct hpet_wiring *w)
{
    of(d)->wiring = *w;
}

/* ---- the counter */

static bool runs(const struct hpet *h)
{
    return h->config & CONFIG_ON;
}

static uint64_t counter(const struct hpet *h)
{
    return runs(h) ? h->base + (clock_now_ns(h->dev.clock) - h->start_ns) / HPET_PERIOD_NS
                   : h->base;
}

/* ---- interrupts */

static bool takes_legacy(const struct hpet *h, unsigned n)
{
    return n < 2 && (h->config & CONFIG_LEGACY);
}

static unsigned input_of(const struct hpet *h, unsigned n)
{
    return takes_legacy(h, n) ? n * 8 : (unsigned)bits64(h->t[n].config, 13, 9);
}

static void set_input(const struct hpet *h, unsigned input, bool level)
{
    if (h->wiring.inputs && input < HPET_INPUTS) {
        irq_set(&h->wiring.inputs[input], level);
    }
}

/* A timer whose interrupt is a level asks for it. */
static bool is_up(const struct hpet *h, unsigned n)
{
    const uint64_t c = h->t[n].config;
    return (c & LEVEL) && (c & ENABLED) && !(c & MESSAGE) && bit(h->status, n);
}

/* The level of who else has an input: the 8254 or the clock. */
static bool legacy_level(const struct hpet *h, unsigned input)
{
    return input % 8 == 0 && input < 16 && !takes_legacy(h, input / 8) && h->legacy[input / 8];
}

/* The level of an input that timers share. */
static void drive(const struct hpet *h, unsigned input)
{
    bool up = legacy_level(h, input);
    for (unsigned n = 0; n < h->timers; n++) {
        up |= is_up(h, n) && input_of(h, n) == input;
    }
    set_input(h, input, up);
}

static void send_message(const struct hpet *h, const struct timer *t)
{
    h->wiring.message(h->wiring.opaque, t->message >> 32, (uint32_t)t->message);
}

static void fire(struct hpet *h, unsigned n)
{
    const struct timer *t = &h->t[n];
    if (t->config & LEVEL) {
        h->status |= 1u << n;
    }
    if (!(t->config & ENABLED)) {
        return;
    }
    if (t->config & MESSAGE) {
        send_message(h, t);
        return;
    }
    set_input(h, input_of(h, n), true);
    if (!(t->config & LEVEL)) {
        drive(h, input_of(h, n));
    }
}

/* ---- matches */

static bool is_32(const struct timer *t)
{
    return t->config & USES_32;
}

/* The first count behind what was seen at which t matches, in *at; false: never. */
static bool next_match(const struct timer *t, uint64_t *at)
{
    if (is_32(t)) {
        const uint32_t distance = (uint32_t)(t->comparator - t->seen);
        *at = t->seen + (distance ? distance : UINT64_C(1) << 32);
        return true;
    }
    *at = t->comparator;
    return (int64_t)(t->comparator - t->seen) > 0;
}

/* To the first match of a periodic timer behind now; at is one before. */
static void advance(struct timer *t, uint64_t at, uint64_t now)
{
    const uint64_t period = is_32(t) ? (uint32_t)t->period : t->period;
    if ((t->config & PERIODIC) && period) {
        const uint64_t next = at + ((now - at) / period + 1) * period;
        t->comparator = is_32(t) ? (uint32_t)next : next;
    }
}

static void look(struct hpet *h, unsigned n, uint64_t now)
{
    struct timer *t = &h->t[n];
    uint64_t at;
    const bool matches = next_match(t, &at) && at - t->seen <= now - t->seen;
    t->seen = now;
    if (matches) {
        advance(t, at, now);
        fire(h, n);
    }
}

static void schedule(struct hpet *h)
{
    const uint64_t now = counter(h);
    uint64_t least = UINT64_MAX, at;
    for (unsigned n = 0; n < h->timers; n++) {
        const struct timer *t = &h->t[n];
        if ((t->config & (ENABLED | LEVEL)) && next_match(t, &at) && at - now < least) {
            least = at - now;
        }
    }
    const bool wanted = runs(h) && least < UINT64_MAX / HPET_PERIOD_NS / 4;
    const uint64_t now_ns = clock_now_ns(h->dev.clock);
    const uint64_t wait_ns = least * HPET_PERIOD_NS;
    clock_timer_set(h->timer,
                    wanted ? now_ns + (wait_ns > LEAST_NS ? wait_ns : LEAST_NS) : CLOCK_NEVER);
}

/* All matches up to now. */
static void catch_up(struct hpet *h)
{
    const uint64_t now = counter(h);
    for (unsigned n = 0; runs(h) && n < h->timers; n++) {
        look(h, n, now);
    }
}

static void timer_expired(void *opaque)
{
    struct hpet *h = opaque;
    os_mutex_lock(h->dev.lock);
    catch_up(h);
    schedule(h);
    os_mutex_unlock(h->dev.lock);
}

/* ---- who has interrupts 0 and 8 */

static void pass_legacy(const struct hpet *h)
{
    for (unsigned n = 0; n < 2; n++) {
        drive(h, n * 8);
    }
}

static void legacy_set(void *opaque, int n, int level)
{
    struct hpet *h = opaque;
    h->legacy[n] = level;
    if (!takes_legacy(h, (unsigned)n)) {
        drive(h, (unsigned)n * 8);
    }
}

struct irq hpet_legacy_input(struct device *d, unsigned n)
{
    assert(n < 2);
    return (struct irq){legacy_set, of(d), (int)n};
}

/* ---- registers */

static uint64_t capabilities_of_timer(const struct hpet *h)
{
    return CAN_BE_PERIODIC | HAS_64 | (h->message ? HAS_MESSAGE : 0u) | (uint64_t)h->inputs << 32;
}

static uint64_t capabilities(const struct hpet *h)
{
    return CAP_REVISION | (uint64_t)(h->timers - 1) << CAP_TIMERS | CAP_64 | CAP_LEGACY |
           CAP_VENDOR | HPET_PERIOD_NS * FS_PER_NS << 32;
}

/* The 64 bits at an aligned offset. */
static uint64_t read_register(struct hpet *h, unsigned offset)
{
    if (offset >= FIRST_TIMER && (offset - FIRST_TIMER) / TIMER_BYTES < h->timers) {
        const struct timer *t = &h->t[(offset - FIRST_TIMER) / TIMER_BYTES];
        switch (offset % TIMER_BYTES) {
        case TIMER_CONFIG:
            return t->config | capabilities_of_timer(h);
        case TIMER_COMPARATOR:
            return is_32(t) ? (uint32_t)t->comparator : t->comparator;
        case TIMER_MESSAGE:
            return t->message;
        default:
            return 0;
        }
    }
    switch (offset) {
    case CAPABILITIES:
        return capabilities(h);
    case CONFIG:
        return h->config;
    case STATUS:
        return h->status;
    case COUNTER:
        return counter(h);
    default:
        return 0;
    }
}

static uint64_t hpet_read(void *opaque, uint64_t offset, unsigned size)
{
    struct hpet *h = opaque;
    catch_up(h);
    (void)size;
    return read_register(h, (unsigned)offset & ~7u) >> 8 * (offset & 7);
}

static void config_written(struct hpet *h, uint64_t value)
{
    const uint64_t now = counter(h);
    const bool changes = (value ^ h->config) & CONFIG_LEGACY;
    const unsigned before[2] = {input_of(h, 0), input_of(h, 1)};
    h->base = now;
    h->start_ns = clock_now_ns(h->dev.clock);
    h->config = value & (CONFIG_ON | CONFIG_LEGACY);
    for (unsigned n = 0; n < h->timers; n++) {
        h->t[n].seen = now;
    }
    for (unsigned n = 0; changes && n < 2; n++) {
        drive(h, before[n]);
        drive(h, input_of(h, n));
    }
    if (changes) {
        pass_legacy(h);
    }
}

static void status_written(struct hpet *h, uint64_t value)
{
    for (unsigned n = 0; n < h->timers; n++) {
        if (bit(value, n)) {
            h->status &= ~(1u << n);
            if (h->t[n].config & LEVEL) {
                drive(h, input_of(h, n));
            }
        }
    }
}

static void counter_written(struct hpet *h, uint64_t value)
{
    h->base = value;
    h->start_ns = clock_now_ns(h->dev.clock);
    for (unsigned n = 0; n < h->timers; n++) {
        h->t[n].seen = value - 1;
    }
}

static void timer_config_written(struct hpet *h, unsigned n, uint64_t value)
{
    struct timer *t = &h->t[n];
    const unsigned before = input_of(h, n);
    const bool was_up = is_up(h, n);
    if (!bit(h->inputs, (unsigned)bits64(value, 13, 9))) { /* no such input: it stays where it is */
        value = (value & ~(uint64_t)ROUTE) | (t->config & ROUTE);
    }
    t->config = value & WRITABLE & ~(uint64_t)(h->message ? 0 : MESSAGE);
    if (!(t->config & LEVEL)) {
        h->status &= ~(1u << n);
    }
    if (was_up || is_up(h, n)) {
        drive(h, before);
        drive(h, input_of(h, n));
    }
}

/* mask: the bits that are written. */
static void comparator_written(struct hpet *h, unsigned n, uint64_t value, uint64_t mask)
{
    struct timer *t = &h->t[n];
    const bool periodic = t->config & PERIODIC;
    if (!periodic || (t->config & SET_VALUE)) {
        t->comparator = (t->comparator & ~mask) | value;
        t->seen = counter(h) - 1;
    }
    if (periodic) {
        t->period = (t->period & ~mask) | value;
    }
    t->config &= ~(uint64_t)SET_VALUE;
}

static void timer_written(struct hpet *h, unsigned offset, uint64_t value, uint64_t mask)
{
    const unsigned n = (offset - FIRST_TIMER) / TIMER_BYTES;
    if (n >= h->timers) {
        return;
    }
    switch (offset % TIMER_BYTES) {
    case TIMER_CONFIG:
        timer_config_written(h, n, (h->t[n].config & ~mask) | value);
        break;
    case TIMER_COMPARATOR:
        comparator_written(h, n, value, mask);
        break;
    case TIMER_MESSAGE:
        h->t[n].message = (h->t[n].message & ~mask) | value;
        break;
    default:
        break;
    }
}

static void hpet_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct hpet *h = opaque;
    const unsigned at = (unsigned)offset & ~7u, shift = 8 * (offset & 7);
    const uint64_t mask = mask64(8 * size) << shift, bits = value << shift & mask;
    catch_up(h);
    switch (at) {
    case CONFIG:
        config_written(h, (h->config & ~mask) | bits);
        break;
    case STATUS:
        status_written(h, bits);
        break;
    case COUNTER:
        counter_written(h, (counter(h) & ~mask) | bits);
        break;
    default:
        if (at >= FIRST_TIMER) {
            timer_written(h, at, bits, mask);
        }
        break;
    }
    schedule(h);
}

static const struct mmio_ops hpet_ops = {.read = hpet_read, .write = hpet_write, .sizes = 4 | 8};

/* ---- life */

static bool hpet_create(struct device *d, struct error *e)
{
    struct hpet *h = of(d);
    if (h->timers < TIMERS_LEAST || h->timers > TIMERS_MOST) {
        return error_set(e, "hpet: timers=%" PRIu32 ": from %d to %d are possible", h->timers,
                         TIMERS_LEAST, TIMERS_MOST);
    }
    if (h->message && !h->wiring.message) {
        return error_set(e, "hpet: msi=on: the machine has no message-signalled interrupts");
    }
    h->timer = clock_timer_create(d->clock, timer_expired, h);
    return true;
}

static void hpet_destroy(struct device *d)
{
    clock_timer_destroy(of(d)->timer);
}

static void hpet_reset(struct device *d)
{
    struct hpet *h = of(d);
    const uint32_t status = h->status;
    h->status = 0;
    for (unsigned n = 0; n < h->timers; n++) {
        if (bit(status, n)) {
            drive(h, input_of(h, n));
        }
    }
    h->base = h->config = 0;
    for (unsigned n = 0; n < TIMERS_MOST; n++) {
        h->t[n] = (struct timer){.comparator = UINT64_MAX};
    }
    pass_legacy(h);
    schedule(h);
}

static void hpet_settle(struct device *d)
{
    os_mutex_lock(d->lock);
    catch_up(of(d));
    os_mutex_unlock(d->lock);
}

static void hpet_loaded(struct device *d)
{
    struct hpet *h = of(d);
    const uint64_t now = clock_now_ns(d->clock);
    h->start_ns = h->start_ns < now ? h->start_ns : now;
    for (unsigned n = 0; n < 2; n++) { /* else the 8254 or the clock drives it, when it is loaded */
        if (takes_legacy(h, n)) {
            drive(h, n * 8);
        }
    }
    for (unsigned n = 0; n < h->timers; n++) {
        if (!h->message) {
            h->t[n].config &= ~(uint64_t)MESSAGE;
        }
        if (is_up(h, n)) {
            drive(h, input_of(h, n));
        }
    }
    schedule(h);
}

static const struct prop hpet_props[] = {
    {"timers", PROP_U32, offsetof(struct hpet, timers), "3", "how many it has, up to 32", NULL},
    {"msi", PROP_BOOL, offsetof(struct hpet, message), "off",
     "interrupts can be messages, without an input of the I/O APIC", NULL},
    {"hpet-intcap", PROP_U32, offsetof(struct hpet, inputs), "0",
     "bits of the inputs of the I/O APIC that timers can be led to", NULL},
    PROP_END,
};

static const struct field timer_fields[] = {
    FIELD_MOST(timer, config, WRITABLE),
    FIELD(timer, comparator),
    FIELD(timer, period),
    FIELD(timer, message),
    FIELD(timer, seen),
    FIELD_END,
};

static const struct field hpet_fields[] = {
    FIELD_SKIP(hpet, timer),
    FIELD_SKIP(hpet, wiring),
    FIELD_SKIP(hpet, pad),
    FIELD_SKIP(hpet, legacy),
    FIELD_SKIP(hpet, pad2),
    FIELD_KEEP(hpet, base),
    FIELD_KEEP(hpet, start_ns),
    FIELD_KEEP_MOST(hpet, config, CONFIG_ON | CONFIG_LEGACY),
    FIELD_KEEP(hpet, status),
    FIELD_SKIP(hpet, pad3),
    FIELD_KEEP_PARTS(hpet, t, timer_fields, timer),
    FIELD_END,
};

const struct device_class hpet_class = {
    .name = "hpet",
    .desc = "high precision event timers",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct hpet),
    .props = hpet_props,
    .fields = hpet_fields,
    .window_size = HPET_BYTES,
    .ops = &hpet_ops,
    .create = hpet_create,
    .reset = hpet_reset,
    .destroy = hpet_destroy,
    .settle = hpet_settle,
    .loaded = hpet_loaded,
};
