/* SPDX-License-Identifier: MIT */
/*
 * The 8254 interval timer of a PC (Intel 8254 data sheet, 231164) at 1.193182 MHz, and port B of
 * the system (Intel 82371SB, 2.5.3.2): the gate of counter 2, and what can be seen of the outputs.
 * Counter 0 drives irq[0], counter 1 (refresh of memory) toggles a bit of port B, counter 2 leads
 * to the speaker, which makes no sound.
 *
 * A counter is a mode, a count and when it was loaded; where it is follows from the clock. A host
 * that comes late for several periods gives one interrupt for all of them.
 */
#include "hw/timer/i8254.h"

#include "base/bits.h"
#include "base/log.h"
#include "hw/classes.h"

#define NS_PER_S UINT64_C(1000000000)
#define COUNTERS 3

enum {
    ACCESS_LATCH,
    ACCESS_LOW,
    ACCESS_HIGH,
    ACCESS_BOTH
};

enum {
    READ_BACK = 3,
    STATUS_OUT = 0x80,
    STATUS_NULL = 0x40
};

struct counter {
    uint64_t start_ns; /* when counting began */
    uint32_t count;    /* 1 to 0x10000 */
    uint16_t latched;
    uint8_t latch_left; /* bytes of the latched count that have not been read */
    uint8_t status;
    uint8_t mode, access; /* 0 to 5; ACCESS_ */
    uint8_t low;          /* byte of a count that waits for its high one */
    bool status_latched, bcd, gate;
    bool loaded;    /* it has a count */
    bool running;   /* and counts: a one-shot was triggered */
    bool has_low;   /* low is there */
    bool read_high; /* the next read gives the high byte */
    uint8_t pad[6];
};

struct i8254 {
    struct device dev;
    struct clock_timer *timer; /* counter 0 */
    struct counter counter[COUNTERS];
    uint8_t speaker; /* bit 1 of port B */
    uint8_t pad[7];
};

/* ---- where a counter is */

static uint64_t ns_to_ticks(uint64_t ns)
{
    return (uint64_t)((unsigned __int128)ns * I8254_HZ / NS_PER_S);
}

/* The first ns by which so many ticks have passed. */
static uint64_t ticks_to_ns(uint64_t ticks)
{
    return (uint64_t)(((unsigned __int128)ticks * NS_PER_S + I8254_HZ - 1) / I8254_HZ);
}

static uint64_t elapsed(const struct counter *c, uint64_t now_ns)
{
    return ns_to_ticks(now_ns - c->start_ns);
}

static bool is_periodic(const struct counter *c)
{
    return c->mode == 2 || c->mode == 3;
}

static bool output(const struct counter *c, uint64_t now_ns)
{
    if (!c->running) {
        return c->mode != 0;
    }
    const uint64_t t = elapsed(c, now_ns);
    switch (c->mode) {
    case 0:
    case 1:
        return t >= c->count;
    case 2:
        return t % c->count != c->count - 1;
    case 3:
        return t % c->count < (c->count + 1) / 2;
    default:
        return t != c->count;
    }
}

static uint16_t to_bcd(uint32_t v)
{
    return (uint16_t)(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12);
}

static uint16_t value_now(const struct counter *c, uint64_t now_ns)
{
    uint32_t v = c->count;
    const uint32_t wrap = c->bcd ? 10000 : 0x10000;
    if (c->running) {
        const uint64_t t = elapsed(c, now_ns);
        v = c->mode == 3     ? c->count - (uint32_t)(2 * t % c->count)
            : is_periodic(c) ? c->count - (uint32_t)(t % c->count)
                             : (uint32_t)((c->count % wrap + wrap - t % wrap) % wrap);
    }
    return c->bcd ? to_bcd(v % 10000) : (uint16_t)v;
}

/* ---- counter 0 and its interrupt */

/* When the output changes next; CLOCK_NEVER: not by itself. In mode 2 the low tick is taken
 * together with the edge behind it. */
static uint64_t next_change(const struct counter *c, uint64_t now_ns)
{
    if (!c->running) {
        return CLOCK_NEVER;
    }
    const uint64_t t = elapsed(c, now_ns);
    uint64_t next = c->count;
    if (is_periodic(c)) {
        const uint64_t half = c->mode == 3 ? (c->count + 1) / 2 : c->count;
        next = t - t % c->count + (t % c->count < half ? half : c->count);
    } else if (t >= c->count) {
        if (c->mode < 4 || t > c->count) {
            return CLOCK_NEVER;
        }
        next = c->count + UINT64_C(1);
    }
    return c->start_ns + ticks_to_ns(next);
}

