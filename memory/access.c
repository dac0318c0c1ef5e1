/* SPDX-License-Identifier: MIT */
/*
 * Accesses through an address space: to memory directly, to registers in the sizes that their
 * device declares, and by devices (dma_*), which reach memory only.
 */
#include "base/atomic.h"
#include "base/bits.h"
#include "base/log.h"
#include "base/os.h"
#include "memory/dirty.h"
#include "memory/dma.h"
#include "memory/space.h"

/* ---- registers */

#define ANY_SIZE (1 | 2 | 4 | 8)

static unsigned sizes_of(const struct mmio_ops *ops)
{
    return ops->sizes ? ops->sizes : ANY_SIZE;
}

/* The largest size that ops takes for an aligned piece at the front of [offset, offset + left); 0
 * if all are too wide. */
static unsigned piece_size(const struct mmio_ops *ops, uint64_t offset, size_t left)
{
    unsigned allowed = sizes_of(ops);
    for (unsigned size = 8; size > 0; size /= 2) {
        if ((allowed & size) && size <= left && is_aligned(offset, size)) {
            return size;
        }
    }
    return 0;
}

static unsigned narrowest_size(const struct mmio_ops *ops)
{
    return 1u << ctz32(sizes_of(ops));
}

/* The part of the unit around offset that lies in [offset, offset + left): *value's low bytes, in
 * number the result. */
static unsigned load_part(const struct mem_range *r, uint64_t offset, size_t left, uint64_t *value)
{
    unsigned unit = narrowest_size(r->ops);
    uint64_t start = align_down(offset, unit);
    unsigned skip = (unsigned)(offset - start);
    *value = r->ops->read(r->opaque, start, unit) >> (8 * skip);
    return left < unit - skip ? (unsigned)left : unit - skip;
}

static unsigned store_part(const struct mem_range *r, uint64_t offset, size_t left, uint64_t value)
{
    unsigned unit = narrowest_size(r->ops);
    unsigned skip = (unsigned)(offset & (unit - 1));
    unsigned n = left < unit - skip ? (unsigned)left : unit - skip;
    if (skip == 0) {
        r->ops->write(r->opaque, offset, value & mask64(8 * n), unit);
    } else {
        log_guest(r->name, "write of %u bytes at 0x%llx ignored: the registers have %u bytes", n,
                  (unsigned long long)offset, unit);
    }
    return n;
}

uint64_t range_load(const struct mem_range *r, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    if (r->lock) {
        os_mutex_lock(r->lock);
    }
    for (unsigned done = 0; done < size;) {
        uint64_t part;
        unsigned n = piece_size(r->ops, offset + done, size - done);
        if (n) {
            part = r->ops->read(r->opaque, offset + done, n);
        } else {
            n = load_part(r, offset + done, size - done, &part);
        }
        value |= (part & mask64(8 * n)) << (8 * done);
        done += n;
    }
    if (r->lock) {
        os_mutex_unlock(r->lock);
    }
    return value;
}

void range_store(const struct mem_range *r, uint64_t offset, unsigned size, uint64_t value)
{
    if (r->lock) {
        os_mutex_lock(r->lock);
    }
    for (unsigned done = 0; done < size;) {
        uint64_t part = value >> (8 * done);
        unsigned n = piece_size(r->ops, offset + done, size - done);
        if (n) {
            r->ops->write(r->opaque, offset + done, part & mask64(8 * n), n);
        } else {
            n = store_part(r, offset + done, size - done, part);
        }
        done += n;
    }
    if (r->lock) {
        os_mutex_unlock(r->lock);
    }
}

/* ---- memory: a naturally aligned access is atomic, as on the guest's bus */

