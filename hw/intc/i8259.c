/* SPDX-License-Identifier: MIT */
/*
 * The pair of 8259A interrupt controllers of a PC (Intel 8259A data sheet, 231468), the second one
 * on input 2 of the first, with the edge/level registers of EISA (Intel 82374EB, ELCR). irq[0] is
 * INT of the first. Not modelled: MCS-80 mode, buffered mode, a cascade that is wired otherwise.
 */
#include "hw/intc/i8259.h"

#include "base/bits.h"
#include "hw/classes.h"

enum {
    CASCADE = 2,
    ICW1 = 0x10,
    OCW3 = 0x08
};

/* Commands of OCW2: bits 7 to 5. */
enum {
    ROTATE_AUTO_CLEAR = 0,
    EOI = 1,
    EOI_SPECIFIC = 3,
    ROTATE_AUTO_SET = 4,
    EOI_ROTATE = 5,
    SET_PRIORITY = 6,
    EOI_ROTATE_SPECIFIC = 7
};

struct chip {
    uint8_t irr, isr, imr;
    uint8_t line;  /* levels of the inputs */
    uint8_t elcr;  /* inputs that are level triggered */
    uint8_t base;  /* vector of input 0 */
    uint8_t first; /* the input that has the highest priority */
    uint8_t step;  /* the initialization command word that is next, or 0 */
    bool single, has_icw4, all_level;
    bool auto_eoi, rotate_auto, special_mask, fully_nested, read_isr, poll;
    uint8_t pad[7];
};

struct i8259 {
    struct device dev;
    struct os_mutex mutex; /* guards what follows */
    struct i8259_port {
        struct i8259 *pair;
        unsigned n;
    } port[2];
    struct chip chip[2];
};

/* ---- priorities, with the mutex held */

/* How far the highest of those inputs is from the top; 8: there is none. */
static unsigned rank(const struct chip *c, unsigned inputs)
{
    const unsigned turned = (inputs | inputs << 8) >> c->first & 0xff;
    return turned ? ctz32(turned) : 8;
}

static unsigned level_inputs(const struct chip *c)
{
    return c->all_level ? 0xff : c->elcr;
}

/* The input to be served next, or -1. What is in service holds back its own and lower priorities;
 * a special fully nested first controller lets the second through again. */
static int next_input(const struct i8259 *p, unsigned n)
{
    const struct chip *c = &p->chip[n];
    unsigned busy = c->isr;
    busy &= c->special_mask ? ~(unsigned)c->imr : 0xff;
    busy &= c->fully_nested && n == 0 ? ~(1u << CASCADE) : 0xff;
    const unsigned r = rank(c, c->irr & ~(unsigned)c->imr);
    return r < rank(c, busy) ? (int)((r + c->first) & 7) : -1;
}

static void set_input(struct chip *c, unsigned input, bool level)
{
    const uint8_t bit = (uint8_t)(1u << input);
    if (level_inputs(c) & bit) {
        c->irr = level ? c->irr | bit : c->irr & (uint8_t)~bit;
    } else if (!level) {
        c->irr &= (uint8_t)~bit; /* it has to stay until it is acknowledged */
    } else if (!(c->line & bit)) {
        c->irr |= bit;
    }
    c->line = level ? c->line | bit : c->line & (uint8_t)~bit;
}

/* The second's INT is a level for the first, so that it asks again for the next. */
static void update(struct i8259 *p)
{
    struct chip *first = &p->chip[0];
    const bool second = next_input(p, 1) >= 0;
    first->irr = second ? first->irr | 1u << CASCADE : first->irr & (uint8_t) ~(1u << CASCADE);
    irq_set(&p->dev.irq[0], next_input(p, 0) >= 0);
}

static void serve(struct chip *c, unsigned input)
{
    const uint8_t bit = (uint8_t)(1u << input);
    if (!(level_inputs(c) & bit)) {
        c->irr &= (uint8_t)~bit;
    }
    if (!c->auto_eoi) {
        c->isr |= bit;
    } else if (c->rotate_auto) {
        c->first = (input + 1) & 7;
    }
}

/* ---- lines */

static void line_set(void *opaque, int line, int level)
{
    struct i8259 *p = opaque;
    os_mutex_lock(&p->mutex);
    set_input(&p->chip[line / 8], (unsigned)line % 8, level);
    update(p);
    os_mutex_unlock(&p->mutex);
}

struct irq i8259_line(struct device *d, unsigned n)
{
    assert(d->cls == &i8259_class && n < 16);
    return n == CASCADE ? (struct irq){.set = NULL} : (struct irq){line_set, d, (int)n};
}

