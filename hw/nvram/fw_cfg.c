/* SPDX-License-Identifier: MIT */
/*
 * Firmware configuration device with DMA, whose registers are in memory or I/O ports ("QEMU
 * Firmware Configuration (fw_cfg) Device", docs/specs/fw_cfg). Items are read-only for the guest,
 * but for files that say otherwise, which it writes by DMA.
 *
 * Registers in memory: 8 bytes of data at 0 (a stream: the first byte is the lowest), the 16-bit
 * selector at 8 and the 64-bit DMA address at 16, both big-endian. Ports: the selector, which is
 * little-endian, at 0, a byte of data at 1, the DMA address at 4.
 */
#include "hw/nvram/fw_cfg.h"

#include <inttypes.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hw/classes.h"

enum {
    REG_DATA = 0,
    REG_SELECT = 8,
    REG_DMA = 16
};
enum {
    DMA_ERROR = 1,
    DMA_READ = 2,
    DMA_SKIP = 4,
    DMA_SELECT = 8,
    DMA_WRITE = 16
};

#define DMA_SIGNATURE UINT64_C(0x51454d5520434647) /* "QEMU CFG" */
#define ID_VALUE 3                                 /* has the traditional interface, and DMA */

struct item {
    uint8_t *bytes;
    size_t n;
    bool borrowed; /* the bytes are somebody else's */
    bool writable;
    struct fw_cfg_watcher watcher;
    char name[FW_CFG_NAME_BYTES]; /* of a file */
};

struct fw_cfg {
    struct device dev;
    struct item item[FW_CFG_KEYS], arch[FW_CFG_ARCH_KEYS];
    uint32_t files;
    uint32_t pad;

    /* State. */
    uint64_t offset;   /* in the selected item */
    uint64_t dma;      /* address as written so far */
    uint32_t selected; /* key */
    uint32_t pad2;
};

/* ---- items */

static struct item *item_of(struct fw_cfg *f, uint32_t key)
{
    if (key >= FW_CFG_ARCH_FIRST) {
        const uint32_t n = key - FW_CFG_ARCH_FIRST;
        return n < FW_CFG_ARCH_KEYS ? &f->arch[n] : NULL;
    }
    return key < FW_CFG_KEYS ? &f->item[key] : NULL;
}

static void set_item(struct item *i, void *bytes, size_t n)
{
    if (!i->borrowed) {
        mem_free(i->bytes);
    }
    i->bytes = bytes;
    i->n = n;
    i->borrowed = i->writable = false;
    i->watcher.selected = NULL;
}

void fw_cfg_add(struct device *d, enum fw_cfg_key key, void *bytes, size_t n)
{
    assert(key < FW_CFG_FILE_FIRST || key >= FW_CFG_ARCH_FIRST);
    set_item(item_of((struct fw_cfg *)d, key), bytes, n);
}

void fw_cfg_add_u16(struct device *d, enum fw_cfg_key key, uint16_t value)
{
    uint8_t *bytes = mem_alloc(2);
    store_le16(bytes, value);
    fw_cfg_add(d, key, bytes, 2);
}

void fw_cfg_add_u32(struct device *d, enum fw_cfg_key key, uint32_t value)
{
    uint8_t *bytes = mem_alloc(4);
    store_le32(bytes, value);
    fw_cfg_add(d, key, bytes, 4);
}

void fw_cfg_add_u64(struct device *d, enum fw_cfg_key key, uint64_t value)
{
    uint8_t *bytes = mem_alloc(8);
    store_le64(bytes, value);
    fw_cfg_add(d, key, bytes, 8);
}

/* The directory: a count, then size, key, and name of each file; big-endian. */
static void write_directory(struct fw_cfg *f)
{
    const size_t row = 8 + FW_CFG_NAME_BYTES;
    uint8_t *dir = mem_alloc(4 + f->files * row);
    store_be32(dir, f->files);
    for (uint32_t i = 0; i < f->files; i++) {
        const struct item *file = &f->item[FW_CFG_FILE_FIRST + i];
        uint8_t *p = dir + 4 + i * row;
        store_be32(p, (uint32_t)file->n);
        store_be16(p + 4, (uint16_t)(FW_CFG_FILE_FIRST + i));
        memcpy(p + 8, file->name, FW_CFG_NAME_BYTES);
    }
    set_item(item_of(f, FW_CFG_FILE_DIR), dir, 4 + f->files * row);
}

