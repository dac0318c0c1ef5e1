/* SPDX-License-Identifier: MIT */
/*
 * Guest memory accesses by the run-time: whatever the inline check of generated code does not cover
 * (devices, faults, page crossings, watchpoints), and all accesses of the reference interpreter.
 */
#include <string.h>

#include "accel/debug.h"
#include "accel/tcg.h"
#include "accel/track.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "tcg/ir.h"

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

/* Where an access at va hits plain RAM, for *bytes; NULL: it does not. */
static uint8_t *memory_at(struct vcpu *v, uint64_t va, enum access a, unsigned idx,
                          struct tlb_hit *hit)
{
    uint64_t fault;

    return tlb_lookup(v, va, a, idx, hit, &fault) && !hit->slow ? hit->host : NULL;
}

static struct requester requester(struct vcpu *v, unsigned idx)
{
    return (struct requester){.id = v->index, .user = idx == v->cls->mmu_index_user(v)};
}

/* n bytes, up to 8, of what is no plain memory. */
static bool device_load(struct vcpu *v, uint64_t pa, unsigned n, unsigned idx, uint64_t *value)
{
    struct space *s = vcpu_space(v, pa);
    const paddr a = vcpu_plain_address(pa);
    const struct requester by = requester(v, idx);
    uint8_t bytes[8] = {0};

    if (!s || is_pow2(n)) {
        return s && space_load_by(s, &by, a, n, value);
    }
    if (!space_read_by(s, &by, a, bytes, n)) {
        return false;
    }
    *value = load_le(bytes, n);
    return true;
}

static bool device_store(struct vcpu *v, uint64_t pa, unsigned n, unsigned idx, uint64_t value)
{
    struct space *s = vcpu_space(v, pa);
    const paddr a = vcpu_plain_address(pa);
    const struct requester by = requester(v, idx);
    uint8_t bytes[8];

    if (!s || is_pow2(n)) {
        return s && space_store_by(s, &by, a, n, value);
    }
    store_le(bytes, n, value);
    return space_write_by(s, &by, a, bytes, n);
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

/* Reads n bytes (1 to 8) that lie within one page, where reach() found. */
static bool load_piece(struct vcpu *v, uint64_t va, unsigned n, unsigned idx,
                       const struct tlb_hit *hit, uint64_t *value)
{
    if (hit->slow && !tcg_watch(v, va, n, ACCESS_READ, idx)) {
        return false;
    }
    if (n <= hit->bytes) {
        *value = read_host(hit->host, n);
        return true;
    }
    *value = 0;
    return tcg_device_once(v) &&
           (device_load(v, hit->pa, n, idx, value) || bus_error(v, va, ACCESS_READ));
}

static bool store_piece(struct vcpu *v, uint64_t va, unsigned n, unsigned idx,
                        const struct tlb_hit *hit, uint64_t value)
{
    if (hit->slow && !tcg_watch(v, va, n, ACCESS_WRITE, idx)) {
        return false;
    }
    if (n <= hit->bytes) {
        if (unlikely(hit->code) && !track_may_store(v, hit, n)) {
            return false;
        }
        write_host(hit->host, n, value);
        track_stored(v, hit->host, n);
        return true;
    }
    return tcg_device_once(v) &&
           (device_store(v, hit->pa, n, idx, value) || bus_error(v, va, ACCESS_WRITE));
}

static bool aligned_enough(struct vcpu *v, uint64_t va, uint32_t m, enum access a)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);

    if ((m & MO_ALIGN) && !is_aligned(va, n) && (!(m & MO_WHOLE_IN_16) || (va & 15) + n > 16)) {
        v->cls->raise_memory(v, va, a, FAULT_ALIGN);
        return false;
    }
    return true;
}

static unsigned left_in_page(uint64_t va)
{
    return GUEST_PAGE_SIZE - (unsigned)(va & (GUEST_PAGE_SIZE - 1));
}

/* Whether the access is one only where it is plain memory, and here it is not: two of half the
 * size. */
static bool is_halved(struct vcpu *v, uint64_t va, uint32_t m, enum access a)
{
    struct tlb_hit hit;

    return (m & MO_TWO_HALVES) &&
           (!memory_at(v, va, a, memop_idx(m), &hit) || hit.bytes < 1u << (m & MO_SIZE_LOG2));
}

