/* SPDX-License-Identifier: MIT */
/*
 * Arm PL031 real time clock (ARM DDI 0224): seconds since 1970 on the machine's virtual clock,
 * which started at -rtc's base. irq[0] is RTCINTR. Not modelled: the test registers.
 */
#include "hw/classes.h"
#include "hw/machine.h"

#define NS_PER_S UINT64_C(1000000000)

struct pl031 {
    struct device dev;
    struct clock_timer *alarm;
    uint32_t offset; /* DR less the virtual clock's seconds */
    uint32_t match;  /* MR */
    uint32_t load;   /* LR */
    uint32_t imsc, ris;
    uint32_t pad;
};

static uint64_t clock_seconds(const struct pl031 *r)
{
    return clock_now_ns(r->dev.clock) / NS_PER_S;
}

static uint32_t now(const struct pl031 *r)
{
    return (uint32_t)clock_seconds(r) + r->offset;
}

static void update(struct pl031 *r)
{
    irq_set(&r->dev.irq[0], (r->ris & r->imsc) != 0);
}

/* The match register was reached now, or will be when the counter gets there, if need be by
 * wrapping around. */
static void schedule(struct pl031 *r)
{
    uint32_t left = r->match - now(r);
    if (left == 0) {
        r->ris = 1;
        clock_timer_cancel(r->alarm);
    } else {
        clock_timer_set(r->alarm, (clock_seconds(r) + left) * NS_PER_S);
    }
    update(r);
}

static void alarm_expired(void *opaque)
{
    struct pl031 *r = opaque;
    os_mutex_lock(r->dev.lock);
    r->ris = 1;
    update(r);
    os_mutex_unlock(r->dev.lock);
}

static uint64_t dr_read(struct device *d, const struct reg *reg)
{
    (void)reg;
    return now((struct pl031 *)d);
}

static void match_written(struct device *d, const struct reg *reg, uint64_t value)
{
    (void)reg, (void)value;
    schedule((struct pl031 *)d);
}

static void load_written(struct device *d, const struct reg *reg, uint64_t value)
{
    struct pl031 *r = (struct pl031 *)d;
    (void)reg;
    r->offset += (uint32_t)value - now(r);
    schedule(r);
}

static void imsc_written(struct device *d, const struct reg *reg, uint64_t value)
{
    (void)reg, (void)value;
    update((struct pl031 *)d);
}

static uint64_t mis_read(struct device *d, const struct reg *reg)
{
    const struct pl031 *r = (const struct pl031 *)d;
    (void)reg;
    return r->ris & r->imsc;
}

static void icr_written(struct device *d, const struct reg *reg, uint64_t value)
{
    struct pl031 *r = (struct pl031 *)d;
    (void)reg;
    r->ris &= ~(uint32_t)value;
    update(r);
}

/* The clock always runs: writes to the control register have no effect. */
static void cr_written(struct device *d, const struct reg *reg, uint64_t value)
{
    (void)d, (void)reg, (void)value;
}

static uint64_t cr_read(struct device *d, const struct reg *reg)
{
    (void)d, (void)reg;
    return 1;
}

static const struct reg pl031_regs[] = {
    REG_FN(0x00, "DR", dr_read, NULL),
    REG(pl031, 0x04, "MR", match, UINT32_MAX, 0, NULL, match_written),
    REG(pl031, 0x08, "LR", load, UINT32_MAX, 0, NULL, load_written),
    REG_FN(0x0c, "CR", cr_read, cr_written),
    REG(pl031, 0x10, "IMSC", imsc, 1, 0, NULL, imsc_written),
    REG(pl031, 0x14, "RIS", ris, 0, 0, NULL, NULL),
    REG_FN(0x18, "MIS", mis_read, NULL),
    REG_FN(0x1c, "ICR", NULL, icr_written),
    REG_UNIMP(0x80, "a test register", 5), /* ITCR, ITIP, ITOP, TOFFSET, TCOUNT */
    REG_CONST(0xfe0, "PeriphID0", 0x31),
    REG_CONST(0xfe4, "PeriphID1", 0x10),
    REG_CONST(0xfe8, "PeriphID2", 0x14),
    REG_CONST(0xfec, "PeriphID3", 0x00),
    REG_CONST(0xff0, "PCellID0", 0x0d),
    REG_CONST(0xff4, "PCellID1", 0xf0),
    REG_CONST(0xff8, "PCellID2", 0x05),
    REG_CONST(0xffc, "PCellID3", 0xb1),
    REG_END,
};

/* The time goes on through a reset, as the battery of a real one sees to. */
static const struct field pl031_fields[] = {
    FIELD_KEEP(pl031, offset),
    FIELD_DUE(pl031, alarm),
    FIELD_SKIP(pl031, pad),
    FIELD_END,
};

static bool pl031_create(struct device *d, struct error *e)
{
    struct pl031 *r = (struct pl031 *)d;
    (void)e;
    r->alarm = clock_timer_create(d->clock, alarm_expired, r);
    r->offset = (uint32_t)d->machine->config.rtc_base_s;
    return true;
}

static void pl031_destroy(struct device *d)
{
    clock_timer_destroy(((struct pl031 *)d)->alarm);
}

static void pl031_reset(struct device *d)
{
    struct pl031 *r = (struct pl031 *)d;
    clock_timer_cancel(r->alarm);
    update(r);
}

static void pl031_loaded(struct device *d)
{
    update((struct pl031 *)d);
}

const struct device_class pl031_class = {
    .name = "pl031",
    .desc = "Arm PL031 real time clock",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct pl031),
    .regs = pl031_regs,
    .fields = pl031_fields,
    .window_size = 0x1000,
    .create = pl031_create,
    .reset = pl031_reset,
    .destroy = pl031_destroy,
    .loaded = pl031_loaded,
};
