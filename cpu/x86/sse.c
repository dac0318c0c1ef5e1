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

bool x86_sse_begin(struct x86_block *c, const struct x86_instr *i)
{
    const bool mmx = uses_mmx(i), sse = uses_sse(i) || !mmx;
    if ((c->key & X86_KEY_EM) || (sse && (c->key & X86_KEY_NO_SSE))) {
        x86_undefined(c);
        return false;
    }
    if (c->key & X86_KEY_TS) {
        x86_raise_now(c, X86_NM);
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

/* Processors look at alignment before the limit, of which the exception may be another one: #SS. */
static void check_alignment(struct x86_block *c, const struct x86_instr *i,
                            const struct x86_operand *o)
{
    struct ir_builder *b = c->b;
    if (c->mode != 8 && o->seg == X86_SS && (c->key >> (X86_KEY_LIMIT_SHIFT + X86_SS) & 1)) {
        const ir_val base = ir_env_load(b, T_I64, offsetof(struct x86_cpu, seg[X86_SS].base));
        const ir_val at = ir_add(b, x86_offset(c, i, o), base);
        x86_raise_if(c, ir_tst(b, IR_NE, at, ir_konst(b, T_I64, 15)), X86_GP);
    }
}

static ir_val read_vector(struct x86_block *c, const struct x86_instr *i,
                          const struct x86_operand *o, memop more)
{
    struct ir_builder *b = c->b;
    if (o->kind == X86_MEMORY && o->bytes == 16) {
        if (more & MO_ALIGN) {
            check_alignment(c, i, o);
        }
        return x86_read_memory(c, i, o, 16, T_V128, more);
    }
    if (o->kind == X86_MEMORY || o->file == X86_GPR) {
        return ir_vzext(b, x86_read(c, i, o));
    }
    if (o->file == X86_MMX) {
        return ir_vzext(b, ir_env_load(b, T_I64, mmx_field(o->reg)));
    }
    return ir_get(b, X86_REG_XMM + o->reg);
}

ir_val x86_vector(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o)
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
    } else {
        ir_put(b, X86_REG_XMM + o->reg, v);
    }
}

void x86_store_vector(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                      ir_val v, memop more)
{
    if (o->bytes == 16) {
        if (more & MO_ALIGN) {
            check_alignment(c, i, o);
        }
        x86_write_memory(c, i, o, 16, more, v);
    } else {
        x86_write_memory(c, i, o, o->bytes, 0, ir_vget(c->b, x86_type_of(o->bytes), v, 0));
    }
}

/* ---- vectors */

void x86_two_vectors(struct x86_block *c, const struct x86_instr *i, x86_binary f, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
        x86_put_vector(c, &i->op[0], f(c, t, x, y));
    }
}

static void vector_op(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t,
                      unsigned aux)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
        x86_put_vector(c, &i->op[0], ir_v2(c->b, op, t, x, y, aux));
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
    return ir_vget(c->b, t, ir_get(c->b, X86_REG_XMM + o->reg), 0);
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
 */
static uint64_t do_fp_end(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint32_t before = c->mxcsr; /* with the flags of what came before */
    (void)x, (void)y, (void)z, (void)aux;
    c->mxcsr &= ~X86_MXCSR_FLAGS;
    const uint32_t new_flags = x86_mxcsr(c) & X86_MXCSR_FLAGS;
    const uint32_t unmasked = new_flags & ~(before >> 7);
    const uint32_t early = unmasked & 7; /* invalid, denormal, division by zero */
    const uint32_t kept = early ? new_flags & 7 : new_flags;
    x86_set_mxcsr(c, before | kept);
    if (unmasked) {
        x86_raise(c, c->cr4 & X86_CR4_OSXMMEXCPT ? X86_XM : X86_UD);
    }
    return 0;
}
X86_CALL(fp_end, IR_CALL_RAISES);

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
        const ir_val r = ir_fp1(c->b, op, t, y, aux, x86_fp(c));
        x86_fp_end(c);
        x86_put_vector(c, &i->op[0], r);
    }
}

void x86_fp1_scalar(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t,
                    unsigned aux)
{
    if (x86_sse_begin(c, i)) {
        const ir_val y = x86_scalar(c, i, &i->op[1], t);
        x86_fp_begin(c);
        const ir_val r = ir_fp1(c->b, op, t, y, aux, x86_fp(c));
        x86_fp_end(c);
        x86_put_low(c, &i->op[0], r);
    }
}
