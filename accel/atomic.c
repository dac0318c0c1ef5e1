/* SPDX-License-Identifier: MIT */
/*
 * Atomic accesses of the guest by the run-time. A guest's atomic is the host's: the memory is
 * shared between host threads.
 *
 * Exclusives (DDI 0487, B2.12): a load remembers address and value; the store is a compare-and-swap
 * by value. That is all there is to it while one host thread runs all vCPUs in turn, because a
 * monitor is closed when the turn changes. In parallel, atomics and other exclusives that put the
 * value back are noticed by the monitors, an array of slots by host address. A slot is
 *
 *     idle     ...11   a load makes it "set" (...10) before it reads, and remembers what is there;
 *     set      ...10   whoever is about to write atomically, and does not find the slot idle, makes
 *                      it idle again with the next count;
 *     locked   ...00   while the store with the remembered count does its compare-and-swap; others
 *                      that write atomically wait for the next count.
 *
 * So an atomic only reads a slot in the common case. Between its look and its write the slot may
 * become set and locked by another vCPU: then the value decides, and if the atomic left that as it
 * was, it may as well have come before the load. Its next one looks behind a full barrier.
 *
 * Plain stores of other vCPUs do not look: one that puts back the value is not noticed. See
 * docs/internals.md, "Ordering, atomics", for what that means.
 */
#include <string.h>

#include "accel/atomic.h"
#include "accel/debug.h"
#include "accel/tcg.h"
#include "accel/track.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "tcg/ir.h"

/* ---- monitors */

uint64_t *monitors_create(void)
{
    uint64_t *all = mem_array(MONITOR_BYTES / sizeof(*all), sizeof(*all));

    for (uint64_t i = 0; i < MONITOR_BYTES; i += 16) {
        /* No count of one slot is ever one of another: a page may be remapped. */
        all[i / sizeof(*all)] = i << 44 | MONITOR_FREE | MONITOR_IDLE;
    }
    return all;
}

static uint64_t *slot_of(struct vcpu *v, const uint8_t *host)
{
    return vcpu_env(v)->monitors + ((uintptr_t)host & MONITOR_MASK) / sizeof(uint64_t);
}

/* What the slot holds once no store-exclusive is under way; that takes a few instructions, but its
 * thread may have lost its CPU. */
static uint64_t wait_free(const uint64_t *slot)
{
    uint64_t seen;

    for (unsigned n = 1; !((seen = atomic_get_acquire(slot)) & MONITOR_FREE); n++) {
        if (n % 64 == 0) {
            os_yield();
        }
        atomic_pause();
    }
    return seen;
}

/* Before an atomic write at host: the monitors of others are closed. */
static void close_others(struct vcpu *v, const uint8_t *host)
{
    if (!vcpu_env(v)->monitors) {
        return;
    }
    uint64_t *slot = slot_of(v, host), seen;
    do {
        seen = wait_free(slot);
    } while (!(seen & MONITOR_IDLE) && !atomic_cas(slot, &seen, seen + MONITOR_NEXT));
}

/* Before the load: the monitor is set. Gives the mark. */
static uint64_t set_monitor(struct vcpu *v, const uint8_t *host)
{
    uint64_t *slot = slot_of(v, host), seen;

    do {
        seen = wait_free(slot);
    } while ((seen & MONITOR_IDLE) && !atomic_cas(slot, &seen, seen & ~(uint64_t)MONITOR_IDLE));
    return seen & ~(uint64_t)MONITOR_IDLE;
}

/* ---- places */

static bool fault(struct vcpu *v, uint64_t va, enum access a, uint64_t word)
{
    v->cls->raise_memory(v, va, a, word);
    return false;
}

static bool misaligned(uint64_t va, uint32_t m)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);

    return (va & (n - 1)) && (((m & MO_ALIGN) && !(m & MO_WHOLE_IN_16)) || (va & 15) + n > 16);
}

/*
 * The host address for an atomic access: aligned to its size (or, with MO_WHOLE_IN_16, within 16
 * bytes), in RAM. Others, and those to devices, are faults, but where a class allows them (below).
 * An update, which reads as well, faults as a read where a read would.
 */
