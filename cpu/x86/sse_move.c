/* SPDX-License-Identifier: MIT */
/*
 * Moves of MMX and SSE. Intel SDM, volume 2: EMMS, LDDQU, LDMXCSR, MASKMOVDQU, MASKMOVQ, MOVAPS and
 * its like, MOVD, MOVDDUP, MOVHLPS, MOVHPS, MOVLPS, MOVMSKPS, MOVNTDQ, MOVQ, MOVQ2DQ, MOVSHDUP,
 * MOVSLDUP, MOVSS, PEXTRW, PINSRW, PMOVMSKB, STMXCSR.
 */
#include "cpu/x86/sse.h"

#include <stddef.h>

#include "cpu/x86/fpu.h"
#include "cpu/x86/x87.h"

/* ---- whole registers */

/* more: MO_ALIGN where 16 bytes in memory must be aligned. */
static void move(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *dst,
                 const struct x86_operand *src, memop more)
{
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val v = more ? x86_vector(c, i, src) : x86_vector_unaligned(c, i, src);
    if (dst->kind == X86_MEMORY) {
        x86_store_vector(c, i, dst, v, more);
        if (x86_is_mmx(src)) {
            x86_mmx_enter(c);
        }
    } else {
        x86_put_vector(c, dst, v);
    }
}

#define MOVE(name, more)                                                                           \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        move(c, i, &a->dst, &a->src, more);                                                        \
    }
MOVE(movaps, MO_ALIGN)
MOVE(movapd, MO_ALIGN)
MOVE(movdqa, MO_ALIGN)
MOVE(movups, 0)
MOVE(movupd, 0)
MOVE(movdqu, 0)
MOVE(movntps, MO_ALIGN)
MOVE(movntpd, MO_ALIGN)
MOVE(movntdq, MO_ALIGN)
MOVE(movntq, 0)
MOVE(lddqu, 0)
#undef MOVE

/* ---- parts */

/* From memory the rest is cleared, from a register it stays. */
static void move_scalar(struct x86_block *c, const struct x86_instr *i,
                        const struct x86_operand *dst, const struct x86_operand *src, ir_type t)
{
    struct ir_builder *b = c->b;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val v = x86_scalar(c, i, src, t);
    if (dst->kind == X86_MEMORY) {
        x86_write_memory(c, i, dst, ir_type_bits(t) / 8, 0, v);
    } else if (src->kind == X86_MEMORY) {
        x86_put_vector(c, dst, ir_vzext(b, v));
    } else {
        x86_put_low(c, dst, v);
    }
}

void x86_movss(struct x86_block *c, const struct x86_instr *i, const struct x86_movss *a)
{
    move_scalar(c, i, &a->dst, &a->src, T_F32);
}

void x86_movsd(struct x86_block *c, const struct x86_instr *i, const struct x86_movsd *a)
{
    move_scalar(c, i, &a->dst, &a->src, T_F64);
}

/* Half of a register from or to memory. */
static void move_half(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *dst,
                      const struct x86_operand *src, unsigned half)
{
    struct ir_builder *b = c->b;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    if (dst->kind == X86_MEMORY) {
        x86_write_memory(c, i, dst, 8, 0, ir_vget(b, T_I64, x86_vector(c, i, src), half));
    } else {
        const ir_val v = x86_read_memory(c, i, src, 8, T_F64, 0);
        x86_put_vector(c, dst, ir_vset(b, T_F64X2, x86_vector(c, i, dst), half, v));
    }
}

#define HALF(name, half)                                                                           \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        move_half(c, i, &a->dst, &a->src, half);                                                   \
    }
HALF(movlps, 0)
HALF(movlpd, 0)
HALF(movhps, 1)
HALF(movhpd, 1)
#undef HALF

void x86_movhlps(struct x86_block *c, const struct x86_instr *i, const struct x86_movhlps *a)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &a->dst), y = x86_vector(c, i, &a->src);
        x86_put_vector(c, &a->dst, ir_vset(c->b, T_F64X2, x, 0, ir_vget(c->b, T_F64, y, 1)));
    }
}

void x86_movlhps(struct x86_block *c, const struct x86_instr *i, const struct x86_movlhps *a)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &a->dst);
        x86_put_vector(c, &a->dst, ir_vjoin(c->b, x, x86_vector(c, i, &a->src)));
    }
}

/* Each lane twice: the low half, even lanes, odd lanes. */
static void duplicate(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[1]);
        x86_put_vector(c, &i->op[0], x86_v2(c, op, t, x, x));
    }
}

