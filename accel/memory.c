/* SPDX-License-Identifier: MIT */
/*
 * Guest memory accesses by the run-time: whatever the inline check of generated code does not cover
 * (devices, faults, page crossings, watchpoints), and all accesses of the reference interpreter.
 */
#include <string.h>

#include "accel/tcg.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "tcg/ir.h"

static unsigned idx_of(uint32_t m)
{
    return m >> MO_IDX_SHIFT & 7;
}

/* Translates one piece of an access that lies within a page. false: exception recorded. */
static bool reach(struct vcpu *v, uint64_t va, enum access a, unsigned idx, struct tlb_hit *hit)
{
    uint64_t fault;

    if (tlb_lookup(v, va, a, idx, hit, &fault)) {
        return true;
    }
    v->cls->raise_memory(v, va, a, fault);
    return false;
}

static bool bus_error(struct vcpu *v, uint64_t va, enum access a)
{
    v->cls->raise_memory(v, va, a, FAULT_BUS);
    return false;
}

/* Host accesses of 1 to 8 bytes; those of a power of two are one access of the host's, which does
 * them whole within 16 aligned bytes. */
typedef volatile uint16_t any16 __attribute__((aligned(1), may_alias));
typedef volatile uint32_t any32 __attribute__((aligned(1), may_alias));
typedef volatile uint64_t any64 __attribute__((aligned(1), may_alias));

static uint64_t read_host(const uint8_t *p, unsigned n)
{
    switch (n) {
    case 2:
        return *(const any16 *)(const void *)p;
    case 4:
        return *(const any32 *)(const void *)p;
    case 8:
        return *(const any64 *)(const void *)p;
    default:
        return load_le(p, n);
    }
}

static void write_host(uint8_t *p, unsigned n, uint64_t value)
{
    switch (n) {
    case 2:
        *(any16 *)(void *)p = (uint16_t)value;
        break;
    case 4:
        *(any32 *)(void *)p = (uint32_t)value;
        break;
    case 8:
        *(any64 *)(void *)p = value;
        break;
    default:
        store_le(p, n, value);
        break;
    }
}

/* Reads n bytes (1 to 8) that lie within one page. */
static bool load_piece(struct vcpu *v, uint64_t va, unsigned n, unsigned idx, uint64_t *value)
{
    struct tlb_hit hit;

    if (!reach(v, va, ACCESS_READ, idx, &hit)) {
        return false;
    }
    if (hit.slow && !tcg_watch(v, va, n, ACCESS_READ, idx)) {
        return false;
    }
    if (hit.host) {
        *value = read_host(hit.host, n);
        return true;
    }
    if (is_pow2(n)) {
        return space_load(v->memory, hit.pa, n, value) || bus_error(v, va, ACCESS_READ);
    }
    uint8_t bytes[8] = {0};
    *value = 0;
    if (!space_read(v->memory, hit.pa, bytes, n)) {
        return bus_error(v, va, ACCESS_READ);
    }
    *value = load_le(bytes, n);
    return true;
}

static bool store_piece(struct vcpu *v, uint64_t va, unsigned n, unsigned idx,
                        const struct tlb_hit *hit, uint64_t value)
{
    if (hit->slow && !tcg_watch(v, va, n, ACCESS_WRITE, idx)) {
        return false;
    }
    if (hit->host) {
        write_host(hit->host, n, value);
        return true;
    }
    if (is_pow2(n)) {
        return space_store(v->memory, hit->pa, n, value) || bus_error(v, va, ACCESS_WRITE);
    }
    uint8_t bytes[8];
    store_le(bytes, n, value);
    return space_write(v->memory, hit->pa, bytes, n) || bus_error(v, va, ACCESS_WRITE);
}

static bool aligned_enough(struct vcpu *v, uint64_t va, uint32_t m, enum access a)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);

    if ((m & MO_ALIGN) && !is_aligned(va, n) && (!(m & MO_ATOMIC16) || (va & 15) + n > 16)) {
        v->cls->raise_memory(v, va, a, FAULT_ALIGN);
        return false;
    }
    return true;
}

static uint64_t swap_of(uint64_t value, unsigned n)
{
    return bswap64(value) >> (64 - 8 * n);
}

static unsigned left_in_page(uint64_t va)
{
    return GUEST_PAGE_SIZE - (unsigned)(va & (GUEST_PAGE_SIZE - 1));
}

/* Whether the access is one only where it is plain memory, and here it is not: two of half the
 * size. */
static bool is_halved(struct vcpu *v, uint64_t va, uint32_t m, enum access a)
{
    uint64_t left;

    return (m & MO_PAIR) &&
           (!vcpu_host(v, va, a, idx_of(m), &left) || left < 1u << (m & MO_SIZE_LOG2));
}

/* One of MO_64 becomes one of MO_32. */
static uint32_t half_of(uint32_t m)
{
    return (m & ~(MO_PAIR | MO_SIZE_LOG2)) | ((m & MO_SIZE_LOG2) - 1);
}

