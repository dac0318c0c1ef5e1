/* SPDX-License-Identifier: MIT */
/*
 * Arm PL011 UART (ARM DDI 0183, r1p1: FIFOs of 16).
 *
 * Characters take no time: the transmitter is always empty, and the receive timeout expires at
 * once. The receive interrupt is raised with each character, whatever trigger level IFLS asks for
 * (as QEMU does): small systems enable it alone and expect it for what was typed. The UART sends
 * and receives whether or not software enabled it, since guests that run without firmware rely on
 * that. Not modelled: baud rates, parity, modem lines other than in loopback, IrDA, DMA requests,
 * test registers. irq[0] is the combined interrupt UARTINTR.
 */
#include "hw/char/pl011.h"

#include "base/bits.h"
#include "hw/machine.h"

#define FIFO_DEPTH 16

enum { /* FR */
    FR_CTS = 1 << 0,
    FR_DSR = 1 << 1,
    FR_DCD = 1 << 2,
    FR_RXFE = 1 << 4,
    FR_RXFF = 1 << 6,
    FR_TXFE = 1 << 7,
    FR_RI = 1 << 8,
};

enum { /* RIS, MIS, IMSC, ICR */
    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_RT = 1 << 6,
    INT_BE = 1 << 9,
    INT_OE = 1 << 10,
    INT_ALL = 0x7ff,
};

enum {
    DR_BE = 1 << 10,
    DR_OE = 1 << 11
};
enum {
    RSR_OE = 1 << 3
};
enum {
    LCR_FEN = 1 << 4
};
enum {
    CR_LBE = 1 << 7,
    CR_DTR = 1 << 10,
    CR_RTS = 1 << 11,
    CR_OUT1 = 1 << 12,
    CR_OUT2 = 1 << 13
};

struct pl011 {
    struct device dev;
    char *chardev;
    struct stream *stream;

    uint32_t rsr, ilpr, ibrd, fbrd, lcr, cr, ifls, imsc, dmacr;
    uint32_t ris;
    uint32_t fifo[FIFO_DEPTH]; /* as DR reads: error bits and character */
    uint32_t head, count;
    uint32_t fen_before; /* LCR_H.FEN at the last write: a change flushes the FIFOs */
    uint32_t pad;
};

static void update(struct pl011 *u)
{
    irq_set(&u->dev.irq[0], (u->ris & u->imsc) != 0);
}

/* ---- the receive FIFO */

static uint32_t depth(const struct pl011 *u)
{
    return u->lcr & LCR_FEN ? FIFO_DEPTH : 1;
}

static void receive(struct pl011 *u, uint32_t character)
{
    if (u->count >= depth(u)) {
        u->rsr |= RSR_OE;
        u->ris |= INT_OE;
        u->fifo[(u->head + u->count - 1) % FIFO_DEPTH] |= DR_OE;
        return;
    }
    u->fifo[(u->head + u->count++) % FIFO_DEPTH] = character;
    if (character & DR_BE) {
        u->ris |= INT_BE;
    }
    u->ris |= INT_RX | (u->lcr & LCR_FEN ? INT_RT : 0);
}

static uint64_t dr_read(struct device *d, const struct reg *r)
{
    struct pl011 *u = (struct pl011 *)d;
    (void)r;
    if (u->count == 0) {
        return 0;
    }
    uint32_t character = u->fifo[u->head];
    bool was_full = u->count == depth(u);
    u->head = (u->head + 1) % FIFO_DEPTH;
    u->count--;
    u->rsr = (u->rsr & RSR_OE) | bits64(character, 11, 8);
    if (u->count == 0) {
        u->ris &= ~(uint32_t)(INT_RX | INT_RT);
    }
    update(u);
    if (was_full && u->stream && u->stream->ops->more_room) {
        u->stream->ops->more_room(u->stream);
    }
    return character;
}

static void fifo_flush(struct pl011 *u)
{
    u->head = u->count = 0;
    u->ris &= ~(uint32_t)(INT_RX | INT_RT);
    if (u->stream && u->stream->ops->more_room) {
        u->stream->ops->more_room(u->stream);
    }
}

/* ---- registers */

static void dr_written(struct device *d, const struct reg *r, uint64_t value)
{
    struct pl011 *u = (struct pl011 *)d;
    (void)r;
    uint8_t character = (uint8_t)value;
    if (u->cr & CR_LBE) {
        receive(u, character);
    } else {
        stream_write(u->stream, &character, 1);
    }
    u->ris |= INT_TX;
    update(u);
}

static void ecr_written(struct device *d, const struct reg *r, uint64_t value)
{
    (void)r, (void)value;
    ((struct pl011 *)d)->rsr = 0;
}

static uint64_t fr_read(struct device *d, const struct reg *r)
{
    const struct pl011 *u = (const struct pl011 *)d;
    (void)r;
    uint64_t fr = FR_TXFE;
    fr |= u->count == 0 ? FR_RXFE : 0;
    fr |= u->count >= depth(u) ? FR_RXFF : 0;
    if (u->cr & CR_LBE) {
        fr |= u->cr & CR_RTS ? FR_CTS : 0;
        fr |= u->cr & CR_DTR ? FR_DSR : 0;
        fr |= u->cr & CR_OUT1 ? FR_DCD : 0;
        fr |= u->cr & CR_OUT2 ? FR_RI : 0;
    }
    return fr;
}

/* Bit 0 sends a break for as long as it is set; only its beginning can be told to a peer in
 * loopback. */
static void lcr_written(struct device *d, const struct reg *r, uint64_t value)
{
    struct pl011 *u = (struct pl011 *)d;
    (void)r;
    if (u->fen_before != (u->lcr & LCR_FEN)) {
        fifo_flush(u);
    }
    u->fen_before = u->lcr & LCR_FEN;
    if ((value & 1) && (u->cr & CR_LBE)) {
        receive(u, DR_BE);
    }
    update(u);
}

