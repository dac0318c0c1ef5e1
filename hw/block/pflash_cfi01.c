/* SPDX-License-Identifier: MIT */
/*
 * Parallel NOR flash: a bank of two 16-bit chips side by side, or of one chip of 8 bits, with
 * Intel's command set (JEDEC JESD68.01 Common Flash Interface, Intel StrataFlash P30 datasheet
 * 306666). Commands and status are those of each chip, in both halves of a 32-bit word.
 *
 * In read-array mode guests read and execute from it like from memory; any write makes it a device
 * until the next read-array command. Programming clears bits only, erasing sets those of a block.
 * Both take no time.
 *
 * The contents come from an image at creation. Each program and each erase is in the image, if that
 * is a disk, before it is in the array and before the status register says that it is done: whoever
 * ends this process then, the next one finds it. What the image refuses is not in the array either,
 * and the status says so. The image is flushed when the guest goes back to reading the array, and
 * at the end.
 *
 * Not modelled: suspending, protection registers, block locks that hold.
 */
#include "hw/block/pflash_cfi01.h"

#include <inttypes.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "block/block.h"
#include "hw/classes.h"
#include "hw/placement.h"
#include "memory/dirty.h"

#define BUFFER_BYTES 2048 /* of the bank's write buffer */
#define COPY_BYTES 65536

enum { /* status register */
    ST_LOCKED = 0x02,
    ST_PROGRAM_ERROR = 0x10,
    ST_ERASE_ERROR = 0x20,
    ST_READY = 0x80,
};

enum command {
    CMD_PROGRAM_ALT = 0x10,
    CMD_ERASE = 0x20,
    CMD_PROGRAM = 0x40,
    CMD_CLEAR_STATUS = 0x50,
    CMD_LOCK = 0x60,
    CMD_READ_STATUS = 0x70,
    CMD_READ_ID = 0x90,
    CMD_CFI = 0x98,
    CMD_CONFIRM = 0xd0,
    CMD_BUFFER = 0xe8,
    CMD_RESET_AMD = 0xf0, /* drivers that probe for another command set send it */
    CMD_READ_ARRAY = 0xff,
};

/* What the next write means. */
enum step {
    STEP_COMMAND,
    STEP_PROGRAM,
    STEP_ERASE,
    STEP_LOCK,
    STEP_COUNT,
    STEP_DATA,
    STEP_CONFIRM
};

struct pflash {
    struct device dev;
    /* Properties. */
    char *drive, *name;
    uint64_t block_bytes; /* of the bank */
    uint32_t blocks;
    uint8_t width; /* of the bank, in bytes: 1 or 4 */
    bool secure;   /* only who is gives commands */
    uint8_t pad[2];

    /* Where the contents are from. */
    struct block *block;
    const char *file;
    bool unflushed; /* the image has news */
    uint8_t pad2[7];

    uint8_t *contents;
    uint64_t bytes;
    const struct mem_range *range;
    struct space *space;

    /* State. */
    uint32_t reading; /* CMD_READ_ARRAY, _STATUS, _ID or _CFI: what reads give */
    uint32_t step;
    uint32_t status;      /* of each chip */
    uint32_t left;        /* STEP_DATA: bank words to come */
    uint64_t buffer_base; /* offset of the write buffer; UINT64_MAX: no data yet */
    uint8_t buffer[BUFFER_BYTES];
    uint8_t given[BUFFER_BYTES]; /* which bytes of the buffer were written */
};

static unsigned chips(const struct pflash *p)
{
    return p->width == 4 ? 2 : 1;
}

/* ---- the image */

static bool is_read_only(const struct pflash *p)
{
    return p->block && block_read_only(p->block);
}

/* Makes news of the image last. */
static void flush(struct pflash *p)
{
    struct error e;
    if (p->unflushed && !block_flush(p->block, &e)) {
        log_guest("pflash", "%s", e.text);
        p->status |= ST_PROGRAM_ERROR;
    }
    p->unflushed = false;
}

/* Changes n bytes of the array, the image first. False: nothing was changed. */
static bool change(struct pflash *p, uint64_t offset, const uint8_t *bytes, size_t n)
{
    struct error e;
    uint8_t *at = p->contents + offset;
    if (memcmp(at, bytes, n) == 0) {
        return true;
    }
    if (p->block && !block_write(p->block, offset, bytes, n, &e)) {
        log_guest("pflash", "%s", e.text);
        return false;
    }
    p->unflushed = p->block != NULL;
    memcpy(at, bytes, n);
    dirty_written(p->space, at, n);
    return true;
}

