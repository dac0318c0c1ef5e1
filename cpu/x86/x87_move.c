/* SPDX-License-Identifier: MIT */
/*
 * x87 loads, stores, moves and control. Intel SDM, volume 1, 8.1, 8.3.3 and 8.6 (waiting); volume
 * 2: FBLD, FBSTP, FCMOVcc, FDECSTP, FFREE, FILD, FINCSTP, FIST, FISTTP, FLD and constants, FLDCW,
 * FLDENV, FNCLEX, FNINIT, FNSAVE, FNSTCW, FNSTENV, FNSTSW, FRSTOR, FST, FXCH, WAIT. The place and
 * operand of the last instruction are not recorded: they are 0, or what was loaded.
 */
#include "cpu/x86/x87.h"

#include <stddef.h>
#include <string.h>

/* ---- loads: the value comes from memory, 80 bits in two parts */

/* Volume 2, FLD1 and its like: the numbers with 3 bits more, so that they can be rounded. */
static fp_bits constant(const struct x86_fpu *f, unsigned n)
{
    static const struct {
        uint64_t low;  /* of the significand, cut */
        uint16_t high; /* exponent */
        bool up;       /* nearest is one more */
    } k[] = {{UINT64_C(1) << 63, 0x3fff, false},
             {UINT64_C(0xd49a784bcd1b8afe), 0x4000, false},
             {UINT64_C(0xb8aa3b295c17f0bb), 0x3fff, true},
             {UINT64_C(0xc90fdaa22168c234), 0x4000, true},
             {UINT64_C(0x9a209a84fbcff798), 0x3ffd, true},
             {UINT64_C(0xb17217f7d1cf79ab), 0x3ffe, true},
             {0, 0, false}};
    const unsigned rounding = x87_env(f).rounding;
    const bool exact = n == 0 || n == 6;
    const bool up = !exact && (rounding == FP_RUP || (rounding == FP_RNE && k[n].up));
    return (fp_bits)k[n].high << 64 | (k[n].low + up);
}

static fp_bits from_decimal(uint64_t low, uint64_t high, struct fp_env *env)
{
    uint64_t v = 0;
    for (unsigned k = 0; k < 18; k++) {
        const unsigned n = 17 - k;
        v = v * 10 + (n < 16 ? low >> 4 * n & 15 : high >> 4 * (n - 16) & 15);
    }
    return fp_from_fixed(X87, v, (struct fp_fixed){64, 0, false}, env) | (fp_bits)(high >> 15 & 1)
                                                                             << 79;
}

static fp_bits loaded(struct x86_fpu *f, uint64_t x, uint64_t high, uint32_t aux,
                      struct fp_env *env)
{
    const unsigned kind = aux & S80_KIND;
    switch (kind) {
    case S80_K_F32:
        return f32_to_f80((uint32_t)x, env);
    case S80_K_F64:
        return f64_to_f80(x, env);
    case S80_K_F80:
        return (fp_bits)(uint16_t)high << 64 | x;
    case S80_K_BCD:
        return from_decimal(x, high, env);
    case S80_K_REGISTER:
        return x87_get(f, aux >> S80_KIND_REG_SHIFT);
    case S80_K_CONSTANT:
        return constant(f, aux >> S80_KIND_REG_SHIFT);
    default: {
        const uint8_t width = kind == S80_K_I16 ? 16 : kind == S80_K_I32 ? 32 : 64;
        return fp_from_fixed(X87, x, (struct fp_fixed){width, 0, true}, env);
    }
    }
}

static uint64_t do_load(struct vcpu *v, uint64_t x, uint64_t high, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    struct x86_fpu *f = &c->fpu;
    (void)z;
    aux &= S80_OPERATION;
    const bool no_source = (aux & S80_KIND) == S80_K_REGISTER &&
                           x87_is_empty(f, aux >> S80_KIND_REG_SHIFT);
    if (!x87_begin(c)) {
        return 0;
    }
    x87_set_c1(f, false);
    if (!x87_is_empty(f, 7) || no_source) {
        if (x87_stack_fault(f, !no_source)) {
            x87_push(f, x87_indefinite());
        }
        return 0;
    }
    struct fp_env env = x87_env(f);
    env.x87_precision = 0;
    const fp_bits r = loaded(f, x, high, aux, &env);
    /* A denormal number is loaded even if that is not masked. */
    if (x87_raise(f, env.flags) || !(env.flags & FP_INVALID)) {
        x87_push(f, r);
    }
    return 0;
}
X87_STACK_CALL(load, S80_LOAD);

