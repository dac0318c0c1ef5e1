/* SPDX-License-Identifier: MIT */
/*
 * The I/O APIC of a PC (Intel 82093AA data sheet, 290566) with 24 inputs, of version 0x20: with the
 * EOI register that later ones have (Intel ICH9, 13.5.4). Inputs say whether they are active; what
 * the polarity of a redirection entry says is kept and has no effect.
 *
 * The mutex is not held while a message is sent, since the local APICs tell of ends of interrupts.
 */
#include "hw/intc/ioapic.h"

#include <inttypes.h>

#include "base/bits.h"
#include "hw/classes.h"

enum {
    IOREGSEL = 0x00,
    IOWIN = 0x10,
    EOIR = 0x40
};

enum {
    REG_ID,
    REG_VERSION,
    REG_ARBITRATION,
    REG_TABLE = 0x10
};

#define VERSION (0x20u | (IOAPIC_PINS - 1) << 16)

/* A redirection entry. */
#define E_VECTOR 0xffu
#define E_MODE_SHIFT 8
#define E_LOGICAL (1u << 11)
#define E_REMOTE (1u << 14) /* a level interrupt was accepted, and has not ended */
#define E_LEVEL (1u << 15)
#define E_MASKED (1u << 16)
#define E_READ_ONLY ((1u << 12) | E_REMOTE)
#define E_KNOWN (UINT64_C(0xff) << 56 | 0x1ffff)

struct ioapic {
    struct device dev;
    struct device *lapic;
    struct os_mutex mutex; /* guards what follows */
    uint64_t entry[IOAPIC_PINS];
    uint32_t lines, id;
    uint8_t select;
    uint8_t pad[7];
};

/* ---- sending */

/* The message of a pin that is to be sent now, in *m. */
static bool take_message(struct ioapic *a, unsigned n, struct lapic_message *m)
{
    uint64_t *e = &a->entry[n];
    if ((*e & E_MASKED) || ((*e & E_LEVEL) && ((*e & E_REMOTE) || !(a->lines >> n & 1)))) {
        return false;
    }
    *m = (struct lapic_message){.destination = (uint32_t)(*e >> 56),
                                .logical = *e & E_LOGICAL,
                                .mode = *e >> E_MODE_SHIFT & 7,
                                .vector = *e & E_VECTOR,
                                .level = *e & E_LEVEL};
    *e |= *e & E_LEVEL ? E_REMOTE : 0;
    return true;
}

/* With the mutex held, which is let go of in between. */
static void send(struct ioapic *a, unsigned n)
{
    struct lapic_message m;
    if (a->lapic && take_message(a, n, &m)) {
        os_mutex_unlock(&a->mutex);
        lapic_send(a->lapic, &m);
        os_mutex_lock(&a->mutex);
    }
}

/* An edge of a masked input is lost. */
static void pin_set(void *opaque, int line, int level)
{
    struct ioapic *a = opaque;
    const uint32_t bit = 1u << line;
    os_mutex_lock(&a->mutex);
    const bool rises = level && !(a->lines & bit);
    a->lines = level ? a->lines | bit : a->lines & ~bit;
    if (rises) {
        send(a, (unsigned)line);
    }
    os_mutex_unlock(&a->mutex);
}

struct irq ioapic_pin(struct device *d, unsigned n)
{
    assert(d->cls == &ioapic_class && n < IOAPIC_PINS);
    return (struct irq){pin_set, d, (int)n};
}

/* Of a level interrupt, in any of the CPUs; one that is still active is sent again. */
static void end_of_interrupt(void *opaque, uint8_t vector)
{
    struct ioapic *a = opaque;
    os_mutex_lock(&a->mutex);
    for (unsigned n = 0; n < IOAPIC_PINS; n++) {
        if ((a->entry[n] & E_REMOTE) && (a->entry[n] & E_VECTOR) == vector) {
            a->entry[n] &= ~(uint64_t)E_REMOTE;
            send(a, n);
        }
    }
    os_mutex_unlock(&a->mutex);
}

void ioapic_connect(struct device *d, struct device *lapic)
{
    assert(d->cls == &ioapic_class);
    ((struct ioapic *)d)->lapic = lapic;
    lapic_add_listener(lapic, end_of_interrupt, d);
}

/* ---- registers */

static uint32_t read_register(const struct ioapic *a)
{
    const unsigned n = (a->select - REG_TABLE) / 2u;
    switch (a->select) {
    case REG_ID:
    case REG_ARBITRATION:
        return a->id << 24;
    case REG_VERSION:
        return VERSION;
    default:
        return a->select < REG_TABLE || n >= IOAPIC_PINS
                   ? 0
                   : (uint32_t)(a->entry[n] >> (a->select & 1 ? 32 : 0));
    }
}

/* An entry that becomes edge triggered forgets that it was accepted, by which systems end
 * interrupts without the EOI register. */