static void set_reading(struct pflash *p, uint32_t reading)
{
    bool was_array = p->reading == CMD_READ_ARRAY, is_array = reading == CMD_READ_ARRAY;
    if (is_array) {
        flush(p);
    }
    p->reading = reading;
    if (p->range && was_array != is_array) {
        space_set_kind(p->space, p->range, is_array ? RANGE_ROMD : RANGE_MMIO);
    }
}

/* ---- reading */

/* The Common Flash Interface table of one chip, from word 0x10 on. */
static uint8_t cfi_byte(const struct pflash *p, uint64_t word)
{
    uint64_t block = p->block_bytes / chips(p);
    const uint8_t table[] = {
        'Q',
        'R',
        'Y',
        0x01,
        0x00,
        0x31,
        0x00, /* command set, where its own table is */
        0x00,
        0x00,
        0x00,
        0x00, /* no alternative one */
        0x45,
        0x55,
        0x00,
        0x00, /* supply voltages */
        0x07,
        0x07,
        0x0a,
        0x00, /* typical times: word, buffer, erase, chip */
        0x04,
        0x04,
        0x04,
        0x00,                                             /* the longest, as multiples */
        (uint8_t)log2_floor(2 * p->bytes / chips(p) - 1), /* size, to the next power of two */
        p->width == 1 ? 0x00 : 0x02,
        0x00, /* 8 bits, or 8 and 16 */
        (uint8_t)log2_floor(BUFFER_BYTES / chips(p)),
        0x00,
        0x01, /* one region of equal blocks: */
        (uint8_t)(p->blocks - 1),
        (uint8_t)((p->blocks - 1) >> 8),
        (uint8_t)(block >> 8),
        (uint8_t)(block >> 16),
        'P',
        'R',
        'I',
        '1',
        '0', /* Intel's table, version 1.0 */
        0x00,
        0x00,
        0x00,
        0x00, /* no optional features */
        0x00,
        0x00,
        0x00, /* none while suspended; no lock status */
        0x00,
        0x00, /* no optimal voltages */
        0x01, /* one protection register */
    };
    return word >= 0x10 && word - 0x10 < sizeof(table) ? table[word - 0x10] : 0;
}

static uint16_t id_word(uint64_t word)
{
    switch (word & 0xffff) {
    case 0:
        return 0x0089; /* Intel */
    case 1:
        return 0x0018;
    default:
        return 0; /* also: block is not locked */
    }
}

/* What each chip answers at offset, in the lanes that the access covers. */
static uint64_t pflash_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct pflash *p = opaque;
    uint64_t word = offset / p->width;
    uint32_t chip;
    switch (p->reading) {
    case CMD_READ_ARRAY:
        return load_le(p->contents + offset, size);
    case CMD_READ_ID:
        chip = id_word(word % (p->block_bytes / p->width));
        break;
    case CMD_CFI:
        chip = cfi_byte(p, word);
        break;
    default:
        chip = p->status;
    }
    const uint64_t bank = p->width == 1 ? (chip & 0xff) * UINT64_C(0x01010101) : chip << 16 | chip;
    return bank >> (8 * (offset % p->width)) & mask64(8 * size);
}

/* ---- programming and erasing */

/* Clears the bits of n bytes, as many as fit a buffer, that are clear in those given. */
static void program(struct pflash *p, uint64_t offset, const uint8_t *given, size_t n)
{
    uint8_t bytes[BUFFER_BYTES];
    if (is_read_only(p)) {
        p->status |= ST_PROGRAM_ERROR | ST_LOCKED;
        return;
    }
    if (offset >= p->bytes) {
        return;
    }
    n = n < p->bytes - offset ? n : (size_t)(p->bytes - offset);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = p->contents[offset + i] & given[i];
    }
    if (!change(p, offset, bytes, n)) {
        p->status |= ST_PROGRAM_ERROR;
    }
}

static void program_word(struct pflash *p, uint64_t offset, uint64_t value, unsigned size)
{
    uint8_t bytes[8];
    store_le(bytes, size, value);
    program(p, offset, bytes, size);
}

static void erase(struct pflash *p, uint64_t offset)
{
    if (is_read_only(p)) {
        p->status |= ST_ERASE_ERROR | ST_LOCKED;
        return;
    }
    uint8_t *ones = mem_alloc(p->block_bytes);
    memset(ones, 0xff, p->block_bytes);
    if (!change(p, align_down(offset, p->block_bytes), ones, p->block_bytes)) {
        p->status |= ST_ERASE_ERROR;
    }
    mem_free(ones);
}

