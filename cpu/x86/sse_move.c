/* SPDX-License-Identifier: MIT */
/*
 * Moves of MMX, SSE and AVX. Intel SDM, volume 2: EMMS, LDDQU, LDMXCSR, MASKMOVDQU, MASKMOVQ,
 * MOVAPS and its like, MOVD, MOVDDUP, MOVHLPS, MOVHPS, MOVLPS, MOVMSKPS, MOVNTDQ, MOVQ, MOVQ2DQ,
 * MOVSHDUP, MOVSLDUP, MOVSS, PEXTRW, PINSRW, PMOVMSKB, STMXCSR.
 */
#include "cpu/x86/sse.h"

#include <stddef.h>

#include "cpu/x86/fpu.h"
#include "cpu/x86/x87.h"

/* ---- whole registers */

/* more: MO_ALIGN where 16 or 32 bytes in memory must be aligned. */
static void move(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *dst,
                 const struct x86_operand *src, memop more)
{
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val v = more ? x86_vector_aligned(c, i, src) : x86_vector_unaligned(c, i, src);
    if (dst->kind == X86_MEMORY) {
        x86_store_vector(c, i, dst, v, more);
        if (x86_is_mmx(src)) {
            x86_mmx_enter(c);
        }
    } else {
        x86_put_vector(c, dst, v);
    }
}

static void load_or_store(struct x86_block *c, const struct x86_instr *i, memop more)
{
    move(c, i, &i->op[0], &i->op[1], more);
}

X86_BOTH(load_or_store, movaps, MO_ALIGN)
X86_BOTH(load_or_store, movapd, MO_ALIGN)
X86_BOTH(load_or_store, movdqa, MO_ALIGN)
X86_BOTH(load_or_store, movups, 0)
X86_BOTH(load_or_store, movupd, 0)
X86_BOTH(load_or_store, movdqu, 0)
X86_BOTH(load_or_store, movntps, MO_ALIGN)
X86_BOTH(load_or_store, movntpd, MO_ALIGN)
X86_BOTH(load_or_store, movntdq, MO_ALIGN)
X86_BY(load_or_store, movntq, 0)
X86_BOTH(load_or_store, lddqu, 0)
X86_BOTH(load_or_store, movntdqa, MO_ALIGN)

/* ---- parts */

/* From memory the rest is cleared, from a register it stays. */
static void move_scalar(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    struct ir_builder *b = c->b;
    const struct x86_operand *dst = &i->op[0], *src = &i->op[1];
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val v = x86_scalar(c, i, src, t);
    if (dst->kind == X86_MEMORY) {
        x86_write_memory(c, i, dst, ir_type_bits(t) / 8, 0, v);
    } else if (src->kind == X86_MEMORY) {
        x86_put_vector(c, dst, ir_vzext(b, v));
    } else {
        x86_put_low(c, i, v);
    }
}
X86_BOTH(move_scalar, movss, T_F32)
X86_BOTH(move_scalar, movsd, T_F64)

/* VEX forms of registers have a third operand. */
static void merge_scalar(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        x86_put_low(c, i, x86_scalar(c, i, &i->op[2], t));
    }
}
X86_BY(merge_scalar, vmovss_merge, T_F32)
X86_BY(merge_scalar, vmovsd_merge, T_F64)

/* Half of a register from or to memory. */
static void move_half(struct x86_block *c, const struct x86_instr *i, unsigned half)
{
    struct ir_builder *b = c->b;
    const struct x86_operand *dst = &i->op[0];
    if (!x86_sse_begin(c, i)) {
        return;
    }
    if (dst->kind == X86_MEMORY) {
        x86_write_memory(c, i, dst, 8, 0, ir_vget(b, T_I64, x86_xmm(c, i->op[1].reg), half));
    } else {
        const ir_val v = x86_read_memory(c, i, x86_second(i), 8, T_F64, 0);
        x86_put_vector(c, dst, ir_vset(b, T_F64X2, x86_xmm(c, x86_first(i)->reg), half, v));
    }
}
X86_BOTH(move_half, movlps, 0)
X86_BOTH(move_half, movlpd, 0)
X86_BOTH(move_half, movhps, 1)
X86_BOTH(move_half, movhpd, 1)
X86_BY(move_half, vmovlps_store, 0)
X86_BY(move_half, vmovlpd_store, 0)
X86_BY(move_half, vmovhps_store, 1)
X86_BY(move_half, vmovhpd_store, 1)

