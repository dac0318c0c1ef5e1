/* SPDX-License-Identifier: MIT */
/* Random blocks over the rig's guest: any op, in any order that verifies. */
#ifndef TESTS_IR_RANDOM_H
#define TESTS_IR_RANDOM_H

#include "tests/ir/forms.h"

#define POOL_MAX 64

/* Values made so far, by operand type, and booleans apart. */
struct pool {
    ir_val v[POOL_MAX];
    unsigned count;
};

struct random_block {
    struct ir_builder *b;
    struct rng *r;
    struct pool pools[array_len(form_operand_types)];
    struct pool booleans;
    unsigned first[IR_OP_COUNT + 1]; /* forms by op */
    uint64_t flush;                  /* IR_FP_FZ or 0 */
};

static inline struct pool *random_pool(struct random_block *s, ir_type t)
{
    for (unsigned i = 0; i < array_len(form_operand_types); i++) {
        if (form_operand_types[i] == (ir_is_wide(t) ? T_V256 : ir_is_vector(t) ? T_V128 : t)) {
            return &s->pools[i];
        }
    }
    assert(!"a type without a pool");
    return NULL;
}

/* Remembers v; the oldest is forgotten by chance. */
static inline void random_add(struct random_block *s, struct pool *p, ir_val v)
{
    p->v[p->count < POOL_MAX ? p->count++ : rng_below(s->r, POOL_MAX)] = v;
}

static inline void random_made(struct random_block *s, ir_val v)
{
    const struct ir_insn *in = &s->b->insns[v];

    if (in->type == T_VOID) {
        return;
    }
    if (in->op == IR_cmp || in->op == IR_tst || in->op == IR_flags_test || in->op == IR_fcmp ||
        in->op == IR_udivw_over || in->op == IR_sdivw_over) {
        random_add(s, &s->booleans, v);
    }
    random_add(s, random_pool(s, in->type), v);
}

static inline ir_val random_konst(struct random_block *s, ir_type t)
{
    const unsigned w = ir_lane_bits(t);
    const uint64_t k = rng_below(s->r, 4) == 0   ? mask64((unsigned)rng_below(s->r, w + 1))
                       : rng_below(s->r, 3) == 0 ? rng_below(s->r, 2)
                                                 : form_random_lane(s->r, w);
    return ir_konst(s->b, t, k);
}

/* An operand of type t: often one of the latest values, else an older one, a constant, a row. */
static inline ir_val random_value(struct random_block *s, ir_type t)
{
    struct pool *p = random_pool(s, t);
    const bool is_int = t >= T_I8 && t <= T_I64;

    if (is_int && rng_below(s->r, 5) == 0) {
        return random_konst(s, t);
    }
    if (t == T_I64 && s->b->movable && rng_below(s->r, 6) == 0) {
        return ir_address(s->b, RIG_PC + (uint64_t)(int64_t)(int32_t)rng_u32(s->r));
    }
    if (p->count == 0 || rng_below(s->r, 12) == 0) {
        const unsigned row = (unsigned)rng_below(s->r, t == T_I32           ? 4
                                                       : rng_below(s->r, 2) ? 15
                                                                            : 4);
        const ir_val v = form_value(s->b, t, row);
        random_add(s, p, v);
        return v;
    }
    if (rng_below(s->r, 2)) {
        return p->v[p->count - 1];
    }
    return p->v[rng_below(s->r, p->count)];
}

static inline ir_val random_boolean(struct random_block *s)
{
    if (s->booleans.count == 0 || rng_below(s->r, 8) == 0) {
        return ir_cmp(s->b, IR_NE, random_value(s, T_I64), random_value(s, T_I64));
    }
    return s->booleans.v[rng_below(s->r, s->booleans.count)];
}

/* ---- one op */