static uint32_t buffer_words(const struct pflash *p)
{
    return BUFFER_BYTES / p->width;
}

static void buffer_begin(struct pflash *p, uint32_t count)
{
    p->left = count + 1;
    p->step = STEP_DATA;
    p->buffer_base = UINT64_MAX;
    memset(p->given, 0, sizeof(p->given));
    if (p->left > buffer_words(p)) {
        log_guest("pflash", "write buffer of %" PRIu32 " words; it has %u", p->left,
                  buffer_words(p));
        p->status |= ST_PROGRAM_ERROR | ST_ERASE_ERROR;
        p->step = STEP_COMMAND;
    }
}

/* Data may come in any order, but all for one aligned piece of flash of the buffer's size. */
static void buffer_data(struct pflash *p, uint64_t offset, uint64_t value, unsigned size)
{
    if (p->buffer_base == UINT64_MAX) {
        p->buffer_base = align_down(offset, BUFFER_BYTES);
    }
    if (offset - p->buffer_base >= BUFFER_BYTES) {
        log_guest("pflash", "buffered write leaves its buffer at 0x%" PRIx64, offset);
        p->status |= ST_PROGRAM_ERROR | ST_ERASE_ERROR;
        p->step = STEP_COMMAND;
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        p->buffer[offset - p->buffer_base + i] = (uint8_t)(value >> (8 * i));
        p->given[offset - p->buffer_base + i] = 1;
    }
    if (--p->left == 0) {
        p->step = STEP_CONFIRM;
    }
}

/* What was not given stays as it is. */
static void buffer_program(struct pflash *p)
{
    uint8_t bytes[BUFFER_BYTES];
    if (p->buffer_base == UINT64_MAX) {
        return;
    }
    for (unsigned i = 0; i < BUFFER_BYTES; i++) {
        bytes[i] = p->given[i] ? p->buffer[i] : 0xff;
    }
    program(p, p->buffer_base, bytes, BUFFER_BYTES);
}

/* ---- commands */

static void first_cycle(struct pflash *p, uint8_t command)
{
    switch (command) {
    case CMD_READ_ARRAY:
    case CMD_RESET_AMD:
        set_reading(p, CMD_READ_ARRAY);
        break;
    case CMD_READ_STATUS:
    case CMD_READ_ID:
    case CMD_CFI:
        set_reading(p, command);
        break;
    case CMD_CLEAR_STATUS:
        /* Firmware of PCs takes what then is ready at once for ROM. */
        p->status = p->width == 1 ? 0 : ST_READY;
        break;
    case CMD_PROGRAM:
    case CMD_PROGRAM_ALT:
        p->step = STEP_PROGRAM;
        break;
    case CMD_ERASE:
        p->step = STEP_ERASE;
        break;
    case CMD_LOCK:
        p->step = STEP_LOCK;
        break;
    case CMD_BUFFER:
        p->step = STEP_COUNT;
        break;
    default:
        log_guest("pflash", "unknown command 0x%02x", command);
        set_reading(p, CMD_READ_ARRAY);
    }
    if (p->step != STEP_COMMAND) {
        p->status |= ST_READY;
        set_reading(p, CMD_READ_STATUS);
    }
}

/* Lock, unlock and lock-down are accepted; blocks are never locked. */
static bool is_lock_command(uint8_t command)
{
    return command == 0x01 || command == CMD_CONFIRM || command == 0x2f;
}

static void pflash_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pflash *p = opaque;
    uint8_t command = (uint8_t)value;
    switch (p->step) {
    case STEP_COMMAND:
        first_cycle(p, command);
        return;
    case STEP_COUNT:
        buffer_begin(p, (uint32_t)value & 0xffff);
        return;
    case STEP_DATA:
        buffer_data(p, offset, value, size);
        return;
    case STEP_PROGRAM:
        program_word(p, offset, value, size);
        break;
    case STEP_ERASE:
        if (command == CMD_CONFIRM) {
            erase(p, offset);
        } else {
            p->status |= ST_PROGRAM_ERROR | ST_ERASE_ERROR;
        }
        break;
    case STEP_LOCK:
        if (!is_lock_command(command)) {
            p->status |= ST_PROGRAM_ERROR | ST_ERASE_ERROR;
        }
        break;
    case STEP_CONFIRM:
        if (command == CMD_CONFIRM) {
            buffer_program(p);
        } else {
            p->status |= ST_PROGRAM_ERROR | ST_ERASE_ERROR;
        }
        break;
    }
    p->step = STEP_COMMAND;
}

static const struct mmio_ops pflash_ops = {
    .read = pflash_read, .write = pflash_write, .sizes = 1 | 2 | 4};