X86_BY(duplicate, movddup, IR_vzip1, T_I64X2)
X86_BY(duplicate, movsldup, IR_vtrn1, T_I32X4)
X86_BY(duplicate, movshdup, IR_vtrn2, T_I32X4)

/* ---- general registers */

static void to_general(struct x86_block *c, const struct x86_instr *i,
                       const struct x86_operand *dst, const struct x86_operand *src)
{
    const ir_val v = ir_vget(c->b, x86_type_of(dst->bytes), x86_vector(c, i, src), 0);
    if (x86_is_mmx(src)) {
        if (dst->kind == X86_MEMORY) {
            x86_write(c, i, dst, v);
            x86_mmx_enter(c);
            return;
        }
        x86_mmx_enter(c);
    }
    x86_write(c, i, dst, v);
}

void x86_movd(struct x86_block *c, const struct x86_instr *i, const struct x86_movd *a)
{
    if (!x86_sse_begin(c, i)) {
        return;
    }
    if (a->dst.kind == X86_MEMORY || a->dst.file == X86_GPR) {
        to_general(c, i, &a->dst, &a->src);
    } else {
        x86_put_vector(c, &a->dst, x86_vector(c, i, &a->src));
    }
}

/* Between the low halves of registers, and memory; the upper half is cleared. */
void x86_movq(struct x86_block *c, const struct x86_instr *i, const struct x86_movq *a)
{
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val v = x86_vector(c, i, &a->src);
    if (a->dst.kind == X86_MEMORY) {
        x86_write_memory(c, i, &a->dst, 8, 0, ir_vget(c->b, T_I64, v, 0));
        if (x86_is_mmx(&a->src)) {
            x86_mmx_enter(c);
        }
    } else {
        x86_put_vector(c, &a->dst, ir_vlow64(c->b, v));
    }
}

void x86_movq2dq(struct x86_block *c, const struct x86_instr *i, const struct x86_movq2dq *a)
{
    if (x86_sse_begin(c, i)) {
        x86_put_vector(c, &a->dst, x86_vector(c, i, &a->src));
        x86_mmx_enter(c);
    }
}

void x86_movdq2q(struct x86_block *c, const struct x86_instr *i, const struct x86_movdq2q *a)
{
    if (x86_sse_begin(c, i)) {
        x86_put_vector(c, &a->dst, x86_vector(c, i, &a->src));
    }
}

/* The sign bits of the lanes, which have 1 << log2_bytes bytes, as a number. */
static void move_mask(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *dst,
                      const struct x86_operand *src, unsigned log2_bytes)
{
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val mask = ir_v1(c->b, IR_vsigns, T_I32, x86_vector(c, i, src), log2_bytes);
    if (x86_is_mmx(src)) {
        x86_mmx_enter(c); /* whose upper half is 0 */
    }
    x86_write_reg(c, dst->reg, 4, mask);
}

void x86_movmskps(struct x86_block *c, const struct x86_instr *i, const struct x86_movmskps *a)
{
    move_mask(c, i, &a->dst, &a->src, 2);
}

void x86_movmskpd(struct x86_block *c, const struct x86_instr *i, const struct x86_movmskpd *a)
{
    move_mask(c, i, &a->dst, &a->src, 3);
}

void x86_pmovmskb(struct x86_block *c, const struct x86_instr *i, const struct x86_pmovmskb *a)
{
    move_mask(c, i, &a->dst, &a->src, 0);
}

static unsigned word_of(const struct x86_operand *vector, const struct x86_operand *number)
{
    return (unsigned)number->value & (x86_is_mmx(vector) ? 3 : 7);
}

void x86_pinsrw(struct x86_block *c, const struct x86_instr *i, const struct x86_pinsrw *a)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &a->dst), w = x86_read_as(c, i, &a->src, 2);
        x86_put_vector(c, &a->dst, ir_vset(c->b, T_I16X8, x, word_of(&a->dst, &a->src2), w));
    }
}

/* To a general register, or (SSE4.1) 16 bits to memory. */
void x86_pextrw(struct x86_block *c, const struct x86_instr *i, const struct x86_pextrw *a)
{
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val v = x86_vector(c, i, &a->src);
    const ir_val w = ir_vget(c->b, T_I16, v, word_of(&a->src, &a->src2));
    if (x86_is_mmx(&a->src)) {
        x86_mmx_enter(c);
    }
    if (a->dst.kind == X86_MEMORY) {
        x86_write_as(c, i, &a->dst, 2, w);
    } else {
        x86_write_reg(c, a->dst.reg, 4, ir_zext(c->b, T_I32, w));
    }
}

