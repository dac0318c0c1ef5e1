/* SPDX-License-Identifier: MIT */
/*
 * Memory ops at an address: loads and stores of 1 to 16 bytes, read-modify-writes, exclusives.
 *
 * A read-modify-write is one atomic operation of the host where the page is plain RAM, is aligned
 * or stays within 16 bytes; elsewhere (devices, watched pages, crossing 16 bytes, where no guest is
 * promised atomicity) it is a load and a store. The exclusive monitor is an address and a value: a
 * store-exclusive is a compare-and-swap with the value that was loaded.
 */
#include "tcg/memory_op.h"
#include "base/atomic.h"
#include "tcg/env.h"

static unsigned bytes_of(memop m)
{
    return 1u << (m & MO_SIZE_LOG2);
}

static unsigned mmu_index(memop m)
{
    return m >> MO_IDX_SHIFT & 7;
}

/* The value of an access of n bytes in the other byte order. */
static u128 swapped(u128 x, unsigned n)
{
    if (n == 16) {
        return (u128)bswap64((uint64_t)x) << 64 | bswap64((uint64_t)(x >> 64));
    }
    return bswap64((uint64_t)x) >> (64 - 8 * n);
}

static u128 in_order(u128 x, memop m)
{
    return m & MO_SWAP ? swapped(x, bytes_of(m)) : x;
}

static u128 get128(const union ir_vec *x)
{
    return (u128)x->u64[1] << 64 | x->u64[0];
}

static void set128(union ir_vec *d, u128 x)
{
    d->u64[0] = (uint64_t)x;
    d->u64[1] = (uint64_t)(x >> 64);
}

/* The low n bytes of a value. */
static u128 cut(u128 x, unsigned n)
{
    return n == 16 ? x : x & mask64(8 * n);
}

/* Half an access of 16 bytes: byte order is dealt with by the caller, alignment already. */
static memop half_of(memop m)
{
    return (m & ~(MO_SIZE_LOG2 | MO_SWAP | MO_ALIGN | MO_SIGN | MO_ATOMIC16)) | MO_64;
}

static bool aligned_16(struct vcpu *v, uint64_t va, memop m, bool write)
{
    if (m & MO_ALIGN && !is_aligned(va, 16)) {
        vcpu_misaligned(v, va, write);
        return false;
    }
    return true;
}

/* Host address of 16 bytes of plain RAM at va, or NULL. */
static u128 *host_16(struct vcpu *v, uint64_t va, memop m, enum access a)
{
    uint64_t left;
    void *p = is_aligned(va, 16) ? vcpu_host(v, va, a, mmu_index(m), &left) : NULL;

    return p;
}

static bool load_16(struct vcpu *v, uint64_t va, memop m, u128 *x)
{
    uint64_t low, high;

    if (!aligned_16(v, va, m, false)) {
        return false;
    }
    const u128 *p = host_16(v, va, m, ACCESS_READ);
    if (p) {
        *x = atomic_read128(p);
        return true;
    }
    if (!vcpu_load(v, va, half_of(m), &low) || !vcpu_load(v, va + 8, half_of(m), &high)) {
        return false;
    }
    *x = (u128)high << 64 | low;
    return true;
}

static bool store_16(struct vcpu *v, uint64_t va, memop m, u128 x)
{
    if (!aligned_16(v, va, m, true)) {
        return false;
    }
    u128 *p = host_16(v, va, m, ACCESS_WRITE);
    if (p) {
        atomic_write128(p, x);
        return true;
    }
    return vcpu_store(v, va, half_of(m), (uint64_t)x) &&
           vcpu_store(v, va + 8, half_of(m), (uint64_t)(x >> 64));
}

/* The value at va as the guest orders it, zero-extended. */
static bool load_value(struct vcpu *v, uint64_t va, memop m, u128 *x)
{
    uint64_t low;

    if (bytes_of(m) == 16) {
        if (!load_16(v, va, m, x)) {
            return false;
        }
        *x = in_order(*x, m);
        return true;
    }
    if (!vcpu_load(v, va, m & ~MO_SIGN, &low)) {
        return false;
    }
    *x = low;
    return true;
}

