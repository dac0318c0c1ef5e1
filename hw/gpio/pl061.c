/* SPDX-License-Identifier: MIT */
/*
 * Arm PL061 general purpose input/output (ARM DDI 0190). 8 pins; irq[0] is GPIOINTR.
 * Nothing hangs on pins that are outputs. Not modelled: alternate functions (AFSEL only stores),
 * test registers.
 */
#include "hw/gpio/pl061.h"

#include "base/bits.h"
#include "hw/classes.h"

struct pl061 {
    struct device dev;
    uint32_t out;   /* what was written to DATA for output pins */
    uint32_t dir;   /* 1: output */
    uint32_t is;    /* 1: level sensitive */
    uint32_t ibe;   /* 1: both edges */
    uint32_t iev;   /* 1: rising edge or high level */
    uint32_t ie;    /* 1: not masked */
    uint32_t edges; /* seen and not cleared */
    uint32_t afsel;
    uint32_t level; /* of the pins, as the outside drives them */
    uint32_t seen;  /* levels when edges were last looked for */
};

static uint32_t data(const struct pl061 *p)
{
    return (p->out & p->dir) | (p->level & ~p->dir);
}

static uint32_t raw(const struct pl061 *p)
{
    return (p->edges & ~p->is) | (~(data(p) ^ p->iev) & p->is & 0xff);
}

static void update(struct pl061 *p)
{
    uint32_t now = data(p), changed = now ^ p->seen;
    p->edges |= changed & ~p->is & (p->ibe | ~(now ^ p->iev)) & 0xff;
    p->seen = now;
    irq_set(&p->dev.irq[0], (raw(p) & p->ie) != 0);
}

static void pin_set(void *opaque, int pin, int level)
{
    struct pl061 *p = opaque;
    os_mutex_lock(p->dev.lock);
    p->level = (p->level & ~(1u << pin)) | (uint32_t)(level != 0) << pin;
    update(p);
    os_mutex_unlock(p->dev.lock);
}

struct irq pl061_pin(struct device *d, unsigned pin)
{
    assert(d->cls == &pl061_class && pin < 8);
    return (struct irq){pin_set, d, (int)pin};
}

static void written(struct device *d, const struct reg *r, uint64_t value)
{
    (void)r, (void)value;
    update((struct pl061 *)d);
}

static uint64_t ris_read(struct device *d, const struct reg *r)
{
    (void)r;
    return raw((struct pl061 *)d);
}

static uint64_t mis_read(struct device *d, const struct reg *r)
{
    (void)r;
    return raw((struct pl061 *)d) & ((struct pl061 *)d)->ie;
}

static void ic_written(struct device *d, const struct reg *r, uint64_t value)
{
    struct pl061 *p = (struct pl061 *)d;
    (void)r;
    p->edges &= ~(uint32_t)value;
    update(p);
}

static const struct reg pl061_regs[] = {
    REG(pl061, 0x400, "DIR", dir, 0xff, 0, NULL, written),
    REG(pl061, 0x404, "IS", is, 0xff, 0, NULL, written),
    REG(pl061, 0x408, "IBE", ibe, 0xff, 0, NULL, written),
    REG(pl061, 0x40c, "IEV", iev, 0xff, 0, NULL, written),
    REG(pl061, 0x410, "IE", ie, 0xff, 0, NULL, written),
    REG_FN(0x414, "RIS", ris_read, NULL),
    REG_FN(0x418, "MIS", mis_read, NULL),
    REG_FN(0x41c, "IC", NULL, ic_written),
    REG(pl061, 0x420, "AFSEL", afsel, 0xff, 0, NULL, NULL),
    REG_UNIMP(0x600, "a test register", 6), /* ITCR, ITIP1, ITIP2, ITOP1 to ITOP3 */
    REG_CONST(0xfe0, "PeriphID0", 0x61),
    REG_CONST(0xfe4, "PeriphID1", 0x10),
    REG_CONST(0xfe8, "PeriphID2", 0x04),
    REG_CONST(0xfec, "PeriphID3", 0x00),
    REG_CONST(0xff0, "PCellID0", 0x0d),
    REG_CONST(0xff4, "PCellID1", 0xf0),
    REG_CONST(0xff8, "PCellID2", 0x05),
    REG_CONST(0xffc, "PCellID3", 0xb1),
    REG_END,
};

static const struct field pl061_fields[] = {
    FIELD(pl061, out), FIELD(pl061, edges), FIELD_KEEP(pl061, level), FIELD(pl061, seen), FIELD_END,
};

/* DATA takes the first 1024 bytes: address bits 9 to 2 select the pins that are read or written. */
#define DATA_END 0x400

static uint64_t window_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct pl061 *p = opaque;
    if (offset < DATA_END) {
        return data(p) & (offset >> 2);
    }
    return device_mmio_ops.read(opaque, offset, size);
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pl061 *p = opaque;
    if (offset < DATA_END) {
        uint32_t pins = (uint32_t)(offset >> 2) & p->dir;
        p->out = (p->out & ~pins) | ((uint32_t)value & pins);
        update(p);
    } else {
        device_mmio_ops.write(opaque, offset, value, size);
    }
}

static const struct mmio_ops window_ops = {
    .read = window_read, .write = window_write, .sizes = 1 | 2 | 4};

static void pl061_reset(struct device *d)
{
    struct pl061 *p = (struct pl061 *)d;
    p->seen = data(p);
    update(p);
}

static void pl061_loaded(struct device *d)
{
    update((struct pl061 *)d);
}

const struct device_class pl061_class = {
    .name = "pl061",
    .desc = "Arm PL061 GPIO controller",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct pl061),
    .regs = pl061_regs,
    .fields = pl061_fields,
    .window_size = 0x1000,
    .ops = &window_ops,
    .reset = pl061_reset,
    .loaded = pl061_loaded,
};