/* One of MO_64 becomes one of MO_32, and what was reversed at most all of that. */
static uint32_t half_of(uint32_t m)
{
    const uint32_t unit = memop_unit(m) < memop_bytes(m) ? 0 : MO_UNIT_8;

    return (m & ~(MO_TWO_HALVES | MO_SIZE_LOG2 | unit)) | ((m & MO_SIZE_LOG2) - 1);
}

/* The half at the lower address is the value's upper one. */
static bool is_high_first(uint32_t m)
{
    return (m & MO_SWAP) && memop_unit(m) == memop_bytes(m);
}

static bool load_halves(struct vcpu *v, uint64_t va, uint32_t m, uint64_t *value)
{
    const unsigned n = 1u << (half_of(m) & MO_SIZE_LOG2);
    const bool swapped = is_high_first(m);
    uint64_t half[2];

    if (!vcpu_load(v, va, half_of(m), &half[swapped]) ||
        !vcpu_load(v, memop_behind(m, va, n), half_of(m), &half[!swapped])) {
        return false;
    }
    *value = half[0] | half[1] << (8 * n);
    return true;
}

static bool store_halves(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value)
{
    const unsigned n = 1u << (half_of(m) & MO_SIZE_LOG2);

    const uint64_t half[2] = {value & mask64(8 * n), value >> (8 * n)};
    const bool swapped = is_high_first(m);

    return vcpu_store(v, va, half_of(m), half[swapped]) &&
           vcpu_store(v, memop_behind(m, va, n), half_of(m), half[!swapped]);
}

/*
 * Both pages, or parts of one, must allow the access, and no watchpoint be met in either, before it
 * begins: it may be of a device, and is not done twice. What the first piece reached may have
 * changed the map, so the second page is looked up anew behind it.
 */
static bool both_allow(struct vcpu *v, uint64_t va, uint32_t m, enum access a,
                       const struct tlb_hit *first)
{
    const unsigned k = first->left, idx = memop_idx(m);
    const uint64_t then = memop_behind(m, va, k);
    struct tlb_hit next;

    return reach(v, then, a, idx, &next) && (!first->slow || tcg_watch(v, va, k, a, idx)) &&
           (!next.slow || tcg_watch(v, then, memop_bytes(m) - k, a, idx));
}

/* What m says at va, across the end of its page, or part of it; hit is that one's. */
static bool load_two(struct vcpu *v, uint64_t va, uint32_t m, struct tlb_hit *hit, uint64_t *value)
{
    const unsigned n = memop_bytes(m), idx = memop_idx(m), k = hit->left;
    const uint64_t then = memop_behind(m, va, k);
    uint64_t low, high;

    if (!both_allow(v, va, m, ACCESS_READ, hit)) {
        return false;
    }
    hit->slow = false;
    if (!load_piece(v, va, k, idx, hit, &low) || !reach(v, then, ACCESS_READ, idx, hit)) {
        return false;
    }
    hit->slow = false;
    if (!load_piece(v, then, n - k, idx, hit, &high)) {
        return false;
    }
    *value = low | high << (8 * k);
    return true;
}

static bool store_two(struct vcpu *v, uint64_t va, uint32_t m, struct tlb_hit *hit, uint64_t value)
{
    const unsigned n = memop_bytes(m), idx = memop_idx(m), k = hit->left;
    const uint64_t then = memop_behind(m, va, k);

    if (!both_allow(v, va, m, ACCESS_WRITE, hit)) {
        return false;
    }
    vcpu_env(v)->more = true; /* the second piece may be code */
    hit->slow = false;
    if (!store_piece(v, va, k, idx, hit, value & mask64(8 * k)) ||
        !reach(v, then, ACCESS_WRITE, idx, hit)) {
        return false;
    }
    hit->slow = false;
    return store_piece(v, then, n - k, idx, hit, value >> (8 * k));
}

bool vcpu_load(struct vcpu *v, uint64_t va, uint32_t m, uint64_t *value)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2), idx = memop_idx(m);
    struct tlb_hit hit;

    assert(n <= 8);
    if (!aligned_enough(v, va, m, ACCESS_READ)) {
        return false;
    }
    if (is_halved(v, va, m, ACCESS_READ)) {
        return load_halves(v, va, m, value);
    }
    if (!reach(v, va, ACCESS_READ, idx, &hit)) {
        return false;
    }
    if (n <= hit.left) {
        if (!load_piece(v, va, n, idx, &hit, value)) {
            return false;
        }
    } else if (!load_two(v, va, m, &hit, value)) {
        return false;
    }
    *value = memop_order(m, *value);
    if (m & MO_SIGN) {
        *value = (uint64_t)sext64(*value, 8 * n);
    }
    return true;
}

