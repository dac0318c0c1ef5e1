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
#include "memory/doorbell.h"
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
        if ((allowed & size) && size <= left && (ops->any_offset || is_aligned(offset, size))) {
            return size;
        }
    }
    return 0;
}

static unsigned narrowest_size(const struct mmio_ops *ops)
{
    return 1u << ctz32(sizes_of(ops));
}

/* A unit's value as a little-endian bus has it, or the other way round. */
static uint64_t unit_order(const struct mmio_ops *ops, uint64_t value, unsigned size)
{
    return ops->big_endian ? bswap64(value) >> (64 - 8 * size) : value;
}

static bool load_unit(const struct mem_range *r, const struct requester *by, uint64_t offset,
                      unsigned size, uint64_t *value)
{
    if (unlikely(r->ops->load)) {
        if (!r->ops->load(r->opaque, by, offset, size, value)) {
            return false;
        }
    } else {
        *value = r->ops->read(r->opaque, offset, size);
    }
    *value = unit_order(r->ops, *value, size);
    return true;
}

static bool store_unit(const struct mem_range *r, const struct requester *by, uint64_t offset,
                       unsigned size, uint64_t value)
{
    const uint64_t x = unit_order(r->ops, value & mask64(8 * size), size);

    if (unlikely(r->ops->store)) {
        return r->ops->store(r->opaque, by, offset, size, x);
    }
    r->ops->write(r->opaque, offset, x, size);
    return true;
}

/* An access to the front of [offset, offset + left), or to the part of a wider unit that lies
 * there. done: its bytes. */
static bool load_front(const struct mem_range *r, const struct requester *by, uint64_t offset,
                       unsigned left, uint64_t *value, unsigned *done)
{
    const unsigned size = piece_size(r->ops, offset, left);

    if (size) {
        *done = size;
        return load_unit(r, by, offset, size, value);
    }
    const unsigned unit = narrowest_size(r->ops);
    const unsigned skip = (unsigned)(offset & (unit - 1));
    *done = left < unit - skip ? left : unit - skip;
    if (!load_unit(r, by, offset - skip, unit, value)) {
        return false;
    }
    *value >>= 8 * skip;
    return true;
}

static bool store_front(const struct mem_range *r, const struct requester *by, uint64_t offset,
                        unsigned left, uint64_t value, unsigned *done)
{
    const unsigned size = piece_size(r->ops, offset, left);

    if (size) {
        *done = size;
        return store_unit(r, by, offset, size, value);
    }
    const unsigned unit = narrowest_size(r->ops);
    const unsigned skip = (unsigned)(offset & (unit - 1));
    *done = left < unit - skip ? left : unit - skip;
    if (skip == 0) {
        return store_unit(r, by, offset, unit, value & mask64(8 * *done));
    }
    log_guest(r->name, "write of %u bytes at 0x%llx ignored: the registers have %u bytes", *done,
              (unsigned long long)offset, unit);
    return true;
}

bool range_load(const struct mem_range *r, const struct requester *by, uint64_t offset,
                unsigned size, uint64_t *value)
{
    bool good = true;

    *value = 0;
    if (r->lock) {
        os_mutex_lock(r->lock);
    }
    for (unsigned done = 0, n; good && done < size; done += n) {
        uint64_t part = 0;
        good = load_front(r, by, offset + done, size - done, &part, &n);
        *value |= (part & mask64(8 * n)) << (8 * done);
    }
    if (r->lock) {
        os_mutex_unlock(r->lock);
    }
    return good;
}

