/* SPDX-License-Identifier: MIT */
/*
 * The SMBus host controller of Intel's bridges (82371AB, 7.3; ICH9 data sheet 316972, 20.2).
 * Messages take no time: the host is never seen busy. A block of an ICH goes byte by byte, each
 * told of by BYTE_DONE, unless its buffer of 32 bytes is turned on; that of PIIX4 goes by the
 * buffer. Not modelled: the slave interface, alerts, packet error codes (the bit only stores).
 */
#include "hw/i2c/smbus_host.h"

#include "base/bits.h"
#include "base/log.h"

enum {
    HOST_STATUS = 0x0,
    HOST_CONTROL = 0x2,
    HOST_COMMAND = 0x3,
    HOST_ADDRESS = 0x4,
    HOST_DATA0 = 0x5,
    HOST_DATA1 = 0x6,
    HOST_BLOCK = 0x7,
    AUX_CONTROL = 0xd
};

enum {
    STATUS_DONE = 0x02,
    STATUS_DEVICE_ERROR = 0x04,
    STATUS_BUS_ERROR = 0x08,
    STATUS_FAILED = 0x10,
    STATUS_IN_USE = 0x40,
    STATUS_BYTE_DONE = 0x80,
    STATUS_PIIX = 0x1e, /* bits that a write of 1 clears */
    STATUS_ICH = 0xfe,
    STATUS_INTERRUPTS = 0x9e
};

enum {
    CONTROL_INTERRUPT = 0x01,
    CONTROL_KILL = 0x02,
    CONTROL_PROTOCOL = 0x1c,
    CONTROL_LAST_BYTE = 0x20,
    CONTROL_START = 0x40,
    CONTROL_STORED = 0xbf, /* starting is no state */
    AUX_BUFFER = 0x02,
    AUX_WRITABLE = 0x03
};

enum protocol {
    QUICK,
    BYTE,
    BYTE_DATA,
    WORD_DATA,
    PROCESS_CALL,
    BLOCK,
    I2C_READ,
    BLOCK_PROCESS
};

static enum protocol protocol(const struct smbus_host *h)
{
    return (enum protocol)((h->control & CONTROL_PROTOCOL) >> 2);
}

static bool reads(const struct smbus_host *h)
{
    return h->address & 1;
}

static bool by_buffer(const struct smbus_host *h)
{
    return !h->ich || (h->aux_control & AUX_BUFFER);
}

static void update(struct smbus_host *h)
{
    h->interrupt(h->dev, (h->control & CONTROL_INTERRUPT) && (h->status & STATUS_INTERRUPTS));
}

static void finish(struct smbus_host *h, uint8_t status)
{
    h->status |= status;
    h->left = 0;
}

/* ---- messages */

static struct device *addressed(const struct smbus_host *h)
{
    return h->smbus.device[h->address >> 1];
}

static const struct smbus_class *kind(const struct device *d)
{
    return d->cls->kind;
}

/* False: nobody acknowledges, and the host says so. */
static bool put(struct smbus_host *h, const uint8_t *bytes, size_t n)
{
    struct device *d = addressed(h);
    if (d && kind(d)->write(d, bytes, n)) {
        return true;
    }
    finish(h, STATUS_DEVICE_ERROR);
    return false;
}

static uint8_t get(const struct smbus_host *h)
{
    struct device *d = addressed(h);
    return d ? kind(d)->read(d) : 0xff;
}

/* n bytes of data behind the command: read, or written. */
static void data_message(struct smbus_host *h, unsigned n)
{
    const uint8_t message[3] = {h->command, h->data[0], h->data[1]};
    if (!put(h, message, reads(h) ? 1 : 1 + n)) {
        return;
    }
    for (unsigned i = 0; reads(h) && i < n; i++) {
        h->data[i] = get(h);
    }
    finish(h, STATUS_DONE);
}

static void byte_message(struct smbus_host *h)
{
    if (put(h, &h->command, reads(h) ? 0 : 1)) {
        h->data[0] = reads(h) ? get(h) : h->data[0];
        finish(h, STATUS_DONE);
    }
}

static void process_call(struct smbus_host *h)
{
    const uint8_t message[3] = {h->command, h->data[0], h->data[1]};
    if (put(h, message, 3)) {
        h->data[0] = get(h);
        h->data[1] = get(h);
        finish(h, STATUS_DONE);
    }
}