bool vcpu_store(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);
    struct tlb_hit hit;

    assert(n <= 8);
    if (is_halved(v, va, m, ACCESS_WRITE)) {
        return store_halves(v, va, m, value);
    }
    value = memop_order(m, value);
    if (!aligned_enough(v, va, m, ACCESS_WRITE) ||
        !reach(v, va, ACCESS_WRITE, memop_idx(m), &hit)) {
        return false;
    }
    return n <= hit.left ? store_piece(v, va, n, memop_idx(m), &hit, value)
                         : store_two(v, va, m, &hit, value);
}

/* ---- 16 bytes */

/* Host address of 16 aligned bytes of plain RAM at va, or NULL. */
static u128 *whole_vector(struct vcpu *v, uint64_t va, uint32_t m, enum access a,
                          struct tlb_hit *hit)
{
    void *p = va & 15 ? NULL : memory_at(v, va, a, memop_idx(m), hit);

    return p && hit->bytes >= 16 ? p : NULL;
}

/* Both halves may be accessed, wherever they lie, and no watchpoint is met in either. */
static bool both_halves_allow(struct vcpu *v, uint64_t va, uint32_t m, enum access a)
{
    const unsigned n = memop_bytes(m);
    struct tlb_hit hit;

    if (!reach(v, va, a, memop_idx(m), &hit)) {
        return false;
    }
    const unsigned first = hit.left < n ? hit.left : n;
    const uint64_t then = memop_behind(m, va, first);
    if (hit.slow && !tcg_watch(v, va, first, a, memop_idx(m))) {
        return false;
    }
    return first == n || (reach(v, then, a, memop_idx(m), &hit) &&
                          (!hit.slow || tcg_watch(v, then, n - first, a, memop_idx(m))));
}

static bool is_aligned_vector(struct vcpu *v, uint64_t va, uint32_t m, enum access a)
{
    if ((m & MO_ALIGN) && (va & (memop_bytes(m) - 1))) {
        v->cls->raise_memory(v, va, a, FAULT_ALIGN);
        return false;
    }
    return true;
}

static uint32_t half_of_16(uint32_t m)
{
    return (m & ~(MO_SIZE_LOG2 | MO_SIGN | MO_ALIGN)) | MO_64;
}

bool vcpu_load16(struct vcpu *v, uint64_t va, uint32_t m, uint64_t x[2])
{
    const unsigned first = is_high_first(m);
    struct tlb_hit hit;

    if (!is_aligned_vector(v, va, m, ACCESS_READ)) {
        return false;
    }
    const u128 *p = whole_vector(v, va, m, ACCESS_READ, &hit);
    if (!p) {
        return both_halves_allow(v, va, m, ACCESS_READ) &&
               vcpu_load(v, va, half_of_16(m), &x[first]) &&
               vcpu_load(v, memop_behind(m, va, 8), half_of_16(m), &x[first ^ 1]);
    }
    const u128 got = atomic_read128(p);
    x[0] = (uint64_t)got;
    x[1] = (uint64_t)(got >> 64);
    memop_order16(m, x);
    return true;
}

bool vcpu_store16(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t x[2])
{
    const unsigned first = is_high_first(m);
    struct tlb_hit hit;

    if (!is_aligned_vector(v, va, m, ACCESS_WRITE)) {
        return false;
    }
    u128 *p = whole_vector(v, va, m, ACCESS_WRITE, &hit);
    if (!p) {
        vcpu_env(v)->more = true;
        return both_halves_allow(v, va, m, ACCESS_WRITE) &&
               vcpu_store(v, va, half_of_16(m), x[first]) &&
               vcpu_store(v, memop_behind(m, va, 8), half_of_16(m), x[first ^ 1]);
    }
    if (unlikely(hit.code) && !track_may_store(v, &hit, 16)) {
        return false;
    }
    uint64_t half[2] = {x[0], x[1]};
    memop_order16(m, half);
    atomic_write128(p, (u128)half[1] << 64 | half[0]);
    track_stored(v, p, 16);
    return true;
}

static uint32_t piece_of_16(uint32_t m)
{
    return (m & ~(MO_SIZE_LOG2 | MO_ALIGN)) | MO_128;
}

