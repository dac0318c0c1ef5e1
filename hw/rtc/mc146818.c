/* SPDX-License-Identifier: MIT */
/*
 * The MC146818 real time clock of a PC with 128 bytes of CMOS memory (Motorola MC146818A data
 * sheet; the century is byte 0x32, as ACPI's FADT says). The time follows the machine's clock,
 * which began at -rtc's base. Not modelled: the square wave, daylight saving, dividers other than
 * "normal" and "reset".
 *
 * The time is that of a base in seconds since 1970, which a write moves; while the guest has SET on
 * it stands still in `held`. Flags that nobody asked interrupts of are found when they are read.
 */
#include "hw/rtc/mc146818.h"

#include "base/bits.h"
#include "hw/classes.h"
#include "hw/machine.h"

#include <time.h>

#define NS_PER_S UINT64_C(1000000000)
#define UPDATE_NS UINT64_C(244000) /* UIP is set so long before the second changes */
#define CMOS_BYTES 128

enum {
    SECONDS,
    SECONDS_ALARM,
    MINUTES,
    MINUTES_ALARM,
    HOURS,
    HOURS_ALARM,
    DAY_OF_WEEK,
    DAY,
    MONTH,
    YEAR,
    REG_A,
    REG_B,
    REG_C,
    REG_D,
    CENTURY = 0x32
};

enum {
    A_UIP = 0x80,
    A_RESET = 0x60, /* of the divider: both bits */
    B_SET = 0x80,
    B_PERIODIC = 0x40,
    B_ALARM = 0x20,
    B_UPDATE = 0x10,
    B_FLAGS = B_PERIODIC | B_ALARM | B_UPDATE, /* the same in C */
    B_BINARY = 0x04,
    B_24 = 0x02,
    C_IRQ = 0x80,
    D_VALID = 0x80
};

struct mc146818 {
    struct device dev;
    struct clock_timer *second, *period;
    int64_t base_s;           /* the time less that of the clock */
    int64_t held_s;           /* the time, while it stands still */
    uint64_t seen_s;          /* of the clock: flags are told of up to here */
    uint64_t seen_ticks;      /* likewise, in 1/32768 s */
    uint8_t cmos[CMOS_BYTES]; /* the time itself is not in it, unless it stands still */
    uint8_t index;
    uint8_t pad[7];
};

/* ---- the time */

static uint64_t clock_s(const struct mc146818 *r)
{
    return clock_now_ns(r->dev.clock) / NS_PER_S;
}

static uint64_t clock_ticks(const struct mc146818 *r)
{
    return (uint64_t)((unsigned __int128)clock_now_ns(r->dev.clock) * 32768 / NS_PER_S);
}

static bool stands_still(const struct mc146818 *r)
{
    return (r->cmos[REG_B] & B_SET) || (r->cmos[REG_A] & A_RESET) == A_RESET;
}

static int64_t time_now(const struct mc146818 *r)
{
    return stands_still(r) ? r->held_s : r->base_s + (int64_t)clock_s(r);
}

static uint8_t coded(const struct mc146818 *r, int v)
{
    return (uint8_t)(r->cmos[REG_B] & B_BINARY ? v : v / 10 << 4 | v % 10);
}