static uint8_t *place(struct vcpu *v, uint64_t va, uint32_t m, enum access a, bool update)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2), idx = memop_idx(m);
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
    if (hit.bytes < n) {
        fault(v, va, a, FAULT_BUS);
        return NULL;
    }
    if (hit.slow &&
        ((update && !tcg_watch(v, va, n, ACCESS_READ, idx)) || !tcg_watch(v, va, n, a, idx))) {
        return NULL;
    }
    if (a == ACCESS_WRITE && unlikely(hit.code) && !track_may_store(v, &hit, n)) {
        return NULL;
    }
    return hit.host;
}

/* ---- what the host has no instruction for: by a load and a store, while all others stop */

static bool needs_parts(struct vcpu *v, uint64_t va, uint32_t m)
{
    struct tlb_hit hit;
    uint64_t word;

    if (likely(!v->cls->locks_anywhere)) {
        return false;
    }
    if (misaligned(va, m)) {
        return !(m & MO_ALIGN);
    }
    return tlb_lookup(v, va, ACCESS_WRITE, memop_idx(m), &hit, &word) &&
           hit.bytes < 1u << (m & MO_SIZE_LOG2);
}

/* The n bytes at va, or as many of them as one look-up is for (in *n), may be written, which would
 * not be refused half-way, and their monitors are closed. */
static bool open_part(struct vcpu *v, uint64_t va, unsigned idx, unsigned *n)
{
    struct tlb_hit hit;
    uint64_t word;

    if (!tlb_lookup(v, va, ACCESS_WRITE, idx, &hit, &word)) {
        return fault(v, va, ACCESS_WRITE, word);
    }
    *n = hit.left < *n ? hit.left : *n;
    if (unlikely(hit.code) && !track_may_store(v, &hit, *n)) {
        return false;
    }
    if (hit.host) {
        close_others(v, hit.host);
        close_others(v, hit.host + *n - 1);
    }
    return true;
}

/* Nobody else runs, or (false) the instruction will be repeated when nobody does. A device is not
 * read before it is known that all may be written. */
static bool begin_parts(struct vcpu *v, uint64_t va, uint32_t m)
{
    struct tcg_vcpu *t = tcg_of(v);
    const unsigned n = 1u << (m & MO_SIZE_LOG2);
    unsigned first = n, rest;

    if (t && t->accel->monitors && !work_others_stopped(v)) {
        t->wants_world = true;
        v->hot.raised = TCG_ALONE;
        return false;
    }
    if (!open_part(v, va, memop_idx(m), &first)) {
        return false;
    }
    rest = n - first;
    return !rest || open_part(v, memop_behind(m, va, first), memop_idx(m), &rest);
}

static memop memop_of_parts(uint32_t m)
{
    return m & ~(MO_SIGN | MO_ALIGN | MO_WHOLE_IN_16);
}

static bool load_parts(struct vcpu *v, uint64_t va, uint32_t m, uint64_t x[2])
{
    x[1] = 0;
    vcpu_env(v)->more = true;
    return begin_parts(v, va, m) &&
           ((m & MO_SIZE_LOG2) == MO_128 ? vcpu_load16(v, va, memop_of_parts(m), x)
                                         : vcpu_load(v, va, memop_of_parts(m), &x[0]));
}

static bool store_parts(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t x[2])
{
    return (m & MO_SIZE_LOG2) == MO_128 ? vcpu_store16(v, va, memop_of_parts(m), x)
                                        : vcpu_store(v, va, memop_of_parts(m), x[0]);
}

/* ---- operations */

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

static bool modify_parts(struct vcpu *v, uint64_t va, uint32_t m, unsigned op, uint64_t x,
                         uint64_t *old)
{
    const unsigned bits = 8u << (m & MO_SIZE_LOG2);
    uint64_t value[2], next[2] = {0, 0};

    if (!load_parts(v, va, m, value)) {
        return false;
    }
    next[0] = combine(op, value[0], x & mask64(bits), bits) & mask64(bits);
    if (!store_parts(v, va, m, next)) {
        return false;
    }
    *old = value[0];
    return true;
}

