/* SPDX-License-Identifier: MIT */
/*
 * Operands of MMX and SSE instructions, and whether they may be executed. Intel SDM, volume 1, 9.2,
 * 11.5 and 12.8; volume 2, 2.4 (exceptions by class); volume 3, 13.1.
 */
#include "cpu/x86/sse.h"

#include <stddef.h>

#include "base/softfloat.h"
#include "cpu/x86/fpu.h"
#include "cpu/x86/x87.h"

static bool uses_mmx(const struct x86_instr *i)
{
    for (unsigned k = 0; k < i->ops; k++) {
        if (x86_is_mmx(&i->op[k])) {
            return true;
        }
    }
    return false;
}

static bool uses_sse(const struct x86_instr *i)
{
    for (unsigned k = 0; k < i->ops; k++) {
        if (i->op[k].kind == X86_REGISTER && i->op[k].file == X86_VECTOR) {
            return true;
        }
    }
    return false;
}

/* Volume 2, 2.4: AVX does not look at CR0.EM and CR4.OSFXSR. */
static bool avx_begin(struct x86_block *c)
{
    if (!(c->key & X86_KEY_AVX)) {
        x86_undefined(c);
        return false;
    }
    return !x86_task_switched(c);
}

bool x86_sse_begin(struct x86_block *c, const struct x86_instr *i)
{
    if (i->vex) {
        return avx_begin(c);
    }
    const bool mmx = uses_mmx(i), sse = uses_sse(i) || !mmx;
    if ((c->key & X86_KEY_EM) || (sse && (c->key & X86_KEY_NO_SSE))) {
        x86_undefined(c);
        return false;
    }
    if (x86_task_switched(c)) {
        return false;
    }
    if (mmx) {
        x86_x87_check(c);
    }
    return true;
}

#define TOP_USED offsetof(struct x86_cpu, fpu.top)
_Static_assert(offsetof(struct x86_fpu, used) == offsetof(struct x86_fpu, top) + 1,
               "both are written at once");

void x86_mmx_enter(struct x86_block *c)
{
    ir_env_store(c->b, TOP_USED, ir_konst(c->b, T_I16, 0xff00));
}

static uint32_t mmx_field(unsigned reg)
{
    return (uint32_t)(offsetof(struct x86_cpu, fpu.st) + reg * sizeof(struct x86_st));
}

/* ---- operands */

ir_val x86_xmm(struct x86_block *c, unsigned reg)
{
    return ir_vpart(c->b, ir_get(c->b, X86_REG_YMM + reg), 0);
}

/* Upper halves may be used from here on, or are all 0. */
static void use_upper(struct x86_block *c, bool used)
{
    if (c->marked != used) {
        ir_env_store(c->b, offsetof(struct x86_cpu, upper_used), ir_konst(c->b, T_I8, used));
    }
    c->marked = used;
    c->upper = used || c->cpl != 3;
    c->b->local = c->upper && c->cpl == 3 ? X86_LOCAL_UPPER : 0;
}

/* Legacy code keeps upper halves, VEX code clears them. */
void x86_put_xmm(struct x86_block *c, unsigned reg, ir_val v)
{
    struct ir_builder *b = c->b;
    const unsigned row = X86_REG_YMM + reg;
    ir_put(b, row,
           c->upper && !c->vex ? ir_vwith(b, ir_get(b, row), 0, v) : ir_vwiden(b, T_V256, v));
}

void x86_vzeroupper(struct x86_block *c, const struct x86_instr *i, const struct x86_vzeroupper *a)
{
    (void)a;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    for (unsigned k = 0; c->upper && k < (c->mode == 8 ? 16 : 8); k++) {
        x86_put_xmm(c, k, x86_xmm(c, k));
    }
    /* In compatibility mode eight are out of reach. */
    if (c->mode == 8 || !(c->key & X86_KEY_LONG)) {
        use_upper(c, false);
    }
}

void x86_vzeroall(struct x86_block *c, const struct x86_instr *i, const struct x86_vzeroall *a)
{
    (void)a;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    for (unsigned k = 0; k < (c->mode == 8 ? 16 : 8); k++) {
        x86_put_xmm(c, k, ir_vkonst(c->b, 0));
    }
    if (c->mode == 8 || !(c->key & X86_KEY_LONG)) {
        use_upper(c, false);
    }
}