static void emit_load(struct x86_block *c, ir_val x, ir_val high, uint32_t aux)
{
    x87_stack_call(c, T_VOID, &row_load, (const ir_val[]){x, high}, aux);
}

/* Ten bytes in two loads. */
static void load_ten(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                     unsigned kind)
{
    struct ir_builder *b = c->b;
    const ir_val at = x86_offset(c, i, o);
    const ir_val low = x86_load(c, o->seg, at, 8, i->as);
    const ir_val behind = ir_add(b, at, ir_konst(b, T_I64, 8));
    const ir_val high = x86_load(c, o->seg, behind, 2, i->as);
    emit_load(c, low, ir_zext(b, T_I64, high), kind);
}

static void load_memory(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                        const uint8_t kinds[3])
{
    if (!x86_x87_begin(c)) {
        return;
    }
    if (o->bytes == 10) {
        load_ten(c, i, o, S80_K_F80);
    } else {
        emit_load(c, ir_zext(c->b, T_I64, x86_read(c, i, o)), IR_NONE,
                  kinds[log2_floor(o->bytes) - 1]);
    }
}

void x86_fld(struct x86_block *c, const struct x86_instr *i, const struct x86_fld *a)
{
    if (a->src.kind == X86_MEMORY) {
        load_memory(c, i, &a->src, (const uint8_t[]){S80_K_F32, S80_K_F32, S80_K_F64});
    } else if (x86_x87_begin(c)) {
        emit_load(c, IR_NONE, IR_NONE, S80_K_REGISTER | (uint32_t)a->src.reg << S80_KIND_REG_SHIFT);
    }
}

void x86_fild(struct x86_block *c, const struct x86_instr *i, const struct x86_fild *a)
{
    load_memory(c, i, &a->src, (const uint8_t[]){S80_K_I16, S80_K_I32, S80_K_I64});
}

void x86_fbld(struct x86_block *c, const struct x86_instr *i, const struct x86_fbld *a)
{
    if (x86_x87_begin(c)) {
        load_ten(c, i, &a->src, S80_K_BCD);
    }
}

#define CONSTANT(name, n)                                                                          \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)i, (void)a;                                                                          \
        if (x86_x87_begin(c)) {                                                                    \
            emit_load(c, IR_NONE, IR_NONE, S80_K_CONSTANT | (n) << S80_KIND_REG_SHIFT);            \
        }                                                                                          \
    }
CONSTANT(fld1, 0u)
CONSTANT(fldl2t, 1u)
CONSTANT(fldl2e, 2u)
CONSTANT(fldpi, 3u)
CONSTANT(fldlg2, 4u)
CONSTANT(fldln2, 5u)
CONSTANT(fldz, 6u)
#undef CONSTANT

/* ---- stores to memory: the function does them, since an exception that is not masked leaves
 * memory alone, and a page fault the unit */

static fp_bits to_f32(fp_bits a, fp_bits b, struct fp_env *e)
{
    (void)b;
    return f80_to_f32(a, e);
}

static fp_bits to_f64(fp_bits a, fp_bits b, struct fp_env *e)
{
    (void)b;
    return f80_to_f64(a, e);
}

static fp_bits to_integer(fp_bits a, unsigned width, struct fp_env *e)
{
    return fp_to_fixed(X87, a, (struct fp_fixed){(uint8_t)width, 0, true}, e->rounding, e);
}

static fp_bits to_i16(fp_bits a, fp_bits b, struct fp_env *e)
{
    (void)b;
    return to_integer(a, 16, e);
}