/* The low tick of mode 2 is a pulse of no length at its end. */
static void drive(struct i8254 *p, bool edge)
{
    const struct counter *c = &p->counter[0];
    const uint64_t now = clock_now_ns(p->dev.clock);
    if (edge && c->mode == 2) {
        irq_set(&p->dev.irq[0], 0);
    }
    irq_set(&p->dev.irq[0], c->mode == 2 || output(c, now));
    clock_timer_set(p->timer, next_change(c, now));
}

static void timer_expired(void *opaque)
{
    struct i8254 *p = opaque;
    os_mutex_lock(p->dev.lock);
    drive(p, true);
    os_mutex_unlock(p->dev.lock);
}

/* ---- writing */

static void start(struct i8254 *p, struct counter *c)
{
    c->start_ns = clock_now_ns(p->dev.clock);
    c->running = true;
}

/* Modes 1 and 5 wait for an edge of the gate; where it is low the others do not count. */
static void load(struct i8254 *p, struct counter *c, uint16_t value)
{
    uint32_t count = value;
    if (c->bcd) {
        count = value % 16 + (value >> 4) % 16 * 10 + (value >> 8) % 16 * 100 +
                (uint32_t)(value >> 12) * 1000;
    }
    c->count = count ? count : c->bcd ? 10000 : 0x10000;
    c->count = is_periodic(c) && c->count == 1 ? 2 : c->count;
    c->loaded = true;
    c->running = false;
    if (c->mode != 1 && c->mode != 5 && c->gate) {
        start(p, c);
    }
}

static void counter_write(struct i8254 *p, struct counter *c, uint8_t value)
{
    switch (c->access) {
    case ACCESS_LOW:
        load(p, c, value);
        break;
    case ACCESS_HIGH:
        load(p, c, (uint16_t)(value << 8));
        break;
    default:
        if (c->has_low) {
            load(p, c, (uint16_t)(value << 8 | c->low));
        } else if (c->mode == 0) {
            c->running = false; /* the first byte stops it */
        }
        c->low = value;
        c->has_low = !c->has_low;
        break;
    }
}

static void latch_count(struct i8254 *p, struct counter *c)
{
    if (!c->latch_left) {
        c->latched = value_now(c, clock_now_ns(p->dev.clock));
        c->latch_left = c->access == ACCESS_BOTH ? 2 : 1;
        c->read_high = false;
    }
}

static void latch_status(struct i8254 *p, struct counter *c)
{
    if (!c->status_latched) {
        c->status = (uint8_t)((output(c, clock_now_ns(p->dev.clock)) ? STATUS_OUT : 0) |
                              (c->loaded ? 0 : STATUS_NULL) | c->access << 4 | c->mode << 1 |
                              c->bcd);
        c->status_latched = true;
    }
}

static void read_back(struct i8254 *p, uint8_t value)
{
    for (unsigned n = 0; n < COUNTERS; n++) {
        if (value >> (n + 1) & 1) {
            if (!(value & 0x20)) {
                latch_count(p, &p->counter[n]);
            }
            if (!(value & 0x10)) {
                latch_status(p, &p->counter[n]);
            }
        }
    }
}

/* Modes 6 and 7 are other names of 2 and 3. */
static void control_write(struct i8254 *p, uint8_t value)
{
    const unsigned n = value >> 6, access = value >> 4 & 3, mode = value >> 1 & 7;
    if (n == READ_BACK) {
        read_back(p, value);
        return;
    }
    struct counter *c = &p->counter[n];
    if (access == ACCESS_LATCH) {
        latch_count(p, c);
        return;
    }
    *c = (struct counter){.gate = c->gate,
                          .access = (uint8_t)access,
                          .mode = (uint8_t)(mode > 5 ? mode - 4 : mode),
                          .bcd = value & 1,
                          .count = 0x10000};
}

/* Whether a write changes counter 0: a latch command and what is for others do not. */
static bool is_for_first(uint64_t offset, uint64_t value)
{
    return offset == COUNTERS ? value >> 6 == 0 && (value >> 4 & 3) != ACCESS_LATCH : offset == 0;
}

/* Only what changes counter 0 sets its timer anew: an edge that is due and was not seen yet would
 * be lost by that. */
static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8254 *p = opaque;
    (void)size;
    if (offset == COUNTERS) {
        control_write(p, (uint8_t)value);
    } else {
        counter_write(p, &p->counter[offset], (uint8_t)value);
    }
    if (is_for_first(offset, value & 0xff)) {
        drive(p, false);
    }
}

/* ---- reading */

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8254 *p = opaque;
    (void)size;
    if (offset == COUNTERS) {
        return 0xff;
    }
    struct counter *c = &p->counter[offset];
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    const uint16_t v = c->latch_left ? c->latched : value_now(c, clock_now_ns(p->dev.clock));
    const bool high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->read_high);
    c->read_high = !c->read_high;
    c->latch_left -= c->latch_left != 0;
    return high ? v >> 8 : v & 0xff;
}