static void imsc_written(struct device *d, const struct reg *r, uint64_t value)
{
    (void)r, (void)value;
    update((struct pl011 *)d);
}

static uint64_t mis_read(struct device *d, const struct reg *r)
{
    const struct pl011 *u = (const struct pl011 *)d;
    (void)r;
    return u->ris & u->imsc;
}

static void icr_written(struct device *d, const struct reg *r, uint64_t value)
{
    struct pl011 *u = (struct pl011 *)d;
    (void)r;
    u->ris &= ~(uint32_t)value;
    update(u);
}

static const struct reg pl011_regs[] = {
    REG_FN(0x00, "DR", dr_read, dr_written),
    REG(pl011, 0x04, "RSR", rsr, 0, 0, NULL, ecr_written),
    REG_FN(0x18, "FR", fr_read, NULL),
    REG(pl011, 0x20, "ILPR", ilpr, 0xff, 0, NULL, NULL),
    REG(pl011, 0x24, "IBRD", ibrd, 0xffff, 0, NULL, NULL),
    REG(pl011, 0x28, "FBRD", fbrd, 0x3f, 0, NULL, NULL),
    REG(pl011, 0x2c, "LCR_H", lcr, 0xff, 0, NULL, lcr_written),
    REG(pl011, 0x30, "CR", cr, 0xff87, 0x300, NULL, NULL),
    REG(pl011, 0x34, "IFLS", ifls, 0x3f, 0x12, NULL, NULL),
    REG(pl011, 0x38, "IMSC", imsc, INT_ALL, 0, NULL, imsc_written),
    REG(pl011, 0x3c, "RIS", ris, 0, 0, NULL, NULL),
    REG_FN(0x40, "MIS", mis_read, NULL),
    REG_FN(0x44, "ICR", NULL, icr_written),
    REG(pl011, 0x48, "DMACR", dmacr, 7, 0, NULL, NULL),
    REG_UNIMP(0x80, "a test register", 4), /* TCR, ITIP, ITOP, TDR */
    REG_CONST(0xfe0, "PeriphID0", 0x11),
    REG_CONST(0xfe4, "PeriphID1", 0x10),
    REG_CONST(0xfe8, "PeriphID2", 0x14),
    REG_CONST(0xfec, "PeriphID3", 0x00),
    REG_CONST(0xff0, "PCellID0", 0x0d),
    REG_CONST(0xff4, "PCellID1", 0xf0),
    REG_CONST(0xff8, "PCellID2", 0x05),
    REG_CONST(0xffc, "PCellID3", 0xb1),
    REG_END,
};

static const struct field pl011_fields[] = {
    FIELD(pl011, fifo),
    FIELD_MOST(pl011, head, FIFO_DEPTH - 1),
    FIELD_MOST(pl011, count, FIFO_DEPTH),
    FIELD(pl011, fen_before),
    FIELD_SKIP(pl011, pad),
    FIELD_SKIP(pl011, stream),
    FIELD_END,
};

static const struct prop pl011_props[] = {
    {"chardev", PROP_CHARDEV, offsetof(struct pl011, chardev), NULL, "what the line leads to",
     NULL},
    PROP_END,
};

/* ---- the stream; its functions run on the loop's thread */

static size_t stream_room(void *opaque)
{
    struct pl011 *u = opaque;
    os_mutex_lock(u->dev.lock);
    size_t room = depth(u) > u->count ? depth(u) - u->count : 0;
    os_mutex_unlock(u->dev.lock);
    return room;
}

static void stream_read(void *opaque, const uint8_t *bytes, size_t n)
{
    struct pl011 *u = opaque;
    os_mutex_lock(u->dev.lock);
    for (size_t i = 0; i < n; i++) {
        receive(u, bytes[i]);
    }
    update(u);
    os_mutex_unlock(u->dev.lock);
}

static void stream_event(void *opaque, enum stream_event event)
{
    struct pl011 *u = opaque;
    if (event == STREAM_BREAK) {
        os_mutex_lock(u->dev.lock);
        receive(u, DR_BE);
        update(u);
        os_mutex_unlock(u->dev.lock);
    }
}

/* ---- life */

void pl011_set_stream(struct device *d, struct stream *s)
{
    assert(d->cls == &pl011_class);
    ((struct pl011 *)d)->stream = s;
}

static bool pl011_create(struct device *d, struct error *e)
{
    struct pl011 *u = (struct pl011 *)d;
    const struct machine_backends *b = &d->machine->backends;
    if (u->chardev) {
        u->stream = b->chardev(b->opaque, u->chardev, e);
        if (!u->stream) {
            return false;
        }
    }
    if (u->stream) {
        u->stream->ops->set_reader(
            u->stream, &(struct stream_reader){stream_room, stream_read, stream_event, u});
    }
    return true;
}

static void pl011_destroy(struct device *d)
{
    struct pl011 *u = (struct pl011 *)d;
    if (u->stream) {
        u->stream->ops->set_reader(u->stream, NULL);
    }
}

static void pl011_reset(struct device *d)
{
    update((struct pl011 *)d);
}

static void pl011_loaded(struct device *d)
{
    update((struct pl011 *)d);
}

const struct device_class pl011_class = {
    .name = "pl011",
    .desc = "Arm PL011 UART",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct pl011),
    .props = pl011_props,
    .regs = pl011_regs,
    .fields = pl011_fields,
    .window_size = 0x1000,
    .create = pl011_create,
    .reset = pl011_reset,
    .destroy = pl011_destroy,
    .loaded = pl011_loaded,
};