int i8259_acknowledge(struct device *d)
{
    struct i8259 *p = (struct i8259 *)d;
    os_mutex_lock(&p->mutex);
    int input = next_input(p, 0);
    unsigned vector = p->chip[0].base + (input < 0 ? 7u : (unsigned)input);
    if (input >= 0) {
        const int inner = input == CASCADE ? next_input(p, 1) : -1;
        serve(&p->chip[0], (unsigned)input);
        if (input == CASCADE) {
            vector = p->chip[1].base + (inner < 0 ? 7u : (unsigned)inner);
        }
        if (inner >= 0) {
            serve(&p->chip[1], (unsigned)inner);
        }
    }
    update(p);
    os_mutex_unlock(&p->mutex);
    return (int)vector;
}

bool i8259_pending(struct device *d)
{
    struct i8259 *p = (struct i8259 *)d;
    os_mutex_lock(&p->mutex);
    const bool pending = next_input(p, 0) >= 0;
    os_mutex_unlock(&p->mutex);
    return pending;
}

/* ---- registers */

static void end_of_interrupt(struct chip *c, unsigned input, bool rotate)
{
    c->isr &= (uint8_t) ~(1u << input);
    if (rotate) {
        c->first = (input + 1) & 7;
    }
}

static void write_ocw2(struct chip *c, uint8_t value)
{
    /* In special mask mode an EOI that names no input leaves masked ones in service. */
    const unsigned seen = c->special_mask ? c->isr & ~(unsigned)c->imr : c->isr;
    const unsigned command = value >> 5, input = value & 7, r = rank(c, seen);
    switch (command) {
    case ROTATE_AUTO_CLEAR:
    case ROTATE_AUTO_SET:
        c->rotate_auto = command == ROTATE_AUTO_SET;
        break;
    case EOI:
    case EOI_ROTATE:
        if (r < 8) {
            end_of_interrupt(c, (r + c->first) & 7, command == EOI_ROTATE);
        }
        break;
    case EOI_SPECIFIC:
    case EOI_ROTATE_SPECIFIC:
        end_of_interrupt(c, input, command == EOI_ROTATE_SPECIFIC);
        break;
    case SET_PRIORITY:
        c->first = (input + 1) & 7;
        break;
    default:
        break;
    }
}

static void write_ocw3(struct chip *c, uint8_t value)
{
    c->poll = value & 4;
    if (value & 2) {
        c->read_isr = value & 1;
    }
    if (value & 0x40) {
        c->special_mask = value & 0x20;
    }
}

/* Edges have to come anew. */
static void write_icw1(struct chip *c, uint8_t value)
{
    const struct chip old = *c;
    *c = (struct chip){.line = old.line, .elcr = old.elcr, .base = old.base};
    c->has_icw4 = value & 1;
    c->single = value & 2;
    c->all_level = value & 8;
    c->irr = c->line & (uint8_t)level_inputs(c);
    c->step = 2;
}

static void write_data(struct chip *c, uint8_t value)
{
    switch (c->step) {
    case 2:
        c->base = value & 0xf8;
        c->step = !c->single ? 3 : c->has_icw4 ? 4 : 0;
        break;
    case 3:
        c->step = c->has_icw4 ? 4 : 0;
        break;
    case 4:
        c->auto_eoi = value & 2;
        c->fully_nested = value & 0x10;
        c->step = 0;
        break;
    default:
        c->imr = value;
        break;
    }
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const struct i8259_port *port = opaque;
    struct chip *c = &port->pair->chip[port->n];
    (void)size;
    os_mutex_lock(&port->pair->mutex);
    if (offset) {
        write_data(c, (uint8_t)value);
    } else if (value & ICW1) {
        write_icw1(c, (uint8_t)value);
    } else if (value & OCW3) {
        write_ocw3(c, (uint8_t)value);
    } else {
        write_ocw2(c, (uint8_t)value);
    }
    update(port->pair);
    os_mutex_unlock(&port->pair->mutex);
}

/* What a poll command has the next read do: an acknowledge by software. */
static uint8_t poll(struct i8259 *p, unsigned n)
{
    const int input = next_input(p, n);
    p->chip[n].poll = false;
    if (input < 0) {
        return 0;
    }
    serve(&p->chip[n], (unsigned)input);
    update(p);
    return (uint8_t)(0x80 | input);
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct i8259_port *port = opaque;
    struct chip *c = &port->pair->chip[port->n];
    (void)size;
    os_mutex_lock(&port->pair->mutex);
    const uint8_t value = c->poll       ? poll(port->pair, port->n)
                          : offset      ? c->imr
                          : c->read_isr ? c->isr
                                        : c->irr;
    os_mutex_unlock(&port->pair->mutex);
    return value;
}

static const struct mmio_ops port_ops = {.read = port_read, .write = port_write, .sizes = 1};

