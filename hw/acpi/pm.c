/* SPDX-License-Identifier: MIT */
/*
 * The fixed hardware of ACPI: see pm.h (ACPI 6.5, 4.8.3 and 4.8.4). The timer has 24 bits; its
 * status bit is set when the upper one of them changes, either way. Without the chipset's leave
 * nothing is ever asleep: S1 to S3 are refused, S4 and S5 switch off.
 *
 * The counter follows from the clock. How often its upper bit has changed is compared with what
 * the status has told of, so that a timer runs only while an interrupt is wanted.
 */
#include "hw/acpi/pm.h"

#include "base/bits.h"
#include "base/log.h"
#include "hw/machine.h"

#define NS_PER_S UINT64_C(1000000000)
#define COUNTER_BITS 24
#define ENABLES                                                                                    \
    (ACPI_PM1_TIMER | ACPI_PM1_GLOBAL | ACPI_PM1_POWER_BUTTON | ACPI_PM1_SLEEP_BUTTON |            \
     ACPI_PM1_RTC)
#define STATUSES (ENABLES | ACPI_PM1_BUS_MASTER | ACPI_PM1_WAKE)
#define CONTROLS (ACPI_PM1_SCI_EN | ACPI_PM1_BUS_MASTER_RELOAD | ACPI_PM1_SLEEP_TYPE)

/* ---- the timer */

static uint64_t ticks_now(const struct acpi_pm *p)
{
    return (uint64_t)((u128)clock_now_ns(p->dev->clock) * ACPI_PM_HZ / NS_PER_S);
}

static uint64_t carries_now(const struct acpi_pm *p)
{
    return ticks_now(p) >> (COUNTER_BITS - 1);
}

/* The first ns at which so many changes of the upper bit have happened. */
static uint64_t carry_ns(uint64_t carries)
{
    const u128 ticks = (u128)carries << (COUNTER_BITS - 1);
    return (uint64_t)((ticks * NS_PER_S + ACPI_PM_HZ - 1) / ACPI_PM_HZ);
}

static void note_carry(struct acpi_pm *p)
{
    const uint64_t now = carries_now(p);
    if (now != p->carries) {
        p->carries = now;
        p->status |= ACPI_PM1_TIMER;
    }
}

static void changed(struct acpi_pm *p)
{
    const bool wanted = (p->enable & ACPI_PM1_TIMER) && !(p->status & ACPI_PM1_TIMER);
    clock_timer_set(p->timer, wanted ? carry_ns(p->carries + 1) : CLOCK_NEVER);
    p->cls->changed(p);
}

static void carry_due(void *opaque)
{
    struct acpi_pm *p = opaque;
    os_mutex_lock(p->dev->machine->lock);
    note_carry(p);
    changed(p);
    os_mutex_unlock(p->dev->machine->lock);
}

/* ---- events */

bool acpi_pm_fixed_pending(struct acpi_pm *p)
{
    note_carry(p);
    return p->status & p->enable & ENABLES;
}

bool acpi_pm_gpe_pending(const struct acpi_pm *p)
{
    for (unsigned i = 0; i < p->cls->gpe_bytes; i++) {
        if (p->gpe_status[i] & p->gpe_enable[i]) {
            return true;
        }
    }
    return false;
}

bool acpi_pm_sci(struct acpi_pm *p)
{
    return (p->control & ACPI_PM1_SCI_EN) && (acpi_pm_fixed_pending(p) || acpi_pm_gpe_pending(p));
}

void acpi_pm_event(struct acpi_pm *p, uint16_t bits)
{
    p->status |= bits;
    changed(p);
}

void acpi_pm_gpe(struct acpi_pm *p, unsigned n)
{
    assert(n < 8u * p->cls->gpe_bytes);
    p->gpe_status[n / 8] |= (uint8_t)(1u << n % 8);
    changed(p);
}

void acpi_pm_set_sci(struct acpi_pm *p, bool on)
{
    p->control = on ? p->control | ACPI_PM1_SCI_EN : p->control & (uint16_t)~ACPI_PM1_SCI_EN;
    changed(p);
}

/* ---- registers */

static void sleep_asked(struct acpi_pm *p)
{
    struct power *power = p->dev->machine->power;
    const unsigned type = p->control >> 10 & 7;
    if (bit(p->cls->off_types, type)) {
        power->request(power, POWER_OFF);
    } else if (bit(p->cls->suspend_types, type)) {
        log_unimp(p->dev->cls->name, "S3, suspend to memory, is not modelled");
    } else {
        log_guest(p->dev->cls->name, "there is no sleep of type %u", type);
    }
}

