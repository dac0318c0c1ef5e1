/* SPDX-License-Identifier: MIT */
/*
 * Atomic accesses of the guest by the run-time. A guest's atomic is the host's: the memory is
 * shared between host threads.
 *
 * Exclusives: the monitor remembers address and value; a store succeeds if the value is still
 * there, by compare-and-swap. (Exact among exclusives and atomics that change the value; a plain
 * store that puts the same value back is not noticed.)
 */
#include <string.h>

#include "accel/tcg.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "tcg/ir.h"

static bool fault(struct vcpu *v, uint64_t va, enum access a, uint64_t word)
{
    v->cls->raise_memory(v, va, a, word);
    return false;
}

static bool misaligned(uint64_t va, uint32_t m)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);

    return (va & (n - 1)) && (((m & MO_ALIGN) && !(m & MO_ATOMIC16)) || (va & 15) + n > 16);
}

/*
 * The host address for an atomic access: aligned to its size (or, with MO_ATOMIC16, within 16
 * bytes), in RAM. Atomic accesses to devices get an external abort, as the architectures allow. An
 * update, which reads as well, faults as a read where a read would.
 */
static uint8_t *place(struct vcpu *v, uint64_t va, uint32_t m, enum access a, bool update)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2), idx = m >> MO_IDX_SHIFT & 7;
    struct tlb_hit hit;
    uint64_t word, read_word;

    if (misaligned(va, m)) {
        fault(v, va, update ? ACCESS_READ : a, FAULT_ALIGN);
        return NULL;
    }
    /* An atomic needs both permissions; a write permission implies the read one in all that we
     * model. */
    if (!tlb_lookup(v, va, a, idx, &hit, &word)) {
        if (update && !tlb_lookup(v, va, ACCESS_READ, idx, &hit, &read_word)) {
            fault(v, va, ACCESS_READ, read_word);
        } else {
            fault(v, va, a, word);
        }
        return NULL;
    }
    if (!hit.host) {
        fault(v, va, a, FAULT_BUS);
        return NULL;
    }
    return hit.slow && !tcg_watch(v, va, n, a, idx) ? NULL : hit.host;
}

static uint64_t combine(unsigned op, uint64_t old, uint64_t x, unsigned bits)
{
    const int64_t so = sext64(old, bits), sx = sext64(x, bits);

    switch (op) {
    case IR_ATOMIC_ADD:
        return old + x;
    case IR_ATOMIC_CLR:
        return old & ~x;
    case IR_ATOMIC_EOR:
        return old ^ x;
    case IR_ATOMIC_SET:
        return old | x;
    case IR_ATOMIC_SMAX:
        return so > sx ? old : x;
    case IR_ATOMIC_SMIN:
        return so < sx ? old : x;
    case IR_ATOMIC_UMAX:
        return old > x ? old : x;
    case IR_ATOMIC_UMIN:
        return old < x ? old : x;
    default:
        return x;
    }
}

static uint64_t order(uint64_t x, uint32_t m, unsigned n)
{
    return m & MO_SWAP ? bswap64(x) >> (64 - 8 * n) : x;
}

/* Compare-and-swap of n <= 8 bytes at p, in host order. Gives the old value. */
static uint64_t cas_host(uint8_t *p, unsigned n, uint64_t expected, uint64_t value)
{
    switch (n) {
    case 1: {
        uint8_t e = (uint8_t)expected;
        atomic_cas(p, &e, (uint8_t)value);
        return e;
    }
    case 2: {
        uint16_t e = (uint16_t)expected;
        atomic_cas((uint16_t *)(void *)p, &e, (uint16_t)value);
        return e;
    }
    case 4: {
        uint32_t e = (uint32_t)expected;
        atomic_cas((uint32_t *)(void *)p, &e, (uint32_t)value);
        return e;
    }
    default: {
        uint64_t e = expected;
        atomic_cas((uint64_t *)(void *)p, &e, value);
        return e;
    }
    }
}

bool vcpu_atomic(struct vcpu *v, uint64_t va, uint32_t m, unsigned op, uint64_t x, uint64_t *old)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);
    uint8_t *p = place(v, va, m, ACCESS_WRITE, true);

    if (!p) {
        return false;
    }
    x &= mask64(8 * n);
    uint64_t seen = load_le(p, n);
    for (;;) {
        const uint64_t value = order(seen, m, n);
        const uint64_t next = order(combine(op, value, x, 8 * n) & mask64(8 * n), m, n);
        const uint64_t was = cas_host(p, n, seen, next);
        if (was == seen) {
            *old = value;
            return true;
        }
        seen = was;
    }
}