/* A half of the first source and one of the second. */
static void move_halves(struct x86_block *c, const struct x86_instr *i, unsigned to)
{
    if (x86_sse_begin(c, i)) {
        const struct x86_half x = {x86_vector(c, i, x86_first(i)), !to};
        const struct x86_half y = {x86_vector(c, i, x86_second(i)), !to};
        x86_put_vector(c, &i->op[0], to ? x86_two_halves(c, x, y) : x86_two_halves(c, y, x));
    }
}
X86_BOTH(move_halves, movhlps, 0)
X86_BOTH(move_halves, movlhps, 1)

/* Each lane twice: the low half, even lanes, odd lanes. */
static void duplicate(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[1]);
        x86_put_vector(c, &i->op[0], x86_v2(c, op, x86_length(i, t), x, x));
    }
}

X86_BOTH(duplicate, movddup, IR_vzip1, T_I64X2)
X86_BOTH(duplicate, movsldup, IR_vtrn1, T_I32X4)
X86_BOTH(duplicate, movshdup, IR_vtrn2, T_I32X4)

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

static void move_general(struct x86_block *c, const struct x86_instr *i)
{
    const struct x86_operand *dst = &i->op[0];
    if (!x86_sse_begin(c, i)) {
        return;
    }
    if (dst->kind == X86_MEMORY || dst->file == X86_GPR) {
        to_general(c, i, dst, &i->op[1]);
    } else {
        x86_put_vector(c, dst, x86_vector(c, i, &i->op[1]));
    }
}

/* Between the low halves of registers, and memory; the upper half is cleared. */
static void move_low(struct x86_block *c, const struct x86_instr *i)
{
    const struct x86_operand *dst = &i->op[0], *src = &i->op[1];
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val v = x86_vector(c, i, src);
    if (dst->kind == X86_MEMORY) {
        x86_write_memory(c, i, dst, 8, 0, ir_vget(c->b, T_I64, v, 0));
        if (x86_is_mmx(src)) {
            x86_mmx_enter(c);
        }
    } else {
        x86_put_vector(c, dst, ir_vlow64(c->b, v));
    }
}

X86_IS(move_general, movd)
X86_IS(move_general, vmovd)
X86_IS(move_general, vmovd_from)
X86_IS(move_low, movq)
X86_IS(move_low, vmovq)

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
static void move_mask(struct x86_block *c, const struct x86_instr *i, unsigned log2_bytes)
{
    struct ir_builder *b = c->b;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &i->op[1]);
    ir_val mask = ir_v1(b, IR_vsigns, T_I32, x86_part(c, x, 0), log2_bytes);
    if (i->l) {
        const ir_val high = ir_v1(b, IR_vsigns, T_I32, x86_part(c, x, 1), log2_bytes);
        mask = ir_or(b, mask, ir_shl(b, high, ir_konst(b, T_I32, 16 >> log2_bytes)));
    }
    if (x86_is_mmx(&i->op[1])) {
        x86_mmx_enter(c); /* whose upper half is 0 */
    }
    x86_write_reg(c, i->op[0].reg, 4, mask);
}
X86_BOTH(move_mask, movmskps, 2)
X86_BOTH(move_mask, movmskpd, 3)
X86_BOTH(move_mask, pmovmskb, 0)

static unsigned word_of(const struct x86_operand *vector, const struct x86_operand *number)
{
    return (unsigned)number->value & (x86_is_mmx(vector) ? 3 : 7);
}

static void insert_word(struct x86_block *c, const struct x86_instr *i)
{
    const unsigned n = word_of(&i->op[0], &i->op[i->ops - 1]);
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, x86_first(i)), w = x86_read_as(c, i, x86_second(i), 2);
        x86_put_vector(c, &i->op[0], ir_vset(c->b, T_I16X8, x, n, w));
    }
}
X86_IS(insert_word, pinsrw)
X86_IS(insert_word, vpinsrw)