bool range_store(const struct mem_range *r, const struct requester *by, uint64_t offset,
                 unsigned size, uint64_t value)
{
    bool good = true;

    if (r->lock) {
        os_mutex_lock(r->lock);
    }
    for (unsigned done = 0, n; good && done < size; done += n) {
        good = store_front(r, by, offset + done, size - done, value >> (8 * done), &n);
    }
    if (r->lock) {
        os_mutex_unlock(r->lock);
    }
    return good;
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

/* ---- single accesses */

static const struct requester nobody;

/* by, in s. */
static struct requester requester_in(const struct space *s, const struct requester *by)
{
    struct requester r = *by;

    r.secure |= space_has(s, SPACE_SECURE);
    return r;
}

static bool load_register(struct space *s, const struct requester *by, const struct mem_view *v,
                          paddr a, unsigned size, uint64_t *value)
{
    const struct requester r = requester_in(s, by);

    return range_load(v->range, &r, view_offset(v, a), size, value);
}

static bool store_register(struct space *s, const struct requester *by, const struct mem_view *v,
                           paddr a, unsigned size, uint64_t value)
{
    const struct requester r = requester_in(s, by);
    struct doorbells *bells = space_doorbells_of(v->range);

    if (unlikely(bells) && doorbell_rings(bells, view_offset(v, a), size, value)) {
        return true;
    }
    return range_store(v->range, &r, view_offset(v, a), size, value);
}

bool space_load_by(struct space *s, const struct requester *by, paddr a, unsigned size,
                   uint64_t *value)
{
    struct mem_view v;

    if (!space_find(s, a, &v) || unlikely(view_left(&v, a) < size)) {
        uint8_t bytes[8];
        if (!space_read_by(s, by, a, bytes, size)) {
            return false;
        }
        *value = load_le(bytes, size);
        return true;
    }
    const uint8_t *p = view_memory(&v, a, false);
    if (!p) {
        return load_register(s, by, &v, a, size, value);
    }
    *value = load_memory(p, size);
    return true;
}

bool space_store_by(struct space *s, const struct requester *by, paddr a, unsigned size,
                    uint64_t value)
{
    struct mem_view v;

    if (!space_find(s, a, &v) || unlikely(view_left(&v, a) < size)) {
        uint8_t bytes[8];
        store_le(bytes, size, value);
        return space_write_by(s, by, a, bytes, size);
    }
    uint8_t *p = view_memory(&v, a, true);
    if (!p) {
        return store_register(s, by, &v, a, size, value);
    }
    if (view_kind(&v) == RANGE_RAM) {
        store_memory(p, size, value);
        dirty_written(s, p, size);
    }
    return true;
}

bool space_load(struct space *s, paddr a, unsigned size, uint64_t *value)
{
    return space_load_by(s, &nobody, a, size, value);
}

bool space_store(struct space *s, paddr a, unsigned size, uint64_t value)
{
    return space_store_by(s, &nobody, a, size, value);
}

/* ---- accesses of any length */

/* The greatest power of two up to 8 that fits n bytes at a: the size of one access. */
static unsigned access_size(paddr a, uint64_t n)
{
    unsigned size = 8;
    while (size > n || !is_aligned(a, size)) {
        size /= 2;
    }
    return size;
}

/* How many of n bytes at a, where nothing is mapped, may be accessed all the same: up to the next
 * view; 0: it is an error. */
static uint64_t gap(struct space *s, paddr a, uint64_t n)
{
    struct mem_view next;

    if (!space_has(s, SPACE_ONES)) {
        return 0;
    }
    return space_find_next(s, a, &next) && next.base > a && next.base - a < n ? next.base - a : n;
}

/* The front of n bytes at a; gives how many were read, 0: a bus error. */
static uint64_t read_front(struct space *s, const struct requester *by, paddr a, uint8_t *out,
                           uint64_t n)
{
    struct mem_view v;

    if (!space_find(s, a, &v)) {
        n = gap(s, a, n);
        memset(out, 0xff, n);
        return n;
    }
    const uint64_t left = view_left(&v, a);
    const uint8_t *p = view_memory(&v, a, false);
    n = left < n ? left : n;
    if (p) {
        memcpy(out, p, n);
        return n;
    }
    const unsigned size = access_size(a, n);
    uint64_t value;
    if (!load_register(s, by, &v, a, size, &value)) {
        return 0;
    }
    store_le(out, size, value);
    return size;
}

static uint64_t write_front(struct space *s, const struct requester *by, paddr a, const uint8_t *in,
                            uint64_t n)
{
    struct mem_view v;

    if (!space_find(s, a, &v)) {
        return gap(s, a, n);
    }
    const uint64_t left = view_left(&v, a);
    uint8_t *p = view_memory(&v, a, true);
    n = left < n ? left : n;
    if (!p) {
        const unsigned size = access_size(a, n);
        return store_register(s, by, &v, a, size, load_le(in, size)) ? size : 0;
    }
    if (view_kind(&v) == RANGE_RAM) {
        memcpy(p, in, n);
        dirty_written(s, p, n);
    }
    return n;
}

bool space_read_by(struct space *s, const struct requester *by, paddr a, void *bytes, size_t n)
{
    uint8_t *out = bytes;

    for (uint64_t piece; n > 0; a += piece, out += piece, n -= piece) {
        if (!(piece = read_front(s, by, a, out, n))) {
            return false;
        }
    }
    return true;
}

bool space_write_by(struct space *s, const struct requester *by, paddr a, const void *bytes,
                    size_t n)
{
    const uint8_t *in = bytes;

    for (uint64_t piece; n > 0; a += piece, in += piece, n -= piece) {
        if (!(piece = write_front(s, by, a, in, n))) {
            return false;
        }
    }
    return true;
}

bool space_read(struct space *s, paddr a, void *bytes, size_t n)
{
    return space_read_by(s, &nobody, a, bytes, n);
}

bool space_write(struct space *s, paddr a, const void *bytes, size_t n)
{
    return space_write_by(s, &nobody, a, bytes, n);
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