/* Files are sorted by name. */
bool fw_cfg_add_file(struct device *d, const char *name, void *bytes, size_t n, struct error *e)
{
    struct fw_cfg *f = (struct fw_cfg *)d;
    struct item *first = &f->item[FW_CFG_FILE_FIRST];
    uint32_t at = 0;
    while (at < f->files && strcmp(first[at].name, name) < 0) {
        at++;
    }
    bool there = at < f->files && strcmp(first[at].name, name) == 0;
    if (strlen(name) >= FW_CFG_NAME_BYTES || (!there && f->files == FW_CFG_FILES) ||
        n > UINT32_MAX) {
        mem_free(bytes);
        return error_set(e, "fw_cfg file '%s': at most %u files with names of up to %u characters",
                         name, FW_CFG_FILES, FW_CFG_NAME_BYTES - 1);
    }
    if (!there) {
        memmove(&first[at + 1], &first[at], (f->files - at) * sizeof(*first));
        memset(&first[at], 0, sizeof(*first));
        memcpy(first[at].name, name, strlen(name));
        f->files++;
    }
    set_item(&first[at], bytes, n);
    write_directory(f);
    return true;
}

/* A file whose bytes stay the caller's; NULL: e says why. */
static struct item *add_borrowed(struct device *d, const char *name, void *bytes, size_t n,
                                 struct error *e)
{
    struct item *i = &((struct fw_cfg *)d)->item[FW_CFG_FILE_FIRST];
    if (!fw_cfg_add_file(d, name, NULL, n, e)) {
        return NULL;
    }
    while (strcmp(i->name, name) != 0) {
        i++;
    }
    i->bytes = bytes;
    i->borrowed = true;
    return i;
}

bool fw_cfg_add_writable(struct device *d, const char *name, void *bytes, size_t n, struct error *e)
{
    struct item *i = add_borrowed(d, name, bytes, n, e);
    if (i) {
        i->writable = true;
    }
    return i;
}

bool fw_cfg_add_shown(struct device *d, const char *name, void *bytes, size_t n,
                      const struct fw_cfg_watcher *w, struct error *e)
{
    struct item *i = add_borrowed(d, name, bytes, n, e);
    if (i) {
        i->watcher = *w;
    }
    return i;
}

struct device *fw_cfg_find(struct machine *m)
{
    struct device *d = m->devices;
    while (d && d->cls != &fw_cfg_class && d->cls != &fw_cfg_io_class) {
        d = d->next;
    }
    return d;
}

/* ---- reading */

static void select_item(struct fw_cfg *f, uint32_t key)
{
    f->selected = key & 0xbfff; /* bit 14 asks for writing */
    f->offset = 0;
    const struct item *i = item_of(f, f->selected);
    if (i && i->watcher.selected) {
        i->watcher.selected(i->watcher.opaque);
    }
}

/* Bytes that the selected item has left; *p is the first. */
static uint64_t left(struct fw_cfg *f, const uint8_t **p)
{
    const struct item *i = item_of(f, f->selected);
    if (!i || f->offset >= i->n) {
        return 0;
    }
    *p = i->bytes + f->offset;
    return i->n - f->offset;
}

static uint64_t data_read(struct fw_cfg *f, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        const uint8_t *p;
        if (left(f, &p)) {
            value |= (uint64_t)*p << (8 * i);
            f->offset++;
        }
    }
    return value;
}

/* ---- DMA */

/* Copies to guest memory; behind the end of the item it is cleared, up to where RAM ends. */
static bool dma_out(struct fw_cfg *f, paddr a, uint64_t n)
{
    const uint8_t *p;
    uint64_t have = left(f, &p);
    have = have < n ? have : n;
    if (have && !dma_write(&f->dev.dma, a, p, have)) {
        return false;
    }
    for (uint64_t done = have; done < n;) {
        size_t piece = n - done;
        uint8_t *to = dma_map(&f->dev.dma, a + done, &piece, true);
        if (!to) {
            return false;
        }
        memset(to, 0, piece);
        dma_unmap(&f->dev.dma, to, piece);
        done += piece;
    }
    f->offset += have;
    return true;
}

/* Copies from guest memory into a writable item, no further than it reaches. */
static bool dma_in(struct fw_cfg *f, paddr a, uint64_t n)
{
    struct item *i = item_of(f, f->selected);
    if (!i || !i->writable || f->offset > i->n || n > i->n - f->offset ||
        !dma_read(&f->dev.dma, a, i->bytes + f->offset, n)) {
        return false;
    }
    f->offset += n;
    return true;
}