static bool store_value(struct vcpu *v, uint64_t va, memop m, u128 x)
{
    if (bytes_of(m) == 16) {
        return store_16(v, va, m, in_order(x, m));
    }
    return vcpu_store(v, va, m, (uint64_t)cut(x, bytes_of(m)));
}

static bool load(struct vcpu *v, const struct ir_insn *in, uint64_t va, union ir_vec *d)
{
    const memop m = (memop)(in->imm >> 32);
    u128 x;

    if (!load_value(v, va, m, &x)) {
        return false;
    }
    if (m & MO_SIGN) {
        x = (uint64_t)sext64((uint64_t)x, 8 * bytes_of(m)) & mask64(ir_lane_bits(in->type));
    }
    if (m & MO_ACQUIRE) {
        atomic_fence_acquire();
    }
    set128(d, x);
    return true;
}

static bool store(struct vcpu *v, memop m, uint64_t va, const union ir_vec *c)
{
    if (m & MO_RELEASE) {
        atomic_fence_release();
    }
    if (!store_value(v, va, m, get128(c))) {
        return false;
    }
    if (m & MO_RELEASE) {
        atomic_fence(); /* a later load-acquire may not pass it */
    }
    return true;
}

/* ---- read-modify-write */

/* What is to be done with the old value. */
struct update {
    const struct ir_insn *in;
    memop m;
    u128 expected; /* cas */
    u128 operand;
};

static u128 extreme(const struct update *u, u128 old, bool is_signed, bool greatest)
{
    const unsigned w = 8 * bytes_of(u->m);
    const bool less = is_signed ? sext64((uint64_t)u->operand, w) < sext64((uint64_t)old, w)
                                : u->operand < old;

    return less == greatest ? old : u->operand;
}

/* The new value, as the guest orders it. */
static u128 updated(const struct update *u, u128 old)
{
    if (u->in->op != IR_atomic) {
        return old == u->expected ? u->operand : old;
    }
    switch ((enum ir_atomic)(u->in->aux & 255)) {
    case IR_ATOMIC_ADD:
        return cut(old + u->operand, bytes_of(u->m));
    case IR_ATOMIC_CLR:
        return old & ~u->operand;
    case IR_ATOMIC_EOR:
        return old ^ u->operand;
    case IR_ATOMIC_SET:
        return old | u->operand;
    case IR_ATOMIC_SMAX:
        return extreme(u, old, true, true);
    case IR_ATOMIC_SMIN:
        return extreme(u, old, true, false);
    case IR_ATOMIC_UMAX:
        return extreme(u, old, false, true);
    case IR_ATOMIC_UMIN:
        return extreme(u, old, false, false);
    case IR_ATOMIC_SWP:
        break;
    }
    return u->operand;
}

/* Compare-and-swap of n bytes at p, aligned to n: false with the present contents in *old. */
static bool swap_aligned(void *p, unsigned n, u128 *old, u128 x)
{
    uint64_t seen = (uint64_t)*old;
    uint32_t seen32 = (uint32_t)seen;
    uint16_t seen16 = (uint16_t)seen;
    uint8_t seen8 = (uint8_t)seen;
    bool done;

    switch (n) {
    case 1:
        done = atomic_cas((uint8_t *)p, &seen8, (uint8_t)x);
        *old = seen8;
        return done;
    case 2:
        done = atomic_cas((uint16_t *)p, &seen16, (uint16_t)x);
        *old = seen16;
        return done;
    case 4:
        done = atomic_cas((uint32_t *)p, &seen32, (uint32_t)x);
        *old = seen32;
        return done;
    case 8:
        done = atomic_cas((uint64_t *)p, &seen, (uint64_t)x);
        *old = seen;
        return done;
    default:
        return atomic_cas128(p, old, x);
    }
}

/* Read-modify-write of a field of n bytes at byte `offset` of the unit bytes at p, one atomic
 * operation. */