static inline void random_compute(struct random_block *s)
{
    const struct forms *all = forms_all();
    unsigned op;

    do {
        op = (unsigned)rng_below(s->r, rng_below(s->r, 2) ? IR_vpart : IR_OP_COUNT);
    } while (s->first[op] == s->first[op + 1]);
    const struct form *f =
        &all->form[s->first[op] + rng_below(s->r, s->first[op + 1] - s->first[op])];
    ir_val x[3] = {IR_NONE, IR_NONE, IR_NONE};
    for (unsigned i = 0; i < 3; i++) {
        if (i == 0 && (op == IR_select || op == IR_flags_select)) {
            x[i] = random_boolean(s);
        } else if (op == IR_flags_from) {
            const ir_val w = random_value(s, T_I32), mask = ir_konst(s->b, T_I32, FORM_FLAGS);
            x[i] = i ? IR_NONE
                     : ir_emit(s->b, (struct ir_insn){.op = IR_and,
                                                      .type = T_I32,
                                                      .a = (uint16_t)w,
                                                      .b = (uint16_t)mask});
        } else if (f->operand[i] != T_VOID) {
            x[i] = random_value(s, f->operand[i]);
        }
    }
    struct ir_insn in = form_insn(s->b, f, x);
    if (ir_ops[op].effects & IR_STICKY || op == IR_fneg || op == IR_fabs) {
        in.imm = form_random_fp(s->r, s->flush);
    }
    /* Parity and half carry are left open by some producers. */
    if (op == IR_flags_test && (in.aux == IR_PE || in.aux == IR_PO)) {
        in.aux = IR_EQ;
    }
    const ir_val v = ir_emit(s->b, in);
    if (op == IR_flags_bits) {
        const ir_val certain = ir_konst(s->b, T_I32, 0xc101);
        random_made(s, ir_emit(s->b, (struct ir_insn){.op = IR_and,
                                                      .type = T_I32,
                                                      .a = (uint16_t)v,
                                                      .b = (uint16_t)certain}));
        return;
    }
    random_made(s, v);
}

static inline ir_val random_and(struct ir_builder *b, ir_val x, uint64_t k)
{
    const ir_val mask = ir_konst(b, T_I64, k);

    return ir_emit(
        b, (struct ir_insn){.op = IR_and, .type = T_I64, .a = (uint16_t)x, .b = (uint16_t)mask});
}

static inline ir_val random_i32_sum(struct ir_builder *b, ir_val x, uint32_t k)
{
    const ir_val by = ir_konst(b, T_I32, k);

    return ir_emit(
        b, (struct ir_insn){.op = IR_add, .type = T_I32, .a = (uint16_t)x, .b = (uint16_t)by});
}

/* A base and an index; the address is within the window unless it is meant to fault. */
static inline void random_address(struct random_block *s, struct ir_insn *in, memop m)
{
    const unsigned scale = (unsigned)rng_below(s->r, 4), bits = 10 - scale;
    const int32_t disp = (int32_t)rng_below(s->r, 129) - 64;
    ir_val base = rng_below(s->r, 2) ? ir_konst(s->b, T_I64, RIG_BASE + 2048) : ir_get(s->b, 15);
    ir_val index = random_and(s->b, random_value(s, T_I64), mask64(bits));

    if (rng_below(s->r, 12) == 0) {
        base = random_value(s, T_I64);
    }
    if (m & MO_WIDTH && rng_below(s->r, 4) == 0) { /* about the width's last address */
        base = ir_konst(s->b, T_I64, memop_address_mask(m) - rng_below(s->r, 129));
    }
    if (rng_below(s->r, 3) == 0) {
        const ir_val k = ir_konst(s->b, T_I64, rng_below(s->r, 257) - 128);
        base = ir_emit(s->b, (struct ir_insn){.op = rng_below(s->r, 2) ? IR_add : IR_sub,
                                              .type = T_I64,
                                              .a = (uint16_t)base,
                                              .b = (uint16_t)k});
    }
    if ((in->op == IR_load || in->op == IR_store) && rng_below(s->r, 2)) {
        in->b = (uint16_t)index;
        in->aux = scale << 8;
    } else if (rng_below(s->r, 2)) {
        base = ir_emit(s->b,
                       (struct ir_insn){
                           .op = IR_add, .type = T_I64, .a = (uint16_t)base, .b = (uint16_t)index});
    }
    if (m & MO_WIDTH && rng_below(s->r, 2)) {
        base = ir_trunc(s->b, T_I32, base);
        if (rng_below(s->r, 2)) {
            base = random_i32_sum(s->b, base, (uint32_t)rng_below(s->r, 129) - 64);
        }
        if (in->b && rng_below(s->r, 2)) {
            in->b = (uint16_t)ir_trunc(s->b, T_I32, in->b);
        }
        base = rng_below(s->r, 2) ? ir_zext(s->b, T_I64, base) : base;
    }
    if (rng_below(s->r, m & MO_WIDTH ? 3 : 24) == 0) {
        in->aux |= rig_env_offset(3) >> 3 << 16;
    }
    in->a = (uint16_t)base;
    in->imm = (uint64_t)m << 32 | (uint32_t)(rng_below(s->r, 2) ? disp & ~15 : disp);
}