static fp_bits to_i32(fp_bits a, fp_bits b, struct fp_env *e)
{
    (void)b;
    return to_integer(a, 32, e);
}

static fp_bits to_i64(fp_bits a, fp_bits b, struct fp_env *e)
{
    (void)b;
    return to_integer(a, 64, e);
}

/* Packed decimal: volume 1, 4.7; the indefinite one has all ones and C0. */
static fp_bits to_decimal(fp_bits a, fp_bits b, struct fp_env *e)
{
    const fp_bits indefinite = (fp_bits)0xffff << 64 | UINT64_C(0xc000000000000000);
    struct fp_env mine = *e;
    int64_t v = (int64_t)to_integer(a, 64, &mine);
    const bool minus = a >> 79;
    uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;
    fp_bits r = 0;
    (void)b;
    if ((mine.flags & FP_INVALID) || rest > UINT64_C(999999999999999999)) {
        e->flags |= FP_INVALID;
        return indefinite;
    }
    e->flags |= mine.flags;
    for (unsigned k = 0; k < 18; k++, rest /= 10) {
        r |= (fp_bits)(rest % 10) << 4 * k;
    }
    return r | (fp_bits)minus << 79;
}

static const struct {
    x87_fn fn;
    uint8_t bytes;
    uint64_t indefinite;
} stores[] = {
    [S80_K_F32] = {to_f32, 4, 0xffc00000},
    [S80_K_F64] = {to_f64, 8, UINT64_C(0xfff8000000000000)},
    [S80_K_F80] = {NULL, 10, UINT64_C(0xc000000000000000)},
    [S80_K_I16] = {to_i16, 2, 0x8000},
    [S80_K_I32] = {to_i32, 4, 0x80000000},
    [S80_K_I64] = {to_i64, 8, UINT64_C(1) << 63},
    [S80_K_BCD] = {to_decimal, 10, UINT64_C(0xc000000000000000)},
};

static bool write(struct x86_cpu *c, uint64_t at, fp_bits r, uint32_t aux)
{
    struct vcpu *v = &c->vcpu;
    const unsigned bytes = stores[aux & S80_KIND].bytes;
    const memop m = MO_IDX(v->cls->mmu_index(v)) | (aux & S80_ALIGN ? MO_ALIGN : 0);
    if (bytes < 10) {
        return vcpu_store(v, at, log2_floor(bytes) | m, (uint64_t)r);
    }
    const uint64_t behind = x86_is_long(c) ? at + 8 : (at + 8) & 0xffffffff;
    return vcpu_probe(v, at, MO_64 | m, ACCESS_WRITE) &&
           vcpu_store(v, behind, MO_16 | m, (uint64_t)(r >> 64)) &&
           vcpu_store(v, at, MO_64 | m, (uint64_t)r);
}

/* Whether it could be written, where it is not. */
static bool may_write(struct x86_cpu *c, uint64_t at, uint32_t aux)
{
    struct vcpu *v = &c->vcpu;
    const memop m = MO_IDX(v->cls->mmu_index(v)) | (aux & S80_ALIGN ? MO_ALIGN : 0);
    const unsigned bytes = stores[aux & S80_KIND].bytes;
    return vcpu_probe(v, at, (bytes == 10 ? MO_64 : log2_floor(bytes)) | m, ACCESS_WRITE) &&
           (bytes < 10 || vcpu_probe(v, at + 8, MO_16 | m, ACCESS_WRITE));
}