/* ---- blocks: 1 to 32 bytes, whose number goes before them */

static bool length_is_good(struct smbus_host *h)
{
    if (h->data[0] >= 1 && h->data[0] <= SMBUS_BLOCK_BYTES) {
        return true;
    }
    log_guest(h->dev->cls->name, "a block of %u bytes; 1 to %u are possible", h->data[0],
              SMBUS_BLOCK_BYTES);
    finish(h, STATUS_BUS_ERROR);
    return false;
}

static bool put_block(struct smbus_host *h)
{
    uint8_t message[2 + SMBUS_BLOCK_BYTES] = {h->command, h->data[0]};
    memcpy(message + 2, h->block, h->data[0]);
    return put(h, message, 2u + h->data[0]);
}

static void get_block(struct smbus_host *h)
{
    h->data[0] = get(h);
    if (length_is_good(h)) {
        for (unsigned i = 0; i < h->data[0]; i++) {
            h->block[i] = get(h);
        }
    }
}

static void exchange_byte(struct smbus_host *h)
{
    uint8_t *b = &h->block[h->moved % SMBUS_BLOCK_BYTES];
    if (reads(h)) {
        h->byte = *b;
    } else {
        *b = h->byte;
    }
    h->status |= STATUS_BYTE_DONE;
}

/* The block is in the host: the driver takes or gives it byte by byte. */
static void begin_bytes(struct smbus_host *h)
{
    h->left = h->data[0];
    h->moved = 0;
    exchange_byte(h);
}

static void block_read(struct smbus_host *h)
{
    if (!put(h, &h->command, 1)) {
        return;
    }
    get_block(h);
    if (h->status & STATUS_BUS_ERROR) {
        return;
    }
    if (by_buffer(h)) {
        finish(h, STATUS_DONE);
    } else {
        begin_bytes(h);
    }
}

static void block_write(struct smbus_host *h)
{
    if (!length_is_good(h)) {
        return;
    }
    if (by_buffer(h)) {
        if (put_block(h)) {
            finish(h, STATUS_DONE);
        }
    } else if (put(h, &h->command, 0)) {
        begin_bytes(h);
    }
}

static void block_process(struct smbus_host *h)
{
    if (length_is_good(h) && put_block(h)) {
        get_block(h);
        if (!(h->status & STATUS_BUS_ERROR)) {
            finish(h, STATUS_DONE);
        }
    }
}

/* As long as the driver wants: it says when the last byte comes. The address within the device is
 * in DATA1 (ICH9, 5.20.1.1). */
static void i2c_read(struct smbus_host *h)
{
    if (put(h, &h->data[1], 1)) {
        h->byte = get(h);
        h->left = 1;
        h->status |= STATUS_BYTE_DONE;
    }
}

/* BYTE_DONE was cleared: the driver has taken a byte, or given the next one. */
static void next_byte(struct smbus_host *h)
{
    if (h->left == 0) {
        return;
    }
    if (protocol(h) == I2C_READ) {
        if (h->control & CONTROL_LAST_BYTE) {
            finish(h, STATUS_DONE);
        } else {
            h->byte = get(h);
            h->status |= STATUS_BYTE_DONE;
        }
        return;
    }
    h->left--;
    h->moved++;
    if (h->left) {
        exchange_byte(h);
    } else if (reads(h) || (length_is_good(h) && put_block(h))) {
        finish(h, STATUS_DONE);
    }
}

static void start(struct smbus_host *h)
{
    h->left = 0;
    switch (protocol(h)) {
    case QUICK:
        if (put(h, NULL, 0)) {
            finish(h, STATUS_DONE);
        }
        break;
    case BYTE:
        byte_message(h);
        break;
    case BYTE_DATA:
        data_message(h, 1);
        break;
    case WORD_DATA:
        data_message(h, 2);
        break;
    case PROCESS_CALL:
        process_call(h);
        break;
    case BLOCK:
        (reads(h) ? block_read : block_write)(h);
        break;
    case I2C_READ:
        i2c_read(h);
        break;
    case BLOCK_PROCESS:
        block_process(h);
        break;
    }
}

/* ---- registers */

/* The byte that the driver sees: of the buffer the next one, else the one under way. */
static uint8_t *block_byte(struct smbus_host *h)
{
    return by_buffer(h) ? &h->block[h->at++ % SMBUS_BLOCK_BYTES] : &h->byte;
}