/* A type and a size for a memory op. */
static inline ir_type random_access(struct random_block *s, enum ir_op op, memop *m)
{
    static const ir_type ints[] = {T_I8, T_I16, T_I32, T_I64}, fps[] = {T_F16, T_F32, T_F64};
    const unsigned kind = (unsigned)rng_below(s->r, 4);
    const bool plain = op == IR_load || op == IR_store;
    unsigned i = (unsigned)rng_below(s->r, 4);

    if (kind == 0 && op != IR_atomic) {
        const bool wide = plain && rng_below(s->r, 3) == 0;
        *m = !plain ? MO_128 : wide && rng_below(s->r, 2) ? MO_256 : (memop)rng_below(s->r, 5);
        return wide ? T_V256 : T_V128;
    }
    if (kind == 1 && plain) {
        i %= 3;
        *m = i + 1;
        return fps[i];
    }
    *m = (memop)rng_below(s->r, i + 1);
    *m |= op == IR_load && rng_below(s->r, 2) ? MO_SIGN : 0;
    return ints[i];
}

static inline void random_memory(struct random_block *s)
{
    static const enum ir_op ops[] = {IR_load,      IR_load,       IR_load,   IR_store, IR_store,
                                     IR_load_excl, IR_store_excl, IR_atomic, IR_cas};
    static const memop extras[] = {0, 0, 0, MO_SWAP, MO_ALIGN, MO_ACQUIRE | MO_RELEASE};
    struct ir_insn in = {.op = (uint16_t)ops[rng_below(s->r, array_len(ops))]};
    memop m;
    const ir_type t = random_access(s, (enum ir_op)in.op, &m);

    m |= extras[rng_below(s->r, array_len(extras))];
    if ((m & MO_SIZE_LOG2) > MO_128) {
        m &= ~MO_SWAP;
    }
    if (m & MO_SWAP) {
        const memop unit = (memop)rng_below(s->r, 4) << MO_UNIT_SHIFT;
        m |= memop_unit(m | unit) <= memop_bytes(m) ? unit : 0;
    }
    if (rng_below(s->r, 3) == 0) {
        m |= (memop)(1 + rng_below(s->r, 4)) << MO_WIDTH_SHIFT;
        m |= rng_below(s->r, 2) ? MO_LINEAR_32 : 0;
    }
    if (rng_below(s->r, 4) == 0) {
        m |= MO_IDX(rng_below(s->r, 2) ? RIG_USER : rng_below(s->r, IR_MMU_INDICES));
    }
    in.type = in.op == IR_store ? T_VOID : in.op == IR_store_excl ? T_I32 : t;
    if (in.op != IR_load && in.op != IR_load_excl) {
        in.c = (uint16_t)random_value(s, t);
        in.src = ir_type_of(s->b, in.c);
    }
    random_address(s, &in, m);
    if (in.op == IR_cas) {
        in.b = (uint16_t)random_value(s, t);
    }
    if (in.op == IR_atomic) {
        in.aux = (uint32_t)rng_below(s->r, IR_ATOMIC_SWP + 1);
    }
    random_made(s, ir_emit(s->b, in));
}

static inline void random_call(struct random_block *s)
{
    const unsigned row = (unsigned)rng_below(s->r, RIG_TAIL);
    const bool vector = row == RIG_VECTOR;
    const uint32_t aux = (uint32_t)rng_below(s->r, 16);
    const ir_type t = vector ? T_V128 : T_I64;
    const ir_val x = random_value(s, t), y = random_value(s, t), z = random_value(s, T_I64);

    if (row == RIG_RAISE) {
        const ir_val c = random_boolean(s);
        if (rng_below(s->r, 4) == 0) {
            /* The one raises, the other does if the value is odd. */
            const unsigned which = rng_below(s->r, 2) ? RIG_RAISE : RIG_RAISES_IF;
            ir_guard(s->b, c, rig_calls[which], x, z, aux);
        }
        return;
    }
    /* Seldom does one that may raise. */
    const bool never = row == RIG_RAISES_IF && rng_below(s->r, 4);
    const ir_val first = never ? random_and(s->b, x, 6) : x;
    random_made(s, ir_call(s->b, t, rig_calls[row], first, y, z, aux));
}