/* Processors look at alignment before the limit, of which the exception may be another one: #SS. */
static void check_alignment(struct x86_block *c, const struct x86_instr *i,
                            const struct x86_operand *o)
{
    struct ir_builder *b = c->b;
    if (c->mode != 8 && o->seg == X86_SS && (c->key >> (X86_KEY_LIMIT_SHIFT + X86_SS) & 1)) {
        const ir_val base = ir_env_load(b, T_I64, offsetof(struct x86_cpu, seg[X86_SS].base));
        const ir_val at = ir_add(b, x86_offset(c, i, o), base);
        x86_raise_if(c, ir_tst(b, IR_NE, at, ir_konst(b, T_I64, o->bytes - 1u)), X86_GP);
    }
}

static ir_val read_vector(struct x86_block *c, const struct x86_instr *i,
                          const struct x86_operand *o, memop more)
{
    struct ir_builder *b = c->b;
    if (o->kind == X86_MEMORY && o->bytes >= 16) {
        if (more & MO_ALIGN) {
            check_alignment(c, i, o);
        }
        return x86_read_memory(c, i, o, o->bytes, o->bytes == 32 ? T_V256 : T_V128, more);
    }
    if (o->kind == X86_MEMORY || o->file == X86_GPR) {
        return ir_vzext(b, x86_read(c, i, o));
    }
    if (o->file == X86_MMX) {
        return ir_vzext(b, ir_env_load(b, T_I64, mmx_field(o->reg)));
    }
    return o->bytes == 32 ? ir_get(b, X86_REG_YMM + o->reg) : x86_xmm(c, o->reg);
}

ir_val x86_vector(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o)
{
    return read_vector(c, i, o, i->vex ? 0 : MO_ALIGN);
}

ir_val x86_vector_aligned(struct x86_block *c, const struct x86_instr *i,
                          const struct x86_operand *o)
{
    return read_vector(c, i, o, MO_ALIGN);
}

ir_val x86_vector_unaligned(struct x86_block *c, const struct x86_instr *i,
                            const struct x86_operand *o)
{
    return read_vector(c, i, o, 0);
}

void x86_put_vector(struct x86_block *c, const struct x86_operand *o, ir_val v)
{
    struct ir_builder *b = c->b;
    if (o->file == X86_MMX) {
        x86_mmx_enter(c);
        ir_env_store(b, mmx_field(o->reg), ir_vget(b, T_I64, v, 0));
        ir_env_store(b, mmx_field(o->reg) + (uint32_t)offsetof(struct x86_st, high),
                     ir_konst(b, T_I16, 0xffff));
    } else if (ir_is_wide(ir_type_of(b, v))) {
        use_upper(c, true);
        ir_put(b, X86_REG_YMM + o->reg, v);
    } else {
        x86_put_xmm(c, o->reg, v);
    }
}

void x86_store_vector(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                      ir_val v, memop more)
{
    if (o->bytes >= 16) {
        if (more & MO_ALIGN) {
            check_alignment(c, i, o);
        }
        x86_write_memory(c, i, o, o->bytes, more, v);
    } else {
        x86_write_memory(c, i, o, o->bytes, 0, ir_vget(c->b, x86_type_of(o->bytes), v, 0));
    }
}

/* ---- vectors */

ir_val x86_part(struct x86_block *c, ir_val v, unsigned n)
{
    return ir_is_wide(ir_type_of(c->b, v)) ? ir_vpart(c->b, v, n) : v;
}

ir_val x86_join(struct x86_block *c, ir_val low, ir_val high)
{
    return ir_vwith(c->b, ir_vwiden(c->b, T_V256, low), 1, high);
}

ir_val x86_vkonst(struct x86_block *c, ir_type t, uint64_t k)
{
    return ir_emit(
        c->b, (struct ir_insn){.op = IR_vkonst, .type = ir_is_wide(t) ? T_V256 : T_V128, .imm = k});
}