static void dma_run(struct fw_cfg *f)
{
    uint8_t request[16], answer[4];
    paddr a = f->dma;
    f->dma = 0;
    if (!dma_read(&f->dev.dma, a, request, sizeof(request))) {
        log_guest("fw_cfg", "DMA request at 0x%" PRIx64 " is not in RAM", a);
        return;
    }
    uint32_t control = load_be32(request), n = load_be32(request + 4);
    const uint8_t *p;
    bool good = true;
    if (control & DMA_SELECT) {
        select_item(f, control >> 16);
    }
    if (control & DMA_READ) {
        good = dma_out(f, load_be64(request + 8), n);
    } else if (control & DMA_WRITE) {
        good = dma_in(f, load_be64(request + 8), n);
    } else if (control & DMA_SKIP) {
        uint64_t have = left(f, &p);
        f->offset += have < n ? have : n;
    }
    store_be32(answer, good ? 0 : DMA_ERROR);
    dma_write(&f->dev.dma, a, answer, sizeof(answer));
}

/* The address comes in one or in two parts; the low one starts the transfer. */
static void dma_register_written(struct fw_cfg *f, uint64_t offset, uint64_t value, unsigned size)
{
    if (size == 8) {
        f->dma = bswap64(value);
        dma_run(f);
    } else if (size == 4 && offset == REG_DMA) {
        f->dma = (uint64_t)bswap32((uint32_t)value) << 32;
    } else if (size == 4) {
        f->dma |= bswap32((uint32_t)value);
        dma_run(f);
    }
}

/* ---- registers */

static uint64_t fw_cfg_read(void *opaque, uint64_t offset, unsigned size)
{
    struct fw_cfg *f = opaque;
    if (offset < REG_SELECT) {
        return data_read(f, size);
    }
    if (offset >= REG_DMA) {
        return bswap64(DMA_SIGNATURE) >> (8 * (offset - REG_DMA));
    }
    return 0;
}

static void fw_cfg_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct fw_cfg *f = opaque;
    if (offset >= REG_DMA) {
        dma_register_written(f, offset, value, size);
    } else if (offset == REG_SELECT && size == 2) {
        select_item(f, bswap16((uint16_t)value));
    } else {
        log_guest("fw_cfg", "write of %u bytes at 0x%" PRIx64 " ignored", size, offset);
    }
}

static const struct mmio_ops fw_cfg_ops = {.read = fw_cfg_read, .write = fw_cfg_write};

/* ---- ports */

enum {
    PORT_SELECT = 0,
    PORT_DATA = 1,
    PORT_DMA = 4
};

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    if (offset >= PORT_DMA) {
        return fw_cfg_read(opaque, offset - PORT_DMA + REG_DMA, size);
    }
    return offset == PORT_DATA && size == 1 ? data_read(opaque, 1) : 0;
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    if (offset >= PORT_DMA) {
        dma_register_written(opaque, offset - PORT_DMA + REG_DMA, value, size);
    } else if (offset == PORT_SELECT && size == 2) {
        select_item(opaque, (uint32_t)value);
    }
}

static const struct mmio_ops ports_ops = {.read = ports_read, .write = ports_write};

/* ---- life */

static bool fw_cfg_create(struct device *d, struct error *e)
{
    struct fw_cfg *f = (struct fw_cfg *)d;
    (void)e;
    fw_cfg_add(d, FW_CFG_SIGNATURE, mem_dup("QEMU", 4), 4);
    fw_cfg_add_u32(d, FW_CFG_ID, ID_VALUE);
    write_directory(f);
    return true;
}

static void fw_cfg_destroy(struct device *d)
{
    struct fw_cfg *f = (struct fw_cfg *)d;
    for (uint32_t i = 0; i < FW_CFG_KEYS; i++) {
        if (!f->item[i].borrowed) {
            mem_free(f->item[i].bytes);
        }
    }
    for (uint32_t i = 0; i < FW_CFG_ARCH_KEYS; i++) {
        mem_free(f->arch[i].bytes);
    }
}

static const struct field fw_cfg_fields[] = {
    FIELD_SKIP(fw_cfg, item), FIELD_SKIP(fw_cfg, arch), FIELD_SKIP(fw_cfg, files),
    FIELD_SKIP(fw_cfg, pad),  FIELD(fw_cfg, offset),    FIELD(fw_cfg, dma),
    FIELD(fw_cfg, selected),  FIELD_SKIP(fw_cfg, pad2), FIELD_END,
};

const struct device_class fw_cfg_class = {
    .name = "fw_cfg_mem",
    .desc = "firmware configuration device",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct fw_cfg),
    .fields = fw_cfg_fields,
    .window_size = 0x18,
    .ops = &fw_cfg_ops,
    .create = fw_cfg_create,
    .destroy = fw_cfg_destroy,
};

const struct device_class fw_cfg_io_class = {
    .name = "fw_cfg_io",
    .desc = "firmware configuration device at I/O ports",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct fw_cfg),
    .fields = fw_cfg_fields,
    .window_size = 0xc,
    .ops = &ports_ops,
    .create = fw_cfg_create,
    .destroy = fw_cfg_destroy,
};