static uint64_t do_store(struct vcpu *v, uint64_t at, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    struct x86_fpu *f = &c->fpu, before = c->fpu;
    const unsigned kind = aux & S80_KIND;
    const fp_bits operands[2] = {x87_get(f, 0), 0};
    (void)y, (void)z;
    if (!x87_begin(c)) {
        return 0;
    }
    fp_bits r = stores[kind].indefinite | (stores[kind].bytes == 10 ? (fp_bits)0xffff << 64 : 0);
    x87_set_c1(f, false);
    bool good;
    if (x87_is_empty(f, 0)) {
        good = x87_stack_fault(f, false);
    } else {
        struct fp_env env = x87_env(f);
        env.x87_precision = 0;
        env.rounding = aux & S80_CUT ? FP_RTZ : env.rounding;
        r = stores[kind].fn ? x87_compute(f, stores[kind].fn, operands, &env) : operands[0];
        good = x87_raise(f, env.flags) &&
               !(f->status & ~f->control & 0x18 & ~before.status); /* overflow, underflow */
    }
    if (good ? !write(c, at, r, aux) : !may_write(c, at, aux)) {
        *f = before;
    } else if (good && (aux & S80_POP)) {
        x87_pop(f);
    }
    return 0;
}
X87_STACK_CALL(store, S80_STORE);

static void store_memory(struct x86_block *c, const struct x86_instr *i,
                         const struct x86_operand *o, uint32_t aux)
{
    if (x86_x87_begin(c)) {
        const ir_val at = x86_linear(c, o->seg, x86_offset(c, i, o), o->bytes, true, i->as);
        x87_stack_call(c, T_VOID, &row_store, (const ir_val[]){at, IR_NONE},
                       aux | (c->key & X86_KEY_ALIGN ? S80_ALIGN : 0));
    }
}

static unsigned float_kind(const struct x86_operand *o)
{
    return o->bytes == 4 ? S80_K_F32 : o->bytes == 8 ? S80_K_F64 : S80_K_F80;
}

static unsigned integer_kind(const struct x86_operand *o)
{
    return o->bytes == 2 ? S80_K_I16 : o->bytes == 4 ? S80_K_I32 : S80_K_I64;
}

#define STORE(name, kind, how)                                                                     \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        store_memory(c, i, &a->dst, (kind) | (how));                                               \
    }
STORE(fist, integer_kind(&a->dst), 0)
STORE(fistp, integer_kind(&a->dst), S80_POP)
STORE(fisttp, integer_kind(&a->dst), S80_POP | S80_CUT)
STORE(fbstp, S80_K_BCD, S80_POP)
#undef STORE

/* ---- registers */

static void copy_top(struct x86_fpu *f, unsigned n, bool pops)
{
    if (x87_is_empty(f, 0)) {
        if (!x87_stack_fault(f, false)) {
            return;
        }
        x87_put(f, n, x87_indefinite());
    } else {
        x87_put(f, n, x87_get(f, 0));
    }
    if (pops) {
        x87_pop(f);
    }
}

static void exchange(struct x86_fpu *f, unsigned n)
{
    const unsigned both[2] = {0, n};
    if (x87_is_empty(f, 0) || x87_is_empty(f, n)) {
        if (!x87_stack_fault(f, false)) {
            return;
        }
        for (unsigned k = 0; k < 2; k++) {
            if (x87_is_empty(f, both[k])) {
                x87_put(f, both[k], x87_indefinite());
            }
        }
    }
    const fp_bits x = x87_get(f, 0);
    x87_put(f, 0, x87_get(f, n));
    x87_put(f, n, x);
}

static void move_if(struct x86_fpu *f, unsigned n, bool condition)
{
    if (x87_is_empty(f, 0) || x87_is_empty(f, n)) {
        if (x87_stack_fault(f, false)) {
            x87_put(f, 0, x87_indefinite());
        }
    } else if (condition) {
        x87_put(f, 0, x87_get(f, n));
    }
}