#define MEMORY_ACCESS(bits)                                                                        \
    static uint64_t load_memory##bits(const uint8_t *p)                                            \
    {                                                                                              \
        uint##bits##_t v = atomic_get((const uint##bits##_t *)(const void *)p);                    \
        return load_le##bits(&v);                                                                  \
    }                                                                                              \
    static void store_memory##bits(uint8_t *p, uint64_t value)                                     \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        store_le##bits(&v, (uint##bits##_t)value);                                                 \
        atomic_set((uint##bits##_t *)(void *)p, v);                                                \
    }
MEMORY_ACCESS(16)
MEMORY_ACCESS(32)
MEMORY_ACCESS(64)
#undef MEMORY_ACCESS

static uint64_t load_memory(const uint8_t *p, unsigned size)
{
    if (!is_aligned((uintptr_t)p, size)) {
        return load_le(p, size);
    }
    switch (size) {
    case 2:
        return load_memory16(p);
    case 4:
        return load_memory32(p);
    case 8:
        return load_memory64(p);
    default:
        return load_le(p, size);
    }
}

static void store_memory(uint8_t *p, unsigned size, uint64_t value)
{
    if (!is_aligned((uintptr_t)p, size)) {
        store_le(p, size, value);
        return;
    }
    switch (size) {
    case 2:
        store_memory16(p, value);
        break;
    case 4:
        store_memory32(p, value);
        break;
    case 8:
        store_memory64(p, value);
        break;
    default:
        store_le(p, size, value);
    }
}

/* ---- views */

static enum range_kind view_kind(const struct mem_view *v)
{
    return atomic_get(&v->range->kind);
}

static uint64_t view_offset(const struct mem_view *v, paddr a)
{
    return v->offset + (a - v->base);
}

static uint64_t view_left(const struct mem_view *v, paddr a)
{
    return v->size - (a - v->base);
}

/* Where v's byte at a lies in host memory, or NULL if reads (or writes) of it go to ops. */
static uint8_t *view_memory(const struct mem_view *v, paddr a, bool write)
{
    enum range_kind kind = view_kind(v);
    if (kind == RANGE_MMIO || (write && kind == RANGE_ROMD)) {
        return NULL;
    }
    return v->range->host + view_offset(v, a);
}

/* ---- a CPU's accesses */

bool space_load(struct space *s, paddr a, unsigned size, uint64_t *value)
{
    struct mem_view v;
    if (!space_find(s, a, &v)) {
        return false;
    }
    if (unlikely(view_left(&v, a) < size)) {
        uint8_t bytes[8];
        if (!space_read(s, a, bytes, size)) {
            return false;
        }
        *value = load_le(bytes, size);
        return true;
    }
    const uint8_t *p = view_memory(&v, a, false);
    *value = p ? load_memory(p, size) : range_load(v.range, view_offset(&v, a), size);
    return true;
}

bool space_store(struct space *s, paddr a, unsigned size, uint64_t value)
{
    struct mem_view v;
    if (!space_find(s, a, &v)) {
        return false;
    }
    if (unlikely(view_left(&v, a) < size)) {
        uint8_t bytes[8];
        store_le(bytes, size, value);
        return space_write(s, a, bytes, size);
    }
    uint8_t *p = view_memory(&v, a, true);
    if (!p) {
        range_store(v.range, view_offset(&v, a), size, value);
    } else if (view_kind(&v) == RANGE_RAM) {
        store_memory(p, size, value);
        dirty_written(s, p, size);
    }
    return true;
}

/* The greatest power of two up to 8 that fits n bytes at a: the size of one access. */
static unsigned access_size(paddr a, uint64_t n)
{
    unsigned size = 8;
    while (size > n || !is_aligned(a, size)) {
        size /= 2;
    }
    return size;
}

bool space_read(struct space *s, paddr a, void *bytes, size_t n)
{
    struct mem_view v;
    for (uint8_t *out = bytes; n > 0;) {
        if (!space_find(s, a, &v)) {
            return false;
        }
        uint64_t left = view_left(&v, a);
        size_t piece = left < n ? (size_t)left : n;
        const uint8_t *p = view_memory(&v, a, false);
        if (p) {
            memcpy(out, p, piece);
        } else {
            piece = access_size(a, piece);
            store_le(out, (unsigned)piece,
                     range_load(v.range, view_offset(&v, a), (unsigned)piece));
        }
        a += piece;
        out += piece;
        n -= piece;
    }
    return true;
}

bool space_write(struct space *s, paddr a, const void *bytes, size_t n)
{
    struct mem_view v;
    for (const uint8_t *in = bytes; n > 0;) {
        if (!space_find(s, a, &v)) {
            return false;
        }
        uint64_t left = view_left(&v, a);
        size_t piece = left < n ? (size_t)left : n;
        uint8_t *p = view_memory(&v, a, true);
        if (!p) {
            piece = access_size(a, piece);
            range_store(v.range, view_offset(&v, a), (unsigned)piece, load_le(in, (unsigned)piece));
        } else if (view_kind(&v) == RANGE_RAM) {
            memcpy(p, in, piece);
            dirty_written(s, p, piece);
        }
        a += piece;
        in += piece;
        n -= piece;
    }
    return true;
}

uint8_t *space_host(struct space *s, paddr a, size_t n, bool writable)
{
    struct mem_view v;
    if (!space_find(s, a, &v) || view_left(&v, a) < n || (writable && view_kind(&v) != RANGE_RAM)) {
        return NULL;
    }
    return view_memory(&v, a, writable);
}

/* ---- devices */

uint8_t *dma_map(const struct dma *d, paddr a, size_t *n, bool writable)
{
    struct mem_view v;
    if (!space_find(d->space, a, &v) || (writable && view_kind(&v) != RANGE_RAM)) {
        return NULL;
    }
    uint64_t left = view_left(&v, a);
    if (left < *n) {
        *n = (size_t)left;
    }
    return view_memory(&v, a, writable);
}

void dma_unmap(const struct dma *d, const uint8_t *p, size_t written)
{
    if (written) {
        dma_written(d, p, written);
    }
}

void dma_written(const struct dma *d, const uint8_t *p, size_t n)
{
    dirty_written(d->space, p, n);
}

bool dma_read(const struct dma *d, paddr a, void *bytes, size_t n)
{
    for (uint8_t *out = bytes; n > 0;) {
        size_t piece = n;
        const uint8_t *p = dma_map(d, a, &piece, false);
        if (!p) {
            return false;
        }
        memcpy(out, p, piece);
        dma_unmap(d, p, 0);
        a += piece;
        out += piece;
        n -= piece;
    }
    return true;
}

bool dma_write(const struct dma *d, paddr a, const void *bytes, size_t n)
{
    for (const uint8_t *in = bytes; n > 0;) {
        size_t piece = n;
        uint8_t *p = dma_map(d, a, &piece, true);
        if (!p) {
            return false;
        }
        memcpy(p, in, piece);
        dma_unmap(d, p, piece);
        a += piece;
        in += piece;
        n -= piece;
    }
    return true;
}

#define DMA_ACCESS(bits)                                                                           \
    bool dma_load##bits(const struct dma *d, paddr a, uint##bits##_t *v)                           \
    {                                                                                              \
        size_t n = bits / 8;                                                                       \
        const uint8_t *p = dma_map(d, a, &n, false);                                               \
        if (likely(p && n == bits / 8)) {                                                          \
            *v = (uint##bits##_t)load_memory(p, bits / 8);                                         \
            return true;                                                                           \
        }                                                                                          \
        uint8_t bytes[bits / 8];                                                                   \
        if (!dma_read(d, a, bytes, sizeof(bytes))) {                                               \
            return false;                                                                          \
        }                                                                                          \
        *v = load_le##bits(bytes);                                                                 \
        return true;                                                                               \
    }                                                                                              \
    bool dma_store##bits(const struct dma *d, paddr a, uint##bits##_t v)                           \
    {                                                                                              \
        size_t n = bits / 8;                                                                       \
        uint8_t *p = dma_map(d, a, &n, true);                                                      \
        if (likely(p && n == bits / 8)) {                                                          \
            store_memory(p, bits / 8, v);                                                          \
            dma_unmap(d, p, bits / 8);                                                             \
            return true;                                                                           \
        }                                                                                          \
        uint8_t bytes[bits / 8];                                                                   \
        store_le##bits(bytes, v);                                                                  \
        return dma_write(d, a, bytes, sizeof(bytes));                                              \
    }
DMA_ACCESS(16)
DMA_ACCESS(32)
DMA_ACCESS(64)
#undef DMA_ACCESS
