/* SPDX-License-Identifier: MIT */
/*
 * A guest for tests of the IR: rows of each type, a window of memory, run-time functions of each
 * class. A block runs from a state, and what it leaves is compared.
 *
 *   rows     x0-x15 i64, w0-w3 i32, f and g flags, v0-v15 vectors; also env_ offsets (field `env`)
 *   memory   RIG_BASE, RIG_BYTES, plain; all else faults
 */
#ifndef TESTS_IR_RIG_H
#define TESTS_IR_RIG_H

#include "base/bits.h"
#include "base/error.h"
#include "base/softfloat.h"
#include "cpu/cpu.h"
#include "tcg/eval.h"
#include "tcg/interp.h"
#include "tcg/ir.h"
#include "tests/test.h"

#define RIG_BASE UINT64_C(0x10000)
#define RIG_BYTES 8192
#define RIG_PC UINT64_C(0x1000)

struct rig_state {
    uint64_t x[16];
    uint32_t w[4];
    uint16_t f, g;
    union ir_vec v[16];
    uint64_t env[4];
};

struct rig {
    struct vcpu vcpu;
    struct rig_state s;
    _Alignas(4096) uint8_t memory[RIG_BYTES];
    uint64_t fault; /* address of the last fault; 0 none */
    uint64_t pc;    /* where the block went on */
    bool raised;
};

enum {
    RIG_W = 16,
    RIG_F = 20,
    RIG_G = 21,
    RIG_V = 22,
    RIG_ROWS = 38
};

#define RIG_X(n)                                                                                   \
    {                                                                                              \
        "x" #n, T_I64, offsetof(struct rig, s.x[n]), n < 10 ? n : -1                               \
    }
#define RIG_Q(n)                                                                                   \
    {                                                                                              \
        "v" #n, T_V128, offsetof(struct rig, s.v[n]), n < 12 ? n : -1                              \
    }
static const struct ir_reg rig_rows[RIG_ROWS] = {
    RIG_X(0),
    RIG_X(1),
    RIG_X(2),
    RIG_X(3),
    RIG_X(4),
    RIG_X(5),
    RIG_X(6),
    RIG_X(7),
    RIG_X(8),
    RIG_X(9),
    RIG_X(10),
    RIG_X(11),
    RIG_X(12),
    RIG_X(13),
    RIG_X(14),
    RIG_X(15),
    {"w0", T_I32, offsetof(struct rig, s.w[0]), -1},
    {"w1", T_I32, offsetof(struct rig, s.w[1]), -1},
    {"w2", T_I32, offsetof(struct rig, s.w[2]), -1},
    {"w3", T_I32, offsetof(struct rig, s.w[3]), -1},
    {"f", T_FLAGS, offsetof(struct rig, s.f), -1},
    {"g", T_FLAGS, offsetof(struct rig, s.g), -1},
    RIG_Q(0),
    RIG_Q(1),
    RIG_Q(2),
    RIG_Q(3),
    RIG_Q(4),
    RIG_Q(5),
    RIG_Q(6),
    RIG_Q(7),
    RIG_Q(8),
    RIG_Q(9),
    RIG_Q(10),
    RIG_Q(11),
    RIG_Q(12),
    RIG_Q(13),
    RIG_Q(14),
    RIG_Q(15),
};
#undef RIG_X
#undef RIG_Q

/* ---- run-time functions */

static inline struct rig *rig_of(struct vcpu *v)
{
    return (struct rig *)(void *)v;
}

static uint64_t rig_leaf(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    (void)v;
    return a + 3 * b + 5 * c + aux;
}

static uint64_t rig_full(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    rig_of(v)->s.env[1] += a ^ aux;
    if (aux & 8) {
        rig_of(v)->vcpu.env.fp_flags = 0;
    }
    return rig_of(v)->s.env[1] + b + c;
}

static uint64_t rig_raises_if(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    if (a & 1) {
        rig_of(v)->fault = b;
        vcpu_raise(v);
    }
    return c + aux;
}

static uint64_t rig_raise(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    rig_of(v)->fault = a + b + c + aux;
    vcpu_raise(v);
    return 0;
}

static void rig_vector(struct vcpu *v, union ir_vec *d, const union ir_vec *a,
                       const union ir_vec *b, const union ir_vec *c, uint32_t aux)
{
    (void)v;
    d->u64[0] = a->u64[0] + b->u64[1] + aux;
    d->u64[1] = a->u64[1] ^ c->u64[0];
}

