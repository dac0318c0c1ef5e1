/* SPDX-License-Identifier: MIT */
/*
 * The two 8237A DMA controllers of a PC (Intel 8237A data sheet, 231466; 82371SB, 2.5.1): channels
 * 0 to 3 move bytes within 64 KiB, 5 to 7 words within 128 KiB, of what the page registers choose.
 * Devices hand bytes over by hw/isa/dma.h. Those of the page registers that belong to no channel
 * only store: 0x80 is where firmware puts its progress codes. Not modelled: memory to memory, time,
 * priorities, that the cascade (channel 4) may be masked.
 */
#include "hw/isa/i8237.h"

#include "base/bits.h"
#include "base/log.h"
#include "hw/classes.h"

#define CHIPS 2
#define CHANNELS 4 /* of a chip */
#define CASCADE 4
#define PAGES 16

enum { /* registers behind those of the channels */
    STATUS_COMMAND = 8,
    REQUEST = 9,
    SINGLE_MASK = 10,
    MODE = 11,
    CLEAR_POINTER = 12,
    MASTER_CLEAR = 13,
    CLEAR_MASK = 14,
    ALL_MASK = 15
};

enum {
    COMMAND_DISABLE = 0x04,
    MODE_TYPE = 0x0c,
    MODE_VERIFY = 0x00,
    MODE_TO_MEMORY = 0x04,
    MODE_FROM_MEMORY = 0x08,
    MODE_AGAIN = 0x10, /* begins anew by itself */
    MODE_DOWN = 0x20,
    MODE_CASCADE = 0xc0,
    MASKED = 0x04 /* of the single mask, and a request's being set */
};

struct channel {
    uint16_t base_address, base_count, address, count;
    uint8_t mode;
    uint8_t pad;
};

struct chip {
    struct channel channel[CHANNELS];
    uint8_t command, status, request, mask;
    bool high; /* the next byte of a register of 16 bits is its upper one */
    uint8_t pad;
};

struct isa_dma {
    struct device dev;
    struct isa_dma_client client[ISA_DMA_CHANNELS];
    bool taken[ISA_DMA_CHANNELS];

    /* State. */
    struct chip chip[CHIPS];
    uint8_t page[PAGES];
    uint8_t pad[4];
};

struct isa_dma *i8237_channels(struct device *d)
{
    assert(d->cls == &i8237_class);
    return (struct isa_dma *)d;
}

/* ---- who is on a channel */

bool isa_dma_attach(struct isa_dma *dma, unsigned channel, const struct isa_dma_client *client,
                    struct error *e)
{
    if (channel >= ISA_DMA_CHANNELS || channel == CASCADE) {
        return error_set(e, "dma=%u: channels have the numbers 0 to 3 and 5 to 7", channel);
    }
    if (dma->taken[channel]) {
        return error_set(e, "dma=%u: another device has that channel", channel);
    }
    dma->taken[channel] = true;
    dma->client[channel] = *client;
    return true;
}

void isa_dma_detach(struct isa_dma *dma, unsigned channel)
{
    dma->taken[channel] = false;
    dma->client[channel] = (struct isa_dma_client){.ready = NULL};
}

static bool is_open(const struct isa_dma *dma, unsigned n)
{
    const struct chip *c = &dma->chip[n / CHANNELS];
    return !(c->command & COMMAND_DISABLE) && !bit(c->mask, n % CHANNELS);
}

static void tell_clients(struct isa_dma *dma, unsigned chip)
{
    for (unsigned n = chip * CHANNELS; n < (chip + 1) * CHANNELS; n++) {
        if (dma->client[n].ready && is_open(dma, n)) {
            dma->client[n].ready(dma->client[n].opaque);
        }
    }
}

/* ---- transfers */

static paddr memory_address(const struct isa_dma *dma, unsigned n)
{
    /* Which page register a channel has. */
    static const uint8_t registers[ISA_DMA_CHANNELS] = {7, 3, 1, 2, 15, 11, 9, 10};
    const paddr page = dma->page[registers[n]];
    const uint16_t address = dma->chip[n / CHANNELS].channel[n % CHANNELS].address;
    return n < CASCADE ? page << 16 | address : (page & 0xfe) << 16 | (paddr)address << 1;
}

/* Units that follow each other in memory, of those that are wanted. */
static size_t run_length(const struct channel *c, size_t units)
{
    const size_t to_wrap = 0x10000u - c->address;
    return c->mode & MODE_DOWN ? 1 : units < to_wrap ? units : to_wrap;
}