static inline void random_state_access(struct random_block *s)
{
    static const ir_type types[] = {T_I8, T_I16, T_I32, T_I64, T_V128, T_V256};
    const ir_type t = types[rng_below(s->r, array_len(types))];
    const bool segment = t == T_I64 && rng_below(s->r, 3) == 0;
    const uint32_t offset = rig_env_offset(segment         ? 3
                                           : ir_is_wide(t) ? 0
                                                           : 2 * (unsigned)rng_below(s->r, 2));

    if (rng_below(s->r, 2)) {
        random_made(s, ir_env_load(s->b, t, offset));
    } else {
        ir_env_store(s->b, offset, random_value(s, t));
    }
}

static inline void random_put(struct random_block *s)
{
    static const ir_type types[] = {T_I64,  T_I64, T_I64, T_I32, T_FLAGS,
                                    T_V128, T_F64, T_I8,  T_V256};

    form_put(s->b, random_value(s, types[rng_below(s->r, array_len(types))]),
             (unsigned)rng_below(s->r, 15)); /* row 15 is a base address */
}

/* A branch that leaves in the middle; seldom to this block itself. */
static inline void random_branch(struct random_block *s)
{
    static const uint64_t goals[] = {0x7000, RIG_PC + 0x40, RIG_PC + 0x80, RIG_PC};

    ir_brcond(s->b, random_boolean(s), goals[rng_below(s->r, rng_below(s->r, 8) ? 3 : 4)]);
    if (rng_below(s->r, 4)) {
        ir_insn_start(s->b, RIG_PC + 4 * s->b->guest_insns);
    }
}

static inline void random_end(struct random_block *s)
{
    const ir_val x = random_value(s, T_I64);
    const ir_val back = ir_konst(s->b, T_I64, 0x1234);

    if (rng_below(s->r, 2)) {
        ir_brcond(s->b, random_boolean(s), rng_below(s->r, 3) ? 0x3000 : RIG_PC);
    }
    switch (rng_below(s->r, 6)) {
    case 0:
        ir_jump(s->b, x);
        break;
    case 1:
        ir_ret(s->b, x);
        break;
    case 2:
        ir_tail(s->b, rig_calls[RIG_TAIL], x, back, x, 4);
        break;
    case 3:
        ir_emit(s->b, (struct ir_insn){.op = IR_jumpcall, .a = (uint16_t)x, .b = (uint16_t)back});
        break;
    case 4:
        ir_emit(s->b, (struct ir_insn){.op = IR_brcall, .a = (uint16_t)back, .imm = 0x5000});
        break;
    default:
        ir_br(s->b, 0x2000);
        break;
    }
}

/* A block of about `length` ops on b, as written (no_fold is set), from the seed in r. */
static inline void random_block(struct ir_builder *b, struct rng *r, unsigned length)
{
    const struct forms *all = forms_all();
    struct random_block s = {.b = b, .r = r, .flush = form_random_flush(r, b->guest)};

    for (unsigned i = all->count; i-- > 0;) {
        s.first[all->form[i].op] = i;
    }
    for (unsigned op = IR_OP_COUNT, next = all->count; op-- > 0;) {
        const bool has = next > 0 && all->form[s.first[op]].op == op;
        s.first[op + 1] = next;
        next = has ? s.first[op] : next;
        s.first[op] = next;
    }
    b->no_fold = true;
    ir_begin(b, RIG_PC, 0);
    ir_insn_start(b, RIG_PC);
    for (unsigned i = 0; i < length; i++) {
        switch (rng_below(r, 16)) {
        case 0:
        case 1:
            random_memory(&s);
            break;
        case 2:
            random_call(&s);
            break;
        case 3:
            random_state_access(&s);
            break;
        case 4:
        case 5:
            random_put(&s);
            break;
        case 7:
            random_branch(&s);
            break;
        case 6:
            ir_insn_start(b, RIG_PC + 4 * b->guest_insns);
            break;
        default:
            random_compute(&s);
            break;
        }
    }
    random_end(&s);
}

/* A state for a random block: edge operands in all rows, x15 in the middle of the window. */
static inline void random_state(struct rng *r, struct rig_state *s)
{
    static const ir_type types[] = {T_I64, T_F64, T_F32, T_F16, T_I32, T_I8};

    form_operands(r, s, types[rng_below(r, array_len(types))]);
    for (unsigned i = 4; i < 15; i++) {
        s->x[i] = form_random_lane(r, 64);
    }
    s->x[15] = RIG_BASE + 2048;
    rng_bytes(r, s->memory, 4096);
    rng_bytes(r, s->env, sizeof(s->env));
    s->env[3] = rng_below(r, 3) == 0 ? rng_below(r, 2 * RIG_BASE) : RIG_BASE - rng_below(r, 4096);
}

#endif