static int decoded(const struct mc146818 *r, uint8_t v)
{
    return r->cmos[REG_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t coded_hours(const struct mc146818 *r, int h)
{
    if (r->cmos[REG_B] & B_24) {
        return coded(r, h);
    }
    return (uint8_t)(coded(r, h % 12 ? h % 12 : 12) | (h >= 12 ? 0x80 : 0));
}

static int decoded_hours(const struct mc146818 *r, uint8_t v)
{
    if (r->cmos[REG_B] & B_24) {
        return decoded(r, v);
    }
    return decoded(r, v & 0x7f) % 12 + (v & 0x80 ? 12 : 0);
}

static void split(int64_t s, struct tm *t)
{
    const time_t time = (time_t)s;
    *t = (struct tm){.tm_mday = 1};
    gmtime_r(&time, t);
}

/* Register n, one of the time's, of a time. */
static uint8_t time_register(const struct mc146818 *r, unsigned n, int64_t s)
{
    struct tm t;
    split(s, &t);
    switch (n) {
    case SECONDS:
        return coded(r, t.tm_sec);
    case MINUTES:
        return coded(r, t.tm_min);
    case HOURS:
        return coded_hours(r, t.tm_hour);
    case DAY_OF_WEEK:
        return coded(r, t.tm_wday + 1);
    case DAY:
        return coded(r, t.tm_mday);
    case MONTH:
        return coded(r, t.tm_mon + 1);
    case YEAR:
        return coded(r, t.tm_year % 100);
    default:
        return coded(r, t.tm_year / 100 + 19);
    }
}

static bool is_time(unsigned n)
{
    return n == CENTURY ||
           (n <= YEAR && n != SECONDS_ALARM && n != MINUTES_ALARM && n != HOURS_ALARM);
}

static const uint8_t time_registers[] = {SECONDS, MINUTES, HOURS, DAY_OF_WEEK,
                                         DAY,     MONTH,   YEAR,  CENTURY};

/* What the registers say, as seconds; fields that are out of range carry into the next. */
static int64_t time_of_registers(const struct mc146818 *r)
{
    struct tm t = {.tm_sec = decoded(r, r->cmos[SECONDS]),
                   .tm_min = decoded(r, r->cmos[MINUTES]),
                   .tm_hour = decoded_hours(r, r->cmos[HOURS]),
                   .tm_mday = decoded(r, r->cmos[DAY]),
                   .tm_mon = decoded(r, r->cmos[MONTH]) - 1,
                   .tm_year = decoded(r, r->cmos[YEAR]) + decoded(r, r->cmos[CENTURY]) * 100 -
                              1900};
    return timegm(&t);
}

/* The registers as they are now, so that one can be changed. */
static void store_time(struct mc146818 *r, int64_t s)
{
    for (size_t k = 0; k < array_len(time_registers); k++) {
        r->cmos[time_registers[k]] = time_register(r, time_registers[k], s);
    }
}

/* ---- flags and interrupts */

static void update(const struct mc146818 *r)
{
    irq_set(&r->dev.irq[0], (r->cmos[REG_B] & r->cmos[REG_C] & B_FLAGS) != 0);
}

/* Values of 0xc0 and more mean any. */
static bool alarm_is(const struct mc146818 *r, unsigned alarm, unsigned reg, int64_t s)
{
    return r->cmos[alarm] >= 0xc0 || r->cmos[alarm] == time_register(r, reg, s);
}

static bool alarm_matches(const struct mc146818 *r, int64_t s)
{
    return alarm_is(r, SECONDS_ALARM, SECONDS, s) && alarm_is(r, MINUTES_ALARM, MINUTES, s) &&
           alarm_is(r, HOURS_ALARM, HOURS, s);
}

#define DAY_S 86400

/* What has happened since the last look: an alarm in any of the seconds; a day has all that there
 * are. */
static void note_seconds(struct mc146818 *r)
{
    const uint64_t now = clock_s(r);
    uint64_t passed = now - r->seen_s;
    r->seen_s = now;
    if (passed == 0 || stands_still(r)) {
        return;
    }
    r->cmos[REG_C] |= B_UPDATE;
    for (passed = passed < DAY_S ? passed : DAY_S; passed && !(r->cmos[REG_C] & B_ALARM);
         passed--) {
        if (alarm_matches(r, r->base_s + (int64_t)now - (int64_t)(passed - 1))) {
            r->cmos[REG_C] |= B_ALARM;
        }
    }
}

/* In 1/32768 s; 0: none. */
static uint64_t period_ticks(const struct mc146818 *r)
{
    const unsigned rate = r->cmos[REG_A] & 15;
    return rate == 0 ? 0 : UINT64_C(1) << (rate < 3 ? rate + 6 : rate - 1);
}

static void note_periods(struct mc146818 *r)
{
    const uint64_t p = period_ticks(r), now = clock_ticks(r);
    if (p && now / p != r->seen_ticks / p) {
        r->cmos[REG_C] |= B_PERIODIC;
    }
    r->seen_ticks = now;
}

static void note(struct mc146818 *r)
{
    note_seconds(r);
    note_periods(r);
    update(r);
}

/* The first ns by which so many ticks have passed. */
static uint64_t ticks_to_ns(uint64_t ticks)
{
    return (uint64_t)(((unsigned __int128)ticks * NS_PER_S + 32767) / 32768);
}

/* Timers run only for interrupts that are wanted, and have not been raised. */
static void schedule(struct mc146818 *r)
{
    const uint8_t wanted = r->cmos[REG_B] & (uint8_t)~r->cmos[REG_C];
    const uint64_t p = period_ticks(r);
    clock_timer_set(r->second, (wanted & (B_ALARM | B_UPDATE)) && !stands_still(r)
                                   ? (clock_s(r) + 1) * NS_PER_S
                                   : CLOCK_NEVER);
    clock_timer_set(r->period, (wanted & B_PERIODIC) && p
                                   ? ticks_to_ns((clock_ticks(r) / p + 1) * p)
                                   : CLOCK_NEVER);
}

static void timer_expired(void *opaque)
{
    struct mc146818 *r = opaque;
    os_mutex_lock(r->dev.lock);
    note(r);
    schedule(r);
    os_mutex_unlock(r->dev.lock);
}

/* ---- registers */

static uint8_t read_register(struct mc146818 *r, unsigned n)
{
    uint8_t value = r->cmos[n];
    if (is_time(n)) {
        return stands_still(r) ? value : time_register(r, n, time_now(r));
    }
    switch (n) {
    case REG_A:
        if (!stands_still(r) && clock_now_ns(r->dev.clock) % NS_PER_S >= NS_PER_S - UPDATE_NS) {
            value |= A_UIP;
        }
        return value;
    case REG_C:
        note(r);
        value = r->cmos[REG_C];
        value |= r->cmos[REG_B] & value & B_FLAGS ? C_IRQ : 0;
        r->cmos[REG_C] = 0;
        update(r);
        schedule(r);
        return value;
    case REG_D:
        return D_VALID;
    default:
        return value;
    }
}

/* Of A or B: the time begins to stand still, or goes on from what the registers say. */
static void control_written(struct mc146818 *r, unsigned n, uint8_t value)
{
    const bool stood = stands_still(r);
    const int64_t now = time_now(r);
    note(r);
    if (!stood) {
        r->held_s = now;
    }
    /* Registers that are kept have the format that they were written in. */
    r->cmos[n] = n == REG_A ? value & 0x7f : value;
    if (!stood) {
        store_time(r, now);
    } else if (!stands_still(r)) {
        r->held_s = time_of_registers(r);
        r->base_s = r->held_s - (int64_t)clock_s(r);
    }
    if (r->cmos[REG_B] & B_SET) {
        r->cmos[REG_B] &= (uint8_t)~B_UPDATE;
    }
    update(r);
    schedule(r);
}

static void write_register(struct mc146818 *r, unsigned n, uint8_t value)
{
    if (n == REG_A || n == REG_B) {
        control_written(r, n, value);
    } else if (n == REG_C || n == REG_D) {
        return;
    } else if (is_time(n) && !stands_still(r)) {
        store_time(r, time_now(r));
        r->cmos[n] = value;
        r->base_s = time_of_registers(r) - (int64_t)clock_s(r);
    } else {
        note(r);
        r->cmos[n] = value;
    }
}

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct mc146818 *r = opaque;
    (void)size;
    return offset ? read_register(r, r->index) : 0xff;
}

/* Bit 7 of the index would mask NMI. */
static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct mc146818 *r = opaque;
    (void)size;
    if (offset) {
        write_register(r, r->index, (uint8_t)value);
    } else {
        r->index = value & (CMOS_BYTES - 1);
    }
}

