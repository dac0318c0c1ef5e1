/* SPDX-License-Identifier: MIT */
/*
 * The 16550A UART of a PC, "isa-serial" (National Semiconductor PC16550D data sheet).
 *
 * Characters take no time: the transmitter is always empty, and the timeout of the receive FIFO
 * expires at once, so that what arrives interrupts whatever the trigger level says. The peer is
 * there always: CTS, DSR and DCD are on. Not modelled: baud rates, parity, DMA signals.
 */
#include "hw/char/serial16550.h"

#include "base/bits.h"
#include "hw/isa/isa.h"

#define FIFO_DEPTH 16

enum {
    RBR_THR,
    IER,
    IIR_FCR,
    LCR,
    MCR,
    LSR,
    MSR,
    SCR
};

enum {
    IER_RX = 1,
    IER_TX = 2,
    IER_LINE = 4,
    IER_MODEM = 8,
    IIR_NONE = 1,
    IIR_TX = 2,
    IIR_RX = 4,
    IIR_LINE = 6,
    IIR_TIMEOUT = 12,
    IIR_FIFOS = 0xc0,
    FCR_ENABLE = 1,
    FCR_CLEAR_RX = 2,
    LCR_BREAK = 0x40,
    LCR_DLAB = 0x80,
    MCR_DTR = 1,
    MCR_RTS = 2,
    MCR_OUT1 = 4,
    MCR_OUT2 = 8,
    MCR_LOOP = 0x10,
    LSR_READY = 1,
    LSR_OVERRUN = 2,
    LSR_BREAK = 0x10,
    LSR_EMPTY = 0x60, /* holding register and shifter */
    LSR_FIFO_ERROR = 0x80,
    LSR_ERRORS = LSR_OVERRUN | LSR_BREAK,
    MSR_DELTAS = 0x0f,
    MSR_RI_TRAILS = 4,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80
};

static const uint8_t trigger_levels[4] = {1, 4, 8, 14};

struct serial16550 {
    struct device dev;
    char *chardev;
    struct stream *stream;
    const struct mem_range *range;
    uint32_t iobase, irq, index; /* properties */

    uint8_t fifo[FIFO_DEPTH];
    bool breaks[FIFO_DEPTH]; /* the character is a break */
    uint8_t head, count;
    uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
    uint8_t lsr; /* what reading it clears */
    uint8_t msr_deltas;
    bool tx_pending; /* the transmitter's interrupt, until IIR is read */
};

/* ---- interrupts */

static bool has_fifos(const struct serial16550 *u)
{
    return u->fcr & FCR_ENABLE;
}

static uint8_t depth(const struct serial16550 *u)
{
    return has_fifos(u) ? FIFO_DEPTH : 1;
}

/* A break shows when it is the next to be read. */
static uint8_t line_status(const struct serial16550 *u)
{
    return u->lsr | LSR_EMPTY | (u->count ? LSR_READY : 0) |
           (u->lsr && has_fifos(u) ? LSR_FIFO_ERROR : 0);
}

/* The highest one that is enabled. */
static uint8_t interrupt_id(const struct serial16550 *u)
{
    if ((u->ier & IER_LINE) && u->lsr) {
        return IIR_LINE;
    }
    if ((u->ier & IER_RX) && u->count) {
        return has_fifos(u) && u->count < trigger_levels[u->fcr >> 6] ? IIR_TIMEOUT : IIR_RX;
    }
    if ((u->ier & IER_TX) && u->tx_pending) {
        return IIR_TX;
    }
    return (u->ier & IER_MODEM) && u->msr_deltas ? 0 : IIR_NONE;
}

static void update(struct serial16550 *u)
{
    irq_set(&u->dev.irq[0], interrupt_id(u) != IIR_NONE);
}

/* ---- receiving */

static void note_break(struct serial16550 *u)
{
    if (u->count && u->breaks[u->head]) {
        u->lsr |= LSR_BREAK;
        u->breaks[u->head] = false;
    }
}

static void receive(struct serial16550 *u, uint8_t character, bool is_break)
{
    if (u->count >= depth(u)) {
        u->lsr |= LSR_OVERRUN;
        return;
    }
    const unsigned at = (u->head + u->count++) % FIFO_DEPTH;
    u->fifo[at] = character;
    u->breaks[at] = is_break;
    note_break(u);
}

static void tell_of_room(struct serial16550 *u)
{
    if (u->stream && u->stream->ops->more_room) {
        u->stream->ops->more_room(u->stream);
    }
}