bool vcpu_atomic(struct vcpu *v, uint64_t va, uint32_t m, unsigned op, uint64_t x, uint64_t *old)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);

    if (needs_parts(v, va, m)) {
        return modify_parts(v, va, m, op, x, old);
    }
    uint8_t *p = place(v, va, m, ACCESS_WRITE, true);
    if (!p) {
        return false;
    }
    close_others(v, p);
    x &= mask64(8 * n);
    uint64_t seen = load_le(p, n);
    for (;;) {
        const uint64_t value = memop_order(m, seen);
        const uint64_t next = memop_order(m, combine(op, value, x, 8 * n) & mask64(8 * n));
        const uint64_t was = cas_host(p, n, seen, next);
        if (was == seen) {
            track_stored(v, p, n);
            *old = value;
            return true;
        }
        seen = was;
    }
}

static bool cas16(uint8_t *p, uint32_t m, const uint64_t expected[2], const uint64_t value[2],
                  uint64_t old[2])
{
    uint64_t e[2] = {expected[0], expected[1]}, x[2] = {value[0], value[1]};

    memop_order16(m, e);
    memop_order16(m, x);
    u128 wide = (u128)e[1] << 64 | e[0];
    const u128 want = wide;
    atomic_cas128((u128 *)(void *)p, &wide, (u128)x[1] << 64 | x[0]);
    old[0] = (uint64_t)wide;
    old[1] = (uint64_t)(wide >> 64);
    memop_order16(m, old);
    return wide == want;
}

static uint8_t *swap_place(struct vcpu *v, uint64_t va, uint32_t m, bool update)
{
    return place(v, va, (m & MO_SIZE_LOG2) == MO_128 ? m | MO_ALIGN : m, ACCESS_WRITE, update);
}

/* At p, from swap_place. */
static void compare_and_swap(struct vcpu *v, uint8_t *p, uint32_t m, const uint64_t expected[2],
                             const uint64_t value[2], uint64_t old[2])
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);
    const uint64_t mask = mask64(8 * n);

    if (n == 16) {
        cas16(p, m, expected, value, old);
    } else {
        old[1] = 0;
        old[0] = memop_order(
            m, cas_host(p, n, memop_order(m, expected[0] & mask), memop_order(m, value[0] & mask)));
    }
    track_stored(v, p, n);
}

/* It is written in any case, as a locked bus cycle does it. */
static bool swap_parts(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t expected[2],
                       const uint64_t value[2], uint64_t old[2])
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);
    uint64_t seen[2];

    if (!load_parts(v, va, m, seen)) {
        return false;
    }
    const bool equal = seen[0] == (expected[0] & mask64(n < 8 ? 8 * n : 64)) &&
                       (n < 16 || seen[1] == expected[1]);
    if (!store_parts(v, va, m, equal ? value : seen)) {
        return false;
    }
    old[0] = seen[0];
    old[1] = seen[1];
    return true;
}

bool vcpu_cas(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t expected[2],
              const uint64_t value[2], uint64_t old[2])
{
    if (needs_parts(v, va, (m & MO_SIZE_LOG2) == MO_128 ? m | MO_ALIGN : m)) {
        return swap_parts(v, va, m, expected, value, old);
    }
    uint8_t *p = swap_place(v, va, m, true);
    if (!p) {
        return false;
    }
    close_others(v, p);
    compare_and_swap(v, p, m, expected, value, old);
    return true;
}

/* ---- exclusives */

/* The mark of a load at va that is going to happen; a device's address has none. */
static uint64_t mark_of(struct vcpu *v, uint64_t va, uint32_t m)
{
    struct tlb_hit hit;
    uint64_t word;

    if (!vcpu_env(v)->monitors || !tlb_lookup(v, va, ACCESS_READ, memop_idx(m), &hit, &word) ||
        !hit.host) {
        return MONITOR_NONE;
    }
    return set_monitor(v, hit.host);
}