static void move_run(struct isa_dma *dma, unsigned n, uint8_t *bytes, size_t size)
{
    const uint8_t type = dma->chip[n / CHANNELS].channel[n % CHANNELS].mode & MODE_TYPE;
    const paddr a = memory_address(dma, n);
    if (type == MODE_TO_MEMORY) {
        dma_write(&dma->dev.dma, a, bytes, size);
    } else if (type == MODE_FROM_MEMORY && !dma_read(&dma->dev.dma, a, bytes, size)) {
        memset(bytes, 0xff, size);
    }
}

/* The count has gone below zero. */
static void count_over(struct chip *c, unsigned channel)
{
    struct channel *ch = &c->channel[channel];
    const uint8_t mask = (uint8_t)(1u << channel);
    c->status |= mask;
    c->request &= (uint8_t)~mask;
    if (ch->mode & MODE_AGAIN) {
        ch->address = ch->base_address;
        ch->count = ch->base_count;
    } else {
        c->mask |= mask;
        ch->count = 0xffff;
    }
}

/* Bytes that go; the channel is open and its mode is right. */
static size_t move(struct isa_dma *dma, unsigned n, uint8_t *bytes, size_t size, bool *terminal)
{
    struct chip *chip = &dma->chip[n / CHANNELS];
    struct channel *c = &chip->channel[n % CHANNELS];
    const unsigned unit = n < CASCADE ? 1 : 2;
    size_t left = size / unit;
    left = left <= c->count ? left : c->count + (size_t)1;
    const size_t moved = left;
    *terminal = moved == c->count + (size_t)1;
    c->count = (uint16_t)(c->count - moved);
    while (left > 0) {
        const size_t run = run_length(c, left);
        move_run(dma, n, bytes, run * unit);
        bytes += run * unit;
        left -= run;
        c->address = (uint16_t)(c->mode & MODE_DOWN ? c->address - run : c->address + run);
    }
    if (*terminal) {
        count_over(chip, n % CHANNELS);
    }
    return moved * unit;
}

static bool moves(const struct isa_dma *dma, unsigned n, uint8_t type)
{
    const uint8_t mode = dma->chip[n / CHANNELS].channel[n % CHANNELS].mode;
    const bool right = (mode & MODE_TYPE) == type || (mode & MODE_TYPE) == MODE_VERIFY;
    if (!is_open(dma, n) || (mode & MODE_CASCADE) == MODE_CASCADE) {
        return false;
    }
    if (!right) {
        log_guest("i8237", "channel %u has mode 0x%02x, and its device goes the other way", n,
                  mode);
    }
    return right;
}

size_t isa_dma_to_memory(struct isa_dma *dma, unsigned channel, const void *bytes, size_t n,
                         bool *terminal)
{
    *terminal = false;
    if (n == 0 || !moves(dma, channel, MODE_TO_MEMORY)) {
        return 0;
    }
    return move(dma, channel, (uint8_t *)(uintptr_t)bytes, n, terminal); /* which only reads them */
}

size_t isa_dma_from_memory(struct isa_dma *dma, unsigned channel, void *bytes, size_t n,
                           bool *terminal)
{
    *terminal = false;
    if (n == 0 || !moves(dma, channel, MODE_FROM_MEMORY)) {
        return 0;
    }
    memset(bytes, 0, n);
    return move(dma, channel, bytes, n, terminal);
}

/* ---- registers */

static uint8_t half(struct chip *c, uint16_t value)
{
    const bool high = c->high;
    c->high = !high;
    return (uint8_t)(high ? value >> 8 : value);
}

static uint8_t read_chip(struct chip *c, unsigned r)
{
    uint8_t value;
    if (r < STATUS_COMMAND) {
        const struct channel *ch = &c->channel[r / 2];
        return half(c, r & 1 ? ch->count : ch->address);
    }
    switch (r) {
    case STATUS_COMMAND:
        value = (uint8_t)(c->status | c->request << 4);
        c->status = 0;
        return value;
    case ALL_MASK:
        return c->mask | 0xf0;
    default:
        return 0;
    }
}

/* Both the base and the current register. */
static void write_half(struct chip *c, unsigned r, uint8_t value)
{
    struct channel *ch = &c->channel[r / 2];
    uint16_t *base = r & 1 ? &ch->base_count : &ch->base_address;
    *base = (uint16_t)(c->high ? (*base & 0x00ff) | value << 8 : (*base & 0xff00) | value);
    c->high = !c->high;
    if (r & 1) {
        ch->count = ch->base_count;
    } else {
        ch->address = ch->base_address;
    }
}