static void swap16(uint64_t x[2], uint32_t m)
{
    if (m & MO_SWAP) {
        const uint64_t low = bswap64(x[1]);
        x[1] = bswap64(x[0]);
        x[0] = low;
    }
}

static bool cas16(uint8_t *p, uint32_t m, const uint64_t expected[2], const uint64_t value[2],
                  uint64_t old[2])
{
    uint64_t e[2] = {expected[0], expected[1]}, x[2] = {value[0], value[1]};

    swap16(e, m);
    swap16(x, m);
    u128 wide = (u128)e[1] << 64 | e[0];
    const u128 want = wide;
    atomic_cas128((u128 *)(void *)p, &wide, (u128)x[1] << 64 | x[0]);
    old[0] = (uint64_t)wide;
    old[1] = (uint64_t)(wide >> 64);
    swap16(old, m);
    return wide == want;
}

static uint8_t *swap_place(struct vcpu *v, uint64_t va, uint32_t m, bool update)
{
    return place(v, va, (m & MO_SIZE_LOG2) == MO_128 ? m | MO_ALIGN : m, ACCESS_WRITE, update);
}

/* At p, from swap_place; false if that failed. */
static bool compare_and_swap(uint8_t *p, uint32_t m, const uint64_t expected[2],
                             const uint64_t value[2], uint64_t old[2])
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);

    if (!p) {
        return false;
    }
    old[1] = 0;
    if (n == 16) {
        cas16(p, m, expected, value, old);
        return true;
    }
    const uint64_t mask = mask64(8 * n);
    old[0] = order(cas_host(p, n, order(expected[0] & mask, m, n), order(value[0] & mask, m, n)), m,
                   n);
    return true;
}

bool vcpu_cas(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t expected[2],
              const uint64_t value[2], uint64_t old[2])
{
    return compare_and_swap(swap_place(v, va, m, true), m, expected, value, old);
}

bool vcpu_load_excl(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value[2])
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);

    value[1] = 0;
    if (n == 16) {
        uint8_t *p = place(v, va, m | MO_ALIGN, ACCESS_READ, false);
        if (!p) {
            return false;
        }
        /* Two halves, read again until they belong together: the page may be read-only, so no
         * 16-byte CAS. */
        const uint64_t *half = (const uint64_t *)(const void *)p;
        do {
            value[0] = atomic_get_acquire(&half[0]);
            value[1] = atomic_get_acquire(&half[1]);
        } while (atomic_get_acquire(&half[0]) != value[0]);
        swap16(value, m);
    } else if (!vcpu_load(v, va, (m | MO_ALIGN) & ~MO_SIGN, &value[0])) {
        return false;
    }
    v->hot.excl_addr = va;
    v->hot.excl_value[0] = value[0];
    v->hot.excl_value[1] = value[1];
    return true;
}

bool vcpu_store_excl(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t value[2],
                     uint32_t *failed)
{
    const uint64_t addr = v->hot.excl_addr;
    const unsigned n = 1u << (m & MO_SIZE_LOG2);
    /* Of a wider load's value the part that this store covers (to mix sizes is the guest's risk).
     */
    const uint64_t expected[2] = {v->hot.excl_value[0] & mask64(n < 8 ? 8 * n : 64),
                                  n == 16 ? v->hot.excl_value[1] : 0};
    uint64_t old[2];

    *failed = 1;
    if (addr != va) {
        v->hot.excl_addr = UINT64_MAX;
        return true;
    }
    if (misaligned(va, m | MO_ALIGN)) {
        return fault(v, va, ACCESS_WRITE, FAULT_ALIGN);
    }
    v->hot.excl_addr = UINT64_MAX;
    if (!compare_and_swap(swap_place(v, va, m | MO_ALIGN, false), m, expected, value, old)) {
        return false;
    }
    *failed = old[0] != expected[0] || old[1] != expected[1];
    return true;
}

bool atomic_site(struct vcpu *v, const struct site *s)
{
    union ir_vec *x = (union ir_vec *)v->env.vec_args;
    const uint64_t va = x[0].u64[0] + (uint64_t)(int64_t)s->disp;
    uint32_t failed;
    bool ok;

    x[3] = (union ir_vec){.u64 = {0, 0}};
    switch (s->op) {
    case IR_load_excl:
        return vcpu_load_excl(v, va, s->memop, x[3].u64);
    case IR_store_excl:
        ok = vcpu_store_excl(v, va, s->memop, x[2].u64, &failed);
        x[3].u64[0] = failed;
        return ok;
    case IR_atomic:
        return vcpu_atomic(v, va, s->memop, s->aux & 0xff, x[2].u64[0], &x[3].u64[0]);
    default:
        return vcpu_cas(v, va, s->memop, x[1].u64, x[2].u64, x[3].u64);
    }
}