static uint64_t do_move(struct vcpu *v, uint64_t condition, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    struct x86_fpu *f = &c->fpu;
    const unsigned n = (aux & S80_OPERATION) >> S80_MOVE_REG_SHIFT, op = aux & 15;
    (void)y, (void)z;
    if (!x87_begin(c)) {
        return 0;
    }
    if (op != S80_MOVE_NOTHING && op != S80_MOVE_CMOV) {
        x87_set_c1(f, false);
    }
    switch (op) {
    case S80_MOVE_ST:
    case S80_MOVE_STP:
        copy_top(f, n, op == S80_MOVE_STP);
        break;
    case S80_MOVE_STP_UNCHECKED:
        if (!x87_is_empty(f, 0)) {
            x87_put(f, n, x87_get(f, 0));
        }
        x87_pop(f);
        break;
    case S80_MOVE_XCH:
        exchange(f, n);
        break;
    case S80_MOVE_FREE:
    case S80_MOVE_FREEP:
        f->used &= (uint8_t) ~(1u << x87_reg(f, n));
        if (op == S80_MOVE_FREEP) {
            x87_pop(f);
        }
        break;
    case S80_MOVE_CMOV:
        move_if(f, n, condition);
        break;
    case S80_MOVE_INC:
    case S80_MOVE_DEC:
        f->top = (f->top + (op == S80_MOVE_INC ? 1 : 7)) & 7;
        break;
    default:
        break;
    }
    return 0;
}
X87_STACK_CALL(move, S80_MOVE);

static void move(struct x86_block *c, unsigned op, unsigned reg, ir_val condition)
{
    if (x86_x87_begin(c)) {
        x87_stack_call(c, T_VOID, &row_move, (const ir_val[]){condition, IR_NONE},
                       op | reg << S80_MOVE_REG_SHIFT);
    }
}

void x86_fst(struct x86_block *c, const struct x86_instr *i, const struct x86_fst *a)
{
    if (a->dst.kind == X86_MEMORY) {
        store_memory(c, i, &a->dst, float_kind(&a->dst));
    } else {
        move(c, S80_MOVE_ST, a->dst.reg, IR_NONE);
    }
}

void x86_fstp(struct x86_block *c, const struct x86_instr *i, const struct x86_fstp *a)
{
    if (a->dst.kind == X86_MEMORY) {
        store_memory(c, i, &a->dst, float_kind(&a->dst) | S80_POP);
    } else {
        move(c, i->row == X86_ROW_fstp_d9 ? S80_MOVE_STP_UNCHECKED : S80_MOVE_STP, a->dst.reg,
             IR_NONE);
    }
}

#define MOVE(name, op, reg)                                                                        \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)i, (void)a;                                                                          \
        move(c, op, reg, IR_NONE);                                                                 \
    }
MOVE(fxch, S80_MOVE_XCH, a->dst.reg)
MOVE(ffree, S80_MOVE_FREE, a->dst.reg)
MOVE(ffreep, S80_MOVE_FREEP, a->dst.reg)
MOVE(fincstp, S80_MOVE_INC, 0)
MOVE(fdecstp, S80_MOVE_DEC, 0)
MOVE(fnop, S80_MOVE_NOTHING, 0)
#undef MOVE

#define CMOV(name, cond)                                                                           \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)i;                                                                                   \
        move(c, S80_MOVE_CMOV, a->src.reg,                                                         \
             ir_zext(c->b, T_I64, ir_flags_test(c->b, cond, x86_flags(c))));                       \
    }
CMOV(fcmovb, IR_ULT)
CMOV(fcmove, IR_EQ)
CMOV(fcmovbe, IR_ULE)
CMOV(fcmovu, IR_PE)
CMOV(fcmovnb, IR_UGE)
CMOV(fcmovne, IR_NE)
CMOV(fcmovnbe, IR_UGT)
CMOV(fcmovnu, IR_PO)
#undef CMOV

/* ---- control */

static uint64_t do_wait(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)x, (void)y, (void)z, (void)aux;
    if ((c->cr0 & (X86_CR0_MP | X86_CR0_TS)) == (X86_CR0_MP | X86_CR0_TS)) {
        x86_raise(c, X86_NM);
    } else {
        x87_begin(c);
    }
    return 0;
}
X87_CALL(wait);

void x86_fwait(struct x86_block *c, const struct x86_instr *i, const struct x86_fwait *a)
{
    (void)i, (void)a;
    ir_call(c->b, T_VOID, &row_wait, IR_NONE, IR_NONE, IR_NONE, 0);
}

static uint64_t do_set_control_word(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z,
                                    uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)y, (void)z, (void)aux;
    if (x87_begin(c)) {
        x86_fpu_set_control(&c->fpu, (uint16_t)x);
    }
    return 0;
}
X87_CALL(set_control_word);

