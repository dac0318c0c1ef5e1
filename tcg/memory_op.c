/* SPDX-License-Identifier: MIT */
/*
 * Memory ops at an address, for the interpreter: the shapes of the IR's values and the order of
 * accesses around what tcg/env.h offers.
 */
#include <string.h>

#include "base/atomic.h"
#include "tcg/env.h"
#include "tcg/memory_op.h"

static unsigned bytes_of(memop m)
{
    return 1u << (m & MO_SIZE_LOG2);
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

/* The value at va as the guest orders it, zero-extended. */
static bool load_value(struct vcpu *v, uint64_t va, memop m, u128 *x)
{
    uint64_t halves[2] = {0, 0};

    if (bytes_of(m) == 16 ? !vcpu_load16(v, va, m, halves)
                          : !vcpu_load(v, va, m & ~MO_SIGN, &halves[0])) {
        return false;
    }
    *x = (u128)halves[1] << 64 | halves[0];
    return true;
}

static bool store_value(struct vcpu *v, uint64_t va, memop m, u128 x)
{
    if (bytes_of(m) == 16) {
        return vcpu_store16(v, va, m, (const uint64_t[]){(uint64_t)x, (uint64_t)(x >> 64)});
    }
    return vcpu_store(v, va, m, (uint64_t)cut(x, bytes_of(m)));
}

static bool load(struct vcpu *v, const struct ir_insn *in, uint64_t va, union ir_vec *d)
{
    const memop m = (memop)(in->imm >> 32);
    u128 x;

    memset(d, 0, sizeof(*d));
    if (bytes_of(m) > 16) {
        return vcpu_load_vector(v, va, m, d->u64);
    }
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
    if (bytes_of(m) > 16 ? !vcpu_store_vector(v, va, m, c->u64)
                         : !store_value(v, va, m, get128(c))) {
        return false;
    }
    if (m & MO_RELEASE) {
        atomic_fence(); /* a later load-acquire may not pass it */
    }
    return true;
}

static bool atomic(struct vcpu *v, const struct ir_insn *in, uint64_t va, const union ir_vec *c,
                   union ir_vec *d)
{
    uint64_t old;

    if (!vcpu_atomic(v, va, (memop)(in->imm >> 32), in->aux & 255, c->u64[0], &old)) {
        return false;
    }
    set128(d, old);
    return true;
}

static bool store_exclusive(struct vcpu *v, const struct ir_insn *in, uint64_t va,
                            const union ir_vec *c, union ir_vec *d)
{
    uint32_t failed;

    if (!vcpu_store_excl(v, va, (memop)(in->imm >> 32), c->u64, &failed)) {
        return false;
    }
    set128(d, failed);
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
        return vcpu_load_excl(v, va, (memop)(in->imm >> 32), d->u64);
    case IR_store_excl:
        return store_exclusive(v, in, va, c, d);
    case IR_atomic:
        return atomic(v, in, va, c, d);
    default:
        assert(in->op == IR_cas);
        return vcpu_cas(v, va, (memop)(in->imm >> 32), b->u64, c->u64, d->u64);
    }
}