static uint8_t read_status(struct smbus_host *h)
{
    const uint8_t value = h->status;
    if (h->ich) {
        h->status |= STATUS_IN_USE; /* whoever reads it as 0 has taken it */
    }
    return value;
}

static uint64_t host_read(void *opaque, uint64_t offset, unsigned size)
{
    struct smbus_host *h = opaque;
    (void)size;
    switch (offset) {
    case HOST_STATUS:
        return read_status(h);
    case HOST_CONTROL:
        h->at = 0;
        return h->control;
    case HOST_COMMAND:
        return h->command;
    case HOST_ADDRESS:
        return h->address;
    case HOST_DATA0:
    case HOST_DATA1:
        return h->data[offset - HOST_DATA0];
    case HOST_BLOCK:
        return *block_byte(h);
    case AUX_CONTROL:
        return h->aux_control;
    default:
        return 0;
    }
}

static void write_status(struct smbus_host *h, uint8_t value)
{
    const bool byte_done = h->status & value & STATUS_BYTE_DONE;
    h->status &= (uint8_t) ~(value & (h->ich ? STATUS_ICH : STATUS_PIIX));
    if (byte_done && h->ich) {
        next_byte(h);
    }
}

static void write_control(struct smbus_host *h, uint8_t value)
{
    h->control = value & CONTROL_STORED;
    h->at = 0;
    if (value & CONTROL_KILL) {
        finish(h, STATUS_FAILED);
    } else if (value & CONTROL_START) {
        start(h);
    }
}

static void host_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct smbus_host *h = opaque;
    const uint8_t byte = (uint8_t)value;
    (void)size;
    switch (offset) {
    case HOST_STATUS:
        write_status(h, byte);
        break;
    case HOST_CONTROL:
        write_control(h, byte);
        break;
    case HOST_COMMAND:
        h->command = byte;
        break;
    case HOST_ADDRESS:
        if (h->left == 0) { /* of a message under way it is the one it began with */
            h->address = byte;
        }
        break;
    case HOST_DATA0:
    case HOST_DATA1:
        if (h->left == 0) {
            h->data[offset - HOST_DATA0] = byte;
        }
        break;
    case HOST_BLOCK:
        *block_byte(h) = byte;
        break;
    case AUX_CONTROL:
        h->aux_control = h->ich ? byte & AUX_WRITABLE : 0;
        break;
    default:
        break;
    }
    update(h);
}

const struct mmio_ops smbus_host_ops = {.read = host_read, .write = host_write, .sizes = 1};

/* ---- life */

void smbus_host_init(struct smbus_host *h, struct device *d, bool ich,
                     void (*interrupt)(struct device *d, bool level))
{
    h->dev = d;
    h->ich = ich;
    h->interrupt = interrupt;
    smbus_init(&h->smbus, d);
}

void smbus_host_fini(struct smbus_host *h)
{
    smbus_fini(&h->smbus);
}

void smbus_host_reset(struct smbus_host *h)
{
    h->status = h->control = h->command = h->address = h->aux_control = 0;
    h->at = h->left = h->moved = h->byte = 0;
    memset(h->data, 0, sizeof(h->data));
    memset(h->block, 0, sizeof(h->block));
    update(h);
}

void smbus_host_loaded(struct smbus_host *h)
{
    update(h);
}

const struct field smbus_host_fields[] = {
    FIELD_SKIP(smbus_host, smbus),
    FIELD_SKIP(smbus_host, dev),
    FIELD_SKIP(smbus_host, interrupt),
    FIELD_SKIP(smbus_host, ich),
    FIELD(smbus_host, status),
    FIELD_MOST(smbus_host, control, CONTROL_STORED),
    FIELD(smbus_host, command),
    FIELD(smbus_host, address),
    FIELD(smbus_host, data),
    FIELD_MOST(smbus_host, aux_control, AUX_WRITABLE),
    FIELD(smbus_host, block),
    FIELD(smbus_host, at),
    FIELD_MOST(smbus_host, left, SMBUS_BLOCK_BYTES),
    FIELD_MOST(smbus_host, moved, SMBUS_BLOCK_BYTES),
    FIELD(smbus_host, byte),
    FIELD_SKIP(smbus_host, pad),
    FIELD_END,
};