void x86_fldcw(struct x86_block *c, const struct x86_instr *i, const struct x86_fldcw *a)
{
    if (x86_x87_begin(c)) {
        ir_call(c->b, T_VOID, &row_set_control_word, ir_zext(c->b, T_I64, x86_read(c, i, &a->dst)),
                IR_NONE, IR_NONE, 0);
    }
}

void x86_fnstcw(struct x86_block *c, const struct x86_instr *i, const struct x86_fnstcw *a)
{
    if (x86_x87_available(c)) {
        x86_write(c, i, &a->dst, ir_env_load(c->b, T_I16, offsetof(struct x86_cpu, fpu.control)));
    }
}

void x86_fnstsw(struct x86_block *c, const struct x86_instr *i, const struct x86_fnstsw *a)
{
    struct ir_builder *b = c->b;
    if (x86_x87_available(c)) {
        const ir_val top = ir_zext(b, T_I32,
                                   ir_env_load(b, T_I8, offsetof(struct x86_cpu, fpu.top)));
        const ir_val rest = ir_zext(b, T_I32,
                                    ir_env_load(b, T_I16, offsetof(struct x86_cpu, fpu.status)));
        const ir_val word = ir_or(b, rest, ir_shl(b, top, ir_konst(b, T_I32, 11)));
        x86_write_as(c, i, &a->dst, 2, ir_trunc(b, T_I16, word));
    }
}

enum {
    W_INIT,
    W_CLEAR
};

static uint64_t do_reset(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t what)
{
    struct x86_fpu *f = &x86_cpu(v)->fpu;
    (void)x, (void)y, (void)z;
    if (what == W_INIT) {
        x86_fpu_init(f);
    } else {
        f->status &= (uint16_t) ~(X86_FSW_FLAGS | X86_FSW_SF | X86_FSW_ES | X86_FSW_B);
    }
    return 0;
}
X87_CALL(reset);

void x86_fninit(struct x86_block *c, const struct x86_instr *i, const struct x86_fninit *a)
{
    (void)i, (void)a;
    if (x86_x87_available(c)) {
        ir_call(c->b, T_VOID, &row_reset, IR_NONE, IR_NONE, IR_NONE, W_INIT);
    }
}

void x86_fnclex(struct x86_block *c, const struct x86_instr *i, const struct x86_fnclex *a)
{
    (void)i, (void)a;
    if (x86_x87_available(c)) {
        ir_call(c->b, T_VOID, &row_reset, IR_NONE, IR_NONE, IR_NONE, W_CLEAR);
    }
}

#define NOTHING(name)                                                                              \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)i, (void)a;                                                                          \
        x86_x87_available(c);                                                                      \
    }
NOTHING(fneni)
NOTHING(fndisi)
NOTHING(fnsetpm)
#undef NOTHING

/* ---- the environment, and all registers: volume 1, figures 8-9 to 8-12 */

#define E_ALL 1u /* registers, too */
#define E_WIDE 2u
#define E_REAL 4u /* real-address and virtual-8086 mode */

static unsigned words_bytes(uint32_t aux)
{
    return aux & E_WIDE ? 28 : 14;
}

static void put_environment(const struct x86_fpu *f, uint8_t *p, uint32_t aux)
{
    const uint16_t words[3] = {f->control, x86_fpu_status(f), x86_fpu_tags(f)};
    for (unsigned k = 0; k < 3 && !(aux & E_WIDE); k++) {
        store_le16(p + 2 * k, words[k]);
    }
    for (unsigned k = 0; k < 3 && (aux & E_WIDE); k++) {
        store_le32(p + 4 * k, words[k] | 0xffff0000);
    }
    if (aux & E_WIDE) {
        store_le32(p + 12, (uint32_t)f->ip);
        store_le32(p + 16, f->code | (uint32_t)f->opcode << 16);
        store_le32(p + 20, (uint32_t)f->dp);
        store_le32(p + 24, f->data | (aux & E_REAL ? 0 : 0xffff0000));
    } else {
        store_le16(p + 6, (uint16_t)f->ip);
        store_le16(p + 8, f->code);
        store_le16(p + 10, (uint16_t)f->dp);
        store_le16(p + 12, f->data);
    }
}