static bool load_halves(struct vcpu *v, uint64_t va, uint32_t m, uint64_t *value)
{
    const unsigned n = 1u << (half_of(m) & MO_SIZE_LOG2);
    uint64_t low, high;

    if (!vcpu_load(v, va, half_of(m), &low) || !vcpu_load(v, va + n, half_of(m), &high)) {
        return false;
    }
    *value = low | high << (8 * n);
    return true;
}

static bool store_halves(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value)
{
    const unsigned n = 1u << (half_of(m) & MO_SIZE_LOG2);

    return vcpu_store(v, va, half_of(m), value & mask64(8 * n)) &&
           vcpu_store(v, va + n, half_of(m), value >> (8 * n));
}

bool vcpu_load(struct vcpu *v, uint64_t va, uint32_t m, uint64_t *value)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2), first = left_in_page(va);

    assert(n <= 8);
    if (!aligned_enough(v, va, m, ACCESS_READ)) {
        return false;
    }
    if (is_halved(v, va, m, ACCESS_READ)) {
        return load_halves(v, va, m, value);
    }
    if (n <= first) {
        if (!load_piece(v, va, n, idx_of(m), value)) {
            return false;
        }
    } else {
        uint64_t low, high;
        if (!load_piece(v, va, first, idx_of(m), &low) ||
            !load_piece(v, va + first, n - first, idx_of(m), &high)) {
            return false;
        }
        *value = low | high << (8 * first);
    }
    if (m & MO_SWAP) {
        *value = swap_of(*value, n);
    }
    if (m & MO_SIGN) {
        *value = (uint64_t)sext64(*value, 8 * n);
    }
    return true;
}

bool vcpu_store(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2), first = left_in_page(va);
    struct tlb_hit hit, next;

    assert(n <= 8);
    if (is_halved(v, va, m, ACCESS_WRITE)) {
        return store_halves(v, va, m, value);
    }
    if (m & MO_SWAP) {
        value = swap_of(value, n);
    }
    if (!aligned_enough(v, va, m, ACCESS_WRITE) || !reach(v, va, ACCESS_WRITE, idx_of(m), &hit)) {
        return false;
    }
    if (n <= first) {
        return store_piece(v, va, n, idx_of(m), &hit, value);
    }
    /* Both pages must be writable before either is written. */
    if (!reach(v, va + first, ACCESS_WRITE, idx_of(m), &next)) {
        return false;
    }
    return store_piece(v, va, first, idx_of(m), &hit, value & mask64(8 * first)) &&
           store_piece(v, va + first, n - first, idx_of(m), &next, value >> (8 * first));
}

void *vcpu_host(struct vcpu *v, uint64_t va, int kind, unsigned mmu_idx, uint64_t *bytes)
{
    struct tlb_hit hit;
    uint64_t fault;

    if (!tlb_lookup(v, va, (enum access)kind, mmu_idx, &hit, &fault) || !hit.host || hit.slow) {
        return NULL;
    }
    if (bytes) {
        *bytes = left_in_page(va);
    }
    return hit.host;
}

bool vcpu_translate(struct vcpu *v, uint64_t va, int kind, unsigned mmu_idx, uint64_t *pa,
                    uint64_t *fault)
{
    struct tlb_hit hit;

    if (!tlb_lookup(v, va, (enum access)kind, mmu_idx, &hit, fault)) {
        return false;
    }
    *pa = hit.pa;
    return true;
}

/* ---- debugger's view */

static bool debug_piece(struct vcpu *v, uint64_t va, uint8_t *bytes, uint64_t n, bool write)
{
    paddr pa;

    if (!v->cls->debug_translate(v, va, &pa)) {
        return false;
    }
    struct mem_view m;
    if (!space_find(v->memory, pa, &m) || m.range->kind == RANGE_MMIO || pa + n > m.base + m.size) {
        return write ? space_write(v->memory, pa, bytes, n) : space_read(v->memory, pa, bytes, n);
    }
    uint8_t *host = m.range->host + m.offset + (pa - m.base);
    if (write) {
        memcpy(host, bytes, n);
        tcg_flush_code(v, pa, n);
    } else {
        memcpy(bytes, host, n);
    }
    return true;
}

static bool debug_access(struct vcpu *v, uint64_t va, uint8_t *bytes, uint64_t n, bool write)
{
    while (n > 0) {
        const uint64_t piece = n < left_in_page(va) ? n : left_in_page(va);
        if (!debug_piece(v, va, bytes, piece, write)) {
            return false;
        }
        va += piece;
        bytes += piece;
        n -= piece;
    }
    return true;
}

bool accel_read_memory(struct vcpu *v, uint64_t va, void *bytes, uint64_t n)
{
    return debug_access(v, va, bytes, n, false);
}

bool accel_write_memory(struct vcpu *v, uint64_t va, const void *bytes, uint64_t n)
{
    return debug_access(v, va, (uint8_t *)(uintptr_t)bytes, n, true);
}