/* ---- bytes that a mask chooses, to DS:rDI (or another segment) */

static uint64_t do_masked_store(struct vcpu *v, uint64_t next, uint64_t at, uint64_t regs,
                                uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const bool mmx = aux & 8;
    const unsigned seg = aux & 7, bytes = mmx ? 8 : 16, a = regs & 15, b = regs >> 4 & 15;
    const uint8_t *from = mmx ? (const uint8_t *)&c->fpu.st[a].low : c->xmm[a].u8;
    const uint8_t *mask = mmx ? (const uint8_t *)&c->fpu.st[b].low : c->xmm[b].u8;
    const memop m = MO_8 | MO_IDX(v->cls->mmu_index(v));
    const bool checked = !x86_is_long(c);
    if (checked && !x86_segment_check(c, seg, at, bytes, true)) {
        return next;
    }
    at += !checked && seg < X86_FS ? 0 : c->seg[seg].base;
    for (unsigned k = 0; k < bytes; k++) {
        const uint64_t place = checked ? (at + k) & 0xffffffff : at + k;
        if ((mask[k] & 0x80) && !vcpu_store(v, place, m, from[k])) {
            return next;
        }
    }
    if (mmx) {
        c->fpu.top = 0;
        c->fpu.used = 0xff;
    }
    return x86_go(c, next);
}
X86_CALL(masked_store, IR_CALL_FULL);

static void masked_store(struct x86_block *c, const struct x86_instr *i,
                         const struct x86_operand *from, const struct x86_operand *mask)
{
    const unsigned seg = i->seg == X86_NONE ? X86_DS : i->seg;
    if (x86_sse_begin(c, i)) {
        const ir_val rdi = ir_get(c->b, X86_RDI);
        const ir_val at = i->as == 8 ? rdi : ir_ubfx(c->b, rdi, 0, 8 * i->as);
        const ir_val regs = ir_konst(c->b, T_I64, from->reg | (uint64_t)mask->reg << 4);
        x86_tail(c, &row_masked_store, at, regs, seg | (x86_is_mmx(from) ? 8u : 0u));
    }
}

void x86_maskmovq(struct x86_block *c, const struct x86_instr *i, const struct x86_maskmovq *a)
{
    masked_store(c, i, &a->dst, &a->src);
}

void x86_maskmovdqu(struct x86_block *c, const struct x86_instr *i, const struct x86_maskmovdqu *a)
{
    masked_store(c, i, &a->dst, &a->src);
}

/* ---- state */

/* All x87 registers are empty, TOP is 0. */
void x86_emms(struct x86_block *c, const struct x86_instr *i, const struct x86_emms *a)
{
    (void)i, (void)a;
    if (c->key & X86_KEY_EM) {
        x86_undefined(c);
    } else if (c->key & X86_KEY_TS) {
        x86_raise_now(c, X86_NM);
    } else {
        x86_x87_check(c);
        ir_env_store(c->b, offsetof(struct x86_cpu, fpu.top), ir_konst(c->b, T_I16, 0));
    }
}

static uint64_t do_ldmxcsr(struct vcpu *v, uint64_t next, uint64_t value, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)z, (void)aux;
    if (value & ~(uint64_t)X86_MXCSR_ALL) {
        x86_raise_gp(c);
        return next;
    }
    x86_set_mxcsr(c, (uint32_t)value);
    return x86_go(c, next);
}
X86_CALL(ldmxcsr, IR_CALL_FULL);

static uint64_t do_stmxcsr(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    return x86_mxcsr(x86_cpu(v));
}
X86_CALL(stmxcsr, IR_CALL_FULL);

void x86_ldmxcsr(struct x86_block *c, const struct x86_instr *i, const struct x86_ldmxcsr *a)
{
    if (x86_sse_begin(c, i)) {
        x86_tail(c, &row_ldmxcsr, ir_zext(c->b, T_I64, x86_read(c, i, &a->src)), IR_NONE, 0);
    }
}

void x86_stmxcsr(struct x86_block *c, const struct x86_instr *i, const struct x86_stmxcsr *a)
{
    if (x86_sse_begin(c, i)) {
        const ir_val v = ir_call(c->b, T_I64, &row_stmxcsr, IR_NONE, IR_NONE, IR_NONE, 0);
        x86_write(c, i, &a->dst, ir_trunc(c->b, T_I32, v));
    }
}