static const struct mmio_ops ports_ops = {.read = ports_read, .write = ports_write, .sizes = 1};

void mc146818_map(struct device *d, struct space *ports)
{
    assert(d->cls == &mc146818_class);
    space_add(ports, &(struct mem_range){.base = 0x70,
                                         .size = 2,
                                         .kind = RANGE_MMIO,
                                         .name = "rtc",
                                         .ops = &ports_ops,
                                         .opaque = d,
                                         .lock = d->lock});
}

void mc146818_set_cmos(struct device *d, unsigned index, uint8_t value)
{
    assert(d->cls == &mc146818_class && index > REG_D && index < CMOS_BYTES && index != CENTURY);
    ((struct mc146818 *)d)->cmos[index] = value;
}

/* ---- life: time and memory have a battery */

static bool mc146818_create(struct device *d, struct error *e)
{
    struct mc146818 *r = (struct mc146818 *)d;
    (void)e;
    r->second = clock_timer_create(d->clock, timer_expired, r);
    r->period = clock_timer_create(d->clock, timer_expired, r);
    r->base_s = d->machine->config.rtc_base_s;
    r->cmos[REG_A] = 0x26;
    r->cmos[REG_B] = B_24;
    return true;
}

static void mc146818_destroy(struct device *d)
{
    struct mc146818 *r = (struct mc146818 *)d;
    clock_timer_destroy(r->second);
    clock_timer_destroy(r->period);
}