ir_val x86_konst_halves(struct x86_block *c, const struct x86_instr *i, const uint64_t half[4])
{
    const ir_val low = ir_vkonst_halves(c->b, half[0], half[1]);
    return i->l ? x86_join(c, low, ir_vkonst_halves(c->b, half[2], half[3])) : low;
}

ir_val x86_two_halves(struct x86_block *c, struct x86_half low, struct x86_half high)
{
    struct ir_builder *b = c->b;
    switch (low.half + 2 * high.half) {
    case 0:
        return ir_vjoin(b, low.v, high.v);
    case 1:
        return ir_v2(b, IR_vext, T_I8X16, low.v, high.v, 8);
    case 2:
        return ir_vset(b, T_F64X2, high.v, 0, ir_vget(b, T_F64, low.v, 0));
    default:
        return x86_v2(c, IR_vzip2, T_I64X2, low.v, high.v);
    }
}

void x86_by_parts(struct x86_block *c, const struct x86_instr *i, x86_parts f)
{
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
    ir_val r[2] = {IR_NONE, IR_NONE};
    for (unsigned n = 0; n <= i->l; n++) {
        r[n] = f(c, i, (const ir_val[]){x86_part(c, x, n), x86_part(c, y, n)}, n);
    }
    x86_put_vector(c, &i->op[0], i->l ? x86_join(c, r[0], r[1]) : r[0]);
}

void x86_two_vectors(struct x86_block *c, const struct x86_instr *i, x86_binary f, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
        x86_put_vector(c, &i->op[0], f(c, x86_length(i, t), x, y));
    }
}

static void vector_op(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t,
                      unsigned aux)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
        x86_put_vector(c, &i->op[0], ir_v2(c->b, op, x86_length(i, t), x, y, aux));
    }
}

void x86_vector_op(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t)
{
    vector_op(c, i, op, t, 0);
}

void x86_compare_vectors(struct x86_block *c, const struct x86_instr *i, enum ir_cond cond,
                         ir_type t)
{
    vector_op(c, i, IR_vcmp, t, cond);
}

/* ---- floating point */

ir_val x86_scalar(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                  ir_type t)
{
    if (o->kind == X86_MEMORY) {
        return x86_read_memory(c, i, o, ir_type_bits(t) / 8, t, 0);
    }
    return ir_vget(c->b, t, x86_xmm(c, o->reg), 0);
}

ir_val x86_turn_signs(struct x86_block *c, ir_type t, ir_val x, unsigned first)
{
    struct ir_builder *b = c->b;
    const bool single = ir_lane_bits(t) == 32;
    const ir_type lanes = (ir_type)(t - ir_lane(t) + (single ? L_I32 : L_I64));
    const uint64_t infinity = single ? UINT64_C(0x7f8000007f800000) : UINT64_C(0x7ff0) << 48;
    const uint64_t magnitude = single ? UINT64_C(0x7fffffff7fffffff) : INT64_MAX;
    const uint64_t low = single ? UINT64_C(0x80000000) << 32 * first : (uint64_t)!first << 63;
    const uint64_t high = single ? low : (uint64_t)first << 63;
    const struct x86_instr length = {.l = ir_is_wide(t)};
    const ir_val signs = x86_konst_halves(c, &length, (const uint64_t[]){low, high, low, high});
    const ir_val all = x86_vkonst(c, lanes, magnitude), top = x86_vkonst(c, lanes, infinity);
    const ir_val nan = ir_v2(b, IR_vcmp, lanes, x86_v2(c, IR_and, lanes, x, all), top, IR_SGT);
    return x86_v2(c, IR_xor, lanes, x, x86_v2(c, IR_andn, lanes, signs, nan));
}

/* The flags so far are kept beside, so that those of this instruction are seen. */
static uint64_t do_fp_begin(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)x, (void)y, (void)z, (void)aux;
    c->mxcsr = x86_mxcsr(c);
    tcg_fp_set_flags(v, 0);
    return 0;
}
X86_CALL(fp_begin, IR_CALL_FULL);

/* Volume 1, 11.5.2: of an exception before the operation that is not masked no other flag is set.
 * PE beside an overflow or underflow that is not masked is what it is when they are masked. */