static const struct mmio_ops counter_ops = {.read = ports_read, .write = ports_write, .sizes = 1};

/* ---- port B */

enum {
    B_GATE = 1,
    B_SPEAKER = 2,
    B_REFRESH = 0x10,
    B_OUT2 = 0x20
};

static uint64_t port_b_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct i8254 *p = opaque;
    const uint64_t now = clock_now_ns(p->dev.clock);
    (void)offset, (void)size;
    return (p->counter[2].gate ? B_GATE : 0u) | p->speaker | (now / 15085 & 1 ? B_REFRESH : 0u) |
           (output(&p->counter[2], now) ? B_OUT2 : 0u);
}

/* A rising edge starts modes 1, 2, 3 and 5 anew; where the gate is low modes 0 and 4 would hold
 * their count, and begin it anew here. */
static void port_b_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8254 *p = opaque;
    struct counter *c = &p->counter[2];
    const bool gate = value & B_GATE, rises = gate && !c->gate;
    (void)offset, (void)size;
    c->gate = gate;
    p->speaker = value & B_SPEAKER;
    if (rises && c->loaded) {
        start(p, c);
    } else if (!gate && c->mode != 1 && c->mode != 5) {
        c->running = false;
    }
}

static const struct mmio_ops port_b_ops = {.read = port_b_read, .write = port_b_write, .sizes = 1};

void i8254_map(struct device *d, struct space *ports)
{
    assert(d->cls == &i8254_class);
    space_add(ports, &(struct mem_range){.base = 0x40,
                                         .size = 4,
                                         .kind = RANGE_MMIO,
                                         .name = "pit",
                                         .ops = &counter_ops,
                                         .opaque = d,
                                         .lock = d->lock});
    space_add(ports, &(struct mem_range){.base = 0x61,
                                         .size = 1,
                                         .kind = RANGE_MMIO,
                                         .name = "port-b",
                                         .ops = &port_b_ops,
                                         .opaque = d,
                                         .lock = d->lock});
}

/* ---- life */

static bool i8254_create(struct device *d, struct error *e)
{
    struct i8254 *p = (struct i8254 *)d;
    (void)e;
    p->timer = clock_timer_create(d->clock, timer_expired, p);
    return true;
}

static void i8254_destroy(struct device *d)
{
    clock_timer_destroy(((struct i8254 *)d)->timer);
}

static void i8254_reset(struct device *d)
{
    struct i8254 *p = (struct i8254 *)d;
    for (unsigned n = 0; n < COUNTERS; n++) {
        p->counter[n] = (struct counter){
            .gate = n != 2, .access = ACCESS_BOTH, .mode = 3, .count = 0x10000};
    }
    drive(p, false);
}

static bool i8254_check(struct device *d, struct error *e)
{
    const struct i8254 *p = (const struct i8254 *)d;
    for (unsigned n = 0; n < COUNTERS; n++) {
        const struct counter *c = &p->counter[n];
        if (!c->count || (is_periodic(c) && c->count == 1)) {
            return error_set(e, "counter %u has no count that it can have", n);
        }
    }
    return true;
}

/* The clock is a part of the state, too, and is not there before: what has not begun begins now. */
static void i8254_loaded(struct device *d)
{
    struct i8254 *p = (struct i8254 *)d;
    const uint64_t now = clock_now_ns(d->clock);
    for (unsigned n = 0; n < COUNTERS; n++) {
        struct counter *c = &p->counter[n];
        c->start_ns = c->start_ns > now ? now : c->start_ns;
    }
    drive(p, false);
}

static const struct field counter_fields[] = {
    FIELD(counter, start_ns),
    FIELD_MOST(counter, count, 0x10000),
    FIELD(counter, latched),
    FIELD_MOST(counter, latch_left, 2),
    FIELD(counter, status),
    FIELD_MOST(counter, mode, 5),
    FIELD_MOST(counter, access, ACCESS_BOTH),
    FIELD(counter, low),
    FIELD(counter, status_latched),
    FIELD(counter, bcd),
    FIELD(counter, gate),
    FIELD(counter, loaded),
    FIELD(counter, running),
    FIELD(counter, has_low),
    FIELD(counter, read_high),
    FIELD_SKIP(counter, pad),
    FIELD_END,
};

static const struct field i8254_fields[] = {
    FIELD_SKIP(i8254, timer),
    FIELD_PARTS(i8254, counter, counter_fields, counter),
    FIELD_MOST(i8254, speaker, B_SPEAKER),
    FIELD_SKIP(i8254, pad),
    FIELD_END,
};

const struct device_class i8254_class = {
    .name = "isa-pit",
    .desc = "8254 interval timer",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct i8254),
    .fields = i8254_fields,
    .create = i8254_create,
    .reset = i8254_reset,
    .destroy = i8254_destroy,
    .check = i8254_check,
    .loaded = i8254_loaded,
};