static void mc146818_reset(struct device *d)
{
    struct mc146818 *r = (struct mc146818 *)d;
    r->cmos[REG_B] &= (uint8_t) ~(B_FLAGS | 0x08);
    r->cmos[REG_C] = 0;
    r->seen_s = clock_s(r);
    r->seen_ticks = clock_ticks(r);
    update(r);
    schedule(r);
}

static bool mc146818_check(struct device *d, struct error *e)
{
    const struct mc146818 *r = (const struct mc146818 *)d;
    const int64_t most = INT64_C(1) << 40;
    if (r->base_s > most || r->base_s < -most || r->held_s > most || r->held_s < -most) {
        return error_set(e, "a time that no clock has");
    }
    return true;
}

/* The clock is a part of the state, too, and is not there before: nothing was seen later. */
static void mc146818_loaded(struct device *d)
{
    struct mc146818 *r = (struct mc146818 *)d;
    r->seen_s = r->seen_s > clock_s(r) ? clock_s(r) : r->seen_s;
    r->seen_ticks = r->seen_ticks > clock_ticks(r) ? clock_ticks(r) : r->seen_ticks;
    update(r);
    schedule(r);
}

static const struct field mc146818_fields[] = {
    FIELD_SKIP(mc146818, second), FIELD_SKIP(mc146818, period),
    FIELD_KEEP(mc146818, base_s), FIELD_KEEP(mc146818, held_s),
    FIELD(mc146818, seen_s),      FIELD(mc146818, seen_ticks),
    FIELD_KEEP(mc146818, cmos),   FIELD_MOST(mc146818, index, CMOS_BYTES - 1),
    FIELD_SKIP(mc146818, pad),    FIELD_END,
};

const struct device_class mc146818_class = {
    .name = "mc146818rtc",
    .desc = "MC146818 real time clock with CMOS memory",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct mc146818),
    .fields = mc146818_fields,
    .create = mc146818_create,
    .reset = mc146818_reset,
    .destroy = mc146818_destroy,
    .check = mc146818_check,
    .loaded = mc146818_loaded,
};