static void write_entry(struct ioapic *a, unsigned n, bool high, uint32_t value)
{
    uint64_t *e = &a->entry[n];
    if (high) {
        *e = (*e & UINT32_MAX) | ((uint64_t)value << 32 & E_KNOWN);
    } else {
        *e = (*e & (UINT64_C(0xffffffff00000000) | E_READ_ONLY)) | (value & E_KNOWN & ~E_READ_ONLY);
    }
    *e &= *e & E_LEVEL ? UINT64_MAX : ~(uint64_t)E_REMOTE;
    if (*e & E_LEVEL) {
        send(a, n);
    }
}

static void write_register(struct ioapic *a, uint32_t value)
{
    const unsigned n = (a->select - REG_TABLE) / 2u;
    if (a->select == REG_ID) {
        a->id = value >> 24 & 15;
    } else if (a->select >= REG_TABLE && n < IOAPIC_PINS) {
        write_entry(a, n, a->select & 1, value);
    }
}

static uint64_t window_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ioapic *a = opaque;
    (void)size;
    os_mutex_lock(&a->mutex);
    const uint32_t value = offset == IOREGSEL ? a->select : offset == IOWIN ? read_register(a) : 0;
    os_mutex_unlock(&a->mutex);
    return value;
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ioapic *a = opaque;
    (void)size;
    if (offset == EOIR) {
        end_of_interrupt(a, (uint8_t)value);
        return;
    }
    os_mutex_lock(&a->mutex);
    if (offset == IOREGSEL) {
        a->select = (uint8_t)value;
    } else if (offset == IOWIN) {
        write_register(a, (uint32_t)value);
    }
    os_mutex_unlock(&a->mutex);
}

static const struct mmio_ops window_ops = {.read = window_read, .write = window_write, .sizes = 4};

void ioapic_map(struct device *d, struct space *s, paddr base)
{
    assert(d->cls == &ioapic_class);
    space_add(s, &(struct mem_range){.base = base,
                                     .size = IOAPIC_BYTES,
                                     .kind = RANGE_MMIO,
                                     .name = "ioapic",
                                     .ops = &window_ops,
                                     .opaque = d});
}

/* ---- for people */

static void describe_pin(const struct ioapic *a, unsigned n, struct strbuf *out)
{
    static const char *const modes[] = {"fixed", "lowest", "SMI", "?",
                                        "NMI",   "INIT",   "?",   "ExtINT"};
    const uint64_t e = a->entry[n];
    strbuf_printf(out, "  pin %-2u 0x%016" PRIx64 " dest=%x vec=%-3u %s %s %-6s %s%s%s\n", n, e,
                  (unsigned)(e >> 56), (unsigned)(e & E_VECTOR), e & E_LEVEL ? "level" : "edge ",
                  e & E_MASKED ? "masked" : "      ", modes[e >> E_MODE_SHIFT & 7],
                  e & E_LOGICAL ? "logical" : "physical", a->lines >> n & 1 ? " active" : "",
                  e & E_REMOTE ? " accepted" : "");
}

static void ioapic_info(struct device *d, struct strbuf *out)
{
    struct ioapic *a = (struct ioapic *)d;
    os_mutex_lock(&a->mutex);
    strbuf_printf(out, "ioapic: id=%u sel=0x%02x\n", a->id, a->select);
    for (unsigned n = 0; n < IOAPIC_PINS; n++) {
        describe_pin(a, n, out);
    }
    os_mutex_unlock(&a->mutex);
}

/* ---- life */

static bool ioapic_create(struct device *d, struct error *e)
{
    (void)e;
    os_mutex_init(&((struct ioapic *)d)->mutex);
    return true;
}

static void ioapic_destroy(struct device *d)
{
    os_mutex_destroy(&((struct ioapic *)d)->mutex);
}

static void ioapic_reset(struct device *d)
{
    struct ioapic *a = (struct ioapic *)d;
    os_mutex_lock(&a->mutex);
    for (unsigned n = 0; n < IOAPIC_PINS; n++) {
        a->entry[n] = E_MASKED;
    }
    os_mutex_unlock(&a->mutex);
}

static const struct field ioapic_fields[] = {
    FIELD_SKIP(ioapic, lapic),  FIELD_SKIP(ioapic, mutex),
    FIELD(ioapic, entry),       FIELD_KEEP(ioapic, lines),
    FIELD_MOST(ioapic, id, 15), FIELD(ioapic, select),
    FIELD_SKIP(ioapic, pad),    FIELD_END,
};

const struct device_class ioapic_class = {
    .name = "ioapic",
    .desc = "I/O APIC",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct ioapic),
    .fields = ioapic_fields,
    .create = ioapic_create,
    .reset = ioapic_reset,
    .info = ioapic_info,
    .destroy = ioapic_destroy,
    .flags = DEVICE_THREAD_SAFE,
};