bool vcpu_probe(struct vcpu *v, uint64_t va, uint32_t m, enum access a)
{
    return is_aligned_vector(v, va, m, a) && both_halves_allow(v, va, m, a);
}

bool vcpu_load_vector(struct vcpu *v, uint64_t va, uint32_t m, uint64_t *value)
{
    if (memop_bytes(m) == 16) {
        return vcpu_load16(v, va, m, value);
    }
    if (!vcpu_probe(v, va, m, ACCESS_READ)) {
        return false;
    }
    for (unsigned i = 0; i < memop_bytes(m); i += 16) {
        if (!vcpu_load16(v, memop_behind(m, va, i), piece_of_16(m), value + i / 8)) {
            return false;
        }
    }
    return true;
}

bool vcpu_store_vector(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t *value)
{
    if (memop_bytes(m) == 16) {
        return vcpu_store16(v, va, m, value);
    }
    if (!vcpu_probe(v, va, m, ACCESS_WRITE)) {
        return false;
    }
    vcpu_env(v)->more = true;
    for (unsigned i = 0; i < memop_bytes(m); i += 16) {
        if (!vcpu_store16(v, memop_behind(m, va, i), piece_of_16(m), value + i / 8)) {
            return false;
        }
    }
    return true;
}

void *vcpu_host(struct vcpu *v, uint64_t va, int kind, unsigned mmu_idx, uint64_t *bytes)
{
    const struct tlb *t = vcpu_env(v)->tlb;
    struct tlb_hit hit;

    if (!memory_at(v, va, (enum access)kind, mmu_idx, &hit)) {
        return NULL;
    }
    if (kind == ACCESS_WRITE && unlikely(t && t->dirty) &&
        !(hit.whole && dirty_open(t->dirty, hit.host))) {
        return NULL; /* the caller would have to tell of what it writes */
    }
    if (bytes) {
        *bytes = hit.bytes;
    }
    return bytes || hit.bytes == left_in_page(va) ? hit.host : NULL;
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

/* n bytes from pa on, which m shows; ROM as RAM. */
static bool debug_write_range(struct vcpu *v, const struct mem_view *m, uint64_t pa,
                              const uint8_t *bytes, uint64_t n)
{
    struct space *s = vcpu_space(v, pa);
    const paddr a = vcpu_plain_address(pa);

    if (m->range->kind == RANGE_MMIO) {
        return space_write(s, a, bytes, n);
    }
    uint8_t *host = m->range->host + m->offset + (a - m->base);
    memcpy(host, bytes, n);
    dirty_written(s, host, n);
    tcg_flush_code(v, pa, n);
    return true;
}

bool accel_write_physical(struct vcpu *v, uint64_t pa, const void *bytes, uint64_t n)
{
    struct space *s = vcpu_space(v, pa);
    const uint8_t *p = bytes;
    struct mem_view m;

    while (n > 0) {
        if (!s || !space_find(s, vcpu_plain_address(pa), &m)) {
            return false;
        }
        const uint64_t left = m.base + m.size - vcpu_plain_address(pa), piece = n < left ? n : left;
        if (!debug_write_range(v, &m, pa, p, piece)) {
            return false;
        }
        pa += piece;
        p += piece;
        n -= piece;
    }
    return true;
}

/* The next piece of n bytes at va that lies in one page. */
static uint64_t debug_piece(uint64_t va, uint64_t n)
{
    return n < left_in_page(va) ? n : left_in_page(va);
}

bool accel_read_memory(struct vcpu *v, uint64_t va, void *bytes, uint64_t n)
{
    uint8_t *p = bytes;
    paddr pa;

    for (uint64_t piece; n > 0; va += piece, p += piece, n -= piece) {
        piece = debug_piece(va, n);
        if (!v->cls->debug_translate(v, va, &pa) || !vcpu_space(v, pa) ||
            !space_read(vcpu_space(v, pa), vcpu_plain_address(pa), p, piece)) {
            return false;
        }
    }
    return true;
}

bool accel_write_memory(struct vcpu *v, uint64_t va, const void *bytes, uint64_t n)
{
    const uint8_t *p = bytes;
    paddr pa;

    for (uint64_t piece; n > 0; va += piece, p += piece, n -= piece) {
        piece = debug_piece(va, n);
        if (!v->cls->debug_translate(v, va, &pa) || !accel_write_physical(v, pa, p, piece)) {
            return false;
        }
    }
    return true;
}