static void set_bit(uint8_t *bits, uint8_t value)
{
    const uint8_t mask = (uint8_t)(1u << (value & 3));
    *bits = value & MASKED ? *bits | mask : *bits & (uint8_t)~mask;
}

static void master_clear(struct chip *c)
{
    c->command = c->status = c->request = 0;
    c->mask = 0xf;
    c->high = false;
}

static void write_chip(struct chip *c, unsigned r, uint8_t value)
{
    switch (r) {
    case STATUS_COMMAND:
        c->command = value;
        break;
    case REQUEST:
        set_bit(&c->request, value);
        break;
    case SINGLE_MASK:
        set_bit(&c->mask, value);
        break;
    case MODE:
        c->channel[value & 3].mode = value;
        break;
    case CLEAR_POINTER:
        c->high = false;
        break;
    case MASTER_CLEAR:
        master_clear(c);
        break;
    case CLEAR_MASK:
        c->mask = 0;
        break;
    case ALL_MASK:
        c->mask = value & 0xf;
        break;
    default:
        write_half(c, r, value);
        break;
    }
}

/* The second chip's registers are two ports apart. */
static uint64_t chip_read(struct isa_dma *dma, unsigned chip, uint64_t offset)
{
    return read_chip(&dma->chip[chip], (unsigned)offset >> chip);
}

static void chip_write(struct isa_dma *dma, unsigned chip, uint64_t offset, uint64_t value)
{
    const unsigned r = (unsigned)offset >> chip;
    write_chip(&dma->chip[chip], r, (uint8_t)value);
    if (r >= STATUS_COMMAND && r != CLEAR_POINTER) {
        tell_clients(dma, chip);
    }
}

static uint64_t first_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return chip_read(opaque, 0, offset);
}

static void first_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)size;
    chip_write(opaque, 0, offset, value);
}

static uint64_t second_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return chip_read(opaque, 1, offset);
}

static void second_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)size;
    chip_write(opaque, 1, offset, value);
}

static uint64_t page_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return ((const struct isa_dma *)opaque)->page[offset];
}

static void page_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)size;
    ((struct isa_dma *)opaque)->page[offset] = (uint8_t)value;
}

static const struct mmio_ops first_ops = {.read = first_read, .write = first_write, .sizes = 1};
static const struct mmio_ops second_ops = {.read = second_read, .write = second_write, .sizes = 1};
static const struct mmio_ops page_ops = {.read = page_read, .write = page_write, .sizes = 1};

void i8237_map(struct device *d, struct space *ports)
{
    const struct {
        paddr port;
        uint64_t size;
        const char *name;
        const struct mmio_ops *ops;
    } rows[] = {{0x00, 0x10, "dma-1", &first_ops},
                {0x80, 0x10, "dma-page", &page_ops},
                {0xc0, 0x20, "dma-2", &second_ops}};
    assert(d->cls == &i8237_class);
    for (unsigned i = 0; i < array_len(rows); i++) {
        space_add(ports, &(struct mem_range){.base = rows[i].port,
                                             .size = rows[i].size,
                                             .kind = RANGE_MMIO,
                                             .name = rows[i].name,
                                             .ops = rows[i].ops,
                                             .opaque = d,
                                             .lock = d->lock});
    }
}

/* ---- life */

static void i8237_reset(struct device *d)
{
    for (unsigned n = 0; n < CHIPS; n++) {
        master_clear(&((struct isa_dma *)d)->chip[n]);
    }
}

static const struct field channel_fields[] = {
    FIELD(channel, base_address),
    FIELD(channel, base_count),
    FIELD(channel, address),
    FIELD(channel, count),
    FIELD(channel, mode),
    FIELD_SKIP(channel, pad),
    FIELD_END,
};

static const struct field chip_fields[] = {
    FIELD_PARTS(chip, channel, channel_fields, channel),
    FIELD(chip, command),
    FIELD_MOST(chip, status, 15),
    FIELD_MOST(chip, request, 15),
    FIELD_MOST(chip, mask, 15),
    FIELD(chip, high),
    FIELD_SKIP(chip, pad),
    FIELD_END,
};

static const struct field i8237_fields[] = {
    FIELD_SKIP(isa_dma, client),
    FIELD_SKIP(isa_dma, taken),
    FIELD_PARTS(isa_dma, chip, chip_fields, chip),
    FIELD(isa_dma, page),
    FIELD_SKIP(isa_dma, pad),
    FIELD_END,
};

const struct device_class i8237_class = {
    .name = "i8257",
    .desc = "two 8237A DMA controllers",
    .alias = "i8237",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct isa_dma),
    .fields = i8237_fields,
    .reset = i8237_reset,
};