/* Of a secure flash others read the array, and write nothing. */
static bool secure_load(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                        uint64_t *value)
{
    const struct pflash *p = opaque;
    *value = by->secure ? pflash_read(opaque, offset, size) : load_le(p->contents + offset, size);
    return true;
}

static bool secure_store(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                         uint64_t value)
{
    if (by->secure) {
        pflash_write(opaque, offset, value, size);
    } else {
        log_guest("pflash", "a write at 0x%" PRIx64 " from outside is ignored", offset);
    }
    return true;
}

static const struct mmio_ops secure_ops = {
    .load = secure_load, .store = secure_store, .sizes = 1 | 2 | 4};

/* ---- contents */

static bool is_zero(const uint8_t *bytes, size_t n)
{
    return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

/* Copies what is not zero, so that empty parts of an image take no memory. */
static bool copy_contents(struct pflash *p, uint64_t bytes, const struct image_file *f,
                          struct error *e)
{
    uint8_t *piece = mem_alloc(COPY_BYTES);
    bool good = true;
    for (uint64_t done = 0; done < bytes && good; done += COPY_BYTES) {
        size_t n = bytes - done < COPY_BYTES ? (size_t)(bytes - done) : COPY_BYTES;
        good = f ? image_read(f, done, piece, n) ||
                       error_set(e, "-bios %s: cannot be read", f->path)
                 : block_read(p->block, done, piece, n, e);
        if (good && !is_zero(piece, n)) {
            memcpy(p->contents + done, piece, n);
        }
    }
    mem_free(piece);
    return good;
}

static bool load_file(struct pflash *p, struct error *e)
{
    struct image_file f;
    if (!image_open(&f, "-bios", p->file, e)) {
        return false;
    }
    bool good = f.size <= p->bytes ||
                error_set(e, "-bios %s: %" PRIu64 " bytes are more than the flash's %" PRIu64,
                          p->file, f.size, p->bytes);
    good = good && copy_contents(p, f.size, &f, e);
    image_close(&f);
    return good;
}

static bool load_block(struct pflash *p, struct error *e)
{
    if (block_size_bytes(p->block) != p->bytes) {
        return error_set(e,
                         "pflash %s: the flash has %" PRIu64 " bytes, its image %" PRIu64
                         "; truncate -s %" PRIu64 " gives a firmware image the right size",
                         block_file(p->block), p->bytes, block_size_bytes(p->block), p->bytes);
    }
    return copy_contents(p, p->bytes, NULL, e);
}

/* ---- life */

void pflash_set_block(struct device *d, struct block *b)
{
    ((struct pflash *)d)->block = b;
}

void pflash_set_file(struct device *d, const char *path)
{
    ((struct pflash *)d)->file = path;
}

uint64_t pflash_bytes(const struct device *d)
{
    return ((const struct pflash *)d)->bytes;
}

const uint8_t *pflash_contents(const struct device *d)
{
    return ((const struct pflash *)d)->contents;
}

void pflash_map(struct device *d, struct space *s, paddr base)
{
    struct pflash *p = (struct pflash *)d;
    struct mem_range r = {.base = base,
                          .size = p->bytes,
                          .kind = RANGE_ROMD,
                          .name = p->name,
                          .host = p->contents,
                          .ops = p->secure ? &secure_ops : &pflash_ops,
                          .opaque = p,
                          .lock = d->lock};
    assert(!p->range && p->reading == CMD_READ_ARRAY);
    p->space = s;
    p->range = space_add(s, &r);
}

static void pflash_destroy(struct device *d)
{
    struct pflash *p = (struct pflash *)d;
    flush(p);
    if (p->range) {
        space_remove(p->space, p->range);
    }
    if (p->contents) {
        os_unmap(p->contents, p->bytes);
    }
}

static bool pflash_create(struct device *d, struct error *e)
{
    struct pflash *p = (struct pflash *)d;
    const struct machine_backends *b = &d->machine->backends;
    if (!is_pow2(p->block_bytes) || p->block_bytes < BUFFER_BYTES ||
        p->block_bytes > UINT64_C(1) << 24 || p->blocks < 1 || p->blocks > 65536) {
        return error_set(e,
                         "device '%s': sector-length must be a power of two from 2048 to 16M, "
                         "num-blocks a number from 1 to 65536",
                         d->cls->name);
    }
    if (p->width != 1 && p->width != 4) {
        return error_set(e, "device '%s': width=%u: a bank is 1 or 4 bytes wide", d->cls->name,
                         p->width);
    }
    if (p->drive && !(p->block = b->drive(b->opaque, p->drive, e))) {
        return false;
    }
    p->reading = CMD_READ_ARRAY;
    p->bytes = p->block_bytes * p->blocks;
    p->contents = os_map_ram(p->bytes, e);
    bool good = p->contents && (!p->block || load_block(p, e)) && (!p->file || load_file(p, e));
    if (!good) {
        pflash_destroy(d);
    }
    return good;
}

static void pflash_reset(struct device *d)
{
    struct pflash *p = (struct pflash *)d;
    set_reading(p, CMD_READ_ARRAY);
    p->status = ST_READY;
}

static bool pflash_check(struct device *d, struct error *e)
{
    const struct pflash *p = (const struct pflash *)d;
    const bool known = p->reading == CMD_READ_ARRAY || p->reading == CMD_READ_STATUS ||
                       p->reading == CMD_READ_ID || p->reading == CMD_CFI;
    if (!known) {
        return error_set(e, "it reads as 0x%02x says, which is no command", p->reading);
    }
    if (p->buffer_base != UINT64_MAX && !is_aligned(p->buffer_base, BUFFER_BYTES)) {
        return error_set(e, "its buffer is for 0x%" PRIx64 ", where none begins", p->buffer_base);
    }
    return p->step != STEP_DATA || (p->left >= 1 && p->left <= buffer_words(p)) ||
           error_set(e, "it waits for %u words of a buffer of %u", p->left, buffer_words(p));
}

/* A state that was loaded has the flash as it was then, and the image is to be the same. */
static void write_all(struct pflash *p)
{
    uint8_t *piece = mem_alloc(COPY_BYTES);
    struct error e = {""};
    bool good = true;
    for (uint64_t at = 0; at < p->bytes && good; at += COPY_BYTES) {
        const size_t n = p->bytes - at < COPY_BYTES ? (size_t)(p->bytes - at) : COPY_BYTES;
        good = block_read(p->block, at, piece, n, &e);
        if (good && memcmp(piece, p->contents + at, n) != 0) {
            good = block_write(p->block, at, p->contents + at, n, &e);
            p->unflushed = true;
        }
    }
    if (!good) {
        log_guest("pflash", "%s", e.text);
    }
    mem_free(piece);
    flush(p);
}

static void pflash_loaded(struct device *d)
{
    struct pflash *p = (struct pflash *)d;
    if (p->block && !block_read_only(p->block)) {
        write_all(p);
    }
    if (p->range) {
        space_set_kind(p->space, p->range, p->reading == CMD_READ_ARRAY ? RANGE_ROMD : RANGE_MMIO);
    }
}

static const struct prop pflash_props[] = {
    {"drive", PROP_DRIVE, offsetof(struct pflash, drive), NULL, "its contents", NULL},
    {"name", PROP_STRING, offsetof(struct pflash, name), "pflash", "of its window", NULL},
    {"sector-length", PROP_SIZE, offsetof(struct pflash, block_bytes), "256K",
     "bytes erased at once", NULL},
    {"num-blocks", PROP_U32, offsetof(struct pflash, blocks), "256", "how many of those", NULL},
    {"secure", PROP_BOOL, offsetof(struct pflash, secure), "off",
     "only system management mode, or secure memory, programs and erases", NULL},
    {"width", PROP_U8, offsetof(struct pflash, width), "4", "bytes of the bank, 1 or 4", NULL},
    PROP_END,
};

static const struct field pflash_fields[] = {
    FIELD_KEEP(pflash, reading),
    FIELD_MOST(pflash, step, STEP_CONFIRM),
    FIELD_MOST(pflash, status, 0xff),
    FIELD(pflash, left),
    FIELD(pflash, buffer_base),
    FIELD(pflash, buffer),
    FIELD(pflash, given),
    FIELD_PAGES(pflash, contents, bytes),
    FIELD_SKIP(pflash, pad),
    FIELD_SKIP(pflash, block),
    FIELD_SKIP(pflash, file),
    FIELD_SKIP(pflash, unflushed),
    FIELD_SKIP(pflash, pad2),
    FIELD_SKIP(pflash, range),
    FIELD_SKIP(pflash, space),
    FIELD_END,
};

const struct device_class pflash_cfi01_class = {
    .name = "cfi.pflash01",
    .desc = "parallel NOR flash, Intel command set",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct pflash),
    .props = pflash_props,
    .fields = pflash_fields,
    .create = pflash_create,
    .reset = pflash_reset,
    .destroy = pflash_destroy,
    .check = pflash_check,
    .loaded = pflash_loaded,
};