static void end_operation(struct x86_cpu *c, bool tiny)
{
    const uint32_t before = c->mxcsr; /* with the flags of what came before */
    c->mxcsr &= ~X86_MXCSR_FLAGS;
    uint32_t new_flags = x86_mxcsr(c) & X86_MXCSR_FLAGS;
    new_flags |= tiny && !(before & X86_MXCSR_UM) ? X86_MXCSR_UE : 0;
    const uint32_t unmasked = new_flags & ~(before >> 7);
    const uint32_t early = unmasked & 7; /* invalid, denormal, division by zero */
    const uint32_t kept = early ? new_flags & 7 : new_flags;
    x86_set_mxcsr(c, before | kept);
    if (unmasked) {
        x86_raise(c, c->cr4 & X86_CR4_OSXMMEXCPT ? X86_XM : X86_UD);
    }
}

static uint64_t do_fp_end(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    end_operation(x86_cpu(v), false);
    return 0;
}
X86_CALL(fp_end, IR_CALL_RAISES);

static bool has_tiny(const union ir_vec *v, unsigned lane)
{
    bool tiny = false;
    for (unsigned k = 0; k < 16 / lane; k++) {
        const uint64_t x = lane == 8 ? v->u64[k] : (uint64_t)v->u32[k] << 32;
        const uint64_t exponent = lane == 8 ? UINT64_C(0x7ff) << 52 : UINT64_C(0xff) << 55;
        tiny |= !(x & exponent) && x << 1;
    }
    return tiny;
}

/* Volume 1, 4.9.1.5: underflow that is not masked is an exception even if the result is exact. a,
 * b: the halves of it. */
static void do_fp_result(struct vcpu *v, union ir_vec *d, const union ir_vec *a,
                         const union ir_vec *b, const union ir_vec *c, uint32_t lane)
{
    (void)c;
    memset(d, 0, sizeof(*d));
    end_operation(x86_cpu(v), has_tiny(a, lane) || has_tiny(b, lane));
}
static const struct ir_call row_fp_result = {.name = "x86_fp_result",
                                             .fn = (void (*)(void))do_fp_result,
                                             .class = IR_CALL_RAISES,
                                             .vector = true};

void x86_fp_parts(struct x86_block *c, ir_val low, ir_val high, ir_type lane)
{
    if (c->key & X86_KEY_XM) {
        ir_call(c->b, T_V128, &row_fp_result, low, high, IR_NONE, ir_type_bits(lane) / 8);
    }
}

void x86_fp_result(struct x86_block *c, ir_val r)
{
    const ir_type t = ir_type_of(c->b, r);
    if (c->key & X86_KEY_XM) {
        const ir_val low = ir_type_bits(t) < 128 ? ir_vzext(c->b, r) : x86_part(c, r, 0);
        const ir_val high = ir_is_wide(t) ? x86_part(c, r, 1) : low;
        x86_fp_parts(c, low, high, (ir_type)ir_lane(t));
    }
}

void x86_fp_begin(struct x86_block *c)
{
    if (c->key & X86_KEY_XM) {
        ir_call(c->b, T_VOID, &row_fp_begin, IR_NONE, IR_NONE, IR_NONE, 0);
    }
}

void x86_fp_end(struct x86_block *c)
{
    if (c->key & X86_KEY_XM) {
        ir_call(c->b, T_VOID, &row_fp_end, IR_NONE, IR_NONE, IR_NONE, 0);
    }
}

void x86_fp1_packed(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t,
                    unsigned aux)
{
    if (x86_sse_begin(c, i)) {
        const ir_val y = x86_vector(c, i, &i->op[1]);
        x86_fp_begin(c);
        const ir_val r = ir_fp1(c->b, op, x86_length(i, t), y, aux, x86_fp(c));
        x86_fp_end(c);
        x86_put_vector(c, &i->op[0], r);
    }
}

void x86_fp1_scalar(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t,
                    unsigned aux)
{
    if (x86_sse_begin(c, i)) {
        const ir_val y = x86_scalar(c, i, x86_second(i), t);
        x86_fp_begin(c);
        const ir_val r = ir_fp1(c->b, op, t, y, aux, x86_fp(c));
        x86_fp_end(c);
        x86_put_low(c, i, r);
    }
}