/* Inputs of the timer, the keyboard, the cascade, the clock and the coprocessor have edges. */
static const uint8_t elcr_bits[2] = {0xf8, 0xde};

static uint64_t elcr_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8259 *p = opaque;
    (void)size;
    os_mutex_lock(&p->mutex);
    const uint8_t value = p->chip[offset].elcr;
    os_mutex_unlock(&p->mutex);
    return value;
}

static void elcr_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8259 *p = opaque;
    (void)size;
    os_mutex_lock(&p->mutex);
    struct chip *c = &p->chip[offset];
    c->elcr = (uint8_t)value & elcr_bits[offset];
    /* An edge that waits is nothing for an input that goes by its level. */
    const unsigned levels = level_inputs(c);
    c->irr = (uint8_t)((c->irr & ~levels) | (c->line & levels));
    update(p);
    os_mutex_unlock(&p->mutex);
}

static const struct mmio_ops elcr_ops = {.read = elcr_read, .write = elcr_write, .sizes = 1};

void i8259_map(struct device *d, struct space *ports)
{
    struct i8259 *p = (struct i8259 *)d;
    static const paddr at[2] = {0x20, 0xa0};
    assert(d->cls == &i8259_class);
    for (unsigned n = 0; n < 2; n++) {
        space_add(ports, &(struct mem_range){.base = at[n],
                                             .size = 2,
                                             .kind = RANGE_MMIO,
                                             .name = "pic",
                                             .ops = &port_ops,
                                             .opaque = &p->port[n]});
    }
    space_add(ports, &(struct mem_range){.base = 0x4d0,
                                         .size = 2,
                                         .kind = RANGE_MMIO,
                                         .name = "elcr",
                                         .ops = &elcr_ops,
                                         .opaque = p});
}

/* ---- life */

static bool i8259_create(struct device *d, struct error *e)
{
    struct i8259 *p = (struct i8259 *)d;
    (void)e;
    os_mutex_init(&p->mutex);
    for (unsigned n = 0; n < 2; n++) {
        p->port[n] = (struct i8259_port){p, n};
    }
    return true;
}

static void i8259_destroy(struct device *d)
{
    os_mutex_destroy(&((struct i8259 *)d)->mutex);
}

static void i8259_reset(struct device *d)
{
    struct i8259 *p = (struct i8259 *)d;
    os_mutex_lock(&p->mutex);
    update(p);
    os_mutex_unlock(&p->mutex);
}

static void i8259_info(struct device *d, struct strbuf *out)
{
    struct i8259 *p = (struct i8259 *)d;
    os_mutex_lock(&p->mutex);
    for (unsigned n = 2; n-- > 0;) {
        const struct chip *c = &p->chip[n];
        strbuf_printf(
            out,
            "pic%u: irr=%02x imr=%02x isr=%02x hprio=%u irq_base=%02x rr_sel=%u elcr=%02x "
            "fnm=%u\n",
            n, c->irr, c->imr, c->isr, c->first, c->base, c->read_isr, c->elcr, c->fully_nested);
    }
    os_mutex_unlock(&p->mutex);
}

static bool i8259_check(struct device *d, struct error *e)
{
    const struct i8259 *p = (const struct i8259 *)d;
    for (unsigned n = 0; n < 2; n++) {
        if (p->chip[n].step == 1) {
            return error_set(e, "there is no initialization command word 1 to come");
        }
    }
    return true;
}

static const struct field chip_fields[] = {
    FIELD(chip, irr),
    FIELD(chip, isr),
    FIELD(chip, imr),
    FIELD(chip, line),
    FIELD(chip, elcr),
    FIELD(chip, base),
    FIELD_MOST(chip, first, 7),
    FIELD_MOST(chip, step, 4),
    FIELD(chip, single),
    FIELD(chip, has_icw4),
    FIELD(chip, all_level),
    FIELD(chip, auto_eoi),
    FIELD(chip, rotate_auto),
    FIELD(chip, special_mask),
    FIELD(chip, fully_nested),
    FIELD(chip, read_isr),
    FIELD(chip, poll),
    FIELD_SKIP(chip, pad),
    FIELD_END,
};

static const struct field i8259_fields[] = {
    FIELD_SKIP(i8259, mutex),
    FIELD_SKIP(i8259, port),
    FIELD_PARTS(i8259, chip, chip_fields, chip),
    FIELD_END,
};

const struct device_class i8259_class = {
    .name = "isa-i8259",
    .desc = "pair of 8259A interrupt controllers",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct i8259),
    .fields = i8259_fields,
    .create = i8259_create,
    .reset = i8259_reset,
    .destroy = i8259_destroy,
    .check = i8259_check,
    .loaded = i8259_reset,
    .info = i8259_info,
    .flags = DEVICE_THREAD_SAFE,
};