/* To a general register, or (SSE4.1) 16 bits to memory. */
static void extract_word(struct x86_block *c, const struct x86_instr *i)
{
    const struct x86_operand *dst = &i->op[0], *src = &i->op[1];
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val w = ir_vget(c->b, T_I16, x86_vector(c, i, src), word_of(src, &i->op[2]));
    if (x86_is_mmx(src)) {
        x86_mmx_enter(c);
    }
    if (dst->kind == X86_MEMORY) {
        x86_write_as(c, i, dst, 2, w);
    } else {
        x86_write_reg(c, dst->reg, 4, ir_zext(c->b, T_I32, w));
    }
}
X86_IS(extract_word, pextrw)
X86_IS(extract_word, vpextrw)

/* ---- bytes that a mask chooses, to DS:rDI (or another segment) */

static uint64_t do_masked_store(struct vcpu *v, uint64_t next, uint64_t at, uint64_t regs,
                                uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const bool mmx = aux & 8;
    const unsigned seg = aux & 7, bytes = mmx ? 8 : 16, a = regs & 15, b = regs >> 4 & 15;
    const uint8_t *from = mmx ? (const uint8_t *)&c->fpu.st[a].low : c->ymm[a].u8;
    const uint8_t *mask = mmx ? (const uint8_t *)&c->fpu.st[b].low : c->ymm[b].u8;
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

static void masked_store(struct x86_block *c, const struct x86_instr *i)
{
    const struct x86_operand *from = &i->op[0], *mask = &i->op[1];
    const unsigned seg = i->seg == X86_NONE ? X86_DS : i->seg;
    if (x86_sse_begin(c, i)) {
        const ir_val rdi = ir_get(c->b, X86_RDI);
        const ir_val at = i->as == 8 ? rdi : ir_ubfx(c->b, rdi, 0, 8 * i->as);
        const ir_val regs = ir_konst(c->b, T_I64, from->reg | (uint64_t)mask->reg << 4);
        x86_tail(c, &row_masked_store, at, regs, seg | (x86_is_mmx(from) ? 8u : 0u));
    }
}
X86_IS(masked_store, maskmovq)
X86_IS(masked_store, maskmovdqu)
X86_IS(masked_store, vmaskmovdqu)

/* ---- state */

/* All x87 registers are empty, TOP is 0. */
void x86_emms(struct x86_block *c, const struct x86_instr *i, const struct x86_emms *a)
{
    (void)i, (void)a;
    if (c->key & X86_KEY_EM) {
        x86_undefined(c);
    } else if (!x86_task_switched(c)) {
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

static uint64_t do_fp_flags(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    return tcg_fp_flags(v);
}
static const struct ir_call row_fp_flags = {.name = "x86_fp_flags",
                                            .fn = (void (*)(void))do_fp_flags,
                                            .class = IR_CALL_FULL,
                                            .fp_flags = true};

/* As x86_fp_flags() and x86_mxcsr() have it: flags are a bit further up, but IE and DE. */
static ir_val mxcsr(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const ir_val f = ir_trunc(b, T_I32,
                              ir_call(b, T_I64, &row_fp_flags, IR_NONE, IR_NONE, IR_NONE, 0));
    const ir_val invalid = ir_and(b, f, ir_konst(b, T_I32, 1));
    const ir_val denormal = ir_and(b, ir_shr(b, f, ir_konst(b, T_I32, 6)), ir_konst(b, T_I32, 2));
    const ir_val others = ir_and(b, ir_shl(b, f, ir_konst(b, T_I32, 1)), ir_konst(b, T_I32, 0x3c));
    const ir_val rest = ir_and(b, ir_env_load(b, T_I32, offsetof(struct x86_cpu, mxcsr)),
                               ir_konst(b, T_I32, ~X86_MXCSR_FLAGS));
    return ir_or(b, rest, ir_or(b, others, ir_or(b, denormal, invalid)));
}

static void load_mxcsr(struct x86_block *c, const struct x86_instr *i)
{
    if (x86_sse_begin(c, i)) {
        x86_tail(c, &row_ldmxcsr, ir_zext(c->b, T_I64, x86_read(c, i, &i->op[0])), IR_NONE, 0);
    }
}
X86_IS(load_mxcsr, ldmxcsr)
X86_IS(load_mxcsr, vldmxcsr)

static void store_mxcsr(struct x86_block *c, const struct x86_instr *i)
{
    if (x86_sse_begin(c, i)) {
        x86_write(c, i, &i->op[0], mxcsr(c));
    }
}
X86_IS(store_mxcsr, stmxcsr)
X86_IS(store_mxcsr, vstmxcsr)