static void control_written(struct acpi_pm *p, unsigned shift, uint8_t value)
{
    const uint16_t bits = (uint16_t)(value << shift), mask = (uint16_t)(0xff << shift);
    p->control = (uint16_t)((p->control & ~mask) | (bits & CONTROLS));
    if ((bits & ACPI_PM1_GLOBAL_RELEASE) && p->cls->released) {
        p->cls->released(p);
    }
    if (bits & ACPI_PM1_SLEEP) {
        sleep_asked(p);
    }
}

uint32_t acpi_pm_read(struct acpi_pm *p, unsigned offset)
{
    switch (offset) {
    case ACPI_PM1_STATUS:
        note_carry(p);
        return p->status | (uint32_t)p->enable << 16;
    case ACPI_PM1_CONTROL:
        return p->control;
    case ACPI_PM_TIMER:
        return (uint32_t)(ticks_now(p) & mask64(COUNTER_BITS));
    default:
        return 0;
    }
}

void acpi_pm_write_byte(struct acpi_pm *p, unsigned offset, uint8_t value)
{
    const unsigned shift = 8 * (offset & 1);
    const uint16_t bits = (uint16_t)(value << shift), mask = (uint16_t)(0xff << shift);
    switch (offset & ~1u) {
    case ACPI_PM1_STATUS:
        note_carry(p);
        p->status &= (uint16_t)~bits;
        break;
    case ACPI_PM1_ENABLE:
        p->enable = (uint16_t)((p->enable & ~mask) | (bits & ENABLES));
        break;
    case ACPI_PM1_CONTROL:
        control_written(p, shift, value);
        break;
    default: /* the timer, and reserved bits */
        return;
    }
    changed(p);
}

uint32_t acpi_pm_gpe_read(const struct acpi_pm *p, unsigned n)
{
    const unsigned bytes = p->cls->gpe_bytes;
    uint32_t v = 0;
    for (unsigned i = 0; i < 4 && n + i < 2 * bytes; i++) {
        const unsigned at = n + i;
        v |= (uint32_t)(at < bytes ? p->gpe_status[at] : p->gpe_enable[at - bytes]) << 8 * i;
    }
    return v;
}

void acpi_pm_gpe_write_byte(struct acpi_pm *p, unsigned n, uint8_t value)
{
    const unsigned bytes = p->cls->gpe_bytes;
    if (n < bytes) {
        p->gpe_status[n] &= (uint8_t)~value;
    } else if (n < 2 * bytes) {
        p->gpe_enable[n - bytes] = value;
    }
    changed(p);
}

/* ---- life */

bool acpi_pm_set_types(struct acpi_pm_class *c, unsigned disable_s3, unsigned disable_s4,
                       unsigned s4_val, struct error *e)
{
    if (!disable_s3) {
        return error_set(e, "disable_s3=0: suspending to memory is not modelled; 1 is possible");
    }
    if (disable_s3 > 1 || disable_s4 > 1) {
        return error_set(e, "disable_s%u=%u: 0 or 1 is accepted", disable_s3 > 1 ? 3 : 4,
                         disable_s3 > 1 ? disable_s3 : disable_s4);
    }
    if (s4_val > 7) {
        return error_set(e, "s4_val=%u: sleep types are 0 to 7", s4_val);
    }
    c->off_types |= (uint8_t)(disable_s4 ? 0 : 1u << s4_val);
    return true;
}

void acpi_pm_init(struct acpi_pm *p, struct device *d, const struct acpi_pm_class *cls)
{
    assert(cls->gpe_bytes <= ACPI_GPE_BYTES_MOST);
    p->cls = cls;
    p->dev = d;
    p->timer = clock_timer_create(d->clock, carry_due, p);
}

void acpi_pm_fini(struct acpi_pm *p)
{
    clock_timer_destroy(p->timer);
}

void acpi_pm_reset(struct acpi_pm *p)
{
    p->status = p->enable = p->control = 0;
    memset(p->gpe_status, 0, sizeof(p->gpe_status));
    memset(p->gpe_enable, 0, sizeof(p->gpe_enable));
    p->carries = carries_now(p);
    changed(p);
}

/* The state says all that is to be said of the time. */
void acpi_pm_settle(struct acpi_pm *p)
{
    note_carry(p);
}

void acpi_pm_loaded(struct acpi_pm *p)
{
    const uint64_t now = carries_now(p);
    p->carries = p->carries < now ? p->carries : now;
    changed(p);
}

const struct field acpi_pm_fields[] = {
    FIELD_SKIP(acpi_pm, cls),
    FIELD_SKIP(acpi_pm, dev),
    FIELD_SKIP(acpi_pm, timer),
    FIELD(acpi_pm, carries),
    FIELD_MOST(acpi_pm, status, STATUSES),
    FIELD_MOST(acpi_pm, enable, ENABLES),
    FIELD_MOST(acpi_pm, control, CONTROLS),
    FIELD(acpi_pm, gpe_status),
    FIELD(acpi_pm, gpe_enable),
    FIELD_SKIP(acpi_pm, pad),
    FIELD_END,
};