bool vcpu_load_excl(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value[2])
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);

    vcpu_env(v)->excl_mark = mark_of(v, va, m);
    value[1] = 0;
    if (n == 16) {
        const uint8_t *p = place(v, va, m | MO_ALIGN, ACCESS_READ, false);
        if (!p) {
            return false;
        }
        const u128 x = atomic_read128((const u128 *)(const void *)p);
        value[0] = (uint64_t)x;
        value[1] = (uint64_t)(x >> 64);
        memop_order16(m, value);
    } else if (!vcpu_load(v, va, (m | MO_ALIGN) & ~MO_SIGN, &value[0])) {
        return false;
    }
    v->hot.excl_addr = va;
    v->hot.excl_value[0] = value[0];
    v->hot.excl_value[1] = value[1];
    return true;
}

/* The store at p, by value; true: stored. Of a wider load's value the part that this store covers
 * counts (to mix sizes is the guest's risk). */
static bool store_by_value(struct vcpu *v, uint8_t *p, uint32_t m, const uint64_t value[2])
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);
    const uint64_t expected[2] = {v->hot.excl_value[0] & mask64(n < 8 ? 8 * n : 64),
                                  n == 16 ? v->hot.excl_value[1] : 0};
    uint64_t old[2];

    compare_and_swap(v, p, m, expected, value, old);
    return old[0] == expected[0] && old[1] == expected[1];
}

/* The same if the monitor is still set as it was. */
static bool store_marked(struct vcpu *v, uint8_t *p, uint32_t m, const uint64_t value[2])
{
    const uint64_t mark = vcpu_env(v)->excl_mark;
    uint64_t *slot = slot_of(v, p), seen = mark;

    if (!atomic_cas(slot, &seen, (uint64_t)0)) {
        return false;
    }
    const bool stored = store_by_value(v, p, m, value);
    atomic_set_release(slot, mark + MONITOR_NEXT);
    return stored;
}

static bool store_excl(struct vcpu *v, uint64_t va, uint32_t m, bool paired,
                       const uint64_t value[2], uint32_t *failed)
{
    const uint64_t addr = v->hot.excl_addr;

    *failed = 1;
    if (addr != va) {
        v->hot.excl_addr = UINT64_MAX;
        return true;
    }
    if (misaligned(va, m | MO_ALIGN)) {
        return fault(v, va, ACCESS_WRITE, FAULT_ALIGN);
    }
    uint8_t *p = swap_place(v, va, m | MO_ALIGN, false);
    if (p || (v->hot.raised != TCG_WATCHED && v->hot.raised != TCG_ALONE)) { /* else: again */
        v->hot.excl_addr = UINT64_MAX;
    }
    if (!p) {
        return false;
    }
    if (vcpu_env(v)->monitors && !paired) {
        *failed = !store_marked(v, p, m, value);
    } else {
        close_others(v, p);
        *failed = !store_by_value(v, p, m, value);
    }
    return true;
}

bool vcpu_store_excl(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t value[2],
                     uint32_t *failed)
{
    return store_excl(v, va, m, false, value, failed);
}

bool atomic_site(struct vcpu *v, const struct site *s)
{
    union ir_vec *x = (union ir_vec *)vcpu_env(v)->vec_args;
    const uint64_t va = memop_address(s->memop, x[0].u64[0] + (uint64_t)(int64_t)s->disp,
                                      tcg_segment(v, s->aux));
    const memop m = memop_of_access(s->memop, ir_segment(s->aux) != 0);
    uint32_t failed;
    bool ok;

    x[3] = (union ir_vec){.u64 = {0, 0}};
    switch (s->op) {
    case IR_load_excl:
        return vcpu_load_excl(v, va, m, x[3].u64);
    case IR_store_excl:
        ok = store_excl(v, va, m, s->aux & IR_EXCL_PAIRED, x[2].u64, &failed);
        x[3].u64[0] = failed;
        return ok;
    case IR_atomic:
        return vcpu_atomic(v, va, m, s->aux & 0xff, x[2].u64[0], &x[3].u64[0]);
    default:
        return vcpu_cas(v, va, m, x[1].u64, x[2].u64, x[3].u64);
    }
}