static uint8_t read_character(struct serial16550 *u)
{
    if (u->count == 0) {
        return 0;
    }
    const uint8_t character = u->fifo[u->head];
    const bool was_full = u->count == depth(u);
    u->head = (u->head + 1) % FIFO_DEPTH;
    u->count--;
    note_break(u);
    if (was_full) {
        tell_of_room(u);
    }
    return character;
}

static void clear_fifo(struct serial16550 *u)
{
    u->head = u->count = 0;
    tell_of_room(u);
}

/* ---- registers */

/* In loopback the outputs of the modem control register are the inputs. */
static uint8_t modem_lines(const struct serial16550 *u)
{
    if (!(u->mcr & MCR_LOOP)) {
        return MSR_CTS | MSR_DSR | MSR_DCD;
    }
    return (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
           (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void write_mcr(struct serial16550 *u, uint8_t value)
{
    const uint8_t before = modem_lines(u);
    u->mcr = value & 0x1f;
    const uint8_t after = modem_lines(u), changed = (before ^ after) >> 4;
    u->msr_deltas |= changed & (uint8_t)~MSR_RI_TRAILS;
    u->msr_deltas |= before & ~after & MSR_RI ? MSR_RI_TRAILS : 0;
}

static void write_fcr(struct serial16550 *u, uint8_t value)
{
    if ((value ^ u->fcr) & FCR_ENABLE || ((value & FCR_ENABLE) && (value & FCR_CLEAR_RX))) {
        clear_fifo(u);
    }
    u->fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
}

static void transmit(struct serial16550 *u, uint8_t character)
{
    if (u->mcr & MCR_LOOP) {
        receive(u, character, false);
    } else {
        stream_write(u->stream, &character, 1);
    }
    u->tx_pending = true;
}

static void write_ier(struct serial16550 *u, uint8_t value)
{
    if (value & ~u->ier & IER_TX) {
        u->tx_pending = true; /* it is empty */
    }
    u->ier = value & 0x0f;
}

/* The beginning of a break can be told only to a peer in loopback. */
static void write_lcr(struct serial16550 *u, uint8_t value)
{
    if ((value & ~u->lcr & LCR_BREAK) && (u->mcr & MCR_LOOP)) {
        receive(u, 0, true);
    }
    u->lcr = value;
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value64, unsigned size)
{
    struct serial16550 *u = opaque;
    const uint8_t value = (uint8_t)value64;
    const bool divisor = u->lcr & LCR_DLAB;
    (void)size;
    switch (offset) {
    case RBR_THR:
        if (divisor) {
            u->dll = value;
        } else {
            transmit(u, value);
        }
        break;
    case IER:
        if (divisor) {
            u->dlm = value;
        } else {
            write_ier(u, value);
        }
        break;
    case IIR_FCR:
        write_fcr(u, value);
        break;
    case LCR:
        write_lcr(u, value);
        break;
    case MCR:
        write_mcr(u, value);
        break;
    case SCR:
        u->scr = value;
        break;
    default:
        break;
    }
    update(u);
}

static uint8_t read_iir(struct serial16550 *u)
{
    const uint8_t id = interrupt_id(u);
    u->tx_pending &= id != IIR_TX;
    return id | (has_fifos(u) ? IIR_FIFOS : 0);
}

static uint8_t read_port(struct serial16550 *u, unsigned n)
{
    const bool divisor = u->lcr & LCR_DLAB;
    uint8_t value;
    switch (n) {
    case RBR_THR:
        return divisor ? u->dll : read_character(u);
    case IER:
        return divisor ? u->dlm : u->ier;
    case IIR_FCR:
        return read_iir(u);
    case LCR:
        return u->lcr;
    case MCR:
        return u->mcr;
    case LSR:
        value = line_status(u);
        u->lsr = 0;
        return value;
    case MSR:
        value = modem_lines(u) | u->msr_deltas;
        u->msr_deltas = 0;
        return value;
    default:
        return u->scr;
    }
}

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct serial16550 *u = opaque;
    (void)size;
    const uint8_t value = read_port(u, (unsigned)offset);
    update(u);
    return value;
}

static const struct mmio_ops ports_ops = {.read = ports_read, .write = ports_write, .sizes = 1};

/* ---- the stream; its functions run on the loop's thread */

static size_t stream_room(void *opaque)
{
    struct serial16550 *u = opaque;
    os_mutex_lock(u->dev.lock);
    const size_t room = depth(u) > u->count ? (size_t)depth(u) - u->count : 0;
    os_mutex_unlock(u->dev.lock);
    return room;
}

static void stream_read(void *opaque, const uint8_t *bytes, size_t n)
{
    struct serial16550 *u = opaque;
    os_mutex_lock(u->dev.lock);
    for (size_t i = 0; i < n; i++) {
        receive(u, bytes[i], false);
    }
    update(u);
    os_mutex_unlock(u->dev.lock);
}

static void stream_event(void *opaque, enum stream_event event)
{
    struct serial16550 *u = opaque;
    if (event == STREAM_BREAK) {
        os_mutex_lock(u->dev.lock);
        receive(u, 0, true);
        update(u);
        os_mutex_unlock(u->dev.lock);
    }
}

/* ---- life */

void serial16550_set_stream(struct device *d, struct stream *s)
{
    assert(d->cls == &serial16550_class);
    ((struct serial16550 *)d)->stream = s;
}

/* Of COM1 to COM4. */
static const struct {
    uint16_t iobase;
    uint8_t irq;
} places[] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

static bool choose_place(struct serial16550 *u, struct error *e)
{
    if (u->index == UINT32_MAX) {
        u->index = 0;
    }
    if (u->index >= array_len(places)) {
        return error_set(e, "index=%u: 0 to 3 are COM1 to COM4", u->index);
    }
    u->iobase = u->iobase == UINT32_MAX ? places[u->index].iobase : u->iobase;
    u->irq = u->irq == UINT32_MAX ? places[u->index].irq : u->irq;
    return true;
}

static bool serial16550_create(struct device *d, struct error *e)
{
    struct serial16550 *u = (struct serial16550 *)d;
    const struct machine_backends *b = &d->machine->backends;
    if (!choose_place(u, e) || !isa_connect(d, u->irq, e)) {
        return false;
    }
    if (u->chardev) {
        u->stream = b->chardev(b->opaque, u->chardev, e);
        if (!u->stream) {
            return false;
        }
    }
    if (!isa_map(d, u->iobase, 8, &ports_ops, &u->range, e)) {
        return false;
    }
    if (u->stream) {
        u->stream->ops->set_reader(
            u->stream, &(struct stream_reader){stream_room, stream_read, stream_event, u});
    }
    return true;
}

static void serial16550_destroy(struct device *d)
{
    struct serial16550 *u = (struct serial16550 *)d;
    isa_unmap(d, u->range);
    if (u->stream) {
        u->stream->ops->set_reader(u->stream, NULL);
    }
}

static void serial16550_reset(struct device *d)
{
    struct serial16550 *u = (struct serial16550 *)d;
    u->dll = 12; /* 9600 baud */
    u->mcr = MCR_OUT2;
    update(u);
}

static void serial16550_loaded(struct device *d)
{
    update((struct serial16550 *)d);
}

static const struct field serial16550_fields[] = {
    FIELD_SKIP(serial16550, stream),
    FIELD_SKIP(serial16550, range),
    FIELD(serial16550, fifo),
    FIELD(serial16550, breaks),
    FIELD_MOST(serial16550, head, FIFO_DEPTH - 1),
    FIELD_MOST(serial16550, count, FIFO_DEPTH),
    FIELD(serial16550, ier),
    FIELD(serial16550, fcr),
    FIELD(serial16550, lcr),
    FIELD(serial16550, mcr),
    FIELD(serial16550, scr),
    FIELD(serial16550, dll),
    FIELD(serial16550, dlm),
    FIELD(serial16550, lsr),
    FIELD(serial16550, msr_deltas),
    FIELD(serial16550, tx_pending),
    FIELD_END,
};

static const struct prop serial16550_props[] = {
    {"index", PROP_U32, offsetof(struct serial16550, index), "auto",
     "0 to 3 are COM1 to COM4; says where it is if nothing else does", NULL},
    {"iobase", PROP_U32, offsetof(struct serial16550, iobase), "auto", "its first port", NULL},
    {"irq", PROP_U32, offsetof(struct serial16550, irq), "auto", "its interrupt line", NULL},
    {"chardev", PROP_CHARDEV, offsetof(struct serial16550, chardev), NULL, "what the line leads to",
     NULL},
    PROP_END,
};

const struct device_class serial16550_class = {
    .name = "isa-serial",
    .desc = "16550A UART",
    .bus = BUS_ISA,
    .size = sizeof(struct serial16550),
    .props = serial16550_props,
    .fields = serial16550_fields,
    .create = serial16550_create,
    .reset = serial16550_reset,
    .destroy = serial16550_destroy,
    .loaded = serial16550_loaded,
    .flags = DEVICE_PLUGGABLE,
};