static void take_environment(struct x86_fpu *f, const uint8_t *p, uint32_t aux)
{
    const unsigned size = aux & E_WIDE ? 4 : 2;
    x86_fpu_set_control(f, load_le16(p));
    x86_fpu_set_status(f, load_le16(p + size));
    x86_fpu_set_tags(f, load_le16(p + 2 * size));
    if (aux & E_WIDE) {
        f->ip = load_le32(p + 12);
        f->code = load_le16(p + 16);
        f->opcode = load_le16(p + 18) & 0x7ff;
        f->dp = load_le32(p + 20);
        f->data = load_le16(p + 24);
    } else {
        f->ip = load_le16(p + 6);
        f->code = load_le16(p + 8);
        f->opcode = 0;
        f->dp = load_le16(p + 10);
        f->data = load_le16(p + 12);
    }
}

static uint64_t do_save(struct vcpu *v, uint64_t at, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    struct x86_fpu *f = &c->fpu;
    uint8_t p[108];
    const unsigned bytes = words_bytes(aux);
    (void)y, (void)z;
    put_environment(f, p, aux);
    for (unsigned k = 0; k < 8; k++) {
        const fp_bits r = x87_get(f, k);
        store_le64(p + bytes + 10 * k, (uint64_t)r);
        store_le16(p + bytes + 10 * k + 8, (uint16_t)(r >> 64));
    }
    if (x86_copy_out(c, at, p, bytes + (aux & E_ALL ? 80 : 0))) {
        if (aux & E_ALL) {
            x86_fpu_init(f);
        } else {
            f->control |= X86_FSW_FLAGS; /* all exceptions are masked */
            x86_fpu_settle(f);
        }
    }
    return 0;
}
X87_CALL(save);

static uint64_t do_restore(struct vcpu *v, uint64_t at, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    struct x86_fpu *f = &c->fpu;
    uint8_t p[108];
    const unsigned bytes = words_bytes(aux);
    (void)y, (void)z;
    if (!x87_begin(c) || !x86_copy_in(c, p, at, bytes + (aux & E_ALL ? 80 : 0))) {
        return 0;
    }
    take_environment(f, p, aux);
    for (unsigned k = 0; k < 8 && (aux & E_ALL); k++) {
        struct x86_st *st = &f->st[x87_reg(f, k)];
        st->low = load_le64(p + bytes + 10 * k);
        st->high = load_le16(p + bytes + 10 * k + 8);
    }
    return 0;
}
X87_CALL(restore);

static void environment(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                        const struct ir_call *row, uint32_t aux)
{
    if (row == &row_save ? x86_x87_available(c) : x86_x87_begin(c)) {
        aux |= i->os == 2 ? 0 : E_WIDE;
        aux |= c->key & X86_KEY_PROTECTED ? 0 : E_REAL;
        const unsigned bytes = words_bytes(aux) + (aux & E_ALL ? 80 : 0);
        const ir_val at = x86_linear(c, o->seg, x86_offset(c, i, o), bytes, row == &row_save,
                                     i->as);
        ir_call(c->b, T_VOID, row, at, IR_NONE, IR_NONE, aux);
    }
}

void x86_fnstenv(struct x86_block *c, const struct x86_instr *i, const struct x86_fnstenv *a)
{
    environment(c, i, &a->dst, &row_save, 0);
}

void x86_fnsave(struct x86_block *c, const struct x86_instr *i, const struct x86_fnsave *a)
{
    environment(c, i, &a->dst, &row_save, E_ALL);
}

void x86_fldenv(struct x86_block *c, const struct x86_instr *i, const struct x86_fldenv *a)
{
    environment(c, i, &a->dst, &row_restore, 0);
}

void x86_frstor(struct x86_block *c, const struct x86_instr *i, const struct x86_frstor *a)
{
    environment(c, i, &a->dst, &row_restore, E_ALL);
}