static uint64_t rig_tail(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    rig_of(v)->s.x[0] += a;
    rig_of(v)->s.x[9] = b;
    return 0x4000 + (c & 0xff0) + aux;
}

#define RIG_FN(f) (void (*)(void))(f)
static const struct ir_call rig_rows_of_calls[] = {
    {"leaf", RIG_FN(rig_leaf), IR_CALL_LEAF, false, true},
    {"full", RIG_FN(rig_full), IR_CALL_FULL, false, false},
    {"raises_if", RIG_FN(rig_raises_if), IR_CALL_RAISES, false, false},
    {"raise", RIG_FN(rig_raise), IR_CALL_RAISES, false, false},
    {"vector", RIG_FN(rig_vector), IR_CALL_FULL, true, false},
    {"tail_to", RIG_FN(rig_tail), IR_CALL_FULL, false, false},
};
enum {
    RIG_LEAF,
    RIG_FULL,
    RIG_RAISES_IF,
    RIG_RAISE,
    RIG_VECTOR,
    RIG_TAIL
};
static const struct ir_call *const rig_calls[] = {&rig_rows_of_calls[0],
                                                  &rig_rows_of_calls[1],
                                                  &rig_rows_of_calls[2],
                                                  &rig_rows_of_calls[3],
                                                  &rig_rows_of_calls[4],
                                                  &rig_rows_of_calls[5],
                                                  NULL};

static const struct ir_guest rig_guest = {
    .regs = rig_rows, .reg_count = RIG_ROWS, .fp_rules = &fp_rules_arm, .calls = rig_calls};

/* ---- what tcg/env.h asks of the accelerator, over the window of memory */

void vcpu_raise(struct vcpu *v)
{
    v->hot.raised = 1;
}

struct tcg_hot *vcpu_hot(struct vcpu *v)
{
    return &v->hot;
}

static uint8_t *rig_host(struct vcpu *v, uint64_t va, unsigned n)
{
    if (va < RIG_BASE || va - RIG_BASE + n > RIG_BYTES) {
        rig_of(v)->fault = va;
        vcpu_raise(v);
        return NULL;
    }
    return rig_of(v)->memory + (va - RIG_BASE);
}

void vcpu_misaligned(struct vcpu *v, uint64_t va, bool write)
{
    (void)write;
    rig_of(v)->fault = va;
    vcpu_raise(v);
}

bool vcpu_load(struct vcpu *v, uint64_t va, uint32_t m, uint64_t *value)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);
    const uint8_t *p;

    if (m & MO_ALIGN && va & (n - 1)) {
        vcpu_misaligned(v, va, false);
        return false;
    }
    p = rig_host(v, va, n);
    if (!p) {
        return false;
    }
    *value = m & MO_SWAP ? load_be(p, n) : load_le(p, n);
    if (m & MO_SIGN) {
        *value = (uint64_t)sext64(*value, 8 * n);
    }
    return true;
}

bool vcpu_store(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);
    uint8_t *p;

    if (m & MO_ALIGN && va & (n - 1)) {
        vcpu_misaligned(v, va, true);
        return false;
    }
    p = rig_host(v, va, n);
    if (!p) {
        return false;
    }
    if (m & MO_SWAP) {
        store_be(p, n, value);
    } else {
        store_le(p, n, value);
    }
    return true;
}

void *vcpu_host(struct vcpu *v, uint64_t va, int kind, unsigned mmu_idx, uint64_t *bytes)
{
    (void)kind;
    (void)mmu_idx;
    if (va < RIG_BASE || va - RIG_BASE >= RIG_BYTES) {
        return NULL;
    }
    *bytes = RIG_BYTES - (va - RIG_BASE);
    return rig_of(v)->memory + (va - RIG_BASE);
}

/* ---- running */

/* A rig with everything 0, rounding to nearest. Allocated once, reset each time. */
static struct rig *rig_reset(void)
{
    static struct rig *r;

    if (!r) {
        r = aligned_alloc(4096, sizeof(*r));
    }
    memset(r, 0, sizeof(*r));
    r->vcpu.hot.excl_addr = UINT64_MAX;
    return r;
}

static void rig_interpret(struct rig *r, const struct ir_builder *b)
{
    r->vcpu.hot.raised = 0;
    r->pc = ir_interpret(&r->vcpu, b);
    r->raised = r->vcpu.hot.raised;
}

#endif