static u128 update_host(const struct update *u, void *p, unsigned unit, unsigned offset)
{
    const unsigned n = bytes_of(u->m), shift = 8 * offset;
    const u128 field = (n == 16 ? ~(u128)0 : (u128)mask64(8 * n)) << shift;
    u128 whole = unit == 16 ? atomic_read128(p) : load_le(p, unit);

    for (;;) {
        const u128 old = in_order(cut(whole >> shift, n), u->m);
        const u128 x = in_order(updated(u, old), u->m);
        if (swap_aligned(p, unit, &whole, (whole & ~field) | x << shift)) {
            return old;
        }
    }
}

/* The old value in *old. */
static bool update(struct vcpu *v, const struct update *u, uint64_t va, u128 *old)
{
    const unsigned n = bytes_of(u->m), offset = (unsigned)(va & 15);
    const bool aligned = is_aligned(va, n);
    uint64_t left;
    uint8_t *p = NULL;

    if (u->m & MO_ALIGN && !aligned && (!(u->m & MO_ATOMIC16) || offset + n > 16)) {
        vcpu_misaligned(v, va, true);
        return false;
    }
    if (aligned || offset + n <= 16) {
        p = vcpu_host(v, va, ACCESS_WRITE, mmu_index(u->m), &left);
    }
    if (p) {
        *old = aligned ? update_host(u, p, n, 0) : update_host(u, p - offset, 16, offset);
        return true;
    }
    return load_value(v, va, u->m, old) && store_value(v, va, u->m, updated(u, *old));
}

static bool read_modify_write(struct vcpu *v, const struct ir_insn *in, uint64_t va,
                              const union ir_vec *b, const union ir_vec *c, union ir_vec *d)
{
    struct update u = {.in = in, .m = (memop)(in->imm >> 32)};
    u128 old;

    u.operand = cut(get128(c), bytes_of(u.m));
    u.expected = in->op == IR_cas ? cut(get128(b), bytes_of(u.m)) : 0;
    if (!update(v, &u, va, &old)) {
        return false;
    }
    set128(d, old);
    return true;
}

/* ---- exclusives */

static bool load_exclusive(struct vcpu *v, const struct ir_insn *in, uint64_t va, union ir_vec *d)
{
    struct tcg_hot *hot = vcpu_hot(v);

    if (!load(v, in, va, d)) {
        return false;
    }
    hot->excl_addr = va;
    hot->excl_value[0] = d->u64[0];
    hot->excl_value[1] = d->u64[1];
    return true;
}

static bool store_exclusive(struct vcpu *v, const struct ir_insn *in, uint64_t va,
                            const union ir_vec *c, union ir_vec *d)
{
    struct tcg_hot *hot = vcpu_hot(v);
    struct update u = {.in = in, .m = (memop)(in->imm >> 32)};
    bool stored = false;

    u.operand = cut(get128(c), bytes_of(u.m));
    u.expected = cut((u128)hot->excl_value[1] << 64 | hot->excl_value[0], bytes_of(u.m));
    if (hot->excl_addr == va) {
        u128 old;
        if (!update(v, &u, va, &old)) {
            return false;
        }
        stored = old == u.expected;
    }
    hot->excl_addr = UINT64_MAX;
    *d = (union ir_vec){.u64 = {stored ? 0 : 1, 0}};
    return true;
}

bool ir_memory_op(struct vcpu *v, const struct ir_insn *in, uint64_t va, const union ir_vec *b,
                  const union ir_vec *c, union ir_vec *d)
{
    switch (in->op) {
    case IR_load:
        return load(v, in, va, d);
    case IR_store:
        return store(v, (memop)(in->imm >> 32), va, c);
    case IR_load_excl:
        return load_exclusive(v, in, va, d);
    case IR_store_excl:
        return store_exclusive(v, in, va, c, d);
    default:
        assert(in->op == IR_atomic || in->op == IR_cas);
        return read_modify_write(v, in, va, b, c, d);
    }
}
